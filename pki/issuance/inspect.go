package issuance

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
)

// Details is a decoded certificate. Absent extensions are nil.
type Details struct {
	SerialNumber       string // lower-case hexadecimal
	Fingerprint        string // SHA-256, hexadecimal
	Issuer, Subject    []byte // DER Name
	NotBefore          time.Time
	NotAfter           time.Time
	PublicKey          []byte // SubjectPublicKeyInfo
	PublicKeyType      string // "RSA 3072"; the OID if unknown
	SignatureAlgorithm string // "ecdsa-with-SHA256"

	IsCA              bool
	PathLength        *int
	KeyUsages         []string // names as in RFC 5280 4.2.1.3
	ExtendedKeyUsages []string // OIDs
	OCSPURLs          []string
	CAIssuersURLs     []string
	CRLURLs           []string
	Policies          []string // OIDs
	AuthorityKeyID    string   // hexadecimal
	SubjectKeyID      string
	SANs              []byte // GeneralNames, DER, for package san
	Extensions        []extension.Extension
}

var notACertificate = invalid.New("certificate", "This is not an X.509 certificate in DER.")

// Inspect decodes a certificate (DER) of any algorithm. It does not verify it.
func Inspect(certificate []byte) (*Details, error) {
	hash := sha256.Sum256(certificate)
	d := &Details{Fingerprint: hex.EncodeToString(hash[:])}
	input := cryptobyte.String(certificate)
	var outer, tbs, signature, outerSignature, validity, key, issuer, subject cryptobyte.String
	var serial []byte
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1(&tbs, cbasn1.SEQUENCE) ||
		!outer.ReadASN1Element(&outerSignature, cbasn1.SEQUENCE) || !outer.SkipASN1(cbasn1.BIT_STRING) || !outer.Empty() ||
		!tbs.SkipOptionalASN1(
			cbasn1.Tag(0).ContextSpecific().Constructed(),
		) || !tbs.ReadASN1Bytes(&serial, cbasn1.INTEGER) || len(serial) == 0 ||
		!tbs.ReadASN1Element(&signature, cbasn1.SEQUENCE) || !tbs.ReadASN1Element(&issuer, cbasn1.SEQUENCE) ||
		!tbs.ReadASN1(&validity, cbasn1.SEQUENCE) || !readTime(&validity, &d.NotBefore) || !readTime(&validity, &d.NotAfter) ||
		!tbs.ReadASN1Element(&subject, cbasn1.SEQUENCE) || !tbs.ReadASN1Element(&key, cbasn1.SEQUENCE) ||
		!bytes.Equal(signature, outerSignature) { // RFC 5280 4.1.1.2
		return nil, notACertificate
	}
	for len(serial) > 1 && serial[0] == 0 {
		serial = serial[1:]
	}
	d.SerialNumber, d.Issuer, d.Subject, d.PublicKey = hex.EncodeToString(serial), issuer, subject, key
	d.SignatureAlgorithm = algorithm.SignatureName(signature)
	d.PublicKeyType = keyType(key)
	tbs.SkipOptionalASN1(cbasn1.Tag(1).ContextSpecific())
	tbs.SkipOptionalASN1(cbasn1.Tag(2).ContextSpecific())
	if tbs.Empty() {
		return d, nil
	}
	var wrapped, list cryptobyte.String
	if !tbs.ReadASN1(&wrapped, cbasn1.Tag(3).ContextSpecific().Constructed()) || !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) {
		return nil, notACertificate
	}
	var ok bool
	if d.Extensions, ok = extension.ParseList(list); !ok {
		return nil, notACertificate
	}
	for _, e := range d.Extensions {
		if !d.read(e) {
			return nil, invalid.New("certificate", "The extension %s of the certificate is malformed.", e.ID)
		}
	}
	return d, nil
}

func keyType(spki []byte) string {
	if info, err := algorithm.InspectPublicKey(spki); err == nil {
		return info.Type
	}
	input := cryptobyte.String(spki)
	var outer, inner cryptobyte.String
	var oid asn1.ObjectIdentifier
	if input.ReadASN1(&outer, cbasn1.SEQUENCE) && outer.ReadASN1(&inner, cbasn1.SEQUENCE) && inner.ReadASN1ObjectIdentifier(&oid) {
		return oid.String()
	}
	return ""
}

func (d *Details) read(e extension.Extension) bool {
	value := cryptobyte.String(e.Value)
	switch {
	case e.ID.Equal(extension.OIDBasicConstraints):
		return d.readBasicConstraints(value)
	case e.ID.Equal(extension.OIDKeyUsage):
		var bits asn1.BitString
		if !value.ReadASN1BitString(&bits) {
			return false
		}
		for bit := extension.DigitalSignature; bit <= extension.DecipherOnly; bit++ {
			if bits.At(int(bit)) == 1 {
				d.KeyUsages = append(d.KeyUsages, bit.String())
			}
		}
	case e.ID.Equal(extension.OIDExtendedKeyUsage):
		return readOIDs(value, &d.ExtendedKeyUsages, false)
	case e.ID.Equal(extension.OIDCertificatePolicies):
		return readOIDs(value, &d.Policies, true)
	case e.ID.Equal(extension.OIDSubjectKeyIdentifier):
		var id cryptobyte.String
		ok := value.ReadASN1(&id, cbasn1.OCTET_STRING)
		d.SubjectKeyID = hex.EncodeToString(id)
		return ok
	case e.ID.Equal(extension.OIDAuthorityKeyIdentifier):
		var inner, id cryptobyte.String
		var present bool
		ok := value.ReadASN1(&inner, cbasn1.SEQUENCE) && inner.ReadOptionalASN1(&id, &present, cbasn1.Tag(0).ContextSpecific())
		d.AuthorityKeyID = hex.EncodeToString(id)
		return ok
	case e.ID.Equal(extension.OIDSubjectAltName):
		d.SANs = e.Value
	case e.ID.Equal(extension.OIDCRLDistributionPoints):
		return d.readDistributionPoints(value)
	case e.ID.Equal(extension.OIDAuthorityInfoAccess):
		return d.readAccess(value)
	}
	return true
}

func (d *Details) readBasicConstraints(value cryptobyte.String) bool {
	var inner cryptobyte.String
	if !value.ReadASN1(&inner, cbasn1.SEQUENCE) {
		return false
	}
	if inner.PeekASN1Tag(cbasn1.BOOLEAN) && !inner.ReadASN1Boolean(&d.IsCA) {
		return false
	}
	if inner.Empty() {
		return true
	}
	length := 0
	d.PathLength = &length
	return inner.ReadASN1Integer(&length)
}

func readOIDs(value cryptobyte.String, into *[]string, wrapped bool) bool {
	var list cryptobyte.String
	if !value.ReadASN1(&list, cbasn1.SEQUENCE) {
		return false
	}
	for !list.Empty() {
		var oid asn1.ObjectIdentifier
		item := &list
		var inner cryptobyte.String
		if wrapped {
			if !list.ReadASN1(&inner, cbasn1.SEQUENCE) {
				return false
			}
			item = &inner
		}
		if !item.ReadASN1ObjectIdentifier(&oid) {
			return false
		}
		*into = append(*into, oid.String())
	}
	return true
}

const uriTag = 6 // GeneralName uniformResourceIdentifier

func (d *Details) readDistributionPoints(value cryptobyte.String) bool {
	var points cryptobyte.String
	if !value.ReadASN1(&points, cbasn1.SEQUENCE) {
		return false
	}
	for !points.Empty() {
		var point, name, full cryptobyte.String
		var named bool
		if !points.ReadASN1(&point, cbasn1.SEQUENCE) || !point.ReadOptionalASN1(
			&name, &named, cbasn1.Tag(0).ContextSpecific().Constructed(),
		) {
			return false
		}
		if !named || !name.ReadASN1(&full, cbasn1.Tag(0).ContextSpecific().Constructed()) {
			continue // relative to the issuer: not an address
		}
		for !full.Empty() {
			var uri cryptobyte.String
			var tag cbasn1.Tag
			if !full.ReadAnyASN1(&uri, &tag) {
				return false
			}
			if tag == cbasn1.Tag(uriTag).ContextSpecific() {
				d.CRLURLs = append(d.CRLURLs, string(uri))
			}
		}
	}
	return true
}

func (d *Details) readAccess(value cryptobyte.String) bool {
	var list cryptobyte.String
	if !value.ReadASN1(&list, cbasn1.SEQUENCE) {
		return false
	}
	for !list.Empty() {
		var access, uri cryptobyte.String
		var method asn1.ObjectIdentifier
		var tag cbasn1.Tag
		if !list.ReadASN1(&access, cbasn1.SEQUENCE) || !access.ReadASN1ObjectIdentifier(&method) || !access.ReadAnyASN1(&uri, &tag) {
			return false
		}
		if tag != cbasn1.Tag(uriTag).ContextSpecific() {
			continue
		}
		switch method.String() {
		case "1.3.6.1.5.5.7.48.1":
			d.OCSPURLs = append(d.OCSPURLs, string(uri))
		case "1.3.6.1.5.5.7.48.2":
			d.CAIssuersURLs = append(d.CAIssuersURLs, string(uri))
		}
	}
	return true
}
