package enrollment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/profile"
)

// Signer is a CA made ready to sign, with one of its keys, what the service itself asks for: certificates of CAs.
type Signer struct {
	issuer *issuer
	self   bool
}

// CA is the CA seen with the key, which is nil while it is being made.
func (g *Signer) CA() *ca.CertificationAuthority { return g.issuer.ca }
func (g *Signer) Key() keystore.Key              { return g.issuer.key }

// Usable tells whether the CA and all above it can be relied on now.
func (g *Signer) Usable(now time.Time) error { return g.issuer.usable(now) }

// Signer reads the CA with one of its keys, 0 for the one that it issues with.
func (s *Service) Signer(ctx context.Context, caID string, generation int64) (*Signer, error) {
	i, err := s.loadIssuer(ctx, caID, generation)
	return &Signer{issuer: i}, err
}

// SelfSigner is a root that signs its own certificate.
func (s *Service) SelfSigner(root *ca.CertificationAuthority, key keystore.Key) *Signer {
	f := s.facts(root, key)
	f.CRLURLs, f.FreshestCRLURLs, f.OCSPURLs, f.CAIssuersURLs, f.PathLen = nil, nil, nil, nil, nil // a root is its own last word
	f.SubjectKeyID = extension.KeyIdentifier(key.PublicKey())
	f.NotBefore, f.NotAfter = s.Now().Add(-s.ClockSkew), root.NotAfter
	return &Signer{&issuer{ca: root, key: key, facts: f}, true}
}

// Certified is a certificate of a CA that is signed and not yet recorded.
type Certified struct{ item *item }

// Certificate is as it will be recorded.
func (c *Certified) Certificate() *certificate.Certificate { return c.item.certificate }

// Certify signs the certificate of a CA by a profile of the system.
func (s *Service) Certify(ctx context.Context, by *Signer, profileID string, request profile.Request) (*Certified, error) {
	p, err := authorityProfile(profileID)
	if err != nil {
		return nil, err
	}
	done, err := s.sign(ctx, by.issuer, order{kind: certificate.CA, profile: p, request: request})
	if err != nil {
		return nil, err
	}
	if by.self {
		done.item.versions = nil // its own row is what changes
	}
	return &Certified{done.item}, nil
}

// Record records it in the transaction of ctx.
func (s *Service) Record(ctx context.Context, c *Certified) error { return s.recordOne(ctx, c.item) }

func (s *Service) recordOne(ctx context.Context, it *item) error {
	refusals, err := s.record(ctx, []*item{it})
	if err == nil {
		err = refusals[0]
	}
	return err
}

// Fingerprint is the SHA-256 of something, in hexadecimal.
func Fingerprint(b []byte) string {
	hash := sha256.Sum256(b)
	return hex.EncodeToString(hash[:])
}

func authorityProfile(id string) (*profiles.Profile, error) {
	p, ok := profile.ByID(id)
	if !ok {
		return nil, fault.New(fault.Internal, "the system profile %s is missing", id)
	}
	return &profiles.Profile{Profile: p}, nil
}

// KeyRequest asks for a certificate for a key of the service.
func KeyRequest(key keystore.Key) (profile.Request, error) {
	info, err := algorithm.InspectPublicKey(key.PublicKey())
	return profile.Request{PublicKey: key.PublicKey(), KeyInfo: info}, err
}
