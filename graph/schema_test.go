package graph

import (
	"path/filepath"
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

func upper(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
