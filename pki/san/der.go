package san

import (
	"encoding/asn1"
	"fmt"
	"net/netip"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// These are the tags of the GeneralName choice (RFC 5280 appendix A.2).
var (
	tagOtherName     = cbasn1.Tag(0).ContextSpecific().Constructed()
	tagRFC822Name    = cbasn1.Tag(1).ContextSpecific()
	tagDNSName       = cbasn1.Tag(2).ContextSpecific()
	tagX400Address   = cbasn1.Tag(3).ContextSpecific().Constructed()
	tagDirectoryName = cbasn1.Tag(4).ContextSpecific().Constructed()
	tagEDIPartyName  = cbasn1.Tag(5).ContextSpecific().Constructed()
	tagURI           = cbasn1.Tag(6).ContextSpecific()
	tagIPAddress     = cbasn1.Tag(7).ContextSpecific()
	tagRegisteredID  = cbasn1.Tag(8).ContextSpecific()
	tagExplicit      = cbasn1.Tag(0).ContextSpecific().Constructed()
)

// MarshalDER encodes GeneralNames, the value of a subject alternative name extension. It returns nil unless all names
// come from Parse or FromDER.
func MarshalDER(names []GeneralName) []byte {
	var b cryptobyte.Builder
	ok := true
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, g := range names {
			ok = ok && addGeneralName(b, g)
		}
	})
	der, err := b.Bytes()
	if err != nil || !ok || len(names) == 0 {
		return nil
	}
	return der
}

func addGeneralName(b *cryptobyte.Builder, g GeneralName) bool {
	text := func(tag cbasn1.Tag) bool {
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(g.Value)) })
		return ascii(g.Value)
	}
	switch g.Type {
	case DNSName:
		return text(tagDNSName)
	case Email:
		return text(tagRFC822Name)
	case URI:
		return text(tagURI)
	case IPAddress:
		address, err := netip.ParseAddr(g.Value)
		if err != nil {
			return false
		}
		b.AddASN1(tagIPAddress, func(b *cryptobyte.Builder) { b.AddBytes(address.AsSlice()) })
		return true
	case DirectoryName:
		n, err := name.Parse(g.Value)
		if err != nil {
			return false
		}
		b.AddASN1(tagDirectoryName, func(b *cryptobyte.Builder) { b.AddBytes(n.DER()) })
		return true
	case RegisteredID:
		oid, ok := name.ParseOID(g.Value)
		if !ok {
			return false
		}
		var one cryptobyte.Builder
		one.AddASN1ObjectIdentifier(oid)
		der := cryptobyte.String(one.BytesOrPanic())
		var content cryptobyte.String
		if !der.ReadASN1(&content, cbasn1.OBJECT_IDENTIFIER) {
			return false
		}
		b.AddASN1(tagRegisteredID, func(b *cryptobyte.Builder) { b.AddBytes(content) })
		return true
	case UPN:
		addOtherName(b, oidUPN, utf8String(g.Value))
		return true
	case OtherName:
		oid, der, ok := g.otherName()
		if !ok {
			return false
		}
		addOtherName(b, oid, der)
		return true
	}
	return false
}

func addOtherName(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, value []byte) {
	b.AddASN1(tagOtherName, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddASN1(tagExplicit, func(b *cryptobyte.Builder) { b.AddBytes(value) })
	})
}

const maxDER = 64 << 10

// FromDER reads GeneralNames, the value of a subject alternative name extension, and applies the rules of Parse to each
// name. Errors are *invalid.Error for "sans" or "sans[i]".
func FromDER(der []byte) ([]GeneralName, error) {
	if len(der) > maxDER {
		return nil, invalid.New("sans", "The subject alternative names have %d bytes, but at most %d are allowed.", len(der), maxDER)
	}
	input := cryptobyte.String(der)
	var sequence cryptobyte.String
	if !input.ReadASN1(&sequence, cbasn1.SEQUENCE) || !input.Empty() {
		return nil, invalid.New("sans", "The subject alternative names are not valid DER (RFC 5280 4.2.1.6).")
	}
	if sequence.Empty() {
		return nil, invalid.New("sans", "The subject alternative name extension is empty. Leave it out.")
	}
	var names []GeneralName
	for i := 0; !sequence.Empty(); i++ {
		if i == MaxNames {
			return nil, invalid.New("sans", "A certificate can have at most %d subject alternative names.", MaxNames)
		}
		var content cryptobyte.String
		var tag cbasn1.Tag
		if !sequence.ReadAnyASN1(&content, &tag) {
			return nil, invalid.New("sans", "The subject alternative names are not valid DER (RFC 5280 4.2.1.6).")
		}
		g, problem := fromElement(tag, content)
		if problem != "" {
			return nil, invalid.New(fmt.Sprintf("sans[%d]", i), "%s", invalid.Sentence(problem))
		}
		names = append(names, g)
	}
	return names, nil
}

func fromElement(tag cbasn1.Tag, content cryptobyte.String) (GeneralName, string) {
	text := func(typ Type) (GeneralName, string) {
		if !ascii(string(content)) {
			return GeneralName{}, "the name contains bytes outside ASCII (IA5String)"
		}
		return parse(typ, string(content))
	}
	switch tag {
	case tagDNSName:
		return text(DNSName)
	case tagRFC822Name:
		return text(Email)
	case tagURI:
		return text(URI)
	case tagIPAddress:
		address, ok := netip.AddrFromSlice(content)
		if !ok {
			if len(content) == 8 || len(content) == 32 {
				return GeneralName{}, "the IP address has a netmask, but a certificate names single addresses"
			}
			return GeneralName{}, fmt.Sprintf("the IP address has %d bytes, but must have 4 or 16", len(content))
		}
		return parse(IPAddress, address.String())
	case tagDirectoryName:
		n, err := name.FromDER(content)
		if err != nil {
			return GeneralName{}, invalid.Reason(err)
		}
		return parse(DirectoryName, n.String())
	case tagRegisteredID:
		oid, ok := oidFromContent(content)
		if !ok {
			return GeneralName{}, "the registered ID is not an object identifier"
		}
		return parse(RegisteredID, oid.String())
	case tagOtherName:
		var oid asn1.ObjectIdentifier
		var value cryptobyte.String
		if !content.ReadASN1ObjectIdentifier(&oid) || !content.ReadASN1(&value, tagExplicit) || !content.Empty() {
			return GeneralName{}, "the other name is not valid DER"
		}
		if _, ok := name.ParseOID(oid.String()); !ok {
			return GeneralName{}, "the type of the other name is too long"
		}
		return otherNameFromDER(oid, value)
	case tagX400Address, tagEDIPartyName:
		return GeneralName{}, "X.400 and EDI party names are not supported"
	}
	return GeneralName{}, "the name is of no type defined in RFC 5280"
}

func oidFromContent(content []byte) (asn1.ObjectIdentifier, bool) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	der, err := b.Bytes()
	input := cryptobyte.String(der)
	var oid asn1.ObjectIdentifier
	return oid, err == nil && input.ReadASN1ObjectIdentifier(&oid)
}
