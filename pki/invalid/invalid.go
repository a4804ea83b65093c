// Package invalid is the one error of bad input inside pki: which field, and a sentence saying what, why and what to do.
package invalid

import "fmt"

// Error is bad input. Field is a path such as "csr", "subject.CN" or "sans[2]".
// Rule is what refused, where a profile did, e.g. "validity" or "san_rules[0]"; else "".
type Error struct{ Field, Message, Rule string }

func (e *Error) Error() string { return e.Field + ": " + e.Message }

// New makes an error for a field.
func New(field, format string, args ...any) *Error {
	return &Error{Field: field, Message: fmt.Sprintf(format, args...)}
}
