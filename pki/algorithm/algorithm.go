// Package algorithm is the registry of signing algorithms. Each family is one file, and All lists them. Certificates,
// CRLs, OCSP responses and requests are signed and verified through it.
package algorithm

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

// Algorithm is a signing algorithm: a kind of key together with the way it signs.
type Algorithm struct {
	Label         string // name in Entrust's PKIaaS guide, e.g. "ECDSAP384+SHA384"
	Family        string // "RSA", "ECDSA", "Ed25519", "ML-DSA", "Hash-SLH-DSA", "SPHINCS+", "Falcon", "Composite"
	SecurityBits  int    // classical
	PostQuantum   bool
	PublicKeySize int // bytes of its SubjectPublicKeyInfo
	SignatureSize int // bytes; the maximum if it varies

	signature []byte // DER AlgorithmIdentifier of its signatures
	generate  func() (PrivateKey, error)
	parse     func(pkcs8 []byte) (PrivateKey, error)
	verify    func(spki, message, signature []byte) error
	// wrap turns a standard library signer, wherever its private key is, into a key of this algorithm; nil for
	// algorithms that the standard library does not know.
	wrap func(crypto.Signer) (PrivateKey, error)
	// ocspSigner is the label of the algorithm of delegated OCSP signers, if it is a different one.
	ocspSigner string
}

// family is what one file of this package contributes.
type family struct {
	rows       []*Algorithm
	signatures []signatureForm
	keys       []keyForm // key types that crypto/x509 does not know
}

// PrivateKey signs. It is safe for concurrent use.
type PrivateKey interface {
	// PublicKey returns the SubjectPublicKeyInfo, DER.
	PublicKey() []byte
	// Sign hashes the message as the algorithm requires, and signs it.
	Sign(message []byte) ([]byte, error)
	// MarshalPKCS8 returns the unencrypted key: RFC 5958; for ML-DSA, the seed of RFC 9881.
	MarshalPKCS8() ([]byte, error)
}

// SignatureAlgorithm returns the DER AlgorithmIdentifier of its signatures.
func (a *Algorithm) SignatureAlgorithm() []byte { return a.signature }

// Generate generates a key.
func (a *Algorithm) Generate() (PrivateKey, error) { return a.generate() }

// ParsePrivateKey reads the output of MarshalPKCS8.
func (a *Algorithm) ParsePrivateKey(pkcs8 []byte) (PrivateKey, error) { return a.parse(pkcs8) }

// Verify checks a signature made with a key of this algorithm.
func (a *Algorithm) Verify(spki, message, signature []byte) error {
	return a.verify(spki, message, signature)
}

// Wrap turns a signer that is elsewhere, such as in a token, into a key of the algorithm. It fails if the signer's
// public key is of another type, or if the algorithm does not support such signers (see Wraps).
func (a *Algorithm) Wrap(signer crypto.Signer) (PrivateKey, error) {
	if a.wrap == nil {
		return nil, errWrongKey
	}
	return a.wrap(signer)
}

// Wraps tells whether Wrap supports the algorithm.
func (a *Algorithm) Wraps() bool { return a.wrap != nil }

// OCSPSignerAlgorithm returns the algorithm for delegated OCSP signers of a CA with this algorithm. It has the same
// family and strength; for hash-based algorithms it is the fast variant, because clients wait for OCSP responses.
func (a *Algorithm) OCSPSignerAlgorithm() *Algorithm {
	for _, other := range all {
		if other.Label == a.ocspSigner {
			return other
		}
	}
	return a
}

// CompatibleOCSPSignerAlgorithm returns the OCSP signer algorithm of Entrust's PKIaaS guide, which every client can
// verify: RSA 2048, with PSS if the CA signs with PSS.
func (a *Algorithm) CompatibleOCSPSignerAlgorithm() *Algorithm {
	label := "RSA-2048+PKCS15-SHA256"
	if strings.Contains(a.Label, "PSS") {
		label = "RSA-2048+PSS-SHA256"
	}
	for _, other := range all {
		if other.Label == label {
			return other
		}
	}
	return a
}

// ForLabel returns the algorithm with a label. The error is an *invalid.Error for the field signingAlgorithm.
func ForLabel(label string) (*Algorithm, error) {
	for _, a := range all {
		if a.Label == label {
			return a, nil
		}
	}
	return nil, invalid.New("signingAlgorithm", "Unknown signing algorithm. Choose one from the table.")
}

// signatureForm is an AlgorithmIdentifier of signatures that can be verified.
type signatureForm struct {
	name       string // common name: "ecdsa-with-SHA256"
	identifier []byte
	verify     func(spki, message, signature []byte) error
}

// formOf returns how signatures with an AlgorithmIdentifier (DER) are verified.
func formOf(algorithmIdentifier []byte) (signatureForm, bool) {
	for _, f := range forms {
		if bytes.Equal(f.identifier, algorithmIdentifier) {
			return f, true
		}
	}
	return pssForm(algorithmIdentifier)
}

// VerifySignature verifies a signature with any known AlgorithmIdentifier (DER). It refuses signatures with SHA-1 or
// MD5.
func VerifySignature(algorithmIdentifier, spki, message, signature []byte) error {
	if f, ok := formOf(algorithmIdentifier); ok {
		return f.verify(spki, message, signature)
	}
	return invalid.New(
		"signatureAlgorithm",
		"The signature algorithm is not supported or too weak. Use SHA-256 or better with RSA, ECDSA or Ed25519, or a post-quantum "+
			"algorithm from the table.",
	)
}

// CanVerify tells whether VerifySignature supports an AlgorithmIdentifier (DER).
func CanVerify(algorithmIdentifier []byte) bool {
	_, ok := formOf(algorithmIdentifier)
	return ok
}

// SignatureName returns the name of a signature AlgorithmIdentifier (DER), or its dotted OID if it is unknown.
func SignatureName(algorithmIdentifier []byte) string {
	if f, ok := formOf(algorithmIdentifier); ok {
		return f.name
	}
	oid, _, ok := readIdentifier(algorithmIdentifier)
	if !ok {
		return ""
	}
	return oid.String()
}

// identifier writes an AlgorithmIdentifier. The parameters are DER, or nil if absent.
func identifier(oid asn1.ObjectIdentifier, parameters []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddBytes(parameters)
	})
	return b.BytesOrPanic()
}

var null = []byte{5, 0}

func readIdentifier(der []byte) (oid asn1.ObjectIdentifier, parameters []byte, ok bool) {
	input := cryptobyte.String(der)
	var inner cryptobyte.String
	if !input.ReadASN1(&inner, cbasn1.SEQUENCE) || !input.Empty() || !inner.ReadASN1ObjectIdentifier(&oid) {
		return nil, nil, false
	}
	return oid, inner, true
}

// readSPKI splits a SubjectPublicKeyInfo.
func readSPKI(spki []byte) (oid asn1.ObjectIdentifier, parameters, bits []byte, ok bool) {
	input := cryptobyte.String(spki)
	var outer, algorithm cryptobyte.String
	var key asn1.BitString
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!outer.ReadASN1BitString(&key) || !outer.Empty() || key.BitLength%8 != 0 {
		return nil, nil, nil, false
	}
	oid, parameters, ok = readIdentifier(algorithm)
	return oid, parameters, key.Bytes, ok
}
