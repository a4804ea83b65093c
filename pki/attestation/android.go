package attestation

import (
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
)

// oidAndroidKeyDescription is the extension that describes a key of Android's keystore
// (https://source.android.com/docs/security/features/keystore/attestation).
var oidAndroidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

// keyDescription is KeyDescription. Its lists are read element by element, because new versions add elements.
type keyDescription struct {
	Version          int
	SecurityLevel    asn1.Enumerated
	KeyMintVersion   int
	KeyMintLevel     asn1.Enumerated
	Challenge        []byte
	UniqueID         []byte
	SoftwareEnforced asn1.RawValue
	HardwareEnforced asn1.RawValue
}

type rootOfTrust struct {
	VerifiedBootKey   []byte
	DeviceLocked      bool
	VerifiedBootState asn1.Enumerated
	VerifiedBootHash  []byte `asn1:"optional"`
}

// These are the tags of AuthorizationList that are checked.
const (
	tagPurpose         = 1
	tagAllApplications = 600
	tagOrigin          = 702
	tagRootOfTrust     = 704
	tagOSVersion       = 705
	tagOSPatchLevel    = 706
	tagSerial          = 713
	tagIMEI            = 714
	tagMEID            = 715
	tagManufacturer    = 716
	tagModel           = 717
	tagSecondIMEI      = 723

	purposeSign     = 2
	originGenerated = 0
	bootVerified    = 0
	levelTEE        = 1
	levelStrongBox  = 2

	maxAuthorizations = 128
)

// androidKey checks a key of Android's keystore (WebAuthn 8.4): generated in hardware, for signing, on a locked device
// that booted its manufacturer's system. Only what hardware enforces counts. Serial number and IMEI are present if the
// device management requested them.
func androidKey(result *Statement, s *statement, b binding) error {
	leaf := result.Chain[0]
	how, err := schemeOf(s.Algorithm, leaf.PublicKey)
	if err != nil {
		return err
	}
	if !verifySignature(leaf.PublicKey, how, b.toBeSigned, s.Signature) {
		return refuse("The attested key did not sign this challenge: sig does not verify for the key authorization.")
	}
	extension := find(leaf, oidAndroidKeyDescription)
	if extension == nil {
		return refuse("The certificate of the device has no key description (%s).", oidAndroidKeyDescription)
	}
	for _, c := range result.Chain[1:] {
		// A key that the device's owner may use must not certify others.
		if find(c, oidAndroidKeyDescription) != nil {
			return refuse("A CA in the chain of the attestation is itself a keystore key.")
		}
	}
	var d keyDescription
	if rest, err := asn1.Unmarshal(extension, &d); err != nil || len(rest) > 0 {
		return refuse("The key description (%s) is malformed.", oidAndroidKeyDescription)
	}
	if !slices.ContainsFunc(b.challenges, func(c []byte) bool { return equal(c, d.Challenge) }) {
		return refuse("The attestation answers another challenge: its attestationChallenge is not the SHA-256 of the key authorization.")
	}
	software, ok := authorizations(d.SoftwareEnforced)
	hardware, good := authorizations(d.HardwareEnforced)
	if !ok || !good {
		return refuse("The authorization lists of the key description (%s) are malformed.", oidAndroidKeyDescription)
	}
	switch min(d.SecurityLevel, d.KeyMintLevel) {
	case levelTEE:
		result.SecurityLevel = TrustedEnvironment
	case levelStrongBox:
		result.SecurityLevel = StrongBox
	default:
		return refuse("The attested key is kept in software, not in a trusted environment or StrongBox.")
	}
	var origin int
	if !hardware.read(tagOrigin, &origin, "") || origin != originGenerated {
		return refuse("The attested key was not generated in the device: its origin in hardwareEnforced is not GENERATED.")
	}
	var purposes []int
	if !hardware.read(tagPurpose, &purposes, "set") || !slices.Contains(purposes, purposeSign) {
		return refuse("The attested key is not for signing: its purpose in hardwareEnforced is not SIGN.")
	}
	if software[tagAllApplications] != nil || hardware[tagAllApplications] != nil {
		return refuse("The attested key can be used by every application of the device.")
	}
	var boot rootOfTrust
	if !hardware.read(tagRootOfTrust, &boot, "") || !boot.DeviceLocked || boot.VerifiedBootState != bootVerified {
		return refuse("The device did not prove that its bootloader is locked and that it booted its manufacturer's system (rootOfTrust).")
	}
	return result.describeAndroid(hardware)
}

func (s *Statement) describeAndroid(hardware authorizationList) error {
	var version, patch int
	if hardware.read(tagOSVersion, &version, "") && version > 0 {
		s.OSVersion = fmt.Sprintf("%d.%d.%d", version/10000, version/100%100, version%100)
	}
	if hardware.read(tagOSPatchLevel, &patch, "") && patch > 0 {
		s.PatchLevel = fmt.Sprint(patch)
	}
	var meid, second string
	for tag, into := range map[int]*string{
		tagSerial: &s.SerialNumber, tagIMEI: &s.IMEI, tagMEID: &meid, tagSecondIMEI: &second, tagManufacturer: &s.Manufacturer,
		tagModel: &s.Model,
	} {
		var text []byte
		if hardware[tag] == nil {
			continue
		}
		if !hardware.read(tag, &text, "") || !printable(string(text)) {
			return refuse("The identifier [%d] in the key description is not short printable text.", tag)
		}
		*into = strings.TrimSpace(string(text))
	}
	s.identify(s.SerialNumber, s.IMEI, second, meid)
	return nil
}

// authorizationList holds, by tag, the DER inside each explicit tag.
type authorizationList map[int][]byte

func authorizations(sequence asn1.RawValue) (authorizationList, bool) {
	list := authorizationList{}
	if sequence.Class != asn1.ClassUniversal || sequence.Tag != asn1.TagSequence || !sequence.IsCompound {
		return nil, false
	}
	for rest := sequence.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil || one.Class != asn1.ClassContextSpecific || !one.IsCompound ||
			len(one.Bytes) == 0 || list[one.Tag] != nil || len(list) == maxAuthorizations {
			return nil, false
		}
		list[one.Tag] = one.Bytes
	}
	return list, true
}

// read reads one element. It returns false if the element is absent or malformed.
func (l authorizationList) read(tag int, into any, parameters string) bool {
	rest, err := asn1.UnmarshalWithParams(l[tag], into, parameters)
	return err == nil && len(rest) == 0
}
