package profile

import (
	"encoding/asn1"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/pki/name"
)

// Usage is an OID and its common name.
type Usage struct {
	OID  string
	Name string
}

// keyUsageArc is id-ce-keyUsage. The bits of that extension have no OIDs of their own, but a profile lists key usages
// and extended key usages together as OIDs. So bit n is written 2.5.29.15.n.
const keyUsageArc = "2.5.29.15."

// These are the OIDs of key usages (RFC 5280 4.2.1.3).
const (
	DigitalSignature = keyUsageArc + "0"
	NonRepudiation   = keyUsageArc + "1"
	KeyEncipherment  = keyUsageArc + "2"
	DataEncipherment = keyUsageArc + "3"
	KeyAgreement     = keyUsageArc + "4"
	KeyCertSign      = keyUsageArc + "5"
	CRLSign          = keyUsageArc + "6"
	EncipherOnly     = keyUsageArc + "7"
	DecipherOnly     = keyUsageArc + "8"
)

var keyUsages = []Usage{
	{DigitalSignature, "Digital Signature"},
	{NonRepudiation, "Non-Repudiation"},
	{KeyEncipherment, "Key Encipherment"},
	{DataEncipherment, "Data Encipherment"},
	{KeyAgreement, "Key Agreement"},
	{KeyCertSign, "Certificate Signing"},
	{CRLSign, "CRL Signing"},
	{EncipherOnly, "Encipher Only"},
	{DecipherOnly, "Decipher Only"},
}

// These are extended key usages with a special meaning here.
const (
	anyExtendedKeyUsage     = "2.5.29.37.0"
	ocspSigning             = "1.3.6.1.5.5.7.3.9"
	certificateRequestAgent = "1.3.6.1.4.1.311.20.2.1"
)

var extendedKeyUsages = []Usage{
	{anyExtendedKeyUsage, "Any Extended Key Usage"},
	{"1.3.6.1.5.5.7.3.1", "TLS Server Authentication"},
	{"1.3.6.1.5.5.7.3.2", "TLS Client Authentication"},
	{"1.3.6.1.5.5.7.3.3", "Code Signing"},
	{"1.3.6.1.5.5.7.3.4", "Email Protection"},
	{"1.3.6.1.5.5.7.3.8", "Time Stamping"},
	{ocspSigning, "OCSP Signing"},
	{"1.3.6.1.5.5.7.3.17", "IPsec IKE"},
	{"1.3.6.1.5.5.7.3.21", "SSH Client Authentication"},
	{"1.3.6.1.5.5.7.3.22", "SSH Server Authentication"},
	{"1.3.6.1.5.5.7.3.27", "CMC Certification Authority"},
	{"1.3.6.1.5.5.7.3.28", "CMC Registration Authority"},
	{"1.3.6.1.5.5.7.3.36", "Document Signing"},
	{"1.3.6.1.5.2.3.4", "PKINIT Client Authentication"},
	{"1.3.6.1.5.2.3.5", "PKINIT KDC Authentication"},
	{certificateRequestAgent, "Certificate Request Agent"},
	{"1.3.6.1.4.1.311.20.2.2", "Microsoft Smart Card Logon"},
	{"1.3.6.1.4.1.311.10.3.4", "Microsoft Encrypting File System"},
	{"1.3.6.1.4.1.311.10.3.12", "Microsoft Document Signing"},
	{"1.3.6.1.4.1.311.54.1.2", "Remote Desktop Authentication"},
	{"2.16.840.1.101.3.6.8", "PIV Card Authentication"},
	{"2.16.840.1.101.3.6.7", "PIV Content Signing"},
}

var extensionNames = []Usage{
	{"2.5.29.9", "Subject Directory Attributes"},
	{"2.5.29.14", "Subject Key Identifier"},
	{"2.5.29.15", "Key Usage"},
	{"2.5.29.16", "Private Key Usage Period"},
	{"2.5.29.17", "Subject Alternative Name"},
	{"2.5.29.18", "Issuer Alternative Name"},
	{"2.5.29.19", "Basic Constraints"},
	{"2.5.29.30", "Name Constraints"},
	{"2.5.29.31", "CRL Distribution Points"},
	{"2.5.29.32", "Certificate Policies"},
	{"2.5.29.33", "Policy Mappings"},
	{"2.5.29.35", "Authority Key Identifier"},
	{"2.5.29.36", "Policy Constraints"},
	{"2.5.29.37", "Extended Key Usage"},
	{"2.5.29.46", "Freshest CRL"},
	{"2.5.29.54", "Inhibit anyPolicy"},
	{"1.3.6.1.5.5.7.1.1", "Authority Information Access"},
	{"1.3.6.1.5.5.7.1.3", "QC Statements"},
	{"1.3.6.1.5.5.7.1.11", "Subject Information Access"},
	{"1.3.6.1.5.5.7.1.24", "TLS Feature"},
	{"1.3.6.1.5.5.7.48.1.5", "OCSP No Check"},
	{"1.3.6.1.4.1.311.20.2", "Microsoft Template Name"},
	{"1.3.6.1.4.1.311.21.7", "Microsoft Template OID"},
	{"1.3.6.1.4.1.311.21.10", "Microsoft Application Policies"},
	{"1.3.6.1.4.1.311.25.2", "Microsoft Security Identifier"},
	{"1.2.840.113549.1.9.15", "S/MIME Capabilities"},
	{"2.16.840.1.101.3.6.9.1", "PIV Interim Indicator"},
}

var usageNames = func() map[string]string {
	names := map[string]string{}
	for _, table := range [][]Usage{keyUsages, extendedKeyUsages, extensionNames} {
		for _, usage := range table {
			names[usage.OID] = usage.Name
		}
	}
	return names
}()

// UsageName returns the name of a key usage, an extended key usage or an extension, or the OID if it has none.
func UsageName(oid string) string {
	if known, ok := usageNames[oid]; ok {
		return known
	}
	return oid
}

// KnownKeyUsages lists the nine key usages. Forms offer them; a profile may name others by OID.
func KnownKeyUsages() []Usage { return slices.Clone(keyUsages) }

// KnownExtendedKeyUsages lists the extended key usages that have a name here.
func KnownExtendedKeyUsages() []Usage { return slices.Clone(extendedKeyUsages) }

// KnownExtensions lists the extensions that have a name here.
func KnownExtensions() []Usage { return slices.Clone(extensionNames) }

// KeyUsages returns the bits of the key usage extension of the profile.
func (p *Profile) KeyUsages() []Usage { return p.usages(true) }

// ExtendedKeyUsages returns the purposes of every certificate of the profile.
func (p *Profile) ExtendedKeyUsages() []Usage { return p.usages(false) }

func (p *Profile) usages(keyUsage bool) []Usage {
	found := []Usage{}
	for _, oid := range p.Usages {
		if strings.HasPrefix(oid, keyUsageArc) == keyUsage {
			found = append(found, Usage{oid, UsageName(oid)})
		}
	}
	return found
}

func (p *Profile) keyUsageBits() (bits uint16) {
	for _, oid := range p.Usages {
		if isKeyUsage(oid) { // a profile that is being checked may contain anything
			bits |= bit(oid)
		}
	}
	return bits
}

func bit(oid string) uint16 { return 1 << (oid[len(keyUsageArc)] - '0') }

func isKeyUsage(oid string) bool {
	return strings.HasPrefix(oid, keyUsageArc) && len(oid) == len(keyUsageArc)+1 && oid >= DigitalSignature && oid <= DecipherOnly
}

func mustOID(text string) asn1.ObjectIdentifier {
	oid, ok := name.ParseOID(text)
	if !ok {
		panic("profile: bad OID " + text)
	}
	return oid
}
