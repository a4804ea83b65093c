// Package attestation verifies what a device states about itself and a key, certified by its manufacturer: attestation
// objects of the ACME challenge device-attest-01 (draft-ietf-acme-device-attest), which have the form of WebAuthn's
// (section 6.5.4). It has no state and no clock. The caller must ensure that an object is used only once.
package attestation

import (
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/san"
)

// Field is the field of every error of Verify: the member of the challenge response that holds the object.
const Field = "attObj"

// These are the limits of the input.
const (
	MaxLength       = 64 << 10 // of an object, in bytes
	maxCertificates = 8        // in x5c
)

// Format is the format of an attestation statement: a name from IANA's registry "WebAuthn Attestation Statement Format
// Identifiers", except for Step.
type Format string

// These are the supported formats.
const (
	// Apple is Managed Device Attestation of iPhone, iPad, Mac, Apple TV, Watch and Vision.
	Apple Format = "apple"
	// TPM is a key certified by a TPM 2.0 with an attestation key (WebAuthn 8.3).
	TPM Format = "tpm"
	// AndroidKey is a key of Android's hardware-backed keystore (WebAuthn 8.4).
	AndroidKey Format = "android-key"
	// Step is smallstep's format for the PIV keys of YubiKeys.
	Step Format = "step"
)

// Formats lists every format.
func Formats() []Format { return []Format{Apple, TPM, AndroidKey, Step} }

// checks holds what a format requires beyond the chain. A check fills in the statement. If it sets no key, the attested
// key is that of the device's certificate.
var checks = map[Format]func(*Statement, *statement, binding) error{Apple: apple, TPM: trustedModule, AndroidKey: androidKey, Step: step}

// Anchors holds the trust anchors of each accepted format: certificates to which its chains must lead. A format without
// anchors is refused. ParseAnchors creates them.
type Anchors map[Format][]*x509.Certificate

// SecurityLevel is what protects the key.
type SecurityLevel string

// These are the security levels.
const (
	SecureEnclave      SecurityLevel = "SECURE_ENCLAVE"      // of Apple silicon
	TrustedModule      SecurityLevel = "TPM"                 // discrete, in the chipset, or virtual, depending on the anchor
	TrustedEnvironment SecurityLevel = "TRUSTED_ENVIRONMENT" // of the main processor of an Android device
	StrongBox          SecurityLevel = "STRONGBOX"           // a separate security chip in an Android device
	SecurityKey        SecurityLevel = "SECURITY_KEY"        // a YubiKey
)

// Statement is what was proven. Text is empty if the device did not provide it.
type Statement struct {
	Format Format
	// PublicKey is the SubjectPublicKeyInfo (DER) of the attested key. Compare it with SameKey.
	PublicKey []byte
	// PermanentIdentifiers and HardwareModules are all names of the device. Proves looks for one of them.
	PermanentIdentifiers []san.PermanentIdentifier
	HardwareModules      []san.HardwareModule
	// SerialNumber, UDID and IMEI are among PermanentIdentifiers.
	SerialNumber, UDID, IMEI string
	SecurityLevel            SecurityLevel
	// Manufacturer and Model of the TPM ("id:" and hexadecimal, TCG vendor registry) or the Android device.
	Manufacturer, Model string
	// OSVersion is, e.g., "17.4.1"; PatchLevel "202405" (Android).
	OSVersion, PatchLevel string
	// FirmwareVersion is that of the Secure Enclave (sepOS), the TPM or the YubiKey.
	FirmwareVersion string
	// Chain leads from the device's certificate to the anchor. It can be checked against lists of revoked devices.
	Chain []*x509.Certificate
}

// These are the types of ACME identifiers that a device can prove (draft-ietf-acme-device-attest sections 3 and 4).
const (
	PermanentIdentifier = "permanent-identifier"
	HardwareModule      = "hardware-module"
)

// Proves tells whether an ACME identifier of this type and value names the device, compared byte by byte. A value
// without an assigner does not match one with an assigner.
func (s *Statement) Proves(identifierType, value string) bool {
	switch identifierType {
	case PermanentIdentifier:
		p, err := san.ParsePermanentIdentifier(value, Field)
		return err == nil && slices.ContainsFunc(s.PermanentIdentifiers, p.Equal)
	case HardwareModule:
		h, err := san.ParseHardwareModule(value, Field)
		return err == nil && slices.ContainsFunc(s.HardwareModules, h.Equal)
	}
	return false
}

// SameKey tells whether two SubjectPublicKeyInfo (DER) hold the same key, such as those of a Statement and a CSR.
func SameKey(a, b []byte) bool {
	first, err := x509.ParsePKIXPublicKey(a)
	second, other := x509.ParsePKIXPublicKey(b)
	if err != nil || other != nil {
		return false
	}
	key, ok := first.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(second)
}

// binding ties a statement to one challenge.
type binding struct {
	// toBeSigned is attToBeSigned: the key authorization replaces WebAuthn's authenticator and client data.
	toBeSigned []byte
	// challenges are the forms in which Android's keystore may have received it: hashed, as in WebAuthn, or whole.
	challenges [][]byte
	// token is the SHA-256 of the token alone: Apple signs before it knows the account key.
	token [sha256.Size]byte
}

// Verify reads an attestation object and checks the chain to one of the anchors at the given time, what the format
// requires of certificates and statement, and that it answers this challenge. keyAuthorization is token "." thumbprint
// (RFC 8555 8.1).
//
// The caller must also check that Statement.Proves the identifier of the order, accept the object only once, and refuse
// a CSR whose key is not SameKey. Errors are *invalid.Error for Field, with a sentence that may be shown to the client.
// ACME reports them as badAttestationStatement.
func Verify(object []byte, keyAuthorization string, anchors Anchors, now time.Time) (*Statement, error) {
	token, thumbprint, ok := strings.Cut(keyAuthorization, ".")
	if !ok || token == "" || thumbprint == "" {
		return nil, refuse("There is no key authorization to compare the attestation with.")
	}
	hash := sha256.Sum256([]byte(keyAuthorization))
	return verify(
		object, binding{[]byte(keyAuthorization), [][]byte{hash[:], []byte(keyAuthorization)}, sha256.Sum256([]byte(token))}, anchors, now,
	)
}

// attestationObject is WebAuthn's, without authData, which has no meaning here and should be omitted.
type attestationObject struct {
	Format    Format          `cbor:"fmt"`
	Statement cbor.RawMessage `cbor:"attStmt"`
}

// statement has the members of all formats.
type statement struct {
	Version   string   `cbor:"ver"`
	Algorithm int64    `cbor:"alg"`
	Signature []byte   `cbor:"sig"`
	X5C       [][]byte `cbor:"x5c"`
	CertInfo  []byte   `cbor:"certInfo"`
	PubArea   []byte   `cbor:"pubArea"`
}

// decoder refuses input that no correct encoder writes.
var decoder = must(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	FieldNameMatching: cbor.FieldNameMatchingCaseSensitive, MaxNestedLevels: 8, MaxArrayElements: 64, MaxMapPairs: 32,
}.DecMode())

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func verify(object []byte, b binding, anchors Anchors, now time.Time) (*Statement, error) {
	if len(object) > MaxLength {
		return nil, refuse("The attestation object has %d bytes, but at most %d are allowed.", len(object), MaxLength)
	}
	if now.IsZero() {
		return nil, refuse("There is no time at which to check the attestation.") // crypto/x509 would use the current time
	}
	var o attestationObject
	if err := decoder.Unmarshal(object, &o); err != nil {
		return nil, refuse("The attestation object is not well-formed CBOR with fmt and attStmt (WebAuthn 6.5.4): %s.", clip(err))
	}
	if o.Format == "" || o.Statement == nil {
		return nil, refuse("The attestation object lacks fmt or attStmt (WebAuthn 6.5.4).")
	}
	if !slices.Contains(Formats(), o.Format) {
		return nil, refuse("The attestation format %+.40q is unknown. Known formats are apple, tpm, android-key and step.", o.Format)
	}
	roots := anchors[o.Format]
	if len(roots) == 0 {
		return nil, refuse("Attestations of the format %s are not accepted here, because no root is configured for it.", o.Format)
	}
	var s statement
	if err := decoder.Unmarshal(o.Statement, &s); err != nil {
		return nil, refuse("The statement of the attestation is malformed: %s.", clip(err))
	}
	chain, err := verifyChain(s.X5C, roots, now)
	if err != nil {
		return nil, err
	}
	result := &Statement{Format: o.Format, Chain: chain}
	if err := checks[o.Format](result, &s, b); err != nil {
		return nil, err
	}
	if result.PublicKey == nil {
		if err := result.setKey(chain[0].PublicKey); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// setKey refuses keys that cannot be in a CSR.
func (s *Statement) setKey(key any) error {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err == nil {
		_, err = algorithm.InspectPublicKey(spki)
	}
	if err != nil {
		return refuse("The attested key cannot be certified: %s", clip(err))
	}
	s.PublicKey = spki
	return nil
}

// identify adds non-empty permanent identifiers without an assigner. It skips those with a slash, which would set off
// an assigner that the device did not name.
func (s *Statement) identify(values ...string) {
	for _, v := range values {
		if v != "" && !strings.Contains(v, "/") {
			s.PermanentIdentifiers = append(s.PermanentIdentifiers, san.PermanentIdentifier{Value: v})
		}
	}
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func refuse(format string, args ...any) error { return invalid.New(Field, format, args...) }

// clip returns an error as short ASCII text, because it may repeat what was sent.
func clip(err error) string {
	text := err.Error()
	var refusal *invalid.Error
	if errors.As(err, &refusal) {
		text = refusal.Message
	}
	text = strings.Trim(strconv.QuoteToASCII(text[:min(len(text), 200)]), `"`)
	return strings.ReplaceAll(text, `\"`, `"`)
}
