// Package profile says what a certificate may be: a profile is a named set of rules in JSON, and Apply turns a request
// into the exact fields of a certificate, with a reason for each decision, or refuses it with one.
package profile

import (
	"encoding/json"
	"slices"

	"github.com/pkiaas/pkiaas/pki/san"
)

// Kinds of profiles.
const (
	// Authority profiles are for CAs and their helpers; nobody can clone or change them.
	Authority = "AUTHORITY"
	// Subscriber profiles are for end entities.
	Subscriber = "SUBSCRIBER"
)

// Types of certification authorities that a profile can allow.
const (
	CATypeRoot         = "ROOT"
	CATypeExternalRoot = "EXTERNAL_ROOT"
	CATypeIntermediate = "INTERMEDIATE"
	CATypeIssuing      = "ISSUING"
)

// Profile is a certificate profile. Its JSON is described by schema.json; Parse makes and checks one.
type Profile struct {
	// ID and Group are 2 to 64 of a-z 0-9 and hyphen.
	ID    string
	Name  string
	Group string
	// Kind is Authority or Subscriber.
	Kind        string
	Description string
	// AllowedCATypes are the types of issuer, at least one.
	AllowedCATypes []string
	// ValidityPeriod is an ISO 8601 duration such as P1Y: what a certificate gets when the request names no end.
	ValidityPeriod string
	// MaxValidityPeriod bounds what a request may name; "" = only the issuer's own end does.
	MaxValidityPeriod string
	// Usages are OIDs of extended key usages, and key usages as 2.5.29.15.n for bit n; see KeyUsages.
	Usages []string
	// ExtendedKeyUsageCritical marks the extension critical, as RFC 3161 2.3 wants for time stamping.
	ExtendedKeyUsageCritical bool
	// AllowedExtensions may be brought by a request and are copied.
	AllowedExtensions []AllowedExtension
	// IgnoreUnknownExtensions leaves out other extensions of a request; false refuses the request.
	IgnoreUnknownExtensions bool
	// CAConstraint is nil for end entities.
	CAConstraint *CAConstraint
	// SelfSigned is true only for roots: subject and issuer are one.
	SelfSigned bool
	// ServerSideKeys lets the server make the key and hand it out in a PKCS #12 file.
	ServerSideKeys bool
	// ClientSideKeys lets a subscriber bring a CSR. At least one of the two is true.
	ClientSideKeys bool
	// KeyAlgorithms are names of subscriber keys, see KeyAlgorithmNames; empty = any key that is strong enough.
	KeyAlgorithms []string
	// CopiesCommonNameToSAN adds each common name of the subject as a DNS name or IP address.
	CopiesCommonNameToSAN bool
	// RequiredSANTypes: the certificate must have a name of at least one of them; empty = none needed.
	RequiredSANTypes []san.Type
	// CertificatePolicies are OIDs that every certificate of the profile asserts (RFC 5280 4.2.1.4).
	CertificatePolicies []string
	// OCSPNoCheck adds id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1).
	OCSPNoCheck bool
	// SubjectRules limit the attributes of the subject, each type once; empty = none is limited.
	SubjectRules []SubjectRule
	// OtherSubjectAttributes is Allowed or Forbidden; "" = Allowed.
	OtherSubjectAttributes string
	// SANRules are the subject alternative names that are allowed, each type once; nil = all, empty = none.
	SANRules []SANRule
}

// CAConstraint is the content of basic constraints (RFC 5280 4.2.1.9).
type CAConstraint struct {
	IsCA bool `json:"cA"`
	// PathLen is how many CAs may stand below; nil = as many as the issuer allows.
	PathLen *int `json:"pathLenConstraint,omitempty"`
}

// Rules for the critical flag of an extension that a request brings.
const (
	CriticalNever    = "NEVER"
	CriticalOptional = "OPTIONAL"
	CriticalAlways   = "ALWAYS"
)

// AllowedExtension is an extension that a request may bring. In JSON it is its OID alone, which means CriticalNever,
// or an object with both members.
type AllowedExtension struct {
	OID      string
	Critical string
}

// MarshalJSON writes the short form where it says the same.
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

// Selectable tells whether a CA can be given the profile, to issue under it on request: every subscriber profile, and those
// of CAs below it, which may be run elsewhere. The others are used by the service itself.
func (p *Profile) Selectable() bool { return p.Kind == Subscriber || p.IsCA() && !p.SelfSigned }

func (p *Profile) allowed(oid string) (AllowedExtension, bool) {
	i := slices.IndexFunc(p.AllowedExtensions, func(a AllowedExtension) bool { return a.OID == oid })
	if i < 0 {
		return AllowedExtension{}, false
	}
	return p.AllowedExtensions[i], true
}

// document is the JSON of a profile, with nil for what has a default.
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

// JSON is the profile as Parse reads it, indented, with every default written out.
func (p *Profile) JSON() []byte {
	text, err := json.MarshalIndent(document{
		ID: p.ID, Name: p.Name, Group: p.Group, Kind: p.Kind, Description: p.Description,
		AllowedCATypes: p.AllowedCATypes, ValidityPeriod: p.ValidityPeriod, MaxValidityPeriod: p.MaxValidityPeriod,
		Usages: nonNil(p.Usages), ExtendedKeyUsageCritical: p.ExtendedKeyUsageCritical,
		AllowedExtensions: nonNil(p.AllowedExtensions), IgnoreUnknownExtensions: &p.IgnoreUnknownExtensions,
		CAConstraint: p.CAConstraint, SelfSigned: p.SelfSigned, ServerSideKeys: p.ServerSideKeys, ClientSideKeys: &p.ClientSideKeys,
		KeyAlgorithms: p.KeyAlgorithms, CopiesCommonNameToSAN: p.CopiesCommonNameToSAN, RequiredSANTypes: p.RequiredSANTypes,
		CertificatePolicies: p.CertificatePolicies, OCSPNoCheck: p.OCSPNoCheck, SubjectRules: p.SubjectRules, OtherSubjectAttributes: p.OtherSubjectAttributes, SANRules: p.SANRules,
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
