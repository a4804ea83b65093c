package issuance

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/armor"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/pki/policy"
	"github.com/pkiaas/pkiaas/pki/san"
)

// maxCertificates bounds what ParseCertificates reads.
const maxCertificates, maxCertificate = 16, 64 << 10

// ParseCertificates reads certificates in every form in which requests are read too, and PKCS #7 (.p7b), as DER. It refuses
// everything else that people mix up with certificates; the field of its errors is certificate.
func ParseCertificates(text []byte) ([][]byte, error) {
	if len(text) > 2*maxCertificates*maxCertificate {
		return nil, invalid.New("certificate", "this is too large for a certificate")
	}
	blocks, err := armor.Read(text)
	switch {
	case errors.Is(err, armor.ErrEmpty):
		return nil, invalid.New("certificate", "there is no certificate: paste one in PEM form")
	case errors.Is(err, armor.ErrUnknown):
		return nil, invalid.New("certificate", "this is not an X.509 certificate: neither PEM, base64 nor DER")
	case err != nil:
		return nil, invalid.New("certificate", "%v", err)
	}
	var found [][]byte
	for _, b := range blocks {
		switch {
		case b.IsPrivateKey():
			return nil, invalid.New("certificate", "this is a PRIVATE KEY, not a certificate. It has left its owner: throw the key away and make a new one")
		case b.Label == "CERTIFICATE REQUEST" || b.Label == "NEW CERTIFICATE REQUEST":
			return nil, invalid.New("certificate", "this is a certificate signing request: have it signed, and import the certificate that comes back")
		case b.Label == "" || strings.HasSuffix(b.Label, "CERTIFICATE") || b.Label == "PKCS7" || b.Label == "CMS":
		default:
			return nil, invalid.New("certificate", "this is a %s, not a certificate: give nothing but certificates", b.Label)
		}
		inside, err := unpack(b)
		if err != nil {
			return nil, err
		}
		if found = append(found, inside...); len(found) > maxCertificates {
			return nil, invalid.New("certificate", "these are more than %d certificates", maxCertificates)
		}
	}
	for _, der := range found {
		if len(der) > maxCertificate {
			return nil, invalid.New("certificate", "this is too large for a certificate")
		}
		if _, err := Inspect(der); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// unpack takes the certificates out of a PKCS #7 message that bears nothing else (RFC 5652 5.1), or the one out of a block.
func unpack(b armor.Block) ([][]byte, error) {
	input := cryptobyte.String(b.DER)
	var outer, explicit, signed, list cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) {
		return nil, notACertificate
	}
	if !outer.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) {
		if b.Label == "TRUSTED CERTIFICATE" { // OpenSSL's: what is trusted stands behind the certificate
			b.DER = b.DER[:len(b.DER)-len(input)]
		}
		return [][]byte{b.DER}, nil
	}
	var oid asn1.ObjectIdentifier
	var present bool
	if !outer.ReadASN1ObjectIdentifier(&oid) || oid.String() != "1.2.840.113549.1.7.2" ||
		!outer.ReadASN1(&explicit, cbasn1.Tag(0).ContextSpecific().Constructed()) || !explicit.ReadASN1(&signed, cbasn1.SEQUENCE) ||
		!signed.SkipASN1(cbasn1.INTEGER) || !signed.SkipASN1(cbasn1.SET) || !signed.SkipASN1(cbasn1.SEQUENCE) ||
		!signed.ReadOptionalASN1(&list, &present, cbasn1.Tag(0).ContextSpecific().Constructed()) || list.Empty() {
		return nil, invalid.New("certificate", "this PKCS #7 message holds no certificates")
	}
	var found [][]byte
	for !list.Empty() && len(found) <= maxCertificates {
		var one cryptobyte.String
		if !list.ReadASN1Element(&one, cbasn1.SEQUENCE) {
			return nil, invalid.New("certificate", "this PKCS #7 message is malformed")
		}
		found = append(found, one)
	}
	return found, nil
}

// VerifyCertificate checks the signature of a certificate (DER) with the key of its issuer.
func VerifyCertificate(certificate, issuerSPKI []byte) error {
	input := cryptobyte.String(certificate)
	var outer, tbs, identifier, signature cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&tbs, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&identifier, cbasn1.SEQUENCE) ||
		!outer.ReadASN1(&signature, cbasn1.BIT_STRING) || len(signature) < 1 || signature[0] != 0 {
		return notACertificate
	}
	return algorithm.VerifySignature(identifier, issuerSPKI, tbs, signature[1:])
}

// Authority is what the certificate of a CA that was signed elsewhere must be.
type Authority struct {
	// Subject (DER Name) and PublicKey (SPKI) are those of our CA.
	Subject, PublicKey []byte
	// SubjectKeyID, hexadecimal, is the identifier that certificates below name already; "" = none do.
	SubjectKeyID string
	// SameBytes: the subject must also be encoded as in Subject, because certificates or CRLs name it already.
	SameBytes bool
	// Issuer is the certificate above, DER.
	Issuer []byte
	// CertifiesCAs: it is to certify CAs, not only end entities.
	CertifiesCAs bool
	Now          time.Time
}

// understood are the extensions that a CA certificate may have as critical ones.
var understood = []string{"2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.32", "2.5.29.33", "2.5.29.35", "2.5.29.36", "2.5.29.37", "2.5.29.54"}

// CheckAuthority tells whether a certificate (DER) is one for the CA, or in an *invalid.Error of the field certificate
// why not (RFC 5280 6.1).
func CheckAuthority(certificate []byte, want Authority) (*Details, error) {
	refuse := func(format string, args ...any) (*Details, error) {
		return nil, invalid.New("certificate", format, args...)
	}
	d, err := Inspect(certificate)
	if err != nil {
		return nil, err
	}
	issuer, err := Inspect(want.Issuer)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(d.PublicKey, want.PublicKey) {
		return refuse("the certificate is for another key: have the request that was downloaded here signed")
	}
	// Whoever signs may encode the subject anew; once certificates below name it, its bytes must stay (many verifiers
	// compare bytes).
	if difference := differs(d.Subject, want.Subject); difference != "" && (want.SameBytes || !sameName(d.Subject, want.Subject)) {
		return refuse("the certificate is for the subject %s, not %s: %s. %s", nameText(d.Subject), nameText(want.Subject), difference, keepSubject)
	}
	switch {
	case !bytes.Equal(d.Issuer, issuer.Subject):
		return refuse("the certificate was issued by %s, not by %s", nameText(d.Issuer), nameText(issuer.Subject))
	case d.AuthorityKeyID != "" && issuer.SubjectKeyID != "" && d.AuthorityKeyID != issuer.SubjectKeyID:
		return refuse("the authority key identifier %s of the certificate is not that of %s (%s)", d.AuthorityKeyID, nameText(issuer.Subject), issuer.SubjectKeyID)
	}
	if err := VerifyCertificate(certificate, issuer.PublicKey); err != nil {
		if weak(d) {
			return refuse("the certificate is signed with %s, which is too weak or unknown: have it signed with SHA-256 or better", d.SignatureAlgorithm)
		}
		return refuse("the signature of the certificate does not verify with the key of %s", nameText(issuer.Subject))
	}
	if want.SubjectKeyID != "" && d.SubjectKeyID != want.SubjectKeyID {
		return refuse("the subject key identifier %s of the certificate is not %s, which the certificates below name: have the request's own identifier taken over", d.SubjectKeyID, want.SubjectKeyID)
	}
	if err := checkCA(d, want.Now); err != nil {
		return nil, err
	}
	if err := checkBelow(d, issuer); err != nil {
		return nil, err
	}
	basic := slices.IndexFunc(d.Extensions, func(e extension.Extension) bool { return e.ID.Equal(extension.OIDBasicConstraints) })
	switch {
	case !d.Extensions[basic].Critical:
		return refuse("the basic constraints of the certificate must be critical (RFC 5280 4.2.1.9)")
	case !slices.Contains(d.KeyUsages, "keyCertSign"):
		return refuse("the certificate does not allow signing certificates: it must have the key usage keyCertSign")
	case !slices.Contains(d.KeyUsages, "cRLSign"):
		return refuse("the certificate does not allow signing CRLs: it must have the key usage cRLSign")
	case d.SubjectKeyID == "":
		return refuse("the certificate has no subject key identifier, by which chains are found (RFC 5280 4.2.1.2)")
	case d.NotAfter.After(issuer.NotAfter):
		return refuse("the certificate lasts until %s, longer than its issuer (%s)", d.NotAfter.Format(time.DateTime), issuer.NotAfter.Format(time.DateTime))
	case d.NotBefore.Before(issuer.NotBefore):
		return refuse("the certificate begins on %s, before its issuer (%s)", d.NotBefore.Format(time.DateTime), issuer.NotBefore.Format(time.DateTime))
	case issuer.PathLength != nil && *issuer.PathLength == 0:
		return refuse("%s has a path length of 0: no CA can stand below it", nameText(issuer.Subject))
	case want.CertifiesCAs && d.PathLength != nil && *d.PathLength == 0:
		return refuse("the certificate has a path length of 0, so no CA could stand below it: have it signed with a greater one, or without")
	case want.CertifiesCAs && issuer.PathLength != nil && *issuer.PathLength == 1:
		return refuse("%s has a path length of 1: no CA could stand below this one", nameText(issuer.Subject))
	}
	return d, nil
}

// CheckRoot tells whether a certificate (DER) can be the root of others: self-signed and fit for it. Somebody else has made
// it, so that what verifiers accept is taken; Remarks says where it is not what would be made here.
func CheckRoot(certificate []byte, now time.Time) (*Details, error) {
	refuse := func(format string, args ...any) (*Details, error) {
		return nil, invalid.New("certificate", format, args...)
	}
	d, err := Inspect(certificate)
	if err != nil {
		return nil, err
	}
	subject, _, err := name.Existing(d.Subject)
	if err != nil {
		return refuse("the subject of the certificate cannot be read: %v", err)
	}
	if subject.IsEmpty() {
		return refuse("the certificate has no subject, which a CA must have (RFC 5280 4.1.2.6): certificates below could not name their issuer")
	}
	if !bytes.Equal(d.Issuer, d.Subject) {
		return refuse("this is not a root: %s was issued by %s; import that one's root", nameText(d.Subject), nameText(d.Issuer))
	}
	if _, err := algorithm.InspectPublicKey(d.PublicKey); err != nil {
		return refuse("the key of the root cannot be accepted: %v", err)
	}
	if err := VerifyCertificate(certificate, d.PublicKey); err != nil {
		if weak(d) {
			return refuse("the root is signed with %s, which is too weak or unknown: have it made anew with SHA-256 or better", d.SignatureAlgorithm)
		}
		return refuse("the certificate is not signed by its own key: this is not a root")
	}
	return d, checkCA(d, now)
}

// Remarks say, in sentences, where the certificate (DER) of a root that somebody else has made is not what RFC 5280 asks of
// those who issue one, though verifiers accept it.
func Remarks(certificate []byte) (remarks []string) {
	d, err := Inspect(certificate)
	if err != nil {
		return nil
	}
	_, unusual, _ := name.Existing(d.Subject)
	for _, one := range unusual {
		remarks = append(remarks, "The subject is unusual: "+one+".")
	}
	for _, e := range d.Extensions {
		switch {
		case e.ID.Equal(extension.OIDBasicConstraints) && !e.Critical:
			remarks = append(remarks, "The basic constraints are not critical (RFC 5280 4.2.1.9).")
		case e.ID.Equal(extension.OIDNameConstraints) && !e.Critical:
			remarks = append(remarks, "The name constraints are not critical (RFC 5280 4.2.1.10).")
		}
	}
	switch {
	case len(d.KeyUsages) == 0:
		remarks = append(remarks, "The certificate has no key usage (RFC 5280 4.2.1.3).")
	case !slices.Contains(d.KeyUsages, "cRLSign"):
		remarks = append(remarks, "The key usage lacks cRLSign, so that the root cannot sign its own CRL (RFC 5280 6.3.3).")
	}
	if d.SubjectKeyID == "" {
		remarks = append(remarks, "The certificate has no subject key identifier (RFC 5280 4.2.1.2).")
	}
	return remarks
}

// CheckRenewedRoot tells whether a certificate (DER) is another one of the root whose present certificate is given: of the
// same key and subject. It is self-signed, a renewal; or cross, signed by another CA, whose certificate must be among
// those it came with. Depth is how many CAs stand below the root, one under the other.
func CheckRenewedRoot(certificate, present []byte, with [][]byte, depth int, now time.Time) (d *Details, cross bool, err error) {
	refuse := func(format string, args ...any) (*Details, bool, error) {
		return nil, false, invalid.New("certificate", format, args...)
	}
	if d, err = Inspect(certificate); err != nil {
		return nil, false, err
	}
	old, err := Inspect(present)
	if err != nil {
		return nil, false, err
	}
	switch {
	case !bytes.Equal(d.PublicKey, old.PublicKey):
		return refuse("the certificate is for another key: a root with a new key is another root; import it under an identifier of its own")
	case !bytes.Equal(d.Subject, old.Subject):
		return refuse("the certificate is for the subject %s, not %s, byte for byte: what the root certified names that one as its issuer", nameText(d.Subject), nameText(old.Subject))
	case old.SubjectKeyID != "" && d.SubjectKeyID != old.SubjectKeyID:
		return refuse("the subject key identifier %s of the certificate is not %s, which the certificates below name", d.SubjectKeyID, old.SubjectKeyID)
	}
	if cross = !bytes.Equal(d.Issuer, d.Subject) || VerifyCertificate(certificate, d.PublicKey) != nil && len(with) > 1; cross {
		if err := checkIssuer(certificate, d, with, now); err != nil {
			return nil, false, err
		}
		err = checkCA(d, now)
	} else {
		_, err = CheckRoot(certificate, now)
	}
	switch {
	case err != nil:
		return nil, false, err
	case d.PathLength != nil && *d.PathLength < depth:
		return refuse("the certificate has a path length of %d, and %d CAs stand below this root, one under the other", *d.PathLength, depth)
	case !cross && d.NotAfter.Before(old.NotAfter):
		return refuse("the certificate lasts until %s, not as long as the present one (%s): give the newer of the two", d.NotAfter.Format(time.DateTime), old.NotAfter.Format(time.DateTime))
	}
	return d, cross, nil
}

// checkIssuer looks among the certificates that one came with for the one whose key signed it.
func checkIssuer(certificate []byte, d *Details, with [][]byte, now time.Time) error {
	refuse := func(format string, args ...any) error { return invalid.New("certificate", format, args...) }
	named := false
	for _, der := range with {
		issuer, err := Inspect(der)
		if err != nil || bytes.Equal(der, certificate) || !bytes.Equal(issuer.Subject, d.Issuer) {
			continue
		}
		named = true
		if VerifyCertificate(certificate, issuer.PublicKey) != nil {
			continue
		}
		if err := checkCA(issuer, now); err != nil {
			return refuse("%s, which issued it, cannot: %v", nameText(d.Issuer), err)
		}
		if issuer.PathLength != nil && *issuer.PathLength == 0 {
			return refuse("%s, which issued it, has a path length of 0: no CA can stand below it", nameText(d.Issuer))
		}
		return nil
	}
	switch {
	case weak(d):
		return refuse("the certificate is signed with %s, which is too weak or unknown: have it signed with SHA-256 or better", d.SignatureAlgorithm)
	case named:
		return refuse("the signature of the certificate does not verify with the key of %s", nameText(d.Issuer))
	}
	return refuse("the certificate was issued by %s: give that one's certificate with it (PEM), so that the signature can be checked", nameText(d.Issuer))
}

// checkCA is what verifiers ask of every CA certificate (RFC 5280 6.1.4).
func checkCA(d *Details, now time.Time) error {
	refuse := func(format string, args ...any) error { return invalid.New("certificate", format, args...) }
	hasKeyUsage := slices.ContainsFunc(d.Extensions, func(e extension.Extension) bool { return e.ID.Equal(extension.OIDKeyUsage) })
	switch {
	case !d.IsCA:
		return refuse("the certificate is not one of a CA: it must have the basic constraint cA TRUE")
	case hasKeyUsage && !slices.Contains(d.KeyUsages, "keyCertSign"): // RFC 5280 6.1.4 (n)
		return refuse("the certificate does not allow signing certificates: its key usage must have keyCertSign")
	case len(d.ExtendedKeyUsages) > 0 && !slices.Contains(d.ExtendedKeyUsages, "2.5.29.37.0"):
		return refuse("the certificate has extended key usages, which would bound everything below it and its OCSP: have it signed without")
	case !d.NotAfter.After(now):
		return refuse("the certificate expired on %s", d.NotAfter.Format(time.DateTime))
	case d.NotBefore.After(now):
		return refuse("the certificate is not valid before %s", d.NotBefore.Format(time.DateTime))
	}
	for _, e := range d.Extensions {
		if e.Critical && !slices.Contains(understood, e.ID.String()) {
			return refuse("the certificate has the critical extension %s, which is not known here and which verifiers would refuse", e.ID)
		}
	}
	_, err := nameconstraint.FromExtensions(d.Extensions)
	return err
}

// checkBelow holds a CA certificate to the name constraints of its issuer, a root, and to the policies that it asserts.
func checkBelow(d, issuer *Details) error {
	if _, err := policy.Start().Below(d.Extensions, bytes.Equal(d.Issuer, d.Subject)); err != nil {
		return err
	}
	bounds, err := nameconstraint.FromExtensions(issuer.Extensions)
	if err != nil {
		return invalid.New("certificate", "in the certificate of the issuer, %s", strings.TrimPrefix(err.Error(), "certificate: "))
	}
	if bounds == nil {
		return nil
	}
	subject, _, err := name.Existing(d.Subject)
	if err != nil {
		return invalid.New("certificate", "the subject of the certificate cannot be read: %v", err)
	}
	var names []san.GeneralName
	if d.SANs != nil {
		if names, err = san.FromDER(d.SANs); err != nil {
			return invalid.New("certificate", "the subject alternative names of the certificate cannot be held to the name constraints of its issuer: %v", err)
		}
	}
	if err := bounds.Check(subject, names); err != nil {
		return invalid.New("certificate", "verifiers would refuse the certificate: %v", err)
	}
	return nil
}

// keepSubject is what helps where the subject was changed. AD CS builds it anew by default: strings of another type, the
// attributes in its own order (SubjectTemplate).
const keepSubject = "Have the request signed with its subject as it is. Microsoft AD CS builds it anew unless it is told not to: certutil -setreg CA\\CRLFlags +CRLF_REBUILD_MODIFIED_SUBJECT_ONLY, then restart its service (net stop certsvc, net start certsvc)"

// SubjectRemark says how a certificate (DER) of a CA of ours, signed elsewhere, encodes the subject otherwise than its
// request, "" where it does not.
func SubjectRemark(certificate []byte) string {
	d, err := Inspect(certificate)
	if err != nil {
		return ""
	}
	n, err := name.FromDER(d.Subject)
	if err != nil || bytes.Equal(n.DER(), d.Subject) {
		return ""
	}
	return "The subject is encoded otherwise than in the request: " + name.Difference(d.Subject, n.DER()) + ". What is issued names it as the certificate does. " + keepSubject + "."
}

// sameName compares as RFC 5280 7.1 asks: the type of strings does not matter.
func sameName(a, b []byte) bool {
	x, _, err := name.Existing(a)
	y, _, other := name.Existing(b)
	return err == nil && other == nil && x.Equal(y)
}

// differs says how two encoded names differ, "" where their bytes agree.
func differs(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	x, _, err := name.Existing(got)
	y, _, other := name.Existing(want)
	if err != nil || other != nil {
		return "it cannot be read"
	}
	if x.Equal(y) {
		return name.Difference(got, want)
	}
	key := func(a []name.Attribute, b []name.Attribute) int {
		return strings.Compare(name.Name{RDNs: [][]name.Attribute{a}}.String(), name.Name{RDNs: [][]name.Attribute{b}}.String())
	}
	slices.SortFunc(x.RDNs, key)
	slices.SortFunc(y.RDNs, key)
	if x.Equal(y) {
		return "its parts stand in another order"
	}
	return "the names are not equal (RFC 5280 7.1)"
}

// weak tells whether the signature algorithm of a certificate is none of those that are verified.
func weak(d *Details) bool {
	return len(d.SignatureAlgorithm) > 0 && d.SignatureAlgorithm[0] >= '0' && d.SignatureAlgorithm[0] <= '9' // its OID: it has no name here
}

func nameText(der []byte) string {
	n, _, err := name.Existing(der)
	if err != nil {
		return hex.EncodeToString(der)
	}
	return n.String()
}
