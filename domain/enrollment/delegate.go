package enrollment

import (
	"context"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/name"
)

// IssueDelegate makes, for the key that c is seen with, a key of its own and a certificate that says what it may do in the CA's name.
func (s *Service) IssueDelegate(
	ctx context.Context,
	c *ca.CertificationAuthority,
	k *delegate.Kind,
	recorded func(ctx context.Context, key keystore.Key, made *certificate.Certificate) error,
) error {
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
	p, err := authorityProfile(k.Profile)
	if err != nil {
		return err
	}
	key, err := s.Generate(ctx, c.KeyStore, k.Algorithm(a), k.Use)
	if err != nil {
		return err
	}
	request, err := KeyRequest(key)
	if err != nil {
		return err
	}
	if request.Subject, err = delegateName(i, k.Unit); err != nil {
		return err
	}
	done, err := s.sign(ctx, i, order{kind: k.Certificate, profile: p, request: request})
	if err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.recordOne(ctx, done.item); err != nil {
			return err
		}
		return recorded(ctx, key, done.item.certificate)
	})
}

// delegateName is the guide's, unless name constraints do not permit it: then it stands below the CA's own name, without
// what verifiers would hold to constraints for host names and e-mail addresses.
func delegateName(i *issuer, unit string) (name.Name, error) {
	common := "CN=" + i.ca.PartitionID + "_" + i.ca.Identifier + ",OU=" + unit + ","
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
		if one := (name.Name{RDNs: [][]name.Attribute{rdn}}); len(
			one.Values(name.OIDCommonName),
		)+len(
			one.Values(name.OIDEmailAddress),
		) == 0 {
			plain.RDNs = append(plain.RDNs, rdn)
		}
	}
	if i.bounds.permit(plain, nil) == nil {
		return plain, nil
	}
	return n, nil
}
