//go:build !cgo

package token

import (
	"context"
	"crypto"
	"errors"
)

// Token is not available without cgo.
type Token struct{}

// Key is not available without cgo.
type Key struct {
	crypto.Signer
	Label    string
	Imported bool
	Decrypts bool
}

// Decrypt always fails.
func (*Key) Decrypt(context.Context, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return nil, ErrUnsupported
}

// Open always fails: this program cannot load a vendor's library.
func Open(*Config) (*Token, error) {
	return nil, errors.New("this program was built without cgo and cannot load a PKCS #11 module: build it where a C compiler is installed")
}

func (*Token) OffersMLDSA() bool                                            { return false }
func (*Token) Check(context.Context) error                                  { return ErrNotFound }
func (*Token) Wraps() bool                                                  { return false }
func (*Token) Close()                                                       {}
func (*Token) State() error                                                 { return ErrNotFound }
func (*Token) Description() string                                          { return "" }
func (*Token) Generate(context.Context, string, string, Kind) (*Key, error) { return nil, ErrNotFound }
func (*Token) Open(context.Context, string) (*Key, error)                   { return nil, ErrNotFound }
func (*Token) Import(context.Context, string, string, crypto.PrivateKey, bool) (*Key, error) {
	return nil, ErrNotFound
}
func (*Token) Delete(context.Context, string) error                   { return ErrNotFound }
func (*Token) Encrypt(_ context.Context, _, _ []byte) ([]byte, error) { return nil, ErrNotFound }
func (*Token) Decrypt(_ context.Context, _, _ []byte) ([]byte, error) { return nil, ErrNotFound }
