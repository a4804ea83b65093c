package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

const (
	floodAddresses = 50
	// floodRate is of each address, in requests a second: above what one may send, and little enough that making them
	// does not take the processors from the server that is tested.
	floodRate = 25
	// floodMemory is how much the server may grow, bytes.
	floodMemory = 200 << 20
)

// flooder sends what nobody signed in for from an address of its own.
type flooder struct {
	client      *http.Client
	dialer      net.Dialer
	secure, raw string // addresses: HTTPS, and plain HTTP as HOST:PORT
	at          string // PARTITION/CA
	directory   string // path
	padded      func(n int) []byte
	sent        *atomic.Int64
	kind        int
}

// one sends one request. Each address sends one kind, so that each goes beyond what an address may.
func (f *flooder) one(ctx context.Context, n int) {
	send := func(method, address, contentType string, body []byte) {
		r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", contentType)
		f.sent.Add(1)
		response, err := f.client.Do(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, response.Body) // whatever it is
		_ = response.Body.Close()
	}
	switch f.kind {
	case 0:
		send("GET", f.secure+f.directory, "", nil)
	case 1:
		send("POST", "http://"+f.raw+"/ocsp/"+f.at, "application/ocsp-request", []byte("garbage"))
	case 2:
		send(
			"POST", f.secure+"/graphql", "application/json",
			[]byte(`{"query": "{ a`+strconv.Itoa(n)+`: serviceInfo { version } `+strings.Repeat("x ", n%500)+`}"}`),
		)
	case 3:
		send("POST", "http://"+f.raw+"/ocsp/"+f.at, "application/ocsp-request", f.padded(n))
	case 4:
		send("GET", "http://"+f.raw+"/crl/"+f.at+"/shard-"+strconv.Itoa(1+n%4000)+".crl", "", nil)
	case 5: // headers that never end
		c, err := f.dialer.DialContext(ctx, "tcp", f.raw)
		if err != nil {
			return
		}
		f.sent.Add(1)
		_, _ = fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nX-%d: ", n)
		go func() {
			defer c.Close()
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Second): // how long this one stays
			}
		}()
	}
}

// flood sends from all addresses, until ctx ends.
func flood(ctx context.Context, make func(address string) *flooder) *sync.WaitGroup {
	var wg sync.WaitGroup
	for n := range floodAddresses {
		f := make(fmt.Sprintf("127.0.0.%d", n+2))
		f.kind = n % 6
		wg.Go(func() {
			ticker := time.NewTicker(time.Second / floodRate)
			defer ticker.Stop()
			for i := 0; ; i++ {
				select {
				case <-ctx.Done():
					f.client.CloseIdleConnections()
					return
				case <-ticker.C:
					f.one(ctx, i)
				}
			}
		})
	}
	return &wg
}

// resident is how much memory a process has, bytes.
func resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	pages, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel wrote it
	return pages * int64(os.Getpagesize())
}

// processor is the time that a process has had of the processors.
func processor(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseInt(fields[11], 10, 64) // the kernel wrote it
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 wherever Go runs on Linux
}

// TestFlood: fifty addresses send what nobody signed in for. Clients that are signed in, relying parties and issuance get
// every answer, and memory is bounded. Their rate is compared with that while the same flood goes to another server; it is
// asserted in the long form: PKIAAS_FLOOD=15m.
func TestFlood(t *testing.T) {
	length, long := 20*time.Second, false
	if d, err := time.ParseDuration(os.Getenv("PKIAAS_FLOOD")); err == nil {
		length, long = d, true
	}
	s := start(t, "demo", t.TempDir(), "")
	unlimited(t, s)
	token, partition := s.Manifest.GraphQL.Token, s.Manifest.Partition.ID
	caID, err := s.CA(token, partition, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	issue := func() (*x509.Certificate, error) {
		var out testbed.Issued
		if err := s.GraphQL(
			token, testbed.Issue,
			map[string]any{
				"i": map[string]any{"caId": caID, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("flood.example.com")},
			},
			&out,
		); err != nil {
			return nil, err
		}
		return x509.ParseCertificate(der(t, out.IssueCertificate.Certificate.PEM))
	}
	known, err := issue()
	if err != nil {
		t.Fatal(err)
	}
	var issuer *x509.Certificate
	for _, c := range s.Manifest.CAs {
		if c.ID == "issuing-1" {
			text, err := os.ReadFile(c.CertificateFile)
			if err != nil {
				t.Fatal(err)
			}
			if issuer, err = x509.ParseCertificate(der(t, string(text))); err != nil {
				t.Fatal(err)
			}
		}
	}
	question, err := ocsp.CreateRequest(known, issuer, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := partition + "/issuing-1"
	answer := s.Manifest.PublicURL + "/ocsp/" + at + "/" + url.PathEscape(base64.StdEncoding.EncodeToString(question))
	csr := testbed.CSR("honest.example.com")
	honest := map[string]func() error{
		"signed-in client": func() error {
			return s.GraphQL(token, `query($p: ID!) { partition(id: $p) { id name } }`, map[string]any{"p": partition}, nil)
		},
		"OCSP": func() error {
			text, err := testbed.Get(answer)
			if err == nil {
				_, err = ocsp.ParseResponse(text, issuer)
			}
			return err
		},
		"issuance": func() error {
			return s.GraphQL(
				token, testbed.Issue,
				map[string]any{"i": map[string]any{"caId": caID, "profileId": "privatessl-tls-client-server", "csr": csr}}, nil,
			)
		},
	}
	// rates runs the honest clients for a while, beside whatever goes on.
	rates := func(length time.Duration) map[string]float64 {
		t.Helper()
		var mu sync.Mutex
		done := map[string]float64{}
		var wg sync.WaitGroup
		begin := time.Now()
		for name, operate := range honest {
			wg.Go(func() {
				n := 0
				for time.Since(begin) < length {
					if err := operate(); err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					n++
				}
				mu.Lock()
				defer mu.Unlock()
				done[name] = float64(n) / time.Since(begin).Seconds()
				if n < 20 {
					t.Errorf("%s: only %d operations in %s", name, n, length)
				}
			})
		}
		wg.Wait()
		return done
	}
	// The other server: what a flood costs whoever makes it is the same.
	nothing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // as far as it goes
		w.WriteHeader(http.StatusTooManyRequests)
	})
	secure, plain := httptest.NewTLSServer(nothing), httptest.NewServer(nothing)
	defer secure.Close()
	defer plain.Close()

	var sent atomic.Int64
	padding := make([]byte, 8<<10)
	rand.Read(padding)
	to := func(secure, raw string) func(string) *flooder {
		return func(address string) *flooder {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
			// it is not the server that is tested here
			return &flooder{
				client: &http.Client{
					Timeout:   10 * time.Second,
					Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
				},
				dialer: dialer, secure: secure, raw: strings.TrimPrefix(raw, "http://"), at: at, sent: &sent,
				directory: strings.TrimPrefix(s.Manifest.ACME[0].DirectoryURL, s.Manifest.BaseURL), padded: func(n int) []byte {
					return padded(question, padding[:1+n%len(padding)])
				}}
		}
	}
	during := func(make func(string) *flooder, length time.Duration) map[string]float64 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		wg := flood(ctx, make)
		defer wg.Wait()
		defer cancel()
		return rates(length)
	}
	rates(2 * time.Second) // caches and pools are filled
	used := processor(s.PID())
	control := during(to(secure.URL, plain.URL), min(length/2, time.Minute))
	t.Logf("processor time of the server in the control phase: %s", processor(s.PID())-used)
	used = processor(s.PID())
	before, begun := resident(s.PID()), sent.Load()
	flooded := during(to(s.Manifest.BaseURL, s.Manifest.PublicURL), length)
	t.Logf("processor time of the server in the flood: %s", processor(s.PID())-used)
	grown := resident(s.PID()) - before
	t.Logf("%d requests of the flood in %s; the server grew by %d MB", sent.Load()-begun, length, grown>>20)
	for name := range honest {
		ratio := flooded[name] / control[name]
		t.Logf("%s: %.0f a second, %.0f during the flood: %.2f", name, control[name], flooded[name], ratio)
		if long && ratio < 0.8 {
			t.Errorf("%s kept %.2f of its rate", name, ratio)
		}
	}
	if grown > floodMemory {
		t.Errorf("the server grew by %d MB", grown>>20)
	}
	// Afterwards everything is as before, for the addresses of the flood too.
	client := to(s.Manifest.BaseURL, s.Manifest.PublicURL)("127.0.0.2").client
	within(t, "an address of the flood is served again", func() error {
		r, err := client.Get(s.Manifest.ACME[0].DirectoryURL)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode != 200 {
			return errors.New(r.Status)
		}
		return nil
	})
}

// padded is an OCSP request with an extension that means nothing.
func padded(request, padding []byte) []byte {
	element := func(tag byte, parts ...[]byte) []byte {
		content := bytes.Join(parts, nil)
		return append([]byte{tag, 0x82, byte(len(content) >> 8), byte(len(content))}, content...)
	}
	// SEQUENCE { SEQUENCE { SEQUENCE OF Request } }, each with a length of one octet.
	list := request[4:]
	if request[1] >= 0x80 || request[3] >= 0x80 {
		panic("a longer request than expected")
	}
	if len(padding) < 300 { // lengths in DER are as short as can be
		padding = append(bytes.Clone(padding), make([]byte, 300)...)
	}
	extension := element(0x30, []byte{6, 9, 0x2b, 6, 1, 4, 1, 0x83, 0xdd, 0x53, 1}, element(4, padding))
	return element(0x30, element(0x30, list, element(0xa2, element(0x30, extension))))
}
