package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pquerna/otp/totp"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/rbac"
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
	} {
		t.Run(name, func(t *testing.T) { test(t, a, m) })
	}
}

// signIn signs a person of the demo in, by password and authenticator app.
func signIn(t *testing.T, a *App, u ManifestUser) *http.Client {
	t.Helper()
	c := browser(t)
	if _, got := post(t, c, a, ours, `mutation($i: SignInInput!) { signIn(input: $i) { factors } }`, map[string]any{"i": map[string]any{"email": u.Email, "password": u.Password}}); got.code() != "" {
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
		actor, err := a.identity.Standing(t.Context(), rbac.UserActor, id, u.Email)
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
	made, secret, err := a.identity.CreateToken(ctx, identity.NewToken{PartitionID: m.Partition.ID, Name: "script", Role: role, ExpiresAt: a.now().Add(time.Hour), Service: service})
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
		u, err := url.Parse(a.cfg.BaseURL)
		if err != nil {
			t.Fatal(err)
		}
		d.Jar = c.Jar
		h.Set("Origin", u.String())
	}
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
	return `{"id":"1","type":"subscribe","payload":{"query":"subscription { auditEvents(partitionId: \"` + partition + `\", after: 0) { sequence } }"}}`
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
		if err := a.store.DB(t.Context()).Raw("SELECT COALESCE(SUM(requests), 0) FROM rate_windows WHERE kind = 'OTHER'").Scan(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := counted()
	conn := following(t, a, m, nil, bearer(secret))
	for n, query := range []string{"{ viewer { operator } }", "mutation { signOut { sessionsEnded } }", `mutation { createApiToken(input: {partitionId: \"` + m.Partition.ID + `\", name: \"xx\", role: OWNERS, expiresAt: \"2030-01-01T00:00:00Z\"}) { token } }`} {
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
		"a large first message":     {[]string{`{"type":"connection_init","payload":{"x":"` + strings.Repeat("x", 300<<10) + `"}}`}, websocket.CloseMessageTooBig},
		"a large later message":     {[]string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":{"query":"` + strings.Repeat("x", 300<<10) + `"}}`}, websocket.CloseMessageTooBig},
		"a subscription too early":  {[]string{subscription(m.Partition.ID)}, 4401},
		"a second initialisation":   {[]string{`{"type":"connection_init"}`, `{"type":"connection_init"}`}, 4429},
		"no JSON":                   {[]string{`{`}, 4400},
		"deep JSON":                 {[]string{`{"type":"connection_init","payload":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`}, 4400},
		"an unknown message":        {[]string{`{"type":"connection_init"}`, `{"type":"next"}`}, 4400},
		"a subscription that is on": {[]string{`{"type":"connection_init"}`, subscription(m.Partition.ID), subscription(m.Partition.ID)}, 4409},
	} {
		conn := open()
		for _, text := range c.messages {
			_ = conn.WriteMessage(websocket.TextMessage, []byte(text)) // the server may have closed it already
		}
		if code := ended(t, conn); code != c.code {
			t.Errorf("%s: closed with %d", what, code)
		}
	}

	conn := open()
	tell(t, conn, `{"type":"connection_init"}`)
	for n := range 11 {
		tell(t, conn, strings.Replace(subscription("none"), `"id":"1"`, `"id":"`+string(rune('a'+n))+`"`, 1))
		tell(t, conn, strings.Replace(subscription(m.Partition.ID), `"id":"1"`, `"id":"`+string(rune('A'+n))+`"`, 1))
	}
	for {
		got, closed := hear(t, conn)
		if closed != 0 {
			t.Fatalf("closed with %d", closed)
		}
		if got.ID == "K" {
			if got.Type != "error" || !strings.Contains(string(got.Payload), "TOO_MANY_REQUESTS") {
				t.Errorf("the eleventh subscription: %s %s", got.Type, got.Payload)
			}
			break
		}
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
		"a small one":               {ours, "application/json", variables(1000), 200, ""},
		"40 KB":                     {ours, "application/json", variables(40 << 10), 413, "INVALID"},
		"3 MB":                      {ours, "application/json", variables(3 << 20), 413, "INVALID"},
		"3 MB of somebody":          {bearer(secret), "application/json", variables(3 << 20), 200, ""},
		"40 MB of somebody":         {bearer(secret), "application/json", variables(40 << 20), 413, "INVALID"},
		"no JSON":                   {ours, "application/json", `{"query":"` + strings.Repeat("x", 20_000), 400, "INVALID"},
		"two values":                {ours, "application/json", variables(1) + variables(1), 400, "INVALID"},
		"a list":                    {ours, "application/json", `[` + variables(1) + `,` + variables(1) + `]`, 400, "INVALID"},
		"deep JSON":                 {ours, "application/json", `{"query":"{ viewer { operator } }","variables":{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`, 400, "INVALID"},
		"deep JSON of somebody":     {bearer(secret), "application/json", `{"query":"{ viewer { operator } }","variables":{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`, 400, "INVALID"},
		"a form":                    {ours, "application/x-www-form-urlencoded", "query=%7B__typename%7D", 415, "INVALID"},
		"text":                      {ours, "text/plain", variables(1), 415, "INVALID"},
		"doubling fragments":        {ours, "application/json", `{"query":"{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...C ...C } fragment C on Query { ...D ...D } fragment D on Query { ...E ...E } fragment E on Query { ...F ...F } fragment F on Query { ...G ...G } fragment G on Query { ...H ...H } fragment H on Query { ...I ...I } fragment I on Query { __typename }"}`, 422, "INVALID"},
		"a hundred guesses at once": {ours, "application/json", `{"query":"mutation { ` + strings.Repeat(` signIn(input: {email: \"a@b.c\", password: \"x\"}) { factors }`, 9) + ` }"}`, 422, "INVALID"},
		"the schema":                {ours, "application/json", `{"query":"{ __schema { types { name } } }"}`, 422, "UNAUTHENTICATED"},
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
