package conformance

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

// need skips a test whose tools are not installed, except in CI.
func need(t *testing.T, packages string, files ...string) {
	t.Helper()
	for _, file := range files {
		if _, err := exec.LookPath(file); err == nil {
			continue
		}
		if _, err := os.Stat(file); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing", file)
		}
		t.Skipf("%s is missing (Debian: apt-get install %s); npm test installs it", file, packages)
	}
}

// remoteToken is a SoftHSM token in another process, as a network HSM is: it can be stopped.
type remoteToken struct {
	uri, local  string // as --keystore takes them: the same token from the other process, and without it
	dir, socket string
	server      *exec.Cmd
}

func newRemoteToken(t *testing.T) *remoteToken {
	t.Helper()
	need(t, "softhsm2 p11-kit p11-kit-modules", "softhsm2-util", "p11-kit", tokentest.SoftHSM, tokentest.Client)
	dir, err := os.MkdirTemp("", "p11") // a short path: it becomes a socket's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &remoteToken{dir: dir, socket: filepath.Join(dir, "s")}
	pin := filepath.Join(dir, "pin")
	r.uri = "pkcs11:token=remote?module-path=" + tokentest.Client + "&pin-source=file:" + pin
	r.local = "pkcs11:token=remote?module-path=" + tokentest.SoftHSM + "&pin-source=file:" + pin
	if err := errors.Join(tokentest.Init(dir, "remote"), os.WriteFile(pin, []byte(tokentest.PIN), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+r.socket)
	t.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf"))
	t.Cleanup(r.stop)
	r.start(t)
	return r
}

func (r *remoteToken) start(t *testing.T) {
	t.Helper()
	_ = os.Remove(r.socket) // left by the one that was killed
	server := exec.Command("p11-kit", "server", "-f", "-n", r.socket, "--provider", tokentest.SoftHSM, "pkcs11:token=remote")
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	r.server = server
	eventually(t, "p11-kit server starts", func() bool { _, err := os.Stat(r.socket); return err == nil })
}

// stop kills the server and those that it forked for its clients.
func (r *remoteToken) stop() {
	if r.server == nil {
		return
	}
	_ = syscall.Kill(-r.server.Process.Pid, syscall.SIGKILL)
	_ = r.server.Wait() // killed
	r.server = nil
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testbed.Patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("this did not happen within %s: %s", testbed.Patience, what)
		}
	}
}

// TestTokenStopsUnderLoad takes the HSM away under load, twice. Meanwhile every request for a certificate is refused
// clearly, CRLs and OCSP answers go on, and operators are told; afterwards it works again by itself, and every
// certificate that a client received is there.
func TestTokenStopsUnderLoad(t *testing.T) {
	hsm := newRemoteToken(t)
	data := t.TempDir()
	// p11-kit does not pass AES-GCM on, which the demo's post-quantum CAs need to be made.
	s := start(t, "demo", data, "", "--keystore", hsm.local)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, "demo", data, "", "--listen-admin", "127.0.0.1:0", "--keystore", hsm.uri)
	unlimited(t, s)
	partition, token := s.Manifest.Partition.ID, s.Manifest.GraphQL.Token
	caID, err := s.CA(token, partition, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	ca := caOf(t, s, caID)
	issuer, err := x509.ParseCertificate(der(t, ca.CertificatePem))
	if err != nil {
		t.Fatal(err)
	}
	var known testbed.Issued
	input := map[string]any{
		"i": map[string]any{"caId": caID, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("hsm.example.com")},
	}
	if err := s.GraphQL(token, testbed.Issue, input, &known); err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der(t, known.IssueCertificate.Certificate.PEM))
	if err != nil {
		t.Fatal(err)
	}
	request, err := ocsp.CreateRequest(certificate, issuer, nil)
	if err != nil {
		t.Fatal(err)
	}
	askStatus := func() error {
		response, err := http.Post(ca.OcspURL, "application/ocsp-request", bytes.NewReader(request))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			return fmt.Errorf("OCSP: %s %w", response.Status, err)
		}
		if answer, err := ocsp.ParseResponseForCert(body, certificate, issuer); err != nil || answer.Status != ocsp.Good {
			return fmt.Errorf("OCSP: %+v %w", answer, err)
		}
		return nil
	}
	fetchCRL := func() error {
		body, err := testbed.Get(ca.CrlURL)
		if err != nil {
			return err
		}
		list, err := x509.ParseRevocationList(body)
		if err != nil {
			return err
		}
		return list.CheckSignatureFrom(issuer)
	}
	if err := errors.Join(askStatus(), fetchCRL()); err != nil {
		t.Fatal(err)
	}

	var issued, refused, served atomic.Int64
	var longest atomic.Int64 // wait for a refusal, nanoseconds
	var mu sync.Mutex
	received := map[string]bool{}
	ended := make(chan struct{})
	var load sync.WaitGroup
	end := sync.OnceFunc(func() { close(ended); load.Wait() })
	t.Cleanup(end)
	repeat := func(clients int, do func()) {
		for range clients {
			load.Go(func() {
				for {
					select {
					case <-ended:
						return
					default:
						do()
					}
				}
			})
		}
	}
	repeat(8, func() {
		var out testbed.Issued
		begin := time.Now()
		err := s.GraphQL(token, testbed.Issue, input, &out)
		var e *testbed.Error
		switch {
		case err == nil:
			serial := out.IssueCertificate.Certificate.SerialNumber
			mu.Lock()
			if received[serial] || out.IssueCertificate.Certificate.PEM == "" {
				t.Errorf("certificate %s came twice, or empty", serial)
			}
			received[serial] = true
			mu.Unlock()
			issued.Add(1)
		case errors.As(err, &e) && e.Code == "UNAVAILABLE" && strings.Contains(
			e.Message, "the key of the certification authority cannot be used at the moment",
		):
			refused.Add(1)
			longest.Store(max(longest.Load(), int64(time.Since(begin)))) // of several at once any will do
			time.Sleep(5 * time.Millisecond)
		default:
			t.Errorf("neither a certificate nor a clear refusal: %v", err)
			time.Sleep(100 * time.Millisecond)
		}
	})
	for _, ask := range []func() error{askStatus, fetchCRL} {
		repeat(2, func() {
			if err := ask(); err != nil {
				t.Error(err)
			} else {
				served.Add(1)
			}
			time.Sleep(5 * time.Millisecond)
		})
	}
	more := func(c *atomic.Int64, n int64, what string) {
		t.Helper()
		want := c.Load() + n
		eventually(t, what, func() bool { return c.Load() >= want })
	}
	ready := func(query string) (int, string) {
		response, err := http.Get(s.Manifest.AdminURL + "/readyz" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	up := func() string {
		return string(regexp.MustCompile(`(?m)^pkiaas_keystore_up\{keystore="hsm"\} (.*)$`).Find(get(t, s.Manifest.AdminURL+"/metrics")))
	}
	for range 2 {
		more(&issued, 50, "certificates while the token is there")
		if code, text := ready("?strict"); code != http.StatusOK || text != "ready\n" {
			t.Errorf("readyz while the token is there: %d %s", code, text)
		}
		hsm.stop()
		stopped := time.Now()
		more(&refused, 20, "refusals while the token is away")
		eventually(t, "the metric falls", func() bool { return strings.HasSuffix(up(), " 0") })
		if code, text := ready(""); code != http.StatusOK || !strings.Contains(text, "\ndegraded: ") {
			t.Errorf("readyz while the token is away: %d %s", code, text)
		}
		if code, text := ready("?strict"); code != http.StatusServiceUnavailable || !strings.Contains(text, "\ndegraded: ") {
			t.Errorf("readyz?strict while the token is away: %d %s", code, text)
		}
		more(&served, 200, "CRLs and OCSP answers while the token is away")
		time.Sleep(time.Until(stopped.Add(3 * time.Second))) // the outage itself
		hsm.start(t)
		back := time.Now()
		more(&issued, 50, "certificates when the token is back")
		t.Logf("issuing again %s after the token is back", time.Since(back).Round(time.Millisecond))
		eventually(t, "the metric rises", func() bool { return strings.HasSuffix(up(), " 1") })
	}
	end()
	recorded := allCertificates(t, s, token, partition)
	for serial := range received {
		if recorded[serial] == 0 {
			t.Errorf("a client received certificate %s, and it is not recorded", serial)
		}
	}
	for serial, n := range recorded {
		if n > 1 {
			t.Errorf("serial number %s is recorded %d times", serial, n)
		}
	}
	t.Logf(
		"%d certificates, %d refusals (the longest after %s), %d CRLs and OCSP answers", issued.Load(), refused.Load(),
		time.Duration(longest.Load()).Round(time.Millisecond), served.Load(),
	)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
