package enrollment

import (
	"context"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/lint"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

// WhatIfRequest is a request that is only looked at; with a KeyType it is one for a PKCS #12 with a key of that type.
type WhatIfRequest struct {
	Request
	KeyType string
}

// WhatIf is what would come of a request.
type WhatIf struct {
	Profile   *profiles.Profile // nil when there is none
	Decisions []profile.Decision
	// Refusal is why nothing would be issued, nil otherwise. The quota, the rate and the state of the end entity are
	// not looked at.
	Refusal *fault.Error
	// TBS is the exact TBSCertificate but for the serial number, DER the same with a signature of nothing; nil when
	// refused.
	TBS, DER []byte
	NotAfter time.Time
	Findings []lint.Finding
}

// WhatIf tells what would be issued for a request and why, or why not, by the same steps as issuance. Nothing is
// signed, counted or recorded.
func (s *Service) WhatIf(ctx context.Context, r WhatIfRequest) (*WhatIf, error) {
	if rbac.ActorFrom(ctx) == nil {
		return nil, s.Guard.Require(ctx, rbac.CertificateIssue, "")
	}
	i, fresh, err := s.issuer(ctx, r.CAID)
	if err != nil {
		return nil, err
	}
	if err := s.Guard.Require(ctx, rbac.CertificateIssue, i.ca.PartitionID); err != nil {
		return nil, err
	}
	if !fresh {
		if i, err = s.upToDate(ctx, i); err != nil {
			return nil, err
		}
	}
	out := &WhatIf{}
	if err = s.whatIf(ctx, i, r, out); err == nil {
		return out, nil
	}
	// A refusal is the answer; what is out of order here is not.
	if f := fault.Of(err); f.Kind != fault.Internal && f.Kind != fault.Unavailable {
		out.Refusal = f
		return out, nil
	}
	return nil, err
}

func (s *Service) whatIf(ctx context.Context, i *issuer, r WhatIfRequest, out *WhatIf) error {
	if err := r.complete(); err != nil {
		return err
	}
	if err := i.usable(s.Now()); err != nil {
		return err
	}
	o, err := s.order(ctx, i, &r.Request)
	out.Profile = o.profile
	if err != nil {
		return err
	}
	made, decisions, err := s.prepare(ctx, i, o)
	out.Decisions = decisions
	if err != nil {
		return err
	}
	out.TBS, out.NotAfter = made.prepared.TBS(), made.result.NotAfter
	if out.DER, err = made.prepared.Unsigned(); err != nil {
		return err
	}
	out.Findings = lint.Check(out.DER)
	return nil
}

// complete reads the request, and gives it a key where one is to be made.
func (r *WhatIfRequest) complete() error {
	if r.KeyType == "" {
		return r.read(PKCS10)
	}
	if err := r.read(ServerMade); err != nil {
		return err
	}
	key, err := sample(r.KeyType)
	if err != nil {
		return err
	}
	return r.made(key)
}

var samples sync.Map // key type → SubjectPublicKeyInfo

// sample is a public key of the type, made once: nobody has the private one.
func sample(keyType string) ([]byte, error) {
	if key, ok := samples.Load(keyType); ok {
		return key.([]byte), nil
	}
	key, err := generate(keyType)
	if err != nil {
		return nil, err
	}
	samples.Store(keyType, key.PublicKey())
	return key.PublicKey(), nil
}

// upToDate loads an issuer again that has changed, here or on another server, since it was loaded.
func (s *Service) upToDate(ctx context.Context, i *issuer) (*issuer, error) {
	refusals := make([]error, 1)
	if err := s.checkVersions(ctx, []*item{{versions: i.versions(), profiles: i.profileVersions()}}, refusals); err != nil {
		return nil, err
	}
	if refusals[0] == nil {
		return i, nil
	}
	s.issuers.forget(i.ca.ID)
	i, _, err := s.issuer(ctx, i.ca.ID)
	return i, err
}

// made is a certificate whose bytes are fixed, not yet signed.
type made struct {
	template issuance.Certificate
	prepared *issuance.Prepared
	result   *profile.Result
	shard    int64 // whose CRL address it carries; 0: that of the CA
}

// prepare applies the profile and builds the exact bytes; where it refuses, decisions are those until then.
func (s *Service) prepare(ctx context.Context, i *issuer, o order) (*made, []profile.Decision, error) {
	serial := issuance.NewSerialNumber(s.Now())
	facts, shard := i.facts, int64(0)
	if o.kind == certificate.Subscriber {
		if shard = i.ca.ShardOf(serial); shard != 0 {
			facts = s.sharded(i.ca, facts, shard)
		}
	}
	o.request.Vouched = s.voucher(ctx, i)
	o.request.Vouched.CSR = o.request.Vouched.CSR && !o.many
	o.request.MaxValidity = maxValidity(ctx, i.ca.ID, o.profile.ID)
	if o.asked != nil && o.asked.MaxValidity > 0 && (o.request.MaxValidity == 0 || o.asked.MaxValidity < o.request.MaxValidity) {
		o.request.MaxValidity = o.asked.MaxValidity
	}
	result, decisions, err := o.profile.Explain(o.request, facts, s.Now(), s.ClockSkew)
	if err != nil {
		return nil, decisions, err
	}
	if err := i.bounds.check(o, result); err != nil {
		return nil, decisions, err
	}
	template := issuance.Certificate{
		SerialNumber: serial, Issuer: i.facts.Subject, Subject: result.Subject,
		NotBefore: result.NotBefore, NotAfter: result.NotAfter, PublicKey: result.PublicKey, Extensions: result.Extensions,
	}
	prepared, err := issuance.Prepare(template, i.key.Algorithm())
	return &made{template, prepared, result, shard}, decisions, err
}

// maxValidity is the cap of the offering that the actor issues by, 0 for none.
func maxValidity(ctx context.Context, caID, profileID string) time.Duration {
	if a := rbac.ActorFrom(ctx); a != nil {
		if o := a.Scope.Offering(caID, profileID); o != nil {
			return o.MaxValidity
		}
	}
	return 0
}

// voucher is who answers for claims about identity in a request. It follows from the actor alone, so that no way in can say
// otherwise: a protocol answers as its type says, everybody else by the permission. What the CSR says is a person's word
// only, and for one request at a time: whoever sends others' requests by a program or a file has not looked at them.
func (s *Service) voucher(ctx context.Context, i *issuer) profile.Voucher {
	a := rbac.ActorFrom(ctx)
	switch {
	case a == nil:
		return profile.Voucher{}
	case a.Scope.Configuration != "":
		return profile.Voucher{Source: profile.Source(a.Vouches), CSR: true}
	case !s.Guard.May(ctx, rbac.CertificateVouch, rbac.On{Partition: i.ca.PartitionID, CA: i.ca.ID}):
		return profile.Voucher{}
	}
	return profile.Voucher{Source: profile.Person, CSR: a.Kind == rbac.UserActor || a.Kind == rbac.System}
}
