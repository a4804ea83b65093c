package server

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/pkiaas/pkiaas/frontend"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/protocols/cagw"
	"github.com/pkiaas/pkiaas/protocols/crl"
	"github.com/pkiaas/pkiaas/protocols/export"
	"github.com/pkiaas/pkiaas/protocols/ocsp"
	"github.com/pkiaas/pkiaas/protocols/upload"
)

// protocols is the list of ways in beside GraphQL.
func (a *App) protocols() []protocols.Protocol {
	return []protocols.Protocol{
		crl.Protocol{Published: a.status, Now: a.now},
		a.acmeProtocol(),
		a.cagwProtocol(),
		ocsp.Protocol{Responder: a.status, Now: a.now},
	}
}

// handlers builds what is served by each listener.
func (a *App) handlers() (map[string]http.Handler, error) { return a.compose(a.protocols()) }

// compose builds the handlers of the listeners from the console's own and those of protocols.
func (a *App) compose(list []protocols.Protocol) (map[string]http.Handler, error) {
	resolver, err := a.resolver()
	if err != nil {
		return nil, err
	}
	dist, err := frontend.Dist()
	if err != nil {
		return nil, err
	}
	console, err := newSPA(dist)
	if err != nil {
		return nil, fmt.Errorf("the console: %w", err)
	}
	muxes := map[protocols.Listener]*router{protocols.TLS: newRouter(), protocols.Public: newRouter(), protocols.MutualTLS: newRouter()}
	muxes[protocols.TLS].mux.Handle("/graphql", a.authenticate(resolver.Handler()))
	muxes[protocols.TLS].mux.Handle(
		"/export/",
		a.authenticate(
			&export.Handler{
				Live: a.live, Certificates: a.certificates, CAs: a.cas, EndEntities: a.endEntities, Events: a.audit, Bulk: a.bulk,
				Reports: a.report, Now: a.now,
				Refuse: func(w http.ResponseWriter, r *http.Request, err error) { a.refuse(w, infoFrom(r.Context()), err) }}))
	muxes[protocols.TLS].mux.Handle("/upload", a.authenticate(&upload.Handler{Bulk: a.bulk,
		Refuse: func(w http.ResponseWriter, r *http.Request, err error) { a.refuse(w, infoFrom(r.Context()), err) }}))
	muxes[protocols.TLS].mux.Handle("/", a.static(console))
	a.health(muxes[protocols.TLS].mux)
	swagger, err := frontend.Swagger()
	if err != nil {
		return nil, err
	}
	gateway := a.cagwProtocol()
	endpoints := []protocols.Endpoint{
		swaggerUI(swagger, gateway.Authentication()),
		// A path of that listener that no protocol claims is the gateway's: its clients read the answer.
		{Listener: protocols.MutualTLS, Prefix: "/", Authentication: gateway.Authentication(),
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { gateway.Refuse(w, r, cagw.NoSuchResource) })},
	}
	for _, p := range list {
		endpoints = append(endpoints, p.Endpoints()...)
	}
	for _, e := range endpoints {
		e.Handler = a.admit(e)
		muxes[e.Listener].add(e)
	}
	return map[string]http.Handler{
		"tls":    a.observe(protocols.TLS, secure(muxes[protocols.TLS])),
		"public": a.observe(protocols.Public, muxes[protocols.Public]),
		"mtls":   a.observe(protocols.MutualTLS, withTLS(secure(muxes[protocols.MutualTLS]))),
		"admin":  a.admin(),
	}, nil
}

// router is a ServeMux before which some prefixes, the longest that fits, get their path untouched: ServeMux would redirect
// what has '//' in it.
type router struct {
	mux      *http.ServeMux
	prefixes map[string]http.Handler
}

func newRouter() *router { return &router{http.NewServeMux(), map[string]http.Handler{}} }

func (r *router) add(e protocols.Endpoint) {
	if e.Prefix != "" {
		r.prefixes[e.Prefix] = e.Handler
		return
	}
	r.mux.Handle(e.Pattern, e.Handler)
}

// ServeHTTP asks the longest prefix that fits. A pattern of the ServeMux comes before the prefix of everything, "/", which also
// fits the paths that do not begin with a slash: those of CONNECT and OPTIONS *.
func (r *router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	longest, handler := "", http.Handler(r.mux)
	for prefix, h := range r.prefixes {
		if (prefix == "/" || strings.HasPrefix(request.URL.Path, prefix)) && len(prefix) > len(longest) {
			longest, handler = prefix, h
		}
	}
	if longest == "/" {
		if h, pattern := r.mux.Handler(request); pattern != "" && h != nil {
			handler = r.mux
		}
	}
	handler.ServeHTTP(w, request)
}
