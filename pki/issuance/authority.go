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

// These are the limits of ParseCertificates.
const maxCertificates, maxCertificate = 16, 64 << 10

// ParseCertificates reads certificates as PEM, base64, DER or PKCS #7 (.p7b). It refuses everything else that people
// confuse with certificates. Its errors are for the field certificate.
func ParseCertificates(text []byte) ([][]byte, error) {
	if len(text) > 2*maxCertificates*maxCertificate {
		return nil, invalid.New("certificate", "This is too large for a certificate.")
	}
	blocks, err := armor.Read(text)
	switch {
	case errors.Is(err, armor.ErrEmpty):
		return nil, invalid.New("certificate", "There is no certificate. Paste one in PEM form.")
	case errors.Is(err, armor.ErrUnknown):
		return nil, invalid.New("certificate", "This is not an X.509 certificate: it is neither PEM, base64 nor DER.")
	case err != nil:
		return nil, invalid.New("certificate", "%s", invalid.Reason(err))
	}
	var found [][]byte
	for _, b := range blocks {
		switch {
		case b.IsPrivateKey():
			return nil, invalid.New(
				"certificate", "This is a PRIVATE KEY, not a certificate. The key is now exposed: discard it and generate a new one.",
			)
		case b.Label == "CERTIFICATE REQUEST" || b.Label == "NEW CERTIFICATE REQUEST":
			return nil, invalid.New(
				"certificate", "This is a certificate signing request. Have it signed, and import the resulting certificate.",
			)
		case b.Label == "" || strings.HasSuffix(b.Label, "CERTIFICATE") || b.Label == "PKCS7" || b.Label == "CMS":
		default:
			return nil, invalid.New("certificate", "This is a %s, not a certificate. Enter only certificates.", b.Label)
		}
		inside, err := unpack(b)
		if err != nil {
			return nil, err
		}
		if found = append(found, inside...); len(found) > maxCertificates {
			return nil, invalid.New("certificate", "There are more than %d certificates.", maxCertificates)
		}
	}
	for _, der := range found {
		if len(der) > maxCertificate {
			return nil, invalid.New("certificate", "This is too large for a certificate.")
		}
		if _, err := Inspect(der); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// unpack returns the certificates of a PKCS #7 message that contains nothing else (RFC 5652 5.1), or the one of a
// block.
func unpack(b armor.Block) ([][]byte, error) {
	input := cryptobyte.String(b.DER)
	var outer, explicit, signed, list cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) {
		return nil, notACertificate
	}
	if !outer.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) {
		if b.Label == "TRUSTED CERTIFICATE" { // OpenSSL appends its trust settings to the certificate
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
		return nil, invalid.New("certificate", "This PKCS #7 message contains no certificates.")
	}
	var found [][]byte
	for !list.Empty() && len(found) <= maxCertificates {
		var one cryptobyte.String
		if !list.ReadASN1Element(&one, cbasn1.SEQUENCE) {
			return nil, invalid.New("certificate", "This PKCS #7 message is malformed.")
		}
		found = append(found, one)
	}
	return found, nil
}

// VerifyCertificate verifies the signature of a certificate (DER) with the key of its issuer.
func VerifyCertificate(certificate, issuerSPKI []byte) error {
	input := cryptobyte.String(certificate)
	var outer, tbs, identifier, signature cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&tbs, cbasn1.SEQUENCE) ||
		!outer.ReadASN1Element(&identifier, cbasn1.SEQUENCE) ||
		!outer.ReadASN1(&signature, cbasn1.BIT_STRING) || len(signature) < 1 || signature[0] != 0 {
		return notACertificate
	}
	return algorithm.VerifySignature(identifier, issuerSPKI, tbs, signature[1:])
}

// Authority is what the certificate of a CA signed elsewhere must match.
type Authority struct {
	// Subject (DER Name) and PublicKey (SPKI) are those of this CA.
	Subject, PublicKey []byte
	// SubjectKeyID, hexadecimal, is the identifier in certificates already issued below; "" if there are none.
	SubjectKeyID string
	// SameBytes requires the exact encoding of Subject, because certificates or CRLs already contain it.
	SameBytes bool
	// Issuer is the issuing certificate, DER.
	Issuer []byte
	// CertifiesCAs: the CA certifies CAs, not only end entities.
	CertifiesCAs bool
	Now          time.Time
}

// understood are the extensions that may be critical in a CA certificate.
var understood = []string{
	"2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.32", "2.5.29.33", "2.5.29.35", "2.5.29.36",
	"2.5.29.37", "2.5.29.54",
}

// CheckAuthority checks a certificate (DER) for the CA. If it does not fit, the error is an *invalid.Error for the
// field certificate (RFC 5280 6.1).
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
		return refuse("The certificate is for another key. Have the request that was downloaded here signed.")
	}
	// The signing CA may re-encode the subject. Once certificates below contain the name, its bytes must not change,
	// because many verifiers compare bytes.
	if difference := differs(d.Subject, want.Subject); difference != "" && (want.SameBytes || !sameName(d.Subject, want.Subject)) {
		return refuse(
			"The certificate is for the subject %s, not %s: %s. %s", nameText(d.Subject), nameText(want.Subject), difference, keepSubject,
		)
	}
	switch {
	case !bytes.Equal(d.Issuer, issuer.Subject):
		return refuse("The certificate was issued by %s, not by %s.", nameText(d.Issuer), nameText(issuer.Subject))
	case d.AuthorityKeyID != "" && issuer.SubjectKeyID != "" && d.AuthorityKeyID != issuer.SubjectKeyID:
		return refuse(
			"The authority key identifier %s of the certificate is not that of %s (%s).", d.AuthorityKeyID, nameText(issuer.Subject),
			issuer.SubjectKeyID,
		)
	}
	if err := VerifyCertificate(certificate, issuer.PublicKey); err != nil {
		if weak(d) {
			return refuse(
				"The certificate is signed with %s, which is too weak or unknown. Have it signed with SHA-256 or better.",
				d.SignatureAlgorithm,
			)
		}
		return refuse("The signature of the certificate does not verify with the key of %s.", nameText(issuer.Subject))
	}
	if want.SubjectKeyID != "" && d.SubjectKeyID != want.SubjectKeyID {
		return refuse(
			"The subject key identifier %s of the certificate is not %s, which certificates below already contain. Have it signed with "+
				"the identifier of the request.",
			d.SubjectKeyID, want.SubjectKeyID,
		)
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
		return refuse("The basic constraints of the certificate must be critical (RFC 5280 4.2.1.9).")
	case !slices.Contains(d.KeyUsages, "keyCertSign"):
		return refuse("The certificate does not allow signing certificates. It must have the key usage keyCertSign.")
	case !slices.Contains(d.KeyUsages, "cRLSign"):
		return refuse("The certificate does not allow signing CRLs. It must have the key usage cRLSign.")
	case d.SubjectKeyID == "":
		return refuse("The certificate has no subject key identifier, which is needed to build chains (RFC 5280 4.2.1.2).")
	case d.NotAfter.After(issuer.NotAfter):
		return refuse(
			"The certificate is valid until %s, longer than its issuer (%s).", d.NotAfter.Format(time.DateTime),
			issuer.NotAfter.Format(time.DateTime),
		)
	case d.NotBefore.Before(issuer.NotBefore):
		return refuse(
			"The certificate is valid from %s, before its issuer (%s).", d.NotBefore.Format(time.DateTime),
			issuer.NotBefore.Format(time.DateTime),
		)
	case issuer.PathLength != nil && *issuer.PathLength == 0:
		return refuse("%s has a path length of 0, so no CA can be below it.", nameText(issuer.Subject))
	case want.CertifiesCAs && d.PathLength != nil && *d.PathLength == 0:
		return refuse(
			"The certificate has a path length of 0, so no CA could be below it. Have it signed with a greater path length, or without.",
		)
	case want.CertifiesCAs && issuer.PathLength != nil && *issuer.PathLength == 1:
		return refuse("%s has a path length of 1, so no CA could be below this one.", nameText(issuer.Subject))
	}
	return d, nil
}

// CheckRoot checks whether a certificate (DER) can be the root of others: self-signed and suitable. Because somebody
// else created it, everything that verifiers accept is accepted. Remarks lists what would have been created differently
// here.
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
		return refuse("The subject of the certificate cannot be read: %s", invalid.Reason(err))
	}
	if subject.IsEmpty() {
		return refuse(
			"The certificate has no subject, which a CA must have (RFC 5280 4.1.2.6). Certificates below could not name their issuer.",
		)
	}
	if !bytes.Equal(d.Issuer, d.Subject) {
		return refuse("This is not a root: %s was issued by %s. Import the root of that CA.", nameText(d.Subject), nameText(d.Issuer))
	}
	if _, err := algorithm.InspectPublicKey(d.PublicKey); err != nil {
		return refuse("The key of the root cannot be accepted: %s", invalid.Reason(err))
	}
	if err := VerifyCertificate(certificate, d.PublicKey); err != nil {
		if weak(d) {
			return refuse(
				"The root is signed with %s, which is too weak or unknown. Have it reissued with SHA-256 or better.", d.SignatureAlgorithm,
			)
		}
		return refuse("This is not a root: the certificate is not signed by its own key.")
	}
	return d, checkCA(d, now)
}

// Remarks lists, as sentences, where the certificate (DER) of an imported root deviates from what RFC 5280 requires of
// issuers, although verifiers accept it.
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

// CheckRenewedRoot checks whether a certificate (DER) is another certificate of the root whose current certificate is
// given: with the same key and subject. It is either self-signed (a renewal), or a cross-certificate signed by another
// CA, whose certificate must be among those it came with. depth is the number of levels of CAs below the root.
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
		return refuse("The certificate is for another key. A root with a new key is a different root: import it under its own identifier.")
	case !bytes.Equal(d.Subject, old.Subject):
		return refuse(
			"The certificate is for the subject %s, not %s, byte for byte. Certificates below contain that name as their issuer.",
			nameText(d.Subject), nameText(old.Subject),
		)
	case old.SubjectKeyID != "" && d.SubjectKeyID != old.SubjectKeyID:
		return refuse(
			"The subject key identifier %s of the certificate is not %s, which certificates below contain.", d.SubjectKeyID,
			old.SubjectKeyID,
		)
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
		return refuse("The path length %d of the certificate is too small. Levels of CAs below this root: %d.", *d.PathLength, depth)
	case !cross && d.NotAfter.Before(old.NotAfter):
		return refuse(
			"The certificate is valid until %s, not as long as the current one (%s). Use the newer of the two.",
			d.NotAfter.Format(time.DateTime), old.NotAfter.Format(time.DateTime),
		)
	}
	return d, cross, nil
}

// checkIssuer looks among the accompanying certificates for the one whose key signed it.
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
			return refuse("%s issued the certificate but cannot do so: %s", nameText(d.Issuer), invalid.Reason(err))
		}
		if issuer.PathLength != nil && *issuer.PathLength == 0 {
			return refuse("%s issued the certificate but has a path length of 0, so no CA can be below it.", nameText(d.Issuer))
		}
		return nil
	}
	switch {
	case weak(d):
		return refuse(
			"The certificate is signed with %s, which is too weak or unknown. Have it signed with SHA-256 or better.",
			d.SignatureAlgorithm,
		)
	case named:
		return refuse("The signature of the certificate does not verify with the key of %s.", nameText(d.Issuer))
	}
	return refuse(
		"The certificate was issued by %s. Add the certificate of that CA (PEM), so that the signature can be verified.",
		nameText(d.Issuer),
	)
}

// checkCA checks what verifiers require of every CA certificate (RFC 5280 6.1.4).
func checkCA(d *Details, now time.Time) error {
	refuse := func(format string, args ...any) error { return invalid.New("certificate", format, args...) }
	hasKeyUsage := slices.ContainsFunc(d.Extensions, func(e extension.Extension) bool { return e.ID.Equal(extension.OIDKeyUsage) })
	switch {
	case !d.IsCA:
		return refuse("The certificate is not a CA certificate. It must have the basic constraint cA TRUE.")
	case hasKeyUsage && !slices.Contains(d.KeyUsages, "keyCertSign"): // RFC 5280 6.1.4 (n)
		return refuse("The certificate does not allow signing certificates. Its key usage must include keyCertSign.")
	case len(d.ExtendedKeyUsages) > 0 && !slices.Contains(d.ExtendedKeyUsages, "2.5.29.37.0"):
		return refuse(
			"The certificate has extended key usages, which would limit everything below it and its OCSP. Have it signed without them.",
		)
	case !d.NotAfter.After(now):
		return refuse("The certificate expired on %s.", d.NotAfter.Format(time.DateTime))
	case d.NotBefore.After(now):
		return refuse("The certificate is not valid before %s.", d.NotBefore.Format(time.DateTime))
	}
	for _, e := range d.Extensions {
		if e.Critical && !slices.Contains(understood, e.ID.String()) {
			return refuse(
				"The certificate has the critical extension %s, which is not supported here and which verifiers would refuse.", e.ID,
			)
		}
	}
	_, err := nameconstraint.FromExtensions(d.Extensions)
	return err
}

// checkBelow checks a CA certificate against the name constraints and policies of its issuer, a root.
func checkBelow(d, issuer *Details) error {
	if _, err := policy.Start().Below(d.Extensions, bytes.Equal(d.Issuer, d.Subject)); err != nil {
		return err
	}
	bounds, err := nameconstraint.FromExtensions(issuer.Extensions)
	if err != nil {
		return invalid.New("certificate", "The name constraints of the issuer cannot be applied: %s", invalid.Reason(err))
	}
	if bounds == nil {
		return nil
	}
	subject, _, err := name.Existing(d.Subject)
	if err != nil {
		return invalid.New("certificate", "The subject of the certificate cannot be read: %s", invalid.Reason(err))
	}
	var names []san.GeneralName
	if d.SANs != nil {
		if names, err = san.FromDER(d.SANs); err != nil {
			return invalid.New(
				"certificate",
				"The subject alternative names of the certificate cannot be checked against the name constraints of its issuer: %s",
				invalid.Reason(err),
			)
		}
	}
	if err := bounds.Check(subject, names); err != nil {
		return invalid.New("certificate", "Verifiers would refuse the certificate: %s", invalid.Reason(err))
	}
	return nil
}

// keepSubject is advice for a changed subject. By default, AD CS rebuilds it with another string type and its own order
// of attributes (SubjectTemplate).
const keepSubject = "Have the request signed with its subject unchanged. Microsoft AD CS rebuilds the subject by default. To prevent " +
	"that, run: certutil -setreg CA\\CRLFlags +CRLF_REBUILD_MODIFIED_SUBJECT_ONLY, then restart its service (net stop certsvc, net " +
	"start certsvc)."

// SubjectRemark says how the certificate (DER) of a CA, signed elsewhere, encodes the subject differently from the
// request, or returns "".
func SubjectRemark(certificate []byte) string {
	d, err := Inspect(certificate)
	if err != nil {
		return ""
	}
	n, err := name.FromDER(d.Subject)
	if err != nil || bytes.Equal(n.DER(), d.Subject) {
		return ""
	}
	return "The subject is encoded differently from the request: " + name.Difference(d.Subject, n.DER()) + ". Issued certificates use " +
		"the encoding of the certificate. " + keepSubject + "."
}

// sameName compares as in RFC 5280 7.1: the type of strings does not matter.
func sameName(a, b []byte) bool {
	x, _, err := name.Existing(a)
	y, _, other := name.Existing(b)
	return err == nil && other == nil && x.Equal(y)
}

// differs says how two encoded names differ, or returns "" if their bytes are equal.
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
		return "its parts are in a different order"
	}
	return "the names are not equal (RFC 5280 7.1)"
}

// weak tells whether the signature algorithm of a certificate is not supported for verification.
func weak(d *Details) bool {
	// an OID: the algorithm has no name here
	return len(d.SignatureAlgorithm) > 0 && d.SignatureAlgorithm[0] >= '0' && d.SignatureAlgorithm[0] <= '9'
}

func nameText(der []byte) string {
	n, _, err := name.Existing(der)
	if err != nil {
		return hex.EncodeToString(der)
	}
	return n.String()
}
