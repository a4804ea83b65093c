package keystore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore/token"
)

// tokenStore keeps RSA and ECDSA keys in a PKCS #11 token, and those of other algorithms in files that only the token can
// decrypt.
type tokenStore struct {
	token   *token.Token
	wrapped *fileStore
	opened  sync.Map // id → *tokenKey
}

// IsTemporary tells whether a token did not answer, or was away, so that the same call may succeed later. A token that
// refuses its PIN is not temporary.
func IsTemporary(err error) bool {
	var away *token.UnavailableError
	return errors.As(err, &away) && !away.PINRefused
}

func openTokenStore(uri string, o Options) (*tokenStore, error) {
	cfg, err := token.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	if o.Log != nil {
		cfg.Log = o.Log
	}
	cfg.Refused = filepath.Join(o.Dir, "refused-pins")
	s := &tokenStore{}
	if s.token, err = token.Open(cfg); err != nil {
		return nil, err
	}
	if s.wrapped, err = openFileStore(o.Dir, tokenSealer{s.token}, WrappedByToken, false); err != nil {
		s.token.Close()
		return nil, err
	}
	return s, nil
}

// tokenSealer wraps keys under an AES key that never leaves the token.
type tokenSealer struct{ token *token.Token }

func (s tokenSealer) seal(ctx context.Context, plaintext, additional []byte) ([]byte, error) {
	return s.token.Encrypt(ctx, plaintext, additional)
}

func (s tokenSealer) unseal(ctx context.Context, sealed, additional []byte) ([]byte, error) {
	return s.token.Decrypt(ctx, sealed, additional)
}

func (tokenSealer) current([]byte) bool { return true } // the token's key is not ours to rotate

type tokenKey struct {
	id        string
	algorithm *algorithm.Algorithm
	signer    *token.Key
	form      algorithm.PrivateKey
}

func (k *tokenKey) ID() string                      { return k.id }
func (k *tokenKey) Algorithm() *algorithm.Algorithm { return k.algorithm }
func (k *tokenKey) PublicKey() []byte               { return k.form.PublicKey() }

func (k *tokenKey) Custody() Custody {
	if k.signer.Imported {
		return Imported
	}
	return InToken
}

func (k *tokenKey) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return k.form.Sign(message)
}

// decryptingTokenKey is a tokenKey made for it.
type decryptingTokenKey struct{ *tokenKey }

func (k decryptingTokenKey) Decrypt(ctx context.Context, ciphertext []byte, o crypto.DecrypterOpts) ([]byte, error) {
	return k.signer.Decrypt(ctx, ciphertext, o)
}

// forUse is the key as what it is for.
func (k *tokenKey) forUse() Key {
	if k.signer.Decrypts {
		return decryptingTokenKey{k}
	}
	return k
}

// kindOf is the kind of key that an algorithm needs in the token; false for those that it does not know.
func (s *tokenStore) kindOf(a *algorithm.Algorithm) (token.Kind, bool) {
	switch a.Family {
	case "RSA":
		return token.Kind{RSABits: a.SignatureSize * 8}, true
	case "ECDSA":
		return token.Kind{Curve: map[int]string{128: "P-256", 192: "P-384", 256: "P-521"}[a.SecurityBits]}, true
	}
	if a.Family == "ML-DSA" && s.token.OffersMLDSA() {
		return token.Kind{MLDSA: a.Label}, true
	}
	return token.Kind{}, false
}

// labelPrefix marks our keys; the algorithm's label follows.
const labelPrefix = "pkiaas "

func (s *tokenStore) Generate(ctx context.Context, a *algorithm.Algorithm, use Use) (Key, error) {
	kind, ok := s.kindOf(a)
	if !ok {
		return s.wrapped.Generate(ctx, a, use)
	}
	if use == SigningAndDecryption && !a.Decrypts() {
		return nil, errCannotDecrypt(a)
	}
	kind.Decrypts = use == SigningAndDecryption
	id := newID()
	signer, err := s.token.Generate(ctx, id, labelPrefix+a.Label, kind)
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	key, err := s.add(id, a, signer)
	if err != nil {
		return nil, err
	}
	// Tokens differ in what they make of the standards: a key whose signatures do not verify is not kept.
	message := []byte("does this key sign as it should?")
	signature, err := key.Sign(ctx, message)
	if err == nil {
		err = a.Verify(key.PublicKey(), message, signature)
	}
	if err == nil && use == SigningAndDecryption {
		err = tryDecryption(ctx, key)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a new key of the token does not work: %w", err), s.Delete(ctx, id))
	}
	return key, nil
}

// tryDecryption has a new key decrypt what was encrypted for it. A token that offers one of the two ways is enough.
func tryDecryption(ctx context.Context, key Key) error {
	decrypter, ok := key.(Decrypter)
	if !ok {
		return errors.New("the token made a key that does not decrypt")
	}
	public, err := x509.ParsePKIXPublicKey(key.PublicKey())
	if err != nil {
		return err
	}
	secret := []byte("an AES key, 32 octets in length.")
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), secret, nil)
	if err != nil {
		return err
	}
	var o crypto.DecrypterOpts = &rsa.OAEPOptions{Hash: crypto.SHA256}
	got, err := decrypter.Decrypt(ctx, sealed, o)
	if errors.Is(err, ErrUnsupported) {
		if sealed, err = rsa.EncryptPKCS1v15(rand.Reader, public.(*rsa.PublicKey), secret); err != nil {
			return err
		}
		got, err = decrypter.Decrypt(ctx, sealed, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: len(secret)})
	}
	if err == nil && !bytes.Equal(got, secret) {
		err = ErrDecryption
	}
	return err
}

func (s *tokenStore) add(id string, a *algorithm.Algorithm, signer *token.Key) (Key, error) {
	form, err := a.Wrap(signer)
	if err == nil {
		_, err = algorithm.InspectPublicKey(form.PublicKey()) // chips have made weak keys before
	}
	if err != nil {
		return nil, fmt.Errorf("key %s in the token: %w", id, err)
	}
	key, _ := s.opened.LoadOrStore(id, &tokenKey{id, a, signer, form})
	return key.(*tokenKey).forUse(), nil
}

// export gives a wrapped key to Copy and Backup; the token's own never leave it.
func (s *tokenStore) export(ctx context.Context, id string) (material, error) {
	return s.wrapped.export(ctx, id)
}

// adopt imports a key into the token, or wraps it.
func (s *tokenStore) adopt(ctx context.Context, id string, m material) (Key, error) {
	if kind, ok := s.kindOf(m.algorithm); !ok || kind.MLDSA != "" {
		return s.wrapped.adopt(ctx, id, m)
	}
	if !idRule.MatchString(id) {
		return nil, ErrNotFound
	}
	pkcs8, err := m.private.MarshalPKCS8()
	if err != nil {
		return nil, err
	}
	defer clear(pkcs8)
	clearKey, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	if existing, err := s.Open(ctx, id); err == nil {
		return existing, m.sameKey(existing)
	}
	signer, err := s.token.Import(ctx, id, labelPrefix+m.algorithm.Label, clearKey, m.use == SigningAndDecryption)
	if err != nil {
		return nil, fmt.Errorf("importing a key: %w", err)
	}
	return s.add(id, m.algorithm, signer)
}

func (s *tokenStore) Open(ctx context.Context, id string) (Key, error) {
	if key, ok := s.opened.Load(id); ok {
		return key.(*tokenKey).forUse(), nil
	}
	key, err := s.wrapped.Open(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return key, err
	}
	if !idRule.MatchString(id) {
		return nil, ErrNotFound
	}
	signer, err := s.token.Open(ctx, id)
	if errors.Is(err, token.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	a, err := algorithm.ForLabel(strings.TrimPrefix(signer.Label, labelPrefix))
	if err != nil {
		return nil, fmt.Errorf("key %s in the token has the label %q, which is not one of ours", id, signer.Label)
	}
	return s.add(id, a, signer)
}

func (s *tokenStore) Delete(ctx context.Context, id string) error {
	if err := s.wrapped.Delete(ctx, id); !errors.Is(err, ErrNotFound) || !idRule.MatchString(id) {
		return err
	}
	s.opened.Delete(id)
	err := s.token.Delete(ctx, id)
	if errors.Is(err, token.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

func (s *tokenStore) Check(ctx context.Context) error {
	if err := s.token.Check(ctx); err != nil {
		return err
	}
	return s.wrapped.Check(ctx)
}

func (s *tokenStore) Custody(a *algorithm.Algorithm) Custody {
	if _, ok := s.kindOf(a); ok {
		return InToken
	}
	if !s.token.Wraps() {
		return ""
	}
	return WrappedByToken
}

func (s *tokenStore) Description() string { return s.token.Description() }

func (s *tokenStore) Close() { s.token.Close() }

// Sealer of a token store encrypts a key-encryption key; nil for other stores.
func Sealer(s Store) TokenSealer {
	if t, ok := s.(*tokenStore); ok {
		return t.token
	}
	return nil
}

var _ crypto.Signer = (*token.Key)(nil)
