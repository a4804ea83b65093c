package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/graph"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/rbac"
)

// contentSecurityPolicy lets the console load nothing but itself. Its component library writes style attributes.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

type requestKey struct{}

// requestInfo is what the log line of a request says.
type requestInfo struct {
	id      string
	ip      string
	actor   *rbac.Actor
	visitor *visitor
}

func infoFrom(ctx context.Context) *requestInfo {
	i, _ := ctx.Value(requestKey{}).(*requestInfo)
	return i
}

// observe gives each request an id, bounds it, logs and counts it, and turns a panic into a 500 that tells nothing.
func (a *App) observe(door protocols.Listener, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		peer := parseAddress(r.RemoteAddr)
		client := a.proxies.client(peer, r.Header)
		ip := client.String()
		if client != peer {
			r.RemoteAddr = net.JoinHostPort(ip, "0") // the proxy's port is not the client's
		}
		info := &requestInfo{id: strings.ToLower(rand.Text()[:16]), ip: ip, visitor: a.visitors.at(client)}
		w.Header().Set("X-Request-Id", info.id)
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				if errors.Is(asError(p), http.ErrAbortHandler) {
					panic(p)
				}
				a.log.Error("panic", "request", info.id, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				if !sw.written {
					http.Error(sw, "an internal error occurred; request id "+info.id, http.StatusInternalServerError)
				}
			}
			a.metrics.observe(door, r.Method, sw.status, time.Since(start))
			level := slog.LevelDebug
			switch {
			case sw.status == http.StatusNotImplemented: // a client asked for what there is not
			case sw.status == http.StatusServiceUnavailable:
				level = slog.LevelWarn // what is out of order says so itself
			case sw.status >= 500:
				level = slog.LevelError
			}
			attributes := []any{
				"door", string(door), "method", r.Method, "path", r.URL.Path, "status", sw.status, "ms", time.Since(start).Milliseconds(),
				"ip", ip, "request", info.id,
			}
			if info.actor != nil {
				attributes = append(attributes, "actor", info.actor.Name)
			}
			a.log.Log(r.Context(), level, "request", attributes...)
		}()
		next.ServeHTTP(sw, r.WithContext(context.WithValue(r.Context(), requestKey{}, info)))
	})
}

func asError(p any) error {
	err, _ := p.(error)
	return err
}

// statusWriter remembers the status code. It stays out of the way of hijacking and flushing.
type statusWriter struct {
	http.ResponseWriter
	status  int
	written bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.written {
		w.status, w.written = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.written = true
	return w.ResponseWriter.Write(b)
}

// Hijack is what a WebSocket begins with.
func (w *statusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status, w.written = http.StatusSwitchingProtocols, true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// secure sets the headers of everything on the HTTPS listener.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("Strict-Transport-Security", "max-age=31536000")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set(
			"Permissions-Policy",
			"camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self)",
		)
		next.ServeHTTP(w, r)
	})
}

const (
	sessionCookie = "__Host-pkiaas"
	deviceCookie  = "__Host-pkiaas-device"
)

// authenticate establishes who is asking. What it answers, and what stands behind it, is for that caller alone.
func (a *App) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		info := infoFrom(r.Context())
		ctx := graph.WithRequest(r.Context(), &graph.Request{ID: info.id, Cookies: &cookies{w: w}, Status: &responseStatus{w: w}})
		ctx, err := a.establish(ctx, r)
		if err != nil {
			a.refuse(w, info, err)
			return
		}
		info.actor = rbac.ActorFrom(ctx)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// establish finds out who sent a request, from the session cookie or an API token, as of now, and counts it: for each request,
// and for each operation on a WebSocket that a request opened. With a cookie, a request must show that it was made by our
// own page; the cookie alone proves nothing of the sort (CSRF).
func (a *App) establish(ctx context.Context, r *http.Request) (context.Context, error) {
	info := infoFrom(ctx)
	origin := &identity.Origin{IPAddress: info.ip, UserAgent: r.UserAgent(), RequestID: info.id}
	if device, err := r.Cookie(deviceCookie); err == nil {
		origin.Device = device.Value
	}
	// Whoever opened a WebSocket is established anew, and may be nobody by now.
	ctx = rbac.WithActor(identity.WithOrigin(ctx, origin), nil)
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		if err := a.visitors.take(info.visitor.claimed); err != nil {
			return nil, err
		}
		actor, err := a.identity.AuthenticateToken(ctx, bearer)
		if err != nil {
			return nil, err
		}
		a.visitors.giveBack(info.visitor.claimed)
		actor.IPAddress, actor.RequestID = info.ip, info.id
		return rbac.WithActor(ctx, actor), a.limitOther(ctx, actor)
	}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return ctx, a.visitors.take(info.visitor.anonymous)
	}
	if err := a.visitors.take(info.visitor.claimed); err != nil {
		return nil, err
	}
	if !a.sameOrigin(r) {
		return nil, fault.New(fault.Forbidden, "a request with a session cookie must come from the console's own page").Do(
			"Automation uses an API token.",
		)
	}
	actor, session, err := a.identity.AuthenticateSession(ctx, cookie.Value)
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		return nil, err
	}
	ctx = identity.WithSession(ctx, session)
	if actor == nil { // a cookie that anybody can make up buys nothing
		return ctx, a.visitors.take(info.visitor.anonymous)
	}
	a.visitors.giveBack(info.visitor.claimed)
	return rbac.WithActor(ctx, actor), nil
}

// static counts requests for files against their address.
func (a *App) static(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.visitors.take(infoFrom(r.Context()).visitor.static); err != nil {
			protocols.PlainError(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limitOther counts the requests of automation against its partition's rate. People at the console are not counted.
func (a *App) limitOther(ctx context.Context, actor *rbac.Actor) error {
	if actor.Scope.Narrow() {
		return a.limiter.AllowOther(ctx, actor.Scope.Partition)
	}
	for partitionID := range actor.Grants {
		if err := a.limiter.AllowOther(ctx, partitionID); err != nil {
			return err
		}
	}
	return nil
}

// sameOrigin accepts what a foreign page cannot send: our Origin, and for POST a header that needs a preflight.
func (a *App) sameOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		host, err := canonicalHost(r.Host, "https")
		if origin != a.cfg.BaseURL && (err != nil || origin != "https://"+host) {
			return false
		}
	}
	websocket := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	if websocket {
		return r.Header.Get("Origin") != ""
	}
	return r.Header.Get("X-Requested-With") != ""
}

func (a *App) refuse(w http.ResponseWriter, info *requestInfo, err error) {
	f := fault.Of(err)
	protocols.SetRetryAfter(w.Header(), f)
	graph.WriteError(w, protocols.HTTPStatus(f.Kind), info.id, err, a.log)
}

type cookies struct{ w http.ResponseWriter }

func (c *cookies) SetSession(token string, expires time.Time) {
	http.SetCookie(
		c.w,
		&http.Cookie{
			Name: sessionCookie, Value: token, Path: "/", Expires: expires, Secure: true, HttpOnly: true,
			SameSite: http.SameSiteStrictMode,
		},
	)
}

func (c *cookies) SetDevice(device string) {
	http.SetCookie(
		c.w,
		&http.Cookie{
			Name: deviceCookie, Value: device, Path: "/", MaxAge: int(identity.DeviceLifetime.Seconds()), Secure: true, HttpOnly: true,
			SameSite: http.SameSiteStrictMode,
		},
	)
}

func (c *cookies) ClearSession() {
	http.SetCookie(
		c.w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode},
	)
}

// responseStatus lets GraphQL answer 429, which clients and proxies understand, with the error in the body.
type responseStatus struct{ w http.ResponseWriter }

func (s *responseStatus) TooManyRequests(f *fault.Error) {
	protocols.SetRetryAfter(s.w.Header(), f)
	s.w.Header().Set("Content-Type", "application/json")
	s.w.WriteHeader(http.StatusTooManyRequests)
}

// live has the actor of a request follow its rights, for answers that take long.
func (a *App) live(ctx context.Context) (_ context.Context, stop func()) {
	actor := rbac.ActorFrom(ctx)
	if actor == nil {
		return ctx, func() {}
	}
	watched, stop := a.identity.Watch(actor)
	return rbac.WithLive(ctx, watched), stop
}
