package attestation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-tpm/tpm2"

	"github.com/pkiaas/pkiaas/pki/san"
)

const (
	token            = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
	keyAuthorization = token + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// authority is a test CA.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

// under creates a CA below issuer; a root if issuer is nil.
func (issuer *authority) under(t testing.TB, name string, change func(*x509.Certificate)) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0),
		NotAfter:              now.AddDate(9, 0, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	if change != nil {
		change(template)
	}
	if issuer == nil {
		issuer = &authority{key, template}
	}
	der := must(x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key))
	return &authority{key, must(x509.ParseCertificate(der))}
}

// sample is an attestation in parts, which a test can change before it is encoded.
type sample struct {
	format   Format
	issuer   *authority
	above    []*authority
	root     *authority
	key      crypto.Signer // attested
	leaf     *x509.Certificate
	leafKey  crypto.Signer // of the leaf: key, or the attestation key of a TPM
	members  map[string]any
	list     *keyDescription
	hardware map[int]any
	software map[int]any
	boot     rootOfTrust
	attest   tpm2.TPMSAttest
	public   tpm2.TPMTPublic
}

func newSample(t testing.TB, format Format) *sample {
	t.Helper()
	var none *authority
	root := none.under(t, "root", nil)
	s := &sample{format: format, root: root, issuer: root.under(t, "issuer", nil), key: newKey(t), members: map[string]any{}}
	s.above = []*authority{s.issuer}
	s.leafKey = s.key
	s.leaf = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"}, NotBefore: now.AddDate(0, 0, -1),
		NotAfter: now.AddDate(0, 0, 1), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	switch format {
	case Apple:
		freshness := sha256.Sum256([]byte(token))
		s.extend(oidAppleSerialNumber, []byte("C02XK1ABJGH6"))
		s.extend(oidAppleUDID, []byte("00008110-001A2D3C0E9A801E"))
		s.extend(oidAppleOSVersion, []byte("17.4.1"))
		s.extend(oidAppleSEPVersion, []byte("21E236"))
		s.extend(oidAppleFreshness, freshness[:])
	case Step:
		s.extend(oidYubicoSerial, must(asn1.Marshal(112233445)))
		s.extend(oidYubicoFirmware, []byte{5, 7, 1})
		s.members["sig"] = must(cbor.Marshal(sign(s.key, []byte(keyAuthorization))))
	case AndroidKey:
		challenge := sha256.Sum256([]byte(keyAuthorization))
		s.list = &keyDescription{Version: 300, SecurityLevel: 1, KeyMintVersion: 300, KeyMintLevel: 1, Challenge: challenge[:]}
		s.boot = rootOfTrust{make([]byte, 32), true, 0, make([]byte, 32)}
		s.software = map[int]any{701: 1751328000000, 709: []byte("app")}
		s.hardware = map[int]any{2: 3, 3: 256, 10: 1, tagOrigin: 0, tagOSVersion: 140000, tagOSPatchLevel: 202405,
			tagSerial: []byte("R5CT20ABCDE"), tagIMEI: []byte("356938035643809"), tagManufacturer: []byte("Google"),
			tagModel: []byte("Pixel 8"), 503: asn1.RawValue{FullBytes: []byte{5, 0}}}
		s.members["alg"] = -7
		s.members["sig"] = sign(s.key, []byte(keyAuthorization))
	case TPM:
		s.newTPM(t)
	}
	return s
}

func (s *sample) newTPM(t testing.TB) {
	s.leafKey = newKey(t)
	s.leaf.Subject = pkix.Name{}
	s.leaf.UnknownExtKeyUsage = []asn1.ObjectIdentifier{oidAKCertificate}
	s.names(
		"id:49465800", "SLB 9670", "id:00070055", "1.3.6.1.5.5.7.8.3;ID:device-17", "1.3.6.1.5.5.7.8.3;ID:device-17/1.2.3",
		"1.3.6.1.5.5.7.8.4;ID:ABCD/2.23.133.1.2",
	)
	point := must(s.key.Public().(*ecdsa.PublicKey).Bytes())
	s.public = tpm2.TPMTPublic{Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{
			FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, SignEncrypt: true,
		},
		Parameters: tpm2.NewTPMUPublicParms(
			tpm2.TPMAlgECC,
			&tpm2.TPMSECCParms{
				Symmetric: tpm2.TPMTSymDefObject{Algorithm: tpm2.TPMAlgNull}, Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgNull},
				CurveID: tpm2.TPMECCNistP256, KDF: tpm2.TPMTKDFScheme{Scheme: tpm2.TPMAlgNull},
			},
		),
		Unique: tpm2.NewTPMUPublicID(
			tpm2.TPMAlgECC,
			&tpm2.TPMSECCPoint{X: tpm2.TPM2BECCParameter{Buffer: point[1:33]}, Y: tpm2.TPM2BECCParameter{Buffer: point[33:]}},
		)}
	hash := sha256.Sum256([]byte(keyAuthorization))
	s.attest = tpm2.TPMSAttest{Magic: tpm2.TPMGeneratedValue, Type: tpm2.TPMSTAttestCertify, ExtraData: tpm2.TPM2BData{Buffer: hash[:]}}
	s.members["ver"], s.members["alg"] = "2.0", -7
	s.certify()
}

// certify does what TPM2_Certify does: names the key, signs.
func (s *sample) certify() {
	s.attest.Attested = tpm2.NewTPMUAttest(tpm2.TPMSTAttestCertify, &tpm2.TPMSCertifyInfo{Name: *must(tpm2.ObjectName(&s.public))})
	s.members["pubArea"], s.members["certInfo"] = tpm2.Marshal(s.public), tpm2.Marshal(s.attest)
	s.signAttest()
}

func (s *sample) signAttest() {
	s.members["sig"] = sign(s.leafKey, s.members["certInfo"].([]byte))
}

// names sets the alternative names of an attestation key.
func (s *sample) names(manufacturer, model, version string, others ...string) {
	attribute := func(id asn1.ObjectIdentifier, value string) pkix.RelativeDistinguishedNameSET {
		return pkix.RelativeDistinguishedNameSET{{Type: id, Value: value}}
	}
	rdns := pkix.RDNSequence{attribute(oidTPMManufacturer, manufacturer), attribute(oidTPMModel, model), attribute(oidTPMVersion, version)}
	names := must(asn1.Marshal(asn1.RawValue{Class: 2, Tag: 4, IsCompound: true, Bytes: must(asn1.Marshal(rdns))}))
	for _, other := range others {
		g := must(san.Parse(san.OtherName, other, "sans"))
		var list asn1.RawValue
		must(asn1.Unmarshal(san.MarshalDER([]san.GeneralName{g}), &list))
		names = append(names, list.Bytes...)
	}
	s.drop(asn1.ObjectIdentifier{2, 5, 29, 17})
	s.leaf.ExtraExtensions = append(s.leaf.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true,
		Value: must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: names}))})
}

// extend sets an extension of the leaf.
func (s *sample) extend(id asn1.ObjectIdentifier, value []byte) {
	s.drop(id)
	s.leaf.ExtraExtensions = append(s.leaf.ExtraExtensions, pkix.Extension{Id: id, Value: value})
}

func (s *sample) drop(id asn1.ObjectIdentifier) {
	s.leaf.ExtraExtensions = slices.DeleteFunc(s.leaf.ExtraExtensions, func(e pkix.Extension) bool { return e.Id.Equal(id) })
}

func sign(key crypto.Signer, message []byte) []byte {
	hash := sha256.Sum256(message)
	return must(key.Sign(rand.Reader, hash[:], crypto.SHA256))
}

// object encodes the attestation.
func (s *sample) object(t testing.TB) []byte {
	t.Helper()
	if s.list != nil {
		if s.boot.VerifiedBootKey != nil {
			s.hardware[tagRootOfTrust] = s.boot
		}
		if _, set := s.hardware[tagPurpose]; !set {
			s.hardware[tagPurpose] = asn1.RawValue{FullBytes: must(asn1.MarshalWithParams([]int{2, 3}, "set"))}
		}
		s.list.SoftwareEnforced, s.list.HardwareEnforced = authorizationsOf(s.software), authorizationsOf(s.hardware)
		s.extend(oidAndroidKeyDescription, must(asn1.Marshal(*s.list)))
	}
	x5c := [][]byte{must(x509.CreateCertificate(rand.Reader, s.leaf, s.issuer.cert, s.leafKey.Public(), s.issuer.key))}
	for _, a := range s.above {
		x5c = append(x5c, a.cert.Raw)
	}
	if _, set := s.members["x5c"]; !set {
		s.members["x5c"] = x5c
	}
	return must(cbor.Marshal(map[string]any{"fmt": s.format, "attStmt": s.members}))
}

// These are elements of an AuthorizationList that no keystore writes.
type (
	twice   struct{ value any }
	nothing struct{}
)

// authorizationsOf encodes an AuthorizationList; nil values are left out.
func authorizationsOf(list map[int]any) asn1.RawValue {
	var b bytes.Buffer
	for tag := range 1000 {
		times, value := 1, list[tag]
		switch of := value.(type) {
		case nil:
			continue
		case twice:
			times, value = 2, of.value
		}
		element := asn1.RawValue{Class: 2, Tag: tag, IsCompound: true}
		if value != (nothing{}) {
			element.Bytes = must(asn1.Marshal(value))
		}
		b.Write(bytes.Repeat(must(asn1.Marshal(element)), times))
	}
	return asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: b.Bytes()}
}

func (s *sample) anchors() Anchors { return Anchors{s.format: {s.root.cert}} }

func spki(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	return must(x509.MarshalPKIXPublicKey(key))
}

func toPEM(certs ...*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range certs {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			panic(err)
		}
	}
	return b.String()
}

// rsaKey is generated once, because that is slow.
var rsaKey = must(rsa.GenerateKey(rand.Reader, 2048))
