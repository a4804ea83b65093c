// Package keystore keeps private keys. A key never leaves its store, only signatures do.
package keystore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/pki/algorithm"
)

// ErrNotFound says that the store has no key of that id.
var ErrNotFound = errors.New("no such key in the key store")

// Custody is where a private key is and who could get at it.
type Custody string

const (
	// InToken: made in the HSM, which signs with it and never gives it out.
	InToken Custody = "IN_TOKEN"
	// Imported: in the HSM, which never gives it out; but it was made elsewhere, where a copy may be.
	Imported Custody = "IMPORTED"
	// WrappedByToken: for algorithms that the HSM does not know: encrypted under an AES key that never leaves the HSM,
	// which decrypts it for each signature in the server's memory, where remains can stay a while.
	WrappedByToken Custody = "WRAPPED_BY_TOKEN"
	// InSoftware: a file encrypted under the key-encryption key; in the server's memory while in use.
	InSoftware Custody = "IN_SOFTWARE"
)

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
	// Custody tells how the store would keep a new key of the algorithm; "" when it cannot.
	Custody(a *algorithm.Algorithm) Custody
	// Description says which store it is: a directory, a token with its maker and model.
	Description() string
	Close()
}

// Key signs with a private key of the store. Safe for concurrent use.
type Key interface {
	ID() string
	Algorithm() *algorithm.Algorithm
	PublicKey() []byte // SubjectPublicKeyInfo, DER
	Custody() Custody
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Options of opening a store.
type Options struct {
	KEK *KEK   // of file:DIR
	Dir string // of pkcs11: where keys that the token does not know are kept, wrapped by it
	Log *slog.Logger
}

// OpenStore opens the store that a URI names: file:DIR, or pkcs11:… (RFC 7512, see package token).
func OpenStore(uri string, o Options) (Store, error) {
	kind, rest, _ := strings.Cut(uri, ":")
	switch {
	case kind == "file" && rest != "":
		if o.KEK == nil {
			return nil, errors.New("the key store file:DIR needs a key-encryption key")
		}
		return openFileStore(rest, kekSealer{o.KEK}, InSoftware, true)
	case kind == "pkcs11" && rest != "":
		return openTokenStore(uri, o)
	}
	return nil, errors.New("a key store must be given as file:DIR or pkcs11:token=LABEL?module-path=LIBRARY&pin-source=file:PATH")
}

// Named is a store that certification authorities can choose by its name.
type Named struct {
	Name string
	URI  string
	Store
}

// Set is the stores of a deployment; the first is taken when nobody chooses.
type Set []*Named

var nameRule = regexp.MustCompile(`^([a-z0-9-]{1,18})=((?:file|pkcs11):.*)$`)

// ParseName splits NAME=URI. Without a name, file: is called software and pkcs11: hsm.
func ParseName(spec string) (name, uri string) {
	if m := nameRule.FindStringSubmatch(spec); m != nil {
		return m[1], m[2]
	}
	if strings.HasPrefix(spec, "pkcs11:") {
		return "hsm", spec
	}
	return "software", spec
}

// Default is the store that is taken when nobody chooses.
func (s Set) Default() *Named { return s[0] }

// ByName finds a store.
func (s Set) ByName(name string) (*Named, error) {
	if i := slices.IndexFunc(s, func(n *Named) bool { return n.Name == name }); i >= 0 {
		return s[i], nil
	}
	return nil, fmt.Errorf("there is no key store %s in this deployment", name)
}

// Open opens a key of one of the stores.
func (s Set) Open(ctx context.Context, store, id string) (Key, error) {
	found, err := s.ByName(store)
	if err != nil {
		return nil, err
	}
	return found.Open(ctx, id)
}

// Copy brings a private key of one store, which must not be a token's own, into another one, under the same id. Doing it
// twice is doing it once. The key signs and is verified in its new place before it is returned.
func Copy(ctx context.Context, from, to Store, id string) (Key, error) {
	source, ok := from.(interface {
		export(ctx context.Context, id string) (*algorithm.Algorithm, algorithm.PrivateKey, error)
	})
	if !ok {
		return nil, errors.New("the key never leaves its store")
	}
	target, ok := to.(interface {
		adopt(ctx context.Context, id string, a *algorithm.Algorithm, private algorithm.PrivateKey) (Key, error)
	})
	if !ok {
		return nil, errors.New("the key store takes no keys from elsewhere")
	}
	a, private, err := source.export(ctx, id)
	if err != nil {
		return nil, err
	}
	key, err := target.adopt(ctx, id, a, private)
	if err != nil {
		return nil, err
	}
	message := []byte("is this the key that was moved?")
	signature, err := key.Sign(ctx, message)
	if err != nil {
		return nil, err
	}
	return key, a.Verify(private.PublicKey(), message, signature)
}

// Close closes all.
func (s Set) Close() {
	for _, n := range s {
		n.Close()
	}
}
