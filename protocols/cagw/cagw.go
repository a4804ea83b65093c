// Package cagw is the CA Gateway REST API at /cagw/v1, as its public clients speak it: it reads requests of credentials
// and writes answers. What they mean is decided by the services of the CAs, certificates and enrollment. openapi.yaml
// says the same in the words of OpenAPI 3.1, and the tests hold both against each other.
package cagw

import (
	"bytes"
	"context"
	"crypto/x509"
	json "encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/rbac"
)

// maxRequest bounds a request: a CSR of 64 KiB in base64, and as much of extensions.
const maxRequest = 512 << 10

// Base is where the resources are.
const Base = "/cagw/v1/certificate-authorities"

// Credentials knows the clients by their certificates.
type Credentials interface {
	Authenticate(ctx context.Context, chain []*x509.Certificate, ip, requestID string) (*rbac.Actor, error)
	// Refused records what was refused to a credential. The error is that it could not.
	Refused(ctx context.Context, actor *rbac.Actor, err error, method, path string) error
}

// Protocol is the CA Gateway. The actor of a request is in its context, an rbac.CredentialActor.
type Protocol struct {
	CAs          *ca.Service
	Certificates *certificate.Service
	Enrollment   *enrollment.Service
	Credentials  Credentials // nil: refusals are not recorded
	Log          *slog.Logger
}

func (Protocol) Name() string { return "cagw" }

// Endpoints: one prefix, so that every path and method under it is answered in the protocol's own shape.
func (p Protocol) Endpoints() []protocols.Endpoint {
	return []protocols.Endpoint{
		{Listener: protocols.MutualTLS, Prefix: "/cagw", Authentication: p.Authentication(), Handler: http.HandlerFunc(p.serve)},
	}
}

// Authentication is by the client certificate of a credential.
func (p Protocol) Authentication() protocols.Authentication {
	return protocols.Authentication{Refuse: p.Refuse, Caller: func(r *http.Request, from protocols.Origin) (*rbac.Actor, error) {
		return p.Credentials.Authenticate(r.Context(), r.TLS.PeerCertificates, from.IPAddress, from.RequestID)
	}}
}

// request is one of a credential, as the route has read it.
type request struct {
	*http.Request
	w     http.ResponseWriter
	actor *rbac.Actor
	path  []string // values of the {…} of the route
	body  []byte
	ca    *ca.CertificationAuthority // of routes with a CA
	show  fields
}

// route is a method of a path. Parts in braces stand for any text.
type route struct {
	method, path string
	serve        func(Protocol, context.Context, *request) error
}

var routes = []route{
	{"GET", Base, Protocol.list},
	{"GET", Base + "/{caId}", Protocol.authority},
	{"GET", Base + "/{caId}/status", Protocol.status},
	{"GET", Base + "/{caId}/capabilities", Protocol.capabilities},
	{"GET", Base + "/{caId}/properties", Protocol.unsupported},
	{"GET", Base + "/{caId}/profiles", Protocol.profiles},
	{"GET", Base + "/{caId}/profiles/{profileId}", Protocol.profile},
	{"POST", Base + "/{caId}/enrollments", Protocol.enroll},
	{"GET", Base + "/{caId}/certificates/{serialNumber}", Protocol.certificate},
	{"POST", Base + "/{caId}/certificates/{serialNumber}/actions", Protocol.act},
	{"POST", Base + "/{caId}/certificates/actions", Protocol.actOnMany},
	{"GET", Base + "/{caId}/certificate-events", Protocol.events},
	{"POST", Base + "/{caId}/subjects/{subjectDn}/actions", Protocol.unsupported},
}

// match tells whether a path is that of the route, and with what values.
func (r route) match(parts []string) ([]string, bool) {
	want := strings.Split(r.path[1:], "/")
	if len(want) != len(parts) {
		return nil, false
	}
	var values []string
	for n, w := range want {
		if w[0] == '{' {
			values = append(values, parts[n])
		} else if w != parts[n] {
			return nil, false
		}
	}
	return values, true
}

func (p Protocol) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if cause := recover(); cause != nil {
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			if p.Log != nil {
				p.Log.Error("panic", "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
			}
			p.Refuse(w, r, fmt.Errorf("panic: %v", cause))
		}
	}()
	w.Header().Set("Cache-Control", "no-store")
	q := &request{Request: r, w: w, actor: rbac.ActorFrom(r.Context())}
	err := p.route(r.Context(), q)
	if err == nil {
		return
	}
	if p.Credentials != nil && (fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Forbidden) || errors.Is(err, errNoCA)) {
		if failed := p.Credentials.Refused(r.Context(), q.actor, err, printable(r.Method), printable(r.URL.Path)); failed != nil {
			err = failed
		}
	}
	p.Refuse(w, r, err)
}

func (p Protocol) route(ctx context.Context, q *request) error {
	if q.actor == nil {
		return fault.New(fault.Unauthenticated, "this address needs the client certificate of a CAGW credential").Do(
			"Create one in the console, under User Management > CAGW Credentials.",
		)
	}
	if served, err := p.reference(q); served {
		return err
	}
	parts := strings.Split(strings.TrimSuffix(q.URL.EscapedPath(), "/")[1:], "/")
	for n, part := range parts {
		text, err := url.PathUnescape(part)
		if err != nil {
			return fault.New(fault.Invalid, "the path is not percent-encoded as it should be")
		}
		parts[n] = text
	}
	var allowed []string
	for _, r := range routes {
		values, ok := r.match(parts)
		if !ok {
			continue
		}
		if r.method != q.Method && (r.method != http.MethodGet || q.Method != http.MethodHead) {
			allowed = append(allowed, r.method)
			continue
		}
		return p.handle(ctx, q, r, values)
	}
	if allowed != nil {
		q.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return NoSuchMethod(q.Method)
	}
	return NoSuchResource
}

func (p Protocol) handle(ctx context.Context, q *request, r route, values []string) error {
	q.path, q.show = values, readFields(q.URL.Query())
	if r.method == http.MethodPost {
		if err := q.readBody(); err != nil {
			return err
		}
	}
	if len(values) > 0 {
		var err error
		if q.ca, err = p.find(ctx, values[0]); err != nil {
			return err
		}
	}
	return r.serve(p, ctx, q)
}

// errNoCA marks the refusal of a CA that the credential has no role on.
var errNoCA = errors.New("unknown CA")

// find looks a CA up by partition~identifier. Whatever is wrong with the id, it is one that there is not.
func (p Protocol) find(ctx context.Context, id string) (*ca.CertificationAuthority, error) {
	unknown := &problem{
		status: http.StatusNotFound,
		detail: detail{Code: "cagw-4018", Message: "CA with specified name not found", Target: "caId", Value: printable(id)},
		cause:  fault.New(fault.NotFound, "CA with specified name not found").Because(errNoCA)}
	partition, identifier, ok := strings.Cut(id, "~")
	if !ok || ca.CheckIdentifier("caId", identifier) != nil || ca.CheckIdentifier("caId", partition) != nil {
		return nil, unknown
	}
	c, err := p.CAs.ByIdentifier(ctx, partition, identifier)
	if fault.Is(err, fault.NotFound) || err == nil && c.DeletedAt != nil {
		return nil, unknown
	}
	return c, err
}

func (q *request) readBody() error {
	if given := q.Header.Get("Content-Type"); given != "" {
		media, _, err := mime.ParseMediaType(given)
		if err != nil || media != "application/json" {
			return refuse(http.StatusUnsupportedMediaType, "cagw-4150", "the body of a request is application/json")
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(q.w, q.Body, maxRequest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, "cagw-4130", "the request has more than %d bytes", maxRequest)
	}
	if err != nil {
		return fault.New(fault.Invalid, "the request could not be read to its end")
	}
	q.body = body
	return nil
}

// decode reads the body; unknown members are ignored, and null is as good as nothing.
func (q *request) decode(into any) error {
	trimmed := bytes.TrimSpace(q.body)
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return fault.New(fault.Invalid, "the body of the request is not a JSON object")
	}
	if err := json.Unmarshal(trimmed, into); err != nil {
		f := fault.New(fault.Invalid, "the body of the request is not the JSON object that is expected here")
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			f.At(strings.ReplaceAll(strings.TrimPrefix(string(semantic.JSONPointer), "/"), "/", "."))
			f.Message = "this member has another type than expected"
		}
		return f
	}
	return nil
}

func (q *request) answer(v any) error {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return err
	}
	if len(q.show.without) > 0 {
		if body, err = q.show.leaveOut(body); err != nil {
			return err
		}
	}
	q.w.Header().Set("Content-Type", "application/json")
	_, _ = q.w.Write(body) // the client may have gone
	return nil
}
