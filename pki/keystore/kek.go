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
	"slices"
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

	loading sync.Mutex // one reads the source
	mu      sync.RWMutex
	ring    kekRing
	stamp   string
	checked time.Time // when the source was last seen to say what is here
}

// kekRing is the keys, the one that seals first.
type kekRing struct {
	members  []kekMember
	rotating bool // a rotation has begun and not ended
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

// rotatingLine marks a ring in the middle of a rotation.
const rotatingLine = "# rotation under way"

// parseRing reads key-encryption keys in base64, one a line (or separated by commas), the one that seals first.
func parseRing(text string) (r kekRing, err error) {
	if rest, marked := strings.CutPrefix(text, rotatingLine); marked {
		r.rotating, text = true, rest
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("\r\n\t ,", r) }) {
		secret, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(secret) != kekSize {
			return kekRing{}, fmt.Errorf("a key-encryption key is %d bytes in base64", kekSize)
		}
		r.members = append(r.members, newMember(secret))
	}
	if len(r.members) == 0 {
		return kekRing{}, errors.New("there is no key-encryption key in it")
	}
	return r, nil
}

func (r kekRing) String() string {
	var b strings.Builder
	if r.rotating {
		b.WriteString(rotatingLine + "\n")
	}
	for _, m := range r.members {
		b.WriteString(base64.StdEncoding.EncodeToString(m.secret) + "\n")
	}
	return b.String()
}

// load reads the ring from its source when that has changed.
func (k *KEK) load() error {
	k.loading.Lock()
	defer k.loading.Unlock()
	began := time.Now()
	stamp, err := k.source.stamp()
	if err != nil {
		return err
	}
	k.mu.RLock()
	known := k.ring.members != nil && stamp == k.stamp
	k.mu.RUnlock()
	var ring kekRing
	if !known {
		text, err := k.source.read() // may ask a token: nobody waits for it meanwhile
		if err != nil {
			return err
		}
		if ring, err = parseRing(text); err != nil {
			return fmt.Errorf("%s: %w", k.source, err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !known {
		k.ring, k.stamp = ring, stamp
	}
	k.checked = began
	return nil
}

const (
	// recheck is how long a server seals without looking whether another process replaced the key.
	recheck = time.Second
	// KEKStale is how long it may fail to look before it refuses to seal: what it sealed with a key that is being
	// replaced would be lost with that key. A rotation waits longer than this before it forgets the old one.
	KEKStale = 5 * time.Second
)

// current is the key that seals.
func (k *KEK) current() (kekMember, error) {
	k.mu.RLock()
	m, age := k.ring.members[0], time.Since(k.checked)
	k.mu.RUnlock()
	if age < recheck {
		return m, nil
	}
	err := k.load()
	k.mu.RLock()
	defer k.mu.RUnlock()
	if err != nil && time.Since(k.checked) > KEKStale {
		return kekMember{}, fmt.Errorf("nothing can be sealed while the key-encryption key cannot be read: %w", err)
	}
	return k.ring.members[0], nil
}

func (k *KEK) member(id []byte) (kekMember, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, m := range k.ring.members {
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
func (k *KEK) Seal(purpose string, plaintext, additional []byte) ([]byte, error) {
	m, err := k.current()
	if err != nil {
		return nil, err
	}
	return m.aead(purpose).Seal(append([]byte{sealedVersion}, m.id...), nil, plaintext, additional), nil
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
			return nil, fmt.Errorf(
				"a sealed secret cannot be opened: it was sealed with the key-encryption key %x, which is not the one in use", id,
			)
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
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(sealed) > 1+kekIDSize && bytes.Equal(sealed[1:1+kekIDSize], k.ring.members[0].id)
}

// ID of the key that seals, in hexadecimal; it tells nothing of the key.
func (k *KEK) ID() string { return fmt.Sprintf("%x", k.snapshot().members[0].id) }

// Members is how many keys there are: more than one while a rotation is not finished, or after a restoration.
func (k *KEK) Members() int { return len(k.snapshot().members) }

func (k *KEK) snapshot() kekRing {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.ring
}

// BeginRotation puts a new key in front of the present ones, unless a rotation has begun and not ended.
func (k *KEK) BeginRotation() error {
	return k.change(func(r kekRing) (kekRing, error) {
		if r.rotating {
			return r, nil
		}
		return kekRing{append([]kekMember{randomMember()}, r.members...), true}, nil
	})
}

// EndRotation forgets all keys but the one that everything was sealed with, which must still be the first.
func (k *KEK) EndRotation(id string) error {
	return k.change(func(r kekRing) (kekRing, error) {
		if fmt.Sprintf("%x", r.members[0].id) != id {
			return r, errors.New("another rotation has begun meanwhile: repeat this one")
		}
		return kekRing{r.members[:1], false}, nil
	})
}

// adopt adds keys with which restored secrets were sealed.
func (k *KEK) adopt(others kekRing) error {
	return k.change(func(r kekRing) (kekRing, error) {
		all := kekRing{r.members[:len(r.members):len(r.members)], r.rotating}
		for _, m := range others.members {
			if !slices.ContainsFunc(all.members, func(known kekMember) bool { return bytes.Equal(known.id, m.id) }) {
				all.members = append(all.members, m)
			}
		}
		return all, nil
	})
}

// change replaces the ring by what fn makes of the one that the source has now, one process at a time.
func (k *KEK) change(fn func(kekRing) (kekRing, error)) error {
	unlock, err := k.source.lock()
	if err != nil {
		return err
	}
	defer unlock()
	text, err := k.source.read()
	if err != nil {
		return err
	}
	before, err := parseRing(text)
	if err != nil {
		return err
	}
	after, err := fn(before)
	if err != nil {
		return err
	}
	if after.String() != before.String() {
		if err := k.source.write(after.String()); err != nil {
			return err
		}
	}
	k.mu.Lock()
	k.stamp = ""
	k.mu.Unlock()
	return k.load()
}
