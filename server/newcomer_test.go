package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/rbac"
)

// TestCreateOperatorSaysWhatComesNext: who reads only what the command prints gets to the console.
func TestCreateOperatorSaysWhatComesNext(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8443":       "https://localhost:8443",
		":9443":                "https://localhost:9443",
		"pki.example.com:8443": "https://pki.example.com:8443",
	} {
		var out bytes.Buffer
		any := "127.0.0.1:0"
		cfg := &Config{
			Data: t.TempDir(), Listen: listen, ListenPublic: any, ListenMTLS: any, Regions: []string{"US"}, CRLInterval: time.Hour,
			LogLevel: "error",
		}
		if err := CreateOperator(t.Context(), cfg, "Ops@example.com", "several plain words 42", &out); err != nil {
			t.Fatal(err)
		}
		created := "Created the platform operator ops@example.com."
		for _, part := range []string{created, want + " and sign in", "second factor", "Create Subscription", "pkiaas serve"} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%s: %q is not said:\n%s", listen, part, &out)
			}
		}
		if strings.Contains(out.String(), "several plain words") {
			t.Error("the password is printed")
		}
	}
}

// TestNewcomer: what the first screens say is right.
func TestNewcomer(t *testing.T) {
	a, m := inProcess(t)
	t.Cleanup(func() { ahead.Store(0) })
	ctx := rbac.WithActor(t.Context(), rbac.SystemActor())
	read := func(query string, into any) {
		t.Helper()
		got := a.ask(t, rbac.SystemActor(), query, nil)
		if got.code() != "" {
			t.Fatal(got.Errors)
		}
		text, err := json.Marshal(got.Data)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("one count of what is revoked", func(t *testing.T) {
		var home struct {
			Partition struct {
				Counts   struct{ RevokedCertificates, SuspendedCertificates int }
				Activity []struct{ Revoked int }
				Revoked  struct{ TotalCount int }
			}
		}
		read(`{ partition(id: "`+m.Partition.ID+`") { counts { revokedCertificates suspendedCertificates } activity(days: 30) { revoked }
			revoked: certificates(first: 1, filter: {status: [REVOKED], includeOcspSigners: false}) { totalCount } } }`, &home)
		p, days := home.Partition, 0
		for _, d := range p.Activity {
			days += d.Revoked
		}
		if n := p.Counts.RevokedCertificates; n != days || days != p.Revoked.TotalCount || n == 0 || p.Counts.SuspendedCertificates == 0 {
			t.Errorf("%+v, %d in 30 days, %d in the list", p.Counts, days, p.Revoked.TotalCount)
		}
	})

	t.Run("a bulk revocation names what it would revoke", func(t *testing.T) {
		var c certificate.Certificate
		if err := a.store.DB(ctx).Where(
			"partition_id = ? AND kind = ?", m.Partition.ID, certificate.Subscriber,
		).Where("status = ?", certificate.Issued).
			Order("id").First(&c).Error; err != nil {
			t.Fatal(err)
		}
		var draft struct {
			PrepareBulkRevocation struct {
				Operation struct {
					Findings []struct {
						Result   string
						Examples []struct {
							What        string
							Certificate *struct {
								CommonName string
								NotAfter   time.Time
								Issuer     struct{ Identifier string }
							}
						}
					}
				}
			}
		}
		read(
			`mutation { prepareBulkRevocation(input: {partitionId:
				"`+m.Partition.ID+`", selection: {serialNumbers: ["`+c.SerialNumber+`", "00ff"]}}) {
			operation { findings { result examples { what certificate { commonName notAfter issuer { identifier } } } } } } }`, &draft)
		for _, f := range draft.PrepareBulkRevocation.Operation.Findings {
			for _, e := range f.Examples {
				switch named := e.Certificate; f.Result {
				case "WILL_REVOKE":
					if named == nil || named.CommonName != c.CommonName || !named.NotAfter.Equal(c.NotAfter) ||
						named.Issuer.Identifier == "" {
						t.Errorf("%s is %+v", e.What, named)
					}
				default:
					if named != nil {
						t.Errorf("%s %s is %+v", f.Result, e.What, named)
					}
				}
			}
		}
	})

	t.Run("below a deleted authority nothing can be relied on", func(t *testing.T) {
		broken := func(identifier string) (by string) {
			t.Helper()
			var got struct {
				Partition struct {
					CertificationAuthority struct {
						Status   string
						BrokenBy *struct{ Identifier, Status string }
					}
				}
			}
			read(`{ partition(id: "`+m.Partition.ID+`") { certificationAuthority(identifier: "`+identifier+`") {
				status brokenBy { identifier status } } } }`, &got)
			if b := got.Partition.CertificationAuthority.BrokenBy; b != nil {
				by = b.Identifier + " " + b.Status
			}
			return by
		}
		crl := func() int {
			t.Helper()
			r, err := http.Get(a.cfg.PublicURL + "/crl/" + m.Partition.ID + "/root-1/crl.crl")
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			return r.StatusCode
		}
		root, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "root-1")
		if err != nil {
			t.Fatal(err)
		}
		if by := broken("issuing-1"); by != "" {
			t.Errorf("broken by %s before anything is", by)
		}
		if _, err := a.cas.Delete(ctx, root.ID, "root-1"); err != nil {
			t.Fatal(err)
		}
		if by := broken("issuing-1"); by != "root-1 DELETED" {
			t.Errorf("broken by %q after the deletion", by)
		}
		if status := crl(); status != http.StatusOK {
			t.Errorf("the CRL of the deleted root answers %d within its day", status)
		}
		if by := broken("issuing-pq"); by != "" {
			t.Errorf("what stands below another root is broken by %s", by)
		}
		ahead.Store(int64(25 * time.Hour))
		eventually(t, "the deleted root is gone", func() error {
			_, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "root-1")
			if err == nil {
				return context.DeadlineExceeded
			}
			return nil
		})
		if by := broken("issuing-1"); by != "root-1 DELETED" {
			t.Errorf("broken by %q after the day in which it could be restored", by)
		}
		eventually(t, "the CRL of the root ends with it", func() error {
			if status := crl(); status != http.StatusNotFound {
				return fmt.Errorf("it answers %d", status)
			}
			return nil
		})
		ahead.Store(0)
	})

	t.Run("whoever makes a subscription for himself owns it at once, and nobody else's", func(t *testing.T) {
		var operator identity.User
		if err := a.store.DB(ctx).Where("operator = ?", true).First(&operator).Error; err != nil {
			t.Fatal(err)
		}
		acting := func() context.Context {
			actor, err := a.identity.CurrentActor(ctx, rbac.OperatorActor, operator.ID, operator.Email)
			if err != nil {
				t.Fatal(err)
			}
			return rbac.WithActor(ctx, actor)
		}
		create := func(name, owner string) string {
			t.Helper()
			wanted := tenant.NewSubscription{
				Name: name, PurchasedCertificates: 10, PurchasedCAs: 2, Tier: new(tenant.Standard), OwnerEmail: owner,
			}
			sub, err := a.tenants.Create(acting(), wanted)
			if err != nil {
				t.Fatal(err)
			}
			return sub.ID
		}
		other := create("for another", "somebody@else.example")
		if _, _, err := a.tenants.Assign(acting(), other, "US", true); err == nil {
			t.Error("an operator assigned what somebody else owns")
		}
		own := create("own", strings.ToUpper(operator.Email))
		_, p, err := a.tenants.Assign(acting(), own, "US", true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.cas.List(acting(), p.ID, false, ""); err != nil {
			t.Errorf("the owner does not see the partition: %v", err)
		}
		// What is in use is not taken over by naming oneself: that is an invitation, which its people see.
		if _, err := a.tenants.InviteOwner(acting(), m.Subscription.ID, operator.Email); err != nil {
			t.Fatal(err)
		}
		if _, err := a.cas.List(acting(), m.Partition.ID, false, ""); err == nil {
			t.Error("an operator made himself an Owner of a partition in use")
		}
	})
}
