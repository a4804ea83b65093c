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
)

// The file opens in OpenSSL and in Java's keytool.
func TestOthersOpenIt(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "alice"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	const password = "correct horse 1"
	p12, err := Encode(pkcs8, der, [][]byte{der}, password)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.p12")
	if err := os.WriteFile(file, p12, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-in", file, "-passin", "pass:"+password, "-nodes").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PRIVATE KEY") || strings.Count(string(out), "BEGIN CERTIFICATE") != 2 {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	out, err = exec.CommandContext(t.Context(), "keytool", "-list", "-v", "-storetype", "PKCS12", "-keystore", file, "-storepass", password).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PrivateKeyEntry") || !strings.Contains(string(out), "CN=alice") {
		t.Errorf("keytool: %v\n%s", err, out)
	}
	if err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-in", file, "-passin", "pass:wrong", "-nodes").Run(); err == nil {
		t.Error("a wrong password opens it")
	}
}
