package graph

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/graph/generated"
)

// The rules of the schema, see docs/graphql.md. Each is checked here.

func schema() *ast.Schema { return generated.NewExecutableSchema(generated.Config{}).Schema() }

// fileOf is the schema file that a definition stands in.
func fileOf(p *ast.Position) string { return filepath.Base(p.Src.Name) }

// Every mutation takes one input object of its own, or nothing, and answers with a payload.
func TestMutationsHaveOneStyle(t *testing.T) {
	s := schema()
	users := map[string][]string{}
	for _, m := range s.Mutation.Fields {
		for _, a := range m.Arguments {
			users[a.Type.Name()] = append(users[a.Type.Name()], m.Name)
		}
		switch {
		case len(m.Arguments) == 0: // an input object cannot be empty
		case len(m.Arguments) > 1 || m.Arguments[0].Name != "input":
			t.Errorf("%s takes something other than one argument named input", m.Name)
		case m.Arguments[0].Type.String() != upper(m.Name)+"Input!":
			t.Errorf("%s takes %s, not %sInput!", m.Name, m.Arguments[0].Type, upper(m.Name))
		}
		answer := m.Type.Name()
		if made, waits := strings.CutSuffix(answer, "Result"); waits && s.Types[answer].Kind == ast.Union {
			if !slices.Equal(s.Types[answer].Types, []string{made + "Payload", "ApprovalPending"}) {
				t.Errorf("%s is one of %v, not of %sPayload and ApprovalPending", answer, s.Types[answer].Types, made)
			}
			answer = made + "Payload"
		}
		if !m.Type.NonNull || s.Types[answer].Kind != ast.Object || !strings.HasSuffix(answer, "Payload") {
			t.Errorf("%s answers with %s, which is no payload", m.Name, m.Type)
		}
	}
	for input, mutations := range users {
		if len(mutations) > 1 {
			t.Errorf("%v share %s: each has an input of its own, so that one can be extended without the others", mutations, input)
		}
	}
}

// What an error says of itself is in the schema.
func TestEveryKindOfFaultHasACode(t *testing.T) {
	codes := schema().Types["ErrorCode"].EnumValues
	for _, kind := range fault.Kinds() {
		code := extensions(fault.New(kind, "x"), "")["code"]
		if !slices.ContainsFunc(codes, func(v *ast.EnumValueDefinition) bool { return v.Name == code }) {
			t.Errorf("%s, the code of a fault %s, is not in ErrorCode", code, kind)
		}
	}
}

// secretive are names of what is likely a secret.
var secretive = regexp.MustCompile(`(?i)password|secret|token|totp|code|pkcs12|hmac|passkey|privatekey|credential$|^otp|challenge$`)

// open are texts with such a name that are no secrets.
var open = map[string]string{
	"WhatIfRefusal.code": "the code of an error",
}

// Every text that is a secret says so, on its way in and out.
func TestSecretsAreMarked(t *testing.T) {
	s := schema()
	check := func(name, last string, kind *ast.Type, directives ast.DirectiveList) {
		if typ := s.Types[kind.Name()]; typ.Name != "String" || !secretive.MatchString(last) || open[name] != "" {
			return
		}
		if directives.ForName("secret") == nil {
			t.Errorf("%s looks like a secret: mark it with @secret, or say in this test why it is none", name)
		}
	}
	for _, typ := range s.Types {
		for _, f := range typ.Fields {
			check(typ.Name+"."+f.Name, f.Name, f.Type, f.Directives)
			for _, a := range f.Arguments {
				check(typ.Name+"."+f.Name+"."+a.Name, a.Name, a.Type, a.Directives)
			}
		}
	}
	for name := range open {
		typ, field, _ := strings.Cut(name, ".")
		if s.Types[typ] == nil || s.Types[typ].Fields.ForName(field) == nil {
			t.Errorf("%s is gone: take it off the list", name)
		}
	}
}

var deprecation = regexp.MustCompile("^Use `[^`]+`.* Since [0-9]+\\.[0-9]+\\.[0-9]+\\.$")

// What is deprecated says what replaces it and since when.
func TestDeprecationsSayWhatToUse(t *testing.T) {
	check := func(name string, directives ast.DirectiveList) {
		if d := directives.ForName("deprecated"); d != nil {
			reason := d.Arguments.ForName("reason")
			if reason == nil || !deprecation.MatchString(reason.Value.Raw) {
				t.Errorf("%s is deprecated without a reason such as \"Use `x`. Since 0.2.0.\"", name)
			}
		}
	}
	for _, typ := range schema().Types {
		if typ.BuiltIn {
			continue
		}
		for _, f := range typ.Fields {
			check(typ.Name+"."+f.Name, f.Directives)
			for _, a := range f.Arguments {
				check(typ.Name+"."+f.Name+"."+a.Name, a.Directives)
			}
		}
		for _, v := range typ.EnumValues {
			check(typ.Name+"."+v.Name, v.Directives)
		}
	}
}

// bounded are the lists that do not grow, and what bounds each. A list that grows is a connection.
var bounded = map[string]string{
	"AcmeAccount.contact":                       "what one account says",
	"AcmeKey.allowedIdentifiers":                "patterns of one key, at most 100",
	"AcmeOrder.identifiers":                     "names of one order, at most 100",
	"AcmeProblem.subproblems":                   "one for each name of an order",
	"AcmeSettings.attestation":                  "formats",
	"AcmeSettings.challenges":                   "kinds",
	"CertificateProfile.protocolConfigurations": "the first twenty",
	"EnrollmentAuthority.profiles":              "profiles of a few groups selected for one CA",
	"EnrollmentProtocol.authorities":            "CAs of a partition with a profile of the protocol: its form shows all",
	"EnrollmentProtocol.profileGroups":          "fixed",
	"Partition.enrollmentProtocols":             "kinds",
	"ProtocolConfiguration.offerings":           "at most 100",
	"RenewalProgress.actual":                    "points of one picture",
	"RenewalProgress.planned":                   "points of one picture",
	"RenewalProgress.times":                     "points of one picture",
	"Account.factors":                           "kinds of second factors",
	"Account.soleOwnerOf":                       "partitions of one person, by name",
	"Approval.facts":                            "what one request says",
	"Approval.votes":                            "at most five are needed",
	"ApprovalRule.profileIds":                   "at most 100",
	"ApprovalRulesPayload.rules":                "one an operation and profile",
	"BulkFinding.examples":                      "at most twenty",
	"BulkOperation.findings":                    "kinds of results",
	"CaCreation.steps":                          "fixed",
	"CagwCredential.roles":                      "at most 1,000, shown whole",
	"CertificateConnection.edges":               "a page",
	"CertificateDetails.*":                      "what one certificate says",
	"CertificateProfile.allowedCaTypes":         "types of CAs",
	"CertificateProfile.allowedExtensions":      "what one profile says",
	"CertificateProfile.changes":                "members of one profile",
	"CertificateProfile.extendedKeyUsages":      "what one profile says",
	"CertificateProfile.keyAlgorithms":          "what one profile says",
	"CertificateProfile.keyUsages":              "what one profile says",
	"CertificateProfile.requiredSanTypes":       "what one profile says",
	"CertificateProfile.selectedFor":            "identifiers alone",
	"CertificateStory.*":                        "what one certificate went through, at most 100 events",
	"CertificationAuthority.caCertificates":     "one a renewal",
	"CertificationAuthority.crlLists":           "at most two for each of 256 shards",
	"CertificationAuthority.profiles":           "at most 200 beside the system's",
	"CertificationAuthority.remarks":            "what one certificate says",
	"ConfirmTotpPayload.recoveryCodes":          "ten",
	"CryptographyInventory.*":                   "kinds of keys and algorithms",
	"DeletionImpact.*":                          "the first, with a count of all",
	"Deployment.*":                              "facts of the program",
	"Invitation.roles":                          "six roles",
	"IssueCertificatePayload.decisions":         "rules of one profile",
	"IssuePkcs12Payload.*":                      "rules of one profile",
	"Member.roles":                              "six roles",
	"NameConstraints.*":                         "what one certificate says",
	"NotificationSettings.alarms":               "kinds of alarms",
	"NotificationSettings.days":                 "at most 10",
	"NotificationSettings.recipients":           "at most 50",
	"NotificationSettings.webhooks":             "at most 20",
	"Partition.activity":                        "at most 366 days",
	"Partition.approvalRules":                   "one an operation and profile",
	"Partition.keyStores":                       "as the operator configured",
	"Partition.permissions":                     "fixed",
	"Partition.profileGroups":                   "at most 200 beside the system's",
	"Partition.roles":                           "six roles",
	"PasskeyPayload.recoveryCodes":              "ten",
	"ProfileGroup.profiles":                     "at most 200 beside the system's",
	"ProfileReplay.*":                           "the rules of one profile, and twenty examples",
	"Query.validateProfile":                     "what is wrong with one profile",
	"RecoveryCodesPayload.recoveryCodes":        "ten",
	"ReplayExample.changes":                     "what one certificate says",
	"Reports.activity":                          "at most ten years of days",
	"Reports.breakdown":                         "at most 200",
	"Reports.expiries":                          "days",
	"Security.passkeys":                         "a person registers each by hand",
	"ServiceSubscription.inventory":             "two",
	"SignInPayload.factors":                     "kinds of second factors",
	"SigningAlgorithm.verifiers":                "facts of the program",
	"StoryRequest.*":                            "what one request says",
	"SubjectAttribute.aliases":                  "facts of the program",
	"Viewer.invitations":                        "at most 100",
	"Viewer.partitions":                         "the first 500; Query.partitions has all",
	"WhatIf.*":                                  "rules of one profile, and of the linter",
}

// A list that can grow without bound is read in pages.
func TestListsThatGrowAreConnections(t *testing.T) {
	s, used := schema(), map[string]bool{}
	for _, typ := range s.Types {
		if typ.Kind != ast.Object || typ.BuiltIn {
			continue
		}
		for _, f := range typ.Fields {
			name := typ.Name + "." + f.Name
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			if strings.HasSuffix(f.Type.Name(), "Connection") && f.Type.Elem == nil {
				if f.Arguments.ForName("first") == nil || f.Arguments.ForName("after") == nil {
					t.Errorf("%s is a connection without first and after", name)
				}
				continue
			}
			if f.Type.Elem == nil || f.Name == "nodes" && strings.HasSuffix(typ.Name, "Connection") {
				continue
			}
			if one, all := bounded[name] != "", bounded[typ.Name+".*"] != ""; one || all {
				used[name], used[typ.Name+".*"] = true, true
				continue
			}
			t.Errorf("%s is a list: make it a connection, or say in this test what bounds it", name)
		}
		if strings.HasSuffix(typ.Name, "Connection") {
			for _, field := range []string{"nodes", "pageInfo", "totalCount"} {
				if typ.Fields.ForName(field) == nil {
					t.Errorf("%s has no %s", typ.Name, field)
				}
			}
		}
	}
	for name := range bounded {
		if !used[name] {
			t.Errorf("%s is gone: take it off the list", name)
		}
	}
}

func upper(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
