package server

import (
	"encoding/json"
	"net/http"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/rbac"
)

// mutual establishes the actor of everything behind the client-certificate listener: the credential whose certificate the
// client showed. It is asked for each request, whatever connection that comes on.
func (a *App) mutual(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := infoFrom(r.Context())
		actor, err := a.credentials.Authenticate(r.Context(), r.TLS.PeerCertificates, info.ip, info.id)
		if err == nil {
			info.actor = actor
			err = a.limitOther(r.Context(), actor)
		}
		if err != nil {
			refuse := a.refuseMutual
			if refuse == nil {
				refuse = a.refuseGateway
			}
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(rbac.WithActor(r.Context(), actor)))
	})
}

var gatewayCodes = map[fault.Kind]string{fault.Unauthenticated: "cagw-4010", fault.TooManyRequests: "cagw-4290", fault.Unavailable: "cagw-5030"}

// refuseGateway answers with an ErrorResponse of the CA Gateway API.
func (a *App) refuseGateway(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		a.log.Error(f.Message, "request", infoFrom(r.Context()).id, "kind", string(f.Kind), "cause", f.Unwrap())
	}
	code, ok := gatewayCodes[f.Kind]
	if !ok {
		code = "cagw-5000"
	}
	protocols.SetRetryAfter(w.Header(), f)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(protocols.HTTPStatus(f.Kind))
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "ErrorResponse", "error": map[string]any{"code": code, "message": f.Message + ". " + f.Action, "details": []any{}}}) // the client has gone
}
