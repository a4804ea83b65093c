package certificate

import (
	"slices"
	"strings"
	"testing"
)

// A serial number is the same however Windows, OpenSSL, Java or people write it.
func TestSerialNumbersAsTheyAreWritten(t *testing.T) {
	const serial = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
	octets := strings.Join([]string{"0a", "1b", "2c", "3d", "4e", "5f", "60", "71", "82", "93", "a4", "b5", "c6", "d7", "e8", "f9"}, ":")
	for label, text := range map[string]string{
		"as it is kept": serial, "OpenSSL": "serial=" + strings.ToUpper(serial), "OpenSSL's text": "Serial Number:\n            " +
			octets, "Windows": "\u200e" + strings.ReplaceAll(octets, ":", " "),
		"Windows, both ends": "\u200e" + serial + "\u200f", "0x": "0x" + serial, "a zero octet before": "00" +
			serial, "without the leading zero": serial[1:], "hyphens": strings.ReplaceAll(octets, ":", "-"),
		"decimal": "13433369256225207278633426983318972665", "hard blanks": strings.ReplaceAll(octets, ":", "\u00a0"),
		"a line end": serial + "\r\n", "a byte order mark": "\ufeff" + serial,
	} {
		if q := ReadQuoted(text); !slices.Contains(q.Serials, serial) {
			t.Errorf("%s: %q is read as %v", label, text, q.Serials)
		}
	}
	for text, want := range map[string][]string{
		"4660 (0x1234)": {"1234"}, "4660": {"4660", "1234"}, "0": {"00"}, "": nil, "xyz": nil, "CN=deadbeef": nil,
		strings.Repeat("f", 41): nil, "12g4": nil, "deadbeef.example": nil,
	} {
		if q := ReadQuoted(text); !slices.Equal(q.Serials, want) {
			t.Errorf("%q is read as %v, want %v", text, q.Serials, want)
		}
	}
}
