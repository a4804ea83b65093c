// Package upload takes in files that a mutation then names by their id, so that they are no text in a GraphQL document.
package upload

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// atOnce is how many files a server takes in at the same time, maxOfActor how many of them from one caller, and
// maxOfPartition how many for one partition: its people can make any number of API tokens.
const (
	atOnce         = 16
	maxOfActor     = 2
	maxOfPartition = 4
)

// Handler serves POST /upload?partition=…&kind=REVOKE|ISSUE with the file as its body. It stands behind the server's
// authentication.
type Handler struct {
	Bulk *bulk.Service
	// Refuse answers with an error.
	Refuse func(http.ResponseWriter, *http.Request, error)

	mu   sync.Mutex
	all  int
	each map[string]int
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kept, err := h.take(w, r)
	if err != nil {
		w.Header().Set("Connection", "close") // what may follow of the body is not read
		h.Refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	// An error means that the client has gone.
	_ = json.NewEncoder(w).Encode(map[string]any{"id": kept.ID, "bytes": len(kept.Content), "expiresAt": kept.ExpiresAt})
}

func (h *Handler) take(w http.ResponseWriter, r *http.Request) (*bulk.Upload, error) {
	actor := rbac.ActorFrom(r.Context())
	tooLarge := fault.New(fault.Invalid, "The file is larger than %d MB.", bulk.MaxText>>20).Do("Split the file.")
	switch {
	case actor == nil:
		return nil, fault.New(fault.Unauthenticated, "Uploading a file requires sign-in.").Do("Sign in, or send a valid API token.")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return nil, fault.New(fault.Invalid, "Files are uploaded with POST.").Do("Use POST.")
	case strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/"), r.Header.Get("Content-Encoding") != "":
		return nil, fault.New(fault.Invalid, "The body must be the file itself.").Do("Send it as it is: curl --data-binary @file.")
	case r.ContentLength > bulk.MaxText:
		return nil, tooLarge
	}
	q := r.URL.Query()
	leave, ok := h.enter(string(actor.Kind)+" "+actor.ID, "partition "+q.Get("partition"))
	if !ok {
		return nil, fault.New(fault.TooManyRequests, "Too many files are being uploaded.").
			Do("Try again when one of them is complete.")
	}
	defer leave()
	kept, err := h.Bulk.Receive(r.Context(), q.Get("partition"), bulk.Kind(q.Get("kind")), http.MaxBytesReader(w, r.Body, bulk.MaxText+1))
	var tooMuch *http.MaxBytesError
	if errors.As(err, &tooMuch) {
		return nil, tooLarge
	}
	return kept, err
}

func (h *Handler) enter(actor, partition string) (leave func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all >= atOnce || h.each[actor] >= maxOfActor || h.each[partition] >= maxOfPartition {
		return nil, false
	}
	if h.each == nil {
		h.each = map[string]int{}
	}
	h.all++
	h.each[actor]++
	h.each[partition]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all--
		for _, key := range []string{actor, partition} {
			if h.each[key]--; h.each[key] == 0 {
				delete(h.each, key)
			}
		}
	}, true
}
