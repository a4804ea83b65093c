package algorithm

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
)

var (
	errWrongKey = errors.New("the key is not of the type required by the algorithm")
)

// standardKey is a key that signs through crypto.Signer.
type standardKey struct {
	signer  crypto.Signer
	spki    []byte
	hash    crypto.Hash // 0 if the message itself is signed
	options crypto.SignerOpts
}

func newStandardKey(signer crypto.Signer, hash crypto.Hash, options crypto.SignerOpts) (PrivateKey, error) {
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	return &standardKey{signer, spki, hash, options}, err
}

func (k *standardKey) PublicKey() []byte { return k.spki }

func (k *standardKey) Sign(message []byte) ([]byte, error) {
	if k.hash != 0 {
		h := k.hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	return k.signer.Sign(rand.Reader, message, k.options)
}

func (k *standardKey) MarshalPKCS8() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.signer) }

// Decrypts tells whether keys of the algorithm can also decrypt.
func (a *Algorithm) Decrypts() bool { return a.Family == "RSA" }

// DecrypterOf returns a key of an algorithm that Decrypts as what decrypts with it: an *rsa.PrivateKey. The second result is
// false for other keys.
func DecrypterOf(k PrivateKey) (crypto.Decrypter, bool) {
	standard, ok := k.(*standardKey)
	if !ok {
		return nil, false
	}
	decrypter, ok := standard.signer.(crypto.Decrypter)
	return decrypter, ok
}

// parser parses PKCS #8 keys with the standard library.
func parser(wrap func(crypto.Signer) (PrivateKey, error)) func([]byte) (PrivateKey, error) {
	return func(pkcs8 []byte) (PrivateKey, error) {
		key, err := x509.ParsePKCS8PrivateKey(pkcs8)
		if err != nil {
			return nil, err
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, errWrongKey
		}
		return wrap(signer)
	}
}

func parsePublic[K any](spki []byte) (K, error) {
	var none K
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return none, err
	}
	typed, ok := key.(K)
	if !ok {
		return none, errWrongKey
	}
	return typed, nil
}
