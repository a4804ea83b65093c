// Package keystore keeps private keys. A key never leaves its store, only signatures do.
package keystore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pkiaas/pkiaas/pki/algorithm"
)

// ErrNotFound says that the store has no key of that id.
var ErrNotFound = errors.New("no such key in the key store")

// Store makes and opens keys. Safe for concurrent use.
type Store interface {
	// Generate makes a key that is durable when it returns.
	Generate(ctx context.Context, a *algorithm.Algorithm) (Key, error)
	// Open returns a key by its id, or ErrNotFound.
	Open(ctx context.Context, id string) (Key, error)
	// Delete removes a key for good, or returns ErrNotFound.
	Delete(ctx context.Context, id string) error
	// Check tells whether the store can be used now.
	Check(ctx context.Context) error
	// Protection says in a sentence where the keys are and how they are protected.
	Protection() string
}

// Key signs with a private key of the store. Safe for concurrent use.
type Key interface {
	ID() string
	Algorithm() *algorithm.Algorithm
	PublicKey() []byte // SubjectPublicKeyInfo, DER
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// OpenStore opens the store that a URI names: file:DIR.
func OpenStore(uri string, kek *KEK) (Store, error) {
	if dir, ok := strings.CutPrefix(uri, "file:"); ok && dir != "" {
		return openFileStore(dir, kek)
	}
	return nil, fmt.Errorf("the key store must be given as file:DIR")
}
