package server

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// whenSigned calls do after each signature that is made for a certificate.
func whenSigned(t *testing.T, a *App, do func()) {
	t.Helper()
	var watched keystore.Set
	for _, n := range a.enrollment.Keys {
		watched = append(watched, &keystore.Named{Name: n.Name, URI: n.URI, Store: watchedStore{n.Store, do}})
	}
	a.enrollment.Keys = watched
	// Keys that were opened before are opened again.
	if err := a.store.DB(t.Context()).Exec("UPDATE certification_authorities SET version = version + 1").Error; err != nil {
		t.Fatal(err)
	}
}

type watchedStore struct {
	keystore.Store
	do func()
}

func (s watchedStore) Open(ctx context.Context, id string) (keystore.Key, error) {
	k, err := s.Store.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return watchedKey{k, s.do}, nil
}

type watchedKey struct {
	keystore.Key
	do func()
}

func (k watchedKey) Sign(ctx context.Context, message []byte) ([]byte, error) {
	defer k.do()
	return k.Key.Sign(ctx, message)
}

// life is a server whose CAs the tests lead through their life, with openssl as the one that must agree.
type life struct {
	*testing.T
	app *App
	m   *Manifest
	ctx context.Context
	dir string
}

type noLimits struct{}

func (noLimits) AllowCertificate(context.Context, string) error { return nil }

func newLife(t *testing.T) *life {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not here")
	}
	a, m := inProcess(t)
	a.enrollment.Limits = noLimits{}
	return &life{t, a, m, person(m, "owner", rbac.Owners), t.TempDir()}
}

func (l *life) file(name, content string) string {
	l.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		l.Fatal(err)
	}
	return path
}

func (l *life) read(name string) []byte {
	l.Helper()
	b, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.Fatal(err)
	}
	return b
}

// try runs openssl in the test's directory.
func (l *life) try(args ...string) (string, error) {
	cmd := exec.Command("openssl", args...)
	cmd.Dir = l.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (l *life) openssl(args ...string) string {
	l.Helper()
	out, err := l.try(args...)
	if err != nil {
		l.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	ahead.To(time.Now()) // what openssl has made is good from now on
	return out
}

func (l *life) find(identifier string) *ca.CertificationAuthority {
	l.Helper()
	c, err := l.app.cas.ByIdentifier(l.ctx, l.m.Partition.ID, identifier)
	if err != nil {
		l.Fatal(err)
	}
	return c
}

func (l *life) until(identifier, what string, check func(*ca.CertificationAuthority) bool) *ca.CertificationAuthority {
	l.Helper()
	var c *ca.CertificationAuthority
	eventually(l.T, what, func() error {
		if c = l.find(identifier); !check(c) {
			return fmt.Errorf("%s is %s %s %s", identifier, c.Status, c.CreationFailure, c.RenewalFailure)
		}
		return nil
	})
	return c
}

func (l *life) create(typ ca.Type, identifier, parent string, change func(*ca.Request)) *ca.CertificationAuthority {
	l.Helper()
	r := ca.Request{
		PartitionID: l.m.Partition.ID, Type: typ, Identifier: identifier, FriendlyName: identifier, SigningAlgorithm: "ECDSAP256+SHA256",
		Subject: "CN=" + identifier + ",O=Life", CRLEnabled: true, OCSPEnabled: true}
	if typ == ca.Issuing {
		r.ProfileIDs = []string{tlsProfile}
	}
	if parent != "" {
		id := l.find(parent).ID
		r.ParentID = &id
	}
	if change != nil {
		change(&r)
	}
	if _, err := l.app.cas.Create(l.ctx, r); err != nil {
		l.Fatal(err)
	}
	return l.until(
		identifier, identifier+" is made",
		func(c *ca.CertificationAuthority) bool { return c.Status == ca.Active || c.Status == ca.Pending },
	)
}

const tlsProfile = "privatessl-tls-client-server-supply-san"

func (l *life) issue(identifier, host string) (*certificate.Certificate, error) {
	request, err := demoCSR(host)
	if err != nil {
		return nil, err
	}
	c, err := l.app.cas.ByIdentifier(l.ctx, l.m.Partition.ID, identifier)
	if err != nil {
		return nil, err
	}
	made, err := l.app.enrollment.Issue(l.ctx, intake.Text{CAID: c.ID, ProfileID: tlsProfile, CSR: request, EndEntity: host}.Request())
	if err != nil {
		return nil, err
	}
	return made.Certificate, nil
}

func (l *life) issued(identifier, host string) *certificate.Certificate {
	l.Helper()
	c, err := l.issue(identifier, host)
	if err != nil {
		l.Fatal(err)
	}
	return c
}

// chain is the chain that people download with a certificate: its own, then each CA's, in PEM.
func (l *life) chain(c *certificate.Certificate) []string {
	l.Helper()
	got := l.app.ask(l.T, rbac.ActorFrom(l.ctx), `query($id: ID!) { certificate(id: $id) { chainPem } }`, map[string]any{"id": c.ID})
	if got.code() != "" {
		l.Fatal(got.Errors)
	}
	parts := strings.SplitAfter(got.Data["certificate"].(map[string]any)["chainPem"].(string), "-----END CERTIFICATE-----\n")
	return parts[:len(parts)-1]
}

// verify has openssl check a certificate up to the root of its downloaded chain, with the CRL and the OCSP service that
// the certificate itself names. It returns what OCSP says.
func (l *life) verify(c *certificate.Certificate, revoked bool) {
	l.Helper()
	chain := l.chain(c)
	leaf, below, root := l.file("leaf.pem", chain[0]), l.file(
		"below.pem", strings.Join(chain[1:], ""),
	), l.file("root-of-chain.pem", chain[len(chain)-1])
	issuer := l.file("issuer.pem", chain[1])
	d, err := issuance.Inspect(c.DER)
	if err != nil {
		l.Fatal(err)
	}
	list := l.get(d.CRLURLs[0])
	crl := l.file("list.pem", string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list})))
	out, err := l.try("verify", "-x509_strict", "-crl_check", "-CRLfile", crl, "-CAfile", root, "-untrusted", below, leaf)
	if said := strings.Contains(out, "certificate revoked"); said != revoked || !revoked && err != nil {
		l.Errorf("the CRL of %s: revoked %v, openssl verify says %v\n%s", c.Subject, revoked, err, out)
	}
	out, err = l.try("ocsp", "-issuer", issuer, "-cert", leaf, "-url", d.OCSPURLs[0], "-CAfile", root, "-verify_other", below)
	want := "leaf.pem: good"
	if revoked {
		want = "leaf.pem: revoked"
	}
	if err != nil || !strings.Contains(out, want) || !strings.Contains(out, "Response verify OK") {
		l.Errorf("OCSP of %s: want %s, got %v\n%s", c.Subject, want, err, out)
	}
	// The address in the certificate gives the very issuer that the chain has.
	if got := ca.PEM(l.get(d.CAIssuersURLs[0])); got != chain[1] {
		l.Errorf("%s gives another certificate than the chain", d.CAIssuersURLs[0])
	}
}

func (l *life) get(url string) []byte {
	l.Helper()
	response, err := http.Get(url)
	if err != nil {
		l.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		l.Fatalf("%s: %s %v", url, response.Status, err)
	}
	return body
}

// foreign is a CA made by openssl.
func (l *life) foreign(name, subject, extensions string) {
	l.Helper()
	l.openssl(
		"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name+".key", "-out", name+".pem",
		"-subj", subject, "-days", "3000", "-config",
		l.file(name+".cnf", "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n"+extensions))
}

const rootExtensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"

// signs has a foreign CA sign a request as asked, and returns the certificate in PEM.
func (l *life) signs(by, request, extensions string, options ...string) []byte {
	l.Helper()
	l.file("index.txt", "")
	l.file("index.txt.attr", "unique_subject = no\n")
	l.file("serial", fmt.Sprintf("%x\n", time.Now().UnixNano()))
	l.file(
		"ca.cnf",
		"[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\npolicy=p\ndefault_md=sha256\ndefault_days=1000\n[p]\ncommonName=optional\norganizationName=optional\n",
	)
	l.openssl(append([]string{
		"ca", "-batch", "-notext", "-preserveDN", "-config", "ca.cnf", "-cert", by + ".pem", "-keyfile", by + ".key", "-in", request,
		"-out", "signed.pem",
		"-extfile", l.file("ext.cnf", extensions)}, options...)...)
	return l.read("signed.pem")
}

const issuingExtensions = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,digitalSignature,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"

// TestAnExternalRootCertifies: a root of openssl is imported, signs our requests, and what it signed wrongly is refused.
func TestAnExternalRootCertifies(t *testing.T) {
	l := newLife(t)
	cas, p := l.app.cas, l.m.Partition.ID
	l.foreign("root", "/CN=Outer Root/O=Elsewhere", rootExtensions)
	l.foreign("other", "/CN=Other Root/O=Elsewhere", rootExtensions)
	l.foreign("impostor", "/CN=Outer Root/O=Elsewhere", rootExtensions)
	l.foreign(
		"anonymous", "/CN=Outer Root/O=Elsewhere",
		strings.Replace(rootExtensions, "subjectKeyIdentifier=hash\n", "subjectKeyIdentifier=none\n", 1),
	)

	// Roots that are none.
	l.openssl(
		"req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "weak.key", "-out", "weak.pem", "-subj", "/CN=Weak", "-days", "30",
	)
	l.openssl(
		"req", "-x509", "-sha1", "-newkey", "rsa:2048", "-nodes", "-keyout", "sha1.key", "-out", "sha1.pem", "-subj", "/CN=Old", "-days",
		"30",
	)
	l.foreign("leaf", "/CN=Leaf", "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\n")
	l.foreign("nosign", "/CN=No Sign", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\nsubjectKeyIdentifier=hash\n")
	for file, reason := range map[string]string{
		"weak.pem": "1024 bits", "sha1.pem": "too weak", "leaf.pem": "not a CA certificate", "nosign.pem": "keyCertSign",
		"root.key": "PRIVATE KEY, not a certificate",
	} {
		if _, err := cas.ImportRoot(
			l.ctx, p, "outer", "Outer", l.read(file),
		); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Of(err).Message, reason) {
			t.Errorf("%s as a root: %v", file, err)
		}
	}
	root, err := cas.ImportRoot(l.ctx, p, "outer", "Outer", l.read("root.pem"))
	if err != nil || root.Status != ca.Active || root.KeyID != "" {
		t.Fatalf("%+v %v", root, err)
	}
	if _, err := cas.ImportRoot(l.ctx, p, "outer-2", "Outer", l.read("root.pem")); !fault.Is(err, fault.Conflict) {
		t.Errorf("imported twice: %v", err)
	}
	if _, err := l.issue("outer", "www.example.com"); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("an external root issued: %v", err)
	}

	c := l.create(ca.Issuing, "under-outer", "outer", nil)
	if c.Status != ca.Pending || c.Certificate != nil {
		t.Fatalf("%s", c.Status)
	}
	if _, err := l.issue("under-outer", "www.example.com"); err == nil {
		t.Error("a CA without a certificate issued")
	}
	got := l.app.ask(
		t, rbac.ActorFrom(l.ctx), `query($id: ID!) { certificationAuthority(id: $id) { status certificateSigningRequest } }`,
		map[string]any{"id": c.ID},
	)
	request, _ := got.Data["certificationAuthority"].(map[string]any)["certificateSigningRequest"].(string)
	l.file("ca.csr", request)
	for _, want := range []string{"CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "verify OK"} {
		if out := l.openssl("req", "-verify", "-noout", "-text", "-in", "ca.csr"); !strings.Contains(out, want) {
			t.Errorf("the request has no %q:\n%s", want, out)
		}
	}
	l.openssl(
		"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "wrong.key", "-out", "wrong.csr",
		"-subj", "/O=Life/CN=under-outer",
	)
	replaced := func(old, new string) string { return strings.Replace(issuingExtensions, old, new, 1) }
	wrong := []struct {
		what, reason string
		text         []byte
	}{
		{"garbage", "not an X.509 certificate", []byte("hello")},
		{"the request itself", "signing request", []byte(request)},
		{"a private key", "PRIVATE KEY, not a certificate", l.read("root.key")},
		{"the root", "another key", l.read("root.pem")},
		{"another key", "another key", l.signs("root", "wrong.csr", issuingExtensions)},
		{"another subject", "is for the subject CN=Somebody", l.signs("root", "ca.csr", issuingExtensions, "-subj", "/O=Life/CN=Somebody")},
		{"another issuer", "was issued by", l.signs("other", "ca.csr", issuingExtensions)},
		{"the key identifier of another issuer", "authority key identifier", l.signs("impostor", "ca.csr", issuingExtensions)},
		{
			"the signature of another issuer of the same name", "does not verify",
			l.signs("anonymous", "ca.csr", replaced("authorityKeyIdentifier=keyid\n", "")),
		},
		{"SHA-1", "too weak", l.signs("root", "ca.csr", issuingExtensions, "-md", "sha1")},
		{
			"no basic constraints", "not a CA certificate",
			l.signs("root", "ca.csr", replaced("basicConstraints=critical,CA:TRUE,pathlen:0\n", "")),
		},
		{"cA false", "not a CA certificate", l.signs("root", "ca.csr", replaced("CA:TRUE,pathlen:0", "CA:FALSE"))},
		{"basic constraints not critical", "must be critical", l.signs("root", "ca.csr", replaced("critical,CA:TRUE", "CA:TRUE"))},
		{"no keyCertSign", "keyCertSign", l.signs("root", "ca.csr", replaced("keyCertSign,", ""))},
		{"no cRLSign", "cRLSign", l.signs("root", "ca.csr", replaced(",cRLSign", ""))},
		{
			"no subject key identifier", "no subject key identifier",
			l.signs("root", "ca.csr", replaced("subjectKeyIdentifier=hash", "subjectKeyIdentifier=none")),
		},
		{"an extended key usage", "extended key usages", l.signs("root", "ca.csr", issuingExtensions+"extendedKeyUsage=serverAuth\n")},
		{
			"an unknown critical extension", "critical extension 1.2.3.4",
			l.signs("root", "ca.csr", issuingExtensions+"1.2.3.4=critical,DER:0500\n"),
		},
		{
			"expired", "expired on",
			l.signs("root", "ca.csr", issuingExtensions, "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"),
		},
		{
			"not yet valid", "not valid before",
			l.signs("root", "ca.csr", issuingExtensions, "-startdate", time.Now().AddDate(1, 0, 0).UTC().Format("20060102150405Z")),
		},
		{"longer than the issuer", "longer than its issuer", l.signs("root", "ca.csr", issuingExtensions, "-days", "3500")},
		{"earlier than the issuer", "before its issuer", l.signs("root", "ca.csr", issuingExtensions, "-startdate", "20200101000000Z")},
	}
	for _, w := range wrong {
		_, err := cas.Import(l.ctx, c.ID, w.text)
		if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Field != "certificate" || !strings.Contains(f.Message, w.reason) {
			t.Errorf("%s: %v", w.what, err)
		}
	}
	if now := l.find("under-outer"); now.Status != ca.Pending || now.Certificate != nil || now.Version != c.Version {
		t.Fatalf("a refused import changed something: %+v", now)
	}
	middle := l.create(ca.Intermediate, "middle-outer", "outer", nil)
	text, err := cas.SigningRequestPEM(l.ctx, middle)
	if err != nil {
		t.Fatal(err)
	}
	l.file("middle.csr", text)
	if _, err := cas.Import(
		l.ctx, middle.ID, l.signs("root", "middle.csr", issuingExtensions),
	); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "path length of 0") {
		t.Errorf("an intermediate below which nothing can stand: %v", err)
	}
	t.Logf("%d wrong imports refused", len(wrong)+1)

	// As docs/certificate-authorities.md says.
	l.openssl(
		"x509", "-req", "-in", "ca.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2000", "-sha256",
		"-extfile", l.file("ca.ext", issuingExtensions), "-out", "good.pem",
	)
	good := l.read("good.pem")
	if _, err := cas.Import(l.ctx, c.ID, append(good, l.read("root.pem")...)); err != nil {
		t.Fatal(err)
	}
	if _, err := cas.Import(l.ctx, c.ID, good); !fault.Is(err, fault.Conflict) {
		t.Errorf("imported twice: %v", err)
	}
	l.until("under-outer", "the imported CA becomes active", func(c *ca.CertificationAuthority) bool { return c.Status == ca.Active })
	if _, err := cas.Import(l.ctx, c.ID, l.signs("root", "ca.csr", issuingExtensions)); !fault.Is(err, fault.Conflict) {
		t.Errorf("imported without being asked: %v", err)
	}
	leaf := l.issued("under-outer", "www.example.com")
	l.verify(leaf, false)
	if _, err := l.app.certificates.Revoke(l.ctx, leaf.ID, certificate.KeyCompromise, nil); err != nil {
		t.Fatal(err)
	}
	l.published("under-outer", 1)
	l.verify(leaf, true)

	// Its renewal is signed outside too, and issuance goes on meanwhile.
	if _, err := cas.Renew(l.ctx, c.ID, ca.NewKey, nil); err != nil {
		t.Fatal(err)
	}
	c = l.until("under-outer", "the new request waits", func(c *ca.CertificationAuthority) bool { return c.SigningRequest != nil })
	before := l.issued("under-outer", "before.example.com")
	if text, err = cas.SigningRequestPEM(l.ctx, c); err != nil {
		t.Fatal(err)
	}
	l.file("new.csr", text)
	if _, err := cas.Import(l.ctx, c.ID, l.signs("root", "ca.csr", issuingExtensions)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a certificate of the old key for the new one: %v", err)
	}
	if _, err := cas.Import(l.ctx, c.ID, l.signs("root", "new.csr", issuingExtensions)); err != nil {
		t.Fatal(err)
	}
	l.until(
		"under-outer", "it issues with the new key",
		func(c *ca.CertificationAuthority) bool { return c.Renewal == "" && c.KeyGeneration == 2 },
	)
	after := l.issued("under-outer", "after.example.com")
	l.verify(before, false)
	l.verify(after, false)
}

// TestAnExternalRootIsRenewed: whoever has the key of an external root makes it another certificate, or another root
// certifies it. Chains have the right one, and openssl agrees; what does not fit is refused and changes nothing.
func TestAnExternalRootIsRenewed(t *testing.T) {
	l := newLife(t)
	cas := l.app.cas
	l.foreign("root", "/CN=Outer Root/O=Elsewhere", rootExtensions)
	l.foreign("other", "/CN=Other Root/O=Elsewhere", rootExtensions)
	l.foreign("impostor", "/CN=Other Root/O=Elsewhere", rootExtensions)
	root, err := cas.ImportRoot(l.ctx, l.m.Partition.ID, "outer", "Outer", l.read("root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c := l.create(ca.Issuing, "under-outer", "outer", nil)
	text, err := cas.SigningRequestPEM(l.ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	l.file("ca.csr", text)
	if _, err := cas.Import(l.ctx, c.ID, l.signs("root", "ca.csr", issuingExtensions)); err != nil {
		t.Fatal(err)
	}
	l.until("under-outer", "it is active", func(c *ca.CertificationAuthority) bool { return c.Status == ca.Active })
	leaf := l.issued("under-outer", "www.example.com")
	l.verify(leaf, false)

	again := func(extensions string, options ...string) []byte {
		l.openssl(append([]string{
			"req", "-x509", "-key", "root.key", "-out", "again.pem", "-days", "4000", "-subj", "/CN=Outer Root/O=Elsewhere", "-config",
			l.file("again.cnf", "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n"+extensions)}, options...)...)
		return l.read("again.pem")
	}
	replaced := func(old, new string) string { return strings.Replace(rootExtensions, old, new, 1) }
	l.openssl("req", "-new", "-key", "root.key", "-out", "root.csr", "-subj", "/CN=Outer Root/O=Elsewhere")
	serial := strings.TrimPrefix(strings.TrimSpace(l.openssl("x509", "-in", "root.pem", "-noout", "-serial")), "serial=")
	crossed := l.signs("other", "root.csr", rootExtensions)
	for _, w := range []struct {
		what, reason string
		text         []byte
	}{
		{"the present one", "has this certificate already", l.read("root.pem")},
		{"another root", "another key", l.read("other.pem")},
		{"a CA below", "another key", []byte(ca.PEM(l.find("under-outer").Certificate))},
		{"another subject", "is for the subject CN=Renamed", again(rootExtensions, "-subj", "/CN=Renamed")},
		{"another key identifier", "subject key identifier 01", again(replaced("hash", "01020304"))},
		{"cA false", "not a CA certificate", again(replaced("CA:TRUE", "CA:FALSE"))},
		{"no keyCertSign", "keyCertSign", again(replaced("keyCertSign,", ""))},
		{"no room below", "path length 0 of the certificate is too small", again(replaced("CA:TRUE", "CA:TRUE,pathlen:0"))},
		{"SHA-1", "too weak", again(rootExtensions, "-sha1")},
		{"ending sooner", "not as long as the current one", again(rootExtensions, "-days", "100")},
		{
			"expired", "expired on",
			l.signs("root", "root.csr", rootExtensions, "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"),
		},
		{
			"not yet valid", "not valid before",
			l.signs("root", "root.csr", rootExtensions, "-startdate", time.Now().AddDate(1, 0, 0).UTC().Format("20060102150405Z")),
		},
		{
			"the serial number of the present one", "another certificate with the serial number",
			again(rootExtensions, "-set_serial", "0x"+serial),
		},
		{"a cross-certificate alone", "Add the certificate of that CA", crossed},
		{
			"a cross-certificate with an impostor's", "does not verify with the key of O=Elsewhere,CN=Other Root",
			append(slices.Clone(crossed), l.read("impostor.pem")...),
		},
		{
			"a cross-certificate of no CA", "not a CA certificate",
			append(l.signs("other", "root.csr", replaced("CA:TRUE", "CA:FALSE")), l.read("other.pem")...),
		},
	} {
		_, err := cas.Import(l.ctx, root.ID, w.text)
		if f := fault.Of(err); err == nil || f.Field != "certificate" || !strings.Contains(f.Message, w.reason) {
			t.Errorf("%s: %v", w.what, err)
		}
	}
	if now := l.find("outer"); now.Version != root.Version || now.SerialNumber != root.SerialNumber {
		t.Fatalf("a refused import changed something: %+v", now)
	}

	if _, err := cas.Import(l.ctx, root.ID, append(slices.Clone(crossed), l.read("other.pem")...)); err != nil {
		t.Fatal(err)
	}
	if last := l.chain(leaf)[2]; last != ca.PEM(root.Certificate) {
		t.Error("a cross-certificate took the place of the root in the chain")
	}
	renewed := again(rootExtensions)
	if _, err := cas.Import(l.ctx, root.ID, renewed); err != nil {
		t.Fatal(err)
	}
	now := l.find("outer")
	if last := l.chain(leaf)[2]; last != ca.PEM(now.Certificate) || now.SerialNumber == root.SerialNumber ||
		!now.NotAfter.After(root.NotAfter) {
		t.Errorf("the chain ends in %s", last)
	}
	l.verify(leaf, false)
	l.verify(l.issued("under-outer", "after.example.com"), false)

	all, err := cas.Certificates(l.ctx, now)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[ca.CertificateKind][]byte{}
	for _, own := range all {
		kinds[own.Kind] = own.DER
	}
	if len(all) != 3 || !bytes.Equal(kinds[ca.Replaced], root.Certificate) || !bytes.Equal(kinds[ca.Own], now.Certificate) {
		t.Fatalf("%d certificates, %d kinds", len(all), len(kinds))
	}
	// Who trusts the other root alone comes to the certificate by the cross-certificate, and not without it.
	chain := l.chain(leaf)
	below, end := l.file("below.pem", chain[1]), l.file("end.pem", chain[0])
	if out, err := l.try("verify", "-x509_strict", "-CAfile", "other.pem", "-untrusted", below, end); err == nil {
		t.Errorf("it verifies without the cross-certificate: %s", out)
	}
	l.openssl(
		"verify", "-x509_strict", "-CAfile", "other.pem", "-untrusted", below, "-untrusted", l.file("cross.pem", ca.PEM(kinds[ca.Cross])),
		end,
	)
	// Who still trusts the certificate before goes on.
	l.openssl("verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", below, end)

	got := l.app.ask(
		t, rbac.ActorFrom(l.ctx),
		`query($id: ID!) { certificationAuthority(id: $id) { expiresAt caCertificates { kind issuerGeneration } } }`,
		map[string]any{"id": root.ID},
	)
	if said := fmt.Sprint(got.Data); got.code() != "" || !strings.Contains(
		said, "issuerGeneration:0 kind:CROSS",
	) || !strings.Contains(said, "kind:REPLACED") {
		t.Errorf("%s %v", said, got.Errors)
	}
	if _, err := cas.Delete(l.ctx, root.ID, "outer"); err != nil {
		t.Fatal(err)
	}
	if _, err := cas.Import(l.ctx, root.ID, again(rootExtensions)); !fault.Is(err, fault.Conflict) {
		t.Errorf("imported for a deleted root: %v", err)
	}
}

// published waits until the CA's CRLs have so many entries, and the OCSP service may no longer answer from memory.
func (l *life) published(identifier string, entries int64) {
	l.Helper()
	c := l.find(identifier)
	eventually(l.T, "the CRLs are published", func() error {
		views, err := l.app.cas.Generations(l.ctx, c)
		if err != nil {
			return err
		}
		for _, v := range views {
			checked, err := issuance.CheckCRL(l.get(l.app.cas.URLs.CRL(v)), keyOf(v))
			if err != nil || int64(checked.Entries) != entries {
				return fmt.Errorf("key %d: %+v %v", v.KeyGeneration, checked, err)
			}
		}
		return nil
	})
	ahead.Add(int64(2 * time.Second))
}

func keyOf(c *ca.CertificationAuthority) []byte {
	d, err := issuance.Inspect(c.Certificate)
	if err != nil {
		return nil
	}
	return d.PublicKey
}

// TestRenewalWithANewKeyUnderLoad renews an issuing CA and its root while others issue all the time.
func TestRenewalWithANewKeyUnderLoad(t *testing.T) {
	l := newLife(t)
	cas := l.app.cas
	oldRoot := l.file("old-root.pem", ca.PEM(l.find("root-1").Certificate))
	var stop atomic.Bool
	var failed atomic.Pointer[error]
	var count atomic.Int64
	var mu sync.Mutex
	first := map[int64]*certificate.Certificate{} // by key
	last := map[int64]*certificate.Certificate{}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				c, err := l.issue("issuing-1", fmt.Sprintf("w%d-%d.example.com", worker, n))
				if err != nil {
					failed.Store(&err)
					return
				}
				count.Add(1)
				mu.Lock()
				if first[c.KeyGeneration] == nil {
					first[c.KeyGeneration] = c
				}
				last[c.KeyGeneration] = c
				mu.Unlock()
			}
		})
	}
	renew := func(identifier string, generation int64) {
		t.Helper()
		if _, err := cas.Renew(l.ctx, l.find(identifier).ID, ca.NewKey, nil); err != nil {
			t.Fatal(err)
		}
		l.until(
			identifier, identifier+" has its new key",
			func(c *ca.CertificationAuthority) bool { return c.Renewal == "" && c.KeyGeneration == generation },
		)
		reached := count.Load() + 20
		eventually(t, "issuance goes on", func() error {
			if err := failed.Load(); err == nil && count.Load() < reached {
				return errors.New("waiting")
			}
			return nil
		})
	}
	renew("issuing-1", 2)
	renew("root-1", 2)
	renew("issuing-1", 3)
	stop.Store(true)
	wg.Wait()
	if err := failed.Load(); err != nil {
		t.Fatalf("a request failed: %v", *err)
	}
	t.Logf("%d certificates issued meanwhile, none refused", count.Load())
	for _, generation := range []int64{1, 2, 3} {
		if first[generation] == nil {
			t.Fatalf("nothing was issued with key %d", generation)
		}
		l.verify(first[generation], false)
		l.verify(last[generation], false)
	}
	// One of each key is revoked: all CRLs list all, and each OCSP service says so of its own.
	before := l.entries("issuing-1")
	for _, c := range first {
		if _, err := l.app.certificates.Revoke(l.ctx, c.ID, certificate.Superseded, nil); err != nil {
			t.Fatal(err)
		}
	}
	l.published("issuing-1", before+3)
	for generation, c := range first {
		l.verify(c, true)
		l.verify(last[generation], false)
	}

	// Cross-certificates: who trusts only the old root comes to certificates under the new one, and the other way round.
	own, err := cas.Certificates(l.ctx, l.find("root-1"))
	if err != nil {
		t.Fatal(err)
	}
	cross := map[ca.CertificateKind]string{}
	for _, c := range own {
		if cross[c.Kind] == "" {
			cross[c.Kind] = ca.PEM(c.DER)
		}
	}
	newRoot := l.file("new-root.pem", ca.PEM(l.find("root-1").Certificate))
	for _, way := range []struct {
		trusted string
		kind    ca.CertificateKind
		leaf    *certificate.Certificate
	}{{oldRoot, ca.NewWithOld, last[3]}, {newRoot, ca.OldWithNew, last[1]}} {
		chain := l.chain(way.leaf)
		leaf, issuing := l.file("x-leaf.pem", chain[0]), l.file("x-issuing.pem", chain[1])
		if out, err := l.try("verify", "-x509_strict", "-CAfile", way.trusted, "-untrusted", issuing, leaf); err == nil {
			t.Errorf("%s: it verifies without the cross-certificate: %s", way.kind, out)
		}
		l.openssl(
			"verify", "-x509_strict", "-CAfile", way.trusted, "-untrusted", issuing, "-untrusted", l.file("x-cross.pem", cross[way.kind]),
			leaf,
		)
	}
	// What the first root certified is not broken by deleting nothing: the first root's list is still signed by its key.
	l.published("root-1", 0)
}

func (l *life) entries(identifier string) int64 {
	l.Helper()
	latest, err := l.app.status.Latest(l.ctx, []string{l.find(identifier).ID})
	if err != nil {
		l.Fatal(err)
	}
	return latest[l.find(identifier).ID].Entries
}

// TestRenewalWithTheSameKey: other dates, the same addresses, and an expired CA comes back to life.
func TestRenewalWithTheSameKey(t *testing.T) {
	l := newLife(t)
	old := l.find("issuing-1")
	leaf := l.issued("issuing-1", "old.example.com")
	ahead.Add(int64(time.Second)) // the newest certificate is known by its time
	ends := l.app.now().AddDate(3, 0, 0)
	if _, err := l.app.cas.Renew(l.ctx, old.ID, ca.SameKey, &ends); err != nil {
		t.Fatal(err)
	}
	c := l.until(
		"issuing-1", "it has a new certificate",
		func(c *ca.CertificationAuthority) bool { return c.Renewal == "" && c.SerialNumber != old.SerialNumber },
	)
	if c.KeyID != old.KeyID || c.KeyGeneration != 1 || c.NotAfter.After(ends) || l.app.cas.URLs.CRL(c) != l.app.cas.URLs.CRL(old) {
		t.Errorf("%+v", c)
	}
	l.verify(leaf, false)
	l.verify(l.issued("issuing-1", "new.example.com"), false)
	all, err := l.app.cas.Certificates(l.ctx, c)
	if err != nil || len(all) != 2 || all[0].Kind != ca.Own || all[1].Kind != ca.Replaced {
		t.Errorf("%+v %v", all, err)
	}

	ahead.Store(int64(4 * 366 * 24 * time.Hour))
	t.Cleanup(func() { ahead.Store(0) })
	if _, err := l.issue("issuing-1", "late.example.com"); !fault.Is(err, fault.Conflict) {
		t.Fatalf("an expired CA issued: %v", err)
	}
	if _, err := l.app.cas.Renew(l.ctx, old.ID, ca.SameKey, nil); err != nil {
		t.Fatal(err)
	}
	l.until("issuing-1", "it issues again", func(c *ca.CertificationAuthority) bool {
		return c.Renewal == "" && c.StatusAt(l.app.now()) == ca.Active
	})
	l.issued("issuing-1", "again.example.com")
	eventually(t, "its OCSP signer and CRL are of today", func() error {
		c := l.find("issuing-1")
		list, err := issuance.CheckCRL(l.get(l.app.cas.URLs.CRL(c)), keyOf(c))
		signer, missing := l.app.delegates.Current(l.ctx, c.ID, c.KeyGeneration, delegate.OCSPSigner)
		if err != nil || missing != nil || !list.NextUpdate.After(l.app.now()) || signer == nil || !signer.NotAfter.After(l.app.now()) {
			return fmt.Errorf("%v %v %+v %+v", err, missing, list, signer)
		}
		return nil
	})
}

// TestTwoPeopleRenewARoot: where a root is in two hands, so is its next key.
func TestTwoPeopleRenewARoot(t *testing.T) {
	l := newLife(t)
	l.app.cas.TwoPersonRoots = true
	l.ctx = colleague(t, l.app, l.m, "alice", rbac.Owners)
	bob, id, key := colleague(t, l.app, l.m, "bob", rbac.CAAdministrators), l.find("root-1").ID, l.find("root-1").KeyID
	renew := func() string {
		t.Helper()
		_, err := l.app.cas.Renew(l.ctx, id, ca.NewKey, nil)
		if !fault.Is(err, fault.ApprovalNeeded) {
			t.Fatalf("renewed by one: %v", err)
		}
		return fault.Of(err).ApprovalID
	}
	asked := renew()
	if _, err := l.app.approvals.Approve(l.ctx, asked, ""); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("renewed by one: %v", err)
	}
	if _, err := l.app.approvals.Reject(bob, asked, "not yet"); err != nil {
		t.Fatal(err)
	}
	if c := l.find("root-1"); c.Renewal != "" || c.Status != ca.Active {
		t.Fatalf("%+v", c)
	}
	if _, err := l.app.approvals.Approve(bob, renew(), ""); err != nil {
		t.Fatal(err)
	}
	c := l.until("root-1", "it is renewed", func(c *ca.CertificationAuthority) bool { return c.Renewal == "" && c.KeyGeneration == 2 })
	if c.KeyID == key {
		t.Error("the key is the old one")
	}
	// A root's old certificate cannot be revoked by itself, nor can the new one.
	var own []certificate.Certificate
	if err := l.app.store.DB(l.ctx).Find(&own, "ca_id = ? AND kind = ? AND subject = ?", id, certificate.CA, c.Subject).Error; err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, o := range own {
		if _, err := l.app.certificates.Revoke(l.ctx, o.ID, certificate.KeyCompromise, nil); fault.Is(err, fault.PolicyRefused) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if len(own) != 4 || refused != 2 || l.find("root-1").Status != ca.Active {
		t.Errorf("%d certificates between the keys, %d refused to be revoked", len(own), refused)
	}
}

// TestADisabledCA issues nothing, and everything else goes on.
func TestADisabledCA(t *testing.T) {
	l := newLife(t)
	leaf := l.issued("issuing-1", "www.example.com")
	for _, identifier := range []string{"root-1", "issuing-1"} {
		if _, err := l.app.cas.Disable(l.ctx, l.find(identifier).ID); err != nil {
			t.Fatal(err)
		}
		if _, err := l.app.cas.Disable(l.ctx, l.find(identifier).ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("disabled twice: %v", err)
		}
	}
	if _, err := l.issue("issuing-1", "no.example.com"); !fault.Is(err, fault.Conflict) {
		t.Errorf("a disabled CA issued: %v", err)
	}
	id := l.find("root-1").ID
	if _, err := l.app.cas.Create(
		l.ctx,
		ca.Request{
			PartitionID: l.m.Partition.ID, Type: ca.Issuing, Identifier: "none", FriendlyName: "x", SigningAlgorithm: "ECDSAP256+SHA256",
			Subject: "CN=x", ParentID: &id,
		},
	); !fault.Is(err, fault.Conflict) {
		t.Errorf("a disabled root certified: %v", err)
	}
	l.issued("issuing-rsa", "below.example.com") // below the disabled root
	if _, err := l.app.certificates.Revoke(l.ctx, leaf.ID, certificate.Superseded, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "OCSP and CRL tell of the revocation", func() error {
		d, err := issuance.Inspect(leaf.DER)
		if err != nil {
			return err
		}
		chain := l.chain(leaf)
		out, err := l.try(
			"ocsp", "-issuer", l.file("i.pem", chain[1]), "-cert", l.file("l.pem", chain[0]), "-url", d.OCSPURLs[0], "-CAfile",
			l.file("r.pem", chain[2]),
		)
		if err != nil || !strings.Contains(out, "l.pem: revoked") {
			return errors.New(out)
		}
		return nil
	})
	// Its OCSP signer is renewed while it is disabled.
	signer := signerOf(l.T, l.app, l.find("issuing-1")).NotAfter
	ahead.Store(int64(22 * 24 * time.Hour))
	t.Cleanup(func() { ahead.Store(0) })
	l.until(
		"issuing-1", "the OCSP signer is renewed",
		func(c *ca.CertificationAuthority) bool { return signerOf(l.T, l.app, c).NotAfter.After(signer) },
	)
	if _, err := l.app.cas.Enable(l.ctx, l.find("issuing-1").ID); err != nil {
		t.Fatal(err)
	}
	l.issued("issuing-1", "yes.example.com")
}

// TestDeleteAndUndo: the picture before equals a count by hand; undoing within 24 hours brings the service back; after
// that the identifier is free.
func TestDeleteAndUndo(t *testing.T) {
	l := newLife(t)
	t.Cleanup(func() { ahead.Store(0) })
	l.create(ca.Intermediate, "middle", "root-1", nil)
	l.create(ca.Issuing, "deep", "middle", nil)
	for n := range 3 {
		l.issued("deep", fmt.Sprintf("d%d.example.com", n))
	}
	gone := l.issued("deep", "gone.example.com")
	if _, err := l.app.certificates.Revoke(l.ctx, gone.ID, certificate.Superseded, nil); err != nil {
		t.Fatal(err)
	}
	root := l.find("root-1")
	impact, err := l.app.certificates.DeletionImpact(l.ctx, root, 2)
	if err != nil {
		t.Fatal(err)
	}

	// By hand: every CA, every certificate, one by one.
	list, err := l.app.cas.List(l.ctx, l.m.Partition.ID, true, "")
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]*ca.CertificationAuthority{}
	for _, c := range list {
		byID[c.ID] = c
	}
	under := func(id string) bool {
		for c := byID[id]; ; c = byID[*c.ParentID] {
			if c.ID == root.ID {
				return true
			}
			if c.ParentID == nil {
				return false
			}
		}
	}
	var subordinates, certificates int64
	entities := map[string]bool{}
	profiles := map[string]bool{}
	for id := range byID {
		if id == root.ID || under(id) {
			if id != root.ID {
				subordinates++
			}
			selected, err := l.app.cas.ProfileIDs(l.ctx, []string{id})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range selected[id] {
				profiles[p] = true
			}
		}
	}
	var all []*certificate.Certificate
	if err := l.app.store.DB(l.ctx).Find(&all).Error; err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if byID[c.CAID] != nil && under(c.CAID) && c.Kind == certificate.Subscriber && c.Status != certificate.Revoked &&
			c.NotAfter.After(l.app.now()) {
			certificates++
			if c.EndEntityID != nil {
				entities[*c.EndEntityID] = true
			}
		}
	}
	if impact.Subordinates != subordinates || impact.Certificates != certificates || impact.EndEntities != int64(len(entities)) ||
		len(impact.ProfileIDs) != len(profiles) || certificates < 4 || subordinates != 4 {
		t.Errorf(
			"the picture %d CAs, %d certificates, %d end entities, %d profiles; by hand %d, %d, %d, %d", impact.Subordinates,
			impact.Certificates, impact.EndEntities, len(impact.ProfileIDs), subordinates, certificates, len(entities), len(profiles),
		)
	}
	if len(impact.FirstSubordinates) != 2 || len(impact.FirstCertificates) != 2 || len(impact.FirstEndEntities) != 2 {
		t.Errorf("the first two of each: %+v", impact)
	}
	t.Logf("%d CAs, %d certificates, %d end entities, %d profiles", subordinates, certificates, len(entities), len(profiles))

	keep := l.issued("deep", "keep.example.com")
	if _, err := l.app.cas.Delete(l.ctx, root.ID, "root-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.issue("deep", "no.example.com"); err == nil {
		t.Error("issued below a deleted root")
	}
	l.verify(keep, false) // status goes on
	ahead.Store(int64(23 * time.Hour))
	if _, err := l.app.cas.Restore(l.ctx, root.ID); err != nil {
		t.Fatal(err)
	}
	ahead.Store(0)
	l.issued("deep", "again.example.com")
	ahead.Store(int64(25 * time.Hour))
	if l.find("root-1").PurgedAt != nil {
		t.Fatal("forgotten although restored")
	}
	if _, err := l.app.cas.Delete(l.ctx, l.find("deep").ID, "deep"); err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(50 * time.Hour))
	middle := l.find("middle").ID
	eventually(t, "the identifier is free", func() error {
		_, err := l.app.cas.Create(
			l.ctx,
			ca.Request{
				PartitionID: l.m.Partition.ID, Type: ca.Issuing, Identifier: "deep", FriendlyName: "Deep again",
				SigningAlgorithm: "ECDSAP256+SHA256",
				Subject:          "CN=Deep again", CRLEnabled: true, ParentID: &middle, ProfileIDs: []string{tlsProfile}})
		return err
	})
	l.until("deep", "the new one is active", func(c *ca.CertificationAuthority) bool { return c.Status == ca.Active })
	l.issued("deep", "new.example.com")
}

// TestConstraintsOfCAs: depth and names below a CA are bounded as asked, and openssl agrees.
func TestConstraintsOfCAs(t *testing.T) {
	l := newLife(t)
	two := int64(2)
	l.create(ca.Root, "bounded", "", func(r *ca.Request) { r.PathLength = &two })
	l.create(ca.Intermediate, "level-1", "bounded", func(r *ca.Request) {
		r.NameConstraints = nameconstraint.Constraints{
			Permitted: []nameconstraint.Subtree{
				{Type: san.DNSName, Value: "example.com"}, {Type: san.IPAddress, Value: "192.0.2.0/24"},
				{Type: san.Email, Value: "example.com"},
			},
			Excluded: []nameconstraint.Subtree{{Type: san.DNSName, Value: "secret.example.com"}},
		}
	})
	try := func(typ ca.Type, parent string, change func(*ca.Request)) error {
		id := l.find(parent).ID
		r := ca.Request{
			PartitionID: l.m.Partition.ID, Type: typ, Identifier: "refused", FriendlyName: "x", SigningAlgorithm: "ECDSAP256+SHA256",
			Subject: "CN=x", ParentID: &id,
		}
		if change != nil {
			change(&r)
		}
		_, err := l.app.cas.Create(l.ctx, r)
		return err
	}
	if err := try(ca.Intermediate, "level-1", nil); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("deeper than the path length: %v", err)
	}
	if err := try(
		ca.Intermediate, "bounded", func(r *ca.Request) { r.PathLength = &two },
	); !fault.Is(err, fault.Invalid) || fault.Of(err).Field != "pathLength" {
		t.Errorf("a greater path length than its parent's: %v", err)
	}
	if err := try(ca.Issuing, "bounded", func(r *ca.Request) {
		r.NameConstraints.Permitted = []nameconstraint.Subtree{
			{Type: san.DNSName, Value: "ok.example"}, {Type: san.IPAddress, Value: "192.0.2.1/24"},
		}
	}); !fault.Is(err, fault.Invalid) || fault.Of(err).Field != "nameConstraints.permitted[1]" {
		t.Errorf("a network with bits behind its mask: %v", err)
	}
	l.create(ca.Issuing, "bottom", "level-1", nil)
	l.verify(l.issued("bottom", "www.example.com"), false)
	for _, host := range []string{"www.example.org", "a.secret.example.com", "notexample.com"} {
		if _, err := l.issue("bottom", host); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "name constraints") {
			t.Errorf("%s: %v", host, err)
		}
	}
	l.file("level-1.pem", ca.PEM(l.find("level-1").Certificate))
	out := l.openssl("x509", "-in", "level-1.pem", "-noout", "-text")
	for _, want := range []string{
		"X509v3 Name Constraints: critical", "DNS:example.com", "IP:192.0.2.0/255.255.255.0", "email:example.com",
		"DNS:secret.example.com", "pathlen:1",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl does not see %q:\n%s", want, out)
		}
	}
}
