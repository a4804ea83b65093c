package profile

import (
	"bytes"
	"encoding/asn1"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/pki/san"
)

// These are the limits of requested extensions.
const (
	maxRequested      = 64
	maxExtensionValue = 16 << 10
	maxPurposes       = 32
)

// privilegedPurposes would allow a subscriber to act for the CA or enrol for others. They cannot be requested: the
// profile itself must have them.
var privilegedPurposes = []string{
	ocspSigning, certificateRequestAgent, anyExtendedKeyUsage,
	"1.3.6.1.4.1.311.10.12.1",                                        // any application policy
	"1.3.6.1.5.5.7.3.27", "1.3.6.1.5.5.7.3.28", "1.3.6.1.5.5.7.3.29", // CMC certification, registration, archive
	"1.3.6.1.4.1.311.21.5", "1.3.6.1.4.1.311.21.6", "1.3.6.1.4.1.311.20.1", // CA exchange, key recovery agent, trust lists
	"1.3.6.1.4.1.11129.2.4.4", // precertificates
}

func (a *application) emit(e extension.Extension) {
	a.result.Extensions = append(a.result.Extensions, e)
}

// decideExtensions writes the extensions of the profile, then those of the request that it allows.
func (a *application) decideExtensions() error {
	copied, purposes, err := a.requested()
	if err != nil {
		return err
	}
	a.emit(extension.BasicConstraints(a.p.IsCA(), a.pathLen))
	if err := a.decideKeyUsage(); err != nil {
		return err
	}
	if len(purposes) > 0 {
		a.emit(extension.ExtendedKeyUsage(a.p.ExtendedKeyUsageCritical, purposes...))
	}
	a.emit(extension.SubjectKeyIdentifier(extension.KeyIdentifier(a.r.PublicKey)))
	if !a.p.SelfSigned {
		a.emit(extension.AuthorityKeyIdentifier(a.issuer.SubjectKeyID))
	}
	if len(a.result.SANs) > 0 {
		der := san.MarshalDER(a.result.SANs)
		if der == nil {
			return invalid.New("sans", "The subject alternative names cannot be encoded.")
		}
		a.emit(extension.SubjectAlternativeName(a.r.Subject.IsEmpty(), der))
	}
	a.pointers()
	if len(a.p.CertificatePolicies) > 0 {
		policies := make([]asn1.ObjectIdentifier, len(a.p.CertificatePolicies))
		for i, policy := range a.p.CertificatePolicies {
			policies[i] = mustOID(policy)
		}
		a.emit(extension.CertificatePolicies(policies...))
	}
	if a.p.OCSPNoCheck {
		a.emit(extension.OCSPNoCheck())
	}
	for _, e := range copied {
		a.emit(e)
	}
	return nil
}

// pointers adds the addresses of status information and the issuer. A root has none for itself; the certificate of an
// OCSP signer that is not checked has no status addresses.
func (a *application) pointers() {
	if a.p.SelfSigned {
		return
	}
	ocsp := a.issuer.OCSPURLs
	if a.p.OCSPNoCheck {
		ocsp = nil
	} else if len(a.issuer.CRLURLs) > 0 {
		a.emit(extension.CRLDistributionPoints(a.issuer.CRLURLs...))
		if len(a.issuer.FreshestCRLURLs) > 0 {
			a.emit(extension.FreshestCRL(a.issuer.FreshestCRLURLs...))
		}
	}
	if len(ocsp)+len(a.issuer.CAIssuersURLs) > 0 {
		a.emit(extension.AuthorityInfoAccess(ocsp, a.issuer.CAIssuersURLs))
	}
}

// requested sorts the extensions of the request: allowed ones are copied, purposes merged, and the rest refused or left
// out.
func (a *application) requested() (copied []extension.Extension, purposes []asn1.ObjectIdentifier, err error) {
	for _, usage := range a.p.ExtendedKeyUsages() {
		purposes = append(purposes, mustOID(usage.OID))
	}
	if len(a.r.Extensions) > maxRequested {
		return nil, nil, invalid.New(
			"extensions", "%d extensions are requested, but at most %d are allowed.", len(a.r.Extensions), maxRequested,
		)
	}
	seen := map[string]bool{}
	for n, e := range a.r.Extensions {
		oid := e.ID.String()
		if seen[oid] {
			return nil, nil, invalid.New("extensions", "%s (%s) is requested twice.", UsageName(oid), oid)
		}
		seen[oid] = true
		if len(e.Value) > maxExtensionValue {
			return nil, nil, invalid.New(
				"extensions", "%s (%s) has %d bytes, but at most %d are allowed.", UsageName(oid), oid, len(e.Value), maxExtensionValue,
			)
		}
		rule, allowed := a.p.allowed(oid)
		if !allowed || e.ID.Equal(extension.OIDCertificatePolicies) && len(a.p.CertificatePolicies) > 0 {
			if err := a.notAllowed(e, oid); err != nil {
				return nil, nil, err
			}
			continue
		}
		switch {
		case e.Critical && rule.Critical == CriticalNever:
			return nil, nil, invalid.New("extensions", "%s (%s) must not be critical with profile %s.", UsageName(oid), oid, a.p.ID)
		case !e.Critical && rule.Critical == CriticalAlways:
			return nil, nil, invalid.New("extensions", "%s (%s) must be critical with profile %s.", UsageName(oid), oid, a.p.ID)
		}
		if e.ID.Equal(extension.OIDExtendedKeyUsage) {
			if purposes, err = a.mergePurposes(purposes, e, n < a.r.CSRExtensions); err != nil {
				return nil, nil, err
			}
			continue
		}
		if err := wellFormed(e, oid); err != nil {
			return nil, nil, err
		}
		claimed, err := a.claims(e, oid)
		if err != nil {
			return nil, nil, err
		}
		if claimed && !a.vouched(n < a.r.CSRExtensions) {
			if err := a.unvouched(UsageName(oid), oid); err != nil {
				return nil, nil, err
			}
			continue
		}
		copied = append(copied, e)
		a.decide("extension", UsageName(oid), "Copied from the request, as the profile allows (%s).", oid)
	}
	return copied, purposes, nil
}

// notAllowed refuses or leaves out an extension that may not be requested.
func (a *application) notAllowed(e extension.Extension, oid string) error {
	set := slices.Contains(managed, oid) || e.ID.Equal(extension.OIDExtendedKeyUsage) || e.ID.Equal(
		extension.OIDCertificatePolicies,
	) && len(a.p.CertificatePolicies) > 0
	switch {
	case e.ID.Equal(extension.OIDSubjectAltName):
		return invalid.New("extensions", "Provide subject alternative names separately from the extensions.")
	case set && a.sameAsProfile(e):
		return nil
	case a.p.IsCA() && slices.Contains(limits, oid):
		return invalid.New(
			"extensions",
			"%s (%s) limits the CA that requests it, and profile %s does not allow it. Leave it out or choose another profile.",
			UsageName(oid), oid, a.p.ID,
		)
	case !a.p.IgnoreUnknownExtensions && set:
		return invalid.New(
			"extensions", "%s (%s) is set by profile %s and differs in the request. Leave it out.", UsageName(oid), oid, a.p.ID,
		)
	case !a.p.IgnoreUnknownExtensions:
		return ruled(
			"ignore_unknown_extensions",
			invalid.New(
				"extensions", "Profile %s does not allow the extension %s (%s). Leave it out or choose another profile.", a.p.ID,
				UsageName(oid), oid,
			),
		)
	case set:
		a.decide("extension", "request ignored", "%s (%s) is set by the profile.", UsageName(oid), oid)
	default:
		a.decide("extension", "left out", "The profile does not allow %s (%s).", UsageName(oid), oid)
	}
	return nil
}

// limits are extensions with which a CA asks for less than it could have. Leaving one out would give it more than
// requested, so it is either copied or the request refused.
var limits = []string{"2.5.29.30", "2.5.29.36", "2.5.29.54"} // name constraints, policy constraints, inhibitAnyPolicy

// LimitsOf returns the extensions with which a CA limits itself: path length, names and policies.
func LimitsOf(extensions []extension.Extension) []extension.Extension {
	return slices.DeleteFunc(slices.Clone(extensions), func(e extension.Extension) bool {
		return !e.ID.Equal(extension.OIDBasicConstraints) && !slices.Contains(limits, e.ID.String())
	})
}

// askedPathLen returns the path length constraint in requested basic constraints (RFC 5280 4.2.1.9), or nil.
func askedPathLen(extensions []extension.Extension) *int {
	for _, e := range extensions {
		value := cryptobyte.String(e.Value)
		var constraints cryptobyte.String
		var isCA bool
		var length int
		if e.ID.Equal(extension.OIDBasicConstraints) && value.ReadASN1(&constraints, cbasn1.SEQUENCE) &&
			constraints.ReadASN1Boolean(&isCA) && isCA && constraints.ReadASN1Integer(&length) && length >= 0 {
			return &length
		}
	}
	return nil
}

// sameAsProfile tells whether the request asks for what it gets anyway.
func (a *application) sameAsProfile(e extension.Extension) bool {
	switch {
	case e.ID.Equal(extension.OIDBasicConstraints):
		return bytes.Equal(e.Value, extension.BasicConstraints(a.p.IsCA(), a.pathLen).Value)
	case e.ID.Equal(extension.OIDSubjectKeyIdentifier):
		return true // only a hint: the identifier is derived from the key
	case e.ID.Equal(extension.OIDKeyUsage):
		bits, ok := readKeyUsage(e.Value)
		return ok && bits&^a.p.keyUsageBits() == 0
	case e.ID.Equal(extension.OIDExtendedKeyUsage):
		wanted, ok := readPurposes(e.Value)
		return ok && !slices.ContainsFunc(
			wanted, func(oid asn1.ObjectIdentifier) bool { return !slices.Contains(a.p.Usages, oid.String()) },
		)
	}
	return false
}

func readKeyUsage(der []byte) (bits uint16, ok bool) {
	input := cryptobyte.String(der)
	var value asn1.BitString
	if !input.ReadASN1BitString(&value) || !input.Empty() {
		return 0, false
	}
	for n := range 9 {
		if value.At(n) == 1 {
			bits |= 1 << n
		}
	}
	return bits, true
}

func readPurposes(der []byte) ([]asn1.ObjectIdentifier, bool) {
	input := cryptobyte.String(der)
	var list cryptobyte.String
	var purposes []asn1.ObjectIdentifier
	if !input.ReadASN1(&list, cbasn1.SEQUENCE) || !input.Empty() || list.Empty() {
		return nil, false
	}
	for !list.Empty() {
		var oid asn1.ObjectIdentifier
		if len(purposes) == maxPurposes || !list.ReadASN1ObjectIdentifier(&oid) {
			return nil, false
		}
		purposes = append(purposes, oid)
	}
	return purposes, true
}

func (a *application) mergePurposes(
	purposes []asn1.ObjectIdentifier, e extension.Extension, fromCSR bool,
) ([]asn1.ObjectIdentifier, error) {
	wanted, ok := readPurposes(e.Value)
	if !ok {
		return nil, invalid.New(
			"extensions", "The requested extended key usage is not a list of 1 to %d object identifiers (RFC 5280 4.2.1.12).", maxPurposes,
		)
	}
	for _, oid := range wanted {
		text := oid.String()
		if slices.ContainsFunc(purposes, oid.Equal) {
			continue
		}
		if slices.Contains(privilegedPurposes, text) {
			return nil, invalid.New(
				"extensions", "The extended key usage %s (%s) cannot be requested. Only a profile can add it.", UsageName(text), text,
			)
		}
		if !slices.Contains(harmlessPurposes, text) && !a.vouched(fromCSR) {
			if err := a.unvouched(UsageName(text), text); err != nil {
				return nil, err
			}
			continue
		}
		purposes = append(purposes, oid)
		a.decide("extended-key-usage", UsageName(text), "From the request, as the profile allows.")
	}
	return purposes, nil
}

// wellFormed refuses malformed DER, because relying parties would refuse the whole certificate. It also refuses
// duplicate certificate policies (RFC 5280 4.2.1.4).
func wellFormed(e extension.Extension, oid string) error {
	input := cryptobyte.String(e.Value)
	if !skipElement(&input, 0) || !input.Empty() {
		return invalid.New("extensions", "The value of %s (%s) is not valid DER.", UsageName(oid), oid)
	}
	if e.ID.Equal(extension.OIDNameConstraints) {
		if _, err := nameconstraint.FromExtensions([]extension.Extension{e}); err != nil {
			refusal := invalid.New("extensions", "The requested name constraints cannot be used: %s", invalid.Reason(err))
			refusal.Rule = nameconstraint.Rule
			return refusal
		}
	}
	if !e.ID.Equal(extension.OIDCertificatePolicies) {
		return nil
	}
	if _, ok := extension.ReadPolicies(e.Value); !ok {
		return invalid.New("extensions", "The requested certificate policies are not a list of distinct policies (RFC 5280 4.2.1.4).")
	}
	return nil
}

// skipElement reads one DER element with its contents.
func skipElement(input *cryptobyte.String, depth int) bool {
	const deepest = 16
	var content cryptobyte.String
	var tag cbasn1.Tag
	if depth > deepest || !input.ReadAnyASN1(&content, &tag) {
		return false
	}
	if tag&0x20 == 0 { // primitive
		return true
	}
	for !content.Empty() {
		if !skipElement(&content, depth+1) {
			return false
		}
	}
	return true
}
