package graph

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/graph/generated"
	"github.com/pkiaas/pkiaas/rbac"
)

func newGate() *gate {
	return &gate{schema: generated.NewExecutableSchema(generated.Config{}).Schema(), known: newDocuments()}
}

// doubling is n fragments, each of which holds the next one twice.
func doubling(n int, spread func(string) string) string {
	var b strings.Builder
	b.WriteString("{ ...F0 }")
	for i := range n {
		fmt.Fprintf(&b, " fragment F%d on Query { %[2]s %[2]s }", i, spread(fmt.Sprintf("F%d", i+1)))
	}
	fmt.Fprintf(&b, " fragment F%d on Query { __typename }", n)
	return b.String()
}

// bombs are documents that are small for what they make a server do.
func bombs() map[string]string {
	named := func(f string) string { return "..." + f }
	list := map[string]string{
		"doubling fragments":        doubling(30, named),
		"doubling inline fragments": doubling(30, func(f string) string { return "... on Query { ..." + f + " }" }),
		"doubling fields":           doubling(30, func(f string) string { return "deployment { __typename } ..." + f }),
		"few doublings of many fields": "{ " + strings.Repeat("...A ", 100) + "} fragment A on Query { " + strings.Repeat("...B ", 100) +
			"} fragment B on Query { __typename }",
		"aliases":             "{ " + aliases(2600, "deployment { version }") + "}",
		"one field often":     "{ " + strings.Repeat("__typename ", 2000) + "}",
		"overlapping fields":  "{ " + strings.Repeat("partitions { name } ", 900) + "}",
		"overlapping, nested": "{ " + strings.Repeat("partitions { "+strings.Repeat("name ", 30)+"} ", 40) + "}",
		"overlapping fragments": "{ partitions { " + strings.Repeat("...A ...B ", 600) + "} } fragment A on Partition { id } " +
			"fragment B on Partition { id }",
		"directives on one field":   "{ __typename " + strings.Repeat("@skip(if: false) ", 1300) + "}",
		"directives on many fields": "{ " + strings.Repeat("__typename @include(if: true) ", 900) + "}",
		"deep fields":               "{ " + strings.Repeat("partitions { ", 30) + "id" + strings.Repeat("}", 31),
		"deep inline fragments":     strings.Repeat("{ ... ", 900) + "{ __typename }" + strings.Repeat("}", 900),
		"deep values":               `{ partition(id: ` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `) { id } }`,
		"deep objects":              `{ whatIf(input: ` + strings.Repeat("{a: ", 900) + "1" + strings.Repeat("}", 900) + `) { issued } }`,
		"deep variable types":       "query ($a: " + strings.Repeat("[", 990) + "Int" + strings.Repeat("]", 990) + ") { __typename }",
		"deeper than the parser":    strings.Repeat("{a", 20_000),
		"a value in a fragment": "{ " + strings.Repeat("...A ", 400) + "} fragment A on Query { partition(id: [" +
			strings.Repeat("1 ", 2000) + "]) { id } }",
		"cyclic fragments":     "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
		"a fragment in itself": "{ partitions { ...A } } fragment A on Partition { subscription { partition { ...A } } }",
		"many operations":      strings.Repeat("query A { __typename } ", 1000),
		"many fragments":       "{ __typename } " + many(1000, "fragment F%d on Query { __typename } "),
		"many variables":       "query (" + many(1500, "$v%d: Int ") + ") { __typename }",
		"a long string":        `{ partition(id: "` + strings.Repeat("x", 200_000) + `") { id } }`,
		"a long block string":  `{ partition(id: """` + strings.Repeat(" \n", 100_000) + `""") { id } }`,
		"a long comment":       "{ __typename } #" + strings.Repeat("x", 200_000),
		"many comments":        "{ __typename } " + strings.Repeat("#\n", 60_000),
		"many commas":          "{ __typename " + strings.Repeat(",", 200_000) + "}",
		"unknown fields":       "{ " + many(2500, "partitio%d ") + "}",
		"a long unknown field": "{ " + strings.Repeat("partition", 12_000) + " }",
		"many wrong arguments": "{ " + aliases(900, "partition(id: {}) { nme }") + "}",
		"introspection, often": "{ " + aliases(60, "__schema { types { name fields { name args { name } } } }") + "}",
		"introspection, wide": "{ __schema { types { " + aliases(
			40, "fields { "+aliases(20, "args { name description }")+" }",
		) + " } } }",
		"introspection, deep": "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
		"introspection through types": "{ " + aliases(
			100, `__type(name: "Query") { fields { args { type { fields { args { type { inputFields { name } } } } } } } }`,
		) + "}",
		"mutations":    "mutation { " + aliases(50, `signIn(input: {email: "a@b.c", password: "x"}) { factors }`) + "}",
		"no operation": "fragment A on Query { __typename }",
		"nothing":      "",
	}
	return list
}

func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func aliases(n int, field string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: %s ", i, field)
	}
	return b.String()
}

// nodes counts what a document has, fragments once.
func nodes(document *ast.QueryDocument) int {
	m := newMeasurer(document)
	for _, o := range document.Operations {
		m.set(o.SelectionSet)
		m.directives(o.Directives)
		for _, v := range o.VariableDefinitions {
			m.value(v.DefaultValue)
		}
	}
	for _, f := range document.Fragments {
		for _, known := range document.Fragments {
			m.known[known.Name] = size{}
		}
		m.set(f.SelectionSet)
		m.directives(f.Directives)
	}
	return m.steps
}

func TestBombsAreRefusedBeforeTheyCost(t *testing.T) {
	g := newGate()
	signedIn := rbac.WithActor(t.Context(), &rbac.Actor{Kind: rbac.UserActor, ID: "x"})
	for name, query := range bombs() {
		t.Run(name, func(t *testing.T) {
			for who, ctx := range map[string]context.Context{"a stranger": t.Context(), "somebody": signedIn} {
				err := g.MutateOperationParameters(ctx, &graphql.RawParams{Query: query})
				if err == nil {
					t.Fatalf("%s may send it", who)
				}
				if len(err.Message) > 2*maxMessageSaid && len(query) < 100_000 && !strings.Contains(name, "long") {
					t.Errorf("%s: the error has %d characters", who, len(err.Message))
				}
				if g.known.kept.Contains(query) {
					t.Errorf("%s: it is kept", who)
				}
			}
			document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, ofActors.tokens)
			if err != nil || len(query) > ofActors.bytes {
				return // refused before it is measured
			}
			m := newMeasurer(document)
			ofActors.refuseMeasured(m, g.schema)
			if n := nodes(document); m.steps > n+len(document.Fragments)+ofActors.selections {
				t.Errorf("measuring %d nodes took %d steps", n, m.steps)
			}
		})
	}
}

func TestMeasuringIsLinear(t *testing.T) {
	before := 0
	for _, levels := range []int{10, 20, 40} {
		document, err := parser.ParseQuery(&ast.Source{Input: doubling(levels, func(f string) string { return "..." + f })})
		if err != nil {
			t.Fatal(err)
		}
		m := newMeasurer(document)
		ofActors.refuseMeasured(m, newGate().schema)
		if before > 0 && m.steps > 2*before+10 {
			t.Errorf("%d levels took %d steps, half as many %d", levels, m.steps, before)
		}
		before = m.steps
	}
	// The count itself does not overflow.
	document, err := parser.ParseQuery(&ast.Source{Input: doubling(900, func(f string) string { return "..." + f })})
	if err != nil {
		t.Fatal(err)
	}
	wide := ofActors
	wide.definitions = 1000
	if f := wide.refuse(document, newGate().schema); f == nil || !strings.Contains(f.Message, "more than 5000 fields") {
		t.Errorf("refused with %v", f)
	}
}

// introspectionQuery is what GraphiQL and code generators send.
const introspectionQuery = `query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name } types {
	...FullType }
	directives { name description locations args(includeDeprecated: true) { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL
	fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated
		deprecationReason }
	inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description
		isDeprecated deprecationReason }
	possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType
	{ kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

// What people and tools send is far within the bounds.
func TestHonestDocumentsAreAdmitted(t *testing.T) {
	g := newGate()
	signedIn := rbac.WithActor(t.Context(), &rbac.Actor{Kind: rbac.UserActor, ID: "x"})
	if err := g.MutateOperationParameters(signedIn, &graphql.RawParams{Query: introspectionQuery}); err != nil {
		t.Errorf("introspection: %s", err)
	}
	if err := g.MutateOperationParameters(
		t.Context(), &graphql.RawParams{Query: introspectionQuery},
	); err == nil || fault.Of(err).Kind != fault.Unauthenticated {
		t.Errorf("introspection by a stranger: %v", err)
	}
	spread := regexp.MustCompile(`\.\.\.\s*([A-Zp-z]|o[^n])`)
	operation := regexp.MustCompile("(?s)graphql\\(\\s*`([^`]*)`")
	n := 0
	err := filepath.WalkDir("../frontend/src", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".ts") && !strings.HasSuffix(path, ".tsx") ||
			strings.Contains(path, "/gql/") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range operation.FindAllStringSubmatch(string(text), -1) {
			query := found[1]
			if strings.HasPrefix(
				strings.TrimSpace(query), "fragment",
			) || spread.MatchString(query) && !strings.Contains(query, "fragment ") {
				continue // a part of others
			}
			n++
			ctx := signedIn
			if strings.Contains(path, "/SignInForm") || strings.Contains(path, "/session.tsx") && !strings.Contains(query, "Approvals") ||
				strings.Contains(path, "/InvitationPage") || strings.Contains(path, "/TotpEnrolment") {
				ctx = t.Context()
			}
			if err := g.MutateOperationParameters(ctx, &graphql.RawParams{Query: query}); err != nil {
				t.Errorf("%s: %s\n%s", path, err.Message, query)
			}
		}
		return nil
	})
	if err != nil || n < 50 {
		t.Fatalf("%d operations of the console, %v", n, err)
	}
}

func TestKeptDocumentsAreBoundedByTheirSize(t *testing.T) {
	d := newDocuments()
	for i := range 2000 {
		d.Add(t.Context(), fmt.Sprintf("%04d", i)+strings.Repeat("x", 1000), &ast.QueryDocument{})
	}
	if d.bytes > keptBytes || d.kept.Len()*1004 != d.bytes {
		t.Errorf("%d documents are kept, %d bytes by its count", d.kept.Len(), d.bytes)
	}
}

// A stranger does not profit from what somebody else may send.
func TestBoundsAreThoseOfWhoAsks(t *testing.T) {
	g := newGate()
	query := "{ " + aliases(300, "deployment { version }") + "}"
	if err := g.MutateOperationParameters(rbac.WithActor(t.Context(), &rbac.Actor{}), &graphql.RawParams{Query: query}); err != nil {
		t.Fatal(err)
	}
	if err := g.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: query}); err == nil {
		t.Error("a stranger may send a known document that is too large for strangers")
	}
}

func TestNothingIsDoneForWhoHasLeft(t *testing.T) {
	g := newGate()
	ctx, leave := context.WithCancel(t.Context())
	leave()
	query := "{ deployment { version } }"
	if err := g.MutateOperationParameters(ctx, &graphql.RawParams{Query: query}); err == nil || g.known.kept.Contains(query) {
		t.Errorf("a document is parsed: %v", err)
	}
	done := false
	if _, err := whileAsked(ctx, func(context.Context) (any, error) { done = true; return nil, nil }); err == nil || done {
		t.Error("a field is resolved")
	}
}
