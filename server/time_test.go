package server

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// eventually waits until the jobs have done something. Meanwhile the clock goes on: jobs try again later, and what servers
// remember grows old.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err = check(); err == nil {
			return
		}
		<-time.After(50 * time.Millisecond)
		ahead.Add(int64(50 * time.Millisecond))
	}
	t.Fatalf("%s: %v", what, err)
}

// TestWhatTimeDoes puts the clock forward: the suspension ends, the deleted CA is forgotten, the daily CRL comes, the OCSP
// signer is renewed, and expired certificates cease to count.
func TestWhatTimeDoes(t *testing.T) {
	a, m := inProcess(t)
	t.Cleanup(func() { ahead.Store(0) })
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	find := func(identifier string) *ca.CertificationAuthority {
		t.Helper()
		c, err := a.cas.ByIdentifier(ctx, m.Partition.ID, identifier)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	active := func() int64 {
		p, err := a.tenants.Partition(ctx, m.Partition.ID)
		if err != nil {
			t.Fatal(err)
		}
		return p.ActiveCAs
	}
	signer, crl := signerOf(t, a, find("issuing-rsa")), find("issuing-rsa").CRLNumber
	var suspended certificate.Certificate
	if err := a.store.DB(ctx).Take(&suspended, "suspended_until IS NOT NULL").Error; err != nil {
		t.Fatal(err)
	}

	doomed := find("issuing-pq")
	if _, err := a.cas.Delete(ctx, doomed.ID, "wrong"); !fault.Is(err, fault.Invalid) {
		t.Errorf("deleted with the wrong identifier: %v", err)
	}
	before := active()
	if _, err := a.cas.Delete(ctx, doomed.ID, "issuing-pq"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.cas.Restore(ctx, doomed.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.cas.Delete(ctx, doomed.ID, "issuing-pq"); err != nil {
		t.Fatal(err)
	}
	request := ca.Request{
		PartitionID: m.Partition.ID, Type: ca.Root, Identifier: "issuing-pq", FriendlyName: "New", SigningAlgorithm: "ECDSAP256+SHA256",
		Subject: "CN=New",
	}
	if _, err := a.cas.Create(ctx, request); !fault.Is(err, fault.Conflict) {
		t.Errorf("the identifier of a CA just deleted was free: %v", err)
	}
	if active() != before {
		t.Error("a deleted CA must count for 24 hours")
	}

	ahead.Store(int64(24*time.Hour + time.Minute))
	eventually(t, "24 hours after the deletion the CA ceases to count", func() error {
		if n := active(); n != before-1 {
			return fmt.Errorf("%d CAs count", n)
		}
		return nil
	})
	if _, err := a.cas.Restore(ctx, doomed.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("restored after 24 hours: %v", err)
	}
	if _, err := a.cas.Create(ctx, request); err != nil {
		t.Errorf("the identifier is not free: %v", err)
	}
	eventually(t, "a day later there is a new CRL", func() error {
		if find("issuing-rsa").CRLNumber <= crl {
			return fmt.Errorf("still number %d", crl)
		}
		return nil
	})

	ahead.Store(int64(15 * 24 * time.Hour))
	eventually(t, "the suspension ends when it was set to", func() error {
		c, err := a.certificates.Get(ctx, suspended.ID)
		if err == nil && c.Status != certificate.Issued {
			err = fmt.Errorf("it is %s", c.Status)
		}
		return err
	})

	ahead.Store(int64(22 * 24 * time.Hour))
	eventually(t, "the OCSP signer is renewed before its 30 days are over", func() error {
		now := signerOf(t, a, find("issuing-rsa"))
		if bytes.Equal(now.Certificate, signer.Certificate) || !now.NotAfter.After(signer.NotAfter.AddDate(0, 0, 20)) {
			return fmt.Errorf("it is still good until %s", now.NotAfter)
		}
		return nil
	})

	ahead.Store(int64(4 * 366 * 24 * time.Hour))
	eventually(t, "expired certificates cease to count", func() error {
		p, err := a.tenants.Partition(ctx, m.Partition.ID)
		if err == nil && p.ActiveCertificates != 0 {
			err = fmt.Errorf("%d count", p.ActiveCertificates)
		}
		return err
	})
}
