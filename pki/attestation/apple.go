package attestation

import (
	"crypto/sha256"
	"encoding/asn1"
)

// Extensions of Apple's attestation certificates.
var (
	oidAppleSerialNumber = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 9, 1}
	oidAppleUDID         = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 9, 2}
	oidAppleOSVersion    = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 10, 1}
	oidAppleSEPVersion   = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 10, 2}
	oidAppleFreshness    = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 11, 1}
)

// apple checks Managed Device Attestation: Apple's servers certify the key in the Secure Enclave and identify the
// device. The freshness code is the SHA-256 of the token. It is required here, because without it an old attestation
// would be accepted. Under User Enrollment there is neither serial number nor UDID.
func apple(result *Statement, s *statement, b binding) error {
	leaf := result.Chain[0]
	freshness := find(leaf, oidAppleFreshness)
	var inner []byte
	if len(freshness) != sha256.Size { // the value is bare; a later form might wrap it
		if rest, err := asn1.Unmarshal(freshness, &inner); err == nil && len(rest) == 0 {
			freshness = inner
		}
	}
	if len(freshness) == 0 {
		return refuse("Apple's attestation has no freshness code (1.2.840.113635.100.8.11.1), so it may be an old one.")
	}
	if !equal(freshness, b.token[:]) {
		return refuse("Apple's attestation answers another challenge: its freshness code is not the SHA-256 of the token.")
	}
	for _, one := range []struct {
		id   asn1.ObjectIdentifier
		into *string
	}{
		{oidAppleSerialNumber, &result.SerialNumber}, {oidAppleUDID, &result.UDID}, {oidAppleOSVersion, &result.OSVersion},
		{oidAppleSEPVersion, &result.FirmwareVersion},
	} {
		var ok bool
		if *one.into, ok = appleText(find(leaf, one.id)); !ok {
			return refuse("The extension %s of Apple's certificate is not short printable text.", one.id)
		}
	}
	result.identify(result.SerialNumber, result.UDID)
	result.SecurityLevel = SecureEnclave
	return nil
}

// appleText reads a value that Apple writes bare, or as an ASN.1 string (whose tags never begin a bare text).
func appleText(value []byte) (string, bool) {
	text := string(value)
	if rest, err := asn1.Unmarshal(value, &text); err != nil || len(rest) > 0 {
		text = string(value)
	}
	return text, printable(text)
}

// printable tells whether text can be an identifier or a version: at most 64 ASCII characters, or empty.
func printable(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c > 0x7e {
			return false
		}
	}
	return len(text) <= 64
}
