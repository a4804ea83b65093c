package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/graph/generated"
	"github.com/pkiaas/pkiaas/rbac"
)

// Limits of a request; those of its document are in document.go.
const (
	maxStranger = 32 << 10 // bytes of whoever has not signed in: the answer of a passkey is the longest
	maxDocument = 4 << 20  // of those who are signed in; files go to /upload
	maxJSON     = 40       // levels
)

// Handler serves the schema: operations by POST, subscriptions over a WebSocket or as server-sent events. It stands behind the server's
// authentication.
func (r *Resolver) Handler() http.Handler {
	config := generated.Config{Resolvers: r}
	complexities(&config.Complexity)
	schema := generated.NewExecutableSchema(config)
	known := newDocuments()
	server := handler.New(schema)
	open := newSockets()
	server.AddTransport(&webSocket{resolver: r, sockets: open})
	server.AddTransport(&eventStream{resolver: r, sockets: open})
	server.AddTransport(post{r})
	server.SetQueryCache(known)
	server.SetParserTokenLimit(ofActors.tokens)
	server.Use(&gate{schema: schema.Schema(), known: known})
	server.Use(extension.Introspection{}) // the gate refuses that of strangers
	server.Use(
		&extension.ComplexityLimit{Func: func(ctx context.Context, _ *graphql.OperationContext) int { return boundsFor(ctx).complexity }},
	)
	server.AroundFields(whileAsked)
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
		server.ServeHTTP(w, request.WithContext(r.withLoaders(request.Context())))
	})
}

// whileAsked begins no field any more once the client has left.
func whileAsked(ctx context.Context, next graphql.Resolver) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return next(ctx)
}

// post is GraphQL over HTTP: one operation, as JSON.
type post struct{ resolver *Resolver }

// Supports is true: a request that is not such a one is told so.
func (post) Supports(*http.Request) bool { return true }

func (p post) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, ok := p.read(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	operation, problems := exec.CreateOperationContext(r.Context(), params)
	if problems == nil && operation.Operation.Operation == ast.Subscription {
		// It would wait for its first event here, with the rights of now and outside the bounds of streams.
		problems = gqlerror.List{refused(fault.New(fault.Invalid, "A subscription needs a stream.").
			Do("Accept text/event-stream, or open a WebSocket."))}
	}
	if problems != nil {
		if errcode.GetErrorKind(problems) == errcode.KindProtocol {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		answer(w, exec.DispatchError(graphql.WithOperationContext(r.Context(), operation), problems))
		return
	}
	responses, ctx := exec.DispatchOperation(r.Context(), operation)
	answer(w, responses(ctx))
}

// read reads the operation of a request; false where it was refused.
func (p post) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, bool) {
	start := graphql.Now()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		p.refuse(w, r, http.StatusMethodNotAllowed, fault.New(fault.Invalid, "An operation is sent by POST.").Do("Use POST."))
		return nil, false
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		p.refuse(
			w, r, http.StatusUnsupportedMediaType,
			fault.New(fault.Invalid, "The body must be JSON.").Do("Send the header Content-Type: application/json."),
		)
		return nil, false
	}
	body, err := readBody(w, r)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errTooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		p.refuse(w, r, status, err)
		return nil, false
	}
	params := &graphql.RawParams{}
	if err := decode(body, params); err != nil {
		p.refuse(w, r, http.StatusBadRequest, err)
		return nil, false
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, true
}

func (p post) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	id := ""
	if request := requestFrom(r.Context()); request != nil {
		id = request.ID
	}
	WriteError(w, status, id, err, p.resolver.Log)
}

func answer(w io.Writer, response *graphql.Response) {
	_ = json.NewEncoder(w).Encode(response) // the client has gone
}

var errTooLarge = errors.New("too large")

// readBody reads a body within the bounds of who sends it.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := int64(maxDocument)
	refusal := fault.New(fault.Invalid, "The request is larger than %d MiB.", maxDocument>>20).Do(
		"Send a file to /upload, and name it in the operation.",
	).Because(errTooLarge)
	if rbac.ActorFrom(r.Context()) == nil {
		limit = maxStranger
		refusal = fault.New(
			fault.Invalid, "A request without a sign-in may have at most %d KiB.", maxStranger>>10,
		).Do("Sign in first.").Because(errTooLarge)
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // what follows is not read
		return nil, refusal
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooMuch *http.MaxBytesError
	if errors.As(err, &tooMuch) {
		return nil, refusal
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "The request broke off.").Do("Send it again.").Because(err)
	}
	return body, nil
}

// decode reads the parameters of an operation. Nothing of a body that is not right is said again in the error: it may hold
// secrets.
func decode(body []byte, params *graphql.RawParams) error {
	if depth(body) > maxJSON {
		return fault.New(fault.Invalid, "The JSON nests deeper than %d levels.", maxJSON).Do("Send an object with query and variables.")
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return fault.New(fault.Invalid, "A request has one operation; this is a list.").Do("Send each operation in a request of its own.")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(params); err != nil {
		return fault.New(fault.Invalid, "The body is not a GraphQL request in JSON.").Do("Send an object with query and variables.")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fault.New(fault.Invalid, "The body has data after its JSON object.").Do("Send one object with query and variables.")
	}
	return nil
}

// depth is how deep JSON nests; of what is no JSON, at least as deep as a decoder would go.
func depth(text []byte) (deepest int) {
	level, inside := 0, false
	for n := 0; n < len(text); n++ {
		switch c := text[n]; {
		case inside && c == '\\':
			n++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}
