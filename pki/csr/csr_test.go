package csr

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/san"
)

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func request(t testing.TB, key crypto.Signer, template *x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func armored(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

var usual = &x509.CertificateRequest{
	Subject: pkix.Name{CommonName: "www.example.com", Organization: []string{"Example"}, Country: []string{"CA"}},
	DNSNames: []string{
		"www.example.com", "example.com",
	}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, EmailAddresses: []string{"a@example.com"},
	URIs:            []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/web"}},
	ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 7, 0x80}}},
}

func TestEveryFormOfARequestIsRead(t *testing.T) {
	der := request(t, ecKey(t), usual)
	text := armored("CERTIFICATE REQUEST", der)
	for label, input := range map[string]string{
		"PEM":                  text,
		"old PEM label":        armored("NEW CERTIFICATE REQUEST", der),
		"text in front":        "Certificate Request:\n    Data:\n" + text,
		"text behind":          text + "\nsent from my phone\n",
		"Windows line ends":    strings.ReplaceAll(text, "\n", "\r\n"),
		"one line":             strings.ReplaceAll(text, "\n", " "),
		"byte order mark":      "\ufeff" + text,
		"DER":                  string(der),
		"base64":               base64.StdEncoding.EncodeToString(der),
		"base64 in lines":      strings.Join(strings.SplitAfterN(base64.StdEncoding.EncodeToString(der), "A", 5), "\r\n"),
		"base64, no padding":   base64.RawStdEncoding.EncodeToString(der),
		"spaces around base64": "\n  " + base64.StdEncoding.EncodeToString(der) + "\n\n",
	} {
		r, err := Parse([]byte(input))
		if err != nil {
			t.Errorf("%s: %v", label, err)
			continue
		}
		if r.Subject.String() != "CN=www.example.com,O=Example,C=CA" || len(r.SANs) != 5 || len(r.Extensions) != 1 ||
			string(r.Raw) != string(der) {
			t.Errorf("%s: subject %q, names %v, extensions %v", label, r.Subject, r.SANs, r.Extensions)
		}
		if r.KeyInfo.Family != "ECDSA" || r.Extensions[0].ID.String() != "2.5.29.15" || !r.Extensions[0].Critical {
			t.Errorf("%s: key %+v, extension %+v", label, r.KeyInfo, r.Extensions[0])
		}
	}
}

func TestKeysOfSubscribers(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	for want, key := range map[string]crypto.Signer{"RSA 2048": rsaKey, "Ed25519": edKey, "ECDSA P-521": p521} {
		r, err := Parse(request(t, key, usual))
		if err != nil || r.KeyInfo.Type != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	r, err := Parse(request(t, rsaKey, &x509.CertificateRequest{SignatureAlgorithm: x509.SHA256WithRSAPSS}))
	if err != nil || !r.Subject.IsEmpty() {
		t.Errorf("RSA-PSS with an empty subject: %v", err)
	}
}

func refusal(t *testing.T, label string, input []byte, words ...string) {
	t.Helper()
	_, err := Parse(input)
	var refused *invalid.Error
	if !errors.As(err, &refused) || refused.Field != "csr" {
		t.Errorf("%s: %v, want an *invalid.Error for csr", label, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(refused.Message, word) {
			t.Errorf("%s: %q does not say %q", label, refused.Message, word)
		}
	}
}

func TestOtherThingsAreNamed(t *testing.T) {
	key := ecKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := x509.MarshalPKIXPublicKey(key.Public())
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(key)
	sec1, _ := x509.MarshalECPrivateKey(key)
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey)
	der := request(t, key, usual)

	refusal(t, "empty", nil, "Paste one")
	refusal(t, "blank", []byte(" \n "), "Paste one")
	refusal(t, "words", []byte("please issue a certificate!"), "not a certificate signing request")
	refusal(t, "certificate", []byte(armored("CERTIFICATE", certificate)), "certificate")
	refusal(t, "DER certificate", certificate, "a certificate")
	refusal(t, "certificate with the label of a request", []byte(armored("CERTIFICATE REQUEST", certificate)), "a certificate")
	refusal(t, "public key", public, "public key")
	refusal(t, "public key in PEM", []byte(armored("PUBLIC KEY", public)), "public key")
	refusal(t, "two requests", []byte(armored("CERTIFICATE REQUEST", der)+armored("CERTIFICATE REQUEST", der)), "two")
	refusal(t, "request and certificate", []byte(armored("CERTIFICATE REQUEST", der)+armored("CERTIFICATE", certificate)), "more than")
	refusal(t, "cut off", []byte(armored("CERTIFICATE REQUEST", der)[:200]), "cut off")
	refusal(t, "damaged base64", []byte(strings.Replace(armored("CERTIFICATE REQUEST", der), "M", "!", 1)), "base64")
	refusal(t, "too long", make([]byte, MaxLength+1), "at most")

	for label, secret := range map[string][]byte{
		"PKCS #8":           pkcs8,
		"PKCS #1":           pkcs1,
		"SEC 1":             sec1,
		"PKCS #8 PEM":       []byte(armored("PRIVATE KEY", pkcs8)),
		"encrypted PEM":     []byte(armored("ENCRYPTED PRIVATE KEY", pkcs8)),
		"EC PEM":            []byte(armored("EC PRIVATE KEY", sec1)),
		"key behind a CSR":  []byte(armored("CERTIFICATE REQUEST", der) + armored("RSA PRIVATE KEY", pkcs1)),
		"key with CSR name": []byte(armored("CERTIFICATE REQUEST", pkcs8)),
		"base64 key":        []byte(base64.StdEncoding.EncodeToString(pkcs8)),
	} {
		refusal(t, label, secret, "PRIVATE KEY", "discard it")
		_, err := Parse(secret)
		if text := string(secret); strings.Contains(err.Error(), text[len(text)-40:len(text)-20]) {
			t.Errorf("%s: the message repeats the key", label)
		}
	}
}

func TestProofOfPossession(t *testing.T) {
	der := request(t, ecKey(t), usual)
	flipped := append([]byte(nil), der...)
	at := strings.Index(string(flipped), "www.example.com")
	flipped[at] = 'x'
	refusal(t, "changed subject", flipped, "possession")

	// The signature of one key on the request of another.
	other := request(t, ecKey(t), usual)
	var a, b struct {
		Info      asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &a); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(other, &b); err != nil {
		t.Fatal(err)
	}
	a.Signature = b.Signature
	swapped, err := asn1.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	refusal(t, "signature of another key", swapped, "possession")
	if _, err := ParseKey(swapped); err == nil {
		t.Error("ParseKey does not check possession")
	}
}

func TestWeakAndUnknownKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	refusal(t, "RSA 1024", request(t, weak, usual), "1024")
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	refusal(t, "P-224", request(t, p224, usual), "P-256")
}

func TestUnsupportedSignatureIsNamed(t *testing.T) {
	der := request(t, ecKey(t), usual)
	sha256, sha1 := []byte{0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}, []byte{0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1}
	refusal(t, "unknown signature algorithm", bytes.Replace(der, sha256, sha1, 1), "The signature", "not supported")
}

// signed builds a request with the given attributes and a valid signature.
func signed(t testing.TB, key *ecdsa.PrivateKey, version int64, attributes func(*cryptobyte.Builder), after []byte) []byte {
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(version)
		b.AddBytes([]byte{0x30, 0})
		b.AddBytes(public)
		if attributes != nil {
			b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), attributes)
		}
		b.AddBytes(after)
	})
	info := b.BytesOrPanic()
	hash := crypto.SHA256.New()
	hash.Write(info)
	signature, err := ecdsa.SignASN1(rand.Reader, key, hash.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	var outer cryptobyte.Builder
	outer.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(info)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2})
		})
		b.AddASN1BitString(signature)
	})
	return outer.BytesOrPanic()
}

func attribute(oid asn1.ObjectIdentifier, value []byte) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(value) })
		})
	}
}

func extensions(list ...pkix.Extension) []byte {
	der, err := asn1.Marshal(list)
	if err != nil {
		panic(err)
	}
	return der
}

func TestOddRequests(t *testing.T) {
	key := ecKey(t)
	bmp := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2}, Value: []byte{0x1e, 0}}
	underscore := pkix.Extension{Id: oidSAN, Value: []byte{0x30, 5, 0x82, 3, 'a', '_', 'b'}}
	good := signed(t, key, 0, nil, nil)
	if _, err := Parse(good); err != nil {
		t.Errorf("without attributes: %v", err)
	}
	refusal(t, "version 1", signed(t, key, 1, nil, nil), "version")
	refusal(t, "data inside", signed(t, key, 0, nil, []byte{5, 0}), "request")
	refusal(t, "trailing data", append(append([]byte(nil), good...), 0), "followed by more data")
	refusal(t, "truncated", good[:len(good)-5], "cut off")
	refusal(t, "same extension twice", signed(t, key, 0, attribute(oidExtensionRequest, extensions(bmp, bmp)), nil), "twice")
	refusal(t, "two extension requests", signed(t, key, 0, func(b *cryptobyte.Builder) {
		attribute(oidExtensionRequest, extensions(bmp))(b)
		attribute(oidCertExtensions, extensions(bmp))(b)
	}, nil), "two attributes")
	refusal(t, "bad name", signed(t, key, 0, attribute(oidExtensionRequest, extensions(underscore)), nil), "underscore")
	refusal(t, "broken attribute", signed(t, key, 0, func(b *cryptobyte.Builder) { b.AddBytes([]byte{0x30, 0}) }, nil), "attributes")
	refusal(t, "empty extension", signed(t, key, 0, attribute(oidExtensionRequest, []byte{0x30, 2, 0x30, 0}), nil), "extension")
	many := make([]pkix.Extension, maxExtensions+1)
	for i := range many {
		many[i] = pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, i}, Value: []byte{5, 0}}
	}
	refusal(t, "many extensions", signed(t, key, 0, attribute(oidExtensionRequest, extensions(many...)), nil), "more than")

	r, err := ParseKey(signed(t, key, 0, attribute(oidExtensionRequest, extensions(underscore)), nil))
	if err != nil || len(r.SANs) != 0 || r.KeyInfo.Family != "ECDSA" {
		t.Errorf("ParseKey: %+v, %v", r, err)
	}
	r, err = Parse(signed(t, key, 0, attribute(oidChallengePassword, []byte{0x13, 3, 'a', 'b', 'c'}), nil))
	if err != nil || r.ChallengePassword != "abc" {
		t.Errorf("challenge password: %v", err)
	}
	r, err = Parse(signed(t, key, 0, attribute(oidCertExtensions, extensions(bmp)), nil))
	if err != nil || len(r.Extensions) != 1 {
		t.Errorf("extensions as older Windows asks for them: %v", err)
	}
}

func TestSubjectsThatWouldFoolAReader(t *testing.T) {
	key := ecKey(t)
	for label, common := range map[string]string{
		"NUL": "www.bank.example\x00.evil.example", "bidi": "a\u202eb", "homoglyph": "p\u0430ypal", "long": strings.Repeat("a", 65),
	} {
		der := request(t, key, &x509.CertificateRequest{Subject: pkix.Name{CommonName: common}})
		refusal(t, label, der, "The subject is invalid")
	}
	der := request(t, key, &x509.CertificateRequest{DNSNames: []string{"www.bank.example\x00.evil.example"}})
	refusal(t, "NUL in a DNS name", der, "The subject alternative name is invalid")
}

func FuzzParse(f *testing.F) {
	key := ecKey(f)
	der := request(f, key, usual)
	f.Add(der)
	f.Add([]byte(armored("CERTIFICATE REQUEST", der)))
	f.Add(signed(f, key, 0, attribute(oidChallengePassword, []byte{0x13, 1, 'a'}), nil))
	f.Fuzz(func(t *testing.T, input []byte) {
		r, err := Parse(input)
		if err != nil {
			var refused *invalid.Error
			if !errors.As(err, &refused) {
				t.Fatalf("%T is not an *invalid.Error", err)
			}
			return
		}
		if san.MarshalDER(r.SANs) == nil && len(r.SANs) > 0 {
			t.Fatal("names that cannot be written")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(armored("CERTIFICATE REQUEST", request(b, ecKey(b), usual)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
