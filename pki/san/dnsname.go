package san

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

const (
	maxDNSName  = 253
	maxDNSLabel = 63
)

// dnsName applies the preferred name syntax (RFC 1034 3.5, RFC 1123 2.1) as RFC 5280 4.2.1.6 requires, with IDNs as
// A-labels (RFC 5890). Single-label names are allowed in a private PKI.
func dnsName(value string, wildcardAllowed bool) (canonical, problem string) {
	if len(value) > 4*maxDNSName {
		return "", fmt.Sprintf("the DNS name has %d bytes, but at most %d are allowed", len(value), maxDNSName)
	}
	host := strings.ToLower(value)
	wildcard := strings.HasPrefix(host, "*.")
	if wildcard {
		if !wildcardAllowed {
			return "", quote(value) + " must not contain a wildcard"
		}
		host = host[2:]
	}
	if strings.Contains(host, "*") {
		return "", quote(value) + ": a wildcard can only be the whole leftmost label, followed by a name (*.example.com)"
	}
	if strings.HasSuffix(host, ".") {
		return "", quote(value) + " ends with a dot: leave it out"
	}
	if !ascii(host) {
		converted, err := idna.Registration.ToASCII(host)
		if err != nil {
			return "", quote(value) + " is not a valid internationalized name (IDNA 2008): check for symbols, capital letters or " +
				"look-alike characters"
		}
		host = converted
	}
	length := len(host)
	if wildcard {
		length += 2
	}
	if length > maxDNSName {
		return "", fmt.Sprintf("the DNS name has %d characters, but at most %d are allowed", length, maxDNSName)
	}
	rest := host
	for more := true; more; {
		var label string
		label, rest, more = strings.Cut(rest, ".")
		if problem := dnsLabel(label, value); problem != "" {
			return "", problem
		}
		if !more && allDigits(label) {
			if _, err := netip.ParseAddr(host); err == nil {
				return "", quote(value) + " is an IP address: use the type IP_ADDRESS"
			}
			return "", quote(value) + " ends in a number, which no DNS name does"
		}
	}
	if wildcard {
		host = "*." + host
	}
	return host, ""
}

func dnsLabel(label, whole string) string {
	if label == "" {
		return quote(whole) + " has an empty label (two consecutive dots or a leading dot)"
	}
	if len(label) > maxDNSLabel {
		return fmt.Sprintf("%s has a label of %d characters, but at most %d are allowed", quote(whole), len(label), maxDNSLabel)
	}
	for i := range len(label) {
		switch c := label[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
		case c == '_':
			return quote(whole) + " contains an underscore, which is not allowed in host names (RFC 1123)"
		case c == ':' || c == '/':
			return quote(whole) + " is not a DNS name: leave out scheme, port and path"
		case c == ' ':
			return quote(whole) + " contains a space"
		default:
			return fmt.Sprintf("%s contains the character %s, which is not allowed in host names", quote(whole), strconv.QuoteRune(rune(c)))
		}
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return quote(whole) + " has a label that starts or ends with a hyphen"
	}
	if len(label) >= 4 && label[2:4] == "--" {
		return encodedLabel(label, whole)
	}
	return ""
}

// encodedLabel checks a label with hyphens in the third and fourth positions, which are reserved for A-labels (RFC 5890
// 2.3.1).
func encodedLabel(label, whole string) string {
	if !strings.HasPrefix(label, "xn--") {
		return quote(whole) + ": hyphens in the third and fourth positions are reserved (RFC 5890)"
	}
	text, err := idna.Registration.ToUnicode(label)
	if err != nil || text == label {
		return quote(label) + " is not a valid A-label: its Punycode does not decode to a valid name (IDNA 2008)"
	}
	if back, err := idna.Registration.ToASCII(text); err != nil || back != label {
		return quote(label) + " is not a valid A-label: it is not the encoding of " + quote(text)
	}
	for _, r := range text {
		if !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(contextual, r) {
			return fmt.Sprintf("%s contains %U, a symbol that IDNA 2008 does not allow", quote(text), r)
		}
	}
	if scripts := mixedScripts(text); scripts != "" {
		return quote(text) + " mixes " + scripts + " letters in one label, which could be mistaken for another name"
	}
	top := whole[strings.LastIndexByte(whole, '.')+1:]
	// A label written entirely in Cyrillic look-alikes is treated as mixed, unless the whole name is Cyrillic.
	if strings.Trim(text, cyrillicLookAlikes+"-0123456789") == "" && ascii(top) && !strings.Contains(top, "--") {
		return quote(text) + " is written in Cyrillic letters that look Latin, which could be mistaken for another name"
	}
	return ""
}

// contextual characters are neither letters nor digits but are allowed next to certain characters (RFC 5892 appendix
// A), which package idna has checked.
const contextual = "-\u200c\u200d\u00b7\u0375\u05f3\u05f4\u30fb"

const cyrillicLookAlikes = "асԁеһіјӏорԛѕԝхуъьҽпгѵѡ"

// scriptCompanions may be together in one label: the "highly restrictive" level of Unicode TS 39 section 5.2.
var scriptCompanions = [][]string{
	{"Han", "Hiragana", "Katakana", "Latin"},
	{"Han", "Bopomofo", "Latin"},
	{"Han", "Hangul", "Latin"},
}

// mixedScripts returns "Latin and Cyrillic" for a label that mixes scripts which do not belong together, else "".
func mixedScripts(label string) string {
	var found []string
	for _, r := range label {
		script := scriptOf(r)
		if script == "" {
			continue
		}
		known := false
		for _, one := range found {
			known = known || one == script
		}
		if !known {
			found = append(found, script)
		}
	}
	if len(found) < 2 {
		return ""
	}
	for _, set := range scriptCompanions {
		if subset(found, set) {
			return ""
		}
	}
	return strings.Join(found, " and ")
}

func subset(of, set []string) bool {
	for _, one := range of {
		in := false
		for _, other := range set {
			in = in || one == other
		}
		if !in {
			return false
		}
	}
	return true
}

func scriptOf(r rune) string {
	if r < 0x80 {
		if r >= 'a' && r <= 'z' {
			return "Latin"
		}
		return ""
	}
	if unicode.In(r, unicode.Common, unicode.Inherited) {
		return ""
	}
	for script, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return script
		}
	}
	return "unknown"
}

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] > 0x7f {
			return false
		}
	}
	return true
}

// quote quotes input in an error, without control characters and shortened.
func quote(text string) string {
	const most = 80
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "…"
	}
	if ascii(text) {
		return strconv.Quote(text)
	}
	return strconv.QuoteToGraphic(text)
}
