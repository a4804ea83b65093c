package conformance

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

// TestKill ends the server with SIGKILL under issuing and revoking load, again and again. Afterwards every certificate
// that a client received is there, no serial number came twice, CRL numbers never fell, and the audit chain is intact.
// PKIAAS_KILLS sets how often; 12 by default.
func TestKill(t *testing.T) {
	kills := 12
	if n, err := strconv.Atoi(os.Getenv("PKIAAS_KILLS")); err == nil {
		kills = n
	}
	onEachDatabase(t, func(t *testing.T, database string) {
		data := t.TempDir()
		s := start(t, "demo", data, database)
		partition, token := s.Manifest.Partition.ID, s.Manifest.GraphQL.Token
		caID, err := s.CA(token, partition, "issuing-1")
		if err != nil {
			t.Fatal(err)
		}
		unlimited(t, s)
		csr := testbed.CSR("kill.example.com")
		var mu sync.Mutex
		received := map[string]string{} // serial → PEM
		var lastNumber int64
		for n := range kills {
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for worker := range 6 {
				wg.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						var out testbed.Issued
						err := s.GraphQL(
							token, testbed.Issue,
							map[string]any{"i": map[string]any{"caId": caID, "profileId": "privatessl-tls-client-server", "csr": csr}},
							&out,
						)
						if err != nil {
							continue // the server is gone, or going
						}
						c := out.IssueCertificate.Certificate
						mu.Lock()
						if _, twice := received[c.SerialNumber]; twice {
							t.Errorf("serial number %s was given twice", c.SerialNumber)
						}
						received[c.SerialNumber] = c.PEM
						mu.Unlock()
						if worker == 0 && i%5 == 0 {
							_ = s.GraphQL(
								token, `mutation($i: RevokeCertificateInput!) { revokeCertificate(input: $i) { certificate { id } } }`,
								map[string]any{"i": map[string]any{"certificateId": c.ID, "reason": "SUPERSEDED"}}, nil,
							)
						}
					}
				})
			}
			time.Sleep(time.Duration(100+rand.IntN(250)) * time.Millisecond) // the load itself, not a wait for something
			s.Kill()
			close(stop)
			wg.Wait()
			s = start(t, "demo", data, database)
			number := crlNumber(t, s, token, partition)
			if number < lastNumber {
				t.Fatalf("kill %d: the CRL number fell from %d to %d", n+1, lastNumber, number)
			}
			lastNumber = number
		}
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
		for serial, text := range received {
			block, _ := pem.Decode([]byte(text))
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil || hex.EncodeToString(c.SerialNumber.Bytes()) != serial {
				t.Fatalf("certificate %s: %v", serial, err)
			}
		}
		var audit struct {
			Partition struct {
				Counts struct{ IssuedCertificates int }
			}
		}
		if err := s.GraphQL(
			token, `query($p: ID!) { partition(id: $p) { counts { issuedCertificates } } }`, map[string]any{"p": partition}, &audit,
		); err != nil {
			t.Fatal(err)
		}
		intact, events, err := s.AuditLog(token, partition)
		if err != nil || !intact {
			t.Error("the audit chain is broken")
		}
		t.Logf(
			"%d kills, %d certificates received, %d recorded, %d audit events, CRL number %d", kills, len(received), len(recorded), events,
			lastNumber,
		)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// unlimited lifts quota and rate of the demo's subscription, as its operator would.
func unlimited(t *testing.T, s *testbed.Server) {
	t.Helper()
	if err := s.Operate(
		fmt.Sprintf(
			`mutation { updateSubscription(input: {subscriptionId: %q, tier: UNLIMITED, purchasedCertificates: 10000000}) { subscription {
				id } } }`,
			s.Manifest.Subscription.ID,
		),
	); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond) // servers may know a tier for two seconds
}

func crlNumber(t *testing.T, s *testbed.Server, token, partition string) int64 {
	t.Helper()
	var out struct {
		Partition struct {
			CertificationAuthority struct{ CRL struct{ Number int64 } }
		}
	}
	if err := s.GraphQL(
		token, `query($p: ID!) { partition(id: $p) { certificationAuthority(identifier: "issuing-1") { crl { number } } } }`,
		map[string]any{"p": partition}, &out,
	); err != nil {
		t.Fatal(err)
	}
	return out.Partition.CertificationAuthority.CRL.Number
}

func allCertificates(t *testing.T, s *testbed.Server, token, partition string) map[string]int {
	t.Helper()
	found := map[string]int{}
	var after any
	for {
		var out struct {
			Partition struct {
				Certificates struct {
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
					Nodes []struct{ SerialNumber string }
				}
			}
		}
		if err := s.GraphQL(
			token,
			`query($p: ID!, $a: String) { partition(id: $p) { certificates(first: 500, after: $a) { pageInfo { hasNextPage endCursor } nodes
				{ serialNumber } } } }`,
			map[string]any{"p": partition, "a": after}, &out,
		); err != nil {
			t.Fatal(err)
		}
		for _, n := range out.Partition.Certificates.Nodes {
			found[n.SerialNumber]++
		}
		if !out.Partition.Certificates.PageInfo.HasNextPage {
			return found
		}
		after = out.Partition.Certificates.PageInfo.EndCursor
	}
}
