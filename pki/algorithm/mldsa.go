package algorithm

import (
	"crypto/mldsa"
	"crypto/x509"
	"encoding/asn1"
)

// mldsaFamily: FIPS 204, identifiers and private key form of RFC 9881; the context is empty.
func mldsaFamily() (rows []*Algorithm, signatures []signatureForm) {
	for _, r := range []struct {
		label      string
		parameters mldsa.Parameters
		arc        int
		strength   int
	}{{"ML-DSA-44", mldsa.MLDSA44(), 17, 128}, {"ML-DSA-65", mldsa.MLDSA65(), 18, 192}, {"ML-DSA-87", mldsa.MLDSA87(), 19, 256}} {
		form := signatureForm{r.label, identifier(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, r.arc}, nil), func(spki, message, signature []byte) error {
			key, err := parsePublic[*mldsa.PublicKey](spki)
			if err != nil {
				return err
			}
			if key.Parameters() != r.parameters {
				return errWrongKey
			}
			return mldsa.Verify(key, message, signature, nil)
		}}
		wrap := func(key *mldsa.PrivateKey) (PrivateKey, error) {
			spki, err := x509.MarshalPKIXPublicKey(key.PublicKey())
			return &standardKey{signer: key, spki: spki, options: &mldsa.Options{}}, err
		}
		rows = append(rows, &Algorithm{
			Label: r.label, Family: "ML-DSA", SecurityBits: r.strength, PostQuantum: true, signature: form.identifier, verify: form.verify,
			generate: func() (PrivateKey, error) {
				key, err := mldsa.GenerateKey(r.parameters)
				if err != nil {
					return nil, err
				}
				return wrap(key)
			},
			parse: func(pkcs8 []byte) (PrivateKey, error) {
				key, err := parseStandard[*mldsa.PrivateKey](pkcs8)
				if err != nil {
					return nil, err
				}
				if key.PublicKey().Parameters() != r.parameters {
					return nil, errWrongKey
				}
				return wrap(key)
			},
		})
		signatures = append(signatures, form)
	}
	return rows, signatures
}
