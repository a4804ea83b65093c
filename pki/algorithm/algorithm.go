// Package algorithm is the registry of signing algorithms: one file a family, All is the list. Certificates, CRLs, OCSP
// answers and requests are all signed and verified through it.
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

// Algorithm is one row of the signing-key table: a kind of key together with the way it signs.
type Algorithm struct {
	Label         string // of the guide, e.g. "ECDSAP384+SHA384"
	Family        string // "RSA", "ECDSA", "Ed25519", "ML-DSA", "Hash-SLH-DSA", "SPHINCS+", "Falcon", "Composite"
	SecurityBits  int    // classical
	PostQuantum   bool
	PublicKeySize int // octets of its SubjectPublicKeyInfo
	SignatureSize int // octets; the most where they vary

	signature []byte // DER AlgorithmIdentifier of its signatures
	generate  func() (PrivateKey, error)
	parse     func(pkcs8 []byte) (PrivateKey, error)
	verify    func(spki, message, signature []byte) error
	// wrap makes a key of the standard library's kind, wherever its private part is, a key of this algorithm; nil for
	// algorithms that the standard library does not know.
	wrap func(crypto.Signer) (PrivateKey, error)
	// ocspSigner is the label of delegated OCSP signers where it is another one.
	ocspSigner string
}

// family is what one file of this package brings.
type family struct {
	rows       []*Algorithm
	signatures []signatureForm
	keys       []keyForm // those that crypto/x509 does not know
}

// PrivateKey signs. Safe for concurrent use.
type PrivateKey interface {
	// PublicKey is the SubjectPublicKeyInfo, DER.
	PublicKey() []byte
	// Sign hashes as the algorithm says and signs.
	Sign(message []byte) ([]byte, error)
	// MarshalPKCS8 is the key in clear: RFC 5958, for ML-DSA the seed of RFC 9881.
	MarshalPKCS8() ([]byte, error)
}

// SignatureAlgorithm is the DER AlgorithmIdentifier that stands beside its signatures.
func (a *Algorithm) SignatureAlgorithm() []byte { return a.signature }

// Generate makes a new key.
func (a *Algorithm) Generate() (PrivateKey, error) { return a.generate() }

// ParsePrivateKey reads what MarshalPKCS8 wrote.
func (a *Algorithm) ParsePrivateKey(pkcs8 []byte) (PrivateKey, error) { return a.parse(pkcs8) }

// Verify checks a signature made with a key of this algorithm.
func (a *Algorithm) Verify(spki, message, signature []byte) error {
	return a.verify(spki, message, signature)
}

// Wrap makes a key of the algorithm of a signer that is elsewhere, such as in a token. The error says that the signer's
// public key is of another kind, or that the algorithm has no such signers (see Wraps).
func (a *Algorithm) Wrap(signer crypto.Signer) (PrivateKey, error) {
	if a.wrap == nil {
		return nil, errWrongKey
	}
	return a.wrap(signer)
}

// Wraps tells whether keys of the algorithm can be a crypto.Signer that is elsewhere.
func (a *Algorithm) Wraps() bool { return a.wrap != nil }

// OCSPSignerAlgorithm is what a delegated OCSP signer of a CA with this algorithm uses: of the same family and strength;
// of the hash-based ones the fast variant, since a signer answers while clients wait.
func (a *Algorithm) OCSPSignerAlgorithm() *Algorithm {
	for _, other := range all {
		if other.Label == a.ocspSigner {
			return other
		}
	}
	return a
}

// CompatibleOCSPSignerAlgorithm is the one of the guide's table, which every client can verify: RSA with 2048 bits, PSS
// under a CA that signs so.
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

// ForLabel finds a row by its label. The error is *invalid.Error for the field signingAlgorithm.
func ForLabel(label string) (*Algorithm, error) {
	for _, a := range all {
		if a.Label == label {
			return a, nil
		}
	}
	return nil, invalid.New("signingAlgorithm", "there is no signing algorithm of that name; choose one of the table")
}

// signatureForm is an AlgorithmIdentifier of signatures that can be verified.
type signatureForm struct {
	name       string // as people know it: "ecdsa-with-SHA256"
	identifier []byte
	verify     func(spki, message, signature []byte) error
}

// formOf finds how signatures under an AlgorithmIdentifier (DER) are verified.
func formOf(algorithmIdentifier []byte) (signatureForm, bool) {
	for _, f := range forms {
		if bytes.Equal(f.identifier, algorithmIdentifier) {
			return f, true
		}
	}
	return pssForm(algorithmIdentifier)
}

// VerifySignature checks a signature under any known AlgorithmIdentifier (DER). Signatures over SHA-1 or MD5 are refused.
func VerifySignature(algorithmIdentifier, spki, message, signature []byte) error {
	if f, ok := formOf(algorithmIdentifier); ok {
		return f.verify(spki, message, signature)
	}
	return invalid.New("signatureAlgorithm", "the signature algorithm is not supported or too weak; use SHA-256 or better with RSA, ECDSA or Ed25519, or a post-quantum algorithm of the table")
}

// CanVerify tells whether VerifySignature knows an AlgorithmIdentifier (DER).
func CanVerify(algorithmIdentifier []byte) bool {
	_, ok := formOf(algorithmIdentifier)
	return ok
}

// SignatureName is the name of a signature AlgorithmIdentifier (DER), its OID in text when it is not known.
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

// identifier writes an AlgorithmIdentifier; parameters are DER or nil when absent.
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

// readSPKI takes a SubjectPublicKeyInfo apart.
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
