package algorithm

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // registers the hashes
	_ "crypto/sha512"
	"encoding/asn1"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidRSA    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidMGF1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidPSS    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
)

var hashOIDs = map[crypto.Hash]asn1.ObjectIdentifier{crypto.SHA256: oidSHA256, crypto.SHA384: oidSHA384, crypto.SHA512: oidSHA512}

// rsaFamily is RFC 8017 with the identifiers of RFC 4055. Keys for PSS are rsaEncryption too, which every client
// supports.
func rsaFamily() (f family) {
	pkcs1 := map[crypto.Hash]signatureForm{}
	pss := map[crypto.Hash]signatureForm{}
	for _, h := range []struct {
		hash crypto.Hash
		name string
		oid  int
	}{{crypto.SHA256, "SHA256", 11}, {crypto.SHA384, "SHA384", 12}, {crypto.SHA512, "SHA512", 13}} {
		pkcs1[h.hash] = signatureForm{
			"sha" + h.name[3:] + "WithRSAEncryption", identifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, h.oid}, null),
			rsaVerifier(h.hash, nil),
		}
		pss[h.hash] = signatureForm{
			"RSASSA-PSS-" + h.name, pssIdentifier(h.hash, null, h.hash.Size()), rsaVerifier(h.hash, pssOptions(h.hash)),
		}
		// Verifiers accept both NULL and absent parameters (RFC 4055 section 5, and 2.1 for the hashes of PSS).
		bare := pkcs1[h.hash]
		bare.identifier = identifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, h.oid}, nil)
		barePSS := pss[h.hash]
		barePSS.identifier = pssIdentifier(h.hash, nil, h.hash.Size())
		f.signatures = append(f.signatures, pkcs1[h.hash], pss[h.hash], bare, barePSS)
	}
	for _, size := range []struct {
		bits, strength int
		hash           crypto.Hash
		hashName       string
	}{{2048, 112, crypto.SHA256, "SHA256"}, {3072, 128, crypto.SHA256, "SHA256"}, {4096, 140, crypto.SHA512, "SHA512"}} {
		f.rows = append(f.rows,
			rsaRow(size.bits, size.strength, size.hash, "PKCS15-"+size.hashName, pkcs1[size.hash], nil),
			rsaRow(size.bits, size.strength, size.hash, "PSS-"+size.hashName, pss[size.hash], pssOptions(size.hash)))
	}
	return f
}

func rsaRow(bits, strength int, hash crypto.Hash, scheme string, form signatureForm, pss *rsa.PSSOptions) *Algorithm {
	var options crypto.SignerOpts = hash
	if pss != nil {
		options = pss
	}
	wrap := func(signer crypto.Signer) (PrivateKey, error) {
		if public, ok := signer.Public().(*rsa.PublicKey); !ok || public.N.BitLen() != bits {
			return nil, errWrongKey
		}
		return newStandardKey(signer, hash, options)
	}
	return &Algorithm{
		Label: map[int]string{
			2048: "RSA-2048+", 3072: "RSA-3072+", 4096: "RSA-4096+",
		}[bits] + scheme, Family: "RSA", SecurityBits: strength,
		PublicKeySize: bits/8 + 38, SignatureSize: bits / 8, signature: form.identifier, verify: form.verify, wrap: wrap,
		generate: func() (PrivateKey, error) {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				return nil, err
			}
			return wrap(key)
		},
		parse: parser(wrap),
	}
}

func pssOptions(hash crypto.Hash) *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
}

// pssForm is RSASSA-PSS with a salt whose length differs from the hash, such as the maximum, which is OpenSSL's
// default.
func pssForm(algorithmIdentifier []byte) (signatureForm, bool) {
	oid, parameters, ok := readIdentifier(algorithmIdentifier)
	if !ok || !oid.Equal(oidPSS) {
		return signatureForm{}, false
	}
	input := cryptobyte.String(parameters)
	var sequence, field cryptobyte.String
	var salt int
	if !input.ReadASN1(&sequence, cbasn1.SEQUENCE) || !sequence.SkipOptionalASN1(cbasn1.Tag(0).ContextSpecific().Constructed()) ||
		!sequence.SkipOptionalASN1(cbasn1.Tag(1).ContextSpecific().Constructed()) ||
		!sequence.ReadASN1(
			&field, cbasn1.Tag(2).ContextSpecific().Constructed(),
		) || !field.ReadASN1Integer(&salt) || salt < 0 || salt > maxRSABits/8 {
		return signatureForm{}, false
	}
	for hash := range hashOIDs {
		for _, hashParameters := range [][]byte{null, nil} {
			if bytes.Equal(pssIdentifier(hash, hashParameters, salt), algorithmIdentifier) {
				options := &rsa.PSSOptions{SaltLength: salt, Hash: hash}
				if salt == 0 {
					options.SaltLength = rsa.PSSSaltLengthAuto // Go's 0 means automatic
				}
				return signatureForm{
					"RSASSA-PSS-" + strings.ReplaceAll(hash.String(), "-", ""), algorithmIdentifier, rsaVerifier(hash, options),
				}, true
			}
		}
	}
	return signatureForm{}, false
}

// pssIdentifier follows RFC 4055 3.1: it names hash and MGF1 hash; the hash's parameters are NULL or absent.
func pssIdentifier(hash crypto.Hash, hashParameters []byte, salt int) []byte {
	digest := identifier(hashOIDs[hash], hashParameters)
	field := func(b *cryptobyte.Builder, tag int, value []byte) {
		b.AddASN1(cbasn1.Tag(tag).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(value) })
	}
	var parameters cryptobyte.Builder
	parameters.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		field(b, 0, digest)
		field(b, 1, identifier(oidMGF1, digest))
		b.AddASN1(cbasn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(salt)) })
	})
	return identifier(oidPSS, parameters.BytesOrPanic())
}

func rsaVerifier(hash crypto.Hash, pss *rsa.PSSOptions) func(spki, message, signature []byte) error {
	return func(spki, message, signature []byte) error {
		key, err := parsePublic[*rsa.PublicKey](spki)
		if err != nil {
			return err
		}
		h := hash.New()
		h.Write(message)
		if pss != nil {
			return rsa.VerifyPSS(key, hash, h.Sum(nil), signature, pss)
		}
		return rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), signature)
	}
}
