package pkcs12

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	upstream "software.sslmate.com/src/go-pkcs12"
)

// OpenSSL, Java's keytool and the original module open both forms, with the name and with enough password iterations.
func TestOthersOpenIt(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "alice"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		legacy         bool
		password, name string
		says           []string
	}{
		{false, "correct horse 1", "Alice", []string{"MAC: sha256, Iteration 100000", "AES-256-CBC, Iteration 100000, PRF hmacWithSHA256"}},
		{true, "correct horse 1", "Alice", []string{"MAC: sha1, Iteration 2048", "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048"}},
		{false, "correct horse 1", "", nil}, {true, "correct horse 1", "Jürgen", nil},
		{false, "pässword-日本", "Alice", nil}, {true, "pässword-日本", "Alice", nil},
	} {
		p12, err := File{
			PKCS8: pkcs8, Certificate: der, Chain: [][]byte{der}, Password: c.password, FriendlyName: c.name, Legacy: c.legacy,
		}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, leaf, chain, err := upstream.DecodeChain(p12, c.password); err != nil || leaf.Subject.CommonName != "alice" ||
			len(chain) != 1 {
			t.Errorf("legacy %v, %s: %v", c.legacy, c.password, err)
		}
		file := filepath.Join(t.TempDir(), "a.p12")
		if err := os.WriteFile(file, p12, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(
			t.Context(), "openssl", "pkcs12", "-in", file, "-passin", "pass:"+c.password, "-nodes", "-info",
		).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "PRIVATE KEY") || strings.Count(string(out), "BEGIN CERTIFICATE") != 2 ||
			c.name == "Alice" && strings.Count(
				string(out), "friendlyName: Alice",
			) != 2 {
			t.Errorf("legacy %v, %s: openssl: %v\n%s", c.legacy, c.password, err, out)
		}
		for _, want := range c.says {
			if !strings.Contains(string(out), want) {
				t.Errorf("openssl does not say %q:\n%s", want, out)
			}
		}
		if err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-in", file, "-passin", "pass:wrong", "-nodes").Run(); err == nil {
			t.Error("a wrong password opens it")
		}
		if c.name != "Alice" || c.password[0] != 'c' {
			continue
		}
		out, err = exec.CommandContext(
			t.Context(), "keytool", "-list", "-v", "-storetype", "PKCS12", "-keystore", file, "-storepass", c.password,
		).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "PrivateKeyEntry") || !strings.Contains(string(out), "CN=alice") ||
			!strings.Contains(string(out), "Alias name: alice") {
			t.Errorf("legacy %v: keytool: %v\n%s", c.legacy, err, out)
		}
	}
}
