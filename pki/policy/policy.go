// Package policy follows certificate policies down a chain (RFC 5280 6.1, RFC 9618), so that nothing is issued that
// verifiers refuse because a CA above asks for a policy. Verifiers start below the root and accept any policy.
package policy

import (
	"encoding/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
)

var (
	oidMappings    = asn1.ObjectIdentifier{2, 5, 29, 33}
	oidConstraints = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidInhibitAny  = asn1.ObjectIdentifier{2, 5, 29, 54}
)

const anyPolicy = "2.5.29.32.0"

// Rule is the rule that errors name.
const Rule = "policy-constraints"

// never is a counter that no chain lets run out.
const never = 1 << 20

// State is what the certificates of a chain, from below the root down to a CA, leave to what comes below.
type State struct {
	// valid are the policies that the next certificate may assert, anyPolicy for all; empty: none is left.
	valid map[string]bool
	// explicit, mapping and inhibitAny are how many certificates more may do without a policy, map one, assert anyPolicy.
	explicit, mapping, inhibitAny int
}

// Start is the state below a root.
func Start() State {
	return State{valid: map[string]bool{anyPolicy: true}, explicit: never, mapping: never, inhibitAny: never}
}

// certificate is what a certificate says of policies.
type certificate struct {
	policies                      []string
	mappings                      [][2]string // issuer's, subject's
	explicit, mapping, inhibitAny *int
}

// Below is the state below a CA with the extensions, or an *invalid.Error where no verifier would accept anything there.
// selfIssued: subject and issuer are one name.
func (s State) Below(extensions []extension.Extension, selfIssued bool) (State, error) {
	c, ok := read(extensions)
	if !ok {
		return s, refuse("certificate", "the certificate policies, their mappings or their constraints are malformed (RFC 5280 4.2.1.4, 4.2.1.5, 4.2.1.11)")
	}
	if s.asserted(c, selfIssued); s.explicit == 0 && len(s.valid) == 0 {
		return s, refuse("certificate", "a CA above asks for a certificate policy, and the certificate asserts none that is allowed there: verifiers refuse it (RFC 5280 6.1.3)")
	}
	for _, m := range c.mappings {
		if m[0] == anyPolicy || m[1] == anyPolicy {
			return s, refuse("certificate", "the certificate maps anyPolicy, which RFC 5280 4.2.1.5 forbids")
		}
	}
	s.mapped(c.mappings)
	if !selfIssued {
		for _, counter := range []*int{&s.explicit, &s.mapping, &s.inhibitAny} {
			*counter = max(*counter-1, 0)
		}
	}
	for _, limit := range []struct {
		counter *int
		to      *int
	}{{&s.explicit, c.explicit}, {&s.mapping, c.mapping}, {&s.inhibitAny, c.inhibitAny}} {
		if limit.to != nil {
			*limit.counter = min(*limit.counter, *limit.to)
		}
	}
	return s, nil
}

// asserted keeps of the valid policies those that a certificate asserts.
func (s *State) asserted(c certificate, selfIssued bool) {
	before := s.valid
	s.valid = map[string]bool{}
	for _, p := range c.policies {
		switch {
		case p != anyPolicy:
			if before[p] || before[anyPolicy] {
				s.valid[p] = true
			}
		case s.inhibitAny > 0 || selfIssued:
			for q := range before {
				s.valid[q] = true
			}
		}
	}
}

// mapped puts the subject's policies in place of the issuer's, or drops these where mapping is forbidden.
func (s *State) mapped(mappings [][2]string) {
	before := s.valid
	after := map[string]bool{}
	for p := range before {
		after[p] = true
	}
	for _, m := range mappings {
		delete(after, m[0])
	}
	for _, m := range mappings {
		if s.mapping > 0 && (before[m[0]] || before[anyPolicy]) {
			after[m[1]] = true
		}
	}
	s.valid = after
}

// Check refuses, with an *invalid.Error, an end entity's certificate with the extensions where a policy is needed that it
// does not assert.
func (s State) Check(extensions []extension.Extension) error {
	c, ok := read(extensions)
	if !ok {
		return refuse("extensions", "the certificate policies are malformed (RFC 5280 4.2.1.4)")
	}
	needed := s.explicit <= 1 || c.explicit != nil && *c.explicit == 0
	allowed := s.valid
	if s.asserted(c, false); !needed || len(s.valid) > 0 {
		return nil
	}
	if len(allowed) == 0 {
		return refuse("profile", "a CA above asks for a certificate policy, and none is allowed any more: verifiers refuse every certificate (RFC 5280 6.1.5)")
	}
	if allowed[anyPolicy] {
		return refuse("profile", "a CA above asks for a certificate policy: choose a profile that has one (RFC 5280 4.2.1.11)")
	}
	return refuse("profile", "a CA above asks for one of the certificate policies %s: choose a profile that has it (RFC 5280 4.2.1.11)", list(allowed))
}
