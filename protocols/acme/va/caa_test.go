package va

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/pkiaas/pkiaas/protocols/acme/va/vatest"
)

func TestCAA(t *testing.T) {
	const account = "https://pki.example/acme/p/c/acct/1"
	d := vatest.NewDNS(t)
	plain, wild := challenge(DNS01, DNS, "host.sub.test"), challenge(DNS01, DNS, "host.sub.test")
	plain.AccountURI, wild.AccountURI, wild.Wildcard = account, account, true
	right := fmt.Sprintf("TXT %q", digest())
	for _, c := range []struct {
		name        string
		zone        map[string][]string
		plain, wild string
		words       []string
	}{
		{"none", nil, "", "", nil},
		{"us", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example"`}}, "", "", nil},
		{"us, in capitals", map[string][]string{"host.sub.test": {`CAA 0 ISSUE " PKI.Example ; "`}}, "", "", nil},
		{"us by our second name", map[string][]string{"host.sub.test": {`CAA 0 issue "ca.example"`}}, "", "", nil},
		{
			"nobody", map[string][]string{"host.sub.test": {`CAA 0 issue ";"`}}, caaProblem, caaProblem,
			[]string{"host.sub.test", "pki.example"},
		},
		{
			"another", map[string][]string{"host.sub.test": {`CAA 0 issue "other.example"`}}, caaProblem, caaProblem,
			[]string{"other.example"},
		},
		{"another and us", map[string][]string{"host.sub.test": {`CAA 0 issue "other.example"`, `CAA 0 issue "pki.example"`}}, "", "", nil},
		{"above", map[string][]string{"sub.test": {`CAA 0 issue "other.example"`}}, caaProblem, caaProblem, []string{"CAA of sub.test"}},
		{"top", map[string][]string{"test": {`CAA 0 issue "other.example"`}}, caaProblem, caaProblem, []string{"CAA of test"}},
		{
			"the nearer counts",
			map[string][]string{"test": {`CAA 0 issue "other.example"`}, "host.sub.test": {`CAA 0 issue "pki.example"`}}, "", "", nil,
		},
		{"wild only", map[string][]string{"host.sub.test": {`CAA 0 issue ";"`, `CAA 0 issuewild "pki.example"`}}, caaProblem, "", nil},
		{"not wild", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example"`, `CAA 0 issuewild ";"`}}, "", caaProblem, nil},
		{"only wild is said", map[string][]string{"host.sub.test": {`CAA 0 issuewild "other.example"`}}, "", caaProblem, nil},
		{"only where to write to", map[string][]string{"host.sub.test": {`CAA 128 iodef "mailto:a@example.com"`}}, "", "", nil},
		{"unknown", map[string][]string{"host.sub.test": {`CAA 0 future "x"`}}, "", "", nil},
		{
			"unknown and critical", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example"`, `CAA 128 future "x"`}}, caaProblem,
			caaProblem, []string{"critical", "future"},
		},
		{"this account", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example; accounturi=` + account + `"`}}, "", "", nil},
		{
			"another account", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example; accounturi=` + account + `0"`}},
			caaProblem, caaProblem, []string{"for the account"},
		},
		{
			"account twice",
			map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example; accounturi=` + account + `; accounturi=` + account + `"`}},
			caaProblem, caaProblem, nil,
		},
		{"this method", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example;validationmethods=http-01,dns-01"`}}, "", "", nil},
		{
			"another method", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example; validationmethods=http-01"`}}, caaProblem,
			caaProblem, []string{"dns-01", "http-01"},
		},
		{
			"method and account",
			map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example; validationmethods=dns-01; accounturi=x"`}}, caaProblem,
			caaProblem, nil,
		},
		{
			"other account, then ours",
			map[string][]string{
				"host.sub.test": {`CAA 0 issue "pki.example; accounturi=x"`, `CAA 0 issue "pki.example; accounturi=` + account + `"`},
			},
			"", "", nil,
		},
		{"other parameter", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example; policy=ev"`}}, "", "", nil},
		{"no parameter", map[string][]string{"host.sub.test": {`CAA 0 issue "pki.example; %%%"`}}, caaProblem, caaProblem, nil},
		{"not a name", map[string][]string{"host.sub.test": {`CAA 0 issue "https://pki.example"`}}, caaProblem, caaProblem, nil},
		{
			"alias", map[string][]string{"host.sub.test": {"CNAME elsewhere.test2."}, "elsewhere.test2": {`CAA 0 issue ";"`}}, caaProblem,
			caaProblem, []string{"host.sub.test"},
		},
		{
			"alias to nothing, then above",
			map[string][]string{
				"host.sub.test": {"CNAME elsewhere.test2."}, "test2": {`CAA 0 issue "pki.example"`}, "sub.test": {`CAA 0 issue ";"`},
			},
			caaProblem, caaProblem, []string{"CAA of sub.test"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := vatest.NewDNS(t)
			d.Set(t, "_acme-challenge.host.sub.test", right)
			for name, lines := range c.zone {
				d.Set(t, name, lines...)
			}
			a := open(t, Config{Resolvers: []string{d.Address}, CAA: []string{"PKI.example", "ca.example."}})
			_, p := a.Validate(t.Context(), plain)
			wants(t, p, c.plain, c.words...)
			_, p = a.Validate(t.Context(), wild)
			wants(t, p, c.wild)
			_, p = a.CheckCAA(t.Context(), "host.sub.test", false, account, DNS01)
			wants(t, p, c.plain, c.words...)
			// Off unless asked for.
			_, p = open(t, Config{Resolvers: []string{d.Address}}).Validate(t.Context(), plain)
			wants(t, p, "")
		})
	}

	d.Set(t, "_acme-challenge.host.sub.test", right)
	broken := func(q *dns.Msg, _ string) *dns.Msg {
		if q.Question[0].Qtype == dns.TypeCAA {
			return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		}
		return nil
	}
	d.Answer(broken)
	a := open(t, Config{Resolvers: []string{d.Address}, CAA: []string{"pki.example"}})
	_, p := a.Validate(t.Context(), plain)
	wants(t, p, dnsProblem, "CAA", "SERVFAIL")
	// Enough resolvers must give leave: one that hides the records does not do.
	honest := vatest.NewDNS(t)
	honest.Set(t, "_acme-challenge.host.sub.test", right)
	honest.Set(t, "host.sub.test", `CAA 0 issue "other.example"`)
	d.Answer(nil)
	a = open(t, Config{Resolvers: []string{d.Address, honest.Address}, CAA: []string{"pki.example"}})
	_, p = a.Validate(t.Context(), plain)
	wants(t, p, caaProblem, "other.example")
	// An address has no CAA.
	asked := len(d.Asked())
	_, _ = a.Validate(t.Context(), challenge(HTTP01, IP, forbidden))
	if len(d.Asked()) != asked {
		t.Errorf("asked %v", d.Asked()[asked:])
	}
}

func TestCAAProperty(t *testing.T) {
	for text, want := range map[string]struct {
		issuer     string
		parameters map[string]string
	}{
		"ca.example":                    {"ca.example", nil},
		" \tCA.example\t":               {"ca.example", nil},
		"ca.example;":                   {"ca.example", nil},
		"ca.example; a=1; B = 2 ;":      {"ca.example", map[string]string{"a": "1", "b": "2"}},
		"ca.example;a=x=y":              {"ca.example", map[string]string{"a": "x=y"}},
		"ca.example;;a=1":               {},
		"ca.example; a=1; a=1":          {},
		"ca.example; a=1 2":             {},
		"ca.example; a":                 {},
		"ca.example; =1":                {},
		"ca .example":                   {},
		";":                             {},
		"":                              {},
		"; a=1":                         {},
		strings.Repeat("a.", 200) + "b": {},
	} {
		issuer, parameters, ok := property(text)
		if ok != (want.issuer != "") || ok && (issuer != want.issuer || !maps.Equal(parameters, want.parameters)) {
			t.Errorf("%q: %q %v %t", text, issuer, parameters, ok)
		}
	}
}
