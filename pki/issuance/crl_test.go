package issuance_test

import (
	"crypto/x509"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

func p256(t testing.TB) memoryKey {
	t.Helper()
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	if err != nil {
		t.Fatal(err)
	}
	key, err := a.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return memoryKey{a, key}
}

var issuerName = []byte{0x30, 12, 0x31, 10, 0x30, 8, 6, 3, 0x55, 4, 3, 12, 1, 'I'} // CN=I

func signCRL(t testing.TB, key memoryKey, entries ...issuance.RevokedCertificate) ([]byte, error) {
	var all iter.Seq2[issuance.RevokedCertificate, error] = func(yield func(issuance.RevokedCertificate, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
	now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	return issuance.SignCRL(
		t.Context(),
		issuance.CRL{
			Issuer: issuerName, AuthorityKeyID: extension.KeyIdentifier(key.PublicKey()), Number: big.NewInt(1), ThisUpdate: now,
			NextUpdate: now.Add(time.Hour),
		},
		all, key,
	)
}

func TestEntriesAreReadAsWritten(t *testing.T) {
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.FixedZone("", 3600))
	late := time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC) // GeneralizedTime from here on
	entries := []issuance.RevokedCertificate{
		{SerialNumber: []byte{5}, RevokedAt: at},
		{SerialNumber: []byte{0, 0, 0x80}, RevokedAt: at, Reason: 1},
		{SerialNumber: slices.Repeat([]byte{0x7f}, 20), RevokedAt: late, Reason: 10, InvalidityDate: at},
		{SerialNumber: []byte{0xff, 0}, RevokedAt: late.Add(-time.Second), InvalidityDate: late},
	}
	key := p256(t)
	der, err := signCRL(t, key, entries...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.RevokedCertificateEntries) != len(entries) {
		t.Fatalf("%d entries", len(list.RevokedCertificateEntries))
	}
	for i, got := range list.RevokedCertificateEntries {
		want, dates := entries[i], 0
		if got.SerialNumber.Cmp(
			new(big.Int).SetBytes(want.SerialNumber),
		) != 0 || !got.RevocationTime.Equal(want.RevokedAt) || got.ReasonCode != want.Reason {
			t.Errorf("entry %d: %+v", i, got)
		}
		for _, e := range got.Extensions {
			if e.Id.String() == "2.5.29.24" {
				dates++
				if string(e.Value) != "\x18\x0f"+want.InvalidityDate.UTC().Format("20060102150405Z") {
					t.Errorf("entry %d: invalidityDate %q", i, e.Value)
				}
			}
		}
		if (dates == 1) == want.InvalidityDate.IsZero() {
			t.Errorf("entry %d has %d invalidityDate", i, dates)
		}
	}
	empty, err := signCRL(t, key)
	if err != nil {
		t.Fatal(err)
	}
	if checked, err := issuance.CheckCRL(empty, key.PublicKey()); err != nil || checked.Entries != 0 {
		t.Errorf("an empty list: %+v %v", checked, err)
	}
}

func TestEntriesThatMustNotBeListedAreRefused(t *testing.T) {
	key, at := p256(t), time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for what, e := range map[string]issuance.RevokedCertificate{
		"no serial number":      {RevokedAt: at},
		"serial number 0":       {SerialNumber: []byte{0, 0}, RevokedAt: at},
		"21 octets":             {SerialNumber: slices.Repeat([]byte{0x80}, 20), RevokedAt: at},
		"reason 7":              {SerialNumber: []byte{5}, RevokedAt: at, Reason: 7},
		"removeFromCRL":         {SerialNumber: []byte{5}, RevokedAt: at, Reason: 8},
		"reason 11":             {SerialNumber: []byte{5}, RevokedAt: at, Reason: 11},
		"reason -1":             {SerialNumber: []byte{5}, RevokedAt: at, Reason: -1},
		"no date":               {SerialNumber: []byte{5}},
		"revoked in 10000":      {SerialNumber: []byte{5}, RevokedAt: at.AddDate(8000, 0, 0)},
		"invalid since a 10000": {SerialNumber: []byte{5}, RevokedAt: at, InvalidityDate: at.AddDate(8000, 0, 0)},
	} {
		if _, err := signCRL(t, key, e); err == nil {
			t.Errorf("%s: listed", what)
		}
	}
	broken := fmt.Errorf("the database is gone")
	_, err := issuance.SignCRL(
		t.Context(), issuance.CRL{Issuer: issuerName, Number: big.NewInt(1), ThisUpdate: at, NextUpdate: at.Add(time.Hour)},
		func(yield func(issuance.RevokedCertificate, error) bool) {
			if yield(issuance.RevokedCertificate{}, broken) {
				t.Error("it went on after an error")
			}
		}, key)
	if err != broken {
		t.Errorf("half a list was signed: %v", err)
	}
}

func BenchmarkCRL100000(b *testing.B) {
	key, at := p256(b), time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	entries := make([]issuance.RevokedCertificate, 100_000)
	for i := range entries {
		entries[i] = issuance.RevokedCertificate{SerialNumber: issuance.NewSerialNumber(at), RevokedAt: at, Reason: 1, InvalidityDate: at}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signCRL(b, key, entries...); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzCheckCRL(f *testing.F) {
	key := p256(f)
	der, err := signCRL(
		f, key, issuance.RevokedCertificate{SerialNumber: []byte{5}, RevokedAt: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC), Reason: 1},
	)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Fuzz(func(t *testing.T, mutated []byte) {
		if c, err := issuance.CheckCRL(mutated, key.PublicKey()); err == nil && (c.Entries != 1 || c.Number.Int64() != 1) {
			t.Errorf("a changed CRL verifies: %x", mutated)
		}
	})
}
