package acme

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	json "encoding/json/v2"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
)

const urn = "urn:ietf:params:acme:error:"

// statuses of HTTP by problem type; what is not here is 400.
var statuses = map[string]int{
	"unauthorized": 403, "externalAccountRequired": 403, "orderNotReady": 403, "rateLimited": 429, "serverInternal": 500,
	"userActionRequired": 403, "caa": 403,
	"rejectedIdentifier": 403, "alreadyReplaced": 409,
}

// problemOf puts what the domain says into the words of the protocol: the one table from a fault's kind to a problem.
func problemOf(err error) *acme.Problem {
	var p *acme.Problem
	if errors.As(err, &p) {
		return p
	}
	f := fault.Of(err)
	typ, status := "serverInternal", 500
	switch f.Kind {
	case fault.Invalid:
		typ, status = "malformed", 400
	case fault.NotFound:
		typ, status = "malformed", 404
	case fault.Conflict:
		typ, status = "unauthorized", 403
	case fault.Unauthenticated, fault.Forbidden, fault.QuotaExceeded, fault.PolicyRefused, fault.ProofRequired:
		typ, status = "unauthorized", 403
	case fault.TooManyRequests:
		typ, status = "rateLimited", 429
	case fault.Unavailable:
		status = 503
	}
	if errors.Is(err, protocolconfig.ErrDisabled) { // for a while
		return acme.Paused(f.Message)
	}
	p = acme.NewProblem(typ, "%s", f.Message)
	if f.Action != "" {
		p.Detail += ". " + f.Action
	}
	p.Status, p.RetryAfter = status, f.RetryAfter
	if f.Kind == fault.Unavailable && p.RetryAfter == 0 {
		p.RetryAfter = 5 * time.Second
	}
	return p
}

// problemObject is a problem as clients see it (RFC 7807, RFC 8555 6.7.1).
type problemObject struct {
	Type        string           `json:"type"`
	Detail      string           `json:"detail"`
	Status      int              `json:"status,omitzero"`
	Identifier  *acme.Identifier `json:"identifier,omitempty"`
	Subproblems []*problemObject `json:"subproblems,omitempty"`
	Algorithms  []string         `json:"algorithms,omitempty"`
}

func statusOf(p *acme.Problem) int {
	if p.Status != 0 {
		return p.Status
	}
	if s, ok := statuses[p.Type]; ok {
		return s
	}
	return http.StatusBadRequest
}

func object(p *acme.Problem) *problemObject {
	if p == nil {
		return nil
	}
	o := &problemObject{Type: urn + p.Type, Detail: p.Detail, Status: statusOf(p), Identifier: p.Identifier, Algorithms: p.Algorithms}
	for _, sub := range p.Subproblems {
		s := object(sub)
		s.Status = 0
		o.Subproblems = append(o.Subproblems, s)
	}
	return o
}

func (p Protocol) fail(w http.ResponseWriter, r *http.Request, base string, err error) {
	problem := problemOf(err)
	status := statusOf(problem)
	if status >= 500 && !problem.Paused && p.Log != nil {
		p.Log.Error(
			"acme request failed", "path", r.URL.Path, "error", err, "cause", fmt.Sprint(errors.Unwrap(err)), slog.Int("status", status),
		)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if problem.Location != "" {
		h.Set("Location", base+"account/"+problem.Location)
	}
	retryAfter(h, problem.RetryAfter)
	w.WriteHeader(status)
	body, err := json.Marshal(object(problem))
	if err == nil {
		_, _ = w.Write(body) // the client may have gone
	}
}

// retryAfter is written as whole seconds: some clients know no other form.
func retryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
	}
}
