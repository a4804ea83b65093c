package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/notify"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// alarms is a partition with a webhook and a recipient, and what they were told.
type alarms struct {
	*approvals
	mu    sync.Mutex
	calls []alarmCall
}

type alarmCall struct {
	Event   string
	Count   int
	Objects []struct{ ID, Name, Summary, Actor string }
}

func newAlarms(t *testing.T, database string) *alarms {
	t.Helper()
	s := &alarms{approvals: newApprovalsOn(t, database, rule(approval.CADelete, 1))}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var c alarmCall
		if json.Unmarshal(body, &c) == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.calls = append(s.calls, c)
		}
	}))
	t.Cleanup(receiver.Close)
	var err error
	if s.notify.Poster, err = newPoster([]string{"127.0.0.0/8"}); err != nil {
		t.Fatal(err)
	}
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	if _, _, err := s.notify.CreateWebhook(ctx, s.m.Partition.ID, "inside", receiver.URL); err != nil {
		t.Fatal(err)
	}
	if _, err := s.notify.Update(ctx, s.m.Partition.ID, []int{}, []string{"pki@example.com"}, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *alarms) named(identifier string) *ca.CertificationAuthority {
	s.Helper()
	c, err := s.cas.ByIdentifier(s.alice, s.m.Partition.ID, identifier)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// run has the job look, six minutes after the last time.
func (s *alarms) run() {
	s.Helper()
	ahead.Add(int64(6 * time.Minute))
	eventually(s.T, "the run", func() error {
		var due int64
		if err := s.store.DB(s.alice).Raw(
			"SELECT count(*) FROM jobs WHERE kind IN ? AND run_at <= ?", []string{notify.AlarmJob, notify.DeliverJob}, s.now(),
		).Scan(&due).Error; err != nil ||
			due > 0 {
			return fmt.Errorf("%d are due: %v", due, err)
		}
		return nil
	})
}

// told are the calls of an event, and the mails whose subject has the words.
func (s *alarms) told(event, words string) (list []alarmCall, mails int) {
	s.Helper()
	s.mu.Lock()
	for _, c := range s.calls {
		if c.Event == event {
			list = append(list, c)
		}
	}
	s.mu.Unlock()
	return list, s.mails("pki@example.com", words)
}

// TestAlarms: refusals around keys, held CRLs, key stores that are away and approvals that wait are told of once, by mail and
// webhook.
func TestAlarms(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testAlarms(t, "") })
	t.Run("postgres", func(t *testing.T) { testAlarms(t, storetest.Postgres(t)) })
}

func testAlarms(t *testing.T, database string) {
	s := newAlarms(t, database)
	p := s.m.Partition.ID
	s.run()
	if len(s.calls) > 0 {
		t.Fatalf("told of what was before anybody was to be told: %+v", s.calls)
	}

	// A Certificate Administrator tries what is none of his business, with CAs and their keys.
	forbidden := 0
	for _, try := range []func() error{
		func() error {
			_, err := s.cas.Create(
				s.carol,
				ca.Request{
					PartitionID: p, Type: ca.Root, Identifier: "mallory", FriendlyName: "M", SigningAlgorithm: "ECDSAP256+SHA256",
					Subject: "CN=M",
				},
			)
			return err
		},
		func() error { _, err := s.cas.ImportRoot(s.carol, p, "mallory", "M", []byte("x")); return err },
		func() error { _, err := s.cas.MoveKey(s.carol, s.issuing.ID, "elsewhere"); return err },
		func() error { _, err := s.cas.Renew(s.carol, s.issuing.ID, ca.NewKey, nil); return err },
		func() error { _, err := s.cas.Delete(s.carol, s.issuing.ID, "issuing-1"); return err },
		func() error { _, err := s.cas.Disable(s.carol, s.issuing.ID); return err },
	} {
		if err := try(); !fault.Is(err, fault.Forbidden) {
			t.Fatalf("%v", err)
		}
		forbidden++
	}
	s.run()
	calls, mails := s.told("alarm.key-refused", "CAs or their keys")
	if len(calls) != 1 || mails != 1 || calls[0].Count != forbidden ||
		!slices.ContainsFunc(calls[0].Objects, func(o struct{ ID, Name, Summary, Actor string }) bool {
			return o.Actor == "carol@example.com" && strings.HasPrefix(o.Summary, "ca.move-key: ")
		}) {
		t.Errorf("refusals: %+v, %d mails", calls, mails)
	}

	// Others must approve.
	_, err := s.cas.Delete(s.alice, s.issuing.ID, "issuing-1")
	waiting := s.needed(err)
	_, err = s.cas.Delete(s.alice, s.named("issuing-rsa").ID, "issuing-rsa")
	if _, err := s.App.approvals.Withdraw(s.alice, s.needed(err)); err != nil {
		t.Fatal(err)
	}
	s.run()
	calls, mails = s.told("alarm.approval-waiting", "wait for approval")
	if len(calls) != 1 || mails != 1 || calls[0].Count != 1 || calls[0].Objects[0].ID != waiting {
		t.Errorf("approvals: %+v, %d mails", calls, mails)
	}

	// A CRL is held back.
	if err := s.store.DB(s.alice).Exec(
		"UPDATE crl_lists SET sha256 = ? WHERE ca_id = ?", []byte("altered"), s.issuing.ID,
	).Error; err != nil {
		t.Fatal(err)
	}
	if _, err := s.status.PublishNow(s.alice, s.issuing.ID); err == nil {
		t.Fatal("an altered list was accepted as the one before")
	}
	s.run()
	calls, mails = s.told("alarm.crl-held", "CRLs need attention")
	if len(calls) != 1 || mails != 1 || calls[0].Objects[0].Name != "issuing-1" ||
		!strings.Contains(calls[0].Objects[0].Summary, "held back a CRL of issuing-1") {
		t.Errorf("held CRLs: %+v, %d mails", calls, mails)
	}

	// A key store is gone, and comes back.
	for n, name := range []string{"unplugged", s.keys.Default().Name} {
		if err := s.store.DB(s.alice).Exec(
			"UPDATE certification_authorities SET key_store = ? WHERE id = ?", name, s.named("root-pq").ID,
		).Error; err != nil {
			t.Fatal(err)
		}
		s.run()
		s.run() // says nothing more
		calls, mails = s.told("alarm.key-store-away", "key stores changed state")
		if len(calls) != n+1 || mails != n+1 || calls[n].Objects[0].Name != "unplugged" ||
			!strings.Contains(calls[n].Objects[0].Summary, []string{"is unavailable", "is available again"}[n]) {
			t.Errorf("key stores %d: %+v, %d mails", n, calls, mails)
		}
	}

	// What nobody wants to be told of, nobody is told of, and not later either.
	set, err := s.notify.Update(s.alice, p, []int{}, []string{"pki@example.com"}, []notify.Alarm{notify.KeyStoreAway})
	if err != nil || !slices.Equal(set.Alarms, []notify.Alarm{notify.KeyStoreAway}) {
		t.Fatalf("%+v, %v", set, err)
	}
	if _, err := s.cas.Disable(s.carol, s.issuing.ID); !fault.Is(err, fault.Forbidden) {
		t.Fatal(err)
	}
	s.run()
	got := s.ask(
		t,
		rbac.ActorFrom(s.alice),
		`mutation($p: ID!) { updateNotificationSettings(input: {partitionId: $p, days: [], recipients: ["pki@example.com"], alarms:
			[CRL_HELD, KEY_REFUSED]}) { settings { alarms } } }`,
		map[string]any{"p": p},
	)
	if fmt.Sprint(got.Data) != "map[updateNotificationSettings:map[settings:map[alarms:[KEY_REFUSED CRL_HELD]]]]" {
		t.Fatalf("%v %v", got.Data, got.Errors)
	}
	s.run()
	if calls, mails = s.told("alarm.key-refused", "CAs or their keys"); len(calls) != 1 || mails != 1 {
		t.Errorf("refusals that nobody wanted to hear of: %+v, %d mails", calls, mails)
	}

	// The index is used: the log may be long.
	if !s.store.PostgreSQL() { // which reads a table this small as a whole
		var plan []struct{ Detail string }
		if err := s.store.DB(s.alice).Raw(
			"EXPLAIN QUERY PLAN SELECT * FROM audit_events WHERE partition_id = ? AND sequence > ? AND (object_kind = 'ca' AND result "+
				"<> 'SUCCESS' OR action = 'approval.request') ORDER BY sequence LIMIT 5",
			p, 0,
		).Scan(&plan).Error; err != nil ||
			!strings.Contains(fmt.Sprint(plan), "audit_events_alarms") {
			t.Errorf("%v, %v", plan, err)
		}
	}

	// A flood comes in one message for each five minutes.
	for range 150 {
		if _, err := s.cas.Disable(s.carol, s.issuing.ID); !fault.Is(err, fault.Forbidden) {
			t.Fatal(err)
		}
	}
	s.run()
	calls, mails = s.told("alarm.key-refused", "CAs or their keys")
	if len(calls) != 2 || mails != 2 || calls[1].Count != 150 || len(calls[1].Objects) != 100 {
		t.Errorf("150 refusals: %d calls, %d mails", len(calls), mails)
	}
	if _, err := s.cas.Disable(s.carol, s.issuing.ID); !fault.Is(err, fault.Forbidden) {
		t.Fatal(err)
	}
	ahead.Add(int64(2 * time.Minute))
	eventually(t, "a look after two minutes", func() error {
		var due int64
		if err := s.store.DB(s.alice).Raw(
			"SELECT count(*) FROM jobs WHERE kind = ? AND run_at <= ?", notify.AlarmJob, s.now(),
		).Scan(&due).Error; err != nil ||
			due > 0 {
			return fmt.Errorf("%d are due: %v", due, err)
		}
		return nil
	})
	if again, _ := s.told("alarm.key-refused", ""); len(again) != 2 {
		t.Errorf("told again after two minutes: %+v", again)
	}
	s.run()
	if again, _ := s.told("alarm.key-refused", ""); len(again) != 3 || again[2].Count != 1 {
		t.Errorf("what waited: %+v", again)
	}
}
