package policy_test

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/policy"
)

var (
	anyPolicy = asn1.ObjectIdentifier{2, 5, 29, 32, 0}
	began     = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

type signer struct {
	a   *algorithm.Algorithm
	key algorithm.PrivateKey
}

func (s signer) Algorithm() *algorithm.Algorithm                        { return s.a }
func (s signer) PublicKey() []byte                                      { return s.key.PublicKey() }
func (s signer) Sign(_ context.Context, message []byte) ([]byte, error) { return s.key.Sign(message) }

// TestVerifiersAgreeOnPolicies compares random policies, mappings and constraints along a chain with OpenSSL and
// crypto/x509.
func TestVerifiersAgreeOnPolicies(t *testing.T) {
	const chains, leaves = 120, 8
	r := rand.New(rand.NewPCG(13, 0))
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	if err != nil {
		t.Fatal(err)
	}
	var keys []algorithm.PrivateKey
	for range 3 {
		key, err := a.Generate()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	names := []string{"CN=Root", "CN=Middle", "CN=CA", "CN=Leaf"}
	certify := func(level int, extensions []extension.Extension) []byte {
		subject, issuer := parse(t, names[level]), parse(t, names[max(level-1, 0)])
		key := keys[min(level, 2)]
		if level < 3 {
			extensions = append(
				[]extension.Extension{extension.BasicConstraints(true, nil), extension.KeyUsage(extension.KeyCertSign)},
				extensions...)
		}
		p, err := issuance.Prepare(
			issuance.Certificate{
				SerialNumber: issuance.NewSerialNumber(began),
				Issuer:       issuer.DER(),
				Subject:      subject.DER(),
				NotBefore:    began,
				NotAfter:     began.AddDate(30, 0, 0),
				PublicKey:    key.PublicKey(),
				Extensions:   extensions,
			},
			a,
		)
		if err != nil {
			t.Fatal(err)
		}
		der, err := p.Sign(t.Context(), signer{a, keys[max(level-1, 0)]})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	issued, refused := 0, 0
	for range chains {
		dir := t.TempDir()
		write := func(name string, der []byte) string {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
		middle, ca := authority(r), authority(r)
		root, middleDER, caDER := certify(0, nil), certify(1, middle), certify(2, ca)
		state, above := policy.Start().Below(middle, false)
		if above == nil {
			state, above = state.Below(ca, false)
		}
		below := write("below", middleDER)
		more, err := os.ReadFile(write("ca", caDER))
		if err != nil {
			t.Fatal(err)
		}
		first, err := os.ReadFile(below)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(below, append(first, more...), 0o600); err != nil {
			t.Fatal(err)
		}
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}))
		between.AppendCertsFromPEM(append(first, more...))
		args := []string{
			"verify",
			"-policy_check",
			"-policy",
			"2.5.29.32.0",
			"-no-CApath",
			"-no-CAstore",
			"-CAfile",
			write("root", root),
			"-untrusted",
			below,
		}
		ours, byGo := make([]error, leaves), make([]error, leaves)
		for n := range leaves {
			extensions := policies(r)
			if r.IntN(8) == 0 { // the end entity itself requires a policy
				extensions = append(extensions, constraints(func(b *cryptobyte.Builder) {
					b.AddASN1Int64WithTag(0, cbasn1.Tag(0).ContextSpecific())
				}))
			}
			if ours[n] = above; above == nil {
				ours[n] = state.Check(extensions)
			}
			der := certify(3, extensions)
			args = append(args, write(strconv.Itoa(n), der))
			leaf, err := x509.ParseCertificate(der)
			if err == nil {
				_, err = leaf.Verify(
					x509.VerifyOptions{
						Roots:         roots,
						Intermediates: between,
						CurrentTime:   began.AddDate(1, 0, 0),
						KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
					},
				)
			}
			byGo[n] = err
		}
		out, _ := exec.CommandContext(t.Context(), "openssl", args...).Output() // fails where it refuses one
		for n := range leaves {
			byOpenSSL := strings.Contains(string(out), "/"+strconv.Itoa(n)+": OK\n")
			if ours[n] == nil {
				issued++
			} else {
				refused++
			}
			if ours[n] == nil && (byGo[n] != nil || !byOpenSSL) || ours[n] != nil && byGo[n] == nil && byOpenSSL {
				t.Errorf("leaf %s: ours %v, Go %v, OpenSSL accepts %v", write(strconv.Itoa(n)+".seen", nil), ours[n], byGo[n], byOpenSSL)
			}
		}
	}
	t.Logf("%d issued, %d refused", issued, refused)
	if issued < 50 || refused < 50 {
		t.Errorf("%d issued, %d refused", issued, refused)
	}
}

func parse(t *testing.T, text string) name.Name {
	t.Helper()
	n, err := name.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// policies returns a few policies, so that they often match.
func policies(r *rand.Rand) []extension.Extension {
	var oids []asn1.ObjectIdentifier
	for _, oid := range []asn1.ObjectIdentifier{{1, 2, 3, 1}, {1, 2, 3, 2}, anyPolicy} {
		if r.IntN(5) < 2 {
			oids = append(oids, oid)
		}
	}
	if len(oids) == 0 {
		return nil
	}
	return []extension.Extension{extension.CertificatePolicies(oids...)}
}

func der(f func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	f(&b)
	return b.BytesOrPanic()
}

// constraints are policy constraints (RFC 5280 4.2.1.11).
func constraints(content cryptobyte.BuilderContinuation) extension.Extension {
	return extension.Extension{ID: asn1.ObjectIdentifier{2, 5, 29, 36}, Critical: true, Value: der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, content)
	})}
}

func authority(r *rand.Rand) []extension.Extension {
	all := policies(r)
	if len(all) > 0 && r.IntN(2) == 0 {
		pair := []asn1.ObjectIdentifier{{1, 2, 3, r.IntN(2) + 1}, {1, 2, 3, r.IntN(2) + 1}}
		if r.IntN(6) == 0 {
			pair[r.IntN(2)] = anyPolicy
		}
		all = append(all, extension.Extension{ID: asn1.ObjectIdentifier{2, 5, 29, 33}, Value: der(func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(pair[0])
					b.AddASN1ObjectIdentifier(pair[1])
				})
			})
		})})
	}
	if r.IntN(2) == 0 {
		all = append(all, constraints(func(b *cryptobyte.Builder) {
			b.AddASN1Int64WithTag(int64(r.IntN(3)), cbasn1.Tag(0).ContextSpecific())
			if r.IntN(2) == 0 {
				b.AddASN1Int64WithTag(int64(r.IntN(2)), cbasn1.Tag(1).ContextSpecific())
			}
		}))
	}
	if r.IntN(3) == 0 {
		all = append(
			all,
			extension.Extension{
				ID:       asn1.ObjectIdentifier{2, 5, 29, 54},
				Critical: true,
				Value:    der(func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(r.IntN(2))) }),
			},
		)
	}
	return all
}
