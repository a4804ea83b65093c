package server

import (
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/protocols/cagw"
)

const swaggerPath = "/cagw/swagger-ui"

// swaggerUI serves the reference of the CA Gateway API to browsers that have a credential. Its page names its files by
// whole paths, so that the address does with a slash at its end and without.
func swaggerUI(files fs.FS, auth protocols.Authentication) protocols.Endpoint {
	load := sync.OnceValues(func() (*spa, error) { return newSPA(files) }) // few ask, and compressing takes its time
	return protocols.Endpoint{
		Listener: protocols.MutualTLS, Prefix: swaggerPath, Authentication: auth,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name := strings.TrimPrefix(r.URL.Path, swaggerPath)
			if name == "" || name == "/" {
				name = "/index.html"
			}
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				w.Header().Set("Allow", "GET, HEAD")
				auth.Refused(w, r, cagw.NoSuchMethod(r.Method))
				return
			}
			s, err := load()
			if err != nil {
				auth.Refused(
					w, r,
					fault.New(fault.Unavailable, "the reference is not part of this binary: build it with `npm run build`").Because(err),
				)
				return
			}
			a, ok := s.assets[name]
			if !ok {
				auth.Refused(w, r, cagw.NoSuchResource)
				return
			}
			w.Header().Set("Cache-Control", "no-cache")
			a.serve(w, r)
		})}
}
