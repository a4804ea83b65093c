package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/rbac"
)

// eventStream serves one subscription a request as server-sent events: the distinct connections mode of
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md. The request is authenticated and counted as any other;
// then, as on a WebSocket, the actor's rights are those of the moment, and the stream ends when they end.
type eventStream struct {
	resolver *Resolver
	sockets  *sockets // streams count as WebSockets do
}

// Supports tells whether the client accepts nothing but a stream. Some list it beside JSON with every query.
func (*eventStream) Supports(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	return strings.Contains(accept, "text/event-stream") && !strings.Contains(accept, "json")
}

func (t *eventStream) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	p := post{t.resolver}
	actor := rbac.ActorFrom(r.Context())
	if actor == nil {
		p.refuse(
			w,
			r,
			http.StatusUnauthorized,
			fault.New(fault.Unauthenticated, "Following a subscription requires sign-in.").Do("Sign in, or send a valid API token."),
		)
		return
	}
	params, ok := p.read(w, r)
	if !ok {
		return
	}
	address := ""
	if o := identity.OriginFrom(r.Context()); o != nil {
		address = o.IPAddress
	}
	leave, ok := t.sockets.enter(string(actor.Kind)+" "+actor.ID, address)
	if !ok {
		p.refuse(
			w,
			r,
			http.StatusTooManyRequests,
			fault.New(fault.TooManyRequests, "You have too many streams and WebSockets open.").Do("Close some."),
		)
		return
	}
	defer leave()
	live, stop := t.resolver.Identity.Watch(actor)
	defer stop()
	ctx, cancel := context.WithCancel(rbac.WithLive(r.Context(), live))
	defer cancel()
	end := &outcome{}
	ctx = context.WithValue(ctx, outcomeKey{}, end)
	operation, problems := exec.CreateOperationContext(ctx, params)
	if problems == nil && operation.Operation.Operation != ast.Subscription {
		problems = gqlerror.List{
			refused(
				fault.New(fault.Invalid, "Only subscriptions are served as an event stream.").
					Do("Accept application/json for queries and mutations."),
			),
		}
	}
	if problems != nil {
		w.Header().Set("Content-Type", "application/json")
		if errcode.GetErrorKind(problems) == errcode.KindProtocol {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		answer(w, exec.DispatchError(graphql.WithOperationContext(ctx, operation), problems))
		return
	}
	id := ""
	if request := requestFrom(ctx); request != nil {
		id = request.ID
	}
	// No cookie and no status can be set any more.
	responses, ctx := exec.DispatchOperation(WithRequest(ctx, &Request{ID: id}), operation)
	events := make(chan []byte)
	go func() {
		defer close(events)
		defer func() {
			if p := recover(); p != nil {
				endSubscription(ctx, operation.Recover(ctx, p))
			}
		}()
		for {
			response := responses(ctx)
			if response == nil {
				return
			}
			text, err := json.Marshal(response) // before the next one: gqlgen uses its buffer again
			if err != nil {
				endSubscription(ctx, err)
				return
			}
			select {
			case events <- text:
			case <-ctx.Done():
				return
			}
		}
	}()
	s := &stream{w: w, control: http.NewResponseController(w)}
	if s.begin() != nil {
		return
	}
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		select {
		case text, more := <-events:
			if !more {
				if end.err != nil && ctx.Err() == nil {
					s.fail(t.resolver.present(ctx, end.err))
				}
				s.complete()
				return
			}
			if s.next(text) != nil {
				return
			}
		case <-live.Ended():
			s.fail(t.resolver.present(ctx, fault.New(fault.Forbidden, "The rights to follow this have ended.").Do("Sign in again.")))
			s.complete()
			return
		case <-t.resolver.Ending:
			s.complete() // the client comes again, to another server or when this one is back
			return
		case <-ticker.C:
			if s.write(":\n\n") != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// stream is an answer that goes on: no deadline of the server applies to it but that of each write.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s *stream) begin() error {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy must not wait for more
	if err := s.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return s.write(":\n\n")
}

func (s *stream) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := fmt.Fprint(s.w, text); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s *stream) next(text []byte) error {
	return s.write("event: next\ndata: " + string(text) + "\n\n")
}

// fail says why the stream ends.
func (s *stream) fail(err *gqlerror.Error) {
	if text, failure := json.Marshal(&graphql.Response{Errors: gqlerror.List{err}}); failure == nil {
		_ = s.next(text) // the client may have gone
	}
}

func (s *stream) complete() { _ = s.write("event: complete\ndata:\n\n") } // the client may have gone
