package attestation

import (
	"crypto"
	"crypto/ed25519"
	"encoding/asn1"
	"fmt"
	"strconv"
)

// These are extensions of YubiKeys' attestation certificates (Yubico "PIV attestation"), and smallstep's for managed
// devices.
var (
	oidYubicoFirmware    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 3}
	oidYubicoSerial      = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 7}
	oidStepManagedDevice = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 37476, 9000, 64, 4}
)

// step checks smallstep's format: x5c certifies a key generated in the device, and sig, a CBOR byte string in a byte
// string, is that key's signature over the key authorization.
func step(result *Statement, s *statement, b binding) error {
	leaf := result.Chain[0]
	var signature []byte
	if err := decoder.Unmarshal(s.Signature, &signature); err != nil {
		return refuse("The member sig of the attestation is not a CBOR byte string in a byte string.")
	}
	var ok bool
	if key, edwards := leaf.PublicKey.(ed25519.PublicKey); edwards {
		ok = ed25519.Verify(key, b.toBeSigned, signature)
	} else {
		ok = verifySignature(leaf.PublicKey, scheme{hash: crypto.SHA256}, b.toBeSigned, signature)
	}
	if !ok {
		return refuse("The attested key did not sign this challenge: sig does not verify for the key authorization.")
	}
	if value := find(leaf, oidYubicoSerial); value != nil {
		var serial int64
		if rest, err := asn1.Unmarshal(value, &serial); err != nil || len(rest) > 0 || serial < 0 {
			return refuse("The serial number of the YubiKey (%s) is malformed.", oidYubicoSerial)
		}
		result.SerialNumber = strconv.FormatInt(serial, 10)
	} else if value := find(leaf, oidStepManagedDevice); value != nil {
		var device struct{ ID string }
		if rest, err := asn1.Unmarshal(value, &device); err != nil || len(rest) > 0 || !printable(device.ID) {
			return refuse("The identifier of the managed device (%s) is malformed.", oidStepManagedDevice)
		}
		result.SerialNumber = device.ID
	}
	if v := find(leaf, oidYubicoFirmware); len(v) == 3 {
		result.FirmwareVersion = fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
	}
	result.identify(result.SerialNumber)
	result.SecurityLevel = SecurityKey
	return nil
}
