package enrollment

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/name"

	"github.com/pkiaas/pkiaas/domain/fault"
)

const (
	// renewBefore is how long before its expiry an OCSP signer is replaced.
	renewBefore = 10 * 24 * time.Hour
	// answered is how long after that the key of the one before is kept in the store that the CA's key has left: other
	// servers hear of the new one within it.
	answered = time.Minute
)

// issueSigner makes, for the key that c is seen with, the CA's delegated OCSP signer: a new key and a short-lived certificate that says so.
func (s *Service) issueSigner(ctx context.Context, c *ca.CertificationAuthority) error {
	i, err := s.loadIssuer(ctx, c.ID, c.KeyGeneration)
	if err != nil {
		return err
	}
	now := s.Now()
	if status := i.ca.StatusAt(now); status != ca.Active && status != ca.Creating && status != ca.Disabled {
		return fault.New(fault.Conflict, "%s is %s", i.ca.Identifier, text.Lower(status))
	}
	if err := i.ancestorsUsable(now); err != nil {
		return err
	}
	a, err := c.Algorithm()
	if err != nil {
		return err
	}
	a = a.OCSPSignerAlgorithm()
	if s.CompatibleSigners {
		a = a.CompatibleOCSPSignerAlgorithm()
	}
	key, err := s.generate(ctx, c.KeyStore, a)
	if err != nil {
		return err
	}
	request, err := keyRequest(key)
	if err != nil {
		return err
	}
	if request.Subject, err = signerName(i); err != nil {
		return err
	}
	p, err := authorityProfile(SignerProfile)
	if err != nil {
		return err
	}
	done, err := s.sign(ctx, i, order{kind: certificate.OCSPSigner, profile: p, request: request})
	if err != nil {
		return err
	}
	made, store, before := done.item.certificate, c.KeyStore, c.OCSPKeyStore+"/"+c.OCSPKeyID
	left := strayed(c)
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.recordFor(ctx, done, c, func(c *ca.CertificationAuthority) {
			c.OCSPKeyStore, c.OCSPKeyID, c.OCSPCertificate, c.OCSPNotAfter = store, key.ID(), made.DER, &made.NotAfter
			c.StatusVersion++ // answers signed by the old signer are not served any more
		}); err != nil {
			return err
		}
		if left {
			if err := s.Jobs.Enqueue(ctx, ca.DestroyKeyJob, before, s.Now().Add(answered), nil); err != nil {
				return err
			}
		}
		return s.Jobs.Enqueue(ctx, SignerJob, c.KeyName(), renewAt(made), nil)
	})
}

// strayed tells whether the OCSP signer's key is not where the CA's is: that one was moved.
func strayed(c *ca.CertificationAuthority) bool {
	return c.OCSPKeyID != "" && c.OCSPKeyStore != c.KeyStore
}

// signerName is the guide's, unless name constraints do not permit it: then it stands below the CA's own name, without
// what verifiers would hold to constraints for host names and e-mail addresses.
func signerName(i *issuer) (name.Name, error) {
	common := "CN=" + i.ca.PartitionID + "_" + i.ca.Identifier + ",OU=Validation Authorities,"
	n, err := name.Parse(common + "O=" + i.ca.PartitionID)
	if err != nil || i.bounds == nil || i.bounds.permit(n, nil) == nil {
		return n, err
	}
	n, err = name.Parse(common + i.ca.Subject)
	if err != nil || i.bounds.permit(n, nil) == nil {
		return n, err
	}
	plain := name.Name{RDNs: n.RDNs[:2]}
	for _, rdn := range n.RDNs[2:] {
		if one := (name.Name{RDNs: [][]name.Attribute{rdn}}); len(one.Values(name.OIDCommonName))+len(one.Values(name.OIDEmailAddress)) == 0 {
			plain.RDNs = append(plain.RDNs, rdn)
		}
	}
	if i.bounds.permit(plain, nil) == nil {
		return plain, nil
	}
	return n, nil
}

func renewAt(signer *certificate.Certificate) time.Time {
	if lead := signer.NotAfter.Sub(signer.CreatedAt) / 3; lead < renewBefore {
		return signer.NotAfter.Add(-lead)
	}
	return signer.NotAfter.Add(-renewBefore)
}

// RenewSigner is the job that replaces an OCSP signer before it expires, or once the CA's key has left its key store.
func (s *Service) RenewSigner(ctx context.Context, claim *job.Claim) error {
	id, generation := ca.SplitKeyName(claim.Key)
	c, err := s.CAs.Generation(ctx, id, generation)
	if err != nil {
		return err
	}
	now := s.Now()
	if !c.Stands(now) || !c.OCSPEnabled {
		status := c.StatusAt(now)
		if c.PurgedAt == nil && status != ca.Expired && status != ca.Failed {
			claim.Again(now.Add(time.Hour)) // a restored CA takes up again
		}
		return nil
	}
	if !strayed(c) && c.OCSPNotAfter != nil && now.Before(c.OCSPNotAfter.Add(-renewBefore)) {
		claim.Again(c.OCSPNotAfter.Add(-renewBefore))
		return nil
	}
	if err := s.issueSigner(ctx, c); err != nil {
		return err
	}
	// issueSigner has asked for the next renewal, which Done keeps.
	return nil
}
