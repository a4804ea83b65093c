package extension_test

import (
	"encoding/asn1"
	"encoding/hex"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/pkiaas/pkiaas/pki/extension"
)

// The values were worked out by hand from RFC 5280 and X.690.
func TestValues(t *testing.T) {
	three := 3
	for _, c := range []struct {
		what string
		e    extension.Extension
		oid  string
		crit bool
		der  string
	}{
		{"end entity", extension.BasicConstraints(false, nil), "2.5.29.19", true, "3000"},
		{"end entity, path length left out", extension.BasicConstraints(false, &three), "2.5.29.19", true, "3000"},
		{"CA", extension.BasicConstraints(true, nil), "2.5.29.19", true, "30030101ff"},
		{"CA, path length", extension.BasicConstraints(true, &three), "2.5.29.19", true, "30060101ff020103"},
		{"first bit", extension.KeyUsage(extension.DigitalSignature), "2.5.29.15", true, "03020780"},
		{"CA bits", extension.KeyUsage(extension.KeyCertSign, extension.CRLSign), "2.5.29.15", true, "03020106"},
		{"ninth bit", extension.KeyUsage(extension.KeyAgreement, extension.DecipherOnly), "2.5.29.15", true, "0303070880"},
		{"no bit", extension.KeyUsage(), "2.5.29.15", true, "030100"},
		{"EKU", extension.ExtendedKeyUsage(true, extension.ServerAuth), "2.5.29.37", true, "300a06082b06010505070301"},
		{"SKI", extension.SubjectKeyIdentifier([]byte{1, 2}), "2.5.29.14", false, "04020102"},
		{"AKI", extension.AuthorityKeyIdentifier([]byte{1, 2}), "2.5.29.35", false, "300480020102"},
		{"CRL DP", extension.CRLDistributionPoints("http://a"), "2.5.29.31", false, "3010300ea00ca00a8608687474703a2f2f61"},
		{"AIA", extension.AuthorityInfoAccess([]string{"http://o"}, []string{"http://i"}), "1.3.6.1.5.5.7.1.1", false,
			"302c301406082b060105050730018608687474703a2f2f6f301406082b060105050730028608687474703a2f2f69"},
		{"policies", extension.CertificatePolicies(asn1.ObjectIdentifier{2, 5, 29, 32, 0}), "2.5.29.32", false, "300830060604551d2000"},
		{"no check", extension.OCSPNoCheck(), "1.3.6.1.5.5.7.48.1.5", false, "0500"},
		{"SAN", extension.SubjectAlternativeName(true, []byte{0x30, 0}), "2.5.29.17", true, "3000"},
	} {
		if got := hex.EncodeToString(c.e.Value); got != c.der || c.e.ID.String() != c.oid || c.e.Critical != c.crit {
			t.Errorf("%s: %s %v %s, not %s", c.what, c.e.ID, c.e.Critical, got, c.der)
		}
	}
}

func TestListsAreReadAsWritten(t *testing.T) {
	var b cryptobyte.Builder
	extension.BasicConstraints(true, nil).Add(&b)
	extension.OCSPNoCheck().Add(&b)
	list := b.BytesOrPanic()
	parsed, ok := extension.ParseList(list)
	if !ok || len(parsed) != 2 || !parsed[0].Critical || parsed[1].Critical || hex.EncodeToString(parsed[0].Value) != "30030101ff" {
		t.Errorf("%v %+v", ok, parsed)
	}
	for what, damaged := range map[string][]byte{
		"an extension twice": append(list[:len(list):len(list)], list...), "cut off": list[:len(list)-1],
		"something behind": append(list[:len(list):len(list)], 5, 0),
	} {
		if _, ok := extension.ParseList(damaged); ok {
			t.Errorf("%s: accepted", what)
		}
	}
}

// Leftmost 160 bits of SHA-256 over the value of the BIT STRING, without tag, length and unused bits (RFC 7093 section 2).
func TestKeyIdentifier(t *testing.T) {
	// BIT STRING "abc"; its SHA-256 is the example of FIPS 180-2.
	spki := []byte{0x30, 8, 0x30, 0, 3, 4, 0, 'a', 'b', 'c'}
	if got := hex.EncodeToString(extension.KeyIdentifier(spki)); got != "ba7816bf8f01cfea414140de5dae2223b00361a3" {
		t.Error(got)
	}
	if extension.KeyIdentifier([]byte("junk")) != nil {
		t.Error("junk has a key identifier")
	}
}
