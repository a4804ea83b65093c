// Package acmeclient is a small ACME client (RFC 8555, RFC 9773) for load: what it does beside the requests is no more than
// signing them, and a thousand of it fit into a test. It waits for nothing but what the server tells it to wait for.
package acmeclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Problem is an error of the server.
type Problem struct {
	Type   string `json:"type"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Name(), p.Detail) }

// Name is the type without "urn:ietf:params:acme:error:".
func (p *Problem) Name() string { return strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:") }

// Identifier of an order.
type Identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Order is what the server says of one.
type Order struct {
	URL            string `json:"-"` // Location
	Status         string
	Authorizations []string
	Finalize       string
	Certificate    string
	Error          *Problem
}

type authorization struct {
	Identifier Identifier
	Status     string
	Challenges []struct {
		Type, URL, Token, Status string
		Error                    *Problem
	}
}

// Client is an account. Its nonces may be used by goroutines at the same time.
type Client struct {
	HTTP *http.Client
	Key  *ecdsa.PrivateKey // P-256
	// Present has the http-01 listener answer token with the key authorization.
	Present func(token, keyAuthorization string)
	// URL of the account.
	URL string

	directory struct{ NewNonce, NewAccount, NewOrder, RenewalInfo string }
	jwk       string
	mu        sync.Mutex
	nonces    []string
	// Polls counts the times that it was told to come back later.
	Polls int64
}

var b64 = base64.RawURLEncoding.EncodeToString

// New reads the directory.
func New(ctx context.Context, c *http.Client, directory string) (*Client, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	client := &Client{
		HTTP: c, Key: key, jwk: fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, b64(point[1:33]), b64(point[33:])),
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, directory, nil)
	if err != nil {
		return nil, err
	}
	_, err = client.do(r, &client.directory)
	return client, err
}

// As is the same account for another connection to the server.
func (c *Client) As(h *http.Client) *Client {
	return &Client{HTTP: h, Key: c.Key, Present: c.Present, URL: c.URL, directory: c.directory, jwk: c.jwk}
}

// Thumbprint of the account key (RFC 7638).
func (c *Client) Thumbprint() string {
	sum := sha256.Sum256([]byte(c.jwk))
	return b64(sum[:])
}

// Register makes the account with an external account key; mac is base64url.
func (c *Client) Register(ctx context.Context, kid, mac string) error {
	secret, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil {
		return err
	}
	protected, payload := b64(fmt.Appendf(nil, `{"alg":"HS256","kid":%q,"url":%q}`, kid, c.directory.NewAccount)), b64([]byte(c.jwk))
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(protected + "." + payload))
	h, err := c.post(ctx, c.directory.NewAccount, map[string]any{"termsOfServiceAgreed": true,
		"externalAccountBinding": map[string]string{"protected": protected, "payload": payload, "signature": b64(m.Sum(nil))}}, nil)
	if err == nil {
		c.URL = h.Get("Location")
	}
	return err
}

// Nonce takes one that an answer brought, or asks for one.
func (c *Client) Nonce(ctx context.Context) (string, error) {
	c.mu.Lock()
	if n := len(c.nonces); n > 0 {
		nonce := c.nonces[n-1]
		c.nonces = c.nonces[:n-1]
		c.mu.Unlock()
		return nonce, nil
	}
	c.mu.Unlock()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, c.directory.NewNonce, nil)
	if err != nil {
		return "", err
	}
	h, err := c.do(r, nil)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	c.nonces = c.nonces[:0]
	c.mu.Unlock()
	return h.Get("Replay-Nonce"), nil
}

// post signs and sends; payload nil is POST-as-GET. A nonce that is refused is replaced once.
func (c *Client) post(ctx context.Context, url string, payload, into any) (http.Header, error) {
	for attempt := 0; ; attempt++ {
		nonce, err := c.Nonce(ctx)
		if err != nil {
			return nil, err
		}
		h, err := c.PostWith(ctx, nonce, url, payload, into)
		var p *Problem
		if errors.As(err, &p) && p.Name() == "badNonce" && attempt == 0 {
			continue
		}
		return h, err
	}
}

// PostWith is a signed request with a nonce of the caller's choice.
func (c *Client) PostWith(ctx context.Context, nonce, url string, payload, into any) (http.Header, error) {
	text := []byte{}
	if payload != nil {
		var err error
		if text, err = json.Marshal(payload); err != nil {
			return nil, err
		}
	}
	who := `"kid":` + strconv.Quote(c.URL)
	if c.URL == "" {
		who = `"jwk":` + c.jwk
	}
	protected, body := b64(fmt.Appendf(nil, `{"alg":"ES256",%s,"nonce":%q,"url":%q}`, who, nonce, url)), b64(text)
	sum := sha256.Sum256([]byte(protected + "." + body))
	r, s, err := ecdsa.Sign(rand.Reader, c.Key, sum[:])
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	q, err := http.NewRequestWithContext(
		ctx, http.MethodPost, url,
		strings.NewReader(`{"protected":"`+protected+`","payload":"`+body+`","signature":"`+b64(signature)+`"}`),
	)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/jose+json")
	return c.do(q, into)
}

func (c *Client) do(r *http.Request, into any) (http.Header, error) {
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if nonce := answer.Header.Get("Replay-Nonce"); nonce != "" {
		c.mu.Lock()
		c.nonces = append(c.nonces, nonce)
		c.mu.Unlock()
	}
	if answer.StatusCode >= 400 {
		p := &Problem{}
		if err := json.Unmarshal(body, p); err != nil || p.Type == "" {
			return nil, fmt.Errorf("%s: %.200s", answer.Status, body)
		}
		p.Status = answer.StatusCode
		return answer.Header, p
	}
	switch into := into.(type) {
	case nil:
		return answer.Header, nil
	case *[]byte:
		*into = body
		return answer.Header, nil
	}
	return answer.Header, json.Unmarshal(body, into)
}

// later waits as Retry-After says.
func (c *Client) later(ctx context.Context, h http.Header) error {
	c.Polls++
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 1 {
		seconds = 1
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(seconds) * time.Second):
		return nil
	}
}

// NewOrder asks for a certificate. replaces names one as CertificateID does, "" none.
func (c *Client) NewOrder(ctx context.Context, replaces string, ids ...Identifier) (*Order, error) {
	payload := map[string]any{"identifiers": ids}
	if replaces != "" {
		payload["replaces"] = replaces
	}
	o := &Order{}
	h, err := c.post(ctx, c.directory.NewOrder, payload, o)
	o.URL = h.Get("Location")
	return o, err
}

// Order asks how an order is.
func (c *Client) Order(ctx context.Context, url string) (*Order, error) {
	o := &Order{URL: url}
	_, err := c.post(ctx, url, nil, o)
	return o, err
}

// Complete does what is left to do for an order and returns the certificate, DER: proves by http-01, finalizes, downloads.
func (c *Client) Complete(ctx context.Context, o *Order, csr []byte) ([]byte, error) {
	if o.Status == "pending" {
		for _, url := range o.Authorizations {
			if err := c.prove(ctx, url); err != nil {
				return nil, err
			}
		}
		o.Status = "ready"
	}
	if o.Status == "ready" {
		if _, err := c.post(ctx, o.Finalize, map[string]string{"csr": b64(csr)}, o); err != nil {
			return nil, err
		}
	}
	for o.Status == "processing" {
		h, err := c.post(ctx, o.URL, nil, o)
		if err != nil {
			return nil, err
		}
		if o.Status == "processing" {
			if err := c.later(ctx, h); err != nil {
				return nil, err
			}
		}
	}
	if o.Status != "valid" {
		return nil, fmt.Errorf("the order is %s: %w", o.Status, o.Error)
	}
	var chain []byte
	if _, err := c.post(ctx, o.Certificate, nil, &chain); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(chain)
	if block == nil {
		return nil, fmt.Errorf("no certificate: %.100s", chain)
	}
	return block.Bytes, nil
}

func (c *Client) prove(ctx context.Context, url string) error {
	asked := false
	for {
		var z authorization
		h, err := c.post(ctx, url, nil, &z)
		switch {
		case err != nil:
			return err
		case z.Status == "valid":
			return nil
		case z.Status != "pending":
			for _, one := range z.Challenges {
				if one.Error != nil {
					return one.Error
				}
			}
			return fmt.Errorf("the authorization for %s is %s", z.Identifier.Value, z.Status)
		}
		for _, one := range z.Challenges {
			if one.Type != "http-01" || one.Status != "pending" || asked {
				continue
			}
			c.Present(one.Token, one.Token+"."+c.Thumbprint())
			if h, err = c.post(ctx, one.URL, struct{}{}, &one); err != nil {
				return err
			}
			asked = true
			if one.Status == "valid" {
				return nil // so is its authorization (RFC 8555 7.1.6)
			}
		}
		if err := c.later(ctx, h); err != nil {
			return err
		}
	}
}

// Request is a new P-256 key's request for names (PKCS #10, DER).
func Request(ids ...Identifier) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return RequestFor(key, ids...)
}

// RequestFor is a request with a key that is there already.
func RequestFor(key *ecdsa.PrivateKey, ids ...Identifier) ([]byte, error) {
	template := &x509.CertificateRequest{}
	for _, id := range ids {
		if id.Type == "ip" {
			template.IPAddresses = append(template.IPAddresses, net.ParseIP(id.Value))
		} else {
			template.DNSNames = append(template.DNSNames, id.Value)
		}
	}
	return x509.CreateCertificateRequest(rand.Reader, template, key)
}

// CertificateID names a certificate for RFC 9773 4.1.
func CertificateID(der []byte) (string, error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return "", err
	}
	serial := leaf.SerialNumber.Bytes()
	if serial[0]&0x80 != 0 {
		serial = append([]byte{0}, serial...)
	}
	return b64(leaf.AuthorityKeyId) + "." + b64(serial), nil
}

// Window is when a certificate is to be renewed (RFC 9773 4.2), and Poll when to ask again.
type Window struct {
	Start, End     time.Time
	ExplanationURL string
	Poll           time.Duration
}

// RenewalInfo asks for the window of a certificate.
func (c *Client) RenewalInfo(ctx context.Context, id string) (*Window, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.directory.RenewalInfo+"/"+id, nil)
	if err != nil {
		return nil, err
	}
	var v struct {
		SuggestedWindow struct{ Start, End time.Time }
		ExplanationURL  string
	}
	h, err := c.do(r, &v)
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil {
		return nil, fmt.Errorf("Retry-After: %w", err)
	}
	if !v.SuggestedWindow.End.After(v.SuggestedWindow.Start) {
		return nil, fmt.Errorf("the window ends at %s, and begins at %s", v.SuggestedWindow.End, v.SuggestedWindow.Start)
	}
	return &Window{v.SuggestedWindow.Start, v.SuggestedWindow.End, v.ExplanationURL, time.Duration(seconds) * time.Second}, nil
}

// Responder answers http-01 for many clients, on any Host.
type Responder struct{ tokens sync.Map }

// Present has a token answered.
func (r *Responder) Present(token, keyAuthorization string) { r.tokens.Store(token, keyAuthorization) }

func (r *Responder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	token, ok := strings.CutPrefix(q.URL.Path, "/.well-known/acme-challenge/")
	text, known := r.tokens.Load(token)
	if !ok || !known {
		http.NotFound(w, q)
		return
	}
	_, _ = io.WriteString(w, text.(string)) // who asks may have gone
}
