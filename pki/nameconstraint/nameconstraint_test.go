package nameconstraint

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

var all = Constraints{
	Permitted: []Subtree{
		{san.DNSName, "example.com"},
		{san.Email, "example.com"},
		{san.Email, ".mail.example"},
		{san.Email, "one@box.example"},
		{san.IPAddress, "192.0.2.0/24"},
		{san.IPAddress, "2001:db8::/32"},
		{san.URI, ".corp.example"},
	},
	Excluded: []Subtree{{san.DNSName, "secret.example.com"}, {san.Email, "old.example"}},
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	e, err := all.Extension()
	if err != nil || !e.Critical {
		t.Fatal(e, err)
	}
	got, err := FromExtensions([]extension.Extension{e})
	if c := got.Constraints(); err != nil || !slices.Equal(c.Permitted, all.Permitted) || !slices.Equal(c.Excluded, all.Excluded) {
		t.Errorf("%+v %v", c, err)
	}
	if none, err := FromExtensions(nil); err != nil || none != nil || !none.Constraints().IsZero() {
		t.Errorf("%+v %v", none, err)
	}
	for cut := range e.Value {
		broken := e
		broken.Value = e.Value[:cut]
		if _, err := FromExtensions([]extension.Extension{broken}); err == nil {
			t.Errorf("cut after %d octets and accepted", cut)
		}
	}
}

func TestWhatIsNoSubtree(t *testing.T) {
	for _, s := range []Subtree{
		{san.DNSName, ""}, {san.DNSName, ".example.com"}, {san.DNSName, "*.example.com"}, {san.DNSName, "a b"},
		{san.Email, "*@example.com"}, {san.Email, "@"},
		{san.IPAddress, "192.0.2.1"}, {san.IPAddress, "192.0.2.1/24"}, {san.IPAddress, "192.0.2.0/33"}, {
			san.DirectoryName, "O=Example,C=DE",
		}, {san.URI, "https://example.com"}, {san.IPAddress, "::ffff:192.0.2.0/120"}, {san.UPN, "a@example.com"},
	} {
		if _, err := (Constraints{Excluded: []Subtree{s}}).Extension(); err == nil {
			t.Errorf("%s %q was accepted", s.Type, s.Value)
		}
	}
}

func boundsOf(t *testing.T, c Constraints) *Bounds {
	t.Helper()
	e, err := c.Extension()
	if err != nil {
		t.Fatal(err)
	}
	b, err := FromExtensions([]extension.Extension{e})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheck(t *testing.T) {
	const inside = "CN=x,O=Example,C=DE"
	bounds := boundsOf(t, all)
	for _, c := range []struct {
		subject string
		typ     san.Type
		value   string
		good    bool
	}{
		{
			inside, san.DNSName, "example.com", true,
		}, {
			inside, san.DNSName, "a.b.EXAMPLE.com", true,
		}, {inside, san.DNSName, "notexample.com", false}, {inside, san.DNSName, "example.org", false},
		{inside, san.DNSName, "secret.example.com", false}, {inside, san.DNSName, "x.secret.example.com", false},
		{
			inside, san.Email, "a@example.com", true,
		}, {
			inside, san.Email, "a@sub.example.com", false,
		}, {inside, san.Email, "a@x.mail.example", true}, {inside, san.Email, "a@mail.example", false},
		{inside, san.Email, "one@box.example", true}, {inside, san.Email, "two@box.example", false},
		{
			inside, san.IPAddress, "192.0.2.200", true,
		}, {
			inside, san.IPAddress, "192.0.3.1", false,
		}, {inside, san.IPAddress, "2001:db8::1", true}, {inside, san.IPAddress, "2001:db9::1", false},
		{
			inside, san.URI, "https://elsewhere.example", false,
		}, {inside, san.URI, "https://a.corp.example:8443/x", true}, {inside, san.URI, "https://corp.example", false},
		{inside, san.RegisteredID, "1.2.3", true}, // of a type without bounds
	} {
		subject, err := name.Parse(c.subject)
		if err != nil {
			t.Fatal(err)
		}
		if err := bounds.Check(subject, []san.GeneralName{{Type: c.typ, Value: c.value}}); (err == nil) != c.good {
			t.Errorf("%s with %s: %v", c.subject, c.value, err)
		}
	}
	mailbox, err := name.Parse("CN=x,emailAddress=a@elsewhere.example,O=Example,C=DE")
	if err != nil {
		t.Fatal(err)
	}
	if bounds.Check(mailbox, nil) == nil {
		t.Error("an e-mail address in the subject, without alternative names, is bounded too")
	}
}

// TestWhatVerifiersDoBeyondTheLetter: what OpenSSL or Go refuse though it is easily overlooked.
func TestWhatVerifiersDoBeyondTheLetter(t *testing.T) {
	dns := Constraints{Permitted: []Subtree{{san.DNSName, "corp.example"}}}
	mail := Constraints{Permitted: []Subtree{{san.Email, "corp.example"}}}
	for label, c := range map[string]struct {
		constraints Constraints
		subject     string
		sans        []san.GeneralName
		says        string // "" is issued
	}{
		"a common name that is a host name": {dns, "CN=www.elsewhere.example", nil, "common name"},
		"but for a DNS name beside it": {
			dns, "CN=www.elsewhere.example", []san.GeneralName{{Type: san.DNSName, Value: "www.corp.example"}}, "",
		},
		"not an address beside it": {
			dns, "CN=www.elsewhere.example", []san.GeneralName{{Type: san.IPAddress, Value: "192.0.2.1"}}, "common name",
		},
		"the second common name":     {dns, "CN=Web,CN=www.elsewhere.example", nil, "common name"},
		"an IP address is one too":   {dns, "CN=192.0.2.1", nil, "common name"},
		"a wildcard is one":          {dns, "CN=*.elsewhere.example", nil, "common name"},
		"a name of a person is none": {dns, "CN=Ann Example", nil, ""},
		"one label is none":          {dns, "CN=elsewhere", nil, ""},
		"a wildcard over an excluded host": {
			Constraints{Excluded: []Subtree{{san.DNSName, "secret.corp.example"}}}, "CN=x",
			[]san.GeneralName{{Type: san.DNSName, Value: "*.corp.example"}}, "exclude",
		},
		"a wildcard beside it": {
			Constraints{Excluded: []Subtree{{san.DNSName, "secret.corp.example"}}}, "CN=x",
			[]san.GeneralName{{Type: san.DNSName, Value: "*.other.corp.example"}}, "",
		},
		"a mailbox in UTF-8": {
			mail, "CN=x", []san.GeneralName{{Type: san.OtherName, Value: "1.3.6.1.5.5.7.8.9;UTF8:ü@elsewhere.example"}}, "UTF-8",
		},
		"a mailbox in the subject, beside names": {
			mail, "CN=x,E=a@elsewhere.example", []san.GeneralName{{Type: san.DNSName, Value: "www.corp.example"}}, "outside",
		},
		"below an excluded mail host": {
			Constraints{Excluded: []Subtree{{san.Email, "old.example"}}}, "CN=x",
			[]san.GeneralName{{Type: san.Email, Value: "a@sub.old.example"}}, "exclude",
		},
		"a URI below a permitted host": {
			Constraints{Permitted: []Subtree{{san.URI, "corp.example"}}}, "CN=x",
			[]san.GeneralName{{Type: san.URI, Value: "https://a.corp.example/"}}, "outside",
		},
		"a URI without a host": {
			dns, "CN=x", []san.GeneralName{{Type: san.URI, Value: "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}}, "no host name",
		},
		"a URI whose port is none": {
			Constraints{Permitted: []Subtree{{san.URI, "corp.example"}}}, "CN=x",
			[]san.GeneralName{{Type: san.URI, Value: "https://corp.example:99999/"}}, "port",
		},
		"a URI with an address": {dns, "CN=x", []san.GeneralName{{Type: san.URI, Value: "https://192.0.2.1/"}}, "no host name"},
	} {
		subject, err := name.Parse(c.subject)
		if err != nil {
			t.Fatal(err)
		}
		err = boundsOf(t, c.constraints).Check(subject, c.sans)
		var refusal *invalid.Error
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", label, err)
		case c.says != "" && (!errors.As(err, &refusal) || !strings.Contains(err.Error(), c.says) || refusal.Rule != Rule):
			t.Errorf("%s: %v, want one that says %q", label, err, c.says)
		}
	}
}

// TestConstraintsThatCannotBeApplied are refused where they come from: at the import.
func TestConstraintsThatCannotBeApplied(t *testing.T) {
	dns := "8207" + hex.EncodeToString([]byte("example"))
	for label, text := range map[string]string{
		"nothing":                      "3000",
		"a directory name":             "3014a0123010a40e300c310a300806035504030c0178",
		"empty sides":                  "3004a000a100",
		"an empty address":             "3006a00430028700",
		"a mask with gaps":             "300ea00c300a8708c0000200ff00ff00",
		"an IPv4 network in IPv6 form": "3026a02430228720" + "00000000000000000000ffffc0000200" + "ffffffffffffffffffffffffffffff00",
		"a user principal name":        "301aa0183016a014060a2b060104018237140203a0060c04" + hex.EncodeToString([]byte("a@bc")),
		"a registered identifier":      "3008a006300488022a03",
		"a maximum":                    "3010a00e300c" + dns + "810101",
		"a minimum":                    "3010a00e300c" + dns + "800101",
		"a URI's address":              "300fa00d300b8609" + hex.EncodeToString([]byte("192.0.2.1")),
		"a dot at the end":             "3008a006300482026e2e",
		"two at signs":                 "3009a007300581036140406" + "2",
		"data behind":                  "300fa00b3009" + dns + "a200",
	} {
		der, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(label, err)
		}
		var refusal *invalid.Error
		if b, err := FromExtensions([]extension.Extension{{ID: extension.OIDNameConstraints, Critical: true, Value: der}}); !errors.As(
			err,
			&refusal,
		) || refusal.Rule != Rule {
			t.Errorf("%s: %+v, %v", label, b.Constraints(), err)
		}
	}
	// What is unusual and can be applied.
	for label, c := range map[string]struct{ text, want string }{
		"a leading dot":  {"300aa00830068204" + hex.EncodeToString([]byte(".com")), ".com"},
		"all names":      {"3006a00430028200", ""},
		"a minimum of 0": {"3010a00e300c" + dns + "800100", "example"},
	} {
		der, err := hex.DecodeString(c.text)
		if err != nil {
			t.Fatal(label, err)
		}
		b, err := FromExtensions([]extension.Extension{{ID: extension.OIDNameConstraints, Value: der}})
		if got := b.Constraints(); err != nil || len(got.Permitted) != 1 || got.Permitted[0].Value != c.want {
			t.Errorf("%s: %+v, %v", label, got, err)
		}
	}
}
