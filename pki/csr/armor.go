package csr

import (
	"errors"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/armor"
	"github.com/pkiaas/pkiaas/pki/invalid"
)

// unarmor returns the DER of the request. It refuses input with several objects.
func unarmor(text []byte) ([]byte, error) {
	blocks, err := armor.Read(text)
	switch {
	case errors.Is(err, armor.ErrEmpty):
		return nil, refuse("There is no certificate signing request. Paste one in PEM form.")
	case errors.Is(err, armor.ErrUnknown):
		return nil, refuse("This is not a certificate signing request: it is neither PEM, base64 nor DER (RFC 2986).")
	case err != nil:
		return nil, refuse("%s", invalid.Reason(err))
	}
	var der []byte
	var other string
	for _, b := range blocks {
		switch {
		case b.IsPrivateKey():
			return nil, privateKey()
		case b.Label != "" && b.Label != "CERTIFICATE REQUEST" && b.Label != "NEW CERTIFICATE REQUEST":
			other = b.Label
		case der != nil:
			return nil, refuse("There are two certificate signing requests. Send one at a time.")
		default:
			der = b.DER
		}
	}
	switch {
	case der != nil && other != "":
		return nil, refuse("There is more than a certificate signing request here. Remove the %s.", kindOf(other))
	case der != nil:
		return der, nil
	}
	return nil, otherKind(other)
}

// otherKind refuses something that people confuse with a request.
func otherKind(label string) error {
	kind, advice := kindOf(label), ""
	switch kind {
	case certificate:
		advice = " Create a request with the key of the certificate."
	case publicKey:
		advice = " Create a request with its private key, which proves possession."
	}
	return refuse("This is not a certificate signing request but a %s.%s", kind, advice)
}

const certificate, publicKey = "certificate", "public key"

// kindOf names a PEM block without repeating its label, which the caller wrote.
func kindOf(label string) string {
	switch {
	case label == "CERTIFICATE" || label == "TRUSTED CERTIFICATE" || label == "X509 CERTIFICATE":
		return certificate
	case strings.Contains(label, "PUBLIC KEY"):
		return publicKey
	case label == "X509 CRL":
		return "revocation list"
	case label == "PKCS7" || label == "CMS":
		return "PKCS #7 message"
	}
	return "PEM block of another type"
}

// identify returns an error that says what the DER might be.
func identify(der []byte) error {
	input := cryptobyte.String(der)
	var outer, inner cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) {
		return refuse("This is not a certificate signing request: its DER is damaged or cut off (RFC 2986).")
	}
	switch {
	case outer.PeekASN1Tag(cbasn1.INTEGER): // PKCS #8, PKCS #1, SEC 1; PKCS #12 starts in the same way
		var version int
		if outer.ReadASN1Integer(&version) && version != 3 {
			return privateKey()
		}
		return refuse(
			"This is not a certificate signing request but a PKCS #12 file, which contains a private key. Do not send it to anyone.",
		)
	case outer.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER):
		return refuse("This is not a certificate signing request but a PKCS #7 message.")
	}
	if outer.ReadASN1(&inner, cbasn1.SEQUENCE) {
		switch {
		case outer.PeekASN1Tag(cbasn1.OCTET_STRING):
			return privateKey() // encrypted PKCS #8
		case outer.PeekASN1Tag(cbasn1.BIT_STRING):
			return otherKind("PUBLIC KEY")
		case inner.PeekASN1Tag(cbasn1.Tag(0).ContextSpecific().Constructed()):
			return otherKind("CERTIFICATE")
		}
	}
	return refuse("This is not a certificate signing request (RFC 2986).")
}

// privateKey returns an error that never repeats the input.
func privateKey() error {
	return refuse(
		"This is a PRIVATE KEY, not a certificate signing request. The key is now exposed: discard it, generate a new one, and send " +
			"only the request made with it.",
	)
}
