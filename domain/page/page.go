// Package page reads lists forward, a page at a time, starting at a key. It does not use offsets, which skip and repeat
// rows.
package page

import (
	"strings"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// MaxFirst is the largest page. CountLimit limits the counting of a list, SearchLimit that of search results.
const (
	MaxFirst    = 500
	CountLimit  = 10_000
	SearchLimit = 100
)

// Request asks for First nodes after the cursor After ("" = from the start).
type Request struct {
	First int
	After string
}

// New checks the arguments of a connection.
func New(first int, after *string) (Request, error) {
	if first < 1 || first > MaxFirst {
		return Request{}, fault.New(fault.Invalid, "A page can have 1 to %d items.", MaxFirst).At("first")
	}
	r := Request{First: first}
	if after != nil {
		r.After = *after
	}
	return r, nil
}

// Page is a part of a list.
type Page[T any] struct {
	Nodes   []T
	Cursors []string
	HasNext bool
	Total   int
}

// Of makes a page from nodes that were read with a limit of First+1.
func Of[T any](nodes []T, r Request, total int64, cursor func(T) string) *Page[T] {
	p := &Page[T]{Nodes: nodes, Total: int(total)}
	if len(nodes) > r.First {
		p.Nodes, p.HasNext = nodes[:r.First], true
	}
	for _, n := range p.Nodes {
		p.Cursors = append(p.Cursors, cursor(n))
	}
	return p
}

// EndCursor returns the cursor at which the next page starts; nil on an empty page.
func (p *Page[T]) EndCursor() *string {
	if len(p.Cursors) == 0 {
		return nil
	}
	return &p.Cursors[len(p.Cursors)-1]
}

// BadCursor returns the error for an `after` that is not a cursor of the list.
func BadCursor() error {
	return fault.New(fault.Invalid, "This is not a cursor of this list.").At("after").Do(
		"Pass the endCursor of the previous page, or leave it out.",
	)
}

var escape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Contains returns the LIKE pattern (ESCAPE '\') for text that contains s, in lower case.
func Contains(s string) string { return "%" + escape.Replace(strings.ToLower(s)) + "%" }

// Prefix returns the LIKE pattern (ESCAPE '\') for text that starts with s.
func Prefix(s string) string { return escape.Replace(s) + "%" }
