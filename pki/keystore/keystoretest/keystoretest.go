// Package keystoretest is the suite that every key store must pass.
package keystoretest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore"
)

// Run tests a kind of store. Each call of open gives a store of its own, as another server or a restart would have it,
// over the same keys. The algorithms are those that the store is to be tried with.
func Run(t *testing.T, algorithms []*algorithm.Algorithm, open func(t *testing.T) keystore.Store) {
	for _, a := range algorithms {
		t.Run(a.Label, func(t *testing.T) { signsAndIsFoundAgain(t, a, open) })
	}
	a := algorithms[0]
	for _, a := range algorithms {
		if a.Decrypts() {
			t.Run(a.Label+" decrypts", func(t *testing.T) { Decrypts(t, a, open) })
			break // keys of other lengths and signatures decrypt by the same code
		}
	}
	t.Run("only RSA decrypts", func(t *testing.T) {
		for _, a := range algorithms {
			if a.Decrypts() {
				continue
			}
			if _, err := open(t).Generate(t.Context(), a, keystore.SigningAndDecryption); err == nil {
				t.Errorf("%s: made a key to decrypt", a.Label)
			}
			break
		}
	})
	t.Run("ids differ", func(t *testing.T) {
		s := open(t)
		first, second := generate(t, s, a), generate(t, s, a)
		if first.ID() == second.ID() || slices.Equal(first.PublicKey(), second.PublicKey()) {
			t.Error("two keys are the same")
		}
	})
	t.Run("unknown", func(t *testing.T) {
		s := open(t)
		for _, id := range []string{"", ".", "..", "../kek", "/etc/passwd", "abcdefghijklmnopqrstuvwxyz", "a\x00b"} {
			if _, err := s.Open(t.Context(), id); !errors.Is(err, keystore.ErrNotFound) {
				t.Errorf("opening %q: %v", id, err)
			}
			if err := s.Delete(t.Context(), id); !errors.Is(err, keystore.ErrNotFound) {
				t.Errorf("deleting %q: %v", id, err)
			}
		}
	})
	t.Run("deleted", func(t *testing.T) {
		s := open(t)
		key, kept := generate(t, s, a), generate(t, s, a)
		if err := s.Delete(t.Context(), key.ID()); err != nil {
			t.Fatal(err)
		}
		for _, store := range []keystore.Store{s, open(t)} {
			if _, err := store.Open(t.Context(), key.ID()); !errors.Is(err, keystore.ErrNotFound) {
				t.Errorf("a deleted key: %v", err)
			}
			if _, err := store.Open(t.Context(), kept.ID()); err != nil {
				t.Errorf("another key went with it: %v", err)
			}
		}
		if err := s.Delete(t.Context(), key.ID()); !errors.Is(err, keystore.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
	t.Run("concurrent", func(t *testing.T) { signsConcurrently(t, a, open) })
	t.Run("given up", func(t *testing.T) {
		s := open(t)
		key := generate(t, s, a)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := key.Sign(ctx, []byte("message")); !errors.Is(err, context.Canceled) {
			t.Errorf("signed for nobody: %v", err)
		}
	})
	t.Run("ready", func(t *testing.T) {
		s := open(t)
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if s.Custody(a) == "" || s.Description() == "" {
			t.Error("nothing says how keys are protected")
		}
	})
}

func generate(t *testing.T, s keystore.Store, a *algorithm.Algorithm) keystore.Key {
	t.Helper()
	key, err := s.Generate(t.Context(), a, keystore.Signing)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signsAndIsFoundAgain(t *testing.T, a *algorithm.Algorithm, open func(t *testing.T) keystore.Store) {
	first := open(t)
	made := generate(t, first, a)
	if _, err := algorithm.InspectPublicKey(made.PublicKey()); err != nil {
		t.Errorf("its own public key: %v", err)
	}
	for where, s := range map[string]keystore.Store{"where it was made": first, "elsewhere": open(t)} {
		key, err := s.Open(t.Context(), made.ID())
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if key.ID() != made.ID() || key.Algorithm() != a || !slices.Equal(key.PublicKey(), made.PublicKey()) {
			t.Errorf("%s: another key", where)
		}
		signature, err := key.Sign(t.Context(), []byte("message"))
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if err := a.Verify(made.PublicKey(), []byte("message"), signature); err != nil {
			t.Errorf("%s: %v", where, err)
		}
		if a.Verify(made.PublicKey(), []byte("another"), signature) == nil {
			t.Errorf("%s: the signature is good for another message", where)
		}
	}
}

// Decrypts tests keys made for decryption, and that others refuse it.
func Decrypts(t *testing.T, a *algorithm.Algorithm, open func(t *testing.T) keystore.Store) {
	first := open(t)
	if signing := generate(t, first, a); is[keystore.Decrypter](signing) {
		t.Error("a key made for signing decrypts")
	} else if again, err := open(t).Open(t.Context(), signing.ID()); err != nil || is[keystore.Decrypter](again) {
		t.Errorf("a key made for signing decrypts elsewhere: %v", err)
	}
	made, err := first.Generate(t.Context(), a, keystore.SigningAndDecryption)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKIXPublicKey(made.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	public, secret := parsed.(*rsa.PublicKey), []byte("a secret key of 32 octets length")
	v15, err := rsa.EncryptPKCS1v15(rand.Reader, public, secret)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := rsa.GenerateKey(rand.Reader, public.Size()*8)
	if err != nil {
		t.Fatal(err)
	}
	notOurs, err := rsa.EncryptPKCS1v15(rand.Reader, &foreign.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	notOurs[0] = 0 // less than our modulus
	for where, s := range map[string]keystore.Store{"where it was made": first, "elsewhere": open(t)} {
		key, err := s.Open(t.Context(), made.ID())
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if signature, err := key.Sign(t.Context(), secret); err != nil || a.Verify(made.PublicKey(), secret, signature) != nil {
			t.Errorf("%s: it does not sign: %v", where, err)
		}
		decrypter, ok := key.(keystore.Decrypter)
		if !ok {
			t.Fatalf("%s: a key made for decryption does not decrypt", where)
		}
		sessionKey := &rsa.PKCS1v15DecryptOptions{SessionKeyLen: len(secret)}
		if got, err := decrypter.Decrypt(t.Context(), v15, sessionKey); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s: PKCS #1 v1.5: %x, %v", where, got, err)
		}
		// Wrong padding, and a key of another length, cannot be told from a key: each time another one.
		for what, wrong := range map[string][]byte{"wrong padding": notOurs, "another length": v15} {
			o := sessionKey
			if what == "another length" {
				o = &rsa.PKCS1v15DecryptOptions{SessionKeyLen: 24}
			}
			one, err := decrypter.Decrypt(t.Context(), wrong, o)
			two, again := decrypter.Decrypt(t.Context(), wrong, o)
			if err != nil || again != nil || len(one) != o.SessionKeyLen || len(two) != o.SessionKeyLen || bytes.Equal(one, two) ||
				bytes.Contains(secret, one[:8]) {
				t.Errorf("%s: %s: %x, %v; %x, %v", where, what, one, err, two, again)
			}
		}
		if got, err := decrypter.Decrypt(t.Context(), v15, sessionKey); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s: after wrong ones: %x, %v", where, got, err)
		}
		for what, o := range map[string]crypto.DecrypterOpts{
			"no length": &rsa.PKCS1v15DecryptOptions{}, "nothing": nil, "MD5": &rsa.OAEPOptions{Hash: crypto.MD5},
		} {
			if got, err := decrypter.Decrypt(t.Context(), v15, o); err == nil {
				t.Errorf("%s: with %s it decrypted to %x", where, what, got)
			}
		}
		if _, err := decrypter.Decrypt(t.Context(), v15[1:], sessionKey); !errors.Is(err, keystore.ErrDecryption) {
			t.Errorf("%s: a shorter ciphertext: %v", where, err)
		}
		// Tokens may know OAEP with SHA-1 only, and no labels.
		oaep := 0
		for _, o := range []*rsa.OAEPOptions{
			{Hash: crypto.SHA1}, {Hash: crypto.SHA256}, {Hash: crypto.SHA256, MGFHash: crypto.SHA1, Label: []byte("label")},
		} {
			sealed, err := encryptOAEP(public, secret, o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decrypter.Decrypt(t.Context(), sealed, o)
			if errors.Is(err, keystore.ErrUnsupported) {
				continue
			}
			oaep++
			if err != nil || !bytes.Equal(got, secret) {
				t.Errorf("%s: OAEP %v: %x, %v", where, o, got, err)
			}
			if got, err := decrypter.Decrypt(t.Context(), v15, o); !errors.Is(err, keystore.ErrDecryption) {
				t.Errorf("%s: OAEP %v of something else: %x, %v", where, o, got, err)
			}
		}
		if oaep == 0 {
			t.Errorf("%s: no OAEP at all", where)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := decrypter.Decrypt(ctx, v15, sessionKey); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: decrypted for nobody: %v", where, err)
		}
	}
}

func is[T any](v any) bool {
	_, ok := v.(T)
	return ok
}

func encryptOAEP(public *rsa.PublicKey, secret []byte, o *rsa.OAEPOptions) ([]byte, error) {
	return rsa.EncryptOAEPWithOptions(rand.Reader, public, secret, o)
}

func signsConcurrently(t *testing.T, a *algorithm.Algorithm, open func(t *testing.T) keystore.Store) {
	made := generate(t, open(t), a)
	s := open(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			message := []byte{byte(i)}
			key, err := s.Open(t.Context(), made.ID())
			if err != nil {
				t.Error(err)
				return
			}
			signature, err := key.Sign(t.Context(), message)
			if err != nil {
				t.Error(err)
			} else if err := a.Verify(made.PublicKey(), message, signature); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
