package nameconstraint_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/pki/san"
)

// TestVerifiersAcceptWhatIsIssued holds Check against OpenSSL and crypto/x509: random constraints, random names, certificates
// built as they are issued. What Check lets pass both must accept; what it refuses one of them must refuse, unless a written
// rule does. PKIAAS_DIFFERENTIAL=100000 tries as many pairs; PKIAAS_SEED repeats a run.
func TestVerifiersAcceptWhatIsIssued(t *testing.T) {
	if testing.Short() {
		t.Skip("needs openssl; run without -short")
	}
	pairs, seed := 3000, uint64(13)
	if n, err := strconv.Atoi(os.Getenv("PKIAAS_DIFFERENTIAL")); err == nil {
		pairs = n
	}
	if n, err := strconv.ParseUint(os.Getenv("PKIAAS_SEED"), 10, 64); err == nil {
		seed = n
	}
	const each = 100 // names for one set of constraints, which one run of openssl verifies
	r := random{rand.New(rand.NewPCG(seed, 0))}
	root := newAuthority(t, "CN=Root", nil, nil)
	var issued, refused, ruled, imports int
	for done := 0; done < pairs; {
		constraints, problem := r.constraints()
		ca := newAuthority(t, "CN=CA", root, []extension.Extension{constraints})
		bounds, err := nameconstraint.FromExtensions([]extension.Extension{constraints})
		if err != nil {
			imports++
			if !problem && acceptedByBoth(t, root, ca, r.leaves(t, ca, 1)) {
				t.Fatalf(
					"seed %d: an import of %x was refused (%v), and both verifiers accept a certificate below",
					seed,
					constraints.Value,
					err,
				)
			}
			done++
			continue
		}
		batch := r.leaves(t, ca, each)
		byOpenSSL, byGo := verify(t, root, ca, batch)
		for n, l := range batch {
			done++
			err := bounds.Check(l.subject, l.sans)
			switch {
			case err == nil:
				issued++
				if !byOpenSSL[n] || byGo[n] != nil {
					t.Errorf(
						"seed %d: %+v\nlets pass %s with %v\nOpenSSL accepts: %v, Go: %v",
						seed,
						bounds.Constraints(),
						l.subject,
						l.sans,
						byOpenSSL[n],
						byGo[n],
					)
				}
			case byOpenSSL[n] && byGo[n] == nil && !writtenRule(err):
				t.Errorf(
					"seed %d: %+v\nrefuses %s with %v\n(%v), and both verifiers accept it",
					seed,
					bounds.Constraints(),
					l.subject,
					l.sans,
					err,
				)
			case byOpenSSL[n] && byGo[n] == nil:
				ruled++
			default:
				refused++
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf(
		"%d pairs: %d issued, %d refused as a verifier does, %d by a written rule; %d imports refused",
		issued+refused+ruled,
		issued,
		refused,
		ruled,
		imports,
	)
	if issued < pairs/20 || refused < pairs/20 {
		t.Errorf("the names hardly ever meet the constraints: %d issued, %d refused", issued, refused)
	}
}

// writtenRule tells whether a refusal is one that no verifier need share: docs/certificate-authorities.md lists them.
func writtenRule(err error) bool {
	says := func(part string) bool { return strings.Contains(err.Error(), part) }
	switch {
	case says("mailbox in UTF-8"): // verifiers differ by their release
	case says("*.") && says("common name that looks"): // who looks at common names takes that for a host name
	case says("the port of the URI"): // newer OpenSSL
	case says("://") && says("lies outside of"): // OpenSSL 3.0 or newer reads another host
	default:
		return false
	}
	return true
}

type authority struct {
	subject name.Name
	key     algorithm.PrivateKey
	der     []byte
	parsed  *x509.Certificate // nil: Go cannot read it
}

type signer struct {
	a   *algorithm.Algorithm
	key algorithm.PrivateKey
}

func (s signer) Algorithm() *algorithm.Algorithm                        { return s.a }
func (s signer) PublicKey() []byte                                      { return s.key.PublicKey() }
func (s signer) Sign(_ context.Context, message []byte) ([]byte, error) { return s.key.Sign(message) }

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newAuthority(t *testing.T, subject string, issuer *authority, more []extension.Extension) *authority {
	t.Helper()
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	if err != nil {
		t.Fatal(err)
	}
	c := &authority{}
	if c.subject, err = name.Parse(subject); err != nil {
		t.Fatal(err)
	}
	if c.key, err = a.Generate(); err != nil {
		t.Fatal(err)
	}
	if issuer == nil {
		issuer = c
	}
	c.der = sign(
		t,
		issuer,
		c.subject,
		c.key.PublicKey(),
		append(
			[]extension.Extension{
				extension.BasicConstraints(true, nil),
				extension.KeyUsage(extension.KeyCertSign),
				extension.SubjectKeyIdentifier(extension.KeyIdentifier(c.key.PublicKey())),
			},
			more...),
	)
	c.parsed, _ = x509.ParseCertificate(c.der)
	return c
}

func sign(t *testing.T, by *authority, subject name.Name, spki []byte, extensions []extension.Extension) []byte {
	t.Helper()
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := issuance.Prepare(
		issuance.Certificate{SerialNumber: issuance.NewSerialNumber(began), Issuer: by.subject.DER(), Subject: subject.DER(),
			NotBefore: began, NotAfter: began.AddDate(30, 0, 0), PublicKey: spki, Extensions: extensions},
		a,
	)
	if err != nil {
		t.Fatal(err)
	}
	der, err := prepared.Sign(t.Context(), signer{a, by.key})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

type leaf struct {
	subject name.Name
	sans    []san.GeneralName
	der     []byte
}

func acceptedByBoth(t *testing.T, root, ca *authority, batch []leaf) bool {
	byOpenSSL, byGo := verify(t, root, ca, batch)
	return byOpenSSL[0] && byGo[0] == nil
}

func verify(t *testing.T, root, ca *authority, batch []leaf) (byOpenSSL []bool, byGo []error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	args := []string{"verify", "-no-CApath", "-no-CAstore", "-CAfile", write("root", root.der), "-untrusted", write("ca", ca.der)}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.parsed)
	if ca.parsed != nil {
		between.AddCert(ca.parsed)
	}
	byOpenSSL, byGo = make([]bool, len(batch)), make([]error, len(batch))
	for n, l := range batch {
		args = append(args, write(strconv.Itoa(n), l.der))
		parsed, err := x509.ParseCertificate(l.der)
		if err == nil {
			_, err = parsed.Verify(
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
	for line := range strings.Lines(string(out)) {
		if file, ok := strings.CutSuffix(strings.TrimSpace(line), ": OK"); ok {
			n, err := strconv.Atoi(filepath.Base(file))
			if err != nil {
				t.Fatal(line)
			}
			byOpenSSL[n] = true
		}
	}
	return byOpenSSL, byGo
}

// random draws from few labels, so that names often meet constraints.
type random struct{ *rand.Rand }

func pick[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

func (r random) rarely() bool { return r.IntN(12) == 0 }

func (r random) host() string {
	host := pick(
		r,
		"example.com",
		"a.example.com",
		"b.a.example.com",
		"c.a.example.com",
		"xexample.com",
		"example.org",
		"a.example.org",
		"com",
		"a-b.example.com",
		"b.example.com",
	)
	if r.rarely() {
		return strings.ToUpper(host[:1]) + host[1:]
	}
	return host
}

func (r random) mailbox() string { return pick(r, "a", "A", "b.c", "x-y") + "@" + r.host() }

func (r random) directory() string {
	return pick(r, "C=DE", "O=Example,C=DE", "OU=Unit,O=Example,C=DE")
}

// constraints is the extension; a problem is a kind or a form that is refused at the import by a written rule.
func (r random) constraints() (e extension.Extension, problem bool) {
	var sides [2][][]byte
	for n := range sides {
		for range pick(r, 0, 1, 1, 2, 3) {
			base, bad := r.base()
			problem = problem || bad
			sides[n] = append(sides[n], base)
		}
	}
	return extension.NameConstraints(sides[0], sides[1]), problem
}

func (r random) base() (der []byte, problem bool) {
	element := func(tag cbasn1.Tag, value string) []byte {
		var b cryptobyte.Builder
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
		return b.BytesOrPanic()
	}
	dot := pick(r, "", "", "", ".")
	switch kind := r.IntN(40); {
	case kind < 12:
		return element(
			cbasn1.Tag(2).ContextSpecific(),
			pick(r, dot+r.host(), dot+r.host(), dot+r.host(), dot+r.host(), "", "*."+r.host(), r.host()+".", "a..b"),
		), false
	case kind < 20:
		return element(
			cbasn1.Tag(1).ContextSpecific(),
			pick(r, dot+r.host(), dot+r.host(), r.mailbox(), r.mailbox(), "", "@"+r.host(), "a@"),
		), true // "a@" is taken by Go
	case kind < 26:
		return element(cbasn1.Tag(6).ContextSpecific(), pick(r, dot+r.host(), dot+r.host(), dot+r.host(), "", "192.0.2.1")), false
	case kind < 32:
		network := pick(
			r,
			"\xc0\x00\x02\x00\xff\xff\xff\x00",
			"\xc0\x00\x02\x00\xff\xff\xff\x80",
			"\xc0\x00\x00\x00\xff\xff\x00\x00",
			"\xc0\x00\x02\x07\xff\xff\xff\x00",
			"\x00\x00\x00\x00\x00\x00\x00\x00",
			"\x20\x01\x0d\xb8"+strings.Repeat("\x00", 12)+"\xff\xff\xff\xff"+strings.Repeat("\x00", 12),
			strings.Repeat("\x00", 32),
		)
		if r.rarely() {
			network = pick(
				r,
				"",
				"\xc0\x00\x02\x00\xff\x00\xff\x00",
				"\xc0\x00\x02\x00",
				strings.Repeat("\x00", 10)+"\xff\xff"+"\xc0\x00\x02\x00"+strings.Repeat("\xff", 15)+"\x00",
			)
		}
		return element(cbasn1.Tag(7).ContextSpecific(), network), true // OpenSSL refuses what is broken only where there is an address
	case kind < 38:
		n, err := name.Parse(r.directory())
		if err != nil {
			panic(err)
		}
		return element(cbasn1.Tag(4).ContextSpecific().Constructed(), string(n.DER())), false
	case kind == 38:
		return append(element(cbasn1.Tag(2).ContextSpecific(), r.host()), pick(r, "\x80\x01\x01", "\x80\x01\x00", "\x81\x01\x05")...), true
	}
	return pick(
		r,
		element(cbasn1.Tag(8).ContextSpecific(), "\x2a\x03"),
		element(cbasn1.Tag(0).ContextSpecific().Constructed(), "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x03\x0c\x01a"),
	), true
}

func (r random) leaves(t *testing.T, ca *authority, count int) []leaf {
	t.Helper()
	batch := make([]leaf, count)
	for n := range batch {
		l := &batch[n]
		for range pick(r, 0, 1, 1, 1, 2, 3) {
			if g, err := r.general(); err == nil {
				l.sans = append(l.sans, g)
			}
		}
		text := strings.TrimSuffix(
			pick(
				r,
				"CN=Alice,",
				"CN=Alice Example,",
				"CN="+r.host()+",",
				"CN="+r.host()+",",
				"CN=*."+r.host()+",",
				"CN=192.0.2.1,",
				"CN=a_b.example.com,",
				"CN=Älice.example.com,",
				"CN="+r.host()+",CN="+r.host()+",",
			)+
				pick(
					r,
					"",
					"",
					"",
					"E="+r.mailbox()+",",
					"E=nobody,",
				)+r.directory(),
			",",
		)
		// Without a subject Go refuses a certificate that has no name of a kind that it knows, whatever the constraints are.
		known := func(g san.GeneralName) bool {
			return slices.Contains([]san.Type{san.DNSName, san.Email, san.URI, san.IPAddress}, g.Type)
		}
		if r.rarely() && slices.ContainsFunc(l.sans, known) {
			text = ""
		}
		var err error
		if l.subject, err = name.Parse(text); err != nil {
			t.Fatal(text, err)
		}
		extensions := []extension.Extension{extension.KeyUsage(extension.DigitalSignature)}
		if len(l.sans) > 0 {
			extensions = append(extensions, extension.SubjectAlternativeName(text == "", san.MarshalDER(l.sans)))
		}
		l.der = sign(t, ca, l.subject, ca.key.PublicKey(), extensions)
	}
	return batch
}

func (r random) general() (san.GeneralName, error) {
	typ, value := san.DNSName, ""
	switch kind := r.IntN(24); {
	case kind < 7:
		value = pick(r, "", "", "*.") + r.host()
	case kind < 12:
		typ, value = san.Email, r.mailbox()
	case kind < 17:
		typ, value = san.URI, pick(
			r,
			"https",
			"spiffe",
		)+"://"+r.host()+pick(
			r,
			"",
			"",
			":8443",
			":0",
			":99999",
			"?q=1",
		)+pick(
			r,
			"",
			"/",
			"/path",
			"/path:with:colons",
		)
		if r.rarely() {
			value = pick(
				r,
				"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
				"https://192.0.2.1/",
				"https://[2001:db8::1]/",
				"tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500",
			)
		}
	case kind < 20:
		typ, value = san.IPAddress, pick(r, "192.0.2.1", "192.0.2.200", "192.0.3.1", "198.51.100.1", "2001:db8::1", "2001:db9::1")
	case kind < 22:
		typ, value = san.DirectoryName, r.directory()
	default:
		return pick(r, san.GeneralName{Type: san.UPN, Value: r.mailbox()}, san.GeneralName{Type: san.RegisteredID, Value: "1.2.3"},
			san.GeneralName{Type: san.OtherName, Value: "1.3.6.1.5.5.7.8.9;UTF8:ü@" + strings.ToLower(r.host())}), nil
	}
	g, err := san.Parse(typ, value, "sans")
	if err != nil {
		err = fmt.Errorf("%s: %w", value, err)
	}
	return g, err
}
