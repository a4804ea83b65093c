package algorithm

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/asn1"
)

var oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}

// ed25519Family: RFC 8032, identifiers of RFC 8410.
func ed25519Family() (f family) {
	form := signatureForm{"Ed25519", identifier(oidEd25519, nil), func(spki, message, signature []byte) error {
		key, err := parsePublic[ed25519.PublicKey](spki)
		if err != nil {
			return err
		}
		if !ed25519.Verify(key, message, signature) {
			return errSignature
		}
		return nil
	}}
	wrap := func(signer crypto.Signer) (PrivateKey, error) {
		if _, ok := signer.Public().(ed25519.PublicKey); !ok {
			return nil, errWrongKey
		}
		return newStandardKey(signer, 0, crypto.Hash(0))
	}
	f.signatures = []signatureForm{form}
	f.rows = []*Algorithm{{
		Label: "Ed25519", Family: "Ed25519", SecurityBits: 128, PublicKeySize: 44, SignatureSize: 64, signature: form.identifier,
		verify: form.verify, wrap: wrap, parse: parser(wrap),
		generate: func() (PrivateKey, error) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return nil, err
			}
			return wrap(key)
		},
	}}
	return f
}
