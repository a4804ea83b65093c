package attestation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of the schemes
	_ "crypto/sha512"
)

// scheme is how a COSE algorithm signs. ECDSA and RSA are told apart by the key.
type scheme struct {
	hash crypto.Hash
	rsa  bool
	pss  bool
}

// schemes are the COSE algorithms of statements (RFC 9053, RFC 8812, RFC 8230). RS1 (SHA-1) is omitted, because
// collisions make its signatures worthless.
var schemes = map[int64]scheme{
	-7: {hash: crypto.SHA256}, -35: {hash: crypto.SHA384}, -36: {hash: crypto.SHA512},
	-257: {crypto.SHA256, true, false}, -258: {crypto.SHA384, true, false}, -259: {crypto.SHA512, true, false},
	-37: {crypto.SHA256, true, true}, -38: {crypto.SHA384, true, true}, -39: {crypto.SHA512, true, true},
}

// schemeOf returns the scheme of an algorithm if it fits the key.
func schemeOf(algorithm int64, key any) (scheme, error) {
	s, known := schemes[algorithm]
	if algorithm == -65535 {
		return s, refuse(
			"The attestation is signed with SHA-1 (alg -65535), which no longer proves anything. Configure the client to use -7 or -257.",
		)
	}
	_, isRSA := key.(*rsa.PublicKey)
	if _, isECDSA := key.(*ecdsa.PublicKey); !known || !isRSA && !isECDSA || s.rsa != isRSA {
		return s, refuse("The signature algorithm of the attestation (alg %d) is unknown or does not fit the signing key.", algorithm)
	}
	return s, nil
}

// sum hashes a message.
func (s scheme) sum(message []byte) []byte {
	h := s.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// verifySignature verifies a signature: DER for ECDSA, bare for RSA.
func verifySignature(key any, s scheme, message, signature []byte) bool {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, s.sum(message), signature)
	case *rsa.PublicKey:
		if s.pss {
			return rsa.VerifyPSS(key, s.hash, s.sum(message), signature, nil) == nil
		}
		return rsa.VerifyPKCS1v15(key, s.hash, s.sum(message), signature) == nil
	}
	return false
}
