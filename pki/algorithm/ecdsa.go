package algorithm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
)

var (
	oidEC         = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidCurveP256  = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidCurveP384  = asn1.ObjectIdentifier{1, 3, 132, 0, 34}
	oidCurveP521  = asn1.ObjectIdentifier{1, 3, 132, 0, 35}
	oidEd25519    = asn1.ObjectIdentifier{1, 3, 101, 112}
	errSignature  = errors.New("the signature does not verify")
	ecdsaHashName = map[crypto.Hash]string{crypto.SHA256: "SHA256", crypto.SHA384: "SHA384", crypto.SHA512: "SHA512"}
)

// ecdsaFamily: FIPS 186-5, identifiers of RFC 5758 (parameters absent).
func ecdsaFamily() (rows []*Algorithm, signatures []signatureForm) {
	forms := map[crypto.Hash]signatureForm{}
	for hash, arc := range map[crypto.Hash]int{crypto.SHA256: 2, crypto.SHA384: 3, crypto.SHA512: 4} {
		forms[hash] = signatureForm{"ecdsa-with-" + ecdsaHashName[hash], identifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, arc}, nil), ecdsaVerifier(hash)}
		signatures = append(signatures, forms[hash])
	}
	for _, r := range []struct {
		label    string
		curve    elliptic.Curve
		hash     crypto.Hash
		strength int
	}{{"ECDSAP256+SHA256", elliptic.P256(), crypto.SHA256, 128}, {"ECDSAP384+SHA384", elliptic.P384(), crypto.SHA384, 192}, {"ECDSAP521+SHA512", elliptic.P521(), crypto.SHA512, 256}} {
		wrap := func(key *ecdsa.PrivateKey) (PrivateKey, error) {
			spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
			return &standardKey{signer: key, spki: spki, hash: r.hash, options: r.hash}, err
		}
		rows = append(rows, &Algorithm{
			Label: r.label, Family: "ECDSA", SecurityBits: r.strength, signature: forms[r.hash].identifier, verify: forms[r.hash].verify,
			generate: func() (PrivateKey, error) {
				key, err := ecdsa.GenerateKey(r.curve, rand.Reader)
				if err != nil {
					return nil, err
				}
				return wrap(key)
			},
			parse: func(pkcs8 []byte) (PrivateKey, error) {
				key, err := parseStandard[*ecdsa.PrivateKey](pkcs8)
				if err != nil {
					return nil, err
				}
				if key.Curve != r.curve {
					return nil, errWrongKey
				}
				return wrap(key)
			},
		})
	}
	return rows, signatures
}

func ecdsaVerifier(hash crypto.Hash) func(spki, message, signature []byte) error {
	return func(spki, message, signature []byte) error {
		key, err := parsePublic[*ecdsa.PublicKey](spki)
		if err != nil {
			return err
		}
		h := hash.New()
		h.Write(message)
		if !ecdsa.VerifyASN1(key, h.Sum(nil), signature) {
			return errSignature
		}
		return nil
	}
}

// ed25519Family: RFC 8410; subscriber keys only, the table has no such CA.
func ed25519Family() ([]*Algorithm, []signatureForm) {
	return nil, []signatureForm{{"Ed25519", identifier(oidEd25519, nil), func(spki, message, signature []byte) error {
		key, err := parsePublic[ed25519.PublicKey](spki)
		if err != nil {
			return err
		}
		if !ed25519.Verify(key, message, signature) {
			return errSignature
		}
		return nil
	}}}
}
