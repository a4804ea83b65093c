package conformance

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/server"
)

// attack is a demo with a second tenant, seen by those who wish it ill.
type attack struct {
	*testing.T
	*testbed.Server
	m         server.Manifest
	partition string // the victim's: the demo's
	issuing   string // id of its issuing-1
	foreign   string // of a tenant with an Owner of its own
	owner     *testbed.Person
	attacker  *testbed.Person // Owner of the foreign partition
	people    map[string]*testbed.Person
}

// as is a person of the demo who has one role.
func (a *attack) as(role string) *testbed.Person {
	a.Helper()
	if a.people[role] == nil {
		for _, u := range a.m.Users {
			if u.Role == role {
				p, err := a.SignIn(u)
				if err != nil {
					a.Fatal(err)
				}
				a.people[role] = p
			}
		}
	}
	return a.people[role]
}

// code is the code of a GraphQL error, "" for none.
func code(err error) string {
	var e *testbed.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// refused fails unless the operation was refused in one of the ways.
func (a *attack) refused(what string, err error, codes ...string) {
	a.Helper()
	for _, c := range codes {
		if code(err) == c {
			return
		}
	}
	a.Errorf("%s: %q, not %v", what, code(err), codes)
}

func (a *attack) automation(token, query string, variables map[string]any, out any) error {
	return a.GraphQL(token, query, variables, out)
}

// send makes a request of a stranger.
func (a *attack) send(method, address string, header http.Header, body io.Reader) (int, string) {
	a.Helper()
	r, err := http.NewRequestWithContext(a.Context(), method, address, body)
	if err != nil {
		a.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	response, err := a.HTTP().Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return response.StatusCode, err.Error()
	}
	return response.StatusCode, string(text)
}

// ask is a GraphQL document of a stranger.
func (a *attack) ask(query string, variables any) (int, string) {
	a.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		a.Fatal(err)
	}
	return a.send(
		http.MethodPost, a.m.BaseURL+"/graphql", http.Header{"Content-Type": {"application/json"}, "X-Requested-With": {"x"}},
		bytes.NewReader(body),
	)
}

func (a *attack) token(by *testbed.Person, input string) (id, secret string, err error) {
	var out struct {
		CreateApiToken struct {
			Token    string
			ApiToken struct{ ID string }
		}
	}
	err = by.GraphQL(
		fmt.Sprintf(`mutation { createApiToken(input: {partitionId: %q, name: "attack", expiresAt: %q, %s}) { token apiToken { id } } }`,
			a.partition, time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339), input), nil, &out)
	return out.CreateApiToken.ApiToken.ID, out.CreateApiToken.Token, err
}

// socket opens a WebSocket with a token and subscribes to the events of the victim's partition.
func (a *attack) socket(token string) (*websocket.Conn, error) {
	d := websocket.Dialer{
		Subprotocols: []string{"graphql-transport-ws"}, TLSClientConfig: a.HTTP().Transport.(*http.Transport).TLSClientConfig,
	}
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	conn, response, err := d.DialContext(a.Context(), strings.Replace(a.m.BaseURL, "https:", "wss:", 1)+"/graphql", header)
	if err != nil && response != nil {
		err = fmt.Errorf("%d", response.StatusCode)
	}
	if err == nil {
		_ = conn.SetReadDeadline(time.Now().Add(testbed.Patience))
		a.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

func (a *attack) subscribe(conn *websocket.Conn) {
	a.Helper()
	if err := conn.WriteJSON(map[string]any{"type": "connection_init"}); err != nil {
		a.Fatal(err)
	}
	query := fmt.Sprintf(`subscription { auditEvents(partitionId: %q) { action } }`, a.partition)
	if err := conn.WriteJSON(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": query}}); err != nil {
		a.Fatal(err)
	}
}

// closed reads until the server closes the socket, and returns the code.
func closed(conn *websocket.Conn) int {
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			var e *websocket.CloseError
			if errors.As(err, &e) {
				return e.Code
			}
			return 0
		}
	}
}

// TestAttacks are hostile acts of strangers, of other tenants, and of people who want more than their role. Each is refused.
func TestAttacks(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "512MiB") // as the manual advises: without it, garbage grows with the memory of the machine
	s := start(t, "demo", t.TempDir(), "", "--address-rate", "1000")
	unlimited(t, s)
	a := &attack{T: t, Server: s, m: s.Manifest, partition: s.Manifest.Partition.ID, people: map[string]*testbed.Person{}}
	// Before the guessing, which counts against this address.
	for _, u := range a.m.Users {
		a.as(u.Role)
	}
	a.owner = a.as("OWNERS")
	var err error
	if a.issuing, err = s.CA(a.m.GraphQL.Token, a.partition, "issuing-1"); err != nil {
		t.Fatal(err)
	}
	if a.attacker, a.foreign, err = s.NewTenant("mallory@attacker.example"); err != nil {
		t.Fatal(err)
	}
	acts := []struct {
		name string
		do   func(*attack)
	}{
		// Strangers
		{"a document that doubles with every level", fragmentBomb},
		{"a thousand aliases of an expensive field", aliasBomb},
		{"a body of three megabytes", largeBody},
		{"a socket without signing in", strangersSocket},
		{"a page of another origin with somebody's cookie", crossOrigin},
		{"garbage to OCSP until the tenant's clients are refused", garbageToOCSP},
		{"directories until the tenant's clients are refused", directoriesOverAndOver},
		{"one OCSP question in a thousand spellings", paddedOCSP},
		{"an address that the request itself names", forgedAddress},
		{"an invitation made up", inventedInvitation},
		{"a token made up", inventedToken},
		{"paths that lead out of the folder", traversal},
		{"requests that never end", slowHeaders},
		{"a client certificate of one's own making", ownClientCertificate},
		{"an ACME request that is not signed", unsignedACME},
		// Another tenant
		{"another tenant's objects", foreignObjects},
		{"another tenant's lists", foreignExport},
		{"a certificate of another tenant's authority", foreignIssuance},
		{"the invitation of another tenant", stolenInvitation},
		{"a webhook into the server's own network", internalWebhook},
		// More than one's role
		{"a key without challenge by who may not issue", handedOnKey},
		{"an Owner's token by a CA Administrator", handedOnToken},
		{"the end of an Owner's token by a CA Administrator", othersToken},
		{"a socket after its token was revoked", socketOfARevokedToken},
		{"a socket after signing out everywhere", socketAfterSignOut},
		{"mutations through a socket", mutationsOnASocket},
		{"the token of somebody who left", leaversToken},
		{"a role given to oneself", ownRole},
		{"the operator inside a partition", operatorInside},
		// Certificates
		{"a request for a CA certificate", smuggledCA},
		{"a request signed by another key", foreignSignature},
		{"a key that is too weak", weakKey},
		{"a name of another's domain through a subject", smuggledName},
		// Guessing, last: it counts against the address that all here share.
		{"a lock on somebody else's account", lockOut},
		{"guesses that tell which accounts exist", whoExists},
		{"forty guesses at once", guesses},
	}
	for _, act := range acts {
		t.Run(act.name, func(t *testing.T) {
			one := *a
			one.T = t
			act.do(&one)
		})
	}
	t.Logf("%d hostile acts", len(acts))
	// The server has taken no harm.
	var out testbed.Issued
	if err := s.GraphQL(
		a.m.GraphQL.Token, testbed.Issue,
		map[string]any{
			"i": map[string]any{"caId": a.issuing, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("after.example.com")},
		},
		&out,
	); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if intact, _, err := s.AuditLog(a.m.GraphQL.Token, a.partition); err != nil || !intact {
		t.Errorf("the audit log afterwards: %v %v", intact, err)
	}
	peak, err := s.PeakMemory()
	t.Logf("%d MB of memory", peak>>20)
	if err != nil || peak > 700<<20 {
		t.Errorf("%d MB of memory, %v", peak>>20, err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func fragmentBomb(a *attack) {
	var b strings.Builder
	b.WriteString("query { ...F0 }")
	for n := range 60 {
		fmt.Fprintf(&b, " fragment F%d on Query { ...F%d ...F%d }", n, n+1, n+1)
	}
	b.WriteString(" fragment F60 on Query { viewer { operator } }")
	if status, text := a.ask(b.String(), nil); status == 0 || !strings.Contains(text, `"errors"`) || strings.Contains(text, `"viewer"`) {
		a.Errorf("%d %.300s", status, text)
	}
}

func aliasBomb(a *attack) {
	var b strings.Builder
	b.WriteString("{")
	for n := range 1500 {
		fmt.Fprintf(&b, " a%d: deployment { signingAlgorithms { label } }", n)
	}
	if status, text := a.ask(b.String()+" }", nil); status == 0 || !strings.Contains(text, `"errors"`) || strings.Contains(text, "ECDSA") {
		a.Errorf("%d %.300s", status, text)
	}
}

func largeBody(a *attack) {
	if status, text := a.ask(
		"{ viewer { operator } }", map[string]string{"x": strings.Repeat("x", 3<<20)},
	); status != http.StatusRequestEntityTooLarge {
		a.Errorf("%d %.300s", status, text)
	}
}

func strangersSocket(a *attack) {
	if conn, err := a.socket(""); err == nil {
		_ = conn.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte(" "), 1<<20))
		a.subscribe(conn)
		if c := closed(conn); c == 0 {
			a.Error("a stranger's socket lives on")
		}
	}
}

func crossOrigin(a *attack) {
	token := a.owner.Cookie()
	for name, h := range map[string]http.Header{
		"another origin":          {"Origin": {"https://evil.example"}, "X-Requested-With": {"x"}},
		"no header of our page":   {},
		"a form":                  {"Content-Type": {"application/x-www-form-urlencoded"}},
		"text, without preflight": {"Content-Type": {"text/plain"}},
	} {
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/json")
		}
		h.Set("Cookie", token)
		status, text := a.send(
			http.MethodPost, a.m.BaseURL+"/graphql", h, strings.NewReader(`{"query":"mutation { signOutEverywhere { sessionsEnded } }"}`),
		)
		if strings.Contains(text, "sessionsEnded") {
			a.Errorf("%s: %d %s", name, status, text)
		}
	}
	if err := a.owner.GraphQL(`{ viewer { operator } }`, nil, nil); err != nil {
		a.Errorf("the session afterwards: %v", err)
	}
}

// honest asks as the tenant's automation and as a relying party.
func (a *attack) honest() {
	a.Helper()
	for range 20 {
		if err := a.GraphQL(a.m.GraphQL.Token, `{ viewer { apiToken { id } } }`, nil, nil); err != nil {
			a.Fatalf("the tenant's token: %v", err)
		}
	}
	if _, err := testbed.Get(a.m.CAs[1].CRLURL); err != nil {
		a.Errorf("a relying party: %v", err)
	}
}

func (a *attack) flood(n int, one func()) {
	var wg sync.WaitGroup
	work := make(chan struct{})
	for range 16 {
		wg.Go(func() {
			for range work {
				one()
			}
		})
	}
	for range n {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
}

// standard gives the demo the smallest tier for the length of a test.
func (a *attack) standard() {
	a.Helper()
	set := func(tier string) {
		if err := a.Operate(
			fmt.Sprintf(
				`mutation { updateSubscription(input: {subscriptionId: %q, tier: %s}) { subscription { id } } }`, a.m.Subscription.ID,
				tier,
			),
		); err != nil {
			a.Fatal(err)
		}
	}
	set("STANDARD")
	a.Cleanup(func() { set("UNLIMITED") })
	time.Sleep(2100 * time.Millisecond) // servers may know a tier for two seconds
}

func garbageToOCSP(a *attack) {
	a.standard()
	a.flood(300, func() {
		_, _ = a.send(
			http.MethodPost, a.m.CAs[1].OCSPURL, http.Header{"Content-Type": {"application/ocsp-request"}}, strings.NewReader("garbage"),
		)
	})
	a.honest()
}

func directoriesOverAndOver(a *attack) {
	a.standard()
	a.flood(300, func() { _, _ = a.send(http.MethodGet, a.m.ACME[0].DirectoryURL, nil, nil) })
	a.honest()
}

func paddedOCSP(a *attack) {
	before, err := a.PeakMemory()
	if err != nil {
		a.Fatal(err)
	}
	// OCSPRequest { tbsRequest { requestList {}, requestExtensions { a private one of n octets } } }
	var n atomic.Int64
	a.flood(1500, func() {
		value := make([]byte, 8<<10)
		value[0], value[1] = byte(n.Add(1)), byte(n.Load()>>8)
		extension, err := asn1.Marshal([]pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: value}})
		if err != nil {
			panic(err) // cannot be
		}
		tagged, _ := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: extension})
		list, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true})
		tbs, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(list, tagged...)})
		request, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: tbs})
		_, _ = a.send(
			http.MethodPost, a.m.CAs[1].OCSPURL, http.Header{"Content-Type": {"application/ocsp-request"}}, bytes.NewReader(request),
		)
	})
	after, err := a.PeakMemory()
	if err != nil || after-before > 100<<20 {
		a.Errorf("%d MB more, %v", (after-before)>>20, err)
	}
}

func forgedAddress(a *attack) {
	h := http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer " + a.m.GraphQL.Token}, "X-Forwarded-For": {"203.0.113.9"},
		"Forwarded": {"for=203.0.113.9"}, "X-Real-Ip": {"203.0.113.9"},
	}
	query, _ := json.Marshal(
		map[string]any{"query": fmt.Sprintf(`mutation { publishCrl(input: {caId: %q}) { certificationAuthority { id } } }`, a.issuing)},
	)
	if status, text := a.send(http.MethodPost, a.m.BaseURL+"/graphql", h, bytes.NewReader(query)); status != http.StatusOK {
		a.Fatalf("%d %s", status, text)
	}
	var out struct {
		Partition struct {
			AuditEvents struct{ Nodes []struct{ IPAddress string } }
		}
	}
	if err := a.GraphQL(
		a.m.GraphQL.Token, fmt.Sprintf(`{ partition(id: %q) { auditEvents(first: 100) { nodes { ipAddress } } } }`, a.partition), nil,
		&out,
	); err != nil {
		a.Fatal(err)
	}
	for _, e := range out.Partition.AuditEvents.Nodes {
		if e.IPAddress == "203.0.113.9" {
			a.Error("the audit log has the address that the request named")
		}
	}
}

const signIn = `mutation($i: SignInInput!) { signIn(input: $i) { factors } }`

func (a *attack) guess(email, password string) (int, string) {
	return a.ask(signIn, map[string]any{"i": map[string]any{"email": email, "password": password}})
}

func guesses(a *attack) {
	var judged atomic.Int64
	a.flood(40, func() {
		if _, text := a.guess("ca-auditors@demo.pkiaas.example", "not the password"); strings.Contains(text, "UNAUTHENTICATED") {
			judged.Add(1)
		}
	})
	if n := judged.Load(); n > 5 {
		a.Errorf("%d of 40 guesses were judged", n)
	}
}

func whoExists(a *attack) {
	answer := func(email string) (texts []string) {
		for range 8 {
			_, text := a.guess(email, "not the password")
			var e struct {
				Errors []struct {
					Message    string
					Extensions struct{ Code string }
				}
			}
			_ = json.Unmarshal([]byte(text), &e)
			if len(e.Errors) > 0 {
				texts = append(texts, e.Errors[0].Extensions.Code)
			}
		}
		return texts
	}
	here, nowhere := answer("protocol-auditors@demo.pkiaas.example"), answer("nobody@demo.pkiaas.example")
	if fmt.Sprint(here) != fmt.Sprint(nowhere) {
		a.Errorf("an account answers %v, none answers %v", here, nowhere)
	}
}

func lockOut(a *attack) {
	for _, u := range a.m.Users {
		if u.Role != "PROTOCOL_OPERATORS" {
			continue
		}
		p, err := a.SignIn(u) // the device is known from now on
		if err != nil {
			a.Fatal(err)
		}
		for range 12 {
			_, _ = a.guess(u.Email, "not the password")
		}
		if err := p.SignInAgain(u); err != nil {
			a.Errorf("on a known device, after guesses of others: %v", err)
		}
	}
}

func inventedInvitation(a *attack) {
	_, text := a.ask(
		`mutation { acceptInvitation(input: {token: "made-up", password: "a long password of my own", firstName: "M", lastName: "M"}) {
			factors } }`,
		nil,
	)
	if !strings.Contains(text, "NOT_FOUND") && !strings.Contains(text, "INVALID") {
		a.Error(text)
	}
}

func inventedToken(a *attack) {
	for _, token := range []string{
		"", "x", "pki_" + strings.Repeat("a", 40), a.m.GraphQL.Token[:len(a.m.GraphQL.Token)-1], a.m.GraphQL.Token + "x",
		strings.Repeat("a", 60<<10),
	} {
		a.refused("a token made up", a.GraphQL(token, `{ partitions { nodes { id } } }`, nil, nil), "UNAUTHENTICATED")
	}
}

func traversal(a *attack) {
	for _, path := range []string{
		"/crl/../../etc/passwd", "/crl/%2e%2e/%2e%2e/pkiaas.db", "/assets/../../pkiaas.db", "/..%2f..%2fmanifest.json", "//etc/passwd",
		"/export/../manifest.json", "/crl/" + a.partition + "/issuing-1/..%2f..%2fkek",
	} {
		for _, base := range []string{a.m.BaseURL, a.m.PublicURL} {
			if status, text := a.send(http.MethodGet, base+path, nil, nil); status == http.StatusOK &&
				!strings.Contains(text, "<!doctype html>") && !strings.Contains(text, "<!DOCTYPE html>") {
				a.Errorf("%s%s: %d %.100s", base, path, status, text)
			}
		}
	}
}

func slowHeaders(a *attack) {
	for _, base := range []string{a.m.BaseURL, a.m.PublicURL, a.m.MTLSURL} {
		u, err := url.Parse(base)
		if err != nil {
			a.Fatal(err)
		}
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			a.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "))
		_ = conn.SetReadDeadline(time.Now().Add(testbed.Patience))
		if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(net.Error)) &&
			err.(net.Error).Timeout() {
			a.Errorf("%s keeps a request that never ends", base)
		}
	}
}

func ownClientCertificate(a *attack) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "demo-gateway", Organization: []string{a.partition}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		a.Fatal(err)
	}
	roots := a.HTTP().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for name, certificates := range map[string][]tls.Certificate{
		"none": nil, "of one's own making": {{Certificate: [][]byte{der}, PrivateKey: key}},
	} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}}
		response, err := client.Get(a.m.CAGW.URL + "/certificate-authorities")
		if err != nil {
			continue // refused already
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			a.Errorf("%s: %s", name, response.Status)
		}
	}
}

func unsignedACME(a *attack) {
	base := strings.TrimSuffix(a.m.ACME[0].DirectoryURL, "directory")
	encode := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	for _, alg := range []string{"none", "HS256"} {
		body, _ := json.Marshal(
			map[string]string{
				"protected": encode(map[string]any{"alg": alg, "nonce": "x", "url": base + "new-order", "kid": base + "account/1"}),
				"payload":   encode(map[string]any{}), "signature": "",
			},
		)
		if status, text := a.send(
			http.MethodPost, base+"new-order", http.Header{"Content-Type": {"application/jose+json"}}, bytes.NewReader(body),
		); status < 400 || status >= 500 {
			a.Errorf("%s: %d %s", alg, status, text)
		}
	}
}

func foreignObjects(a *attack) {
	for _, query := range []string{
		fmt.Sprintf(`{ partition(id: %q) { name } }`, a.partition),
		fmt.Sprintf(`{ certificationAuthority(id: %q) { subject } }`, a.issuing),
	} {
		var out map[string]any
		err := a.attacker.GraphQL(query, nil, &out)
		if code(err) == "NOT_FOUND" {
			continue
		}
		for _, v := range out {
			if v != nil {
				a.Errorf("%s: %v %v", query, out, err)
			}
		}
	}
	for _, mutation := range []string{
		fmt.Sprintf(`mutation { publishCrl(input: {caId: %q}) { certificationAuthority { id } } }`, a.issuing),
		fmt.Sprintf(
			`mutation { inviteUser(input: {partitionId: %q, email: "m@attacker.example", firstName: "M", lastName: "M", roles: [OWNERS]}) {
				... on MemberPayload { member { user { id } } } } }`,
			a.partition,
		),
	} {
		a.refused(mutation, a.attacker.GraphQL(mutation, nil, nil), "NOT_FOUND")
	}
}

func foreignExport(a *attack) {
	for _, list := range []string{"certificates", "events"} {
		status, text := a.send(
			http.MethodGet, a.m.BaseURL+"/export/"+a.partition+"/"+list+"?format=csv",
			http.Header{"Cookie": {a.attacker.Cookie()}, "X-Requested-With": {"x"}}, nil,
		)
		if status != http.StatusNotFound {
			a.Errorf("%s: %d %.200s", list, status, text)
		}
	}
}

func foreignIssuance(a *attack) {
	a.refused(
		"issuing",
		a.attacker.GraphQL(
			testbed.Issue,
			map[string]any{
				"i": map[string]any{"caId": a.issuing, "profileId": "privatessl-tls-server", "csr": testbed.CSR("x.example.com")},
			},
			nil,
		),
		"NOT_FOUND",
	)
}

// stolenInvitation: both tenants invite one person; neither gets the link, and neither's invitation gives a role in the other.
func stolenInvitation(a *attack) {
	invite := func(by *testbed.Person, partition, roles string) error {
		return by.GraphQL(
			fmt.Sprintf(
				`mutation { inviteUser(input: {partitionId: %q, email: "victim@example.com", firstName: "V", lastName: "V", roles: [%s]}) {
					... on MemberPayload { member { user { id } } } } }`,
				partition, roles,
			),
			nil, nil,
		)
	}
	if err := errors.Join(invite(a.owner, a.partition, "OWNERS"), invite(a.attacker, a.foreign, "OWNERS")); err != nil {
		a.Fatal(err)
	}
	a.refused(
		"the attacker reads the mail of the deployment", a.attacker.GraphQL(`{ platformOutbox { nodes { body } } }`, nil, nil),
		"NOT_FOUND", "FORBIDDEN",
	)
	links, err := a.Invitations("victim@example.com")
	if err != nil || len(links) != 2 {
		a.Fatalf("%d links, %v", len(links), err)
	}
	// Whoever accepts one is in one partition alone.
	victim, err := a.Accept(links[0])
	if err != nil {
		a.Fatal(err)
	}
	var out struct {
		Viewer struct{ Partitions []struct{ ID string } }
	}
	if err := victim.GraphQL(`{ viewer { partitions { id } } }`, nil, &out); err != nil || len(out.Viewer.Partitions) != 1 {
		a.Errorf("%+v %v", out, err)
	}
}

func internalWebhook(a *attack) {
	for _, target := range []string{
		"https://127.0.0.1:1/x", "https://169.254.169.254/latest/meta-data", "https://[::1]/x", "https://10.0.0.1/x",
		"http://example.com/x", "file:///etc/passwd",
	} {
		err := a.attacker.GraphQL(
			fmt.Sprintf(
				`mutation { createWebhook(input: {partitionId: %q, name: "inside", url: %q}) { webhook { id } } }`, a.foreign, target,
			),
			nil, nil,
		)
		var e *testbed.Error
		if !errors.As(err, &e) || e.Code != "INVALID" && e.Code != "POLICY_REFUSED" || !strings.HasSuffix(e.Field, "url") {
			a.Errorf("%s: %v", target, err)
		}
	}
}

func handedOnKey(a *attack) {
	for _, role := range []string{"PROTOCOL_OPERATORS", "CA_ADMINISTRATORS"} {
		var config struct {
			Partition struct {
				ProtocolConfigurations struct{ Nodes []struct{ ID string } }
			}
		}
		p := a.as(role)
		if err := p.GraphQL(
			fmt.Sprintf(`{ partition(id: %q) { protocolConfigurations(first: 1) { nodes { id } } } }`, a.partition), nil, &config,
		); err != nil {
			a.Fatal(err)
		}
		id := config.Partition.ProtocolConfigurations.Nodes[0].ID
		a.refused(
			role,
			p.GraphQL(
				fmt.Sprintf(
					`mutation { createAcmeKey(input: {configurationId: %q, friendlyName: "bank", allowedIdentifiers: ["*.bank.com"],
						needsNoChallenge: true}) { hmacKey } }`,
					id,
				),
				nil, nil,
			),
			"FORBIDDEN",
		)
	}
}

func handedOnToken(a *attack) {
	_, _, err := a.token(a.as("CA_ADMINISTRATORS"), "role: OWNERS")
	a.refused("an Owner's token", err, "FORBIDDEN")
	_, _, err = a.token(a.as("CA_ADMINISTRATORS"), "role: CERTIFICATE_ADMINISTRATORS, service: true")
	a.refused("a token that issues", err, "FORBIDDEN")
}

func othersToken(a *attack) {
	id, secret, err := a.token(a.owner, "role: OWNERS")
	if err != nil {
		a.Fatal(err)
	}
	a.refused(
		"revoking an Owner's token",
		a.as("CA_ADMINISTRATORS").GraphQL(fmt.Sprintf(`mutation { revokeApiToken(input: {id: %q}) { apiToken { id } } }`, id), nil, nil),
		"FORBIDDEN", "NOT_FOUND",
	)
	if err := a.GraphQL(secret, `{ partitions { nodes { id } } }`, nil, nil); err != nil {
		a.Errorf("the token afterwards: %v", err)
	}
}

func socketOfARevokedToken(a *attack) {
	id, secret, err := a.token(a.owner, "role: OWNERS")
	if err != nil {
		a.Fatal(err)
	}
	conn, err := a.socket(secret)
	if err != nil {
		a.Fatal(err)
	}
	a.subscribe(conn)
	if err := a.owner.GraphQL(fmt.Sprintf(`mutation { revokeApiToken(input: {id: %q}) { apiToken { id } } }`, id), nil, nil); err != nil {
		a.Fatal(err)
	}
	if c := closed(conn); c < 4000 {
		a.Errorf("closed with %d", c)
	}
}

func socketAfterSignOut(a *attack) {
	var user server.ManifestUser
	for _, u := range a.m.Users {
		if u.Role == "CERTIFICATE_ADMINISTRATORS" {
			user = u
		}
	}
	p, err := a.SignIn(user)
	if err != nil {
		a.Fatal(err)
	}
	d := websocket.Dialer{
		Subprotocols: []string{"graphql-transport-ws"}, TLSClientConfig: a.HTTP().Transport.(*http.Transport).TLSClientConfig,
	}
	conn, _, err := d.DialContext(
		a.Context(), strings.Replace(a.m.BaseURL, "https:", "wss:", 1)+"/graphql",
		http.Header{"Cookie": {p.Cookie()}, "Origin": {a.m.BaseURL}},
	)
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(testbed.Patience))
	a.subscribe(conn)
	if err := p.GraphQL(`mutation { signOutEverywhere { sessionsEnded } }`, nil, nil); err != nil {
		a.Fatal(err)
	}
	if c := closed(conn); c < 4000 {
		a.Errorf("closed with %d", c)
	}
	delete(a.people, user.Role)
}

func mutationsOnASocket(a *attack) {
	_, secret, err := a.token(a.owner, "role: OWNERS")
	if err != nil {
		a.Fatal(err)
	}
	conn, err := a.socket(secret)
	if err != nil {
		a.Fatal(err)
	}
	if err := conn.WriteJSON(map[string]any{"type": "connection_init"}); err != nil {
		a.Fatal(err)
	}
	query := fmt.Sprintf(
		`mutation { createApiToken(input: {partitionId: %q, name: "through a socket", role: OWNERS, expiresAt: %q}) { token } }`,
		a.partition, time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	)
	if err := conn.WriteJSON(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": query}}); err != nil {
		a.Fatal(err)
	}
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if bytes.Contains(text, []byte(`"token"`)) {
			a.Errorf("%s", text)
		}
		if bytes.Contains(text, []byte(`"id":"1"`)) {
			return
		}
	}
}

// leaversToken: somebody is invited as an Owner, makes a token, loses the role; the token is good for nothing.
func leaversToken(a *attack) {
	if err := a.owner.GraphQL(
		fmt.Sprintf(
			`mutation { inviteUser(input: {partitionId: %q, email: "leaver@example.com", firstName: "L", lastName: "L", roles: [OWNERS]}) {
				... on MemberPayload { member { user { id } } } } }`,
			a.partition,
		),
		nil, nil,
	); err != nil {
		a.Fatal(err)
	}
	links, err := a.Invitations("leaver@example.com")
	if err != nil || len(links) == 0 {
		a.Fatalf("%d links, %v", len(links), err)
	}
	leaver, err := a.Accept(links[0])
	if err != nil {
		a.Fatal(err)
	}
	_, secret, err := a.token(leaver, "role: OWNERS")
	if err != nil {
		a.Fatal(err)
	}
	var me struct {
		Viewer struct{ User struct{ ID string } }
	}
	if err := errors.Join(
		leaver.GraphQL(`{ viewer { user { id } } }`, nil, &me), a.GraphQL(secret, `{ partitions { nodes { id } } }`, nil, nil),
	); err != nil {
		a.Fatal(err)
	}
	role := fmt.Sprintf(
		`(input: {partitionId: %q, userId: %q, role: OWNERS}) { ... on MemberPayload { member { roles } } }`, a.partition,
		me.Viewer.User.ID,
	)
	if err := a.owner.GraphQL(`mutation { revokeRole`+role+` }`, nil, nil); err != nil {
		a.Fatal(err)
	}
	a.refused(
		"the leaver's token reads",
		a.GraphQL(secret, fmt.Sprintf(`{ partition(id: %q) { members { nodes { roles } } } }`, a.partition), nil, nil), "UNAUTHENTICATED",
		"NOT_FOUND", "FORBIDDEN",
	)
	a.refused(
		"the leaver's token gives the role back", a.GraphQL(secret, `mutation { grantRole`+role+` }`, nil, nil), "UNAUTHENTICATED",
		"NOT_FOUND", "FORBIDDEN",
	)
}

func ownRole(a *attack) {
	p := a.as("CA_ADMINISTRATORS")
	var me struct {
		Viewer struct{ User struct{ ID string } }
	}
	if err := p.GraphQL(`{ viewer { user { id } } }`, nil, &me); err != nil {
		a.Fatal(err)
	}
	a.refused(
		"a role for oneself",
		p.GraphQL(
			fmt.Sprintf(
				`mutation { grantRole(input: {partitionId: %q, userId: %q, role: OWNERS}) { ... on MemberPayload { member { roles } } } }`,
				a.partition, me.Viewer.User.ID,
			),
			nil, nil,
		),
		"FORBIDDEN",
	)
}

func operatorInside(a *attack) {
	a.refused(
		"the operator issues",
		a.Operate(fmt.Sprintf(`mutation { publishCrl(input: {caId: %q}) { certificationAuthority { id } } }`, a.issuing)), "NOT_FOUND",
		"FORBIDDEN",
	)
}

// request makes a CSR; key signs, template says what for.
func request(a *attack, template *x509.CertificateRequest, key any) string {
	a.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		a.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func (a *attack) issue(csr, profile string) (*x509.Certificate, error) {
	var out testbed.Issued
	if err := a.GraphQL(
		a.m.GraphQL.Token, testbed.Issue, map[string]any{"i": map[string]any{"caId": a.issuing, "profileId": profile, "csr": csr}}, &out,
	); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(out.IssueCertificate.Certificate.PEM))
	return x509.ParseCertificate(block.Bytes)
}

func smuggledCA(a *attack) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	isCA, _ := asn1.Marshal(struct{ CA bool }{true})
	usage, _ := asn1.Marshal(asn1.BitString{Bytes: []byte{0x06}, BitLength: 7})
	csr := request(
		a,
		&x509.CertificateRequest{
			Subject: pkix.Name{CommonName: "ca.example.com"}, DNSNames: []string{"ca.example.com"}, ExtraExtensions: []pkix.Extension{
				{
					Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: isCA,
				}, {Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: usage}}}, key)
	c, err := a.issue(csr, "privatessl-tls-server")
	if err == nil && (c.IsCA || c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0) {
		a.Errorf("a CA certificate: %+v", c)
	}
}

func foreignSignature(a *attack) {
	block, _ := pem.Decode([]byte(testbed.CSR("proof.example.com")))
	block.Bytes[len(block.Bytes)-1] ^= 1
	_, err := a.issue(string(pem.EncodeToMemory(block)), "privatessl-tls-server")
	a.refused("a request that its key did not sign", err, "INVALID", "POLICY_REFUSED")
}

func weakKey(a *attack) {
	a.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		a.Fatal(err)
	}
	_, err = a.issue(
		request(
			a, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "weak.example.com"}, DNSNames: []string{"weak.example.com"}}, key,
		),
		"privatessl-tls-server",
	)
	a.refused("RSA with 1024 bits", err, "INVALID", "POLICY_REFUSED")
}

func smuggledName(a *attack) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	for _, name := range []string{"www.example.com\x00.evil.example", "evil.example\nDNS:bank.com", "*.*.com", "", "xn--\u202e"} {
		c, err := a.issue(request(a, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key), "privatessl-tls-server")
		if err == nil && len(c.DNSNames) == 0 {
			continue // a common name that no verifier takes for a host's
		}
		a.refused(fmt.Sprintf("the name %q", name), err, "INVALID", "POLICY_REFUSED")
	}
}
