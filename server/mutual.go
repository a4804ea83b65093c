package server

import (
	"net/http"

	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/rbac"
)

// admit lets requests to an endpoint in whose caller its Authentication establishes. That is asked for each request, whatever
// connection it comes on. Until then the address pays for it, and the partition of the actor from then on.
func (a *App) admit(e protocols.Endpoint) http.Handler {
	auth := e.Authentication
	if auth.Caller == nil && e.Listener != protocols.MutualTLS {
		return e.Handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := infoFrom(r.Context())
		if headerBytes(r) > mostHeaders {
			auth.Refused(w, r, protocols.ErrHeadersTooLarge)
			return
		}
		if err := a.visitors.take(info.visitor.claimed); err != nil {
			auth.Refused(w, r, err)
			return
		}
		var actor *rbac.Actor // whoever stood in the context before is nobody here
		if auth.Caller != nil {
			var err error
			if actor, err = auth.Caller(r, protocols.Origin{IPAddress: info.ip, RequestID: info.id}); err == nil && actor != nil {
				a.visitors.giveBack(info.visitor.claimed)
				info.actor = actor
				err = a.limitOther(r.Context(), actor)
			}
			if err != nil {
				auth.Refused(w, r, err)
				return
			}
		}
		e.Handler.ServeHTTP(w, r.WithContext(rbac.WithActor(r.Context(), actor)))
	})
}
