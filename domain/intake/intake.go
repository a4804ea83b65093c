// Package intake reads requests for certificates as people and programs write them, into the facts that package enrollment takes: PEM and
// base64, RFC 4514 names, dotted object identifiers. It decides nothing.
package intake

import (
	"encoding/asn1"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/csr"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
)

// AlternativeName is a subject alternative name as the caller wrote it.
type AlternativeName struct {
	Type  san.Type
	Value string
}

// GivenExtension is an extension as the caller wrote it; Value is DER.
type GivenExtension struct {
	OID      string
	Critical bool
	Value    []byte
}

// Text is a request as it was written. Its fields are also what releases before kept of a request that waited, as JSON: see Kept.
type Text struct {
	CAID       string
	ProfileID  string
	CSR        string            // PKCS #10, PEM or base64 DER
	Subject    *string           // nil: as in the CSR
	SANs       []AlternativeName // with SANsGiven
	SANsGiven  bool              // false: as in the CSR
	NotBefore  *time.Time        `json:",omitzero"`
	NotAfter   *time.Time
	Extensions []GivenExtension // beside those of the CSR
	EndEntity  string
	// Explicit: only what is asked for beside the CSR counts, and of the CSR its key; its subject where none is given, its names with
	// SANsFromCSR. What the profile would leave out is refused, and what the CA does not cover is cut to the CA.
	Explicit    bool `json:",omitzero"`
	SANsFromCSR bool `json:",omitzero"` // with Explicit: added to SANs
}

// Request asks for a certificate for the key of the CSR.
func (t Text) Request() enrollment.Request { return t.request(t.facts) }

// WithoutKey asks for a certificate for a key that is still to be made. A CSR is read for what is taken from it only.
func (t Text) WithoutKey() enrollment.Request { return t.request(t.factsWithoutKey) }

func (t Text) request(read func() (enrollment.Facts, error)) enrollment.Request {
	return enrollment.Request{CAID: t.CAID, ProfileID: t.ProfileID, EndEntity: t.EndEntity, Read: read}
}

func (t Text) facts() (enrollment.Facts, error) {
	parsed, err := csr.ParseWithout(
		[]byte(t.CSR),
		csr.Replaced{Subject: t.Subject != nil, SANs: t.SANsGiven || t.Explicit && !t.SANsFromCSR, Extensions: t.Explicit},
	)
	if err != nil {
		return enrollment.Facts{}, err
	}
	return t.Of(parsed)
}

// Of are the facts for a CSR that was read before.
func (t Text) Of(parsed *csr.Request) (enrollment.Facts, error) {
	f := enrollment.Facts{
		Subject:         parsed.Subject,
		SANs:            parsed.SANs,
		PublicKey:       parsed.PublicKey,
		KeyInfo:         parsed.KeyInfo,
		Proof:           enrollment.PKCS10,
		Extensions:      parsed.Extensions,
		NotBefore:       t.NotBefore,
		NotAfter:        t.NotAfter,
		LeaveNothingOut: t.Explicit,
		WithinCA:        t.Explicit,
	}
	if t.Explicit {
		f.Limits, f.Extensions = profile.LimitsOf(parsed.Extensions), nil
		if !t.SANsFromCSR {
			f.SANs = nil
		}
	}
	f.OwnExtensions, f.OwnNames = len(f.Extensions), f.SANs
	var err error
	if f.Extensions, err = t.given(f.Extensions); err != nil {
		return f, err
	}
	if t.Subject != nil {
		if f.Subject, err = name.Parse(*t.Subject); err != nil {
			return f, err
		}
	}
	if !t.SANsGiven && !t.Explicit {
		return f, nil
	}
	names, err := t.names()
	if err != nil {
		return f, err
	}
	own := f.SANs
	f.SANs, f.OwnNames = names, without(own, names)
	if t.Explicit {
		f.SANs = append(names, own...)
	}
	return f, nil
}

func (t Text) factsWithoutKey() (f enrollment.Facts, err error) {
	f = enrollment.Facts{NotBefore: t.NotBefore, NotAfter: t.NotAfter, LeaveNothingOut: t.Explicit, WithinCA: t.Explicit}
	if t.Subject != nil {
		if f.Subject, err = name.Parse(*t.Subject); err != nil {
			return f, err
		}
	}
	if f.SANs, err = t.names(); err != nil {
		return f, err
	}
	if t.CSR != "" && (f.Subject.IsEmpty() || t.SANsFromCSR) { // what is not used is not judged
		parsed, err := csr.Parse([]byte(t.CSR))
		if err != nil {
			return f, err
		}
		if f.Subject.IsEmpty() {
			f.Subject = parsed.Subject
		}
		if t.SANsFromCSR {
			f.OwnNames = without(parsed.SANs, f.SANs)
			f.SANs = append(f.SANs, parsed.SANs...)
		}
	}
	f.Extensions, err = t.given(nil)
	return f, err
}

// without are those of list that others do not have.
func without(list, others []san.GeneralName) []san.GeneralName {
	return slices.DeleteFunc(slices.Clone(list), func(g san.GeneralName) bool { return slices.Contains(others, g) })
}

// given are the extensions that were written, after those of the CSR.
func (t Text) given(own []extension.Extension) ([]extension.Extension, error) {
	for n, g := range t.Extensions {
		e, err := g.parse("extensions[" + strconv.Itoa(n) + "]")
		if err != nil {
			return nil, err
		}
		own = append(own, e)
	}
	return own, nil
}

func (t Text) names() ([]san.GeneralName, error) {
	if len(t.SANs) > 100 {
		return nil, fault.New(fault.Invalid, "at most 100 subject alternative names").At("subjectAlternativeNames")
	}
	names := make([]san.GeneralName, 0, len(t.SANs))
	for n, g := range t.SANs {
		parsed, err := san.Parse(g.Type, g.Value, "subjectAlternativeNames["+strconv.Itoa(n)+"]")
		if err != nil {
			return nil, err
		}
		names = append(names, parsed)
	}
	return names, nil
}

func (g GivenExtension) parse(field string) (extension.Extension, error) {
	oid, value := g.OID, g.Value
	var id asn1.ObjectIdentifier
	for _, arc := range strings.Split(oid, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil || n < 0 || len(id) > 20 {
			return extension.Extension{}, fault.New(fault.Invalid, "%s is not an object identifier", text.Quote(oid)).At(field + ".oid")
		}
		id = append(id, n)
	}
	if len(id) < 2 || id[0] > 2 || id[0] < 2 && id[1] > 39 {
		return extension.Extension{}, fault.New(fault.Invalid, "%s is not an object identifier", text.Quote(oid)).At(field + ".oid")
	}
	if len(value) == 0 || len(value) > 16<<10 {
		return extension.Extension{}, fault.New(fault.Invalid, "the value of an extension has 1 to 16384 bytes of DER").At(field + ".value")
	}
	var raw asn1.RawValue
	if rest, err := asn1.Unmarshal(value, &raw); err != nil || len(rest) > 0 {
		return extension.Extension{}, fault.New(fault.Invalid, "the value of the extension is not one DER element").At(field + ".value")
	}
	return extension.Extension{ID: id, Critical: g.Critical, Value: value}, nil
}
