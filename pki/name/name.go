// Package name reads, checks and writes distinguished names: RFC 4514 text for people, RFC 5280 DER for
// certificates. Whatever comes from outside passes the same rules both ways (see checkValue), so a Name made by
// Parse or FromDER can always be issued.
package name

import (
	"encoding/asn1"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxLength bounds the text and the DER of a whole name, in bytes.
const MaxLength = 8 << 10

// Attribute is one type and value of a relative distinguished name. Value is plain text, never escaped.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Value string
}

// Name is a distinguished name. RDNs stand in the order of RFC 4514 text, most specific first ("CN=www,O=Example"
// has the CN at index 0); DER turns that into the X.501 order, most significant first. An RDN with more than one
// attribute is a multi-valued one ("CN=a+UID=b").
type Name struct {
	RDNs [][]Attribute
}

// IsEmpty tells whether the name has no attribute: a certificate with such a subject must have a critical SAN
// (RFC 5280 4.2.1.6).
func (n Name) IsEmpty() bool { return len(n.RDNs) == 0 }

// CommonName is the first common name of the text form, the most specific one, or "".
func (n Name) CommonName() string {
	for _, rdn := range n.RDNs {
		for _, attribute := range rdn {
			if attribute.Type.Equal(OIDCommonName) {
				return attribute.Value
			}
		}
	}
	return ""
}

// Values returns every value of an attribute type, in text order.
func (n Name) Values(oid asn1.ObjectIdentifier) []string {
	var values []string
	for _, rdn := range n.RDNs {
		for _, attribute := range rdn {
			if attribute.Type.Equal(oid) {
				values = append(values, attribute.Value)
			}
		}
	}
	return values
}

// DER encodes the name as an X.501 RDNSequence. The strings are PrintableString, IA5String or UTF8String as the
// attribute's standard requires (AttributeType.Encoding).
func (n Name) DER() []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i := len(n.RDNs) - 1; i >= 0; i-- {
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				if len(n.RDNs[i]) == 1 {
					addAttribute(b, n.RDNs[i][0])
					return
				}
				// DER sorts the elements of a SET OF by their encodings (X.690 11.6).
				encoded := make([][]byte, 0, len(n.RDNs[i]))
				for _, attribute := range n.RDNs[i] {
					var one cryptobyte.Builder
					addAttribute(&one, attribute)
					encoded = append(encoded, one.BytesOrPanic())
				}
				slices.SortFunc(encoded, slices.Compare)
				for _, one := range encoded {
					b.AddBytes(one)
				}
			})
		}
	})
	return b.BytesOrPanic()
}

func addAttribute(b *cryptobyte.Builder, attribute Attribute) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(attribute.Type)
		tag := cbasn1.UTF8String
		switch typeOf(attribute.Type).Encoding {
		case PrintableString:
			tag = cbasn1.PrintableString
		case IA5String:
			tag = cbasn1.IA5String
		}
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(attribute.Value)) })
	})
}

// Equal compares as RFC 5280 7.1 asks: same attributes in the same order, values without regard to case, to runs
// of white space, or to the way a character is composed. The string type of the DER does not matter.
func (n Name) Equal(other Name) bool {
	return slices.EqualFunc(n.RDNs, other.RDNs, func(a, b []Attribute) bool {
		return slices.Equal(comparable(a), comparable(b))
	})
}

func comparable(rdn []Attribute) []string {
	all := make([]string, 0, len(rdn))
	for _, attribute := range rdn {
		value := strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(attribute.Value))), " ")
		all = append(all, attribute.Type.String()+"="+value)
	}
	slices.Sort(all)
	return all
}
