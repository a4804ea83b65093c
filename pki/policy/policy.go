// Package policy computes the certificate policies along a chain (RFC 5280 6.1, RFC 9618), so that no certificate is
// issued that verifiers refuse because a CA above requires a policy. Verifiers start below the root and accept any
// policy.
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

// Rule is the rule in errors of this package.
const Rule = "policy-constraints"

// never is a counter that no chain exhausts.
const never = 1 << 20

// State is what a chain, from below the root down to a CA, permits below that CA.
type State struct {
	// valid are the policies that the next certificate may assert; anyPolicy for all, empty for none.
	valid map[string]bool
	// explicit, mapping and inhibitAny are how many more certificates may have no policy, map one, or assert anyPolicy.
	explicit, mapping, inhibitAny int
}

// Start returns the state below a root.
func Start() State {
	return State{valid: map[string]bool{anyPolicy: true}, explicit: never, mapping: never, inhibitAny: never}
}

// certificate holds the policies of a certificate.
type certificate struct {
	policies                      []string
	mappings                      [][2]string // of the issuer and of the subject
	explicit, mapping, inhibitAny *int
}

// Below returns the state below a CA with the extensions, or an *invalid.Error if verifiers would refuse everything
// below it. selfIssued tells whether subject and issuer have the same name.
func (s State) Below(extensions []extension.Extension, selfIssued bool) (State, error) {
	c, ok := read(extensions)
	if !ok {
		return s, refuse(
			"certificate",
			"The certificate policies, their mappings or their constraints are malformed (RFC 5280 4.2.1.4, 4.2.1.5, 4.2.1.11).",
		)
	}
	if s.asserted(c, selfIssued); s.explicit == 0 && len(s.valid) == 0 {
		return s, refuse(
			"certificate",
			"A CA above requires a certificate policy, but the certificate asserts none that is permitted there. Verifiers would refuse "+
				"it (RFC 5280 6.1.3).",
		)
	}
	for _, m := range c.mappings {
		if m[0] == anyPolicy || m[1] == anyPolicy {
			return s, refuse("certificate", "The certificate maps anyPolicy, which RFC 5280 4.2.1.5 forbids.")
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

// asserted keeps those valid policies that a certificate asserts.
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

// mapped replaces the issuer's policies by the subject's, or removes them if mapping is forbidden.
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

// Check returns an *invalid.Error if an end entity certificate with the extensions lacks a required policy.
func (s State) Check(extensions []extension.Extension) error {
	c, ok := read(extensions)
	if !ok {
		return refuse("extensions", "The certificate policies are malformed (RFC 5280 4.2.1.4).")
	}
	needed := s.explicit <= 1 || c.explicit != nil && *c.explicit == 0
	allowed := s.valid
	if s.asserted(c, false); !needed || len(s.valid) > 0 {
		return nil
	}
	if len(allowed) == 0 {
		return refuse(
			"profile",
			"A CA above requires a certificate policy, but none is permitted any more. Verifiers would refuse every certificate (RFC "+
				"5280 6.1.5).",
		)
	}
	if allowed[anyPolicy] {
		return refuse("profile", "A CA above requires a certificate policy. Choose a profile that has one (RFC 5280 4.2.1.11).")
	}
	return refuse(
		"profile", "A CA above requires one of the certificate policies %s. Choose a profile that has it (RFC 5280 4.2.1.11).",
		list(allowed),
	)
}
