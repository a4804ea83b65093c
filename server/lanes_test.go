package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/rbac"
)

// TestASilentStoreDelaysNoCRL: a revocation is on the CRL while a store that the CRLs are copied to accepts connections and
// never answers, and the operator sees what is stuck.
func TestASilentStoreDelaysNoCRL(t *testing.T) {
	var asked, gaveUp atomic.Int64
	ended := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		select {
		case <-r.Context().Done():
			gaveUp.Add(1)
		case <-ended:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(silent.Close)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("access\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, m := inProcessOn(t, "", func(cfg *Config) { cfg.CRLS3, cfg.CRLS3Key = silent.URL+"/bucket", key })
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	eventually(t, "copies of CRLs are stuck", func() error {
		if n := asked.Load(); n < 2 {
			return fmt.Errorf("%d requests to the store", n)
		}
		return nil
	})
	issuing, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	csr, err := demoCSR("compromised.example.com")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.enrollment.Issue(ctx, intake.Text{CAID: issuing.ID, ProfileID: "privatessl-tls-client-server", CSR: csr}.Request())
	if err != nil {
		t.Fatal(err)
	}
	before := gaveUp.Load()
	if _, err := a.certificates.Revoke(ctx, issued.Certificate.ID, certificate.KeyCompromise, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revocation is on the CRL", func() error {
		response, err := http.Get(a.cas.URLs.CRL(issuing))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		list, err := x509.ParseRevocationList(body)
		if err != nil {
			return err
		}
		for _, entry := range list.RevokedCertificateEntries {
			if fmt.Sprintf("%x", entry.SerialNumber.Bytes()) == strings.TrimLeft(issued.Certificate.SerialNumber, "0") {
				return nil
			}
		}
		return fmt.Errorf("CRL %d does not name it", list.Number)
	})
	if n := gaveUp.Load() - before; n > 0 {
		t.Errorf("the CRL waited until %d copies were given up", n)
	}
	if a.ask(
		t, &rbac.Actor{Kind: rbac.UserActor, ID: "owner", Grants: map[string][]rbac.Role{m.Partition.ID: {rbac.Owners}}},
		`{ jobs { nodes { kind } } }`, nil,
	).code() == "" {
		t.Error("an Owner sees the jobs of all tenants")
	}
	operator := &rbac.Actor{Kind: rbac.OperatorActor, ID: "operator", Grants: map[string][]rbac.Role{rbac.Platform: {rbac.Operator}}}
	list := a.ask(t, operator, `{ jobs { nodes { kind lane runningUntil } } }`, nil)
	if text := fmt.Sprint(list.Data); !strings.Contains(text, "crl.export") || !strings.Contains(text, "OUTWARD") {
		t.Errorf("the operator sees %v %v", list.Data, list.Errors)
	}
	close(ended)
}
