package algorithm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"errors"
)

var (
	oidEC         = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidCurveP256  = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidCurveP384  = asn1.ObjectIdentifier{1, 3, 132, 0, 34}
	oidCurveP521  = asn1.ObjectIdentifier{1, 3, 132, 0, 35}
	errSignature  = errors.New("the signature does not verify")
	ecdsaHashName = map[crypto.Hash]string{crypto.SHA256: "SHA256", crypto.SHA384: "SHA384", crypto.SHA512: "SHA512"}
)

// ecdsaFamily: FIPS 186-5, identifiers of RFC 5758 (parameters absent).
func ecdsaFamily() (f family) {
	forms := map[crypto.Hash]signatureForm{}
	for hash, arc := range map[crypto.Hash]int{crypto.SHA256: 2, crypto.SHA384: 3, crypto.SHA512: 4} {
		forms[hash] = signatureForm{
			"ecdsa-with-" + ecdsaHashName[hash], identifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, arc}, nil), ecdsaVerifier(hash),
		}
		f.signatures = append(f.signatures, forms[hash])
	}
	for _, r := range []struct {
		label    string
		curve    elliptic.Curve
		hash     crypto.Hash
		strength int
		spki     int
		most     int
	}{
		{"ECDSAP256+SHA256", elliptic.P256(), crypto.SHA256, 128, 91, 72},
		{"ECDSAP384+SHA384", elliptic.P384(), crypto.SHA384, 192, 120, 104},
		{"ECDSAP521+SHA512", elliptic.P521(), crypto.SHA512, 256, 158, 139},
	} {
		wrap := func(signer crypto.Signer) (PrivateKey, error) {
			if public, ok := signer.Public().(*ecdsa.PublicKey); !ok || public.Curve != r.curve {
				return nil, errWrongKey
			}
			return newStandardKey(signer, r.hash, r.hash)
		}
		f.rows = append(f.rows, &Algorithm{
			Label: r.label, Family: "ECDSA", SecurityBits: r.strength, PublicKeySize: r.spki, SignatureSize: r.most,
			signature: forms[r.hash].identifier, verify: forms[r.hash].verify, wrap: wrap,
			generate: func() (PrivateKey, error) {
				key, err := ecdsa.GenerateKey(r.curve, rand.Reader)
				if err != nil {
					return nil, err
				}
				return wrap(key)
			},
			parse: parser(wrap),
		})
	}
	return f
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
