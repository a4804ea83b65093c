// Package keystoretest is the suite that every key store must pass.
package keystoretest

import (
	"context"
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
	key, err := s.Generate(t.Context(), a)
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
