package enrollment

import (
	"context"
	"slices"
	"time"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
)

// Proof is how it is known that the subscriber has the private key. CRMF, registration authorities and attestation join with the
// protocols that bring them.
type Proof string

const (
	PKCS10     Proof = "PKCS10"      // the signature of a certification request, verified (RFC 2986)
	ServerMade Proof = "SERVER_MADE" // the key is made here
)

// Facts are what a certificate is asked to say, read from whatever they were written in (package intake), and nothing but facts: they
// are kept as they are where a request waits.
type Facts struct {
	Subject name.Name
	SANs    []san.GeneralName
	// PublicKey is a SubjectPublicKeyInfo, and Proof how its possession was shown.
	PublicKey []byte
	Proof     Proof
	// KeyInfo is what algorithm.InspectPublicKey said of it; the zero value: it is still to be asked.
	KeyInfo    algorithm.PublicKeyInfo `json:"-"`
	Extensions []extension.Extension
	// NotBefore and NotAfter are nil where they are left to the profile.
	NotBefore, NotAfter *time.Time
	// OwnExtensions is how many of Extensions, the first ones, and OwnNames which of SANs are the certification request's own word:
	// whoever sends it answers for them only where that is a person who has looked at it.
	OwnExtensions int
	OwnNames      []san.GeneralName
	// Limits are the profile.LimitsOf a certification request whose extensions are otherwise not asked for: a CA that asks for less
	// gets no more.
	Limits []extension.Extension
	// LeaveNothingOut refuses what the profile would otherwise leave out.
	LeaveNothingOut bool
	// WithinCA: a begin before the CA's own, or an end after it, becomes the CA's.
	WithinCA bool
}

// Request asks a CA for a certificate under one of its profiles.
type Request struct {
	CAID      string
	ProfileID string
	EndEntity string
	Facts
	// MaxValidity is the cap of the offering as it was when this was asked, 0 for none: what waits for approval gets no more, and
	// those who approve have seen no more.
	MaxValidity time.Duration `json:",omitzero"`
	// ProfileVersion is that of the profile when this was asked: what others approve is issued under the rules that they saw.
	ProfileVersion int64 `json:",omitzero"`
	// Read, if given, is called for the Facts once it is known that whoever asks may. What it refuses is the refusal of the request.
	Read func() (Facts, error) `json:"-"`
	// Repeat, if given, has a request that was carried out answered with the same certificate.
	Repeat *Repeat `json:"-"`
	// Waiting, if given, is how the request of a protocol waits for the approval of others.
	Waiting *Waiting `json:"-"`
	// Recorded, if given, is called in the transaction that records the certificate, under whose context it may change rows of its
	// own. If it answers with a fault the certificate is not issued.
	Recorded func(context.Context, *certificate.Certificate) error `json:"-"`
}

// read completes the facts. With ServerMade the key is still to be made.
func (r *Request) read(proof Proof) error {
	if r.EndEntity != "" {
		if err := endentity.CheckIdentifier(r.EndEntity); err != nil {
			return err
		}
	}
	if r.Read != nil {
		facts, err := r.Read()
		if err != nil {
			return err
		}
		r.Facts, r.Read = facts, nil
	}
	if proof == ServerMade { // whatever key was read
		r.Proof, r.PublicKey, r.KeyInfo = ServerMade, nil, algorithm.PublicKeyInfo{}
		return nil
	}
	if r.Proof != proof {
		return fault.New(fault.Internal, "a request without proof of possession of its key: %q", r.Proof)
	}
	return r.made(r.PublicKey)
}

// made is the key of the request.
func (r *Request) made(publicKey []byte) (err error) {
	if r.PublicKey = publicKey; r.KeyInfo == (algorithm.PublicKeyInfo{}) {
		r.KeyInfo, err = algorithm.InspectPublicKey(publicKey)
	}
	return err
}

// under is the request as the profile of an issuer takes it.
func (r *Request) under(i *issuer, p *profiles.Profile, now time.Time) (profile.Request, error) {
	q := profile.Request{
		Subject:         r.Subject,
		SANs:            r.SANs,
		PublicKey:       r.PublicKey,
		KeyInfo:         r.KeyInfo,
		Extensions:      r.Extensions,
		NotBefore:       r.NotBefore,
		NotAfter:        r.NotAfter,
		ServerSideKey:   r.Proof == ServerMade,
		CSRExtensions:   r.OwnExtensions,
		CSRNames:        r.OwnNames,
		LeaveNothingOut: r.LeaveNothingOut,
	}
	if r.WithinCA {
		if q.NotAfter != nil && q.NotAfter.After(i.ca.NotAfter) {
			q.NotAfter = &i.ca.NotAfter
		}
		// The CA may be younger than a client's usual back-dating.
		if q.NotBefore != nil && q.NotBefore.Before(i.facts.NotBefore) && !q.NotBefore.Before(now.Add(-profile.MaxBackdating)) {
			q.NotBefore = &i.facts.NotBefore
		}
	}
	for _, e := range q.Extensions {
		if r.LeaveNothingOut &&
			!slices.ContainsFunc(p.AllowedExtensions, func(a profile.AllowedExtension) bool { return a.OID == e.ID.String() }) {
			return q, fault.New(fault.PolicyRefused, "profile %s does not allow the extension %s", p.ID, e.ID).
				At("extensions").
				Do("Leave it out, or choose another profile.")
		}
	}
	if p.IsCA() {
		q.Extensions = slices.Clone(q.Extensions) // several attempts begin with the same
		for _, limit := range r.Limits {
			if !slices.ContainsFunc(q.Extensions, func(e extension.Extension) bool { return e.ID.Equal(limit.ID) }) {
				q.Extensions = slices.Insert(q.Extensions, q.CSRExtensions, limit)
				q.CSRExtensions++
			}
		}
	}
	return q, nil
}
