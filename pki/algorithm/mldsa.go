package algorithm

import (
	"crypto"
	"crypto/mldsa"
	"encoding/asn1"
)

// mldsaFamily: FIPS 204, identifiers and private key form of RFC 9881; the context is empty.
func mldsaFamily() (f family) {
	for _, r := range []struct {
		label      string
		parameters mldsa.Parameters
		arc        int
		strength   int
	}{{"ML-DSA-44", mldsa.MLDSA44(), 17, 128}, {"ML-DSA-65", mldsa.MLDSA65(), 18, 192}, {"ML-DSA-87", mldsa.MLDSA87(), 19, 256}} {
		form := signatureForm{
			r.label, identifier(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, r.arc}, nil),
			func(spki, message, signature []byte) error {
				key, err := parsePublic[*mldsa.PublicKey](spki)
				if err != nil {
					return err
				}
				if key.Parameters() != r.parameters {
					return errWrongKey
				}
				return mldsa.Verify(key, message, signature, nil)
			}}
		wrap := func(signer crypto.Signer) (PrivateKey, error) {
			if public, ok := signer.Public().(*mldsa.PublicKey); !ok || public.Parameters() != r.parameters {
				return nil, errWrongKey
			}
			return newStandardKey(signer, 0, &mldsa.Options{})
		}
		f.rows = append(f.rows, &Algorithm{
			Label: r.label, Family: "ML-DSA", SecurityBits: r.strength, PostQuantum: true, PublicKeySize: 22 +
				r.parameters.PublicKeySize(), SignatureSize: r.parameters.SignatureSize(),
			signature: form.identifier, verify: form.verify, wrap: wrap,
			generate: func() (PrivateKey, error) {
				key, err := mldsa.GenerateKey(r.parameters)
				if err != nil {
					return nil, err
				}
				return wrap(key)
			},
			parse: parser(wrap),
		})
		f.signatures = append(f.signatures, form)
	}
	return f
}
