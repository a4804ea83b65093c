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

// older are the files whose mutations do not follow the style yet.
var older = map[string]bool{"acme.graphqls": true, "protocol.graphqls": true}

// Every mutation takes one input object of its own, or nothing, and answers with a payload.
func TestMutationsHaveOneStyle(t *testing.T) {
	s := schema()
	users := map[string][]string{}
	for _, m := range s.Mutation.Fields {
		if older[fileOf(m.Position)] {
			continue
		}
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

func upper(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
