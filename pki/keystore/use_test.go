package keystore

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

// TestTheUseOfAKeyGoesWithIt: into another store, into a backup and back; and nobody changes it in the key's file.
func TestTheUseOfAKeyGoesWithIt(t *testing.T) {
	dir := t.TempDir()
	kek, err := OpenKEK("file:"+filepath.Join(dir, "kek"), KEKHelp{})
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string) Store {
		s, err := OpenStore("file:"+filepath.Join(dir, name), Options{KEK: kek})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	hsm, err := OpenStore(tokentest.New(t), Options{Dir: filepath.Join(dir, "wrapped")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hsm.Close)
	a, err := algorithm.ForLabel("RSA-2048+PKCS15-SHA256")
	if err != nil {
		t.Fatal(err)
	}
	software := open("software")
	uses := map[string]Use{}
	for _, use := range []Use{Signing, SigningAndDecryption} {
		key, err := software.Generate(t.Context(), a, use)
		if err != nil {
			t.Fatal(err)
		}
		uses[key.ID()] = use
	}
	check := func(where string, s Store) {
		t.Helper()
		for id, use := range uses {
			key, err := s.Open(t.Context(), id)
			if err != nil {
				t.Errorf("%s: %v", where, err)
				continue
			}
			decrypter, decrypts := key.(Decrypter)
			if decrypts != (use == SigningAndDecryption) {
				t.Errorf("%s: a key for %q decrypts: %v", where, use, decrypts)
				continue
			}
			public, err := x509.ParsePKIXPublicKey(key.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			secret := []byte("0123456789abcdef")
			sealed, err := rsa.EncryptPKCS1v15(rand.Reader, public.(*rsa.PublicKey), secret)
			if err != nil {
				t.Fatal(err)
			}
			o := &rsa.PKCS1v15DecryptOptions{SessionKeyLen: len(secret)}
			if decrypts {
				if got, err := decrypter.Decrypt(t.Context(), sealed, o); err != nil || !bytes.Equal(got, secret) {
					t.Errorf("%s: %x %v", where, got, err)
				}
			} else if inToken, ok := key.(*tokenKey); ok { // the token itself refuses, whatever this program thinks
				if got, err := inToken.signer.Decrypt(t.Context(), sealed, o); err == nil {
					t.Errorf("%s: the token decrypted with a key made for signing: %x", where, got)
				}
			}
		}
	}
	check("where they were made", open("software"))
	for id := range uses {
		if _, err := Copy(t.Context(), software, hsm, id); err != nil {
			t.Fatal(err)
		}
	}
	check("imported into a token", hsm)
	hsm.(*tokenStore).opened.Clear()
	check("read from the token anew", hsm)

	set := Set{{Name: "software", Store: software}}
	backup, shares, _, err := Backup(t.Context(), set, kek, nil, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	restored := open("restored")
	if _, err := Restore(t.Context(), Set{{Name: "software", Store: restored}}, kek, backup, shares); err != nil {
		t.Fatal(err)
	}
	check("restored", open("restored"))

	for id, use := range uses {
		file := filepath.Join(dir, "software", id+".json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		altered := bytes.Replace(text, []byte(`"use":"decrypt",`), nil, 1)
		if use == Signing {
			altered = bytes.Replace(text, []byte(`"publicKey"`), []byte(`"use":"decrypt","publicKey"`), 1)
		}
		if bytes.Equal(altered, text) {
			t.Fatalf("the file says nothing of %q: %s", use, text[:120])
		}
		if err := os.WriteFile(file, altered, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open("software").Open(t.Context(), id); err == nil {
			t.Errorf("the use %q was changed in the key's file, and the key opens", use)
		}
	}
}
