package attestation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-tpm/tpm2"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

func TestWhatEachFormatProves(t *testing.T) {
	for _, c := range []struct {
		format            Format
		level             SecurityLevel
		proved, unproved  []string // permanent identifiers
		serial, os, more  string
		manufacturer, mod string
	}{
		{
			Apple, SecureEnclave, []string{"C02XK1ABJGH6", "00008110-001A2D3C0E9A801E"},
			[]string{"c02xk1abjgh6", "C02XK1ABJGH6/1.2.3", "", "21E236"}, "C02XK1ABJGH6", "17.4.1", "21E236", "", "",
		},
		{
			TPM, TrustedModule, []string{"device-17", "device-17/1.2.3"}, []string{"device-1", "device-17/1.2.4"}, "", "", "id:00070055",
			"id:49465800", "SLB 9670",
		},
		{
			AndroidKey, TrustedEnvironment, []string{"R5CT20ABCDE", "356938035643809"}, []string{"Google", "Pixel 8"}, "R5CT20ABCDE",
			"14.0.0", "202405", "Google", "Pixel 8",
		},
		{Step, SecurityKey, []string{"112233445"}, []string{"11223344"}, "112233445", "", "5.7.1", "", ""},
	} {
		s := newSample(t, c.format)
		st, err := Verify(s.object(t), keyAuthorization, s.anchors(), now)
		if err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		if st.Format != c.format || st.SecurityLevel != c.level || st.SerialNumber != c.serial || st.OSVersion != c.os ||
			st.FirmwareVersion+st.PatchLevel != c.more ||
			st.Manufacturer != c.manufacturer || st.Model != c.mod || len(st.Chain) != 3 || !st.Chain[2].Equal(s.root.cert) {
			t.Errorf("%s: %+v", c.format, st)
		}
		if !SameKey(st.PublicKey, spki(t, s.key.Public())) || SameKey(
			st.PublicKey, spki(t, newKey(t).Public()),
		) || SameKey(st.PublicKey, nil) {
			t.Errorf("%s: the attested key is not told from others", c.format)
		}
		for _, value := range c.proved {
			if !st.Proves(PermanentIdentifier, value) {
				t.Errorf("%s does not prove %q", c.format, value)
			}
		}
		for _, value := range c.unproved {
			if st.Proves(PermanentIdentifier, value) {
				t.Errorf("%s proves %q", c.format, value)
			}
		}
		if st.Proves(
			HardwareModule, "ABCD/2.23.133.1.2",
		) != (c.format == TPM) || st.Proves(HardwareModule, "ABCD/1.2.3") || st.Proves(HardwareModule, "ABCD") ||
			st.Proves("dns", "device-17") {
			t.Errorf("%s: hardware modules %v", c.format, st.HardwareModules)
		}
	}
}

// Other valid forms are accepted.
func TestAlsoAccepted(t *testing.T) {
	for _, c := range []struct {
		name   string
		format Format
		change func(*sample)
		check  func(*Statement) bool
	}{
		{
			"Apple under User Enrollment names no device", Apple, func(s *sample) { s.drop(oidAppleSerialNumber); s.drop(oidAppleUDID) },
			func(st *Statement) bool {
				return len(st.PermanentIdentifiers) == 0 && !st.Proves(PermanentIdentifier, "C02XK1ABJGH6")
			}},
		{"Apple's values wrapped in ASN.1", Apple, func(s *sample) {
			hash := sha256.Sum256([]byte(token))
			s.extend(oidAppleFreshness, must(asn1.Marshal(hash[:])))
			s.extend(oidAppleSerialNumber, must(asn1.MarshalWithParams("X1", "utf8")))
		}, func(st *Statement) bool { return st.SerialNumber == "X1" }},
		{
			"Apple's serial number that looks like one of an assigner", Apple,
			func(s *sample) { s.extend(oidAppleSerialNumber, []byte("A/1.2.3")) }, func(st *Statement) bool {
				return st.SerialNumber == "A/1.2.3" && !st.Proves(PermanentIdentifier, "A/1.2.3") && !st.Proves(PermanentIdentifier, "A")
			}},
		{
			"Android's model with a slash", AndroidKey, func(s *sample) { s.hardware[tagModel] = []byte("SM-G998B/DS") },
			func(st *Statement) bool { return st.Model == "SM-G998B/DS" },
		},
		{
			"root sent along, anchor an intermediate", Apple, func(s *sample) { s.above = append(s.above, s.root); s.root = s.issuer },
			func(st *Statement) bool { return len(st.Chain) == 2 },
		},
		{"authData of a client that does not leave it out", Apple, nil, nil},
		{
			"Android with the whole key authorization as challenge", AndroidKey,
			func(s *sample) { s.list.Challenge = []byte(keyAuthorization) }, nil,
		},
		{"Android in StrongBox, of an old keymaster without boot hash", AndroidKey, func(s *sample) {
			s.list.SecurityLevel, s.list.KeyMintLevel, s.list.Version, s.boot.VerifiedBootHash = 2, 2, 3, nil
		}, func(st *Statement) bool { return st.SecurityLevel == StrongBox }},
		{
			"Android where the weaker level counts", AndroidKey, func(s *sample) { s.list.SecurityLevel = 2 },
			func(st *Statement) bool { return st.SecurityLevel == TrustedEnvironment },
		},
		{
			"Android without identifiers, with a tag of the future", AndroidKey,
			func(s *sample) { s.hardware[tagSerial], s.hardware[tagIMEI], s.hardware[999] = nil, nil, 1 },
			func(st *Statement) bool { return len(st.PermanentIdentifiers) == 0 },
		},
		{"Android with an RSA key", AndroidKey, func(s *sample) {
			s.key, s.leafKey = rsaKey, rsaKey
			s.members["alg"], s.members["sig"] = -257, sign(rsaKey, []byte(keyAuthorization))
		}, nil},
		{"YubiKey with Ed25519", Step, func(s *sample) {
			_, key, _ := ed25519.GenerateKey(rand.Reader)
			s.key, s.leafKey = key, key
			s.members["sig"] = must(cbor.Marshal(ed25519.Sign(key, []byte(keyAuthorization))))
		}, nil},
		{"smallstep's managed device", Step, func(s *sample) {
			s.drop(oidYubicoSerial)
			s.extend(oidStepManagedDevice, must(asn1.Marshal(struct {
				ID string `asn1:"utf8"`
			}{"laptop-7"})))
		}, func(st *Statement) bool { return st.Proves(PermanentIdentifier, "laptop-7") }},
		{"TPM's signature as TPMT_SIGNATURE", TPM, func(s *sample) {
			var rs struct{ R, S *big.Int }
			must(asn1.Unmarshal(s.members["sig"].([]byte), &rs))
			s.members["sig"] = tpm2.Marshal(
				tpm2.TPMTSignature{
					SigAlg: tpm2.TPMAlgECDSA,
					Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, &tpm2.TPMSSignatureECC{Hash: tpm2.TPMAlgSHA256,
						SignatureR: tpm2.TPM2BECCParameter{
							Buffer: rs.R.FillBytes(make([]byte, 32)),
						}, SignatureS: tpm2.TPM2BECCParameter{Buffer: rs.S.FillBytes(make([]byte, 32))}})})
		}, nil},
		{"TPM's RSA keys, signature as TPMT_SIGNATURE", TPM, func(s *sample) {
			s.leafKey, s.key = rsaKey, rsaKey
			s.public.Type = tpm2.TPMAlgRSA
			s.public.Parameters = tpm2.NewTPMUPublicParms(
				tpm2.TPMAlgRSA,
				&tpm2.TPMSRSAParms{
					Symmetric: tpm2.TPMTSymDefObject{Algorithm: tpm2.TPMAlgNull}, Scheme: tpm2.TPMTRSAScheme{Scheme: tpm2.TPMAlgNull},
					KeyBits: 2048,
				},
			)
			s.public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: rsaKey.N.Bytes()})
			s.certify()
			s.members["alg"] = -257
			s.members["sig"] = tpm2.Marshal(
				tpm2.TPMTSignature{
					SigAlg: tpm2.TPMAlgRSASSA,
					Signature: tpm2.NewTPMUSignature(
						tpm2.TPMAlgRSASSA,
						&tpm2.TPMSSignatureRSA{Hash: tpm2.TPMAlgSHA256, Sig: tpm2.TPM2BPublicKeyRSA{Buffer: s.members["sig"].([]byte)}},
					),
				},
			)
		}, nil},
		{"TPM with PS256", TPM, func(s *sample) {
			s.leafKey = rsaKey
			s.members["alg"] = -37
			hash := sha256.Sum256(s.members["certInfo"].([]byte))
			s.members["sig"] = must(rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, hash[:], nil))
		}, nil},
		{"TPM with SHA-384 throughout", TPM, func(s *sample) {
			key := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
			extra := sha512.Sum384([]byte(keyAuthorization))
			s.leafKey, s.attest.ExtraData.Buffer, s.public.NameAlg, s.members["alg"] = key, extra[:], tpm2.TPMAlgSHA384, -35
			s.certify()
			hash := sha512.Sum384(s.members["certInfo"].([]byte))
			s.members["sig"] = must(ecdsa.SignASN1(rand.Reader, key, hash[:]))
		}, nil},
	} {
		s := newSample(t, c.format)
		if c.change != nil {
			c.change(s)
		}
		object := s.object(t)
		if c.change == nil {
			object = must(cbor.Marshal(map[string]any{"fmt": s.format, "attStmt": s.members, "authData": make([]byte, 37)}))
		}
		st, err := Verify(object, keyAuthorization, s.anchors(), now)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !SameKey(st.PublicKey, spki(t, s.key.Public())) || c.check != nil && !c.check(st) {
			t.Errorf("%s: %+v", c.name, st)
		}
	}
}

// Each change makes a valid attestation invalid, for the expected reason.
func TestRefusedAttestations(t *testing.T) {
	other := sha256.Sum256([]byte("another challenge"))
	type refusal struct {
		change func(*sample)
		want   string
	}
	everywhere := map[string]refusal{
		"foreign root":   {func(s *sample) { var none *authority; s.root = none.under(t, "root", nil) }, "do not lead to a root"},
		"missing issuer": {func(s *sample) { s.above = nil }, "do not lead to a root"},
		"expired device": {func(s *sample) { s.leaf.NotAfter = now.AddDate(0, 0, -1).Add(1) }, "is only valid from"},
		"not yet valid":  {func(s *sample) { s.leaf.NotBefore = now.Add(1e12) }, "is only valid from"},
		"expired issuer": {
			func(s *sample) { s.reissue(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-1e12) }) }, "is only valid from",
		},
		"issuer no CA":   {func(s *sample) { s.reissue(t, func(c *x509.Certificate) { c.IsCA = false }) }, "root"},
		"issuer's usage": {func(s *sample) { s.reissue(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }) }, "root"},
		"path too long": {func(s *sample) {
			s.reissue(t, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
			s.lengthen(t)
		}, "not a valid path"},
		"name constraints": {func(s *sample) {
			s.reissue(t, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"a.example"} })
			s.leafSAN("b.example")
		}, "not a valid path"},
		"critical": {func(s *sample) {
			s.leaf.ExtraExtensions = append(
				s.leaf.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}},
			)
		}, "not a valid path"},
		"leaf is a CA":    {func(s *sample) { s.leaf.IsCA, s.leaf.BasicConstraintsValid = true, true }, "not a CA certificate"},
		"leaf is a root":  {func(s *sample) { s.rootIsLeaf(t) }, "itself a root"},
		"no certificates": {func(s *sample) { s.members["x5c"] = [][]byte{} }, "0 certificates"},
		"many certificates": {func(s *sample) {
			for range maxCertificates {
				s.above = append(s.above, s.issuer)
			}
		}, "10 certificates"},
		"broken":            {func(s *sample) { s.members["x5c"] = [][]byte{[]byte("nonsense")} }, "Certificate 1 in x5c"},
		"long":              {func(s *sample) { s.members["x5c"] = [][]byte{make([]byte, maxCertificate+1)} }, "too long"},
		"no x5c":            {func(s *sample) { s.members["x5c"] = nil }, "0 certificates"},
		"x5c of text":       {func(s *sample) { s.members["x5c"] = []string{"a"} }, "malformed"},
		"huge RSA key":      {func(s *sample) { s.above = append(s.above, hugeRSA(t)) }, "2048 to 8192 bits"},
		"format not wanted": {func(s *sample) { s.root = nil }, "not accepted here"},
	}
	for format, own := range map[Format]map[string]refusal{
		Apple: {
			"other challenge": {func(s *sample) { s.extend(oidAppleFreshness, other[:]) }, "another challenge"},
			"short":           {func(s *sample) { s.extend(oidAppleFreshness, other[:31]) }, "another challenge"},
			"no freshness":    {func(s *sample) { s.drop(oidAppleFreshness) }, "no freshness code"},
			"empty freshness": {func(s *sample) { s.extend(oidAppleFreshness, []byte{}) }, "no freshness code"},
			"binary serial":   {func(s *sample) { s.extend(oidAppleSerialNumber, []byte{1, 2, 3}) }, "not short printable"},
			"long UDID":       {func(s *sample) { s.extend(oidAppleUDID, bytes.Repeat([]byte("A"), 65)) }, "not short printable"},
			"weak key": {func(s *sample) {
				key := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
				s.key, s.leafKey = key, key
			}, "cannot be certified"},
		},
		Step: {
			"other challenge": {
				func(s *sample) { s.members["sig"] = must(cbor.Marshal(sign(s.key, other[:]))) }, "did not sign this challenge",
			},
			"other key": {
				func(s *sample) { s.members["sig"] = must(cbor.Marshal(sign(newKey(t), []byte(keyAuthorization)))) },
				"did not sign this challenge",
			},
			"bare signature":  {func(s *sample) { s.members["sig"] = sign(s.key, []byte(keyAuthorization)) }, "CBOR byte string"},
			"no signature":    {func(s *sample) { delete(s.members, "sig") }, "CBOR byte string"},
			"broken serial":   {func(s *sample) { s.extend(oidYubicoSerial, []byte("112233445")) }, "malformed"},
			"negative serial": {func(s *sample) { s.extend(oidYubicoSerial, must(asn1.Marshal(-1))) }, "malformed"},
			"broken device": {func(s *sample) {
				s.drop(oidYubicoSerial)
				s.extend(oidStepManagedDevice, []byte{5, 0})
			}, "malformed"},
		},
		AndroidKey: {
			"other challenge": {func(s *sample) { s.list.Challenge = other[:] }, "answers another challenge"},
			"no challenge":    {func(s *sample) { s.list.Challenge = nil }, "answers another challenge"},
			"other signature": {func(s *sample) { s.members["sig"] = sign(s.key, other[:]) }, "did not sign this challenge"},
			"other key": {
				func(s *sample) { s.members["sig"] = sign(newKey(t), []byte(keyAuthorization)) }, "did not sign this challenge",
			},
			"no signature":   {func(s *sample) { delete(s.members, "sig") }, "did not sign this challenge"},
			"RSA for ECDSA":  {func(s *sample) { s.members["alg"] = -257 }, "does not fit the signing key"},
			"no algorithm":   {func(s *sample) { delete(s.members, "alg") }, "is unknown"},
			"no description": {func(s *sample) { s.list = nil }, "no key description"},
			"broken":         {func(s *sample) { s.list = nil; s.extend(oidAndroidKeyDescription, []byte{0x30, 1, 5}) }, "is malformed"},
			"trailing": {
				func(s *sample) { d := s.described(t); s.list = nil; s.extend(oidAndroidKeyDescription, append(d, 0)) }, "is malformed",
			},
			"a key as CA": {func(s *sample) {
				s.reissue(t, func(c *x509.Certificate) {
					c.ExtraExtensions = []pkix.Extension{{Id: oidAndroidKeyDescription, Value: []byte{0x30, 0}}}
				})
			}, "itself a keystore key"},
			"in software":      {func(s *sample) { s.list.SecurityLevel = 0 }, "kept in software"},
			"keymint software": {func(s *sample) { s.list.KeyMintLevel = 0 }, "kept in software"},
			"unknown level":    {func(s *sample) { s.list.SecurityLevel, s.list.KeyMintLevel = 7, 7 }, "kept in software"},
			"imported":         {func(s *sample) { s.hardware[tagOrigin] = 2 }, "not generated in the device"},
			"origin by software": {
				func(s *sample) { s.hardware[tagOrigin], s.software[tagOrigin] = nil, 0 }, "not generated in the device",
			},
			"for decryption": {func(s *sample) {
				s.hardware[tagPurpose] = asn1.RawValue{FullBytes: must(asn1.MarshalWithParams([]int{1}, "set"))}
			}, "not for signing"},
			"purpose no set": {func(s *sample) { s.hardware[tagPurpose] = 2 }, "not for signing"},
			"all applications": {
				func(s *sample) { s.software[tagAllApplications] = asn1.RawValue{FullBytes: []byte{5, 0}} }, "every application",
			},
			"unlocked":         {func(s *sample) { s.boot.DeviceLocked = false }, "bootloader is locked"},
			"own system":       {func(s *sample) { s.boot.VerifiedBootState = 1 }, "bootloader is locked"},
			"no root of trust": {func(s *sample) { s.boot.VerifiedBootKey = nil }, "bootloader is locked"},
			"boot by software": {
				func(s *sample) { s.software[tagRootOfTrust] = s.boot; s.boot.VerifiedBootKey = nil }, "bootloader is locked",
			},
			"binary serial":   {func(s *sample) { s.hardware[tagSerial] = []byte{0, 1} }, "not short printable"},
			"serial no bytes": {func(s *sample) { s.hardware[tagSerial] = 1 }, "not short printable"},
			"element twice":   {func(s *sample) { s.hardware[tagOrigin] = twice{0} }, "malformed"},
			"empty element":   {func(s *sample) { s.hardware[tagOrigin] = nothing{} }, "malformed"},
		},
		TPM: {
			"other challenge": {func(s *sample) { s.attest.ExtraData.Buffer = other[:]; s.certify() }, "answers another challenge"},
			"no challenge":    {func(s *sample) { s.attest.ExtraData.Buffer = nil; s.certify() }, "answers another challenge"},
			"tampered certInfo": {
				func(s *sample) { s.attest.FirmwareVersion++; s.members["certInfo"] = tpm2.Marshal(s.attest) }, "did not sign certInfo",
			},
			"other AK":     {func(s *sample) { s.leafKey = newKey(t) }, "did not sign certInfo"},
			"no signature": {func(s *sample) { delete(s.members, "sig") }, "did not sign certInfo"},
			"wrong magic":  {func(s *sample) { s.members["certInfo"].([]byte)[0] ^= 1; s.signAttest() }, "TPM_GENERATED_VALUE"},
			"trailing certInfo": {
				func(s *sample) { s.members["certInfo"] = append(s.members["certInfo"].([]byte), 0); s.signAttest() },
				"TPM_GENERATED_VALUE",
			},
			"short certInfo": {
				func(s *sample) { s.members["certInfo"] = s.members["certInfo"].([]byte)[:30]; s.signAttest() }, "TPM_GENERATED_VALUE",
			},
			"a quote": {func(s *sample) {
				s.attest.Type = tpm2.TPMSTAttestQuote
				s.attest.Attested = tpm2.NewTPMUAttest(tpm2.TPMSTAttestQuote, &tpm2.TPMSQuoteInfo{})
				s.members["certInfo"] = tpm2.Marshal(s.attest)
				s.signAttest()
			}, "does not certify"},
			"other key": {func(s *sample) {
				point := must(newKey(t).PublicKey.Bytes())
				s.public.Unique = tpm2.NewTPMUPublicID(
					tpm2.TPMAlgECC,
					&tpm2.TPMSECCPoint{X: tpm2.TPM2BECCParameter{Buffer: point[1:33]}, Y: tpm2.TPM2BECCParameter{Buffer: point[33:]}},
				)
				s.members["pubArea"] = tpm2.Marshal(s.public)
			}, "another key"},
			"other attributes": {
				func(s *sample) { s.public.ObjectAttributes.NoDA = true; s.members["pubArea"] = tpm2.Marshal(s.public) }, "another key",
			},
			"trailing pubArea": {func(s *sample) { s.members["pubArea"] = append(s.members["pubArea"].([]byte), 0) }, "TPMT_PUBLIC"},
			"no pubArea":       {func(s *sample) { delete(s.members, "pubArea") }, "TPMT_PUBLIC"},
			"name by SHA-1":    {func(s *sample) { s.public.NameAlg = tpm2.TPMAlgSHA1; s.certify() }, "nameAlg"},
			"key may leave":    {func(s *sample) { s.public.ObjectAttributes.FixedTPM = false; s.certify() }, "can be exported"},
			"key may move":     {func(s *sample) { s.public.ObjectAttributes.FixedParent = false; s.certify() }, "can be exported"},
			"key was imported": {
				func(s *sample) { s.public.ObjectAttributes.SensitiveDataOrigin = false; s.certify() }, "not generated in the TPM",
			},
			"no point": {func(s *sample) {
				s.public.Unique = tpm2.NewTPMUPublicID(
					tpm2.TPMAlgECC,
					&tpm2.TPMSECCPoint{X: tpm2.TPM2BECCParameter{Buffer: []byte{1}}, Y: tpm2.TPM2BECCParameter{Buffer: []byte{1}}},
				)
				s.certify()
			}, "cannot be certified"},
			"HMAC key": {func(s *sample) {
				s.public.Type, s.public.Parameters = tpm2.TPMAlgKeyedHash, tpm2.NewTPMUPublicParms(
					tpm2.TPMAlgKeyedHash, &tpm2.TPMSKeyedHashParms{Scheme: tpm2.TPMTKeyedHashScheme{Scheme: tpm2.TPMAlgNull}},
				)
				s.public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgKeyedHash, &tpm2.TPM2BDigest{})
				s.certify()
			}, "neither RSA nor"},
			"TPM 1.2":       {func(s *sample) { s.members["ver"] = "1.2" }, "Only 2.0"},
			"SHA-1":         {func(s *sample) { s.members["alg"] = -65535 }, "SHA-1"},
			"RSA for ECDSA": {func(s *sample) { s.members["alg"] = -257 }, "does not fit the signing key"},
			"subject":       {func(s *sample) { s.leaf.Subject.CommonName = "ak" }, "has a subject"},
			"no usage":      {func(s *sample) { s.leaf.UnknownExtKeyUsage = nil }, "2.23.133.8.3"},
			"other usage": {
				func(s *sample) { s.leaf.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{2, 23, 133, 8, 1}} }, "2.23.133.8.3",
			},
			"for encryption":  {func(s *sample) { s.leaf.KeyUsage = x509.KeyUsageKeyEncipherment }, "not for signatures"},
			"no names":        {func(s *sample) { s.drop(asn1.ObjectIdentifier{2, 5, 29, 17}) }, "manufacturer, model and version"},
			"no manufacturer": {func(s *sample) { s.names("", "SLB 9670", "id:00070055") }, "manufacturer, model and version"},
			"binary model":    {func(s *sample) { s.names("id:49465800", "\x01", "id:00070055") }, "directory name"},
			"other scheme": {func(s *sample) {
				s.members["sig"] = tpm2.Marshal(
					tpm2.TPMTSignature{
						SigAlg:    tpm2.TPMAlgECDSA,
						Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, &tpm2.TPMSSignatureECC{Hash: tpm2.TPMAlgSHA1}),
					},
				)
			}, "did not sign certInfo"},
		},
	} {
		for _, cases := range []map[string]refusal{everywhere, own} {
			for name, c := range cases {
				s := newSample(t, format)
				c.change(s)
				anchors := Anchors{}
				object := s.object(t)
				if s.root != nil {
					anchors = s.anchors()
				}
				st, err := Verify(object, keyAuthorization, anchors, now)
				refused(t, string(format)+", "+name, st, err, c.want)
			}
		}
	}
}

// clean tells whether a message may be shown to a client, whatever the client sent.
func clean(message string) bool {
	return message != "" && len(message) <= 400 && !strings.ContainsFunc(message, func(r rune) bool { return r < ' ' || r > '~' })
}

func refused(t *testing.T, name string, st *Statement, err error, want string) {
	t.Helper()
	var refusal *invalid.Error
	if !errors.As(err, &refusal) || st != nil {
		t.Errorf("%s: %+v, %v is no refusal", name, st, err)
	} else if refusal.Field != Field || !strings.Contains(refusal.Message, want) || !clean(refusal.Message) {
		t.Errorf("%s: %q, want %q", name, refusal.Message, want)
	}
}

// reissue replaces the issuer by a changed one.
func (s *sample) reissue(t *testing.T, change func(*x509.Certificate)) {
	s.issuer = s.root.under(t, "issuer", change)
	s.above = []*authority{s.issuer}
}

// lengthen puts a CA between issuer and device.
func (s *sample) lengthen(t *testing.T) {
	s.issuer = s.issuer.under(t, "one more", nil)
	s.above = append(s.above, s.issuer)
}

func (s *sample) leafSAN(name string) {
	if s.format == TPM {
		s.drop(asn1.ObjectIdentifier{2, 5, 29, 17})
	}
	s.leaf.DNSNames = []string{name}
}

// rootIsLeaf configures the device's own certificate as the anchor.
func (s *sample) rootIsLeaf(t *testing.T) {
	s.leaf.SerialNumber = big.NewInt(7)
	object := struct {
		Statement struct {
			X5C [][]byte `cbor:"x5c"`
		} `cbor:"attStmt"`
	}{}
	if err := cbor.Unmarshal(s.object(t), &object); err != nil {
		t.Fatal(err)
	}
	s.root = &authority{cert: must(x509.ParseCertificate(object.Statement.X5C[0]))}
}

// described returns the key description as it would be encoded.
func (s *sample) described(t *testing.T) []byte {
	s.object(t)
	delete(s.members, "x5c")
	for _, e := range s.leaf.ExtraExtensions {
		if e.Id.Equal(oidAndroidKeyDescription) {
			return e.Value
		}
	}
	t.Fatal("no key description")
	return nil
}

// hugeRSA returns a certificate with an unreasonably large key, which is expensive to verify with.
func hugeRSA(t *testing.T) *authority {
	n := new(big.Int).Lsh(big.NewInt(1), 16000)
	key := &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
	ca := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), NotBefore: now, NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	return &authority{cert: must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, key, ca))))}
}

func TestAnotherChallengeOrAccountIsRefused(t *testing.T) {
	for _, format := range Formats() {
		s := newSample(t, format)
		object := s.object(t)
		for _, authorization := range []string{
			strings.Replace(keyAuthorization, "eva", "evb", 1), token +
				".AAAA6WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI", "", ".", token, token + ".", "." + token,
		} {
			if format == Apple && strings.HasPrefix(authorization, token+".A") {
				continue // Apple signs the token only
			}
			st, err := Verify(object, authorization, s.anchors(), now)
			refused(t, string(format)+" for "+authorization, st, err, "")
		}
		st, err := Verify(object, keyAuthorization, s.anchors(), now.AddDate(1, 0, 0))
		refused(t, "a year later", st, err, "is only valid from")
	}
}

func TestHostileCBOR(t *testing.T) {
	s := newSample(t, Apple)
	good := s.object(t)
	x5c := must(cbor.Marshal(s.members["x5c"]))
	unhex := func(text string) []byte { return must(hex.DecodeString(strings.ReplaceAll(text, " ", ""))) }
	apple := unhex("63 666d74 65 6170706c65")                                            // "fmt": "apple"
	stmt := append(append(unhex("67 61747453746d74 a1 63 783563"), x5c...), []byte{}...) // "attStmt": {"x5c": ...}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	if _, err := Verify(join([]byte{0xa2}, apple, stmt), keyAuthorization, s.anchors(), now); err != nil {
		t.Fatalf("the parts are not good together: %v", err)
	}
	for name, object := range map[string][]byte{
		"empty": nil, "{}": []byte("{}"), "null": {0xf6}, "an array": {0x80}, "an empty map": {0xa0}, "a number": {0x01},
		"trailing bytes":                append(bytes.Clone(good), 0),
		"truncated":                     good[:len(good)-1],
		"two of fmt":                    join([]byte{0xa3}, apple, apple, stmt),
		"two of attStmt":                join([]byte{0xa3}, apple, stmt, stmt),
		"two of x5c":                    join([]byte{0xa2}, apple, unhex("67 61747453746d74 a2 63 783563"), x5c, unhex("63 783563"), x5c),
		"two of an unknown member":      join([]byte{0xa4}, apple, stmt, unhex("61 61 01 61 61 02")),
		"FMT":                           join([]byte{0xa2}, bytes.Replace(apple, []byte("fmt"), []byte("FMT"), 1), stmt),
		"a map that never ends":         join([]byte{0xbf}, apple, stmt, []byte{0xff}),
		"a tag":                         join([]byte{0xd8, 0x18}, good),
		"fmt of bytes":                  join([]byte{0xa2}, unhex("63 666d74 45 6170706c65"), stmt),
		"attStmt of text":               join([]byte{0xa2}, apple, unhex("67 61747453746d74 61 61")),
		"attStmt null":                  join([]byte{0xa2}, apple, unhex("67 61747453746d74 f6")),
		"invalid UTF-8":                 join([]byte{0xa2}, unhex("63 666d74 61 ff"), stmt),
		"deep nesting":                  join([]byte{0xa3}, apple, stmt, unhex("61 61"), bytes.Repeat([]byte{0x81}, 10000), []byte{0}),
		"a byte string of 2^62":         join([]byte{0xa2}, apple, unhex("67 61747453746d74 a1 63 783563 81 5b 4000000000000000")),
		"an array of 2^32":              join([]byte{0xa2}, apple, unhex("67 61747453746d74 a1 63 783563 9b 0000000100000000")),
		"a map of 2^32":                 join([]byte{0xa2}, apple, unhex("67 61747453746d74 bb 0000000100000000")),
		"an array of too many elements": join([]byte{0xa3}, apple, stmt, unhex("61 61 98 ff"), make([]byte, 255)),
		"too long":                      append([]byte{0x5a, 0, 1, 0, 0}, make([]byte, MaxLength)...),
		"an unknown format":             must(cbor.Marshal(map[string]any{"fmt": "packed", "attStmt": map[string]any{}})),
		"a format that is a novel": must(
			cbor.Marshal(map[string]any{"fmt": strings.Repeat("\u202e", 9999), "attStmt": map[string]any{}}),
		),
		"no format": must(cbor.Marshal(map[string]any{"attStmt": map[string]any{}})),
	} {
		st, err := Verify(object, keyAuthorization, s.anchors(), now)
		refused(t, name, st, err, "")
	}
}

// These are attestations of real devices and of the standard. They answer WebAuthn's challenge, so the key
// authorization is assembled as in WebAuthn.
func TestPublishedAttestations(t *testing.T) {
	w3c := must(x509.ParseCertificate(must(os.ReadFile("testdata/w3c-root.der"))))
	google := must(ParseAnchors(AndroidKey, "", "roots"))
	inspect := func(name string) ([]byte, binding) {
		object, client := must(os.ReadFile("testdata/"+name+".cbor")), must(os.ReadFile("testdata/"+name+".json"))
		var parts struct {
			AuthData []byte `cbor:"authData"`
		}
		if err := cbor.Unmarshal(object, &parts); err != nil {
			t.Fatal(err)
		}
		hash := sha256.Sum256(client)
		return object, binding{append(parts.AuthData, hash[:]...), [][]byte{hash[:]}, hash}
	}
	object, b := inspect("google-android-key")
	january := must(x509.ParseCertificate(google[0].Raw)).NotBefore.AddDate(2, 10, 0) // 2025-01-20: the intermediates are valid for weeks
	st, err := verify(object, b, Anchors{AndroidKey: google}, january)
	if err != nil || st.SecurityLevel != TrustedEnvironment || !st.Chain[len(st.Chain)-1].Equal(google[0]) {
		t.Errorf("a telephone under Google's root: %+v, %v", st, err)
	}
	st, err = verify(object, b, Anchors{AndroidKey: google}, now)
	refused(t, "a telephone a year later", st, err, "is only valid from")
	st, err = verify(object, b, Anchors{AndroidKey: {w3c}}, january)
	refused(t, "a telephone under another root", st, err, "do not lead to a root")
	st, err = Verify(object, keyAuthorization, Anchors{AndroidKey: google}, january)
	refused(t, "a telephone for another challenge", st, err, "this challenge")

	// The standard's examples lack what makes a key trustworthy; everything before that is valid.
	object, b = inspect("w3c-tpm")
	st, err = verify(object, b, Anchors{TPM: {w3c}}, now)
	refused(t, "TPM of WebAuthn 16.13", st, err, "fixedTPM")
	b.toBeSigned[0] ^= 1
	st, err = verify(object, b, Anchors{TPM: {w3c}}, now)
	refused(t, "TPM of WebAuthn 16.13 for another challenge", st, err, "another challenge")
	object, b = inspect("w3c-android-key")
	st, err = verify(object, b, Anchors{AndroidKey: {w3c}}, now)
	refused(t, "Android of WebAuthn 16.14", st, err, "kept in software")
}

func TestBuiltinRoots(t *testing.T) {
	for format, want := range map[Format][]string{
		Apple: {"ccf59ef8fcb3017d97f8b5fa6fa90e7a3f9283f76b55ac6cf6eda8b8b949f05b"},
		AndroidKey: {
			"cedb1cb6dc896ae5ec797348bce9286753c2b38ee71ce0fbe34a9a1248800dfc",
			"6d9db4ce6c5c0b293166d08986e05774a8776ceb525d9e4329520de12ba4bcc0",
		},
		Step: {
			"63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546",
			"62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8",
		},
	} {
		certs, err := ParseAnchors(format, "", "roots")
		if err != nil || len(certs) != len(want) || !HasBuiltin(format) {
			t.Errorf("%s: %d roots, %v", format, len(certs), err)
			continue
		}
		for i, c := range certs {
			if sum := sha256.Sum256(c.Raw); hex.EncodeToString(sum[:]) != want[i] {
				t.Errorf("%s, root %d: SHA-256 %x", format, i, sum)
			}
			if err := c.CheckSignatureFrom(c); err != nil {
				t.Errorf("%s, root %d: %v", format, i, err)
			}
		}
	}
	if HasBuiltin(TPM) || HasBuiltin("packed") {
		t.Error("roots that cannot be built in")
	}
}

func TestParseAnchors(t *testing.T) {
	s := newSample(t, TPM)
	certs, err := ParseAnchors(TPM, toPEM(s.root.cert, s.issuer.cert)+"\n", "roots")
	if err != nil || len(certs) != 2 || !certs[1].Equal(s.issuer.cert) {
		t.Errorf("%d certificates, %v", len(certs), err)
	}
	leaf := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, s.leaf, s.issuer.cert, s.leafKey.Public(), s.issuer.key))))
	for text, want := range map[string]string{
		"":                              "There are no built-in roots for TPMs",
		"nonsense":                      "After 0 certificates",
		toPEM(s.root.cert) + "nonsense": "After 1 certificates",
		toPEM(leaf):                     "not a CA certificate",
		toPEM(hugeRSA(t).cert):          "2048 to 8192 bits",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "Certificate 1 cannot be used",
		strings.Repeat(toPEM(s.root.cert), maxAnchors+1):                 "At most 100 roots",
		strings.Repeat(" ", maxAnchorText+1):                             "bytes",
	} {
		var refusal *invalid.Error
		if certs, err := ParseAnchors(TPM, text, "tpmRoots"); !errors.As(err, &refusal) || refusal.Field != "tpmRoots" ||
			!strings.Contains(refusal.Message, want) {
			t.Errorf("%+.40q: %d certificates, %v, want %q", text, len(certs), err, want)
		}
	}
	if _, err := ParseAnchors("packed", "", "roots"); err == nil {
		t.Error("roots for a format that nobody knows")
	}
}

// FuzzVerify: any input is refused with a clean message, or yields a key and a chain to the anchor.
func FuzzVerify(f *testing.F) {
	anchors := Anchors{}
	for _, format := range Formats() {
		s := newSample(f, format)
		anchors[format] = []*x509.Certificate{s.root.cert}
		f.Add(s.object(f))
	}
	for _, name := range []string{"google-android-key", "w3c-tpm", "w3c-android-key"} {
		f.Add(must(os.ReadFile("testdata/" + name + ".cbor")))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		st, err := Verify(object, keyAuthorization, anchors, now)
		if err != nil {
			var refusal *invalid.Error
			if !errors.As(err, &refusal) || refusal.Field != Field || !clean(refusal.Message) || st != nil {
				t.Fatalf("%+v, %#v", st, err)
			}
			return
		}
		if !st.Chain[len(st.Chain)-1].Equal(anchors[st.Format][0]) || !SameKey(st.PublicKey, st.PublicKey) {
			t.Fatalf("%+v", st)
		}
	})
}

// FuzzStatement treats the chain as valid, so that the content signed by the device is fuzzed too.
func FuzzStatement(f *testing.F) {
	for n, format := range Formats() {
		s := newSample(f, format)
		s.object(f)
		leaf := must(x509.CreateCertificate(rand.Reader, s.leaf, s.issuer.cert, s.leafKey.Public(), s.issuer.key))
		bytesOf := func(name string) []byte { b, _ := s.members[name].([]byte); return b }
		f.Add(uint8(n), leaf, bytesOf("sig"), bytesOf("certInfo"), bytesOf("pubArea"))
	}
	f.Fuzz(func(t *testing.T, which uint8, leaf, signature, certInfo, pubArea []byte) {
		c, err := readCertificate(leaf)
		if err != nil {
			return
		}
		for _, algorithm := range []int64{-7, -257} {
			st := &Statement{Chain: []*x509.Certificate{c}}
			s := &statement{"2.0", algorithm, signature, nil, certInfo, pubArea}
			b := binding{[]byte(keyAuthorization), [][]byte{{}}, [32]byte{}}
			err := checks[Formats()[int(which)%4]](st, s, b)
			var refusal *invalid.Error
			if err != nil && (!errors.As(err, &refusal) || !clean(refusal.Message)) {
				t.Fatalf("%#v", err)
			}
			if public, ok := readTPM[tpm2.TPMTPublic](pubArea); ok {
				if key, err := tpm2.Pub(*public); err == nil {
					_ = st.setKey(key)
				}
			}
			_, _ = bareSignature(signature, schemes[algorithm])
		}
	})
}
