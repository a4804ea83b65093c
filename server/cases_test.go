package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/lint"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// sample brings files of testdata/cases into the test's directory and returns the first.
func (l *life) sample(names ...string) []byte {
	l.Helper()
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join("testdata", "cases", name))
		if err != nil {
			l.Fatal(err)
		}
		l.file(name, string(b))
	}
	return l.read(names[0])
}

// below imports a root of openssl's and has it sign an issuing CA.
func (l *life) below(root, identifier, extensions string) *ca.CertificationAuthority {
	l.Helper()
	if _, err := l.app.cas.ImportRoot(l.ctx, l.m.Partition.ID, root[:min(len(root), 18)], root, l.read(root+".pem")); err != nil {
		l.Fatal(root, err)
	}
	c := l.create(ca.Issuing, identifier, root[:min(len(root), 18)], func(r *ca.Request) {
		r.ProfileIDs = []string{tlsProfile, "multiuse-p12-client", "smime-digital-signature-key-encipherment"}
	})
	text, err := l.app.cas.SigningRequestPEM(l.ctx, c)
	if err != nil {
		l.Fatal(err)
	}
	l.file(identifier+".csr", text)
	if _, err := l.app.cas.Import(l.ctx, c.ID, l.signs(root, identifier+".csr", extensions)); err != nil {
		l.Fatal(err)
	}
	return l.until(identifier, identifier+" is active", func(c *ca.CertificationAuthority) bool { return c.Status == ca.Active })
}

// TestRootsThatExist: rules for what is issued here are not rules for what others have issued.
func TestRootsThatExist(t *testing.T) {
	l := newLife(t)
	cas, p := l.app.cas, l.m.Partition.ID
	l.sample("root-nokeyusage.pem", "root-nokeyusage.key")
	l.sample("root-printable-underscore-at.pem", "root-printable-underscore-at.key")

	// Without a key usage, and basic constraints that are not critical: taken, with a remark.
	bare := l.below("root-nokeyusage", "under-bare", issuingExtensions)
	chain := l.chain(l.issued("under-bare", "www.example.com"))
	l.openssl(
		"verify",
		"-CAfile",
		l.file("bare-root.pem", chain[2]),
		"-untrusted",
		l.file("bare-ca.pem", chain[1]),
		l.file("bare-leaf.pem", chain[0]),
	)
	if bare.Subject != "CN=under-bare,O=Life" {
		t.Error(bare.Subject)
	}
	l.file("odd.pem", oddRoot(t))
	odd := l.app.ask(
		t,
		rbac.ActorFrom(l.ctx),
		`mutation($i: ImportExternalRootInput!) { importExternalRoot(input: $i) { ... on CertificationAuthorityPayload {
			certificationAuthority { remarks } } } }`,
		map[string]any{
			"i": map[string]any{"partitionId": p, "identifier": "odd", "friendlyName": "Odd", "certificate": string(l.read("odd.pem"))},
		},
	)
	if odd.code() != "" {
		t.Fatal(odd.Errors)
	}
	said := ""
	for _, r := range odd.Data["importExternalRoot"].(map[string]any)["certificationAuthority"].(map[string]any)["remarks"].([]any) {
		said += r.(string) + "\n"
	}
	for _, want := range []string{"CN has 71 characters", "OU is empty", "not critical", "cRLSign"} {
		if !strings.Contains(said, want) {
			t.Errorf("the remarks do not say %q:\n%s", want, said)
		}
	}
	// Its page asks where its key is, which is nowhere here.
	if got := l.app.ask(
		t, rbac.ActorFrom(l.ctx),
		`query($p: ID!) { partition(id: $p) { certificationAuthority(identifier: "odd") { keyCustody keyStore { name } } } }`,
		map[string]any{"p": p},
	); got.code() != "" {
		t.Error(got.Errors)
	}
	l.foreign("nameless", "/", rootExtensions)
	if _, err := cas.ImportRoot(l.ctx, p, "nameless", "Nameless", l.read("nameless.pem")); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), "no subject") {
		t.Errorf("a root without a subject: %v", err)
	}

	// What crypto/x509 does not read: the PKCS #12 is made all the same.
	c := l.below("root-printable-underscore-at", "under-printable", issuingExtensions)
	made, err := l.app.enrollment.IssuePKCS12(
		l.ctx,
		enrollment.PKCS12Request{
			Request:  intake.Text{CAID: c.ID, ProfileID: "multiuse-p12-client", Subject: new("CN=Jane Doe")}.WithoutKey(),
			Password: "correct horse",
			KeyType:  "ECDSA-P256",
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	l.file("jane.p12", string(made.PKCS12))
	out := l.openssl("pkcs12", "-in", "jane.p12", "-passin", "pass:correct horse", "-nodes", "-info")
	for _, want := range []string{"PRIVATE KEY", "friendlyName: Jane Doe", "Iteration 100000", "root_ca@corp.example"} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl does not say %q of the file:\n%s", want, out)
		}
	}

	// One name and one serial number, two roots; the same root twice is one.
	for n, id := range []string{"twin-1", "twin-2"} {
		if _, err := cas.ImportRoot(
			l.ctx, p, id, id, l.sample([]string{"root-same-name-same-serial-1.pem", "root-same-name-same-serial-2.pem"}[n]),
		); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := cas.ImportRoot(l.ctx, p, "twin-3", "twin", l.sample("root-same-name-same-serial-1.pem")); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same root again: %v", err)
	}

	// Name constraints that cannot be applied: not taken in, and then dead.
	if _, err := cas.ImportRoot(l.ctx, p, "empty-ip", "Empty IP", l.sample("root-nc-empty-ip.pem")); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), "network") {
		t.Errorf("a root with an empty address among its name constraints: %v", err)
	}
}

// oddRoot has a common name of 71 characters, an empty OU, and basic constraints that are not critical.
func oddRoot(t *testing.T) string {
	t.Helper()
	subject, err := asn1.Marshal(
		pkix.RDNSequence{
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: ""}},
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: strings.Repeat("Long Name ", 7) + "x"}},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:    big.NewInt(7),
		RawSubject:      subject,
		NotBefore:       time.Now().Add(-time.Hour),
		NotAfter:        time.Now().AddDate(5, 0, 0),
		KeyUsage:        x509.KeyUsageCertSign,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Value: []byte("\x30\x03\x01\x01\xff")}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return ca.PEM(der)
}

// TestFormsOfCertificates: they are read in every form in which requests are.
func TestFormsOfCertificates(t *testing.T) {
	l := newLife(t)
	plain := l.sample("form-plain.pem")
	want, err := issuance.ParseCertificates(plain)
	if err != nil {
		t.Fatal(err)
	}
	wide := func(order string) []byte {
		var out []byte
		for _, u := range utf16.Encode([]rune(string(plain))) {
			if order == "le" {
				out = append(out, byte(u), byte(u>>8))
			} else {
				out = append(out, byte(u>>8), byte(u))
			}
		}
		return out
	}
	l.openssl("crl2pkcs7", "-nocrl", "-certfile", "form-plain.pem", "-out", "form.p7b")
	l.openssl("crl2pkcs7", "-nocrl", "-certfile", "form-plain.pem", "-outform", "DER", "-out", "form.p7c")
	l.openssl("x509", "-in", "form-plain.pem", "-trustout", "-addtrust", "serverAuth", "-out", "trusted.pem")
	for label, text := range map[string][]byte{
		"byte order mark": l.sample("form-bom.pem"), "one line": l.sample("form-one-line.pem"),
		"CR": bytes.ReplaceAll(plain, []byte("\n"), []byte("\r")), "CRLF": bytes.ReplaceAll(
			plain, []byte("\n"), []byte("\r\n"),
		),
		"two characters for a line end": bytes.ReplaceAll(plain, []byte("\n"), []byte(`\n`)), "DER": want[0], "base64": []byte(
			base64.StdEncoding.EncodeToString(want[0]),
		),
		"UTF-16LE": append([]byte("\xff\xfe"), wide("le")...), "UTF-16BE": append([]byte("\xfe\xff"), wide("be")...),
		"UTF-16 without mark": wide("le"),
		"p7b":                 l.read("form.p7b"), "p7c": l.read("form.p7c"), "base64 of a p7b": []byte(
			base64.StdEncoding.EncodeToString(l.read("form.p7c")),
		), "OpenSSL's trusted": l.read("trusted.pem"),
		"with text": []byte(l.openssl("x509", "-in", "form-plain.pem", "-text")),
	} {
		got, err := issuance.ParseCertificates(text)
		if err != nil || len(got) != 1 || !bytes.Equal(got[0], want[0]) {
			t.Errorf("%s: %d certificates, %v", label, len(got), err)
		}
	}
	if _, err := l.app.cas.ImportRoot(
		l.ctx, l.m.Partition.ID, "windows", "Windows", append([]byte("\xff\xfe"), wide("le")...),
	); err != nil {
		t.Errorf("a root as Windows saves it: %v", err)
	}
}

// TestRequestsAsTheyCome: what is replaced is not judged, and what verifiers refuse is not issued.
func TestRequestsAsTheyCome(t *testing.T) {
	l := newLife(t)
	l.foreign(
		"outer",
		"/O=Elsewhere/CN=Outer",
		rootExtensions+"nameConstraints=critical,permitted;URI:.corp.example,permitted;DNS:corp.example,permitted;email:corp.example\n",
	)
	c := l.below("outer", "bounded", issuingExtensions)
	const mail = "smime-digital-signature-key-encipherment"
	try := func(csr, subject string, sans ...intake.AlternativeName) error {
		r := intake.Text{CAID: c.ID, ProfileID: mail, CSR: string(l.sample(csr)), SANs: sans, SANsGiven: sans != nil}
		if subject != "" {
			r.Subject = &subject
		}
		_, err := l.app.enrollment.Issue(l.ctx, r.Request())
		return err
	}
	if err := try("csr-empty-cn.csr", "CN=Jane Doe"); err != nil {
		t.Errorf("a subject that is replaced was judged: %v", err)
	}
	if err := try("csr-empty-cn.csr", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("an empty common name: %v", err)
	}
	if err := try("csr-pss-salt222.csr", ""); err != nil {
		t.Errorf("RSA-PSS with OpenSSL's default salt: %v", err)
	}
	if err := try("csr-nc-cn-dns.csr", ""); !fault.Is(err, fault.Invalid) || fault.Of(err).Field != "subject" ||
		!strings.Contains(err.Error(), "corp.example") {
		t.Errorf("a host name as the common name, outside: %v", err)
	}
	if err := try("csr-nc-uri.csr", ""); !fault.Is(err, fault.Invalid) || fault.Of(err).Field != "sans" ||
		!strings.Contains(err.Error(), ".corp.example") {
		t.Errorf("a URI outside: %v", err)
	}
	if err := try("csr-nc-uri.csr", "", intake.AlternativeName{Type: san.URI, Value: "https://www.corp.example/x"}); err != nil {
		t.Errorf("names that are replaced were judged: %v", err)
	}
	// The screen shows the bounds of the certificates above as they are applied.
	if b := l.find("outer").Bounds(); len(b.Permitted) != 3 ||
		b.Permitted[0] != (nameconstraint.Subtree{Type: san.URI, Value: ".corp.example"}) {
		t.Errorf("%+v", b)
	}
	// A CA itself is held to what its root allows.
	l.foreign("narrow", "/O=Elsewhere/CN=Narrow", rootExtensions+"nameConstraints=critical,permitted;DNS:corp.example\n")
	if _, err := l.app.cas.ImportRoot(l.ctx, l.m.Partition.ID, "narrow", "Narrow", l.read("narrow.pem")); err != nil {
		t.Fatal(err)
	}
	outside := l.create(ca.Issuing, "outside", "narrow", func(r *ca.Request) { r.Subject = "CN=www.elsewhere.example" })
	text, err := l.app.cas.SigningRequestPEM(l.ctx, outside)
	if err != nil {
		t.Fatal(err)
	}
	l.file("outside.csr", text)
	if _, err := l.app.cas.Import(l.ctx, outside.ID, l.signs("narrow", "outside.csr", issuingExtensions)); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), "name constraints") {
		t.Errorf("a CA whose own name lies outside: %v", err)
	}
}

// TestConstraintsForDirectoryNames: Go refuses whatever lies below a CA that has one. So no CA gets one, and one that has it from
// before goes on with all but issuing.
func TestConstraintsForDirectoryNames(t *testing.T) {
	l := newLife(t)
	const bounded = "nameConstraints=critical,permitted;dirName:dir\n[dir]\nO=Life\n"
	refused := func(what string, err error, kind fault.Kind, field string) {
		t.Helper()
		if f := fault.Of(err); err == nil || f.Kind != kind || f.Field != field || !strings.Contains(f.Message, "for directory names") {
			t.Errorf("%s: %v, want %s at %s: %+v", what, err, kind, field, f)
		}
	}
	l.foreign("narrow", "/O=Life/CN=Narrow", rootExtensions+bounded)
	_, err := l.app.cas.ImportRoot(l.ctx, l.m.Partition.ID, "narrow", "Narrow", l.read("narrow.pem"))
	refused("a root", err, fault.Invalid, "certificate")

	root := l.find("root-1").ID
	directory := []nameconstraint.Subtree{{Type: san.DNSName, Value: "ok.example"}, {Type: san.DirectoryName, Value: "O=Life"}}
	for field, c := range map[string]nameconstraint.Constraints{"permitted": {Permitted: directory}, "excluded": {Excluded: directory}} {
		_, err := l.app.cas.Create(l.ctx, ca.Request{PartitionID: l.m.Partition.ID, Type: ca.Intermediate,
			Identifier: "refused", FriendlyName: "x", SigningAlgorithm: "ECDSAP256+SHA256", Subject: "CN=x", ParentID: &root,
			NameConstraints: c})
		refused("a CA that is made here", err, fault.Invalid, "nameConstraints."+field+"[1]")
	}

	l.foreign("outer", "/O=Elsewhere/CN=Outer", rootExtensions)
	c := l.below("outer", "before", issuingExtensions)
	leaf := l.issued("before", "www.example.com")
	bound := l.signs("outer", "before.csr", issuingExtensions+bounded)
	second := l.create(ca.Issuing, "second", "outer", nil)
	text, err := l.app.cas.SigningRequestPEM(l.ctx, second)
	if err != nil {
		t.Fatal(err)
	}
	l.file("second.csr", text)
	_, err = l.app.cas.Import(l.ctx, second.ID, l.signs("outer", "second.csr", issuingExtensions+bounded))
	refused("the certificate of a CA", err, fault.Invalid, "certificate")

	// A CA that has one from before they were refused.
	found, err := issuance.ParseCertificates(bound)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.app.store.DB(l.ctx).Model(&ca.CertificationAuthority{}).Where("id = ?", c.ID).
		Updates(map[string]any{"certificate": found[0], "version": c.Version + 1}).Error; err != nil {
		t.Fatal(err)
	}
	if err := l.app.store.DB(l.ctx).Delete(&delegate.Delegate{}, "ca_id = ?", c.ID).Error; err != nil {
		t.Fatal(err)
	}
	_, err = l.issue("before", "late.example.com")
	refused("issuing", err, fault.PolicyRefused, "caId")
	if f := fault.Of(err); f.Rule != nameconstraint.Rule || f.Action == "" {
		t.Errorf("%+v", f)
	}
	refused("an ACME order", l.app.enrollment.Ready(l.ctx, c.ID, tlsProfile, nil), fault.PolicyRefused, "caId")
	if err := l.app.store.Tx(l.ctx, func(ctx context.Context) error {
		return l.app.jobs.Enqueue(ctx, ca.DelegatesJob, c.KeyName(), l.app.now(), nil)
	}); err != nil {
		t.Fatal(err)
	}
	c = l.until("before", "it has an OCSP signer again", func(c *ca.CertificationAuthority) bool {
		found, err := l.app.delegates.Current(l.ctx, c.ID, c.KeyGeneration, delegate.OCSPSigner)
		return err == nil && found != nil
	})
	signer := l.file("signer.pem", ca.PEM(signerOf(l.T, l.app, c).Certificate))
	l.openssl("verify", "-CAfile", "outer.pem", "-untrusted", l.file("before.pem", ca.PEM(found[0])), signer)
	l.published("before", 0)
	if _, err := l.app.certificates.Revoke(l.ctx, leaf.ID, certificate.Superseded, nil); err != nil {
		t.Fatal(err)
	}
	l.published("before", 1)
	if _, err := l.app.cas.Delete(l.ctx, c.ID, c.Identifier); err != nil {
		t.Error(err)
	}
	// One that was made here.
	middle := l.create(ca.Intermediate, "middle", "root-1", nil)
	narrow, err := issuance.ParseCertificates(l.read("narrow.pem"))
	if err != nil {
		t.Fatal(err)
	}
	middle.Certificate, middle.NameConstraints.Permitted = narrow[0], directory
	if err := l.app.store.DB(l.ctx).Select("certificate", "name_constraints").Updates(middle).Error; err != nil {
		t.Fatal(err)
	}
	_, err = l.app.cas.Create(l.ctx, ca.Request{PartitionID: l.m.Partition.ID, Type: ca.Issuing, Identifier: "refused", FriendlyName: "x",
		SigningAlgorithm: "ECDSAP256+SHA256", Subject: "CN=x", ParentID: &middle.ID})
	refused("a CA below it", err, fault.PolicyRefused, "parentId")
	_, err = l.app.cas.Renew(l.ctx, middle.ID, ca.NewKey, nil)
	refused("its renewal", err, fault.Invalid, "nameConstraints.permitted[1]")
}

// TestPoliciesAskedForAbove: what a CA above asks of certificate policies, the certificates below have.
func TestPoliciesAskedForAbove(t *testing.T) {
	l := newLife(t)
	l.foreign("outer", "/O=Elsewhere/CN=Outer", rootExtensions)
	const policies = "certificatePolicies=1.2.3.4\npolicyConstraints=critical,requireExplicitPolicy:0\n"
	c := l.below("outer", "explicit", issuingExtensions+policies)
	if _, err := l.issue("explicit", "www.example.com"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "1.2.3.4") {
		t.Errorf("without the policy: %v", err)
	}
	request, err := demoCSR("www.example.com")
	if err != nil {
		t.Fatal(err)
	}
	policy := intake.GivenExtension{OID: "2.5.29.32", Value: []byte("\x30\x07\x30\x05\x06\x03\x2a\x03\x04")}
	made, err := l.app.enrollment.Issue(
		l.ctx,
		intake.Text{CAID: c.ID, ProfileID: tlsProfile, CSR: request, Extensions: []intake.GivenExtension{policy}}.Request(),
	)
	if err != nil {
		t.Fatal(err)
	}
	chain := l.chain(made.Certificate)
	l.openssl(
		"verify",
		"-policy_check",
		"-policy",
		"1.2.3.4",
		"-CAfile",
		l.file("p-root.pem", chain[2]),
		"-untrusted",
		l.file("p-ca.pem", chain[1]),
		l.file("p-leaf.pem", chain[0]),
	)
	// A CA below which nothing can stand is not taken.
	dead := l.create(ca.Issuing, "dead", "outer", nil)
	text, err := l.app.cas.SigningRequestPEM(l.ctx, dead)
	if err != nil {
		t.Fatal(err)
	}
	l.file("dead.csr", text)
	if _, err := l.app.cas.Import(
		l.ctx, dead.ID, l.signs("outer", "dead.csr", issuingExtensions+"policyMappings=2.5.29.32.0:1.2.3\n"),
	); !fault.Is(
		err,
		fault.Invalid,
	) {
		t.Errorf("a mapping of anyPolicy: %v", err)
	}
}

// TestASubjectThatIsEncodedAnew: AD CS writes names in its own way, which is taken where the names are equal.
func TestASubjectThatIsEncodedAnew(t *testing.T) {
	l := newLife(t)
	l.foreign("root", "/CN=Outer Root/O=Elsewhere", rootExtensions)
	if _, err := l.app.cas.ImportRoot(l.ctx, l.m.Partition.ID, "root", "Root", l.read("root.pem")); err != nil {
		t.Fatal(err)
	}
	c := l.create(ca.Issuing, "adcs", "root", func(r *ca.Request) { r.Subject = "CN=Issuing,OU=Security,O=Life" })
	text, err := l.app.cas.SigningRequestPEM(l.ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	l.file("adcs.csr", text)
	anew := func(request, subject string) []byte {
		l.signs("root", request, issuingExtensions) // writes the files
		l.file(
			"anew.cnf",
			strings.Replace(string(l.read("ca.cnf")), "[p]", "string_mask=default\n[p]", 1)+"organizationalUnitName=optional\n",
		)
		return l.signs("root", request, issuingExtensions, "-config", "anew.cnf", "-subj", subject)
	}
	if _, err := l.app.cas.Import(l.ctx, c.ID, anew("adcs.csr", "/CN=Issuing/OU=Security/O=Life")); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), "a different order") ||
		!strings.Contains(err.Error(), "certutil -setreg") {
		t.Errorf("another order: %v", err)
	}
	if _, err := l.app.cas.Import(l.ctx, c.ID, anew("adcs.csr", "/O=Life/OU=Security/CN=Issuing")); err != nil {
		t.Fatal(err)
	}
	c = l.until("adcs", "it is active", func(c *ca.CertificationAuthority) bool { return c.Status == ca.Active })
	remarks, err := l.app.cas.Remarks(l.ctx, c)
	if err != nil || len(remarks) != 1 || !strings.Contains(remarks[0], "CN is a PrintableString there and a UTF8String here") ||
		!strings.Contains(remarks[0], "certutil -setreg CA\\CRLFlags +CRLF_REBUILD_MODIFIED_SUBJECT_ONLY") {
		t.Errorf("%q %v", remarks, err)
	}
	// What it issues, its CRL and OCSP name it as its certificate does, byte for byte.
	leaf := l.issued("adcs", "www.example.com")
	l.verify(leaf, false)
	is, err := issuance.Inspect(leaf.DER)
	own, other := issuance.Inspect(c.Certificate)
	if err != nil || other != nil || !bytes.Equal(is.Issuer, own.Subject) {
		t.Error("the issuer of the certificate is not encoded as the subject of the CA's certificate", err, other)
	}
	// From then on the bytes stay.
	if _, err := l.app.cas.Renew(l.ctx, c.ID, ca.SameKey, nil); err != nil {
		t.Fatal(err)
	}
	c = l.until("adcs", "the request waits", func(c *ca.CertificationAuthority) bool { return c.SigningRequest != nil })
	if text, err = l.app.cas.SigningRequestPEM(l.ctx, c); err != nil {
		t.Fatal(err)
	}
	l.file("again.csr", text)
	utf8 := strings.Replace(string(l.read("anew.cnf")), "string_mask=default", "string_mask=utf8only", 1)
	l.file("utf8.cnf", utf8)
	if _, err := l.app.cas.Import(
		l.ctx, c.ID, l.signs("root", "again.csr", issuingExtensions, "-config", "utf8.cnf", "-subj", "/O=Life/OU=Security/CN=Issuing"),
	); !fault.Is(
		err,
		fault.Invalid,
	) ||
		!strings.Contains(err.Error(), "UTF8String there and a PrintableString here") {
		t.Errorf("another encoding when certificates are out: %v", err)
	}
	if _, err := l.app.cas.Import(l.ctx, c.ID, l.signs("root", "again.csr", issuingExtensions)); err != nil {
		t.Fatal(err)
	}
	l.until("adcs", "it is renewed", func(c *ca.CertificationAuthority) bool { return c.Renewal == "" })
	l.verify(l.issued("adcs", "after.example.com"), false)
}

// TestClaimsNeedSomebodyWhoAnswersForThem, whichever way they come in: it follows from who asks.
func TestClaimsNeedSomebodyWhoAnswersForThem(t *testing.T) {
	l := newLife(t)
	p := l.m.Partition.ID
	l.create(ca.Root, "claims-root", "", nil)
	issuing := l.create(ca.Issuing, "claims", "claims-root", func(r *ca.Request) { r.ProfileIDs = []string{"scep-digital-signature"} })
	logon := "1.3.6.1.4.1.311.20.2.2"
	l.file(
		"claims.cnf",
		"[req]\ndistinguished_name=dn\nreq_extensions=ext\n[dn]\n[ext]\nextendedKeyUsage=clientAuth,"+logon+
			"\n1.3.6.1.4.1.311.25.2=DER:30020500\n",
	)
	l.openssl(
		"req",
		"-new",
		"-newkey",
		"ec",
		"-pkeyopt",
		"ec_paramgen_curve:P-256",
		"-nodes",
		"-keyout",
		"claims.key",
		"-out",
		"claims.csr",
		"-subj",
		"/CN=Administrator",
		"-config",
		"claims.cnf",
	)
	stated := []intake.GivenExtension{{OID: "1.3.6.1.4.1.311.20.2", Value: []byte{0x1e, 2, 0, 'W'}}}
	roles := map[string][]rbac.Role{p: {rbac.Owners}}
	for label, c := range map[string]struct {
		actor            *rbac.Actor
		fromCSR, besides bool
	}{
		"a person":  {rbac.ActorFrom(l.ctx), true, true},
		"a program": {&rbac.Actor{Kind: rbac.TokenActor, ID: "t", Name: "t", Grants: roles}, false, true},
		"a protocol": {
			&rbac.Actor{
				Kind: rbac.ProtocolActor, ID: "p", Name: "acme:p", Protocol: "acme", Vouches: "NOBODY",
				Grants: map[string][]rbac.Role{p: {rbac.Protocol}},
			},
			false, false,
		},
		"a protocol that says nothing": {
			&rbac.Actor{
				Kind: rbac.ProtocolActor, ID: "p", Name: "new:p", Protocol: "new", Grants: map[string][]rbac.Role{p: {rbac.Protocol}},
			},
			false, false,
		},
	} {
		ctx := rbac.WithActor(l.ctx, c.actor)
		made, err := l.app.enrollment.Issue(
			ctx,
			intake.Text{
				CAID:       issuing.ID,
				ProfileID:  "scep-digital-signature",
				CSR:        string(l.read("claims.csr")),
				Extensions: stated,
			}.Request(),
		)
		if err != nil {
			t.Errorf("%s: %v", label, err)
			continue
		}
		is, err := issuance.Inspect(made.Certificate.DER)
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]bool{}
		for _, e := range is.Extensions {
			has[e.ID.String()] = true
		}
		for _, purpose := range is.ExtendedKeyUsages {
			has[purpose] = true
		}
		if has[logon] != c.fromCSR || has["1.3.6.1.4.1.311.25.2"] != c.fromCSR || has["1.3.6.1.4.1.311.20.2"] != c.besides ||
			!has["1.3.6.1.5.5.7.3.2"] {
			t.Errorf("%s: %v", label, has)
		}
	}
	// A person who hands in a file of requests has not looked at each.
	one := intake.Text{CAID: issuing.ID, ProfileID: "scep-digital-signature", CSR: string(l.read("claims.csr"))}
	var outcomes []enrollment.Outcome
	if err := l.app.enrollment.IssueMany(l.ctx, "bulk", []enrollment.Request{one.Request()}, func(
		_ context.Context, o []enrollment.Outcome,
	) error {
		outcomes = o
		return nil
	}); err != nil ||
		len(outcomes) != 1 ||
		outcomes[0].Err != nil {
		t.Fatal(outcomes, err)
	}
	if is, err := issuance.Inspect(outcomes[0].Certificate.DER); err != nil || slices.Contains(is.ExtendedKeyUsages, logon) {
		t.Errorf("one of many: %v %v", is.ExtendedKeyUsages, err)
	}
}

// TestCertificatesAreFoundAsPeopleQuoteThem, in the search, in a bulk revocation and by the gateway.
func TestCertificatesAreFoundAsPeopleQuoteThem(t *testing.T) {
	l := newLife(t)
	l.create(ca.Root, "quoted-root", "", nil)
	issuing := l.create(ca.Issuing, "quoted", "quoted-root", nil)
	c := l.issued("quoted", "quoted.example.com")
	number, ok := new(big.Int).SetString(c.SerialNumber, 16)
	if !ok {
		t.Fatal(c.SerialNumber)
	}
	var octets []string
	for n := 0; n < len(c.SerialNumber); n += 2 {
		octets = append(octets, c.SerialNumber[n:n+2])
	}
	long, short := sha256.Sum256(c.DER), sha1.Sum(c.DER)
	colons := func(b []byte) string {
		return strings.TrimSuffix(regexp.MustCompile("..").ReplaceAllString(strings.ToUpper(hex.EncodeToString(b)), "$0:"), ":")
	}
	whole := map[string]string{
		"as it is kept": c.SerialNumber, "blanks, as Windows writes": "\u200e" +
			strings.Join(octets, " "), "colons, as OpenSSL writes": strings.ToUpper(strings.Join(octets, ":")), "serial=": "serial=" +
			strings.ToUpper(c.SerialNumber),
		"decimal": number.String(), "leading zeros": "0000" +
			c.SerialNumber, "SHA-256 fingerprint": colons(long[:]), "SHA-1 fingerprint": hex.EncodeToString(short[:]),
	}
	search := func(text string) int {
		got := l.app.ask(
			t,
			rbac.ActorFrom(l.ctx),
			`query($p: ID!, $s: String!) { partition(id: $p) { certificates(first: 5, filter: { search: $s }) { nodes { id } } } }`,
			map[string]any{"p": l.m.Partition.ID, "s": text},
		)
		if got.code() != "" {
			t.Fatal(text, got.Errors)
		}
		nodes := got.Data["partition"].(map[string]any)["certificates"].(map[string]any)["nodes"].([]any)
		if len(nodes) == 1 && nodes[0].(map[string]any)["id"] != c.ID {
			return -1
		}
		return len(nodes)
	}
	// Before its words are written, and after.
	for _, when := range []string{"at once", "once its words are written"} {
		for label, text := range whole {
			if n := search(text); n != 1 {
				t.Errorf("%s, %s: the search for %q finds %d", when, label, text, n)
			}
		}
		for label, text := range map[string]string{
			"the beginning": c.SerialNumber[:10], "the end": c.SerialNumber[len(c.SerialNumber)-12:],
			"the end with blanks": strings.Join(octets[10:], " "),
		} {
			if n := search(text); n < 1 {
				t.Errorf("%s, %s: the search for %q finds %d", when, label, text, n)
			}
		}
		if n := search(strings.Repeat("e", 64)); n != 0 {
			t.Errorf("another fingerprint finds %d", n)
		}
		eventually(t, "its words are written", func() error {
			var n int64
			if err := l.app.store.DB(l.ctx).Raw("SELECT count(*) FROM certificates_unread").Scan(&n).Error; err != nil || n > 0 {
				ahead.Add(int64(time.Second))
				return fmt.Errorf("%d are unread: %v", n, err)
			}
			return nil
		})
	}
	for label, text := range whole {
		if found, err := l.app.certificates.BySerial(l.ctx, issuing, text); err != nil || found.ID != c.ID {
			t.Errorf("%s: the gateway finds %v, %v", label, found, err)
		}
		o, err := l.app.bulk.PrepareRevocation(l.ctx, bulk.RevocationInput{PartitionID: l.m.Partition.ID, Serials: text})
		if err != nil || o.Total != 1 || o.Failed != 0 {
			t.Errorf("%s: in bulk %+v, %v", label, o, err)
		}
	}
}

// TestWhatTheServerIssuesPassesZlint: every certificate of the demo's estate, and of each CA the CRLs.
func TestWhatTheServerIssuesPassesZlint(t *testing.T) {
	l := newLife(t)
	l.create(ca.Root, "lint-root", "", nil)
	l.create(ca.Intermediate, "lint-middle", "lint-root", nil)
	l.create(ca.Issuing, "lint", "lint-middle", nil)
	if _, err := l.app.certificates.Revoke(l.ctx, l.issued("lint", "lint.example.com").ID, certificate.Superseded, nil); err != nil {
		t.Fatal(err)
	}
	l.published("lint", 1)
	var all []*certificate.Certificate
	if err := l.app.store.DB(l.ctx).Find(&all).Error; err != nil {
		t.Fatal(err)
	}
	kinds, lists := map[certificate.Kind]int{}, map[string]bool{}
	for _, c := range all {
		d, err := issuance.Inspect(c.DER)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range d.CRLURLs {
			lists[u] = true
		}
		kinds[c.Kind]++
		for _, f := range lint.Check(c.DER) {
			if f.Severity == lint.Error {
				t.Errorf("%s under %s: %s: %s", c.Subject, c.ProfileID, f.Lint, f.Detail)
			}
		}
	}
	if kinds[certificate.CA] < 2 || kinds[certificate.OCSPSigner] < 1 || kinds[certificate.Subscriber] < 1 {
		t.Errorf("%v", kinds)
	}
	for u := range lists {
		for _, f := range lint.CheckCRL(l.get(u)) {
			if f.Severity == lint.Error {
				t.Errorf("%s: %s: %s", u, f.Lint, f.Detail)
			}
		}
	}
	t.Logf("%v certificates, %d CRLs", kinds, len(lists))
}
