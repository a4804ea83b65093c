package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/notify"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
)

// TestNotifications puts the clock forward past the marks: each thing is told of once a mark, in one message a kind;
// webhooks are signed, and called again after a failure.
func TestNotifications(t *testing.T) {
	a, m := inProcess(t)
	t.Cleanup(func() { ahead.Store(0) })
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	type call struct {
		header http.Header
		body   []byte
		event  struct {
			ID, Event string
			Count     int
			Objects   []struct{ ID, Name string }
		}
	}
	var mu sync.Mutex
	var calls []*call
	refuse := 1
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		c := &call{header: r.Header}
		c.body, _ = io.ReadAll(r.Body)
		_ = json.Unmarshal(c.body, &c.event)
		calls = append(calls, c)
		if refuse > 0 {
			refuse--
			http.Error(w, "come again", http.StatusServiceUnavailable)
		}
	}))
	defer receiver.Close()
	if _, _, err := a.notify.CreateWebhook(
		ctx, m.Partition.ID, "inside", receiver.URL,
	); !fault.Is(err, fault.PolicyRefused) && !fault.Is(err, fault.Invalid) {
		t.Fatalf("a webhook to this machine: %v", err)
	}
	allowing, err := newPoster([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	a.notify.Poster = allowing
	hook, secret, err := a.notify.CreateWebhook(ctx, m.Partition.ID, "inside", receiver.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.notify.Update(
		ctx, m.Partition.ID, []int{7, 30, 1, 7}, []string{"pki@example.com", "second@example.com"}, nil,
	); err != nil {
		t.Fatal(err)
	}
	if _, err := a.notify.Update(
		ctx, m.Partition.ID, []int{7}, []string{"Mallory <m@example.com>\r\nBcc: x@example.com"}, nil,
	); !fault.Is(err, fault.Invalid) {
		t.Errorf("a recipient with a header in it: %v", err)
	}

	// A test call: refused once, repeated half a minute later with the same body.
	if _, err := a.notify.TestWebhook(ctx, hook.ID); err != nil {
		t.Fatal(err)
	}
	received := func(event string) (list []*call) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range calls {
			if c.event.Event == event {
				list = append(list, c)
			}
		}
		return list
	}
	eventually(t, "the first attempt", func() error {
		d, err := a.notify.Deliveries(ctx, hook, page.Request{First: page.MaxFirst})
		if err == nil && (len(d.Nodes) != 1 || d.Nodes[0].Attempts != 1 || d.Nodes[0].State != notify.Pending) {
			err = fmt.Errorf("%+v", d)
		}
		return err
	})
	ahead.Store(int64(31 * time.Second))
	eventually(t, "the second attempt", func() error {
		d, err := a.notify.Deliveries(ctx, hook, page.Request{First: page.MaxFirst})
		if err == nil && d.Nodes[0].State != notify.Delivered {
			err = fmt.Errorf("%+v", d.Nodes[0])
		}
		return err
	})
	tests := received("test")
	if len(tests) != 2 || string(tests[0].body) != string(tests[1].body) {
		t.Fatalf("%d calls", len(tests))
	}
	for _, c := range tests {
		var at int64
		var mac string
		if _, err := fmt.Sscanf(strings.Replace(c.header.Get("Pkiaas-Signature"), ",v1=", " ", 1), "t=%d %s", &at, &mac); err != nil {
			t.Fatal(err)
		}
		if want := notify.Sign([]byte(secret), c.body, time.Unix(at, 0)); want != c.header.Get("Pkiaas-Signature") {
			t.Errorf("signature %s, want %s", c.header.Get("Pkiaas-Signature"), want)
		}
	}
	var stored notify.Webhook
	if err := a.store.DB(ctx).Take(&stored).Error; err != nil || len(stored.Secret) == 0 ||
		strings.Contains(string(stored.Secret), secret) {
		t.Errorf("the secret lies open in the database: %v", err)
	}

	// What expires first of the demo's: its mark is crossed when the clock stands a little past it.
	var first struct {
		ID       string
		NotAfter time.Time
	}
	if err := a.store.DB(ctx).Raw(
		"SELECT id, not_after FROM certificates WHERE kind = 'SUBSCRIBER' AND status <> 'REVOKED' AND not_after > ? ORDER BY not_after "+
			"LIMIT 1",
		a.now().AddDate(0, 0, 31),
	).Scan(&first).Error; err != nil {
		t.Fatal(err)
	}
	told := func() (n int) {
		for _, c := range received("expiry.certificate") {
			for _, o := range c.event.Objects {
				if o.ID == first.ID {
					n++
				}
			}
		}
		return n
	}
	run := func() {
		t.Helper()
		if err := a.store.DB(ctx).Exec("UPDATE jobs SET run_at = ? WHERE kind = ?", a.now(), notify.ExpiryJob).Error; err != nil {
			t.Fatal(err)
		}
		eventually(t, "the run", func() error {
			var due int64
			if err := a.store.DB(ctx).Raw(
				"SELECT count(*) FROM jobs WHERE kind IN ? AND run_at <= ?", []string{notify.ExpiryJob, notify.DeliverJob}, a.now(),
			).Scan(&due).Error; err != nil || due > 0 {
				return fmt.Errorf("%d are due: %v", due, err)
			}
			return nil
		})
	}
	for n, days := range []int{30, 7, 1} {
		ahead.To(first.NotAfter.AddDate(0, 0, -days).Add(time.Minute))
		run()
		run()
		eventually(t, fmt.Sprintf("told %d days before", days), func() error {
			if told() != n+1 {
				return fmt.Errorf("told of %d times", told())
			}
			return nil
		})
	}
	mails, err := a.mail.Outbox(ctx, page.Request{First: page.MaxFirst})
	if err != nil {
		t.Fatal(err)
	}
	recipients := map[string]int{}
	for _, mail := range mails.Nodes {
		if strings.Contains(mail.Subject, "certificates about to expire") {
			recipients[mail.Recipient]++
		}
	}
	if n := len(received("expiry.certificate")); recipients["pki@example.com"] != n || recipients["second@example.com"] != n {
		t.Errorf("%d calls of the webhook and %v mails: one of each a run is right", n, recipients)
	}
}

func TestWebhookAddresses(t *testing.T) {
	p, err := newPoster([]string{"10.1.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{
		"127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "::1", "fe80::1", "fd00::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "255.255.255.255", "198.18.0.1",
	} {
		if p.guard.Check(netip.MustParseAddr(a)) == nil {
			t.Errorf("%s may be called", a)
		}
	}
	for _, a := range []string{"8.8.8.8", "10.1.2.3", "2606:4700::1111"} {
		if p.guard.Check(netip.MustParseAddr(a)) != nil {
			t.Errorf("%s may not be called", a)
		}
	}
	for _, u := range []string{
		"http://example.com/", "https://127.0.0.1/", "https://user:secret@example.com/", "https://[::1]/", "file:///etc/passwd",
		"https://", "gopher://example.com", "https://10.0.0.1:8443/x",
	} {
		if p.Allowed(u) == nil {
			t.Errorf("%s is allowed", u)
		}
	}
	// A name that points inside is found out when it is called.
	if err := p.Post(t.Context(), "https://localhost:1/", nil, nil); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("localhost: %v", err)
	}
	if _, err := newPoster([]string{"10.1.0.0"}); err == nil {
		t.Error("an address is not a range")
	}
}
