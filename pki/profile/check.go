package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

// Bounds of a profile.
const (
	MaxLength      = 64 << 10
	maxName        = 128
	maxDescription = 2000
	maxList        = 64
)

var identifier = regexp.MustCompile(`^[a-z0-9-]{2,64}$`)

// managed are extensions that the profile engine writes itself, so a profile cannot hand them to the request.
var managed = []string{"2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.31", "2.5.29.35", "1.3.6.1.5.5.7.1.1"}

// authorityOnly are extensions that belong in CA certificates only (RFC 5280 4.2.1.5, 4.2.1.10, 4.2.1.11, 4.2.1.14).
var authorityOnly = []string{"2.5.29.30", "2.5.29.33", "2.5.29.36", "2.5.29.54"}

// check runs every group of rules and returns the first refusal of each.
func (p *Profile) check() []error {
	var problems []error
	for _, step := range []func() error{p.checkHead, p.checkCATypes, p.checkValidity, p.checkUsages, p.checkExtensions, p.checkClaims, p.checkAuthority, p.checkNames, p.checkSubjectRules, p.checkSANRules, p.checkKeys} {
		if err := step(); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func (p *Profile) checkHead() error {
	switch {
	case !identifier.MatchString(p.ID):
		return invalid.New("id", "must be 2 to 64 of lower-case letters, digits and hyphen")
	case !identifier.MatchString(p.Group):
		return invalid.New("group", "must be 2 to 64 of lower-case letters, digits and hyphen")
	case p.Kind != Authority && p.Kind != Subscriber:
		return invalid.New("kind", "must be AUTHORITY or SUBSCRIBER")
	}
	if err := checkText("name", p.Name, maxName); err != nil {
		return err
	}
	if p.Name == "" {
		return invalid.New("name", "is missing")
	}
	return checkText("description", p.Description, maxDescription)
}

func checkText(field, text string, most int) error {
	if n := utf8.RuneCountInString(text); n > most {
		return invalid.New(field, "has %d characters, at most %d are allowed", n, most)
	}
	if reason := name.UnsafeText(text); reason != "" {
		return invalid.New(field, "%s", reason)
	}
	return nil
}

// checkList refuses long lists and entries that stand twice.
func checkList[T comparable](field string, list []T) error {
	if len(list) > maxList {
		return invalid.New(field, "has %d entries, at most %d are allowed", len(list), maxList)
	}
	seen := map[T]bool{}
	for i, one := range list {
		if seen[one] {
			return invalid.New(fmt.Sprintf("%s[%d]", field, i), "stands twice")
		}
		seen[one] = true
	}
	return nil
}

func (p *Profile) checkCATypes() error {
	if len(p.AllowedCATypes) == 0 {
		return invalid.New("allowedCATypes", "must name at least one type of CA")
	}
	known := []string{CATypeRoot, CATypeExternalRoot, CATypeIntermediate, CATypeIssuing}
	for i, one := range p.AllowedCATypes {
		if !slices.Contains(known, one) {
			return invalid.New(fmt.Sprintf("allowedCATypes[%d]", i), "must be one of %s", strings.Join(known, ", "))
		}
	}
	return checkList("allowedCATypes", p.AllowedCATypes)
}

func (p *Profile) checkValidity() error {
	if _, ok := readPeriod(p.ValidityPeriod); !ok {
		return invalid.New("validity_period", "must be an ISO 8601 duration such as P1Y, P90D or PT8H")
	}
	if p.MaxValidityPeriod == "" {
		return nil
	}
	if _, ok := readPeriod(p.MaxValidityPeriod); !ok {
		return invalid.New("max_validity_period", "must be an ISO 8601 duration such as P1Y, P90D or PT8H")
	}
	return nil
}

func (p *Profile) checkUsages() error {
	if err := checkList("usages", p.Usages); err != nil {
		return err
	}
	for i, usage := range p.Usages {
		field := fmt.Sprintf("usages[%d]", i)
		if _, ok := name.ParseOID(usage); !ok || strings.HasPrefix(strings.ToUpper(usage), "OID") {
			return invalid.New(field, "must be a dotted object identifier")
		}
		if strings.HasPrefix(usage, keyUsageArc) && !isKeyUsage(usage) {
			return invalid.New(field, "is no key usage: those are 2.5.29.15.0 (digital signature) to 2.5.29.15.8 (decipher only)")
		}
		if usage == strings.TrimSuffix(keyUsageArc, ".") || slices.ContainsFunc(extensionNames, func(e Usage) bool { return e.OID == usage }) {
			return invalid.New(field, "is an extension, not a usage")
		}
	}
	bits := p.keyUsageBits()
	if bits == 0 {
		return invalid.New("usages", "must hold at least one key usage, 2.5.29.15.0 to 2.5.29.15.8")
	}
	if bits&(bit(EncipherOnly)|bit(DecipherOnly)) != 0 && bits&bit(KeyAgreement) == 0 {
		return invalid.New("usages", "encipher only and decipher only mean something only beside key agreement (RFC 5280 4.2.1.3)")
	}
	if p.ExtendedKeyUsageCritical && len(p.ExtendedKeyUsages()) == 0 {
		return invalid.New("extended_key_usage_critical", "needs an extended key usage under usages")
	}
	return nil
}

func (p *Profile) checkExtensions() error {
	oids := make([]string, 0, len(p.AllowedExtensions))
	for i, allowed := range p.AllowedExtensions {
		field := fmt.Sprintf("allowed_extensions[%d]", i)
		if _, ok := name.ParseOID(allowed.OID); !ok || strings.HasPrefix(strings.ToUpper(allowed.OID), "OID") {
			return invalid.New(field, "must be a dotted object identifier")
		}
		switch allowed.Critical {
		case CriticalNever, CriticalOptional, CriticalAlways:
		default:
			return invalid.New(field+".critical", "must be NEVER, OPTIONAL or ALWAYS")
		}
		if slices.Contains(managed, allowed.OID) {
			return invalid.New(field, "%s is always set by the service and cannot come from a request", UsageName(allowed.OID))
		}
		if !p.IsCA() && slices.Contains(authorityOnly, allowed.OID) {
			return invalid.New(field, "%s belongs in CA certificates only (RFC 5280)", UsageName(allowed.OID))
		}
		oids = append(oids, allowed.OID)
	}
	return checkList("allowed_extensions", oids)
}

func (p *Profile) checkAuthority() error {
	bits := p.keyUsageBits()
	signs := bits&bit(KeyCertSign) != 0
	switch {
	case p.Kind == Subscriber && p.IsCA():
		return invalid.New("ca_constraint.cA", "must be false: a subscriber is no CA")
	case p.Kind == Subscriber && bits&(bit(KeyCertSign)|bit(CRLSign)) != 0:
		return invalid.New("usages", "certificate signing and CRL signing are for CAs, not for subscribers")
	case signs != p.IsCA():
		return invalid.New("usages", "certificate signing goes with ca_constraint.cA and only with it (RFC 5280 4.2.1.3, 4.2.1.9)")
	case p.SelfSigned && !p.IsCA():
		return invalid.New("self_signed", "is for root CAs only")
	case p.Kind == Subscriber && (p.OCSPNoCheck || slices.Contains(p.Usages, ocspSigning)):
		return invalid.New("usages", "a subscriber cannot speak for the CA: OCSP Signing and ocsp_no_check are for its own signers (RFC 6960 4.2.2.2)")
	}
	if p.CAConstraint == nil || p.CAConstraint.PathLen == nil {
		return nil
	}
	if !p.IsCA() {
		return invalid.New("ca_constraint.pathLenConstraint", "needs cA to be true (RFC 5280 4.2.1.9)")
	}
	if n := *p.CAConstraint.PathLen; n < 0 || n > 32 {
		return invalid.New("ca_constraint.pathLenConstraint", "must be 0 to 32")
	}
	return nil
}

func (p *Profile) checkNames() error {
	for i, typ := range p.RequiredSANTypes {
		if !slices.Contains(san.Types(), typ) {
			return invalid.New(fmt.Sprintf("required_san_types[%d]", i), "is no type of subject alternative name")
		}
	}
	if err := checkList("required_san_types", p.RequiredSANTypes); err != nil {
		return err
	}
	for i, policy := range p.CertificatePolicies {
		if _, ok := name.ParseOID(policy); !ok || strings.HasPrefix(strings.ToUpper(policy), "OID") {
			return invalid.New(fmt.Sprintf("certificate_policies[%d]", i), "must be a dotted object identifier")
		}
	}
	return checkList("certificate_policies", p.CertificatePolicies)
}

func (p *Profile) checkKeys() error {
	if !p.ServerSideKeys && !p.ClientSideKeys {
		return invalid.New("client_side_keys", "must be true unless server_side_keys is: somebody has to make the key")
	}
	for i, algorithm := range p.KeyAlgorithms {
		if !slices.Contains(keyAlgorithmNames, algorithm) {
			return invalid.New(fmt.Sprintf("key_algorithms[%d]", i), "must be one of %s", strings.Join(keyAlgorithmNames, ", "))
		}
	}
	return checkList("key_algorithms", p.KeyAlgorithms)
}
