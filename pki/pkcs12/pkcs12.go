// Package pkcs12 writes the file in which a key, its certificate and the chain travel together (RFC 7292).
package pkcs12

import (
	"crypto/x509"
	"fmt"

	"github.com/pkiaas/pkiaas/pki/pkcs12/gopkcs12"
)

// File is what a PKCS #12 file is to hold.
type File struct {
	PKCS8, Certificate []byte   // the certificate is DER
	Chain              [][]byte // DER, issuer first
	Password           string
	// FriendlyName is what Windows and Java call the key and its certificate, "" for none.
	FriendlyName string
	// Legacy has the file written for readers that know nothing newer than Triple DES and HMAC-SHA-1. Only the password
	// protects such a file.
	Legacy bool
}

// How often passwords are hashed, for encryption and MAC. The legacy form has OpenSSL's number of always: readers of its age
// take no more.
const (
	modernIterations = 100_000
	legacyIterations = 2048
)

var (
	// PBES2 with AES-256 and PBKDF2, HMAC-SHA-256: OpenSSL 1.1 and later, Java 8u301 and later, Windows 10 1709 and later, iOS
	// 15 and later read it.
	modern = gopkcs12.Modern2023.WithIterations(modernIterations)
	legacy = gopkcs12.LegacyDES.WithIterations(legacyIterations)
)

// Encode writes the file. The certificates are not read: whatever was issued, or is in the chain, goes in.
func (f File) Encode() ([]byte, error) {
	key, err := x509.ParsePKCS8PrivateKey(f.PKCS8)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	chain := make([]*x509.Certificate, len(f.Chain))
	for n, der := range f.Chain {
		chain[n] = &x509.Certificate{Raw: der}
	}
	encoder := modern
	if f.Legacy {
		encoder = legacy
	}
	return encoder.Encode(key, &x509.Certificate{Raw: f.Certificate}, chain, f.Password, f.FriendlyName)
}
