package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	kekSize       = 32
	sealedVersion = 1
)

// KEK is the 256-bit key-encryption key under which keys and other secrets are sealed at rest. It is never in the
// database.
type KEK struct{ secret []byte }

// ParseKEK reads a key-encryption key from its base64 form.
func ParseKEK(text string) (*KEK, error) {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != kekSize {
		return nil, fmt.Errorf("a key-encryption key is %d bytes in base64", kekSize)
	}
	return &KEK{secret}, nil
}

// LoadOrCreateKEKFile reads the key-encryption key from a file that only its owner can read, and makes it when there is
// none. Of several servers that start at once, one makes it and all use it.
func LoadOrCreateKEKFile(path string) (*KEK, error) {
	kek, err := loadKEKFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return kek, err
	}
	secret := make([]byte, kekSize)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	if err := makeDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	// Linked into place whole: it fails when another server was first.
	temporary, err := writeTemporary(filepath.Dir(path), []byte(base64.StdEncoding.EncodeToString(secret)+"\n"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return loadKEKFile(path)
}

func loadKEKFile(path string) (*KEK, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key-encryption key %s can be read by others: chmod 600 it, and think about who may have read it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	kek, err := ParseKEK(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return kek, nil
}

func (k *KEK) aead(purpose string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, k.secret, nil, "pkiaas "+purpose, kekSize)
	if err != nil {
		panic(err) // cannot be: the length is fixed
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // cannot be: the length is fixed
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // cannot be: AES has the right block size
	}
	return aead
}

// Seal encrypts with AES-256-GCM under a key derived for the purpose. The additional data is bound to the result, so
// that it opens only where it belongs.
func (k *KEK) Seal(purpose string, plaintext, additional []byte) []byte {
	return k.aead(purpose).Seal([]byte{sealedVersion}, nil, plaintext, additional)
}

// Unseal opens what Seal made with the same purpose and additional data.
func (k *KEK) Unseal(purpose string, sealed, additional []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealedVersion {
		return nil, errors.New("this is not a sealed secret")
	}
	plaintext, err := k.aead(purpose).Open(nil, nil, sealed[1:], additional)
	if err != nil {
		return nil, errors.New("a sealed secret cannot be opened: it was altered, or the key-encryption key is not the one it was sealed with")
	}
	return plaintext, nil
}
