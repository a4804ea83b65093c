package server

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// asset is a file of the console, compressed once at start.
type asset struct {
	contentType string
	plain, gzip []byte
}

// spa serves the console: its files, and index.html for every address that is a screen.
type spa struct{ assets map[string]asset }

func newSPA(dist fs.FS) (*spa, error) {
	s := &spa{assets: map[string]asset{}}
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && name == "swagger" {
			return fs.SkipDir // see swaggerUI
		}
		if err != nil || d.IsDir() || path.Base(name) == ".keep" {
			return err
		}
		plain, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		a := asset{contentType: mime.TypeByExtension(path.Ext(name)), plain: plain}
		if a.contentType == "" {
			a.contentType = "application/octet-stream"
		}
		var buffer bytes.Buffer
		zipper, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := zipper.Write(plain); err != nil {
			return err
		}
		if err := zipper.Close(); err != nil {
			return err
		}
		if buffer.Len() < len(plain) {
			a.gzip = buffer.Bytes()
		}
		s.assets["/"+name] = a
		return nil
	})
	return s, err
}

func (s *spa) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !getOnly(w, r) {
		return
	}
	a, ok := s.assets[r.URL.Path]
	switch {
	case ok && strings.HasPrefix(r.URL.Path, "/assets/"):
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // their names hold their hash
	case strings.HasPrefix(r.URL.Path, "/assets/") || path.Ext(r.URL.Path) != "" && !ok:
		// A stale page must not get HTML where it asked for a script.
		http.NotFound(w, r)
		return
	default:
		if !ok {
			a, ok = s.assets["/index.html"]
		}
		w.Header().Set("Cache-Control", "no-cache")
	}
	if !ok {
		notBuilt(w)
		return
	}
	a.serve(w, r)
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Vary", "Accept-Encoding")
	body := a.plain
	if a.gzip != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = a.gzip
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// getOnly answers other methods.
func getOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	return false
}

func notBuilt(w http.ResponseWriter) {
	http.Error(w, "The console is not part of this binary: build it with `npm run build`.", http.StatusServiceUnavailable)
}
