package certificate

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
)

// Adopted is a revocation that a CRL of the CA tells.
type Adopted struct {
	SerialNumber   string
	RevokedAt      time.Time
	Reason         Reason
	InvalidityDate *time.Time
}

// behind tells whether the database knows less of a certificate than the CRL says.
func (a *Adopted) behind(c *Certificate) bool {
	return c.Status == Issued || c.Status == Suspended && a.Reason != CertificateHold
}

// Behind returns those of the revocations that the database does not know, and among them those whose certificate it
// does not know either.
func (s *Service) Behind(ctx context.Context, caID string, list []Adopted) (behind, missing []Adopted, err error) {
	serials := make([]string, len(list))
	for n, a := range list {
		serials[n] = a.SerialNumber
	}
	var rows []*Certificate
	if err := s.Store.DB(ctx).Select("serial_number", "status").Where(
		"ca_id = ? AND serial_number IN ?", caID, serials,
	).Find(&rows).Error; err != nil {
		return nil, nil, err
	}
	found := map[string]*Certificate{}
	for _, c := range rows {
		found[c.SerialNumber] = c
	}
	for _, a := range list {
		switch c := found[a.SerialNumber]; {
		case c == nil:
			missing = append(missing, a)
		case a.behind(c):
			behind = append(behind, a)
		}
	}
	return behind, missing, nil
}

// Adopt takes over, in the transaction of ctx and after BumpStatus, revocations that a CRL of the CA tells; source says
// which. The caller has verified the CRL, so there is nothing to permit: the CA has said it already.
func (s *Service) Adopt(ctx context.Context, caID, source string, list []Adopted) error {
	for _, a := range list {
		c := &Certificate{}
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(c, "ca_id = ? AND serial_number = ?", caID, a.SerialNumber).Error; err != nil {
			return err
		}
		if !a.behind(c) {
			continue
		}
		before := c.Status
		c.Status, c.RevokedAt, c.RevocationReason, c.InvalidityDate, c.SuspendedUntil = Revoked, &a.RevokedAt, a.Reason, a.InvalidityDate,
			nil
		if a.Reason == CertificateHold {
			c.Status = Suspended
		} else if c.Counted {
			c.Counted = false
			if err := s.Quota.ReleaseCertificates(ctx, c.PartitionID, 1); err != nil {
				return err
			}
		}
		if c.Kind == CA && c.Status == Revoked {
			if err := s.markRevoked(ctx, c, a.RevokedAt); err != nil {
				return err
			}
		}
		if err := s.Jobs.Cancel(ctx, ReleaseJob, c.ID); err != nil {
			return err
		}
		// The same events as when it happened: feeds and webhooks tell of it.
		action := map[Status]string{Revoked: "certificate.revoke", Suspended: "certificate.suspend"}[c.Status]
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: c.PartitionID, Action: action, ObjectKind: "certificate", ObjectID: c.ID, ObjectName: c.SerialNumber,
				CAID: c.CAID,
				Summary: "Took over from " + source + " that certificate " + c.SerialNumber + " of " + c.Subject + " is " +
					map[Status]string{
						Revoked: "revoked", Suspended: "suspended",
					}[c.Status] + ".",
				Details: audit.Details{
					"before": string(before), "after": string(c.Status), "reason": ReasonNames[a.Reason],
					"revokedAt": a.RevokedAt.UTC().Format(time.RFC3339), "source": source,
				}})
		if err := s.save(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
