package keystore

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pkiaas/pkiaas/pki/algorithm"
)

func p256(t *testing.T) *algorithm.Algorithm {
	t.Helper()
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAFileWithAnyPartAlteredIsRefused(t *testing.T) {
	dir, kek := t.TempDir(), filepath.Join(t.TempDir(), "kek")
	s := opened(t, dir, kek)
	key, err := s.Generate(t.Context(), p256(t), Signing)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Generate(t.Context(), p256(t), Signing)
	if err != nil {
		t.Fatal(err)
	}
	read := func(id string) (r fileRecord) {
		text, err := os.ReadFile(filepath.Join(dir, id+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	write := func(text []byte) {
		if err := os.WriteFile(filepath.Join(dir, key.ID()+".json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for what, alter := range map[string]func(*fileRecord){
		"id":                  func(r *fileRecord) { r.ID = other.ID() },
		"algorithm":           func(r *fileRecord) { r.Algorithm = "ECDSAP384+SHA384" },
		"unknown algorithm":   func(r *fileRecord) { r.Algorithm = "none" },
		"public key":          func(r *fileRecord) { r.PublicKey = other.PublicKey() },
		"version":             func(r *fileRecord) { r.Sealed[0]++ },
		"nonce":               func(r *fileRecord) { r.Sealed[1] ^= 1 },
		"ciphertext":          func(r *fileRecord) { r.Sealed[20] ^= 1 },
		"tag":                 func(r *fileRecord) { r.Sealed[len(r.Sealed)-1] ^= 1 },
		"cut short":           func(r *fileRecord) { r.Sealed = r.Sealed[:5] },
		"nothing sealed":      func(r *fileRecord) { r.Sealed = nil },
		"seal of another key": func(r *fileRecord) { r.Sealed = read(other.ID()).Sealed },
	} {
		record := read(key.ID())
		original, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		alter(&record)
		altered, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		write(altered)
		if _, err := opened(t, dir, kek).Open(t.Context(), key.ID()); err == nil {
			t.Errorf("%s: the altered file was opened", what)
		}
		write(original)
	}
	if _, err := opened(t, dir, kek).Open(t.Context(), key.ID()); err != nil {
		t.Errorf("the file as it was: %v", err)
	}
	write([]byte("{"))
	if _, err := opened(t, dir, kek).Open(t.Context(), key.ID()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("half a file: %v", err)
	}
}

func TestAnotherKEKIsNamedAsTheCause(t *testing.T) {
	dir := t.TempDir()
	key, err := opened(t, dir, filepath.Join(t.TempDir(), "kek")).Generate(t.Context(), p256(t), Signing)
	if err != nil {
		t.Fatal(err)
	}
	_, err = opened(t, dir, filepath.Join(t.TempDir(), "kek")).Open(t.Context(), key.ID())
	if err == nil || !strings.Contains(err.Error(), "key-encryption key") || !strings.Contains(err.Error(), key.ID()) {
		t.Errorf("does not say what to look at: %v", err)
	}
	if _, err := OpenStore("file:"+dir, Options{}); err == nil {
		t.Error("a store without a key-encryption key")
	}
}

func TestOnlyTheOwnerCanReadWhatIsMade(t *testing.T) {
	base := t.TempDir()
	dir, kek := filepath.Join(base, "data", "keys"), filepath.Join(base, "secrets", "kek")
	key, err := opened(t, dir, kek).Generate(t.Context(), p256(t), Signing)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		filepath.Dir(dir): 0o700, dir: 0o700, filepath.Join(dir, key.ID()+".json"): 0o600, filepath.Dir(kek): 0o700, kek: 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: %o, want %o", path, info.Mode().Perm(), want)
		}
	}
	for _, d := range []string{dir, filepath.Dir(kek)} {
		if entries, err := os.ReadDir(d); err != nil || len(entries) != 1 {
			t.Errorf("%s: temporary files stay behind: %v %v", d, entries, err)
		}
	}
}

func TestServersMayShareTheDirectory(t *testing.T) {
	base := t.TempDir()
	dir, kekFile := filepath.Join(base, "keys"), filepath.Join(base, "kek")
	a := p256(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			kek, err := OpenKEK("file:"+kekFile, KEKHelp{})
			if err != nil {
				t.Error(err)
				return
			}
			mine, err := OpenStore("file:"+dir, Options{KEK: kek})
			if err != nil {
				t.Error(err)
				return
			}
			theirs, err := OpenStore("file:"+dir, Options{KEK: kek})
			if err != nil {
				t.Error(err)
				return
			}
			for range 8 {
				key, err := mine.Generate(t.Context(), a, Signing)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := theirs.Open(t.Context(), key.ID()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
