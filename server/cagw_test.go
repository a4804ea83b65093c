package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/protocols/cagw"
	"github.com/pkiaas/pkiaas/rbac"
)

// contract is openapi.yaml, by which every answer is judged.
type contract struct {
	paths    map[string]map[string]any // path → method → operation
	document map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	compiled map[string]*jsonschema.Schema
}

const contractURL = "https://pkiaas.example/openapi.json"

func loadContract(t testing.TB) *contract {
	t.Helper()
	text, err := os.ReadFile("../protocols/cagw/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if text, err = yaml.YAMLToJSON(text); err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{
		document: parsed.(map[string]any), compiler: jsonschema.NewCompiler(), paths: map[string]map[string]any{},
		compiled: map[string]*jsonschema.Schema{},
	}
	if err := c.compiler.AddResource(contractURL, parsed); err != nil {
		t.Fatal(err)
	}
	for path, item := range c.document["paths"].(map[string]any) {
		c.paths[path] = item.(map[string]any)
	}
	return c
}

// resolve follows a $ref within the document.
func (c *contract) resolve(v any) (map[string]any, string) {
	m := v.(map[string]any)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m, ""
	}
	at := any(c.document)
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = at.(map[string]any)[part]
	}
	return at.(map[string]any), ref
}

// operation is that of a request: the literal path before one with parameters.
func (c *contract) operation(method, path string) (map[string]any, string) {
	path = strings.TrimPrefix(path, "/cagw/v1")
	parts := strings.Split(path, "/")
	best, literal := "", -1
	for template := range c.paths {
		want, n := strings.Split(template, "/"), 0
		if len(want) != len(parts) {
			continue
		}
		for k := range want {
			if want[k] == parts[k] {
				n++
			} else if !strings.HasPrefix(want[k], "{") {
				n = -1
				break
			}
		}
		if n > literal {
			best, literal = template, n
		}
	}
	op, _ := c.paths[best][strings.ToLower(method)].(map[string]any)
	return op, best
}

func (c *contract) validate(ref string, body []byte) error {
	c.mu.Lock()
	schema := c.compiled[ref]
	var err error
	if schema == nil {
		if schema, err = c.compiler.Compile(contractURL + ref); err == nil {
			c.compiled[ref] = schema
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// schemaOf is the reference to the schema of a media type's content.
func (c *contract) schemaOf(holder map[string]any) string {
	return holder["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any)["$ref"].(string)
}

// check holds an answer against the document.
func (c *contract) check(method, path string, status int, header http.Header, body []byte) error {
	ref := "#/components/schemas/ErrorResponse"
	if op, _ := c.operation(method, path); op != nil {
		responses := op["responses"].(map[string]any)
		r, ok := responses[fmt.Sprint(status)]
		if !ok {
			if status < 400 {
				return fmt.Errorf("status %d is not in the document", status)
			}
			r = responses["default"]
		}
		resolved, _ := c.resolve(r)
		ref = c.schemaOf(resolved)
	} else if status < 400 {
		return fmt.Errorf("no operation in the document")
	}
	if media := header.Get("Content-Type"); media != "application/json" {
		return fmt.Errorf("media type %q", media)
	}
	documented := []int{200, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 501, 503}
	if !slices.Contains(documented, status) {
		return fmt.Errorf("status %d", status)
	}
	return c.validate(ref, body)
}

// gatewayAPI is the demo's estate with its CA Gateway, reached as a credential.
type gatewayAPI struct {
	*App
	t        testing.TB
	m        *Manifest
	p        cagw.Protocol
	actor    *rbac.Actor
	contract *contract
	system   context.Context
	issuing  *ca.CertificationAuthority
	base     string // of the issuing CA
	seen     map[string]bool
}

func newGatewayAPI(t testing.TB, database string) *gatewayAPI {
	t.Helper()
	a, m := inProcessOn(t, database)
	g := &gatewayAPI{
		App: a, t: t, m: m, p: a.cagwProtocol(), contract: loadContract(t),
		system: rbac.WithActor(context.Background(), rbac.SystemActor()), seen: map[string]bool{},
	}
	if err := a.store.DB(g.system).Exec(
		"UPDATE subscriptions SET tier = ?, purchased_certificates = 100000000", tenant.Unlimited,
	).Error; err != nil {
		t.Fatal(err)
	}
	a.enrollment.Limits = free{} // the tier of before may be known for two seconds
	g.issuing = g.authority("issuing-1")
	g.base = cagw.Base + "/" + m.Partition.ID + "~issuing-1"
	g.actor = &rbac.Actor{
		Kind: rbac.CredentialActor, ID: "credential-1", Name: "gateway",
		Scope: rbac.Scope{Partition: m.Partition.ID, Authorities: map[string][]rbac.Role{
			g.issuing.ID: {
				rbac.CertificateAdministrators,
			}, g.authority("root-1").ID: {rbac.CAAuditors}, g.authority("issuing-rsa").ID: {rbac.CAAuditors}}}}
	return g
}

func (g *gatewayAPI) authority(identifier string) *ca.CertificationAuthority {
	g.t.Helper()
	c, err := g.cas.ByIdentifier(g.system, g.m.Partition.ID, identifier)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// send is a request without any judgement of its answer. body: nil, a string, or what becomes JSON.
func (g *gatewayAPI) send(method, path string, body any, header ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			g.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	for n := 0; n+1 < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	if g.actor != nil {
		r = r.WithContext(rbac.WithActor(r.Context(), g.actor))
	}
	w := httptest.NewRecorder()
	g.p.Endpoints()[0].Handler.ServeHTTP(w, r)
	return w
}

type object = map[string]any

// call sends a request whose answer has the status and is as the document says; if it is accepted, so is the request.
func (g *gatewayAPI) call(status int, method, path string, body any, header ...string) object {
	g.t.Helper()
	w := g.send(method, path, body, header...)
	bare, _, _ := strings.Cut(path, "?")
	if w.Code != status {
		g.t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	if err := g.contract.check(method, strings.TrimSuffix(bare, "/"), w.Code, w.Header(), w.Body.Bytes()); err != nil {
		g.t.Fatalf("%s %s: %d is not as documented: %v\n%s", method, path, w.Code, err, w.Body)
	}
	op, template := g.contract.operation(method, strings.TrimSuffix(bare, "/"))
	if op != nil {
		g.seen[method+" "+template] = true
	}
	if wanted, ok := op["requestBody"].(map[string]any); ok && status == 200 {
		var text []byte
		if s, is := body.(string); is {
			text = []byte(s)
		} else {
			text, _ = json.Marshal(body)
		}
		if err := g.contract.validate(g.contract.schemaOf(wanted), text); err != nil {
			g.t.Fatalf("%s %s: accepted, but not as documented: %v", method, path, err)
		}
	}
	var out object
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		g.t.Fatal(err)
	}
	return out
}

// at is a member by its path: "enrollment.body", "caList.0.id".
func at(t testing.TB, v any, path string) any {
	t.Helper()
	for _, part := range strings.Split(path, ".") {
		switch in := v.(type) {
		case object:
			next, ok := in[part]
			if !ok {
				t.Fatalf("no %s in %v", path, v)
			}
			v = next
		case []any:
			var n int
			if _, err := fmt.Sscan(part, &n); err != nil || n >= len(in) {
				t.Fatalf("no %s in %v", path, v)
			}
			v = in[n]
		default:
			t.Fatalf("no %s in %v", path, v)
		}
	}
	return v
}

func str(t testing.TB, v any, path string) string {
	t.Helper()
	s, ok := at(t, v, path).(string)
	if !ok {
		t.Fatalf("%s is no string in %v", path, v)
	}
	return s
}

// gatewayCSR makes a PKCS #10 request in base64 without armour.
func gatewayCSR(t testing.TB, subject pkix.Name, dns ...string) (string, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject, DNSNames: dns}, key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der), key
}

func parseBody(t testing.TB, body string) *x509.Certificate {
	t.Helper()
	der, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// issue enrolls for a name and returns the enrollment.
func (g *gatewayAPI) issue(name string) object {
	g.t.Helper()
	csr, _ := gatewayCSR(g.t, pkix.Name{CommonName: name})
	return at(
		g.t,
		g.call(
			200, "POST", g.base+"/enrollments",
			object{"profileId": "privatessl-tls-server", "csr": csr, "requiredFormat": object{"format": "X509"}},
		),
		"enrollment",
	).(object)
}

// What each public client sends, in its order, and what it reads of the answers.
func TestClients(t *testing.T) {
	g := newGatewayAPI(t, "")
	run := func(client string, as func(*testing.T)) {
		t.Run(client, func(t *testing.T) {
			g.t = t
			as(t)
		})
	}
	run("vault", g.vault)
	run("ansible", g.ansible)
	run("shell", g.shell)
	run("bulk", g.bulkScript)
	run("spire", g.spire)
	run("keyfactor", g.keyfactor)
	run("tidepool", g.tidepool)
}

// vault: reads the profiles of a role, enrolls with subject variables, nulls for nothing and minutes; any status but 200 is
// an error, and a message that is not an object breaks it.
func (g *gatewayAPI) vault(t *testing.T) {
	all := g.call(200, "GET", g.base+"/profiles", nil, "Content-Type", "")
	if len(at(t, all, "profiles").([]any)) < 40 {
		t.Errorf("profiles: %v", all)
	}
	one := g.call(200, "GET", g.base+"/profiles/privatessl-tls-client-server", nil)
	if _, ok := at(t, one, "profile.subjectVariableRequirements").([]any); !ok {
		t.Error("no subjectVariableRequirements")
	}
	csr, _ := gatewayCSR(t, pkix.Name{CommonName: "ignored"})
	done := g.call(
		200, "POST", g.base+"/enrollments",
		`{"profileId":"privatessl-tls-client-server","requiredFormat":{"format":"X509","protection":null},"csr":"`+csr+`","includeCa":null,
		"subjectVariables":[{"type":"CN","value":"vault.example"},{"type":"o","value":"Acme, Inc."},{"type":"c","value":"CA"}],"subjectAltNames":[{"type":"dNSName","value":"vault.example"},{"type":"iPAddress","value":"10.0.0.1"}],
		"optionalCertificateRequestDetails":{"validityPeriod":"PT43200M"}}`)
	c := parseBody(t, str(t, done, "enrollment.body"))
	if c.Subject.String() != `CN=vault.example,O=Acme\, Inc.,C=CA` || c.DNSNames[0] != "vault.example" || len(c.IPAddresses) != 1 {
		t.Errorf("%s %v", c.Subject, c.DNSNames)
	}
	if left := time.Until(c.NotAfter); left > 30*24*time.Hour+time.Minute || left < 30*24*time.Hour-time.Minute {
		t.Errorf("ends in %s", left)
	}
	if str(t, done, "message.message") == "" || strings.TrimLeft(
		str(t, done, "enrollment.serialNumber"), "0",
	) != strings.TrimLeft(c.SerialNumber.Text(16), "0") {
		t.Error(done)
	}
	// No ttl configured: PT0M is the profile's default.
	csr, _ = gatewayCSR(t, pkix.Name{CommonName: "vault.example"})
	done = g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId": "privatessl-tls-server", "csr": csr, "requiredFormat": object{"format": "X509"}, "subjectVariables": nil,
			"subjectAltNames":                   nil,
			"optionalCertificateRequestDetails": object{"validityPeriod": "PT0M"}})
	if c := parseBody(t, str(t, done, "enrollment.body")); c.NotAfter.Before(time.Now().AddDate(0, 11, 0)) {
		t.Errorf("PT0M: ends %s", c.NotAfter)
	}
	// A PKCS #12 with a password of 32 letters, which its library must be able to read.
	password := "0123456789-abcdefABCDEF-01234567"
	done = g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId":      "multiuse-p12-client-server",
			"requiredFormat": object{"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": password}},
			"subjectVariables": []object{
				{"type": "cn", "value": "p12.example"},
			}, "subjectAltNames": []object{{"type": "dNSName", "value": "p12.example"}}})
	file, err := base64.StdEncoding.DecodeString(str(t, done, "enrollment.body"))
	if err != nil {
		t.Fatal(err)
	}
	key, leaf, chain, err := pkcs12.DecodeChain(file, password)
	if err != nil || leaf.Subject.CommonName != "p12.example" || len(chain) != 2 || key == nil {
		t.Errorf("%v %v %d", err, leaf, len(chain))
	}
	path := filepath.Join(t.TempDir(), "a.p12")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(
		t.Context(), "openssl", "pkcs12", "-in", path, "-passin", "pass:"+password, "-info", "-noout",
	).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "MAC: sha1") || strings.Count(string(out), "pbeWithSHA1And3-KeyTripleDES-CBC") != 2 {
		t.Errorf("%v %s", err, out)
	}
	// What it prints of an error.
	refused := g.call(
		501, "POST", g.base+"/enrollments",
		object{
			"profileId":        "privatessl-tls-server",
			"requiredFormat":   object{"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": password}},
			"subjectVariables": []object{{"type": "cn", "value": "a"}},
		},
	)
	if _, is := refused["message"]; is || str(t, refused, "error.message") == "" {
		t.Error(refused)
	}
}

// ansible: X509 by the slash form of a subject, reads serial number, validity and status, reissues by them, and tests the
// texts of its own suite.
func (g *gatewayAPI) ansible(t *testing.T) {
	csr, _ := gatewayCSR(t, pkix.Name{CommonName: "ignored"})
	done := g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId": "privatessl-tls-server", "csr": csr, "requiredFormat": object{"format": "X509"}, "includeCa": false,
			"properties": object{"tracking.requesterName": "Jo"},
			"optionalCertificateRequestDetails": object{"subjectDn": `/C=CA/O=Acme/OU=a\/b/CN=ansible.example`,
				"validityPeriod": "P0Y1M3DT0H0M"}, "subjectAltNames": []object{{"type": "dNSName",
				"value": "ansible.example"}}}, "Connection", "keep-alive")
	if str(t, done, "enrollment.status") != "ACCEPTED" || str(t, done, "message.message") != "Enrollment was successful." {
		t.Error(done)
	}
	c := parseBody(t, str(t, done, "enrollment.body"))
	if c.Subject.String() != `CN=ansible.example,OU=a/b,O=Acme,C=CA` {
		t.Error(c.Subject)
	}
	for _, text := range strings.Split(str(t, done, "enrollment.validityPeriod"), "/") {
		if _, err := time.Parse(time.RFC3339, text); err != nil || !strings.HasSuffix(text, "Z") {
			t.Error(text)
		}
	}
	// It asks by the serial number in upper case without zeros, as Python prints it.
	serial := fmt.Sprintf("%X", c.SerialNumber)
	actions := g.base + "/certificates/" + serial + "/actions"
	status := func(want string) {
		t.Helper()
		got := g.call(200, "GET", g.base+"/certificates/"+serial, nil)
		if str(t, got, "certificate.status") != want || parseBody(
			t, str(t, got, "certificate.certificateData"),
		).SerialNumber.Cmp(c.SerialNumber) != 0 || str(t, got, "certificate.serialNumber") != str(t, done, "enrollment.serialNumber") {
			t.Error(got)
		}
	}
	status("normal")
	g.call(
		200, "POST", actions,
		object{"action": object{"type": "HoldAction", "reason": "Certificate can be unheld", "comment": "Revoked by Ansible"}},
	)
	status("held")
	g.call(200, "POST", actions, object{"action": object{"type": "UnholdAction", "reason": "Certificate can be unheld"}})
	status("normal")
	if got := g.call(
		200, "POST", actions, object{"action": object{"type": "RevokeAction", "reason": "keyCompromise", "comment": "Test"}},
	); str(t, got, "action.status") != "COMPLETED" {
		t.Error(got)
	}
	status("revoked")
	g.call(409, "POST", actions, object{"action": object{"type": "UnholdAction"}})
	g.call(404, "GET", g.base+"/certificates/ABCDEF", nil)
	// And PKCS #12 with null for what is not given.
	g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId": "multiuse-p12-client", "csr": nil,
			"requiredFormat": object{
				"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": "12345678"},
			},
			"optionalCertificateRequestDetails": object{"subjectDn": "CN=ansible p12"}, "subjectAltNames": nil,
			"subjectVariables": []object{}})
	csr, _ = gatewayCSR(t, pkix.Name{CommonName: "from-csr.example"})
	done = g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId": "privatessl-tls-server-supply-san", "csr": csr, "requiredFormat": object{"format": "X509"},
			"optionalCertificateRequestDetails": object{"subjectDn": nil},
		},
	)
	if c := parseBody(
		t, str(t, done, "enrollment.body"),
	); c.Subject.CommonName != "from-csr.example" || !slices.Equal(c.DNSNames, []string{"from-csr.example"}) {
		t.Error(c.Subject, c.DNSNames)
	}
}

// shell: selects a CA by its position, shows its certificate, enrolls as PEM, and walks all events; it looks at no HTTP status.
func (g *gatewayAPI) shell(t *testing.T) {
	list := g.call(200, "GET", cagw.Base+"?%24fields=caList.certificate.certificateData", nil)
	again := g.call(200, "GET", cagw.Base, nil)
	cas := at(t, list, "caList").([]any)
	if len(cas) != 3 || len(at(t, again, "caList").([]any)) != 3 {
		t.Fatal(list)
	}
	for n := range cas {
		if at(t, again, fmt.Sprintf("caList.%d.id", n)) != at(t, cas[n], "id") || str(t, cas[n], "name") == "" {
			t.Error("another order")
		}
		parseBody(t, str(t, cas[n], "certificate.certificateData"))
		if _, shown := at(
			t, again, fmt.Sprintf("caList.%d", n),
		).(object)["certificate"]; shown || len(at(t, cas[n], "chain").([]any)) != 0 {
			t.Error("more than was asked for")
		}
	}
	csr, _ := gatewayCSR(t, pkix.Name{CommonName: "ignored"})
	done := g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId": "privatessl-tls-server", "csr": csr, "requiredFormat": object{"format": "PEM"}, "subjectVariables": []any{},
			"subjectAltNames":                   []object{{"type": "dNSName", "value": "shell.example"}},
			"optionalCertificateRequestDetails": object{"subjectDn": `CN=shell\, too,O=Acme`, "validityPeriod": "P3M"}})
	file := filepath.Join(t.TempDir(), "a.pem")
	if err := os.WriteFile(file, []byte(str(t, done, "enrollment.body")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "openssl", "x509", "-in", file, "-noout", "-subject", "-serial").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "shell, too") {
		t.Fatalf("%v %s", err, out)
	}
	serial := str(t, done, "enrollment.serialNumber")
	csr, _ = gatewayCSR(t, pkix.Name{CommonName: "csr.example", Organization: []string{"Acme"}})
	g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId": "privatessl-tls-server", "csr": csr, "requiredFormat": object{"format": "PEM"},
			"optionalCertificateRequestDetails": object{
				"subjectDn": "",
				"validityPeriod": time.Now().Add(time.Minute).UTC().Format("2006-01-02T15:04Z") + "/" +
					time.Now().AddDate(0, 1, 0).UTC().Format("2006-01-02T15:04Z"),
			},
			"subjectAltNames": []any{},
		},
	)
	// Documented with zeros in front, 40 digits.
	padded := strings.Repeat("0", 40-len(serial)) + serial
	got := g.call(
		200, "POST", g.base+"/certificates/"+padded+"/actions",
		object{"action": object{"type": "RevokeAction", "reason": "caCompromise", "comment": "", "issueCrl": "true"}},
	)
	if str(t, got, "type") == "ErrorResponse" {
		t.Error(got)
	}
	for _, typ := range []string{"RenewAction", "ReissueAction"} {
		g.call(501, "POST", g.base+"/certificates/"+serial+"/actions", object{"action": object{"type": typ}})
	}
	g.call(501, "POST", g.base+"/subjects/CN=a,O=b/actions", object{"action": object{"type": "RevokeAction"}})
	issued, revoked := g.walk(t, 50)
	if !slices.Contains(issued, serial) || !slices.Contains(revoked, serial) {
		t.Errorf("%s is not among the events", serial)
	}
	if slices.Sort(issued); len(slices.Compact(issued)) != len(issued) {
		t.Error("an event came twice")
	}
	if refused := g.call(
		404, "GET", cagw.Base+"/"+g.m.Partition.ID+"~nobody/certificate-events", nil,
	); refused["type"] != "ErrorResponse" || str(t, refused, "error.code") != "cagw-4018" {
		t.Error(refused)
	}
}

// walk reads all events as the shell utility does: the same startDate with every index, until morePages is false.
func (g *gatewayAPI) walk(t *testing.T, size int) (issued, revoked []string) {
	for next := ""; ; {
		path := fmt.Sprintf("%s/certificate-events?startDate=2000-01-01T00:00:00.00Z&preferredPageSize=%d", g.base, size)
		if next != "" {
			path += "&nextPageIndex=" + next
		}
		page := g.call(200, "GET", path, nil)
		for _, e := range at(t, page, "events").([]any) {
			parseBody(t, str(t, e, "certificate"))
			switch serial := str(t, e, "serialNumber"); str(t, e, "action") {
			case "issued":
				issued = append(issued, serial)
			case "revoked":
				revoked = append(revoked, serial)
			}
		}
		if !at(t, page, "morePages").(bool) {
			return issued, revoked
		}
		next = str(t, page, "nextPageIndex")
	}
}

// bulk: revokes from a file, one by one, the CRL with the last.
func (g *gatewayAPI) bulkScript(t *testing.T) {
	for n := range 3 {
		issued := g.issue(fmt.Sprintf("bulk%d.example", n))
		a := object{"type": "RevokeAction", "reason": "superseded", "comment": "bulk"}
		if n == 2 {
			a["issueCrl"] = "true"
		}
		for range 2 { // it may be run again after an interruption
			if got := g.call(
				200, "POST", g.base+"/certificates/"+str(t, issued, "serialNumber")+"/actions", object{"action": a},
			); got["type"] != "ActionResponse" {
				t.Error(got)
			}
		}
	}
	due, err := g.jobs.Find(g.system, "crl.publish", g.issuing.ID, new(any))
	latest, err2 := g.status.Latest(g.system, []string{g.issuing.ID})
	if err != nil || err2 != nil || !due && len(latest) == 0 {
		t.Errorf("no CRL is due or made: %v %v", err, err2)
	}
}

// spire: reads the CA with chain and certificate, wants a self-signed root in it, and asks with names of the CSR, a header of its own
// and PT...S. (It enrolls for a CA, which this service certifies by itself: see docs.)
func (g *gatewayAPI) spire(t *testing.T) {
	got := g.call(200, "GET", g.base+"?%24fields=ca.certificate,ca.chain", nil, "ca-client-id", "spire")
	own := parseBody(t, str(t, got, "ca.certificate.certificateData"))
	root := parseBody(t, str(t, got, "ca.chain.0.certificateData"))
	if !bytes.Equal(root.RawIssuer, root.RawSubject) || own.CheckSignatureFrom(root) != nil || len(at(t, got, "ca.chain").([]any)) != 1 {
		t.Error(got)
	}
	u, err := url.Parse("spiffe://example.org")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(
		rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "spire"}, URIs: []*url.URL{u}}, key,
	)
	if err != nil {
		t.Fatal(err)
	}
	done := g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId": "privatessl-tls-client-server", "csr": base64.StdEncoding.EncodeToString(der),
			"requiredFormat": object{"format": "X509"},
			"optionalCertificateRequestDetails": object{
				"validityPeriod": "PT172800S", "useSANFromCSR": true, "subjectDn": "CN=SPIRE,O=SPIFFE",
			}}, "ca-client-id", "spire")
	c := parseBody(t, str(t, done, "enrollment.body"))
	if len(c.URIs) != 1 || c.URIs[0].String() != "spiffe://example.org" || c.Subject.CommonName != "SPIRE" ||
		time.Until(c.NotAfter) > 48*time.Hour {
		t.Error(c.Subject, c.URIs, c.NotAfter)
	}
	refused := g.call(404, "GET", cagw.Base+"/"+g.m.Partition.ID+"~issuing-pq", nil)
	if str(t, refused, "error.code") != "cagw-4018" || str(t, refused, "error.message") != "CA with specified name not found" {
		t.Error(refused)
	}
}

// keyfactor: pings by the CA, reads a profile, enrolls, and synchronises by events, with the index alone and without certificates;
// its dates cannot be null.
func (g *gatewayAPI) keyfactor(t *testing.T) {
	if got := g.call(200, "GET", g.base, nil); len(at(t, got, "ca.properties").(object)) == 0 {
		t.Error(got)
	}
	csr, _ := gatewayCSR(t, pkix.Name{CommonName: "keyfactor.example"})
	done := g.call(
		200, "POST", g.base+"/enrollments",
		`{"profileId":"privatessl-tls-server","requiredFormat":{"format":"X509","protection":null},"csr":"`+csr+
			`","includeCa":false,"subjectVariables":null,
		"subjectAltNames":[{"type":"dNSName","value":"keyfactor.example"}],"optionalCertificateRequestDetails":{"subjectDn":"CN=keyfactor.example","validityPeriod":null,"forceIssuance":false,"performPOP":null,"privateKeyUsagePercentage":null,"encodedPublicKey":null}}`,
		"Content-Type", "application/json; charset=utf-8")
	serial := strings.ToUpper(str(t, done, "enrollment.serialNumber"))
	got := g.call(200, "GET", g.base+"/certificates/"+serial, nil)
	if _, there := at(t, got, "certificate").(object)["revocationInfo"]; there {
		t.Error("revocationInfo of a good certificate")
	}
	g.call(
		200, "POST", g.base+"/certificates/"+serial+"/actions",
		`{"action":{"type":"RevokeAction","reason":"keyCompromise","comment":null,"issueCrl":true,"properties":null}}`,
	)
	got = g.call(200, "GET", g.base+"/certificates/"+serial, nil)
	if _, err := time.Parse(
		time.RFC3339, str(t, got, "certificate.revocationInfo.revocationDate"),
	); err != nil || str(t, got, "certificate.status") != "revoked" {
		t.Error(err, got)
	}
	// It writes seconds again where the fraction belongs, and keeps no startDate with the index.
	start := time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.05Z")
	all := 0
	for path := "?startDate=" + start + "&preferredPageSize=3&%24fields=-events.certificate"; ; {
		page := g.call(200, "GET", g.base+"/certificate-events"+path, nil)
		for _, e := range at(t, page, "events").([]any) {
			if _, shown := e.(object)["certificate"]; shown {
				t.Fatal("a certificate that was not wanted")
			}
			all++
		}
		if !at(t, page, "morePages").(bool) {
			break
		}
		path = "?nextPageIndex=" + str(t, page, "nextPageIndex") + "&%24fields=-events.certificate"
	}
	issued, revoked := g.walk(t, 100)
	if all < len(issued)+len(revoked) {
		t.Errorf("%d events, %d issued and %d revoked", all, len(issued), len(revoked))
	}
}

// tidepool: PEM by a subject in RFC 2253, reads the serial number.
func (g *gatewayAPI) tidepool(t *testing.T) {
	csr, key := gatewayCSR(t, pkix.Name{CommonName: "ignored"})
	armoured := "-----BEGIN CERTIFICATE REQUEST-----\n" + csr[:64] + "\n" + csr[64:] + "\n-----END CERTIFICATE REQUEST-----\n"
	done := g.call(
		200, "POST", g.base+"/enrollments",
		object{
			"profileId": "privatessl-tls-client", "csr": armoured, "requiredFormat": object{"format": "PEM"},
			"optionalCertificateRequestDetails": object{"subjectDn": "CN=pump+UID=7,OU=x,O=Tidepool"}, "includeCa": true,
		},
	)
	block, rest := pem.Decode([]byte(str(t, done, "enrollment.body")))
	if block == nil || len(rest) != 0 {
		t.Fatal(done)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !key.Public().(*ecdsa.PublicKey).Equal(c.PublicKey) {
		t.Error(err)
	}
	serial, ok := new(big.Int).SetString(str(t, done, "enrollment.serialNumber"), 16)
	if !ok || serial.Cmp(c.SerialNumber) != 0 || parseBody(
		t, str(t, done, "enrollment.chain.0.certificateData"),
	).Subject.CommonName != "Demo Issuing CA" {
		t.Error(done)
	}
}
