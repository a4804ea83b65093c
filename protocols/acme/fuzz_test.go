package acme

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/pkiaas/pkiaas/domain/acme"
)

// signedBy makes a JWS with P-256 without the server's library.
func signedBy(t testing.TB, key *ecdsa.PrivateKey, header, payload string) []byte {
	t.Helper()
	enc := base64.RawURLEncoding.EncodeToString
	protected := enc([]byte(header))
	digest := sha256.Sum256([]byte(protected + "." + enc([]byte(payload))))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(
		nil, `{"protected":%q,"payload":%q,"signature":%q}`, protected, enc([]byte(payload)),
		enc(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)),
	)
}

func newJWK(t testing.TB) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return key, fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, enc(point[1:33]), enc(point[33:]))
}

// FuzzParse: whatever comes in, nothing panics; what is refused is refused with a problem of the client's; and what is accepted
// verifies once more with another implementation: the signature over exactly the octets that came, by the key in the header.
func FuzzParse(f *testing.F) {
	key, jwk := newJWK(f)
	good := signedBy(f, key, `{"alg":"ES256","nonce":"n","url":"https://a/b","jwk":`+jwk+`}`, `{}`)
	f.Add(good)
	f.Add(signedBy(f, key, `{"alg":"ES256","nonce":"n","url":"https://a/b","kid":"https://a/1"}`, ``))
	f.Add(signedBy(f, key, `{"alg":"ES256","url":"https://a/b","jwk":`+jwk+`}`, `{"account":"https://a/1","oldKey":`+jwk+`}`))
	f.Add(bytes.Replace(good, []byte(`"payload"`), []byte(`"Payload"`), 1))
	f.Add(bytes.Replace(good, []byte(`{`), []byte(`{"header":{"alg":"none"},`), 1))
	f.Add(bytes.Replace(good, []byte(`{`), []byte(`{"signatures":[],`), 1))
	f.Add([]byte(`{"protected":"eyJhbGciOiJIUzI1NiIsImtpZCI6ImsiLCJ1cmwiOiJ1In0","payload":"e30","signature":"AAAA"}`))
	f.Add([]byte(`{"protected":"","payload":"","signature":""}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, inner := range []bool{false, true} {
			m, err := parse(body, inner, algorithms)
			if err != nil {
				isProblem(t, err)
				continue
			}
			if (m.key != nil) == (m.header.KeyID != nil) || m.header.URL == nil || (m.header.Nonce == nil) != inner {
				t.Fatalf("accepted: %s", body)
			}
			if m.key == nil {
				continue
			}
			if m.verify(m.key) == nil && !verifies(body, m) {
				t.Fatalf("accepted, but not signed by its key: %s", body)
			}
			if _, err := keyOf(m.key); err != nil {
				t.Fatalf("a key without thumbprint: %v", err)
			}
		}
		if b, err := binding(body, &jose.JSONWebKey{Key: &key.PublicKey}, "u"); err != nil {
			isProblem(t, err)
		} else if b.Verify([]byte("another secret of 32 octets here")) != macOf(body, []byte("another secret of 32 octets here")) {
			t.Fatalf("the MAC of a binding: %s", body)
		}
	})
}

func isProblem(t *testing.T, err error) {
	t.Helper()
	var p *acme.Problem
	if !errors.As(err, &p) || statusOf(p) < 400 || statusOf(p) > 499 {
		t.Fatalf("refused with %v", err)
	}
}

type parts struct{ Protected, Payload, Signature string }

// verifies checks the signature of a message as RFC 7515 has it, with the standard library alone.
func verifies(body []byte, m *message) bool {
	var p parts
	if json.Unmarshal(body, &p) != nil {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(p.Signature)
	if err != nil {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(p.Payload)
	if err != nil || !bytes.Equal(payload, m.payload) {
		return false
	}
	signed := []byte(p.Protected + "." + p.Payload)
	switch k := m.key.Key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return true // the fuzzer cannot sign with others
		}
		digest := sha256.Sum256(signed)
		return len(signature) == 64 && ecdsa.Verify(
			k, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]),
		)
	case *rsa.PublicKey:
		return true
	}
	return true
}

func macOf(body, secret []byte) bool {
	var p parts
	if json.Unmarshal(body, &p) != nil {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(p.Signature)
	if err != nil {
		return false
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(p.Protected + "." + p.Payload))
	return hmac.Equal(h.Sum(nil), signature)
}

// TestParse: the seeds that are right are accepted, so that FuzzParse begins on both sides of the border.
func TestParse(t *testing.T) {
	key, jwk := newJWK(t)
	m, err := parse(signedBy(t, key, `{"alg":"ES256","nonce":"n","url":"https://a/b","jwk":`+jwk+`}`, `{}`), false, algorithms)
	if err != nil || m.verify(m.key) != nil || string(m.payload) != "{}" {
		t.Fatal(err)
	}
	body := signedBy(t, key, `{"alg":"ES256","nonce":"n","url":"https://a/b","jwk":`+jwk+`}`, `{}`)
	if !verifies(body, m) {
		t.Error("the two implementations disagree")
	}
	other, _ := newJWK(t)
	forged := signedBy(t, other, `{"alg":"ES256","nonce":"n","url":"https://a/b","jwk":`+jwk+`}`, `{}`)
	if m, err = parse(forged, false, algorithms); err != nil || m.verify(m.key) == nil {
		t.Errorf("a forged signature: %v", err)
	}
}
