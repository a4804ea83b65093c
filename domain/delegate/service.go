package delegate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/store"
)

const (
	// renewBefore is how long before its expiry a delegate is replaced, at most.
	renewBefore = 10 * 24 * time.Hour
	// answered is how long a key that only signs is kept in a store that the CA's key has left: other servers hear of the
	// new one within it.
	answered = time.Minute
	// again is when a CA that issues nothing at the moment is looked at again.
	again = time.Hour
)

// Issuer generates keys of delegates and has CAs certify them: package enrollment.
type Issuer interface {
	// IssueDelegate makes a key and its certificate for a CA, seen with one of its keys. recorded is called in the
	// transaction that records the certificate.
	IssueDelegate(
		ctx context.Context,
		c *ca.CertificationAuthority,
		k *Kind,
		recorded func(ctx context.Context, key keystore.Key, made *certificate.Certificate) error,
	) error
}

// Service keeps delegates.
type Service struct {
	Store  *store.Store
	Audit  *audit.Log
	Jobs   *job.Queue
	Keys   keystore.Set
	CAs    *ca.Service
	Issuer Issuer
	Kinds  []*Kind
	Now    func() time.Time
}

// Current is the delegate that acts for a CA under one of its keys, nil when there is none.
func (s *Service) Current(ctx context.Context, caID string, generation int64, p Purpose) (*Delegate, error) {
	return s.one(ctx, "ca_id = ? AND key_generation = ? AND purpose = ? AND status = ?", caID, generation, p, Current)
}

func (s *Service) one(ctx context.Context, query string, arguments ...any) (*Delegate, error) {
	var found []*Delegate
	if err := s.Store.DB(ctx).Where(query, arguments...).Limit(1).Find(&found).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// Usable are the delegates of a purpose of a CA, of all its keys, that something may still be encrypted for, the newest first.
// The job that destroys a key may be late: one whose time is over is not among them.
func (s *Service) Usable(ctx context.Context, caID string, p Purpose) (list []*Delegate, err error) {
	err = s.Store.DB(ctx).
		Where("ca_id = ? AND purpose = ? AND status <> ? AND (keep_until IS NULL OR keep_until > ?)", caID, p, Ended, s.Now()).
		Order("key_generation DESC, status, not_after DESC, key_id").
		Find(&list).
		Error
	return list, err
}

// KeyStoresInUse are the names of the stores that have keys of delegates, of whatever partition.
func (s *Service) KeyStoresInUse(ctx context.Context) (names []string, err error) {
	err = s.Store.DB(ctx).Model(&Delegate{}).Distinct("key_store").Where("status <> ?", Ended).Pluck("key_store", &names).Error
	return names, err
}

// KeepsKey tells whether a key of a store is one of a delegate's.
func (s *Service) KeepsKey(ctx context.Context, store, keyID string) (bool, error) {
	found, err := s.one(ctx, "key_store = ? AND key_id = ? AND status <> ?", store, keyID, Ended)
	return found != nil, err
}

// Complete makes what a CA, seen with one of its keys, is to have and does not have.
func (s *Service) Complete(ctx context.Context, c *ca.CertificationAuthority) error {
	for _, k := range s.Kinds {
		if wanted, err := k.Wanted(ctx, c); err != nil || !wanted {
			if err != nil {
				return err
			}
			continue
		}
		present, err := s.Current(ctx, c.ID, c.KeyGeneration, k.Purpose)
		if err == nil && present == nil {
			err = s.issue(ctx, c, k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// issue makes a delegate that takes over from the one there is.
func (s *Service) issue(ctx context.Context, c *ca.CertificationAuthority, k *Kind) error {
	keyStore := c.KeyStore
	return s.Issuer.IssueDelegate(ctx, c, k, func(ctx context.Context, key keystore.Key, made *certificate.Certificate) error {
		before, err := s.Current(ctx, c.ID, c.KeyGeneration, k.Purpose)
		if err != nil {
			return err
		}
		new := &Delegate{
			KeyStore:      keyStore,
			KeyID:         key.ID(),
			CAID:          c.ID,
			KeyGeneration: c.KeyGeneration,
			Purpose:       k.Purpose,
			Status:        Current,
			Certificate:   made.DER,
			NotAfter:      made.NotAfter,
		}
		next := renewAt(made.NotBefore, made.NotAfter)
		if before != nil {
			until := s.Now().Add(k.keeps(before, keyStore))
			if err := s.Store.DB(ctx).Model(before).Updates(&Delegate{Status: Superseded, KeepUntil: &until}).Error; err != nil {
				return err
			}
			next = earlier(next, until)
		}
		if err := s.Store.DB(ctx).Create(new).Error; err != nil {
			return err
		}
		if k.Status { // answers signed by the one before are not served any more
			if err := s.CAs.BumpStatus(ctx, c.ID); err != nil {
				return err
			}
		}
		return s.Jobs.Enqueue(ctx, ca.DelegatesJob, c.KeyName(), next, nil)
	})
}

// keeps is how long the key of one that is superseded is kept.
func (k *Kind) keeps(before *Delegate, keyStore string) time.Duration {
	if before.KeyStore != keyStore && k.Use == keystore.Signing {
		return answered
	}
	return k.Kept
}

// renewAt is when a delegate is replaced.
func renewAt(notBefore, notAfter time.Time) time.Time {
	return notAfter.Add(-min(renewBefore, notAfter.Sub(notBefore)/3))
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// Keep is the job that sees to the delegates of a CA's key: it replaces them before they expire, or once the CA's key has
// left its key store, and destroys keys whose time is over.
func (s *Service) Keep(ctx context.Context, claim *job.Claim) error {
	id, generation := ca.SplitKeyName(claim.Key)
	c, err := s.CAs.Generation(ctx, id, generation)
	if err != nil {
		return err
	}
	now := s.Now()
	var next time.Time // of this job
	var failures []error
	stands, wanted := c.Stands(now), map[Purpose]*Kind{}
	for _, k := range s.Kinds {
		is, err := k.Wanted(ctx, c)
		if err != nil {
			return err
		}
		if !is || c.PurgedAt != nil {
			continue
		}
		if status := c.StatusAt(now); !stands {
			if status != ca.Expired && status != ca.Failed {
				next = earlier(next, now.Add(again)) // a restored CA takes up again
			}
			continue
		}
		wanted[k.Purpose] = k
		present, err := s.Current(ctx, c.ID, c.KeyGeneration, k.Purpose)
		if err != nil {
			return err
		}
		due, err := s.due(ctx, c, present)
		if err == nil && !now.Before(due) {
			err = s.issue(ctx, c, k) // which asks for this job when the next one is due
		}
		if err != nil {
			failures = append(failures, err)
		} else if now.Before(due) {
			next = earlier(next, due)
		}
	}
	var list []*Delegate
	if err := s.Store.DB(ctx).Find(
		&list, "ca_id = ? AND key_generation = ? AND status <> ?", c.ID, c.KeyGeneration, Ended,
	).Error; err != nil {
		return err
	}
	for _, d := range list {
		until := d.KeepUntil
		if d.Status == Current {
			if wanted[d.Purpose] != nil {
				continue
			}
			until = new(d.NotAfter.Add(s.kept(d.Purpose)))
		}
		if c.PurgedAt == nil && now.Before(*until) {
			next = earlier(next, *until)
		} else if err := s.end(ctx, c, d); err != nil {
			failures = append(failures, err)
		}
	}
	if !next.IsZero() {
		claim.Again(next)
	}
	return errors.Join(failures...)
}

// due is when the delegate is to be replaced.
func (s *Service) due(ctx context.Context, c *ca.CertificationAuthority, present *Delegate) (time.Time, error) {
	if present == nil || present.KeyStore != c.KeyStore {
		return time.Time{}, nil
	}
	if _, err := s.Keys.Open(ctx, present.KeyStore, present.KeyID); errors.Is(err, keystore.ErrNotFound) {
		return time.Time{}, nil // a database that was restored is older than the key store
	}
	d, err := issuance.Inspect(present.Certificate)
	if err != nil {
		return time.Time{}, err
	}
	return renewAt(d.NotBefore, d.NotAfter), nil
}

func (s *Service) kept(p Purpose) time.Duration {
	if n := slices.IndexFunc(s.Kinds, func(k *Kind) bool { return k.Purpose == p }); n >= 0 {
		return s.Kinds[n].Kept
	}
	return 0
}

// end destroys the key of a delegate. It cannot become current again, so nobody can come between.
func (s *Service) end(ctx context.Context, c *ca.CertificationAuthority, d *Delegate) error {
	found, err := s.Keys.ByName(d.KeyStore)
	if err != nil {
		return err
	}
	if err := found.Delete(ctx, d.KeyID); err != nil && !errors.Is(err, keystore.ErrNotFound) {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		ended := s.Store.DB(ctx).Model(d).Where("status <> ?", Ended).Updates(&Delegate{Status: Ended, EndedAt: new(s.Now())})
		if ended.Error != nil || ended.RowsAffected == 0 { // another server, whose lease was lost, has done it
			return ended.Error
		}
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: c.PartitionID,
				Action:      "delegate.destroy-key",
				ObjectKind:  "ca",
				ObjectID:    c.ID,
				ObjectName:  c.Identifier,
				Summary:     "destroyed a key that had acted for " + c.Identifier,
				Details:     audit.Details{"purpose": d.Purpose, "keyId": d.KeyID, "keyStore": d.KeyStore},
			},
		)
		return nil
	})
}
