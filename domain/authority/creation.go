package authority

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/profile"
)

// profileOf are the fixed profiles of CA certificates.
var profileOf = map[ca.Type]string{ca.Root: "basic-ca-root", ca.Intermediate: "intermediate-ca-subord", ca.Issuing: "basic-ca-subord"}

const creationAttempts = 5

// CreateCA is the job that makes a CA: key, certificate, OCSP signer, first CRL. Each step is recorded when it is done,
// so a server that takes over goes on where the other one stopped.
func (s *Service) CreateCA(ctx context.Context, claim *job.Claim) error {
	c, err := s.created(ctx, claim.Key)
	if err != nil || c == nil {
		return err
	}
	err = s.createSteps(ctx, c)
	if err == nil && c.Certificate == nil {
		return s.await(ctx, c, claim)
	}
	if err == nil {
		return s.activate(ctx, c, claim)
	}
	f := fault.Of(err)
	if !permanent(f, err) && claim.Attempts < creationAttempts {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.CAs.Change(ctx, c.ID, func(c *ca.CertificationAuthority) error {
			c.Status, c.CreationFailure = ca.Failed, f.Message
			return nil
		}); err != nil {
			return err
		}
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: c.PartitionID, Action: "ca.fail", Result: audit.Failed, ObjectKind: "ca", ObjectID: c.ID,
				ObjectName: c.Identifier,
				Summary:    "certification authority " + c.Identifier + " could not be created: " + f.Message})
		return claim.Done(ctx)
	})
}

// created returns the CA while it is still to be created.
func (s *Service) created(ctx context.Context, id string) (*ca.CertificationAuthority, error) {
	c := &ca.CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(c, "id = ?", id).Error; err != nil {
		return nil, err
	}
	if c.Status != ca.Creating || c.DeletedAt != nil {
		return nil, nil
	}
	return c, nil
}

func (s *Service) createSteps(ctx context.Context, c *ca.CertificationAuthority) error {
	steps := []struct {
		step ca.Step
		run  func(context.Context, *ca.CertificationAuthority) error
		skip bool
	}{
		{ca.StepGeneratingKey, s.generateKey, c.KeyID != ""},
		{ca.StepSigningCertificate, s.certify, c.Certificate != nil},
		{ca.StepIssuingOCSPSigner, s.Delegates.Complete, !c.OCSPEnabled},
		{
			ca.StepPublishingCRL, func(ctx context.Context, c *ca.CertificationAuthority) error { return s.CRLs.Publish(ctx, c.ID) },
			!c.CRLEnabled,
		},
	}
	for _, step := range steps {
		if step.skip {
			continue
		}
		if err := s.Store.Tx(ctx, func(ctx context.Context) error {
			return s.Store.DB(ctx).Model(c).Update("creation_step", step.step).Error
		}); err != nil {
			return err
		}
		if err := step.run(ctx, c); err != nil {
			return err
		}
		if step.step == ca.StepSigningCertificate && c.Certificate == nil && c.SigningRequest != nil {
			return nil // somebody else signs
		}
		if err := s.Store.DB(ctx).Take(c, "id = ?", c.ID).Error; err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) generateKey(ctx context.Context, c *ca.CertificationAuthority) error {
	a, err := c.Algorithm()
	if err != nil {
		return err
	}
	key, err := s.Enrollment.Generate(ctx, c.KeyStore, a, keystore.Signing)
	if err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		_, err := s.CAs.Change(ctx, c.ID, func(c *ca.CertificationAuthority) error { c.KeyID = key.ID(); return nil })
		s.Audit.Record(
			ctx,
			audit.Event{PartitionID: c.PartitionID, Action: "ca.generate-key", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
				Summary: "generated the signing key of " + c.Identifier, Details: audit.Details{
					"keyId": key.ID(), "keyStore": c.KeyStore, "signingAlgorithm": c.SigningAlgorithm,
					"publicKeySha256": enrollment.Fingerprint(key.PublicKey()),
				}})
		return err
	})
}

// certify has the CA's certificate signed: by itself for a root, by its parent otherwise. Where the parent's key is
// elsewhere, the request for it is made instead.
func (s *Service) certify(ctx context.Context, c *ca.CertificationAuthority) error {
	done, err := s.signAuthority(ctx, c)
	if err != nil || done == nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error { return s.recordAuthority(ctx, c, done) })
}

// signAuthority signs the CA's certificate, nil where it made a request instead.
func (s *Service) signAuthority(ctx context.Context, c *ca.CertificationAuthority) (*enrollment.Certified, error) {
	key, err := s.Keys.Open(ctx, c.KeyStore, c.KeyID)
	if err != nil {
		return nil, enrollment.KeyUnavailable(err)
	}
	var by *enrollment.Signer
	if c.ParentID == nil {
		by = s.Enrollment.SelfSigner(c, key)
	} else if by, err = s.Enrollment.Signer(ctx, *c.ParentID, 0); err != nil {
		return nil, err
	} else if by.CA().Type == ca.ExternalRoot {
		return nil, s.requestCertificate(ctx, c, key)
	} else if err := by.Usable(s.Now()); err != nil {
		return nil, err
	}
	request, err := s.authorityRequest(c, key)
	if err != nil {
		return nil, err
	}
	request.NotAfter = &c.NotAfter
	return s.Enrollment.Certify(ctx, by, profileOf[c.Type], request)
}

// recordAuthority records it, in the transaction of ctx, as that of the CA or of the key it is seen with.
func (s *Service) recordAuthority(ctx context.Context, c *ca.CertificationAuthority, done *enrollment.Certified) error {
	made := done.Certificate()
	if err := s.Enrollment.Record(ctx, done); err != nil {
		return err
	}
	if _, err := s.CAs.ChangeKey(ctx, c.ID, c.KeyGeneration, func(c *ca.CertificationAuthority) error {
		c.Certificate, c.SerialNumber, c.NotBefore, c.NotAfter, c.IssuerGeneration = made.DER, made.SerialNumber, &made.NotBefore,
			made.NotAfter, made.KeyGeneration
		return nil
	}); err != nil {
		return err
	}
	return s.CAs.AddCertificate(ctx, c, ca.Own, made.DER, c.KeyGeneration, made.KeyGeneration)
}

// authorityRequest is what the CA's certificate is asked to be.
func (s *Service) authorityRequest(c *ca.CertificationAuthority, key keystore.Key) (profile.Request, error) {
	request, err := enrollment.KeyRequest(key)
	if err != nil {
		return request, err
	}
	if request.Subject, err = name.FromDER(c.SubjectDER); err != nil {
		return request, err
	}
	if c.PathLength != nil {
		request.PathLen = new(int(*c.PathLength))
	}
	if !c.NameConstraints.IsZero() {
		e, err := c.NameConstraints.Extension()
		if err != nil {
			return request, err
		}
		request.Extensions = append(request.Extensions, e)
	}
	return request, nil
}

// requestCertificate makes the request (PKCS #10) that an external root is to sign. It asks for what we would sign.
func (s *Service) requestCertificate(ctx context.Context, c *ca.CertificationAuthority, key keystore.Key) error {
	wanted, err := s.authorityRequest(c, key)
	if err != nil {
		return err
	}
	if c.Type == ca.Issuing {
		wanted.PathLen = new(int)
	}
	extensions := append([]extension.Extension{
		extension.BasicConstraints(true, wanted.PathLen), extension.KeyUsage(
			extension.DigitalSignature, extension.KeyCertSign, extension.CRLSign,
		),
		extension.SubjectKeyIdentifier(c.SubjectKeyID(key.PublicKey())),
	}, wanted.Extensions...)
	request, err := issuance.SignRequest(ctx, c.SubjectDER, extensions, key)
	if err != nil {
		return enrollment.KeyUnavailable(err)
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		_, err := s.CAs.Change(ctx, c.ID, func(c *ca.CertificationAuthority) error { c.SigningRequest = request; return nil })
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: c.PartitionID, Action: "ca.request-certificate", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
				Summary: "made the request for the certificate of " + c.Identifier, Details: audit.Details{
					"requestSha256": enrollment.Fingerprint(request),
				}})
		c.SigningRequest = request
		return err
	})
}

// await ends the job until somebody brings the certificate.
func (s *Service) await(ctx context.Context, c *ca.CertificationAuthority, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.CAs.Change(ctx, c.ID, func(c *ca.CertificationAuthority) error { c.Status = ca.Pending; return nil }); err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}

func (s *Service) activate(ctx context.Context, c *ca.CertificationAuthority, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		_, err := s.CAs.Change(ctx, c.ID, func(c *ca.CertificationAuthority) error {
			c.Status, c.CreationStep, c.ActivatedAt = ca.Active, ca.StepActive, &now
			return nil
		})
		if err != nil {
			return err
		}
		s.Audit.Record(
			ctx,
			audit.Event{PartitionID: c.PartitionID, Action: "ca.activate", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
				Summary: "certification authority " + c.Identifier + " is active", Details: audit.Details{
					"certificateSha256": enrollment.Fingerprint(c.Certificate), "serialNumber": c.SerialNumber,
					"notAfter": c.NotAfter.Format(time.RFC3339),
				}})
		return claim.Done(ctx)
	})
}
