package conformance

import (
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/pkiaas/pkiaas/conformance/acmeclient"
	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/protocols/acme/va/vatest"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// balancer sends each request to the next of several servers, and to another one when nobody listens there: so hardly a nonce
// is used where it came from.
type balancer struct {
	servers []*http.Transport
	next    atomic.Int64
}

func (b *balancer) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	first := int(b.next.Add(1))
	for n := range b.servers {
		again := r.Clone(r.Context())
		if r.GetBody != nil {
			if again.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
		answer, err = b.servers[(first+n)%len(b.servers)].RoundTrip(again)
		var failed *net.OpError
		if err == nil || !errors.As(err, &failed) || failed.Op != "dial" {
			break
		}
	}
	return answer, err
}

// to is a transport that reaches one server whatever the URL says.
func to(s *testbed.Server, address string) *http.Transport {
	t := s.HTTP().Transport.(*http.Transport).Clone()
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return t
}

// free is an address of loopback that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestACMELoad has 32 clients order at two servers on one PostgreSQL, of which one is killed and the other one stopped while they
// do; both come back, and the load goes on until then. Each client goes on with what it was told, as clients do.
// PKIAAS_ACME_ORDERS sets how many orders;
// 400 by default.
func TestACMELoad(t *testing.T) {
	total := 400
	if n, err := strconv.Atoi(os.Getenv("PKIAAS_ACME_ORDERS")); err == nil {
		total = n
	}
	database, data := storetest.Postgres(t), t.TempDir()
	resolver := vatest.NewDNS(t)
	resolver.Answer(func(q *dns.Msg, _ string) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA && strings.HasSuffix(q.Question[0].Name, ".load.test.") {
			m.Answer = []dns.RR{
				&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)},
			}
		}
		return m
	})
	l, err := net.Listen("tcp", "0.0.0.0:0") // any address of 127.0.0.0/8 is ordered for
	if err != nil {
		t.Fatal(err)
	}
	responder := &acmeclient.Responder{}
	listener := &http.Server{Handler: responder, ReadHeaderTimeout: time.Minute}
	go func() { _ = listener.Serve(l) }()
	t.Cleanup(func() { _ = listener.Close() })
	args := []string{"--acme-http-port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port), "--acme-resolver", resolver.Address}
	at := []string{free(t), free(t)}
	first := start(t, "demo", data, database, append(args, "--listen", at[0])...)
	m := first.Manifest
	beside := append(args, "--listen", at[1], "--base-url", m.BaseURL, "--public-url", m.PublicURL, "--acme-allow", "127.0.0.0/8")
	second := start(t, "serve", data, database, beside...)
	unlimited(t, first)
	key, err := first.ACME(database, "load", false)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond) // servers may know a tier for two seconds
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(total/10+120)*time.Second)
	defer cancel()
	direct := []*http.Client{
		{Transport: to(first, at[0]), Timeout: 30 * time.Second}, {Transport: to(second, at[1]), Timeout: 30 * time.Second},
	}
	both := &http.Client{Transport: &balancer{servers: []*http.Transport{to(first, at[0]), to(second, at[1])}}, Timeout: 30 * time.Second}

	const clients = 32
	accounts := make([]*acmeclient.Client, clients)
	for n := range accounts {
		if accounts[n], err = acmeclient.New(ctx, both, key.Directory); err != nil {
			t.Fatal(err)
		}
		accounts[n].Present = responder.Present
		if err := accounts[n].Register(ctx, key.KID, key.HMAC); err != nil {
			t.Fatal(err)
		}
	}
	// A nonce of one server is good at the other one, once in all.
	nonce, err := accounts[0].As(direct[0]).Nonce(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accounts[0].As(direct[1]).PostWith(ctx, nonce, accounts[0].URL, nil, nil); err != nil {
		t.Errorf("the nonce of the other server: %v", err)
	}
	for n := range direct {
		var p *acmeclient.Problem
		if _, err := accounts[0].As(direct[n]).PostWith(ctx, nonce, accounts[0].URL, nil, nil); !errors.As(err, &p) ||
			p.Name() != "badNonce" {
			t.Errorf("a nonce used twice, at server %d: %v", n+1, err)
		}
	}

	var mu sync.Mutex
	got := map[string][]byte{} // id of the order → certificate
	var done, unknown, interrupted atomic.Int64
	const pause = 50 * time.Millisecond // as clients make before they try again
	order := func(c *acmeclient.Client, n int) error {
		id := acmeclient.Identifier{Type: "dns", Value: fmt.Sprintf("host-%d.load.test", n)}
		if n%2 == 0 {
			id = acmeclient.Identifier{Type: "ip", Value: net.IPv4(127, byte(n>>16)+1, byte(n>>8), byte(n)).String()}
		}
		csr, err := acmeclient.Request(id)
		if err != nil {
			return err
		}
		// What the server refuses is final; a request that had no answer is made again.
		again := func(err error) bool {
			var p *acmeclient.Problem
			return err != nil && ctx.Err() == nil && !(errors.As(err, &p) && p.Status < 500)
		}
		o, err := c.NewOrder(ctx, "", id)
		for ; again(err); o, err = c.NewOrder(ctx, "", id) {
			time.Sleep(pause)
			unknown.Add(1) // it may have been made, and the client does not know of it
		}
		if err != nil {
			return err
		}
		der, err := c.Complete(ctx, o, csr)
		for again(err) {
			time.Sleep(pause)
			interrupted.Add(1)
			var now *acmeclient.Order
			if now, err = c.Order(ctx, o.URL); err == nil {
				der, err = c.Complete(ctx, now, csr)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o.URL, err)
		}
		mu.Lock()
		got[o.URL[strings.LastIndex(o.URL, "/")+1:]] = der
		mu.Unlock()
		return nil
	}
	work := make(chan int)
	var wg sync.WaitGroup
	begin := time.Now()
	for _, c := range accounts {
		wg.Go(func() {
			for n := range work {
				if err := order(c, n); err != nil {
					t.Errorf("order %d: %v", n, err)
				}
				done.Add(1)
			}
		})
	}
	kill, stop, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		restart := func(s **testbed.Server, command string, args ...string) bool {
			back, err := testbed.Start(command, data, append(args, "--database", database)...)
			if err != nil {
				t.Error(err)
				return false
			}
			t.Cleanup(back.Kill)
			*s = back
			return true
		}
		<-kill
		second.Kill()
		if !restart(&second, "serve", beside...) {
			return
		}
		<-stop
		if err := first.Stop(); err != nil {
			t.Error(err)
		}
		restart(&first, "demo", append(args, "--listen", at[0])...)
	}()
	made, running := 0, true
	for ; made < total || running; made++ {
		switch made {
		case total / 4:
			close(kill)
		case total / 2:
			close(stop)
		}
		work <- made
		select {
		case <-over: // the load went on until then
			running = false
		default:
		}
	}
	total = made
	close(work)
	wg.Wait()
	took := time.Since(begin)
	if len(got) != total {
		t.Errorf("%d of %d orders led to a certificate", len(got), total)
	}

	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(
		ctx, `SELECT o.id, o.status, c.serial_number FROM acme_orders o LEFT JOIN certificates c ON c.id = o.certificate_id`,
	)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	named, open := map[string]string{}, 0
	for rows.Next() {
		var id, status string
		var serial *string
		if err := rows.Scan(&id, &status, &serial); err != nil {
			t.Fatal(err)
		}
		der, known := got[id]
		switch {
		case serial == nil && known:
			t.Errorf("order %s, whose client has a certificate, is %s and names none", id, status)
		case serial == nil && (status == "pending" || status == "ready"):
			open++ // its client was not told of it; it expires
		case serial == nil || status != "valid":
			t.Errorf("order %s is %s", id, status)
		default:
			if other, twice := named[*serial]; twice {
				t.Errorf("the orders %s and %s name the same certificate", id, other)
			}
			named[*serial] = id
			if leaf, err := x509.ParseCertificate(der); err != nil || hex.EncodeToString(leaf.SerialNumber.Bytes()) != *serial {
				t.Errorf("the client of order %s has another certificate than %s: %v", id, *serial, err)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if int64(open) > unknown.Load() {
		t.Errorf("%d orders are open, but only %d requests for one had no answer", open, unknown.Load())
	}
	var issued, serials, jobs int
	if err := db.QueryRowContext(
		ctx, `SELECT count(*), count(DISTINCT serial_number), (SELECT count(*) FROM jobs WHERE kind = 'acme.validate' AND job_key IN
		(SELECT authorization_id || '/' || type FROM acme_challenges WHERE status = 'processing')) FROM certificates WHERE source =
			'acme'`).Scan(&issued, &serials, &jobs); err != nil {
		t.Fatal(err)
	}
	if issued != len(named) || serials != issued || issued != len(got) || jobs != 0 {
		t.Errorf(
			"%d certificates in the inventory with %d serial numbers, orders name %d, clients have %d; %d validations are still to be made",
			issued, serials, len(named), len(got), jobs,
		)
	}
	if intact, _, err := second.AuditLog(m.GraphQL.Token, m.Partition.ID); err != nil {
		t.Error(err)
	} else if !intact {
		t.Error("the audit chain is broken")
	}
	t.Logf(
		"%d orders in %s (%.0f a second), %d times interrupted, %d orders unknown to their clients", total, took.Round(time.Second),
		float64(total)/took.Seconds(), interrupted.Load(), open,
	)
}
