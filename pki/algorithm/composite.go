package algorithm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
)

// compositeFamily is ML-DSA combined with RSA or ECDSA, both of which must verify (draft-ietf-lamps-pq-composite-sigs).
// Public key: ML-DSA key ‖ PKCS #1 RSAPublicKey or uncompressed point. Signature: ML-DSA signature ‖ classical
// signature. Private key: 32-byte seed ‖ PKCS #1 or SEC 1 key.
func compositeFamily() (f family) {
	for _, r := range []struct {
		label     string
		arc       int
		strength  int
		mldsa     mldsa.Parameters
		prehash   crypto.Hash
		name      string // what the signature is bound to, after COMPSIG-
		classical classicalHalf
	}{
		{
			"MLDSA44-RSA2048-PKCS15", 38, 112, mldsa.MLDSA44(), crypto.SHA256, "MLDSA44-RSA2048-PKCS15-SHA256",
			rsaHalf(2048, crypto.SHA256, false),
		},
		{"MLDSA44-RSA2048-PSS", 37, 112, mldsa.MLDSA44(), crypto.SHA256, "MLDSA44-RSA2048-PSS-SHA256", rsaHalf(2048, crypto.SHA256, true)},
		{
			"MLDSA44-ECDSA-P256", 40, 128, mldsa.MLDSA44(), crypto.SHA256, "MLDSA44-ECDSA-P256-SHA256",
			ecdsaHalf(elliptic.P256(), crypto.SHA256, 72),
		},
		{
			"MLDSA65-RSA3072-PKCS15", 42, 128, mldsa.MLDSA65(), crypto.SHA512, "MLDSA65-RSA3072-PKCS15-SHA512",
			rsaHalf(3072, crypto.SHA256, false),
		},
		{"MLDSA65-RSA3072-PSS", 41, 128, mldsa.MLDSA65(), crypto.SHA512, "MLDSA65-RSA3072-PSS-SHA512", rsaHalf(3072, crypto.SHA256, true)},
		{
			"MLDSA65-RSA4096-PKCS15", 44, 140, mldsa.MLDSA65(), crypto.SHA512, "MLDSA65-RSA4096-PKCS15-SHA512",
			rsaHalf(4096, crypto.SHA384, false),
		},
		{"MLDSA65-RSA4096-PSS", 43, 140, mldsa.MLDSA65(), crypto.SHA512, "MLDSA65-RSA4096-PSS-SHA512", rsaHalf(4096, crypto.SHA384, true)},
		{
			"MLDSA65-ECDSA-P384", 46, 192, mldsa.MLDSA65(), crypto.SHA512, "MLDSA65-ECDSA-P384-SHA512",
			ecdsaHalf(elliptic.P384(), crypto.SHA384, 104),
		},
		{
			"MLDSA87-ECDSA-P384", 49, 192, mldsa.MLDSA87(), crypto.SHA512, "MLDSA87-ECDSA-P384-SHA512",
			ecdsaHalf(elliptic.P384(), crypto.SHA384, 104),
		},
	} {
		label := "COMPSIG-" + r.name
		representative := func(message []byte) []byte {
			h := r.prehash.New()
			h.Write(message)
			// Prefix, label, length of the empty context, digest.
			return h.Sum(append([]byte("CompositeAlgorithmSignatures2025"+label), 0))
		}
		f.add(scheme{
			oid: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 6, r.arc}, label: r.label, family: "Composite", strength: r.strength,
			publicSize: r.mldsa.PublicKeySize() + r.classical.publicSize, signatureSize: r.mldsa.SignatureSize() +
				r.classical.signatureSize,
			generate: func() ([]byte, error) {
				first, err := mldsa.GenerateKey(r.mldsa)
				if err != nil {
					return nil, err
				}
				second, err := r.classical.generate()
				if err != nil {
					return nil, err
				}
				return append(first.Bytes(), second...), nil
			},
			load: func(private []byte) ([]byte, func([]byte) ([]byte, error), error) {
				if len(private) <= mldsa.PrivateKeySize {
					return nil, nil, errWrongKey
				}
				first, err := mldsa.NewPrivateKey(r.mldsa, private[:mldsa.PrivateKeySize])
				if err != nil {
					return nil, nil, err
				}
				public, second, err := r.classical.load(private[mldsa.PrivateKeySize:])
				if err != nil {
					return nil, nil, err
				}
				return append(first.PublicKey().Bytes(), public...), func(message []byte) ([]byte, error) {
					m := representative(message)
					signature, err := first.Sign(rand.Reader, m, &mldsa.Options{Context: label})
					if err != nil {
						return nil, err
					}
					more, err := second.Sign(m)
					return append(signature, more...), err
				}, nil
			},
			check: func(public []byte) error {
				if len(public) <= r.mldsa.PublicKeySize() {
					return errors.New("the composite public key is too short")
				}
				if _, err := mldsa.NewPublicKey(r.mldsa, public[:r.mldsa.PublicKeySize()]); err != nil {
					return err
				}
				_, err := r.classical.spki(public[r.mldsa.PublicKeySize():])
				return err
			},
			verify: func(public, message, signature []byte) error {
				if len(signature) <= r.mldsa.SignatureSize() {
					return errSignature
				}
				first, err := mldsa.NewPublicKey(r.mldsa, public[:r.mldsa.PublicKeySize()])
				if err != nil {
					return err
				}
				second, err := r.classical.spki(public[r.mldsa.PublicKeySize():])
				if err != nil {
					return err
				}
				m := representative(message)
				if mldsa.Verify(first, m, signature[:r.mldsa.SignatureSize()], &mldsa.Options{Context: label}) != nil {
					return errSignature
				}
				return r.classical.verify(second, m, signature[r.mldsa.SignatureSize():])
			},
		})
	}
	return f
}

// classicalHalf is the RSA or ECDSA part of a composite key.
type classicalHalf struct {
	publicSize, signatureSize int // bytes in a composite
	generate                  func() (private []byte, err error)
	load                      func(private []byte) (public []byte, key PrivateKey, err error)
	spki                      func(public []byte) ([]byte, error) // refuses weak and malformed keys
	verify                    func(spki, message, signature []byte) error
}

func rsaHalf(bits int, hash crypto.Hash, usePSS bool) classicalHalf {
	var pss *rsa.PSSOptions
	var options crypto.SignerOpts = hash
	if usePSS {
		pss = pssOptions(hash)
		options = pss
	}
	return classicalHalf{
		publicSize: bits/8 + 14, signatureSize: bits / 8,
		generate: func() ([]byte, error) {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				return nil, err
			}
			return x509.MarshalPKCS1PrivateKey(key), nil
		},
		load: func(private []byte) ([]byte, PrivateKey, error) {
			key, err := x509.ParsePKCS1PrivateKey(private)
			if err != nil {
				return nil, nil, err
			}
			if key.N.BitLen() != bits {
				return nil, nil, errWrongKey
			}
			signer, err := newStandardKey(key, hash, options)
			return x509.MarshalPKCS1PublicKey(&key.PublicKey), signer, err
		},
		spki: func(public []byte) ([]byte, error) {
			key, err := x509.ParsePKCS1PublicKey(public)
			if err != nil {
				return nil, err
			}
			if key.N.BitLen() != bits || !bytes.Equal(x509.MarshalPKCS1PublicKey(key), public) {
				return nil, errWrongKey
			}
			if err := checkRSA(key); err != nil {
				return nil, err
			}
			return x509.MarshalPKIXPublicKey(key)
		},
		verify: rsaVerifier(hash, pss),
	}
}

func ecdsaHalf(curve elliptic.Curve, hash crypto.Hash, signatureSize int) classicalHalf {
	return classicalHalf{
		publicSize: 1 + 2*(curve.Params().BitSize/8), signatureSize: signatureSize,
		generate: func() ([]byte, error) {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				return nil, err
			}
			return x509.MarshalECPrivateKey(key)
		},
		load: func(private []byte) ([]byte, PrivateKey, error) {
			key, err := x509.ParseECPrivateKey(private)
			if err != nil {
				return nil, nil, err
			}
			if key.Curve != curve {
				return nil, nil, errWrongKey
			}
			public, err := key.PublicKey.Bytes()
			if err != nil {
				return nil, nil, err
			}
			signer, err := newStandardKey(key, hash, hash)
			return public, signer, err
		},
		spki: func(public []byte) ([]byte, error) {
			key, err := ecdsa.ParseUncompressedPublicKey(curve, public)
			if err != nil {
				return nil, err
			}
			return x509.MarshalPKIXPublicKey(key)
		},
		verify: ecdsaVerifier(hash),
	}
}
