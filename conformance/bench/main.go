// Command bench measures what the product does against the raw limit of the same machine in the same run. Its parts, all
// of them unless some are named: product (issuance over GraphQL on SQLite and PostgreSQL, OCSP with and without
// nonce), crl (lists of a million entries), browse (ten million certificates in PostgreSQL), algorithms (each signing algorithm),
// acme (complete orders), cagw (the CA Gateway API beside GraphQL), hsm (keys in a token). Timings live here and not in tests.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	demo "github.com/pkiaas/pkiaas/server"
	"github.com/pkiaas/pkiaas/store/storetest"
)

const clients = 32

func main() {
	length := flag.Duration("for", 6*time.Second, "length of each measurement")
	rows := flag.Int64("rows", 10_000_000, "certificates in the data set that is browsed")
	keep := flag.String("keep", "", "directory: keep the data set there and in the database \"browse\", and use it again")
	only := flag.String("only", "", "regular expression of the signing algorithms, or the ways to browse, to be measured")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "bench [flags] [product] [crl] [browse] [algorithms] [acme] [cagw] [hsm]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*length, regexp.MustCompile(*only), *rows, *keep, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// hsm is set where there is cgo.
var hsm = func(time.Duration, *regexp.Regexp) error { return errors.New("tokens need cgo") }

func run(length time.Duration, only *regexp.Regexp, rows int64, keep string, names []string) error {
	parts := []struct {
		name string
		run  func() error
	}{
		{"product", func() error { return product(length) }},
		{"crl", largeCRLs},
		{"browse", func() error { return browse(rows, keep, only) }},
		{"algorithms", func() error { return algorithms(length/6, only) }},
		{"acme", func() error { return acme(length) }},
		{"cagw", func() error { return cagw(length) }},
		{"hsm", func() error { return hsm(length/6, only) }},
	}
	known := 0
	for _, p := range parts {
		if slices.Contains(names, p.name) {
			known++
		} else if len(names) > 0 {
			continue
		}
		if err := p.run(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if known < len(names) {
		return fmt.Errorf("%q: the parts are product, crl, browse, algorithms, acme, cagw and hsm", names)
	}
	return nil
}

func product(length time.Duration) error {
	fmt.Printf(
		"%d cores, %d clients, %s each\n\n| what | per second | p50 | p99 | against |\n| --- | --- | --- | --- | --- |\n",
		runtime.NumCPU(), clients, length,
	)
	request := testbed.CSR("bench.example.com")
	raw := rawIssuance(request, length/2)
	row("raw limit: parse CSR, check its signature, sign (P-256), all cores", raw, nil, "")
	if err := server("SQLite", "", request, raw, 0.17, length, true); err != nil {
		return err
	}
	database, drop, err := storetest.CreatePostgres()
	if err != nil {
		fmt.Println("| PostgreSQL | not measured | | | " + err.Error() + " |")
		return nil
	}
	defer drop()
	raw = rawIssuance(request, length/2) // beside what it is compared with: other load on the machine comes and goes
	row("raw limit, again", raw, nil, "")
	return server("PostgreSQL", database, request, raw, 0.12, length, false)
}

func largeCRLs() error {
	fmt.Print("| what | per second | p50 | p99 | against |\n| --- | --- | --- | --- | --- |\n")
	if err := largeCRL("SQLite", ""); err != nil {
		return err
	}
	database, drop, err := storetest.CreatePostgres()
	if err != nil {
		fmt.Println("| PostgreSQL | not measured | | | " + err.Error() + " |")
		return nil
	}
	defer drop()
	return largeCRL("PostgreSQL", database)
}

func row(what string, rate float64, times []time.Duration, against string) {
	p50, p99 := "", ""
	if len(times) > 0 {
		slices.Sort(times)
		p50, p99 = times[len(times)/2].Round(10*time.Microsecond).String(), times[len(times)*99/100].Round(10*time.Microsecond).String()
	}
	fmt.Printf("| %s | %.0f | %s | %s | %s |\n", what, rate, p50, p99, against)
}

// parallel runs fn in n goroutines for a while and returns calls per second and their durations.
func parallel(n int, length time.Duration, fn func(worker int) error) (float64, []time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failure error
	var wg sync.WaitGroup
	begin := time.Now()
	for worker := range n {
		wg.Go(func() {
			var mine []time.Duration
			for time.Since(begin) < length {
				start := time.Now()
				if err := fn(worker); err != nil {
					mu.Lock()
					failure = err
					mu.Unlock()
					return
				}
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	return float64(len(all)) / time.Since(begin).Seconds(), all, failure
}

// rawIssuance is the bare loop: what the standard library needs for a request and a signature, and nothing else.
func rawIssuance(request string, length time.Duration) float64 {
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	check(err)
	key, err := a.Generate()
	check(err)
	pkcs8, err := key.MarshalPKCS8()
	check(err)
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	check(err)
	signer := parsed.(*ecdsa.PrivateKey)
	block, _ := pem.Decode([]byte(request))
	message := make([]byte, 600)
	rate, _, err := parallel(runtime.NumCPU(), length, func(int) error {
		r, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil {
			return err
		}
		if err := r.CheckSignature(); err != nil {
			return err
		}
		hash := sha256.Sum256(message)
		_, err = ecdsa.SignASN1(rand.Reader, signer, hash[:])
		return err
	})
	check(err)
	return rate
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func server(what, database, request string, raw, aim float64, length time.Duration, ocsp bool) error {
	data, err := os.MkdirTemp("", "pkiaas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	args := []string{"--address-rate", "0"} // one address is all clients: nonces are measured too
	if database != "" {
		args = append(args, "--database", database)
	}
	s, err := testbed.Start("demo", data, args...)
	if err != nil {
		return err
	}
	defer func() { _ = s.Stop() }() // measured already
	m := s.Manifest
	token := m.GraphQL.Token
	if err := s.Operate(
		fmt.Sprintf(
			`mutation { updateSubscription(input: {subscriptionId: %q, tier: UNLIMITED, purchasedCertificates: 10000000}) { subscription {
				id } } }`,
			m.Subscription.ID,
		),
	); err != nil {
		return err
	}
	time.Sleep(2100 * time.Millisecond) // the server may know the old tier for two seconds
	ca, err := s.CA(token, m.Partition.ID, "issuing-1")
	if err != nil {
		return err
	}
	issue := func(int) error {
		return s.GraphQL(
			token, testbed.Issue,
			map[string]any{"i": map[string]any{"caId": ca, "profileId": "privatessl-tls-client-server", "csr": request}}, nil,
		)
	}
	if _, _, err := parallel(clients, time.Second, issue); err != nil {
		return err
	}
	before, err := s.ProcessorTime()
	if err != nil {
		return err
	}
	rate, times, err := parallel(clients, length, issue)
	if err != nil {
		return err
	}
	after, err := s.ProcessorTime()
	if err != nil {
		return err
	}
	peak, err := s.PeakMemory()
	if err != nil {
		return err
	}
	row(
		"issuance, GraphQL, "+what+": durable, authorized, audited", rate, times,
		fmt.Sprintf("%.2f of the raw limit (aim %.2f); %d µs of the server's processor time each, at most %d MB resident",
			rate/raw, aim, (after-before).Microseconds()/int64(len(times)), peak>>20))
	if !ocsp {
		return nil
	}
	for _, identifier := range []string{"issuing-1", "issuing-rsa"} {
		if err := benchOCSP(s, data, identifier, length); err != nil {
			return err
		}
	}
	return nil
}

// benchOCSP measures answers from the cache by GET, and answers to requests with a nonce by POST: each of those needs a
// signature. The clients run on the same cores, beside the server and beside the bare handler alike; what the server's
// own work is worth is told by the processor time that it used.
func benchOCSP(s *testbed.Server, data, identifier string, length time.Duration) error {
	m := s.Manifest
	issuing := m.CAs[slices.IndexFunc(m.CAs, func(c demo.ManifestCA) bool { return c.ID == identifier })]
	serial := serialOf(s, identifier)
	requests := map[string][]byte{}
	for _, flag := range []string{"-no_nonce", "-nonce"} {
		file := filepath.Join(data, "request.der")
		out, err := exec.Command(
			"openssl", "ocsp", "-issuer", issuing.CertificateFile, "-serial", "0x"+serial, flag, "-reqout", file,
		).CombinedOutput()
		if err != nil {
			return fmt.Errorf("openssl ocsp: %w %s", err, out)
		}
		if requests[flag], err = os.ReadFile(file); err != nil {
			return err
		}
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var body atomic.Pointer[[]byte]
	ask := func(url string, request []byte) error {
		method := http.MethodGet
		if request != nil {
			method = http.MethodPost
		}
		q, err := http.NewRequest(method, url, bytes.NewReader(request))
		if err != nil {
			return err
		}
		r, err := client.Do(q)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(r.Body); err != nil {
			return err
		}
		if r.StatusCode != 200 || b.Len() < 100 {
			return errors.New(r.Status)
		}
		bytes := b.Bytes()
		body.Store(&bytes)
		return nil
	}
	get := issuing.OCSPURL + "/" + url.PathEscape(base64.StdEncoding.EncodeToString(requests["-no_nonce"]))
	cached, cachedTimes, err := parallel(clients, length, func(int) error { return ask(get, nil) })
	if err != nil {
		return err
	}
	// The bare handler: the same bytes.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	same := *body.Load()
	bare := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/ocsp-response")
		_, _ = w.Write(same)
	})}
	go func() { _ = bare.Serve(l) }()
	limit, took, err := parallel(
		clients, length/2, func(int) error { return ask("http://"+l.Addr().String()+get[strings.Index(get, "/ocsp"):], nil) },
	)
	if err != nil {
		return err
	}
	_ = bare.Close()
	row("bare net/http handler, the same bytes", limit, took, "")
	row(identifier+": OCSP by GET, from the cache", cached, cachedTimes, fmt.Sprintf("%.2f of the bare handler (aim 0.60)", cached/limit))

	a, err := algorithm.ForLabel(issuing.Algorithm)
	if err != nil {
		return err
	}
	signer, err := a.OCSPSignerAlgorithm().Generate()
	if err != nil {
		return err
	}
	message := make([]byte, 300)
	begin := ownTime()
	raw, _, err := parallel(runtime.NumCPU(), length/2, func(int) error { _, err := signer.Sign(message); return err })
	if err != nil {
		return err
	}
	perSignature := (ownTime() - begin).Seconds() / (raw * (length / 2).Seconds())
	before, err := s.ProcessorTime()
	if err != nil {
		return err
	}
	signed, signedTimes, err := parallel(clients, length, func(int) error { return ask(issuing.OCSPURL, requests["-nonce"]) })
	if err != nil {
		return err
	}
	after, err := s.ProcessorTime()
	if err != nil {
		return err
	}
	perAnswer := (after - before).Seconds() / float64(len(signedTimes))
	row("raw signing rate, "+a.OCSPSignerAlgorithm().Label+", all cores", raw, nil, "")
	row(
		identifier+": OCSP with nonce, a signature each", signed, signedTimes,
		fmt.Sprintf(
			"%.2f of the raw signing rate, clients on the same cores (aim 0.80); of the server's processor time %.2f is the signature",
			signed/raw, perSignature/perAnswer,
		),
	)
	return nil
}

// ownTime is the processor time of this process.
func ownTime() time.Duration {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func serialOf(s *testbed.Server, identifier string) string {
	var out testbed.Issued
	ca, err := s.CA(s.Manifest.GraphQL.Token, s.Manifest.Partition.ID, identifier)
	check(err)
	check(
		s.GraphQL(
			s.Manifest.GraphQL.Token, testbed.Issue,
			map[string]any{
				"i": map[string]any{"caId": ca, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("ocsp.example.com")},
			},
			&out,
		),
	)
	return out.IssueCertificate.Certificate.SerialNumber
}
