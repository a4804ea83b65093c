// Package text validates and formats text entered by people.
package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// Label validates a display name: printable characters, no white space at the ends, and a length of least to most
// characters.
func Label(field, s string, least, most int) error {
	n := utf8.RuneCountInString(s)
	if !utf8.ValidString(s) || n < least || n > most {
		return fault.New(fault.Invalid, "The text must be %d to %d characters long.", least, most).At(field)
	}
	if strings.TrimSpace(s) != s {
		return fault.New(fault.Invalid, "The text must not start or end with a space.").At(field)
	}
	for _, r := range s {
		// Category Cf changes the direction or appearance of text without being visible.
		if !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
			return fault.New(fault.Invalid, "Control characters and invisible characters are not allowed.").At(field)
		}
	}
	return nil
}

// Quote quotes user input for an error message, shortened and without unprintable characters.
func Quote(s string) string {
	if len(s) > 64 {
		s = s[:61] + "..."
	}
	return fmt.Sprintf("%q", s)
}

// Lower returns an enum value as words in a sentence.
func Lower[T ~string](s T) string {
	return strings.ToLower(strings.ReplaceAll(string(s), "_", " "))
}

// Line puts text from users on one line of a message, shortened and without unprintable characters.
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
