package algorithm

import (
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// keyForm is a type of public key that crypto/x509 does not know.
type keyForm struct {
	info       PublicKeyInfo
	identifier []byte
	check      func(bits []byte) error // returns nil for a key that the family's verifier accepts
}

// scheme is the interface of libraries for newer algorithms: keys are bytes, and the same OID without parameters
// identifies key and signature.
type scheme struct {
	oid                       asn1.ObjectIdentifier
	label, family             string
	ocspSigner                string
	strength                  int
	publicSize, signatureSize int
	generate                  func() (private []byte, err error)
	// load reads a private key in the form returned by generate.
	load   func(private []byte) (public []byte, sign func(message []byte) ([]byte, error), err error)
	check  func(public []byte) error // nil if the size is the only condition
	verify func(public, message, signature []byte) error
}

// add adds the scheme to the family.
func (f *family) add(s scheme) {
	id := identifier(s.oid, nil)
	check := func(bits []byte) error {
		if s.check != nil {
			return s.check(bits)
		}
		if len(bits) != s.publicSize {
			return errors.New("the public key does not have the length required by its algorithm")
		}
		return nil
	}
	form := signatureForm{s.label, id, func(spki, message, signature []byte) error {
		bits, err := rawPublicKey(spki, id)
		if err == nil {
			err = check(bits)
		}
		if err != nil {
			return err
		}
		return s.verify(bits, message, signature)
	}}
	load := func(private []byte) (PrivateKey, error) {
		public, sign, err := s.load(private)
		if err != nil {
			return nil, err
		}
		return &rawKey{identifier: id, private: private, spki: marshalSPKI(id, public), sign: sign}, nil
	}
	f.signatures = append(f.signatures, form)
	f.keys = append(f.keys, keyForm{PublicKeyInfo{Type: s.label, Family: s.family}, id, check})
	f.rows = append(f.rows, &Algorithm{
		Label: s.label, Family: s.family, SecurityBits: s.strength, PostQuantum: true, PublicKeySize: len(
			marshalSPKI(id, make([]byte, s.publicSize)),
		), SignatureSize: s.signatureSize,
		signature: id, verify: form.verify, ocspSigner: s.ocspSigner,
		generate: func() (PrivateKey, error) {
			private, err := s.generate()
			if err != nil {
				return nil, err
			}
			return load(private)
		},
		parse: func(pkcs8 []byte) (PrivateKey, error) {
			private, err := parseRawPKCS8(pkcs8, id)
			if err != nil {
				return nil, err
			}
			return load(private)
		},
	})
}

type rawKey struct {
	identifier, private, spki []byte
	sign                      func(message []byte) ([]byte, error)
}

func (k *rawKey) PublicKey() []byte                   { return k.spki }
func (k *rawKey) Sign(message []byte) ([]byte, error) { return k.sign(message) }

// MarshalPKCS8 follows RFC 5958, with the bytes of the key directly in the OCTET STRING.
func (k *rawKey) MarshalPKCS8() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(k.identifier)
		b.AddASN1OctetString(k.private)
	})
	return b.Bytes()
}

func parseRawPKCS8(pkcs8, id []byte) ([]byte, error) {
	input := cryptobyte.String(pkcs8)
	var outer, found, private cryptobyte.String
	var version int64
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1Integer(&version) || version != 0 ||
		!outer.ReadASN1Element(&found, cbasn1.SEQUENCE) || !outer.ReadASN1(&private, cbasn1.OCTET_STRING) || !outer.Empty() {
		return nil, errors.New("this is not a PKCS #8 private key")
	}
	if string(found) != string(id) {
		return nil, errWrongKey
	}
	return append([]byte(nil), private...), nil // the caller wipes its copy
}

func marshalSPKI(id, public []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(id)
		b.AddASN1BitString(public)
	})
	return b.BytesOrPanic()
}

// keyFormOf returns the type of a SubjectPublicKeyInfo that crypto/x509 does not know.
func keyFormOf(spki []byte) (keyForm, bool) {
	input := cryptobyte.String(spki)
	var outer, id cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&id, cbasn1.SEQUENCE) {
		return keyForm{}, false
	}
	for _, f := range keyForms {
		if string(f.identifier) == string(id) {
			return f, true
		}
	}
	return keyForm{}, false
}

// rawPublicKey returns the key in a SubjectPublicKeyInfo with the given AlgorithmIdentifier, if it is in DER.
func rawPublicKey(spki, id []byte) ([]byte, error) {
	_, _, bits, ok := readSPKI(spki)
	if !ok || string(marshalSPKI(id, bits)) != string(spki) {
		return nil, errWrongKey
	}
	return bits, nil
}
