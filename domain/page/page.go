// Package page is how lists are read: forward, a page at a time, from a key (never by offset, which skips and repeats).
package page

import (
	"strings"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// MaxFirst bounds a page; CountLimit bounds the counting of all pages, SearchLimit that of what a search finds.
const (
	MaxFirst    = 500
	CountLimit  = 10_000
	SearchLimit = 100
)

// Request asks for First nodes behind the cursor After ("" = from the start).
type Request struct {
	First int
	After string
}

// New checks the arguments of a connection.
func New(first int, after *string) (Request, error) {
	if first < 1 || first > MaxFirst {
		return Request{}, fault.New(fault.Invalid, "a page holds 1 to %d items", MaxFirst).At("first")
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

// Of makes a page of nodes that were read with a limit of First+1.
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

// EndCursor is where the next page begins; nil on an empty page.
func (p *Page[T]) EndCursor() *string {
	if len(p.Cursors) == 0 {
		return nil
	}
	return &p.Cursors[len(p.Cursors)-1]
}

// BadCursor is the error for an `after` that no page gave out.
func BadCursor() error {
	return fault.New(fault.Invalid, "this cursor was not given out by this list").At("after").Do("Pass the endCursor of the page before, or nothing.")
}

var escape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Contains is the LIKE pattern (ESCAPE '\') for text that holds s, in lower case.
func Contains(s string) string { return "%" + escape.Replace(strings.ToLower(s)) + "%" }

// Prefix is the LIKE pattern (ESCAPE '\') for text that begins with s.
func Prefix(s string) string { return escape.Replace(s) + "%" }
