package keystore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

// machine is a server's key stores: a directory and a token of its own.
func machine(t *testing.T) (Set, *KEK) {
	t.Helper()
	dir := t.TempDir()
	kek, err := OpenKEK("file:"+filepath.Join(dir, "kek"), KEKHelp{})
	if err != nil {
		t.Fatal(err)
	}
	software, err := OpenStore("file:"+filepath.Join(dir, "keys"), Options{KEK: kek})
	if err != nil {
		t.Fatal(err)
	}
	hsm, err := OpenStore(tokentest.New(t), Options{Dir: filepath.Join(dir, "wrapped")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hsm.Close)
	return Set{{Name: "software", Store: software}, {Name: "hsm", Store: hsm}}, kek
}

func TestBackupAndRestore(t *testing.T) {
	old, oldKEK := machine(t)
	made := map[string][]Key{}
	for _, store := range old {
		for _, label := range []string{"ECDSAP256+SHA256", "ML-DSA-44", "MLDSA44-ECDSA-P256"} {
			a, err := algorithm.ForLabel(label)
			if err != nil {
				t.Fatal(err)
			}
			key, err := store.Generate(t.Context(), a, Signing)
			if err != nil {
				t.Fatal(err)
			}
			made[store.Name] = append(made[store.Name], key)
		}
	}
	secret, err := oldKEK.Seal("totp", []byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	backup, shares, report, err := Backup(t.Context(), old, oldKEK, nil, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(shares) != 3 || report.Keys != 5 || len(report.InTokens) != 1 {
		t.Fatalf("%d shares, %+v", len(shares), report)
	}
	for _, pair := range [][]string{{shares[0], shares[1]}, {shares[2], shares[0]}} {
		set, kek := machine(t)
		report, err := Restore(t.Context(), set, kek, backup, pair)
		if err != nil || report.Keys != 5 || report.Existing != 0 {
			t.Fatalf("%+v %v", report, err)
		}
		for _, store := range set {
			for _, key := range made[store.Name] {
				again, err := store.Open(t.Context(), key.ID())
				if inToken := store.Custody(key.Algorithm()) == InToken; inToken {
					if err != ErrNotFound {
						t.Errorf("a token's own key came back: %v", err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				signature, err := again.Sign(t.Context(), []byte("message"))
				if err != nil {
					t.Fatal(err)
				}
				if err := key.Algorithm().Verify(key.PublicKey(), []byte("message"), signature); err != nil {
					t.Error(err)
				}
			}
		}
		if text, err := kek.Unseal("totp", secret, nil); err != nil || string(text) != "secret" {
			t.Errorf("what the old key-encryption key sealed: %v", err)
		}
		if report, err = Restore(t.Context(), set, kek, backup, pair); err != nil || report.Existing != 5 {
			t.Errorf("the second time: %+v %v", report, err)
		}
	}
}

func TestABackupOpensWithItsOwnSharesOnly(t *testing.T) {
	dir := t.TempDir()
	kek, err := OpenKEK("file:"+filepath.Join(dir, "kek"), KEKHelp{})
	if err != nil {
		t.Fatal(err)
	}
	software, err := OpenStore("file:"+filepath.Join(dir, "keys"), Options{KEK: kek})
	if err != nil {
		t.Fatal(err)
	}
	set := Set{{Name: "software", Store: software}}
	key, err := software.Generate(t.Context(), algorithm.All()[6], Signing)
	if err != nil {
		t.Fatal(err)
	}
	backup, shares, _, err := Backup(t.Context(), set, kek, nil, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, _, err := Backup(t.Context(), set, kek, nil, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := key.(*fileKey).private.MarshalPKCS8()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(backup, pkcs8[40:60]) {
		t.Error("the key lies in the backup in clear")
	}
	wrong := strings.Replace(shares[2], ":", ":0", 1)
	for what, c := range map[string]struct {
		shares []string
		says   string
	}{
		"too few":       {shares[:2], "3 different shares are needed, 2 are here"},
		"one twice":     {[]string{shares[0], shares[1], shares[1]}, "2 are here"},
		"foreign":       {[]string{shares[0], shares[1], foreign[2]}, "belongs to backup"},
		"mistyped":      {[]string{shares[0], shares[1], wrong}, "checksum"},
		"something":     {[]string{shares[0], shares[1], "hello"}, "not a share"},
		"nothing":       {nil, "0 are here"},
		"four of three": {shares[:4], ""},
	} {
		_, err := Restore(t.Context(), set, kek, backup, c.shares)
		if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range backup {
		altered := bytes.Clone(backup)
		altered[n] ^= 1
		if _, err := Restore(t.Context(), set, kek, altered, shares[:3]); err == nil {
			t.Fatalf("octet %d altered, and it opens", n)
		}
	}
	if _, err := Restore(
		t.Context(), Set{{Name: "other", Store: software}}, kek, backup, shares[:3],
	); err == nil || !strings.Contains(err.Error(), "software") {
		t.Errorf("a store that is not there: %v", err)
	}
	for _, c := range [][2]int{{1, 3}, {4, 3}, {2, 21}} {
		if _, _, _, err := Backup(t.Context(), set, kek, nil, c[0], c[1]); err == nil {
			t.Errorf("%d of %d", c[0], c[1])
		}
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	source := "file:" + filepath.Join(dir, "kek")
	opened := func() (*KEK, *fileStore) {
		kek, err := OpenKEK(source, KEKHelp{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := OpenStore("file:"+filepath.Join(dir, "keys"), Options{KEK: kek})
		if err != nil {
			t.Fatal(err)
		}
		return kek, s.(*fileStore)
	}
	kek, store := opened()
	other, otherStore := opened() // a server that goes on meanwhile
	var ids []string
	for range 3 {
		key, err := store.Generate(t.Context(), algorithm.All()[6], Signing)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, key.ID())
	}
	before := kek.ID()
	for range 2 { // begun twice, as after a crash, is begun once
		if err := kek.BeginRotation(); err != nil {
			t.Fatal(err)
		}
	}
	if kek.Members() != 2 || kek.ID() == before {
		t.Fatalf("%d keys", kek.Members())
	}
	if n, err := store.Reseal(t.Context()); err != nil || n != 3 {
		t.Fatalf("%d %v", n, err)
	}
	if n, err := store.Reseal(t.Context()); err != nil || n != 0 {
		t.Fatalf("again: %d %v", n, err)
	}
	// The other server opens what was sealed anew, and seals with the new key from then on.
	for _, id := range ids {
		if _, err := otherStore.Open(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if other.ID() != kek.ID() {
		t.Error("another server goes on sealing with the old key")
	}
	if err := kek.EndRotation(before); err == nil {
		t.Error("ended with a key that is not the one that seals")
	}
	if err := kek.EndRotation(kek.ID()); err != nil {
		t.Fatal(err)
	}
	last, lastStore := opened()
	if last.Members() != 1 || last.ID() != kek.ID() {
		t.Error("the old key is still there")
	}
	for _, id := range ids {
		if _, err := lastStore.Open(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

// Rotations that run beside each other lose nothing: whatever was sealed by whoever opens with what the file has in the end,
// unless its rotation ended, which it does only with the key that seals.
func TestRotationsBesideEachOther(t *testing.T) {
	source := "file:" + filepath.Join(t.TempDir(), "kek")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				kek, err := OpenKEK(source, KEKHelp{})
				if err != nil {
					t.Error(err)
					return
				}
				if err := kek.BeginRotation(); err != nil {
					t.Error(err)
				}
				sealed, err := kek.Seal("test", []byte("secret"), nil)
				if err != nil {
					t.Error(err)
				}
				if _, err := kek.Unseal("test", sealed, nil); err != nil {
					t.Errorf("lost: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if kek, err := OpenKEK(source, KEKHelp{}); err != nil || kek.Members() != 2 {
		t.Errorf("begun a hundred times: %v", err)
	}
}

func TestNobodySealsWithAKeyThatCannotBeLookedAt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kek")
	kek, err := OpenKEK("file:"+file, KEKHelp{})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := kek.Seal("test", []byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	kek.checked = time.Now().Add(-time.Minute)
	if _, err := kek.Seal("test", []byte("secret"), nil); err == nil {
		t.Error("sealed with a key that may have been replaced")
	}
	if _, err := kek.Unseal("test", sealed, nil); err != nil {
		t.Errorf("what was sealed before: %v", err)
	}
	refused := errors.New("there are keys")
	if _, err := OpenKEK("file:"+file, KEKHelp{MayCreate: func() error { return refused }}); !errors.Is(err, refused) {
		t.Errorf("a lost file is made anew: %v", err)
	}
}

func TestSourcesOfTheKEK(t *testing.T) {
	dir := t.TempDir()
	hsm, err := OpenStore(tokentest.New(t), Options{Dir: filepath.Join(dir, "wrapped")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hsm.Close)
	asked := 0
	help := KEKHelp{Token: Sealer(hsm), Passphrase: func(string, bool) (string, error) { asked++; return "correct horse battery", nil }}
	t.Setenv("TEST_KEK", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	for _, source := range []string{
		"file:" + filepath.Join(dir, "plain"), "env:TEST_KEK", "passphrase:" + filepath.Join(dir, "age"),
		"hsm:" + filepath.Join(dir, "hsm"),
	} {
		first, err := OpenKEK(source, help)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		sealed, err := first.Seal("test", []byte("secret"), []byte("here"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := OpenKEK(source, help)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if text, err := second.Unseal("test", sealed, []byte("here")); err != nil || string(text) != "secret" {
			t.Errorf("%s: %v", source, err)
		}
		if _, err := second.Unseal("test", sealed, []byte("there")); err == nil {
			t.Errorf("%s: opened where it does not belong", source)
		}
		err = first.BeginRotation()
		if isEnv := source == "env:TEST_KEK"; isEnv != (err != nil) {
			t.Errorf("%s: rotating: %v", source, err)
		}
	}
	if asked != 2 {
		t.Errorf("the passphrase was asked for %d times in two processes", asked)
	}
	help.Passphrase = func(string, bool) (string, error) { return "wrong", nil }
	if _, err := OpenKEK(
		"passphrase:"+filepath.Join(dir, "age"), help,
	); err == nil || !strings.Contains(err.Error(), "passphrase does not open") {
		t.Errorf("%v", err)
	}
	for source, says := range map[string]string{
		"env:NOT_SET": "not set", "hsm:": "must be given", "": "must be given", "vault:x": "must be given",
	} {
		if _, err := OpenKEK(source, help); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", source, err)
		}
	}
	if _, err := OpenKEK("hsm:"+filepath.Join(dir, "hsm"), KEKHelp{}); err == nil {
		t.Error("an HSM without an HSM")
	}
}
