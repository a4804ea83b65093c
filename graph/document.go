package graph

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// bounds of a document. A document is measured, in time linear in its size, before anything that could cost more looks at
// it: gqlparser's validation, the complexity, the execution.
type bounds struct {
	bytes         int // of the text
	tokens        int
	definitions   int // operations and fragments
	variables     int
	selections    int // selections and argument values, with fragments expanded, over all definitions
	depth         int // fields within fields
	nesting       int // the same, with fragments and values counted too
	pairs         int // fields of one name in one place, which validation compares with each other
	mutations     int // fields of a mutation
	introspection int // what the answer to an introspection may hold
	complexity    int
}

var (
	// ofStrangers is for whoever has not signed in: enough to sign in.
	ofStrangers = bounds{bytes: 8 << 10, tokens: 1_000, definitions: 10, variables: 20, selections: 400, depth: 10, nesting: 20,
		pairs: 2_000, mutations: 1, introspection: 0, complexity: 10_000}
	ofActors = bounds{bytes: 128 << 10, tokens: 8_000, definitions: 50, variables: 100, selections: 5_000, depth: 15, nesting: 40,
		pairs: 50_000, mutations: 10, introspection: 800_000, complexity: 60_000}
)

func boundsFor(ctx context.Context) bounds {
	if rbac.ActorFrom(ctx) == nil {
		return ofStrangers
	}
	return ofActors
}

// saturated is what a count that has left every bound stays at.
const saturated = 1 << 40

func add(a, b int) int { return min(a+b, saturated) }

func times(a, b int) int {
	if a > 0 && b > saturated/a {
		return saturated
	}
	return a * b
}

// size of a selection set with fragments expanded.
type size struct{ selections, depth, nesting int }

func (s size) and(other size) size {
	return size{add(s.selections, other.selections), max(s.depth, other.depth), max(s.nesting, other.nesting)}
}

// measurer measures each fragment once.
type measurer struct {
	document  *ast.QueryDocument
	fragments map[string]*ast.FragmentDefinition
	known     map[string]size
	open      map[string]bool
	steps     int // nodes visited: what measuring costs
	cyclic    bool
	schema    bool // it asks for the schema
}

func newMeasurer(document *ast.QueryDocument) *measurer {
	m := &measurer{document: document, fragments: map[string]*ast.FragmentDefinition{}, known: map[string]size{}, open: map[string]bool{}}
	for _, f := range document.Fragments {
		if m.fragments[f.Name] == nil { // validation refuses the second of a name
			m.fragments[f.Name] = f
		}
	}
	return m
}

func (m *measurer) set(set ast.SelectionSet) (total size) {
	for _, selection := range set {
		m.steps++
		var one size
		switch s := selection.(type) {
		case *ast.Field:
			one = m.set(s.SelectionSet)
			one = one.and(m.arguments(s.Arguments)).and(m.directives(s.Directives))
			one.depth++
			m.schema = m.schema || introspective(s)
		case *ast.InlineFragment:
			one = m.set(s.SelectionSet).and(m.directives(s.Directives))
		case *ast.FragmentSpread:
			one = m.fragment(s.Name).and(m.directives(s.Directives))
		}
		one.selections, one.nesting = add(one.selections, 1), one.nesting+1
		total = total.and(one)
	}
	return total
}

func (m *measurer) fragment(name string) size {
	if s, ok := m.known[name]; ok {
		return s
	}
	if m.open[name] {
		m.cyclic = true
		return size{}
	}
	f := m.fragments[name]
	if f == nil {
		return size{} // validation says so
	}
	m.open[name] = true
	s := m.set(f.SelectionSet).and(m.directives(f.Directives))
	delete(m.open, name)
	m.known[name] = s
	return s
}

func (m *measurer) directives(list ast.DirectiveList) (total size) {
	for _, d := range list {
		m.steps++
		one := m.arguments(d.Arguments)
		one.selections = add(one.selections, 1)
		total = total.and(one)
	}
	return total
}

func (m *measurer) arguments(list ast.ArgumentList) (total size) {
	for _, a := range list {
		total = total.and(m.value(a.Value))
	}
	return total
}

func (m *measurer) value(v *ast.Value) (total size) {
	if v == nil {
		return size{}
	}
	m.steps++
	for _, child := range v.Children {
		total = total.and(m.value(child.Value))
	}
	total.selections, total.nesting = add(total.selections, 1), total.nesting+1
	return total
}

// refuse is why a document leaves its bounds, nil while it does not.
func (b bounds) refuse(document *ast.QueryDocument, schema *ast.Schema) *fault.Error {
	return b.refuseMeasured(newMeasurer(document), schema)
}

func tooLarge(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, format, args...).Do("Ask for less in one operation.")
}

func (b bounds) refuseMeasured(m *measurer, schema *ast.Schema) *fault.Error {
	document := m.document
	if n := len(document.Operations) + len(document.Fragments); n > b.definitions {
		return tooLarge("The document has %d operations and fragments; at most %d are allowed.", n, b.definitions)
	}
	var total size
	for _, o := range document.Operations {
		if len(o.VariableDefinitions) > b.variables {
			return tooLarge("The operation has %d variables; at most %d are allowed.", len(o.VariableDefinitions), b.variables)
		}
		for _, v := range o.VariableDefinitions {
			total = total.and(m.value(v.DefaultValue)).and(m.directives(v.Directives))
		}
		total = total.and(m.set(o.SelectionSet)).and(m.directives(o.Directives))
	}
	for _, f := range document.Fragments {
		total = total.and(m.fragment(f.Name))
	}
	switch {
	case m.schema && b.introspection == 0:
		return fault.New(fault.Unauthenticated, "Introspection requires sign-in.").Do("Sign in, or send a valid API token.")
	case m.cyclic:
		return fault.New(fault.Invalid, "A fragment contains itself.").Do("Remove the cycle.")
	case total.selections > b.selections:
		return tooLarge("The document selects more than %d fields and values, counted with its fragments expanded.", b.selections)
	case total.depth > b.depth:
		return tooLarge("The operation nests deeper than %d levels.", b.depth)
	case total.nesting > b.nesting:
		return tooLarge("The document nests fields, fragments and values deeper than %d levels.", b.nesting)
	}
	// From here on the expanded document is small.
	pairs, introspection := 0, 0
	for _, o := range document.Operations {
		if n := m.fields(o.SelectionSet); o.Operation == ast.Mutation && n > b.mutations {
			return tooLarge("A mutation has %d fields; at most %d are allowed.", n, b.mutations)
		}
		pairs = add(pairs, m.pairs(o.SelectionSet))
		introspection = add(introspection, m.introspection(o.SelectionSet, schema, false))
	}
	for _, f := range document.Fragments {
		pairs = add(pairs, m.pairs(f.SelectionSet))
	}
	switch {
	case pairs > b.pairs:
		return tooLarge("The document selects the same field too often in one place.")
	case introspection > b.introspection:
		return tooLarge("The introspection asks for too much at once.")
	}
	return nil
}

// fields counts those at the root.
func (m *measurer) fields(set ast.SelectionSet) (n int) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			n++
		case *ast.InlineFragment:
			n += m.fields(s.SelectionSet)
		case *ast.FragmentSpread:
			if f := m.fragments[s.Name]; f != nil {
				n += m.fields(f.SelectionSet)
			}
		}
	}
	return n
}

// place is where fields of one response name come together.
type place struct {
	fields, weight, spreads int
	below                   map[string]*place
}

// pairs reckons how many comparisons OverlappingFieldsCanBeMerged can make: each field with each other of its place.
func (m *measurer) pairs(set ast.SelectionSet) int {
	root := &place{}
	m.collect(root, set)
	return root.pairs()
}

func (m *measurer) collect(at *place, set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if at.below == nil {
				at.below = map[string]*place{}
			}
			p := at.below[s.Alias]
			if p == nil {
				p = &place{}
				at.below[s.Alias] = p
			}
			p.fields++
			p.weight += 1 + m.arguments(s.Arguments).selections
			m.collect(p, s.SelectionSet)
		case *ast.InlineFragment:
			at.spreads++
			m.collect(at, s.SelectionSet)
		case *ast.FragmentSpread:
			at.spreads++
			if f := m.fragments[s.Name]; f != nil {
				m.collect(at, f.SelectionSet)
			}
		}
	}
}

func (p *place) pairs() int {
	n := times(max(p.fields-1, 0), p.weight) + times(p.spreads, p.spreads)
	for _, b := range p.below {
		n = add(n, b.pairs())
	}
	return n
}

// listed is how many items the lists of an introspection are reckoned to have, but for `types`.
var listed = map[string]int{
	"fields": 12, "args": 3, "inputFields": 8, "enumValues": 8, "possibleTypes": 4, "interfaces": 2, "directives": 10,
}

func introspective(f *ast.Field) bool { return f.Name == "__schema" || f.Name == "__type" }

// introspection reckons how much an introspection answers; gqlgen's complexity leaves it out.
func (m *measurer) introspection(set ast.SelectionSet, schema *ast.Schema, inside bool) (n int) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			here := inside || introspective(s)
			below := m.introspection(s.SelectionSet, schema, here)
			if !here {
				n = add(n, below)
				continue
			}
			factor := max(listed[s.Name], 1)
			if s.Name == "types" {
				factor = len(schema.Types)
			}
			n = add(n, add(1, times(factor, below)))
		case *ast.InlineFragment:
			n = add(n, m.introspection(s.SelectionSet, schema, inside))
		case *ast.FragmentSpread:
			if f := m.fragments[s.Name]; f != nil {
				n = add(n, m.introspection(f.SelectionSet, schema, inside))
			}
		}
	}
	return n
}

// gate admits documents: it parses, measures and validates those that it does not know and keeps them for the executor,
// which parses nothing that did not come through here.
type gate struct {
	schema *ast.Schema
	known  *documents
}

func (*gate) ExtensionName() string                   { return "Gate" }
func (*gate) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters is what gqlgen calls before anything else.
func (g *gate) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	b := boundsFor(ctx)
	if len(params.Query) > b.bytes {
		return refused(tooLarge("The document has more than %d bytes.", b.bytes))
	}
	document, ok := g.known.Get(ctx, params.Query)
	if !ok {
		if ctx.Err() != nil {
			return refused(fault.Of(ctx.Err())) // the client has left
		}
		var err error
		if document, err = parser.ParseQueryWithTokenLimit(&ast.Source{Input: params.Query}, b.tokens); err != nil {
			return badDocument(err, errcode.ParseFailed)
		}
		if len(document.Operations) == 0 {
			return refused(fault.New(fault.Invalid, "The request has no operation.").At("query"))
		}
	}
	// Also those that are known: somebody with wider bounds may have sent them.
	if f := b.refuse(document, g.schema); f != nil {
		return refused(f)
	}
	if ok {
		return nil
	}
	if ctx.Err() != nil {
		return refused(fault.Of(ctx.Err()))
	}
	if err := validate(g.schema, document); err != nil {
		return badDocument(err, errcode.ValidationFailed)
	}
	g.known.Add(ctx, params.Query, document)
	return nil
}

func refused(f *fault.Error) *gqlerror.Error {
	return &gqlerror.Error{Err: f, Message: f.Message, Extensions: map[string]any{"code": errcode.ValidationFailed}}
}

func badDocument(err error, code string) *gqlerror.Error {
	found, ok := err.(*gqlerror.Error)
	if !ok {
		found = gqlerror.Errorf("%s", err)
	}
	errcode.Set(found, code)
	return found
}

// validationRules are gqlparser's, without suggestions: finding those costs the length of the name times the number of
// fields, for each unknown field.
func validationRules() map[string]core.RuleFunc {
	list := rules.NewDefaultRules().GetInner()
	delete(list, rules.FieldsOnCorrectTypeRule.Name)
	delete(list, rules.KnownArgumentNamesRule.Name)
	delete(list, rules.KnownTypeNamesRule.Name)
	delete(list, rules.ScalarLeafsRule.Name)
	delete(list, rules.ValuesOfCorrectTypeRule.Name)
	for _, r := range []core.Rule{rules.FieldsOnCorrectTypeRuleWithoutSuggestions, rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRuleWithoutSuggestions, rules.ScalarLeafsRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRuleWithoutSuggestions} {
		list[r.Name] = r.RuleFunc
	}
	return list
}

// validate returns the first error: validation stops there, so that a document full of errors costs and answers no more than
// one with a single error.
func validate(schema *ast.Schema, document *ast.QueryDocument) (err error) {
	type first struct{ *gqlerror.Error }
	defer func() {
		switch p := recover().(type) {
		case nil:
		case first:
			err = p.Error
		default:
			panic(p)
		}
	}()
	stopping := rules.NewRules()
	for name, check := range validationRules() {
		stopping.AddRule(name, func(observers *core.Events, _ core.AddErrFunc) {
			check(observers, func(options ...core.ErrorOption) {
				e := &gqlerror.Error{Rule: name}
				for _, o := range options {
					o(e)
				}
				panic(first{e})
			})
		})
	}
	if list := validator.ValidateWithRules(schema, document, stopping); len(list) > 0 {
		return list[0]
	}
	return nil
}

// documents keeps parsed documents by their text, the least used go first. It is bounded by what they hold, not by how many
// there are. It is gqlgen's cache of queries, filled by the gate alone.
type documents struct {
	mu    sync.Mutex
	kept  *simplelru.LRU[string, *ast.QueryDocument]
	bytes int
}

// keptBytes of text: parsed, that is about a hundred times as much.
const keptBytes = 256 << 10

func newDocuments() *documents {
	d := &documents{}
	// The number is no bound of its own: the shortest document has three bytes.
	d.kept, _ = simplelru.NewLRU(keptBytes, func(text string, _ *ast.QueryDocument) { d.bytes -= len(text) })
	return d
}

// Get returns a document that was admitted.
func (d *documents) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept.Get(text)
}

// Add keeps a document.
func (d *documents) Add(_ context.Context, text string, document *ast.QueryDocument) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept.Contains(text) {
		return
	}
	d.kept.Add(text, document)
	for d.bytes += len(text); d.bytes > keptBytes; {
		d.kept.RemoveOldest()
	}
}
