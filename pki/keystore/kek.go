package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	kekSize       = 32
	kekIDSize     = 8
	sealedVersion = 2
)

// KEK is the key-encryption key under which private keys and other secrets are sealed at rest. It is never in the
// database. While it is being rotated it is several: the first seals, each opens what it sealed.
type KEK struct {
	source kekSource

	mu      sync.RWMutex
	ring    []kekMember
	stamp   string
	checked time.Time
}

// kekMember is one 256-bit secret, known by an identifier that tells nothing of it.
type kekMember struct{ secret, id []byte }

func derive(secret []byte, purpose string, size int) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "pkiaas "+purpose, size)
	if err != nil {
		panic(err) // cannot be: the length is fixed
	}
	return key
}

func newMember(secret []byte) kekMember {
	return kekMember{secret, derive(secret, "identifier", kekIDSize)}
}

func randomMember() kekMember {
	secret := make([]byte, kekSize)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return newMember(secret)
}

// parseRing reads key-encryption keys in base64, one a line (or separated by commas), the one that seals first.
func parseRing(text string) ([]kekMember, error) {
	var ring []kekMember
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("\r\n\t ,", r) }) {
		secret, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(secret) != kekSize {
			return nil, fmt.Errorf("a key-encryption key is %d bytes in base64", kekSize)
		}
		ring = append(ring, newMember(secret))
	}
	if len(ring) == 0 {
		return nil, errors.New("there is no key-encryption key in it")
	}
	return ring, nil
}

func formatRing(ring []kekMember) string {
	var b strings.Builder
	for _, m := range ring {
		b.WriteString(base64.StdEncoding.EncodeToString(m.secret) + "\n")
	}
	return b.String()
}

// load reads the ring from its source when that has changed.
func (k *KEK) load() error {
	stamp, err := k.source.stamp()
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.checked = time.Now()
	if k.ring != nil && stamp == k.stamp {
		return nil
	}
	text, err := k.source.read()
	if err != nil {
		return err
	}
	ring, err := parseRing(text)
	if err != nil {
		return fmt.Errorf("%s: %w", k.source, err)
	}
	k.ring, k.stamp = ring, stamp
	return nil
}

// recheck is how long a server may seal under a key that another process has meanwhile replaced.
const recheck = time.Second

// current is the key that seals. What cannot be read now stays as it was read before.
func (k *KEK) current() kekMember {
	k.mu.RLock()
	m, fresh := k.ring[0], time.Since(k.checked) < recheck
	k.mu.RUnlock()
	if fresh || k.load() != nil {
		return m
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.ring[0]
}

func (k *KEK) member(id []byte) (kekMember, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, m := range k.ring {
		if bytes.Equal(m.id, id) {
			return m, true
		}
	}
	return kekMember{}, false
}

func (m kekMember) aead(purpose string) cipher.AEAD {
	block, err := aes.NewCipher(derive(m.secret, purpose, kekSize))
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
// that it opens only where it belongs. Form: version, identifier of the key, nonce, ciphertext, tag.
func (k *KEK) Seal(purpose string, plaintext, additional []byte) []byte {
	m := k.current()
	return m.aead(purpose).Seal(append([]byte{sealedVersion}, m.id...), nil, plaintext, additional)
}

// Unseal opens what Seal made with the same purpose and additional data.
func (k *KEK) Unseal(purpose string, sealed, additional []byte) ([]byte, error) {
	if len(sealed) <= 1+kekIDSize || sealed[0] != sealedVersion {
		return nil, errors.New("this is not a sealed secret")
	}
	id := sealed[1 : 1+kekIDSize]
	m, ok := k.member(id)
	if !ok {
		// Another process may have rotated the key.
		if err := k.load(); err != nil {
			return nil, err
		}
		if m, ok = k.member(id); !ok {
			return nil, fmt.Errorf("a sealed secret cannot be opened: it was sealed with the key-encryption key %x, which is not the one in use", id)
		}
	}
	plaintext, err := m.aead(purpose).Open(nil, nil, sealed[1+kekIDSize:], additional)
	if err != nil {
		return nil, errors.New("a sealed secret cannot be opened: it was altered, or it does not belong where it was found")
	}
	return plaintext, nil
}

// Current tells whether something was sealed with the key that seals now.
func (k *KEK) Current(sealed []byte) bool {
	return len(sealed) > 1+kekIDSize && bytes.Equal(sealed[1:1+kekIDSize], k.current().id)
}

// ID of the key that seals, in hexadecimal; it tells nothing of the key.
func (k *KEK) ID() string { return fmt.Sprintf("%x", k.current().id) }

// Members is how many keys there are: more than one while a rotation is not finished.
func (k *KEK) Members() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.ring)
}

// BeginRotation puts a new key in front of the present one, unless a rotation has begun and not ended.
func (k *KEK) BeginRotation() error {
	if err := k.load(); err != nil {
		return err
	}
	if k.Members() > 1 {
		return nil
	}
	return k.replace(append([]kekMember{randomMember()}, k.ring...))
}

// EndRotation forgets the keys that nothing is sealed with any more: all but the first.
func (k *KEK) EndRotation() error {
	if k.Members() == 1 {
		return nil
	}
	return k.replace(k.ring[:1])
}

// adopt adds keys with which restored secrets were sealed.
func (k *KEK) adopt(ring []kekMember) error {
	all := k.ring
	for _, m := range ring {
		if _, known := k.member(m.id); !known {
			all = append(all[:len(all):len(all)], m)
		}
	}
	if len(all) == len(k.ring) {
		return nil
	}
	return k.replace(all)
}

func (k *KEK) replace(ring []kekMember) error {
	if err := k.source.write(formatRing(ring)); err != nil {
		return err
	}
	k.mu.Lock()
	k.stamp = ""
	k.mu.Unlock()
	return k.load()
}
