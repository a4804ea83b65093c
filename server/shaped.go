package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/protocols/cagw"
)

// shapedListener accepts connections of the listener with client certificates. It shakes hands itself, so that what net/http writes
// onto a connection of HTTP/1.1 without asking a handler (400, 431) can be put into the shape of the CA Gateway API, which the clients
// of that listener read. Connections of HTTP/2 are left to net/http.
type shapedListener struct {
	net.Listener
	config   *tls.Config
	accepted chan net.Conn
	failed   chan error
	closed   chan struct{}
	begin    sync.Once
	end      sync.Once
}

// handshakeTime is as long as net/http gives a client with our settings.
const handshakeTime = 10 * time.Second

func newShapedListener(l net.Listener, config *tls.Config) *shapedListener {
	return &shapedListener{
		Listener: l, config: config, accepted: make(chan net.Conn), failed: make(chan error), closed: make(chan struct{}),
	}
}

func (l *shapedListener) Accept() (net.Conn, error) {
	l.begin.Do(func() { go l.loop() })
	select {
	case c := <-l.accepted:
		return c, nil
	case err := <-l.failed:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *shapedListener) Close() error {
	l.end.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func (l *shapedListener) loop() {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			go l.shake(c)
			continue
		}
		select {
		case l.failed <- err: // net/http knows which errors pass, and calls again
		case <-l.closed:
			return
		}
	}
}

func (l *shapedListener) shake(raw net.Conn) {
	c := tls.Server(raw, l.config)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader[:]) {
			_ = plain.Conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = plain.Conn.Write(shapedAnswer(http.StatusBadRequest, "this address is for HTTPS"))
		}
		_ = raw.Close()
		return
	}
	var accepted net.Conn = c
	if c.ConnectionState().NegotiatedProtocol != "h2" {
		accepted = &shapedConn{c}
	}
	select {
	case l.accepted <- accepted:
	case <-l.closed:
		_ = c.Close()
	}
}

func looksLikeHTTP(header []byte) bool {
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"} {
		if bytes.HasPrefix(header, []byte(method)) {
			return true
		}
	}
	return false
}

// shapedConn is one of HTTP/1.1.
type shapedConn struct{ *tls.Conn }

// bare is what net/http writes where there is no request that a handler could be asked about. Answers of handlers have more headers.
var bare = regexp.MustCompile(`^HTTP/1\.1 ([45]\d\d) [^\r\n]*\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n(.*)`)

func (c *shapedConn) Write(b []byte) (int, error) {
	if found := bare.FindSubmatch(b); found != nil {
		status, _ := strconv.Atoi(string(found[1])) // three digits
		if _, err := c.Conn.Write(shapedAnswer(status, string(found[2]))); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func shapedAnswer(status int, says string) []byte {
	body := cagw.Refusal(status, says)
	return append([]byte(
		"HTTP/1.1 "+strconv.Itoa(status)+" "+http.StatusText(status)+"\r\nContent-Type: application/json\r\nContent-Length: "+
			strconv.Itoa(len(body))+
			"\r\nConnection: close\r\n\r\n"), body...)
}

type tlsStateKey struct{}

// withTLSState lets handlers know the handshake of a connection that net/http takes for plain.
func withTLSState(ctx context.Context, c net.Conn) context.Context {
	if shaped, ok := c.(*shapedConn); ok {
		state := shaped.ConnectionState()
		return context.WithValue(ctx, tlsStateKey{}, &state)
	}
	return ctx
}

// Headers of a request to that listener. What is between the two is refused by admit, in the protocol's words.
const mostHeaders, readHeaders = 64 << 10, 128 << 10

func headerBytes(r *http.Request) int {
	n := len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + 4
		}
	}
	return n
}

// withTLS gives a request the state of its handshake.
func withTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state, ok := r.Context().Value(tlsStateKey{}).(*tls.ConnectionState); ok && r.TLS == nil {
			r.TLS = state
		}
		next.ServeHTTP(w, r)
	})
}
