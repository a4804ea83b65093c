package csr

import (
	"errors"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/armor"
)

// unarmor finds the DER of the one request.
func unarmor(text []byte) ([]byte, error) {
	blocks, err := armor.Read(text)
	switch {
	case errors.Is(err, armor.ErrEmpty):
		return nil, refuse("there is no certificate signing request: paste one in PEM form")
	case errors.Is(err, armor.ErrUnknown):
		return nil, refuse("this is not a certificate signing request: neither PEM, base64 nor DER (RFC 2986)")
	case err != nil:
		return nil, refuse("%v", err)
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
			return nil, refuse("there are two certificate signing requests: send one at a time")
		default:
			der = b.DER
		}
	}
	switch {
	case der != nil && other != "":
		return nil, refuse("there is more than a certificate signing request here: leave out the %s", describe(other))
	case der != nil:
		return der, nil
	}
	return nil, refuse("this is not a certificate signing request but a %s", describe(other))
}

// describe names a PEM block without repeating what a caller wrote.
func describe(label string) string {
	switch {
	case label == "CERTIFICATE" || label == "TRUSTED CERTIFICATE" || label == "X509 CERTIFICATE":
		return "certificate: make a request with the key that belongs to it"
	case strings.Contains(label, "PUBLIC KEY"):
		return "public key: make a request with its private key, which proves possession"
	case label == "X509 CRL":
		return "revocation list"
	case label == "PKCS7" || label == "CMS":
		return "PKCS #7 message"
	}
	return "PEM block of another kind"
}

// identify says what some DER that is no request might be.
func identify(der []byte) error {
	input := cryptobyte.String(der)
	var outer, inner cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) {
		return refuse("this is not a certificate signing request: its DER is damaged or cut off (RFC 2986)")
	}
	switch {
	case outer.PeekASN1Tag(cbasn1.INTEGER): // PKCS #8, PKCS #1, SEC 1; PKCS #12 begins so too
		var version int
		if outer.ReadASN1Integer(&version) && version != 3 {
			return privateKey()
		}
		return refuse("this is not a certificate signing request but a PKCS #12 file, which holds a private key: do not send that to anyone")
	case outer.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER):
		return refuse("this is not a certificate signing request but a PKCS #7 message")
	}
	if outer.ReadASN1(&inner, cbasn1.SEQUENCE) {
		switch {
		case outer.PeekASN1Tag(cbasn1.OCTET_STRING):
			return privateKey() // encrypted PKCS #8
		case outer.PeekASN1Tag(cbasn1.BIT_STRING):
			return refuse("this is not a certificate signing request but a %s", describe("PUBLIC KEY"))
		case inner.PeekASN1Tag(cbasn1.Tag(0).ContextSpecific().Constructed()):
			return refuse("this is not a certificate signing request but a %s", describe("CERTIFICATE"))
		}
	}
	return refuse("this is not a certificate signing request (RFC 2986)")
}

// privateKey never repeats the input.
func privateKey() error {
	return refuse("this is a PRIVATE KEY, not a certificate signing request. It has left its owner: throw the key away, make a new one and send only the request made with it")
}
