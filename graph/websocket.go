package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/rbac"
)

// subprotocol is https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
const subprotocol = "graphql-transport-ws"

// Bounds of sockets. Each belongs to somebody who is signed in.
const (
	maxMessage       = 64 << 10 // bytes
	maxSubscriptions = 10       // at once on a socket
	maxPerActor      = 20       // sockets on this server
	maxPerAddress    = 200
	initPatience     = 10 * time.Second
	pingInterval     = 20 * time.Second
	writePatience    = 10 * time.Second
)

// Close codes of the subprotocol.
const (
	closeBadRequest  = 4400
	closeTooEarly    = 4401 // subscribed before the connection was initialised
	closeForbidden   = 4403 // the rights have ended
	closeInitTimeout = 4408
	closeIDTaken     = 4409
	closeSecondInit  = 4429
)

// webSocket is the transport of subscriptions, and of nothing else: queries and mutations go by POST, where each is
// authenticated. A subscription, too, is authenticated and counted when it begins; then the actor's rights are those of
// the moment, and the socket is closed when they end.
type webSocket struct {
	resolver *Resolver
	sockets  *sockets
}

func (*webSocket) Supports(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

func (t *webSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx := r.Context()
	refuse := func(status int, f *fault.Error) { post{t.resolver}.refuse(w, r, status, f) }
	actor := rbac.ActorFrom(ctx)
	if actor == nil {
		refuse(
			http.StatusUnauthorized,
			fault.New(fault.Unauthenticated, "Opening a WebSocket requires sign-in.").Do("Sign in, or send a valid API token."),
		)
		return
	}
	if !slices.Contains(websocket.Subprotocols(r), subprotocol) {
		refuse(http.StatusBadRequest, fault.New(fault.Invalid, "The WebSocket must speak %s.", subprotocol).Do("Offer that subprotocol."))
		return
	}
	address := ""
	if o := identity.OriginFrom(ctx); o != nil {
		address = o.IPAddress
	}
	leave, ok := t.sockets.enter(string(actor.Kind)+" "+actor.ID, address)
	if !ok {
		refuse(
			http.StatusTooManyRequests,
			fault.New(fault.TooManyRequests, "You have too many WebSockets open.").Do("Close some, or use one for several subscriptions."),
		)
		return
	}
	defer leave()
	live, stop := t.resolver.Identity.Watch(actor)
	defer stop()
	upgrader := websocket.Upgrader{Subprotocols: []string{subprotocol}, HandshakeTimeout: writePatience,
		CheckOrigin: func(*http.Request) bool { return true }} // where a cookie came along, the authentication has checked it
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // answered by the upgrader
	}
	defer conn.Close()
	conn.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	id := ""
	if request := requestFrom(ctx); request != nil {
		id = request.ID
	}
	// No cookie and no status can be set any more.
	ctx = WithRequest(ctx, &Request{ID: id})
	s := &socket{transport: t, conn: conn, request: r, exec: exec, live: live, running: map[string]*running{}}
	s.serve(ctx)
}

// sockets counts the open ones of this server.
type sockets struct {
	mu   sync.Mutex
	open map[string]int
}

func newSockets() *sockets { return &sockets{open: map[string]int{}} }

func (s *sockets) enter(actor, address string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	actor, address = "actor "+actor, "address "+address
	if s.open[actor] >= maxPerActor || s.open[address] >= maxPerAddress {
		return nil, false
	}
	s.open[actor]++
	s.open[address]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, key := range []string{actor, address} {
			if s.open[key]--; s.open[key] == 0 {
				delete(s.open, key)
			}
		}
	}, true
}

// socket is a connection and the subscriptions on it.
type socket struct {
	transport *webSocket
	conn      *websocket.Conn
	request   *http.Request
	exec      graphql.GraphExecutor
	live      *identity.Watched

	writing sync.Mutex
	mu      sync.Mutex
	running map[string]*running
}

type socketMessage struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// serve reads messages until either side leaves.
func (s *socket) serve(ctx context.Context) {
	ended := make(chan struct{})
	defer close(ended)
	go s.attend(ctx, ended)
	s.patience(cmp.Or(s.transport.resolver.SocketPatience, initPatience))
	s.conn.SetPongHandler(func(string) error { s.patience(2 * pingInterval); return nil })
	for begun := false; ; {
		kind, text, err := s.conn.ReadMessage()
		if err != nil {
			if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() && !begun {
				s.close(closeInitTimeout, "Connection initialisation timeout")
			}
			return
		}
		var m socketMessage
		if kind != websocket.TextMessage || depth(text) > maxJSON || json.Unmarshal(text, &m) != nil {
			s.close(closeBadRequest, "Invalid message received")
			return
		}
		switch {
		case m.Type == "connection_init" && begun:
			s.close(closeSecondInit, "Too many initialisation requests")
			return
		case m.Type == "connection_init":
			begun = true
			s.patience(2 * pingInterval)
			s.send(socketMessage{Type: "connection_ack"})
		case m.Type == "ping":
			s.send(socketMessage{Type: "pong"})
		case m.Type == "pong":
		case !begun:
			s.close(closeTooEarly, "Unauthorized")
			return
		case m.Type == "subscribe" && m.ID != "":
			if !s.subscribe(ctx, m) {
				return
			}
		case m.Type == "complete":
			s.stop(m.ID)
		default:
			s.close(closeBadRequest, "Invalid message received")
			return
		}
	}
}

// attend pings, and closes the socket when the rights of its actor end or the server stops.
func (s *socket) attend(ctx context.Context, ended <-chan struct{}) {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			s.close(websocket.CloseGoingAway, "")
			return
		case <-s.live.Ended():
			s.close(closeForbidden, "Forbidden")
			return
		case <-ticker.C:
			if s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writePatience)) != nil {
				_ = s.conn.Close()
				return
			}
		}
	}
}

func (s *socket) patience(d time.Duration) { _ = s.conn.SetReadDeadline(time.Now().Add(d)) } // the next read says so

func (s *socket) send(m socketMessage) {
	text, err := json.Marshal(m)
	if err != nil {
		return
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(writePatience))
	if s.conn.WriteMessage(websocket.TextMessage, text) != nil {
		_ = s.conn.Close() // a client that does not read is no reason to wait
	}
}

func (s *socket) close(code int, why string) {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(time.Second))
	_ = s.conn.Close()
}

func (s *socket) fail(id string, errs ...*gqlerror.Error) {
	payload, err := json.Marshal(errs)
	if err == nil {
		s.send(socketMessage{Type: "error", ID: id, Payload: payload})
	}
}

// running is a subscription that has its place on the socket.
type running struct{ cancel context.CancelFunc }

// stop ends the subscription that has the id.
func (s *socket) stop(id string) {
	s.mu.Lock()
	mine := s.running[id]
	s.mu.Unlock()
	if mine != nil {
		s.free(id, mine)
	}
}

// free gives the place and the id back, once: the client may use the id for another subscription meanwhile.
func (s *socket) free(id string, mine *running) {
	mine.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[id] == mine {
		delete(s.running, id)
	}
}

// begin registers a subscription. Whoever hears of its end may use its place again, so free it before saying so.
func (s *socket) begin(ctx context.Context, id string) (_ context.Context, free func(), taken, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[id] != nil {
		return ctx, nil, true, false
	}
	if len(s.running) >= maxSubscriptions {
		return ctx, nil, false, true
	}
	ctx, cancel := context.WithCancel(ctx)
	mine := &running{cancel}
	s.running[id] = mine
	return ctx, func() { s.free(id, mine) }, false, false
}

// subscribe begins a subscription; false ends the socket.
func (s *socket) subscribe(ctx context.Context, m socketMessage) bool {
	r := s.transport.resolver
	// Who asks is established anew, as for a request by POST, and counted.
	ctx, err := r.Authenticate(ctx, s.request)
	if err == nil && rbac.ActorFrom(ctx) == nil {
		err = fault.New(fault.Unauthenticated, "The session has ended.").Do("Sign in again.")
	}
	if fault.Is(err, fault.Unauthenticated) {
		s.close(closeForbidden, "Forbidden")
		return false
	}
	params := &graphql.RawParams{Headers: s.request.Header}
	if err == nil {
		err = decode(m.Payload, params)
	}
	if err != nil {
		s.fail(m.ID, r.present(ctx, err))
		return true
	}
	ctx, free, taken, full := s.begin(r.withLoaders(rbac.WithLive(ctx, s.live)), m.ID)
	switch {
	case taken:
		s.close(closeIDTaken, "Subscriber for "+m.ID[:min(len(m.ID), 40)]+" already exists")
		return false
	case full:
		s.fail(
			m.ID,
			r.present(
				ctx,
				fault.New(
					fault.TooManyRequests, "This WebSocket has %d subscriptions; it may have no more.", maxSubscriptions,
				).Do("Complete one first."),
			),
		)
		return true
	}
	ctx = graphql.StartOperationTrace(ctx)
	operation, problems := s.exec.CreateOperationContext(ctx, params)
	if problems == nil && operation.Operation.Operation != ast.Subscription {
		problems = gqlerror.List{
			refused(fault.New(fault.Invalid, "Only subscriptions are served over a WebSocket.").Do("Send queries and mutations by POST.")),
		}
	}
	if problems != nil {
		free()
		s.fail(m.ID, s.exec.DispatchError(graphql.WithOperationContext(ctx, operation), problems).Errors...)
		return true
	}
	go s.follow(ctx, m.ID, operation, free)
	return true
}

// outcome is why a subscription ended, noted by what feeds it.
type outcome struct{ err error }

type outcomeKey struct{}

// endSubscription notes why what feeds a subscription stops.
func endSubscription(ctx context.Context, err error) {
	if o, ok := ctx.Value(outcomeKey{}).(*outcome); ok {
		o.err = err
	}
}

func (s *socket) follow(ctx context.Context, id string, operation *graphql.OperationContext, free func()) {
	defer free()
	end := &outcome{}
	ctx = context.WithValue(ctx, outcomeKey{}, end)
	defer func() {
		if p := recover(); p != nil {
			free()
			s.fail(id, s.transport.resolver.present(ctx, operation.Recover(ctx, p)))
		}
	}()
	responses, ctx := s.exec.DispatchOperation(ctx, operation)
	for {
		response := responses(ctx)
		if response == nil {
			break
		}
		if len(response.Errors) > 0 && len(response.Data) == 0 {
			free()
			s.fail(id, response.Errors...) // refused before it began
			return
		}
		payload, err := json.Marshal(response)
		if err != nil {
			free()
			s.fail(id, s.transport.resolver.present(ctx, err))
			return
		}
		s.send(socketMessage{Type: "next", ID: id, Payload: payload})
	}
	left := ctx.Err() != nil
	free()
	switch {
	case left: // the client has completed it, or left
	case end.err == nil:
		s.send(socketMessage{Type: "complete", ID: id})
	case fault.Is(end.err, fault.Unauthenticated), fault.Is(end.err, fault.Forbidden), fault.Is(end.err, fault.NotFound):
		s.close(closeForbidden, "Forbidden")
	default:
		s.fail(id, s.transport.resolver.present(ctx, end.err))
	}
}
