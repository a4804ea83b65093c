package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/pkiaas/pkiaas/conformance/acmeclient"
	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/rbac"
)

// held is a validator that answers when it is let.
type held struct {
	begun chan string   // identifiers
	let   chan struct{} // closed: everything is proved
}

func (h *held) Validate(ctx context.Context, v acme.Validation) (string, *acme.Problem) {
	h.begun <- v.Identifier.Value
	select {
	case <-h.let:
		return "looked", nil
	case <-ctx.Done():
		return "", acme.NewProblem("serverInternal", "interrupted")
	}
}

// racing is an estate with an account whose challenges are validated by hand.
type racing struct {
	*acmeEstate
	a *acme.Account
	v *held
}

func newRacing(t *testing.T) *racing {
	t.Helper()
	e := newACME(t, "")
	v := &held{begun: make(chan string, 100), let: make(chan struct{})}
	e.acme.Validator = v
	c, account := e.client(t, acme.NewKey{FriendlyName: "racing"})
	_ = c
	a, err := e.acme.Account(e.ctx, e.c, account.URI[len(account.URI)-36:])
	if err != nil || a == nil {
		t.Fatalf("%v %v", a, err)
	}
	e.ctx = rbac.WithActor(t.Context(), e.configurations.Actor(e.c, "127.0.0.1", "test"))
	return &racing{e, a, v}
}

func (r *racing) order(t *testing.T, names ...string) *acme.Order {
	t.Helper()
	var ids []acme.Identifier
	for _, n := range names {
		ids = append(ids, acme.Identifier{Type: acme.DNS, Value: n})
	}
	o, err := r.acme.NewOrder(r.ctx, r.c, r.a, acme.OrderRequest{Identifiers: ids})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (r *racing) status(t *testing.T, o *acme.Order) acme.Status {
	t.Helper()
	now, err := r.acme.Order(r.ctx, r.a, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	return now.Status
}

// jobs counts the validations that are still to be made.
func (r *racing) jobCount(t *testing.T) (n int64) {
	t.Helper()
	if err := r.store.DB(r.ctx).Table("jobs").Where("kind = ?", acme.ValidateJob).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// TestProvedAtTheSameMoment: an order is ready when the last of its authorizations is proved, whichever that is; a challenge that is
// answered many times at once is proved once.
func TestProvedAtTheSameMoment(t *testing.T) {
	r := newRacing(t)
	for round := range 5 {
		r.v.let = make(chan struct{})
		o := r.order(t, fmt.Sprintf("a%d.test", round), fmt.Sprintf("b%d.test", round), fmt.Sprintf("c%d.test", round))
		var wg sync.WaitGroup
		for _, id := range slices.Concat(o.Authorizations, o.Authorizations) {
			wg.Go(func() {
				if _, _, err := r.acme.Respond(r.ctx, r.c, r.a, id, acme.HTTP01, nil); err != nil {
					t.Error(err)
				}
			})
		}
		for range 2 * len(o.Authorizations) {
			<-r.v.begun
		}
		close(r.v.let)
		wg.Wait()
		if s := r.status(t, o); s != acme.Ready {
			t.Errorf("all are proved, and the order is %s", s)
		}
	}
	var proofs int64
	if err := r.store.DB(r.ctx).Table("audit_events").Where(
		"action = 'acme.authorization.prove'",
	).Count(&proofs).Error; err != nil || proofs != 15 || r.jobCount(t) != 0 {
		t.Errorf("%d proofs are recorded, %d jobs are left, %v", proofs, r.jobCount(t), err)
	}
}

// TestFinalizedTwiceAtOnce: one certificate; who sent the same request gets it too, who sent another one is refused.
func TestFinalizedTwiceAtOnce(t *testing.T) {
	r := newRacing(t)
	close(r.v.let)
	o := r.order(t, "twice.test")
	if _, c, err := r.acme.Respond(r.ctx, r.c, r.a, o.Authorizations[0], acme.HTTP01, nil); err != nil || c.Status != acme.Valid {
		t.Fatalf("%+v %v", c, err)
	}
	id := acmeclient.Identifier{Type: "dns", Value: "twice.test"}
	var requests [][]byte
	for range 2 {
		csr, err := acmeclient.Request(id)
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, csr)
	}
	var mu sync.Mutex
	served := map[string][]int{} // certificate → requests
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			done, err := r.acme.Finalize(r.ctx, r.c, r.a, o.ID, requests[n%2], nil)
			var p *acme.Problem
			if err != nil && !(errors.As(err, &p) && p.Type == "orderNotReady") {
				t.Error(err)
			}
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				served[*done.CertificateID] = append(served[*done.CertificateID], n%2)
			}
		})
	}
	wg.Wait()
	var issued int64
	if err := r.store.DB(r.ctx).Table("certificates").Where("configuration_id = ?", r.c.ID).Count(&issued).Error; err != nil {
		t.Fatal(err)
	}
	if issued != 1 || len(served) != 1 {
		t.Errorf("%d certificates, served %v", issued, served)
	}
	for _, by := range served {
		if slices.Contains(by, 0) == slices.Contains(by, 1) || len(by) != 4 {
			t.Errorf("the requests that were served: %v", by)
		}
	}
}

// TestDeactivatedWhileItIsProved: what the client ended stays ended, and its order with it.
func TestDeactivatedWhileItIsProved(t *testing.T) {
	r := newRacing(t)
	o := r.order(t, "ended.test")
	over := make(chan *acme.Challenge)
	go func() {
		_, c, err := r.acme.Respond(r.ctx, r.c, r.a, o.Authorizations[0], acme.HTTP01, nil)
		if err != nil {
			t.Error(err)
		}
		over <- c
	}()
	<-r.v.begun
	if _, err := r.acme.DeactivateAuthorization(r.ctx, r.c, r.a, o.Authorizations[0]); err != nil {
		t.Fatal(err)
	}
	close(r.v.let)
	<-over
	if z, err := r.acme.Authorization(r.ctx, r.a, o.Authorizations[0]); err != nil || z.Status != acme.Deactivated ||
		r.status(t, o) != acme.Invalid {
		t.Errorf("the authorization is %s, the order %s, %v", z.Status, r.status(t, o), err)
	}
	// The same for an account.
	r.v.let = make(chan struct{})
	o = r.order(t, "gone.test")
	go func() {
		_, c, err := r.acme.Respond(r.ctx, r.c, r.a, o.Authorizations[0], acme.HTTP01, nil)
		if err != nil {
			t.Error(err)
		}
		over <- c
	}()
	<-r.v.begun
	if _, err := r.acme.Deactivate(r.ctx, r.c, r.a.ID); err != nil {
		t.Fatal(err)
	}
	close(r.v.let)
	<-over
	if z, err := r.acme.Authorization(r.ctx, r.a, o.Authorizations[0]); err != nil || z.Status != acme.Deactivated ||
		r.status(t, o) != acme.Invalid || r.jobCount(t) != 0 {
		t.Errorf("the authorization is %s, the order %s, %v", z.Status, r.status(t, o), err)
	}
}

// TestOrdersAndDeactivationsAtOnce: no order stands on an authorization that its client has deactivated.
func TestOrdersAndDeactivationsAtOnce(t *testing.T) {
	r := newRacing(t)
	close(r.v.let)
	for round := range 20 {
		name := fmt.Sprintf("standing%d.test", round)
		first := r.order(t, name)
		if _, _, err := r.acme.Respond(r.ctx, r.c, r.a, first.Authorizations[0], acme.HTTP01, nil); err != nil {
			t.Fatal(err)
		}
		var second *acme.Order
		var wg sync.WaitGroup
		wg.Go(func() { second = r.order(t, name) })
		wg.Go(func() {
			if _, err := r.acme.DeactivateAuthorization(r.ctx, r.c, r.a, first.Authorizations[0]); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		want := acme.Pending // with an authorization of its own
		if second.Authorizations[0] == first.Authorizations[0] {
			want = acme.Invalid
		}
		if a, b := r.status(t, first), r.status(t, second); a != acme.Invalid || b != want {
			t.Errorf("the orders are %s and %s, not invalid and %s", a, b, want)
		}
	}
}

// TestValidationOutlivesItsServer: a slow validation is answered "processing"; a server that stops leaves it to the job, which is due
// at once.
func TestValidationOutlivesItsServer(t *testing.T) {
	r := newRacing(t)
	o := r.order(t, "slow.test")
	_, c, err := r.acme.Respond(r.ctx, r.c, r.a, o.Authorizations[0], acme.HTTP01, nil)
	if err != nil || c.Status != acme.Processing || r.jobCount(t) != 1 || r.status(t, o) != acme.Pending {
		t.Fatalf("%+v, %d jobs, the order is %s, %v", c, r.jobCount(t), r.status(t, o), err)
	}
	<-r.v.begun
	close(r.v.let) // for the job; this server's own attempt ends with it, one way or the other
	r.acme.Stop()
	eventually(t, "the job validates", func() error {
		r.jobs.RunDue(r.ctx)
		if r.status(t, o) != acme.Ready || r.jobCount(t) != 0 {
			return fmt.Errorf("the order is %s, %d jobs are left", r.status(t, o), r.jobCount(t))
		}
		return nil
	})
}
