// Package fault is the one error type that the domain speaks. Each way in (GraphQL, REST, a protocol) has one table
// from Kind to its own code; an error that is not a fault is Internal: logged, never shown.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/store"
)

// Kind is what the caller can act on.
type Kind string

const (
	Invalid         Kind = "INVALID"           // the input is at fault; Field says where
	NotFound        Kind = "NOT_FOUND"         // it does not exist, or not for this caller
	Conflict        Kind = "CONFLICT"          // not in the present state
	Unauthenticated Kind = "UNAUTHENTICATED"   // nobody, or a session that has ended
	Forbidden       Kind = "FORBIDDEN"         // somebody, without the permission
	QuotaExceeded   Kind = "QUOTA_EXCEEDED"    // the purchased number is used up
	TooManyRequests Kind = "TOO_MANY_REQUESTS" // the window is full; see RetryAfter
	PolicyRefused   Kind = "POLICY_REFUSED"    // a profile or CA rule refuses
	ApprovalNeeded  Kind = "APPROVAL_NEEDED"   // kept until others approve it; see ApprovalID
	ProofRequired   Kind = "PROOF_REQUIRED"    // the person must show a password or second factor again
	Unavailable     Kind = "UNAVAILABLE"       // a part of the service is out of order
	Internal        Kind = "INTERNAL"          // our fault
)

// Kinds lists every kind, for tests that every way in maps each of them.
func Kinds() []Kind {
	return []Kind{Invalid, NotFound, Conflict, Unauthenticated, Forbidden, QuotaExceeded, TooManyRequests, PolicyRefused, ApprovalNeeded, ProofRequired, Unavailable, Internal}
}

// Error is a sentence for the caller: what, why, and in Action what to do about it.
type Error struct {
	Kind       Kind
	Message    string
	Field      string // path of the offending input, "" if none
	Rule       string // rule of the profile that refused, "" if none did
	Action     string
	RetryAfter time.Duration // TooManyRequests and Unavailable
	ApprovalID string        // ApprovalNeeded
	cause      error
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.cause }

// New makes an error of the given kind.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// At names the offending input.
func (e *Error) At(field string) *Error { e.Field = field; return e }

// Do says what the caller can do about it.
func (e *Error) Do(action string) *Error { e.Action = action; return e }

// After says when to try again.
func (e *Error) After(d time.Duration) *Error { e.RetryAfter = d; return e }

// Because keeps the cause for the log; the caller never sees it.
func (e *Error) Because(err error) *Error { e.cause = err; return e }

// Of returns the fault that err is or wraps. Bad input found by the pki packages is Invalid; anything else is Internal
// with a message that gives nothing away.
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
		return New(Unavailable, "the request took too long and was given up; nothing was changed").Do("Repeat it.").Because(err)
	}
	if wrong := store.Away(err); wrong != "" {
		return New(Unavailable, "%s", wrong).Do("Try again shortly.").After(retryAway).Because(err)
	}
	return New(Internal, "an internal error occurred").Do("Repeat it; if it persists, report the request id.").Because(err)
}

// retryAway is when to try again once a part of the service is away.
const retryAway = 5 * time.Second

// Is tells whether err is a fault of the given kind.
func Is(err error, kind Kind) bool { return err != nil && Of(err).Kind == kind }
