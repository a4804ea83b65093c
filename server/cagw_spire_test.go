package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/rbac"
)

// spire sends what the upstream authority plugin of SPIRE sends (EntrustCorporation/cagw-spire-upstreamauthority-plugin: internal/cagw,
// pkg/upstreamauthority), with the configuration of a plugin_data block, and reads what it reads.
type spire struct {
	*testing.T
	http                         *http.Client
	cagwURL, caID, profile, name string
}

// newSPIRE opens the PKCS #12 file as the plugin does: only its leaf is presented, and one PEM file is trusted.
func newSPIRE(t *testing.T, a *App, m *Manifest) *spire {
	t.Helper()
	file, err := os.ReadFile(m.CAGW.P12File)
	if err != nil {
		t.Fatal(err)
	}
	key, leaf, _, err := pkcs12.DecodeChain(file, m.CAGW.P12Password)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(a.certs.root())
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}},
		MinVersion: tls.VersionTLS12, RootCAs: roots}
	t.Cleanup(transport.CloseIdleConnections)
	return &spire{t, &http.Client{Transport: transport, Timeout: time.Minute}, strings.TrimSuffix(a.cas.URLs.GatewayAPI(), "/v1"),
		m.CAGW.CAProfileCAID, m.CAGW.CAProfileID, "example.org"}
}

func (s *spire) do(method, path string, query url.Values, body, out any) (int, string) {
	s.Helper()
	target := strings.TrimRight(s.cagwURL, "/") + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			s.Fatal(err)
		}
		text = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(s.Context(), method, target, text)
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("ca-client-id", "my-client-id")
	answer, err := s.http.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	if answer.StatusCode < 300 {
		if err := json.Unmarshal(read, out); err != nil {
			s.Fatal(err)
		}
	}
	return answer.StatusCode, string(read)
}

// request is the CSR of a SPIRE server (pkg/server/credtemplate): its trust domain, the default subject, and a serial number in it.
func (s *spire) request() ([]byte, *ecdsa.PrivateKey) {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		s.Fatal(err)
	}
	id := &url.URL{Scheme: "spiffe", Host: s.name}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{Country: []string{"US"},
		Organization: []string{"SPIFFE"}, SerialNumber: number.String()}, URIs: []*url.URL{id}}, key)
	if err != nil {
		s.Fatal(err)
	}
	return der, key
}

// mint is MintX509CAAndSubscribe: chain without and roots of what the gateway says.
func (s *spire) mint(der []byte, ttl int32) (chain, roots []*x509.Certificate, refused string) {
	s.Helper()
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		s.Fatal(err)
	}
	details := map[string]any{"subjectDn": csr.Subject.String(), "useSANFromCSR": true}
	if ttl > 0 {
		details["validityPeriod"] = fmt.Sprintf("PT%dS", ttl)
	}
	var enrolled struct {
		Enrollment *struct {
			Body  string
			Chain []struct{ CertificateData string }
		}
	}
	status, text := s.do("POST", "/v1/certificate-authorities/"+url.PathEscape(s.caID)+"/enrollments", nil,
		map[string]any{"csr": base64.StdEncoding.EncodeToString(der), "profileId": s.profile,
			"requiredFormat": map[string]any{"format": "X509"}, "optionalCertificateRequestDetails": details}, &enrolled)
	if status >= 300 {
		return nil, nil, fmt.Sprintf("%d %s", status, text)
	}
	leaf, err := base64.StdEncoding.DecodeString(enrolled.Enrollment.Body)
	if err != nil || len(leaf) == 0 {
		s.Fatalf("%s: %v", text, err)
	}
	var found struct {
		CA *struct {
			Certificate *struct{ CertificateData string }
			Chain       []struct{ CertificateData string }
		}
	}
	if status, text := s.do(
		"GET", "/v1/certificate-authorities/"+url.PathEscape(s.caID), url.Values{"$fields": {"ca.certificate,ca.chain"}},
		nil, &found); status != 200 || found.CA == nil || found.CA.Certificate == nil {
		s.Fatalf("%d %s", status, text)
	}
	chain = []*x509.Certificate{mustParse(s.T, leaf)}
	seen := map[string]bool{}
	for _, one := range append(append([]struct{ CertificateData string }{*found.CA.Certificate}, found.CA.Chain...),
		enrolled.Enrollment.Chain...) {
		der, err := base64.StdEncoding.DecodeString(one.CertificateData)
		if err != nil {
			s.Fatal(err)
		}
		if seen[string(der)] {
			continue
		}
		seen[string(der)] = true
		c := mustParse(s.T, der)
		if bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignatureFrom(c) == nil {
			roots = append(roots, c)
		} else {
			chain = append(chain, c)
		}
	}
	if len(roots) == 0 {
		s.Fatal("could not determine upstream root")
	}
	return chain, roots, ""
}

// valid is what SPIRE asks of its own CA (pkg/server/credvalidator), and that what it certifies verifies.
func (s *spire) valid(chain, roots []*x509.Certificate, key *ecdsa.PrivateKey, now time.Time) {
	s.Helper()
	own := chain[0]
	switch usages := x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature; {
	case !own.BasicConstraintsValid || !own.IsCA || !own.MaxPathLenZero:
		s.Error("it is no CA for end entities")
	case own.KeyUsage&x509.KeyUsageCertSign == 0 || own.KeyUsage&^usages != 0 || len(own.ExtKeyUsage) > 0:
		s.Errorf("key usages %b %v", own.KeyUsage, own.ExtKeyUsage)
	case len(own.URIs) != 1 || own.URIs[0].String() != "spiffe://"+s.name:
		s.Errorf("URIs %v", own.URIs)
	case now.Before(own.NotBefore) || now.After(own.NotAfter):
		s.Errorf("valid from %s to %s", own.NotBefore, own.NotAfter)
	case !key.PublicKey.Equal(own.PublicKey):
		s.Error("another key")
	}
	workload, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"SPIRE"}},
		NotBefore: now.Add(-10 * time.Second), NotAfter: now.Add(time.Hour),
		URIs: []*url.URL{{Scheme: "spiffe", Host: s.name,
			Path: "/workload"}}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{
			x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth,
		}, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, own, &workload.PublicKey, key)
	if err != nil {
		s.Fatal(err)
	}
	pool, between := x509.NewCertPool(), x509.NewCertPool()
	for _, r := range roots {
		pool.AddCert(r)
	}
	for _, c := range chain {
		between.AddCert(c)
	}
	if _, err := mustParse(s.T, der).Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
		s.Error(err)
	}
}

// TestSPIRE: the requests of SPIRE's plugin, over its TLS, mint an intermediate and renew it before it ends.
func TestSPIRE(t *testing.T) {
	a, m := inProcess(t)
	t.Cleanup(func() { ahead.Store(0) })
	if m.CAGW.CAProfileID != "basic-ca-subord" || m.CAGW.ProfileIDs[0] == "" {
		t.Fatalf("%+v", m.CAGW)
	}
	s := newSPIRE(t, a, m)
	der, key := s.request()
	chain, roots, refused := s.mint(der, 86400)
	if refused != "" {
		t.Fatal(refused)
	}
	s.valid(chain, roots, key, a.now())
	if left := chain[0].NotAfter.Sub(a.now()); left > 24*time.Hour || left < 23*time.Hour {
		t.Errorf("ends in %s", left)
	}
	ahead.Add(int64(12 * time.Hour)) // as SPIRE does, when half of it is over
	der, key = s.request()
	next, roots, refused := s.mint(der, 86400)
	if refused != "" {
		t.Fatal(refused)
	}
	s.valid(next, roots, key, a.now())
	if next[0].SerialNumber.Cmp(chain[0].SerialNumber) == 0 || !next[0].NotAfter.After(chain[0].NotAfter) {
		t.Error("it was not renewed")
	}
	// Without a TTL the profile's own length; and what cannot be is refused in words that name the member.
	der, key = s.request()
	if chain, roots, refused = s.mint(der, 0); refused != "" || chain[0].NotAfter.Before(a.now().AddDate(9, 0, 0)) {
		t.Errorf("%s %v", refused, chain)
	}
	s.valid(chain, roots, key, a.now())
	// The credential revokes what it has minted.
	var done map[string]any
	if status, text := s.do("POST",
		"/v1/certificate-authorities/"+url.PathEscape(s.caID)+"/certificates/"+chain[0].SerialNumber.Text(16)+
			"/actions", nil, map[string]any{
			"action": map[string]any{"type": "RevokeAction", "reason": "superseded"},
		}, &done); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	// Only under the CA for which the profile is selected, and only for a CA that may have others below it.
	other := *s
	other.caID = m.CAGW.CAID
	if _, _, refused := other.mint(der, 0); !strings.HasPrefix(refused, "400 ") || !strings.Contains(refused, "profileId: ") {
		t.Errorf("under an issuing CA: %s", refused)
	}
	system := rbac.WithActor(context.Background(), rbac.SystemActor())
	issuing, err := a.cas.ByIdentifier(system, m.Partition.ID, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.cas.SelectProfiles(system, issuing.ID, []string{"basic-ca-subord"}); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("selected for an issuing CA: %v", err)
	}
	root, err := a.cas.ByIdentifier(system, m.Partition.ID, "root-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"basic-ca-root", "ocsp-signer"} {
		if _, err := a.cas.SelectProfiles(system, root.ID, []string{id}); !fault.Is(err, fault.PolicyRefused) {
			t.Errorf("%s selected: %v", id, err)
		}
	}
	if _, err := a.cas.SelectProfiles(system, root.ID, []string{"external-ca-subord", "azure-firewall-ca-subord",
		"intermediate-ca-subord"}); err != nil {
		t.Error(err)
	}

	// In the console it takes the right to create CAs as well as that to issue; bulk and protocols never certify a CA.
	ask := intake.Text{CAID: root.ID, ProfileID: "basic-ca-subord", CSR: base64.StdEncoding.EncodeToString(der)}
	if _, err := a.enrollment.Issue(
		colleague(t, a, m, "carol", rbac.CertificateAdministrators), ask.Request(),
	); !fault.Is(err, fault.Forbidden) {
		t.Errorf("by a certificate administrator: %v", err)
	}
	if _, err := a.enrollment.Issue(colleague(t, a, m, "alice", rbac.Owners), ask.Request()); err != nil {
		t.Errorf("by an Owner: %v", err)
	}
	refusals, err := a.enrollment.CheckMany(system, root.ID, []enrollment.Request{ask.Request()})
	if err != nil || !fault.Is(refusals[0], fault.PolicyRefused) {
		t.Errorf("in bulk: %v %v", refusals, err)
	}
	// Where others approve new CAs they approve this.
	colleague(t, a, m, "bob", rbac.Owners)
	if _, err := a.approvals.SetRules(system, approval.Change{PartitionID: m.Partition.ID,
		Rules: []*approval.Rule{{Operation: approval.CACreate, Needed: 1, Hours: 24}}}); err != nil {
		t.Fatal(err)
	}
	der, _ = s.request()
	if _, _, refused := s.mint(der, 86400); !strings.HasPrefix(refused, "409 ") || !strings.Contains(refused, "cagw-4091") {
		t.Errorf("under an approval rule: %s", refused)
	}
}
