// Package crl serves certificate revocation lists and the certificates of the CAs over plain HTTP (RFC 5280 4.2.1.13,
// 4.2.2.1).
package crl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/protocols"
)

// Published finds what is served.
type Published interface {
	CRL(ctx context.Context, partitionID, identifier, file string) (*status.CRL, io.ReadSeekCloser, error)
	Certificate(ctx context.Context, partitionID, identifier string) (der []byte, begin time.Time, err error)
}

// Protocol is the CRL distribution point. Relying parties have no limit of their own: what a stranger sends must not
// keep them from a list.
type Protocol struct {
	Published Published
	Now       func() time.Time
}

func (Protocol) Name() string { return "crl" }

func (p Protocol) Endpoints() []protocols.Endpoint {
	return []protocols.Endpoint{
		{Listener: protocols.Public, Pattern: "GET /crl/{partition}/{ca}/{file}", Handler: http.HandlerFunc(p.list)},
		{Listener: protocols.Public, Pattern: "GET /ca/{partition}/{ca}/ca.cer", Handler: http.HandlerFunc(p.certificate)},
	}
}

// fresh is how long a cache need not ask: a revocation makes a new list, which is not to be hidden for days.
const fresh = 5 * time.Minute

func (p Protocol) list(w http.ResponseWriter, r *http.Request) {
	list, content, err := p.Published.CRL(r.Context(), r.PathValue("partition"), r.PathValue("ca"), r.PathValue("file"))
	if err != nil {
		protocols.PlainError(w, err)
		return
	}
	defer content.Close()
	// After a few minutes caches ask again, and get 304 unless there is a newer list; while they cannot reach us, they
	// may go on with what they have until it ends (RFC 5861). Sent as it is: serial numbers do not compress.
	left := max(0, list.NextUpdate.Sub(p.Now()))
	h := w.Header()
	h.Set("Content-Type", "application/pkix-crl")
	h.Set(
		"Cache-Control",
		fmt.Sprintf(
			"public, no-transform, max-age=%d, stale-if-error=%d", int(min(fresh, left).Seconds()), int((left-min(fresh, left)).Seconds()),
		),
	)
	h.Set("Expires", p.Now().Add(min(fresh, left)).UTC().Format(http.TimeFormat))
	h.Set("ETag", `"`+list.ID+`"`)
	http.ServeContent(w, r, "", list.ThisUpdate, content)
}

func (p Protocol) certificate(w http.ResponseWriter, r *http.Request) {
	der, begin, err := p.Published.Certificate(r.Context(), r.PathValue("partition"), r.PathValue("ca"))
	if err != nil {
		protocols.PlainError(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/pkix-cert")
	h.Set("Cache-Control", "public, max-age=3600")
	http.ServeContent(w, r, "", begin, bytes.NewReader(der))
}
