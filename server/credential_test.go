package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/credential"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/notify"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// credentialEstate is a partition with CAs, and the door to its CA Gateway: GET reads a CA, POST issues by it.
type credentialEstate struct {
	*App
	m   *Manifest
	ctx context.Context // of an Owner
	url string
	csr string
}

func newCredentialEstate(t *testing.T) *credentialEstate {
	t.Helper()
	return newCredentialEstateOn(t, "")
}

func newCredentialEstateOn(t *testing.T, database string) *credentialEstate {
	t.Helper()
	a, m := inProcessOn(t, database)
	t.Cleanup(func() { ahead.Store(0) })
	der, _ := pem.Decode([]byte(signedRequest(t, ecKey(t), x509.CertificateRequest{Subject: pkix.Name{CommonName: "host.example.com"}})))
	g := &credentialEstate{App: a, m: m, ctx: colleague(t, a, m, "olga", rbac.Owners), csr: base64.StdEncoding.EncodeToString(der.Bytes)}
	handlers, err := a.handlers()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handlers["mtls"])
	server.TLS, server.EnableHTTP2 = mutualTLSConfig(a.certs), true
	server.StartTLS()
	t.Cleanup(server.Close)
	g.url = server.URL + "/cagw/v1/certificate-authorities/"
	return g
}

func (g *credentialEstate) ca(t *testing.T, identifier string) string {
	t.Helper()
	c, err := g.cas.ByIdentifier(rbac.WithActor(context.Background(), rbac.SystemActor()), g.m.Partition.ID, identifier)
	if err != nil {
		t.Error(err)
		return ""
	}
	return c.ID
}

func (g *credentialEstate) grant(t *testing.T, identifier string, role credential.Role) *credential.Grant {
	t.Helper()
	return &credential.Grant{CAID: g.ca(t, identifier), Role: role}
}

func (g *credentialEstate) create(t *testing.T, identifier string, grants ...*credential.Grant) *credential.Issued {
	t.Helper()
	issued, err := g.credentials.Create(
		g.ctx,
		credential.Request{PartitionID: g.m.Partition.ID, Identifier: identifier, FriendlyName: "Test " + identifier, Roles: grants},
	)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// pair is what is in the file, the leaf alone: some clients send no more.
func pair(t *testing.T, p12 []byte, password string) tls.Certificate {
	t.Helper()
	key, leaf, _, err := pkcs12.DecodeChain(p12, password)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// holding has connections of its own, which it keeps open.
func holding(t *testing.T, certificates ...tls.Certificate) *http.Client {
	t.Helper()
	// who serves is not what is tested
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, Certificates: certificates, ClientSessionCache: tls.NewLRUClientSessionCache(4),
		},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (g *credentialEstate) with(t *testing.T, issued *credential.Issued) *http.Client {
	t.Helper()
	return holding(t, pair(t, issued.PKCS12, issued.Password))
}

// status of a request for a CA, and of a 401 the message of its body.
func (g *credentialEstate) status(t *testing.T, c *http.Client, method, identifier string) (int, string) {
	t.Helper()
	return g.call(t, c, method, g.url+g.m.Partition.ID+"~"+identifier)
}

func (g *credentialEstate) call(t *testing.T, c *http.Client, method, url string) (int, string) {
	t.Helper()
	var body io.Reader
	if method == "POST" {
		url += "/enrollments"
		body = strings.NewReader(`{"profileId": "privatessl-tls-server", "csr": "` + g.csr + `", "requiredFormat": {"format": "X509"}}`)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusUnauthorized {
		return response.StatusCode, ""
	}
	var refusal struct {
		Type  string
		Error struct {
			Code, Message string
			Details       []any
		}
	}
	if err := json.Unmarshal(text, &refusal); err != nil || refusal.Type != "ErrorResponse" || refusal.Error.Code != "cagw-4010" ||
		refusal.Error.Details == nil || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %v", text, err)
	}
	return response.StatusCode, refusal.Error.Message
}

// refusals are the newest of a chain.
func (g *credentialEstate) refusals(t *testing.T, partitionID string) []*audit.Event {
	t.Helper()
	found, err := g.audit.List(
		rbac.WithActor(context.Background(), rbac.SystemActor()), partitionID, audit.Filter{Action: "cagw.refused"},
		page.Request{First: 50},
	)
	if err != nil {
		t.Fatal(err)
	}
	return found.Nodes
}

// What is downloaded opens with its password and no other, in OpenSSL too; neither is kept.
func TestCredentialFile(t *testing.T) {
	a, m := inProcess(t)
	owner := &rbac.Actor{
		Kind: rbac.UserActor, ID: "olga", Name: "olga@example.com", Grants: map[string][]rbac.Role{m.Partition.ID: {rbac.Owners}},
	}
	ids := a.ask(
		t, owner, `{ partition(id: "`+m.Partition.ID+`") { cagwUrl certificationAuthority(identifier: "issuing-1") { id } } }`, nil,
	).Data["partition"].(map[string]any)
	issuing := ids["certificationAuthority"].(map[string]any)["id"].(string)
	if ids["cagwUrl"] != m.CAGW.URL && ids["cagwUrl"] != a.cfg.MTLSURL+"/cagw/v1" {
		t.Errorf("%v", ids["cagwUrl"])
	}
	got := a.ask(
		t, owner,
		`mutation ($ca: ID!) { createCagwCredential(input: {partitionId:
			"`+m.Partition.ID+`", identifier: "deploy", friendlyName: "Deployment", roles: [{caId: $ca, role: CERT_ADMINS}, {caId: $ca, role: CERT_ADMINS}]}) {
		pkcs12 password fileName credential { id identifier friendlyName status serialNumber createdBy renewedAt expiresAt previousEndsAt lastUsedAt lastUsedFrom roles { ca { identifier } role } } } }`, map[string]any{"ca": issuing})
	if got.code() != "" {
		t.Fatal(got.Errors)
	}
	made := got.Data["createCagwCredential"].(map[string]any)
	password := made["password"].(string)
	p12, err := base64.StdEncoding.DecodeString(made["pkcs12"].(string))
	if err != nil || !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(password) || made["fileName"] != "pkcs12-deploy.p12" {
		t.Fatalf("%v, %v, %v", err, password, made["fileName"])
	}
	shown := made["credential"].(map[string]any)
	if roles := fmt.Sprint(shown["roles"]); roles != "[map[ca:map[identifier:issuing-1] role:CERT_ADMINS]]" ||
		shown["status"] != "ACTIVE" || shown["createdBy"] != "olga@example.com" || shown["renewedAt"] != nil ||
		shown["previousEndsAt"] != nil || shown["lastUsedAt"] != nil {
		t.Errorf("%v", shown)
	}
	key, leaf, chain, err := pkcs12.DecodeChain(p12, password)
	if err != nil || len(chain) != 1 {
		t.Fatal(err, len(chain))
	}
	roots := x509.NewCertPool()
	roots.AddCert(chain[0])
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if _, ok := key.(*ecdsa.PrivateKey); !ok || leaf.Subject.CommonName != "deploy" || !slices.Equal(
		leaf.Subject.Organization, []string{m.Partition.ID},
	) || !slices.Equal(
		leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	) || leaf.IsCA {
		t.Errorf("%T, %s, %v", key, leaf.Subject, leaf.ExtKeyUsage)
	}
	if year := a.now().AddDate(1, 0, 0); leaf.NotAfter.After(year) || leaf.NotAfter.Before(year.Add(-time.Hour)) ||
		shown["expiresAt"] != leaf.NotAfter.Format(time.RFC3339) || shown["serialNumber"] != fmt.Sprintf("%x", leaf.SerialNumber) {
		t.Errorf("until %s, %v", leaf.NotAfter, shown)
	}
	if _, _, _, err := pkcs12.DecodeChain(p12, strings.Repeat("0", 40)); err == nil {
		t.Error("a wrong password opens it")
	}
	file := filepath.Join(t.TempDir(), "a.p12")
	if err := os.WriteFile(file, p12, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(
		t.Context(), "openssl", "pkcs12", "-in", file, "-passin", "pass:"+password, "-nodes",
	).CombinedOutput(); err != nil || strings.Count(string(out), "BEGIN CERTIFICATE") != 2 ||
		!strings.Contains(string(out), "PRIVATE KEY") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	if exec.CommandContext(t.Context(), "openssl", "pkcs12", "-in", file, "-passin", "pass:wrong", "-nodes").Run() == nil {
		t.Error("openssl opens it with a wrong password")
	}
	events, err := a.audit.List(
		rbac.WithActor(t.Context(), rbac.SystemActor()), m.Partition.ID, audit.Filter{Action: "cagw-credential.create"},
		page.Request{First: 1},
	)
	if err != nil || len(events.Nodes) != 1 || events.Nodes[0].ObjectName != "deploy" || fmt.Sprint(
		events.Nodes[0].Details["roles"],
	) != "[issuing-1: cert-admins]" {
		t.Fatalf("%+v, %v", events, err)
	}
	if text, err := json.Marshal(events.Nodes); err != nil || strings.Contains(string(text), password) {
		t.Errorf("the password is in the audit log: %v", err)
	}
}

// Who may give what, and what is refused without anything being made.
func TestCredentialRules(t *testing.T) {
	g := newCredentialEstate(t)
	admin := colleague(t, g.App, g.m, "carl", rbac.CAAdministrators)
	granted := g.grant(t, "issuing-1", credential.CertAdmins)
	foreign := ""
	system := rbac.WithActor(t.Context(), rbac.SystemActor())
	var subscription string
	if err := g.store.DB(t.Context()).Raw(
		"SELECT id FROM subscriptions WHERE name = 'second subscription'",
	).Scan(&subscription).Error; err != nil {
		t.Fatal(err)
	}
	_, other, err := g.tenants.Assign(system, subscription, "US", true)
	if err != nil {
		t.Fatal(err)
	}
	foreign = other.ID
	existing := g.create(t, "existing", granted)
	for name, c := range map[string]struct {
		ctx        context.Context
		partition  string
		identifier string
		grants     []*credential.Grant
		want       fault.Kind
		field      string
	}{
		"rights that one does not have": {admin, g.m.Partition.ID, "second", []*credential.Grant{granted}, fault.Forbidden, "roles"},
		"no role":                       {g.ctx, g.m.Partition.ID, "second", nil, fault.Invalid, "roles"},
		"Unknown role": {
			g.ctx, g.m.Partition.ID, "second", []*credential.Grant{{CAID: granted.CAID, Role: "OWNERS"}}, fault.Invalid, "roles[0].role",
		},
		"a CA of another partition": {system, foreign, "second", []*credential.Grant{granted}, fault.Invalid, "roles[0].caId"},
		"bad identifier":            {g.ctx, g.m.Partition.ID, "Second!", []*credential.Grant{granted}, fault.Invalid, "identifier"},
		"taken":                     {g.ctx, g.m.Partition.ID, "existing", []*credential.Grant{granted}, fault.Conflict, "identifier"},
	} {
		_, err := g.credentials.Create(
			c.ctx, credential.Request{PartitionID: c.partition, Identifier: c.identifier, FriendlyName: "Second", Roles: c.grants},
		)
		if f := fault.Of(err); err == nil || f.Kind != c.want || f.Field != c.field {
			t.Errorf("%s: %v at %s", name, err, f.Field)
		}
	}
	if _, err := g.credentials.Renew(admin, existing.Credential.ID, false); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a file with rights that one does not have, by renewing: %v", err)
	}
	if _, err := g.credentials.Create(
		admin,
		credential.Request{
			PartitionID: g.m.Partition.ID, Identifier: "watch", FriendlyName: "Watch",
			Roles: []*credential.Grant{g.grant(t, "issuing-1", credential.Auditors)},
		},
	); err != nil {
		t.Errorf("auditors by a CA Administrator: %v", err)
	}
	list, err := g.credentials.List(admin, g.m.Partition.ID, page.Request{First: page.MaxFirst})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list.Nodes {
		names = append(names, c.Identifier)
	}
	if !slices.Equal(names, []string{"demo-gateway", "existing", "watch"}) {
		t.Errorf("%v", names)
	}
	// What it asked for with an approval is done with its rights of then, and counts as asked for by who made it.
	standing := func() (*rbac.Actor, error) {
		return g.approvals.People.CurrentActor(t.Context(), rbac.CredentialActor, existing.Credential.ID, "cagw:existing")
	}
	if actor, err := standing(); err != nil || actor.OwnerID != "olga" || !g.guard.May(
		rbac.WithActor(t.Context(), actor), rbac.CertificateIssue, rbac.On{Partition: g.m.Partition.ID, CA: granted.CAID},
	) {
		t.Errorf("%+v, %v", actor, err)
	}
	if _, err := g.credentials.Delete(g.ctx, existing.Credential.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := standing(); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("work of a deleted one goes on: %v", err)
	}
	if again := g.create(t, "existing", granted); again.Credential.ID == existing.Credential.ID {
		t.Error("the same credential")
	}
	if _, err := g.credentials.Get(g.ctx, existing.Credential.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a deleted one: %v", err)
	}
}

// The certificate before goes on for seven days, not longer, or ends at once.
func TestCredentialRenewal(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testCredentialRenewal(t, "") })
	t.Run("postgres", func(t *testing.T) { testCredentialRenewal(t, storetest.Postgres(t)) })
}

func testCredentialRenewal(t *testing.T, database string) {
	g := newCredentialEstateOn(t, database)
	first := g.create(t, "deploy", g.grant(t, "issuing-1", credential.CertAdmins))
	second, err := g.credentials.Renew(g.ctx, first.Credential.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	if c := second.Credential; c.RenewedAt == nil || c.PreviousEndsAt == nil || c.SerialNumber == first.Credential.SerialNumber ||
		second.Password == first.Password {
		t.Errorf("%+v", c)
	}
	ends := *second.Credential.PreviousEndsAt
	old, current := g.with(t, first), g.with(t, second)
	expect := func(what string, c *http.Client, want int, part string) {
		t.Helper()
		if got, message := g.status(t, c, "POST", "issuing-1"); got != want || !strings.Contains(message, part) {
			t.Errorf("%s: %d %s", what, got, message)
		}
	}
	expect("the one before", old, 200, "")
	expect("the new one", current, 200, "")
	ahead.Store(int64(time.Until(ends) - time.Minute))
	expect("the one before, a minute before its end", old, 200, "")
	ahead.Store(int64(time.Until(ends) + time.Minute))
	expect("the one before, a minute later", old, 401, "replaced")
	expect("the new one then", current, 200, "")
	third, err := g.credentials.Renew(g.ctx, first.Credential.ID, true)
	if err != nil || third.Credential.PreviousEndsAt != nil {
		t.Fatal(third, err)
	}
	expect("the one before, ended at once", current, 401, "replaced")
	expect("the third", g.with(t, third), 200, "")
	events := g.refusals(t, g.m.Partition.ID)
	if len(events) != 2 || events[0].Result != audit.Refused || events[0].ObjectName != "deploy" ||
		events[0].Details["serialNumber"] != second.Credential.SerialNumber || events[0].IPAddress != "127.0.0.1" {
		t.Errorf("%+v", events)
	}
}

// Whoever is not to get in gets a 401 or finds nothing, and it is recorded.
func TestCredentialRefusals(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testCredentialRefusals(t, "") })
	t.Run("postgres", func(t *testing.T) { testCredentialRefusals(t, storetest.Postgres(t)) })
}

func testCredentialRefusals(t *testing.T, database string) {
	g := newCredentialEstateOn(t, database)
	admins := g.create(t, "deploy", g.grant(t, "issuing-1", credential.CertAdmins))
	auditors := g.with(t, g.create(t, "watch", g.grant(t, "issuing-1", credential.Auditors)))
	deploy := g.with(t, admins)
	newest := func() *audit.Event {
		t.Helper()
		if events := g.refusals(t, g.m.Partition.ID); len(events) > 0 {
			return events[0]
		}
		return &audit.Event{}
	}
	for _, c := range []struct {
		what           string
		client         *http.Client
		method, ca     string
		want           int
		object, refuse string // of the event; "": none
	}{
		{"auditors read", auditors, "GET", "issuing-1", 200, "", ""},
		{"auditors issue", auditors, "POST", "issuing-1", 403, "watch", "FORBIDDEN"},
		{"a CA without a role", deploy, "GET", "issuing-rsa", 404, "deploy", "NOT_FOUND"},
	} {
		before := newest().Sequence
		if got, _ := g.status(t, c.client, c.method, c.ca); got != c.want {
			t.Errorf("%s: %d", c.what, got)
		}
		switch e := newest(); {
		case c.refuse == "" && e.Sequence != before:
			t.Errorf("%s: %+v", c.what, e)
		case c.refuse != "" && (e.Sequence == before || e.ObjectName != c.object || e.ActorKind != "cagw-credential" ||
			e.Result != audit.Refused || e.Details["code"] != c.refuse || e.Details["caId"] != g.m.Partition.ID+"~"+c.ca ||
			e.Details["method"] != c.method):
			t.Errorf("%s: %+v", c.what, e)
		}
	}
	// Its own roles are of no use in another partition, whatever that one's CA is called.
	if got, _ := g.call(
		t, deploy, "GET", g.url+"sub0000000000~issuing-1",
	); got != 404 || newest().Details["caId"] != "sub0000000000~issuing-1" {
		t.Errorf("another partition: %d, %+v", got, newest())
	}

	// Roles count from the next request on, and not while their CA is deleted.
	if _, err := g.credentials.SetRoles(
		g.ctx, admins.Credential.ID,
		[]*credential.Grant{g.grant(t, "issuing-1", credential.Auditors), g.grant(t, "issuing-rsa", credential.CertAdmins)},
	); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, ca string
		want       int
	}{{"POST", "issuing-1", 403}, {"GET", "issuing-1", 200}, {"POST", "issuing-rsa", 200}} {
		if got, _ := g.status(t, deploy, c.method, c.ca); got != c.want {
			t.Errorf("%s on %s with other roles: %d", c.method, c.ca, got)
		}
	}
	if _, err := g.cas.Delete(g.ctx, g.ca(t, "issuing-rsa"), "issuing-rsa"); err != nil {
		t.Fatal(err)
	}
	if got, _ := g.status(t, deploy, "GET", "issuing-rsa"); got != 404 {
		t.Errorf("a deleted CA: %d", got)
	}

	// An open connection, and a resumed one, are no way around a deletion.
	if _, err := g.credentials.Delete(g.ctx, admins.Credential.ID); err != nil {
		t.Fatal(err)
	}
	if got, message := g.status(t, deploy, "GET", "issuing-1"); got != 401 || !strings.Contains(message, "deleted") {
		t.Errorf("deleted: %d %s", got, message)
	}
	deploy.CloseIdleConnections()
	resumed, err := deploy.Get(g.url + g.m.Partition.ID + "~issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	resumed.Body.Close()
	if !resumed.TLS.DidResume || resumed.StatusCode != 401 {
		t.Errorf("a resumed connection (%v): %d", resumed.TLS.DidResume, resumed.StatusCode)
	}
	if e := newest(); e.ObjectName != "deploy" || e.Details["code"] != "UNAUTHENTICATED" {
		t.Errorf("%+v", e)
	}

	// A year later.
	ahead.Store(int64(366 * 24 * time.Hour))
	if got, message := g.status(t, auditors, "GET", "issuing-1"); got != 401 || !strings.Contains(message, "expired") {
		t.Errorf("expired: %d %s", got, message)
	}
	if e := newest(); e.ObjectName != "watch" || !strings.Contains(e.Summary, "expired") {
		t.Errorf("%+v", e)
	}
	if list, err := g.credentials.List(
		g.ctx, g.m.Partition.ID, page.Request{First: page.MaxFirst},
	); err != nil || list.Nodes[0].StatusAt(g.now()) != credential.Expired {
		t.Errorf("%+v, %v", list, err)
	}
}

// An authority of the same name, with certificates for the same subject and serial number, gets nobody in; nor does a
// certificate of the server's own. The log has one line of it a minute.
func TestForgedCredential(t *testing.T) {
	g := newCredentialEstate(t)
	issued := g.create(t, "deploy", g.grant(t, "issuing-1", credential.CertAdmins))
	_, leaf, chain, err := pkcs12.DecodeChain(issued.PKCS12, issued.Password)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := *chain[0]
	root.PublicKey = &key.PublicKey
	rootDER, err := x509.CreateCertificate(rand.Reader, &root, &root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	copied := *leaf
	forged, err := x509.CreateCertificate(rand.Reader, &copied, &root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	own := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "deploy"}, NotAfter: time.Now().Add(time.Hour)}
	selfSigned, err := x509.CreateCertificate(rand.Reader, own, own, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	for what, chain := range map[string][][]byte{
		"a forged chain": {forged, rootDER}, "a forged leaf with the true root": {forged, chain[0].Raw},
		"self-signed, with the true leaf behind": {selfSigned, leaf.Raw, chain[0].Raw},
	} {
		c := holding(t, tls.Certificate{Certificate: chain, PrivateKey: key})
		if got, message := g.status(t, c, "GET", "issuing-1"); got != 401 || !strings.Contains(
			message, "does not belong to a CA Gateway credential",
		) {
			t.Errorf("%s: %d %s", what, got, message)
		}
	}
	if events := g.refusals(t, audit.PlatformChain); len(events) != 1 || events[0].IPAddress != "127.0.0.1" ||
		events[0].Result != audit.Refused {
		t.Errorf("%+v", events)
	}
	ahead.Store(int64(2 * time.Minute))
	if got, _ := g.status(t, holding(t, tls.Certificate{Certificate: [][]byte{forged}, PrivateKey: key}), "GET", "issuing-1"); got != 401 {
		t.Errorf("%d", got)
	}
	if events := g.refusals(t, audit.PlatformChain); len(events) != 2 {
		t.Errorf("%d events in two minutes", len(events))
	}
}

// The console's port asks nobody for a certificate; the other one asks, and answers who has none.
func TestWhereAClientCertificateIsAskedFor(t *testing.T) {
	g := newCredentialEstate(t)
	for door, asked := range map[string]bool{g.cfg.BaseURL: false, g.cfg.MTLSURL: true} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			was := false
			transport := &http.Transport{
				TLSClientConfig: &tls.Config{
					InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
					GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // who serves is not what is tested
						was = true
						return &tls.Certificate{}, nil
					}}}
			response, err := (&http.Client{Transport: transport}).Get(door + "/cagw/v1/certificate-authorities")
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			transport.CloseIdleConnections()
			if was != asked || asked && response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with TLS %x: asked %v, answered %d", door, version, was, response.StatusCode)
			}
		}
	}
	if got, message := g.call(
		t, holding(t), "GET", g.cfg.MTLSURL+"/cagw/v1/certificate-authorities",
	); got != 401 || !strings.Contains(message, "none was sent") {
		t.Errorf("without a certificate: %d %s", got, message)
	}
	// The demo's credential gets through.
	p12, err := os.ReadFile(g.m.CAGW.P12File)
	if err != nil {
		t.Fatal(err)
	}
	if got, message := g.call(t, holding(t, pair(t, p12, g.m.CAGW.P12Password)), "GET", g.cfg.MTLSURL+"/no-such"); got != 404 {
		t.Errorf("with the demo's: %d %s", got, message)
	}
	// who serves is not what is tested
	old, err := tls.Dial(
		"tcp", g.listeners["mtls"].Addr().String(),
		&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	)
	if err == nil {
		old.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// A credential's requests count against the rate of its partition.
func TestCredentialRate(t *testing.T) {
	g := newCredentialEstate(t)
	if err := g.store.DB(t.Context()).Exec(
		"UPDATE subscriptions SET tier = 'STANDARD' WHERE id = ?", g.m.Subscription.ID,
	).Error; err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(time.Minute))
	c := g.with(t, g.create(t, "deploy", g.grant(t, "issuing-1", credential.Auditors)))
	for n := 0; ; n++ {
		request, err := http.NewRequestWithContext(t.Context(), "GET", g.url+g.m.Partition.ID+"~issuing-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode == 200 && n < 1000 {
			continue
		}
		if r.StatusCode != 429 || r.Header.Get("Retry-After") == "" || !strings.Contains(string(text), `"type":"ErrorResponse"`) {
			t.Errorf("%d %v %s", r.StatusCode, r.Header, text)
		}
		break
	}
}

// The use of a credential is known to a minute, and its end is told of.
func TestCredentialUse(t *testing.T) {
	g := newCredentialEstate(t)
	issued := g.create(t, "deploy", g.grant(t, "issuing-1", credential.CertAdmins))
	c := g.with(t, issued)
	used := func() *credential.Credential {
		t.Helper()
		list, err := g.credentials.List(g.ctx, g.m.Partition.ID, page.Request{First: page.MaxFirst})
		if err != nil {
			t.Fatal(err)
		}
		return list.Nodes[slices.IndexFunc(list.Nodes, func(c *credential.Credential) bool { return c.Identifier == "deploy" })]
	}
	if got, _ := g.status(t, c, "GET", "issuing-1"); got != 200 {
		t.Fatal(got)
	}
	first := used()
	if first.LastUsedAt == nil || first.LastUsedIP != "127.0.0.1" {
		t.Fatalf("%+v", first)
	}
	for _, step := range []struct {
		later time.Duration
		noted bool
	}{{30 * time.Second, false}, {2 * time.Minute, true}} {
		ahead.Store(int64(step.later))
		if got, _ := g.status(t, c, "GET", "issuing-1"); got != 200 {
			t.Fatal(got)
		}
		if at := used().LastUsedAt; at.Equal(*first.LastUsedAt) == step.noted {
			t.Errorf("%s later: %s, it was %s", step.later, at, first.LastUsedAt)
		}
	}

	if _, err := g.notify.Update(g.ctx, g.m.Partition.ID, []int{30}, []string{"pki@example.com"}, nil); err != nil {
		t.Fatal(err)
	}
	told := func() (n int) {
		t.Helper()
		mails, err := g.mail.Outbox(rbac.WithActor(g.ctx, rbac.SystemActor()), page.Request{First: page.MaxFirst})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mails.Nodes {
			if strings.Contains(m.Subject, "CA Gateway credentials") && strings.Contains(m.Body, "Test deploy") {
				n++
			}
		}
		return n
	}
	ahead.Store(int64(340 * 24 * time.Hour))
	if err := g.store.DB(t.Context()).Exec("UPDATE jobs SET run_at = ? WHERE kind = ?", g.now(), notify.ExpiryJob).Error; err != nil {
		t.Fatal(err)
	}
	eventually(t, "told of its end", func() error {
		if told() != 1 {
			return fmt.Errorf("told %d times", told())
		}
		return nil
	})
}

// Two that need the authority first make one between them; a new one takes over in time, and what the one before certified goes on.
func TestCredentialAuthority(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testCredentialAuthority(t, "") })
	t.Run("postgres", func(t *testing.T) { testCredentialAuthority(t, storetest.Postgres(t)) })
}

func testCredentialAuthority(t *testing.T, database string) {
	g := newCredentialEstateOn(t, database)
	for _, table := range []string{"credential_certificates", "credential_roles", "credentials", "credential_authorities"} {
		if err := g.store.Tx(
			t.Context(), func(ctx context.Context) error { return g.store.DB(ctx).Exec("DELETE FROM " + table).Error },
		); err != nil {
			t.Fatal(err)
		}
	}
	grant := g.grant(t, "issuing-1", credential.Auditors)
	var all sync.WaitGroup
	made := make([]*credential.Issued, 4)
	for n := range made {
		another := (&credential.Service{Store: g.store, Guard: g.guard, Audit: g.audit, Keys: g.keys, Now: g.now}).Init() // another server
		all.Go(func() {
			var err error
			if made[n], err = another.Create(
				g.ctx,
				credential.Request{
					PartitionID: g.m.Partition.ID, Identifier: fmt.Sprintf("c-%d", n), FriendlyName: "x",
					Roles: []*credential.Grant{grant},
				},
			); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	authorities := func() (n int64) {
		t.Helper()
		if err := g.store.DB(t.Context()).Raw("SELECT count(*) FROM credential_authorities").Scan(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	if authorities() != 1 {
		t.Errorf("%d authorities", authorities())
	}
	for _, m := range made {
		if got, message := g.status(t, g.with(t, m), "GET", "issuing-1"); got != 200 {
			t.Errorf("%d %s", got, message)
		}
	}
	year := 365 * 24 * time.Hour
	ahead.Store(int64(8*year - 30*24*time.Hour))
	before := g.create(t, "before", grant)
	ahead.Store(int64(8*year + 30*24*time.Hour))
	after := g.create(t, "after", grant)
	if authorities() != 2 {
		t.Errorf("%d authorities after eight years", authorities())
	}
	for _, m := range []*credential.Issued{before, after} {
		if got, message := g.status(t, g.with(t, m), "GET", "issuing-1"); got != 200 {
			t.Errorf("%s: %d %s", m.Credential.Identifier, got, message)
		}
	}
}
