// Package name reads, checks and writes distinguished names: RFC 4514 text for people, RFC 5280 DER for certificates.
// The same rules apply to both (see checkValue), so a Name from Parse or FromDER can always be issued.
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

// MaxLength is the maximum size of the text and of the DER of a name, in bytes.
const MaxLength = 8 << 10

// Attribute is the type and value of a relative distinguished name. Value is plain text without escapes.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Value string
}

// Name is a distinguished name. RDNs are in the order of RFC 4514 text, most specific first ("CN=www,O=Example" has the
// CN at index 0). DER has the reverse X.501 order. An RDN may have more than one attribute ("CN=a+UID=b").
type Name struct {
	RDNs [][]Attribute
}

// IsEmpty tells whether the name has no attributes. A certificate with such a subject must have a critical SAN (RFC
// 5280 4.2.1.6).
func (n Name) IsEmpty() bool { return len(n.RDNs) == 0 }

// CommonName returns the most specific common name, which is the first in the text form, or "".
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

// Values returns all values of an attribute type, in text order.
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

// DER encodes the name as an X.501 RDNSequence. Strings are PrintableString, IA5String or UTF8String, as the
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

// Equal compares as in RFC 5280 7.1: the same attributes in the same order, with values compared without regard to
// case, runs of white space and Unicode composition. The DER string type does not matter.
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
