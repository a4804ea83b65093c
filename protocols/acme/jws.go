package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json/jsontext"
	json "encoding/json/v2"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/pkiaas/pkiaas/domain/acme"
)

// algorithms are those of account keys; RFC 8555 6.2 asks for ES256 at least.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

func algorithmNames() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return names
}

// protectedHeader of a request (RFC 8555 6.2). Nothing else may be critical.
type protectedHeader struct {
	Algorithm string          `json:"alg"`
	Nonce     *string         `json:"nonce"`
	URL       *string         `json:"url"`
	JWK       jsontext.Value  `json:"jwk"`
	KeyID     *string         `json:"kid"`
	Critical  *jsontext.Value `json:"crit"`
	Base64    *jsontext.Value `json:"b64"`
}

// flattened JSON serialization (RFC 7515 7.2.2), the only one that ACME allows.
type flattened struct {
	Protected  *string         `json:"protected"`
	Payload    *string         `json:"payload"`
	Signature  *string         `json:"signature"`
	Header     *jsontext.Value `json:"header"`
	Signatures *jsontext.Value `json:"signatures"`
}

// message is a JWS whose form is right and whose signature has not been verified.
type message struct {
	header  protectedHeader
	key     *jose.JSONWebKey // of "jwk", nil with "kid"
	payload []byte
	signed  *jose.JSONWebSignature
}

func malformed(format string, args ...any) *acme.Problem {
	return acme.NewProblem("malformed", format, args...)
}

var strict = base64.RawURLEncoding.Strict()

// parse reads a JWS. inner tells that it is one within another, which has no nonce (RFC 8555 7.3.4, 7.3.5). allowed are the
// signature algorithms.
func parse(body []byte, inner bool, allowed []jose.SignatureAlgorithm) (*message, error) {
	var f flattened
	if err := json.Unmarshal(body, &f); err != nil {
		return nil, malformed("the request is not a JWS in flattened JSON serialization (RFC 8555 6.2)")
	}
	switch {
	case f.Signatures != nil:
		return nil, malformed("a JWS with several signatures is not accepted (RFC 8555 6.2)")
	case f.Header != nil:
		return nil, malformed("a JWS with an unprotected header is not accepted (RFC 8555 6.2)")
	case f.Protected == nil || f.Payload == nil || f.Signature == nil:
		return nil, malformed("the JWS lacks protected, payload or signature")
	}
	raw, err := strict.DecodeString(*f.Protected)
	if err != nil {
		return nil, malformed("protected is not base64url without padding")
	}
	m := &message{}
	if err := json.Unmarshal(raw, &m.header); err != nil {
		return nil, malformed("the protected header is not a JSON object with each member once")
	}
	if m.payload, err = strict.DecodeString(*f.Payload); err != nil {
		return nil, malformed("payload is not base64url without padding")
	}
	if _, err := strict.DecodeString(*f.Signature); err != nil {
		return nil, malformed("signature is not base64url without padding")
	}
	h := m.header
	switch {
	case h.Critical != nil || h.Base64 != nil:
		return nil, malformed("the header has extensions (crit, b64) that are not understood here")
	case h.URL == nil:
		return nil, malformed("the protected header lacks url")
	case inner && h.Nonce != nil:
		return nil, malformed("an inner JWS has no nonce")
	case !inner && h.Nonce == nil:
		return nil, acme.NewProblem("badNonce", "the protected header lacks a nonce")
	case h.JWK != nil && h.KeyID != nil:
		return nil, malformed("the protected header has both jwk and kid")
	case h.JWK == nil && h.KeyID == nil:
		return nil, malformed("the protected header has neither jwk nor kid")
	}
	known := false
	for _, a := range allowed {
		known = known || string(a) == h.Algorithm
	}
	if !known {
		p := acme.NewProblem("badSignatureAlgorithm", "the signature algorithm is not accepted here")
		p.Algorithms = algorithmNames()
		return nil, p
	}
	if h.JWK != nil {
		if m.key, err = publicKey(h.JWK, h.Algorithm); err != nil {
			return nil, err
		}
	}
	if m.signed, err = jose.ParseSignedJSON(string(body), allowed); err != nil {
		return nil, malformed("the JWS cannot be read: %s", short(err))
	}
	return m, nil
}

func short(err error) string {
	s := err.Error()
	if len(s) > 100 {
		s = s[:100]
	}
	return s
}

const (
	minRSA = 2048
	maxRSA = 8192
)

// publicKey reads an account key and checks that it fits the algorithm.
func publicKey(raw []byte, algorithm string) (*jose.JSONWebKey, error) {
	key := &jose.JSONWebKey{}
	bad := func(says string) error { return acme.NewProblem("badPublicKey", "%s", says) }
	if err := key.UnmarshalJSON(raw); err != nil || !key.Valid() {
		return nil, bad("the jwk is not a key that is known here")
	}
	if !key.IsPublic() {
		return nil, bad("the jwk holds a private or symmetric key: it must be replaced, since it was sent")
	}
	if key.Algorithm != "" && key.Algorithm != algorithm {
		return nil, bad("the jwk is for another algorithm")
	}
	fits := false
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return nil, bad("an RSA account key has 2048 to 8192 bits")
		}
		if k.E < 3 || k.E%2 == 0 {
			return nil, bad("the RSA exponent of the account key is not right")
		}
		fits = algorithm == string(jose.RS256)
	case *ecdsa.PublicKey:
		fits = k.Curve == elliptic.P256() && algorithm == string(jose.ES256) || k.Curve == elliptic.P384() &&
			algorithm == string(jose.ES384) ||
			k.Curve == elliptic.P521() && algorithm == string(jose.ES512)
	case ed25519.PublicKey:
		fits = algorithm == string(jose.EdDSA)
	}
	if !fits {
		p := acme.NewProblem("badSignatureAlgorithm", "the signature algorithm does not fit the account key")
		p.Algorithms = algorithmNames()
		return nil, p
	}
	return &jose.JSONWebKey{Key: key.Key}, nil // without what else the client wrote
}

// verify checks the signature with the key; the payload is what was signed.
func (m *message) verify(key *jose.JSONWebKey) error {
	payload, err := m.signed.Verify(key)
	if err != nil || subtle.ConstantTimeCompare(payload, m.payload) != 1 {
		return malformed("the signature of the JWS does not fit its key")
	}
	return nil
}

// fits tells whether the algorithm of the message is that of the account's key.
func (m *message) fits(key *jose.JSONWebKey) error {
	raw, err := key.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = publicKey(raw, m.header.Algorithm)
	return err
}

// keyOf is a key as the domain knows it.
func keyOf(k *jose.JSONWebKey) (acme.Key, error) {
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return acme.Key{}, err
	}
	text, err := k.MarshalJSON()
	return acme.Key{Thumbprint: base64.RawURLEncoding.EncodeToString(sum), JWK: string(text)}, err
}

func spki(k *jose.JSONWebKey) ([]byte, error) { return x509.MarshalPKIXPublicKey(k.Key) }

// binding checks an externalAccountBinding but for its MAC (RFC 8555 7.3.4): outer is the account key, url that of newAccount.
func binding(raw []byte, outer *jose.JSONWebKey, url string) (*acme.Binding, error) {
	m, err := parse(raw, true, []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512})
	if err != nil {
		var p *acme.Problem
		if errors.As(err, &p) {
			if p.Type == "badSignatureAlgorithm" {
				return nil, malformed("the external account binding is signed with HS256, HS384 or HS512")
			}
			return nil, malformed("externalAccountBinding: %s", p.Detail)
		}
		return nil, err
	}
	if m.header.KeyID == nil || *m.header.KeyID == "" || len(*m.header.KeyID) > 64 {
		return nil, malformed("the external account binding lacks the kid of the EAB key")
	}
	if *m.header.URL != url {
		return nil, malformed("the url of the external account binding is not that of the request")
	}
	inner := &jose.JSONWebKey{}
	if err := inner.UnmarshalJSON(m.payload); err != nil {
		return nil, malformed("the payload of the external account binding is not the account key")
	}
	a, err1 := inner.Thumbprint(crypto.SHA256)
	b, err2 := outer.Thumbprint(crypto.SHA256)
	if err1 != nil || err2 != nil || subtle.ConstantTimeCompare(a, b) != 1 {
		return nil, malformed("the payload of the external account binding is another key than the account's")
	}
	return &acme.Binding{KeyID: *m.header.KeyID, Raw: compact(raw), Bytes: hashBytes[m.header.Algorithm], Verify: func(secret []byte) bool {
		_, err := m.signed.Verify(secret)
		return err == nil
	}}, nil
}

// hashBytes is the least length of a key of each algorithm (RFC 7518 3.2).
var hashBytes = map[string]int{string(jose.HS256): 32, string(jose.HS384): 48, string(jose.HS512): 64}

func compact(raw []byte) []byte {
	v := jsontext.Value(strings.Clone(string(raw)))
	if err := v.Compact(); err != nil {
		return raw
	}
	return v
}
