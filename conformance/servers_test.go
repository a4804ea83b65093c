package conformance

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// TestTwoServers runs two servers on one PostgreSQL under load: quota and rate hold exactly, and of each CRL there is
// one a period.
func TestTwoServers(t *testing.T) {
	database := storetest.Postgres(t)
	data := t.TempDir()
	first := start(t, "demo", data, database, "--crl-interval", "2s")
	second := start(t, "serve", data, database, "--crl-interval", "2s", "--public-url", first.Manifest.PublicURL)
	servers := []*testbed.Server{first, second}
	m := first.Manifest
	partition, token := m.Partition.ID, m.GraphQL.Token
	caID, err := first.CA(token, partition, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	csr := testbed.CSR("two.example.com")
	operator, err := first.SignIn(*m.Operator)
	if err != nil {
		t.Fatal(err)
	}
	operate := func(change string) {
		t.Helper()
		if err := operator.GraphQL(
			fmt.Sprintf(
				`mutation { updateSubscription(input: {subscriptionId: %q, %s}) { subscription { id } } }`, m.Subscription.ID, change,
			),
			nil, nil,
		); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2100 * time.Millisecond) // servers may know a tier for two seconds
	}
	issueMany := func(n int) map[string]int {
		answers := map[string]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		work := make(chan int)
		for range 16 {
			wg.Go(func() {
				for i := range work {
					err := servers[i%2].GraphQL(
						token, testbed.Issue,
						map[string]any{"i": map[string]any{"caId": caID, "profileId": "privatessl-tls-client-server", "csr": csr}}, nil,
					)
					code := "issued"
					var e *testbed.Error
					if errors.As(err, &e) {
						code = fmt.Sprintf("%d %s", e.Status, e.Code)
					} else if err != nil {
						code = err.Error()
					}
					mu.Lock()
					answers[code]++
					mu.Unlock()
				}
			})
		}
		for i := range n {
			work <- i
		}
		close(work)
		wg.Wait()
		return answers
	}
	counted := func() int {
		var out struct {
			Partition struct {
				Counts struct{ IssuedCertificates int }
			}
		}
		if err := first.GraphQL(
			token, `query($p: ID!) { partition(id: $p) { counts { issuedCertificates } } }`, map[string]any{"p": partition}, &out,
		); err != nil {
			t.Fatal(err)
		}
		return out.Partition.Counts.IssuedCertificates
	}

	t.Run("quota", func(t *testing.T) {
		before := counted()
		operate(fmt.Sprintf("tier: UNLIMITED, purchasedCertificates: %d", before+57))
		answers := issueMany(300)
		if answers["issued"] != 57 || answers["200 QUOTA_EXCEEDED"] != 243 || counted() != before+57 {
			t.Errorf("with room for 57: %v, and %d are counted after %d", answers, counted(), before)
		}
	})
	t.Run("rate", func(t *testing.T) {
		operate("tier: STANDARD, purchasedCertificates: 100000")
		// A quick machine sends all requests within a window or two, a slow one needs more: each window has its hundred.
		window := func() int64 { return time.Now().Unix() / 10 }
		time.Sleep(time.Until(time.Unix(10*(window()+1), 0))) // what was asked before counts in this window
		begin := window()
		answers := issueMany(260)
		windows := int(window() - begin + 1)
		issued, refused := answers["issued"], answers["429 TOO_MANY_REQUESTS"]
		if issued+refused != 260 || issued > 100*windows || windows == 1 && issued != 100 {
			t.Errorf("with 100 in a window, in %d windows: %v", windows, answers)
		}
	})
	t.Run("one CRL a period", func(t *testing.T) {
		operate("tier: UNLIMITED")
		var out struct {
			Partition struct {
				AuditEvents struct {
					Nodes []struct {
						Time    time.Time
						Details struct{ Number int64 }
					}
				}
			}
		}
		query := `query($p: ID!, $ca: ID!) { partition(id: $p) { auditEvents(first: 100, filter: {action: "crl.publish", objectId: $ca}) {
			nodes { time details } } } }`
		root, err := first.CA(token, partition, "root-1")
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "five CRLs are published", func() bool {
			if err := first.GraphQL(token, query, map[string]any{"p": partition, "ca": root}, &out); err != nil {
				t.Fatal(err)
			}
			return len(out.Partition.AuditEvents.Nodes) >= 5
		})
		nodes := out.Partition.AuditEvents.Nodes
		for n := 1; n < len(nodes); n++ {
			newer, older := nodes[n-1], nodes[n]
			if newer.Details.Number <= older.Details.Number {
				t.Errorf("CRL %d follows %d", newer.Details.Number, older.Details.Number)
			}
			if gap := newer.Time.Sub(older.Time); gap < 1900*time.Millisecond {
				t.Errorf("CRL %d came %s after the one before; the period is 2 s", newer.Details.Number, gap)
			}
		}
		if intact, _, err := first.AuditLog(token, partition); err != nil || !intact {
			t.Error("the audit chain is broken")
		}
		t.Logf("%d CRLs of the root", len(nodes))
	})
	t.Run("a socket ends on the other server", func(t *testing.T) {
		owner, err := first.SignIn(m.Users[0])
		if err != nil {
			t.Fatal(err)
		}
		a := &attack{T: t, Server: second, m: second.Manifest, partition: partition}
		id, secret, err := a.token(owner, "role: OWNERS")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := a.socket(secret)
		if err != nil {
			t.Fatal(err)
		}
		a.subscribe(conn)
		if err := owner.GraphQL(fmt.Sprintf(`mutation { revokeApiToken(input: {id: %q}) { apiToken { id } } }`, id), nil, nil); err != nil {
			t.Fatal(err)
		}
		if c := closed(conn); c < 4000 {
			t.Errorf("closed with %d", c)
		}
	})
	for _, s := range servers {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
}
