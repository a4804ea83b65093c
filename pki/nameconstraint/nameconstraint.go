// Package nameconstraint reads, writes and applies the name constraints of a CA (RFC 5280 4.2.1.10). Verifiers differ in
// how they compare, so a name passes only if it passes for OpenSSL and for Go's crypto/x509.
package nameconstraint

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/san"
)

// Subtree is one base: of type DNS_NAME ("example.com": it and all below; ".example.com": only what lies below), EMAIL
// ("host.example", ".example" or a mailbox), URI ("host.example" or ".example") or IP_ADDRESS (CIDR).
type Subtree struct {
	Type  san.Type `json:"type"`
	Value string   `json:"value"`
}

// Constraints are the bounds as people write and read them; both empty means none.
type Constraints struct {
	Permitted []Subtree `json:"permitted,omitempty"`
	Excluded  []Subtree `json:"excluded,omitempty"`
}

// IsZero tells whether nothing is bounded.
func (c Constraints) IsZero() bool { return len(c.Permitted)+len(c.Excluded) == 0 }

var (
	tagEmail     = cbasn1.Tag(1).ContextSpecific()
	tagDNS       = cbasn1.Tag(2).ContextSpecific()
	tagDirectory = cbasn1.Tag(4).ContextSpecific().Constructed()
	tagURI       = cbasn1.Tag(6).ContextSpecific()
	tagIP        = cbasn1.Tag(7).ContextSpecific()
)

const mostSubtrees = 100

// Extension is the critical extension, or an *invalid.Error that names the subtree, e.g. nameConstraints.permitted[2].
func (c Constraints) Extension() (extension.Extension, error) {
	if len(c.Permitted) > mostSubtrees || len(c.Excluded) > mostSubtrees {
		return extension.Extension{}, invalid.New("nameConstraints", "at most %d names are allowed on each side", mostSubtrees)
	}
	lists := [2][][]byte{}
	for n, side := range [][]Subtree{c.Permitted, c.Excluded} {
		for i, s := range side {
			der, problem := s.der()
			if problem != "" {
				return extension.Extension{}, invalid.New(
					fmt.Sprintf("nameConstraints.%s[%d]", [...]string{"permitted", "excluded"}[n], i), "%s", problem,
				)
			}
			lists[n] = append(lists[n], der)
		}
	}
	return extension.NameConstraints(lists[0], lists[1]), nil
}

// der is the GeneralName, or what is wrong.
func (s Subtree) der() (der []byte, problem string) {
	element := func(tag cbasn1.Tag, value []byte) []byte {
		var b cryptobyte.Builder
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(value) })
		return b.BytesOrPanic()
	}
	switch s.Type {
	case san.DNSName:
		if strings.HasPrefix(s.Value, ".") {
			return nil, "a DNS name stands without a leading dot: example.com means itself and all below it"
		}
		if _, err := san.Parse(san.DNSName, s.Value, ""); err != nil || strings.Contains(s.Value, "*") {
			return nil, "this is not a DNS name"
		}
		return element(tagDNS, []byte(strings.ToLower(s.Value))), ""
	case san.Email, san.URI:
		typ, value := san.DNSName, strings.TrimPrefix(s.Value, ".")
		if s.Type == san.Email && strings.Contains(value, "@") {
			typ, value = san.Email, s.Value
		}
		if _, err := san.Parse(typ, value, ""); err != nil || strings.Contains(value, "*") {
			if s.Type == san.URI {
				return nil, "a URI is bounded by its host: write a host, or a domain with a leading dot"
			}
			return nil, "this is not a mailbox, a host, or a domain with a leading dot"
		}
		return element(map[san.Type]cbasn1.Tag{san.Email: tagEmail, san.URI: tagURI}[s.Type], []byte(s.Value)), ""
	case san.DirectoryName:
		return nil, "a name constraint for directory names is not possible: programs in Go refuse every certificate below such a CA; " +
			"leave it out"
	case san.IPAddress:
		prefix, err := netip.ParsePrefix(s.Value)
		if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
			return nil, "this is not a network in CIDR form, such as 192.0.2.0/24, with all bits behind the mask 0"
		}
		return element(tagIP, append(prefix.Addr().AsSlice(), mask(prefix)...)), ""
	}
	return nil, "name constraints are of type DNS_NAME, EMAIL, URI or IP_ADDRESS"
}

func mask(p netip.Prefix) []byte {
	m := make([]byte, p.Addr().BitLen()/8)
	for bit := range p.Bits() {
		m[bit/8] |= 0x80 >> (bit % 8)
	}
	return m
}
