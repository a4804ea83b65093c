package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/rbac"
)

// BenchmarkIssuance compares issuance through the service (request parsed and its proof of possession checked, profile,
// signature, recorded with audit and counters on SQLite) with the bare signature, in the same process on the same cores,
// by the processor time that both take: others on the machine do not count. PKIAAS_BENCH_ALGORITHM is a regular
// expression of labels.
//
//	go test ./server -run NONE -bench Issuance -benchtime 1x
func BenchmarkIssuance(b *testing.B) {
	only := regexp.MustCompile(os.Getenv("PKIAAS_BENCH_ALGORITHM"))
	a, m := inProcess(b)
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	if err := a.store.DB(ctx).Exec(
		"UPDATE subscriptions SET tier = 'UNLIMITED', purchased_certificates = 100000000, purchased_cas = 1000",
	).Error; err != nil {
		b.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond) // the tier may be known for two seconds
	root, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "root-1")
	if err != nil {
		b.Fatal(err)
	}
	subscriber, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(
		rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: "bench.example.com"}, DNSNames: []string{"bench.example.com"}}, subscriber,
	)
	if err != nil {
		b.Fatal(err)
	}
	request := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	e := &estate{App: a}
	made := 0
	for n, alg := range algorithm.All() {
		if !alg.PostQuantum || alg.Family == "SPHINCS+" || !only.MatchString(alg.Label) { // SPHINCS+ signs in other processes
			continue
		}
		b.Run(alg.Label, func(b *testing.B) {
			made++
			c, err := e.cas.Create(
				ctx,
				ca.Request{
					PartitionID: m.Partition.ID, Type: ca.Issuing, Identifier: fmt.Sprintf("bench-%d", made), FriendlyName: alg.Label,
					SigningAlgorithm: alg.Label,
					Subject:          fmt.Sprintf("CN=Bench %d", n), ParentID: &root.ID, ProfileIDs: []string{"privatessl-tls-server"}})
			if err != nil {
				b.Fatal(err)
			}
			if c, err = e.active(ctx, c.ID); err != nil {
				b.Fatal(err)
			}
			// Raw signing is with the same key, of the same bytes.
			key, err := a.keys.Open(ctx, c.KeyStore, c.KeyID)
			if err != nil {
				b.Fatal(err)
			}
			var message []byte
			issue := func() error {
				issued, err := a.enrollment.Issue(ctx, intake.Text{CAID: c.ID, ProfileID: "privatessl-tls-server", CSR: request}.Request())
				if err == nil && message == nil {
					certificate, err := x509.ParseCertificate(issued.Certificate.DER)
					if err != nil {
						return err
					}
					message = certificate.RawTBSCertificate
				}
				return err
			}
			if err := issue(); err != nil {
				b.Fatal(err)
			}
			raw := func() error { _, err := key.Sign(ctx, message); return err }
			callers, turns := 256, 12
			if begin := time.Now(); issue() != nil || time.Since(begin) > 25*time.Millisecond {
				callers, turns = 2*runtime.GOMAXPROCS(0), 3 // so many at once would not finish in time
			}
			cost(b, callers, 2*time.Second, issue) // a server that has run for a while
			cores := float64(runtime.GOMAXPROCS(0))
			var rawCost, issueCost time.Duration
			for range turns { // so that both see the same machine
				rawCost += cost(b, int(cores), 500*time.Millisecond, raw)
				issueCost += cost(b, callers, time.Second, issue)
			}
			b.ReportMetric(cores*float64(turns)/rawCost.Seconds(), "raw/s")
			b.ReportMetric(cores*float64(turns)/issueCost.Seconds(), "issued/s")
			b.ReportMetric(float64(rawCost)/float64(issueCost), "of-raw")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkOCSPNonce compares the answer to a request with a nonce (request read, status looked up, answer built and signed
// for this once) with the bare signature by the same kind of key, by processor time as BenchmarkIssuance. What HTTP costs
// comes on top: `npm run bench` has it.
//
//	go test ./server -run NONE -bench OCSPNonce -benchtime 1x
func BenchmarkOCSPNonce(b *testing.B) {
	a, m := inProcess(b)
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	e := &estate{App: a}
	for n, label := range []string{"ECDSAP256+SHA256", "ECDSAP384+SHA384", "RSA-3072+PKCS15-SHA256"} {
		b.Run(label, func(b *testing.B) {
			c, err := e.cas.Create(
				ctx,
				ca.Request{
					PartitionID: m.Partition.ID, Type: ca.Root, Identifier: fmt.Sprintf("ocsp-%d-%d", n, b.N), FriendlyName: label,
					SigningAlgorithm: label, Subject: fmt.Sprintf("CN=bench %d %d", n, b.N), OCSPEnabled: true,
				},
			)
			if err != nil {
				b.Fatal(err)
			}
			if c, err = e.active(ctx, c.ID); err != nil {
				b.Fatal(err)
			}
			signer, err := x509.ParseCertificate(signerOf(b, e.App, c).Certificate)
			if err != nil {
				b.Fatal(err)
			}
			issuer, err := x509.ParseCertificate(c.Certificate)
			if err != nil {
				b.Fatal(err)
			}
			dir := b.TempDir()
			for name, cert := range map[string]*x509.Certificate{"ca": issuer, "signer": signer} {
				if err := os.WriteFile(
					filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600,
				); err != nil {
					b.Fatal(err)
				}
			}
			if out, err := exec.Command(
				"openssl", "ocsp", "-issuer", dir+"/ca", "-cert", dir+"/signer", "-nonce", "-reqout", dir+"/request",
			).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			request, err := os.ReadFile(dir + "/request")
			if err != nil {
				b.Fatal(err)
			}
			alg, err := algorithm.ForLabel(label)
			if err != nil {
				b.Fatal(err)
			}
			key, err := alg.Generate()
			if err != nil {
				b.Fatal(err)
			}
			message := make([]byte, 600)
			raw := func() error { _, err := key.Sign(message); return err }
			answer := func() error {
				if a := a.status.OCSP(ctx, m.Partition.ID, c.Identifier, request); len(a.DER) < 100 {
					return fmt.Errorf("an error status: %x", a.DER)
				}
				return nil
			}
			cores := runtime.GOMAXPROCS(0)
			var rawCost, answerCost time.Duration
			for range 3 {
				rawCost += cost(b, cores, time.Second, raw)
				answerCost += cost(b, cores, time.Second, answer)
			}
			b.ReportMetric(float64(cores)*3/rawCost.Seconds(), "raw/s")
			b.ReportMetric(float64(cores)*3/answerCost.Seconds(), "answers/s")
			b.ReportMetric(float64(rawCost)/float64(answerCost), "of-raw")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// cost is the processor time of one call, measured over so many callers for so long.
func cost(b *testing.B, callers int, length time.Duration, fn func() error) time.Duration {
	each, _ := costs(b, callers, length, fn)
	return each
}

// costs is cost, with the number of calls.
func costs(b *testing.B, callers int, length time.Duration, fn func() error) (time.Duration, int) {
	processor := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	var mu sync.Mutex
	calls := 0
	var wg sync.WaitGroup
	before, begin := processor(), time.Now()
	for range callers {
		wg.Go(func() {
			for n := 0; ; n++ {
				if n > 0 && time.Since(begin) > length {
					mu.Lock()
					calls += n
					mu.Unlock()
					return
				}
				if err := fn(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return (processor() - before) / time.Duration(max(calls, 1)), calls
}
