// Package csr reads certificate signing requests: PKCS #10, RFC 2986. Its input comes from the network, so it is
// bounded, parsed without reflection, and refused with one sentence that says what to do.
package csr

import (
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

// These are the limits of the input.
const (
	MaxLength     = 64 << 10
	maxAttributes = 32
	maxExtensions = 64
)

// Field is the field of every error of this package.
const Field = "csr"

// Request is a checked certification request: its signature proves possession of the key, and the key is strong.
type Request struct {
	Subject name.Name
	// PublicKey is the SubjectPublicKeyInfo as in the request.
	PublicKey []byte
	KeyInfo   algorithm.PublicKeyInfo
	SANs      []san.GeneralName
	// Extensions are the requested extensions except for the subject alternative name.
	Extensions []extension.Extension
	// ChallengePassword is the attribute of RFC 2985 5.4.1, or "". It is a secret of SCEP: never log it.
	ChallengePassword string
	// Raw is the DER of the whole request.
	Raw []byte
}

var (
	oidExtensionRequest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 14}
	// Windows before Vista wrote its own OID for the same attribute.
	oidCertExtensions    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 1, 14}
	oidChallengePassword = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7}
	oidSAN               = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// Replaced lists the parts of a request that are taken from elsewhere. They are not checked, and are empty if they
// would be refused.
type Replaced struct{ Subject, SANs, Extensions bool }

// Parse reads a request in PEM (text around it is allowed), bare base64 or DER, of at most 64 KiB. It checks its
// signature with its own key (proof of possession) and the strength of the key. Errors are *invalid.Error for "csr".
func Parse(text []byte) (*Request, error) { return ParseWithout(text, Replaced{}) }

// ParseKey is Parse for protocols that use only the key of the request. It accepts a placeholder as subject.
func ParseKey(text []byte) (*Request, error) { return ParseWithout(text, Replaced{true, true, true}) }

// ParseWithout is Parse for callers that replace parts of the request.
func ParseWithout(text []byte, replaced Replaced) (*Request, error) {
	if len(text) > MaxLength {
		return nil, refuse("The request has %d bytes, but at most %d are allowed.", len(text), MaxLength)
	}
	der, err := unarmor(text)
	if err != nil {
		return nil, err
	}
	input := cryptobyte.String(der)
	var outer, rawInfo, info, rawAlgorithm, signature cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&rawInfo, cbasn1.SEQUENCE) ||
		!outer.ReadASN1Element(&rawAlgorithm, cbasn1.SEQUENCE) || !outer.ReadASN1(&signature, cbasn1.BIT_STRING) {
		return nil, identify(der)
	}
	if !outer.Empty() || !input.Empty() {
		return nil, refuse("The request is followed by more data. It is damaged, or two files were joined.")
	}
	copyOfInfo := rawInfo
	var version int
	var rawName, rawKey, attributes cryptobyte.String
	var hasAttributes bool
	if !copyOfInfo.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1Integer(&version) ||
		!info.ReadASN1Element(&rawName, cbasn1.SEQUENCE) ||
		!info.ReadASN1Element(&rawKey, cbasn1.SEQUENCE) ||
		!info.ReadOptionalASN1(&attributes, &hasAttributes, cbasn1.Tag(0).ContextSpecific().Constructed()) || !info.Empty() {
		return nil, identify(der)
	}
	if version != 0 {
		return nil, refuse("The request has version %d, only 0 exists (RFC 2986 4.1).", version)
	}
	if len(signature) < 2 || signature[0] != 0 {
		return nil, refuse("The signature of the request is not a whole number of bytes.")
	}
	r := &Request{PublicKey: rawKey, Raw: der}
	if r.KeyInfo, err = algorithm.InspectPublicKey(rawKey); err != nil {
		return nil, wrap("public key", err)
	}
	if err := algorithm.VerifySignature(rawAlgorithm, rawKey, rawInfo, signature[1:]); err != nil {
		var refusal *invalid.Error
		if errors.As(err, &refusal) {
			return nil, wrap("signature", err)
		}
		return nil, refuse(
			"The signature of the request does not verify with its key, so it does not prove possession. The request was changed or " +
				"made with another key.",
		)
	}
	if r.Subject, err = name.FromDER(rawName); err != nil && !replaced.Subject {
		return nil, wrap("subject", err)
	}
	if err := r.readAttributes(attributes, replaced); err != nil {
		if !replaced.SANs || !replaced.Extensions {
			return nil, err
		}
		r.SANs, r.Extensions = nil, nil
	}
	return r, nil
}

func (r *Request) readAttributes(attributes cryptobyte.String, replaced Replaced) error {
	var requested bool
	for count := 0; !attributes.Empty(); count++ {
		if count == maxAttributes {
			return refuse("The request has more than %d attributes.", maxAttributes)
		}
		var attribute, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !attributes.ReadASN1(&attribute, cbasn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&values, cbasn1.SET) || !attribute.Empty() {
			return refuse("The attributes of the request are not valid DER (RFC 2986 4.1).")
		}
		switch {
		case oid.Equal(oidExtensionRequest), oid.Equal(oidCertExtensions):
			if requested {
				return refuse("The request has two attributes with extensions.")
			}
			requested = true
			if err := r.readExtensions(values, replaced); err != nil {
				return err
			}
		case oid.Equal(oidChallengePassword):
			var tag cbasn1.Tag
			var password cryptobyte.String
			if r.ChallengePassword != "" || !values.ReadAnyASN1(&password, &tag) || !values.Empty() || len(password) > 4096 {
				return refuse("The challenge password of the request is not a single string.")
			}
			r.ChallengePassword = string(password)
		}
	}
	return nil
}

func (r *Request) readExtensions(values cryptobyte.String, replaced Replaced) error {
	var list cryptobyte.String
	if !values.ReadASN1(&list, cbasn1.SEQUENCE) || !values.Empty() {
		return refuse("The extension request is not a single list of extensions (RFC 2985 5.4.2).")
	}
	seen := map[string]bool{}
	for !list.Empty() {
		if len(seen) == maxExtensions {
			return refuse("The request asks for more than %d extensions.", maxExtensions)
		}
		var one, value cryptobyte.String
		var e extension.Extension
		if !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&e.ID) {
			return refuse("The extension request is not valid DER.")
		}
		if one.PeekASN1Tag(cbasn1.BOOLEAN) && !one.ReadASN1Boolean(&e.Critical) || !one.ReadASN1(&value, cbasn1.OCTET_STRING) ||
			!one.Empty() {
			return refuse("The requested extension %s is not valid DER.", e.ID)
		}
		if seen[e.ID.String()] {
			return refuse("The request asks for the extension %s twice.", e.ID)
		}
		seen[e.ID.String()] = true
		if e.ID.Equal(oidSAN) {
			names, err := san.FromDER(value)
			if err != nil && !replaced.SANs {
				return wrap("subject alternative name", err)
			}
			r.SANs = names
			continue
		}
		e.Value = value
		r.Extensions = append(r.Extensions, e)
	}
	return nil
}

func refuse(format string, args ...any) error { return invalid.New(Field, format, args...) }

// wrap reports a problem with a part of the request as a problem of the whole.
func wrap(part string, err error) error {
	return refuse("The %s is invalid. %s", part, invalid.Reason(err))
}
