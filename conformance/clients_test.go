package conformance

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// statusEstate is an issuing CA of a running demo with a good, a revoked and an unknown certificate.
type statusEstate struct {
	*testbed.Server
	t          *testing.T
	dir        string
	ca         string // id
	chain      string // file: issuing CA and root
	root       string // file
	issuer     string // file
	ocsp       string // URL
	identifier string
	policy     string // profile
}

func newStatusEstate(t *testing.T, s *testbed.Server, identifier string) *statusEstate {
	t.Helper()
	e := &statusEstate{Server: s, t: t, dir: t.TempDir(), identifier: identifier, policy: "privatessl-tls-client-server"}
	for _, c := range s.Manifest.CAs {
		switch c.ID {
		case identifier:
			e.chain, e.issuer, e.ocsp = c.ChainFile, c.CertificateFile, c.OCSPURL
		case "root-1":
			e.root = c.CertificateFile
		}
	}
	var err error
	if e.ca, err = s.CA(s.Manifest.GraphQL.Token, s.Manifest.Partition.ID, identifier); err != nil {
		t.Fatal(err)
	}
	return e
}

// issue makes a certificate and returns its file, id and serial number.
func (e *statusEstate) issue(name string) (file, id, serial string) {
	e.t.Helper()
	var out testbed.Issued
	if err := e.GraphQL(
		e.Manifest.GraphQL.Token, testbed.Issue,
		map[string]any{"i": map[string]any{"caId": e.ca, "profileId": e.policy, "csr": testbed.CSR(name + ".example.com")}}, &out,
	); err != nil {
		e.t.Fatal(err)
	}
	c := out.IssueCertificate.Certificate
	file = filepath.Join(e.dir, name+".pem")
	if err := os.WriteFile(file, []byte(c.PEM), 0o600); err != nil {
		e.t.Fatal(err)
	}
	return file, c.ID, c.SerialNumber
}

func (e *statusEstate) revoke(id string) {
	e.t.Helper()
	if err := e.GraphQL(
		e.Manifest.GraphQL.Token, `mutation($i: RevokeCertificateInput!) { revokeCertificate(input: $i) { certificate { id } } }`,
		map[string]any{"i": map[string]any{"certificateId": id, "reason": "SUPERSEDED"}}, nil,
	); err != nil {
		e.t.Fatal(err)
	}
}

// tool runs a program of another maker; what it says is what counts, since each ends in its own way.
func (e *statusEstate) tool(name string, args ...string) string {
	e.t.Helper()
	out, err := exec.CommandContext(e.t.Context(), name, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.t.Fatal(err)
	}
	return string(out)
}

// await asks until the answer is as wanted: a server may not have heard of a revocation for a second.
func await(t *testing.T, ask func() string, want string) {
	t.Helper()
	var got string
	for deadline := time.Now().Add(testbed.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = ask(); strings.Contains(got, want) {
			return
		}
	}
	t.Errorf("no %q within %s: %s", want, testbed.Patience, got)
}

func needTool(t *testing.T, name, debian string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is missing (Debian: apt-get install %s); npm test installs it", name, debian)
	}
}

// TestForeignClientsAgree asks three implementations of OCSP, each of another maker, about a good, a revoked and an
// unknown certificate, of an issuing CA and of a root.
func TestForeignClientsAgree(t *testing.T) {
	s := start(t, "demo", t.TempDir(), "")
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, identifier := range []string{"issuing-1", "issuing-rsa"} {
		t.Run(identifier, func(t *testing.T) {
			e := newStatusEstate(t, s, identifier)
			good, _, goodSerial := e.issue("good")
			bad, badID, badSerial := e.issue("bad")
			e.revoke(badID)
			t.Run("openssl", func(t *testing.T) {
				needTool(t, "openssl", "openssl")
				ask := func(args ...string) string {
					return e.tool("openssl", append([]string{"ocsp", "-issuer", e.issuer, "-CAfile", e.chain, "-url", e.ocsp}, args...)...)
				}
				await(t, func() string { return ask("-serial", "0x"+badSerial) }, ": revoked")
				all := ask("-serial", "0x"+goodSerial, "-serial", "0x"+badSerial, "-serial", "0x5000000000000000000000000000dead")
				for _, want := range []string{
					"Response verify OK", "0x" + goodSerial + ": good", "0x" + badSerial + ": revoked", "dead: unknown",
					"Reason: superseded",
				} {
					if !strings.Contains(all, want) {
						t.Errorf("no %q: %s", want, all)
					}
				}
				if strings.Contains(all, "WARNING") { // no nonce, or another one
					t.Error(all)
				}
			})
			t.Run("gnutls", func(t *testing.T) {
				needTool(t, "ocsptool", "gnutls-bin")
				ask := func(file string) string {
					return e.tool(
						"ocsptool", "--ask="+e.ocsp, "--nonce", "--load-cert", file, "--load-issuer", e.issuer, "--load-trust", e.chain,
					)
				}
				await(t, func() string { return ask(bad) }, "Certificate Status: revoked")
				for file, want := range map[string]string{
					good: "Certificate Status: good", bad: "Certificate Status: revoked", e.unknown(good): "Certificate Status: unknown",
				} {
					if out := ask(file); !strings.Contains(out, want) || !strings.Contains(out, "Verifying OCSP Response: Success") {
						t.Errorf("no %q: %s", want, out)
					}
				}
			})
			t.Run("nss", func(t *testing.T) {
				needTool(t, "ocspclnt", "libnss3-tools")
				needTool(t, "certutil", "libnss3-tools")
				db := filepath.Join(e.dir, "nss")
				if err := os.Mkdir(db, 0o700); err != nil {
					t.Fatal(err)
				}
				e.tool("certutil", "-N", "-d", db, "--empty-password")
				for nickname, file := range map[string]string{
					"first": good, "second": bad, "third": e.unknown(good), "issuer": e.issuer, "root": e.root,
				} {
					trust := ",,"
					if nickname == "root" {
						trust = "CT,C,C"
					}
					if out := e.tool("certutil", "-A", "-d", db, "-n", nickname, "-t", trust, "-a", "-i", file); out != "" {
						t.Fatal(out)
					}
				}
				ask := func(nickname string) string { return e.tool("ocspclnt", "-S", nickname, "-d", db) }
				await(t, func() string { return ask("second") }, "revoked")
				for nickname, want := range map[string]string{
					"first": "succeeded", "second": "revoked", "third": "no status for the certificate",
				} {
					if out := ask(nickname); !strings.Contains(out, want) {
						t.Errorf("no %q about %s: %s", want, nickname, out)
					}
				}
			})
		})
	}
}

// unknown is the file of a certificate with a serial number that was never issued: another one, with an octet of its
// serial number altered. Its signature is wrong, which the question does not depend on.
func (e *statusEstate) unknown(of string) string {
	e.t.Helper()
	text, err := os.ReadFile(of)
	if err != nil {
		e.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	block.Bytes[20] ^= 0xff // within the serial number, which begins at 15 and has 16 octets
	file := filepath.Join(e.dir, "unknown.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		e.t.Fatal(err)
	}
	return file
}

// TestRevocationIsKnownEverywhere: a certificate is revoked on one server while the other gives its answers from the
// cache; within five seconds, and each time, that one says so.
func TestRevocationIsKnownEverywhere(t *testing.T) {
	database := storetest.Postgres(t)
	data := t.TempDir()
	first := start(t, "demo", data, database)
	second := start(t, "serve", data, database)
	for _, s := range []*testbed.Server{first, second} {
		t.Cleanup(func() {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	e := newStatusEstate(t, first, "issuing-1")
	there := second.Manifest.PublicURL
	for n := range 5 {
		name := fmt.Sprintf("round%d", n)
		_, id, serial := e.issue(name)
		ask := func() string {
			return e.tool(
				"openssl", "ocsp", "-issuer", e.issuer, "-CAfile", e.chain, "-no_nonce", "-serial", "0x"+serial, "-url",
				there+e.ocsp[strings.Index(e.ocsp, "/ocsp/"):],
			)
		}
		await(t, ask, ": good") // in the cache from here on
		e.revoke(id)
		await(t, ask, ": revoked")
	}
}
