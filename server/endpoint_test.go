package server

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/credential"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/protocols/cagw"
	"github.com/pkiaas/pkiaas/rbac"
)

// badge is a throw-away protocol on the listener with client certificates: it knows one certificate, which it did not issue.
type badge struct {
	known     []byte
	partition string
	reached   []string // who reached its handlers
	tried     func(r *http.Request) error
	failed    error // what tried answered
}

func (*badge) Name() string { return "badge" }

func (b *badge) Endpoints() []protocols.Endpoint {
	serve := func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if a := rbac.ActorFrom(r.Context()); a != nil {
			name = a.Name
		}
		b.reached = append(b.reached, name)
		if b.tried != nil {
			b.failed = b.tried(r)
		}
		_, _ = io.WriteString(w, name)
	}
	own := protocols.Authentication{
		Caller: func(r *http.Request, from protocols.Origin) (*rbac.Actor, error) {
			if len(r.TLS.PeerCertificates) == 0 || !bytes.Equal(r.TLS.PeerCertificates[0].Raw, b.known) {
				return nil, fault.New(fault.Unauthenticated, "show your badge")
			}
			return &rbac.Actor{
				Kind:      rbac.ProtocolActor,
				ID:        "badge",
				Name:      "badge:known",
				IPAddress: from.IPAddress,
				RequestID: from.RequestID,
			}, nil
		},
		Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.WriteHeader(protocols.HTTPStatus(fault.Of(err).Kind))
			_, _ = io.WriteString(w, "<badge>"+fault.Of(err).Message+"</badge>")
		},
	}
	return []protocols.Endpoint{
		{Listener: protocols.MutualTLS, Prefix: "/badge/", Authentication: own, Handler: http.HandlerFunc(serve)},
		{Listener: protocols.MutualTLS, Pattern: "GET /open/{label}", Handler: http.HandlerFunc(serve)},
		{Listener: protocols.TLS, Pattern: "GET /badge/open", Handler: http.HandlerFunc(serve)},
	}
}

// Who speaks is established by the endpoint: a gateway credential is nobody to another protocol of the same listener, and what
// that protocol accepts is nobody to the gateway. Each is refused in the words of the endpoint that was asked.
func TestEndpointAuthenticatesItsOwnClients(t *testing.T) {
	a, m := inProcess(t)
	g := &credentialEstate{App: a, m: m, ctx: colleague(t, a, m, "olga", rbac.Owners)}
	key := ecKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "badge"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	b := &badge{known: der}
	handlers, err := a.compose(append(a.protocols(), b))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handlers["mtls"])
	server.TLS, server.EnableHTTP2 = mutualTLSConfig(a.certs), true
	server.StartTLS()
	t.Cleanup(server.Close)
	made := g.create(t, "door", g.grant(t, "issuing-1", credential.CertAdmins))
	gateway := holding(t, pair(t, made.PKCS12, made.Password))
	visitor := holding(t, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	nobody := holding(t)
	list := cagw.Base
	// With the rights of whoever reached it, a handler of the protocol tries what the gateway's credential may do.
	b.tried = func(r *http.Request) error {
		_, err := a.cas.Granted(r.Context())
		return err
	}
	for _, c := range []struct {
		label  string
		client *http.Client
		path   string
		status int
		says   string
	}{
		{"its own client", visitor, "/badge/x", 200, "badge:known"},
		{"a path with two slashes", visitor, "/badge//x", 200, "badge:known"},
		{"a gateway credential", gateway, "/badge/x", 401, "<badge>show your badge</badge>"},
		{"nobody", nobody, "/badge/x", 401, "<badge>show your badge</badge>"},
		{"its client at the gateway", visitor, list, 401, `"cagw-4010"`},
		{"its client at the reference of the gateway", visitor, "/cagw/swagger-ui", 401, `"cagw-4010"`},
		{"a gateway credential at the gateway", gateway, list, 200, "issuing-1"},
		{"where nobody is established", gateway, "/open/x", 200, "nobody"},
		{"where nobody is established, by its client", visitor, "/open/x", 200, "nobody"},
		{"a path of nobody, by its client", visitor, "/other", 401, `"cagw-4010"`},
		{"a path of nobody, by the gateway's", gateway, "/other", 404, `"cagw-4040"`},
		{"a path of nobody, by nobody", nobody, "/badg", 401, `"cagw-4010"`},
	} {
		reached := len(b.reached)
		r, err := c.client.Get(server.URL + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil || r.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %s %s %v, want %d and %s", c.label, r.Status, body, err, c.status, c.says)
		}
		if entered := len(b.reached) > reached; entered != (c.status == 200 && c.path != list) {
			t.Errorf("%s: the handler was reached: %v", c.label, entered)
		} else if entered && b.failed == nil {
			t.Errorf("%s: %s can do what a gateway credential may", c.label, b.reached[reached])
		}
	}
	// Headers that are too long are refused before anything else, in the words of the endpoint.
	for path, want := range map[string]string{"/badge/x": "400 <badge>", "/other": `431 {"type":"ErrorResponse"`} {
		r := httptest.NewRequest("GET", path, nil)
		r.TLS = &tls.ConnectionState{}
		r.Header.Set("X", strings.Repeat("a", mostHeaders))
		w := httptest.NewRecorder()
		handlers["mtls"].ServeHTTP(w, r)
		if got := fmt.Sprint(w.Code, " ", w.Body); !strings.HasPrefix(got, want) {
			t.Errorf("long headers to %s: %s, want %s", path, got, want)
		}
	}
}

// What is sent before it is known who speaks is charged to the address, at every endpoint of the listener.
func TestEveryEndpointOfTheMutualListenerIsLimited(t *testing.T) {
	a, _ := inProcess(t)
	still := time.Unix(1<<31, 0)
	b := &badge{known: []byte("nobody's")}
	for path, want := range map[string]string{
		"/badge/x": "<badge>there were too many requests", "/open/x": "TooManyRequests", "/other": `"cagw-4290"`,
		"/cagw/v1": `"cagw-4290"`,
	} {
		a.visitors = newVisitors(1)
		a.visitors.now = func() time.Time { return still }
		handlers, err := a.compose(append(a.protocols(), b))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 101 { // ten a second for ten seconds
			r := httptest.NewRequest("GET", path, nil)
			r.TLS = &tls.ConnectionState{}
			w := httptest.NewRecorder()
			handlers["mtls"].ServeHTTP(w, r)
			if limited := w.Code == 429; limited != (n == 100) || limited && !strings.Contains(w.Body.String(), want) {
				t.Fatalf("%s, request %d: %d %s", path, n+1, w.Code, w.Body)
			}
		}
	}
}
