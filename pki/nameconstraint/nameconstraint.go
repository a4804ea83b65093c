// Package nameconstraint reads, writes and applies the name constraints of a CA (RFC 5280 4.2.1.10).
package nameconstraint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

// Subtree is one base: of type DNS_NAME ("example.com": it and all below), EMAIL ("host.example", ".example" or a
// mailbox), DIRECTORY_NAME (RFC 4514) or IP_ADDRESS (CIDR).
type Subtree struct {
	Type  san.Type `json:"type"`
	Value string   `json:"value"`
}

// Constraints are the bounds; both empty means none. A name of a type that has permitted subtrees must lie in one of
// them, and no name may lie in an excluded one.
type Constraints struct {
	Permitted []Subtree `json:"permitted,omitempty"`
	Excluded  []Subtree `json:"excluded,omitempty"`
}

// IsZero tells whether nothing is bounded.
func (c Constraints) IsZero() bool { return len(c.Permitted)+len(c.Excluded) == 0 }

const (
	tagEmail     = 1
	tagDNS       = 2
	tagDirectory = 4
	tagIP        = 7
	mostSubtrees = 100
)

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
				return extension.Extension{}, invalid.New(fmt.Sprintf("nameConstraints.%s[%d]", [...]string{"permitted", "excluded"}[n], i), "%s", problem)
			}
			lists[n] = append(lists[n], der)
		}
	}
	return extension.NameConstraints(lists[0], lists[1]), nil
}

// der is the GeneralName, or what is wrong.
func (s Subtree) der() (der []byte, problem string) {
	text := func(tag uint8, value string) []byte {
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.Tag(tag).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
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
		return text(tagDNS, strings.ToLower(s.Value)), ""
	case san.Email:
		typ, value := san.DNSName, strings.TrimPrefix(s.Value, ".")
		if strings.Contains(value, "@") {
			typ, value = san.Email, s.Value
		}
		if _, err := san.Parse(typ, value, ""); err != nil || strings.Contains(value, "*") {
			return nil, "this is no mailbox, host, or domain with a leading dot"
		}
		return text(tagEmail, s.Value), ""
	case san.DirectoryName:
		n, err := name.Parse(s.Value)
		if err != nil || n.IsEmpty() {
			return nil, "this is not a distinguished name (RFC 4514)"
		}
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.Tag(tagDirectory).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(n.DER()) })
		return b.BytesOrPanic(), ""
	case san.IPAddress:
		prefix, err := netip.ParsePrefix(s.Value)
		if err != nil || prefix != prefix.Masked() {
			return nil, "this is no network in CIDR form, such as 192.0.2.0/24, with all bits behind the mask 0"
		}
		return text(tagIP, string(append(prefix.Addr().AsSlice(), mask(prefix)...))), ""
	}
	return nil, "name constraints are of type DNS_NAME, EMAIL, DIRECTORY_NAME or IP_ADDRESS"
}

func mask(p netip.Prefix) []byte {
	m := make([]byte, p.Addr().BitLen()/8)
	for bit := range p.Bits() {
		m[bit/8] |= 0x80 >> (bit % 8)
	}
	return m
}

// FromExtensions reads the constraints in a certificate's extensions; subtrees of other types are passed over.
func FromExtensions(extensions []extension.Extension) (Constraints, error) {
	var c Constraints
	i := slices.IndexFunc(extensions, func(e extension.Extension) bool { return e.ID.Equal(extension.OIDNameConstraints) })
	if i < 0 {
		return c, nil
	}
	broken := invalid.New("certificate", "the name constraints are malformed")
	input := cryptobyte.String(extensions[i].Value)
	var sides cryptobyte.String
	if !input.ReadASN1(&sides, cbasn1.SEQUENCE) || !input.Empty() {
		return c, broken
	}
	for n, into := range []*[]Subtree{&c.Permitted, &c.Excluded} {
		var list cryptobyte.String
		var present bool
		if !sides.ReadOptionalASN1(&list, &present, cbasn1.Tag(n).ContextSpecific().Constructed()) {
			return c, broken
		}
		for !list.Empty() {
			var subtree, value cryptobyte.String
			var tag cbasn1.Tag
			if !list.ReadASN1(&subtree, cbasn1.SEQUENCE) || !subtree.ReadAnyASN1(&value, &tag) {
				return c, broken
			}
			s, ok := read(tag, value)
			if !ok {
				return c, broken
			}
			if s.Type != "" {
				*into = append(*into, s)
			}
		}
	}
	return c, nil
}

func read(tag cbasn1.Tag, value cryptobyte.String) (Subtree, bool) {
	switch tag {
	case cbasn1.Tag(tagDNS).ContextSpecific():
		return Subtree{san.DNSName, strings.TrimPrefix(string(value), ".")}, true
	case cbasn1.Tag(tagEmail).ContextSpecific():
		return Subtree{san.Email, string(value)}, true
	case cbasn1.Tag(tagDirectory).ContextSpecific().Constructed():
		n, err := name.FromDER(value)
		return Subtree{san.DirectoryName, n.String()}, err == nil
	case cbasn1.Tag(tagIP).ContextSpecific():
		half := len(value) / 2
		address, ok := netip.AddrFromSlice(value[:half])
		if !ok || len(value) != 2*half {
			return Subtree{}, false
		}
		bits := 0
		for ; bits < half*8 && value[half+bits/8]&(0x80>>(bits%8)) != 0; bits++ {
		}
		prefix := netip.PrefixFrom(address, bits)
		if string(mask(prefix)) != string(value[half:]) {
			return Subtree{}, false
		}
		return Subtree{san.IPAddress, prefix.String()}, true
	}
	return Subtree{}, true
}

// Check refuses, with an *invalid.Error, a certificate whose subject or alternative names lie outside. Relying parties
// would refuse it. An e-mail address in the subject counts only where there are no alternative names.
func (c Constraints) Check(subject name.Name, sans []san.GeneralName) error {
	names := slices.Clone(sans)
	if !subject.IsEmpty() {
		names = append(names, san.GeneralName{Type: san.DirectoryName, Value: subject.String()})
	}
	if len(sans) == 0 {
		for _, email := range subject.Values(oidEmail) {
			names = append(names, san.GeneralName{Type: san.Email, Value: email})
		}
	}
	for _, g := range names {
		if i := slices.IndexFunc(c.Excluded, func(s Subtree) bool { return s.holds(g) }); i >= 0 {
			return invalid.New(field(g, sans), "%s lies in %s, which the name constraints of the CA exclude", g.Value, c.Excluded[i].Value)
		}
		bound, inside := false, false
		for _, s := range c.Permitted {
			bound = bound || s.Type == g.Type
			inside = inside || s.holds(g)
		}
		if bound && !inside {
			return invalid.New(field(g, sans), "%s lies outside of what the name constraints of the CA permit", g.Value)
		}
	}
	return nil
}

var oidEmail = []int{1, 2, 840, 113549, 1, 9, 1}

func field(g san.GeneralName, sans []san.GeneralName) string {
	if slices.Contains(sans, g) {
		return "sans"
	}
	return "subject"
}

// holds tells whether a name lies in the subtree.
func (s Subtree) holds(g san.GeneralName) bool {
	if g.Type != s.Type {
		return false
	}
	base, value := strings.ToLower(s.Value), strings.ToLower(g.Value)
	switch s.Type {
	case san.DNSName:
		return value == base || strings.HasSuffix(value, "."+base)
	case san.Email:
		at := strings.LastIndexByte(value, '@')
		switch {
		case strings.Contains(base, "@"):
			local, host, _ := strings.Cut(s.Value, "@")
			return g.Value[:max(at, 0)] == local && value[at+1:] == strings.ToLower(host)
		case strings.HasPrefix(base, "."):
			return strings.HasSuffix(value[at+1:], base)
		}
		return value[at+1:] == base
	case san.DirectoryName:
		outer, err := name.Parse(s.Value)
		inner, other := name.Parse(g.Value)
		if err != nil || other != nil || len(inner.RDNs) < len(outer.RDNs) {
			return false
		}
		return name.Name{RDNs: inner.RDNs[len(inner.RDNs)-len(outer.RDNs):]}.Equal(outer)
	case san.IPAddress:
		prefix, err := netip.ParsePrefix(s.Value)
		address, other := netip.ParseAddr(g.Value)
		return err == nil && other == nil && prefix.Contains(address)
	}
	return false
}
