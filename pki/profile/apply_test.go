package profile

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

var now = time.Date(2026, 11, 14, 10, 30, 0, 123456789, time.UTC)

const skew = time.Minute

var keys = map[string]algorithm.PrivateKey{}

func key(t testing.TB, label string) algorithm.PrivateKey {
	t.Helper()
	if keys[label] == nil {
		a, err := algorithm.ForLabel(label)
		if err != nil {
			t.Fatal(err)
		}
		if keys[label], err = a.Generate(); err != nil {
			t.Fatal(err)
		}
	}
	return keys[label]
}

const (
	rsaLabel   = "RSA-2048+PKCS15-SHA256"
	ecLabel    = "ECDSAP256+SHA256"
	mldsaLabel = "ML-DSA-44"
)

func requestFor(t testing.TB, label, subject string, sans ...san.GeneralName) Request {
	t.Helper()
	n, err := name.Parse(subject)
	if err != nil {
		t.Fatal(err)
	}
	k := key(t, label)
	info, err := algorithm.InspectPublicKey(k.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return Request{Subject: n, SANs: sans, PublicKey: k.PublicKey(), KeyInfo: info}
}

func issuingCA(t testing.TB) Issuer {
	t.Helper()
	n, err := name.Parse("CN=Issuing,O=Example")
	if err != nil {
		t.Fatal(err)
	}
	return Issuer{
		CAType: CATypeIssuing, Subject: n.DER(), SubjectKeyID: bytes.Repeat([]byte{7}, 20), NotBefore: now.AddDate(-1, 0, 0),
		NotAfter: now.AddDate(5, 0, 0), PathLen: new(int),
		CRLURLs: []string{"http://crl.example/crl.crl"}, OCSPURLs: []string{"http://ocsp.example/"},
		CAIssuersURLs: []string{"http://crl.example/ca.crt"}}
}

func rootCA(t testing.TB) Issuer {
	ca := issuingCA(t)
	ca.CAType, ca.PathLen = CATypeRoot, nil
	return ca
}

func builtin(t testing.TB, id string) *Profile {
	t.Helper()
	p, ok := ByID(id)
	if !ok {
		t.Fatalf("no profile %s", id)
	}
	copied := *p
	return &copied
}

func apply(t testing.TB, p *Profile, r Request, issuer Issuer) *Result {
	t.Helper()
	result, err := p.Apply(r, issuer, now, skew)
	if err != nil {
		t.Fatalf("%s: %v", p.ID, err)
	}
	return result
}

func find(result *Result, oid string) (extension.Extension, bool) {
	for _, e := range result.Extensions {
		if e.ID.String() == oid {
			return e, true
		}
	}
	return extension.Extension{}, false
}

func keyUsageOf(t testing.TB, result *Result) uint16 {
	t.Helper()
	e, _ := find(result, "2.5.29.15")
	bits, ok := readKeyUsage(e.Value)
	if !ok || !e.Critical {
		t.Fatalf("key usage %+v", e)
	}
	return bits
}

func decided(result *Result, rule, outcome string) bool {
	for _, d := range result.Decisions {
		if d.Rule == rule && strings.Contains(d.Outcome+" "+d.Detail, outcome) {
			return true
		}
	}
	return false
}

var web = []san.GeneralName{{Type: san.DNSName, Value: "www.example.com"}}

func TestATLSServerCertificate(t *testing.T) {
	r := requestFor(t, ecLabel, "CN=www.example.com", san.GeneralName{Type: san.DNSName, Value: "WWW.example.com"}, web[0])
	result := apply(t, builtin(t, "privatessl-tls-server"), r, issuingCA(t))
	var order []string
	for _, e := range result.Extensions {
		order = append(order, fmt.Sprintf("%s %v %s", e.ID, e.Critical, hex.EncodeToString(e.Value)))
	}
	ski := hex.EncodeToString(extension.KeyIdentifier(r.PublicKey))
	want := []string{
		"2.5.29.19 true 3000",
		"2.5.29.15 true 03020780",
		"2.5.29.37 false 300a06082b06010505070301",
		"2.5.29.14 false 0414" + ski,
		"2.5.29.35 false 30168014" + strings.Repeat("07", 20),
		"2.5.29.17 false 3011820f" + hex.EncodeToString([]byte("www.example.com")),
	}
	for i, line := range want {
		if i >= len(order) || order[i] != line {
			t.Fatalf("extension %d is not %s\n%s", i, line, strings.Join(order, "\n"))
		}
	}
	if len(order) != 8 || !strings.HasPrefix(order[6], "2.5.29.31 false ") || !strings.HasPrefix(order[7], "1.3.6.1.5.5.7.1.1 false ") {
		t.Errorf("extensions\n%s", strings.Join(order, "\n"))
	}
	if result.NotBefore != time.Date(2026, 11, 14, 10, 29, 0, 0, time.UTC) ||
		result.NotAfter != time.Date(2029, 11, 14, 10, 30, 0, 0, time.UTC) {
		t.Errorf("validity %s to %s", result.NotBefore, result.NotAfter)
	}
	if !decided(result, "validity", "P3Y") || len(result.SANs) != 1 {
		t.Errorf("decisions %+v, names %v", result.Decisions, result.SANs)
	}
	again := apply(t, builtin(t, "privatessl-tls-server"), r, issuingCA(t))
	if fmt.Sprint(again) != fmt.Sprint(result) {
		t.Error("the same request gave another result")
	}
}

func TestServicesThatAreOffAreNotPointedTo(t *testing.T) {
	ca := issuingCA(t)
	ca.CRLURLs, ca.OCSPURLs, ca.CAIssuersURLs = nil, nil, nil
	result := apply(t, builtin(t, "privatessl-tls-server"), requestFor(t, ecLabel, "CN=a.example", web...), ca)
	for _, oid := range []string{"2.5.29.31", "1.3.6.1.5.5.7.1.1"} {
		if _, ok := find(result, oid); ok {
			t.Errorf("%s is there", oid)
		}
	}
}

func TestAuthorities(t *testing.T) {
	r := requestFor(t, ecLabel, "CN=Root,O=Example")
	self := Issuer{
		CAType: CATypeRoot, Subject: r.Subject.DER(), SubjectKeyID: extension.KeyIdentifier(r.PublicKey), NotBefore: now.Add(-skew),
		NotAfter: now.AddDate(20, 0, 0),
		CRLURLs:  []string{"http://crl.example/"}, OCSPURLs: []string{"http://ocsp.example/"}}
	root := apply(t, builtin(t, "basic-ca-root"), r, self)
	for _, oid := range []string{"2.5.29.35", "2.5.29.31", "1.3.6.1.5.5.7.1.1", "2.5.29.37"} {
		if _, ok := find(root, oid); ok {
			t.Errorf("a root has %s", oid)
		}
	}
	if bc, _ := find(root, "2.5.29.19"); hex.EncodeToString(bc.Value) != "30030101ff" || !bc.Critical {
		t.Errorf("basic constraints of a root %x", bc.Value)
	}
	if keyUsageOf(t, root) != bit(DigitalSignature)|bit(KeyCertSign)|bit(CRLSign) || root.NotAfter.Year() != 2046 {
		t.Errorf("root: usage %b, end %s", keyUsageOf(t, root), root.NotAfter)
	}
	issuing := apply(t, builtin(t, "basic-ca-subord"), requestFor(t, ecLabel, "CN=Sub"), rootCA(t))
	if bc, _ := find(issuing, "2.5.29.19"); hex.EncodeToString(bc.Value) != "30060101ff020100" {
		t.Errorf("basic constraints of an issuing CA %x", bc.Value)
	}
	if aki, ok := find(issuing, "2.5.29.35"); !ok || !bytes.Contains(aki.Value, bytes.Repeat([]byte{7}, 20)) {
		t.Error("an issuing CA has no authority key identifier")
	}
	// Path lengths decrease down the chain.
	two := 2
	parent := rootCA(t)
	parent.PathLen = &two
	middle := apply(t, builtin(t, "intermediate-ca-subord"), requestFor(t, ecLabel, "CN=Middle"), parent)
	if bc, _ := find(middle, "2.5.29.19"); hex.EncodeToString(bc.Value) != "30060101ff020101" || !decided(middle, "path-length", "1") {
		t.Errorf("basic constraints below path length 2: %x", bc.Value)
	}
	signer := apply(t, builtin(t, "ocsp-signer"), requestFor(t, ecLabel, "CN=a_b,OU=Validation Authorities,O=a"), issuingCA(t))
	if _, ok := find(signer, "1.3.6.1.5.5.7.48.1.5"); !ok || signer.NotAfter.Sub(now.Truncate(time.Second)) != 30*24*time.Hour {
		t.Errorf("OCSP signer until %s", signer.NotAfter)
	}
	if eku, _ := find(signer, "2.5.29.37"); hex.EncodeToString(eku.Value) != "300a06082b06010505070309" {
		t.Errorf("purposes of an OCSP signer %x", eku.Value)
	}
	if _, ok := find(signer, "2.5.29.31"); ok {
		t.Error("an OCSP signer that is not to be checked points to a CRL")
	}
}

func TestKeyUsageFitsTheKey(t *testing.T) {
	for _, c := range []struct {
		profile, label string
		want           uint16
	}{
		{"multiuse-p12-key-encipherment-client-server", rsaLabel, bit(DigitalSignature) | bit(KeyEncipherment)},
		{"multiuse-p12-key-encipherment-client-server", ecLabel, bit(DigitalSignature)},
		{"multiuse-p12-client", rsaLabel, bit(DigitalSignature)},
		{"multiuse-p12-client", ecLabel, bit(DigitalSignature) | bit(KeyAgreement)},
		{"smime-key-encipherment", rsaLabel, bit(KeyEncipherment)},
		{"smime-key-encipherment", ecLabel, bit(KeyAgreement)},
		{"smime-non-repudiation", mldsaLabel, bit(DigitalSignature) | bit(NonRepudiation)},
	} {
		result := apply(t, builtin(t, c.profile), requestFor(t, c.label, "CN=a"), issuingCA(t))
		if got := keyUsageOf(t, result); got != c.want {
			t.Errorf("%s with %s: %b, want %b", c.profile, c.label, got, c.want)
		}
		if c.want != builtin(t, c.profile).keyUsageBits() && !decided(result, "key-usage", "cannot have it") {
			t.Errorf("%s with %s: the change is not explained: %+v", c.profile, c.label, result.Decisions)
		}
	}
	p := builtin(t, "smime-key-encipherment")
	p.KeyAlgorithms = nil
	refused(t, "encryption with a signature key", p, requestFor(t, mldsaLabel, "CN=a"), issuingCA(t), "csr", "Use RSA")
}

func refused(t *testing.T, label string, p *Profile, r Request, issuer Issuer, field, word string) {
	t.Helper()
	result, err := p.Apply(r, issuer, now, skew)
	var refusal *invalid.Error
	switch {
	case err == nil:
		t.Errorf("%s: issued %+v", label, result)
	case !errors.As(err, &refusal):
		t.Errorf("%s: %T is not an *invalid.Error", label, err)
	case refusal.Field != field || !strings.Contains(refusal.Message, word):
		t.Errorf("%s: %q: %q, want field %q and %q", label, refusal.Field, refusal.Message, field, word)
	}
}

func TestRefusals(t *testing.T) {
	tls := builtin(t, "privatessl-tls-server")
	good := requestFor(t, ecLabel, "CN=www.example.com", web...)
	apply(t, tls, good, issuingCA(t))
	at := func(years, days int) *time.Time { moment := now.AddDate(years, 0, days); return &moment }

	refused(t, "CA type", tls, good, rootCA(t), "profile", "ISSUING")
	refused(t, "issuing CA under an issuing CA", builtin(t, "basic-ca-subord"), good, issuingCA(t), "profile", "ROOT or INTERMEDIATE")
	ca := rootCA(t)
	ca.PathLen = new(int)
	refused(t, "CA below path length 0", builtin(t, "basic-ca-subord"), good, ca, "issuer", "path length of 0")
	ca = issuingCA(t)
	ca.NotAfter = now
	refused(t, "expired CA", tls, good, ca, "issuer", "expired")
	ca = issuingCA(t)
	ca.NotBefore = now.Add(time.Second)
	refused(t, "future CA", tls, good, ca, "issuer", "not valid before")
	ca = issuingCA(t)
	ca.SubjectKeyID = nil
	refused(t, "CA without certificate", tls, good, ca, "issuer", "Wait")

	r := good
	r.NotAfter = at(0, -1)
	refused(t, "past", tls, r, issuingCA(t), "notAfter", "past")
	r.NotAfter = at(6, 0)
	refused(t, "past the CA's end", tls, r, issuingCA(t), "notAfter", "CA's own expiry")
	r.NotAfter = at(1, 0)
	r.NotBefore = at(2, 0)
	refused(t, "ends before it begins", tls, r, issuingCA(t), "notAfter", "before it becomes valid")
	r.NotAfter, r.NotBefore = nil, at(0, -2)
	refused(t, "back-dated", tls, r, issuingCA(t), "notBefore", "24h")
	r.NotBefore = at(-2, 0)
	refused(t, "before the CA", tls, r, issuingCA(t), "notBefore", "before the CA itself becomes valid")
	short := *tls
	short.MaxValidityPeriod = "P397D"
	r.NotBefore, r.NotAfter = nil, at(0, 398)
	refused(t, "longer than the profile allows", &short, r, issuingCA(t), "notAfter", "P397D")

	r = good
	r.ServerSideKey = true
	refused(t, "server-side key", tls, r, issuingCA(t), "profile", "PKCS #12")
	refused(t, "CSR for a profile of server-side keys", builtin(t, "smime-p12-key-encipherment"), good, issuingCA(t), "csr", "PKCS #12")
	refused(t, "key algorithm", builtin(t, "scep-digital-signature"), requestFor(t, mldsaLabel, "CN=a"), issuingCA(t), "csr", "RSA-2048")
	refused(t, "no key", tls, Request{Subject: good.Subject, SANs: web}, issuingCA(t), "csr", "no public key")

	nobody := requestFor(t, ecLabel, "")
	refused(t, "nobody", tls, nobody, issuingCA(t), "subject", "name nobody")
	refused(t, "CA without name", builtin(t, "basic-ca-subord"), nobody, rootCA(t), "subject", "RFC 5280")
	refused(t, "name of the CA", tls, requestFor(t, ecLabel, "CN=issuing,O=EXAMPLE"), issuingCA(t), "subject", "CA itself")
	refused(t, "root for another name", builtin(t, "basic-ca-root"), good, rootCA(t), "subject", "own name")
	refused(t, "SAN needed", builtin(t, "smartcard-logon"), good, issuingCA(t), "sans", "UPN")
	refused(
		t, "bad SAN", tls, requestFor(t, ecLabel, "CN=a", web[0], san.GeneralName{Type: san.DNSName, Value: "a_b"}), issuingCA(t),
		"sans[1]", "underscore",
	)
	refused(
		t, "common name that is no host", builtin(t, "privatessl-tls-server-supply-san"), requestFor(t, ecLabel, "CN=My Server"),
		issuingCA(t), "subject", "common name",
	)
	refused(
		t, "homoglyph in the common name", builtin(t, "privatessl-tls-server-supply-san"), requestFor(t, ecLabel, "CN=xn--pypal-4ve.com"),
		issuingCA(t), "subject", "Cyrillic",
	)

	made := good
	made.Subject = name.Name{RDNs: [][]name.Attribute{{{Type: name.OIDCommonName, Value: "a\x00b"}}}}
	refused(t, "name made in code", tls, made, issuingCA(t), "subject", "control")
	many := good
	many.SANs = nil
	for i := range san.MaxNames + 1 {
		many.SANs = append(many.SANs, san.GeneralName{Type: san.DNSName, Value: fmt.Sprintf("h%d.example", i)})
	}
	refused(t, "many names", tls, many, issuingCA(t), "sans", "at most")
}

func TestTheDefaultEndIsCappedByTheCA(t *testing.T) {
	ca := issuingCA(t)
	ca.NotAfter = now.AddDate(0, 3, 0)
	result := apply(t, builtin(t, "privatessl-tls-server"), requestFor(t, ecLabel, "CN=a.example"), ca)
	if !result.NotAfter.Equal(ca.NotAfter.Truncate(time.Second)) || !decided(result, "validity", "CA expires earlier") {
		t.Errorf("end %s, decisions %+v", result.NotAfter, result.Decisions)
	}
	r := requestFor(t, ecLabel, "CN=a.example")
	r.NotAfter = &ca.NotAfter
	if result = apply(t, builtin(t, "privatessl-tls-server"), r, ca); !result.NotAfter.Equal(ca.NotAfter.Truncate(time.Second)) {
		t.Errorf("the CA's own end was asked for, %s given", result.NotAfter)
	}
	ca = issuingCA(t)
	ca.NotBefore = now.Add(-10 * time.Second)
	if result = apply(
		t, builtin(t, "privatessl-tls-server"), requestFor(t, ecLabel, "CN=a.example"), ca,
	); result.NotBefore.Before(ca.NotBefore) {
		t.Errorf("begins on %s, before the CA's %s", result.NotBefore, ca.NotBefore)
	}
}

func TestNamesOfTheCertificate(t *testing.T) {
	supply := builtin(t, "privatessl-tls-server-supply-san")
	result := apply(t, supply, requestFor(t, ecLabel, "CN=WWW.example.com,CN=192.0.2.7,O=Example", web...), issuingCA(t))
	if fmt.Sprint(result.SANs) != "[{DNS_NAME www.example.com} {IP_ADDRESS 192.0.2.7}]" {
		t.Errorf("names %v", result.SANs)
	}
	result = apply(t, supply, requestFor(t, ecLabel, "CN=My Server", web...), issuingCA(t))
	if len(result.SANs) != 1 || !decided(result, "subject-alternative-name", "not copied") {
		t.Errorf("names %v, decisions %+v", result.SANs, result.Decisions)
	}
	result = apply(t, builtin(t, "privatessl-tls-server"), requestFor(t, ecLabel, "CN=www.example.com"), issuingCA(t))
	if len(result.SANs) != 0 {
		t.Errorf("names %v out of nothing", result.SANs)
	}
	result = apply(t, builtin(t, "privatessl-tls-server"), requestFor(t, ecLabel, "", web...), issuingCA(t))
	if e, _ := find(result, "2.5.29.17"); !e.Critical || hex.EncodeToString(result.Subject) != "3000" {
		t.Error("the SAN beside an empty subject is not critical")
	}
}

func eku(oids ...asn1.ObjectIdentifier) extension.Extension {
	return extension.ExtendedKeyUsage(false, oids...)
}

func TestExtensionsOfTheRequest(t *testing.T) {
	wstep := builtin(t, "wstep-digital-signature")
	strict := *wstep
	strict.IgnoreUnknownExtensions = false
	unknown := extension.Extension{ID: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}}
	template := extension.Extension{ID: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2}, Value: []byte{0x1e, 4, 0, 'W', 0, 'S'}}
	policies := extension.CertificatePolicies(asn1.ObjectIdentifier{1, 2, 3})
	with := func(list ...extension.Extension) Request {
		r := requestFor(t, rsaLabel, "CN=pc1.example")
		r.Extensions, r.CSRExtensions, r.Vouched = list, len(list), Voucher{WSTEP, true}
		return r
	}

	result := apply(t, wstep, with(template, unknown, policies, eku(extension.ClientAuth)), issuingCA(t))
	if e, ok := find(result, "1.3.6.1.4.1.311.20.2"); !ok || !bytes.Equal(e.Value, template.Value) {
		t.Error("the template name was not copied")
	}
	if _, ok := find(result, "1.2.3.4"); ok || !decided(result, "extension", "1.2.3.4") {
		t.Error("the unknown extension was not left out with a reason")
	}
	if e, _ := find(result, "2.5.29.37"); hex.EncodeToString(e.Value) != "300a06082b06010505070302" {
		t.Errorf("purposes %x", e.Value)
	}
	apply(
		t, &strict, with(template, policies, extension.BasicConstraints(false, nil), extension.KeyUsage(extension.DigitalSignature)),
		issuingCA(t),
	)

	refused(t, "unknown", &strict, with(unknown), issuingCA(t), "extensions", "does not allow")
	refused(t, "other key usage", &strict, with(extension.KeyUsage(extension.KeyCertSign)), issuingCA(t), "extensions", "set by profile")
	refused(t, "twice", wstep, with(unknown, unknown), issuingCA(t), "extensions", "twice")
	refused(
		t, "SAN among the extensions", wstep, with(extension.SubjectAlternativeName(false, san.MarshalDER(web))), issuingCA(t),
		"extensions", "separately",
	)
	critical := template
	critical.Critical = true
	refused(t, "critical", wstep, with(critical), issuingCA(t), "extensions", "must not be critical")
	broken := template
	for _, value := range [][]byte{nil, {0x1e}, {0x1e, 4, 0}, {5, 0, 0}, {0x30, 2, 0x30, 9}} {
		broken.Value = value
		refused(t, fmt.Sprintf("broken value %x", value), wstep, with(broken), issuingCA(t), "extensions", "DER")
	}
	policies.Value = append([]byte(nil), policies.Value...)
	doubled := extension.CertificatePolicies(asn1.ObjectIdentifier{1, 2, 3}, asn1.ObjectIdentifier{1, 2, 3})
	refused(t, "policy twice", wstep, with(doubled), issuingCA(t), "extensions", "distinct policies")
	big := template
	big.Value = make([]byte, maxExtensionValue+1)
	refused(t, "long value", wstep, with(big), issuingCA(t), "extensions", "bytes")
	refused(t, "empty purposes", wstep, with(eku()), issuingCA(t), "extensions", "list of 1")
	refused(t, "OCSP signing", wstep, with(eku(extension.OCSPSigning)), issuingCA(t), "extensions", "OCSP Signing")
	refused(t, "enrolment agent", wstep, with(eku(mustOID(certificateRequestAgent))), issuingCA(t), "extensions", "Only a profile")
	refused(t, "any purpose", wstep, with(eku(mustOID(anyExtendedKeyUsage))), issuingCA(t), "extensions", "Only a profile")

	// A subscriber that requests to be a CA does not become one, and is told so.
	result = apply(
		t, wstep,
		with(extension.BasicConstraints(true, nil), extension.KeyUsage(extension.KeyCertSign), extension.AuthorityKeyIdentifier([]byte{1})),
		issuingCA(t),
	)
	if bc, _ := find(result, "2.5.29.19"); hex.EncodeToString(bc.Value) != "3000" || keyUsageOf(t, result) != bit(DigitalSignature) ||
		!decided(
			result, "extension", "Basic Constraints",
		) {
		t.Errorf("a subscriber became a CA: %x", bc.Value)
	}
	// Other purposes are left out if the profile fixes them.
	result = apply(t, builtin(t, "privatessl-tls-server"), with(eku(extension.ServerAuth, extension.CodeSigning)), issuingCA(t))
	if e, _ := find(result, "2.5.29.37"); hex.EncodeToString(e.Value) != "300a06082b06010505070301" || !decided(
		result, "extension", "Extended Key Usage",
	) {
		t.Errorf("purposes %x", e.Value)
	}
	always := *builtin(t, "external-ca-subord")
	plain := extension.Extension{ID: extension.OIDNameConstraints, Value: []byte{0x30, 0}}
	refused(t, "name constraints that are not critical", &always, with(plain), rootCA(t), "extensions", "must be critical")
}

func TestPoliciesOfTheProfileWin(t *testing.T) {
	p := builtin(t, "esim-delivery-auth")
	p.AllowedExtensions = []AllowedExtension{{"2.5.29.32", CriticalNever}}
	r := requestFor(t, ecLabel, "CN=SM-DP", san.GeneralName{Type: san.RegisteredID, Value: "2.999.10"})
	r.Extensions = []extension.Extension{extension.CertificatePolicies(asn1.ObjectIdentifier{1, 2, 3})}
	result := apply(t, p, r, issuingCA(t))
	count := 0
	for _, e := range result.Extensions {
		if e.ID.Equal(extension.OIDCertificatePolicies) {
			count++
		}
	}
	if e, _ := find(result, "2.5.29.32"); count != 1 || hex.EncodeToString(e.Value) != "300b3009060767811201020104" {
		t.Errorf("%d policies, %x", count, e.Value)
	}
}

func TestServerSideKeys(t *testing.T) {
	p := builtin(t, "multiuse-p12-key-encipherment-client-server")
	r := requestFor(t, rsaLabel, "CN=dc1.example.com", web...)
	for _, server := range []bool{true, false} {
		r.ServerSideKey = server
		if result := apply(t, p, r, issuingCA(t)); !decided(
			result, "key", map[bool]string{true: "the service", false: "its owner"}[server],
		) {
			t.Errorf("decisions %+v", result.Decisions)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	p, r, ca := builtin(b, "privatessl-tls-server"), requestFor(b, ecLabel, "CN=www.example.com,O=Example", web...), issuingCA(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Apply(r, ca, now, skew); err != nil {
			b.Fatal(err)
		}
	}
}
