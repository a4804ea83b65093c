package nameconstraint

import (
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

// Bounds are the name constraints of a certificate, ready to be applied. Nil bounds nothing.
type Bounds struct{ permitted, excluded []base }

// base is a subtree that is read.
type base struct {
	Subtree
	network netip.Prefix
}

// FromExtensions reads the constraints in a certificate's extensions, nil where there are none. What cannot be applied, or
// what OpenSSL or Go do not know, is an *invalid.Error: below such a CA one of them refuses every certificate.
func FromExtensions(extensions []extension.Extension) (*Bounds, error) {
	i := slices.IndexFunc(extensions, func(e extension.Extension) bool { return e.ID.Equal(extension.OIDNameConstraints) })
	if i < 0 {
		return nil, nil
	}
	malformed := refuse("certificate", "the name constraints are malformed (RFC 5280 4.2.1.10)")
	input := cryptobyte.String(extensions[i].Value)
	var sides cryptobyte.String
	if !input.ReadASN1(&sides, cbasn1.SEQUENCE) || !input.Empty() {
		return nil, malformed
	}
	b := &Bounds{}
	for n, into := range []*[]base{&b.permitted, &b.excluded} {
		var list cryptobyte.String
		var present bool
		if !sides.ReadOptionalASN1(&list, &present, cbasn1.Tag(n).ContextSpecific().Constructed()) {
			return nil, malformed
		}
		for !list.Empty() {
			var subtree, value cryptobyte.String
			var tag cbasn1.Tag
			if !list.ReadASN1(&subtree, cbasn1.SEQUENCE) || !subtree.ReadAnyASN1(&value, &tag) {
				return nil, malformed
			}
			one, problem := read(tag, value)
			if problem == "" && !fromZero(subtree) {
				problem = "bounds the depth of a subtree (minimum or maximum), which RFC 5280 4.2.1.10 forbids"
			}
			if problem != "" {
				return nil, refuse("certificate",
					"a name constraint %s: verifiers refuse every certificate below the CA; leave the constraint out", problem)
			}
			*into = append(*into, one)
		}
	}
	switch {
	case !sides.Empty():
		return nil, malformed
	case len(b.permitted)+len(b.excluded) == 0:
		return nil, refuse("certificate",
			"the name constraints extension holds none: verifiers refuse every certificate below the CA; leave it out (RFC 5280 4.2.1.10)")
	}
	return b, nil
}

// fromZero tells whether minimum and maximum are absent, or minimum is the default that need not be written.
func fromZero(rest cryptobyte.String) bool {
	if rest.Empty() {
		return true
	}
	var minimum cryptobyte.String
	return rest.ReadASN1(&minimum, cbasn1.Tag(0).ContextSpecific()) && string(minimum) == "\x00" && rest.Empty()
}

// read reads one base, or tells as the end of a sentence why it cannot be applied.
func read(tag cbasn1.Tag, value cryptobyte.String) (one base, problem string) {
	text := func(typ san.Type) (base, string) {
		one := base{Subtree: Subtree{typ, string(value)}}
		host := one.Value
		if local, domain, ok := strings.Cut(host, "@"); ok && typ == san.Email {
			if local == "" || strings.ContainsAny(local, "\"\\") || strings.HasPrefix(domain, ".") || strings.Contains(domain, "@") {
				return one, "holds a mailbox that verifiers read differently"
			}
			if _, err := san.Parse(san.Email, local+"@host.example", ""); err != nil || domain == "" {
				return one, "holds what is not a mailbox"
			}
			host = domain
		}
		if !hostLike(host) {
			return one, "holds what is not a host or domain"
		}
		if _, err := netip.ParseAddr(host); err == nil && typ == san.URI {
			return one, "bounds URIs by an IP address, which RFC 5280 4.2.1.10 forbids"
		}
		return one, ""
	}
	switch tag {
	case tagDNS:
		return text(san.DNSName)
	case tagEmail:
		return text(san.Email)
	case tagURI:
		return text(san.URI)
	case tagDirectory:
		return one, "is for directory names, which Go's crypto/x509 does not know"
	case tagIP:
		half := len(value) / 2
		address, ok := netip.AddrFromSlice(value[:half])
		if !ok || len(value) != 2*half || address.Is4In6() {
			return one, "holds what is not an IPv4 or IPv6 network"
		}
		bits := 0
		for ; bits < half*8 && value[half+bits/8]&(0x80>>(bits%8)) != 0; bits++ {
		}
		prefix := netip.PrefixFrom(address, bits)
		if string(mask(prefix)) != string(value[half:]) {
			return one, "holds an IP network whose mask has gaps"
		}
		return base{Subtree: Subtree{san.IPAddress, prefix.String()}, network: prefix}, ""
	}
	return one, "is of a kind that is not applied here (other name, registered identifier, X.400 or EDI party name)"
}

// hostLike is what Go takes as the host in a constraint: visible ASCII, no label empty but the first. "" is all hosts to it.
func hostLike(host string) bool {
	for i := range len(host) {
		if host[i] <= ' ' || host[i] > '~' {
			return false
		}
	}
	return host == "" || host != "." && !strings.HasSuffix(host, ".") && !strings.Contains(host, "..")
}

// Constraints are the bounds for people.
func (b *Bounds) Constraints() (c Constraints) {
	if b == nil {
		return c
	}
	for _, one := range b.permitted {
		c.Permitted = append(c.Permitted, one.Subtree)
	}
	for _, one := range b.excluded {
		c.Excluded = append(c.Excluded, one.Subtree)
	}
	return c
}

func (b *Bounds) has(typ san.Type) bool {
	is := func(one base) bool { return one.Type == typ }
	return b != nil && (slices.ContainsFunc(b.permitted, is) || slices.ContainsFunc(b.excluded, is))
}

// Rule is the rule that errors of FromExtensions and Check name.
const Rule = "name-constraints"

// mostComparisons keeps within what verifiers take upon them: Go before 1.26 gave up after so many.
const mostComparisons = 250_000

// Check refuses, with an *invalid.Error, a certificate whose names lie outside to OpenSSL or to Go.
func (b *Bounds) Check(subject name.Name, sans []san.GeneralName) error {
	if b == nil {
		return nil
	}
	names, err := b.presented(subject, sans)
	if err != nil {
		return err
	}
	count := len(names)
	for _, rdn := range subject.RDNs {
		count += len(rdn) // OpenSSL counts these too
	}
	if count*(len(b.permitted)+len(b.excluded)) > mostComparisons {
		return refuse("sans", "these are more names than verifiers compare with the name constraints of the CA: ask for fewer")
	}
	for _, p := range names {
		if err := b.check(p); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bounds) check(p presented) error {
	for _, one := range b.excluded {
		if every, some := one.holds(p); every || some && !p.byOpenSSL || one.isCoveredBy(p) {
			return refuse(p.field, "%s lies in %s, which the name constraints of the CA exclude%s", p, show(one), p.why)
		}
	}
	var permitted []string
	for _, one := range b.permitted {
		if one.Type != p.Type {
			continue
		}
		if every, _ := one.holds(p); every {
			return nil
		}
		if permitted = append(permitted, show(one)); len(permitted) > 5 {
			permitted[5] = "…"
			permitted = permitted[:6]
		}
	}
	if len(permitted) == 0 {
		return nil
	}
	return refuse(p.field, "%s lies outside of what the name constraints of the CA permit, %s%s", p, strings.Join(permitted, " or "), p.why)
}

func show(b base) string {
	if b.Value == "" {
		return "an empty " + string(b.Type)
	}
	return b.Value
}

func refuse(field, format string, args ...any) error {
	err := invalid.New(field, format, args...)
	err.Rule = Rule
	return err
}
