package name

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

func mustParse(t *testing.T, text string) Name {
	t.Helper()
	n, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return n
}

func TestTextIsReadAndPrintedInRFC4514Order(t *testing.T) {
	for text, want := range map[string]string{
		"CN=www.example.com,O=Example":            "CN=www.example.com,O=Example",
		"cn = www.example.com , o = Example Ltd ": "CN=www.example.com,O=Example Ltd",
		"commonname=a,CN=b,DC=example,dc=com":     "CN=a,CN=b,DC=example,DC=com",
		`O=Example\, Inc.,C=ca`:                   `O=Example\, Inc.,C=CA`,
		`O="Example, Inc. \"x\"",C=CA`:            `O=Example\, Inc. \"x\",C=CA`,
		`CN=Lu\C4\8Di\C4\87`:                      "CN=Lučić",
		"CN=#0c036162 63":                         "error",
		"CN=#0c03616263":                          "CN=abc",
		"OID.2.5.4.3=a":                           "CN=a",
		"1.2.3.4.5=plain":                         "1.2.3.4.5=plain",
		"CN=a+UID=b,O=c":                          "CN=a+UID=b,O=c",
		"CN=<var1> <var2> Static":                 `CN=\<var1\> \<var2\> Static`,
		"CN=株式会社,O=Société Générale,L=Zürich":     "CN=株式会社,O=Société Générale,L=Zürich",
		`CN=\#1`: `CN=\#1`,
		"CN=a=b": "CN=a=b",
		"":       "",
		"   ":    "",
		"e=a@b.example,deviceSerialNumber=12,G=Ann": "E=a@b.example,SERIALNUMBER=12,givenName=Ann",
	} {
		n, err := Parse(text)
		if want == "error" {
			if err == nil {
				t.Errorf("Parse(%q) = %q, want an error", text, n)
			}
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if got := n.String(); got != want {
			t.Errorf("Parse(%q) prints %q, want %q", text, got, want)
		}
		again, err := FromDER(n.DER())
		if err != nil || again.String() != want {
			t.Errorf("DER of %q reads back as %q, %v", text, again, err)
		}
	}
}

func TestDERIsInX501OrderForTheStandardLibrary(t *testing.T) {
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(mustParse(t, "CN=www.example.com,OU=Web,O=Example,C=CA").DER(), &sequence); err != nil {
		t.Fatal(err)
	}
	if got := sequence.String(); got != "CN=www.example.com,OU=Web,O=Example,C=CA" {
		t.Errorf("crypto/x509 prints %q", got)
	}
	if !sequence[0][0].Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 6}) {
		t.Error("the country is not the first RDN of the DER")
	}
}

func TestStringTypesAreThoseOfTheStandards(t *testing.T) {
	for text, tag := range map[string]byte{
		"CN=a": asn1.TagUTF8String, "C=CA": asn1.TagPrintableString, "serialNumber=1": asn1.TagPrintableString,
		"dnQualifier=1": asn1.TagPrintableString, "DC=com": asn1.TagIA5String, "E=a@b": asn1.TagIA5String,
	} {
		der := mustParse(t, text).DER()
		// SEQUENCE, SET, SEQUENCE, then the OID; the value is the last element.
		if got := der[8+int(der[7])]; got != tag {
			t.Errorf("%s is written with tag %d, want %d", text, got, tag)
		}
	}
}

func TestMultiValuedRDNIsSorted(t *testing.T) {
	a, b := mustParse(t, "CN=a+UID=b").DER(), mustParse(t, "UID=b+CN=a").DER()
	if hex.EncodeToString(a) != hex.EncodeToString(b) {
		t.Error("the DER depends on the order inside an RDN")
	}
}

func TestRefusedNames(t *testing.T) {
	for label, text := range map[string]string{
		"empty value":               "CN=,O=a",
		"empty quoted value":        `CN=""`,
		"NUL":                       `CN=a\00b`,
		"raw NUL":                   "CN=a\x00b",
		"line break":                "CN=a\nb",
		"delete":                    "CN=a\x7f",
		"C1 control":                "CN=a\u0085b",
		"bidi override":             "CN=gpj\u202eexe",
		"bidi isolate":              "CN=a\u2066b",
		"zero width space":          "CN=a\u200bb",
		"soft hyphen":               "CN=pay\u00adpal",
		"byte order mark":           "CN=\ufeffa",
		"no-break space":            "CN=a\u00a0b",
		"Hangul filler":             "CN=a\u3164b",
		"unassigned":                "CN=a\u0378",
		"noncharacter":              "CN=a\ufffe",
		"private use":               "CN=a\ue000",
		"tag character":             "CN=a\U000e0041",
		"replacement":               "CN=a\ufffd",
		"homoglyph":                 "CN=p\u0430ypal.com",
		"homoglyph Greek":           "CN=\u039fffice",
		"broken UTF-8":              "CN=a\xff",
		"broken UTF-8 by escape":    `CN=a\FF`,
		"leading space":             `CN=\ a`,
		"trailing space":            `CN=a\ `,
		"long CN":                   "CN=" + strings.Repeat("a", 65),
		"long CN in characters":     "CN=" + strings.Repeat("é", 65),
		"long O":                    "O=" + strings.Repeat("a", 65),
		"country of three":          "C=CAN",
		"country of one":            "C=C",
		"country digits":            "C=12",
		"country Cyrillic":          "C=С\u0410",
		"serial with underscore":    "serialNumber=a_b",
		"DC not ASCII":              "DC=zürich",
		"unknown type":              "FOO=a",
		"no type":                   "=a",
		"no equals":                 "example.com",
		"unescaped comma":           "O=Example, Inc.,C=CA",
		"trailing comma":            "CN=a,",
		"trailing plus":             "CN=a+",
		"leading comma":             ",CN=a",
		"same type in one RDN":      "CN=a+CN=b",
		"semicolon":                 "CN=a;O=b",
		"inner quote":               `CN=a"b`,
		"open quote":                `CN="a`,
		"after quote":               `CN="a"b`,
		"bad escape":                `CN=a\z`,
		"lone backslash":            `CN=a\`,
		"bad hex":                   "CN=#zz",
		"hex of no string":          "CN=#020101",
		"bad OID":                   "3.1=a",
		"huge OID arc":              "1.2.99999999999999999999=a",
		"too long altogether":       "CN=" + strings.Repeat("a", MaxLength),
		"too many parts":            strings.Repeat("OU=a,", 70) + "CN=a",
		"variation selector":        "CN=a\ufe0f",
		"unlisted type, overlength": "1.2.3.4=" + strings.Repeat("a", 1025),
	} {
		n, err := Parse(text)
		var refusal *invalid.Error
		if err == nil {
			t.Errorf("%s: %q was accepted as %q", label, text, n)
		} else if !errors.As(err, &refusal) || refusal.Field != "subject" || len(refusal.Message) > 400 {
			t.Errorf("%s: %v is not a short *invalid.Error for subject", label, err)
		}
	}
}

func TestAbsurdDERIsRefused(t *testing.T) {
	for label, text := range map[string]string{
		"empty input":       "",
		"not a sequence":    "0201ff",
		"trailing data":     "300000",
		"empty RDN":         "30023100",
		"no value":          "300931073005060355040a",
		"integer value":     "300e310c300a060355040302030102" + "03",
		"NUL in a CN":       "300d310b300906035504030c026100",
		"BMP with odd size": "300c310a300806035504031e0161",
		"surrogate":         "300d310b300906035504031e02d800",
		"indefinite length": "30800000",
	} {
		der, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := FromDER(der); err == nil {
			t.Errorf("%s: accepted as %q", label, n)
		}
	}
	if n, err := FromDER([]byte{0x30, 0}); err != nil || !n.IsEmpty() {
		t.Error("the empty name is valid DER")
	}
}

func TestOlderStringTypesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"300f310d300b06035504031e0400e400e9": "CN=äé",
		"300d310b30090603550403140261e9":     "CN=aé",
		"3010310e300c06035504031c05":         "",
	} {
		der, _ := hex.DecodeString(text)
		n, err := FromDER(der)
		if want == "" {
			if err == nil {
				t.Errorf("%s was accepted", text)
			}
		} else if err != nil || n.String() != want {
			t.Errorf("%s = %q, %v, want %q", text, n, err, want)
		}
	}
}

func TestEqualIgnoresCaseSpaceAndStringType(t *testing.T) {
	printable, err := asn1.Marshal(pkix.Name{CommonName: "Root  ca", Country: []string{"CA"}}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	n, err := FromDER(printable)
	if err != nil {
		t.Fatal(err)
	}
	if !n.Equal(mustParse(t, "CN=root CA,C=ca")) {
		t.Error("the same name in other letters is not equal")
	}
	if !mustParse(t, "CN=e\u0301").Equal(mustParse(t, "CN=\u00e9")) {
		t.Error("the same character, composed differently, is not equal")
	}
	for _, other := range []string{"C=CA,CN=root CA", "CN=root CA", "CN=root CA,O=CA", ""} {
		if n.Equal(mustParse(t, other)) {
			t.Errorf("%q is equal", other)
		}
	}
}

func TestThe34TypesHaveTheirAliases(t *testing.T) {
	types := AttributeTypes()
	if len(types) != 34 {
		t.Fatalf("%d attribute types, the guide has 34", len(types))
	}
	for alias, oid := range map[string]string{
		"SurName": "2.5.4.4", "s": "2.5.4.8", "STATE": "2.5.4.8", "Org": "2.5.4.10", "orgunit": "2.5.4.11",
		"OrganizationUnit": "2.5.4.11", "t": "2.5.4.12", "GIVENNAME": "2.5.4.42", "i": "2.5.4.43",
		"organizationidentifier": "2.5.4.97", "uid": "0.9.2342.19200300.100.1.1", "Email": "1.2.840.113549.1.9.1",
		"marktype": "1.3.6.1.4.1.53087.1.13", "StatuteURL": "1.3.6.1.4.1.53087.3.6", "DomainComponent": "0.9.2342.19200300.100.1.25",
		"jurisdictionofincorporationcountryname": "1.3.6.1.4.1.311.60.2.1.3",
	} {
		if found, ok := TypeByKeyword(alias); !ok || found.OID.String() != oid {
			t.Errorf("%s is %v, want %s", alias, found.OID, oid)
		}
	}
	for _, one := range types {
		value := "aa"
		n := mustParse(t, one.Name+"="+value)
		back, err := FromDER(n.DER())
		if err != nil || !back.Equal(n) || back.String() != n.String() {
			t.Errorf("%s does not survive DER: %q, %v", one.Name, back, err)
		}
		for _, alias := range one.Aliases {
			if !mustParse(t, strings.ToUpper(alias)+"="+value).Equal(n) {
				t.Errorf("%s is not %s", alias, one.Name)
			}
		}
	}
}

func TestCommonNameIsTheMostSpecific(t *testing.T) {
	n := mustParse(t, "OU=x,CN=leaf,CN=cn2,O=y")
	if n.CommonName() != "leaf" || len(n.Values(OIDCommonName)) != 2 {
		t.Errorf("common names %q, first %q", n.Values(OIDCommonName), n.CommonName())
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"CN=www.example.com,O=Example", `O=a\, b+OU="c"`, "CN=#0c0161", "OID.1.2.3=x", `CN=\C3\A4`, "C=ca"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(n.String())
		if err != nil || again.String() != n.String() {
			t.Fatalf("%q prints as %q, which reads as %q, %v", text, n.String(), again.String(), err)
		}
		if back, err := FromDER(n.DER()); err != nil || !back.Equal(n) {
			t.Fatalf("%q does not survive DER: %v", text, err)
		}
	})
}

func FuzzFromDER(f *testing.F) {
	for _, seed := range []string{"CN=www.example.com,O=Example,C=CA", "CN=a+UID=b", "DC=com"} {
		n, _ := Parse(seed)
		f.Add(n.DER())
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		n, err := FromDER(der)
		if err != nil {
			return
		}
		if again, err := Parse(n.String()); err != nil || !again.Equal(n) {
			t.Fatalf("%q reads back as %q, %v", n.String(), again.String(), err)
		}
	})
}
