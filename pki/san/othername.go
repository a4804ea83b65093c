package san

import (
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/pki/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const maxOtherName = 8 << 10

const otherNameForms = " is not an other name: write oid;UTF8:text or oid;DER:hexadecimal"

// otherName reads "oid;UTF8:text", "oid;DER:hex" or, for devices, "oid;ID:text". A user principal name is returned as
// type UPN, so that each identity has one form.
func otherName(value string) (GeneralName, string) {
	oid, der, problem := parseOtherName(value)
	if problem != "" {
		return GeneralName{}, problem
	}
	return otherNameFromDER(oid, der)
}

func parseOtherName(value string) (oid asn1.ObjectIdentifier, der []byte, problem string) {
	if len(value) > 3*maxOtherName {
		return nil, nil, "the other name is too long"
	}
	oidText, form, ok := strings.Cut(value, ";")
	oid, known := name.ParseOID(oidText)
	if !ok || !known {
		return nil, nil, quote(value) + otherNameForms
	}
	switch {
	case strings.HasPrefix(form, "UTF8:"):
		der = utf8String(form[len("UTF8:"):])
	case strings.HasPrefix(form, "DER:"):
		var err error
		if der, err = hex.DecodeString(form[len("DER:"):]); err != nil {
			problem = quote(value) + ": what follows DER: is not hexadecimal"
		}
	case strings.HasPrefix(form, "ID:"):
		der, problem = deviceDER(oid, form[len("ID:"):])
	default:
		problem = quote(value) + otherNameForms
	}
	return oid, der, problem
}

// otherNameFromDER returns the canonical form of an other name whose value is one DER element.
func otherNameFromDER(oid asn1.ObjectIdentifier, der []byte) (GeneralName, string) {
	if len(der) > maxOtherName {
		return GeneralName{}, "the other name is too long"
	}
	input := cryptobyte.String(der)
	var content cryptobyte.String
	var tag cbasn1.Tag
	if !input.ReadAnyASN1(&content, &tag) || !input.Empty() {
		return GeneralName{}, "the value of the other name " + oid.String() + " is not one DER element"
	}
	if id, problem := deviceText(oid, der); problem != "" {
		return GeneralName{}, problem
	} else if id != "" {
		return GeneralName{Type: OtherName, Value: oid.String() + ";ID:" + id}, ""
	}
	text := string(content)
	if tag == cbasn1.UTF8String {
		if oid.Equal(oidUPN) {
			return GeneralName{Type: UPN, Value: text}, userPrincipalName(text)
		}
		if text == "" || !utf8.ValidString(text) {
			return GeneralName{}, "the value of the other name " + oid.String() + " is empty or not valid UTF-8"
		}
		if reason := name.UnsafeText(text); reason != "" {
			return GeneralName{}, "the value of the other name " + oid.String() + " " + reason
		}
		return GeneralName{Type: OtherName, Value: oid.String() + ";UTF8:" + text}, ""
	}
	if oid.Equal(oidUPN) {
		return GeneralName{}, "a user principal name must be a UTF8String"
	}
	return GeneralName{Type: OtherName, Value: oid.String() + ";DER:" + hex.EncodeToString(der)}, ""
}

func utf8String(text string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
	return b.BytesOrPanic()
}
