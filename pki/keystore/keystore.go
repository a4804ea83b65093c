// Package keystore keeps private keys. A key never leaves its store: only signatures do, and what keys made for it decrypt.
package keystore

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore/token"
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

// Use is what a key may do. It is fixed when the key is made, and kept with the key where nobody can change it: in the
// token's attributes, under the seal of a file.
type Use string

const (
	// Signing is the use of every CA's key: it never decrypts, so that no protocol that decrypts for strangers reaches it.
	Signing Use = ""
	// SigningAndDecryption is the use of keys below a CA that decrypt what others send to the service. They sign as well,
	// because SCEP has one certificate for both. Only algorithms that Decrypts know it.
	SigningAndDecryption Use = "decrypt"
)

// Store makes and opens keys. Safe for concurrent use.
type Store interface {
	// Generate makes a key that is durable when it returns.
	Generate(ctx context.Context, a *algorithm.Algorithm, use Use) (Key, error)
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

// Decrypter is what a Key made for SigningAndDecryption is as well. Other keys do not have the method.
type Decrypter interface {
	// Decrypt takes *rsa.PKCS1v15DecryptOptions or *rsa.OAEPOptions (SHA-1 or SHA-2), and nothing else.
	//
	// PKCS #1 v1.5 is for content-encryption keys only, and SessionKeyLen must say how long the key is, which follows
	// from the content encryption. What is not padded right, or is of another length, becomes a random key instead of an
	// error, as in rsa.DecryptPKCS1v15SessionKey: nobody who sends ciphertexts can tell the two apart, so there is no
	// oracle (Bleichenbacher). The failure shows when the content does not open.
	//
	// With OAEP all failures are the one ErrDecryption. ErrUnsupported says that the store cannot decrypt this way at all.
	Decrypt(ctx context.Context, ciphertext []byte, o crypto.DecrypterOpts) ([]byte, error)
}

// Errors of Decrypter.
var (
	ErrDecryption  = token.ErrDecryption
	ErrUnsupported = token.ErrUnsupported
)

// errCannotDecrypt refuses to make a key.
func errCannotDecrypt(a *algorithm.Algorithm) error {
	return fmt.Errorf("keys of %s only sign: a key that also decrypts must be RSA", a.Label)
}

// material is a private key on its way from one store into another, or into a backup.
type material struct {
	algorithm *algorithm.Algorithm
	use       Use
	private   algorithm.PrivateKey
}

// exporter is a store that gives keys to Copy and Backup, importer one that takes them.
type (
	exporter interface {
		export(ctx context.Context, id string) (material, error)
	}
	importer interface {
		adopt(ctx context.Context, id string, m material) (Key, error)
	}
)

// sameKey refuses a key whose id another key has.
func (m material) sameKey(existing Key) error {
	if !bytes.Equal(existing.PublicKey(), m.private.PublicKey()) {
		return errors.New("another key has this id in the key store")
	}
	if _, decrypts := existing.(Decrypter); decrypts != (m.use == SigningAndDecryption) {
		return errors.New("this key is in the key store already, for another use")
	}
	return nil
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
	source, ok := from.(exporter)
	if !ok {
		return nil, errors.New("the key never leaves its store")
	}
	target, ok := to.(importer)
	if !ok {
		return nil, errors.New("the key store takes no keys from elsewhere")
	}
	m, err := source.export(ctx, id)
	if err != nil {
		return nil, err
	}
	key, err := target.adopt(ctx, id, m)
	if err != nil {
		return nil, err
	}
	message := []byte("is this the key that was moved?")
	signature, err := key.Sign(ctx, message)
	if err != nil {
		return nil, err
	}
	return key, m.algorithm.Verify(m.private.PublicKey(), message, signature)
}

// Close closes all.
func (s Set) Close() {
	for _, n := range s {
		n.Close()
	}
}
