package server

import (
	"net/http"

	"github.com/pkiaas/pkiaas/rbac"
)

// mutual establishes the actor of everything behind the client-certificate listener: the credential whose certificate the
// client showed. It is asked for each request, whatever connection that comes on. refuse answers who is not let in.
func (a *App) mutual(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := infoFrom(r.Context())
		if err := a.visitors.take(info.visitor.claimed); err != nil {
			refuse(w, r, err)
			return
		}
		actor, err := a.credentials.Authenticate(r.Context(), r.TLS.PeerCertificates, info.ip, info.id)
		if err == nil {
			a.visitors.giveBack(info.visitor.claimed)
			info.actor = actor
			err = a.limitOther(r.Context(), actor)
		}
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(rbac.WithActor(r.Context(), actor)))
	})
}
