package keystore_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/keystore/keystoretest"
)

func TestFileStore(t *testing.T) {
	dir, kekFile := filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "kek")
	// Longer RSA keys are the same code and slow to make.
	algorithms := slices.DeleteFunc(slices.Clone(algorithm.All()), func(a *algorithm.Algorithm) bool {
		return a.Family == "RSA" && a.SecurityBits > 112
	})
	slices.Reverse(algorithms)
	keystoretest.Run(t, algorithms, func(t *testing.T) keystore.Store {
		kek, err := keystore.LoadOrCreateKEKFile(kekFile)
		if err != nil {
			t.Fatal(err)
		}
		s, err := keystore.OpenStore("file:"+dir, kek)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestUnknownKindsOfStoreNameTheKnownOnes(t *testing.T) {
	for _, uri := range []string{"", "file:", "pkcs11:token=x", "/var/keys"} {
		if _, err := keystore.OpenStore(uri, nil); err == nil || err.Error() != "the key store must be given as file:DIR" {
			t.Errorf("%q: %v", uri, err)
		}
	}
}
