package profile

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

// These are the requirements of a profile for an attribute of the subject, and for unlisted ones.
const (
	Required  = "REQUIRED"
	Optional  = "OPTIONAL"
	Forbidden = "FORBIDDEN"
	Allowed   = "ALLOWED"
)

const maxPattern = 512

// SubjectRule limits one type of attribute of the subject. Parse compiles the patterns.
type SubjectRule struct {
	// Attribute is a name such as "CN" or "organizationName", or a dotted OID; see name.TypeByKeyword.
	Attribute string `json:"attribute"`
	// Presence is Required, Optional or Forbidden.
	Presence string `json:"presence"`
	// Pattern is a regular expression (RE2) that must match each value completely; "" = any value.
	Pattern string `json:"pattern,omitempty"`

	compiled *regexp.Regexp // by checkPattern
}

// SANRule allows names of one type. A name is allowed if it matches any of the suffixes, patterns and networks, or if
// there are none.
type SANRule struct {
	Type san.Type `json:"type"`
	// Suffixes are domains: of a DNS name, a mailbox' host, a URI's host, or a UPN. "corp.example" allows itself and
	// everything below it.
	Suffixes []string `json:"suffixes,omitempty"`
	// Patterns are regular expressions (RE2) that must match the name completely.
	Patterns []string `json:"patterns,omitempty"`
	// Networks are prefixes such as 10.0.0.0/8; for IP_ADDRESS only.
	Networks []string `json:"networks,omitempty"`

	compiled []*regexp.Regexp // Patterns, compiled by check
}

// whole compiles a pattern that must match from start to end.
func whole(pattern string) (*regexp.Regexp, error) {
	// Compile it alone first: "a)|(b" must not become valid by what is added around it.
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

func (p *Profile) checkSubjectRules() error {
	if len(p.SubjectRules) > maxList {
		return invalid.New("subject_rules", "The list has %d entries, but at most %d are allowed.", len(p.SubjectRules), maxList)
	}
	switch p.OtherSubjectAttributes {
	case "", Allowed, Forbidden:
	default:
		return invalid.New("other_subject_attributes", "The value must be ALLOWED or FORBIDDEN.")
	}
	seen := map[string]bool{}
	for i, rule := range p.SubjectRules {
		field := fmt.Sprintf("subject_rules[%d]", i)
		typ, ok := name.TypeByKeyword(rule.Attribute)
		if !ok {
			return invalid.New(
				field+".attribute", "This is not an attribute of a distinguished name. Use a name such as CN, or an object identifier.",
			)
		}
		if seen[typ.OID.String()] {
			return invalid.New(field+".attribute", "The attribute is a duplicate.")
		}
		seen[typ.OID.String()] = true
		switch rule.Presence {
		case Required, Optional:
		case Forbidden:
			if rule.Pattern != "" {
				return invalid.New(field+".pattern", "A pattern has no meaning if the attribute is forbidden.")
			}
		default:
			return invalid.New(field+".presence", "The value must be REQUIRED, OPTIONAL or FORBIDDEN.")
		}
		compiled, err := checkPattern(field+".pattern", rule.Pattern)
		if err != nil {
			return err
		}
		p.SubjectRules[i].compiled = compiled
	}
	return nil
}

func checkPattern(field, pattern string) (*regexp.Regexp, error) {
	if err := checkText(field, pattern, maxPattern); err != nil {
		return nil, err
	}
	compiled, err := whole(pattern)
	if err != nil {
		return nil, invalid.New(
			field, "This is not a regular expression (RE2): %s.", strings.TrimPrefix(err.Error(), "error parsing regexp: "),
		)
	}
	return compiled, nil
}

func (p *Profile) checkSANRules() error {
	seen := map[san.Type]bool{}
	for i := range p.SANRules {
		rule := &p.SANRules[i]
		field := fmt.Sprintf("san_rules[%d]", i)
		if !slices.Contains(san.Types(), rule.Type) {
			return invalid.New(field+".type", "This is not a type of subject alternative name.")
		}
		if seen[rule.Type] {
			return invalid.New(field+".type", "The type is a duplicate.")
		}
		seen[rule.Type] = true
		if err := rule.check(field); err != nil {
			return err
		}
	}
	// Required names must be allowed.
	for i, typ := range p.RequiredSANTypes {
		if p.SANRules != nil && !seen[typ] {
			return invalid.New(fmt.Sprintf("required_san_types[%d]", i), "This type is required, but san_rules do not allow it.")
		}
	}
	return nil
}

func (r *SANRule) check(field string) error {
	for n, list := range map[string][]string{"suffixes": r.Suffixes, "patterns": r.Patterns, "networks": r.Networks} {
		if err := checkList(field+"."+n, list); err != nil {
			return err
		}
	}
	if len(r.Suffixes) > 0 && !slices.Contains([]san.Type{san.DNSName, san.Email, san.URI, san.UPN}, r.Type) {
		return invalid.New(field+".suffixes", "Suffixes are for DNS_NAME, EMAIL, URI and UPN.")
	}
	for i, suffix := range r.Suffixes {
		at := fmt.Sprintf("%s.suffixes[%d]", field, i)
		canonical, err := san.Parse(san.DNSName, suffix, at)
		if err != nil || strings.HasPrefix(suffix, "*") {
			return invalid.New(at, "The suffix must be a domain such as corp.example, without a leading asterisk or dot.")
		}
		if canonical.Value != suffix {
			return invalid.New(at, "The suffix must be in canonical form: %s.", canonical.Value)
		}
	}
	r.compiled = nil
	for i, pattern := range r.Patterns {
		at := fmt.Sprintf("%s.patterns[%d]", field, i)
		if pattern == "" {
			return invalid.New(at, "The list is empty. Leave it out.")
		}
		compiled, err := checkPattern(at, pattern)
		if err != nil {
			return err
		}
		r.compiled = append(r.compiled, compiled)
	}
	if len(r.Networks) > 0 && r.Type != san.IPAddress {
		return invalid.New(field+".networks", "Networks are for IP_ADDRESS.")
	}
	for i, network := range r.Networks {
		at := fmt.Sprintf("%s.networks[%d]", field, i)
		prefix, err := netip.ParsePrefix(network)
		switch {
		case err != nil || prefix.Addr().Is4In6():
			return invalid.New(at, "The network must be in CIDR form such as 10.0.0.0/8 or 2001:db8::/32.")
		case prefix.Masked() != prefix:
			return invalid.New(at, "The network has bits set after the prefix. Write %s.", prefix.Masked())
		}
	}
	return nil
}

// checkSubject checks the requested subject against the rules.
func (a *application) checkSubject() error {
	for i, rule := range a.p.SubjectRules {
		at := fmt.Sprintf("subject_rules[%d]", i)
		typ, ok := name.TypeByKeyword(rule.Attribute)
		if !ok {
			return ruled(at, invalid.New("profile", "Profile %s has a rule for an unknown attribute.", a.p.ID))
		}
		values := a.r.Subject.Values(typ.OID)
		switch {
		case rule.Presence == Forbidden && len(values) > 0:
			return ruled(at, invalid.New("subject", "Profile %s forbids the attribute %s. Leave it out.", a.p.ID, typ.Name))
		case rule.Presence == Required && len(values) == 0:
			return ruled(at, invalid.New("subject", "Profile %s requires the attribute %s.", a.p.ID, typ.Name))
		case rule.Pattern == "" || len(values) == 0:
			continue
		}
		for _, value := range values {
			if !rule.compiled.MatchString(value) {
				return ruled(
					at,
					invalid.New(
						"subject", "%s=%s does not match %s, as profile %s requires.", typ.Name, short(value), rule.Pattern, a.p.ID,
					),
				)
			}
		}
		a.decide("subject", typ.Name, "Matches %s (%s).", rule.Pattern, at)
	}
	if a.p.OtherSubjectAttributes != Forbidden {
		return nil
	}
	for _, rdn := range a.r.Subject.RDNs {
		for _, attribute := range rdn {
			if !slices.ContainsFunc(a.p.SubjectRules, func(r SubjectRule) bool {
				typ, ok := name.TypeByKeyword(r.Attribute)
				return ok && typ.OID.Equal(attribute.Type)
			}) {
				keyword := attribute.Type.String()
				if typ, ok := name.TypeByKeyword(keyword); ok && typ.Name != "" {
					keyword = typ.Name
				}
				return ruled(
					"other_subject_attributes",
					invalid.New(
						"subject", "Profile %s allows only the attributes that it names, and %s is not one of them. Leave it out.", a.p.ID,
						keyword,
					),
				)
			}
		}
	}
	return nil
}

// checkSANs checks the names of the certificate against the rules.
func (a *application) checkSANs() error {
	if a.p.SANRules == nil {
		return nil
	}
	for _, g := range a.result.SANs {
		field := "sans"
		if n := slices.Index(a.r.SANs, g); n >= 0 {
			field = fmt.Sprintf("sans[%d]", n)
		}
		i := slices.IndexFunc(a.p.SANRules, func(r SANRule) bool { return r.Type == g.Type })
		if i < 0 {
			return ruled("san_rules", invalid.New(field, "Profile %s allows no subject alternative name of type %s.", a.p.ID, g.Type))
		}
		at := fmt.Sprintf("san_rules[%d]", i)
		by, ok := a.p.SANRules[i].allows(g)
		if !ok {
			return ruled(at, invalid.New(field, "Profile %s does not allow %s: %s.", a.p.ID, short(g.Value), a.p.SANRules[i].describe()))
		}
		a.decide("subject-alternative-name", g.Value, "Allowed by %s%s.", at, by)
	}
	return nil
}

// allows tells whether the rule allows the name, and which part of the rule does.
func (r *SANRule) allows(g san.GeneralName) (by string, ok bool) {
	if len(r.Suffixes)+len(r.Patterns)+len(r.Networks) == 0 {
		return "", true
	}
	host := hostOf(g)
	for i, suffix := range r.Suffixes {
		if host == suffix || strings.HasSuffix(host, "."+suffix) {
			return fmt.Sprintf(".suffixes[%d]", i), true
		}
	}
	for i, pattern := range r.compiled {
		if pattern.MatchString(g.Value) {
			return fmt.Sprintf(".patterns[%d]", i), true
		}
	}
	address, err := netip.ParseAddr(g.Value)
	for i, network := range r.Networks {
		if prefix, bad := netip.ParsePrefix(network); err == nil && bad == nil && prefix.Contains(address) {
			return fmt.Sprintf(".networks[%d]", i), true
		}
	}
	return "", false
}

func (r *SANRule) describe() string {
	var ways []string
	if len(r.Suffixes) > 0 {
		ways = append(ways, "it must be within "+strings.Join(r.Suffixes, " or "))
	}
	if len(r.Patterns) > 0 {
		ways = append(ways, "it must match "+strings.Join(r.Patterns, " or "))
	}
	if len(r.Networks) > 0 {
		ways = append(ways, "it must be within "+strings.Join(r.Networks, " or "))
	}
	return strings.Join(ways, ", or ")
}

// hostOf returns the domain that a suffix is compared with, or "".
func hostOf(g san.GeneralName) string {
	switch g.Type {
	case san.DNSName:
		return strings.TrimPrefix(g.Value, "*.")
	case san.Email, san.UPN:
		return strings.ToLower(g.Value[strings.LastIndexByte(g.Value, '@')+1:])
	case san.URI:
		u, err := url.Parse(g.Value)
		if err != nil {
			return ""
		}
		return strings.ToLower(u.Hostname())
	}
	return ""
}

// short shortens user input for a sentence.
func short(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:61]) + "..."
	}
	return s
}

// ruled sets the rule of a refusal.
func ruled(rule string, err *invalid.Error) error {
	err.Rule = rule
	return err
}
