package graph

import (
	"context"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/graph/generated"
	"github.com/pkiaas/pkiaas/rbac"
)

// Limits of an operation, so that no query can keep the server busy out of proportion.
const (
	maxBody       = 2 << 20  // bytes; a CSR has at most 64 KiB
	maxUpload     = 32 << 20 // of those who are signed in: lists for bulk operations
	maxTokens     = 8_000
	maxDepth      = 15
	maxComplexity = 60_000
)

// Handler serves the schema: POST, and WebSocket for subscriptions. allowed tells whether a WebSocket may come from
// the page that asks for it.
func (r *Resolver) Handler(allowed func(*http.Request) bool) http.Handler {
	config := generated.Config{Resolvers: r}
	complexities(&config.Complexity)
	server := handler.New(generated.NewExecutableSchema(config))
	server.AddTransport(transport.Websocket{
		KeepAlivePingInterval: 20 * time.Second,
		Upgrader:              websocket.Upgrader{CheckOrigin: allowed},
	})
	server.AddTransport(transport.POST{})
	server.SetQueryCache(newQueryCache())
	server.SetParserTokenLimit(maxTokens)
	server.Use(extension.Introspection{})
	server.Use(extension.FixedComplexityLimit(maxComplexity))
	server.Use(depthLimit{})
	server.SetErrorPresenter(r.present)
	server.SetRecoverFunc(func(ctx context.Context, p any) error {
		id := ""
		if request := requestFrom(ctx); request != nil {
			id = request.ID
		}
		r.Log.Error("panic in a resolver", "request", id, "panic", p, "stack", string(debug.Stack()))
		return fault.New(fault.Internal, "an internal error occurred").Do("Repeat it; if it persists, report the request id.")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		limit := int64(maxBody)
		if rbac.ActorFrom(request.Context()) != nil {
			limit = maxUpload
		}
		request.Body = http.MaxBytesReader(w, request.Body, limit)
		server.ServeHTTP(w, request.WithContext(r.withLoaders(request.Context())))
	})
}

// depthLimit refuses operations that nest too deep.
type depthLimit struct{}

func (depthLimit) ExtensionName() string                   { return "DepthLimit" }
func (depthLimit) Validate(graphql.ExecutableSchema) error { return nil }
func (depthLimit) MutateOperationContext(_ context.Context, o *graphql.OperationContext) *gqlerror.Error {
	if o.Operation != nil && depth(o.Operation.SelectionSet, 0) > maxDepth {
		return gqlerror.Errorf("the operation nests deeper than %d levels", maxDepth)
	}
	return nil
}

func depth(set ast.SelectionSet, above int) int {
	deepest := above
	if above > maxDepth {
		return above // deep enough to know; fragments cannot be cyclic here, validation has refused that
	}
	for _, selection := range set {
		below := above
		switch s := selection.(type) {
		case *ast.Field:
			below = depth(s.SelectionSet, above+1)
		case *ast.InlineFragment:
			below = depth(s.SelectionSet, above)
		case *ast.FragmentSpread:
			if s.Definition != nil {
				below = depth(s.Definition.SelectionSet, above)
			}
		}
		deepest = max(deepest, below)
	}
	return deepest
}
