package enrollment

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// issuer is a CA made ready to sign: its row and those above it, its key, its selected profiles. It is kept in memory;
// that it is still true is checked in the transaction that records what it signed.
type issuer struct {
	ca        *ca.CertificationAuthority
	ancestors []*ca.CertificationAuthority // parent first
	key       keystore.Key
	profiles  map[string]*profiles.Profile // selected
	chain     [][]byte                     // own certificate first
	facts     profile.Issuer
	bounds    *bounds        // nil for a root that is being made
	approval  *approval.Rule // of issuing; a change of it changes the version of the CA
	creation  *approval.Rule // of creating CAs, which is what certifying one is
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
		if !a.Stands(now) {
			return fault.New(
				fault.Conflict, "%s cannot issue certificates: %s above it is %s", i.ca.Identifier, a.Identifier, a.StatusAt(now),
			).At("caId").
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

// profileVersions are those of the selected profiles that can change.
func (i *issuer) profileVersions() map[string]int64 {
	v := map[string]int64{}
	for _, p := range i.profiles {
		if !p.System() {
			v[p.UID] = p.Version
		}
	}
	return v
}

// issuers keeps what was loaded until it proves stale.
type issuers struct {
	loaded  sync.Map
	loading singleflight.Group
}

func (m *issuers) forget(caID string) { m.loaded.Delete(caID) }

// issuer returns the CA ready to sign; fresh tells that it was read just now, by this call.
func (s *Service) issuer(ctx context.Context, caID string) (i *issuer, fresh bool, err error) {
	if kept, ok := s.issuers.loaded.Load(caID); ok {
		return kept.(*issuer), false, nil
	}
	if store.InTx(ctx) { // others may not wait for this transaction, nor this one for them
		i, err = s.keepIssuer(ctx, caID)
		return i, true, err
	}
	// After a change of a busy CA all its callers come at once: one reads it for all, so that none can cancel that.
	led := false
	read, err, _ := s.issuers.loading.Do(caID, func() (any, error) {
		led = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Patience)
		defer cancel()
		return s.keepIssuer(ctx, caID)
	})
	return read.(*issuer), led, err
}

func (s *Service) keepIssuer(ctx context.Context, caID string) (*issuer, error) {
	i, err := s.loadIssuer(ctx, caID, 0)
	if err == nil && i.ca.Status == ca.Active {
		s.issuers.loaded.Store(caID, i)
	}
	return i, err
}

// loadIssuer reads the CA with one of its keys, 0 for the one that it issues with.
func (s *Service) loadIssuer(ctx context.Context, caID string, generation int64) (*issuer, error) {
	var found []*ca.CertificationAuthority
	if err := s.Store.DB(ctx).Where("id = ? AND purged_at IS NULL", caID).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	i := &issuer{ca: found[0]}
	var err error
	if generation != 0 {
		seen, err := s.CAs.Generation(ctx, caID, generation)
		if err != nil {
			return nil, err
		}
		i.ca = seen
	}
	for parent := i.ca.ParentID; parent != nil; {
		above := &ca.CertificationAuthority{}
		if err := s.Store.DB(ctx).Take(above, "id = ?", *parent).Error; err != nil {
			return nil, err
		}
		i.ancestors = append(i.ancestors, above)
		parent = above.ParentID
	}
	if i.approval, err = s.Approvals.Rule(ctx, i.ca.PartitionID, approval.Issue); err != nil {
		return nil, err
	}
	if i.creation, err = s.Approvals.Rule(ctx, i.ca.PartitionID, approval.CACreate); err != nil {
		return nil, err
	}
	ids, err := s.CAs.ProfileIDs(ctx, []string{caID})
	if err != nil {
		return nil, err
	}
	if i.profiles, err = s.Profiles.Find(ctx, i.ca.PartitionID, ids[caID]); err != nil {
		return nil, err
	}
	if i.ca.KeyID == "" || i.ca.Certificate == nil {
		return i, nil // still being created
	}
	if i.key, err = s.openKey(ctx, i.ca); err != nil {
		return nil, KeyUnavailable(err)
	}
	if i.chain, err = s.CAs.Chain(ctx, i.ca); err != nil {
		return nil, err
	}
	i.facts = s.facts(i.ca, i.key)
	i.bounds = boundsOf(i.chain)
	return i, nil
}

// facts is what the profile engine needs to know of a CA.
func (s *Service) facts(c *ca.CertificationAuthority, key keystore.Key) profile.Issuer {
	f := profile.Issuer{CAType: string(c.Type), Subject: c.SubjectDER, SubjectKeyID: c.SubjectKeyID(key.PublicKey()), NotAfter: c.NotAfter,
		CAIssuersURLs: []string{s.CAs.URLs.Certificate(c)}}
	if c.NotBefore != nil {
		f.NotBefore = *c.NotBefore
	}
	if c.Type == ca.Issuing {
		f.PathLen = new(int)
	} else if c.Certificate != nil {
		if d, err := issuance.Inspect(c.Certificate); err == nil {
			f.PathLen = d.PathLength
		}
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

// Generate makes a key of a CA, which only signs, or of a delegate.
func (s *Service) Generate(ctx context.Context, store string, a *algorithm.Algorithm, use keystore.Use) (keystore.Key, error) {
	found, err := s.Keys.ByName(store)
	if err != nil {
		return nil, KeyUnavailable(err)
	}
	key, err := found.Generate(ctx, a, use)
	if err != nil {
		return nil, KeyUnavailable(err)
	}
	return key, nil
}

// KeyUnavailable is what is said of a key that cannot be used.
func KeyUnavailable(err error) error {
	return fault.New(fault.Unavailable, "the key of the certification authority cannot be used at the moment").
		Do("Repeat the request later; the operator finds the cause in the log.").Because(err)
}
