package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/rbac"
)

// BenchmarkGraphQL is what the server's part of issuing over GraphQL costs in processor time, allocations and bytes:
// through the handlers of the TLS door, without the network and with it (then the client's part is in it).
//
//	go test ./server -run NONE -bench GraphQL -benchtime 1x
func BenchmarkGraphQL(b *testing.B) {
	a, m := inProcess(b)
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	if err := a.store.DB(ctx).Exec(
		"UPDATE subscriptions SET tier = 'UNLIMITED', purchased_certificates = 100000000, purchased_cas = 1000",
	).Error; err != nil {
		b.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond) // the tier may be known for two seconds
	c, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "issuing-1")
	if err != nil {
		b.Fatal(err)
	}
	request, _ := newCSR(b, "bench.example.com", "bench.example.com")
	handlers, err := a.handlers()
	if err != nil {
		b.Fatal(err)
	}
	for _, what := range []struct {
		name, query string
		input       map[string]any
	}{
		{"nothing", `query Nothing { __typename }`, nil},
		{
			"issue",
			`mutation Issue($i: IssueCertificateInput!) { issueCertificate(input: $i) { ... on IssueCertificatePayload { certificate { id
				serialNumber pem } } } }`,
			map[string]any{
				"caId": c.ID, "profileId": "privatessl-tls-client-server",
				"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})),
			}},
	} {
		variables := map[string]any{}
		if what.input != nil {
			variables["i"] = what.input
		}
		body, err := json.Marshal(map[string]any{"query": what.query, "variables": variables})
		if err != nil {
			b.Fatal(err)
		}
		post := func(url string) *http.Request {
			r := httptest.NewRequest(http.MethodPost, url, bytes.NewReader(body))
			r.RequestURI = ""
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+m.GraphQL.Token)
			return r
		}
		check := func(b *testing.B, status int, text []byte) {
			if status != 200 || bytes.Contains(text, []byte(`"errors"`)) {
				b.Errorf("%d %s", status, text)
			}
		}
		if what.input != nil {
			b.Run(what.name+"/domain", func(b *testing.B) {
				measured(b, func() error {
					_, err := a.enrollment.Issue(
						ctx, intake.Text{CAID: c.ID, ProfileID: "privatessl-tls-client-server", CSR: what.input["csr"].(string)}.Request(),
					)
					return err
				})
			})
		}
		b.Run(what.name+"/handler", func(b *testing.B) {
			measured(b, func() error {
				w := httptest.NewRecorder()
				handlers["tls"].ServeHTTP(w, post("/graphql"))
				check(b, w.Code, w.Body.Bytes())
				return nil
			})
		})
		b.Run(what.name+"/TLS", func(b *testing.B) {
			// the server is our own
			client := &http.Client{
				Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 64},
			}
			measured(b, func() error {
				r, err := client.Do(post(a.cfg.BaseURL + "/graphql"))
				if err != nil {
					return err
				}
				defer r.Body.Close()
				text, err := io.ReadAll(r.Body)
				check(b, r.StatusCode, text)
				return err
			})
		})
	}
}

// BenchmarkGateway is the same through the CA Gateway API.
//
//	go test ./server -run NONE -bench Gateway -benchtime 1x
func BenchmarkGateway(b *testing.B) {
	a, m := inProcess(b)
	if err := a.store.DB(context.Background()).Exec(
		"UPDATE subscriptions SET tier = 'UNLIMITED', purchased_certificates = 100000000, purchased_cas = 1000",
	).Error; err != nil {
		b.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond) // the tier may be known for two seconds
	file, err := os.ReadFile(m.CAGW.P12File)
	if err != nil {
		b.Fatal(err)
	}
	_, leaf, _, err := pkcs12.DecodeChain(file, m.CAGW.P12Password)
	if err != nil {
		b.Fatal(err)
	}
	handlers, err := a.handlers()
	if err != nil {
		b.Fatal(err)
	}
	request, _ := newCSR(b, "bench.example.com", "bench.example.com")
	body, err := json.Marshal(
		map[string]any{
			"profileId": "privatessl-tls-client-server", "csr": request, "requiredFormat": map[string]any{"format": "X509"},
			"subjectAltNames": []map[string]string{{"type": "dNSName", "value": "bench.example.com"}},
		},
	)
	if err != nil {
		b.Fatal(err)
	}
	for _, what := range []struct{ name, method, path string }{{"status", "GET", "/status"}, {"issue", "POST", "/enrollments"}} {
		b.Run(what.name, func(b *testing.B) {
			measured(b, func() error {
				r := httptest.NewRequest(what.method, "/cagw/v1/certificate-authorities/"+m.CAGW.CAID+what.path, bytes.NewReader(body))
				r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
				w := httptest.NewRecorder()
				handlers["mtls"].ServeHTTP(w, r)
				if w.Code != 200 {
					b.Errorf("%d %s", w.Code, w.Body)
				}
				return nil
			})
		})
	}
}

func measured(b *testing.B, fn func() error) {
	b.Helper()
	cost(b, 32, 300*time.Millisecond, fn)
	var total time.Duration
	if dir := os.Getenv("PKIAAS_BENCH_PROFILES"); dir != "" { // of what is measured, without making the estate
		file, err := os.Create(filepath.Join(dir, strings.ReplaceAll(b.Name(), "/", "-")+".cpu"))
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			b.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	calls := 0
	for range 3 {
		each, n := costs(b, 32, time.Second, fn)
		total += each
		calls += n
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(total.Microseconds())/3, "cpu-µs")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(calls), "allocs")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(calls)/1024, "KiB")
	b.ReportMetric(float64(after.NumGC-before.NumGC), "gcs")
	b.ReportMetric(float64(calls)/3, "calls/s")
	b.ReportMetric(0, "ns/op")
}
