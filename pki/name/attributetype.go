package name

import (
	"encoding/asn1"
	"slices"
	"strings"
)

// Encoding is the ASN.1 string type of an attribute value.
type Encoding string

const (
	// UTF8String is what RFC 5280 4.1.2.4 requires in new certificates.
	UTF8String Encoding = "UTF8String"
	// PrintableString is required for C, serialNumber and dnQualifier (RFC 5280 appendix A.1).
	PrintableString Encoding = "PrintableString"
	// IA5String is required for DC and emailAddress (RFC 5280 appendix A.1).
	IA5String Encoding = "IA5String"
)

// AttributeType is a type of attribute in a distinguished name.
type AttributeType struct {
	OID asn1.ObjectIdentifier
	// Name is how String prints the type, e.g. "CN".
	Name string
	// Aliases are further names that Parse accepts. Case does not matter.
	Aliases []string
	// MaxLength is the upper bound in characters (X.520, RFC 5280 appendix A.1).
	MaxLength int
	// MinLength is above 1 only for country names.
	MinLength int
	Encoding  Encoding
}

// These are object identifiers that other packages use.
var (
	OIDCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	OIDEmailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
)

// unlistedMaxLength limits attributes of types that are not in the table.
const unlistedMaxLength = 1024

func attributeType(oid, name string, max int, encoding Encoding, aliases ...string) AttributeType {
	t := AttributeType{OID: mustOID(oid), Name: name, Aliases: aliases, MaxLength: max, MinLength: 1, Encoding: encoding}
	if max == 2 {
		t.MinLength = 2
	}
	return t
}

// attributeTypes are the 34 types that every profile supports. Upper bounds are those of RFC 5280 appendix A.1 if it
// has one. X.520 has none for the last twenty; ours keep names readable.
var attributeTypes = []AttributeType{
	attributeType("2.5.4.3", "CN", 64, UTF8String, "CommonName"),
	attributeType("2.5.4.4", "SN", 64, UTF8String, "SurName"),
	attributeType("2.5.4.5", "SERIALNUMBER", 64, PrintableString, "DeviceSerialNumber"),
	attributeType("2.5.4.6", "C", 2, PrintableString, "Country", "CountryName"),
	attributeType("2.5.4.7", "L", 128, UTF8String, "Locality", "LocalityName"),
	attributeType("2.5.4.8", "ST", 128, UTF8String, "S", "State", "StateOrProvinceName"),
	attributeType("2.5.4.9", "STREET", 128, UTF8String, "StreetAddress"),
	attributeType("2.5.4.10", "O", 64, UTF8String, "Org", "Organization", "OrganizationName"),
	attributeType("2.5.4.11", "OU", 64, UTF8String, "OrganizationalUnit", "OrganizationUnit", "OrgUnit", "OrganizationalUnitName"),
	attributeType("2.5.4.12", "T", 64, UTF8String, "Title"),
	attributeType("2.5.4.15", "BUSINESSCATEGORY", 128, UTF8String),
	attributeType("2.5.4.17", "POSTALCODE", 16, UTF8String),
	attributeType("2.5.4.42", "givenName", 64, UTF8String, "G", "GN"),
	attributeType("2.5.4.43", "I", 64, UTF8String, "Initials"),
	attributeType("2.5.4.97", "ORGANIZATIONIDENTIFIER", 256, UTF8String),
	attributeType("0.9.2342.19200300.100.1.1", "UID", 256, UTF8String, "UserID"),
	attributeType("0.9.2342.19200300.100.1.25", "DC", 63, IA5String, "DomainComponent"),
	attributeType("1.2.840.113549.1.9.1", "E", 255, IA5String, "Email", "EmailAddress"),
	attributeType("1.2.840.113549.1.9.2", "unstructuredName", 255, UTF8String),
	attributeType("1.2.840.113549.1.9.8", "unstructuredAddress", 255, UTF8String),
	attributeType("1.3.6.1.4.1.311.60.2.1.1", "JurisdictionOfIncorporationLocalityName", 128, UTF8String),
	attributeType("1.3.6.1.4.1.311.60.2.1.2", "JurisdictionOfIncorporationStateOrProvinceName", 128, UTF8String),
	attributeType("1.3.6.1.4.1.311.60.2.1.3", "JurisdictionOfIncorporationCountryName", 2, PrintableString),
	attributeType("1.3.6.1.4.1.53087.1.2", "TrademarkOfficeName", 256, UTF8String),
	attributeType("1.3.6.1.4.1.53087.1.3", "TrademarkCountryOrRegionName", 2, PrintableString),
	attributeType("1.3.6.1.4.1.53087.1.4", "TrademarkRegistration", 256, UTF8String),
	attributeType("1.3.6.1.4.1.53087.1.5", "LegalEntityIdentifier", 256, UTF8String),
	attributeType("1.3.6.1.4.1.53087.1.6", "WordMark", 256, UTF8String),
	attributeType("1.3.6.1.4.1.53087.1.13", "MarkType", 256, UTF8String),
	attributeType("1.3.6.1.4.1.53087.3.2", "StatuteCountryName", 2, PrintableString),
	attributeType("1.3.6.1.4.1.53087.3.3", "StatuteStateOrProvinceName", 128, UTF8String),
	attributeType("1.3.6.1.4.1.53087.3.4", "StatuteLocalityName", 128, UTF8String),
	attributeType("1.3.6.1.4.1.53087.3.5", "StatuteCitation", 256, UTF8String),
	attributeType("1.3.6.1.4.1.53087.3.6", "StatuteURL", 1024, UTF8String),
}

// furtherTypes are other standard attributes that are common in requests.
var furtherTypes = []AttributeType{
	attributeType("2.5.4.13", "description", 1024, UTF8String),
	attributeType("2.5.4.41", "name", 256, UTF8String),
	attributeType("2.5.4.44", "generationQualifier", 64, UTF8String),
	attributeType("2.5.4.46", "dnQualifier", 64, PrintableString),
	attributeType("2.5.4.65", "pseudonym", 128, UTF8String),
}

var (
	byKeyword = map[string]*AttributeType{}
	byOID     = map[string]*AttributeType{}
)

func init() {
	for _, table := range [][]AttributeType{attributeTypes, furtherTypes} {
		for i := range table {
			t := &table[i]
			byOID[string(oidKey(t.OID))] = t
			for _, keyword := range append([]string{t.Name}, t.Aliases...) {
				byKeyword[strings.ToLower(keyword)] = t
			}
		}
	}
}

// AttributeTypes returns the 34 attribute types that every profile supports, in the order of Entrust's PKIaaS guide.
func AttributeTypes() []AttributeType { return slices.Clone(attributeTypes) }

// TypeByKeyword returns an attribute type by its name or an alias, ignoring case, or by a dotted OID with or without
// the prefix "OID.".
func TypeByKeyword(keyword string) (AttributeType, bool) {
	if t, ok := byKeyword[strings.ToLower(keyword)]; ok {
		return *t, true
	}
	if oid, ok := ParseOID(keyword); ok {
		return typeOf(oid), true
	}
	return AttributeType{}, false
}

// typeOf returns the rules for any OID, listed or not.
func typeOf(oid asn1.ObjectIdentifier) AttributeType {
	var buffer [48]byte
	if t, ok := byOID[string(appendOIDKey(buffer[:0], oid))]; ok {
		return *t
	}
	return AttributeType{OID: oid, Name: oid.String(), MaxLength: unlistedMaxLength, MinLength: 1, Encoding: UTF8String}
}

func oidKey(oid asn1.ObjectIdentifier) []byte { return appendOIDKey(nil, oid) }

// appendOIDKey makes a map key without printing the OID, because names are parsed on the hot path.
func appendOIDKey(to []byte, oid asn1.ObjectIdentifier) []byte {
	for _, arc := range oid {
		for arc >= 0x80 {
			to = append(to, byte(arc)|0x80)
			arc >>= 7
		}
		to = append(to, byte(arc))
	}
	return to
}

func mustOID(text string) asn1.ObjectIdentifier {
	oid, ok := ParseOID(text)
	if !ok {
		panic("name: bad OID " + text)
	}
	return oid
}
