package enrollment

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

// issuer is a CA made ready to sign: its row and those above it, its key, its selected profiles. It is kept in memory;
// that it is still true is checked in the transaction that records what it signed.
type issuer struct {
	ca         *ca.CertificationAuthority
	ancestors  []*ca.CertificationAuthority // parent first
	key        keystore.Key
	profileIDs []string
	chain      [][]byte // own certificate first
	facts      profile.Issuer
}

// usable tells whether the CA and all above it can be relied on now.
func (i *issuer) usable(now time.Time) error {
	if err := i.ca.Usable(now); err != nil {
		return err
	}
	return i.ancestorsUsable(now)
}

func (i *issuer) ancestorsUsable(now time.Time) error {
	for _, a := range i.ancestors {
		if err := a.Usable(now); err != nil {
			return fault.New(fault.Conflict, "%s cannot issue certificates: %s above it is %s", i.ca.Identifier, a.Identifier, a.StatusAt(now)).At("caId").
				Do("Choose a certification authority whose whole chain is active.")
		}
	}
	return nil
}

func (i *issuer) versions() map[string]int64 {
	v := map[string]int64{i.ca.ID: i.ca.Version}
	for _, a := range i.ancestors {
		v[a.ID] = a.Version
	}
	return v
}

func (i *issuer) selected(profileID string) bool { return slices.Contains(i.profileIDs, profileID) }

// issuers keeps what was loaded until it proves stale.
type issuers struct{ loaded sync.Map }

func (m *issuers) forget(caID string) { m.loaded.Delete(caID) }

// issuer returns the CA ready to sign; fresh tells that it was read just now.
func (s *Service) issuer(ctx context.Context, caID string) (i *issuer, fresh bool, err error) {
	if kept, ok := s.issuers.loaded.Load(caID); ok {
		return kept.(*issuer), false, nil
	}
	i, err = s.loadIssuer(ctx, caID)
	if err == nil && i.ca.Status == ca.Active {
		s.issuers.loaded.Store(caID, i)
	}
	return i, true, err
}

func (s *Service) loadIssuer(ctx context.Context, caID string) (*issuer, error) {
	var found []*ca.CertificationAuthority
	if err := s.Store.DB(ctx).Where("id = ? AND purged_at IS NULL", caID).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	i := &issuer{ca: found[0]}
	for parent := i.ca.ParentID; parent != nil; {
		above := &ca.CertificationAuthority{}
		if err := s.Store.DB(ctx).Take(above, "id = ?", *parent).Error; err != nil {
			return nil, err
		}
		i.ancestors = append(i.ancestors, above)
		parent = above.ParentID
	}
	ids, err := s.CAs.ProfileIDs(ctx, []string{caID})
	if err != nil {
		return nil, err
	}
	i.profileIDs = ids[caID]
	if i.ca.KeyID == "" || i.ca.Certificate == nil {
		return i, nil // still being created
	}
	if i.key, err = s.openKey(ctx, i.ca); err != nil {
		return nil, keyUnavailable(err)
	}
	if i.chain, err = s.CAs.Chain(ctx, i.ca); err != nil {
		return nil, err
	}
	i.facts = s.facts(i.ca, i.key)
	return i, nil
}

// facts is what the profile engine needs to know of a CA.
func (s *Service) facts(c *ca.CertificationAuthority, key keystore.Key) profile.Issuer {
	f := profile.Issuer{CAType: string(c.Type), Subject: c.SubjectDER, SubjectKeyID: extension.KeyIdentifier(key.PublicKey()), NotAfter: c.NotAfter,
		CAIssuersURLs: []string{s.CAs.URLs.Certificate(c)}}
	if c.NotBefore != nil {
		f.NotBefore = *c.NotBefore
	}
	if c.Type == ca.Issuing {
		f.PathLen = new(int)
	}
	if c.CRLEnabled {
		f = s.sharded(c, f, 0)
	}
	if c.OCSPEnabled {
		f.OCSPURLs = []string{s.CAs.URLs.OCSP(c)}
	}
	return f
}

// sharded is the facts for a certificate that is to be on the lists of a shard, 0: on those of the CA.
func (s *Service) sharded(c *ca.CertificationAuthority, f profile.Issuer, shard int64) profile.Issuer {
	f.CRLURLs = []string{s.CAs.URLs.CRLShard(c, shard, false)}
	if c.CRLDelta {
		f.FreshestCRLURLs = []string{s.CAs.URLs.CRLShard(c, shard, true)}
	}
	return f
}

// openKey opens the CA's own key.
func (s *Service) openKey(ctx context.Context, c *ca.CertificationAuthority) (keystore.Key, error) {
	return s.Keys.Open(ctx, c.KeyStore, c.KeyID)
}

func (s *Service) generate(ctx context.Context, store string, a *algorithm.Algorithm) (keystore.Key, error) {
	found, err := s.Keys.ByName(store)
	if err != nil {
		return nil, keyUnavailable(err)
	}
	key, err := found.Generate(ctx, a)
	if err != nil {
		return nil, keyUnavailable(err)
	}
	return key, nil
}

func keyUnavailable(err error) error {
	return fault.New(fault.Unavailable, "the key of the certification authority cannot be used at the moment").
		Do("Repeat the request later; the operator finds the cause in the log.").Because(err)
}
