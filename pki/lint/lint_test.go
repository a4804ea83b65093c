package lint_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crypto/x509"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/lint"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
)

// authority is a CA in memory that issues through profiles, as the service does.
type authority struct {
	algorithm   *algorithm.Algorithm
	key         algorithm.PrivateKey
	certificate []byte
	issuer      profile.Issuer
}

func (a *authority) Algorithm() *algorithm.Algorithm { return a.algorithm }
func (a *authority) PublicKey() []byte               { return a.key.PublicKey() }
func (a *authority) Sign(_ context.Context, message []byte) ([]byte, error) {
	return a.key.Sign(message)
}

var now = time.Date(2026, 11, 14, 10, 30, 0, 0, time.UTC)

func mustName(t testing.TB, text string) name.Name {
	t.Helper()
	n, err := name.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func generate(t testing.TB, label string) (*algorithm.Algorithm, algorithm.PrivateKey) {
	t.Helper()
	a, err := algorithm.ForLabel(label)
	if err != nil {
		t.Fatal(err)
	}
	key, err := a.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return a, key
}

func request(t testing.TB, key algorithm.PrivateKey, subject string, sans ...san.GeneralName) profile.Request {
	t.Helper()
	info, err := algorithm.InspectPublicKey(key.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return profile.Request{
		Subject: mustName(t, subject), SANs: sans, PublicKey: key.PublicKey(), KeyInfo: info,
		Vouched: profile.Voucher{Source: profile.Person, CSR: true},
	}
}

func (a *authority) issue(t testing.TB, profileID string, r profile.Request) []byte {
	t.Helper()
	p, ok := profile.ByID(profileID)
	if !ok {
		t.Fatalf("no profile %s", profileID)
	}
	result, err := p.Apply(r, a.issuer, now, time.Minute)
	if err != nil {
		t.Fatalf("%s: %v", profileID, err)
	}
	prepared, err := issuance.Prepare(
		issuance.Certificate{SerialNumber: issuance.NewSerialNumber(now), Issuer: a.issuer.Subject, Subject: result.Subject,
			NotBefore: result.NotBefore, NotAfter: result.NotAfter, PublicKey: result.PublicKey, Extensions: result.Extensions},
		a.algorithm)
	if err != nil {
		t.Fatalf("%s: %v", profileID, err)
	}
	der, err := prepared.Sign(context.Background(), a)
	if err != nil {
		t.Fatalf("%s: %v", profileID, err)
	}
	return der
}

func urls(a *authority) {
	a.issuer.CRLURLs = []string{"http://crl.example.com/a/b/crl.crl"}
	a.issuer.OCSPURLs = []string{"http://ocsp.example.com/a/b"}
	a.issuer.CAIssuersURLs = []string{"http://crl.example.com/a/b/ca.crt"}
}

func root(t testing.TB, label string) *authority {
	t.Helper()
	a := &authority{}
	a.algorithm, a.key = generate(t, label)
	r := request(t, a.key, "CN=Root,O=Example,C=CA")
	a.issuer = profile.Issuer{
		CAType: profile.CATypeRoot, Subject: r.Subject.DER(), SubjectKeyID: extension.KeyIdentifier(a.key.PublicKey()),
	}
	a.certificate = a.issue(t, "basic-ca-root", r)
	a.issuer.NotBefore, a.issuer.NotAfter = now.Add(-time.Minute), now.AddDate(20, 0, 0)
	urls(a)
	return a
}

func (a *authority) below(t testing.TB, label, profileID, caType, subject string) *authority {
	t.Helper()
	b := &authority{}
	b.algorithm, b.key = generate(t, label)
	r := request(t, b.key, subject)
	b.certificate = a.issue(t, profileID, r)
	b.issuer = profile.Issuer{
		CAType: caType, Subject: r.Subject.DER(), SubjectKeyID: extension.KeyIdentifier(b.key.PublicKey()),
		NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(10, 0, 0),
	}
	if caType == profile.CATypeIssuing {
		b.issuer.PathLen = new(int)
	}
	urls(b)
	return b
}

func complain(t *testing.T, label string, der []byte) {
	t.Helper()
	for _, finding := range lint.Check(der) {
		if finding.Severity == lint.Error {
			t.Errorf("%s: %s: %s", label, finding.Lint, finding.Detail)
		} else if finding.Lint != "e_key_usage_and_extended_key_usage_inconsistent" {
			t.Logf("%s: %s %s: %s", label, finding.Severity, finding.Lint, finding.Detail)
		}
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		t.Errorf("%s: the standard library cannot read it: %v", label, err)
	}
}

// names returns a typical request for each group.
func names(p *profile.Profile) (string, []san.GeneralName) {
	person := "CN=Ann Example,E=ann@example.com,O=Example,C=CA"
	switch p.Group {
	case "privatessl", "multiuse", "cmp", "est", "scep":
		return "CN=www.example.com,O=Example,C=CA", []san.GeneralName{
			{Type: san.DNSName, Value: "www.example.com"}, {Type: san.DNSName, Value: "*.example.com"},
			{Type: san.IPAddress, Value: "192.0.2.1"}, {Type: san.URI, Value: "spiffe://example.com/web"}}
	case "smime", "intune", "mobile", "mdmws":
		return person, []san.GeneralName{
			{Type: san.Email, Value: "ann@example.com"}, {Type: san.URI, Value: "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500"},
		}
	case "smartcard", "wstep":
		return "CN=Ann,OU=People,DC=example,DC=com", []san.GeneralName{
			{Type: san.UPN, Value: "ann@example.com"}, {Type: san.DNSName, Value: "dc1.example.com"},
		}
	case "esim":
		return "CN=SM-DP Example,O=Example,C=CA", []san.GeneralName{
			{Type: san.RegisteredID, Value: "2.999.10"}, {Type: san.DNSName, Value: "smdp.example.com"},
		}
	}
	return "CN=" + p.Group + " example,O=Example,C=CA", nil
}

// No certificate of any profile, with keys and issuers of each family, has an error by the standards.
func TestEveryBuiltinProfileIssuesCleanCertificates(t *testing.T) {
	_, rsaKey := generate(t, "RSA-2048+PKCS15-SHA256")
	_, ecKey := generate(t, "ECDSAP256+SHA256")
	_, mldsaKey := generate(t, "ML-DSA-44")
	keys := map[string]algorithm.PrivateKey{"RSA-2048": rsaKey, "ECDSA-P256": ecKey, "ML-DSA-44": mldsaKey}
	for _, label := range []string{"RSA-2048+PKCS15-SHA256", "RSA-3072+PSS-SHA256", "ECDSAP256+SHA256", "ML-DSA-44"} {
		top := root(t, label)
		complain(t, "basic-ca-root by "+label, top.certificate)
		middle := top.below(t, label, "intermediate-ca-subord", profile.CATypeIntermediate, "CN=Middle,O=Example,C=CA")
		complain(t, "intermediate-ca-subord by "+label, middle.certificate)
		issuing := middle.below(t, label, "basic-ca-subord", profile.CATypeIssuing, "CN=Issuing,O=Example,C=CA")
		complain(t, "basic-ca-subord by "+label, issuing.certificate)
		for _, p := range profile.Builtin() {
			if p.SelfSigned {
				continue
			}
			issuer := issuing
			if p.IsCA() {
				issuer = middle
			}
			for keyLabel, key := range keys {
				if len(p.KeyAlgorithms) > 0 && !contains(p.KeyAlgorithms, keyLabel) {
					continue
				}
				subject, sans := names(p)
				r := request(t, key, subject, sans...)
				r.ServerSideKey = !p.ClientSideKeys
				der := issuer.issue(t, p.ID, r)
				complain(t, fmt.Sprintf("%s for %s by %s", p.ID, keyLabel, label), der)
				verify(t, p, der, top, middle, issuing)
			}
		}
	}
}

func contains(list []string, one string) bool {
	return strings.Contains(strings.Join(list, " ")+" ", one+" ")
}

// verify builds the path to the root with the standard library, which is what Go relying parties do.
func verify(t *testing.T, p *profile.Profile, der []byte, authorities ...*authority) {
	t.Helper()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for i, a := range authorities {
		certificate, err := x509.ParseCertificate(a.certificate)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			roots.AddCert(certificate)
		} else {
			between.AddCert(certificate)
		}
	}
	if _, err := leaf.Verify(
		x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}},
	); err != nil {
		t.Errorf("%s: no path to the root: %v", p.ID, err)
	}
	if leaf.IsCA != p.IsCA() {
		t.Errorf("%s: CA %v", p.ID, leaf.IsCA)
	}
}

func TestFindings(t *testing.T) {
	if found := lint.Check([]byte("nonsense")); len(found) != 1 || found[0].Lint != "parse" || found[0].Severity != lint.Error {
		t.Errorf("nonsense: %+v", found)
	}
	a := root(t, "ECDSAP256+SHA256")
	_, key := generate(t, "ECDSAP256+SHA256")
	bad := issuance.Certificate{
		SerialNumber: issuance.NewSerialNumber(now), Issuer: a.issuer.Subject, Subject: mustName(t, "CN=x").DER(), NotBefore: now,
		NotAfter:  now.AddDate(1, 0, 0),
		PublicKey: key.PublicKey(), Extensions: []extension.Extension{
			{ID: extension.OIDSubjectAltName, Value: []byte{0x30, 5, 0x82, 3, '.', 'a', 'b'}},
			{ID: extension.OIDKeyUsage, Critical: true, Value: []byte{3, 2, 5, 0xa0}},
		}}
	prepared, err := issuance.Prepare(bad, a.algorithm)
	if err != nil {
		t.Fatal(err)
	}
	der, err := prepared.Sign(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	found := fmt.Sprint(lint.Check(der))
	for _, want := range []string{"e_ecdsa_allowed_ku", "RFC 8813", "e_san_dns_name_starts_with_period"} {
		if !strings.Contains(found, want) {
			t.Errorf("findings lack %s: %s", want, found)
		}
	}
}
