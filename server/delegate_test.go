package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore"
)

// signerOf is the OCSP signer of a CA's key.
func signerOf(t testing.TB, a *App, c *ca.CertificationAuthority) *delegate.Delegate {
	t.Helper()
	d, err := a.delegates.Current(t.Context(), c.ID, c.KeyGeneration, delegate.OCSPSigner)
	if err != nil || d == nil {
		t.Fatalf("%s has no OCSP signer: %v", c.Identifier, err)
	}
	return d
}

// TestADelegateThatDecrypts: a CA certifies a key that decrypts. The job replaces it in time; what was encrypted for the
// one before can still be opened, until its time is over and its key is destroyed. With the CA, all end.
func TestADelegateThatDecrypts(t *testing.T) {
	const purpose, kept = delegate.Purpose("TEST_RA"), 30 * 24 * time.Hour
	l := newLife(t)
	a := l.app
	a.delegates.Kinds = append(
		slices.Clone(a.delegates.Kinds),
		&delegate.Kind{Purpose: purpose, Certificate: certificate.OCSPSigner, Profile: "scep-ra", Unit: "Registration Authorities",
			Use: keystore.SigningAndDecryption, Kept: kept,
			Algorithm: func(*algorithm.Algorithm) *algorithm.Algorithm {
				a, _ := algorithm.ForLabel("RSA-2048+PKCS15-SHA256")
				return a
			},
			Wanted: func(_ context.Context, c *ca.CertificationAuthority) (bool, error) {
				return c.Type == ca.Issuing && c.Identifier == "issuing-1", nil
			}},
	)
	t.Cleanup(func() { ahead.Store(0) })
	c := l.find("issuing-1")
	if err := a.store.Tx(l.ctx, func(ctx context.Context) error {
		return a.jobs.Enqueue(ctx, ca.DelegatesJob, c.KeyName(), a.now(), nil)
	}); err != nil {
		t.Fatal(err)
	}
	usable := func(what string, n int) (list []*delegate.Delegate) {
		t.Helper()
		eventually(t, what, func() (err error) {
			if list, err = a.delegates.Usable(t.Context(), c.ID, purpose); err == nil && len(list) != n {
				err = fmt.Errorf("%d have keys", len(list))
			}
			return err
		})
		return list
	}
	// letter is something encrypted for whoever the certificate is of.
	letter := func(d *delegate.Delegate) []byte {
		t.Helper()
		x, err := x509.ParseCertificate(d.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if x.KeyUsage&x509.KeyUsageKeyEncipherment == 0 || x.Subject.CommonName != l.m.Partition.ID+"_issuing-1" ||
			x.Subject.OrganizationalUnit[0] != "Registration Authorities" {
			t.Errorf("usage %b, subject %s", x.KeyUsage, x.Subject)
		}
		sealed, err := rsa.EncryptPKCS1v15(rand.Reader, x.PublicKey.(*rsa.PublicKey), d.Certificate[:16])
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	opens := func(what string, d *delegate.Delegate, letter []byte) {
		t.Helper()
		key, err := a.keys.Open(t.Context(), d.KeyStore, d.KeyID)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		decrypter, ok := key.(keystore.Decrypter)
		if !ok {
			t.Fatalf("%s: the key does not decrypt", what)
		}
		if got, err := decrypter.Decrypt(t.Context(), letter, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: 16}); err != nil ||
			!bytes.Equal(got, d.Certificate[:16]) {
			t.Errorf("%s: %x, %v", what, got, err)
		}
	}
	first := usable("the delegate is there", 1)[0]
	old := letter(first)
	opens("the first", first, old)
	signs := signerOf(t, a, c)
	for what, of := range map[string][2]string{"CA": {c.KeyStore, c.KeyID}, "OCSP signer": {signs.KeyStore, signs.KeyID}} {
		key, err := a.keys.Open(t.Context(), of[0], of[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, decrypts := key.(keystore.Decrypter); decrypts {
			t.Errorf("the key of the %s decrypts", what)
		}
	}

	ahead.Store(int64(358 * 24 * time.Hour)) // of a year
	list := usable("it is renewed", 2)
	second := list[0]
	if list[1].KeyID != first.KeyID || second.Status != delegate.Current || list[1].Status != delegate.Superseded {
		t.Fatalf("%s is %s, %s is %s", second.KeyID, second.Status, list[1].KeyID, list[1].Status)
	}
	opens("the second", second, letter(second))
	opens("the first, superseded", first, old)

	ahead.Store(int64(358*24*time.Hour + kept + time.Hour))
	if left := usable("the old key is over", 1)[0]; left.KeyID != second.KeyID {
		t.Errorf("%s is left", left.KeyID)
	}
	eventually(t, "the old key is destroyed", func() error { // first its key, then its row with the event
		kept, err := a.delegates.KeepsKey(t.Context(), first.KeyStore, first.KeyID)
		if err == nil && kept {
			err = errors.New("not yet")
		}
		return err
	})
	if _, err := a.keys.Open(t.Context(), first.KeyStore, first.KeyID); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("its key: %v", err)
	}
	opens("the second, alone", second, letter(second))
	var events int64
	destroyed := a.store.DB(l.ctx).Table("audit_events").
		Where("action = 'delegate.destroy-key' AND object_id = ? AND details LIKE ?", c.ID, "%"+first.KeyID+"%")
	if err := destroyed.Count(&events).Error; err != nil ||
		events != 1 {
		t.Errorf("%d events of it, %v", events, err)
	}

	signer := signerOf(t, a, c)
	if _, err := a.cas.Delete(l.ctx, c.ID, c.Identifier); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(25 * time.Hour))
	usable("with the CA it ends", 0)
	eventually(t, "and so does its OCSP signer", func() error {
		for _, d := range []*delegate.Delegate{second, signer} {
			if _, err := a.keys.Open(t.Context(), d.KeyStore, d.KeyID); !errors.Is(err, keystore.ErrNotFound) {
				return fmt.Errorf("key %s: %v", d.KeyID, err)
			}
		}
		return nil
	})
}

// TestASignerWhoseKeyIsGoneIsReplaced: the database was restored from a backup that is older than the last renewal, and
// the key of the signer that it names has been destroyed since.
func TestASignerWhoseKeyIsGoneIsReplaced(t *testing.T) {
	l := newLife(t)
	a := l.app
	leaf := l.issued("issuing-1", "restored.example.com")
	c := l.find("issuing-1")
	signer := signerOf(t, a, c)
	found, err := a.keys.ByName(signer.KeyStore)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Delete(t.Context(), signer.KeyID); err != nil {
		t.Fatal(err)
	}
	if err := a.store.Tx(l.ctx, func(ctx context.Context) error {
		return a.jobs.Enqueue(ctx, ca.DelegatesJob, c.KeyName(), a.now(), nil)
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is replaced", func() error {
		if d := signerOf(t, a, c); d.KeyID == signer.KeyID {
			return errors.New("not yet")
		}
		return nil
	})
	ahead.Add(int64(2 * time.Second)) // answers in memory are older now
	t.Cleanup(func() { ahead.Store(0) })
	l.verify(leaf, false)
}
