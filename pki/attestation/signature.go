package attestation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of the schemes
	_ "crypto/sha512"
)

// scheme is how a COSE algorithm signs; for ECDSA and RSA by the key's type.
type scheme struct {
	hash crypto.Hash
	rsa  bool
	pss  bool
}

// schemes are the COSE algorithms of statements (RFC 9053, RFC 8812, RFC 8230). RS1 (SHA-1) is left out: who makes two
// structures of one hash has the signature of both.
var schemes = map[int64]scheme{
	-7: {hash: crypto.SHA256}, -35: {hash: crypto.SHA384}, -36: {hash: crypto.SHA512},
	-257: {crypto.SHA256, true, false}, -258: {crypto.SHA384, true, false}, -259: {crypto.SHA512, true, false},
	-37: {crypto.SHA256, true, true}, -38: {crypto.SHA384, true, true}, -39: {crypto.SHA512, true, true},
}

// schemeOf is the scheme of an algorithm that fits a key.
func schemeOf(algorithm int64, key any) (scheme, error) {
	s, known := schemes[algorithm]
	if algorithm == -65535 {
		return s, refuse("the attestation is signed with SHA-1 (alg -65535), which proves nothing any more: let the client use -7 or -257")
	}
	_, isRSA := key.(*rsa.PublicKey)
	if _, isECDSA := key.(*ecdsa.PublicKey); !known || !isRSA && !isECDSA || s.rsa != isRSA {
		return s, refuse("the signature algorithm of the attestation (alg %d) is not known or does not fit the key that signs", algorithm)
	}
	return s, nil
}

// sum hashes a message.
func (s scheme) sum(message []byte) []byte {
	h := s.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// verifySignature checks a signature: of ECDSA in DER, of RSA bare.
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
