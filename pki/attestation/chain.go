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
// Yubico. TPMs have no common root: each manufacturer, and each organization's attestation CA, has its own.
//
//go:embed roots
var roots embed.FS

// HasBuiltin tells whether a format has built-in roots.
func HasBuiltin(format Format) bool { return format != TPM && slices.Contains(Formats(), format) }

// These are the limits of a configuration.
const (
	maxAnchors    = 100
	maxAnchorText = 1 << 20
)

// ParseAnchors reads the trust anchors of a format as PEM; "" selects the built-in ones. They may be roots or
// intermediates. Errors are *invalid.Error for the given field.
func ParseAnchors(format Format, text, field string) ([]*x509.Certificate, error) {
	if !slices.Contains(Formats(), format) {
		return nil, invalid.New(field, "Unknown attestation format %+.40q. Use apple, tpm, android-key or step.", format)
	}
	if len(text) > maxAnchorText {
		return nil, invalid.New(field, "The roots have %d bytes, but at most %d are allowed.", len(text), maxAnchorText)
	}
	if strings.TrimSpace(text) == "" {
		if !HasBuiltin(format) {
			return nil, invalid.New(
				field,
				"There are no built-in roots for TPMs. Enter the roots, in PEM, of the CA that certifies the attestation keys of your "+
					"devices.",
			)
		}
		text = string(must(roots.ReadFile("roots/" + string(format) + ".pem")))
	}
	var anchors []*x509.Certificate
	for rest := []byte(text); len(strings.TrimSpace(string(rest))) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return nil, invalid.New(field, "After %d certificates, there is data that is not a certificate in PEM.", len(anchors))
		}
		c, err := readCertificate(block.Bytes)
		if err != nil {
			return nil, invalid.New(field, "Certificate %d cannot be used: %s.", len(anchors)+1, clip(err))
		}
		if !c.IsCA {
			return nil, invalid.New(field, "Certificate %d (%s) is not a CA certificate.", len(anchors)+1, name(c))
		}
		if anchors = append(anchors, c); len(anchors) > maxAnchors {
			return nil, invalid.New(field, "At most %d roots are allowed.", maxAnchors)
		}
	}
	return anchors, nil
}

// maxCertificate is the maximum size of a certificate in bytes. Android's, with their extension, have about 1 KiB.
const maxCertificate = 16 << 10

func readCertificate(der []byte) (*x509.Certificate, error) {
	if len(der) > maxCertificate {
		return nil, errors.New("it is too long")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	// Larger keys would make verification expensive for us and cheap for the sender.
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && (key.N.BitLen() < 2048 || key.N.BitLen() > 8192) {
		return nil, errors.New("its RSA key must have 2048 to 8192 bits")
	}
	return c, nil
}

// verifyChain verifies the path from the first certificate to one of the anchors at a time (RFC 5280 section 6:
// validity, signatures, basic constraints, key usage, name constraints, critical extensions) and returns it, including
// the anchor.
func verifyChain(x5c [][]byte, anchors []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	if len(x5c) == 0 || len(x5c) > maxCertificates {
		return nil, refuse("The attestation has %d certificates in x5c, but must have 1 to %d.", len(x5c), maxCertificates)
	}
	sent := make([]*x509.Certificate, len(x5c))
	for i, der := range x5c {
		var err error
		if sent[i], err = readCertificate(der); err != nil {
			return nil, refuse("Certificate %d in x5c cannot be used: %s.", i+1, clip(err))
		}
	}
	leaf := sent[0]
	if leaf.Version != 3 || leaf.IsCA {
		return nil, refuse("The first certificate in x5c must be a device certificate of version 3, not a CA certificate.")
	}
	// crypto/x509 does not know the alternative names of TPMs and devices. The format checks them.
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, extension.OIDSubjectAltName.Equal)
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
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
		return nil, refuse("The certificates of the attestation do not lead to a root that is trusted for its format.")
	case errors.As(err, &broken) && broken.Reason == x509.Expired:
		return nil, refuse(
			"A certificate of the attestation (%s) is only valid from %s to %s.", name(broken.Cert),
			broken.Cert.NotBefore.UTC().Format(time.RFC3339), broken.Cert.NotAfter.UTC().Format(time.RFC3339),
		)
	case err != nil:
		return nil, refuse("The certificates of the attestation are not a valid path: %s.", clip(err))
	}
	i := slices.IndexFunc(chains, func(chain []*x509.Certificate) bool { return len(chain) > 1 })
	if i < 0 {
		return nil, refuse("The device certificate is itself a root. A device cannot vouch for itself.")
	}
	return chains[i], nil
}

func name(c *x509.Certificate) string {
	if subject := c.Subject.String(); subject != "" {
		return clip(errors.New(subject))
	}
	return "no subject"
}

// find returns the value of an extension, or nil. crypto/x509 refuses duplicate extensions.
func find(c *x509.Certificate, id asn1.ObjectIdentifier) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(id) {
			return e.Value
		}
	}
	return nil
}
