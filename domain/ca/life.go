package ca

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// Change locks the CA, lets fn alter it and writes it back with a new Version, in the transaction of ctx: whatever was
// signed on the strength of the old row is then not recorded.
func (s *Service) Change(ctx context.Context, id string, fn func(*CertificationAuthority) error) (*CertificationAuthority, error) {
	c := &CertificationAuthority{}
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(c, "id = ? AND purged_at IS NULL", id).Error; err != nil {
		return nil, err
	}
	if err := fn(c); err != nil {
		return nil, err
	}
	c.Version++
	return c, s.Store.DB(ctx).Select("*").Updates(c).Error
}

// Unsettle has all CAs of a partition looked at again by who signs with them, in the transaction of ctx: something that
// decides about issuing has changed.
func (s *Service) Unsettle(ctx context.Context, partitionID string) error {
	return s.Store.DB(ctx).Model(&CertificationAuthority{}).Where("partition_id = ? AND purged_at IS NULL", partitionID).Update(
		"version", gorm.Expr("version + 1"),
	).Error
}

// BumpStatus notes, in the transaction of ctx, that the status of a certificate of this CA changed.
func (s *Service) BumpStatus(ctx context.Context, id string) error {
	return s.Store.DB(ctx).Model(&CertificationAuthority{}).Where("id = ?", id).Update(
		"status_version", gorm.Expr("status_version + 1"),
	).Error
}

// change is Change for a caller with a permission, with its audit event.
func (s *Service) change(
	ctx context.Context, id string, p rbac.Permission, action string,
	fn func(context.Context, *CertificationAuthority, *audit.Event) error,
) (c *CertificationAuthority, err error) {
	event := audit.Event{Action: action, ObjectKind: "ca", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	defer s.Approvals.Submit(ctx, &err)
	found, err := s.find(ctx, s.Store.DB(ctx).Where("id = ?", id))
	if err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectName = found.PartitionID, found.Identifier
	if err := s.Guard.Require(ctx, p, found.PartitionID); err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		e := event
		c, err = s.Change(ctx, id, func(c *CertificationAuthority) error { return fn(ctx, c, &e) })
		if err != nil {
			return err
		}
		s.Audit.Record(ctx, e)
		return s.Approvals.Settle(ctx, id)
	})
	return c, err
}

// Delete ends a CA: nothing is issued any more, by it or by those below. For 24 hours it still counts, keeps its
// identifier and can be restored; its CRL and OCSP go on, so that what it issued can still be checked; they end with it.
func (s *Service) Delete(ctx context.Context, id, confirmIdentifier string) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CADelete, "ca.delete", func(ctx context.Context, c *CertificationAuthority, e *audit.Event) error {
		if c.DeletedAt != nil {
			return fault.New(fault.Conflict, "%s is already deleted", c.Identifier)
		}
		if confirmIdentifier != c.Identifier {
			return fault.New(fault.Invalid, "type the identifier %s to confirm", c.Identifier).At("confirmIdentifier")
		}
		if err := s.ask(
			ctx, c,
			approval.Ask{
				Operation: approval.CADelete, Verb: VerbDelete, Payload: Deleting{id, c.Identifier}, Summary: "delete " + called(c),
			},
		); err != nil {
			return err
		}
		now := s.Now()
		c.DeletedAt = &now
		e.Summary = "deleted certification authority " + c.Identifier
		return s.Jobs.Enqueue(ctx, PurgeJob, c.ID, now.Add(Tombstone), nil)
	})
}

// Restore undoes a deletion within its 24 hours.
func (s *Service) Restore(ctx context.Context, id string) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CADelete, "ca.restore", func(ctx context.Context, c *CertificationAuthority, e *audit.Event) error {
		if c.DeletedAt == nil {
			return fault.New(fault.Conflict, "%s is not deleted", c.Identifier)
		}
		if !s.Now().Before(*c.PurgeAt()) {
			return fault.New(fault.Conflict, "the 24 hours in which %s could be restored are over", c.Identifier)
		}
		c.DeletedAt = nil
		e.Summary = "restored certification authority " + c.Identifier
		return s.Jobs.Cancel(ctx, PurgeJob, c.ID)
	})
}

// Purge is the job that frees the identifier and the count of a CA deleted 24 hours ago.
func (s *Service) Purge(ctx context.Context, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		c, err := s.Change(ctx, claim.Key, func(c *CertificationAuthority) error {
			if c.DeletedAt == nil {
				return errNotDeleted
			}
			now := s.Now()
			c.PurgedAt = &now
			return nil
		})
		if err == errNotDeleted {
			return claim.Done(ctx)
		}
		if err != nil {
			return err
		}
		if err := s.Quota.ReleaseCA(ctx, c.PartitionID); err != nil {
			return err
		}
		views, err := s.Generations(ctx, c)
		if err != nil {
			return err
		}
		for _, v := range views { // nobody acts for it any more
			if err := s.Jobs.Enqueue(ctx, DelegatesJob, v.KeyName(), s.Now(), nil); err != nil {
				return err
			}
		}
		s.Audit.Record(
			ctx, audit.Event{PartitionID: c.PartitionID, Action: "ca.purge", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
				Summary: "freed the identifier " + c.Identifier + " 24 hours after the deletion"})
		return claim.Done(ctx)
	})
}

var errNotDeleted = fault.New(fault.Conflict, "not deleted")

// SelectProfiles adds subscriber profiles to those that the CA issues under.
func (s *Service) SelectProfiles(ctx context.Context, id string, profileIDs []string) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CASelectProfiles, "ca.select-profiles", func(
		ctx context.Context, c *CertificationAuthority, e *audit.Event,
	) error {
		if err := s.alive(c); err != nil {
			return err
		}
		e.Summary = "selected profiles for " + c.Identifier
		e.Details = audit.Details{"profiles": profileIDs}
		return s.selectRows(ctx, c, profileIDs)
	})
}

// UnselectProfiles takes profiles from the CA; certificates already issued stay as they are.
func (s *Service) UnselectProfiles(ctx context.Context, id string, profileIDs []string) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CASelectProfiles, "ca.unselect-profiles", func(
		ctx context.Context, c *CertificationAuthority, e *audit.Event,
	) error {
		if err := s.alive(c); err != nil {
			return err
		}
		e.Summary = "unselected profiles of " + c.Identifier
		e.Details = audit.Details{"profiles": profileIDs}
		return s.Store.DB(ctx).Delete(&selectedProfile{}, "ca_id = ? AND profile_id IN ?", c.ID, profileIDs).Error
	})
}

func (s *Service) alive(c *CertificationAuthority) error {
	if status := c.StatusAt(s.Now()); status == Deleted || status == Failed || c.Type == ExternalRoot {
		return fault.New(fault.Conflict, "%s is %s", c.Identifier, text.Lower(status))
	}
	return nil
}

// ErrDisabled is the cause of the refusal of a CA that issues again once it is enabled: a client that waits succeeds.
var ErrDisabled = errors.New("the certification authority is disabled")

// Usable tells, with the reason, whether the CA can sign certificates at the given instant.
func (c *CertificationAuthority) Usable(now time.Time) error {
	switch status := c.StatusAt(now); status {
	case Active:
	case Disabled:
		return fault.New(fault.Conflict, "%s cannot issue certificates: it is disabled", c.Identifier).At("caId").
			Do("Choose an active certification authority, or have this one enabled.").Because(ErrDisabled)
	default:
		return fault.New(fault.Conflict, "%s cannot issue certificates: it is %s", c.Identifier, text.Lower(status)).At("caId").Do(
			"Choose an active certification authority.",
		)
	}
	if c.Type == ExternalRoot {
		return fault.New(
			fault.PolicyRefused, "%s is an external root: its key is elsewhere, so nothing can be issued by it here", c.Identifier,
		).At("caId").Do(
			"Choose a certification authority below it.",
		)
	}
	return nil
}

// Stands tells whether what the CA certified can be relied on: disabling it does not change that.
func (c *CertificationAuthority) Stands(now time.Time) bool {
	status := c.StatusAt(now)
	return status == Active || status == Disabled
}
