package name

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Parse reads RFC 4514 text such as "CN=www.example.com,O=Example,C=CA". Types are names and aliases of AttributeTypes
// in any case, or OIDs. A type may repeat; "+" joins a multi-valued RDN; values may use backslash escapes, hexadecimal
// pairs, "#" with DER, or RFC 2253 quotes. White space around separators is ignored. Text without attributes is the
// empty name. Errors are *invalid.Error for "subject".
func Parse(text string) (Name, error) {
	if len(text) > MaxLength {
		return Name{}, refuse("The name has %d bytes, but at most %d are allowed.", len(text), MaxLength)
	}
	if !utf8.ValidString(text) {
		return Name{}, refuse("The name is not valid UTF-8.")
	}
	p := parser{text: text}
	p.skipSpace()
	if p.done() {
		return Name{}, nil
	}
	var n Name
	var rdn []Attribute
	for {
		attribute, err := p.attribute()
		if err != nil {
			return Name{}, err
		}
		if has(rdn, attribute.Type) {
			return Name{}, refuse("The type %s appears twice in a part joined by \"+\".", typeOf(attribute.Type).Name)
		}
		if rdn = append(rdn, attribute); len(rdn) > maxAttributes {
			return Name{}, refuse("A part of the name has more than %d attributes.", maxAttributes)
		}
		if !p.done() && p.peek() == '+' {
			p.at++
			continue
		}
		if n.RDNs = append(n.RDNs, rdn); len(n.RDNs) > maxRDNs {
			return Name{}, refuse("The name has more than %d parts.", maxRDNs)
		}
		rdn = nil
		if p.done() {
			break
		}
		p.at++ // the comma: attribute only stops at a separator
	}
	if len(n.DER()) > MaxLength {
		return Name{}, refuse("The name is longer than %d bytes.", MaxLength)
	}
	return n, nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) done() bool { return p.at >= len(p.text) }
func (p *parser) peek() byte { return p.text[p.at] }
func (p *parser) skipSpace() {
	for !p.done() && p.peek() == ' ' {
		p.at++
	}
}

// attribute reads "type=value" and stops at the end or at the separator after it.
func (p *parser) attribute() (Attribute, error) {
	p.skipSpace()
	equals := strings.IndexByte(p.text[p.at:], '=')
	end := strings.IndexAny(p.text[p.at:], ",+;")
	if equals < 0 || end >= 0 && end < equals {
		if p.done() {
			return Attribute{}, refuse("The name ends with a separator. Write type=value after it.")
		}
		return Attribute{}, refuse(
			"%q is not of the form type=value. Escape a comma or plus sign inside a value with a backslash.", excerpt(p.text[p.at:]),
		)
	}
	keyword := strings.TrimRight(p.text[p.at:p.at+equals], " ")
	if keyword == "" {
		return Attribute{}, refuse("A value has no type before the \"=\".")
	}
	t, ok := TypeByKeyword(keyword)
	if !ok {
		return Attribute{}, refuse("%q is not an attribute type. Use a name such as CN, O, OU or C, or an OID.", excerpt(keyword))
	}
	p.at += equals + 1
	p.skipSpace()
	raw, err := p.value(t)
	if err != nil {
		return Attribute{}, err
	}
	value, err := checkValue(t, raw)
	if err != nil {
		return Attribute{}, err
	}
	return Attribute{Type: t.OID, Value: value}, nil
}

func (p *parser) value(t AttributeType) (string, error) {
	if !p.done() {
		switch p.peek() {
		case '#':
			return p.hexValue(t)
		case '"':
			return p.quotedValue(t)
		}
	}
	var value []byte
	kept := 0 // spaces up to here were escaped, so they are kept
	for !p.done() {
		c := p.peek()
		switch c {
		case ',', '+':
			return string(trimSpace(value, kept)), nil
		case '\\':
			escaped, err := p.escape(t)
			if err != nil {
				return "", err
			}
			value = append(value, escaped)
			kept = len(value)
			continue
		case ';', '"':
			return "", refuse(
				"The value of %s must have a backslash before special characters: write \\%c for the character %c.", t.Name, c, c,
			)
		}
		value = append(value, c)
		p.at++
	}
	return string(trimSpace(value, kept)), nil
}

func trimSpace(value []byte, kept int) []byte {
	for len(value) > kept && value[len(value)-1] == ' ' {
		value = value[:len(value)-1]
	}
	return value
}

// escape reads "\," or "\2C" (RFC 4514 section 3, pair).
func (p *parser) escape(t AttributeType) (byte, error) {
	rest := p.text[p.at+1:]
	if len(rest) >= 2 {
		var one [1]byte
		if _, err := hex.Decode(one[:], []byte(rest[:2])); err == nil {
			p.at += 3
			return one[0], nil
		}
	}
	if rest != "" && strings.IndexByte(` "#+,;<=>\`, rest[0]) >= 0 {
		p.at += 2
		return rest[0], nil
	}
	return 0, refuse(
		"The value of %s has a backslash before %q. Only special characters and two hexadecimal digits may follow a backslash.", t.Name,
		excerpt(rest),
	)
}

// quotedValue reads the quoted form of RFC 2253 section 4, which Windows and Java still write.
func (p *parser) quotedValue(t AttributeType) (string, error) {
	var value []byte
	p.at++
	for !p.done() {
		switch c := p.peek(); c {
		case '"':
			p.at++
			p.skipSpace()
			if !p.done() && p.peek() != ',' && p.peek() != '+' {
				return "", refuse("The value of %s has text after its closing quote.", t.Name)
			}
			return string(value), nil
		case '\\':
			escaped, err := p.escape(t)
			if err != nil {
				return "", err
			}
			value = append(value, escaped)
		default:
			value = append(value, c)
			p.at++
		}
	}
	return "", refuse("The value of %s has no closing quote.", t.Name)
}

// hexValue reads "#" and the hexadecimal DER of a string (RFC 4514 section 2.4).
func (p *parser) hexValue(t AttributeType) (string, error) {
	end := strings.IndexAny(p.text[p.at:], ",+")
	if end < 0 {
		end = len(p.text) - p.at
	}
	der, err := hex.DecodeString(strings.TrimRight(p.text[p.at+1:p.at+end], " "))
	p.at += end
	if err != nil {
		return "", refuse("The value of %s starts with # but is not hexadecimal. If it is text, escape the # with a backslash.", t.Name)
	}
	input := cryptobyte.String(der)
	var raw cryptobyte.String
	var tag cbasn1.Tag
	if !input.ReadAnyASN1(&raw, &tag) || !input.Empty() {
		return "", refuse("The value of %s starts with # but is not a single DER value.", t.Name)
	}
	value, ok := decodeString(tag, raw)
	if !ok {
		return "", refuse("The value of %s starts with # but its DER is not a readable string.", t.Name)
	}
	return value, nil
}

// excerpt shortens input for error messages.
func excerpt(text string) string {
	const most = 40
	if utf8.RuneCountInString(text) > most {
		return string([]rune(text)[:most]) + "…"
	}
	return text
}

// String returns RFC 4514 text, most specific RDN first, with the names of AttributeTypes. Parse reads it back.
func (n Name) String() string {
	var b strings.Builder
	for i, rdn := range n.RDNs {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, attribute := range rdn {
			if j > 0 {
				b.WriteByte('+')
			}
			b.WriteString(typeOf(attribute.Type).Name)
			b.WriteByte('=')
			writeEscaped(&b, attribute.Value)
		}
	}
	return b.String()
}

// writeEscaped also escapes invisible and misleading characters as hexadecimal pairs: names created elsewhere
// (Existing) may contain them.
func writeEscaped(b *strings.Builder, value string) {
	for i, r := range value {
		if hidden(r) {
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(b, "\\%02X", c)
			}
			continue
		}
		special := r < utf8.RuneSelf && strings.IndexByte(`"+,;<>\`, byte(r)) >= 0 ||
			i == 0 && (r == '#' || r == ' ') || i == len(value)-1 && r == ' '
		if special {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
}
