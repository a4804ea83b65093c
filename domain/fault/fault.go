// Package fault defines the error type of the domain. Each entry point (GraphQL, REST, a protocol) has one table from
// Kind to its own codes. An error that is not a fault is Internal: it is logged and never shown.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/store"
)

// Kind is what the caller can react to.
type Kind string

const (
	Invalid         Kind = "INVALID"           // the input is wrong; Field says where
	NotFound        Kind = "NOT_FOUND"         // does not exist, or not for this caller
	Conflict        Kind = "CONFLICT"          // not possible in the current state
	Unauthenticated Kind = "UNAUTHENTICATED"   // not signed in, or the session has ended
	Forbidden       Kind = "FORBIDDEN"         // signed in, but without the permission
	QuotaExceeded   Kind = "QUOTA_EXCEEDED"    // the purchased number is used up
	TooManyRequests Kind = "TOO_MANY_REQUESTS" // the rate limit is reached; see RetryAfter
	PolicyRefused   Kind = "POLICY_REFUSED"    // a rule of the profile or CA refuses
	ApprovalNeeded  Kind = "APPROVAL_NEEDED"   // stored until others approve it; see ApprovalID
	ProofRequired   Kind = "PROOF_REQUIRED"    // the person must show a password or second factor again
	Unavailable     Kind = "UNAVAILABLE"       // a dependency is out of order
	Internal        Kind = "INTERNAL"          // a bug or an unexpected failure
)

// Kinds lists every kind, for tests that every way in maps each of them.
func Kinds() []Kind {
	return []Kind{
		Invalid, NotFound, Conflict, Unauthenticated, Forbidden, QuotaExceeded, TooManyRequests, PolicyRefused, ApprovalNeeded,
		ProofRequired, Unavailable, Internal,
	}
}

// Error tells the caller what is wrong and why, and in Action what to do about it. Message and Action are full
// sentences: they start with a capital letter and end with a full stop.
type Error struct {
	Kind       Kind
	Message    string
	Field      string // path of the input that is wrong, or ""
	Rule       string // profile rule that refused the request, or ""
	Action     string
	RetryAfter time.Duration // for TooManyRequests and Unavailable
	ApprovalID string        // for ApprovalNeeded
	cause      error
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.cause }

// New creates an error of the given kind. The format is a full sentence.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// At sets the input that is wrong.
func (e *Error) At(field string) *Error { e.Field = field; return e }

// Do sets what the caller can do about the error, as a full sentence.
func (e *Error) Do(action string) *Error { e.Action = action; return e }

// After sets when to try again.
func (e *Error) After(d time.Duration) *Error { e.RetryAfter = d; return e }

// Because sets the cause, which is logged and never shown to the caller.
func (e *Error) Because(err error) *Error { e.cause = err; return e }

// Of returns the fault that err is or wraps. Invalid input found by the pki packages becomes Invalid; any other error
// becomes Internal, with a message that reveals nothing.
func Of(err error) *Error {
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	var bad *invalid.Error
	if errors.As(err, &bad) {
		f := New(Invalid, "%s", bad.Message).At(bad.Field)
		f.Rule = bad.Rule
		return f
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return New(Unavailable, "The request took too long and was aborted. Nothing was changed.").Do("Repeat the request.").Because(err)
	}
	if wrong := store.Away(err); wrong != "" {
		return New(Unavailable, "%s", wrong).Do("Try again shortly.").After(retryAway).Because(err)
	}
	return New(Internal, "An internal error occurred.").Do("Repeat the request. If the error persists, report the request ID.").Because(err)
}

// retryAway is when to try again if a dependency is unavailable.
const retryAway = 5 * time.Second

// Is tells whether err is a fault of the given kind.
func Is(err error, kind Kind) bool { return err != nil && Of(err).Kind == kind }
