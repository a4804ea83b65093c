package conformance

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

// TestRestoreDrill loses a machine: on a new one, the database's dump, the backup and two of three shares make the CAs
// sign again, and what they issued before still verifies.
func TestRestoreDrill(t *testing.T) {
	data, safe := t.TempDir(), t.TempDir()
	// Software keys are what a backup is of, whatever store the other tests use.
	s := start(t, "demo", data, "", "--keystore", "file:"+filepath.Join(data, "keys"))
	issue := func(s *testbed.Server) *x509.Certificate {
		t.Helper()
		id, err := s.CA(s.Manifest.GraphQL.Token, s.Manifest.Partition.ID, "issuing-1")
		if err != nil {
			t.Fatal(err)
		}
		var out testbed.Issued
		if err := s.GraphQL(
			s.Manifest.GraphQL.Token, testbed.Issue,
			map[string]any{
				"i": map[string]any{"caId": id, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("drill.example.com")},
			},
			&out,
		); err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der(t, out.IssueCertificate.Certificate.PEM))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	chain, err := os.ReadFile(s.Manifest.CAs[0].ChainFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, ca := range s.Manifest.CAs {
		if ca.ID == "issuing-1" {
			if chain, err = os.ReadFile(ca.ChainFile); err != nil {
				t.Fatal(err)
			}
		}
	}
	pool := x509.NewCertPool()
	for rest := chain; len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		pool.AddCert(c)
	}
	verify := func(c *x509.Certificate) {
		t.Helper()
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Error(err)
		}
	}
	before := issue(s)
	backup := filepath.Join(safe, "backup")
	out, err := testbed.Run("keys", "backup", "--data", data, "--out", backup, "--share-dir", filepath.Join(safe, "shares"))
	if err != nil {
		t.Fatal(out)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	dump, err := os.ReadFile(filepath.Join(data, "pkiaas.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}

	fresh := t.TempDir()
	if err := os.WriteFile(filepath.Join(fresh, "pkiaas.db"), dump, 0o600); err != nil {
		t.Fatal(err)
	}
	share := func(n string) string { return filepath.Join(safe, "shares", "share-"+n+"-of-3.txt") }
	if out, err := testbed.Run(
		"keys", "restore", "--data", fresh, "--in", backup, "--share", share("2"),
	); err == nil || !strings.Contains(out, "2 different shares are needed") {
		t.Errorf("one share: %v %s", err, out)
	}
	if out, err := testbed.Run(
		"keys", "restore", "--data", fresh, "--in", backup, "--share", share("1"), "--share", share("3"),
	); err != nil {
		t.Fatal(out)
	}
	again := start(t, "serve", fresh, "", "--keystore", "file:"+filepath.Join(fresh, "keys"))
	again.Manifest.Partition, again.Manifest.GraphQL, again.Manifest.Users = s.Manifest.Partition, s.Manifest.GraphQL, s.Manifest.Users
	verify(before)
	verify(issue(again))
	// Secrets in the database open as well: the second factor of the people.
	if _, err := again.SignIn(s.Manifest.Users[0]); err != nil {
		t.Error(err)
	}
	// What was sealed under the lost machine's key is sealed under the new one's, and the old one is forgotten.
	if out, err := testbed.Run("kek", "rotate", "--data", fresh); err != nil || !strings.Contains(out, "done") {
		t.Errorf("%v %s", err, out)
	}
	verify(issue(again))
	if kek, err := os.ReadFile(filepath.Join(fresh, "kek")); err != nil || strings.Count(strings.TrimSpace(string(kek)), "\n") != 0 {
		t.Errorf("the old key-encryption key is still there: %v", err)
	}
}

// TestTheServersOwnRootSurvives: it is in the backup also where its key is in none of the stores of CAs, so that clients
// who trust the lost server trust the new one.
func TestTheServersOwnRootSurvives(t *testing.T) {
	data, fresh, safe := t.TempDir(), t.TempDir(), t.TempDir()
	elsewhere := func(dir string) string { return "software=file:" + filepath.Join(dir, "elsewhere") }
	s := start(t, "serve", data, "", "--keystore", elsewhere(data))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(safe, "backup")
	out, err := testbed.Run(
		"keys", "backup", "--data", data, "--keystore", elsewhere(data), "--out", backup, "--share-dir", filepath.Join(safe, "shares"),
	)
	if err != nil || !strings.Contains(out, "TLS root is in it too") {
		t.Fatalf("%v %s", err, out)
	}
	root, err := os.ReadFile(filepath.Join(data, "tls-root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	restore := []string{
		"keys", "restore", "--data", fresh, "--keystore", elsewhere(fresh), "--in", backup, "--share",
		filepath.Join(safe, "shares", "share-1-of-3.txt"), "--share", filepath.Join(safe, "shares", "share-2-of-3.txt"),
	}
	for _, says := range []string{"TLS root is back", "has a TLS root already"} {
		if out, err := testbed.Run(restore...); err != nil || !strings.Contains(out, says) {
			t.Fatalf("%v %s", err, out)
		}
	}
	again := start(t, "serve", fresh, "", "--keystore", elsewhere(fresh))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	u, err := url.Parse(again.Manifest.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", u.Host, &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatalf("who trusts the lost server does not trust the new one: %v", err)
	}
	_ = c.Close() // the handshake is what counts
}
