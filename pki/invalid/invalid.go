// Package invalid defines the error for invalid input in pki: which field, and a sentence saying what is wrong and what
// to do.
package invalid

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error reports invalid input. Field is a path such as "csr", "subject.CN" or "sans[2]". Message is one or more full
// sentences. Rule is the profile rule that refused, e.g. "validity" or "san_rules[0]", or "".
type Error struct{ Field, Message, Rule string }

func (e *Error) Error() string { return e.Field + ": " + e.Message }

// New returns an error for a field. The format is a full sentence: it starts with a capital letter and ends with a full
// stop.
func New(field, format string, args ...any) *Error {
	return &Error{Field: field, Message: fmt.Sprintf(format, args...)}
}

// Sentence turns a phrase into a sentence: a capital letter at the start, a full stop at the end.
func Sentence(phrase string) string {
	first, size := utf8.DecodeRuneInString(phrase)
	phrase = string(unicode.ToUpper(first)) + phrase[size:]
	if !strings.HasSuffix(phrase, ".") {
		phrase += "."
	}
	return phrase
}

// Reason returns what an error says as a sentence, without the field of an Error.
func Reason(err error) string {
	var invalid *Error
	if errors.As(err, &invalid) {
		return Sentence(invalid.Message)
	}
	return Sentence(err.Error())
}
