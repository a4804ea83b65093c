// Package extension builds the certificate extensions of RFC 5280 section 4.2.
package extension

import (
	"crypto/sha256"
	"encoding/asn1"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Extension is one certificate extension; Value is the DER inside the OCTET STRING.
type Extension struct {
	ID       asn1.ObjectIdentifier
	Critical bool
	Value    []byte
}

// These are the object identifiers of extensions.
var (
	OIDSubjectKeyIdentifier   = asn1.ObjectIdentifier{2, 5, 29, 14}
	OIDKeyUsage               = asn1.ObjectIdentifier{2, 5, 29, 15}
	OIDSubjectAltName         = asn1.ObjectIdentifier{2, 5, 29, 17}
	OIDBasicConstraints       = asn1.ObjectIdentifier{2, 5, 29, 19}
	OIDNameConstraints        = asn1.ObjectIdentifier{2, 5, 29, 30}
	OIDCRLDistributionPoints  = asn1.ObjectIdentifier{2, 5, 29, 31}
	OIDCertificatePolicies    = asn1.ObjectIdentifier{2, 5, 29, 32}
	OIDAuthorityKeyIdentifier = asn1.ObjectIdentifier{2, 5, 29, 35}
	OIDExtendedKeyUsage       = asn1.ObjectIdentifier{2, 5, 29, 37}
	OIDFreshestCRL            = asn1.ObjectIdentifier{2, 5, 29, 46}
	OIDAuthorityInfoAccess    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
	OIDOCSPNoCheck            = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

	oidOCSP      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1}
	oidCAIssuers = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 2}
)

// These are extended key usages.
var (
	ServerAuth      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	ClientAuth      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	CodeSigning     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}
	EmailProtection = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 4}
	TimeStamping    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	OCSPSigning     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}
)

// KeyUsageBit is a named bit of KeyUsage, numbered as in RFC 5280 4.2.1.3.
type KeyUsageBit int

const (
	DigitalSignature KeyUsageBit = iota
	NonRepudiation
	KeyEncipherment
	DataEncipherment
	KeyAgreement
	KeyCertSign
	CRLSign
	EncipherOnly
	DecipherOnly
)

var keyUsageNames = [...]string{
	"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly",
	"decipherOnly",
}

func (b KeyUsageBit) String() string { return keyUsageNames[b] }

// KeyIdentifier returns the leftmost 160 bits of the SHA-256 of the subjectPublicKey BIT STRING's value (RFC 7093
// method 1).
func KeyIdentifier(spki []byte) []byte {
	bits, ok := PublicKeyBits(spki)
	if !ok {
		return nil
	}
	hash := sha256.Sum256(bits)
	return hash[:20]
}

// PublicKeyBits returns the value of the subjectPublicKey BIT STRING of a SubjectPublicKeyInfo.
func PublicKeyBits(spki []byte) ([]byte, bool) {
	input := cryptobyte.String(spki)
	var inner cryptobyte.String
	var bits asn1.BitString
	ok := input.ReadASN1(&inner, cbasn1.SEQUENCE) && inner.SkipASN1(cbasn1.SEQUENCE) && inner.ReadASN1BitString(&bits)
	return bits.RightAlign(), ok
}

func build(f func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	f(&b)
	return b.BytesOrPanic() // lengths and contents are fixed, so it cannot fail
}

func sequence(f func(*cryptobyte.Builder)) []byte {
	return build(func(b *cryptobyte.Builder) { b.AddASN1(cbasn1.SEQUENCE, f) })
}

// BasicConstraints returns the critical extension. pathLen nil means no limit; it is omitted for end entities.
func BasicConstraints(ca bool, pathLen *int) Extension {
	return Extension{OIDBasicConstraints, true, sequence(func(b *cryptobyte.Builder) {
		if !ca {
			return // DEFAULT FALSE is not encoded
		}
		b.AddASN1Boolean(true)
		if pathLen != nil {
			b.AddASN1Int64(int64(*pathLen))
		}
	})}
}

// KeyUsage returns the critical extension.
func KeyUsage(usages ...KeyUsageBit) Extension {
	var mask [2]byte
	highest := 0
	for _, u := range usages {
		mask[u/8] |= 0x80 >> (u % 8)
		highest = max(highest, int(u))
	}
	// A named bit list ends with its last one bit (X.690 11.2.2).
	length := highest/8 + 1
	unused := byte(7 - highest%8)
	if len(usages) == 0 {
		length, unused = 0, 0
	}
	return Extension{OIDKeyUsage, true, build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.BIT_STRING, func(b *cryptobyte.Builder) {
			b.AddUint8(unused)
			b.AddBytes(mask[:length])
		})
	})}
}

// ExtendedKeyUsage lists the purposes of the key.
func ExtendedKeyUsage(critical bool, oids ...asn1.ObjectIdentifier) Extension {
	return Extension{OIDExtendedKeyUsage, critical, sequence(func(b *cryptobyte.Builder) {
		for _, oid := range oids {
			b.AddASN1ObjectIdentifier(oid)
		}
	})}
}

// SubjectKeyIdentifier identifies the certified key.
func SubjectKeyIdentifier(id []byte) Extension {
	return Extension{OIDSubjectKeyIdentifier, false, build(func(b *cryptobyte.Builder) { b.AddASN1OctetString(id) })}
}

// AuthorityKeyIdentifier identifies the issuer's key.
func AuthorityKeyIdentifier(id []byte) Extension {
	return Extension{OIDAuthorityKeyIdentifier, false, sequence(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(id) })
	})}
}

func addURI(b *cryptobyte.Builder, uri string) {
	b.AddASN1(cbasn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(uri)) })
}

// CRLDistributionPoints says where the CRL is, as one distribution point with all addresses.
func CRLDistributionPoints(urls ...string) Extension {
	return Extension{OIDCRLDistributionPoints, false, distributionPoints(urls)}
}

// FreshestCRL says where the delta CRLs are (RFC 5280 4.2.1.15, 5.2.6).
func FreshestCRL(urls ...string) Extension {
	return Extension{OIDFreshestCRL, false, distributionPoints(urls)}
}

func distributionPoints(urls []string) []byte {
	return sequence(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { AddDistributionPointName(b, urls...) })
	})
}

// ReadPolicies reads the identifiers in certificate policies, or in Microsoft's application policies, which have the
// same form. It returns false if the value is not DER, is empty, or contains a duplicate, which RFC 5280 4.2.1.4
// forbids.
func ReadPolicies(value cryptobyte.String) (policies []string, ok bool) {
	var all cryptobyte.String
	if !value.ReadASN1(&all, cbasn1.SEQUENCE) || !value.Empty() || all.Empty() {
		return nil, false
	}
	for !all.Empty() {
		var one cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !all.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) || slices.Contains(policies, oid.String()) {
			return nil, false
		}
		policies = append(policies, oid.String())
	}
	return policies, true
}

// AddDistributionPointName writes the field distributionPoint with the fullName of a DistributionPoint or an
// IssuingDistributionPoint.
func AddDistributionPointName(b *cryptobyte.Builder, urls ...string) {
	b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			for _, u := range urls {
				addURI(b, u)
			}
		})
	})
}

// AuthorityInfoAccess says where OCSP and the issuer's certificate are.
func AuthorityInfoAccess(ocspURLs, caIssuerURLs []string) Extension {
	return Extension{OIDAuthorityInfoAccess, false, sequence(func(b *cryptobyte.Builder) {
		add := func(method asn1.ObjectIdentifier, urls []string) {
			for _, u := range urls {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(method)
					addURI(b, u)
				})
			}
		}
		add(oidOCSP, ocspURLs)
		add(oidCAIssuers, caIssuerURLs)
	})}
}

// SubjectAlternativeName holds GeneralNames as written by package san. It is critical if the subject is empty
// (4.2.1.6).
func SubjectAlternativeName(critical bool, generalNamesDER []byte) Extension {
	return Extension{OIDSubjectAltName, critical, generalNamesDER}
}

// CertificatePolicies lists policy identifiers without qualifiers.
func CertificatePolicies(oids ...asn1.ObjectIdentifier) Extension {
	return Extension{OIDCertificatePolicies, false, sequence(func(b *cryptobyte.Builder) {
		for _, oid := range oids {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
		}
	})}
}

// NameConstraints limits the names below a CA (RFC 5280 4.2.1.10); critical. Each base is the DER of a GeneralName as
// written by package nameconstraint. minimum is always 0 and maximum absent.
func NameConstraints(permitted, excluded [][]byte) Extension {
	return Extension{OIDNameConstraints, true, sequence(func(b *cryptobyte.Builder) {
		for n, list := range [][][]byte{permitted, excluded} {
			if len(list) == 0 {
				continue
			}
			b.AddASN1(cbasn1.Tag(n).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				for _, base := range list {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(base) })
				}
			})
		}
	})}
}

// OCSPNoCheck marks the certificate of a delegated signer whose status is not checked (RFC 6960 4.2.2.2.1).
func OCSPNoCheck() Extension {
	return Extension{OIDOCSPNoCheck, false, build(func(b *cryptobyte.Builder) { b.AddASN1NULL() })}
}

// Add writes the extension into a SEQUENCE OF Extension.
func (e Extension) Add(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(e.ID)
		if e.Critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1OctetString(e.Value)
	})
}

// ParseList reads the contents of a SEQUENCE OF Extension. It returns false if the list is malformed or contains a
// duplicate.
func ParseList(list cryptobyte.String) ([]Extension, bool) {
	var all []Extension
	seen := map[string]bool{}
	for !list.Empty() {
		var e Extension
		var inner, value cryptobyte.String
		if !list.ReadASN1(&inner, cbasn1.SEQUENCE) || !inner.ReadASN1ObjectIdentifier(&e.ID) {
			return nil, false
		}
		if inner.PeekASN1Tag(cbasn1.BOOLEAN) && !inner.ReadASN1Boolean(&e.Critical) {
			return nil, false
		}
		if !inner.ReadASN1(&value, cbasn1.OCTET_STRING) || !inner.Empty() || seen[e.ID.String()] {
			return nil, false
		}
		seen[e.ID.String()] = true
		e.Value = value
		all = append(all, e)
	}
	return all, true
}
