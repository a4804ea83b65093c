package server

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/protocols/acme/va"
	"github.com/pkiaas/pkiaas/protocols/acme/va/vatest"
)

// rawACME is an ACME client that shares no code with the server and can do everything wrong. Each of its requests uses the nonce
// of the answer before, errors included, so a nonce that is not usable fails whatever comes next.
type rawACME struct {
	t     testing.TB
	e     *acmeEstate
	base  string // of the configuration, with a slash at the end
	http  *http.Client
	key   crypto.Signer
	kid   string
	nonce string
}

type reply struct {
	what    string
	status  int
	header  http.Header
	body    []byte
	Type    string `json:"type"`
	Detail  string `json:"detail"`
	Status  any    `json:"status"`
	Subs    []any  `json:"subproblems"`
	Algs    []any  `json:"algorithms"`
	problem bool
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func jsonOf(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func newP256() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func jwkOf(k crypto.Signer) map[string]any {
	switch k := k.(type) {
	case *ecdsa.PrivateKey:
		point, err := k.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		size := (len(point) - 1) / 2
		return map[string]any{"kty": "EC", "crv": k.Curve.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
	case *rsa.PrivateKey:
		return map[string]any{"kty": "RSA", "n": b64(k.N.Bytes()), "e": "AQAB"}
	}
	panic("no such key")
}

func thumbprint(k crypto.Signer) string {
	sum := sha256.Sum256(jsonOf(jwkOf(k))) // Go sorts the members
	return b64(sum[:])
}

// envelope is a JWS in the making.
type envelope struct {
	url         string
	header      map[string]any
	payload     []byte
	key         crypto.Signer
	contentType string
	members     map[string]any      // beside protected, payload and signature, or in their place
	text        func([]byte) []byte // of the whole
}

type change func(*envelope)

func (e *envelope) sign() []byte {
	protected, payload := b64(jsonOf(e.header)), b64(e.payload)
	digest := sha256.Sum256([]byte(protected + "." + payload))
	var signature []byte
	switch k := e.key.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, k, digest[:])
		if err != nil {
			panic(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case *rsa.PrivateKey:
		var err error
		if signature, err = rsa.SignPKCS1v15(nil, k, crypto.SHA256, digest[:]); err != nil {
			panic(err)
		}
	}
	whole := map[string]any{"protected": protected, "payload": payload, "signature": b64(signature)}
	for name, value := range e.members {
		if value == nil {
			delete(whole, name)
		} else {
			whole[name] = value
		}
	}
	text := jsonOf(whole)
	if e.text != nil {
		text = e.text(text)
	}
	return text
}

func (c *rawACME) fetchNonce() string {
	r, err := c.http.Head(c.base + "new-nonce")
	if err != nil {
		c.t.Fatal(err)
	}
	r.Body.Close()
	return r.Header.Get("Replay-Nonce")
}

// envelope of a request that is right.
func (c *rawACME) envelope(url string, payload any) *envelope {
	if !strings.HasPrefix(url, "https:") {
		url = c.base + url
	}
	if c.nonce == "" {
		c.nonce = c.fetchNonce()
	}
	e := &envelope{url: url, key: c.key, contentType: "application/jose+json", members: map[string]any{}}
	e.header = map[string]any{"alg": "ES256", "nonce": c.nonce, "url": url}
	if c.kid != "" {
		e.header["kid"] = c.kid
	} else {
		e.header["jwk"] = jwkOf(c.key)
	}
	switch p := payload.(type) {
	case nil:
	case string:
		e.payload = []byte(p)
	default:
		e.payload = jsonOf(p)
	}
	return e
}

func (c *rawACME) post(url string, payload any, changes ...change) *reply {
	c.t.Helper()
	e := c.envelope(url, payload)
	for _, f := range changes {
		f(e)
	}
	r := c.send("POST", e.url, e.contentType, e.sign())
	if r.header.Get("Replay-Nonce") == "" {
		c.t.Errorf("POST %s: no Replay-Nonce", e.url)
	}
	c.nonce = r.header.Get("Replay-Nonce")
	return r
}

func (c *rawACME) send(method, url, contentType string, body []byte) *reply {
	c.t.Helper()
	q, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if contentType != "" {
		q.Header.Set("Content-Type", contentType)
	}
	answer, err := c.http.Do(q)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	r := &reply{what: method + " " + strings.TrimPrefix(url, c.base), status: answer.StatusCode, header: answer.Header}
	if r.body, err = io.ReadAll(answer.Body); err != nil {
		c.t.Fatal(err)
	}
	r.problem = answer.Header.Get("Content-Type") == "application/problem+json"
	if strings.HasSuffix(answer.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(r.body, r); err != nil {
			c.t.Errorf("%s: %v: %s", r.what, err, r.body)
		}
	}
	if !strings.HasSuffix(url, "/directory") && !slices.Contains(answer.Header.Values("Link"), "<"+c.base+`directory>;rel="index"`) {
		c.t.Errorf("%s: no link to the directory: %v", r.what, answer.Header.Values("Link"))
	}
	if r.status >= 400 && (!r.problem || r.Detail == "" || fmt.Sprint(r.Status) != strconv.Itoa(r.status)) {
		c.t.Errorf("%s: %d without a whole problem: %s %s", r.what, r.status, answer.Header.Get("Content-Type"), r.body)
	}
	return r
}

// want refuses anything but the problem of the type.
func (c *rawACME) want(what string, r *reply, status int, typ string) *reply {
	c.t.Helper()
	if r.status != status || r.Type != urn+typ {
		c.t.Errorf("%s: %d %s %s, not %d %s", what, r.status, r.Type, r.Detail, status, typ)
	}
	return r
}

func (c *rawACME) ok(r *reply, status int) *reply {
	c.t.Helper()
	if r.status != status {
		c.t.Fatalf("%s: %d %s", r.what, r.status, r.body)
	}
	return r
}

func (r *reply) object() map[string]any {
	var v map[string]any
	_ = json.Unmarshal(r.body, &v) // nil says it
	return v
}

func (r *reply) location() string { return r.header.Get("Location") }

// eab binds the account key; alg HS256.
func (c *rawACME) eab(kid string, secret []byte, changes ...change) map[string]any {
	e := &envelope{header: map[string]any{"alg": "HS256", "kid": kid, "url": c.base + "new-account"}, payload: jsonOf(jwkOf(c.key))}
	for _, f := range changes {
		f(e)
	}
	protected, payload := b64(jsonOf(e.header)), b64(e.payload)
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(protected + "." + payload))
	return map[string]any{"protected": protected, "payload": payload, "signature": b64(m.Sum(nil))}
}

func (e *acmeEstate) rawKey(t testing.TB, k acme.NewKey) (string, []byte) {
	t.Helper()
	made, secret, err := e.acmeAdmin.CreateKey(e.ctx, e.c.ID, k)
	if err != nil {
		t.Fatal(err)
	}
	mac, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID, mac
}

// stranger is a client without an account.
func (e *acmeEstate) stranger(t testing.TB) *rawACME {
	return &rawACME{t: t, e: e, base: strings.TrimSuffix(acme.DirectoryURL(e.cfg.BaseURL, e.c), "directory"), key: newP256(),
		// what is tested is behind TLS
		http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}
}

// raw is a client with an account.
func (e *acmeEstate) raw(t testing.TB, k acme.NewKey) *rawACME {
	t.Helper()
	c := e.stranger(t)
	kid, secret := e.rawKey(t, k)
	c.kid = c.ok(c.post("new-account", map[string]any{"externalAccountBinding": c.eab(kid, secret)}), 201).location()
	return c
}

func identifiers(names ...string) map[string]any {
	list := []any{}
	for _, n := range names {
		typ := "dns"
		if net.ParseIP(n) != nil {
			typ = "ip"
		}
		list = append(list, map[string]any{"type": typ, "value": n})
	}
	return map[string]any{"identifiers": list}
}

// order makes one, and returns its URL and object.
func (c *rawACME) order(names ...string) (string, map[string]any) {
	c.t.Helper()
	r := c.ok(c.post("new-order", identifiers(names...)), 201)
	return r.location(), r.object()
}

// issue orders and finalizes for preauthorized names: URL and DER of the certificate, and its key.
func (c *rawACME) issue(names ...string) (string, []byte, *ecdsa.PrivateKey) {
	c.t.Helper()
	_, o := c.order(names...)
	der, key := newCSR(c.t, "", names...)
	url := c.ok(c.post(o["finalize"].(string), map[string]any{"csr": b64(der)}), 200).object()["certificate"].(string)
	block, _ := pem.Decode(c.ok(c.post(url, nil), 200).body)
	return url, block.Bytes, key
}

// challenge of an authorization: URL and token.
func (c *rawACME) challenge(o map[string]any, n int, typ string) (authz, url, token string) {
	c.t.Helper()
	authz = o["authorizations"].([]any)[n].(string)
	for _, one := range c.ok(c.post(authz, nil), 200).object()["challenges"].([]any) {
		if v := one.(map[string]any); v["type"] == typ {
			return authz, v["url"].(string), v["token"].(string)
		}
	}
	c.t.Fatalf("no %s", typ)
	return
}

// settled polls until the status is none of those that pass.
func (c *rawACME) settled(url string) map[string]any {
	c.t.Helper()
	var v map[string]any
	eventually(c.t, url, func() error {
		v = c.ok(c.post(url, nil), 200).object()
		if s := v["status"]; s == "pending" || s == "processing" {
			return fmt.Errorf("it is %s", s)
		}
		return nil
	})
	return v
}

func header(name string, value any) change {
	return func(e *envelope) {
		if value == nil {
			delete(e.header, name)
		} else {
			e.header[name] = value
		}
	}
}

func member(name string, value any) change { return func(e *envelope) { e.members[name] = value } }

var allNames = acme.NewKey{FriendlyName: "all", Allowed: []string{"*.example.com", "10.0.0.0/8"}, Preauthorized: true}

func TestACMERequests(t *testing.T) {
	e := newACME(t, "")
	c := e.raw(t, allNames)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	account := c.kid

	// RFC 8555 6.5: nonces.
	used := c.nonce
	c.ok(c.post(account, nil), 200)
	c.want("a nonce used before", c.post(account, nil, header("nonce", used)), 400, "badNonce")
	c.want(
		"a nonce of somebody else", c.post(account, nil, header("nonce", b64([]byte("0123456789abcdef0123456789abcdef0123")))), 400,
		"badNonce",
	)
	c.want("a nonce that is no base64url", c.post(account, nil, header("nonce", "a+/=")), 400, "badNonce")
	c.want("without a nonce", c.post(account, nil, header("nonce", nil)), 400, "badNonce")
	c.ok(c.post(account, nil), 200)
	for method, status := range map[string]int{"HEAD": 200, "GET": 204} {
		if r := c.send(method, c.base+"new-nonce", "", nil); r.status != status || r.header.Get("Replay-Nonce") == "" ||
			r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s new-nonce: %d %v", method, r.status, r.header)
		}
	}
	// Of 16 requests with one nonce one wins.
	body := c.envelope(account, nil).sign()
	results := make([]*reply, 16)
	var wg sync.WaitGroup
	for n := range results {
		wg.Go(func() { results[n] = c.send("POST", account, "application/jose+json", body) })
	}
	wg.Wait()
	won := 0
	for _, r := range results {
		if r.status == 200 {
			won++
		} else {
			c.want("one of 16", r, 400, "badNonce")
		}
	}
	if won != 1 {
		t.Errorf("%d of 16 requests with one nonce won", won)
	}
	c.nonce = ""

	// RFC 8555 6.2: the form of requests.
	outOfCurve := jwkOf(newP256())
	outOfCurve["y"] = outOfCurve["x"]
	private := jwkOf(newP256())
	private["d"] = private["x"]
	for what, one := range map[string]struct {
		status  int
		typ     string
		changes []change
	}{
		"alg none":               {400, "badSignatureAlgorithm", []change{header("alg", "none"), member("signature", "")}},
		"alg HS256":              {400, "badSignatureAlgorithm", []change{header("alg", "HS256")}},
		"alg PS256":              {400, "badSignatureAlgorithm", []change{header("alg", "PS256")}},
		"without alg":            {400, "badSignatureAlgorithm", []change{header("alg", nil)}},
		"alg of another key":     {400, "badSignatureAlgorithm", []change{header("alg", "RS256")}},
		"alg of another curve":   {400, "badSignatureAlgorithm", []change{header("alg", "ES384")}},
		"both kid and jwk":       {400, "malformed", []change{header("jwk", jwkOf(c.key))}},
		"neither kid nor jwk":    {400, "malformed", []change{header("kid", nil)}},
		"jwk in place of kid":    {400, "malformed", []change{header("kid", nil), header("jwk", jwkOf(c.key))}},
		"crit":                   {400, "malformed", []change{header("crit", []string{"exp"}), header("exp", 1)}},
		"b64":                    {400, "malformed", []change{header("b64", false), header("crit", []string{"b64"})}},
		"b64 true":               {400, "malformed", []change{header("b64", true)}},
		"unprotected header":     {400, "malformed", []change{member("header", map[string]any{"kid": account})}},
		"signatures":             {400, "malformed", []change{member("signatures", []any{})}},
		"without signature":      {400, "malformed", []change{member("signature", nil)}},
		"without payload":        {400, "malformed", []change{member("payload", nil)}},
		"without protected":      {400, "malformed", []change{member("protected", nil)}},
		"payload is no text":     {400, "malformed", []change{member("payload", map[string]any{})}},
		"signature of zeros":     {400, "malformed", []change{member("signature", b64(make([]byte, 64)))}},
		"signature in DER":       {400, "malformed", []change{member("signature", b64([]byte{0x30, 6, 2, 1, 1, 2, 1, 1}))}},
		"signed by another key":  {400, "malformed", []change{func(v *envelope) { v.key = newP256() }}},
		"other payload":          {400, "malformed", []change{member("payload", b64([]byte(`{"contact":[]}`)))}},
		"url of elsewhere":       {403, "unauthorized", []change{header("url", c.base+"new-order")}},
		"url of another host":    {403, "unauthorized", []change{header("url", strings.Replace(account, "https://", "https://x", 1))}},
		"without url":            {400, "malformed", []change{header("url", nil)}},
		"query":                  {403, "unauthorized", []change{func(v *envelope) { v.url += "?a=b" }}},
		"kid that is no account": {400, "accountDoesNotExist", []change{header("kid", c.base+"account/none")}},
		"kid that is no URL":     {400, "accountDoesNotExist", []change{header("kid", "1")}},
		"kid of another place": {
			400, "accountDoesNotExist", []change{header("kid", strings.Replace(account, "/acme-test/", "/other/", 1))},
		},
		"kid is a number":      {400, "malformed", []change{header("kid", 1)}},
		"content type of JSON": {415, "malformed", []change{func(v *envelope) { v.contentType = "application/json" }}},
		"no content type":      {415, "malformed", []change{func(v *envelope) { v.contentType = "" }}},
		"padded":               {400, "malformed", []change{padded("protected")}},
		"padded payload":       {400, "malformed", []change{padded("payload")}},
		"padded signature":     {400, "malformed", []change{padded("signature")}},
		"trailing data":        {400, "malformed", []change{whole(func(b []byte) []byte { return append(b, "{}"...) })}},
		"member twice": {
			400, "malformed", []change{whole(func(b []byte) []byte { return append([]byte(`{"payload":"",`), b[1:]...) })},
		},
		"header member twice": {
			400, "malformed", []change{member("protected", b64([]byte(`{"alg":"none","alg":"ES256","nonce":"","url":"","kid":""}`)))},
		},
		"header is an array":    {400, "malformed", []change{member("protected", b64([]byte(`[]`)))}},
		"header is no JSON":     {400, "malformed", []change{member("protected", b64([]byte(`{`)))}},
		"an array":              {400, "malformed", []change{whole(func(b []byte) []byte { return []byte("[" + string(b) + "]") })}},
		"compact serialization": {400, "malformed", []change{whole(func([]byte) []byte { return []byte("e30.e30.e30") })}},
		"nothing":               {400, "malformed", []change{whole(func([]byte) []byte { return nil })}},
		"oversized":             {413, "malformed", []change{member("more", strings.Repeat("x", 300<<10))}},
		"deep": {
			400, "malformed", []change{whole(func([]byte) []byte { return []byte(strings.Repeat(`{"a":`, 50_000)) })},
		},
	} {
		r := c.want(what, c.post(account, nil, one.changes...), one.status, one.typ)
		if one.typ == "badSignatureAlgorithm" && (len(r.Algs) == 0 || !slices.Contains(r.Algs, any("ES256"))) {
			t.Errorf("%s: algorithms %v", what, r.Algs)
		}
	}
	c.ok(c.post(account, nil), 200)

	// Keys of accounts.
	s := e.stranger(t)
	for what, one := range map[string]struct {
		typ     string
		changes []change
	}{
		"a weak RSA key": {
			"badPublicKey", []change{header("jwk", jwkOf(weak)), header("alg", "RS256"), func(v *envelope) { v.key = weak }},
		},
		"a point off curve":   {"badPublicKey", []change{header("jwk", outOfCurve)}},
		"a private key":       {"badPublicKey", []change{header("jwk", private)}},
		"a symmetric key":     {"badPublicKey", []change{header("jwk", map[string]any{"kty": "oct", "k": "AAAA"})}},
		"an unknown key":      {"badPublicKey", []change{header("jwk", map[string]any{"kty": "xyz"})}},
		"RS256 with ECDSA":    {"badSignatureAlgorithm", []change{header("alg", "RS256")}},
		"a kid":               {"malformed", []change{header("jwk", nil), header("kid", account)}},
		"a key not of signer": {"malformed", []change{header("jwk", jwkOf(newP256()))}},
		"an empty payload":    {"malformed", []change{func(v *envelope) { v.payload = nil }}},
		"an array":            {"malformed", []change{func(v *envelope) { v.payload = []byte("[]") }}},
		"wrong types":         {"malformed", []change{func(v *envelope) { v.payload = []byte(`{"contact":"mailto:a@example.com"}`) }}},
	} {
		s.want("newAccount with "+what, s.post("new-account", map[string]any{}, one.changes...), 400, one.typ)
	}

	// Accounts and their binding (RFC 8555 7.3).
	s.want("no binding", s.post("new-account", map[string]any{}), 403, "externalAccountRequired")
	s.want("binding is null", s.post("new-account", map[string]any{"externalAccountBinding": nil}), 403, "externalAccountRequired")
	s.want("only existing", s.post("new-account", map[string]any{"onlyReturnExisting": true}), 400, "accountDoesNotExist")
	kid, secret := e.rawKey(t, acme.NewKey{FriendlyName: "binding", MaxAccounts: 1})
	bind := func(b any) *reply { return s.post("new-account", map[string]any{"externalAccountBinding": b}) }
	wrong := s.want("wrong MAC", bind(s.eab(kid, make([]byte, 32))), 403, "unauthorized")
	unknown := s.want("unknown kid", bind(s.eab("AAAAAAAAAAAAAAAAAAAAAAAAAA", secret)), 403, "unauthorized")
	if wrong.Detail != unknown.Detail {
		t.Errorf("unknown kid and wrong MAC are told apart: %q %q", wrong.Detail, unknown.Detail)
	}
	s.want("binding for another URL", bind(s.eab(kid, secret, header("url", s.base+"new-order"))), 400, "malformed")
	s.want("binding of another key", bind(s.eab(kid, secret, func(v *envelope) { v.payload = jsonOf(jwkOf(newP256())) })), 400, "malformed")
	s.want("binding with a nonce", bind(s.eab(kid, secret, header("nonce", "x"))), 400, "malformed")
	s.want("binding signed by alg none", bind(s.eab(kid, secret, header("alg", "none"))), 400, "malformed")
	s.want("binding signed by the account", bind(s.eab(kid, secret, header("alg", "ES256"))), 400, "malformed")
	s.want("binding without kid", bind(s.eab(kid, secret, header("kid", nil))), 400, "malformed")
	s.want("binding is a text", bind("x"), 400, "malformed")
	contact := func(list ...string) *reply {
		return s.post("new-account", map[string]any{"contact": list, "externalAccountBinding": s.eab(kid, secret)})
	}
	s.want("telephone", contact("tel:+123"), 400, "unsupportedContact")
	s.want("header fields", contact("mailto:a@example.com?subject=x"), 400, "invalidContact")
	s.want("two addresses", contact("mailto:a@example.com,b@example.com"), 400, "invalidContact")
	s.want("no address", contact("mailto:a"), 400, "invalidContact")
	made := s.ok(contact("mailto:a@example.com"), 201)
	if made.object()["externalAccountBinding"] == nil || made.object()["orders"] == nil {
		t.Errorf("%s", made.body)
	}
	again := s.ok(s.post("new-account", map[string]any{"onlyReturnExisting": true}), 200)
	if again.location() != made.location() {
		t.Errorf("the same key has another account: %s", again.location())
	}
	other := e.stranger(t)
	other.want(
		"a key that has made its accounts", other.post("new-account", map[string]any{"externalAccountBinding": other.eab(kid, secret)}),
		403, "unauthorized",
	)
	s.kid = made.location()
	s.want("update of contacts", s.post(s.kid, map[string]any{"contact": []string{"tel:1"}}), 400, "unsupportedContact")
	// RFC 8555 7.3.2: what a client may not change is ignored.
	if v := s.ok(
		s.post(s.kid, map[string]any{"status": "valid", "orders": "x", "contact": []string{"mailto:b@example.com"}}), 200,
	).object(); fmt.Sprint(v["contact"]) != "[mailto:b@example.com]" || v["status"] != "valid" {
		t.Errorf("%v", v)
	}

	// What belongs to others (RFC 8555 10.4).
	orderURL, o := c.order("a.example.com")
	certificate, der, certificateKey := c.issue("b.example.com")
	authz, challengeURL := o["authorizations"].([]any)[0].(string), ""
	challengeURL = strings.Replace(authz, "/authz/", "/challenge/", 1) + "/http-01"
	csr, _ := newCSR(t, "", "a.example.com")
	s.want("account of another", s.post(account, nil), 403, "unauthorized")
	s.want("deactivating another", s.post(account, map[string]any{"status": "deactivated"}), 403, "unauthorized")
	s.want("orders of another", s.post(strings.Replace(account, "/account/", "/orders/", 1), nil), 403, "unauthorized")
	s.want("order of another", s.post(orderURL, nil), 403, "unauthorized")
	s.want("finalize of another", s.post(o["finalize"].(string), map[string]any{"csr": b64(csr)}), 403, "unauthorized")
	s.want("authorization of another", s.post(authz, nil), 403, "unauthorized")
	s.want("deactivating the authorization of another", s.post(authz, map[string]any{"status": "deactivated"}), 403, "unauthorized")
	s.want("challenge of another", s.post(challengeURL, map[string]any{}), 403, "unauthorized")
	s.want("certificate of another", s.post(certificate, nil), 404, "malformed")
	s.want("revoking for another", s.post("revoke-cert", map[string]any{"certificate": b64(der)}), 403, "unauthorized")
	s.want("kid of another", s.post(account, nil, header("kid", account)), 400, "malformed") // signed with the own key
	if v := c.ok(c.post(orderURL, nil), 200).object(); v["status"] != "ready" {
		t.Errorf("what others tried changed the order: %v", v)
	}

	// Another configuration.
	second, err := e.configurations.Create(
		e.ctx,
		protocolconfig.Request{
			PartitionID: e.m.Partition.ID, Identifier: "second", Type: acme.TypeID,
			Offerings: protocolconfig.One(e.c.Offerings[0].CAID, e.c.Offerings[0].ProfileID),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	there := &acmeEstate{e.App, e.m, e.ctx, second}
	o2 := there.stranger(t)
	o2.key, o2.kid = c.key, account
	o2.want("account of another configuration", o2.post("new-order", identifiers("a.example.com")), 400, "accountDoesNotExist")
	o2.kid = strings.Replace(account, "/acme-test/", "/second/", 1)
	o2.want(
		"account of another configuration by its own URL", o2.post("new-order", identifiers("a.example.com")), 400, "accountDoesNotExist",
	)
	o2.want("nor its order", o2.post(strings.Replace(orderURL, "/acme-test/", "/second/", 1), nil), 400, "accountDoesNotExist")
	o2.kid = ""
	o2.want(
		"EAB key of another configuration", o2.post("new-account", map[string]any{"externalAccountBinding": o2.eab(kid, secret)}), 403,
		"unauthorized",
	)
	here := there.raw(t, acme.NewKey{FriendlyName: "second"})
	here.want("order of another configuration", here.post(strings.Replace(orderURL, "/acme-test/", "/second/", 1), nil), 404, "malformed")

	// Paths and methods.
	for _, path := range []string{"directory", "new-account", "account/x", "order/x", "nothing"} {
		method, status := "GET", 405
		if path == "directory" {
			method = "PUT"
		}
		if path == "nothing" {
			status = 404
		}
		r := c.want(method+" "+path, c.send(method, c.base+path, "", nil), status, "malformed")
		if status == 405 && r.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", method, path)
		}
	}
	for _, path := range []string{
		"nothing", "order/none", "authz/none", "challenge/none/http-01", "challenge/x", "certificate/none", "order/x/y/z", "renewal-info",
		"renewal-info/x/y",
	} {
		c.want("POST "+path, c.post(path, nil), 404, "malformed")
	}
	c.want("a payload where none may be", c.post(orderURL, map[string]any{}), 400, "malformed")
	c.want("a payload for a certificate", c.post(certificate, map[string]any{}), 400, "malformed")
	c.want("a payload for a list", c.post(strings.Replace(account, "/account/", "/orders/", 1), map[string]any{}), 400, "malformed")
	if list := c.ok(c.post(strings.Replace(account, "/account/", "/orders/", 1), nil), 200).object()["orders"].([]any); len(list) != 2 {
		t.Errorf("orders %v", list)
	}

	// Orders (RFC 8555 7.4).
	for value, typ := range map[string]string{
		"a_b.example.com": "rejectedIdentifier", "a.*.example.com": "malformed", "*.*.example.com": "malformed", "*": "malformed",
		"w*.example.com": "malformed", "a.example.com.": "malformed",
		"": "malformed", "a b.example.com": "malformed", "a.example.com:80": "malformed", "https://a.example.com": "malformed",
		"a..example.com": "malformed", "-a.example.com": "malformed", "10.1.2.3": "malformed", "2001:db8::1": "malformed",
		"a.example.org": "rejectedIdentifier", strings.Repeat("a", 64) +
			".example.com": "malformed", "a.example.com\n": "malformed", "a@example.com": "malformed", "example.com/": "malformed"} {
		status := 400
		if typ == "rejectedIdentifier" {
			status = 403
		}
		r := c.want(
			strconv.Quote(value), c.post("new-order", map[string]any{"identifiers": []any{map[string]any{"type": "dns", "value": value}}}),
			status, typ,
		)
		if !strings.Contains(string(r.body), `"identifier":`) {
			t.Errorf("%q: the problem does not say which identifier: %s", value, r.body)
		}
	}
	c.want(
		"type", c.post("new-order", map[string]any{"identifiers": []any{map[string]any{"type": "email", "value": "a@example.com"}}}), 400,
		"unsupportedIdentifier",
	)
	c.want(
		"address", c.post("new-order", map[string]any{"identifiers": []any{map[string]any{"type": "ip", "value": "10.1.2"}}}), 400,
		"malformed",
	)
	c.want(
		"zone", c.post("new-order", map[string]any{"identifiers": []any{map[string]any{"type": "ip", "value": "fe80::1%eth0"}}}), 400,
		"malformed",
	)
	c.want("none", c.post("new-order", map[string]any{"identifiers": []any{}}), 400, "malformed")
	c.want("too many", c.post("new-order", identifiers(slices.Repeat([]string{"a.example.com"}, 101)...)), 400, "malformed")
	for typ, names := range map[string][]string{"compound": {"a_b.example.com", "a..b"}, "malformed": {"a..b", "b..c"}} {
		if r := c.want(
			"two refused", c.post("new-order", identifiers(names...)), 400, typ,
		); len(r.Subs) != 2 || strings.Count(string(r.body), `"status"`) != 1 {
			t.Errorf("%s", r.body)
		}
	}
	with := func(name string, value any) map[string]any {
		v := identifiers("a.example.com")
		v[name] = value
		return v
	}
	c.want("profile", c.post("new-order", with("profile", "no-such")), 400, "invalidProfile")
	c.want("notBefore", c.post("new-order", with("notBefore", e.now().Format(time.RFC3339))), 400, "malformed")
	c.want("notAfter has passed", c.post("new-order", with("notAfter", e.now().Add(-time.Hour).Format(time.RFC3339))), 400, "malformed")
	c.want("notAfter is no time", c.post("new-order", with("notAfter", "tomorrow")), 400, "malformed")
	c.want("notAfter of 50 years", c.post("new-order", with("notAfter", e.now().AddDate(50, 0, 0).Format(time.RFC3339))), 400, "malformed")
	end := e.now().AddDate(0, 0, 3).UTC().Truncate(time.Second)
	bounded := c.ok(c.post("new-order", with("notAfter", end.Format(time.RFC3339))), 201).object()
	block, _ := pem.Decode(
		c.ok(
			c.post(c.ok(c.post(bounded["finalize"].(string), map[string]any{"csr": b64(csr)}), 200).object()["certificate"].(string), nil),
			200,
		).body,
	)
	if leaf, err := x509.ParseCertificate(block.Bytes); err != nil || !leaf.NotAfter.Equal(end) {
		t.Errorf("notAfter %v, not %s, %v", leaf.NotAfter, end, err)
	}

	// Finalization.
	finalize := o["finalize"].(string)
	sign := func(key crypto.Signer, names ...string) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	forged := slices.Clone(csr)
	forged[len(forged)-1] ^= 1
	for what, der := range map[string][]byte{
		"no CSR": nil, "no DER": []byte("x"), "a certificate": der, "other names": sign(newP256(), "c.example.com"), "more names": sign(
			newP256(), "a.example.com", "c.example.com",
		), "no names": sign(newP256()),
		"the account key": sign(c.key, "a.example.com"), "a weak key": sign(weak, "a.example.com"), "a bad signature": forged,
		"an address more": func() []byte {
			d, _ := newCSR(t, "", "a.example.com", "10.1.1.1")
			return d
		}(),
		"another common name": func() []byte {
			d, _ := newCSR(t, "c.example.com", "a.example.com")
			return d
		}(), "something behind": append(slices.Clone(csr), 0),
	} {
		c.want("finalize with "+what, c.post(finalize, map[string]any{"csr": b64(der)}), 400, "badCSR")
	}
	c.want(
		"padded CSR", c.post(finalize, map[string]any{"csr": base64.URLEncoding.EncodeToString(append(slices.Clone(csr), 0))}), 400,
		"badCSR",
	)
	c.want("without csr", c.post(finalize, map[string]any{}), 400, "badCSR")
	if v := c.ok(c.post(orderURL, nil), 200).object(); v["status"] != "ready" {
		t.Errorf("after refused requests the order is %v", v["status"])
	}
	done := c.ok(c.post(finalize, map[string]any{"csr": b64(csr)}), 200)
	if repeated := c.ok(
		c.post(finalize, map[string]any{"csr": b64(csr)}), 200,
	); done.location() != orderURL || repeated.object()["certificate"] != done.object()["certificate"] {
		t.Errorf("%s %s", done.location(), repeated.body)
	}
	c.want("finalized already", c.post(finalize, map[string]any{"csr": b64(sign(newP256(), "a.example.com"))}), 403, "orderNotReady")
	_, rsaOrder := c.order("rsa.example.com")
	c.ok(c.post(rsaOrder["finalize"].(string), map[string]any{"csr": b64(sign(rsaKey, "rsa.example.com"))}), 200)

	// Revocation (RFC 8555 7.6).
	revoke := func(der []byte, reason any) map[string]any {
		v := map[string]any{"certificate": b64(der)}
		if reason != nil {
			v["reason"] = reason
		}
		return v
	}
	for _, reason := range []int{2, 6, 7, 8, 10, 11, -1, 1000} {
		c.want(fmt.Sprint("reason ", reason), c.post("revoke-cert", revoke(der, reason)), 400, "badRevocationReason")
	}
	c.want("reason is a text", c.post("revoke-cert", revoke(der, "superseded")), 400, "malformed")
	c.want("no certificate", c.post("revoke-cert", map[string]any{}), 400, "malformed")
	c.want("no DER", c.post("revoke-cert", revoke([]byte("x"), nil)), 400, "malformed")
	foreignKey := newP256()
	foreign, err := x509.CreateCertificate(
		rand.Reader, &x509.Certificate{SerialNumber: mustParse(t, der).SerialNumber, NotAfter: time.Now().Add(time.Hour)},
		&x509.Certificate{}, &foreignKey.PublicKey, foreignKey,
	)
	if err != nil {
		t.Fatal(err)
	}
	c.want("a certificate of elsewhere", c.post("revoke-cert", revoke(foreign, nil)), 403, "unauthorized")
	byKey := e.stranger(t)
	byKey.key = foreignKey
	byKey.want("a certificate of elsewhere by its key", byKey.post("revoke-cert", revoke(foreign, nil)), 403, "unauthorized")
	byKey.want("by a key of another certificate", byKey.post("revoke-cert", revoke(der, nil)), 403, "unauthorized")
	byKey.key = certificateKey
	byKey.ok(byKey.post("revoke-cert", revoke(der, 1)), 200)
	byKey.want("twice", byKey.post("revoke-cert", revoke(der, 1)), 400, "alreadyRevoked")
	c.want("twice by the account", c.post("revoke-cert", revoke(der, nil)), 400, "alreadyRevoked")
	// An account that has proved the names (7.6).
	_, der, _ = c.issue("d.example.com", "e.example.com")
	holder := e.raw(t, acme.NewKey{FriendlyName: "holder", Allowed: []string{"*.example.com"}, Preauthorized: true})
	holder.order("d.example.com")
	holder.want("by an account that has proved one of two names", holder.post("revoke-cert", revoke(der, nil)), 403, "unauthorized")
	holder.order("e.example.com")
	holder.ok(holder.post("revoke-cert", revoke(der, nil)), 200)

	// Renewal (RFC 9773).
	_, der, _ = c.issue("f.example.com")
	leaf := mustParse(t, der)
	ari := ariOf(leaf)
	if r := c.ok(c.send("GET", c.base+"renewal-info/"+ari, "", nil), 200); r.header.Get("Retry-After") == "" {
		t.Errorf("%v", r.header)
	}
	c.want("ARI of nothing", c.send("GET", c.base+"renewal-info/x", "", nil), 400, "malformed")
	c.want(
		"ARI of an unknown certificate", c.send("GET", c.base+"renewal-info/"+b64(leaf.AuthorityKeyId)+".AQID", "", nil), 404, "malformed",
	)
	replaces := func(c *rawACME, id, name string) *reply {
		v := identifiers(name)
		v["replaces"] = id
		return c.post("new-order", v)
	}
	c.want("replaces nothing", replaces(c, "x", "f.example.com"), 400, "malformed")
	c.want("replaces what has other names", replaces(c, ari, "g.example.com"), 400, "malformed")
	holder.want("replaces another account's", replaces(holder, ari, "f.example.com"), 403, "unauthorized")
	if v := c.ok(replaces(c, ari, "f.example.com"), 201).object(); v["replaces"] != ari {
		t.Errorf("replaces %v", v["replaces"])
	}
	c.want("replaces twice", replaces(c, ari, "f.example.com"), 409, "alreadyReplaced")
	// An order that came to nothing replaces nothing (RFC 9773 5).
	_, der, _ = c.issue("i.example.com")
	leaf = mustParse(t, der)
	ari = ariOf(leaf)
	failed := c.ok(replaces(c, ari, "i.example.com"), 201).object()
	c.ok(c.post(failed["authorizations"].([]any)[0].(string), map[string]any{"status": "deactivated"}), 200)
	c.ok(replaces(c, ari, "i.example.com"), 201)

	// Another key (RFC 8555 7.3.5).
	next := newP256()
	inner := func(signer crypto.Signer, account string, old crypto.Signer, changes ...change) any {
		v := &envelope{
			key: signer, header: map[string]any{"alg": "ES256", "jwk": jwkOf(signer), "url": c.base + "key-change"},
			payload: jsonOf(map[string]any{"account": account, "oldKey": jwkOf(old)}), members: map[string]any{},
		}
		for _, f := range changes {
			f(v)
		}
		return string(v.sign())
	}
	rollover := func(v any) *reply { return c.post("key-change", v) }
	c.want("inner of another account", rollover(inner(next, holder.kid, c.key)), 400, "malformed")
	c.want("another old key", rollover(inner(next, c.kid, newP256())), 400, "malformed")
	c.want("inner with a nonce", rollover(inner(next, c.kid, c.key, header("nonce", "x"))), 400, "malformed")
	c.want("inner with another url", rollover(inner(next, c.kid, c.key, header("url", c.base+"new-order"))), 400, "malformed")
	c.want("inner with kid", rollover(inner(next, c.kid, c.key, header("jwk", nil), header("kid", c.kid))), 400, "malformed")
	c.want(
		"inner not signed by the new key", rollover(inner(next, c.kid, c.key, func(v *envelope) { v.key = newP256() })), 400, "malformed",
	)
	c.want("inner with a weak key", rollover(inner(weak, c.kid, c.key, header("alg", "RS256"))), 400, "badPublicKey")
	c.want("no inner JWS", rollover(map[string]any{}), 400, "malformed")
	if r := c.want("the key of another account", rollover(inner(holder.key, c.kid, c.key)), 409, "malformed"); r.location() != holder.kid {
		t.Errorf("Location %q", r.location())
	}
	c.ok(rollover(inner(next, c.kid, c.key)), 200)
	c.want("signed with the old key", c.post(account, nil), 400, "malformed")
	c.key = next
	c.ok(c.post(account, nil), 200)

	// The end of an authorization ends its order (7.1.6), the end of an account everything (7.3.6).
	endURL, ending := c.order("h.example.com")
	zURL := ending["authorizations"].([]any)[0].(string)
	c.want("an authorization made valid", c.post(zURL, map[string]any{"status": "valid"}), 400, "malformed")
	if v := c.ok(c.post(zURL, map[string]any{"status": "deactivated"}), 200).object(); v["status"] != "deactivated" {
		t.Errorf("%v", v)
	}
	c.want("deactivated twice", c.post(zURL, map[string]any{"status": "deactivated"}), 400, "malformed")
	if v := c.ok(c.post(endURL, nil), 200).object(); v["status"] != "invalid" {
		t.Errorf("%v", v)
	}
	c.want(
		"finalizing what has ended", c.post(ending["finalize"].(string), map[string]any{"csr": b64(sign(newP256(), "h.example.com"))}),
		403, "orderNotReady",
	)
	if v := c.ok(c.post(account, map[string]any{"status": "deactivated"}), 200).object(); v["status"] != "deactivated" {
		t.Errorf("%v", v)
	}
	c.want("by a deactivated account", c.post(account, nil), 401, "unauthorized")
	c.want("orders of a deactivated account", c.post("new-order", identifiers("a.example.com")), 401, "unauthorized")
	c.kid = ""
	c.want("newAccount with the key of a deactivated account", c.post("new-account", map[string]any{}), 401, "unauthorized")

	// Out of order, of the server's doing: the table is away.
	if err := e.store.DB(e.ctx).Exec("ALTER TABLE acme_orders RENAME TO acme_orders_away").Error; err != nil {
		t.Fatal(err)
	}
	r := holder.want("without its table", holder.post("new-order", identifiers("a.example.com")), 500, "serverInternal")
	if strings.Contains(string(r.body), "acme_orders") {
		t.Errorf("the answer tells of the inside: %s", r.body)
	}
	if err := e.store.DB(e.ctx).Exec("ALTER TABLE acme_orders_away RENAME TO acme_orders").Error; err != nil {
		t.Fatal(err)
	}
	holder.order("z.example.com")
}

// ariOf names a certificate (RFC 9773 4.1): the serial number as in DER, with 00 before a first octet of 80 and more.
func ariOf(c *x509.Certificate) string {
	serial := c.SerialNumber.Bytes()
	if serial[0] >= 0x80 {
		serial = append([]byte{0}, serial...)
	}
	return b64(c.AuthorityKeyId) + "." + b64(serial)
}

func mustParse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func whole(f func([]byte) []byte) change { return func(e *envelope) { e.text = f } }

// padded has a part of the JWS in base64url with padding, of a length that has some.
func padded(part string) change {
	return whole(func(b []byte) []byte {
		var v map[string]string
		_ = json.Unmarshal(b, &v) // we wrote it
		raw, _ := base64.RawURLEncoding.DecodeString(v[part])
		if len(raw)%3 == 0 {
			raw = append(raw, ' ')
		}
		v[part] = base64.URLEncoding.EncodeToString(raw)
		return jsonOf(v)
	})
}

func TestACMETime(t *testing.T) {
	e := newACME(t, `{"ordersPerHour": 5, "orderHours": 2, "authorizationHours": 3}`)
	pass := func(d time.Duration) { ahead.Add(int64(d)) }
	soon := e.now().Add(30 * time.Minute)
	c := e.raw(t, allNames)
	ending := e.raw(t, acme.NewKey{FriendlyName: "ending", ExpiresAt: &soon})
	csr, _ := newCSR(t, "", "a.example.com")
	url, o := c.order("a.example.com")
	openURL, open := ending.order("b.example.com")
	for range 4 {
		c.order("a.example.com")
	}
	r := c.want("the sixth order of the hour", c.post("new-order", identifiers("a.example.com")), 429, "rateLimited")
	if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	old := c.nonce
	pass(time.Hour)
	c.ok(c.post(url, nil), 200) // clients keep nonces for long
	ending.want("an order by a key that has expired", ending.post("new-order", identifiers("b.example.com")), 403, "unauthorized")
	pass(70 * time.Minute)
	c.want("a nonce of yesterday", c.post(url, nil, header("nonce", old)), 400, "badNonce")
	if v := c.ok(c.post(url, nil), 200).object(); v["status"] != "invalid" || v["error"] == nil {
		t.Errorf("an order whose time is over: %v", v)
	}
	c.want("finalizing an expired order", c.post(o["finalize"].(string), map[string]any{"csr": b64(csr)}), 403, "orderNotReady")
	if v := ending.ok(ending.post(openURL, nil), 200).object(); v["status"] != "invalid" {
		t.Errorf("%v", v)
	}
	authz, challengeURL, _ := ending.challenge(open, 0, "http-01")
	if v := ending.ok(ending.post(authz, nil), 200).object(); v["status"] != "expired" {
		t.Errorf("an authorization whose time is over: %v", v)
	}
	ending.want("the challenge of an expired authorization", ending.post(challengeURL, map[string]any{}), 400, "malformed")
	// An order ends with its first authorization.
	third, v := c.order("a.example.com")
	if v["status"] != "ready" {
		t.Fatalf("%v", v)
	}
	shown := c.ok(c.post(third, nil), 200).object()["expires"].(string)
	authorized := c.ok(c.post(v["authorizations"].([]any)[0].(string), nil), 200).object()["expires"].(string)
	if shown > authorized {
		t.Errorf("the order lasts until %s, its authorization until %s", shown, authorized)
	}
	pass(115 * time.Minute)
	if v := c.ok(c.post(third, nil), 200).object(); (v["status"] == "invalid") != (e.now().Format(time.RFC3339) >= authorized) {
		t.Errorf("%s after %s: %v", e.now(), authorized, v)
	}
	// The partition's own limit.
	if err := e.store.DB(e.ctx).Exec("UPDATE subscriptions SET tier = 'STANDARD' WHERE id = ?", e.m.Subscription.ID).Error; err != nil {
		t.Fatal(err)
	}
	pass(time.Minute)
	for n := 0; ; n++ {
		r := c.post(third, nil)
		if r.status == 200 && n < 1000 {
			continue
		}
		c.want("more requests than the partition may send", r, 429, "rateLimited")
		if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 10 {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
		break
	}
}

// prover answers the challenges of a test, at ports and with a DNS server that the server looks at.
type prover struct {
	dns     *vatest.DNS
	alpn    net.Listener // at the port of tls-alpn-01; nobody accepts
	mu      sync.Mutex
	content map[string]string // of http-01, by token
	busy    int               // requests that are turned away
}

func (p *prover) serve(token, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.content[token] = body
}

func (p *prover) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy > 0 {
		p.busy--
		http.Error(w, "not yet", http.StatusServiceUnavailable)
		return
	}
	body, ok := p.content[strings.TrimPrefix(r.URL.Path, "/.well-known/acme-challenge/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, body)
}

// prover has the server look at what the test answers; a validation has one attempt.
func (e *acmeEstate) prover(t testing.TB) *prover {
	t.Helper()
	p := &prover{dns: vatest.NewDNS(t), content: map[string]string{}}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if p.alpn, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	served := &http.Server{Handler: p}
	go func() { _ = served.Serve(web) }()
	t.Cleanup(func() {
		_ = served.Close()
		_ = p.alpn.Close()
	})
	port := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	authority, err := va.New(
		va.Config{
			HTTPPort: port(web), TLSPort: port(p.alpn), Resolvers: []string{p.dns.Address}, Allow: []string{"127.0.0.0/8"},
			CAA: []string{"pki.example"}, Timeout: 2 * time.Second,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	e.acme.Validator, e.acme.Attempts = validation{authority}, []time.Duration{}
	return p
}

func TestACMEValidation(t *testing.T) {
	e := newACME(t, `{"failuresPerHour": 14}`)
	web := e.prover(t)
	dns, alpn, serve := web.dns, web.alpn, web.serve
	c := e.raw(t, acme.NewKey{FriendlyName: "open"})
	authorization := func(token string) string { return token + "." + thumbprint(c.key) }

	// What goes wrong ends the challenge, the authorization and the order, each with the problem.
	fail := func(what, name, typ, problem string, prepare func(token string)) {
		t.Helper()
		orderURL, o := c.order(name)
		authz, url, token := c.challenge(o, 0, typ)
		prepare(token)
		begun := c.ok(c.post(url, map[string]any{}), 200)
		if up := "<" + authz + `>;rel="up"`; !slices.Contains(begun.header.Values("Link"), up) {
			t.Errorf("%s: no link %s", what, up)
		}
		z := c.settled(authz)
		challenges := z["challenges"].([]any)
		if z["status"] != "invalid" || len(challenges) != 1 {
			t.Errorf("%s: %v", what, z)
			return
		}
		found, _ := challenges[0].(map[string]any)["error"].(map[string]any)
		if challenges[0].(map[string]any)["status"] != "invalid" || found["type"] != urn+problem || found["detail"] == "" {
			t.Errorf("%s: %v, not %s", what, found, problem)
		}
		v := c.ok(c.post(orderURL, nil), 200).object()
		if of, _ := v["error"].(map[string]any); v["status"] != "invalid" || of["type"] != urn+problem {
			t.Errorf("%s: order %v", what, v)
		}
		c.want(what+": finalized", c.post(o["finalize"].(string), map[string]any{"csr": "AAAA"}), 403, "orderNotReady")
		c.want(what+": tried again", c.post(authz, map[string]any{"status": "deactivated"}), 400, "malformed")
	}
	at := func(name string, lines ...string) func(string) { return func(string) { dns.Set(t, name, lines...) } }
	fail("no such name", "none.example.com", "http-01", "dns", at("none.example.com"))
	fail(
		"an address that is not connected to", "inside.example.com", "http-01", "connection",
		at("inside.example.com", "A 169.254.169.254"),
	)
	fail("nothing at the path", "empty.example.com", "http-01", "incorrectResponse", at("empty.example.com", "A 127.0.0.1"))
	fail("another content", "wrong.example.com", "http-01", "unauthorized", func(token string) {
		dns.Set(t, "wrong.example.com", "A 127.0.0.1")
		serve(token, token+".AAAA")
	})
	fail("forbidden by CAA", "caa.example.com", "http-01", "caa", func(token string) {
		dns.Set(t, "caa.example.com", "A 127.0.0.1", `CAA 0 issue "other.example"`)
		serve(token, authorization(token))
	})
	fail("no TXT record", "txt.example.com", "dns-01", "dns", at("txt.example.com", "A 127.0.0.1"))
	fail("another TXT record", "txt2.example.com", "dns-01", "unauthorized", at("_acme-challenge.txt2.example.com", `TXT "x"`))
	fail("a wildcard without its record", "*.wild.example.com", "dns-01", "dns", at("wild.example.com", "A 127.0.0.1"))
	go func() { // a port that speaks no TLS
		for {
			conn, err := alpn.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 smtp\r\n")
			_ = conn.Close()
		}
	}()
	fail("no TLS", "tls.example.com", "tls-alpn-01", "tls", at("tls.example.com", "A 127.0.0.1"))
	fail("of an address", "127.0.0.1", "http-01", "incorrectResponse", func(string) {})

	// Before it is proved nothing is issued, and afterwards it is.
	prove := func(name string, typ string, set func(token string)) {
		t.Helper()
		orderURL, o := c.order(name)
		host := strings.TrimPrefix(name, "*.")
		csr, _ := newCSR(t, "", name)
		c.want("before it is proved", c.post(o["finalize"].(string), map[string]any{"csr": b64(csr)}), 403, "orderNotReady")
		authz, url, token := c.challenge(o, 0, typ)
		c.ok(c.post(url, nil), 200) // looked at, not answered
		if v := c.ok(c.post(authz, nil), 200).object(); v["status"] != "pending" || v["identifier"].(map[string]any)["value"] != host ||
			v["wildcard"] != nil != (host != name) {
			t.Errorf("%v", v)
		}
		set(token)
		c.ok(c.post(url, map[string]any{}), 200)
		if v := c.settled(authz); v["status"] != "valid" {
			t.Fatalf("%s: %v", name, v)
		}
		if v := c.ok(c.post(url, map[string]any{}), 200).object(); v["status"] != "valid" { // answered twice
			t.Errorf("%v", v)
		}
		if v := c.ok(c.post(orderURL, nil), 200).object(); v["status"] != "ready" {
			t.Errorf("%v", v)
		}
		c.ok(c.post(o["finalize"].(string), map[string]any{"csr": b64(csr)}), 200)
	}
	prove("ok.example.com", "http-01", func(token string) {
		dns.Set(t, "ok.example.com", "A 127.0.0.1")
		serve(token, authorization(token)+"\n")
	})
	prove("*.star.example.com", "dns-01", func(token string) {
		sum := sha256.Sum256([]byte(authorization(token)))
		dns.Set(t, "_acme-challenge.star.example.com", `TXT "of another client"`, fmt.Sprintf("TXT %q", b64(sum[:])))
	})
	// What was proved is good for the next order.
	if _, o := c.order("ok.example.com"); o["status"] != "ready" {
		t.Errorf("%v", o["status"])
	}

	// A second attempt mends what went wrong at the first; the client sees what did.
	e.acme.Attempts = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
	asked := len(dns.Asked())
	prove("retry.example.com", "http-01", func(token string) {
		dns.Set(t, "retry.example.com", "A 127.0.0.1")
		web.mu.Lock()
		defer web.mu.Unlock()
		web.content[token], web.busy = authorization(token), 2
	})
	if n := len(dns.Asked()) - asked; n < 3 {
		t.Errorf("%d questions for three attempts", n)
	}
	e.acme.Attempts = []time.Duration{}
	for range 4 {
		fail("again", "none.example.com", "http-01", "dns", at("none.example.com"))
	}
	r := c.want("after 14 failures", c.post("new-order", identifiers("x.example.com")), 429, "rateLimited")
	if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
}
