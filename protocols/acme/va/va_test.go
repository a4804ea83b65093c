package va

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/protocols/acme/va/vatest"
)

const token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
const keyAuthorization = token + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

// forbidden is loopback as well, so that something can listen there and notice.
const forbidden = "127.66.0.1"

// open makes an authority that may connect to loopback, but not to forbidden.
func open(t *testing.T, c Config) *Authority {
	t.Helper()
	if c.Allow == nil {
		c.Allow = []string{"127.0.0.0/8", "::1/128"}
	}
	c.Deny = append(c.Deny, "127.66.0.0/16")
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second // a share of it must do on a busy machine
	}
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// listen serves on an address until the test ends; port 0 takes a free one.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// serve serves HTTP; the counter counts connections, that is also those on which nothing is asked.
func serve(t *testing.T, l net.Listener, h http.HandlerFunc) *atomic.Int64 {
	t.Helper()
	count := new(atomic.Int64)
	s := &http.Server{Handler: h, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			count.Add(1)
		}
	}}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return count
}

func challenge(kind, idType, value string) Challenge {
	return Challenge{Type: kind, Identifier: Identifier{idType, value}, Token: token, KeyAuthorization: keyAuthorization}
}

// wants fails unless the problem is of the type and its detail has all words; "" wants success.
func wants(t *testing.T, p *Problem, kind string, words ...string) {
	t.Helper()
	switch {
	case kind == "" && p != nil:
		t.Errorf("refused: %v", p)
	case kind != "" && p == nil:
		t.Errorf("accepted, though it should be %s", kind)
	case kind != "":
		if p.Type != kind {
			t.Errorf("%v is not of type %s", p, kind)
		}
		for _, w := range words {
			if !strings.Contains(p.Detail, w) {
				t.Errorf("%q does not say %q", p.Detail, w)
			}
		}
		if len(p.Detail) > 3000 {
			t.Errorf("a detail of %d octets", len(p.Detail))
		}
		if strings.ContainsFunc(p.Detail, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q has control characters", p.Detail)
		}
	}
}

func TestChallengesThatAreNone(t *testing.T) {
	d := vatest.NewDNS(t)
	a := open(t, Config{Resolvers: []string{d.Address}})
	for name, c := range map[string]Challenge{
		"upper case":             challenge(HTTP01, DNS, "Host.test"),
		"wildcard in the name":   challenge(DNS01, DNS, "*.host.test"),
		"dot at the end":         challenge(HTTP01, DNS, "host.test."),
		"empty":                  challenge(HTTP01, DNS, ""),
		"empty label":            challenge(HTTP01, DNS, "a..test"),
		"underscore":             challenge(HTTP01, DNS, "_a.test"),
		"hyphen first":           challenge(HTTP01, DNS, "-a.test"),
		"path":                   challenge(HTTP01, DNS, "host.test/x"),
		"user":                   challenge(HTTP01, DNS, "a@host.test"),
		"port":                   challenge(HTTP01, DNS, "host.test:22"),
		"line break":             challenge(HTTP01, DNS, "host.test\r\nx: y"),
		"not ASCII":              challenge(HTTP01, DNS, "bücher.test"),
		"address as a name":      challenge(HTTP01, DNS, "127.0.0.1"),
		"short address":          challenge(HTTP01, DNS, "127.1"),
		"number":                 challenge(HTTP01, DNS, "2130706433"),
		"long label":             challenge(HTTP01, DNS, strings.Repeat("a", 64)+".test"),
		"long name":              challenge(HTTP01, DNS, strings.Repeat("a.", 127)+"test"),
		"too long for dns-01":    challenge(DNS01, DNS, strings.Repeat("a.", 119)+"test"),
		"wildcard by http-01":    {HTTP01, Identifier{DNS, "host.test"}, token, keyAuthorization, true, ""},
		"wildcard by TLS":        {TLSALPN01, Identifier{DNS, "host.test"}, token, keyAuthorization, true, ""},
		"address by dns-01":      challenge(DNS01, IP, "127.0.0.1"),
		"wildcard of an address": {DNS01, Identifier{IP, "127.0.0.1"}, token, keyAuthorization, true, ""},
		"mapped":                 challenge(HTTP01, IP, "::ffff:127.0.0.1"),
		"zone":                   challenge(HTTP01, IP, "fe80::1%lo"),
		"not canonical":          challenge(HTTP01, IP, "0:0:0:0:0:0:0:1"),
		"name as an address":     challenge(HTTP01, IP, "host.test"),
		"network":                challenge(HTTP01, IP, "10.0.0.0/8"),
		"other identifier":       challenge(HTTP01, "permanent-identifier", "x"),
		"other challenge":        challenge("device-attest-01", DNS, "host.test"),
		"path in the token": {
			HTTP01, Identifier{DNS, "host.test"}, "../../../../../../../../etc/passwd",
			"../../../../../../../../etc/passwd.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI", false, "",
		},
		"short token":          {HTTP01, Identifier{DNS, "host.test"}, "abc", "abc.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI", false, ""},
		"key of another token": {HTTP01, Identifier{DNS, "host.test"}, token, "x" + keyAuthorization, false, ""},
		"no thumbprint":        {HTTP01, Identifier{DNS, "host.test"}, token, token, false, ""},
		"other thumbprint":     {HTTP01, Identifier{DNS, "host.test"}, token, token + ".AAAA", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rec, p := a.Validate(t.Context(), c)
			wants(t, p, malformed)
			if len(rec.Lookups)+len(rec.Connections) > 0 {
				t.Errorf("%+v", rec)
			}
		})
	}
	if asked := d.Asked(); len(asked) > 0 {
		t.Errorf("asked: %v", asked)
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	for name, c := range map[string]Config{
		"resolver's name":    {Resolvers: []string{"dns.example:53"}},
		"resolver's port":    {Resolvers: []string{"10.0.0.53:0"}},
		"the same twice":     {Resolvers: []string{"10.0.0.53", "10.0.0.53:53"}},
		"quorum":             {Resolvers: []string{"10.0.0.53"}, Quorum: 2},
		"allow":              {Allow: []string{"10.0.0.1"}},
		"deny":               {Deny: []string{"everything"}},
		"CAA":                {CAA: []string{"https://pki.example"}},
		"port":               {HTTPPort: 70000},
		"ports the same":     {HTTPPort: 8000, TLSPort: 8000},
		"ports the other's":  {HTTPPort: 443, TLSPort: 80},
		"time without bound": {Timeout: time.Hour},
		"time before now":    {Timeout: -time.Second},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestShutdown: a validation that the server cuts short says nothing about the applicant.
func TestShutdown(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	asked := make(chan struct{})
	serve(t, l, func(w http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() })
	a := open(t, Config{HTTPPort: port(l)})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, p := a.Validate(ctx, challenge(HTTP01, IP, "127.0.0.1"))
	wants(t, p, serverInternal)
}

// TestDefaultsRefuseThisMachine: without a word of the operator nothing that only this machine reaches is connected to.
func TestDefaultsRefuseThisMachine(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	hits := serve(t, l, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(keyAuthorization)) })
	d := vatest.NewDNS(t)
	d.Set(t, "inside.test", "A 127.0.0.1", "AAAA ::1", "AAAA ::ffff:127.0.0.1", "AAAA 64:ff9b::7f00:1")
	a, err := New(Config{Resolvers: []string{d.Address}, HTTPPort: port(l), TLSPort: port(listen(t, "127.0.0.1:0"))})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []Identifier{
		{DNS, "inside.test"}, {IP, "127.0.0.1"}, {IP, "::1"}, {IP, "0.0.0.0"}, {IP, "169.254.169.254"}, {IP, "fd00:ec2::254"},
		{IP, "64:ff9b::7f00:1"}, {IP, "64:ff9b::a9fe:a9fe"}, {IP, "224.0.0.1"}, {IP, "2001:db8::1"},
	} {
		for _, kind := range []string{HTTP01, TLSALPN01} {
			rec, p := a.Validate(t.Context(), challenge(kind, id.Type, id.Value))
			wants(t, p, connection, "does not connect to")
			if slices.ContainsFunc(rec.Connections, func(c Connection) bool { return c.Error == "" }) || len(rec.Connections) == 0 {
				t.Errorf("%s: %+v", id.Value, rec.Connections)
			}
		}
	}
	if hits.Load() != 0 {
		t.Errorf("%d connections", hits.Load())
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[31m\r\n\u202e<b>": `"a\x1b[31m\r\n\u202e<b>"`, "\xff": `"\ufffd"`,
		strings.Repeat("x", 301): `"` + strings.Repeat("x", 300) + `"…`,
	} {
		if got := quote(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
	if got := quote(strings.Repeat("\x00", 5000)); len(got) > 310 {
		t.Errorf("%d octets", len(got))
	}
}
