package issuance_test

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

func template(key memoryKey) issuance.Certificate {
	from := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	id := extension.KeyIdentifier(key.PublicKey())
	return issuance.Certificate{
		SerialNumber: issuance.NewSerialNumber(from), Issuer: issuerName, Subject: issuerName, NotBefore: from,
		NotAfter: from.AddDate(1, 0, 0), PublicKey: key.PublicKey(), Extensions: []extension.Extension{
			extension.BasicConstraints(false, nil), extension.KeyUsage(extension.DigitalSignature),
			extension.ExtendedKeyUsage(false, extension.ServerAuth),
			extension.SubjectKeyIdentifier(id), extension.AuthorityKeyIdentifier(id),
			extension.CRLDistributionPoints("http://crl.example/1.crl"),
			extension.AuthorityInfoAccess([]string{"http://ocsp.example"}, []string{"http://aia.example/ca.cer"})}}
}

func signed(t testing.TB, key memoryKey, c issuance.Certificate) []byte {
	t.Helper()
	p, err := issuance.Prepare(c, key.a)
	if err != nil {
		t.Fatal(err)
	}
	der, err := p.Sign(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Copied parts must not be able to shift what follows them.
func TestDamagedPartsAreRefused(t *testing.T) {
	key := p256(t)
	for what, change := range map[string]func(*issuance.Certificate){
		"the subject is no SEQUENCE":    func(c *issuance.Certificate) { c.Subject = []byte{0x31, 0} },
		"something behind the issuer":   func(c *issuance.Certificate) { c.Issuer = append(c.Issuer[:len(c.Issuer):len(c.Issuer)], 5, 0) },
		"a public key that is cut off":  func(c *issuance.Certificate) { c.PublicKey = c.PublicKey[:len(c.PublicKey)-1] },
		"no public key":                 func(c *issuance.Certificate) { c.PublicKey = nil },
		"20 octets with the sign bit":   func(c *issuance.Certificate) { c.SerialNumber = bytes.Repeat([]byte{0x80}, 20) },
		"validity from before 1950":     func(c *issuance.Certificate) { c.NotBefore = time.Date(1949, 1, 1, 0, 0, 0, 0, time.UTC) },
		"an extension that comes twice": func(c *issuance.Certificate) { c.Extensions = append(c.Extensions, c.Extensions[0]) },
	} {
		c := template(key)
		change(&c)
		if _, err := issuance.Prepare(c, key.a); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	p, err := issuance.Prepare(template(key), key.a)
	if err != nil {
		t.Fatal(err)
	}
	other, err := algorithm.ForLabel("ML-DSA-44")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sign(t.Context(), newKey(t, other)); err == nil {
		t.Error("signed with another algorithm than it was prepared for")
	}
}

func TestTimesTurnIntoGeneralizedTimeWith2050(t *testing.T) {
	key := p256(t)
	c := template(key)
	c.NotBefore, c.NotAfter = time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)
	der := signed(t, key, c)
	if !bytes.Contains(der, []byte("\x17\x0d491231235959Z\x18\x0f20500101000000Z")) {
		t.Errorf("%x", der)
	}
	if parsed, err := x509.ParseCertificate(der); err != nil || !parsed.NotAfter.Equal(c.NotAfter) {
		t.Errorf("%v %v", parsed, err)
	}
}

func TestSerialNumbers(t *testing.T) {
	seen := map[string]bool{}
	before := ""
	if s := issuance.NewSerialNumber(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)); s[0] < 0x40 || s[0] > 0x7f {
		t.Errorf("of a clock before 1970: %x", s)
	}
	for at := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2500; at = at.AddDate(0, 0, 100) {
		for range 2 {
			s := issuance.NewSerialNumber(at)
			if len(s) != 16 || s[0] < 0x40 || s[0] > 0x7f || seen[string(s[6:])] {
				t.Fatalf("%x", s)
			}
			if string(s[:6]) < before {
				t.Fatalf("%x lies before %x, which is older", s, before)
			}
			seen[string(s[6:])], before = true, string(s[:6])
		}
	}
}

func TestRequestsForOurOwnCAs(t *testing.T) {
	for _, label := range []string{
		"RSA-2048+PKCS15-SHA256", "RSA-2048+PSS-SHA256", "ECDSAP256+SHA256", "ECDSAP384+SHA384", "ECDSAP521+SHA512", "ML-DSA-65",
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			a, err := algorithm.ForLabel(label)
			if err != nil {
				t.Fatal(err)
			}
			key := newKey(t, a)
			der, err := issuance.SignRequest(
				t.Context(), subject(t, "CN=Issuing"),
				[]extension.Extension{extension.BasicConstraints(true, nil), extension.KeyUsage(extension.KeyCertSign, extension.CRLSign)},
				key,
			)
			if err != nil {
				t.Fatal(err)
			}
			request, err := x509.ParseCertificateRequest(der)
			if err != nil {
				t.Fatal(err)
			}
			if err := request.CheckSignature(); err != nil || request.Subject.CommonName != "Issuing" || len(request.Extensions) != 2 {
				t.Errorf("%v %+v", err, request)
			}
			if a.PostQuantum {
				return
			}
			out := openssl(t, "req", "-in", write(t, t.TempDir(), "r.pem", "CERTIFICATE REQUEST", der), "-noout", "-verify", "-text")
			if !strings.Contains(out, "verify OK") || !strings.Contains(out, "CA:TRUE") {
				t.Error(out)
			}
		})
	}
	bare, err := issuance.SignRequest(t.Context(), issuerName, nil, p256(t))
	if err != nil {
		t.Fatal(err)
	}
	if request, err := x509.ParseCertificateRequest(bare); err != nil || request.CheckSignature() != nil {
		t.Errorf("without extensions: %v", err)
	}
}

func TestInspectTellsWhatIsThere(t *testing.T) {
	key := p256(t)
	c := template(key)
	der := signed(t, key, c)
	d, err := issuance.Inspect(der)
	if err != nil {
		t.Fatal(err)
	}
	if d.IsCA || d.PublicKeyType != "ECDSA P-256" || d.SignatureAlgorithm != "ecdsa-with-SHA256" || !bytes.Equal(d.Subject, issuerName) ||
		!d.NotAfter.Equal(c.NotAfter) ||
		strings.Join(d.KeyUsages, " ") != "digitalSignature" || strings.Join(d.ExtendedKeyUsages, " ") != "1.3.6.1.5.5.7.3.1" ||
		strings.Join(d.CRLURLs, " ") != "http://crl.example/1.crl" ||
		strings.Join(d.OCSPURLs, " ") != "http://ocsp.example" || strings.Join(d.CAIssuersURLs, " ") != "http://aia.example/ca.cer" ||
		d.SubjectKeyID != d.AuthorityKeyID || len(d.Extensions) != 7 {
		t.Errorf("%+v", d)
	}
	p, err := issuance.Prepare(c, key.a)
	if err != nil {
		t.Fatal(err)
	}
	for what, damaged := range map[string][]byte{
		"nothing": nil, "not signed": p.TBS(), "cut off": der[:len(der)-1], "something behind": append(der[:len(der):len(der)], 0),
	} {
		if _, err := issuance.Inspect(damaged); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

func FuzzInspect(f *testing.F) {
	key := p256(f)
	f.Add(signed(f, key, template(key)))
	f.Fuzz(func(t *testing.T, der []byte) {
		if d, err := issuance.Inspect(der); err == nil && (d.SerialNumber == "" || len(d.PublicKey) == 0) {
			t.Error("a certificate without a serial number or a key")
		}
	})
}

// BenchmarkCertificate should take little longer than BenchmarkSignature.
func BenchmarkCertificate(b *testing.B) {
	key := p256(b)
	c := template(key)
	b.ReportAllocs()
	for b.Loop() {
		signed(b, key, c)
	}
}

func BenchmarkSignature(b *testing.B) {
	key := p256(b)
	message := make([]byte, 500)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.Sign(b.Context(), message); err != nil {
			b.Fatal(err)
		}
	}
}
