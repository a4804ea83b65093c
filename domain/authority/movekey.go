package authority

import (
	"context"
	"errors"
	"strings"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/pki/keystore"
)

// MoveKey is the job that brings a CA's key into another store. The copy is made and tried before the CA is told of it,
// and the old one destroyed after that; a server that takes over repeats the step that was not finished.
func (s *Service) MoveKey(ctx context.Context, claim *job.Claim) error {
	var argument ca.MoveKey
	if err := claim.Arguments(&argument); err != nil {
		return err
	}
	c := &ca.CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(c, "id = ?", claim.Key).Error; err != nil {
		return err
	}
	from, err := s.Keys.ByName(c.KeyStore)
	if err != nil {
		return err
	}
	to, err := s.Keys.ByName(argument.Store)
	if err != nil {
		return err
	}
	if from == to {
		return nil
	}
	key, err := keystore.Copy(ctx, from.Store, to.Store, c.KeyID)
	if err != nil {
		return enrollment.KeyUnavailable(err)
	}
	old := c.KeyID
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.CAs.Change(ctx, c.ID, func(c *ca.CertificationAuthority) error {
			if c.KeyID != old { // renewed meanwhile: the next attempt moves the new key
				return enrollment.ErrStale
			}
			c.KeyStore, c.KeyID = to.Name, key.ID()
			return nil
		}); err != nil {
			return err
		}
		// Nothing of an earlier move may destroy what is now in use.
		if err := s.Jobs.Cancel(ctx, ca.DestroyKeyJob, to.Name+"/"+key.ID()); err != nil {
			return err
		}
		s.Audit.Record(
			ctx,
			audit.Event{PartitionID: c.PartitionID, Action: "ca.key-moved", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
				Summary: "moved the key of " + c.Identifier + " from " + from.Name + " to " + to.Name,
				Details: audit.Details{
					"from": from.Name, "to": to.Name, "keyId": key.ID(), "publicKeySha256": enrollment.Fingerprint(key.PublicKey()),
				}})
		if err := s.Jobs.Enqueue(ctx, ca.DestroyKeyJob, from.Name+"/"+c.KeyID, s.Now(), nil); err != nil {
			return err
		}
		// Its delegates follow with new keys, since they act in the CA's name.
		if err := s.Jobs.Enqueue(ctx, ca.DelegatesJob, c.KeyName(), s.Now(), nil); err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}

// DestroyKey is the job that destroys what a moved key left behind.
func (s *Service) DestroyKey(ctx context.Context, claim *job.Claim) error {
	name, id, _ := strings.Cut(claim.Key, "/")
	store, err := s.Keys.ByName(name)
	if err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		// It may have been moved back meanwhile.
		var users []*ca.CertificationAuthority
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Select("id").Find(&users, "key_id = ? AND key_store = ?", id, name).Error; err != nil {
			return err
		}
		kept, err := s.CAs.KeepsKey(ctx, name, id)
		if err == nil && !kept {
			kept, err = s.Delegates.KeepsKey(ctx, name, id)
		}
		if err != nil {
			return err
		}
		if len(users) == 0 && !kept {
			if err := store.Delete(ctx, id); err != nil && !errors.Is(err, keystore.ErrNotFound) {
				return err
			}
		}
		return claim.Done(ctx)
	})
}
