package ocsp_test

import (
	"bytes"
	"context"
	"crypto/sha1" // RFC 6960 KeyHash
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/ocsp"
)

type memoryKey struct {
	a *algorithm.Algorithm
	algorithm.PrivateKey
}

func (k memoryKey) Algorithm() *algorithm.Algorithm { return k.a }
func (k memoryKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	return k.PrivateKey.Sign(message)
}

func newKey(t testing.TB, label string) memoryKey {
	t.Helper()
	a, err := algorithm.ForLabel(label)
	if err != nil {
		t.Fatal(err)
	}
	key, err := a.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return memoryKey{a, key}
}

func commonName(letter byte) []byte {
	return []byte{0x30, 12, 0x31, 10, 0x30, 8, 6, 3, 0x55, 4, 3, 12, 1, letter}
}

func certify(t testing.TB, issuer memoryKey, subject byte, key []byte, extensions ...extension.Extension) []byte {
	t.Helper()
	extensions = append(
		extensions, extension.SubjectKeyIdentifier(extension.KeyIdentifier(key)),
		extension.AuthorityKeyIdentifier(extension.KeyIdentifier(issuer.PublicKey())),
	)
	p, err := issuance.Prepare(
		issuance.Certificate{SerialNumber: issuance.NewSerialNumber(time.Now()), Issuer: commonName('R'), Subject: commonName(subject),
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), PublicKey: key, Extensions: extensions}, issuer.a)
	if err != nil {
		t.Fatal(err)
	}
	der, err := p.Sign(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "openssl", args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A delegated signer answers about several certificates, with nonce and SHA-256 identifiers, and OpenSSL accepts it.
func TestDelegatedSignerIsBelieved(t *testing.T) {
	for _, label := range []string{
		"RSA-2048+PKCS15-SHA256", "RSA-2048+PSS-SHA256", "ECDSAP256+SHA256", "ECDSAP384+SHA384", "ECDSAP521+SHA512",
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			root := newKey(t, label)
			signer := newKey(t, root.a.OCSPSignerAlgorithm().Label)
			files := map[string][]byte{
				"root": certify(
					t, root, 'R', root.PublicKey(), extension.BasicConstraints(true, nil),
					extension.KeyUsage(extension.KeyCertSign, extension.CRLSign),
				),
				"good": certify(t, root, 'G', root.PublicKey()), "bad": certify(t, root, 'B', root.PublicKey()),
				"new": certify(t, root, 'N', root.PublicKey()),
			}
			for name, der := range files {
				if err := os.WriteFile(
					filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600,
				); err != nil {
					t.Fatal(err)
				}
			}
			asked := []string{"-issuer", "root", "-sha256", "-cert", "good", "-sha1", "-cert", "bad", "-sha384", "-cert", "new"}
			run(t, dir, append([]string{"ocsp", "-reqout", "request"}, asked...)...)
			text, err := os.ReadFile(filepath.Join(dir, "request"))
			if err != nil {
				t.Fatal(err)
			}
			request, err := ocsp.ParseRequest(text)
			if err != nil || len(request.CertIDs) != 3 || len(request.Nonce) == 0 || request.Signed {
				t.Fatalf("%+v %v", request, err)
			}
			rootBits, err := ocsp.KeyBits(root.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range request.CertIDs {
				if !id.MatchesIssuer(commonName('R'), rootBits) || id.MatchesIssuer(commonName('X'), rootBits) ||
					id.MatchesIssuer(commonName('R'), rootBits[1:]) {
					t.Errorf("identifier %d matches the wrong issuer", i)
				}
			}
			signerBits, err := ocsp.KeyBits(signer.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			answerBy := func(usage ...extension.Extension) {
				now, hash := time.Now(), sha1.Sum(signerBits)
				single := func(i int, status ocsp.Status) ocsp.SingleResponse {
					return ocsp.SingleResponse{
						CertID: request.CertIDs[i], Status: status, RevokedAt: now.Add(-time.Minute), Reason: 4, ThisUpdate: now,
						NextUpdate: now.Add(time.Hour), ArchiveCutoff: now.Add(-time.Hour),
					}
				}
				answer, err := ocsp.SignResponse(
					t.Context(),
					ocsp.Response{
						ResponderKeyHash: hash[:], ProducedAt: now, Nonce: request.Nonce,
						Certificates: [][]byte{certify(t, root, 'O', signer.PublicKey(), usage...)},
						Responses: []ocsp.SingleResponse{
							single(0, ocsp.Good), single(1, ocsp.Revoked), single(2, ocsp.Unknown),
						}}, signer)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "response"), answer, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			answerBy(extension.ExtendedKeyUsage(false, extension.OCSPSigning), extension.OCSPNoCheck())
			// With the request's file, OpenSSL compares the nonce; with -cert it creates another one, but prints the
			// statuses.
			if out := run(
				t, dir, "ocsp", "-reqin", "request", "-respin", "response", "-CAfile", "root",
			); !strings.Contains(out, "Response verify OK") || strings.Contains(out, "nonce") {
				t.Error(out)
			}
			out := run(t, dir, append([]string{"ocsp", "-no_nonce", "-respin", "response", "-CAfile", "root", "-resp_text"}, asked...)...)
			for _, want := range []string{
				"Response verify OK", "good: good", "bad: revoked", "Reason: superseded", "new: unknown", "OCSP Archive Cutoff",
				"OCSP Nonce",
			} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in the answer", want)
				}
			}
			// Without the extended key usage anyone with a certificate of the CA could answer.
			answerBy()
			if out, err := exec.CommandContext(
				t.Context(), "openssl", "ocsp", "-respin", filepath.Join(dir, "response"), "-CAfile", filepath.Join(dir, "root"),
				"-no_nonce", "-issuer", filepath.Join(dir, "root"), "-sha256", "-cert", filepath.Join(dir, "good"),
			).CombinedOutput(); strings.Contains(string(out), "verify OK") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

type element = func(*cryptobyte.Builder)

func der(f element) []byte {
	var b cryptobyte.Builder
	f(&b)
	return b.BytesOrPanic()
}

func within(tag cbasn1.Tag, parts ...element) element {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(tag, func(b *cryptobyte.Builder) {
			for _, p := range parts {
				p(b)
			}
		})
	}
}

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

func one(parts ...element) element {
	id := within(
		cbasn1.SEQUENCE,
		within(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier([]int{1, 3, 14, 3, 2, 26}); b.AddASN1NULL() }),
		func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(make([]byte, 20))
		}, func(b *cryptobyte.Builder) { b.AddASN1OctetString(make([]byte, 20)) }, func(b *cryptobyte.Builder) { b.AddASN1Int64(5) })
	return within(cbasn1.SEQUENCE, append([]element{id}, parts...)...)
}

func extensions(n uint8, oid []int, critical bool, value []byte) element {
	return within(
		explicit(n),
		within(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { extension.Extension{ID: oid, Critical: critical, Value: value}.Add(b) }),
	)
}

func nonce(size int) element {
	return extensions(
		2, []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, false, der(func(b *cryptobyte.Builder) { b.AddASN1OctetString(make([]byte, size)) }),
	)
}

func version(n int64) element {
	return within(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Int64(n) })
}

func request(tbs ...element) []byte {
	return der(within(cbasn1.SEQUENCE, within(cbasn1.SEQUENCE, tbs...)))
}

func TestWhatARequestMayBe(t *testing.T) {
	list := func(n int) element {
		return within(cbasn1.SEQUENCE, repeat(one(), n)...)
	}
	locator := []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 7}
	plain := request(list(1))
	for what, c := range map[string]struct {
		der    []byte
		accept bool
	}{
		"one certificate":              {plain, true},
		"a hundred":                    {request(list(100)), true},
		"a hundred and one":            {request(list(101)), false},
		"none":                         {request(list(0)), false},
		"version 1 written out":        {request(version(0), list(1)), true},
		"version 2":                    {request(version(1), list(1)), false},
		"nonce of 32 octets":           {request(list(1), nonce(32)), true},
		"nonce of 128 octets":          {request(list(1), nonce(128)), true},
		"nonce of 129 octets":          {request(list(1), nonce(129)), false},
		"empty nonce":                  {request(list(1), nonce(0)), false},
		"service locator":              {request(within(cbasn1.SEQUENCE, one(extensions(0, locator, false, nil)))), true},
		"critical single extension":    {request(within(cbasn1.SEQUENCE, one(extensions(0, locator, true, nil)))), false},
		"critical unknown extension":   {request(list(1), extensions(2, locator, true, nil)), false},
		"something behind":             {append(bytes.Clone(plain), 0), false},
		"cut off":                      {plain[:len(plain)-1], false},
		"nothing":                      {nil, false},
		"junk":                         {[]byte("GET / HTTP/1.1"), false},
		"larger than a request may be": {make([]byte, ocsp.MaxRequest+1), false},
	} {
		if r, err := ocsp.ParseRequest(c.der); (err == nil) != c.accept {
			t.Errorf("%s: %+v %v", what, r, err)
		}
	}
	signed := func(signature ...element) []byte {
		return der(within(cbasn1.SEQUENCE, within(cbasn1.SEQUENCE, list(1)), within(explicit(0), within(cbasn1.SEQUENCE, signature...))))
	}
	algorithm := func(oid ...int) element {
		return within(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
	}
	bits := func(b *cryptobyte.Builder) { b.AddASN1BitString([]byte{1}) }
	if r, err := ocsp.ParseRequest(signed(algorithm(1, 2, 3), bits)); err != nil || !r.Signed || r.Verify() != nil {
		t.Errorf("signed by an unknown algorithm: %+v %v", r, err)
	}
	for what, r := range map[string][]byte{
		"an empty signature": signed(), "no signature value": signed(algorithm(1, 2, 3)),
		"something behind": signed(algorithm(1, 2, 3), bits, bits),
	} {
		if _, err := ocsp.ParseRequest(r); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// OpenSSL signs a request; a change of any signed byte is detected.
func TestSignedRequest(t *testing.T) {
	dir := t.TempDir()
	root := newKey(t, "ECDSAP256+SHA256")
	client := newKey(t, "RSA-2048+PKCS15-SHA256")
	pkcs8, err := client.MarshalPKCS8()
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"root":   {Type: "CERTIFICATE", Bytes: certify(t, root, 'R', root.PublicKey())},
		"client": {Type: "CERTIFICATE", Bytes: certify(t, root, 'C', client.PublicKey())}, "key": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "ocsp", "-issuer", "root", "-serial", "5", "-signer", "client", "-signkey", "key", "-reqout", "request")
	signed, err := os.ReadFile(filepath.Join(dir, "request"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := ocsp.ParseRequest(signed)
	if err != nil || !r.Signed || r.Verify() != nil {
		t.Fatalf("%+v %v %v", r, err, r.Verify())
	}
	at := bytes.Index(signed, r.CertIDs[0].IssuerKeyHash)
	signed[at] ^= 1
	if r, err := ocsp.ParseRequest(signed); err != nil || r.Verify() == nil {
		t.Errorf("an altered request verifies: %v", err)
	}
}

func repeat(e element, n int) []element {
	all := make([]element, n)
	for i := range all {
		all[i] = e
	}
	return all
}

func TestErrorResponses(t *testing.T) {
	if got := ocsp.ErrorResponse(ocsp.Unauthorized); !bytes.Equal(got, []byte{0x30, 3, 0x0a, 1, 6}) { // RFC 5019 A
		t.Errorf("%x", got)
	}
}

// ML-DSA, which OpenSSL 3.0 does not support, is verified with crypto/x509.
func TestPostQuantumAnswer(t *testing.T) {
	key := newKey(t, "ML-DSA-44")
	parsed, err := ocsp.ParseRequest(request(within(cbasn1.SEQUENCE, one())))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := ocsp.SignResponse(
		t.Context(),
		ocsp.Response{
			ResponderKeyHash: make([]byte, 20), ProducedAt: time.Now(),
			Responses: []ocsp.SingleResponse{{CertID: parsed.CertIDs[0], ThisUpdate: time.Now()}},
		},
		key,
	)
	if err != nil {
		t.Fatal(err)
	}
	// OCSPResponse, [0], ResponseBytes, OCTET STRING, BasicOCSPResponse
	response, inner, octets, basic := cryptobyte.String(answer), cryptobyte.String(nil), cryptobyte.String(nil), cryptobyte.String(nil)
	var tbs, signature cryptobyte.String
	if !response.ReadASN1(&inner, cbasn1.SEQUENCE) || !inner.SkipASN1(cbasn1.ENUM) || !inner.ReadASN1(&octets, explicit(0)) ||
		!octets.ReadASN1(&inner, cbasn1.SEQUENCE) ||
		!inner.SkipASN1(cbasn1.OBJECT_IDENTIFIER) || !inner.ReadASN1(&octets, cbasn1.OCTET_STRING) ||
		!octets.ReadASN1(&basic, cbasn1.SEQUENCE) ||
		!basic.ReadASN1Element(&tbs, cbasn1.SEQUENCE) || !basic.SkipASN1(cbasn1.SEQUENCE) ||
		!basic.ReadASN1(&signature, cbasn1.BIT_STRING) {
		t.Fatalf("%x", answer)
	}
	ca, err := x509.ParseCertificate(certify(t, key, 'R', key.PublicKey(), extension.BasicConstraints(true, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.CheckSignature(x509.MLDSA44, tbs, signature[1:]); err != nil {
		t.Error(err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(request(version(0), within(cbasn1.SEQUENCE, one(), one(extensions(0, []int{1, 2}, false, nil))), nonce(16)))
	f.Fuzz(func(t *testing.T, der []byte) {
		if r, err := ocsp.ParseRequest(der); err == nil && (len(r.CertIDs) == 0 || len(r.CertIDs) > ocsp.MaxCertificates ||
			r.Nonce != nil && (len(r.Nonce) == 0 || len(r.Nonce) > 128)) {
			t.Errorf("%+v", r)
		}
	})
}

func BenchmarkParseAndSign(b *testing.B) {
	key := newKey(b, "ECDSAP256+SHA256")
	bits, err := ocsp.KeyBits(key.PublicKey())
	if err != nil {
		b.Fatal(err)
	}
	hash := sha1.Sum(bits)
	certificate := certify(b, key, 'O', key.PublicKey())
	asked := request(within(cbasn1.SEQUENCE, one()), nonce(16))
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		r, err := ocsp.ParseRequest(asked)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ocsp.SignResponse(
			b.Context(),
			ocsp.Response{
				ResponderKeyHash: hash[:], ProducedAt: now, Nonce: r.Nonce, Certificates: [][]byte{certificate},
				Responses: []ocsp.SingleResponse{{CertID: r.CertIDs[0], ThisUpdate: now, NextUpdate: now.Add(time.Hour)}},
			},
			key,
		); err != nil {
			b.Fatal(err)
		}
	}
}
