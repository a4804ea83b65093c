// Package ocsp reads OCSP requests and writes OCSP responses (RFC 6960; nonce by RFC 9654, light profile by RFC 5019).
// golang.org/x/crypto/ocsp supports neither requests for several certificates nor other algorithms.
package ocsp

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // CertID hashes are identifiers, and clients use SHA-1 by default
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/asn1"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

// These are the limits of a request.
const (
	MaxRequest      = 20 << 10 // MaxCertificates with SHA-512, and a signature
	MaxCertificates = 100
	maxNonce        = 128 // RFC 9654 2.1
)

var oidNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}

var hashes = map[string]crypto.Hash{
	"1.3.14.3.2.26": crypto.SHA1, "2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// short numbers the hashes. CertID.short is twice that number, plus one if the algorithm has NULL parameters.
var short = map[string]byte{"1.3.14.3.2.26": 0, "2.16.840.1.101.3.4.2.1": 1, "2.16.840.1.101.3.4.2.2": 2, "2.16.840.1.101.3.4.2.3": 3}

// CertID identifies a certificate by hashes of its issuer and its serial number.
type CertID struct {
	HashAlgorithm  asn1.ObjectIdentifier
	IssuerNameHash []byte
	IssuerKeyHash  []byte
	SerialNumber   []byte // contents of the INTEGER
	Raw            []byte // as sent: the response repeats it

	short byte // algorithm and form: together with issuer and serial number it determines Raw
}

// AppendKey appends what distinguishes this question from others about the same issuer. Each question has exactly one
// key, whatever else the request contains.
func (id CertID) AppendKey(b []byte) []byte {
	b = append(b, id.short, byte(len(id.SerialNumber)))
	return append(b, id.SerialNumber...)
}

// KeysOf returns the keys of all questions about one certificate, by its serial number (contents of the INTEGER).
func KeysOf(serial []byte) [][]byte {
	var keys [][]byte
	for n := range 2 * len(short) {
		keys = append(keys, CertID{short: byte(n), SerialNumber: serial}.AppendKey(nil))
	}
	return keys
}

// Clone returns a copy that does not share memory with the request.
func (id CertID) Clone() CertID {
	one := cryptobyte.String(bytes.Clone(id.Raw))
	id, _ = readCertID(&one) // it was parsed before
	return id
}

// Request is a request for the status of one or more certificates.
type Request struct {
	CertIDs []CertID
	Nonce   []byte // nil if absent
	Signed  bool   // see Verify

	tbs, algorithm, signature, certificate []byte
}

// Verify verifies the signature of a signed request with the first certificate it contains. It returns nil for an
// unsigned request, and if the algorithm is unknown or the certificate missing: responses are public, so the signature
// grants nothing. A wrong signature means that the request was altered.
func (r *Request) Verify() error {
	if !r.Signed || r.certificate == nil || !algorithm.CanVerify(r.algorithm) {
		return nil
	}
	d, err := issuance.Inspect(r.certificate)
	if err != nil {
		return err
	}
	return algorithm.VerifySignature(r.algorithm, d.PublicKey, r.tbs, r.signature)
}

// KeyBits returns the value of the subjectPublicKey BIT STRING, which CertID and ResponderID hash.
func KeyBits(spki []byte) ([]byte, error) {
	bits, ok := extension.PublicKeyBits(spki)
	if !ok {
		return nil, invalid.New("publicKey", "This is not a SubjectPublicKeyInfo.")
	}
	return bits, nil
}

// Issuer is an issuer of certificates, with the hashes that identify it.
type Issuer struct{ name, key map[string][]byte }

// NewIssuer takes the issuer's name (DER) and key (KeyBits).
func NewIssuer(name, keyBits []byte) *Issuer {
	i := &Issuer{map[string][]byte{}, map[string][]byte{}}
	for oid, hash := range hashes {
		sum := func(b []byte) []byte { h := hash.New(); h.Write(b); return h.Sum(nil) }
		i.name[oid], i.key[oid] = sum(name), sum(keyBits)
	}
	return i
}

// Issued tells whether this issuer issued the certificate.
func (i *Issuer) Issued(id CertID) bool {
	oid := id.HashAlgorithm.String()
	name, known := i.name[oid]
	return known && bytes.Equal(id.IssuerNameHash, name) && bytes.Equal(id.IssuerKeyHash, i.key[oid])
}

// MatchesIssuer tells whether the issuer with this name (DER) and key (KeyBits) issued the certificate.
func (id CertID) MatchesIssuer(issuerName, keyBits []byte) bool {
	return NewIssuer(issuerName, keyBits).Issued(id)
}

// ParseRequest reads an OCSPRequest (DER). Report any error as malformedRequest.
func ParseRequest(der []byte) (*Request, error) {
	refuse := invalid.New("request", "This is not an OCSP request.")
	if len(der) > MaxRequest {
		return nil, invalid.New("request", "An OCSP request can have at most %d bytes.", MaxRequest)
	}

	input := cryptobyte.String(der)
	var outer, raw, tbs, list cryptobyte.String
	r := &Request{}
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1Element(&raw, cbasn1.SEQUENCE) {
		return nil, refuse
	}
	r.tbs = raw
	if r.Signed = !outer.Empty(); r.Signed && !r.readSignature(outer) {
		return nil, refuse
	}
	if !raw.ReadASN1(&tbs, cbasn1.SEQUENCE) {
		return nil, refuse
	}
	// version [0] DEFAULT v1, requestorName [1]
	version := 0
	if !tbs.ReadOptionalASN1Integer(&version, explicit(0), 0) || version != 0 || !tbs.SkipOptionalASN1(explicit(1)) ||
		!tbs.ReadASN1(&list, cbasn1.SEQUENCE) {
		return nil, refuse
	}
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadASN1(&one, cbasn1.SEQUENCE) {
			return nil, refuse
		}
		id, ok := readCertID(&one)
		if !ok || !knowsSingleExtensions(&one) || !one.Empty() || len(r.CertIDs) == MaxCertificates {
			return nil, refuse
		}
		r.CertIDs = append(r.CertIDs, id)
	}
	if len(r.CertIDs) == 0 {
		return nil, refuse
	}
	var wrapped, extensions cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&wrapped, &present, explicit(2)) || !tbs.Empty() {
		return nil, refuse
	}
	if !present {
		return r, nil
	}
	if !wrapped.ReadASN1(&extensions, cbasn1.SEQUENCE) || !wrapped.Empty() {
		return nil, refuse
	}
	parsed, ok := extension.ParseList(extensions)
	if !ok {
		return nil, refuse
	}
	for _, e := range parsed {
		if e.ID.Equal(oidNonce) {
			value := cryptobyte.String(e.Value)
			var nonce cryptobyte.String
			if !value.ReadASN1(&nonce, cbasn1.OCTET_STRING) || !value.Empty() || len(nonce) == 0 || len(nonce) > maxNonce {
				return nil, refuse
			}
			r.Nonce = nonce
		} else if e.Critical {
			return nil, invalid.New("request", "The critical extension %s is not supported.", e.ID)
		}
	}
	return r, nil
}

// readSignature reads optionalSignature (RFC 6960 4.1.1).
func (r *Request) readSignature(s cryptobyte.String) bool {
	var wrapped, inner, algorithm, bits, certificates, list, first cryptobyte.String
	var present bool
	if !s.ReadASN1(&wrapped, explicit(0)) || !s.Empty() || !wrapped.ReadASN1(&inner, cbasn1.SEQUENCE) || !wrapped.Empty() ||
		!inner.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) || !inner.ReadASN1(&bits, cbasn1.BIT_STRING) || len(bits) < 1 || bits[0] != 0 ||
		!inner.ReadOptionalASN1(&certificates, &present, explicit(0)) || !inner.Empty() {
		return false
	}
	r.algorithm, r.signature = algorithm, bits[1:]
	if !present {
		return true
	}
	if !certificates.ReadASN1(&list, cbasn1.SEQUENCE) || !certificates.Empty() {
		return false
	}
	if !list.Empty() {
		if !list.ReadASN1Element(&first, cbasn1.SEQUENCE) {
			return false
		}
		r.certificate = first
	}
	return true
}

// knowsSingleExtensions skips the extensions of a single request, such as the service locator, and refuses critical
// ones.
func knowsSingleExtensions(one *cryptobyte.String) bool {
	var wrapped, list cryptobyte.String
	var present bool
	if !one.ReadOptionalASN1(&wrapped, &present, explicit(0)) || !present {
		return !present
	}
	if !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty() {
		return false
	}
	extensions, ok := extension.ParseList(list)
	return ok && !slices.ContainsFunc(extensions, func(e extension.Extension) bool { return e.Critical })
}

func readCertID(one *cryptobyte.String) (id CertID, ok bool) {
	var raw, inner, algorithm, name, key, serial cryptobyte.String
	if !one.ReadASN1Element(&raw, cbasn1.SEQUENCE) {
		return id, false
	}
	id.Raw = raw
	if !raw.ReadASN1(&inner, cbasn1.SEQUENCE) || !inner.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&id.HashAlgorithm) ||
		!inner.ReadASN1(&name, cbasn1.OCTET_STRING) || !inner.ReadASN1(&key, cbasn1.OCTET_STRING) ||
		!inner.ReadASN1(&serial, cbasn1.INTEGER) ||
		!inner.Empty() || len(serial) == 0 || len(serial) > 21 || !minimal(serial) || len(name) > 64 || len(key) > 64 {
		return id, false
	}
	// The parameters of a hash must be absent or NULL. Anything else would allow many keys for the same question.
	null := len(algorithm) > 0
	if null && !bytes.Equal(algorithm, []byte{5, 0}) {
		return id, false
	}
	if n, known := short[id.HashAlgorithm.String()]; known {
		if id.short = 2 * n; null {
			id.short++
		}
	}
	id.IssuerNameHash, id.IssuerKeyHash, id.SerialNumber = name, key, serial
	return id, true
}

// minimal tells whether an INTEGER has no redundant bytes, as DER requires.
func minimal(integer []byte) bool {
	return len(integer) < 2 || !(integer[0] == 0 && integer[1] < 0x80 || integer[0] == 0xff && integer[1] >= 0x80)
}
