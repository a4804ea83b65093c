// Package acme is the ACME server (RFC 8555) at /acme/{partition}/{configuration}/: it reads and verifies requests, and writes
// answers and problems. What they mean is decided by domain/acme.
package acme

import (
	"bytes"
	"context"
	"encoding/json/jsontext"
	json "encoding/json/v2"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/rbac"
)

// maxRequest bounds a request; a certificate to be revoked with a post-quantum key has some 50 KiB.
const maxRequest = 256 << 10

// Limiter refuses what exceeds the rate of an address, as long as nobody knows who asks, or that of a partition.
type Limiter interface {
	Anyone(ctx context.Context, signed bool) error
	// Account is asked once the signature of an account is verified; bound says that it has an external account binding.
	Account(ctx context.Context, partitionID string, bound bool) error
}

// Protocol is ACME.
type Protocol struct {
	Engine         *acme.Engine
	Configurations *protocolconfig.Service
	Limits         Limiter
	Log            *slog.Logger
	BaseURL        string
	// CAA are the names by which CAA records allow this CA; none: records are not read.
	CAA []string
	// RequestID of a request, for the audit.
	RequestID func(context.Context) string
}

func (Protocol) Name() string { return "acme" }

// Endpoints: one prefix, so that every path and method under it is answered with a problem.
func (p Protocol) Endpoints() []protocols.Endpoint {
	return []protocols.Endpoint{{Listener: protocols.TLS, Prefix: "/acme/", Handler: http.HandlerFunc(p.serve)}}
}

// request is one that was verified.
type request struct {
	*http.Request
	w       http.ResponseWriter
	c       *protocolconfig.Configuration
	base    string           // URL of the configuration, with a slash at the end
	account *acme.Account    // with kid
	key     *jose.JSONWebKey // that signed
	message *message
	path    []string // behind the resource's name
	now     time.Time
	closed  error // why the configuration accepts no new accounts and orders, nil while it does
}

func (r *request) postAsGet() bool { return len(r.message.payload) == 0 }

// read decodes the payload; unknown members are ignored (RFC 8555 6.1 foresees extensions).
func (r *request) read(into any) error {
	if err := json.Unmarshal(r.message.payload, into); err != nil {
		return malformed("the payload is not the JSON object that is expected here")
	}
	return nil
}

func (r *request) answer(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "application/json")
	r.w.WriteHeader(status)
	_, _ = r.w.Write(body) // the client may have gone
	return nil
}

// signer says by what a request to a resource may be signed.
type signer int

const (
	byAccount signer = iota
	byKey
	byEither
)

// resource is what a path names. Order of handling: the handler sees only requests whose signature, nonce and account are right.
type resource struct {
	signer   signer
	parts    int // of the path behind the name
	readOnly bool
	issuing  bool // refused while the configuration is closed; reading and revoking go on (RFC 8555 7.6)
	serve    func(Protocol, context.Context, *request) error
}

var resources = map[string]resource{
	"new-account": {signer: byKey, serve: Protocol.newAccount},
	"account":     {parts: 1, serve: Protocol.account},
	"orders":      {parts: 1, readOnly: true, serve: Protocol.orders},
	"new-order":   {issuing: true, serve: Protocol.newOrder},
	"order":       {parts: 1, readOnly: true, serve: Protocol.order},
	"finalize":    {parts: 1, issuing: true, serve: Protocol.finalize}, // /order/{id}/finalize
	"authz":       {parts: 1, serve: Protocol.authorization},
	"challenge":   {parts: 2, issuing: true, serve: Protocol.challenge},
	"certificate": {parts: 1, readOnly: true, serve: Protocol.certificate},
	"alternate":   {parts: 2, readOnly: true, serve: Protocol.certificate}, // /certificate/{id}/{n}
	"revoke-cert": {signer: byEither, serve: Protocol.revoke},
	"key-change":  {serve: Protocol.keyChange},
}

func (p Protocol) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Link, Location, Replay-Nonce, Retry-After")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "no-store")
	base := p.BaseURL + "/acme/"
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/acme/"), "/")
	if r.Method == http.MethodOptions { // of a browser, before it posts (RFC 8555 6.1)
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if len(parts) < 3 {
		p.fail(w, r, base, malformed("there is no such resource").With(404))
		return
	}
	base += parts[0] + "/" + parts[1] + "/"
	if err := p.Limits.Anyone(r.Context(), r.Method == http.MethodPost); err != nil {
		p.fail(w, r, base, err)
		return
	}
	if r.Method == http.MethodPost {
		if nonce, err := p.Engine.NewNonce(r.Context()); err == nil {
			h.Set("Replay-Nonce", nonce)
		}
	}
	if parts[2] != "directory" {
		h.Add("Link", "<"+base+`directory>;rel="index"`)
	}
	if err := p.route(w, r, base, parts); err != nil {
		p.fail(w, r, base, err)
	}
}

func (p Protocol) route(w http.ResponseWriter, r *http.Request, base string, parts []string) error {
	ctx := r.Context()
	c, closed, err := p.Configurations.OpenOrClosed(ctx, parts[0], parts[1], acme.TypeID)
	if err != nil {
		return err
	}
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	id := ""
	if p.RequestID != nil {
		id = p.RequestID(ctx)
	}
	ctx = rbac.WithActor(ctx, p.Configurations.Actor(c, ip, id))
	name, rest := parts[2], parts[3:]
	switch {
	case name == "directory" && len(rest) == 0:
		return p.get(w, r, func() error { return p.directory(ctx, w, base, c) })
	case name == "new-nonce" && len(rest) == 0:
		return p.newNonce(ctx, w, r)
	case name == "renewal-info" && len(rest) == 1:
		return p.get(w, r, func() error { return p.renewalInfo(ctx, w, c, rest[0]) })
	case name == "order" && len(rest) == 2 && rest[1] == "finalize":
		name, rest = "finalize", rest[:1]
	case name == "certificate" && len(rest) == 2:
		name = "alternate"
	}
	res, ok := resources[name]
	if !ok || len(rest) != res.parts {
		return malformed("there is no such resource").With(404)
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		return malformed("this resource is asked for by POST-as-GET (RFC 8555 6.3)").With(http.StatusMethodNotAllowed)
	}
	q := &request{Request: r, w: w, c: c, base: base, path: rest, now: p.Engine.Now(), closed: closed}
	if err := p.verify(ctx, q, res.signer); err != nil {
		return err
	}
	if closed != nil && res.issuing && !q.postAsGet() {
		return closed
	}
	if res.readOnly && !q.postAsGet() {
		return malformed("this resource is asked for by POST-as-GET: with an empty payload (RFC 8555 6.3)")
	}
	return res.serve(p, ctx, q)
}

func (p Protocol) get(w http.ResponseWriter, r *http.Request, serve func() error) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return malformed("this resource is asked for by GET").With(http.StatusMethodNotAllowed)
	}
	return serve()
}

// verify reads the JWS of a request and checks its form, URL, key, signature and nonce, in this order: a nonce is used up only
// by a request that was signed.
func (p Protocol) verify(ctx context.Context, q *request, by signer) error {
	if typ, _, err := mime.ParseMediaType(q.Header.Get("Content-Type")); err != nil || typ != "application/jose+json" {
		return malformed("the content type of a request is application/jose+json (RFC 8555 6.2)").With(http.StatusUnsupportedMediaType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(q.w, q.Body, maxRequest))
	if err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			return malformed("a request has at most %d bytes", maxRequest).With(http.StatusRequestEntityTooLarge)
		}
		return malformed("the request ended too early")
	}
	m, err := parse(body, false, algorithms)
	if err != nil {
		return err
	}
	q.message = m
	if want := p.BaseURL + q.URL.EscapedPath(); *m.header.URL != want || q.URL.RawQuery != "" {
		return acme.NewProblem("unauthorized", "the url of the protected header is not that of the request")
	}
	switch {
	case m.key != nil && by == byAccount:
		return malformed("this request is signed by an account: its header has kid, not jwk")
	case m.key == nil && by == byKey:
		return malformed("this request is signed by a new key: its header has jwk, not kid")
	}
	q.key = m.key
	if m.key == nil {
		id, ours := strings.CutPrefix(*m.header.KeyID, q.base+"account/")
		if !ours || id == "" || strings.Contains(id, "/") {
			return acme.NewProblem("accountDoesNotExist", "the kid is not the URL of an account here")
		}
		if q.account, err = p.Engine.Account(ctx, q.c, id); err != nil {
			return err
		}
		if q.account == nil {
			return acme.NewProblem("accountDoesNotExist", "there is no account %s", strconv.Quote(short(errors.New(id))))
		}
		q.key = &jose.JSONWebKey{}
		if err := q.key.UnmarshalJSON([]byte(q.account.JWK)); err != nil {
			return err
		}
		if err := m.fits(q.key); err != nil {
			return err
		}
	}
	if err := m.verify(q.key); err != nil {
		return err
	}
	if err := p.Engine.UseNonce(ctx, *m.header.Nonce); err != nil {
		return err
	}
	if q.account != nil && q.account.Status != acme.Valid {
		return acme.NewProblem("unauthorized", "the account is %s", q.account.Status).With(http.StatusUnauthorized) // RFC 8555 7.3.6
	}
	if q.account != nil {
		return p.Limits.Account(ctx, q.c.PartitionID, q.account.Binding != "")
	}
	return nil
}

func (p Protocol) directory(ctx context.Context, w http.ResponseWriter, base string, c *protocolconfig.Configuration) error {
	profiles, err := p.Engine.Profiles(ctx, c)
	if err != nil {
		return err
	}
	required, err := p.Engine.BindingRequired(ctx, c)
	if err != nil {
		return err
	}
	q := &request{w: w}
	return q.answer(
		http.StatusOK,
		&directoryObject{
			NewNonce: base + "new-nonce", NewAccount: base + "new-account", NewOrder: base + "new-order", RevokeCert: base + "revoke-cert",
			KeyChange: base + "key-change", RenewalInfo: base + "renewal-info", Meta: directoryMeta{
				ExternalAccountRequired: required, CAAIdentities: p.CAA, Profiles: profiles,
			}})
}

func (p Protocol) newNonce(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	return p.get(w, r, func() error {
		nonce, err := p.Engine.NewNonce(ctx)
		if err != nil {
			return err
		}
		w.Header().Set("Replay-Nonce", nonce)
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusOK)
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
		return nil
	})
}

func (p Protocol) newAccount(ctx context.Context, q *request) error {
	var payload struct {
		Contact              []string       `json:"contact"`
		OnlyReturnExisting   bool           `json:"onlyReturnExisting"`
		TermsOfServiceAgreed bool           `json:"termsOfServiceAgreed"`
		Binding              jsontext.Value `json:"externalAccountBinding"`
	}
	if err := q.read(&payload); err != nil {
		return err
	}
	key, err := keyOf(q.key)
	if err != nil {
		return err
	}
	var bound *acme.Binding
	if payload.Binding != nil && string(payload.Binding) != "null" {
		if bound, err = binding(payload.Binding, q.key, q.base+"new-account"); err != nil {
			return err
		}
	}
	if q.closed != nil { // who has an account may still find it, to read and to revoke
		known, err := p.Engine.FindAccount(ctx, q.c, key.Thumbprint)
		if err != nil {
			return err
		}
		if known == nil && !payload.OnlyReturnExisting {
			return q.closed
		}
	}
	a, created, err := p.Engine.NewAccount(ctx, q.c, key, payload.Contact, payload.OnlyReturnExisting, bound)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return q.answerAccount(status, a)
}

func (q *request) answerAccount(status int, a *acme.Account) error {
	q.w.Header().Set("Location", q.base+"account/"+a.ID)
	v := &accountObject{Status: a.Status, Contact: a.Contact, Orders: q.base + "orders/" + a.ID}
	if a.Binding != "" {
		v.Binding = jsontext.Value(a.Binding)
	}
	return q.answer(status, v)
}

// own refuses the account in the path when it is not the one that signed.
func (q *request) own() error {
	if q.path[0] != q.account.ID {
		return acme.NewProblem("unauthorized", "this is another account")
	}
	return nil
}

func (p Protocol) account(ctx context.Context, q *request) error {
	if err := q.own(); err != nil {
		return err
	}
	if q.postAsGet() {
		return q.answerAccount(http.StatusOK, q.account)
	}
	var payload struct {
		Status  *string   `json:"status"`
		Contact *[]string `json:"contact"`
	}
	err := q.read(&payload)
	a := q.account
	// Any other status is ignored (RFC 8555 7.3.2): a client may send its account as it knows it.
	if err == nil && payload.Status != nil && *payload.Status == string(acme.Deactivated) {
		a, err = p.Engine.Deactivate(ctx, q.c, a.ID)
	} else if err == nil && payload.Contact != nil {
		a, err = p.Engine.UpdateContact(ctx, q.c, a.ID, *payload.Contact)
	}
	if err != nil {
		return err
	}
	return q.answerAccount(http.StatusOK, a)
}

// orders lists in pages: /orders/{account}, and /orders/{account}~{last} for the next.
func (p Protocol) orders(ctx context.Context, q *request) error {
	id, before, _ := strings.Cut(q.path[0], "~")
	q.path[0] = id
	if err := q.own(); err != nil {
		return err
	}
	ids, more, err := p.Engine.OrderIDs(ctx, q.account, before)
	if err != nil {
		return err
	}
	list := ordersObject{Orders: []string{}}
	for _, id := range ids {
		list.Orders = append(list.Orders, q.base+"order/"+id)
	}
	if more {
		q.w.Header().Add("Link", "<"+q.base+"orders/"+id+"~"+ids[len(ids)-1]+`>;rel="next"`)
	}
	return q.answer(http.StatusOK, &list)
}

func (p Protocol) newOrder(ctx context.Context, q *request) error {
	var payload struct {
		Identifiers []acme.Identifier `json:"identifiers"`
		NotBefore   *time.Time        `json:"notBefore"`
		NotAfter    *time.Time        `json:"notAfter"`
		Profile     string            `json:"profile"`
		Replaces    string            `json:"replaces"`
	}
	if err := q.read(&payload); err != nil {
		return err
	}
	o, err := p.Engine.NewOrder(
		ctx, q.c, q.account,
		acme.OrderRequest{
			Identifiers: payload.Identifiers, NotBefore: payload.NotBefore, NotAfter: payload.NotAfter, Profile: payload.Profile,
			Replaces: payload.Replaces,
		},
	)
	if err != nil {
		return err
	}
	return q.answerOrder(http.StatusCreated, o)
}

// answerOrder: Location also where the RFC does not ask for it, since clients poll there.
func (q *request) answerOrder(status int, o *acme.Order) error {
	q.w.Header().Set("Location", q.base+"order/"+o.ID)
	switch {
	case o.Waiting != nil:
		retryAfter(q.w.Header(), o.Waiting.RetryAfter(q.now))
	case o.Status == acme.Processing:
		retryAfter(q.w.Header(), time.Second)
	}
	return q.answer(status, orderOf(q.base, o))
}

func (p Protocol) order(ctx context.Context, q *request) error {
	o, err := p.Engine.Order(ctx, q.account, q.path[0])
	if err != nil {
		return err
	}
	return q.answerOrder(http.StatusOK, o)
}

func (p Protocol) finalize(ctx context.Context, q *request) error {
	var payload struct {
		CSR string `json:"csr"`
	}
	if err := q.read(&payload); err != nil {
		return err
	}
	der, err := strict.DecodeString(payload.CSR)
	if err != nil || len(der) == 0 {
		return acme.NewProblem("badCSR", "csr is not base64url without padding of a PKCS #10 request in DER")
	}
	key, err := spki(q.key)
	if err != nil {
		return err
	}
	o, err := p.Engine.Finalize(ctx, q.c, q.account, q.path[0], der, key)
	if err != nil {
		return err
	}
	return q.answerOrder(http.StatusOK, o)
}

func (p Protocol) authorization(ctx context.Context, q *request) error {
	z, err := p.Engine.Authorization(ctx, q.account, q.path[0])
	if err != nil {
		return err
	}
	if !q.postAsGet() {
		var payload struct {
			Status string `json:"status"`
		}
		if err := q.read(&payload); err != nil {
			return err
		}
		if payload.Status != string(acme.Deactivated) {
			return malformed("the status of an authorization can only become deactivated")
		}
		if z, err = p.Engine.DeactivateAuthorization(ctx, q.c, q.account, z.ID); err != nil {
			return err
		}
	}
	if z.Status == acme.Pending {
		retryAfter(q.w.Header(), time.Second)
	}
	return q.answer(http.StatusOK, authorizationOf(q.base, z))
}

func (p Protocol) challenge(ctx context.Context, q *request) error {
	id, typ := q.path[0], q.path[1]
	var z *acme.Authorization
	var found *acme.Challenge
	if q.postAsGet() {
		var err error
		if z, err = p.Engine.Authorization(ctx, q.account, id); err != nil {
			return err
		}
		for _, c := range z.Challenges {
			if c.Type == typ {
				found = c
			}
		}
		if found == nil {
			return malformed("there is no such challenge").With(404)
		}
	} else {
		var payload struct {
			AttObj *string `json:"attObj"`
		}
		if err := q.read(&payload); err != nil {
			return err
		}
		var statement []byte
		if typ == acme.DeviceAttest01 {
			if payload.AttObj == nil {
				return malformed("the answer to device-attest-01 has attObj")
			}
			var err error
			if statement, err = acme.Statement(*payload.AttObj); err != nil {
				return err
			}
		}
		var err error
		if z, found, err = p.Engine.Respond(ctx, q.c, q.account, id, typ, statement); err != nil {
			return err
		}
	}
	q.w.Header().Add("Link", "<"+q.base+"authz/"+z.ID+`>;rel="up"`)
	if found.Status == acme.Processing {
		retryAfter(q.w.Header(), time.Second)
	}
	return q.answer(http.StatusOK, challengeOf(q.base, found))
}

func (p Protocol) certificate(ctx context.Context, q *request) error {
	chains, err := p.Engine.Chains(ctx, q.account, q.path[0])
	if err != nil {
		return err
	}
	n := 0
	if len(q.path) == 2 {
		if n, err = strconv.Atoi(q.path[1]); err != nil || n < 1 || n >= len(chains) {
			return malformed("there is no such chain").With(404)
		}
	}
	h := q.w.Header()
	for i := range chains {
		switch {
		case i == n:
		case i == 0:
			h.Add("Link", "<"+q.base+"certificate/"+q.path[0]+`>;rel="alternate"`)
		default:
			h.Add("Link", "<"+q.base+"certificate/"+q.path[0]+"/"+strconv.Itoa(i)+`>;rel="alternate"`)
		}
	}
	var text bytes.Buffer
	for _, der := range chains[n] {
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return err
		}
	}
	h.Set("Content-Type", "application/pem-certificate-chain")
	_, _ = q.w.Write(text.Bytes()) // the client may have gone
	return nil
}

func (p Protocol) revoke(ctx context.Context, q *request) error {
	var payload struct {
		Certificate string `json:"certificate"`
		Reason      *int   `json:"reason"`
	}
	if err := q.read(&payload); err != nil {
		return err
	}
	der, err := strict.DecodeString(payload.Certificate)
	if err != nil || len(der) == 0 {
		return malformed("certificate is not base64url without padding of a certificate in DER")
	}
	key, err := spki(q.key)
	if err != nil {
		return err
	}
	if err := p.Engine.Revoke(ctx, q.c, der, payload.Reason, q.account, key); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}

func (p Protocol) keyChange(ctx context.Context, q *request) error {
	inner, err := parse(q.message.payload, true, algorithms)
	if err != nil {
		return err
	}
	if inner.key == nil {
		return malformed("the inner JWS of a key change is signed by the new key: its header has jwk")
	}
	if *inner.header.URL != *q.message.header.URL {
		return malformed("the url of the inner JWS is not that of the outer one")
	}
	if err := inner.verify(inner.key); err != nil {
		return err
	}
	var payload struct {
		Account string         `json:"account"`
		OldKey  jsontext.Value `json:"oldKey"`
	}
	if err := json.Unmarshal(inner.payload, &payload); err != nil {
		return malformed("the payload of the inner JWS is not a key change (RFC 8555 7.3.5)")
	}
	if payload.Account != q.base+"account/"+q.account.ID {
		return malformed("the account of the key change is not the one that asks")
	}
	old := &jose.JSONWebKey{}
	if err := old.UnmarshalJSON(payload.OldKey); err != nil {
		return malformed("oldKey is not a key")
	}
	was, err := keyOf(old)
	if err != nil {
		return malformed("oldKey is not a key")
	}
	key, err := keyOf(inner.key)
	if err != nil {
		return err
	}
	a, err := p.Engine.ChangeKey(ctx, q.c, q.account.ID, was.Thumbprint, key)
	if err != nil {
		return err
	}
	return q.answerAccount(http.StatusOK, a)
}

func (p Protocol) renewalInfo(ctx context.Context, w http.ResponseWriter, c *protocolconfig.Configuration, id string) error {
	info, err := p.Engine.RenewalInfo(ctx, c, id)
	if err != nil {
		return err
	}
	var v renewalObject
	v.SuggestedWindow.Start, v.SuggestedWindow.End = instant(info.Begin), instant(info.End)
	if v.SuggestedWindow.End == v.SuggestedWindow.Start { // RFC 9773 4.2: it ends later; both are whole seconds
		v.SuggestedWindow.End = instant(info.End.Add(time.Second))
	}
	v.ExplanationURL = info.ExplanationURL
	retryAfter(w.Header(), info.Poll)
	q := &request{w: w}
	return q.answer(http.StatusOK, &v)
}
