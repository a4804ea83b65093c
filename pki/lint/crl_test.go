package lint_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/lint"
)

// No form of CRL, empty or with any reason, has an error by the standards.
func TestEveryFormOfCRLIsClean(t *testing.T) {
	a := root(t, "ECDSAP256+SHA256")
	plain := issuance.CRL{
		Issuer: a.issuer.Subject, AuthorityKeyID: extension.KeyIdentifier(a.key.PublicKey()), Number: big.NewInt(300), ThisUpdate: now,
		NextUpdate: now.Add(24 * time.Hour),
	}
	forms := map[string]func(*issuance.CRL){
		"complete":               func(*issuance.CRL) {},
		"with a delta beside it": func(c *issuance.CRL) { c.FreshestCRL = "http://pki.example/delta.crl" },
		"shard":                  func(c *issuance.CRL) { c.DistributionPoint = "http://pki.example/1.crl" },
		"delta":                  func(c *issuance.CRL) { c.DeltaBase = big.NewInt(299) },
		"delta of a shard":       func(c *issuance.CRL) { c.DeltaBase, c.DistributionPoint = big.NewInt(299), "http://pki.example/1.crl" },
		"with what has expired":  func(c *issuance.CRL) { c.ExpiredCertsOnCRL = now.AddDate(-1, 0, 0) },
	}
	for label, form := range forms {
		for _, entries := range []int{0, 10} {
			c := plain
			form(&c)
			b, err := issuance.NewCRL(c, a)
			if err != nil {
				t.Fatal(err)
			}
			for n := range entries {
				reason := []int{0, 1, 2, 3, 4, 5, 6, 9, 10, 0}[n]
				if c.DeltaBase != nil && n == entries-1 {
					reason = issuance.RemoveFromCRL
				}
				r := issuance.RevokedCertificate{SerialNumber: []byte{1, byte(n)}, RevokedAt: now.Add(-time.Hour), Reason: reason}
				if n == 1 {
					r.InvalidityDate = now.Add(-2 * time.Hour)
				}
				if err := b.Add(r); err != nil {
					t.Fatal(err)
				}
			}
			der, err := b.Sign(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range lint.CheckCRL(der) {
				if f.Severity == lint.Error {
					t.Errorf("%s with %d entries: %s: %s", label, entries, f.Lint, f.Detail)
				}
			}
		}
	}
	if found := lint.CheckCRL([]byte{0x30, 0}); len(found) != 1 || found[0].Lint != "parse" {
		t.Errorf("what is no CRL: %v", found)
	}
}
