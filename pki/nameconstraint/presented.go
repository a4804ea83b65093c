package nameconstraint

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

// presented is a name of a certificate that verifiers compare with constraints.
type presented struct {
	san.GeneralName
	field   string
	address netip.Addr
	// hosts are those that verifiers take out of a URI: the newer OpenSSL and Go, and OpenSSL 3.0.
	hosts [2]string
	// byOpenSSL: Go does not compare the name.
	byOpenSSL bool
	why       string // this name is compared at all, the end of a sentence
}

func (p presented) String() string {
	value := p.Value
	if r := []rune(value); len(r) > 100 {
		value = string(r[:100]) + "…"
	}
	return value
}

const smtpUTF8Mailbox = "1.3.6.1.5.5.7.8.9;" // of an other name (RFC 9598)

// presented are the names that OpenSSL or Go compare. It refuses those that one of them cannot compare.
func (b *Bounds) presented(subject name.Name, sans []san.GeneralName) (all []presented, err error) {
	dns := false
	for _, g := range sans {
		p := presented{GeneralName: g, field: "sans"}
		switch g.Type {
		case san.DNSName:
			dns = true
		case san.IPAddress:
			p.address, err = netip.ParseAddr(g.Value)
		case san.URI:
			p.hosts, err = b.uriHosts(g.Value)
		case san.OtherName:
			if strings.HasPrefix(g.Value, smtpUTF8Mailbox) && b.has(san.Email) {
				return nil, refuse(
					"sans",
					"the CA has name constraints for e-mail addresses, and verifiers differ in how a mailbox in UTF-8 (SmtpUTF8Mailbox) "+
						"is held to them: use an address in ASCII",
				)
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	for _, email := range subject.Values(name.OIDEmailAddress) {
		if !strings.Contains(email, "@") && b.has(san.Email) {
			return nil, refuse(
				"subject",
				"%s is not an e-mail address, so that OpenSSL cannot hold it to the name constraints of the CA and refuses the certificate",
				email,
			)
		}
		all = append(
			all,
			presented{
				GeneralName: san.GeneralName{Type: san.Email, Value: email}, field: "subject", byOpenSSL: true,
				why: ": OpenSSL holds an e-mail address in the subject to them too",
			},
		)
	}
	if dns {
		return all, nil
	}
	for _, common := range subject.Values(name.OIDCommonName) {
		if readsAsHost(common) {
			all = append(all, presented{GeneralName: san.GeneralName{Type: san.DNSName, Value: common}, field: "subject",
				why: ": without a DNS alternative name, OpenSSL takes a common name that looks like a host name for one"})
		}
	}
	return all, nil
}

// readsAsHost is how OpenSSL tells a common name that is a host name: two labels or more of letters, digits, underscore
// and inner hyphens. A wildcard is one to those who compare host names by the common name.
func readsAsHost(common string) bool {
	common = strings.TrimPrefix(strings.TrimRight(common, "\x00"), "*.")
	dotted := false
	for i := range len(common) {
		switch c := common[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case i == 0 || i == len(common)-1:
			return false
		case c == '-':
		case c == '.' && common[i+1] != '.' && common[i+1] != '-' && common[i-1] != '-':
			dotted = true
		default:
			return false
		}
	}
	return dotted
}

// uriHosts are the hosts that verifiers read in a URI. Go compares none without a host name, whatever the constraints bound.
func (b *Bounds) uriHosts(value string) (hosts [2]string, err error) {
	u, err := url.Parse(value)
	if err != nil {
		return hosts, refuse("sans", "%s is not a URI", presented{GeneralName: san.GeneralName{Value: value}})
	}
	hosts[0] = u.Hostname()
	_, notName := netip.ParseAddr(hosts[0])
	if hosts[0] == "" || notName == nil {
		return hosts, refuse(
			"sans", "%s has no host name, and Go refuses such a URI below a CA with name constraints",
			presented{GeneralName: san.GeneralName{Value: value}},
		)
	}
	if !b.has(san.URI) {
		return hosts, nil
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return hosts, refuse(
				"sans", "the port of the URI is not one of 1 to 65535, so that OpenSSL cannot hold it to the name constraints of the CA",
			)
		}
	}
	_, rest, _ := strings.Cut(value, "://")
	hosts[1] = rest
	if end := strings.IndexByte(rest, ':'); end >= 0 {
		hosts[1] = rest[:end]
	} else if end := strings.IndexByte(rest, '/'); end >= 0 {
		hosts[1] = rest[:end]
	}
	return hosts, nil
}

// holds tells whether a name lies in the subtree: to every verifier, or to some of them only.
func (b base) holds(p presented) (every, some bool) {
	if b.Type != p.Type {
		return false, false
	}
	switch b.Type {
	case san.DNSName:
		in := below(b.Value, p.Value)
		return in, in
	case san.Email:
		at := strings.LastIndexByte(p.Value, '@')
		local, host := p.Value[:at], p.Value[at+1:]
		if only, domain, ok := strings.Cut(b.Value, "@"); ok {
			in := only == local && strings.EqualFold(domain, host)
			return in, in
		}
		return within(b.Value, host), below(b.Value, host)
	case san.URI:
		return within(b.Value, p.hosts[0]) && within(b.Value, p.hosts[1]), below(b.Value, p.hosts[0])
	case san.IPAddress:
		in := b.network.Masked().Contains(p.address)
		return in, in
	}
	return false, false
}

// below is how DNS names are compared, and in Go the hosts of mailboxes and URIs as well: "" holds all, ".domain" what lies
// below, "domain" also itself.
func below(base, host string) bool {
	base, host = strings.ToLower(base), strings.ToLower(host)
	switch {
	case base == "" || base == host && base[0] != '.':
		return true
	case base[0] == '.':
		return len(host) > len(base) && strings.HasSuffix(host, base)
	}
	return strings.HasSuffix(host, "."+base)
}

// within is how OpenSSL and RFC 5280 compare the hosts of mailboxes and URIs: "host" is that one, ".domain" what lies below.
func within(base, host string) bool {
	return base != "" && (base[0] == '.' && below(base, host) || strings.EqualFold(base, host))
}

// isCoveredBy tells whether a name with a wildcard stands for the excluded host too, as Go says.
func (b base) isCoveredBy(p presented) bool {
	if p.Type != san.DNSName || b.Type != san.DNSName || !strings.HasPrefix(p.Value, "*.") {
		return false
	}
	_, parent, dotted := strings.Cut(b.Value, ".")
	return dotted && strings.EqualFold(p.Value[2:], parent)
}
