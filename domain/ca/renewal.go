package ca

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// Renewal is how a CA is being given a new certificate, "" when it is not.
type Renewal string

const (
	SameKey Renewal = "SAME_KEY"
	NewKey  Renewal = "NEW_KEY"
)

// Renewing is what Renew is called with.
type Renewing struct {
	ID        string
	Renewal   Renewal
	ExpiresAt *time.Time
}

func (c *CertificationAuthority) endRenewal() {
	c.Renewal, c.RenewalNotAfter, c.RenewalFailure, c.SigningRequest = "", nil, "", nil
}

// Renewed notes on the CA, locked by Change, that its renewal has ended.
func (c *CertificationAuthority) Renewed() { c.endRenewal() }

// Renew asks for a new certificate of the CA: of the same key with new dates, or of a new key. Until the job has made it
// all, the CA issues as before; what it issued stays valid under the old certificate. A renewal that failed can be asked
// for again.
func (s *Service) Renew(ctx context.Context, id string, kind Renewal, expiresAt *time.Time) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CACreate, "ca.renew", func(ctx context.Context, c *CertificationAuthority, e *audit.Event) error {
		switch status := c.StatusAt(s.Now()); {
		case c.Type == ExternalRoot:
			return fault.New(fault.PolicyRefused, "the key of %s is elsewhere: it is renewed there", c.Identifier).Do(
				"Import its new certificate; a root with a new key is imported under another identifier.",
			)
		case status != Active && status != Disabled && status != Expired:
			return fault.New(fault.Conflict, "%s is %s", c.Identifier, text.Lower(status))
		case c.Renewal != "" && c.RenewalFailure == "":
			return fault.New(fault.Conflict, "%s is being renewed already", c.Identifier)
		}
		// A CA from before some were refused may have name constraints that a new certificate cannot have.
		if _, err := c.NameConstraints.Extension(); err != nil {
			return err
		}
		next, err := s.NextKey(ctx, c)
		if err != nil {
			return err
		}
		if next != nil && kind == SameKey {
			return fault.New(fault.Conflict, "a renewal of %s with a new key was begun", c.Identifier).Do("Repeat that one.")
		}
		notAfter, err := s.renewedUntil(ctx, c, expiresAt)
		if err != nil {
			return err
		}
		c.endRenewal()
		c.Renewal, c.RenewalNotAfter = kind, &notAfter
		e.Details = audit.Details{"renewal": kind, "expiresAt": notAfter}
		if err := s.ask(
			ctx, c,
			approval.Ask{
				Operation: approval.CARenew, Verb: VerbRenew, Payload: Renewing{id, kind, &notAfter}, Summary: "renew " + called(c),
				Facts: []approval.Fact{
					{Name: "Key", Value: map[Renewal]string{SameKey: "the same", NewKey: "a new one, in " + c.KeyStore}[kind]},
					{Name: "Valid until", Value: notAfter.Format(time.RFC3339)},
				}}); err != nil {
			return err
		}
		e.Summary = "asked for the renewal of " + c.Identifier
		return s.Jobs.Enqueue(ctx, RenewJob, c.ID, s.Now(), nil)
	})
}

func (s *Service) renewedUntil(ctx context.Context, c *CertificationAuthority, asked *time.Time) (time.Time, error) {
	now, years := s.Now(), DefaultSubordinateYears
	if c.ParentID == nil {
		years = DefaultRootYears
	}
	notAfter := now.AddDate(years, 0, 0)
	if asked != nil {
		notAfter = *asked
	}
	if c.ParentID != nil {
		parent, err := s.usableParent(ctx, Request{ParentID: c.ParentID, PartitionID: c.PartitionID}, false)
		if err != nil {
			return notAfter, err
		}
		if asked != nil && notAfter.After(parent.NotAfter) {
			return notAfter, fault.New(
				fault.Invalid, "%s itself expires on %s", parent.Identifier, parent.NotAfter.Format(time.DateOnly),
			).At("expiresAt").Do(
				"Choose an earlier date, or renew that CA first.",
			)
		}
		if notAfter.After(parent.NotAfter) {
			notAfter = parent.NotAfter
		}
	}
	notAfter = notAfter.UTC().Truncate(time.Second)
	if !notAfter.After(now.Add(time.Hour)) || notAfter.Year() > 9998 {
		return notAfter, fault.New(
			fault.Invalid, "the expiry date must lie at least an hour ahead and before the year 9999",
		).At("expiresAt")
	}
	return notAfter, nil
}

// Disable stops a CA from issuing until Enable. Everything it certified stays as it is, the CAs below issue on, and its
// CRL and OCSP go on.
func (s *Service) Disable(ctx context.Context, id string) (*CertificationAuthority, error) {
	return s.turn(ctx, id, "ca.disable", Active, Disabled)
}

// Enable undoes Disable.
func (s *Service) Enable(ctx context.Context, id string) (*CertificationAuthority, error) {
	return s.turn(ctx, id, "ca.enable", Disabled, Active)
}

func (s *Service) turn(ctx context.Context, id, action string, from, to Status) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CADelete, action, func(_ context.Context, c *CertificationAuthority, e *audit.Event) error {
		if c.DeletedAt != nil || c.Status != from {
			return fault.New(fault.Conflict, "%s is %s", c.Identifier, text.Lower(c.StatusAt(s.Now())))
		}
		c.Status = to
		e.Summary = "certification authority " + c.Identifier + " is now " + text.Lower(to)
		e.Details = audit.Details{"before": from, "after": to}
		return nil
	})
}
