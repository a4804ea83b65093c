package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/maypok86/otter/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// queryCacheBytes bounds the memory of parsed documents, and longestKept the text of one: a stranger chooses them.
	queryCacheBytes, longestKept = 32 << 20, 32 << 10
	// parsedSize is how much larger a document is once it is parsed, roughly.
	parsedSize = 20
)

// queryCache keeps parsed documents by their text.
type queryCache struct {
	*otter.Cache[string, *ast.QueryDocument]
}

func newQueryCache() graphql.Cache[*ast.QueryDocument] {
	return queryCache{otter.Must(&otter.Options[string, *ast.QueryDocument]{MaximumWeight: queryCacheBytes,
		Weigher: func(text string, _ *ast.QueryDocument) uint32 { return uint32(len(text) * parsedSize) }})}
}

func (c queryCache) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	return c.GetIfPresent(text)
}

func (c queryCache) Add(_ context.Context, text string, document *ast.QueryDocument) {
	if len(text) <= longestKept {
		c.Set(text, document)
	}
}
