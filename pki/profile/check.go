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

// These are the limits of a profile.
const (
	MaxLength      = 64 << 10
	maxName        = 128
	maxDescription = 2000
	maxList        = 64
)

var identifier = regexp.MustCompile(`^[a-z0-9-]{2,64}$`)

// managed are extensions that the profile engine writes itself. They cannot be copied from requests.
var managed = []string{"2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.31", "2.5.29.35", "1.3.6.1.5.5.7.1.1"}

// authorityOnly are extensions that belong only in CA certificates (RFC 5280 4.2.1.5, 4.2.1.10, 4.2.1.11, 4.2.1.14).
var authorityOnly = []string{"2.5.29.30", "2.5.29.33", "2.5.29.36", "2.5.29.54"}

// check runs all groups of rules and returns the first refusal of each.
func (p *Profile) check() []error {
	var problems []error
	for _, step := range []func() error{
		p.checkHead, p.checkCATypes, p.checkValidity, p.checkUsages, p.checkExtensions, p.checkClaims, p.checkAuthority, p.checkNames,
		p.checkSubjectRules, p.checkSANRules, p.checkKeys,
	} {
		if err := step(); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func (p *Profile) checkHead() error {
	switch {
	case !identifier.MatchString(p.ID):
		return invalid.New("id", "The ID must be 2 to 64 lower-case letters, digits and hyphens.")
	case !identifier.MatchString(p.Group):
		return invalid.New("group", "The group must be 2 to 64 lower-case letters, digits and hyphens.")
	case p.Kind != Authority && p.Kind != Subscriber:
		return invalid.New("kind", "The kind must be AUTHORITY or SUBSCRIBER.")
	}
	if err := checkText("name", p.Name, maxName); err != nil {
		return err
	}
	if p.Name == "" {
		return invalid.New("name", "The name is missing.")
	}
	return checkText("description", p.Description, maxDescription)
}

func checkText(field, text string, most int) error {
	if n := utf8.RuneCountInString(text); n > most {
		return invalid.New(field, "The text has %d characters, but at most %d are allowed.", n, most)
	}
	if reason := name.UnsafeText(text); reason != "" {
		return invalid.New(field, "The text %s.", reason)
	}
	return nil
}

// checkList refuses long lists and duplicate entries.
func checkList[T comparable](field string, list []T) error {
	if len(list) > maxList {
		return invalid.New(field, "The list has %d entries, but at most %d are allowed.", len(list), maxList)
	}
	seen := map[T]bool{}
	for i, one := range list {
		if seen[one] {
			return invalid.New(fmt.Sprintf("%s[%d]", field, i), "This entry is a duplicate.")
		}
		seen[one] = true
	}
	return nil
}

func (p *Profile) checkCATypes() error {
	if len(p.AllowedCATypes) == 0 {
		return invalid.New("allowedCATypes", "The list must contain at least one type of CA.")
	}
	known := []string{CATypeRoot, CATypeExternalRoot, CATypeIntermediate, CATypeIssuing}
	for i, one := range p.AllowedCATypes {
		if !slices.Contains(known, one) {
			return invalid.New(fmt.Sprintf("allowedCATypes[%d]", i), "The type must be one of %s.", strings.Join(known, ", "))
		}
	}
	return checkList("allowedCATypes", p.AllowedCATypes)
}

func (p *Profile) checkValidity() error {
	if _, ok := readPeriod(p.ValidityPeriod); !ok {
		return invalid.New("validity_period", "The period must be an ISO 8601 duration such as P1Y, P90D or PT8H.")
	}
	if p.MaxValidityPeriod == "" {
		return nil
	}
	if _, ok := readPeriod(p.MaxValidityPeriod); !ok {
		return invalid.New("max_validity_period", "The period must be an ISO 8601 duration such as P1Y, P90D or PT8H.")
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
			return invalid.New(field, "The usage must be a dotted object identifier.")
		}
		if strings.HasPrefix(usage, keyUsageArc) && !isKeyUsage(usage) {
			return invalid.New(
				field, "This is not a key usage. Key usages are 2.5.29.15.0 (digital signature) to 2.5.29.15.8 (decipher only).",
			)
		}
		if usage == strings.TrimSuffix(keyUsageArc, ".") || slices.ContainsFunc(
			extensionNames, func(e Usage) bool { return e.OID == usage },
		) {
			return invalid.New(field, "This is an extension, not a usage.")
		}
	}
	bits := p.keyUsageBits()
	if bits == 0 {
		return invalid.New("usages", "The list must contain at least one key usage, 2.5.29.15.0 to 2.5.29.15.8.")
	}
	if bits&(bit(EncipherOnly)|bit(DecipherOnly)) != 0 && bits&bit(KeyAgreement) == 0 {
		return invalid.New("usages", "Encipher only and decipher only require key agreement (RFC 5280 4.2.1.3).")
	}
	if p.ExtendedKeyUsageCritical && len(p.ExtendedKeyUsages()) == 0 {
		return invalid.New("extended_key_usage_critical", "This requires an extended key usage under usages.")
	}
	return nil
}

func (p *Profile) checkExtensions() error {
	oids := make([]string, 0, len(p.AllowedExtensions))
	for i, allowed := range p.AllowedExtensions {
		field := fmt.Sprintf("allowed_extensions[%d]", i)
		if _, ok := name.ParseOID(allowed.OID); !ok || strings.HasPrefix(strings.ToUpper(allowed.OID), "OID") {
			return invalid.New(field, "The extension must be a dotted object identifier.")
		}
		switch allowed.Critical {
		case CriticalNever, CriticalOptional, CriticalAlways:
		default:
			return invalid.New(field+".critical", "The value must be NEVER, OPTIONAL or ALWAYS.")
		}
		if slices.Contains(managed, allowed.OID) {
			return invalid.New(field, "%s is always set by the service and cannot be copied from a request.", UsageName(allowed.OID))
		}
		if !p.IsCA() && slices.Contains(authorityOnly, allowed.OID) {
			return invalid.New(field, "%s belongs only in CA certificates (RFC 5280).", UsageName(allowed.OID))
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
		return invalid.New("ca_constraint.cA", "The value must be false, because a subscriber is not a CA.")
	case p.Kind == Subscriber && bits&(bit(KeyCertSign)|bit(CRLSign)) != 0:
		return invalid.New("usages", "Certificate signing and CRL signing are for CAs, not for subscribers.")
	case signs != p.IsCA():
		return invalid.New(
			"usages", "Certificate signing is required if ca_constraint.cA is true, and forbidden otherwise (RFC 5280 4.2.1.3, 4.2.1.9).",
		)
	case p.SelfSigned && !p.IsCA():
		return invalid.New("self_signed", "Only root CAs can be self-signed.")
	case p.Kind == Subscriber && (p.OCSPNoCheck || slices.Contains(p.Usages, ocspSigning)):
		return invalid.New(
			"usages",
			"A subscriber cannot act for the CA. OCSP Signing and ocsp_no_check are for the CA's own OCSP signers (RFC 6960 4.2.2.2).",
		)
	}
	if p.CAConstraint == nil || p.CAConstraint.PathLen == nil {
		return nil
	}
	if !p.IsCA() {
		return invalid.New("ca_constraint.pathLenConstraint", "A path length requires cA to be true (RFC 5280 4.2.1.9).")
	}
	if n := *p.CAConstraint.PathLen; n < 0 || n > 32 {
		return invalid.New("ca_constraint.pathLenConstraint", "The path length must be 0 to 32.")
	}
	return nil
}

func (p *Profile) checkNames() error {
	for i, typ := range p.RequiredSANTypes {
		if !slices.Contains(san.Types(), typ) {
			return invalid.New(fmt.Sprintf("required_san_types[%d]", i), "This is not a type of subject alternative name.")
		}
	}
	if err := checkList("required_san_types", p.RequiredSANTypes); err != nil {
		return err
	}
	for i, policy := range p.CertificatePolicies {
		if _, ok := name.ParseOID(policy); !ok || strings.HasPrefix(strings.ToUpper(policy), "OID") {
			return invalid.New(fmt.Sprintf("certificate_policies[%d]", i), "The policy must be a dotted object identifier.")
		}
	}
	return checkList("certificate_policies", p.CertificatePolicies)
}

func (p *Profile) checkKeys() error {
	if !p.ServerSideKeys && !p.ClientSideKeys {
		return invalid.New(
			"client_side_keys", "The value must be true unless server_side_keys is true, because somebody has to generate the key.",
		)
	}
	for i, algorithm := range p.KeyAlgorithms {
		if !slices.Contains(keyAlgorithmNames, algorithm) {
			return invalid.New(
				fmt.Sprintf("key_algorithms[%d]", i), "The algorithm must be one of %s.", strings.Join(keyAlgorithmNames, ", "),
			)
		}
	}
	return checkList("key_algorithms", p.KeyAlgorithms)
}
