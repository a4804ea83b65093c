package csr

import (
	"bytes"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	begin = []byte("-----BEGIN ")
	dash  = []byte("-----")
)

// unarmor finds the DER in PEM (also on one line, as forms and chats make it), bare base64 or DER.
func unarmor(text []byte) ([]byte, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(trimmed) == 0:
		return nil, refuse("there is no certificate signing request: paste one in PEM form")
	case text[0] == 0x30 && !isBase64(trimmed):
		return text, nil
	case bytes.Contains(trimmed, begin):
		return unarmorPEM(trimmed)
	}
	der, ok := decodeBase64(trimmed)
	if !ok {
		return nil, refuse("this is not a certificate signing request: neither PEM, base64 nor DER (RFC 2986)")
	}
	return der, nil
}

func unarmorPEM(text []byte) ([]byte, error) {
	var der []byte
	var other string
	for at := bytes.Index(text, begin); at >= 0; at = bytes.Index(text, begin) {
		text = text[at+len(begin):]
		end := bytes.Index(text, dash)
		if end < 0 || end > 64 {
			return nil, refuse("the PEM is damaged: a BEGIN line does not end with -----")
		}
		label := string(text[:end])
		text = text[end+len(dash):]
		// Looked for first and in every block: whoever pastes a private key must hear of it.
		if strings.Contains(label, "PRIVATE KEY") {
			return nil, privateKey()
		}
		closing := []byte("-----END " + label + "-----")
		stop := bytes.Index(text, closing)
		if stop < 0 {
			return nil, refuse("the PEM is cut off: there is no END line for its BEGIN line; paste all of it")
		}
		body := text[:stop]
		text = text[stop+len(closing):]
		if label != "CERTIFICATE REQUEST" && label != "NEW CERTIFICATE REQUEST" {
			other = label
			continue
		}
		if der != nil {
			return nil, refuse("there are two certificate signing requests: send one at a time")
		}
		decoded, ok := decodeBase64(body)
		if !ok {
			return nil, refuse("the PEM is damaged: its content is not base64")
		}
		der = decoded
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

func isBase64(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/', c == '=', c == '\n', c == '\r', c == ' ', c == '\t':
		default:
			return false
		}
	}
	return true
}

func decodeBase64(text []byte) ([]byte, bool) {
	packed := make([]byte, 0, len(text))
	for _, c := range text {
		if c != '\n' && c != '\r' && c != ' ' && c != '\t' {
			packed = append(packed, c)
		}
	}
	packed = bytes.TrimRight(packed, "=")
	der := make([]byte, base64.RawStdEncoding.DecodedLen(len(packed)))
	n, err := base64.RawStdEncoding.Decode(der, packed)
	return der[:n], err == nil && n > 0
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
