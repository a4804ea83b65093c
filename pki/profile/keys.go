package profile

import (
	"fmt"
	"slices"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
)

var keyAlgorithmNames = []string{
	"RSA-2048", "RSA-3072", "RSA-4096", "ECDSA-P256", "ECDSA-P384", "ECDSA-P521", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87",
}

// KeyAlgorithmNames lists the possible values of Profile.KeyAlgorithms.
func KeyAlgorithmNames() []string { return slices.Clone(keyAlgorithmNames) }

// keyName returns the name of a key in Profile.KeyAlgorithms.
func keyName(key algorithm.PublicKeyInfo) string {
	switch key.Family {
	case "RSA":
		return fmt.Sprintf("RSA-%d", key.Bits)
	case "ECDSA":
		return fmt.Sprintf("ECDSA-P%d", key.Bits)
	}
	return key.Type
}

// decideKeyUsage removes usages that the key does not support or its standard forbids: RSA cannot do key agreement (RFC
// 3279 2.3.1), EC keys cannot encipher (RFC 8813 3), signature-only algorithms only sign (RFC 8410, RFC 9881, RFC
// 9909).
func (a *application) decideKeyUsage() error {
	var forbidden uint16
	var standard string
	switch a.r.KeyInfo.Family {
	case "RSA":
		forbidden, standard = bit(KeyAgreement)|bit(EncipherOnly)|bit(DecipherOnly), "RFC 3279 2.3.1"
	case "ECDSA":
		forbidden, standard = bit(KeyEncipherment)|bit(DataEncipherment), "RFC 8813 3"
	default:
		forbidden = bit(KeyEncipherment) | bit(DataEncipherment) | bit(KeyAgreement) | bit(EncipherOnly) | bit(DecipherOnly)
		standard = "the standard of its algorithm"
	}
	key := keyName(a.r.KeyInfo)
	wanted := a.p.keyUsageBits()
	kept := wanted &^ forbidden
	for _, usage := range a.p.KeyUsages() {
		if bit(usage.OID)&forbidden != 0 {
			a.decide("key-usage", "without "+usage.Name, "A key of type %s cannot have it (%s).", key, standard)
		}
	}
	if kept == 0 && a.r.KeyInfo.Family == "ECDSA" && wanted&bit(KeyEncipherment) != 0 {
		kept = bit(KeyAgreement)
		a.decide("key-usage", UsageName(KeyAgreement), "EC keys receive encrypted content by key agreement (RFC 5480 3, RFC 5753).")
	}
	if kept == 0 {
		return invalid.New("csr", "Profile %s is for keys that decrypt, but a key of type %s cannot decrypt. Use RSA.", a.p.ID, key)
	}
	var bits []extension.KeyUsageBit
	for n := extension.DigitalSignature; n <= extension.DecipherOnly; n++ {
		if kept&(1<<n) != 0 {
			bits = append(bits, n)
		}
	}
	a.emit(extension.KeyUsage(bits...))
	return nil
}
