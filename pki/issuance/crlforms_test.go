package issuance_test

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

// Values of the extensions worked out by hand from RFC 5280 5.2.3 to 5.2.6.
func TestDeltaAndShardSayWhatTheyAre(t *testing.T) {
	key, now := p256(t), time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	template := issuance.CRL{
		Issuer: issuerName, AuthorityKeyID: extension.KeyIdentifier(key.PublicKey()), Number: big.NewInt(300), ThisUpdate: now,
		NextUpdate: now.Add(time.Hour),
	}
	read := func(c issuance.CRL, entries ...issuance.RevokedCertificate) (map[string]string, *issuance.CheckedCRL) {
		t.Helper()
		b, err := issuance.NewCRL(c, key)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if err := b.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		der, err := b.Sign(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, e := range list.Extensions {
			critical := ""
			if e.Critical {
				critical = "critical "
			}
			all[e.Id.String()] = critical + hex.EncodeToString(e.Value)
		}
		checked, err := issuance.CheckCRL(der, key.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		return all, checked
	}
	delta := template
	delta.DeltaBase, delta.DistributionPoint = big.NewInt(299), "http://a"
	got, checked := read(delta, issuance.RevokedCertificate{SerialNumber: []byte{5}, RevokedAt: now, Reason: issuance.RemoveFromCRL})
	if got["2.5.29.27"] != "critical 0202012b" || got["2.5.29.20"] != "0202012c" ||
		got["2.5.29.28"] != "critical 300ea00ca00a8608687474703a2f2f61" || checked.DeltaBase.Int64() != 299 ||
		checked.DistributionPoint != "http://a" {
		t.Errorf("delta CRL of a shard: %v %+v", got, checked)
	}
	complete := template
	complete.FreshestCRL = "http://a"
	got, checked = read(complete)
	if got["2.5.29.46"] != "3010300ea00ca00a8608687474703a2f2f61" || got["2.5.29.27"] != "" || got["2.5.29.28"] != "" ||
		checked.DeltaBase != nil {
		t.Errorf("complete CRL: %v %+v", got, checked)
	}
	for what, change := range map[string]func(*issuance.CRL){
		"a base with a higher number":         func(c *issuance.CRL) { c.DeltaBase = big.NewInt(301) },
		"a delta CRL with a delta of its own": func(c *issuance.CRL) { c.DeltaBase, c.FreshestCRL = big.NewInt(1), "http://a" },
		"no number":                           func(c *issuance.CRL) { c.Number = nil },
		"over before it begins":               func(c *issuance.CRL) { c.NextUpdate = now },
	} {
		c := template
		change(&c)
		if _, err := issuance.NewCRL(c, key); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// The lengths of entries, list and whole grow over every size of a DER length.
func TestListsOfEverySizeAreRead(t *testing.T) {
	key, at := p256(t), time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, n := range []int{0, 1, 2, 3, 5, 200, 1000, 1700, 3000} {
		var entries []issuance.RevokedCertificate
		for i := range n {
			entries = append(
				entries,
				issuance.RevokedCertificate{
					SerialNumber: []byte{byte(i>>8) | 0x80, byte(i), 1}, RevokedAt: at, Reason: i % 6, InvalidityDate: at,
				},
			)
		}
		der, err := signCRL(t, key, entries...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x509.ParseRevocationList(der); err != nil {
			t.Fatalf("%d entries: %v", n, err)
		}
		i := 0
		for e, err := range issuance.CRLEntries(bytes.NewReader(der)) {
			if err != nil || !slices.Equal(e.SerialNumber, entries[i].SerialNumber) || e.Reason() != entries[i].Reason {
				t.Fatalf("entry %d of %d: %x %d %v", i, n, e.SerialNumber, e.Reason(), err)
			}
			i++
		}
		if i != n {
			t.Errorf("%d entries of %d were read", i, n)
		}
		for cut := range min(len(der), 400) {
			whole := true
			for _, err := range issuance.CRLEntries(bytes.NewReader(der[:cut])) {
				whole = whole && err == nil
			}
			if n >= 200 && whole {
				t.Fatalf("%d entries, cut off at %d: read without an error", n, cut)
			}
		}
	}
}

func FuzzCRLEntries(f *testing.F) {
	key := p256(f)
	der, err := signCRL(
		f, key, issuance.RevokedCertificate{SerialNumber: []byte{5}, RevokedAt: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC), Reason: 1},
	)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Fuzz(func(t *testing.T, any []byte) {
		n := 0
		for e, err := range issuance.CRLEntries(bytes.NewReader(any)) {
			if n++; err == nil {
				_ = e.Reason()
			}
		}
		if n > len(any) {
			t.Errorf("%d entries in %d octets", n, len(any))
		}
	})
}
