package store_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// each runs a test on SQLite and on PostgreSQL, on an empty migrated database.
func each(t *testing.T, run func(t *testing.T, s *store.Store)) {
	open := func(t *testing.T, url string) {
		s, err := store.Open(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		for range 2 { // a second start finds nothing to do
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		run(t, s)
	}
	storetest.Each(t, open)
}

func partition(t *testing.T, s *store.Store, purchased int64) string {
	t.Helper()
	err := s.Tx(t.Context(), func(ctx context.Context) error {
		if err := s.DB(ctx).Create(
			&tenant.Subscription{
				ID: "s", Name: "s", Tier: tenant.Standard, PurchasedCertificates: purchased, PurchasedCAs: 1, CreatedAt: store.Now(),
			},
		).Error; err != nil {
			return err
		}
		return s.DB(ctx).Create(&tenant.Partition{ID: "sub1", SubscriptionID: "s", Name: "p", Region: "US", CreatedAt: store.Now()}).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	return "sub1"
}

func TestQuotaIsExactUnderConcurrency(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		p := partition(t, s, 37)
		q := tenant.Quota{Store: s}
		var mu sync.Mutex
		taken := 0
		var wg sync.WaitGroup
		for range 60 {
			wg.Go(func() {
				if s.Tx(context.Background(), func(ctx context.Context) error { return q.TakeCertificates(ctx, p, 1) }) == nil {
					mu.Lock()
					taken++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if taken != 37 {
			t.Errorf("%d were given out of 37", taken)
		}
	})
}

// There is no change without its audit event, and the chain reveals alterations.
func TestAuditBelongsToTheChange(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		p := partition(t, s, 10)
		guard, err := rbac.New()
		if err != nil {
			t.Fatal(err)
		}
		log := &audit.Log{Store: s, Guard: guard, Now: store.Now}
		system := rbac.WithActor(t.Context(), rbac.SystemActor())
		rename := func(name string, failure error) error {
			return s.Tx(system, func(ctx context.Context) error {
				log.Record(
					ctx,
					audit.Event{
						PartitionID: p, Action: "test.rename", ObjectKind: "partition", ObjectID: p, Summary: "renamed to " + name,
						Details: audit.Details{"name": name, "n": 1.5},
					},
				)
				if err := s.DB(ctx).Model(&tenant.Partition{}).Where("id = ?", p).Update("name", name).Error; err != nil {
					return err
				}
				return failure
			})
		}
		name := func() (n string) {
			if err := s.DB(t.Context()).Model(&tenant.Partition{}).Where("id = ?", p).Pluck("name", &n).Error; err != nil {
				t.Fatal(err)
			}
			return n
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := rename("changed", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := rename("never", errors.New("no")); err == nil || name() != "changed" {
			t.Errorf("a failed transaction left %q", name())
		}
		v, err := log.Verify(system, p)
		if err != nil || v.BrokenAt != 0 || v.Events != 20 {
			t.Errorf("%+v %v", v, err)
		}
		if err := s.DB(t.Context()).Exec("UPDATE audit_events SET summary = 'nothing happened' WHERE sequence = 7").Error; err != nil {
			t.Fatal(err)
		}
		if v, err = log.Verify(system, p); err != nil || v.BrokenAt != 7 {
			t.Errorf("an altered event: %+v %v", v, err)
		}
		if err := s.DB(t.Context()).Exec("DROP TABLE audit_events").Error; err != nil {
			t.Fatal(err)
		}
		if err := rename("unrecorded", nil); err == nil || name() != "changed" {
			t.Errorf("without an audit table the name became %q", name())
		}
	})
}

// TestSessionsThatTakeNoWritesAreDropped: after a failover, connections of the pool may lead to a read-only server. The
// first refusal drops them all.
func TestSessionsThatTakeNoWritesAreDropped(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		if !s.PostgreSQL() {
			return // it has no sessions
		}
		var open []*sql.Conn
		for range 5 {
			c, err := s.Pool().Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.ExecContext(t.Context(), "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"); err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
		}
		for _, c := range open {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Probe(t.Context()); store.Away(err) != "The database is read-only." {
			t.Errorf("the first write: %v", err)
		}
		for range 10 {
			if err := s.Probe(t.Context()); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		}
	})
}
