// Package va is the validation authority of ACME: it looks over the network whether an applicant controls a name or
// an address (RFC 8555 section 8: http-01, dns-01; RFC 8737: tls-alpn-01; RFC 8738: IP addresses; RFC 8659 and 8657:
// CAA). It keeps nothing. Applicants choose what it connects to, so every address is judged when it is connected to
// (package outbound), ports and schemes are fixed, and sizes and times are bound.
package va

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/protocols/outbound"
)

// The challenges.
const (
	HTTP01    = "http-01"
	DNS01     = "dns-01"
	TLSALPN01 = "tls-alpn-01"
)

// The types of identifiers.
const (
	DNS = "dns"
	IP  = "ip"
)

// Config is how validation reaches the network.
type Config struct {
	HTTPPort, TLSPort int           // 80 and 443 when 0
	Resolvers         []string      // IP or IP:PORT; none: those of the system
	Quorum            int           // how many resolvers must give the same answer; 0: all
	Allow, Deny       []string      // address ranges, as outbound.Private has them
	CAA               []string      // issuer domain names by which CAA records mean this CA; none: CAA is not looked at
	Timeout           time.Duration // of one validation, everything in it; 10 s when 0
	Now               func() time.Time
}

// Identifier is what is validated: a DNS name in lower case without "*.", or an IP address.
type Identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Challenge is what the applicant says can be looked at now.
type Challenge struct {
	Type             string
	Identifier       Identifier
	Token            string
	KeyAuthorization string // RFC 8555 section 8.1
	Wildcard         bool   // the authorization is for *.Identifier
	AccountURI       string // for CAA's accounturi
}

// Problem is why a validation failed.
type Problem struct {
	// Type is the ending of urn:ietf:params:acme:error:… of RFC 8555 section 6.7. serverInternal means that nothing
	// was found out (the context ended), so that the attempt does not count.
	Type   string
	Detail string // for people: what was tried, what was found
}

const (
	connection        = "connection"
	dnsProblem        = "dns"
	unauthorized      = "unauthorized"
	incorrectResponse = "incorrectResponse"
	tlsProblem        = "tls"
	caaProblem        = "caa"
	malformed         = "malformed"
	serverInternal    = "serverInternal"
)

func (p *Problem) Error() string { return p.Type + ": " + p.Detail }

func problem(kind, format string, args ...any) *Problem {
	return &Problem{kind, fmt.Sprintf(format, args...)}
}

// Record is what was done, for the audit.
type Record struct {
	Challenge   string        `json:"challenge"`
	Identifier  Identifier    `json:"identifier"`
	Wildcard    bool          `json:"wildcard,omitempty"`
	At          time.Time     `json:"at"`
	Took        time.Duration `json:"took"` // ns
	Lookups     []Lookup      `json:"lookups,omitempty"`
	Connections []Connection  `json:"connections,omitempty"`
	Redirects   []string      `json:"redirects,omitempty"` // URLs
}

// Lookup is a question to a resolver.
type Lookup struct {
	Resolver string   `json:"resolver"` // IP:port, or "system"
	Name     string   `json:"name"`
	Type     string   `json:"type"`              // "A/AAAA", "TXT", "CAA"
	Answers  []string `json:"answers,omitempty"` // the first ten
	Error    string   `json:"error,omitempty"`
}

// Connection is an address that was connected to, or was not.
type Connection struct {
	Host    string `json:"host"`
	Address string `json:"address"` // IP:port
	Error   string `json:"error,omitempty"`
}

// Authority validates. It is safe for concurrent use.
type Authority struct {
	Config
	guard     *outbound.Guard
	resolvers []resolver
	dialer    *net.Dialer
}

// New checks the configuration; nothing is connected to. Its errors name the settings of the server.
func New(c Config) (*Authority, error) {
	orDefault := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	orDefault(&c.HTTPPort, 80)
	orDefault(&c.TLSPort, 443)
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for flag, port := range map[string]int{"--acme-http-port": c.HTTPPort, "--acme-tls-port": c.TLSPort} {
		if port < 1 || port > 65535 {
			return nil, fmt.Errorf("%s: %d is not from 1 to 65535", flag, port)
		}
	}
	// The port of a URL without one is told from its scheme, so the two must not be crossed.
	if c.HTTPPort == c.TLSPort || c.HTTPPort == 443 || c.TLSPort == 80 {
		return nil, fmt.Errorf("--acme-http-port and --acme-tls-port: %d and %d are mixed up", c.HTTPPort, c.TLSPort)
	}
	if c.Timeout < 0 || c.Timeout > time.Minute {
		return nil, fmt.Errorf("--acme-validation-timeout: %s is not between 0s and 1m", c.Timeout)
	}
	a := &Authority{Config: c}
	var err error
	if a.guard, err = outbound.Private(c.Allow, c.Deny); err != nil {
		return nil, fmt.Errorf("--acme-allow and --acme-deny: %w", err)
	}
	share := c.Timeout / 5 // of one connection or question, so that the next address has its turn
	a.dialer = a.guard.Dialer(share)
	for _, text := range c.Resolvers {
		at, err := netip.ParseAddrPort(text)
		if ip, alone := netip.ParseAddr(text); alone == nil {
			at, err = netip.AddrPortFrom(ip, 53), nil
		}
		if err != nil || at.Port() == 0 {
			return nil, fmt.Errorf("--acme-resolver: %q is not IP:PORT, such as 10.0.0.53:53 or [fd00::53]:53", text)
		}
		r := &server{address: at.String(), timeout: share}
		if slices.ContainsFunc(a.resolvers, func(o resolver) bool { return o.String() == r.String() }) {
			return nil, fmt.Errorf("--acme-resolver: %q is there twice, and one cannot confirm itself", text)
		}
		a.resolvers = append(a.resolvers, r)
	}
	if len(a.resolvers) == 0 {
		a.resolvers = []resolver{&system{timeout: share}}
	}
	if a.Quorum < 0 || a.Quorum > len(a.resolvers) {
		return nil, fmt.Errorf("--acme-resolver-quorum: %d, but there are %d resolvers", a.Quorum, len(a.resolvers))
	}
	orDefault(&a.Quorum, len(a.resolvers))
	a.CAA = nil
	for _, name := range c.CAA {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if !isName(name) {
			return nil, fmt.Errorf("--acme-caa: %q is not a domain name such as pki.example.com", name)
		}
		a.CAA = append(a.CAA, name)
	}
	return a, nil
}

// attempt is one validation.
type attempt struct {
	*Authority
	mu  sync.Mutex
	rec Record
}

const maxNoted = 64 // of each kind in a record

func note[T any](t *attempt, list *[]T, item T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(*list) < maxNoted {
		*list = append(*list, item)
	}
}

// run bounds the time of a validation, and tells its end from that of the server.
func (a *Authority) run(ctx context.Context, rec Record, f func(context.Context, *attempt) *Problem) (Record, *Problem) {
	t := &attempt{Authority: a, rec: rec}
	t.rec.At = a.Now()
	began := time.Now()
	bound, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	p := f(bound, t)
	if p != nil && ctx.Err() != nil {
		p = problem(serverInternal, "the validation was interrupted")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rec.Took = time.Since(began)
	return t.rec, p
}

// Validate looks at a challenge. The record is filled in any case; a problem says that control was not shown.
func (a *Authority) Validate(ctx context.Context, c Challenge) (Record, *Problem) {
	return a.run(ctx, Record{
		Challenge: c.Type, Identifier: c.Identifier, Wildcard: c.Wildcard,
	}, func(ctx context.Context, t *attempt) *Problem {
		if p := check(c); p != nil {
			return p
		}
		var p *Problem
		switch c.Type {
		case HTTP01:
			p = t.http01(ctx, c)
		case TLSALPN01:
			p = t.tlsALPN01(ctx, c)
		default:
			p = t.dns01(ctx, c)
		}
		if p == nil && c.Identifier.Type == DNS && len(a.CAA) > 0 {
			p = t.caa(ctx, c.Identifier.Value, c.Wildcard, c.AccountURI, c.Type)
		}
		return p
	})
}

// CheckCAA looks only at CAA, as is due again when a certificate is issued long after the validation (RFC 8659 section
// 3: at issuance). Without issuer domain names in the configuration everything passes.
func (a *Authority) CheckCAA(ctx context.Context, name string, wildcard bool, accountURI, method string) (Record, *Problem) {
	return a.run(ctx, Record{
		Challenge: method, Identifier: Identifier{DNS, name}, Wildcard: wildcard,
	}, func(ctx context.Context, t *attempt) *Problem {
		if len(a.CAA) == 0 {
			return nil
		}
		if !isName(name) {
			return problem(malformed, "%s is not a DNS name in lower case", quote(name))
		}
		return t.caa(ctx, name, wildcard, accountURI, method)
	})
}

// check refuses what would make a wrong URL, SNI or question out of a challenge.
func check(c Challenge) *Problem {
	switch v := c.Identifier.Value; c.Identifier.Type {
	case DNS:
		if !isName(v) {
			return problem(malformed, "%s is not a DNS name in lower case, without *. and without a dot at its end", quote(v))
		}
		if len("_acme-challenge.")+len(v) > 253 && c.Type == DNS01 {
			return problem(malformed, "%s is too long for _acme-challenge. before it", quote(v))
		}
	case IP:
		// RFC 8738 section 3: textual form of RFC 1123 and RFC 5952, so each address has one.
		if ip, err := netip.ParseAddr(v); err != nil || ip.Is4In6() || ip.Zone() != "" || ip.String() != v {
			return problem(malformed, "%s is not an IP address in its usual form (RFC 5952)", quote(v))
		}
		if c.Wildcard {
			return problem(malformed, "an IP address has no wildcard")
		}
	default:
		return problem(malformed, "identifiers of type %s cannot be validated over the network", quote(c.Identifier.Type))
	}
	switch {
	case !slices.Contains([]string{HTTP01, DNS01, TLSALPN01}, c.Type):
		return problem(malformed, "%s is no challenge that is looked at over the network", quote(c.Type))
	case c.Type == DNS01 && c.Identifier.Type == IP:
		return problem(malformed, "dns-01 cannot show control of an IP address (RFC 8738 section 7)")
	case c.Type != DNS01 && c.Wildcard:
		return problem(malformed, "only dns-01 can show control of a wildcard name")
	}
	thumbprint, ok := strings.CutPrefix(c.KeyAuthorization, c.Token+".")
	if _, err := base64.RawURLEncoding.DecodeString(c.Token); err != nil || len(c.Token) < 22 || len(c.Token) > 128 {
		return problem(malformed, "the token is not base64url of 128 bits or more")
	}
	if sum, err := base64.RawURLEncoding.DecodeString(thumbprint); !ok || err != nil || len(sum) != 32 {
		return problem(malformed, "the key authorization is not the token with the account key's thumbprint")
	}
	return nil
}

// isName reports whether s is a host name (RFC 1123, LDH labels) in lower case, not an address and not the root.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	digits := true
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		digits = true
		for _, r := range label {
			switch {
			case r >= '0' && r <= '9':
			case r >= 'a' && r <= 'z', r == '-':
				digits = false
			default:
				return false
			}
		}
	}
	return !digits // 10.1 and 10.0.0.1 are addresses to some
}

// quote shows what came from outside: at most 300 characters, on one line, nothing that a terminal or a page acts on.
func quote(s string) string {
	const most = 300
	cut := len(s) > 4*most
	if cut {
		s = s[:4*most]
	}
	runes := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	if len(runes) > most {
		runes, cut = runes[:most], true
	}
	quoted := fmt.Sprintf("%+q", string(runes))
	if len(quoted) > 2*most { // mostly escapes
		quoted, cut = strings.TrimRight(quoted[:most], `\`)+`"`, true
	}
	if cut {
		quoted += "…"
	}
	return quoted
}
