package server

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/protocols/cagw"
)

// The reference is at its address with a slash at the end and without, whatever else stands behind the door below /cagw.
func TestSwaggerUI(t *testing.T) {
	script := strings.Repeat("SwaggerUIBundle;", 100)
	r := newRouter()
	r.add(
		protocols.Endpoint{
			Prefix: "/cagw", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
		},
	)
	r.add(swaggerUI(fstest.MapFS{"index.html": {Data: []byte("<title>CA Gateway API</title>")},
		"swagger-ui-bundle.js": {Data: []byte(script)}}, cagw.Protocol{}.Authentication()))
	ask := func(method, path string, header ...string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(method, path, nil)
		if len(header) > 0 {
			request.Header.Set("Accept-Encoding", header[0])
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, request)
		return w
	}
	for _, path := range []string{"/cagw/swagger-ui", "/cagw/swagger-ui/", "/cagw/swagger-ui/index.html"} {
		if w := ask("GET", path); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "CA Gateway API") || !strings.HasPrefix(
			w.Header().Get("Content-Type"), "text/html",
		) {
			t.Errorf("%s: %d %s %s", path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
	if w := ask(
		"GET", "/cagw/swagger-ui/swagger-ui-bundle.js",
	); w.Body.String() != script || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("script: %d %s", w.Code, w.Header().Get("Content-Type"))
	}
	if w := ask(
		"GET", "/cagw/swagger-ui/swagger-ui-bundle.js", "gzip, br",
	); w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() >= len(script) {
		t.Errorf("compressed: %q, %d bytes", w.Header().Get("Content-Encoding"), w.Body.Len())
	}
	for path, want := range map[string]int{
		"/cagw/swagger-ui/missing.js": 404, "/cagw/swagger-ui/../../etc/passwd": 404, "/cagw/swagger-uix": 404,
		"/cagw/v1/certificate-authorities": http.StatusTeapot,
	} {
		if w := ask("GET", path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if w := ask("POST", "/cagw/swagger-ui"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d", w.Code)
	}

	// A binary without the console says how to get it; and the console's own door has no such files.
	r = newRouter()
	missing, err := fs.Sub(fstest.MapFS{".keep": {}}, "swagger")
	if err != nil {
		t.Fatal(err)
	}
	r.add(swaggerUI(missing, cagw.Protocol{}.Authentication()))
	if w := ask("GET", "/cagw/swagger-ui"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "npm run build") {
		t.Errorf("not built: %d %s", w.Code, w.Body)
	}
	console, err := newSPA(
		fstest.MapFS{
			"index.html": {Data: []byte("console")}, "swagger/index.html": {Data: []byte("reference")},
			"swagger/start.js": {Data: []byte("start")},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	console.ServeHTTP(w, httptest.NewRequest("GET", "/swagger/start.js", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("/swagger/start.js on the console's door: %d", w.Code)
	}
}
