package issuance_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"iter"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/ocsp"
)

// memoryKey signs with a key in memory.
type memoryKey struct {
	a *algorithm.Algorithm
	algorithm.PrivateKey
}

func (k memoryKey) Algorithm() *algorithm.Algorithm { return k.a }
func (k memoryKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	return k.PrivateKey.Sign(message)
}

func newKey(t *testing.T, a *algorithm.Algorithm) memoryKey {
	t.Helper()
	key, err := a.Generate()
	if err != nil {
		t.Fatal(err)
	}
	// Through PKCS #8 and back, as the key store does.
	pkcs8, err := key.MarshalPKCS8()
	if err != nil {
		t.Fatal(err)
	}
	if key, err = a.ParsePrivateKey(pkcs8); err != nil {
		t.Fatal(err)
	}
	return memoryKey{a, key}
}

func subject(t *testing.T, text string) []byte {
	t.Helper()
	n, err := name.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return n.DER()
}

func certify(t *testing.T, issuer memoryKey, issuerName string, c issuance.Certificate) []byte {
	t.Helper()
	c.SerialNumber, c.Issuer = issuance.NewSerialNumber(time.Now()), subject(t, issuerName)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	p, err := issuance.Prepare(c, issuer.a)
	if err != nil {
		t.Fatal(err)
	}
	der, err := p.Sign(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sign(t.Context(), issuer); err == nil {
		t.Error("a prepared certificate could be signed twice")
	}
	return der
}

func write(t *testing.T, dir, file, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "revoked") {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestForeignVerification verifies each algorithm's certificate, CRL and OCSP response with OpenSSL; ML-DSA, which
// OpenSSL 3.0 does not support, with crypto/x509 here and with noble in conformance/e2e.
func TestForeignVerification(t *testing.T) {
	for _, a := range algorithm.All() {
		if !slices.Contains([]string{"RSA", "ECDSA", "ML-DSA", "Ed25519"}, a.Family) {
			continue // neither supports it; conformance/algorithms covers all algorithms
		}
		t.Run(a.Label, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			root, leafKey := newKey(t, a), newKey(t, a.OCSPSignerAlgorithm())
			rootID := extension.KeyIdentifier(root.PublicKey())
			rootDER := certify(
				t, root, "CN=Root",
				issuance.Certificate{Subject: subject(t, "CN=Root"), PublicKey: root.PublicKey(), Extensions: []extension.Extension{
					extension.BasicConstraints(true, nil), extension.KeyUsage(
						extension.KeyCertSign, extension.CRLSign, extension.DigitalSignature,
					), extension.SubjectKeyIdentifier(rootID)}})
			leafDER := certify(
				t, root, "CN=Root",
				issuance.Certificate{Subject: subject(t, "CN=Leaf"), PublicKey: leafKey.PublicKey(), Extensions: []extension.Extension{
					extension.BasicConstraints(false, nil), extension.KeyUsage(extension.DigitalSignature),
					extension.AuthorityKeyIdentifier(rootID), extension.SubjectKeyIdentifier(
						extension.KeyIdentifier(leafKey.PublicKey()),
					)}})
			rootCert, err := x509.ParseCertificate(rootDER)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(leafDER)
			if err != nil {
				t.Fatal(err)
			}
			if err := leaf.CheckSignatureFrom(rootCert); err != nil {
				t.Errorf("crypto/x509: %v", err)
			}
			d, err := issuance.Inspect(leafDER)
			if err != nil || d.IsCA || len(d.KeyUsages) != 1 || d.SignatureAlgorithm == "" ||
				strings.Contains(d.SignatureAlgorithm, "1.2.") {
				t.Errorf("inspected: %+v %v", d, err)
			}
			entry := issuance.RevokedCertificate{
				SerialNumber: leaf.SerialNumber.Bytes(), RevokedAt: time.Now().Add(-time.Minute), Reason: 1,
				InvalidityDate: time.Now().Add(-2 * time.Minute),
			}
			var entries iter.Seq2[issuance.RevokedCertificate, error] = func(yield func(issuance.RevokedCertificate, error) bool) {
				yield(entry, nil)
			}
			crl, err := issuance.SignCRL(
				t.Context(),
				issuance.CRL{
					Issuer: rootCert.RawSubject, AuthorityKeyID: rootID, Number: big.NewInt(7), ThisUpdate: time.Now().Add(-time.Minute),
					NextUpdate: time.Now().Add(time.Hour), ExpiredCertsOnCRL: rootCert.NotBefore,
				},
				entries, root,
			)
			if err != nil {
				t.Fatal(err)
			}
			checked, err := issuance.CheckCRL(crl, root.PublicKey())
			if err != nil || checked.Number.Int64() != 7 || checked.Entries != 1 {
				t.Errorf("CRL: %+v %v", checked, err)
			}
			if _, err := issuance.CheckCRL(crl, leafKey.PublicKey()); err == nil {
				t.Error("the CRL verifies with another key")
			}
			if a.PostQuantum {
				return
			}
			rootFile, leafFile, crlFile := write(
				t, dir, "root.pem", "CERTIFICATE", rootDER,
			), write(t, dir, "leaf.pem", "CERTIFICATE", leafDER), write(t, dir, "crl.pem", "X509 CRL", crl)
			if out := openssl(t, "verify", "-x509_strict", "-CAfile", rootFile, leafFile); !strings.Contains(out, ": OK") {
				t.Error(out)
			}
			if out := openssl(
				t, "crl", "-in", crlFile, "-CAfile", rootFile, "-noout", "-text",
			); !strings.Contains(out, "verify OK") || !strings.Contains(out, "Key Compromise") ||
				!strings.Contains(out, "Invalidity Date") {
				t.Error(out)
			}
			if out := openssl(
				t, "verify", "-CAfile", rootFile, "-CRLfile", crlFile, "-crl_check", leafFile,
			); !strings.Contains(out, "certificate revoked") {
				t.Error(out)
			}
			request := filepath.Join(dir, "request.der")
			openssl(t, "ocsp", "-issuer", rootFile, "-cert", leafFile, "-cert", rootFile, "-reqout", request)
			text, err := os.ReadFile(request)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := ocsp.ParseRequest(text)
			if err != nil || len(parsed.CertIDs) != 2 || len(parsed.Nonce) == 0 {
				t.Fatalf("OCSP request: %+v %v", parsed, err)
			}
			bits, err := ocsp.KeyBits(root.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			if !parsed.CertIDs[0].MatchesIssuer(rootCert.RawSubject, bits) || parsed.CertIDs[0].MatchesIssuer(leaf.RawSubject, bits) {
				t.Error("the CertID matches the wrong issuer")
			}
			now := time.Now()
			// The CA responds itself here, so that OpenSSL finds the key by its name.
			answer, err := ocsp.SignResponse(
				t.Context(),
				ocsp.Response{ResponderKeyHash: sha1Of(bits), ProducedAt: now, Nonce: parsed.Nonce, Responses: []ocsp.SingleResponse{
					{
						CertID: parsed.CertIDs[0], Status: ocsp.Revoked, RevokedAt: now.Add(-time.Minute), Reason: 1, ThisUpdate: now,
						NextUpdate: now.Add(time.Hour), ArchiveCutoff: rootCert.NotBefore,
					},
					{CertID: parsed.CertIDs[1], Status: ocsp.Good, ThisUpdate: now, NextUpdate: now.Add(time.Hour)}}}, root)
			if err != nil {
				t.Fatal(err)
			}
			response := filepath.Join(dir, "response.der")
			if err := os.WriteFile(response, answer, 0o600); err != nil {
				t.Fatal(err)
			}
			out := openssl(
				t, "ocsp", "-respin", response, "-no_nonce", "-issuer", rootFile, "-cert", leafFile, "-cert", rootFile, "-CAfile",
				rootFile,
			)
			if !strings.Contains(out, "Response verify OK") || !strings.Contains(out, "leaf.pem: revoked") ||
				!strings.Contains(out, "root.pem: good") {
				t.Error(out)
			}
		})
	}
}

func TestPrepareRefusesWhatMustNotBeSigned(t *testing.T) {
	a := algorithm.All()[6]
	key := newKey(t, a)
	good := issuance.Certificate{
		SerialNumber: issuance.NewSerialNumber(time.Now()), Issuer: subject(t, "CN=I"), Subject: subject(t, "CN=S"), NotBefore: time.Now(),
		NotAfter: time.Now().Add(time.Hour), PublicKey: key.PublicKey(),
	}
	for what, change := range map[string]func(*issuance.Certificate){
		"no serial number":      func(c *issuance.Certificate) { c.SerialNumber = []byte{0} },
		"serial of 21 octets":   func(c *issuance.Certificate) { c.SerialNumber = append([]byte{0x80}, make([]byte, 20)...) },
		"empty issuer":          func(c *issuance.Certificate) { c.Issuer = []byte{0x30, 0} },
		"ends before it begins": func(c *issuance.Certificate) { c.NotAfter = c.NotBefore.Add(-time.Second) },
		"an extension twice": func(c *issuance.Certificate) {
			c.Extensions = []extension.Extension{extension.OCSPNoCheck(), extension.OCSPNoCheck()}
		},
		"beyond the year 9999": func(c *issuance.Certificate) { c.NotAfter = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		c := good
		change(&c)
		if _, err := issuance.Prepare(c, a); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, err := issuance.Prepare(good, a); err != nil {
		t.Error(err)
	}
}
