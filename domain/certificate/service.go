package certificate

import (
	"bytes"
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Jobs that follow from the status of certificates.
const (
	PublishCRLJob = "crl.publish"         // key: CA id; done by package status
	ReleaseJob    = "certificate.release" // key: certificate id: the end of a suspension
	ExpireJob     = "certificate.expire"  // key: "all": expired certificates cease to count
)

// Quota gives purchased certificates back, in the transaction of the change.
type Quota interface {
	ReleaseCertificates(ctx context.Context, partitionID string, n int64) error
}

// Service is what can be done with certificates once they are issued.
type Service struct {
	Store *store.Store
	Guard *rbac.Guard
	Audit *audit.Log
	Jobs  *job.Queue
	CAs   *ca.Service
	Quota Quota
	Now   func() time.Time
	// Approvals are asked by RevokeSerials.
	Approvals *approval.Service
}

// Revoke ends a certificate for good. CRL and OCSP follow. Revoking the certificate of a CA needs the right to delete
// that CA too, and ends all issuance below it.
func (s *Service) Revoke(ctx context.Context, id string, reason Reason, invalidity *time.Time) (*Certificate, error) {
	return s.revoke(ctx, id, reason, invalidity, "")
}

func (s *Service) revoke(ctx context.Context, id string, reason Reason, invalidity *time.Time, comment string) (*Certificate, error) {
	return s.change(ctx, id, "certificate.revoke", func(ctx context.Context, c *Certificate, e *audit.Event) error {
		if _, ok := ReasonNames[reason]; !ok {
			return fault.New(fault.Invalid, "unknown revocation reason").At("reason")
		}
		now := s.Now()
		if c.Status == Revoked {
			return fault.New(fault.Conflict, "certificate %s is already revoked", c.SerialNumber)
		}
		if invalidity != nil && (invalidity.After(now) || invalidity.Before(c.NotBefore)) {
			return fault.New(
				fault.Invalid, "the invalidity date lies between the beginning of the certificate and now",
			).At("invalidityDate")
		}
		if c.Kind == CA {
			if err := s.revokeCA(ctx, c, now); err != nil {
				return err
			}
		}
		e.Summary = "revoked certificate " + c.SerialNumber + " of " + c.Subject
		e.Details = audit.Details{"before": c.Status, "after": Revoked, "reason": ReasonNames[reason], "invalidityDate": invalidity}
		c.say(comment, e)
		c.Status, c.RevokedAt, c.RevocationReason, c.InvalidityDate, c.SuspendedUntil = Revoked, &now, reason, invalidity, nil
		if c.Counted {
			c.Counted = false
			if err := s.Quota.ReleaseCertificates(ctx, c.PartitionID, 1); err != nil {
				return err
			}
		}
		return s.Jobs.Cancel(ctx, ReleaseJob, c.ID)
	})
}

func (s *Service) revokeCA(ctx context.Context, c *Certificate, now time.Time) error {
	if err := s.Guard.RequireOn(ctx, rbac.CADelete, c.on()); err != nil {
		return err
	}
	d, err := issuance.Inspect(c.DER)
	if err != nil {
		return err
	}
	if bytes.Equal(d.Issuer, d.Subject) && (d.AuthorityKeyID == "" || d.AuthorityKeyID == d.SubjectKeyID) {
		return fault.New(fault.PolicyRefused, "a root cannot revoke itself: nobody could believe it").Do(
			"Delete the certification authority and remove it from the trust stores.",
		)
	}
	return s.markRevoked(ctx, c, now)
}

// markRevoked ends the CA that a certificate is of, unless it is gone or has another certificate by now.
func (s *Service) markRevoked(ctx context.Context, c *Certificate, now time.Time) error {
	var revoked ca.CertificationAuthority
	err := s.Store.DB(ctx).Take(
		&revoked, "partition_id = ? AND serial_number = ? AND parent_id = ? AND purged_at IS NULL", c.PartitionID, c.SerialNumber, c.CAID,
	).Error
	if store.IsNotFound(err) {
		return nil // its CA is gone, or has another certificate by now
	}
	if err != nil {
		return err
	}
	_, err = s.CAs.Change(ctx, revoked.ID, func(c *ca.CertificationAuthority) error {
		c.Status, c.RevokedAt = ca.Revoked, &now
		return nil
	})
	return err
}

// Suspend puts a certificate on hold (certificateHold), until the given instant or until Unsuspend.
func (s *Service) Suspend(ctx context.Context, id string, until *time.Time) (*Certificate, error) {
	return s.suspend(ctx, id, until, "")
}

func (s *Service) suspend(ctx context.Context, id string, until *time.Time, comment string) (*Certificate, error) {
	return s.change(ctx, id, "certificate.suspend", func(ctx context.Context, c *Certificate, e *audit.Event) error {
		now := s.Now()
		if c.Status != Issued {
			return fault.New(fault.Conflict, "certificate %s is already %s", c.SerialNumber, text.Lower(c.Status))
		}
		if c.Kind != Subscriber {
			return fault.New(fault.PolicyRefused, "only certificates of subscribers can be suspended").Do("Revoke it instead.")
		}
		if !now.Before(c.NotAfter) {
			return fault.New(fault.Conflict, "certificate %s has expired", c.SerialNumber)
		}
		if until != nil {
			at := until.UTC().Truncate(time.Microsecond)
			if !at.After(now) {
				return fault.New(fault.Invalid, "the end of the suspension must lie ahead").At("until")
			}
			until = &at
			if err := s.Jobs.Enqueue(ctx, ReleaseJob, c.ID, at, nil); err != nil {
				return err
			}
		}
		e.Summary = "suspended certificate " + c.SerialNumber + " of " + c.Subject
		e.Details = audit.Details{"before": c.Status, "after": Suspended, "until": until}
		c.say(comment, e)
		c.Status, c.RevokedAt, c.RevocationReason, c.SuspendedUntil = Suspended, &now, CertificateHold, until
		return nil
	})
}

// Unsuspend ends a suspension: the certificate is good again.
func (s *Service) Unsuspend(ctx context.Context, id string) (*Certificate, error) {
	return s.release(ctx, id, "")
}

func (s *Service) release(ctx context.Context, id, comment string) (*Certificate, error) {
	return s.change(ctx, id, "certificate.unsuspend", func(ctx context.Context, c *Certificate, e *audit.Event) error {
		if c.Status != Suspended {
			return fault.New(fault.Conflict, "certificate %s is not suspended", c.SerialNumber)
		}
		e.Summary = "ended the suspension of certificate " + c.SerialNumber + " of " + c.Subject
		e.Details = audit.Details{"before": c.Status, "after": Issued}
		c.unsuspend(s.Now())
		c.say(comment, e)
		return s.Jobs.Cancel(ctx, ReleaseJob, c.ID)
	})
}

func (c *Certificate) unsuspend(now time.Time) {
	c.Status, c.RevokedAt, c.RevocationReason, c.SuspendedUntil, c.ReleasedAt, c.StatusComment = Issued, nil, Unspecified, nil, &now, ""
}

// say keeps what somebody wrote about a change of status.
func (c *Certificate) say(comment string, e *audit.Event) {
	if c.StatusComment = comment; comment != "" {
		e.Details["comment"] = comment
	}
}

// change is the way of every change of status: find, permit, lock, change, record, have the CRL published.
func (s *Service) change(
	ctx context.Context, id, action string, fn func(context.Context, *Certificate, *audit.Event) error,
) (c *Certificate, err error) {
	event := audit.Event{Action: action, ObjectKind: "certificate", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	found, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectName = found.PartitionID, found.SerialNumber
	if err := s.Guard.RequireOn(ctx, rbac.CertificateChangeStatus, found.on()); err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		e := event
		// Rows are locked in the order CA, end entity, partition, audit chain everywhere, so that nobody waits in a circle.
		if err := s.CAs.BumpStatus(ctx, found.CAID); err != nil {
			return err
		}
		c, err = s.locked(ctx, id)
		if err != nil {
			return err
		}
		if err := fn(ctx, c, &e); err != nil {
			return err
		}
		e.CAID = c.CAID
		s.Audit.Record(ctx, e)
		return s.save(ctx, c)
	})
	return c, err
}

func (s *Service) locked(ctx context.Context, id string) (*Certificate, error) {
	c := &Certificate{}
	return c, s.Store.ForUpdate(s.Store.DB(ctx)).Take(c, "id = ?", id).Error
}

func (s *Service) save(ctx context.Context, c *Certificate) error {
	if err := s.Store.DB(ctx).Model(c).Updates(
		map[string]any{
			"status": c.Status, "revoked_at": c.RevokedAt, "revocation_reason": c.RevocationReason, "invalidity_date": c.InvalidityDate,
			"status_comment": c.StatusComment, "suspended_until": c.SuspendedUntil, "released_at": c.ReleasedAt, "counted": c.Counted,
			"status_version": changed()}).Error; err != nil {
		return err
	}
	return s.Jobs.Enqueue(ctx, PublishCRLJob, c.CAID, s.Now(), nil)
}

// changed is the status version of the CA, after BumpStatus in the same transaction: by it CRLs and OCSP find what changed.
func changed() clause.Expr {
	return gorm.Expr("(SELECT a.status_version FROM certification_authorities a WHERE a.id = certificates.ca_id)")
}

// Release is the job that ends a suspension whose time has come.
func (s *Service) Release(ctx context.Context, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		c, err := s.locked(ctx, claim.Key)
		if err != nil {
			return err
		}
		if c.Status == Suspended && c.SuspendedUntil != nil && !s.Now().Before(*c.SuspendedUntil) {
			s.Audit.Record(
				ctx,
				audit.Event{
					PartitionID: c.PartitionID, Action: "certificate.unsuspend", ObjectKind: "certificate", ObjectID: c.ID,
					ObjectName: c.SerialNumber, CAID: c.CAID,
					Summary: "the suspension of certificate " + c.SerialNumber + " of " + c.Subject +
						" ended as set", Details: audit.Details{
						"before": c.Status, "after": Issued,
					}})
			c.unsuspend(s.Now())
			if err := s.CAs.BumpStatus(ctx, c.CAID); err != nil {
				return err
			}
			if err := s.save(ctx, c); err != nil {
				return err
			}
		}
		return claim.Done(ctx)
	})
}

// Expire is the job that takes expired certificates off the count of purchased ones.
func (s *Service) Expire(ctx context.Context, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		var rows []struct {
			PartitionID string
			Expired     int64
		}
		// By their order: the statistics of PostgreSQL take half of the table for what has expired and is counted.
		due := "id IN (SELECT id FROM certificates WHERE counted AND not_after < ? ORDER BY not_after LIMIT 50000)"
		expired := s.Store.DB(ctx).Model(&Certificate{}).Where(due, now)
		if err := expired.Select(
			"partition_id, count(*) AS expired",
		).Group("partition_id").Order("partition_id").Scan(&rows).Error; err != nil {
			return err
		}
		for _, r := range rows {
			taken := s.Store.DB(ctx).Model(&Certificate{}).Where(
				"partition_id = ? AND counted AND "+due, r.PartitionID, now,
			).Update("counted", false)
			if taken.Error != nil {
				return taken.Error
			}
			if err := s.Quota.ReleaseCertificates(ctx, r.PartitionID, taken.RowsAffected); err != nil {
				return err
			}
		}
		claim.Again(now.Add(time.Minute))
		return claim.Done(ctx)
	})
}
