package profile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

// Request is what somebody asks a certificate for.
type Request struct {
	Subject name.Name
	SANs    []san.GeneralName
	// PublicKey is a SubjectPublicKeyInfo whose possession is proved, KeyInfo what algorithm.InspectPublicKey said of it.
	PublicKey []byte
	KeyInfo   algorithm.PublicKeyInfo
	// Extensions are those requested, without a subject alternative name.
	Extensions []extension.Extension
	// NotBefore and NotAfter are nil when the request leaves them to the profile.
	NotBefore, NotAfter *time.Time
	// MaxValidity caps the time from the beginning to the end, whatever the profile says; 0: nothing does.
	MaxValidity time.Duration
	// ServerSideKey is true when the service made the key.
	ServerSideKey bool
	// PathLen is the path length constraint that a CA asks for; nil = as the profile and the issuer allow.
	PathLen *int
	// CSRExtensions is how many of Extensions, the first ones, only the CSR has; CSRNames are those of SANs.
	CSRExtensions int
	CSRNames      []san.GeneralName
	// CSRLimits are the LimitsOf the CSR where its extensions are otherwise replaced.
	CSRLimits []extension.Extension
	// Vouched is who answers for claims about identity.
	Vouched Voucher
	// LeaveNothingOut refuses what the profile would otherwise leave out.
	LeaveNothingOut bool
	// SelfIssued: the certificate is for another key of the issuer itself (RFC 5280 3.2, RFC 4210 4.4), so that the
	// subject is the issuer's name.
	SelfIssued bool
}

// Issuer is what Apply must know of the CA. For a root it is the root itself.
type Issuer struct {
	CAType string
	// Subject is the DER of the issuer's name, byte for byte as in its certificate.
	Subject []byte
	// SubjectKeyID is the issuer's subject key identifier, which becomes the authority key identifier.
	SubjectKeyID []byte
	// NotBefore and NotAfter are those of the issuer's certificate; zero = unknown.
	NotBefore, NotAfter time.Time
	// PathLen is the issuer's own path length constraint; nil = none.
	PathLen *int
	// Empty = the service is off.
	CRLURLs, OCSPURLs, CAIssuersURLs []string
	// Where delta CRLs are; empty = there are none.
	FreshestCRLURLs []string
}

// Decision is one line of the reason why a certificate is as it is.
type Decision struct {
	// Rule is what decided, e.g. "validity".
	Rule string `json:"rule"`
	// Outcome is what came of it, e.g. "P1Y".
	Outcome string `json:"outcome"`
	// Detail says why, as a sentence.
	Detail string `json:"detail"`
}

// Result is the content of a certificate, all but serial number, issuer and signature.
type Result struct {
	// Subject is DER.
	Subject []byte
	// NotBefore and NotAfter are UTC and whole seconds; both seconds belong to the validity (RFC 5280 4.1.2.5).
	NotBefore, NotAfter time.Time
	PublicKey           []byte
	Extensions          []extension.Extension
	SANs                []san.GeneralName
	Decisions           []Decision
}

// Apply decides what certificate the profile gives for a request. It reads no clock and changes nothing: the same
// arguments give the same result. skew is how far the default notBefore lies before now, for relying parties whose
// clocks are slow. A refusal is an *invalid.Error that names the field and what to do.
func (p *Profile) Apply(r Request, issuer Issuer, now time.Time, skew time.Duration) (*Result, error) {
	result, _, err := p.Explain(r, issuer, now, skew)
	return result, err
}

// Explain is Apply that also returns, for a refusal, what was decided until then.
func (p *Profile) Explain(r Request, issuer Issuer, now time.Time, skew time.Duration) (*Result, []Decision, error) {
	a := &application{p: p, r: r, issuer: issuer, now: now.UTC(), skew: skew, result: &Result{PublicKey: r.PublicKey}}
	a.decide("profile", p.ID, "%s", p.Name)
	for _, step := range []struct {
		rule string
		run  func() error
	}{{"issuer", a.checkIssuer}, {"key", a.checkKey}, {"names", a.decideNames}, {"validity", a.decideValidity}, {"extensions", a.decideExtensions}} {
		if err := step.run(); err != nil {
			var refusal *invalid.Error
			if errors.As(err, &refusal) && refusal.Rule == "" {
				refusal.Rule = step.rule
			}
			return nil, a.result.Decisions, err
		}
	}
	return a.result, a.result.Decisions, nil
}

// application is one run of Apply.
type application struct {
	p      *Profile
	r      Request
	issuer Issuer
	now    time.Time
	skew   time.Duration
	result *Result
	// pathLen is the path length constraint to write, nil for none.
	pathLen *int
}

func (a *application) decide(rule, outcome, format string, args ...any) {
	a.result.Decisions = append(a.result.Decisions, Decision{rule, outcome, fmt.Sprintf(format, args...)})
}

func (a *application) checkIssuer() error {
	if !slices.Contains(a.p.AllowedCATypes, a.issuer.CAType) {
		return invalid.New("profile", "profile %s is for a CA of type %s, not %s: choose another profile or CA", a.p.ID, strings.Join(a.p.AllowedCATypes, " or "), a.issuer.CAType)
	}
	if a.p.SelfSigned {
		a.pathLen = a.p.CAConstraint.PathLen
		return a.requestedPathLen()
	}
	if len(a.issuer.SubjectKeyID) == 0 || len(a.issuer.Subject) == 0 {
		return invalid.New("issuer", "the CA has no certificate yet: wait until it is active")
	}
	if !a.issuer.NotAfter.IsZero() && !a.now.Before(a.issuer.NotAfter) {
		return invalid.New("issuer", "the CA expired on %s: renew it or choose another", at(a.issuer.NotAfter))
	}
	if a.now.Before(a.issuer.NotBefore) {
		return invalid.New("issuer", "the CA is not valid before %s", at(a.issuer.NotBefore))
	}
	if a.p.IsCA() {
		return a.decidePathLen()
	}
	return nil
}

// decidePathLen obeys RFC 5280 4.2.1.9: below a CA with a path length constraint of n, at most n CAs follow.
func (a *application) decidePathLen() error {
	a.pathLen = a.p.CAConstraint.PathLen
	if a.issuer.PathLen == nil {
		return a.requestedPathLen()
	}
	most := *a.issuer.PathLen - 1
	if a.r.SelfIssued {
		most++ // a self-issued certificate does not count
	}
	if most < 0 {
		return invalid.New("issuer", "the CA has a path length of 0, so it certifies end entities only: choose a root or an intermediate CA")
	}
	if a.pathLen == nil || *a.pathLen > most {
		a.pathLen = &most
		a.decide("path-length", fmt.Sprint(most), "the issuer has a path length of %d", *a.issuer.PathLen)
	}
	return a.requestedPathLen()
}

func (a *application) requestedPathLen() error {
	wanted := a.r.PathLen
	if asked := askedPathLen(a.r.Extensions); wanted == nil && asked != nil && (a.pathLen == nil || *asked < *a.pathLen) {
		wanted = asked // a request for more is for what can be had
	}
	switch {
	case wanted == nil:
		return nil
	case *wanted < 0 || *wanted > 100:
		return invalid.New("pathLength", "the path length lies between 0 and 100")
	case a.pathLen != nil && *wanted > *a.pathLen:
		return invalid.New("pathLength", "a path length of %d is more than can be had here: at most %d", *wanted, *a.pathLen)
	}
	a.pathLen = wanted
	a.decide("path-length", fmt.Sprint(*wanted), "as requested")
	return nil
}

func (a *application) checkKey() error {
	field := "csr"
	if a.r.ServerSideKey {
		field = "keyType"
	}
	switch {
	case len(a.r.PublicKey) == 0:
		return invalid.New(field, "there is no public key")
	case a.r.ServerSideKey && !a.p.ServerSideKeys:
		return invalid.New("profile", "profile %s wants the key made by its owner: send a certificate signing request or choose a PKCS #12 profile", a.p.ID)
	case !a.r.ServerSideKey && !a.p.ClientSideKeys:
		return invalid.New(field, "profile %s makes the key in the service: ask for a PKCS #12 file instead of sending a request", a.p.ID)
	}
	key := keyName(a.r.KeyInfo)
	if len(a.p.KeyAlgorithms) > 0 && !slices.Contains(a.p.KeyAlgorithms, key) {
		return ruled("key_algorithms", invalid.New(field, "profile %s does not take a key of type %s: use %s", a.p.ID, key, strings.Join(a.p.KeyAlgorithms, ", ")))
	}
	who := "its owner"
	if a.r.ServerSideKey {
		who = "the service"
	}
	a.decide("key", key, "made by %s", who)
	return nil
}

// sameName compares with the issuer's name, whose encoding may differ.
func (a *application) sameName() bool {
	if bytes.Equal(a.result.Subject, a.issuer.Subject) {
		return true
	}
	issuer, _, err := name.Existing(a.issuer.Subject)
	return err == nil && issuer.Equal(a.r.Subject)
}
