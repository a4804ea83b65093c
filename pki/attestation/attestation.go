// Package attestation verifies what a device says of itself and of a key with the word of its maker: attestation
// objects of the ACME challenge device-attest-01 (draft-ietf-acme-device-attest), which have the form of WebAuthn's
// (section 6.5.4). It is given everything, the time included; that an object is used once is up to the caller.
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

// Field is the field that every error of Verify names: the member of the challenge response that holds the object.
const Field = "attObj"

// Bounds of what is read.
const (
	MaxLength       = 64 << 10 // of an object, in bytes
	maxCertificates = 8        // in x5c
)

// Format is the form of an attestation statement, a name of IANA's registry "WebAuthn Attestation Statement Format
// Identifiers" but for Step.
type Format string

// The formats.
const (
	// Apple is Managed Device Attestation of iPhone, iPad, Mac, Apple TV, Watch and Vision.
	Apple Format = "apple"
	// TPM is a key that a TPM 2.0 certified with an attestation key (WebAuthn 8.3).
	TPM Format = "tpm"
	// AndroidKey is a key of Android's hardware-backed keystore (WebAuthn 8.4).
	AndroidKey Format = "android-key"
	// Step is smallstep's format for the PIV keys of YubiKeys.
	Step Format = "step"
)

// Formats lists every format.
func Formats() []Format { return []Format{Apple, TPM, AndroidKey, Step} }

// checks are what a format demands beyond the chain. A check fills in the statement; the attested key is that of the
// device's certificate where it sets none.
var checks = map[Format]func(*Statement, *statement, binding) error{Apple: apple, TPM: trustedModule, AndroidKey: androidKey, Step: step}

// Anchors are whom to believe: of each accepted format, the certificates that its chains must lead to. A format
// without any is refused. ParseAnchors makes them.
type Anchors map[Format][]*x509.Certificate

// SecurityLevel is what keeps the key.
type SecurityLevel string

// The security levels.
const (
	SecureEnclave      SecurityLevel = "SECURE_ENCLAVE"      // of Apple silicon
	TrustedModule      SecurityLevel = "TPM"                 // discrete, in the chipset, or virtual: its maker's anchor says
	TrustedEnvironment SecurityLevel = "TRUSTED_ENVIRONMENT" // of the main processor of an Android device
	StrongBox          SecurityLevel = "STRONGBOX"           // a security chip of its own in an Android device
	SecurityKey        SecurityLevel = "SECURITY_KEY"        // a YubiKey
)

// Statement is what was proven. Text is empty where the device did not say.
type Statement struct {
	Format Format
	// PublicKey is the SubjectPublicKeyInfo (DER) of the attested key; SameKey compares it.
	PublicKey []byte
	// PermanentIdentifiers and HardwareModules are all that the device may call itself; Proves asks for one.
	PermanentIdentifiers []san.PermanentIdentifier
	HardwareModules      []san.HardwareModule
	// SerialNumber, UDID and IMEI are among PermanentIdentifiers.
	SerialNumber, UDID, IMEI string
	SecurityLevel            SecurityLevel
	// Manufacturer and Model of the TPM ("id:" and hexadecimal, TCG vendor registry) or the Android device.
	Manufacturer, Model string
	// OSVersion is such as "17.4.1"; PatchLevel such as "202405" (Android).
	OSVersion, PatchLevel string
	// FirmwareVersion is that of the Secure Enclave (sepOS), the TPM or the YubiKey.
	FirmwareVersion string
	// Chain leads from the certificate of the device to the anchor; who keeps lists of revoked devices looks here.
	Chain []*x509.Certificate
}

// The types of ACME identifiers that a device proves (draft-ietf-acme-device-attest sections 3 and 4).
const (
	PermanentIdentifier = "permanent-identifier"
	HardwareModule      = "hardware-module"
)

// Proves tells whether the device is the one that an ACME identifier of this type and value names, octet by octet. A
// value without assigner is not one with an assigner.
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

// SameKey tells whether two SubjectPublicKeyInfo (DER) hold one key: that of a Statement and that of a CSR.
func SameKey(a, b []byte) bool {
	first, err := x509.ParsePKIXPublicKey(a)
	second, other := x509.ParsePKIXPublicKey(b)
	if err != nil || other != nil {
		return false
	}
	key, ok := first.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(second)
}

// binding is what ties a statement to one challenge.
type binding struct {
	// toBeSigned is attToBeSigned: the key authorization in the place of WebAuthn's authenticator and client data.
	toBeSigned []byte
	// challenges are the forms in which Android's keystore may have been given it: hashed, as WebAuthn does, or whole.
	challenges [][]byte
	// token is the SHA-256 of the token alone: Apple signs before the account key is known to it.
	token [sha256.Size]byte
}

// Verify reads an attestation object and checks everything it can: the chain to one of the anchors at the given time,
// what the format demands of certificates and statement, and that it answers this challenge. keyAuthorization is
// token "." thumbprint (RFC 8555 8.1).
//
// The caller must still ask whether Statement.Proves the identifier of the order, let the object count once, and refuse
// a CSR whose key is not SameKey. Errors are *invalid.Error for Field, with a sentence that may be shown to the client:
// ACME answers badAttestationStatement.
func Verify(object []byte, keyAuthorization string, anchors Anchors, now time.Time) (*Statement, error) {
	token, thumbprint, ok := strings.Cut(keyAuthorization, ".")
	if !ok || token == "" || thumbprint == "" {
		return nil, refuse("there is no key authorization to hold the attestation against")
	}
	hash := sha256.Sum256([]byte(keyAuthorization))
	return verify(object, binding{[]byte(keyAuthorization), [][]byte{hash[:], []byte(keyAuthorization)}, sha256.Sum256([]byte(token))}, anchors, now)
}

// attestationObject is WebAuthn's, without authData, which means nothing here and should be left out.
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

// decoder refuses what no honest encoder writes.
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
		return nil, refuse("the attestation object has %d bytes, at most %d are allowed", len(object), MaxLength)
	}
	if now.IsZero() {
		return nil, refuse("there is no time at which to check the attestation") // crypto/x509 would take its own
	}
	var o attestationObject
	if err := decoder.Unmarshal(object, &o); err != nil {
		return nil, refuse("the attestation object is not well-formed CBOR with fmt and attStmt (WebAuthn 6.5.4): %s", clip(err))
	}
	if o.Format == "" || o.Statement == nil {
		return nil, refuse("the attestation object lacks fmt or attStmt (WebAuthn 6.5.4)")
	}
	if !slices.Contains(Formats(), o.Format) {
		return nil, refuse("attestations of the format %+.40q are not known; apple, tpm, android-key and step are", o.Format)
	}
	roots := anchors[o.Format]
	if len(roots) == 0 {
		return nil, refuse("attestations of the format %s are not accepted here: no root is configured for it", o.Format)
	}
	var s statement
	if err := decoder.Unmarshal(o.Statement, &s); err != nil {
		return nil, refuse("the statement of the attestation is malformed: %s", clip(err))
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

// setKey refuses keys that no CSR could hold.
func (s *Statement) setKey(key any) error {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err == nil {
		_, err = algorithm.InspectPublicKey(spki)
	}
	if err != nil {
		return refuse("the attested key cannot be certified: %s", clip(err))
	}
	s.PublicKey = spki
	return nil
}

// identify adds permanent identifiers without assigner, those that are not empty. A slash would set off an assigner that
// the device did not name.
func (s *Statement) identify(values ...string) {
	for _, v := range values {
		if v != "" && !strings.Contains(v, "/") {
			s.PermanentIdentifiers = append(s.PermanentIdentifiers, san.PermanentIdentifier{Value: v})
		}
	}
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func refuse(format string, args ...any) error { return invalid.New(Field, format, args...) }

// clip is what an error says, short and in ASCII: it may repeat what was sent.
func clip(err error) string {
	text := err.Error()
	var refusal *invalid.Error
	if errors.As(err, &refusal) {
		text = refusal.Message
	}
	text = strings.Trim(strconv.QuoteToASCII(text[:min(len(text), 200)]), `"`)
	return strings.ReplaceAll(text, `\"`, `"`)
}
