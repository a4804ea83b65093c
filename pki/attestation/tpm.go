package attestation

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/san"
)

var (
	oidAKCertificate   = asn1.ObjectIdentifier{2, 23, 133, 8, 3} // tcg-kp-AIKCertificate
	oidTPMManufacturer = asn1.ObjectIdentifier{2, 23, 133, 2, 1}
	oidTPMModel        = asn1.ObjectIdentifier{2, 23, 133, 2, 2}
	oidTPMVersion      = asn1.ObjectIdentifier{2, 23, 133, 2, 3}
)

// trustedModule checks that a TPM certified a key (TPM2_Certify) with the attestation key (AK) of the first certificate
// (WebAuthn 8.3), which says which device it is.
func trustedModule(result *Statement, s *statement, b binding) error {
	if s.Version != "2.0" {
		return refuse("the attestation is of TPM version %+.20q; only 2.0 is supported", s.Version)
	}
	ak := result.Chain[0]
	if err := result.readAK(ak); err != nil {
		return err
	}
	public, ok := readTPM[tpm2.TPMTPublic](s.PubArea)
	if !ok {
		return refuse("pubArea of the attestation is not a TPMT_PUBLIC")
	}
	attest, ok := readTPM[tpm2.TPMSAttest](s.CertInfo)
	if !ok || attest.Magic.Check() != nil { // Unmarshal does not look
		return refuse("certInfo of the attestation is not a TPMS_ATTEST that a TPM made (TPM_GENERATED_VALUE)")
	}
	if attest.Type != tpm2.TPMSTAttestCertify {
		return refuse("certInfo of the attestation does not certify a key (TPM_ST_ATTEST_CERTIFY)")
	}
	how, err := schemeOf(s.Algorithm, ak.PublicKey)
	if err != nil {
		return err
	}
	signature, ok := bareSignature(s.Signature, how)
	if !ok || !verifySignature(ak.PublicKey, how, s.CertInfo, signature) {
		return refuse("the attestation key of the TPM did not sign certInfo: sig does not fit")
	}
	// WebAuthn hashes as alg says, clients in use always with SHA-256.
	if !equal(attest.ExtraData.Buffer, how.sum(b.toBeSigned)) && !equal(attest.ExtraData.Buffer, schemes[-7].sum(b.toBeSigned)) {
		return refuse("the attestation answers another challenge: extraData is not the hash of the key authorization")
	}
	if !slices.Contains([]tpm2.TPMIAlgHash{tpm2.TPMAlgSHA256, tpm2.TPMAlgSHA384, tpm2.TPMAlgSHA512}, public.NameAlg) {
		return refuse("the attested key is named with a hash other than SHA-256, SHA-384 and SHA-512 (nameAlg)")
	}
	certify, err := attest.Attested.Certify()
	if err != nil {
		return refuse("certInfo of the attestation names no key")
	}
	if name, err := tpm2.ObjectName(public); err != nil || !equal(name.Buffer, certify.Name.Buffer) {
		return refuse("the TPM certified another key than the one in pubArea: the name does not fit")
	}
	if a := public.ObjectAttributes; !a.FixedTPM || !a.FixedParent || !a.SensitiveDataOrigin {
		return refuse("the attested key was not made in the TPM or may leave it: fixedTPM, fixedParent and sensitiveDataOrigin must be set")
	}
	key, err := tpm2.Pub(*public)
	if err != nil {
		return refuse("the attested key is neither RSA nor of the curves P-256, P-384 and P-521")
	}
	result.SecurityLevel = TrustedModule
	return result.setKey(key)
}

// readTPM reads one structure of the TPM library that ends where the bytes end.
func readTPM[T tpm2.Marshallable, P interface {
	*T
	tpm2.Unmarshallable
}](b []byte) (*T, bool) {
	value, err := tpm2.Unmarshal[T, P](b)
	if err != nil {
		return nil, false
	}
	return value, len(tpm2.Marshal(P(value))) == len(b)
}

// bareSignature takes the signature out of a TPMT_SIGNATURE, which WebAuthn names and step-ca's clients send; other
// clients send it bare. False when it is of another scheme.
func bareSignature(b []byte, how scheme) ([]byte, bool) {
	signature, ok := readTPM[tpm2.TPMTSignature](b)
	if !ok {
		return b, true
	}
	hashed := func(id tpm2.TPMIAlgHash) bool { hash, err := id.Hash(); return err == nil && hash == how.hash }
	switch signature.SigAlg {
	case tpm2.TPMAlgRSASSA:
		s, err := signature.Signature.RSASSA()
		if err == nil && how.rsa && !how.pss && hashed(s.Hash) {
			return s.Sig.Buffer, true
		}
	case tpm2.TPMAlgRSAPSS:
		s, err := signature.Signature.RSAPSS()
		if err == nil && how.pss && hashed(s.Hash) {
			return s.Sig.Buffer, true
		}
	case tpm2.TPMAlgECDSA:
		s, err := signature.Signature.ECDSA()
		if err == nil && !how.rsa && hashed(s.Hash) {
			var b cryptobyte.Builder
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(unsigned(s.SignatureR.Buffer)) })
				b.AddASN1(cbasn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(unsigned(s.SignatureS.Buffer)) })
			})
			return b.BytesOrPanic(), true
		}
	}
	return nil, false
}

// unsigned is the contents of an INTEGER that is not negative.
func unsigned(b []byte) []byte {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) == 0 || b[0] > 0x7f {
		b = append([]byte{0}, b...)
	}
	return b
}

// readAK checks the certificate of the attestation key (WebAuthn 8.3.1) and reads what it calls the device.
func (s *Statement) readAK(ak *x509.Certificate) error {
	if string(ak.RawSubject) != "\x30\x00" {
		return refuse("the certificate of the TPM's attestation key has a subject, which must be empty (WebAuthn 8.3.1)")
	}
	if !slices.ContainsFunc(ak.UnknownExtKeyUsage, oidAKCertificate.Equal) {
		return refuse("the certificate of the TPM's attestation key lacks the extended key usage %s (tcg-kp-AIKCertificate)", oidAKCertificate)
	}
	if ak.KeyUsage != 0 && ak.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return refuse("the certificate of the TPM's attestation key is not for signatures (key usage)")
	}
	input := cryptobyte.String(find(ak, extension.OIDSubjectAltName))
	var names cryptobyte.String
	if len(input) > 0 && (!input.ReadASN1(&names, cbasn1.SEQUENCE) || !input.Empty()) {
		return refuse("the alternative names of the TPM's attestation key are malformed")
	}
	for count := 0; !names.Empty(); count++ {
		var content cryptobyte.String
		var tag cbasn1.Tag
		if !names.ReadAnyASN1(&content, &tag) || count == san.MaxNames {
			return refuse("the alternative names of the TPM's attestation key are malformed")
		}
		switch tag {
		case cbasn1.Tag(0).ContextSpecific().Constructed():
			g, ok := san.OtherNameFromDER(content)
			if !ok {
				return refuse("an other name of the TPM's attestation key is malformed")
			}
			if p, ok := g.PermanentIdentifier(); ok {
				s.PermanentIdentifiers = append(s.PermanentIdentifiers, p)
			} else if h, ok := g.HardwareModule(); ok {
				s.HardwareModules = append(s.HardwareModules, h)
			}
		case cbasn1.Tag(4).ContextSpecific().Constructed():
			if !s.readTPMName(content) {
				return refuse("the directory name of the TPM's attestation key is malformed")
			}
		}
	}
	if s.Manufacturer == "" || s.Model == "" || s.FirmwareVersion == "" {
		return refuse("the certificate of the TPM's attestation key does not name manufacturer, model and version of the TPM (TCG EK profile 3.2.9)")
	}
	return nil
}

// readTPMName reads manufacturer, model and version of a directory name; they stand in one RDN or in three.
func (s *Statement) readTPMName(content cryptobyte.String) bool {
	var rdns cryptobyte.String
	if !content.ReadASN1(&rdns, cbasn1.SEQUENCE) || !content.Empty() {
		return false
	}
	for !rdns.Empty() {
		var rdn cryptobyte.String
		if !rdns.ReadASN1(&rdn, cbasn1.SET) {
			return false
		}
		for !rdn.Empty() {
			var attribute, value cryptobyte.String
			var id asn1.ObjectIdentifier
			var tag cbasn1.Tag
			if !rdn.ReadASN1(&attribute, cbasn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&id) || !attribute.ReadAnyASN1(&value, &tag) || !attribute.Empty() {
				return false
			}
			into := map[string]*string{oidTPMManufacturer.String(): &s.Manufacturer, oidTPMModel.String(): &s.Model, oidTPMVersion.String(): &s.FirmwareVersion}[id.String()]
			if into == nil {
				continue
			}
			if tag != cbasn1.UTF8String && tag != cbasn1.PrintableString || *into != "" || !printable(string(value)) {
				return false
			}
			*into = string(value)
		}
	}
	return true
}
