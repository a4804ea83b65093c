package name

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

// These limits are far above any real name.
const (
	maxRDNs       = 64
	maxAttributes = 16
)

const (
	tagNumericString   = cbasn1.Tag(18)
	tagVisibleString   = cbasn1.Tag(26)
	tagUniversalString = cbasn1.Tag(28)
	tagBMPString       = cbasn1.Tag(30)
)

// FromDER reads an X.501 Name (RDNSequence) of at most 8 KiB and applies the rules of Parse to each value. It accepts
// every string type of RFC 5280 4.1.2.4, with T61String as Latin-1. Errors are *invalid.Error for "subject".
func FromDER(der []byte) (Name, error) {
	return fromDER(der, func(err error) error { return err })
}

// Existing reads the name in a certificate created elsewhere. It accepts values that Parse would refuse, and returns a
// remark about each. It fails only if the name cannot be read.
func Existing(der []byte) (n Name, remarks []string, err error) {
	n, err = fromDER(der, func(err error) error {
		var refusal *invalid.Error
		if !errors.As(err, &refusal) {
			return err
		}
		remarks = append(remarks, refusal.Message)
		return nil
	})
	return n, remarks, err
}

// fromDER calls forgive for each value that the rules refuse. If forgive returns nil, the value is kept unchanged.
func fromDER(der []byte, forgive func(error) error) (Name, error) {
	if len(der) > MaxLength {
		return Name{}, refuse("The name has %d bytes, but at most %d are allowed.", len(der), MaxLength)
	}
	input := cryptobyte.String(der)
	var sequence cryptobyte.String
	if !input.ReadASN1(&sequence, cbasn1.SEQUENCE) || !input.Empty() {
		return Name{}, refuse("The name is not valid DER (RFC 5280 4.1.2.4).")
	}
	var rdns [][]Attribute
	for !sequence.Empty() {
		if len(rdns) == maxRDNs {
			return Name{}, refuse("The name has more than %d parts.", maxRDNs)
		}
		var set cryptobyte.String
		if !sequence.ReadASN1(&set, cbasn1.SET) || set.Empty() {
			return Name{}, refuse("The name is not valid DER: part %d is not a set of attributes.", len(rdns)+1)
		}
		rdn, err := readRDN(set, len(rdns)+1, forgive)
		if err != nil {
			return Name{}, err
		}
		rdns = append(rdns, rdn)
	}
	for i, j := 0, len(rdns)-1; i < j; i, j = i+1, j-1 {
		rdns[i], rdns[j] = rdns[j], rdns[i]
	}
	return Name{RDNs: rdns}, nil
}

func readRDN(set cryptobyte.String, part int, forgive func(error) error) ([]Attribute, error) {
	rdn := make([]Attribute, 0, 1)
	for !set.Empty() {
		if len(rdn) == maxAttributes {
			return nil, refuse("Part %d of the name has more than %d attributes.", part, maxAttributes)
		}
		var sequence, raw cryptobyte.String
		var tag cbasn1.Tag
		var oid asn1.ObjectIdentifier
		if !set.ReadASN1(&sequence, cbasn1.SEQUENCE) || !sequence.ReadASN1ObjectIdentifier(&oid) ||
			!sequence.ReadAnyASN1(&raw, &tag) || !sequence.Empty() {
			return nil, refuse("The name is not valid DER: part %d is not a type and a value.", part)
		}
		if len(oid) > maxOIDArcs {
			return nil, refuse("Part %d of the name has a type with more than %d arcs.", part, maxOIDArcs)
		}
		t := typeOf(oid)
		text, ok := decodeString(tag, raw)
		if !ok {
			return nil, refuse("The value of %s is not a readable string.", t.Name)
		}
		value, err := checkValue(t, text)
		if err != nil {
			if err = forgive(err); err != nil {
				return nil, err
			}
			value = text
		}
		if has(rdn, oid) {
			if err := forgive(refuse("Part %d of the name has %s twice.", part, t.Name)); err != nil {
				return nil, err
			}
		}
		rdn = append(rdn, Attribute{Type: oid, Value: value})
	}
	return rdn, nil
}

// Difference says which values of two equal names have different encodings, e.g. "O is a PrintableString there and a
// UTF8String here", or returns "".
func Difference(there, here []byte) string {
	var said []string
	a, b := encodings(there), encodings(here)
	for i := range min(len(a), len(b)) {
		switch {
		case a[i].tag != b[i].tag:
			said = append(said, typeOf(a[i].oid).Name+" is a "+tagName(a[i].tag)+" there and a "+tagName(b[i].tag)+" here")
		case string(a[i].value) != string(b[i].value):
			said = append(said, typeOf(a[i].oid).Name+" is spelt differently")
		}
	}
	return strings.Join(said, ", ")
}

type encoding struct {
	oid   asn1.ObjectIdentifier
	tag   cbasn1.Tag
	value []byte
}

func encodings(der cryptobyte.String) (all []encoding) {
	var sequence, set, attribute cryptobyte.String
	for ok := der.ReadASN1(&sequence, cbasn1.SEQUENCE); ok && !sequence.Empty(); {
		for ok = sequence.ReadASN1(&set, cbasn1.SET); ok && !set.Empty(); {
			var e encoding
			var value cryptobyte.String
			if ok = set.ReadASN1(&attribute, cbasn1.SEQUENCE) && attribute.ReadASN1ObjectIdentifier(&e.oid) &&
				attribute.ReadAnyASN1(&value, &e.tag); ok {
				e.value = value
				all = append(all, e)
			}
		}
	}
	return all
}

func tagName(tag cbasn1.Tag) string {
	names := map[cbasn1.Tag]string{
		cbasn1.UTF8String: "UTF8String", cbasn1.PrintableString: "PrintableString", cbasn1.IA5String: "IA5String",
		cbasn1.T61String: "TeletexString", tagBMPString: "BMPString", tagUniversalString: "UniversalString",
		tagNumericString: "NumericString", tagVisibleString: "VisibleString"}
	if known, ok := names[tag]; ok {
		return known
	}
	return fmt.Sprintf("value with the tag %d", tag)
}

// has tells whether an RDN already contains the type. X.501 requires different types in an RDN.
func has(rdn []Attribute, oid asn1.ObjectIdentifier) bool {
	for _, attribute := range rdn {
		if attribute.Type.Equal(oid) {
			return true
		}
	}
	return false
}

// decodeString converts the content of an ASN.1 string to UTF-8.
func decodeString(tag cbasn1.Tag, raw []byte) (string, bool) {
	switch tag {
	case cbasn1.UTF8String:
		return string(raw), utf8.Valid(raw)
	case cbasn1.PrintableString, cbasn1.IA5String, tagNumericString, tagVisibleString:
		for _, c := range raw {
			if c > 0x7f {
				return "", false
			}
		}
		return string(raw), true
	case cbasn1.T61String:
		runes := make([]rune, len(raw))
		for i, c := range raw {
			runes[i] = rune(c)
		}
		return string(runes), true
	case tagBMPString:
		if len(raw)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(raw)/2)
		for i := range units {
			units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
			if utf16.IsSurrogate(rune(units[i])) { // UCS-2 has no surrogate pairs
				return "", false
			}
		}
		return string(utf16.Decode(units)), true
	case tagUniversalString:
		if len(raw)%4 != 0 {
			return "", false
		}
		runes := make([]rune, len(raw)/4)
		for i := range runes {
			r := uint32(raw[4*i])<<24 | uint32(raw[4*i+1])<<16 | uint32(raw[4*i+2])<<8 | uint32(raw[4*i+3])
			if r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
				return "", false
			}
			runes[i] = rune(r)
		}
		return string(runes), true
	}
	return "", false
}
