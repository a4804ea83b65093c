package san

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidPermanentIdentifier = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 3}
	oidHardwareModuleName  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 4}
)

// MaxDeviceID is the maximum length of the text of a permanent identifier or hardware module, in bytes.
const MaxDeviceID = 255

// PermanentIdentifier names a device as its manufacturer does, e.g. by a serial number (RFC 4043). As an alternative
// name it is the other name 1.3.6.1.5.5.7.8.3, with the text of String after "ID:".
type PermanentIdentifier struct {
	Value string
	// Assigner distinguishes the identifiers of several manufacturers; nil: the CA ensures that they are unique.
	Assigner asn1.ObjectIdentifier
}

// HardwareModule names the cryptoprocessor that holds a key (RFC 4108 section 5). As an alternative name it is the
// other name 1.3.6.1.5.5.7.8.4, with the text of String after "ID:" if the serial number is text.
type HardwareModule struct {
	Type   asn1.ObjectIdentifier
	Serial []byte
}

// ParsePermanentIdentifier reads "value" or "value/assigner", as in orders for the ACME identifier permanent-identifier
// (draft-ietf-acme-device-attest section 3.1). Errors are *invalid.Error for the given field.
func ParsePermanentIdentifier(text, field string) (PermanentIdentifier, error) {
	value, assigner, problem := deviceID(text)
	if problem != "" {
		return PermanentIdentifier{}, invalid.New(field, "%s", invalid.Sentence(problem))
	}
	return PermanentIdentifier{value, assigner}, nil
}

// ParseHardwareModule reads "serial/type", as in orders for the ACME identifier hardware-module
// (draft-ietf-acme-device-attest section 4.1). Errors are *invalid.Error for the given field.
func ParseHardwareModule(text, field string) (HardwareModule, error) {
	serial, typ, problem := deviceID(text)
	if problem == "" && typ == nil {
		problem = quote(text) + " lacks the type of the hardware module: write serial/type, such as ABCD/1.2.3.4"
	}
	if problem != "" {
		return HardwareModule{}, invalid.New(field, "%s", invalid.Sentence(problem))
	}
	return HardwareModule{typ, []byte(serial)}, nil
}

// deviceID reads the text before a slash, and the object identifier after it, if any.
func deviceID(text string) (value string, oid asn1.ObjectIdentifier, problem string) {
	if len(text) > MaxDeviceID {
		return "", nil, fmt.Sprintf("the identifier of the device has %d bytes, but at most %d are allowed", len(text), MaxDeviceID)
	}
	value, dotted, slash := strings.Cut(text, "/")
	if value == "" {
		return "", nil, "the identifier of the device is empty"
	}
	if reason := name.UnsafeText(value); reason != "" {
		return "", nil, "the identifier of the device " + reason
	}
	if slash {
		var ok bool
		// The text is compared byte by byte with certificates, so only one spelling is accepted.
		if oid, ok = name.ParseOID(dotted); !ok || oid.String() != dotted {
			return "", nil, "what follows the slash in " + quote(text) + " is not a dotted object identifier"
		}
	}
	return value, oid, ""
}

// String returns "value" or "value/assigner". Parse reads it back unless the value contains a slash.
func (p PermanentIdentifier) String() string {
	if p.Assigner == nil {
		return p.Value
	}
	return p.Value + "/" + p.Assigner.String()
}

// Equal tells whether both name the same device: value and assigner, byte by byte.
func (p PermanentIdentifier) Equal(other PermanentIdentifier) bool {
	return p.Value == other.Value && p.Assigner.Equal(other.Assigner)
}

// String returns "serial/type". A binary serial number is not converted.
func (h HardwareModule) String() string { return string(h.Serial) + "/" + h.Type.String() }

// Equal tells whether both name the same module.
func (h HardwareModule) Equal(other HardwareModule) bool {
	return h.Type.Equal(other.Type) && bytes.Equal(h.Serial, other.Serial)
}

// GeneralName returns the alternative name in canonical form. It returns an *invalid.Error for "sans" if the value is
// not allowed in a certificate.
func (p PermanentIdentifier) GeneralName() (GeneralName, error) {
	return deviceName(oidPermanentIdentifier, p.der())
}

// GeneralName returns the alternative name in canonical form. It returns an *invalid.Error for "sans" if type or serial
// number is missing.
func (h HardwareModule) GeneralName() (GeneralName, error) {
	return deviceName(oidHardwareModuleName, h.der())
}

func deviceName(oid asn1.ObjectIdentifier, der []byte) (GeneralName, error) {
	g, problem := otherNameFromDER(oid, der)
	if problem != "" {
		return GeneralName{}, invalid.New("sans", "%s", invalid.Sentence(problem))
	}
	return g, nil
}

// PermanentIdentifier returns the permanent identifier, if the name is one and has a value.
func (g GeneralName) PermanentIdentifier() (PermanentIdentifier, bool) {
	oid, der, ok := g.otherName()
	if !ok || !oid.Equal(oidPermanentIdentifier) {
		return PermanentIdentifier{}, false
	}
	p, ok := readPermanentIdentifier(der)
	return p, ok && p.Value != ""
}

// HardwareModule returns the hardware module, if the name is one.
func (g GeneralName) HardwareModule() (HardwareModule, bool) {
	oid, der, ok := g.otherName()
	if !ok || !oid.Equal(oidHardwareModuleName) {
		return HardwareModule{}, false
	}
	return readHardwareModule(der)
}

// OtherNameFromDER reads the type and value of an OtherName, the contents of the choice [0] of a GeneralName, by the
// rules of FromDER. It returns false if they are refused.
func OtherNameFromDER(content []byte) (GeneralName, bool) {
	g, problem := fromElement(tagOtherName, content)
	return g, problem == ""
}

// otherName returns the type and the DER of an other name.
func (g GeneralName) otherName() (asn1.ObjectIdentifier, []byte, bool) {
	if g.Type != OtherName {
		return nil, nil, false
	}
	oid, der, problem := parseOtherName(g.Value)
	return oid, der, problem == ""
}

// der returns PermanentIdentifier ::= SEQUENCE { identifierValue UTF8String OPTIONAL, assigner OBJECT IDENTIFIER
// OPTIONAL }.
func (p PermanentIdentifier) der() []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if p.Value != "" {
			b.AddBytes(utf8String(p.Value))
		}
		if p.Assigner != nil {
			b.AddASN1ObjectIdentifier(p.Assigner)
		}
	})
	der, _ := b.Bytes() // nil for an invalid assigner, and then refused as DER
	return der
}

// readPermanentIdentifier reads the DER. Value is empty if absent.
func readPermanentIdentifier(der cryptobyte.String) (p PermanentIdentifier, ok bool) {
	var sequence, value cryptobyte.String
	var present bool
	if !der.ReadASN1(&sequence, cbasn1.SEQUENCE) || !der.Empty() || !sequence.ReadOptionalASN1(&value, &present, cbasn1.UTF8String) {
		return p, false
	}
	p.Value = string(value)
	if sequence.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) && !sequence.ReadASN1ObjectIdentifier(&p.Assigner) {
		return p, false
	}
	return p, sequence.Empty() && utf8.ValidString(p.Value) && (!present || p.Value != "")
}

// der returns HardwareModuleName ::= SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING }.
func (h HardwareModule) der() []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(h.Type)
		b.AddASN1OctetString(h.Serial)
	})
	der, _ := b.Bytes() // nil for an invalid type, and then refused as DER
	return der
}

func readHardwareModule(der cryptobyte.String) (h HardwareModule, ok bool) {
	var sequence, serial cryptobyte.String
	ok = der.ReadASN1(&sequence, cbasn1.SEQUENCE) && der.Empty() && sequence.ReadASN1ObjectIdentifier(&h.Type) &&
		sequence.ReadASN1(&serial, cbasn1.OCTET_STRING) && sequence.Empty() && len(serial) > 0
	h.Serial = serial
	return h, ok
}

// deviceText returns what follows "ID:" in the canonical form, or "" if the name has no text that reads back as it.
// problem is set if the name is not allowed in a certificate. For other types both are "".
func deviceText(oid asn1.ObjectIdentifier, der []byte) (text, problem string) {
	switch {
	case oid.Equal(oidPermanentIdentifier):
		p, ok := readPermanentIdentifier(der)
		if !ok {
			return "", "the permanent identifier is malformed (RFC 4043)"
		}
		if reason := name.UnsafeText(p.Value); reason != "" {
			return "", "the permanent identifier " + reason
		}
		if back, err := ParsePermanentIdentifier(p.String(), ""); err == nil && back.Equal(p) {
			return p.String(), ""
		}
	case oid.Equal(oidHardwareModuleName):
		h, ok := readHardwareModule(der)
		if !ok {
			return "", "the hardware module name is malformed (RFC 4108 section 5)"
		}
		if back, err := ParseHardwareModule(h.String(), ""); err == nil && back.Equal(h) {
			return h.String(), ""
		}
	}
	return "", ""
}

// deviceDER returns the DER of an other name in the form "ID:".
func deviceDER(oid asn1.ObjectIdentifier, text string) (der []byte, problem string) {
	value, second, problem := deviceID(text)
	switch {
	case problem != "":
		return nil, problem
	case oid.Equal(oidPermanentIdentifier):
		return PermanentIdentifier{value, second}.der(), ""
	case oid.Equal(oidHardwareModuleName) && second != nil:
		return HardwareModule{second, []byte(value)}.der(), ""
	}
	return nil, "the form ID: is for permanent identifiers (" + oidPermanentIdentifier.String() +
		";ID:value or ID:value/assigner) and hardware modules (" + oidHardwareModuleName.String() + ";ID:serial/type)"
}
