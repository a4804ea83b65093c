package nameconstraint

import (
	"slices"
	"testing"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

var all = Constraints{
	Permitted: []Subtree{{san.DNSName, "example.com"}, {san.Email, "example.com"}, {san.Email, ".mail.example"}, {san.Email, "one@box.example"}, {san.IPAddress, "192.0.2.0/24"}, {san.IPAddress, "2001:db8::/32"}, {san.DirectoryName, "O=Example,C=DE"}},
	Excluded:  []Subtree{{san.DNSName, "secret.example.com"}, {san.DirectoryName, "OU=Old,O=Example,C=DE"}},
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	e, err := all.Extension()
	if err != nil || !e.Critical {
		t.Fatal(e, err)
	}
	got, err := FromExtensions([]extension.Extension{e})
	if err != nil || !slices.Equal(got.Permitted, all.Permitted) || !slices.Equal(got.Excluded, all.Excluded) {
		t.Errorf("%+v %v", got, err)
	}
	if none, err := FromExtensions(nil); err != nil || !none.IsZero() {
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
		{san.DNSName, ""}, {san.DNSName, ".example.com"}, {san.DNSName, "*.example.com"}, {san.DNSName, "a b"}, {san.Email, "*@example.com"}, {san.Email, "@"},
		{san.IPAddress, "192.0.2.1"}, {san.IPAddress, "192.0.2.1/24"}, {san.IPAddress, "192.0.2.0/33"}, {san.DirectoryName, "nonsense"}, {san.DirectoryName, ""}, {san.URI, "https://example.com"},
	} {
		if _, err := (Constraints{Excluded: []Subtree{s}}).Extension(); err == nil {
			t.Errorf("%s %q was accepted", s.Type, s.Value)
		}
	}
}

func TestCheck(t *testing.T) {
	const inside = "CN=x,O=Example,C=DE"
	for _, c := range []struct {
		subject string
		typ     san.Type
		value   string
		good    bool
	}{
		{inside, san.DNSName, "example.com", true}, {inside, san.DNSName, "a.b.EXAMPLE.com", true}, {inside, san.DNSName, "notexample.com", false}, {inside, san.DNSName, "example.org", false},
		{inside, san.DNSName, "secret.example.com", false}, {inside, san.DNSName, "x.secret.example.com", false},
		{inside, san.Email, "a@example.com", true}, {inside, san.Email, "a@sub.example.com", false}, {inside, san.Email, "a@x.mail.example", true}, {inside, san.Email, "a@mail.example", false},
		{inside, san.Email, "one@box.example", true}, {inside, san.Email, "two@box.example", false},
		{inside, san.IPAddress, "192.0.2.200", true}, {inside, san.IPAddress, "192.0.3.1", false}, {inside, san.IPAddress, "2001:db8::1", true}, {inside, san.IPAddress, "2001:db9::1", false},
		{inside, san.URI, "https://elsewhere.example", true}, // of a type without bounds
		{"CN=x,O=example,C=de", san.DNSName, "example.com", true}, {"CN=x,O=Other,C=DE", san.DNSName, "example.com", false}, {"O=Example,OU=x,C=DE", san.DNSName, "example.com", false},
		{"CN=x,OU=Old,O=Example,C=DE", san.DNSName, "example.com", false}, {"C=DE", san.DNSName, "example.com", false},
	} {
		subject, err := name.Parse(c.subject)
		if err != nil {
			t.Fatal(err)
		}
		if err := all.Check(subject, []san.GeneralName{{Type: c.typ, Value: c.value}}); (err == nil) != c.good {
			t.Errorf("%s with %s: %v", c.subject, c.value, err)
		}
	}
	mailbox, err := name.Parse("CN=x,emailAddress=a@elsewhere.example,O=Example,C=DE")
	if err != nil {
		t.Fatal(err)
	}
	if all.Check(mailbox, nil) == nil {
		t.Error("an e-mail address in the subject, without alternative names, is bounded too")
	}
}
