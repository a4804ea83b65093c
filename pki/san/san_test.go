package san

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

func TestCanonicalForms(t *testing.T) {
	for _, c := range []struct {
		typ         Type
		value, want string
	}{
		{DNSName, "WWW.Example.COM", "www.example.com"},
		{DNSName, "*.example.com", "*.example.com"},
		{DNSName, "*.local", "*.local"},
		{DNSName, "server1", "server1"},
		{DNSName, "3com.example", "3com.example"},
		{DNSName, "bücher.example", "xn--bcher-kva.example"},
		{DNSName, "*.Bücher.example", "*.xn--bcher-kva.example"},
		{DNSName, "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{DNSName, "例え.jp", "xn--r8jz45g.jp"},
		{DNSName, "пример.рф", "xn--e1afmkfd.xn--p1ai"},
		{DNSName, "a.b.c.d.e.example", "a.b.c.d.e.example"},
		{DNSName, strings.Repeat("a", 63) + ".example", strings.Repeat("a", 63) + ".example"},
		{IPAddress, "192.0.2.1", "192.0.2.1"},
		{IPAddress, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
		{Email, "Ann.O'Neil+x@Example.COM", "Ann.O'Neil+x@example.com"},
		{Email, "ann@bücher.example", "ann@xn--bcher-kva.example"},
		{URI, "https://example.com/a?b=c#d", "https://example.com/a?b=c#d"},
		{URI, "spiffe://example.org/ns/default/sa/web", "spiffe://example.org/ns/default/sa/web"},
		{URI, "https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443/"},
		{URI, "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
		{URI, "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500", "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500"},
		{UPN, "ann@corp.example", "ann@corp.example"},
		{DirectoryName, "cn = a , o=b", "CN=a,O=b"},
		{RegisteredID, "2.999.10", "2.999.10"},
		{OtherName, "1.3.6.1.5.5.7.8.7;UTF8:_ldap.example", "1.3.6.1.5.5.7.8.7;UTF8:_ldap.example"},
		{
			OtherName, "1.3.6.1.4.1.311.25.1;DER:0410000102030405060708090A0B0C0D0E0F",
			"1.3.6.1.4.1.311.25.1;DER:0410000102030405060708090a0b0c0d0e0f",
		},
		{OtherName, "1.2.3;DER:0c0161", "1.2.3;UTF8:a"},
	} {
		g, err := Parse(c.typ, c.value, "sans[0]")
		if err != nil || g.Value != c.want || g.Type != c.typ {
			t.Errorf("%s %q = %+v, %v, want %q", c.typ, c.value, g, err, c.want)
			continue
		}
		back, err := FromDER(MarshalDER([]GeneralName{g}))
		if err != nil || !slices.Equal(back, []GeneralName{g}) {
			t.Errorf("%s %q comes back as %+v, %v", c.typ, c.value, back, err)
		}
	}
}

func TestOneIdentityHasOneSpelling(t *testing.T) {
	g, err := Parse(OtherName, "1.3.6.1.4.1.311.20.2.3;UTF8:ann@corp.example", "sans[0]")
	if err != nil || g != (GeneralName{UPN, "ann@corp.example"}) {
		t.Errorf("the UPN as other name is %+v, %v", g, err)
	}
}

func TestRefusedNames(t *testing.T) {
	for _, c := range []struct {
		typ    Type
		values []string
	}{
		{DNSName, []string{
			"", ".", "a..b", ".example.com", "example.com.", "a_b.example", "-a.example", "a-.example", "a b.example",
			"*", "*.", "a.*.example", "*a.example", "w*.example", "*.*.example", "https://example.com", "example.com:443",
			"example.com/x", "192.0.2.1", "2001:db8::1", "1.2.3", "ab--cd.example", "exam\x00ple.com", "example.com\n",
			"example.com\r\nX: y", "xn--zzzzzz9999.example", "xn--.example", "xn--a.example", "XN--BCHER-KVA\x00.example",
			"p\u0430ypal.com", "xn--pypal-4ve.com", "\u0430\u0440\u0440\u04cf\u0435.com", "xn--80ak6aa92e.com", "exa\u200dmple.com",
			"exam\u202eple.com",
			"\uff45xample.com", "a\u0301\u0301\u0378.example", "💩.example", strings.Repeat("a", 64) + ".example",
			strings.Repeat("a.", 127) + "ab", strings.Repeat("é", 300), "a@b.example", "<script>", "xn--ls8h.example", "\xff.example"}},
		{
			IPAddress,
			[]string{
				"", "192.0.2.0/24", "192.0.2", "192.0.2.256", "192.0.2.01", "0x7f.1", "fe80::1%eth0", "::ffff:192.0.2.1", "::", "0.0.0.0",
				"example.com", "[::1]", " 192.0.2.1", "١٩٢.0.2.1",
			},
		},
		{
			Email,
			[]string{"", "ann", "@example.com", "ann@", "a b@example.com", `"a b"@example.com`, "ann@@example.com", "Ann <ann@example.com>",
				"ann@*.example.com", "ann@192.0.2.1", "ann@[192.0.2.1]", ".ann@example.com", "a..b@example.com", "änn@example.com",
				"ann@example.com\n", "ann@exa_mple.com",
				strings.Repeat("a", 65) + "@example.com", "mailto:ann@example.com,b@c", "ann@p\u0430ypal.com"}},
		{
			URI,
			[]string{
				"", "example.com", "/path", "//example.com/", "https://", "https:///path", "http:example.com", "javascript:alert(1)",
				"data:text/html,x",
				"https://exa mple.com/", "https://example.com/\n", "https://user:pw@example.com/", "https://exämple.com/",
				"https://a_b.example/", "https://example.com/%zz",
				"https://example.com/<x>", "https://*.example.com/", "https://[fe80::1%25eth0]/", "https://" + strings.Repeat("a", 3000) +
					".com", "mailto:ann@example.com", "1http://a"}},
		{UPN, []string{"", "ann", "@corp", "ann@", "a nn@corp", "ann@corp\x00", "ann\u202e@corp", "p\u0430ypal@corp.example"}},
		{DirectoryName, []string{"", "x", "CN=", "CN=a\x00"}},
		{RegisteredID, []string{"", "1", "3.1", "1.40", "1.2.", "1.02", "a.b", "OID.", "1.2.99999999999"}},
		{
			OtherName,
			[]string{
				"", "1.2.3", "1.2.3;", "1.2.3;UTF8:", "1.2.3;TEXT:a", "x;UTF8:a", "1.2.3;DER:", "1.2.3;DER:zz", "1.2.3;DER:0c01",
				"1.2.3;DER:0c016100", "1.2.3;UTF8:a\x00", "1.3.6.1.4.1.311.20.2.3;DER:160161",
			},
		},
		{"HOST", []string{"example.com"}},
		{"", []string{"example.com"}},
	} {
		for _, value := range c.values {
			g, err := Parse(c.typ, value, "sans[3]")
			var refusal *invalid.Error
			if err == nil {
				t.Errorf("%s %q was accepted as %q", c.typ, value, g.Value)
			} else if !errors.As(err, &refusal) || refusal.Field != "sans[3]" || len(refusal.Message) > 500 ||
				strings.ContainsAny(refusal.Message, "\x00\n\u202e") {
				t.Errorf("%s %q: %v is not a clean *invalid.Error for sans[3]", c.typ, value, err)
			}
		}
	}
}

func TestTheStandardLibraryReadsTheNames(t *testing.T) {
	der := MarshalDER(
		[]GeneralName{
			{DNSName, "www.example.com"}, {IPAddress, "192.0.2.1"}, {IPAddress, "2001:db8::1"}, {Email, "a@example.com"},
			{URI, "https://example.com/"}, {UPN, "a@corp"},
		},
	)
	request := x509.CertificateRequest{}
	request.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der}}
	var names []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &names); err != nil || len(rest) > 0 || len(names) != 6 {
		t.Fatalf("%d names, %v", len(names), err)
	}
	if string(names[0].Bytes) != "www.example.com" || names[0].Tag != 2 || len(names[2].Bytes) != 16 || names[5].Tag != 0 ||
		!names[5].IsCompound {
		t.Errorf("names on the wire: %+v", names)
	}
}

func TestAbsurdDERIsRefused(t *testing.T) {
	for label, text := range map[string]string{
		"empty": "", "no names": "3000", "trailing": "3003820161" +
			"00", "not a sequence": "3103820161", "truncated": "30058203616263"[:10],
		"dNSName with NUL": "300582036100" + "62", "netmask": "300a8708c0000200ffffff00", "5 bytes": "300787050102030405",
		"x400": "3002a300", "ediParty": "3002a500", "unknown choice": "30028900", "UTF-8 in IA5": "30048202c3a9",
		"otherName without value": "3007a00506032a0304", "empty registered ID": "30028800", "empty directory name": "3004a4023000",
	} {
		der, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(label, err)
		}
		if names, err := FromDER(der); err == nil {
			t.Errorf("%s: accepted as %+v", label, names)
		}
	}
	many := make([]GeneralName, MaxNames+1)
	for i := range many {
		many[i] = GeneralName{DNSName, "a.example"}
	}
	if _, err := FromDER(MarshalDER(many)); err == nil {
		t.Error("more names than allowed were accepted")
	}
	if MarshalDER(
		[]GeneralName{{IPAddress, "nonsense"}},
	) != nil || MarshalDER([]GeneralName{{"X", "a"}}) != nil || MarshalDER([]GeneralName{{DNSName, "é"}}) != nil {
		t.Error("names that never passed Parse were encoded")
	}
}

// FuzzParse: what Parse accepts is canonical, survives a round trip through DER, and is allowed in a certificate.
func FuzzParse(f *testing.F) {
	for n, seeds := range [][]string{
		{"www.example.com", "*.example.com", "bücher.example", "xn--bcher-kva.example", "EXAMPLE.com.", "a_b", "-a.example"},
		{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0", "010.0.0.1"},
		{"alice@example.com", "a@bücher.example", "\"a b\"@example.com", "@"},
		{"https://example.com/id", "urn:uuid:x", "spiffe://td/x", "http://[2001:db8::1]/", "//x"},
		{"alice@corp.example", "a@b@c"}, {
			"CN=Alice,O=Example", "CN=#0c0161",
		}, {
			"1.2.3.4", "2.999.1", "1.40.1",
		}, {
			"1.2.3;UTF8:x", "1.2.3;DER:0500", "1.2.3;DER:ZZ", "1.3.6.1.5.5.7.8.3;ID:a/1.2.3", "1.3.6.1.5.5.7.8.4;ID:a/1.2.3",
			"1.3.6.1.5.5.7.8.4;DER:300906032a03040402ff00",
		},
	} {
		for _, seed := range seeds {
			f.Add(uint8(n), seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		typ := Types()[int(which)%len(Types())]
		g, err := Parse(typ, value, "sans[0]")
		if err != nil {
			var refusal *invalid.Error
			if !errors.As(err, &refusal) || refusal.Field != "sans[0]" || refusal.Message == "" {
				t.Fatalf("%#v", err)
			}
			return
		}
		if again, err := Parse(g.Type, g.Value, "sans"); err != nil || again != g {
			t.Fatalf("%s %q is %+v, which reads as %+v, %v", typ, value, g, again, err)
		}
		der := MarshalDER([]GeneralName{g})
		back, err := FromDER(der)
		if err != nil || len(back) != 1 || back[0] != g {
			t.Fatalf("%+v comes back from DER as %+v, %v", g, back, err)
		}
	})
}

func FuzzFromDER(f *testing.F) {
	f.Add(
		MarshalDER(
			[]GeneralName{
				{DNSName, "www.example.com"}, {IPAddress, "192.0.2.1"}, {Email, "a@example.com"}, {URI, "https://example.com/"},
				{UPN, "a@corp"},
			},
		),
	)
	f.Add(
		MarshalDER(
			[]GeneralName{
				{DirectoryName, "CN=a,O=b"}, {RegisteredID, "2.999.1"}, {OtherName, "1.2.3;UTF8:x"}, {OtherName, "1.2.3;DER:0500"},
				{DNSName, "xn--bcher-kva.example"},
			},
		),
	)
	f.Fuzz(func(t *testing.T, der []byte) {
		names, err := FromDER(der)
		if err != nil {
			return
		}
		back, err := FromDER(MarshalDER(names))
		if err != nil || !slices.Equal(back, names) {
			t.Fatalf("%+v comes back as %+v, %v", names, back, err)
		}
		for _, g := range names {
			if again, err := Parse(g.Type, g.Value, "sans"); err != nil || again != g {
				t.Fatalf("%+v parses as %+v, %v", g, again, err)
			}
		}
	})
}
