package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/rbac"
)

func csrOf(t *testing.T, key any, change func(*x509.CertificateRequest)) string {
	t.Helper()
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "bad.example.com"}, DNSNames: []string{"bad.example.com"}}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// TestBadRequestsForCertificates sends what must be refused: each gets a kind, a field and a sentence, is on the audit
// log, and changes nothing.
func TestBadRequestsForCertificates(t *testing.T) {
	a, m := inProcess(t)
	owner := &rbac.Actor{
		Kind: rbac.UserActor, ID: "owner", Name: "owner@test", Grants: map[string][]rbac.Role{m.Partition.ID: {rbac.Owners}},
	}
	ctx := rbac.WithActor(context.Background(), owner)
	issuing, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := csrOf(t, key, nil)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024) // that is the point
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(good))
	forged := bytes.Clone(block.Bytes)
	forged[len(forged)-3] ^= 1
	b64 := base64.StdEncoding.EncodeToString
	type input map[string]any
	cases := map[string]struct {
		change input
		field  string
	}{
		"no CSR":                    {input{"csr": "hello"}, "csr"},
		"a megabyte of junk":        {input{"csr": strings.Repeat("A", 1<<20)}, "csr"},
		"truncated DER":             {input{"csr": b64(block.Bytes[:len(block.Bytes)/2])}, "csr"},
		"wrong signature":           {input{"csr": b64(forged)}, "csr"},
		"trailing data":             {input{"csr": b64(append(bytes.Clone(block.Bytes), 0))}, "csr"},
		"P-224":                     {input{"csr": csrOf(t, p224, nil)}, "csr"},
		"RSA 1024":                  {input{"csr": csrOf(t, weak, nil)}, "csr"},
		"a key the profile forbids": {input{"csr": csrOf(t, ed, nil)}, "csr"},
		"unknown profile":           {input{"profileId": "no-such"}, "profileId"},
		"past the issuer's end":     {input{"notAfter": "2090-01-01T00:00:00Z"}, "notAfter"},
		"an end in the past":        {input{"notAfter": "2020-01-01T00:00:00Z"}, "notAfter"},
		"control character in DN":   {input{"subject": "CN=a\u0007b"}, "subject"},
		"direction override in DN":  {input{"subject": "CN=a\u202eb"}, "subject"},
		"over-long CN":              {input{"subject": "CN=" + strings.Repeat("a", 65)}, "subject"},
		"unknown attribute":         {input{"subject": "NOSUCH=a"}, "subject"},
		"country of three letters":  {input{"subject": "CN=a,C=DEU"}, "subject"},
		"empty label": {
			input{"subjectAlternativeNames": []input{{"type": "DNS_NAME", "value": "a..example.com"}}}, "subjectAlternativeNames[0]",
		},
		"bad IP": {
			input{"subjectAlternativeNames": []input{{"type": "IP_ADDRESS", "value": "300.1.1.1"}}}, "subjectAlternativeNames[0]",
		},
		"homoglyph name": {
			input{"subjectAlternativeNames": []input{{"type": "DNS_NAME", "value": "ex\u0430mple.com"}}}, "subjectAlternativeNames[0]",
		},
		"over-long name": {
			input{"subjectAlternativeNames": []input{{"type": "DNS_NAME", "value": strings.Repeat("a.", 130) + "com"}}},
			"subjectAlternativeNames[0]",
		},
		"second of two names": {
			input{
				"subjectAlternativeNames": []input{{"type": "DNS_NAME", "value": "ok.example.com"}, {"type": "EMAIL", "value": "nobody"}},
			},
			"subjectAlternativeNames[1]",
		},
		"extension that is no DER": {input{"extensions": []input{{"oid": "1.2.3.4", "value": b64([]byte("zz"))}}}, "extensions[0].value"},
		"extension without an OID": {input{"extensions": []input{{"oid": "x", "value": "BQA="}}}, "extensions[0].oid"},
		"invisible end entity":     {input{"endEntity": "a\u200bb"}, "endEntity"},
	}
	before, err := a.tenants.Counts(ctx, mustPartition(t, a, ctx, m))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range cases {
		in := input{"caId": issuing.ID, "profileId": "privatessl-tls-client-server", "csr": good}
		for k, v := range c.change {
			in[k] = v
		}
		got := a.ask(
			t, owner,
			`mutation($i: IssueCertificateInput!) { issueCertificate(input: $i) { ... on IssueCertificatePayload { certificate { id } } }
				}`,
			map[string]any{"i": in},
		)
		if code := got.code(); code != "INVALID" && code != "POLICY_REFUSED" {
			t.Errorf("%s: %q %v", what, code, got.Errors)
			continue
		}
		if field := got.Errors[0].Extensions.Field; field != c.field && !(c.field == "csr" && field == "publicKey") {
			t.Errorf("%s: field %q, want %q (%s)", what, field, c.field, got.Errors[0].Message)
		}
	}
	after, err := a.tenants.Counts(ctx, mustPartition(t, a, ctx, m))
	if err != nil {
		t.Fatal(err)
	}
	if *before != *after {
		t.Errorf("something was changed: %+v %+v", before, after)
	}
	events, err := a.audit.List(
		ctx, m.Partition.ID, audit.Filter{Action: "certificate.issue", Result: audit.Refused}, page.Request{First: 200},
	)
	if err != nil {
		t.Fatal(err)
	}
	if len(events.Nodes) < len(cases) {
		t.Errorf("%d refusals on the audit log, want %d", len(events.Nodes), len(cases))
	}
	for _, e := range events.Nodes {
		if strings.Contains(e.Summary, "BEGIN") || strings.Contains(fmt.Sprint(e.Details), "BEGIN") {
			t.Errorf("the request itself is on the log: %s", e.Summary)
		}
	}

	t.Run("duplicate identifier", func(t *testing.T) {
		got := a.ask(
			t, owner,
			`mutation($i: CreateCertificationAuthorityInput!) { createCertificationAuthority(input: $i) { ... on
				CertificationAuthorityPayload { certificationAuthority { id } } } }`,
			map[string]any{
				"i": input{
					"partitionId": m.Partition.ID, "type": "ROOT", "identifier": "root-1", "friendlyName": "Again",
					"signingAlgorithm": "ECDSAP256+SHA256", "subject": "CN=Again",
				},
			})
		if got.code() != "CONFLICT" || got.Errors[0].Extensions.Field != "identifier" {
			t.Error(got.Errors)
		}
	})
	t.Run("homoglyph identifier", func(t *testing.T) {
		got := a.ask(
			t, owner,
			`mutation($i: CreateCertificationAuthorityInput!) { createCertificationAuthority(input: $i) { ... on
				CertificationAuthorityPayload { certificationAuthority { id } } } }`,
			map[string]any{
				"i": input{
					"partitionId": m.Partition.ID, "type": "ROOT", "identifier": "r\u043e\u043et-1", "friendlyName": "Look-alike",
					"signingAlgorithm": "ECDSAP256+SHA256", "subject": "CN=Again",
				},
			})
		if got.code() != "INVALID" || got.Errors[0].Extensions.Field != "identifier" {
			t.Error(got.Errors)
		}
	})
	t.Run("revoked CA", func(t *testing.T) {
		own, err := a.certificates.Get(ctx, certificateOfCA(t, a, owner, m, issuing.SerialNumber))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.certificates.Revoke(ctx, own.ID, 2, nil); err != nil {
			t.Fatal(err)
		}
		got := a.ask(
			t, owner,
			`mutation($i: IssueCertificateInput!) { issueCertificate(input: $i) { ... on IssueCertificatePayload { certificate { id } } }
				}`,
			map[string]any{"i": input{"caId": issuing.ID, "profileId": "privatessl-tls-client-server", "csr": good}},
		)
		if got.code() != "CONFLICT" || got.Errors[0].Extensions.Field != "caId" {
			t.Error(got.Errors)
		}
	})
}

func mustPartition(t *testing.T, a *App, ctx context.Context, m *Manifest) *tenant.Partition {
	t.Helper()
	p, err := a.tenants.Partition(ctx, m.Partition.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func certificateOfCA(t *testing.T, a *App, actor *rbac.Actor, m *Manifest, serial string) string {
	t.Helper()
	got := a.ask(
		t, actor, `query($p: ID!, $s: String!) { partition(id: $p) { certificates(first: 1, filter: {search: $s}) { nodes { id } } } }`,
		map[string]any{"p": m.Partition.ID, "s": serial},
	)
	id := ""
	walk(got.Data, func(key string, v any) {
		if s, ok := v.(string); ok && key == "id" {
			id = s
		}
	})
	return id
}

// TestBombs sends queries that would keep a server busy.
func TestBombs(t *testing.T) {
	a, m := inProcess(t)
	owner := &rbac.Actor{
		Kind: rbac.UserActor, ID: "owner", Name: "owner@test", Grants: map[string][]rbac.Role{m.Partition.ID: {rbac.Owners}},
	}
	deep := `{ partition(id: "` + m.Partition.ID + `") { certificationAuthorities { nodes { ` + strings.Repeat("parent { ", 30) + "id" +
		strings.Repeat(" }", 30) + ` } } } }`
	var wide strings.Builder
	wide.WriteString("{")
	for n := range 400 {
		fmt.Fprintf(
			&wide, ` a%d: partition(id: %q) { certificates(first: 500) { nodes { id details { fingerprint } } } }`, n, m.Partition.ID,
		)
	}
	wide.WriteString("}")
	for what, query := range map[string]string{
		"deep":           deep,
		"wide":           wide.String(),
		"many tokens":    "{" + strings.Repeat(" deployment { version }", 5000) + "}",
		"cyclic":         `query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }`,
		"a page too big": `{ partition(id: "` + m.Partition.ID + `") { certificates(first: 100000) { nodes { id } } } }`,
		"not GraphQL":    "}{",
	} {
		if got := a.ask(t, owner, query, nil); got.code() != "INVALID" && (len(got.Errors) == 0 || got.code() == "INTERNAL") {
			t.Errorf("%s: %v", what, got.Errors)
		}
	}
}

// browser is a client with cookies, as a page of ours would send requests.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	// what is tested is behind TLS
	return &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

func post(t *testing.T, c *http.Client, a *App, header http.Header, query string, variables map[string]any) (int, answer) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.cfg.BaseURL+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	r.Header.Set("Content-Type", "application/json")
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out answer
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%d %s", response.StatusCode, text)
	}
	return response.StatusCode, out
}

var ours = http.Header{"X-Requested-With": {"pkiaas"}}

const verify = `mutation($c: String!) { verifySecondFactor(input: {totp: $c}) { viewer { operator } } }`

// TestGuessingIsStopped tries a thousand one-time codes: a few are looked at, the rest are turned away, and even the
// right one has to wait.
func TestGuessingIsStopped(t *testing.T) {
	a, m := inProcess(t)
	u := m.Users[3]
	c := browser(t)
	if _, got := post(
		t, c, a, ours, `mutation($i: SignInInput!) { signIn(input: $i) { factors } }`,
		map[string]any{"i": map[string]any{"email": u.Email, "password": u.Password}},
	); got.code() != "" {
		t.Fatal(got.Errors)
	}
	looked := 0
	for n := range 1000 {
		status, got := post(t, c, a, ours, verify, map[string]any{"c": fmt.Sprintf("%06d", n)})
		switch {
		case got.code() == "UNAUTHENTICATED":
			looked++
		case got.code() == "TOO_MANY_REQUESTS" && status == http.StatusTooManyRequests:
		default:
			t.Fatalf("attempt %d: %d %v", n, status, got)
		}
	}
	if looked > 15 {
		t.Errorf("%d of 1000 guesses were looked at", looked)
	}
	events, err := a.audit.List(
		rbac.WithActor(t.Context(), rbac.SystemActor()), audit.PlatformChain, audit.Filter{Action: "user.sign-in", Result: audit.Refused},
		page.Request{First: 100},
	)
	if err != nil || len(events.Nodes) != looked {
		t.Errorf("%d refused sign-ins on the audit log for %d guesses: %v", len(events.Nodes), looked, err)
	}
}

// TestForgedSessions sends cookies and origins that are not ours.
func TestForgedSessions(t *testing.T) {
	a, m := inProcess(t)
	who := `{ viewer { operator } partition(id: "` + m.Partition.ID + `") { id } }`
	cookie := func(value string, more ...string) http.Header {
		h := http.Header{"Cookie": {sessionCookie + "=" + value}, "X-Requested-With": {"pkiaas"}}
		for n := 0; n < len(more); n += 2 {
			h.Set(more[n], more[n+1])
		}
		return h
	}
	if _, got := post(t, browser(t), a, cookie("forged"), who, nil); got.code() != "UNAUTHENTICATED" {
		t.Errorf("forged: %v", got)
	}
	if status, _ := post(t, browser(t), a, cookie("forged", "Origin", "https://evil.example"), who, nil); status != http.StatusForbidden {
		t.Errorf("foreign origin: %d", status)
	}
	h := cookie("forged")
	h.Del("X-Requested-With")
	if status, _ := post(t, browser(t), a, h, who, nil); status != http.StatusForbidden {
		t.Errorf("without our header: %d", status)
	}
	if status, got := post(
		t, browser(t), a, http.Header{"Authorization": {"Bearer pka_forged"}}, who, nil,
	); status != http.StatusUnauthorized || got.code() != "UNAUTHENTICATED" {
		t.Errorf("forged token: %d %v", status, got)
	}
	// A session that ended is worth nothing, though the cookie is right.
	u := m.Users[4]
	c := browser(t)
	post(
		t, c, a, ours, `mutation($i: SignInInput!) { signIn(input: $i) { factors } }`,
		map[string]any{"i": map[string]any{"email": u.Email, "password": u.Password}},
	)
	if _, got := post(t, c, a, ours, who, nil); got.code() != "UNAUTHENTICATED" {
		t.Errorf("half signed in: %v", got)
	}
	for what, path := range map[string]string{"CRL": "/crl/sub0000000000/none/crl.crl", "certificate": "/ca/sub0000000000/none/ca.cer"} {
		response, err := http.Get(a.cfg.PublicURL + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s of an unknown CA: %d", what, response.StatusCode)
		}
	}
	for path, want := range map[string]byte{"/ocsp/sub0000000000/none": 1, "/ocsp/" + m.Partition.ID + "/issuing-1": 1} {
		response, err := http.Post(a.cfg.PublicURL+path, "application/ocsp-request", strings.NewReader("junk"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != 200 || len(body) != 5 || body[4] != want {
			t.Errorf("%s: %d %x %v, want OCSP status %d", path, response.StatusCode, body, err, want)
		}
	}
}
