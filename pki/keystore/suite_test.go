package keystore_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/keystore/keystoretest"
	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

func TestFileStore(t *testing.T) {
	dir, kekFile := filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "kek")
	// Longer keys and smaller hash-based signatures are the same code and slow.
	algorithms := slices.DeleteFunc(slices.Clone(algorithm.All()), func(a *algorithm.Algorithm) bool {
		return a.Family == "RSA" && a.SecurityBits > 112 || a.Family == "Composite" && a.Label != "MLDSA44-RSA2048-PSS" &&
			a.Label != "MLDSA44-ECDSA-P256" ||
			a.OCSPSignerAlgorithm() != a || strings.Contains(a.Label, "192f") || strings.Contains(a.Label, "256f")
	})
	algorithms[0], algorithms[2] = algorithms[2], algorithms[0] // the first is tried most
	keystoretest.Run(t, algorithms, func(t *testing.T) keystore.Store {
		kek, err := keystore.OpenKEK("file:"+kekFile, keystore.KEKHelp{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := keystore.OpenStore("file:"+dir, keystore.Options{KEK: kek})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestTokenStore(t *testing.T) {
	uri, dir := tokentest.New(t), t.TempDir()
	// One algorithm of each kind in the token, and of each library that is wrapped.
	var algorithms []*algorithm.Algorithm
	for _, label := range []string{
		"ECDSAP256+SHA256", "ECDSAP384+SHA384", "ECDSAP521+SHA512", "RSA-2048+PKCS15-SHA256", "RSA-2048+PSS-SHA256", "RSA-4096+PSS-SHA512",
		"Ed25519", "ML-DSA-65", "Hash-SLH-DSA-SHA2-128f-With-SHA256", "Falcon-512", "MLDSA44-ECDSA-P256"} {
		a, err := algorithm.ForLabel(label)
		if err != nil {
			t.Fatal(err)
		}
		algorithms = append(algorithms, a)
	}
	keystoretest.Run(t, algorithms, func(t *testing.T) keystore.Store {
		s, err := keystore.OpenStore(uri, keystore.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	})
}

// TestWrappedStore: RSA keys of a token are in it; where a token had none, they would be wrapped as others are.
func TestWrappedStore(t *testing.T) {
	uri, dir := tokentest.New(t), t.TempDir()
	a, err := algorithm.ForLabel("RSA-2048+PKCS15-SHA256")
	if err != nil {
		t.Fatal(err)
	}
	keystoretest.Decrypts(t, a, func(t *testing.T) keystore.Store {
		s, err := keystore.OpenWrapped(uri, dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	})
}

func TestUnknownKindsOfStoreNameTheKnownOnes(t *testing.T) {
	for _, uri := range []string{"", "file:", "pkcs11:", "/var/keys"} {
		if _, err := keystore.OpenStore(uri, keystore.Options{}); err == nil || !strings.HasPrefix(
			err.Error(), "a key store must be given as file:DIR or pkcs11:",
		) {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := tokentest.Dir(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}
