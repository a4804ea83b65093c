package graph

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// maxMessageSaid bounds messages of gqlgen, which repeat what the caller wrote.
const maxMessageSaid = 500

// present turns an error into what the caller may know, in extensions: code, field, action, requestId.
func (r *Resolver) present(ctx context.Context, err error) *gqlerror.Error {
	presented := graphql.DefaultErrorPresenter(ctx, err)
	id := ""
	if request := requestFrom(ctx); request != nil {
		id = request.ID
	}
	var own *gqlerror.Error
	var f *fault.Error
	if errors.As(err, &own) && own.Unwrap() == nil && !errors.As(err, &f) {
		// gqlgen's own: the query does not fit the schema, or exceeds a limit.
		presented.Message = presented.Message[:min(len(presented.Message), maxMessageSaid)]
		presented.Extensions = map[string]any{
			"code": string(fault.Invalid), "requestId": id, "action": "Compare the query with the schema.",
		}
		return presented
	}
	f = fault.Of(err)
	log(r.Log, id, f)
	if request := requestFrom(ctx); f.Kind == fault.TooManyRequests && request != nil && request.Status != nil {
		request.Status.TooManyRequests(f)
	}
	presented.Message, presented.Extensions = f.Message, extensions(f, id)
	return presented
}

func extensions(f *fault.Error, requestID string) map[string]any {
	kind := f.Kind
	if kind == fault.ApprovalNeeded {
		kind = fault.Conflict // a mutation that can wait answers with `settled`; this is only for one that was forgotten
	}
	e := map[string]any{"code": string(kind), "requestId": requestID}
	if f.Field != "" {
		e["field"] = f.Field
	}
	if f.Action != "" {
		e["action"] = f.Action
	}
	if f.RetryAfter > 0 {
		e["retryAfter"] = f.RetryAfter.Seconds()
	}
	if f.Kind == fault.TooManyRequests {
		e["error"] = "TooManyRequests"
	}
	return e
}

func log(l *slog.Logger, requestID string, f *fault.Error) {
	if errors.Is(f, context.Canceled) {
		return // the caller has gone away
	}
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		l.Error(f.Message, "request", requestID, "kind", string(f.Kind), "cause", f.Unwrap())
	}
}

// WriteError answers a request that does not get as far as GraphQL, in the form of a GraphQL answer.
func WriteError(w http.ResponseWriter, status int, requestID string, err error, l *slog.Logger) {
	f := fault.Of(err)
	log(l, requestID, f)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// the client has gone
	_ = json.NewEncoder(w).Encode(
		map[string]any{"errors": []any{map[string]any{"message": f.Message, "extensions": extensions(f, requestID)}}},
	)
}
