package authority

import (
	"context"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/keystore"
)

// crossProfile is the profile of the certificates between the keys of a root (RFC 4210 4.4).
const crossProfile = "external-ca-cross"

// RenewCA is the job that gives a CA a new certificate. With a new key, all that the key needs (certificate, delegates,
// CRL, cross-certificates) is made beside the key in use; then the CA issues with it from one transaction to the next.
// Each step is recorded when it is done, so that a server that takes over goes on where the other one stopped.
func (s *Service) RenewCA(ctx context.Context, claim *job.Claim) error {
	c := &ca.CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(c, "id = ?", claim.Key).Error; err != nil {
		return err
	}
	if c.DeletedAt != nil || c.RenewalFailure != "" {
		return nil
	}
	if c.Renewal == "" { // an imported certificate has ended it
		return s.Store.Tx(ctx, func(ctx context.Context) error {
			if err := s.statusJobs(ctx, c); err != nil {
				return err
			}
			return claim.Done(ctx)
		})
	}
	var err error
	switch status := c.StatusAt(s.Now()); {
	case status != ca.Active && status != ca.Disabled && status != ca.Expired:
		err = fault.New(fault.Conflict, "%s is %s", c.Identifier, text.Lower(status))
	case c.Renewal == ca.NewKey:
		err = s.renewKey(ctx, c, claim)
	default:
		err = s.renewCertificate(ctx, c, claim)
	}
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	if !permanent(f, err) && claim.Attempts < creationAttempts {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.CAs.Change(
			ctx, c.ID, func(c *ca.CertificationAuthority) error { c.RenewalFailure = f.Message; return nil },
		); err != nil {
			return err
		}
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: c.PartitionID, Action: "ca.renew", Result: audit.Failed, ObjectKind: "ca", ObjectID: c.ID,
				ObjectName: c.Identifier,
				Summary:    "certification authority " + c.Identifier + " could not be renewed: " + f.Message})
		return claim.Done(ctx)
	})
}

// permanent tells whether to try again would be no use.
func permanent(f *fault.Error, err error) bool {
	return f.Kind == fault.Invalid || f.Kind == fault.PolicyRefused || f.Kind == fault.Conflict && !enrollment.Stale(err)
}

// renewCertificate: the same key, other dates.
func (s *Service) renewCertificate(ctx context.Context, c *ca.CertificationAuthority, claim *job.Claim) error {
	if c.SigningRequest != nil {
		return nil // somebody else signs
	}
	asked := *c
	asked.NotAfter = *c.RenewalNotAfter
	done, err := s.signAuthority(ctx, &asked)
	if err != nil || done == nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.recordAuthority(ctx, c, done); err != nil {
			return err
		}
		return s.finish(ctx, c, claim, func(*ca.CertificationAuthority) error { return nil })
	})
}

// renewKey: another key.
func (s *Service) renewKey(ctx context.Context, c *ca.CertificationAuthority, claim *job.Claim) error {
	next, err := s.nextKey(ctx, c)
	if err != nil {
		return err
	}
	if next.Certificate == nil && c.SigningRequest != nil {
		return nil // somebody else signs
	}
	steps := []struct {
		run  func(context.Context, *ca.CertificationAuthority) error
		skip func(*ca.CertificationAuthority) bool
	}{
		{s.certify, func(c *ca.CertificationAuthority) bool { return c.Certificate != nil }},
		{s.crossCertify, func(c *ca.CertificationAuthority) bool { return c.ParentID != nil }},
		{s.Delegates.Complete, func(*ca.CertificationAuthority) bool { return false }},
		{
			func(ctx context.Context, c *ca.CertificationAuthority) error { return s.CRLs.Publish(ctx, c.ID) },
			func(c *ca.CertificationAuthority) bool { return !c.CRLEnabled },
		},
	}
	for _, step := range steps {
		if step.skip(next) {
			continue
		}
		if err := step.run(ctx, next); err != nil {
			return err
		}
		if next, err = s.CAs.Generation(ctx, next.ID, next.KeyGeneration); err != nil {
			return err
		}
		if next.Certificate == nil {
			return nil // its request waits to be signed
		}
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		return s.finish(ctx, c, claim, func(c *ca.CertificationAuthority) error {
			if !c.Stands(s.Now()) && c.StatusAt(s.Now()) != ca.Expired {
				return fault.New(fault.Conflict, "%s is %s", c.Identifier, text.Lower(c.StatusAt(s.Now())))
			}
			return s.CAs.SwitchKey(ctx, c)
		})
	})
}

// nextKey is the CA seen with the key that it is to issue with, which is made the first time.
func (s *Service) nextKey(ctx context.Context, c *ca.CertificationAuthority) (*ca.CertificationAuthority, error) {
	if next, err := s.CAs.NextKey(ctx, c); err != nil || next != nil {
		if next != nil && next.Certificate == nil {
			next.NotAfter = *c.RenewalNotAfter // a repeated renewal may ask for another end
		}
		return next, err
	}
	a, err := c.Algorithm()
	if err != nil {
		return nil, err
	}
	key, err := s.Enrollment.Generate(ctx, c.KeyStore, a, keystore.Signing)
	if err != nil {
		return nil, err
	}
	if err := s.Store.Tx(ctx, func(ctx context.Context) error {
		s.Audit.Record(
			ctx,
			audit.Event{PartitionID: c.PartitionID, Action: "ca.generate-key", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
				Summary: "generated a new signing key of " + c.Identifier, Details: audit.Details{
					"keyId": key.ID(), "keyStore": c.KeyStore, "signingAlgorithm": c.SigningAlgorithm,
					"publicKeySha256": enrollment.Fingerprint(key.PublicKey()), "keyGeneration": c.KeyGeneration + 1}})
		return s.CAs.AddKey(ctx, c, c.KeyStore, key.ID(), *c.RenewalNotAfter)
	}); err != nil {
		return nil, err
	}
	return s.CAs.NextKey(ctx, c)
}

// crossCertify has a root's two keys certify each other (RFC 4210 4.4), so that whoever trusts one of them can be shown
// the other.
func (s *Service) crossCertify(ctx context.Context, next *ca.CertificationAuthority) error {
	present, err := s.Enrollment.Signer(ctx, next.ID, next.KeyGeneration-1)
	if err != nil {
		return err
	}
	coming, err := s.Enrollment.Signer(ctx, next.ID, next.KeyGeneration)
	if err != nil {
		return err
	}
	if !s.Now().Before(present.CA().NotAfter) {
		return nil // nobody trusts the old key any more
	}
	for _, cross := range []struct {
		kind          ca.CertificateKind
		subject, with *enrollment.Signer
	}{{ca.NewWithOld, coming, present}, {ca.OldWithNew, present, coming}} {
		made, err := s.CAs.HasCertificate(ctx, next.ID, cross.kind, cross.subject.CA().KeyGeneration)
		if err != nil {
			return err
		}
		if made {
			continue
		}
		request, err := s.authorityRequest(next, cross.subject.Key())
		if err != nil {
			return err
		}
		request.SelfIssued, request.NotAfter = true, &present.CA().NotAfter
		if coming.CA().NotAfter.Before(present.CA().NotAfter) {
			request.NotAfter = &coming.CA().NotAfter
		}
		done, err := s.Enrollment.Certify(ctx, cross.with, crossProfile, request)
		if err != nil {
			return err
		}
		if err := s.Store.Tx(ctx, func(ctx context.Context) error {
			if err := s.Enrollment.Record(ctx, done); err != nil {
				return err
			}
			return s.CAs.AddCertificate(
				ctx, next, cross.kind, done.Certificate().DER, cross.subject.CA().KeyGeneration, cross.with.CA().KeyGeneration,
			)
		}); err != nil {
			return err
		}
	}
	return nil
}

// finish ends a renewal in the transaction of ctx.
func (s *Service) finish(
	ctx context.Context, c *ca.CertificationAuthority, claim *job.Claim, apply func(*ca.CertificationAuthority) error,
) error {
	kind := c.Renewal
	changed, err := s.CAs.Change(ctx, c.ID, func(c *ca.CertificationAuthority) error {
		if err := apply(c); err != nil {
			return err
		}
		c.Renewed()
		c.StatusVersion++
		return nil
	})
	if err != nil {
		return err
	}
	s.Audit.Record(
		ctx, audit.Event{PartitionID: c.PartitionID, Action: "ca.renewed", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
			Summary: "certification authority " + c.Identifier + " issues under a new certificate",
			Details: audit.Details{
				"renewal": kind, "keyGeneration": changed.KeyGeneration, "serialNumber": changed.SerialNumber,
				"certificateSha256": enrollment.Fingerprint(changed.Certificate), "notAfter": changed.NotAfter,
			}})
	if err := s.statusJobs(ctx, changed); err != nil {
		return err
	}
	return claim.Done(ctx)
}

// statusJobs has CRL and delegates looked at: those of a CA that had expired were given up.
func (s *Service) statusJobs(ctx context.Context, c *ca.CertificationAuthority) error {
	if err := s.Jobs.Enqueue(ctx, ca.DelegatesJob, c.KeyName(), s.Now(), nil); err != nil {
		return err
	}
	if c.CRLEnabled {
		return s.Jobs.Enqueue(ctx, certificate.PublishCRLJob, c.ID, s.Now(), nil)
	}
	return nil
}
