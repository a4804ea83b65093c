package va

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/pkiaas/pkiaas/protocols/acme/va/vatest"
)

func digest() string {
	sum := sha256.Sum256([]byte(keyAuthorization))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func rcode(code int) func(*dns.Msg, string) *dns.Msg {
	return func(q *dns.Msg, _ string) *dns.Msg { return new(dns.Msg).SetRcode(q, code) }
}

func silent(*dns.Msg, string) *dns.Msg { return vatest.Silence }

func TestDNS01(t *testing.T) {
	d := vatest.NewDNS(t)
	right, wrong := fmt.Sprintf("TXT %q", digest()), `TXT "something else"`
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf(`TXT "value number %d of many, as long as a digest would be"`, i))
	}
	d.Set(t, "_acme-challenge.right.test", right)
	d.Set(t, "_acme-challenge.several.test", wrong, right, "A 127.0.0.1")
	d.Set(t, "_acme-challenge.parts.test", fmt.Sprintf("TXT %q %q", digest()[:10], digest()[10:]))
	d.Set(t, "_acme-challenge.wrong.test", wrong, `TXT "\027[31m\010 <b>"`)
	d.Set(t, "_acme-challenge.upper.test", fmt.Sprintf("TXT %q", strings.ToUpper(digest())))
	d.Set(t, "_acme-challenge.keyauth.test", fmt.Sprintf("TXT %q", keyAuthorization))
	d.Set(t, "_acme-challenge.other.test", "A 127.0.0.1")
	d.Set(t, "nochallenge.test", right, "A 127.0.0.1")
	d.Set(t, "_acme-challenge.many.test", append(slices.Clone(many), right)...)
	d.Set(t, "_acme-challenge.manywrong.test", many...)
	d.Set(t, "_acme-challenge.alias.test", "CNAME alias.elsewhere.test.")
	d.Set(t, "alias.elsewhere.test", "CNAME Target.Elsewhere.test.")
	d.Set(t, "target.elsewhere.test", right)
	d.Set(t, "_acme-challenge.dangling.test", "CNAME gone.elsewhere.test.")
	d.Set(t, "_acme-challenge.empty.test", "CNAME nochallenge2.test.")
	d.Set(t, "nochallenge2.test", "A 127.0.0.1")
	d.Set(t, "_acme-challenge.loop.test", "CNAME loop2.test.")
	d.Set(t, "loop2.test", "CNAME _acme-challenge.loop.test.")
	for i := range 20 {
		d.Set(t, fmt.Sprintf("hop%d.test", i), fmt.Sprintf("CNAME hop%d.test.", i+1))
	}
	d.Set(t, "_acme-challenge.chain.test", "CNAME hop0.test.")
	d.Set(t, "hop20.test", right)
	a := open(t, Config{Resolvers: []string{d.Address}})
	for _, c := range []struct {
		name  string
		kind  string
		words []string
	}{
		{"right.test", "", nil},
		{"several.test", "", nil},
		{"parts.test", "", nil},
		{"wrong.test", unauthorized, []string{"_acme-challenge.wrong.test", digest(), `"something else"`, "2 TXT"}},
		{"upper.test", unauthorized, nil},
		{"keyauth.test", unauthorized, nil},
		{"other.test", unauthorized, []string{"no TXT record"}},
		{"nochallenge.test", dnsProblem, []string{"NXDOMAIN: _acme-challenge.nochallenge.test"}},
		{"missing.test", dnsProblem, []string{"NXDOMAIN"}},
		{"many.test", "", nil}, // more than UDP takes
		{"manywrong.test", unauthorized, []string{"500 TXT", "and others"}},
		{"alias.test", "", nil},
		{"dangling.test", dnsProblem, []string{"NXDOMAIN: gone.elsewhere.test"}},
		{"empty.test", unauthorized, []string{"no TXT record"}},
		{"loop.test", dnsProblem, []string{"more than 8 CNAMEs"}},
		{"chain.test", dnsProblem, []string{"more than 8 CNAMEs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, p := a.Validate(t.Context(), challenge(DNS01, DNS, c.name))
			wants(t, p, c.kind, c.words...)
			if len(rec.Lookups) != 1 || rec.Lookups[0].Resolver != d.Address || rec.Lookups[0].Type != "TXT" ||
				len(rec.Lookups[0].Answers) > 10 || len(rec.Connections) != 0 {
				t.Errorf("%+v", rec)
			}
		})
	}
	if !slices.Contains(d.Asked(), "tcp TXT _acme-challenge.many.test.") || slices.Contains(
		d.Asked(), "tcp TXT _acme-challenge.right.test.",
	) {
		t.Errorf("asked %v", d.Asked())
	}

	// A wildcard and its apex share the name.
	d.Set(t, "_acme-challenge.shared.test", right, fmt.Sprintf("TXT %q", func() string {
		sum := sha256.Sum256([]byte(token[:42] + "1.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}()))
	other := token[:42] + "1"
	for _, c := range []Challenge{
		challenge(DNS01, DNS, "shared.test"),
		{DNS01, Identifier{DNS, "shared.test"}, other, other + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI", true, ""},
	} {
		rec, p := a.Validate(t.Context(), c)
		wants(t, p, "")
		if rec.Wildcard != c.Wildcard {
			t.Errorf("%+v", rec)
		}
	}
}

// TestAliasInOneAnswer: a resolver gives the chain whole, in any order; what else is in the answer does not count.
func TestAliasInOneAnswer(t *testing.T) {
	d := vatest.NewDNS(t)
	a := open(t, Config{Resolvers: []string{d.Address}})
	for _, c := range []struct {
		records []string
		code    int
		kind    string
	}{
		{
			[]string{
				fmt.Sprintf("c.test. 0 IN TXT %q", digest()), "b.test. 0 IN CNAME c.test.", "_ACME-challenge.a.test. 0 IN CNAME b.test.",
			},
			dns.RcodeSuccess, "",
		},
		// of another name
		{[]string{fmt.Sprintf("b.test. 0 IN TXT %q", digest())}, dns.RcodeSuccess, unauthorized},
		// the end of the chain is not there
		{[]string{"_acme-challenge.a.test. 0 IN CNAME b.test."}, dns.RcodeNameError, dnsProblem},
		// a ring
		{
			[]string{"_acme-challenge.a.test. 0 IN CNAME b.test.", "b.test. 0 IN CNAME _acme-challenge.a.test."}, dns.RcodeSuccess,
			dnsProblem,
		},
		// of another class
		{[]string{fmt.Sprintf("_acme-challenge.a.test. 0 CH TXT %q", digest())}, dns.RcodeSuccess, unauthorized},
		// with an error
		{[]string{fmt.Sprintf("_acme-challenge.a.test. 0 IN TXT %q", digest())}, dns.RcodeServerFailure, dnsProblem},
		// of another type
		{[]string{fmt.Sprintf("_acme-challenge.a.test. 0 IN SPF %q", digest()), `_acme-challenge.a.test. 0 IN TXT ""`}, 0, unauthorized},
	} {
		d.Answer(func(q *dns.Msg, _ string) *dns.Msg {
			m := new(dns.Msg).SetRcode(q, c.code)
			for _, text := range c.records {
				rr, err := dns.NewRR(text)
				if err != nil {
					panic(err)
				}
				m.Answer = append(m.Answer, rr)
			}
			return m
		})
		_, p := a.Validate(t.Context(), challenge(DNS01, DNS, "a.test"))
		wants(t, p, c.kind)
		if t.Failed() {
			t.Fatalf("%v", c.records)
		}
	}
}

// TestResolverFailures: what a resolver does wrong is told as such, for every challenge.
func TestResolverFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(*dns.Msg, string) *dns.Msg
		word   string
	}{
		{"SERVFAIL", rcode(dns.RcodeServerFailure), "SERVFAIL"},
		{"REFUSED", rcode(dns.RcodeRefused), "REFUSED"},
		{"NXDOMAIN", rcode(dns.RcodeNameError), "NXDOMAIN"},
		{"unknown code", rcode(14), "code 14"},
		{"silence", silent, "timed out"},
		{"another name", func(q *dns.Msg, _ string) *dns.Msg {
			m := new(dns.Msg).SetReply(q)
			m.Question = []dns.Question{{Name: "other.test.", Qtype: q.Question[0].Qtype, Qclass: dns.ClassINET}}
			return m
		}, "another question"},
		{"a question", func(q *dns.Msg, _ string) *dns.Msg { return q.Copy() }, "another question"},
		{"cut short over TCP too", func(q *dns.Msg, _ string) *dns.Msg {
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			return m
		}, "cut short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := vatest.NewDNS(t)
			d.Answer(c.answer)
			a := open(
				t,
				Config{Resolvers: []string{d.Address}, Timeout: map[bool]time.Duration{true: 500 * time.Millisecond}[c.name == "silence"]},
			)
			for _, kind := range []string{DNS01, HTTP01, TLSALPN01} {
				rec, p := a.Validate(t.Context(), challenge(kind, DNS, "host.test"))
				wants(t, p, dnsProblem, "host.test", c.word, d.Address)
				if len(rec.Lookups) != 1 || rec.Lookups[0].Error == "" {
					t.Errorf("%+v", rec)
				}
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		l := listen(t, "127.0.0.1:0")
		_ = l.Close()
		a := open(t, Config{Resolvers: []string{l.Addr().String()}})
		_, p := a.Validate(t.Context(), challenge(DNS01, DNS, "host.test"))
		wants(t, p, dnsProblem, l.Addr().String())
	})
}

// TestSeveralAttempts: one lost or failed answer is no failure, and where UDP is blocked TCP is asked.
func TestSeveralAttempts(t *testing.T) {
	d := vatest.NewDNS(t)
	d.Set(t, "_acme-challenge.host.test", fmt.Sprintf("TXT %q", digest()))
	a := open(t, Config{Resolvers: []string{d.Address}, Timeout: 2 * time.Second})
	var n atomic.Int64
	for name, answer := range map[string]func(*dns.Msg, string) *dns.Msg{
		"lost": func(*dns.Msg, string) *dns.Msg {
			if n.Add(1) == 1 {
				return vatest.Silence
			}
			return nil
		},
		"failed": func(q *dns.Msg, _ string) *dns.Msg {
			if n.Add(1) == 1 {
				return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
			}
			return nil
		},
		"UDP blocked": func(_ *dns.Msg, network string) *dns.Msg {
			if network == "udp" {
				return vatest.Silence
			}
			return nil
		},
		"UDP cut short": func(q *dns.Msg, network string) *dns.Msg {
			if network == "udp" {
				m := new(dns.Msg).SetReply(q)
				m.Truncated = true
				return m
			}
			return nil
		},
	} {
		n.Store(0)
		d.Answer(answer)
		if _, p := a.Validate(t.Context(), challenge(DNS01, DNS, "host.test")); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// TestResolversThatDisagree: one resolver that lies is not believed.
func TestResolversThatDisagree(t *testing.T) {
	one, two, three := vatest.NewDNS(t), vatest.NewDNS(t), vatest.NewDNS(t)
	right := fmt.Sprintf("TXT %q", digest())
	all := []string{one.Address, two.Address, three.Address}
	strict, most := open(t, Config{Resolvers: all}), open(t, Config{Resolvers: all, Quorum: 2})

	one.Set(t, "_acme-challenge.poisoned.test", right)
	two.Set(t, "_acme-challenge.poisoned.test", `TXT "not yet"`)
	two.Set(t, "_acme-challenge.most.test", right)
	three.Set(t, "_acme-challenge.most.test", right)
	for _, d := range []*vatest.DNS{one, two, three} {
		d.Set(t, "_acme-challenge.all.test", right)
	}
	for _, c := range []struct {
		name         string
		strict, most string
	}{
		{"all.test", "", ""}, {"most.test", dnsProblem, ""}, {"poisoned.test", dnsProblem, dnsProblem},
		{"none.test", dnsProblem, dnsProblem},
	} {
		rec, p := strict.Validate(t.Context(), challenge(DNS01, DNS, c.name))
		wants(t, p, c.strict)
		if len(rec.Lookups) != 3 {
			t.Errorf("%+v", rec)
		}
		_, p = most.Validate(t.Context(), challenge(DNS01, DNS, c.name))
		wants(t, p, c.most)
	}
	_, p := strict.Validate(t.Context(), challenge(DNS01, DNS, "poisoned.test"))
	wants(t, p, dnsProblem, "1 of 3", "3 must", one.Address+": has it", two.Address, "not yet", three.Address, "NXDOMAIN")

	// Addresses: only those that enough resolvers gave are connected to.
	l := listen(t, "127.0.0.1:0")
	hits := serve(t, l, http.NotFound)
	evil := listen(t, fmt.Sprintf("127.0.0.2:%d", port(l)))
	evilHits := serve(t, evil, http.NotFound)
	strict, most = open(t, Config{Resolvers: all, HTTPPort: port(l)}), open(t, Config{Resolvers: all, HTTPPort: port(l), Quorum: 2})
	one.Set(t, "host.test", "A 127.0.0.2")
	two.Set(t, "host.test", "A 127.0.0.1")
	three.Set(t, "host.test", "A 127.0.0.1", "A 127.0.0.3")
	_, p = strict.Validate(t.Context(), challenge(HTTP01, DNS, "host.test"))
	wants(t, p, dnsProblem, "fewer than 3 resolvers agree", one.Address+": 127.0.0.2")
	if hits.Load() != 0 {
		t.Error("connected without agreement")
	}
	rec, p := most.Validate(t.Context(), challenge(HTTP01, DNS, "host.test"))
	wants(t, p, incorrectResponse)
	if hits.Load() != 1 || len(rec.Connections) != 1 || rec.Connections[0].Address != net.JoinHostPort("127.0.0.1", fmt.Sprint(port(l))) {
		t.Errorf("%+v", rec.Connections)
	}
	one.Set(t, "host.test", "A 127.0.0.2", "A 127.0.0.1") // one more is not one less
	_, p = strict.Validate(t.Context(), challenge(HTTP01, DNS, "host.test"))
	wants(t, p, incorrectResponse)
	// A resolver that is away counts as one that does not agree.
	one.Answer(rcode(dns.RcodeServerFailure))
	_, p = strict.Validate(t.Context(), challenge(HTTP01, DNS, "host.test"))
	wants(t, p, dnsProblem, "SERVFAIL")
	_, p = most.Validate(t.Context(), challenge(HTTP01, DNS, "host.test"))
	wants(t, p, incorrectResponse)
	if evilHits.Load() != 0 {
		t.Error("the address that one resolver made up was connected to")
	}
}

// TestSystemResolver: the names of this machine are looked up as by every program.
func TestSystemResolver(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	hits := serve(t, l, http.NotFound)
	a := open(t, Config{HTTPPort: port(l)})
	rec, p := a.Validate(t.Context(), challenge(HTTP01, DNS, "localhost"))
	wants(t, p, incorrectResponse)
	if hits.Load() != 1 || len(rec.Lookups) != 1 || rec.Lookups[0].Resolver != "system" {
		t.Errorf("%+v", rec)
	}
}
