package server

import (
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/ocsp"
)

// clientAt is a client with an address of its own.
func clientAt(address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	// what is tested is behind TLS
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

// send is one request; its body is read.
func send(t *testing.T, c *http.Client, method, address string, body io.Reader, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, text
}

// question is an OCSP request about certificates of a CA; padding is an extension that means nothing.
func question(t *testing.T, c *ca.CertificationAuthority, padding, nonce []byte, serials ...string) []byte {
	t.Helper()
	bits, err := keyBitsOf(c.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	b := cryptobyte.NewBuilder(nil)
	extension := func(b *cryptobyte.Builder, oid []byte, value []byte) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
			b.AddASN1OctetString(value)
		})
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, serial := range serials {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(certID(c.SubjectDER, bits, serial)) })
				}
			})
			if padding != nil || nonce != nil {
				b.AddASN1(cbasn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						if padding != nil {
							extension(b, []byte{0x2b, 6, 1, 4, 1, 0x83, 0xdd, 0x53, 1}, padding)
						}
						if nonce != nil {
							extension(b, []byte{0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2}, append([]byte{4, byte(len(nonce))}, nonce...))
						}
					})
				})
			}
		})
	})
	return b.BytesOrPanic()
}

// TestStrangersUseUpNothingOfATenant: what nobody signed in for is counted against the address that sent it.
func TestStrangersUseUpNothingOfATenant(t *testing.T) {
	a, m := inProcessOn(t, "", func(c *Config) { c.AddressRate = 2 })
	begin := time.Now()
	a.visitors.now = func() time.Time { return begin } // nothing comes back by itself
	if err := a.store.DB(t.Context()).Exec("UPDATE subscriptions SET tier = 'STANDARD' WHERE id = ?", m.Subscription.ID).Error; err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(time.Minute)) // the tier is known for two seconds
	t.Cleanup(func() { ahead.Store(0) })
	stranger, honest := clientAt("127.0.0.2"), clientAt("127.0.0.1")
	at := "/" + m.Partition.ID + "/issuing-1"
	directory := a.cfg.BaseURL + "/acme/" + m.Partition.ID + "/" + m.ACME[0].ConfigID + "/directory"
	refused := 0
	for range 400 {
		r, text := send(t, stranger, "GET", directory, nil)
		if r.StatusCode == 429 {
			refused++
			if !strings.Contains(string(text), "rateLimited") || r.Header.Get("Retry-After") == "" {
				t.Fatalf("%v %s", r.Header, text)
			}
		}
		if r, text := send(
			t, stranger, "POST", a.cfg.PublicURL+"/ocsp"+at, strings.NewReader("garbage"),
		); r.StatusCode != 200 || text[4] != ocsp.MalformedRequest {
			t.Fatalf("garbage: %d %x", r.StatusCode, text)
		}
	}
	if refused == 0 {
		t.Error("one address asked for 400 ACME directories at once")
	}
	for range 60 {
		r, text := send(
			t, stranger, "POST", a.cfg.BaseURL+"/graphql", strings.NewReader(`{"query": "{ serviceInfo { version } }"}`), "Content-Type",
			"application/json",
		)
		if refused = r.StatusCode; refused == 429 && !strings.Contains(string(text), "TOO_MANY_REQUESTS") {
			t.Fatalf("%s", text)
		}
	}
	if refused != 429 {
		t.Errorf("the sixtieth anonymous request: %d", refused)
	}
	cookied := clientAt("127.0.0.4")
	for range 60 {
		r, _ := send(t, cookied, "POST", a.cfg.BaseURL+"/graphql", strings.NewReader(`{"query": "{ serviceInfo { version } }"}`),
			"Content-Type", "application/json", "Cookie", sessionCookie+"=made-up", "X-Requested-With", "test")
		refused = r.StatusCode
	}
	if refused != 429 {
		t.Errorf("the sixtieth request with a made-up cookie: %d", refused)
	}
	// The tenant has what its tier says, also at the address of the stranger, and relying parties have everything.
	query := `{"query": "{ partition(id: \"` + m.Partition.ID + `\") { id } }"}`
	for name, c := range map[string]*http.Client{"elsewhere": honest, "at the stranger's address": stranger} {
		for range 40 {
			r, text := send(
				t, c, "POST", a.cfg.BaseURL+"/graphql", strings.NewReader(query), "Content-Type", "application/json", "Authorization",
				"Bearer "+m.GraphQL.Token,
			)
			if r.StatusCode != 200 || !strings.Contains(string(text), m.Partition.ID) {
				t.Fatalf("the tenant's token %s: %d %s", name, r.StatusCode, text)
			}
		}
		for _, path := range []string{"/crl" + at + "/crl.crl", "/ca" + at + "/ca.cer"} {
			if r, text := send(t, c, "GET", a.cfg.PublicURL+path, nil); r.StatusCode != 200 {
				t.Errorf("%s %s: %d %s", path, name, r.StatusCode, text)
			}
		}
	}
	if r, text := send(t, honest, "GET", directory, nil); r.StatusCode != 200 {
		t.Errorf("the directory for another address: %d %s", r.StatusCode, text)
	}
	// The partition's own limit holds for its own: 100 in ten seconds.
	ahead.Store(int64(2 * time.Minute))
	for n := 0; ; n++ {
		r, text := send(
			t, honest, "POST", a.cfg.BaseURL+"/graphql", strings.NewReader(query), "Content-Type", "application/json", "Authorization",
			"Bearer "+m.GraphQL.Token,
		)
		if r.StatusCode == 200 && n < 1000 {
			continue
		}
		if r.StatusCode != 429 || n < 100 || !strings.Contains(string(text), "More than 100 requests") {
			t.Errorf("request %d: %d %s", n, r.StatusCode, text)
		}
		break
	}
	// Wrong credentials are counted by address too.
	guesser := clientAt("127.0.0.3")
	for n := range 300 {
		r, _ := send(
			t, guesser, "POST", a.cfg.BaseURL+"/graphql", strings.NewReader(query), "Content-Type", "application/json", "Authorization",
			"Bearer pka_wrong",
		)
		if refused = r.StatusCode; refused == 429 {
			break
		}
		if refused != 401 {
			t.Fatalf("wrong token %d: %d", n, refused)
		}
	}
	if refused != 429 {
		t.Error("300 wrong tokens from one address were looked at")
	}
}

// TestVisitors: an IPv6 network counts as one, memory is bounded, and what is given back is there again.
func TestVisitors(t *testing.T) {
	v := newVisitors(1)
	begin := time.Now()
	v.now = func() time.Time { return begin }
	if v.at(netip.MustParseAddr("2001:db8::1")) != v.at(netip.MustParseAddr("2001:db8::ffff:2")) {
		t.Error("two addresses of a /64 count as two")
	}
	if v.at(
		netip.MustParseAddr("2001:db8:0:1::1"),
	) == v.at(netip.MustParseAddr("2001:db8::1")) || v.at(netip.MustParseAddr("192.0.2.1")) == v.at(netip.MustParseAddr("192.0.2.2")) {
		t.Error("two networks count as one")
	}
	one := v.at(netip.MustParseAddr("192.0.2.1"))
	for range 1000 {
		if err := v.take(one.anonymous); err != nil {
			t.Fatal("what was given back is missing")
		}
		v.giveBack(one.anonymous)
	}
	taken := 0
	for v.take(one.anonymous) == nil {
		taken++
	}
	if taken != 10 {
		t.Errorf("%d at once, ten are meant", taken)
	}
	for n := range 3 * keptVisitors {
		v.at(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
	}
	v.known.CleanUp()
	if n := v.known.EstimatedSize(); n > keptVisitors {
		t.Errorf("%d addresses are remembered", n)
	}
	off := newVisitors(0)
	for range 1000 {
		if off.take(off.at(netip.MustParseAddr("192.0.2.1")).anonymous) != nil {
			t.Fatal("a limit that is turned off")
		}
	}
}

// TestConnectionsOfANetwork: whoever has an IPv6 network does not have as many connections as addresses.
func TestConnectionsOfANetwork(t *testing.T) {
	inner := &scriptedListener{}
	for n := range connectionsPerAddress + 20 {
		inner.peers = append(
			inner.peers, netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(n >> 8), 15: byte(n)}), 1),
		)
	}
	d := &doorman{Listener: inner, visitors: newVisitors(1000), open: map[netip.Addr]int{}}
	var open []net.Conn
	for {
		c, err := d.Accept()
		if err != nil {
			break
		}
		open = append(open, c)
	}
	if len(open) != connectionsPerAddress {
		t.Errorf("%d connections of one network, %d are meant", len(open), connectionsPerAddress)
	}
	for _, c := range open {
		_ = c.Close() // it is a pipe
	}
	if d.all != 0 || len(d.open) != 0 {
		t.Errorf("%d connections are counted after all have ended", d.all)
	}
}

// scriptedListener accepts one connection of each peer.
type scriptedListener struct {
	net.Listener
	peers []netip.AddrPort
}

type peerConn struct {
	net.Conn
	peer netip.AddrPort
}

func (c peerConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

func (l *scriptedListener) Accept() (net.Conn, error) {
	if len(l.peers) == 0 {
		return nil, net.ErrClosed
	}
	peer := l.peers[0]
	l.peers = l.peers[1:]
	ours, _ := net.Pipe()
	return peerConn{ours, peer}, nil
}

// TestConnectionsOfAnAddress: one address has so many at a time; another gets in all the same.
func TestConnectionsOfAnAddress(t *testing.T) {
	a, _ := inProcessOn(t, "", func(c *Config) { c.AddressRate = 1000 })
	address := strings.TrimPrefix(a.cfg.PublicURL, "http://")
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	var open []net.Conn
	for range connectionsPerAddress + 20 {
		c, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	closed := 0
	for _, c := range open[connectionsPerAddress:] {
		if _, err := c.Read(make([]byte, 1)); err != nil { // the server closes it
			closed++
		}
	}
	if closed != 20 {
		t.Errorf("%d of the 20 connections too many were closed", closed)
	}
	if r, _ := send(t, clientAt("127.0.0.1"), "GET", a.cfg.PublicURL+"/nothing", nil); r.StatusCode != 404 {
		t.Errorf("another address: %d", r.StatusCode)
	}
	for _, c := range open {
		_ = c.Close() // they have served
	}
	eventually(t, "connections that ended make room", func() error {
		c, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			return err
		}
		text, err := io.ReadAll(c)
		if err == nil && len(text) == 0 {
			err = errors.New("closed")
		}
		return err
	})
}

// TestOCSPAnswersAreKeptByWhatIsAsked: requests that differ in what means nothing are one question with one answer.
func TestOCSPAnswersAreKeptByWhatIsAsked(t *testing.T) {
	b := newStatusBench(t)
	c := b.issue("padded.example.com")
	ask := func(request []byte) *http.Response {
		t.Helper()
		r, text := send(
			t, http.DefaultClient, "GET",
			b.cas.URLs.PublicURL+"/ocsp/"+b.ca.PartitionID+"/"+b.ca.Identifier+"/"+url.PathEscape(
				base64.StdEncoding.EncodeToString(request),
			),
			nil,
		)
		if r.StatusCode != 200 || len(text) < 100 {
			t.Fatalf("%d %x", r.StatusCode, text)
		}
		return r
	}
	etag := ask(question(t, b.ca, nil, nil, c.SerialNumber)).Header.Get("ETag")
	if etag == "" {
		t.Fatal("no ETag")
	}
	for n := range 300 {
		padding := bytes.Repeat([]byte{byte(n), byte(n >> 8)}, 1+n)
		if got := ask(question(t, b.ca, padding, nil, c.SerialNumber)).Header.Get("ETag"); got != etag {
			t.Fatalf("padded request %d: ETag %s, %s without padding", n, got, etag)
		}
	}
	// A nonce makes it another question.
	if got := ask(question(t, b.ca, nil, []byte("12345678"), c.SerialNumber)).Header.Get("ETag"); got != "" {
		t.Errorf("with a nonce: ETag %s", got)
	}
	// What cannot be kept by what it asks is refused: other parameters of a hash, a serial number that is not DER.
	plain := question(t, b.ca, nil, nil, c.SerialNumber)
	for what, request := range map[string][]byte{
		"parameters": bytes.Replace(plain, []byte{0x2b, 0x0e, 3, 2, 0x1a, 5, 0}, []byte{0x2b, 0x0e, 3, 2, 0x1a, 4, 0}, 1),
		"too large":  question(t, b.ca, make([]byte, ocsp.MaxRequest-100), nil, c.SerialNumber),
	} {
		if got := b.status.OCSP(b.ctx, b.ca.PartitionID, b.ca.Identifier, request); got.DER[4] != ocsp.MalformedRequest {
			t.Errorf("%s: %x", what, got.DER)
		}
	}
	if got := b.status.OCSP(b.ctx, "sub0000000000", "none", plain); got.DER[4] != ocsp.Unauthorized {
		t.Errorf("a CA that is not there: %x", got.DER)
	}
	// A revocation reaches every form of the question, also of several certificates at once.
	other := b.issue("other.example.com")
	several := question(t, b.ca, nil, nil, other.SerialNumber, c.SerialNumber)
	before := ask(several).Header.Get("ETag")
	if ask(several).Header.Get("ETag") != before {
		t.Error("the answer about several was not kept")
	}
	if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.KeyCompromise, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all answers tell of the revocation", func() error {
		if ask(several).Header.Get("ETag") == before || ask(plain).Header.Get("ETag") == etag {
			return errors.New("not yet")
		}
		return nil
	})
}

// TestTrustedProxies: an address is taken from a header only when a trusted proxy sent it, and only what one wrote.
func TestTrustedProxies(t *testing.T) {
	p, err := parseProxies([]string{"10.0.0.0/8", "2001:db8:1::/48", "192.0.2.9"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ peer, header, want string }{
		{"203.0.113.1", "198.51.100.7", "203.0.113.1"},                      // a stranger who says something
		{"10.1.1.1", "", "10.1.1.1"},                                        // the proxy itself: its health check
		{"10.1.1.1", "198.51.100.7", "198.51.100.7"},                        //
		{"10.1.1.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"},               // the first was written by the client
		{"10.1.1.1", "1.1.1.1, 198.51.100.7, 10.2.2.2", "198.51.100.7"},     // two proxies
		{"10.1.1.1", "198.51.100.7:4711", "198.51.100.7"},                   // with a port
		{"10.1.1.1", "[2001:db8:2::7]:4711", "2001:db8:2::7"},               //
		{"10.1.1.1", "::ffff:198.51.100.7", "198.51.100.7"},                 // one address, two ways to write it
		{"10.1.1.1", "garbage", "10.1.1.1"},                                 //
		{"10.1.1.1", "198.51.100.7, garbage", "10.1.1.1"},                   // what is left of it is not believed
		{"10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"},                      // clients within
		{"2001:db8:1::5", "198.51.100.7", "198.51.100.7"},                   //
		{"192.0.2.9", "198.51.100.7", "198.51.100.7"},                       //
		{"192.0.2.8", "198.51.100.7", "192.0.2.8"},                          //
		{"10.1.1.1", "198.51.100.7,", "10.1.1.1"},                           //
		{"10.1.1.1", strings.Repeat("1.1.1.1,", 50) + "2.2.2.2", "2.2.2.2"}, //
	} {
		h := http.Header{}
		if c.header != "" {
			h.Set("X-Forwarded-For", c.header)
		}
		if got := p.client(netip.MustParseAddr(c.peer), h).String(); got != c.want {
			t.Errorf("%s says %q: %s, should be %s", c.peer, c.header, got, c.want)
		}
	}
	two := http.Header{"X-Forwarded-For": {"1.1.1.1", "198.51.100.7"}}
	if got := p.client(netip.MustParseAddr("10.1.1.1"), two).String(); got != "198.51.100.7" {
		t.Errorf("two headers: %s", got)
	}
	if _, err := parseProxies([]string{"10.0.0.0/99"}); err == nil {
		t.Error("a range that is none was taken")
	}
}

// signInAddress is the address that the audit log has of the last sign-in that was refused.
func signInAddress(t *testing.T, a *App) string {
	t.Helper()
	var found []string
	if err := a.store.DB(t.Context()).Raw(
		"SELECT ip_address FROM audit_events WHERE action = 'user.sign-in' ORDER BY sequence DESC LIMIT 1",
	).Scan(&found).Error; err != nil || len(found) == 0 {
		t.Fatalf("%v %v", found, err)
	}
	return found[0]
}

const wrongPassword = `{"query": "mutation { signIn(input: {email: \"nobody@example.com\", password: \"wrong\"}) { factors } }"}`

// TestAddressBehindALoadBalancer: the audit log has the client's address, by header and by the PROXY protocol.
func TestAddressBehindALoadBalancer(t *testing.T) {
	a, _ := inProcessOn(t, "", func(c *Config) {
		c.TrustedProxies, c.ProxyProtocol = []string{"127.0.0.2/32"}, []string{"mtls"}
	})
	sign := func(from, forwarded string) string {
		t.Helper()
		send(
			t, clientAt(from), "POST", a.cfg.BaseURL+"/graphql", strings.NewReader(wrongPassword), "Content-Type", "application/json",
			"X-Forwarded-For", forwarded,
		)
		return signInAddress(t, a)
	}
	if got := sign("127.0.0.2", "6.6.6.6, 203.0.113.50"); got != "203.0.113.50" {
		t.Errorf("through the proxy: %s", got)
	}
	if got := sign("127.0.0.3", "203.0.113.50"); got != "127.0.0.3" {
		t.Errorf("past the proxy: %s", got)
	}
	// The listener that asks for a client certificate, by PROXY protocol version 1 and 2.
	v2 := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"), 203, 0, 113, 52, 127, 0, 0, 1, 0x12, 0x34, 0x24, 0xe3)
	for _, c := range []struct{ from, header, want string }{
		{"127.0.0.2", "PROXY TCP4 203.0.113.51 127.0.0.1 4711 9443\r\n", "203.0.113.51"},
		{"127.0.0.2", string(v2), "203.0.113.52"},
		{"127.0.0.4", "", "127.0.0.4"},
		{"127.0.0.3", "PROXY TCP4 203.0.113.53 127.0.0.1 4711 9443\r\n", ""}, // a stranger: it is not TLS
		{"127.0.0.2", "", ""},                                                // the proxy must say
	} {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}}
		raw, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(a.cfg.MTLSURL, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(raw, c.header); err != nil {
			t.Fatal(err)
		}
		connection := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) // what is tested is below
		err = connection.Handshake()
		if (err == nil) != (c.want != "") {
			t.Errorf("from %s with %q: %v", c.from, c.header, err)
		}
		if err == nil {
			if got := a.addressOf(t, connection); got != c.want {
				t.Errorf("from %s with %q: %s", c.from, c.header, got)
			}
		}
		_ = raw.Close() // it has served
	}
}

// addressOf asks over a connection, and tells from which address the server saw it come.
func (a *App) addressOf(t *testing.T, connection net.Conn) string {
	t.Helper()
	before := a.knownAddresses()
	if _, err := io.WriteString(
		connection, "GET /cagw/v1/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n\r\n",
	); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(connection); err != nil {
		t.Fatal(err)
	}
	for ip := range a.knownAddresses() {
		if !before[ip] {
			return ip
		}
	}
	return "no new one"
}

// knownAddresses are those that requests came from.
func (a *App) knownAddresses() map[string]bool {
	seen := map[string]bool{}
	for ip := range a.visitors.known.Keys() {
		seen[ip.String()] = true
	}
	return seen
}

// TestAddressesOfTheServer: an address is written as browsers write an origin, or refused at the start.
func TestAddressesOfTheServer(t *testing.T) {
	for given, want := range map[string]string{
		"https://pki.example.com": "https://pki.example.com", "https://pki.example.com:443/": "https://pki.example.com",
		"HTTPS://PKI.Example.com":       "https://pki.example.com",
		"https://pki.example.com:08443": "https://pki.example.com:8443", "https://[2001:DB8::0:1]:443": "https://[2001:db8::1]",
		"https://bücher.example": "https://xn--bcher-kva.example",
	} {
		c := &Config{BaseURL: given, MTLSURL: given}
		if err := c.canonicalURLs(); err != nil || c.BaseURL != want || c.MTLSURL != want {
			t.Errorf("%s: %s %s %v", given, c.BaseURL, c.MTLSURL, err)
		}
	}
	for given, why := range map[string]string{
		"http://pki.example.com": "must begin with https", "https://pki.example.com/pki": "path",
		"https://u:p@pki.example.com": "user name", "https://pki.example.com?x": "query", "https://pki.example.com/#x": "fragment",
		"pki.example.com": "not an address", "https://": "not an address", "https://pki.example.com:70000": "not a port",
		"https://pki example": "not an address", "https://pki.example.com:": "colon",
	} {
		c := &Config{BaseURL: given}
		if err := c.canonicalURLs(); err == nil || !strings.Contains(err.Error(), "--base-url") || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", given, err)
		}
	}
	c := &Config{PublicURL: "HTTP://CRL.example.com:80/pki/"}
	if err := c.canonicalURLs(); err != nil || c.PublicURL != "http://crl.example.com/pki" {
		t.Errorf("%s %v", c.PublicURL, err)
	}
	if err := (&Config{PublicURL: "https://crl.example.com"}).canonicalURLs(); err == nil {
		t.Error("--public-url with https")
	}

	// The console's own requests, behind a load balancer that has the address.
	a, _ := inProcessOn(t, "", func(c *Config) { c.BaseURL = "https://PKI.Example.com:443" })
	handlers, err := a.handlers()
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]string{
		"https://pki.example.com": "The session has ended", "https://evil.example.com": "own page", "http://127.0.0.1:8443": "own page",
	} {
		r := httptest.NewRequest("POST", "https://127.0.0.1:8443/graphql", strings.NewReader(`{"query": "{ viewer { operator } }"}`))
		r.Header = http.Header{
			"Origin": {origin}, "Cookie": {sessionCookie + "=x"}, "X-Requested-With": {"pkiaas"}, "Content-Type": {"application/json"},
		}
		w := httptest.NewRecorder()
		handlers["tls"].ServeHTTP(w, r)
		if own := strings.Contains(w.Body.String(), "own page"); own != (want == "own page") {
			t.Errorf("from %s: %s", origin, w.Body)
		}
	}
}

// certID is the contents of a CertID by SHA-1.
func certID(issuer, keyBits []byte, serial string) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes([]byte{6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0})
		})
		name, key := sha1.Sum(issuer), sha1.Sum(keyBits)
		b.AddASN1OctetString(name[:])
		b.AddASN1OctetString(key[:])
		n, _ := new(big.Int).SetString(serial, 16)
		b.AddASN1BigInt(n)
	})
	return b.BytesOrPanic()
}

func keyBitsOf(der []byte) ([]byte, error) {
	d, err := issuance.Inspect(der)
	if err != nil {
		return nil, err
	}
	return ocsp.KeyBits(d.PublicKey)
}
