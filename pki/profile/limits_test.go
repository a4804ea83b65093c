package profile

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/san"
)

func limited(t testing.TB, members string) *Profile {
	t.Helper()
	p, err := Parse([]byte(with(members)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSubjectRules(t *testing.T) {
	p := limited(
		t,
		`"subject_rules":[{"attribute":"CN","presence":"REQUIRED","pattern":"[a-z]+[0-9]{2}"},{"attribute":"2.5.4.11","presence":"FORBIDDEN"},{"attribute":"Organization","pattern":"Example|Beispiel"}],"other_subject_attributes":"FORBIDDEN"`,
	)
	for subject, rule := range map[string]string{
		"CN=host07":                  "",
		"CN=host07,O=Example":        "",
		"CN=host07,CN=other11":       "",
		"O=Example":                  "subject_rules[0]",
		"CN=host7":                   "subject_rules[0]",
		"CN=xhost07x":                "subject_rules[0]",
		"CN=host07,CN=Bad":           "subject_rules[0]",
		"CN=host07,OU=a":             "subject_rules[1]",
		"CN=host07,O=Examples":       "subject_rules[2]",
		"CN=host07,O=Beispiel,C=DE":  "other_subject_attributes",
		"CN=host07,1.2.3.4=anything": "other_subject_attributes",
	} {
		judged(t, p, requestFor(t, ecLabel, subject), subject, "subject", rule)
	}
}

// judged expects the request to be issued (rule "") or refused by the rule, at the field.
func judged(t *testing.T, p *Profile, r Request, label, field, rule string) {
	t.Helper()
	result, err := p.Apply(r, issuingCA(t), now, skew)
	var refusal *invalid.Error
	switch {
	case rule == "" && err != nil:
		t.Errorf("%s: %v", label, err)
	case rule == "":
		if len(result.Decisions) < 4 {
			t.Errorf("%s: decisions %+v", label, result.Decisions)
		}
	case !errors.As(err, &refusal):
		t.Errorf("%s: %v, it should be refused by %s", label, err, rule)
	case refusal.Rule != rule || !strings.HasPrefix(refusal.Field, field):
		t.Errorf("%s: refused by %q at %q, want %q at %q", label, refusal.Rule, refusal.Field, rule, field)
	}
}

func TestSANRules(t *testing.T) {
	p := limited(
		t,
		`"san_rules":[{"type":"DNS_NAME","suffixes":["corp.example"],"patterns":["www[0-9]\\.example\\.org"]},{"type":"IP_ADDRESS","networks":["10.0.0.0/8","2001:db8::/32"]},{"type":"EMAIL","suffixes":["corp.example"]},{"type":"URI","suffixes":["corp.example"]},{"type":"UPN"}]`,
	)
	for _, c := range []struct {
		typ         san.Type
		value, rule string
	}{
		{
			san.DNSName, "corp.example", "",
		}, {
			san.DNSName, "a.b.corp.example", "",
		}, {san.DNSName, "*.corp.example", ""}, {san.DNSName, "WWW.Corp.Example", ""}, {san.DNSName, "www1.example.org", ""},
		{
			san.DNSName, "evilcorp.example", "san_rules[0]",
		}, {
			san.DNSName, "corp.example.org", "san_rules[0]",
		}, {san.DNSName, "www1.example.org.evil.com", "san_rules[0]"}, {san.DNSName, "www1xexample.org", "san_rules[0]"},
		{
			san.IPAddress, "10.255.0.1", "",
		}, {
			san.IPAddress, "2001:db8:1::1", "",
		}, {san.IPAddress, "11.0.0.1", "san_rules[1]"}, {san.IPAddress, "2001:db9::1", "san_rules[1]"},
		{
			san.Email, "a@corp.example", "",
		}, {
			san.Email, "a@mail.CORP.example", "",
		}, {san.Email, "corp.example@evil.com", "san_rules[2]"}, {san.Email, "a@notcorp.example", "san_rules[2]"},
		{
			san.URI, "https://corp.example/x", "",
		}, {
			san.URI, "https://x.corp.example:8443/", "",
		}, {
			san.URI, "https://corp.example.evil.com/", "san_rules[3]",
		}, {san.URI, "https://evil.com/corp.example", "san_rules[3]"}, {san.URI, "urn:corp.example", "san_rules[3]"},
		{san.UPN, "anyone@anywhere", ""}, {san.RegisteredID, "1.2.3", "san_rules"},
	} {
		r := requestFor(t, ecLabel, "CN=x", san.GeneralName{Type: c.typ, Value: c.value})
		r.Vouched = Voucher{Person, true}
		judged(t, p, r, c.value, "sans[0]", c.rule)
	}
	none := limited(t, `"san_rules":[]`)
	judged(t, none, requestFor(t, ecLabel, "CN=x"), "no names", "sans", "")
	judged(t, none, requestFor(t, ecLabel, "CN=x", web...), "a name where none is allowed", "sans", "san_rules")
	// The rules also apply to names that the profile adds from the common name.
	copies := limited(t, `"fill_san_dns_with_cn":true,"san_rules":[{"type":"DNS_NAME","suffixes":["corp.example"]}]`)
	judged(t, copies, requestFor(t, ecLabel, "CN=evil.example"), "common name", "sans", "san_rules[0]")
}

func TestEveryRefusalNamesItsRule(t *testing.T) {
	p := limited(
		t, `"max_validity_period":"P1D","key_algorithms":["RSA-2048"],"ignore_unknown_extensions":false,"required_san_types":["DNS_NAME"]`,
	)
	r := requestFor(t, ecLabel, "CN=x", web...)
	judged(t, p, r, "key", "csr", "key_algorithms")
	r = requestFor(t, rsaLabel, "CN=x")
	judged(t, p, r, "no name", "sans", "required_san_types")
	r = requestFor(t, rsaLabel, "CN=x", web...)
	end := now.AddDate(0, 0, 2)
	r.NotAfter = &end
	judged(t, p, r, "validity", "notAfter", "max_validity_period")
	r = requestFor(t, rsaLabel, "CN=Issuing,O=Example", web...)
	judged(t, p, r, "the CA's name", "subject", "names")
	expired := issuingCA(t)
	expired.NotAfter = now
	_, decisions, err := p.Explain(requestFor(t, rsaLabel, "CN=x", web...), expired, now, skew)
	var refusal *invalid.Error
	if !errors.As(err, &refusal) || refusal.Rule != "issuer" || len(decisions) == 0 {
		t.Errorf("%v, decided until then %v", err, decisions)
	}
}

func TestRulesThatMakeNoSense(t *testing.T) {
	for members, path := range map[string]string{
		`"subject_rules":[{"attribute":"Nonsense"}]`:                                "subject_rules[0].attribute",
		`"subject_rules":[{"attribute":"CN"},{"attribute":"commonName"}]`:           "subject_rules[1].attribute",
		`"subject_rules":[{"attribute":"CN","presence":"MAYBE"}]`:                   "subject_rules[0].presence",
		`"subject_rules":[{"attribute":"CN","presence":"FORBIDDEN","pattern":"x"}]`: "subject_rules[0].pattern",
		`"subject_rules":[{"attribute":"CN","pattern":"a)|(b"}]`:                    "subject_rules[0].pattern",
		`"subject_rules":[{"attribute":"CN","pattern":"(?=x)"}]`:                    "subject_rules[0].pattern",
		`"other_subject_attributes":"NONE"`:                                         "other_subject_attributes",
		`"san_rules":[{"type":"DNS"}]`:                                              "san_rules[0].type",
		`"san_rules":[{"type":"UPN"},{"type":"UPN"}]`:                               "san_rules[1].type",
		`"san_rules":[{"type":"DNS_NAME","suffixes":[".corp.example"]}]`:            "san_rules[0].suffixes[0]",
		`"san_rules":[{"type":"DNS_NAME","suffixes":["Corp.example"]}]`:             "san_rules[0].suffixes[0]",
		`"san_rules":[{"type":"DNS_NAME","suffixes":["*.corp.example"]}]`:           "san_rules[0].suffixes[0]",
		`"san_rules":[{"type":"IP_ADDRESS","suffixes":["corp.example"]}]`:           "san_rules[0].suffixes",
		`"san_rules":[{"type":"DNS_NAME","networks":["10.0.0.0/8"]}]`:               "san_rules[0].networks",
		`"san_rules":[{"type":"IP_ADDRESS","networks":["10.1.0.0/8"]}]`:             "san_rules[0].networks[0]",
		`"san_rules":[{"type":"IP_ADDRESS","networks":["10.0.0.1"]}]`:               "san_rules[0].networks[0]",
		`"san_rules":[{"type":"URI","patterns":["["]}]`:                             "san_rules[0].patterns[0]",
		`"san_rules":[{"type":"UPN"}],"required_san_types":["DNS_NAME"]`:            "required_san_types[0]",
		`"ocsp_no_check":true`: "usages",
		`"subject_rules":[{"attribute":"CN","pattern":"` + strings.Repeat("a", maxPattern+1) + `"}]`: "subject_rules[0].pattern",
	} {
		problems := Problems([]byte(with(members)), Given{})
		if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == path && p.Message != "" && p.Line > 0 }) {
			t.Errorf("%s: %+v, want %s", members, problems, path)
		}
	}
}

func TestProblemsAreAllToldWithTheirLines(t *testing.T) {
	text := strings.NewReplacer(`"P1Y"`, `"1 year"`, `"SUBSCRIBER"`, `"PERSON"`, `,"`, ",\n\"").Replace(minimal)
	problems := Problems([]byte(text), Given{})
	lines := strings.Split(text, "\n")
	var paths []string
	for _, p := range problems {
		paths = append(paths, p.Path)
		if p.Line < 1 || !strings.Contains(lines[p.Line-1], `"`+p.Path+`"`) {
			t.Errorf("%s is not in line %d of\n%s", p.Path, p.Line, text)
		}
	}
	if !slices.Contains(paths, "validity_period") || !slices.Contains(paths, "kind") {
		t.Errorf("problems %v", paths)
	}
	broken := Problems([]byte("{\n\"id\": \"x\",\n\"name\" \"y\"}"), Given{})
	if len(broken) != 1 || broken[0].Line != 3 || broken[0].Path != "json" {
		t.Errorf("broken JSON: %+v", broken)
	}
	if len(Problems([]byte(minimal), Given{})) != 0 {
		t.Error("a good profile has problems")
	}
}

func TestDiff(t *testing.T) {
	a := limited(
		t,
		`"max_validity_period":"P2Y","allowed_extensions":["1.2.3","1.2.4"],"ca_constraint":{"cA":false},"key_algorithms":["RSA-2048","RSA-3072"]`,
	)
	b := limited(
		t,
		`"max_validity_period":"P1Y","allowed_extensions":["1.2.4","1.2.5"],"ocsp_no_check":false,"key_algorithms":["RSA-3072","RSA-2048"],"subject_rules":[{"attribute":"CN"}]`,
	)
	want := `[{allowed_extensions "1.2.3" } {allowed_extensions  "1.2.5"} {ca_constraint {"cA":false} } {key_algorithms ["RSA-2048","RSA-3072"] ["RSA-3072","RSA-2048"]} {max_validity_period "P2Y" "P1Y"} {subject_rules  {"attribute":"CN","presence":"OPTIONAL"}}]`
	if got := fmt.Sprint(Diff(a, b)); got != want {
		t.Errorf("differences\n%s\nwant\n%s", got, want)
	}
	if len(Diff(a, a)) != 0 {
		t.Error("a profile differs from itself")
	}
	if got := fmt.Sprint(Diff(limited(t, `"ocsp_no_check":false`), limited(t, `"san_rules":[]`))); got != "[{san_rules  []}]" {
		t.Errorf("an empty rule list: %s", got)
	}
}

func FuzzPeriod(f *testing.F) {
	for _, seed := range []string{
		"P1Y", "P1Y6M", "P2W", "P1DT12H", "PT8H", "PT1H30M5S", "P", "PT", "P1H", "PT1D", "P-1D", "P1.5Y", "P1M1Y", "P99999Y", "P01D",
		"p1y", "P0D",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := readPeriod(text)
		if !ok {
			return
		}
		if again, ok := readPeriod(p.String()); !ok || again != p {
			t.Fatalf("%q is %+v, which prints as %s and reads as %+v", text, p, p, again)
		}
		end := p.After(now)
		if !end.After(now) {
			t.Fatalf("%q after %s is %s", text, now, end)
		}
		// A month has no more days than the one it ends in: the day never moves forward by months and years alone.
		if p.Days == 0 && p.Seconds == 0 && (end.Day() > now.Day() || end.Hour() != now.Hour()) {
			t.Fatalf("%q after %s is %s", text, now, end)
		}
		// The published schema accepts what the engine accepts.
		if !durationPattern.MatchString(text) {
			t.Fatalf("%q is not matched by the JSON Schema", text)
		}
	})
}

// FuzzApply: with any profile accepted by Parse, Apply neither panics nor decides differently the second time, and each
// refusal names field, reason and rule.
func FuzzApply(f *testing.F) {
	for _, p := range Builtin() {
		f.Add(p.JSON(), uint8(0))
	}
	for n, members := range []string{
		`"subject_rules":[{"attribute":"CN","presence":"REQUIRED","pattern":"[a-z.]+"},{"attribute":"O","presence":"FORBIDDEN"}],"other_subject_attributes":"FORBIDDEN"`,
		`"san_rules":[{"type":"DNS_NAME","suffixes":["example.com"],"patterns":["x+"]},{"type":"IP_ADDRESS","networks":["192.0.2.0/24"]}]`,
		`"san_rules":[],"max_validity_period":"P1D"`,
	} {
		f.Add([]byte(with(members)), uint8(n))
	}
	requests := []Request{
		requestFor(f, ecLabel, "CN=www.example.com,O=Example", web...),
		requestFor(
			f, rsaLabel, "CN=a", san.GeneralName{Type: san.IPAddress, Value: "192.0.2.7"}, san.GeneralName{Type: san.UPN, Value: "a@corp"},
		),
		requestFor(f, mldsaLabel, ""),
	}
	f.Fuzz(func(t *testing.T, text []byte, which uint8) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		r := requests[int(which)%len(requests)]
		result, err := p.Apply(r, issuingCA(t), now, skew)
		again, err2 := p.Apply(r, issuingCA(t), now, skew)
		if fmt.Sprint(result, err) != fmt.Sprint(again, err2) {
			t.Fatalf("%s decides twice differently", text)
		}
		var refusal *invalid.Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Field == "" || refusal.Rule == "" || refusal.Message == "") {
			t.Fatalf("%s: refusal %#v", text, err)
		}
		if err == nil && (!result.NotAfter.After(result.NotBefore) || len(result.Extensions) < 2) {
			t.Fatalf("%s: %+v", text, result)
		}
	})
}

// The example in the manual is a valid profile.
func TestTheManualsExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```json\n")
	text, _, closed := strings.Cut(rest, "```")
	if problems := Problems([]byte(text), Given{}); !found || !closed || len(problems) > 0 {
		t.Errorf("%+v in %s", problems, text)
	}
}

func TestTheManualsRuleForDevices(t *testing.T) {
	text, err := os.ReadFile("../../docs/device-attestation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rule, _ := strings.Cut(string(text), "```json\n")
	rule, _, _ = strings.Cut(rule, "```")
	p := limited(t, `"san_rules":[`+rule+`]`)
	for identifier, refused := range map[string]string{"C02XK1ABJGH6": "", "C02XK1ABJGH6/1.2.3": "san_rules[0]", "c02": "san_rules[0]"} {
		device, err := san.ParsePermanentIdentifier(identifier, "identifiers[0]")
		if err != nil {
			t.Fatal(err)
		}
		g, err := device.GeneralName()
		if err != nil {
			t.Fatal(err)
		}
		r := requestFor(t, ecLabel, "CN=x", g)
		judged(t, p, r, identifier, "sans[0]", refused)
		if refused != "" {
			continue
		}
		e, _ := find(apply(t, p, r, issuingCA(t)), "2.5.29.17")
		if names, err := san.FromDER(e.Value); err != nil || !slices.Contains(names, g) {
			t.Errorf("the certificate is for %v, %v", names, err)
		}
	}
}
