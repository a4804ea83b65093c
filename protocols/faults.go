package protocols

import (
	"math"
	"net/http"
	"strconv"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// HTTPStatus is the status code for each kind of fault, for every way in that speaks HTTP.
func HTTPStatus(kind fault.Kind) int {
	switch kind {
	case fault.Invalid, fault.PolicyRefused:
		return http.StatusBadRequest
	case fault.NotFound:
		return http.StatusNotFound
	case fault.ApprovalNeeded:
		return http.StatusAccepted
	case fault.Conflict:
		return http.StatusConflict
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden, fault.QuotaExceeded, fault.ProofRequired:
		return http.StatusForbidden
	case fault.TooManyRequests:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// PlainError answers with one line of text, for endpoints whose clients read only the status code.
func PlainError(w http.ResponseWriter, err error) {
	f := fault.Of(err)
	SetRetryAfter(w.Header(), f)
	message := f.Message
	if f.Kind == fault.TooManyRequests {
		message = "TooManyRequests: " + message
	}
	http.Error(w, message, HTTPStatus(f.Kind))
}

// SetRetryAfter says in whole seconds when to come again, if the fault knows.
func SetRetryAfter(h http.Header, f *fault.Error) {
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
}
