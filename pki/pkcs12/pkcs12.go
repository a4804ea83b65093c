// Package pkcs12 writes PKCS #12 files with a key, its certificate and the chain (RFC 7292).
package pkcs12

import (
	"crypto/x509"
	"fmt"

	"github.com/pkiaas/pkiaas/pki/pkcs12/gopkcs12"
)

// File is the content of a PKCS #12 file.
type File struct {
	PKCS8, Certificate []byte   // the certificate is DER
	Chain              [][]byte // DER, issuer first
	Password           string
	// FriendlyName is the name that Windows and Java show for the key and its certificate, or "".
	FriendlyName string
	// Legacy writes the file for software that supports only Triple DES and HMAC-SHA-1. Only the password protects such
	// a file.
	Legacy bool
}

// These are the password iterations for encryption and MAC. The legacy form uses OpenSSL's traditional number, because
// old software accepts no more.
const (
	modernIterations = 100_000
	legacyIterations = 2048
)

var (
	// PBES2 with AES-256 and PBKDF2 with HMAC-SHA-256. Supported by OpenSSL 1.1, Java 8u301, Windows 10 1709, iOS 15
	// and later.
	modern = gopkcs12.Modern2023.WithIterations(modernIterations)
	legacy = gopkcs12.LegacyDES.WithIterations(legacyIterations)
)

// Encode writes the file. It does not parse the certificates.
func (f File) Encode() ([]byte, error) {
	key, err := x509.ParsePKCS8PrivateKey(f.PKCS8)
	if err != nil {
		return nil, fmt.Errorf("cannot read the key: %w", err)
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
