// Package text checks and prints what people type.
package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// Label checks a name for people: printable, without line breaks or blanks at the ends, least to most characters.
func Label(field, s string, least, most int) error {
	n := utf8.RuneCountInString(s)
	if !utf8.ValidString(s) || n < least || n > most {
		return fault.New(fault.Invalid, "%d to %d characters are needed here", least, most).At(field)
	}
	if strings.TrimSpace(s) != s {
		return fault.New(fault.Invalid, "blanks at the beginning or end are not allowed").At(field)
	}
	for _, r := range s {
		// Cf holds what changes the direction or the look of text without being seen.
		if !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
			return fault.New(fault.Invalid, "control and invisible characters are not allowed").At(field)
		}
	}
	return nil
}

// Quote prints input in an error: bounded, and nothing unprintable.
func Quote(s string) string {
	if len(s) > 64 {
		s = s[:61] + "..."
	}
	return fmt.Sprintf("%q", s)
}

// Lower prints an enum in a sentence.
func Lower[T ~string](s T) string {
	return strings.ToLower(strings.ReplaceAll(string(s), "_", " "))
}

// Line is text of others on one line of a message: bounded, and nothing unprintable.
func Line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most-3]) + "..."
	}
	return s
}
