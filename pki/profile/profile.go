// Package profile defines what a certificate may contain. A profile is a named set of rules in JSON. Apply turns a
// request into the exact fields of a certificate, with a reason for each decision, or refuses it with a reason.
package profile

import (
	"encoding/json"
	"slices"

	"github.com/pkiaas/pkiaas/pki/san"
)

// These are the kinds of profiles.
const (
	// Authority profiles are for CAs and their OCSP signers. Nobody can clone or change them.
	Authority = "AUTHORITY"
	// Subscriber profiles are for end entities.
	Subscriber = "SUBSCRIBER"
)

// These are the types of certification authorities that a profile can allow.
const (
	CATypeRoot         = "ROOT"
	CATypeExternalRoot = "EXTERNAL_ROOT"
	CATypeIntermediate = "INTERMEDIATE"
	CATypeIssuing      = "ISSUING"
)

// Profile is a certificate profile. schema.json describes its JSON. Parse creates and checks one.
type Profile struct {
	// ID and Group are 2 to 64 of a-z 0-9 and hyphen.
	ID    string
	Name  string
	Group string
	// Kind is Authority or Subscriber.
	Kind        string
	Description string
	// AllowedCATypes are the types of issuer, at least one. JSON may also use their names in Entrust's PKIaaS guide,
	// see caTypes.
	AllowedCATypes []string
	// ValidityPeriod is an ISO 8601 duration such as P1Y, used if the request names no end.
	ValidityPeriod string
	// MaxValidityPeriod limits what a request may name; "" = only the issuer's own expiry limits it.
	MaxValidityPeriod string
	// Usages are OIDs of extended key usages, and key usages as 2.5.29.15.n for bit n; see KeyUsages.
	Usages []string
	// ExtendedKeyUsageCritical marks the extension critical, as RFC 3161 2.3 requires for time stamping.
	ExtendedKeyUsageCritical bool
	// AllowedExtensions are copied from a request.
	AllowedExtensions []AllowedExtension
	// IgnoreUnknownExtensions leaves out other extensions of a request. Otherwise the request is refused.
	IgnoreUnknownExtensions bool
	// IdentityClaimsFrom are the sources accepted for allowed extensions that say who the subject is, see Source. Parse
	// sets it to Person if not given.
	IdentityClaimsFrom []Source
	// CAConstraint is nil for end entities.
	CAConstraint *CAConstraint
	// SelfSigned is true only for roots: subject and issuer are the same.
	SelfSigned bool
	// ServerSideKeys allows the server to generate the key and hand it out in a PKCS #12 file.
	ServerSideKeys bool
	// ClientSideKeys allows a subscriber to send a CSR. At least one of the two is true.
	ClientSideKeys bool
	// KeyAlgorithms are names of subscriber keys, see KeyAlgorithmNames; empty = any key of sufficient strength.
	KeyAlgorithms []string
	// CopiesCommonNameToSAN adds each common name of the subject as a DNS name or IP address.
	CopiesCommonNameToSAN bool
	// RequiredSANTypes requires a name of at least one of these types; empty = none required.
	RequiredSANTypes []san.Type
	// CertificatePolicies are OIDs that every certificate of the profile asserts (RFC 5280 4.2.1.4).
	CertificatePolicies []string
	// OCSPNoCheck adds id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1).
	OCSPNoCheck bool
	// SubjectRules limit the attributes of the subject, each type once; empty = no limits.
	SubjectRules []SubjectRule
	// OtherSubjectAttributes is Allowed or Forbidden; "" = Allowed.
	OtherSubjectAttributes string
	// SANRules are the allowed subject alternative names, each type once; nil = all, empty = none.
	SANRules []SANRule
}

// CAConstraint is the content of basic constraints (RFC 5280 4.2.1.9).
type CAConstraint struct {
	IsCA bool `json:"cA"`
	// PathLen is how many levels of CAs may be below; nil = as many as the issuer allows.
	PathLen *int `json:"pathLenConstraint,omitempty"`
}

// These are the rules for the critical flag of a requested extension.
const (
	CriticalNever    = "NEVER"
	CriticalOptional = "OPTIONAL"
	CriticalAlways   = "ALWAYS"
)

// AllowedExtension is an extension that may be requested. In JSON it is its OID alone, which means CriticalNever, or an
// object with both members.
type AllowedExtension struct {
	OID      string
	Critical string
}

// MarshalJSON writes the short form if possible.
func (a AllowedExtension) MarshalJSON() ([]byte, error) {
	if a.Critical == CriticalNever {
		return json.Marshal(a.OID)
	}
	return json.Marshal(allowedExtensionJSON{a.OID, a.Critical})
}

type allowedExtensionJSON struct {
	OID      string `json:"oid"`
	Critical string `json:"critical"`
}

// IsCA tells whether certificates of the profile may sign others.
func (p *Profile) IsCA() bool { return p.CAConstraint != nil && p.CAConstraint.IsCA }

// Selectable tells whether a CA can be given the profile to issue under it on request: every subscriber profile, and
// those of CAs below it, which may be operated elsewhere. The service uses the others itself.
func (p *Profile) Selectable() bool { return p.Kind == Subscriber || p.IsCA() && !p.SelfSigned }

func (p *Profile) allowed(oid string) (AllowedExtension, bool) {
	i := slices.IndexFunc(p.AllowedExtensions, func(a AllowedExtension) bool { return a.OID == oid })
	if i < 0 {
		return AllowedExtension{}, false
	}
	return p.AllowedExtensions[i], true
}

// document is the JSON of a profile, with nil for members that have a default.
type document struct {
	ID                       string             `json:"id"`
	Name                     string             `json:"name"`
	Group                    string             `json:"group"`
	Kind                     string             `json:"kind"`
	Description              string             `json:"description,omitempty"`
	AllowedCATypes           []string           `json:"allowedCATypes"`
	ValidityPeriod           string             `json:"validity_period"`
	MaxValidityPeriod        string             `json:"max_validity_period,omitempty"`
	Usages                   []string           `json:"usages"`
	ExtendedKeyUsageCritical bool               `json:"extended_key_usage_critical,omitempty"`
	AllowedExtensions        []AllowedExtension `json:"allowed_extensions"`
	IgnoreUnknownExtensions  *bool              `json:"ignore_unknown_extensions,omitempty"`
	IdentityClaimsFrom       []Source           `json:"identity_claims_from,omitzero"`
	CAConstraint             *CAConstraint      `json:"ca_constraint,omitempty"`
	SelfSigned               bool               `json:"self_signed,omitempty"`
	ServerSideKeys           bool               `json:"server_side_keys,omitempty"`
	ClientSideKeys           *bool              `json:"client_side_keys,omitempty"`
	KeyAlgorithms            []string           `json:"key_algorithms,omitempty"`
	CopiesCommonNameToSAN    bool               `json:"fill_san_dns_with_cn,omitempty"`
	RequiredSANTypes         []san.Type         `json:"required_san_types,omitempty"`
	CertificatePolicies      []string           `json:"certificate_policies,omitempty"`
	OCSPNoCheck              bool               `json:"ocsp_no_check,omitempty"`
	SubjectRules             []SubjectRule      `json:"subject_rules,omitempty"`
	OtherSubjectAttributes   string             `json:"other_subject_attributes,omitempty"`
	SANRules                 []SANRule          `json:"san_rules,omitzero"`
}

// JSON returns the profile in the form that Parse reads, indented, with all defaults written out.
func (p *Profile) JSON() []byte {
	text, err := json.MarshalIndent(document{
		ID: p.ID, Name: p.Name, Group: p.Group, Kind: p.Kind, Description: p.Description,
		AllowedCATypes: p.AllowedCATypes, ValidityPeriod: p.ValidityPeriod, MaxValidityPeriod: p.MaxValidityPeriod,
		Usages: nonNil(p.Usages), ExtendedKeyUsageCritical: p.ExtendedKeyUsageCritical,
		AllowedExtensions: nonNil(p.AllowedExtensions), IgnoreUnknownExtensions: &p.IgnoreUnknownExtensions,
		IdentityClaimsFrom: nonNil(p.IdentityClaimsFrom),
		CAConstraint:       p.CAConstraint, SelfSigned: p.SelfSigned, ServerSideKeys: p.ServerSideKeys, ClientSideKeys: &p.ClientSideKeys,
		KeyAlgorithms: p.KeyAlgorithms, CopiesCommonNameToSAN: p.CopiesCommonNameToSAN, RequiredSANTypes: p.RequiredSANTypes,
		CertificatePolicies: p.CertificatePolicies, OCSPNoCheck: p.OCSPNoCheck, SubjectRules: p.SubjectRules,
		OtherSubjectAttributes: p.OtherSubjectAttributes, SANRules: p.SANRules,
	}, "", "  ")
	if err != nil {
		panic(err) // strings, booleans and slices of them always marshal
	}
	return text
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
