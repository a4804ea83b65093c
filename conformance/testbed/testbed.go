// Package testbed runs the real binary with real parts for conformance tests and benchmarks.
package testbed

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver

	"github.com/pkiaas/pkiaas/server"
)

// Clients of these tests keep their connections, as good ones do: new ones are counted against their address.
func init() { http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64 }

// Root is the checkout.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(os.TempDir(), fmt.Sprintf("pkiaas-test-%d", os.Getpid()))
	c := exec.Command("go", "build", "-o", binary, "./cmd/pkiaas")
	c.Dir = Root()
	c.Env = append(os.Environ(), "GOTOOLCHAIN=auto")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return binary, nil
})

// Patience is how long tests wait for what must happen, however slow the machine is.
const Patience = 5 * time.Minute

// Server is a running `pkiaas demo` or `pkiaas serve`.
type Server struct {
	Data     string
	Manifest server.Manifest
	client   *http.Client
	cmd      *exec.Cmd
	exited   chan struct{} // closed when it has ended, with err
	err      error

	signingIn sync.Mutex
	operator  *Person
}

// Start runs a command of the binary ("demo", "serve") on free ports with the given data directory and waits until it
// is ready. Arguments come after those that are given anyway, and win.
func Start(command, data string, args ...string) (*Server, error) {
	binary, err := build()
	if err != nil {
		return nil, err
	}
	manifest := filepath.Join(data, fmt.Sprintf("manifest-%d.json", time.Now().UnixNano()))
	any := "127.0.0.1:0"
	all := append([]string{
		command, "--data", data, "--listen", any, "--listen-public", any, "--listen-mtls", any, "--listen-admin", "", "--manifest",
		manifest, "--log-level", "error",
	}, args...)
	s := &Server{Data: data, exited: make(chan struct{})}
	env := os.Environ()
	if !slices.Contains(args, "--keystore") {
		token, err := Keystore(data)
		if err != nil {
			return nil, err
		}
		if token != nil {
			all, env = append(all, "--keystore", token.URI), append(env, token.Env)
		}
	}
	s.cmd = exec.Command(binary, all...)
	s.cmd.Env = env
	var stderr bytes.Buffer
	s.cmd.Stderr = &stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	for deadline := time.Now().Add(Patience); ; {
		text, err := os.ReadFile(manifest)
		if err == nil {
			if err := json.Unmarshal(text, &s.Manifest); err != nil {
				return nil, err
			}
			break
		}
		select {
		case <-s.exited:
			return nil, fmt.Errorf("the server ended: %v\n%s", s.err, stderr.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Kill()
			return nil, errors.New("the server was not ready in time\n" + stderr.String())
		}
	}
	s.client, err = client(s.Manifest.TLSCAFile)
	return s, err
}

func client(caFile string) (*http.Client, error) {
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &http.Client{
		Timeout: 2 * time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64},
	}, nil
}

// PID of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends it with SIGKILL. It may have ended before.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// Stop ends it with SIGTERM and returns an error unless it ends with status 0 within 10 seconds.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return s.err
	case <-time.After(Patience):
		s.Kill()
		return errors.New("the server did not stop")
	}
}

// Error is a GraphQL error.
type Error struct {
	Message string
	Code    string
	Field   string
	Status  int
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d %s %s %s", e.Status, e.Code, e.Field, e.Message)
}

// GraphQL runs an operation with a token; a GraphQL error is an *Error.
func (s *Server) GraphQL(token, query string, variables map[string]any, out any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, s.Manifest.BaseURL+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	return s.do(s.client, r, out)
}

func (s *Server) do(client *http.Client, r *http.Request, out any) error {
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code, Field string }
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%d %s", response.StatusCode, text)
	}
	if len(answer.Errors) > 0 {
		e := answer.Errors[0]
		return &Error{e.Message, e.Extensions.Code, e.Extensions.Field, response.StatusCode}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, out)
}

// Issue is the mutation that issues from a CSR.
const Issue = `mutation Issue($i: IssueCertificateInput!) { issueCertificate(input: $i) { ... on IssueCertificatePayload { certificate { id
	serialNumber pem } } } }`

// Issued is its answer.
type Issued struct {
	IssueCertificate struct {
		Certificate struct{ ID, SerialNumber, PEM string }
	}
}

// CA finds the id of a CA by its identifier.
func (s *Server) CA(token, partition, identifier string) (string, error) {
	var out struct {
		Partition struct{ CertificationAuthority struct{ ID string } }
	}
	err := s.GraphQL(
		token, `query($p: ID!, $i: String!) { partition(id: $p) { certificationAuthority(identifier: $i) { id } } }`,
		map[string]any{"p": partition, "i": identifier}, &out,
	)
	return out.Partition.CertificationAuthority.ID, err
}

// CSR makes a P-256 key and a request for a host.
func CSR(host string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // cannot be
	}
	der, err := x509.CreateCertificateRequest(
		rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}}, key,
	)
	if err != nil {
		panic(err) // cannot be
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// Get fetches a URL of the plain HTTP listener.
func Get(u string) ([]byte, error) {
	response, err := http.Get(u) // our own server
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", u, response.Status, body)
	}
	return body, err
}

// Run runs a command of the binary that ends by itself.
func Run(args ...string) (string, error) {
	binary, err := build()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(binary, args...).CombinedOutput()
	return string(out), err
}

// AuditLog has the server verify the audit log of a partition.
func (s *Server) AuditLog(token, partition string) (intact bool, events int64, err error) {
	var out struct {
		VerifyAuditLog struct {
			Verification struct {
				Intact bool
				Events int64
			}
		}
	}
	err = s.GraphQL(
		token, `mutation($i: VerifyAuditLogInput!) { verifyAuditLog(input: $i) { verification { intact events } } }`,
		map[string]any{"i": map[string]any{"partitionId": partition}}, &out,
	)
	return out.VerifyAuditLog.Verification.Intact, out.VerifyAuditLog.Verification.Events, err
}
