// Command bench measures what the product does against the raw limit of the same machine in the same run. Its parts, all
// of them unless some are named: product (issuance over GraphQL on SQLite and PostgreSQL, OCSP with and without nonce, the
// building of a large CRL), algorithms (each signing algorithm), hsm (keys in a token). Timings live here and not in tests.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/name"
)

const clients = 32

func main() {
	length := flag.Duration("for", 6*time.Second, "length of each measurement")
	only := flag.String("only", "", "regular expression of the signing algorithms to be measured")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "bench [flags] [product] [algorithms] [hsm]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*length, regexp.MustCompile(*only), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// hsm is set where there is cgo.
var hsm = func(time.Duration, *regexp.Regexp) error { return errors.New("tokens need cgo") }

func run(length time.Duration, only *regexp.Regexp, names []string) error {
	parts := []struct {
		name string
		run  func() error
	}{
		{"product", func() error { return product(length) }},
		{"algorithms", func() error { return algorithms(length/6, only) }},
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
		return fmt.Errorf("%q: the parts are product, algorithms and hsm", names)
	}
	return nil
}

func product(length time.Duration) error {
	fmt.Printf("%d cores, %d clients, %s each\n\n| what | per second | p50 | p99 | against |\n| --- | --- | --- | --- | --- |\n", runtime.NumCPU(), clients, length)
	request := testbed.CSR("bench.example.com")
	raw := rawIssuance(request, length/2)
	row("raw limit: parse CSR, check its signature, sign (P-256), all cores", raw, nil, "")
	if err := server("SQLite", "", request, raw, 0.17, length, true); err != nil {
		return err
	}
	database, drop, err := testbed.Postgres()
	if err != nil {
		fmt.Println("| PostgreSQL | not measured | | | " + err.Error() + " |")
	} else {
		defer drop()
		if err := server("PostgreSQL", database, request, raw, 0.12, length, false); err != nil {
			return err
		}
	}
	return largeCRL()
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
	var args []string
	if database != "" {
		args = []string{"--database", database}
	}
	s, err := testbed.Start("demo", data, args...)
	if err != nil {
		return err
	}
	defer func() { _ = s.Stop() }() // measured already
	m := s.Manifest
	token := m.GraphQL.Token
	if err := s.Operate(fmt.Sprintf(`mutation { updateSubscription(input: {subscriptionId: %q, tier: UNLIMITED, purchasedCertificates: 10000000}) { subscription { id } } }`, m.Subscription.ID)); err != nil {
		return err
	}
	time.Sleep(2100 * time.Millisecond) // the server may know the old tier for two seconds
	ca, err := s.CA(token, m.Partition.ID, "issuing-1")
	if err != nil {
		return err
	}
	issue := func(int) error {
		return s.GraphQL(token, testbed.Issue, map[string]any{"i": map[string]any{"caId": ca, "profileId": "privatessl-tls-client-server", "csr": request}}, nil)
	}
	if _, _, err := parallel(clients, time.Second, issue); err != nil {
		return err
	}
	rate, times, err := parallel(clients, length, issue)
	if err != nil {
		return err
	}
	row("issuance, GraphQL, "+what+": durable, authorized, audited", rate, times, fmt.Sprintf("%.2f of the raw limit (aim %.2f)", rate/raw, aim))
	if !ocsp {
		return nil
	}
	return benchOCSP(s, data, length)
}

func benchOCSP(s *testbed.Server, data string, length time.Duration) error {
	m := s.Manifest
	issuing := m.CAs[1]
	requests := map[string][]byte{}
	for form, flag := range map[string]string{"without nonce, from cache": "-no_nonce", "with nonce, signed anew": "-nonce"} {
		file := filepath.Join(data, "request.der")
		// The signing certificate of the issuing CA stands for any: what matters is the work.
		out, err := exec.Command("openssl", "ocsp", "-issuer", issuing.CertificateFile, "-serial", "0x"+serialOf(s), flag, "-reqout", file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("openssl ocsp: %w %s", err, out)
		}
		if requests[form], err = os.ReadFile(file); err != nil {
			return err
		}
	}
	var body atomic.Pointer[[]byte]
	post := func(client *http.Client, url string, request []byte) error {
		r, err := client.Post(url, "application/ocsp-request", bytes.NewReader(request))
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
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	rates := map[string]float64{}
	times := map[string][]time.Duration{}
	for _, form := range []string{"with nonce, signed anew", "without nonce, from cache"} {
		rate, took, err := parallel(clients, length, func(int) error { return post(client, issuing.OCSPURL, requests[form]) })
		if err != nil {
			return err
		}
		rates[form], times[form] = rate, took
	}
	// The bare handler: the same bytes, in a process of its own as the server is.
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
	limit, took, err := parallel(clients, length/2, func(int) error {
		return post(client, "http://"+l.Addr().String()+"/", requests["without nonce, from cache"])
	})
	if err != nil {
		return err
	}
	_ = bare.Close()
	row("bare net/http handler with the same bytes", limit, took, "")
	for _, form := range []string{"without nonce, from cache", "with nonce, signed anew"} {
		row("OCSP "+form, rates[form], times[form], fmt.Sprintf("%.2f of the bare handler (aim for the cache 0.30)", rates[form]/limit))
	}
	return nil
}

func serialOf(s *testbed.Server) string {
	var out testbed.Issued
	ca, err := s.CA(s.Manifest.GraphQL.Token, s.Manifest.Partition.ID, "issuing-1")
	check(err)
	check(s.GraphQL(s.Manifest.GraphQL.Token, testbed.Issue, map[string]any{"i": map[string]any{"caId": ca, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("ocsp.example.com")}}, &out))
	return out.IssueCertificate.Certificate.SerialNumber
}

func largeCRL() error {
	dir, err := os.MkdirTemp("", "pkiaas-bench-keys-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	kek, err := keystore.OpenKEK("file:"+filepath.Join(dir, "kek"), keystore.KEKHelp{})
	if err != nil {
		return err
	}
	keys, err := keystore.OpenStore("file:"+dir, keystore.Options{KEK: kek})
	if err != nil {
		return err
	}
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	if err != nil {
		return err
	}
	key, err := keys.Generate(context.Background(), a)
	if err != nil {
		return err
	}
	issuer, err := name.Parse("CN=Bench CA")
	if err != nil {
		return err
	}
	const entries = 100_000
	serials := make([]string, entries)
	for n := range serials {
		serials[n] = hex.EncodeToString(issuance.NewSerialNumber())
	}
	now := time.Now()
	var revoked iter.Seq2[issuance.RevokedCertificate, error] = func(yield func(issuance.RevokedCertificate, error) bool) {
		for _, text := range serials {
			serial, err := hex.DecodeString(text)
			if !yield(issuance.RevokedCertificate{SerialNumber: serial, RevokedAt: now, Reason: 4}, err) {
				return
			}
		}
	}
	begin := time.Now()
	der, err := issuance.SignCRL(context.Background(), issuance.CRL{Issuer: issuer.DER(), AuthorityKeyID: []byte{1}, Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, revoked, key)
	if err != nil {
		return err
	}
	fmt.Printf("\nCRL with %d entries: built and signed in %s, %d bytes\n", entries, time.Since(begin).Round(time.Millisecond), len(der))
	return nil
}
