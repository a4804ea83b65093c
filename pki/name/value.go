package name

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

// Field is the field of every error of this package.
const Field = "subject"

// checkValue applies the rules of an attribute value and returns the value to keep (country codes in upper case). It
// refuses text that readers cannot see or could be fooled by: control and invisible characters, direction changes,
// unassigned code points, and words that mix Latin with look-alike letters of another script.
func checkValue(t AttributeType, value string) (string, error) {
	if value == "" {
		return "", refuse("The value of %s is empty. Enter a value or remove the attribute.", t.Name)
	}
	plain, trimmed := plainASCII(value)
	if !trimmed {
		return "", refuse("The value of %s starts or ends with a space.", t.Name)
	}
	length := len(value)
	if !plain {
		length = utf8.RuneCountInString(value)
		if reason := UnsafeText(value); reason != "" {
			return "", refuse("The value of %s %s.", t.Name, reason)
		}
	}
	if length > t.MaxLength {
		return "", refuse("The value of %s has %d characters, but at most %d are allowed (X.520 upper bound).", t.Name, length, t.MaxLength)
	}
	if length < t.MinLength {
		return "", refuse("The value of %s has %d characters, but needs %d.", t.Name, length, t.MinLength)
	}
	if !plain && t.Encoding == IA5String {
		return "", refuse("The value of %s may only contain ASCII characters (IA5String).", t.Name)
	}
	if t.Encoding == PrintableString {
		for _, r := range value {
			if !isPrintable(r) {
				return "", refuse(
					"%s may not hold %q: it is a PrintableString (letters, digits, space and ' ( ) + , - . / : = ?).", t.Name, r,
				)
			}
		}
	}
	if t.MaxLength == 2 {
		for i := range len(value) {
			if c := value[i] | 0x20; c < 'a' || c > 'z' {
				return "", refuse("The value of %s, %q, is not a two-letter country code (ISO 3166).", t.Name, value)
			}
		}
		return strings.ToUpper(value), nil
	}
	return value, nil
}

// plainASCII tells whether every byte is printable ASCII, and whether the value neither starts nor ends with a space.
// One pass decides nearly every name.
func plainASCII(value string) (plain, trimmed bool) {
	plain = true
	for i := range len(value) {
		if value[i] < 0x20 || value[i] > 0x7e {
			plain = false
			break
		}
	}
	return plain, value[0] != ' ' && value[len(value)-1] != ' '
}

// UnsafeText says why text must not be in a certificate, as a predicate ("contains the control character U+0000"), or
// returns "". It refuses control, invisible, direction-changing and unassigned characters, and words that mix Latin
// with letters of a script that look Latin.
func UnsafeText(text string) string {
	if !utf8.ValidString(text) {
		return "is not valid UTF-8"
	}
	for _, r := range text {
		switch {
		case r >= 0x20 && r < 0x7f:
		case unicode.IsControl(r):
			return fmt.Sprintf("contains the control character %U", r)
		case unicode.Is(unicode.Bidi_Control, r):
			return fmt.Sprintf("contains %U, which changes the direction of the text", r)
		case r == 0x200c || r == 0x200d: // joiners are part of the spelling of some scripts
		case unicode.Is(unicode.Co, r):
			return fmt.Sprintf("contains the private-use character %U", r)
		case unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			return fmt.Sprintf("contains the invisible character %U", r)
		case r == utf8.RuneError:
			return "contains U+FFFD, which replaces a broken character"
		case unicode.Is(unicode.Zs, r):
			return fmt.Sprintf("contains %U, a space that is not U+0020", r)
		case !unicode.IsGraphic(r):
			return fmt.Sprintf("contains %U, which Unicode has not assigned", r)
		}
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		if script := lookAlike(word); script != "" {
			return fmt.Sprintf("mixes Latin and %s letters in the word %q, which could be mistaken for another name", script, word)
		}
	}
	return ""
}

// hidden tells whether UnsafeText refuses a character.
func hidden(r rune) bool {
	switch {
	case r >= 0x20 && r < 0x7f, r == 0x200c, r == 0x200d:
		return false
	case unicode.In(
		r, unicode.Bidi_Control, unicode.Co, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Zs, unicode.Variation_Selector,
		unicode.Other_Default_Ignorable_Code_Point,
	):
		return true
	}
	return !unicode.IsGraphic(r)
}

// lookAlike returns the script whose letters are mixed with Latin ones in a word. It considers only scripts with
// letters that look Latin.
func lookAlike(word string) string {
	var latin bool
	var other string
	for _, r := range word {
		switch {
		case unicode.Is(unicode.Latin, r):
			latin = true
		case unicode.Is(unicode.Cyrillic, r):
			other = "Cyrillic"
		case unicode.Is(unicode.Greek, r):
			other = "Greek"
		case unicode.Is(unicode.Armenian, r):
			other = "Armenian"
		case unicode.Is(unicode.Cherokee, r):
			other = "Cherokee"
		}
	}
	if latin {
		return other
	}
	return ""
}

// isPrintable tells whether a character is in the alphabet of PrintableString (X.680 41.4).
func isPrintable(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" '()+,-./:=?", r)
}

func refuse(format string, args ...any) error { return invalid.New(Field, format, args...) }
