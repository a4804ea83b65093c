package attestation

import (
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
)

// roots are the published roots of Apple, Google (the two of https://android.googleapis.com/attestation/root) and
// Yubico. TPMs have none in common: each maker, and each attestation CA of an organization, has its own.
//
//go:embed roots
var roots embed.FS

// HasBuiltin tells whether the roots of a format are built in.
func HasBuiltin(format Format) bool { return format != TPM && slices.Contains(Formats(), format) }

// Bounds of a configuration.
const (
	maxAnchors    = 100
	maxAnchorText = 1 << 20
)

// ParseAnchors reads the certificates that chains of a format must lead to, as PEM; "" means those built in. They may
// be roots or intermediates. field names the input in errors, which are *invalid.Error.
func ParseAnchors(format Format, text, field string) ([]*x509.Certificate, error) {
	if !slices.Contains(Formats(), format) {
		return nil, invalid.New(field, "there is no attestation format %+.40q; write apple, tpm, android-key or step", format)
	}
	if len(text) > maxAnchorText {
		return nil, invalid.New(field, "the roots have %d bytes, at most %d are allowed", len(text), maxAnchorText)
	}
	if strings.TrimSpace(text) == "" {
		if !HasBuiltin(format) {
			return nil, invalid.New(field, "no roots are built in for TPMs: give, in PEM, the roots of the CA that certifies the attestation keys of your devices")
		}
		text = string(must(roots.ReadFile("roots/" + string(format) + ".pem")))
	}
	var anchors []*x509.Certificate
	for rest := []byte(text); len(strings.TrimSpace(string(rest))) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return nil, invalid.New(field, "behind %d certificates stands something that is no certificate in PEM", len(anchors))
		}
		c, err := readCertificate(block.Bytes)
		if err != nil {
			return nil, invalid.New(field, "certificate %d cannot be used: %s", len(anchors)+1, clip(err))
		}
		if !c.IsCA {
			return nil, invalid.New(field, "certificate %d (%s) is not one of a CA", len(anchors)+1, name(c))
		}
		if anchors = append(anchors, c); len(anchors) > maxAnchors {
			return nil, invalid.New(field, "at most %d roots are allowed", maxAnchors)
		}
	}
	return anchors, nil
}

// maxCertificate is the most bytes of a certificate; Android's with their extension have about 1 KiB.
const maxCertificate = 16 << 10

func readCertificate(der []byte) (*x509.Certificate, error) {
	if len(der) > maxCertificate {
		return nil, errors.New("it is too long")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	// Larger keys would make the verification costly for us and cheap for whoever sends them.
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && (key.N.BitLen() < 2048 || key.N.BitLen() > 8192) {
		return nil, errors.New("its RSA key does not have 2048 to 8192 bits")
	}
	return c, nil
}

// verifyChain checks the path from the first certificate to one of the anchors at a time (RFC 5280 section 6: validity,
// signatures, basic constraints, key usage, name constraints, critical extensions) and returns it, anchor included.
func verifyChain(x5c [][]byte, anchors []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	if len(x5c) == 0 || len(x5c) > maxCertificates {
		return nil, refuse("the attestation has %d certificates in x5c, 1 to %d are right", len(x5c), maxCertificates)
	}
	sent := make([]*x509.Certificate, len(x5c))
	for i, der := range x5c {
		var err error
		if sent[i], err = readCertificate(der); err != nil {
			return nil, refuse("certificate %d in x5c cannot be used: %s", i+1, clip(err))
		}
	}
	leaf := sent[0]
	if leaf.Version != 3 || leaf.IsCA {
		return nil, refuse("the first certificate in x5c must be one of the device, of version 3 and not of a CA")
	}
	// crypto/x509 knows of the alternative names neither those of TPMs nor of devices; the format reads them.
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, extension.OIDSubjectAltName.Equal)
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range anchors {
		options.Roots.AddCert(c)
	}
	for _, c := range sent[1:] {
		options.Intermediates.AddCert(c)
	}
	chains, err := leaf.Verify(options)
	var unknown x509.UnknownAuthorityError
	var broken x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return nil, refuse("the certificates of the attestation do not lead to a root that is trusted here for its format")
	case errors.As(err, &broken) && broken.Reason == x509.Expired:
		return nil, refuse("a certificate of the attestation (%s) is valid from %s to %s only", name(broken.Cert), broken.Cert.NotBefore.UTC().Format(time.RFC3339), broken.Cert.NotAfter.UTC().Format(time.RFC3339))
	case err != nil:
		return nil, refuse("the certificates of the attestation are no valid path: %s", clip(err))
	}
	i := slices.IndexFunc(chains, func(chain []*x509.Certificate) bool { return len(chain) > 1 })
	if i < 0 {
		return nil, refuse("the certificate of the device is itself a root: a device does not vouch for itself")
	}
	return chains[i], nil
}

func name(c *x509.Certificate) string {
	if subject := c.Subject.String(); subject != "" {
		return clip(errors.New(subject))
	}
	return "without subject"
}

// find is the value of an extension, nil where there is none. crypto/x509 refuses one that comes twice.
func find(c *x509.Certificate, id asn1.ObjectIdentifier) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(id) {
			return e.Value
		}
	}
	return nil
}
