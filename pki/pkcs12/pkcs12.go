// Package pkcs12 writes the file in which a key, its certificate and the chain travel together (RFC 7292).
package pkcs12

import (
	"crypto/x509"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// Encode writes key (PKCS #8), certificate and chain (DER, issuer first) into a PKCS #12 file: PBES2 with AES-256 and
// PBKDF2, HMAC-SHA-256. OpenSSL 1.1 and later, Java 8u301 and later, Windows 10 1709 and later, iOS 15 and later read it.
func Encode(pkcs8, certificate []byte, chain [][]byte, password string) ([]byte, error) {
	return encode(pkcs12.Modern, pkcs8, certificate, chain, password)
}

// EncodeLegacy is Encode for readers that know nothing newer: Triple DES and HMAC-SHA-1. Only the password protects such
// a file, and by few iterations.
func EncodeLegacy(pkcs8, certificate []byte, chain [][]byte, password string) ([]byte, error) {
	return encode(pkcs12.LegacyDES, pkcs8, certificate, chain, password)
}

func encode(e *pkcs12.Encoder, pkcs8, certificate []byte, chain [][]byte, password string) ([]byte, error) {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	leaf, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	var above []*x509.Certificate
	for _, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("reading the chain: %w", err)
		}
		above = append(above, c)
	}
	return e.Encode(key, leaf, above, password)
}
