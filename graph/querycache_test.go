package graph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// TestQueryCacheIsBounded: documents that a stranger makes up take a bounded memory.
func TestQueryCacheIsBounded(t *testing.T) {
	c := newQueryCache().(queryCache)
	for n := range 3000 {
		c.Add(t.Context(), fmt.Sprintf("{ a } # %d %s", n, strings.Repeat("x", 20_000)), &ast.QueryDocument{})
		c.Add(t.Context(), fmt.Sprintf("{ a } # %d %s", n, strings.Repeat("x", longestKept)), &ast.QueryDocument{})
	}
	c.CleanUp()
	held := 0
	for text := range c.Keys() {
		held += len(text)
	}
	if held == 0 || held > queryCacheBytes/parsedSize {
		t.Errorf("%d bytes of documents are kept", held)
	}
}
