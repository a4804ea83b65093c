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

// Request is a request for a certificate.
type Request struct {
	Subject name.Name
	SANs    []san.GeneralName
	// PublicKey is a SubjectPublicKeyInfo with proven possession. KeyInfo is the result of algorithm.InspectPublicKey.
	PublicKey []byte
	KeyInfo   algorithm.PublicKeyInfo
	// Extensions are the requested extensions without the subject alternative name.
	Extensions []extension.Extension
	// NotBefore and NotAfter are nil if the request leaves them to the profile.
	NotBefore, NotAfter *time.Time
	// MaxValidity limits the validity, whatever the profile allows; 0 is no limit.
	MaxValidity time.Duration
	// ServerSideKey is true if the service generated the key.
	ServerSideKey bool
	// PathLen is the path length constraint that a CA requests; nil = what profile and issuer allow.
	PathLen *int
	// CSRExtensions is the number of leading Extensions that come only from the CSR. CSRNames is the same for SANs.
	CSRExtensions int
	CSRNames      []san.GeneralName
	// CSRLimits are the LimitsOf the CSR, if its other extensions are replaced.
	CSRLimits []extension.Extension
	// Vouched is who vouches for claims about identity.
	Vouched Voucher
	// LeaveNothingOut refuses what would otherwise be omitted.
	LeaveNothingOut bool
	// SelfIssued: the certificate is for another key of the issuer itself (RFC 5280 3.2, RFC 4210 4.4), so the subject
	// is the issuer's name.
	SelfIssued bool
}

// Issuer is what Apply needs to know about the CA. For a root it is the root itself.
type Issuer struct {
	CAType string
	// Subject is the DER of the issuer's name, byte for byte as in its certificate.
	Subject []byte
	// SubjectKeyID is the issuer's subject key identifier, which becomes the authority key identifier.
	SubjectKeyID []byte
	// NotBefore and NotAfter of the issuer's certificate; zero = unknown.
	NotBefore, NotAfter time.Time
	// PathLen is the issuer's own path length constraint; nil = none.
	PathLen *int
	// An empty list means that the service is disabled.
	CRLURLs, OCSPURLs, CAIssuersURLs []string
	// Where delta CRLs are; empty = none.
	FreshestCRLURLs []string
}

// Decision is one step in the explanation of a certificate's content.
type Decision struct {
	// Rule is the rule that decided, e.g. "validity".
	Rule string `json:"rule"`
	// Outcome is the result, e.g. "P1Y".
	Outcome string `json:"outcome"`
	// Detail is the reason, as a sentence.
	Detail string `json:"detail"`
}

// Result is the content of a certificate except for serial number, issuer and signature.
type Result struct {
	// Subject is DER.
	Subject []byte
	// NotBefore and NotAfter are UTC in whole seconds, both inclusive (RFC 5280 4.1.2.5).
	NotBefore, NotAfter time.Time
	PublicKey           []byte
	Extensions          []extension.Extension
	SANs                []san.GeneralName
	Decisions           []Decision
}

// Apply turns a request into the content of a certificate. It is a pure function: the same arguments give the same
// result. skew is how far the default notBefore is before now, for relying parties with slow clocks. A refusal is an
// *invalid.Error that names the field and what to do.
func (p *Profile) Apply(r Request, issuer Issuer, now time.Time, skew time.Duration) (*Result, error) {
	result, _, err := p.Explain(r, issuer, now, skew)
	return result, err
}

// Explain is Apply, but for a refusal it also returns the decisions made up to that point.
func (p *Profile) Explain(r Request, issuer Issuer, now time.Time, skew time.Duration) (*Result, []Decision, error) {
	a := &application{p: p, r: r, issuer: issuer, now: now.UTC(), skew: skew, result: &Result{PublicKey: r.PublicKey}}
	a.decide("profile", p.ID, "%s", p.Name)
	for _, step := range []struct {
		rule string
		run  func() error
	}{
		{"issuer", a.checkIssuer}, {"key", a.checkKey}, {"names", a.decideNames}, {"validity", a.decideValidity},
		{"extensions", a.decideExtensions},
	} {
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
	// pathLen is the path length constraint to write, or nil.
	pathLen *int
}

func (a *application) decide(rule, outcome, format string, args ...any) {
	a.result.Decisions = append(a.result.Decisions, Decision{rule, outcome, fmt.Sprintf(format, args...)})
}

func (a *application) checkIssuer() error {
	if !slices.Contains(a.p.AllowedCATypes, a.issuer.CAType) {
		return invalid.New(
			"profile", "Profile %s is for a CA of type %s, not %s. Choose another profile or CA.", a.p.ID,
			strings.Join(a.p.AllowedCATypes, " or "), a.issuer.CAType,
		)
	}
	if a.p.SelfSigned {
		a.pathLen = a.p.CAConstraint.PathLen
		return a.requestedPathLen()
	}
	if len(a.issuer.SubjectKeyID) == 0 || len(a.issuer.Subject) == 0 {
		return invalid.New("issuer", "The CA has no certificate yet. Wait until it is active.")
	}
	if !a.issuer.NotAfter.IsZero() && !a.now.Before(a.issuer.NotAfter) {
		return invalid.New("issuer", "The CA expired on %s. Renew it or choose another.", at(a.issuer.NotAfter))
	}
	if a.now.Before(a.issuer.NotBefore) {
		return invalid.New("issuer", "The CA is not valid before %s.", at(a.issuer.NotBefore))
	}
	if a.p.IsCA() {
		return a.decidePathLen()
	}
	return nil
}

// decidePathLen applies RFC 5280 4.2.1.9: below a CA with a path length constraint of n, there may be at most n levels
// of CAs.
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
		return invalid.New(
			"issuer", "The CA has a path length of 0, so it can only certify end entities. Choose a root or an intermediate CA.",
		)
	}
	if a.pathLen == nil || *a.pathLen > most {
		a.pathLen = &most
		a.decide("path-length", fmt.Sprint(most), "The issuer has a path length of %d.", *a.issuer.PathLen)
	}
	return a.requestedPathLen()
}

func (a *application) requestedPathLen() error {
	wanted := a.r.PathLen
	if asked := askedPathLen(a.r.Extensions); wanted == nil && asked != nil && (a.pathLen == nil || *asked < *a.pathLen) {
		wanted = asked // a CSR that asks for more gets what is possible
	}
	switch {
	case wanted == nil:
		return nil
	case *wanted < 0 || *wanted > 100:
		return invalid.New("pathLength", "The path length must be 0 to 100.")
	case a.pathLen != nil && *wanted > *a.pathLen:
		return invalid.New("pathLength", "The path length %d is too large. At most %d is possible here.", *wanted, *a.pathLen)
	}
	a.pathLen = wanted
	a.decide("path-length", fmt.Sprint(*wanted), "As requested.")
	return nil
}

func (a *application) checkKey() error {
	field := "csr"
	if a.r.ServerSideKey {
		field = "keyType"
	}
	switch {
	case len(a.r.PublicKey) == 0:
		return invalid.New(field, "There is no public key.")
	case a.r.ServerSideKey && !a.p.ServerSideKeys:
		return invalid.New(
			"profile",
			"Profile %s requires the owner to generate the key. Send a certificate signing request or choose a PKCS #12 profile.", a.p.ID,
		)
	case !a.r.ServerSideKey && !a.p.ClientSideKeys:
		return invalid.New(
			field,
			"With profile %s, the service generates the key. Request a PKCS #12 file instead of sending a certificate signing request.",
			a.p.ID,
		)
	}
	key := keyName(a.r.KeyInfo)
	if len(a.p.KeyAlgorithms) > 0 && !slices.Contains(a.p.KeyAlgorithms, key) {
		return ruled(
			"key_algorithms",
			invalid.New(field, "Profile %s does not allow keys of type %s. Use %s.", a.p.ID, key, strings.Join(a.p.KeyAlgorithms, ", ")),
		)
	}
	who := "its owner"
	if a.r.ServerSideKey {
		who = "the service"
	}
	a.decide("key", key, "Generated by %s.", who)
	return nil
}

// sameName compares the subject with the issuer's name, whose encoding may differ.
func (a *application) sameName() bool {
	if bytes.Equal(a.result.Subject, a.issuer.Subject) {
		return true
	}
	issuer, _, err := name.Existing(a.issuer.Subject)
	return err == nil && issuer.Equal(a.r.Subject)
}
