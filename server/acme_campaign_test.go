package server

import (
	"container/heap"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/conformance/acmeclient"
	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// fleet is many hosts with a certificate each.
type fleet struct {
	*acmeEstate
	hosts []*host
}

type host struct {
	client *acmeclient.Client
	id     acmeclient.Identifier
	csr    []byte
	der    []byte
	ari    string    // RFC 9773 4.1
	at     time.Time // when it acts next
	renew  bool      // it renews then, else it polls
}

func newFleet(t *testing.T, n int) *fleet {
	t.Helper()
	f := &fleet{acmeEstate: newACME(t, `{"ordersPerHour": 100000, "renewalPollMinutes": 1}`)}
	if err := f.store.DB(f.ctx).Exec("UPDATE subscriptions SET tier = 'UNLIMITED', purchased_certificates = 100000").Error; err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(3 * time.Second)) // the tier may be known for two seconds
	key, secret, err := f.acmeAdmin.CreateKey(
		f.ctx, f.c.ID, acme.NewKey{FriendlyName: "fleet", Allowed: []string{"*.fleet.test"}, Preauthorized: true},
	)
	if err != nil {
		t.Fatal(err)
	}
	// what is tested is behind TLS
	over := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 16}}
	var accounts []*acmeclient.Client
	for range min(n, 10) {
		c, err := acmeclient.New(t.Context(), over, acme.DirectoryURL(f.cfg.BaseURL, f.c))
		if err == nil {
			err = c.Register(t.Context(), key.ID, secret)
		}
		if err != nil {
			t.Fatal(err)
		}
		accounts = append(accounts, c)
	}
	for i := range n {
		h := &host{client: accounts[i%len(accounts)], id: acmeclient.Identifier{Type: "dns", Value: fmt.Sprintf("host-%d.fleet.test", i)}}
		if h.csr, err = acmeclient.Request(h.id); err != nil {
			t.Fatal(err)
		}
		f.hosts = append(f.hosts, h)
	}
	var wg sync.WaitGroup
	work := make(chan *host)
	for range 16 {
		wg.Go(func() {
			for h := range work {
				if err := h.order(t.Context(), ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, h := range f.hosts {
		work <- h
	}
	close(work)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return f
}

func (h *host) order(ctx context.Context, replaces string) error {
	o, err := h.client.NewOrder(ctx, replaces, h.id)
	if err != nil {
		return fmt.Errorf("%s: %w", h.id.Value, err)
	}
	if h.der, err = h.client.Complete(ctx, o, h.csr); err != nil {
		return fmt.Errorf("%s: %w", h.id.Value, err)
	}
	h.ari, err = acmeclient.CertificateID(h.der)
	return err
}

// agenda has the host that acts next first.
type agenda []*host

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(h any)        { *a = append(*a, h.(*host)) }
func (a *agenda) Pop() any {
	h := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return h
}

// follow has hosts follow renewal information as RFC 9773 4.2 says until all have renewed, and returns when each did. The clock
// goes forward to whoever acts next when nobody is acting.
func (f *fleet) follow(t *testing.T, hosts []*host) (renewed []time.Time) {
	t.Helper()
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	list, acting := agenda(hosts), 0
	heap.Init(&list)
	act := func(h *host) (done bool) {
		if h.renew {
			if err := h.order(t.Context(), h.ari); err != nil {
				t.Error(err)
			}
			return true
		}
		w, err := h.client.RenewalInfo(t.Context(), h.ari)
		if err != nil {
			t.Error(err)
			return true
		}
		now := f.now()
		pick := w.Start.Add(rand.N(w.End.Sub(w.Start)))
		if pick.Before(now) {
			pick = now
		}
		next := now.Add(w.Poll)
		h.at, h.renew = next, pick.Before(next)
		if h.renew {
			h.at = pick
		}
		return false
	}
	mu.Lock()
	defer mu.Unlock()
	for len(list) > 0 || acting > 0 {
		if len(list) == 0 || acting >= 8 || acting > 0 && list[0].at.After(f.now()) {
			changed.Wait()
			continue
		}
		h := heap.Pop(&list).(*host)
		if wait := h.at.Sub(f.now()); wait > 0 {
			ahead.Add(int64(wait))
		}
		acting++
		go func() {
			done := act(h)
			mu.Lock()
			defer mu.Unlock()
			acting--
			if done {
				renewed = append(renewed, f.now())
			} else {
				heap.Push(&list, h)
			}
			changed.Signal()
		}()
	}
	return renewed
}

func (f *fleet) campaign(t *testing.T, n acme.NewCampaign) *acme.Campaign {
	t.Helper()
	n.Filter.ConfigurationID = f.c.ID
	c, err := f.acmeAdmin.CreateCampaign(f.ctx, f.m.Partition.ID, n)
	if err != nil {
		t.Fatal(err)
	}
	return f.await(t, c, acme.Running)
}

// await works on what is due until a campaign is in a state. The clock stands meanwhile.
func (f *fleet) await(t *testing.T, c *acme.Campaign, state acme.CampaignState) *acme.Campaign {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		f.jobs.RunDue(f.ctx)
		found, err := f.acmeAdmin.Campaign(f.ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if found.State == state {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("the campaign is %s, not %s", found.State, state)
		}
	}
}

// revoked are the names of the revoked certificates of the configuration.
func (f *fleet) revoked(t *testing.T) map[string]certificate.Certificate {
	t.Helper()
	var list []certificate.Certificate
	if err := f.store.DB(f.ctx).Find(&list, "configuration_id = ? AND status = ?", f.c.ID, certificate.Revoked).Error; err != nil {
		t.Fatal(err)
	}
	found := map[string]certificate.Certificate{}
	for _, c := range list {
		found[c.CommonName] = c
	}
	return found
}

// TestCampaignOfAThousand: a thousand certificates are renewed within two minutes as the campaign plans it, but for ten whose
// hosts never ask; those, and only those, are revoked at the deadline.
func TestCampaignOfAThousand(t *testing.T) {
	f := newFleet(t, 1000)
	now := f.now()
	begin := now.Add(90 * time.Second)
	deadline := begin.Add(150 * time.Second)
	c := f.campaign(
		t,
		acme.NewCampaign{
			Name: "new root", BeginsAt: begin, EndsAt: begin.Add(2 * time.Minute), RevokeAt: &deadline,
			RevocationReason: certificate.Superseded, ExplanationURL: "https://pki.test/why",
		},
	)
	if c.Total != 1000 {
		t.Fatalf("%d certificates", c.Total)
	}
	if w, err := f.hosts[0].client.RenewalInfo(t.Context(), f.hosts[0].ari); err != nil || w.ExplanationURL != "https://pki.test/why" ||
		w.Start.Before(begin.Add(-time.Second)) || w.End.After(c.EndsAt.Add(time.Second)) {
		t.Errorf("%+v %v", w, err)
	}
	silent, rest := f.hosts[:10], append([]*host(nil), f.hosts[10:]...)
	old := map[string]bool{}
	for _, h := range silent {
		old[h.id.Value] = true
	}
	for _, h := range rest { // it asked within the last minute, and asks every minute
		h.at = now.Add(rand.N(time.Minute))
	}
	renewed := f.follow(t, rest)
	if t.Failed() {
		t.FailNow()
	}
	// 82 or 83 are planned for each ten seconds.
	perSlot := make([]int, 12)
	late := 0
	for _, at := range renewed {
		n := int(at.Sub(begin) / (10 * time.Second))
		if n < 0 || n > 12 || !at.Before(deadline) {
			t.Errorf("renewed %s after the beginning", at.Sub(begin))
			continue
		}
		if n == 12 {
			late++
			continue
		}
		perSlot[n]++
	}
	t.Logf("renewed in each ten seconds: %v, and %d after the end", perSlot, late)
	for n, k := range perSlot {
		if k < 50 || k > 115 {
			t.Errorf("%d renewals in the ten seconds from %d s on", k, 10*n)
		}
	}
	p, err := f.acmeAdmin.Progress(f.ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if last := len(p.Times) - 1; p.Replaced != 990 || p.Ended != 0 || p.Planned[last] != 1000 || p.Actual[last] != 990 ||
		!p.Times[last].Equal(deadline) {
		t.Errorf("%d replaced, %d ended, planned %v, actual %v", p.Replaced, p.Ended, p.Planned, p.Actual)
	}
	for n := range p.Times {
		if behind := p.Planned[n] - p.Actual[n]; behind < -40 || behind > 60 {
			t.Errorf("by %s after the beginning %d were planned and %d replaced", p.Times[n].Sub(begin), p.Planned[n], p.Actual[n])
		}
	}
	if found := f.revoked(t); len(found) > 0 {
		t.Errorf("%d are revoked before the deadline", len(found))
	}

	ahead.Add(int64(deadline.Sub(f.now()) + time.Second))
	c = f.await(t, c, acme.Done)
	found := f.revoked(t)
	for name, one := range found {
		if !old[name] || one.RevocationReason != certificate.Superseded {
			t.Errorf("%s is revoked for %d", name, one.RevocationReason)
		}
	}
	if len(found) != 10 {
		t.Errorf("%d are revoked", len(found))
	}
	if p, err = f.acmeAdmin.Progress(f.ctx, c); err != nil || p.Replaced != 990 || p.Ended != 10 {
		t.Errorf("%d replaced, %d ended, %v", p.Replaced, p.Ended, err)
	}
	// The CRL names them.
	for give := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		f.jobs.RunDue(f.ctx)
		r, err := http.Get(f.cas.URLs.PublicURL + "/crl/" + f.m.Partition.ID + "/issuing-rsa/crl.crl")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(body)
		if err != nil {
			t.Fatal(err)
		}
		listed := 0
		for _, entry := range list.RevokedCertificateEntries {
			for _, one := range found {
				if fmt.Sprintf("%x", entry.SerialNumber.Bytes()) == one.SerialNumber {
					listed++
				}
			}
		}
		if listed == 10 {
			break
		}
		if time.Now().After(give) {
			t.Fatalf("the CRL names %d of the ten", listed)
		}
	}
	// A host that asks after all is told to renew at once.
	if w, err := silent[0].client.RenewalInfo(t.Context(), silent[0].ari); err != nil || w.End.After(f.now()) {
		t.Errorf("%+v %v", w, err)
	}
}

// TestCampaignsShareNothing: a certificate is in one campaign at a time, and one that is cancelled revokes nothing.
func TestCampaignsShareNothing(t *testing.T) {
	f := newFleet(t, 6)
	begin := f.now().Add(time.Hour)
	deadline := begin.Add(2 * time.Hour)
	n := acme.NewCampaign{
		Name: "first", BeginsAt: begin, EndsAt: begin.Add(time.Hour), RevokeAt: &deadline, RevocationReason: certificate.Superseded,
	}
	first := f.campaign(t, n)
	n.Name = "second"
	second := f.campaign(t, n)
	if first.Total != 6 || second.Total != 0 {
		t.Errorf("%d and %d certificates", first.Total, second.Total)
	}
	ordinary := func() bool {
		w, err := f.hosts[0].client.RenewalInfo(t.Context(), f.hosts[0].ari)
		if err != nil {
			t.Fatal(err)
		}
		return w.Start.After(deadline)
	}
	if ordinary() {
		t.Error("the campaign does not show")
	}
	if c, err := f.acmeAdmin.CancelCampaign(f.ctx, first.ID); err != nil || c.State != acme.Cancelled {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := f.acmeAdmin.CancelCampaign(f.ctx, first.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("cancelled twice: %v", err)
	}
	if !ordinary() {
		t.Error("the cancelled campaign still shows")
	}
	n.Name = "third"
	third := f.campaign(t, n)
	if third.Total != 6 {
		t.Errorf("after the first was cancelled: %d certificates", third.Total)
	}
	if _, err := f.acmeAdmin.CancelCampaign(f.ctx, third.ID); err != nil {
		t.Error(err)
	}
	// Asked for before its time, the job goes back to sleep until the deadline.
	if err := f.store.Tx(
		f.ctx, func(ctx context.Context) error { return f.jobs.Enqueue(ctx, acme.CampaignJob, second.ID, f.now(), nil) },
	); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(2*time.Hour + 30*time.Minute)) // past the end, before the deadline
	f.jobs.RunDue(f.ctx)
	f.await(t, second, acme.Running)
	ahead.Add(int64(time.Hour))
	f.await(t, second, acme.Done)
	if found := f.revoked(t); len(found) > 0 {
		t.Errorf("revoked: %v", found)
	}
}

// TestCampaignLeavesOutWhatWasRenewed: a certificate that its account has replaced by one that stands is not renewed again, nor
// counted, nor revoked as one that nobody renewed.
func TestCampaignLeavesOutWhatWasRenewed(t *testing.T) {
	f := newFleet(t, 7)
	name := func(n int) *host { return f.hosts[n] }
	again := func(n int, replaces string, ids ...acmeclient.Identifier) (der []byte) {
		t.Helper()
		h := name(n)
		csr, err := acmeclient.Request(append([]acmeclient.Identifier{h.id}, ids...)...)
		if err != nil {
			t.Fatal(err)
		}
		o, err := h.client.NewOrder(t.Context(), replaces, append([]acmeclient.Identifier{h.id}, ids...)...)
		if err != nil {
			t.Fatal(err)
		}
		if der, err = h.client.Complete(t.Context(), o, csr); err != nil {
			t.Fatal(err)
		}
		return der
	}
	other := acmeclient.Identifier{Type: "dns", Value: "other.fleet.test"}
	again(0, "")                 // for the same names
	again(1, name(1).ari, other) // named, for more names
	again(2, "", other)          // for more names, and not named: both stand
	// By one that was revoked since: the first is what is used.
	der := again(3, "")
	serial := fmt.Sprintf("%x", mustParse(t, der).SerialNumber.Bytes())
	var gone certificate.Certificate
	if err := f.store.DB(f.ctx).Take(&gone, "configuration_id = ? AND serial_number = ?", f.c.ID, serial).Error; err != nil {
		t.Fatal(err)
	}
	if _, err := f.certificates.Revoke(f.ctx, gone.ID, certificate.KeyCompromise, nil); err != nil {
		t.Fatal(err)
	}
	// By another account, which may be another host.
	name(4).client = name(5).client
	again(4, "")
	// Ordered only.
	if _, err := name(6).client.NewOrder(t.Context(), name(6).ari, name(6).id); err != nil {
		t.Fatal(err)
	}

	// Seven and the four that came later and stand, without the two that were replaced.
	const want = 7 + 4 - 2
	if n, err := f.acmeAdmin.CountSelected(f.ctx, f.m.Partition.ID, acme.Selection{ConfigurationID: f.c.ID}); err != nil || n != want {
		t.Errorf("%d are counted, %v", n, err)
	}
	begin := f.now().Add(time.Hour)
	deadline := begin.Add(2 * time.Hour)
	c := f.campaign(
		t,
		acme.NewCampaign{
			Name: "new root", BeginsAt: begin, EndsAt: begin.Add(time.Hour), RevokeAt: &deadline, RevocationReason: certificate.Superseded,
		},
	)
	if c.Total != want || c.RenewedBefore != 2 {
		t.Errorf("%d certificates, %d were renewed before", c.Total, c.RenewedBefore)
	}
	if text := f.done(
		t, rbac.ProtocolAuditors,
		`{ renewalCampaign(id: "`+c.ID+`") { total renewedBefore } partition(id: "`+f.m.Partition.ID+
			`") { countRenewalSelection(selection: {configurationId: "`+f.c.ID+`"}) } }`,
		nil,
	); !strings.Contains(text, `"renewedBefore":2`) || !strings.Contains(text, `"countRenewalSelection":9`) {
		t.Error(text)
	}
	for n, in := range []bool{false, false, true, true, true, true, true} {
		w, err := name(n).client.RenewalInfo(t.Context(), name(n).ari)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Start.Before(deadline); got != in {
			t.Errorf("the first certificate of host %d: in the campaign %t", n, got)
		}
	}
	ahead.Add(int64(3*time.Hour + 2*time.Minute))
	f.await(t, c, acme.Done)
	for n, in := range []bool{false, false, true, true, true, true, true} {
		var one certificate.Certificate
		if err := f.store.DB(f.ctx).Take(
			&one, "configuration_id = ? AND serial_number = ?", f.c.ID, fmt.Sprintf("%x", mustParse(t, name(n).der).SerialNumber.Bytes()),
		).Error; err != nil || one.Status == certificate.Revoked != in {
			t.Errorf("the first certificate of host %d is %s after the campaign, %v", n, one.Status, err)
		}
	}
}

// TestACampaignCancelledBeforeItWasPlanned: the job has read the campaign when it is cancelled, and gives no certificate its time.
func TestACampaignCancelledBeforeItWasPlanned(t *testing.T) {
	f := newFleet(t, 1)
	cancelled := make(chan error, 1)
	var read atomic.Bool
	if err := f.store.DB(f.ctx).Callback().Query().After("gorm:query").Register("test:cancel", func(tx *gorm.DB) {
		if list, ok := tx.Statement.Dest.(*[]*acme.Campaign); ok && len(*list) == 1 && read.CompareAndSwap(false, true) {
			_, err := f.acmeAdmin.CancelCampaign(f.ctx, (*list)[0].ID)
			cancelled <- err
		}
	}); err != nil {
		t.Fatal(err)
	}
	begin := f.now().Add(time.Hour)
	c, err := f.acmeAdmin.CreateCampaign(
		f.ctx, f.m.Partition.ID, acme.NewCampaign{Name: "too late", BeginsAt: begin, EndsAt: begin.Add(time.Hour)},
	)
	if err != nil {
		t.Fatal(err)
	}
	f.jobs.RunDue(f.ctx)
	select {
	case err := <-cancelled:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the job did not read the campaign")
	}
	f.jobs.RunDue(f.ctx)
	f.await(t, c, acme.Cancelled)
	var windows int64
	if err := f.store.DB(f.ctx).Model(&acme.Window{}).Count(&windows).Error; err != nil || windows > 0 {
		t.Errorf("%d windows, %v", windows, err)
	}
}
