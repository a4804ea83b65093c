// Package ocsp serves OCSP over plain HTTP (RFC 6960 appendix A, RFC 5019).
package ocsp

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/pki/ocsp"
	"github.com/pkiaas/pkiaas/protocols"
)

// Responder answers requests; whatever is wrong becomes an OCSP error status.
type Responder interface {
	OCSP(ctx context.Context, partitionID, identifier string, request []byte) *status.Answer
}

// Protocol is the OCSP responder. Relying parties have no limit of their own: what a stranger sends must not keep them
// from an answer.
type Protocol struct {
	Responder Responder
	Now       func() time.Time
}

func (Protocol) Name() string { return "ocsp" }

func (p Protocol) Endpoints() []protocols.Endpoint {
	return []protocols.Endpoint{{Listener: protocols.Public, Prefix: "/ocsp/", Handler: http.HandlerFunc(p.serve)}}
}

func (p Protocol) serve(w http.ResponseWriter, r *http.Request) {
	// The path as sent: base64 holds '/', '+' and '='. Percent-encoding is undone once, '+' is never a blank.
	parts := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), "/ocsp/"), "/", 3)
	if len(parts) < 2 {
		http.NotFound(w, r)
		return
	}
	var request []byte
	switch r.Method {
	case http.MethodPost:
		if len(parts) == 3 && parts[2] != "" {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ocsp.MaxRequest))
		if err != nil {
			http.Error(w, fmt.Sprintf("An OCSP request has at most %d bytes.", ocsp.MaxRequest), http.StatusRequestEntityTooLarge)
			return
		}
		request = body
	case http.MethodGet, http.MethodHead:
		if len(parts) == 3 {
			request = decode(parts[2])
		}
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "an OCSP request is made by GET or POST", http.StatusMethodNotAllowed)
		return
	}
	answer := p.Responder.OCSP(r.Context(), parts[0], parts[1], request)
	h := w.Header()
	h.Set("Content-Type", "application/ocsp-response")
	if r.Method == http.MethodGet && answer.Cacheable {
		p.cache(h, answer)
		if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, answer.ETag) {
			h.Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	} else {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Length", fmt.Sprint(len(answer.DER)))
	_, _ = w.Write(answer.DER) // the client has gone: nothing to tell it
}

// cache lets an answer be kept a short while (RFC 5019 section 6), never past its nextUpdate.
func (p Protocol) cache(h http.Header, a *status.Answer) {
	age := min(5*time.Minute, max(0, a.NextUpdate.Sub(p.Now())))
	h.Set("Cache-Control", fmt.Sprintf("public, no-transform, must-revalidate, max-age=%d", int(age.Seconds())))
	h.Set("ETag", a.ETag)
	h.Set("Last-Modified", a.ThisUpdate.Format(http.TimeFormat))
	h.Set("Expires", p.Now().Add(age).UTC().Format(http.TimeFormat))
}

// decode reads the base64 of a GET request, percent-encoded or raw; nil when it is none.
func decode(text string) []byte {
	if unescaped, err := url.PathUnescape(text); err == nil {
		text = unescaped
	}
	// A responder's address that ends in '/' leaves one more in front; some clients write the alphabet for URLs, and
	// some send '+' where others have undone it.
	text = strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimLeft(text, "/"))
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		der, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil {
		return nil
	}
	return der
}
