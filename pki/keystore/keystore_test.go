package keystore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/pkiaas/pkiaas/pki/algorithm"
)

func opened(t *testing.T, dir, kekFile string) Store {
	t.Helper()
	kek, err := OpenKEK("file:"+kekFile, KEKHelp{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenStore("file:"+dir, Options{KEK: kek})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeysAreFoundAgainAndNeverInClear(t *testing.T) {
	dir, kek := t.TempDir(), filepath.Join(t.TempDir(), "kek")
	s := opened(t, dir, kek)
	for _, a := range algorithm.All() {
		if !slices.Contains(
			[]string{
				"RSA-2048+PSS-SHA256", "ECDSAP384+SHA384", "ML-DSA-65", "Falcon-512", "MLDSA44-ECDSA-P256",
				"Hash-SLH-DSA-SHA2-128f-With-SHA256", "Ed25519",
			},
			a.Label,
		) {
			continue // the same code, and slow
		}
		key, err := s.Generate(t.Context(), a, Signing)
		if err != nil {
			t.Fatal(err)
		}
		again, err := opened(t, dir, kek).Open(t.Context(), key.ID())
		if err != nil {
			t.Fatal(err)
		}
		signature, err := again.Sign(t.Context(), []byte("message"))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Verify(key.PublicKey(), []byte("message"), signature); err != nil {
			t.Errorf("%s: %v", a.Label, err)
		}
		if a.Verify(key.PublicKey(), []byte("another"), signature) == nil {
			t.Errorf("%s: another message verifies", a.Label)
		}
		pkcs8, err := key.(*fileKey).private.MarshalPKCS8()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, key.ID()+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, pkcs8[len(pkcs8)-16:]) {
			t.Error("the key lies there in clear")
		}
	}
}

func TestWhatIsNotOursIsRefused(t *testing.T) {
	dir, kek := t.TempDir(), filepath.Join(t.TempDir(), "kek")
	s := opened(t, dir, kek)
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.Generate(t.Context(), a, Signing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, dir, filepath.Join(t.TempDir(), "other")).Open(t.Context(), key.ID()); err == nil {
		t.Error("another key-encryption key opened it")
	}
	for _, id := range []string{"", "../kek", "abcdefghijklmnopqrstuvwxyz"} {
		if _, err := s.Open(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	file := filepath.Join(dir, key.ID()+".json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte(`"sealed":"A`), []byte(`"sealed":"B`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, dir, kek).Open(t.Context(), key.ID()); err == nil {
		t.Error("an altered file was opened")
	}
	if err := os.Chmod(kek, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKEK("file:"+kek, KEKHelp{}); err == nil {
		t.Error("a key-encryption key that others can read was accepted")
	}
}

func TestServersThatStartTogetherAgreeOnTheKEK(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kek")
	var wg sync.WaitGroup
	sealed := make(chan []byte, 8)
	for range 8 {
		wg.Go(func() {
			k, err := OpenKEK("file:"+file, KEKHelp{})
			if err != nil {
				t.Error(err)
				return
			}
			secret, err := k.Seal("test", []byte("secret"), nil)
			if err != nil {
				t.Error(err)
				return
			}
			sealed <- secret
		})
	}
	wg.Wait()
	close(sealed)
	k, err := OpenKEK("file:"+file, KEKHelp{})
	if err != nil {
		t.Fatal(err)
	}
	for s := range sealed {
		if text, err := k.Unseal("test", s, nil); err != nil || string(text) != "secret" {
			t.Error(err)
		}
		if _, err := k.Unseal("other purpose", s, nil); err == nil {
			t.Error("opened for another purpose")
		}
	}
}
