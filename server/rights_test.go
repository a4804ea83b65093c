package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pquerna/otp/totp"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/credential"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/attestation"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// TestRequests is about who may ask what of GraphQL, how much, and for how long.
func TestRequests(t *testing.T) {
	a, m := inProcess(t)
	for name, test := range map[string]func(*testing.T, *App, *Manifest){
		"strangers may send little":                  strangersMaySendLittle,
		"a socket serves nothing but subscriptions":  socketServesNothingButSubscriptions,
		"sockets are bounded":                        socketsAreBounded,
		"a socket ends with its rights":              socketEndsWithItsRights,
		"the writing of a list ends with the rights": exportEndsWithTheRights,
		"a stream of events ends with its rights":    eventStreamEndsWithItsRights,
	} {
		t.Run(name, func(t *testing.T) { test(t, a, m) })
	}
}

// signIn signs a person of the demo in, by password and authenticator app.
func signIn(t *testing.T, a *App, u ManifestUser) *http.Client {
	t.Helper()
	c := browser(t)
	if _, got := post(
		t, c, a, ours, `mutation($i: SignInInput!) { signIn(input: $i) { factors } }`,
		map[string]any{"i": map[string]any{"email": u.Email, "password": u.Password}},
	); got.code() != "" {
		t.Fatal(got.Errors)
	}
	// The codes of the steps around this one are good, each once: the demo has spent the present one.
	for step := range 3 {
		code, err := totp.GenerateCode(u.TOTPSecret, a.now().Add(time.Duration(1-step)*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if _, got := post(t, c, a, ours, verify, map[string]any{"c": code}); got.code() == "" {
			return c
		}
	}
	t.Fatal("no code is accepted")
	return nil
}

func asRole(a *App, m *Manifest, t *testing.T, role rbac.Role) (ManifestUser, context.Context) {
	t.Helper()
	for _, u := range m.Users {
		if u.Role != string(role) {
			continue
		}
		var id string
		if err := a.store.DB(t.Context()).Raw("SELECT id FROM users WHERE email = ?", u.Email).Scan(&id).Error; err != nil {
			t.Fatal(err)
		}
		actor, err := a.identity.CurrentActor(t.Context(), rbac.UserActor, id, u.Email)
		if err != nil {
			t.Fatal(err)
		}
		return u, rbac.WithActor(t.Context(), actor)
	}
	t.Fatalf("nobody is %s", role)
	return ManifestUser{}, nil
}

func (a *App) token(t *testing.T, ctx context.Context, m *Manifest, role rbac.Role, service bool) (*identity.APIToken, string) {
	t.Helper()
	made, secret, err := a.identity.CreateToken(
		ctx,
		identity.NewToken{PartitionID: m.Partition.ID, Name: "script", Role: role, ExpiresAt: a.now().Add(time.Hour), Service: service},
	)
	if err != nil {
		t.Fatal(err)
	}
	return made, secret
}

func bearer(secret string) http.Header { return http.Header{"Authorization": {"Bearer " + secret}} }

// dial opens a socket as somebody: a client with a session, or nil and a header.
func dial(t *testing.T, a *App, c *http.Client, header http.Header) (*websocket.Conn, *http.Response) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	d.TLSClientConfig = browser(t).Transport.(*http.Transport).TLSClientConfig
	h := header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if c != nil {
		d.Jar = c.Jar
	}
	h.Set("Origin", a.cfg.BaseURL)
	conn, response, err := d.DialContext(t.Context(), strings.Replace(a.cfg.BaseURL, "https://", "wss://", 1)+"/graphql", h)
	if err != nil {
		if response == nil {
			t.Fatal(err)
		}
		return nil, response
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // a test that would hang ends
	return conn, response
}

type said struct {
	ID, Type string
	Payload  json.RawMessage
}

func tell(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hear returns the next message, or the code with which the socket was closed.
func hear(t *testing.T, conn *websocket.Conn) (m said, closed int) {
	t.Helper()
	_, text, err := conn.ReadMessage()
	if e, ok := err.(*websocket.CloseError); ok {
		return m, e.Code
	}
	if err != nil {
		return m, -1
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m, 0
}

func subscription(partition string) string {
	return `{"id":"1","type":"subscribe","payload":{"query":"subscription { auditEvents(partitionId: \"` + partition +
		`\", after: 0) { sequence } }"}}`
}

// following is a socket on which events arrive.
func following(t *testing.T, a *App, m *Manifest, c *http.Client, header http.Header) *websocket.Conn {
	t.Helper()
	conn, response := dial(t, a, c, header)
	if conn == nil {
		t.Fatalf("no socket: %d", response.StatusCode)
	}
	tell(t, conn, `{"type":"connection_init"}`)
	if got, closed := hear(t, conn); got.Type != "connection_ack" {
		t.Fatalf("%v %d", got, closed)
	}
	tell(t, conn, subscription(m.Partition.ID))
	if got, closed := hear(t, conn); got.Type != "next" {
		t.Fatalf("%v %s %d", got.Type, got.Payload, closed)
	}
	return conn
}

// ended reads until the socket is closed.
func ended(t *testing.T, conn *websocket.Conn) int {
	t.Helper()
	for {
		if _, closed := hear(t, conn); closed != 0 {
			return closed
		}
	}
}

// What one server does to rights is a change of rows to another; so these are made as such where it can be.
func socketEndsWithItsRights(t *testing.T, a *App, m *Manifest) {
	ownerUser, owner := asRole(a, m, t, rbac.Owners)
	auditor, asAuditor := asRole(a, m, t, rbac.CAAuditors)
	_, asAdmin := asRole(a, m, t, rbac.CAAdministrators)
	auditorID := rbac.ActorFrom(asAuditor).ID
	change := func(statement string, args ...any) {
		t.Helper()
		if done := a.store.DB(t.Context()).Exec(statement, args...); done.Error != nil || done.RowsAffected == 0 {
			t.Fatalf("%s: %v, %d rows", statement, done.Error, done.RowsAffected)
		}
	}
	check := func(what string, conns ...*websocket.Conn) {
		t.Helper()
		for _, conn := range conns {
			if code := ended(t, conn); code != 4403 {
				t.Errorf("%s: closed with %d", what, code)
			}
		}
	}

	made, secret := a.token(t, owner, m, rbac.Owners, true)
	conns := []*websocket.Conn{following(t, a, m, nil, bearer(secret)), following(t, a, m, nil, bearer(secret))}
	change("UPDATE api_tokens SET revoked_at = ? WHERE id = ?", a.now(), made.ID)
	check("a revoked token", conns...)

	made, secret = a.token(t, owner, m, rbac.Owners, true)
	conns = []*websocket.Conn{following(t, a, m, nil, bearer(secret))}
	change("UPDATE api_tokens SET expires_at = ? WHERE id = ?", a.now().Add(-time.Second), made.ID)
	check("an expired token", conns...)

	_, secret = a.token(t, asAdmin, m, rbac.CAAdministrators, false)
	conns = []*websocket.Conn{following(t, a, m, nil, bearer(secret))}
	change("UPDATE users SET status = 'DISABLED' WHERE id = ?", rbac.ActorFrom(asAdmin).ID)
	check("a personal token whose owner is disabled", conns...)
	change("UPDATE users SET status = 'ACTIVE' WHERE id = ?", rbac.ActorFrom(asAdmin).ID)

	browser := signIn(t, a, ownerUser)
	conn := following(t, a, m, browser, nil)
	if _, got := post(t, browser, a, ours, `mutation { signOutEverywhere { sessionsEnded } }`, nil); got.code() != "" {
		t.Fatal(got.Errors)
	}
	check("a session that was ended", conn)

	browser = signIn(t, a, auditor)
	conn = following(t, a, m, browser, nil)
	change("DELETE FROM role_grants WHERE user_id = ? AND domain = ?", auditorID, m.Partition.ID)
	check("a lost role", conn)
}

func socketServesNothingButSubscriptions(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	_, secret := a.token(t, owner, m, rbac.Owners, true)

	if conn, response := dial(t, a, nil, nil); conn != nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger's socket: %v %v", conn, response)
	}
	counted := func() (n int) {
		t.Helper()
		if err := a.store.DB(t.Context()).Raw(
			"SELECT COALESCE(SUM(requests), 0) FROM rate_windows WHERE kind = 'OTHER'",
		).Scan(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := counted()
	conn := following(t, a, m, nil, bearer(secret))
	for n, query := range []string{
		"{ viewer { operator } }", "mutation { signOut { sessionsEnded } }",
		`mutation { createApiToken(input: {partitionId: \"` + m.Partition.ID +
			`\", name: \"xx\", role: OWNERS, expiresAt: \"2030-01-01T00:00:00Z\"}) { token } }`,
	} {
		id := string(rune('a' + n))
		tell(t, conn, `{"id":"`+id+`","type":"subscribe","payload":{"query":"`+query+`"}}`)
		for {
			got, closed := hear(t, conn)
			if closed != 0 || got.ID == id {
				if got.Type != "error" || !strings.Contains(string(got.Payload), "Only subscriptions") {
					t.Errorf("%s: %s %s %d", query, got.Type, got.Payload, closed)
				}
				break
			}
		}
	}
	// The upgrade, the subscription, and the three that were refused.
	if n := counted() - before; n != 5 {
		t.Errorf("%d requests were counted against the partition's rate", n)
	}
}

func socketsAreBounded(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	_, secret := a.token(t, owner, m, rbac.Owners, true)
	open := func() *websocket.Conn {
		t.Helper()
		conn, response := dial(t, a, nil, bearer(secret))
		if conn == nil {
			t.Fatalf("no socket: %d", response.StatusCode)
		}
		return conn
	}
	for what, c := range map[string]struct {
		messages []string
		code     int
	}{
		"a large first message": {
			[]string{`{"type":"connection_init","payload":{"x":"` + strings.Repeat("x", 300<<10) + `"}}`}, websocket.CloseMessageTooBig,
		},
		"a large later message": {
			[]string{
				`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":{"query":"` + strings.Repeat("x", 300<<10) + `"}}`,
			},
			websocket.CloseMessageTooBig,
		},
		"a subscription too early": {[]string{subscription(m.Partition.ID)}, 4401},
		"a second initialisation":  {[]string{`{"type":"connection_init"}`, `{"type":"connection_init"}`}, 4429},
		"no JSON":                  {[]string{`{`}, 4400},
		"deep JSON": {
			[]string{`{"type":"connection_init","payload":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`}, 4400,
		},
		"an unknown message": {[]string{`{"type":"connection_init"}`, `{"type":"next"}`}, 4400},
		"a subscription that is on": {
			[]string{`{"type":"connection_init"}`, subscription(m.Partition.ID), subscription(m.Partition.ID)}, 4409,
		},
	} {
		conn := open()
		for _, text := range c.messages {
			_ = conn.WriteMessage(websocket.TextMessage, []byte(text)) // the server may have closed it already
		}
		if code := ended(t, conn); code != c.code {
			t.Errorf("%s: closed with %d", what, code)
		}
	}

	// One that never begins.
	resolver, err := a.resolver()
	if err != nil {
		t.Fatal(err)
	}
	resolver.SocketPatience = time.Millisecond
	actor := rbac.ActorFrom(a.asToken(t, secret))
	handler := resolver.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(rbac.WithActor(r.Context(), actor)))
	}))
	defer server.Close()
	idle, _, err := (&websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}).DialContext(
		t.Context(), strings.Replace(server.URL, "http", "ws", 1), nil,
	)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if code := ended(t, idle); code != 4408 {
		t.Errorf("a socket without connection_init: closed with %d", code)
	}

	conn := open()
	tell(t, conn, `{"type":"connection_init"}`)
	// A subscription that was refused takes no place; it is waited for, since it has one until then.
	about := func(id string) said {
		t.Helper()
		for {
			got, closed := hear(t, conn)
			if closed != 0 {
				t.Fatalf("closed with %d", closed)
			}
			if got.ID == id {
				return got
			}
		}
	}
	for n := range 11 {
		refused, id := string(rune('a'+n)), string(rune('A'+n))
		if n < 10 {
			tell(t, conn, strings.Replace(subscription("none"), `"id":"1"`, `"id":"`+refused+`"`, 1))
			about(refused)
		}
		tell(t, conn, strings.Replace(subscription(m.Partition.ID), `"id":"1"`, `"id":"`+id+`"`, 1))
	}
	if got := about("K"); got.Type != "error" || !strings.Contains(string(got.Payload), "TOO_MANY_REQUESTS") {
		t.Errorf("the eleventh subscription: %s %s", got.Type, got.Payload)
	}
	conns := []*websocket.Conn{conn}
	for {
		conn, response := dial(t, a, nil, bearer(secret))
		if conn == nil {
			if response.StatusCode != http.StatusTooManyRequests {
				t.Errorf("one socket too many: %d", response.StatusCode)
			}
			break
		}
		if conns = append(conns, conn); len(conns) > 100 {
			t.Fatal("sockets without end")
		}
	}
}

func strangersMaySendLittle(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	_, secret := a.token(t, owner, m, rbac.Owners, true)
	send := func(header http.Header, media, body string) (int, http.Header, answer) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.cfg.BaseURL+"/graphql", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header.Clone()
		r.Header.Set("Content-Type", media)
		response, err := browser(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 2000 {
			t.Errorf("%d bytes of answer to %.60s", len(text), body)
		}
		var out answer
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%d %s", response.StatusCode, text)
		}
		return response.StatusCode, response.Header, out
	}
	variables := func(size int) string {
		return `{"query":"{ viewer { operator } }","variables":{"x":"` + strings.Repeat("x", size) + `"}}`
	}
	for what, c := range map[string]struct {
		header      http.Header
		media, body string
		status      int
		code        string
	}{
		"a small one":       {ours, "application/json", variables(1000), 200, ""},
		"40 KB":             {ours, "application/json", variables(40 << 10), 413, "INVALID"},
		"3 MB":              {ours, "application/json", variables(3 << 20), 413, "INVALID"},
		"3 MB of somebody":  {bearer(secret), "application/json", variables(3 << 20), 200, ""},
		"40 MB of somebody": {bearer(secret), "application/json", variables(40 << 20), 413, "INVALID"},
		"no JSON":           {ours, "application/json", `{"query":"` + strings.Repeat("x", 20_000), 400, "INVALID"},
		"two values":        {ours, "application/json", variables(1) + variables(1), 400, "INVALID"},
		"a list":            {ours, "application/json", `[` + variables(1) + `,` + variables(1) + `]`, 400, "INVALID"},
		"deep JSON": {
			ours, "application/json",
			`{"query":"{ viewer { operator } }","variables":{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`, 400,
			"INVALID",
		},
		"deep JSON of somebody": {
			bearer(secret), "application/json",
			`{"query":"{ viewer { operator } }","variables":{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`, 400,
			"INVALID",
		},
		"a form": {ours, "application/x-www-form-urlencoded", "query=%7B__typename%7D", 415, "INVALID"},
		"text":   {ours, "text/plain", variables(1), 415, "INVALID"},
		"doubling fragments": {
			ours, "application/json",
			`{"query":"{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...C ...C } fragment C on Query { ...D ...D } fragment D on Query { ...E ...E } fragment E on Query { ...F ...F } fragment F on Query { ...G ...G } fragment G on Query { ...H ...H } fragment H on Query { ...I ...I } fragment I on Query { __typename }"}`,
			422, "INVALID",
		},
		"a hundred guesses at once": {
			ours, "application/json",
			`{"query":"mutation { ` + strings.Repeat(` signIn(input: {email: \"a@b.c\", password: \"x\"}) { factors }`, 9) + ` }"}`, 422,
			"INVALID",
		},
		"the schema": {ours, "application/json", `{"query":"{ __schema { types { name } } }"}`, 422, "UNAUTHENTICATED"},
	} {
		status, header, got := send(c.header, c.media, c.body)
		if status != c.status || got.code() != c.code {
			t.Errorf("%s: %d %v", what, status, got.Errors)
		}
		if header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control: %q", what, header.Get("Cache-Control"))
		}
	}
}

// exportEndsWithTheRights revokes a token while its list is written.
func exportEndsWithTheRights(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	made, secret := a.token(t, owner, m, rbac.Owners, true)
	actor, err := a.identity.AuthenticateToken(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := a.live(rbac.WithActor(t.Context(), actor))
	defer stop()
	if _, err := a.audit.After(ctx, m.Partition.ID, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := a.identity.RevokeToken(owner, made.ID); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; { // the next look is due within a second
		_, err := a.audit.After(ctx, m.Partition.ID, 0)
		if fault.Is(err, fault.Unauthenticated) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("a page of the list: %v", err)
		}
	}
	for _, path := range []string{"/export/" + m.Partition.ID + "/events", "/graphql"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.cfg.BaseURL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := browser(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control: %q", path, response.Header.Get("Cache-Control"))
		}
	}
}

// TestTokens is about what tokens may do, and about what must be asked again before they are made.
func TestTokens(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { tokens(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { tokens(t, storetest.Postgres(t)) })
}

func tokens(t *testing.T, database string) {
	a, m := inProcessOn(t, database)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *App, *Manifest)
	}{
		{"a token ends with its owner's rights", tokenEndsWithItsOwner},
		{"a token makes no token beyond itself", tokenMakesNoMore},
		{"nobody ends what they could not have made", nobodyEndsMore},
		{"nobody hands on what they may not do", nobodyHandsOnMore},
		{"a session is asked again", sessionIsAskedAgain},
		{"work that outlives its request asks again", laterWorkAsksAgain},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, a, m) })
	}
}

func expectFault(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

// A leaver was an Owner, and has kept a token.
func tokenEndsWithItsOwner(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	_, leaver := asRole(a, m, t, rbac.CertificateAdministrators)
	leaverID := rbac.ActorFrom(leaver).ID
	if _, err := a.identity.GrantRole(owner, m.Partition.ID, leaverID, rbac.Owners); err != nil {
		t.Fatal(err)
	}
	_, leaver = asRole(a, m, t, rbac.CertificateAdministrators)
	made, personal := a.token(t, leaver, m, rbac.Owners, false)
	service, ofService := a.token(t, leaver, m, rbac.CAAuditors, true)
	again := `mutation { grantRole(input: {partitionId:
		"` + m.Partition.ID + `", userId: "` + leaverID + `", role: OWNERS}) { ... on MemberPayload { member { roles } } } }`
	issue := `mutation { issueCertificate(input: {caId: "x", profileId: "x", csr: "junk"}) { ... on IssueCertificatePayload { certificate {
		id } } } }`
	who := `{ viewer { apiToken { service stopped } partitions { permissions } } }`
	code := func(secret, query string) string {
		t.Helper()
		_, got := post(t, browser(t), a, bearer(secret), query, nil)
		return got.code()
	}
	if got := code(personal, again); got != "CONFLICT" { // has it already
		t.Fatalf("while the leaver is an Owner: %s", got)
	}
	if _, err := a.identity.RevokeRole(owner, m.Partition.ID, leaverID, rbac.Owners); err != nil {
		t.Fatal(err)
	}
	if got := code(personal, again); got != "FORBIDDEN" {
		t.Errorf("the token gave its owner the role back: %s", got)
	}
	if got := code(personal, issue); got != "NOT_FOUND" {
		t.Errorf("what its owner still may: %s", got)
	}
	actor, err := a.identity.CurrentActor(t.Context(), rbac.TokenActor, made.ID, made.Name)
	if err != nil || a.guard.Has(actor, rbac.RoleManage, m.Partition.ID) || !a.guard.Has(actor, rbac.CertificateIssue, m.Partition.ID) {
		t.Errorf("standing: %v %v", actor, err)
	}
	if _, err := a.identity.RevokeRole(owner, m.Partition.ID, leaverID, rbac.CertificateAdministrators); err != nil {
		t.Fatal(err)
	}
	if got := code(personal, who); got != "UNAUTHENTICATED" {
		t.Errorf("a token whose owner has no role: %q", got)
	}
	if got := code(ofService, who); got != "" {
		t.Errorf("the token of a service: %s", got)
	}
	tokens, err := a.identity.Tokens(owner, m.Partition.ID, page.Request{First: page.MaxFirst})
	if err != nil {
		t.Fatal(err)
	}
	for _, listed := range tokens.Nodes {
		if listed.ID == made.ID && (!listed.Stopped() || listed.Service) || listed.ID == service.ID && (listed.Stopped() ||
			!listed.Service) {
			t.Errorf("listed: %s %v %v", listed.Name, listed.Service, listed.Stopped())
		}
	}
	if _, err := a.identity.CurrentActor(t.Context(), rbac.TokenActor, made.ID, made.Name); err == nil {
		t.Error("work of the token goes on")
	}
	// A leaver does not come back by the token of a service either.
	strong, ofStrong := a.token(t, owner, m, rbac.Owners, true)
	for what, query := range map[string]string{
		"a role": again,
		"an invitation": `mutation { inviteUser(input: {partitionId:
			"` + m.Partition.ID + `", email: "me@again.example", firstName: "a", lastName: "b", roles: [OWNERS]}) { ... on MemberPayload { member { user { id } } } } }`,
		"a rule": `mutation { setApprovalRules(input: {partitionId:
			"` + m.Partition.ID + `", rules: []}) { ... on ApprovalRulesPayload { rules { needed } } } }`,
		"a token": `mutation { createApiToken(input: {partitionId:
			"` + m.Partition.ID + `", name: "again", role: OWNERS, expiresAt: "` + a.now().Add(time.Hour).Format(time.RFC3339) +
			`"}) { token } }`,
	} {
		if got := code(ofStrong, query); got != "FORBIDDEN" {
			t.Errorf("%s by the token of a service: %q", what, got)
		}
	}
	if _, err := a.identity.RevokeToken(owner, strong.ID); err != nil {
		t.Fatal(err)
	}
	// Nobody's token does nothing.
	if err := a.store.DB(t.Context()).Exec("UPDATE api_tokens SET owner_id = '' WHERE id = ?", made.ID).Error; err != nil {
		t.Fatal(err)
	}
	if got := code(personal, who); got != "UNAUTHENTICATED" {
		t.Errorf("a token without an owner: %q", got)
	}
	if _, err := a.identity.GrantRole(owner, m.Partition.ID, leaverID, rbac.CertificateAdministrators); err != nil {
		t.Fatal(err)
	}
	if err := a.store.DB(t.Context()).Exec("UPDATE api_tokens SET owner_id = ? WHERE id = ?", leaverID, made.ID).Error; err != nil {
		t.Fatal(err)
	}
	if got := code(personal, who); got != "" {
		t.Errorf("a token whose owner is back: %s", got)
	}
	for _, status := range []string{"DISABLED", "REMOVED"} {
		if err := a.store.DB(t.Context()).Exec("UPDATE users SET status = ? WHERE id = ?", status, leaverID).Error; err != nil {
			t.Fatal(err)
		}
		if got := code(personal, who); got != "UNAUTHENTICATED" {
			t.Errorf("a token whose owner is %s: %q", status, got)
		}
	}
	if err := a.store.DB(t.Context()).Exec("UPDATE users SET status = 'ACTIVE' WHERE id = ?", leaverID).Error; err != nil {
		t.Fatal(err)
	}
}

func (a *App) asToken(t *testing.T, secret string) context.Context {
	t.Helper()
	actor, err := a.identity.AuthenticateToken(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	return rbac.WithActor(t.Context(), actor)
}

func tokenMakesNoMore(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	_, admin := asRole(a, m, t, rbac.CAAdministrators)
	want := func(role rbac.Role, service bool) identity.NewToken {
		return identity.NewToken{
			PartitionID: m.Partition.ID, Name: "made by one", Role: role, ExpiresAt: a.now().Add(time.Hour), Service: service,
		}
	}
	_, secret := a.token(t, owner, m, rbac.CAAdministrators, false)
	limited := a.asToken(t, secret)
	for _, role := range rbac.Roles() {
		made, _, err := a.identity.CreateToken(limited, want(role, false))
		switch covered := role == rbac.CAAdministrators || role == rbac.ProtocolOperators || role == rbac.ProtocolAuditors ||
			role == rbac.CAAuditors; {
		case covered && (err != nil || made.OwnerID != rbac.ActorFrom(owner).ID || made.Service):
			t.Errorf("%s by a token that covers it: %v %v", role, made, err)
		case !covered:
			expectFault(t, "a token for "+string(role), err, fault.Forbidden)
		}
	}
	_, _, err := a.identity.CreateToken(limited, want(rbac.CAAuditors, true))
	expectFault(t, "a service's token by a token", err, fault.Forbidden)
	_, secret = a.token(t, owner, m, rbac.Owners, true)
	_, _, err = a.identity.CreateToken(a.asToken(t, secret), want(rbac.CAAuditors, false))
	expectFault(t, "a token by a service's", err, fault.Forbidden)
	_, _, err = a.identity.CreateToken(admin, want(rbac.CertificateAdministrators, true))
	expectFault(t, "a service's token beyond its maker", err, fault.Forbidden)
	if made, _, err := a.identity.CreateToken(
		admin, want(rbac.ProtocolOperators, true),
	); err != nil || !made.Service || made.CreatedBy == "" {
		t.Errorf("a service's token within its maker's rights: %v %v", made, err)
	}
}

func nobodyEndsMore(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	_, admin := asRole(a, m, t, rbac.CAAdministrators)
	made, _ := a.token(t, owner, m, rbac.Owners, true)
	_, err := a.identity.RevokeToken(admin, made.ID)
	expectFault(t, "an Owners' token by a CA Administrator", err, fault.Forbidden)
	less, _ := a.token(t, owner, m, rbac.CAAuditors, true)
	if _, err := a.identity.RevokeToken(admin, less.ID); err != nil {
		t.Errorf("a token within one's rights: %v", err)
	}
	if _, err := a.identity.RevokeToken(owner, made.ID); err != nil {
		t.Error(err)
	}
	authority, err := a.cas.ByIdentifier(owner, m.Partition.ID, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	roles := func(r credential.Role) []*credential.Grant { return []*credential.Grant{{CAID: authority.ID, Role: r}} }
	issued, err := a.credentials.Create(
		owner,
		credential.Request{PartitionID: m.Partition.ID, Identifier: "strong", FriendlyName: "Strong", Roles: roles(credential.CertAdmins)},
	)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.credentials.Delete(admin, issued.Credential.ID)
	expectFault(t, "ending a credential", err, fault.Forbidden)
	_, err = a.credentials.SetRoles(admin, issued.Credential.ID, roles(credential.Auditors))
	expectFault(t, "taking roles from a credential", err, fault.Forbidden)
	_, err = a.credentials.Renew(admin, issued.Credential.ID, false)
	expectFault(t, "renewing a credential", err, fault.Forbidden)
	weak, err := a.credentials.Create(
		admin,
		credential.Request{PartitionID: m.Partition.ID, Identifier: "weak", FriendlyName: "Weak", Roles: roles(credential.Auditors)},
	)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.credentials.SetRoles(admin, weak.Credential.ID, roles(credential.CertAdmins))
	expectFault(t, "giving roles to a credential", err, fault.Forbidden)
	if _, err = a.credentials.Delete(admin, weak.Credential.ID); err != nil {
		t.Errorf("ending a credential of one's own kind: %v", err)
	}
}

func nobodyHandsOnMore(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	authority, err := a.cas.ByIdentifier(owner, m.Partition.ID, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := a.cas.ByIdentifier(owner, m.Partition.ID, "issuing-rsa")
	if err != nil {
		t.Fatal(err)
	}
	roots := `{"attestation":{"step":"` + strings.ReplaceAll(string(rootPEM(t, m)), "\n", `\n`) + `"},"challenges":["device-attest-01"]}`
	settings := func(text string) protocolconfig.Change { return protocolconfig.Change{Settings: &text} }
	for _, role := range []rbac.Role{rbac.ProtocolOperators, rbac.CAAdministrators, rbac.Owners} {
		_, ctx := asRole(a, m, t, role)
		identifier := strings.ToLower(string(role[:2])) + "-handed-on"
		c, err := a.configurations.Create(
			ctx,
			protocolconfig.Request{
				PartitionID: m.Partition.ID, Identifier: identifier, Type: acme.TypeID,
				Offerings: protocolconfig.One(authority.ID, acmeProfile),
			},
		)
		if err != nil {
			t.Fatalf("%s may not configure ACME: %v", role, err)
		}
		if _, _, err := a.acmeAdmin.CreateKey(
			ctx, c.ID, acme.NewKey{FriendlyName: "with-challenge", Allowed: []string{"*.bank.com"}},
		); err != nil {
			t.Errorf("%s: a key with challenges: %v", role, err)
		}
		mayIssue := role == rbac.Owners
		check := func(what string, err error) {
			t.Helper()
			if mayIssue && err != nil {
				t.Errorf("%s: %s: %v", role, what, err)
			} else if !mayIssue {
				expectFault(t, string(role)+": "+what, err, fault.Forbidden)
			}
		}
		_, _, err = a.acmeAdmin.CreateKey(
			ctx, c.ID, acme.NewKey{FriendlyName: "without", Allowed: []string{"*.bank.com"}, Preauthorized: true},
		)
		check("a key without challenge", err)
		if !mayIssue {
			if _, _, err := a.acmeAdmin.CreateKey(
				owner, c.ID, acme.NewKey{FriendlyName: "without", Allowed: []string{"*.bank.com"}, Preauthorized: true},
			); err != nil {
				t.Fatal(err)
			}
		}
		_, err = a.configurations.UpdateOffering(ctx, c.Offerings[0].ID, protocolconfig.OfferingChange{CAID: &other.ID})
		check("another CA for clients that need no challenge", err)
		_, err = a.configurations.UpdateOffering(
			ctx, c.Offerings[0].ID, protocolconfig.OfferingChange{ProfileID: new("privatessl-tls-client")},
		)
		check("another profile for clients that need no challenge", err)
		_, err = a.configurations.UpdateOffering(
			ctx, c.Offerings[0].ID, protocolconfig.OfferingChange{Rules: &protocolconfig.Rules{MaxValidityHours: 9}},
		)
		check("other rules for clients that need no challenge", err)
		_, err = a.configurations.AddOffering(
			ctx, c.ID, protocolconfig.OfferingRequest{CAID: authority.ID, ProfileID: "privatessl-tls-client-server"},
		)
		check("another offering for clients that need no challenge", err)
		_, err = a.configurations.Update(ctx, c.ID, settings(`{"orderHours":9}`))
		check("other settings for clients that need no challenge", err)
		if _, err := a.configurations.Disable(ctx, c.ID); err != nil {
			t.Fatalf("%s: %v", role, err)
		}
		_, err = a.configurations.Enable(ctx, c.ID)
		check("enabling", err)
		text := "described"
		if _, err := a.configurations.Update(ctx, c.ID, protocolconfig.Change{Description: &text}); err != nil {
			t.Errorf("%s: a description: %v", role, err)
		}
		// Whom attestations are believed from.
		_, err = a.configurations.Create(
			ctx,
			protocolconfig.Request{
				PartitionID: m.Partition.ID, Identifier: identifier[:2] + "-roots", Type: acme.TypeID,
				Offerings: protocolconfig.One(authority.ID, acmeProfile), Settings: roots,
			},
		)
		check("own attestation roots from the start", err)
		plain, err := a.configurations.Create(
			ctx,
			protocolconfig.Request{
				PartitionID: m.Partition.ID, Identifier: identifier[:2] + "-plain", Type: acme.TypeID,
				Offerings: protocolconfig.One(authority.ID, acmeProfile),
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.acmeAdmin.UpdateSettings(ctx, plain.ID, func(s *acme.Settings) {
			s.Challenges, s.Attestation = []string{"device-attest-01"}, map[attestation.Format]string{
				attestation.Step: string(rootPEM(t, m)),
			}
		})
		check("own attestation roots", err)
		if _, err := a.acmeAdmin.UpdateSettings(ctx, plain.ID, func(s *acme.Settings) {
			s.Challenges, s.Attestation = []string{"device-attest-01"}, map[attestation.Format]string{attestation.Apple: ""}
		}); err != nil {
			t.Errorf("%s: the roots that are built in: %v", role, err)
		}
	}
}

func rootPEM(t *testing.T, m *Manifest) []byte {
	t.Helper()
	for _, c := range m.CAs {
		if c.ID == "root-1" {
			text, err := os.ReadFile(c.CertificateFile)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	t.Fatal("no root")
	return nil
}

// A session that was left open, or stolen, makes nothing that outlives it.
func sessionIsAskedAgain(t *testing.T, a *App, m *Manifest) {
	u, owner := asRole(a, m, t, rbac.Owners)
	c := signIn(t, a, u)
	p := m.Partition.ID
	configuration, err := a.configurations.ByIdentifier(owner, p, m.ACME[0].ConfigID)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := a.cas.ByIdentifier(owner, p, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	existing, err := a.credentials.Create(
		owner,
		credential.Request{
			PartitionID: p, Identifier: "renewed", FriendlyName: "Renewed",
			Roles: []*credential.Grant{{CAID: authority.ID, Role: credential.Auditors}},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]string{
		"recovery codes":      `mutation { regenerateRecoveryCodes { recoveryCodes } }`,
		"a passkey":           `mutation { beginPasskeyRegistration { options } }`,
		"a passkey, finished": `mutation { finishPasskeyRegistration(input: {name: "x", credential: "{}"}) { passkey { id } } }`,
		"a passkey, removed":  `mutation { removePasskey(input: {id: "x"}) { viewer { operator } } }`,
		"an app":              `mutation { beginTotpEnrolment { secret } }`,
		"an app, confirmed":   `mutation { confirmTotpEnrolment(input: {totp: "123456"}) { recoveryCodes } }`,
		"a token": `mutation { createApiToken(input: {partitionId:
			"` + p + `", name: "stolen", role: OWNERS, expiresAt: "` + a.now().Add(2*time.Hour).Format(time.RFC3339) + `"}) { token } }`,
		"a credential": `mutation { createCagwCredential(input: {partitionId:
			"` + p + `", identifier: "stolen", friendlyName: "x", roles: [{caId: "` + authority.ID + `", role: AUDITORS}]}) { password } }`,
		"a renewed credential": `mutation { renewCagwCredential(input: {id: "` + existing.Credential.ID + `"}) { password } }`,
		"an ACME key": `mutation { createAcmeKey(input: {configurationId:
			"` + configuration.ID + `", friendlyName: "stolen"}) { hmacKey } }`,
		"a webhook": `mutation { createWebhook(input: {partitionId: "` + p + `", name: "stolen", url: "https://192.0.2.1/x"}) { secret } }`,
	}
	asked := func(what string) string {
		t.Helper()
		_, got := post(t, c, a, ours, operations[what], nil)
		return got.code()
	}
	for what := range operations {
		if what == "recovery codes" {
			continue // they end those before
		}
		if got := asked(what); got == "PROOF_REQUIRED" || got == "UNAUTHENTICATED" {
			t.Errorf("%s, just signed in: %s", what, got)
		}
	}
	ahead.Add(int64(6 * time.Minute))
	defer ahead.Add(-int64(6 * time.Minute))
	for what := range operations {
		if got := asked(what); got != "PROOF_REQUIRED" {
			t.Errorf("%s: %q", what, got)
		}
	}
	confirm := func(field, value string) string {
		t.Helper()
		_, got := post(
			t, c, a, ours, `mutation($v: String!) { confirmIdentity(input: {`+field+`: $v}) { confirmedUntil } }`,
			map[string]any{"v": value},
		)
		return got.code()
	}
	if got := confirm("password", "wrong"); got != "INVALID" {
		t.Errorf("a wrong password: %s", got)
	}
	if got := confirm("totp", "000000"); got != "INVALID" {
		t.Errorf("a wrong code: %s", got)
	}
	if got := asked("a token"); got != "PROOF_REQUIRED" {
		t.Errorf("after wrong answers: %s", got)
	}
	if got := confirm("password", u.Password); got != "" {
		t.Fatalf("the right password: %s", got)
	}
	for what := range operations {
		if got := asked(what); got == "PROOF_REQUIRED" {
			t.Errorf("%s, confirmed: %s", what, got)
		}
	}
	ahead.Add(int64(6 * time.Minute))
	defer ahead.Add(-int64(6 * time.Minute))
	if got := asked("recovery codes"); got != "PROOF_REQUIRED" {
		t.Errorf("minutes later: %s", got)
	}
	code, err := totp.GenerateCode(u.TOTPSecret, a.now())
	if err != nil {
		t.Fatal(err)
	}
	if got := confirm("totp", code); got != "" {
		t.Errorf("the right code: %s", got)
	}
	if got := confirm("totp", code); got == "" {
		t.Error("a code is good twice")
	}
	// Guesses are counted as those of a sign-in are.
	limited := false
	for range 20 {
		limited = limited || confirm("password", "wrong") == "TOO_MANY_REQUESTS"
	}
	if !limited {
		t.Error("guessing is not slowed down")
	}
}

// A campaign that was to revoke certificates does not, once who asked for it may not any more.
func laterWorkAsksAgain(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	_, leaver := asRole(a, m, t, rbac.CertificateAdministrators)
	leaverID := rbac.ActorFrom(leaver).ID
	if _, err := a.identity.GrantRole(owner, m.Partition.ID, leaverID, rbac.Owners); err != nil {
		t.Fatal(err)
	}
	_, leaver = asRole(a, m, t, rbac.CertificateAdministrators)
	begins := a.now().Add(time.Minute)
	revokes := begins.Add(2 * time.Hour)
	made, err := a.acmeAdmin.CreateCampaign(
		leaver, m.Partition.ID,
		acme.NewCampaign{Name: "of a leaver", BeginsAt: begins, EndsAt: begins.Add(time.Hour), RevokeAt: &revokes, RevocationReason: 4},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []rbac.Role{rbac.Owners, rbac.CertificateAdministrators} {
		if _, err := a.identity.RevokeRole(owner, m.Partition.ID, leaverID, role); err != nil {
			t.Fatal(err)
		}
	}
	ahead.Add(int64(4 * time.Hour))
	defer ahead.Add(-int64(4 * time.Hour))
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := a.acmeAdmin.Campaign(owner, made.ID)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%v %v", c, err)
		}
		if c.State == acme.Done {
			break
		}
	}
	events, err := a.audit.List(owner, m.Partition.ID, audit.Filter{Action: "campaign.end"}, page.Request{First: 10})
	if err != nil || len(events.Nodes) != 1 || events.Nodes[0].Result != audit.Failed || !strings.Contains(
		events.Nodes[0].Summary, "without revoking anything",
	) {
		t.Errorf("%v %v", events, err)
	}
}

// eventStreamEndsWithItsRights: server-sent events are authenticated, bounded and ended as WebSockets are.
func eventStreamEndsWithItsRights(t *testing.T, a *App, m *Manifest) {
	_, owner := asRole(a, m, t, rbac.Owners)
	open := func(header http.Header, accept, query string) *http.Response {
		t.Helper()
		body, _ := json.Marshal(map[string]any{"query": query})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.cfg.BaseURL+"/graphql", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header.Clone()
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", accept)
		response, err := browser(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		return response
	}
	const events = "text/event-stream"
	follow := `subscription { auditEvents(partitionId: "` + m.Partition.ID + `", after: 0) { sequence } }`
	for what, c := range map[string]struct {
		header http.Header
		query  string
		status int
		code   string
	}{
		"nobody":              {ours, follow, 401, "UNAUTHENTICATED"},
		"a made-up token":     {bearer("pka_nonsense"), follow, 401, "UNAUTHENTICATED"},
		"a query":             {nil, `{ viewer { operator } }`, 422, "INVALID"},
		"a mutation":          {nil, `mutation { signOut { sessionsEnded } }`, 422, "INVALID"},
		"a foreign partition": {nil, `subscription { auditEvents(partitionId: "sub0000000000") { sequence } }`, 200, "NOT_FOUND"},
	} {
		header := c.header
		if header == nil {
			_, secret := a.token(t, owner, m, rbac.Owners, true)
			header = bearer(secret)
		}
		response := open(header, events, c.query)
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != c.status || !strings.Contains(string(text), `"code":"`+c.code+`"`) {
			t.Errorf("%s: %d %s %v", what, response.StatusCode, text, err)
		}
	}

	made, secret := a.token(t, owner, m, rbac.Owners, true)
	// Some clients name the stream beside JSON with every query.
	const either = "application/graphql-response+json, application/json, " + events
	text, err := io.ReadAll(open(bearer(secret), either, `{ viewer { operator } }`).Body)
	if err != nil || !strings.Contains(string(text), `"operator":false`) {
		t.Errorf("a client that accepts JSON and a stream: %s %v", text, err)
	}
	response := open(bearer(secret), events, follow)
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("%d %s", response.StatusCode, kind)
	}
	lines := bufio.NewScanner(response.Body)
	for sequence := 1; sequence <= 20 && lines.Scan(); { // each event, once and in order
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if !strings.Contains(text, fmt.Sprintf(`"sequence":%d}`, sequence)) {
				t.Fatalf("instead of event %d: %s", sequence, text)
			}
			sequence++
		}
	}
	if _, err := a.identity.RevokeToken(owner, made.ID); err != nil {
		t.Fatal(err)
	}
	rest := []string{}
	for lines.Scan() {
		if text := lines.Text(); !strings.Contains(text, `"sequence"`) && text != "" && text != ":" {
			rest = append(rest, text)
		}
	}
	if said := strings.Join(rest, " "); !strings.Contains(said, `"code":"`) || !strings.HasSuffix(said, "event: complete data:") {
		t.Errorf("after the token was revoked: %s", said)
	}

	_, secret = a.token(t, owner, m, rbac.Owners, true)
	for n := 1; ; n++ {
		if response := open(bearer(secret), events, follow); response.StatusCode != 200 {
			if response.StatusCode != http.StatusTooManyRequests || n > 21 {
				t.Errorf("stream %d: %d", n, response.StatusCode)
			}
			return
		}
		if n > 100 {
			t.Fatal("streams without end")
		}
	}
}
