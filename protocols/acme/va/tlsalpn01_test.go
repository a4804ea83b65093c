package va

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/protocols/acme/va/vatest"
)

// answering is how a certificate of tls-alpn-01 is made, right unless changed.
type answering struct {
	extensions  []pkix.Extension
	names       []string
	ips         []net.IP
	emails      []string
	subject     string
	parent      *x509.Certificate // and signed by another key
	protocols   []string
	maxVersion  uint16
	noExtension bool
}

func acmeExtension(critical bool, value []byte) pkix.Extension {
	return pkix.Extension{Id: oidACMEIdentifier, Critical: critical, Value: value}
}

func rightDigest(t *testing.T) []byte {
	sum := sha256.Sum256([]byte(keyAuthorization))
	value, err := asn1.Marshal(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// answer serves TLS as the challenge wants it; sni gets each name asked for.
func (a answering) serve(t *testing.T, l net.Listener) (sni *atomic.Value) {
	t.Helper()
	if len(a.extensions) == 0 && !a.noExtension {
		a.extensions = []pkix.Extension{acmeExtension(true, rightDigest(t))}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: a.subject}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
		DNSNames: a.names, IPAddresses: a.ips, EmailAddresses: a.emails, ExtraExtensions: a.extensions}
	parent, signer := template, key
	if a.parent != nil {
		parent = a.parent
		if signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.protocols == nil {
		a.protocols = []string{acmeTLS}
	}
	sni = new(atomic.Value)
	c := &tls.Config{
		NextProtos: a.protocols, MaxVersion: a.maxVersion, MinVersion: tls.VersionTLS10,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			sni.Store(hello.ServerName)
			return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
		}}
	if len(a.protocols) == 0 {
		c.NextProtos = nil
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				s := tls.Server(conn, c)
				if s.Handshake() == nil {
					if n, _ := io.Copy(io.Discard, s); n > 0 {
						t.Errorf("%d octets were sent", n)
					}
				}
			}()
		}
	}()
	return sni
}

func TestTLSALPN01(t *testing.T) {
	d := vatest.NewDNS(t)
	d.Set(t, "host.test", "A 127.0.0.1")
	name := []string{"host.test"}
	short, _ := asn1.Marshal(make([]byte, 31))
	other, _ := asn1.Marshal(make([]byte, 32))
	bits, _ := asn1.Marshal(asn1.BitString{Bytes: make([]byte, 32), BitLength: 256})
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "a CA"}}
	sameName := &x509.Certificate{Subject: pkix.Name{CommonName: "host"}, RawSubject: nil}
	for _, c := range []struct {
		name   string
		answer answering
		kind   string
		words  []string
	}{
		{"right", answering{names: name}, "", nil},
		{"TLS 1.2", answering{names: name, maxVersion: tls.VersionTLS12}, "", nil},
		{"other protocols too", answering{names: name, protocols: []string{"h2", acmeTLS, "http/1.1"}}, "", nil},
		{"upper case", answering{names: []string{"HOST.test"}}, "", nil},
		{"TLS 1.1", answering{names: name, maxVersion: tls.VersionTLS11}, tlsProblem, []string{"version"}},
		{"no ALPN", answering{names: name, protocols: []string{}}, incorrectResponse, []string{"acme-tls/1"}},
		{"other ALPN", answering{names: name, protocols: []string{"h2"}}, tlsProblem, []string{"refuses the protocol acme-tls/1"}},
		{"no extension", answering{names: name, noExtension: true}, incorrectResponse, []string{"no acmeIdentifier"}},
		{
			"not critical", answering{names: name, extensions: []pkix.Extension{acmeExtension(false, rightDigest(t))}}, incorrectResponse,
			[]string{"not critical"},
		},
		{
			"other key", answering{names: name, extensions: []pkix.Extension{acmeExtension(true, other)}}, unauthorized,
			[]string{"another key authorization"},
		},
		{
			"short digest", answering{names: name, extensions: []pkix.Extension{acmeExtension(true, short)}}, incorrectResponse,
			[]string{"32 octets"},
		},
		{
			"bit string", answering{names: name, extensions: []pkix.Extension{acmeExtension(true, bits)}}, incorrectResponse,
			[]string{"OCTET STRING"},
		},
		{
			"digest without DER", answering{names: name, extensions: []pkix.Extension{acmeExtension(true, rightDigest(t)[2:])}},
			incorrectResponse, nil,
		},
		{
			"more after the digest",
			answering{names: name, extensions: []pkix.Extension{acmeExtension(true, append(rightDigest(t), 5, 0))}}, incorrectResponse,
			nil,
		},
		{
			"twice", answering{names: name, extensions: []pkix.Extension{acmeExtension(true, other), acmeExtension(true, rightDigest(t))}},
			tlsProblem, nil,
		},
		{"other name", answering{names: []string{"other.test"}}, incorrectResponse, []string{"the DNS name host.test"}},
		{"two names", answering{names: []string{"host.test", "other.test"}}, incorrectResponse, []string{"exactly one name"}},
		{"the name twice", answering{names: []string{"host.test", "host.test"}}, incorrectResponse, []string{"exactly one name"}},
		{"an address too", answering{names: name, ips: []net.IP{{127, 0, 0, 1}}}, incorrectResponse, []string{"exactly one name"}},
		{"an e-mail address", answering{emails: []string{"host.test"}}, incorrectResponse, []string{"the DNS name"}},
		{"only the address", answering{ips: []net.IP{{127, 0, 0, 1}}}, incorrectResponse, []string{"the DNS name"}},
		{"no name but in the subject", answering{subject: "host.test"}, incorrectResponse, []string{"exactly one name"}},
		{"wildcard", answering{names: []string{"*.test"}}, incorrectResponse, nil},
		{"by a CA", answering{names: name, parent: ca}, incorrectResponse, []string{"not self-signed"}},
		{
			"by another key of the same name", answering{names: name, subject: "host", parent: sameName}, incorrectResponse,
			[]string{"not self-signed"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := listen(t, "127.0.0.1:0")
			sni := c.answer.serve(t, l)
			a := open(t, Config{Resolvers: []string{d.Address}, TLSPort: port(l)})
			rec, p := a.Validate(t.Context(), challenge(TLSALPN01, DNS, "host.test"))
			wants(t, p, c.kind, c.words...)
			if s, ok := sni.Load().(string); ok && s != "host.test" {
				t.Errorf("SNI %s", s)
			}
			if len(rec.Connections) != 1 || len(rec.Lookups) != 1 {
				t.Errorf("%+v", rec)
			}
		})
	}

	t.Run("addresses", func(t *testing.T) {
		for ip, name := range map[string]string{
			"127.0.0.1": "1.0.0.127.in-addr.arpa", "::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
		} {
			for _, c := range []struct {
				answer answering
				kind   string
			}{
				{answering{ips: []net.IP{net.ParseIP(ip)}}, ""},
				{answering{ips: []net.IP{net.ParseIP("127.0.0.2")}}, incorrectResponse},
				{answering{names: []string{ip}}, incorrectResponse},
				{answering{names: []string{name}}, incorrectResponse},
			} {
				l := listen(t, net.JoinHostPort(ip, "0"))
				sni := c.answer.serve(t, l)
				a := open(t, Config{TLSPort: port(l)})
				_, p := a.Validate(t.Context(), challenge(TLSALPN01, IP, ip))
				wants(t, p, c.kind)
				if sni.Load() != name {
					t.Errorf("SNI %v", sni.Load())
				}
			}
		}
	})
	t.Run("forbidden", func(t *testing.T) {
		l := listen(t, forbidden+":0")
		sni := answering{names: name}.serve(t, l)
		d.Set(t, "inside.test", "A "+forbidden)
		a := open(t, Config{Resolvers: []string{d.Address}, TLSPort: port(l)})
		for _, id := range []Identifier{{IP, forbidden}, {DNS, "inside.test"}} {
			_, p := a.Validate(t.Context(), challenge(TLSALPN01, id.Type, id.Value))
			wants(t, p, connection, "denies")
		}
		if sni.Load() != nil {
			t.Error("connected")
		}
	})
	for what, send := range map[string][]byte{
		"HTTP":    []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"nothing": nil,
		// one handshake message of 64 KiB
		"endless": bytes.Repeat([]byte("\x16\x03\x03\x40\x00\x0b\x00\xff\xf0"+string(make([]byte, 16<<10-4))), 20),
	} {
		t.Run(what, func(t *testing.T) {
			l := listen(t, "127.0.0.1:0")
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					if what == "nothing" {
						t.Cleanup(func() { _ = c.Close() })
						continue
					}
					go func() { _, _ = c.Write(send); _, _ = io.Copy(io.Discard, c); _ = c.Close() }()
				}
			}()
			timeout := map[bool]time.Duration{true: 500 * time.Millisecond}[what == "nothing"]
			a := open(t, Config{Resolvers: []string{d.Address}, TLSPort: port(l), Timeout: timeout})
			_, p := a.Validate(t.Context(), challenge(TLSALPN01, DNS, "host.test"))
			wants(t, p, tlsProblem, map[string]string{"HTTP": "handshake", "nothing": "timed out", "endless": ""}[what])
		})
	}
}

// TestHandshakeIsBounded: no more is read than the bound, whatever is sent.
func TestHandshakeIsBounded(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() { _, _ = there.Write(make([]byte, 100)) }()
	b := &bounded{here, 64}
	if n, err := io.Copy(io.Discard, b); n != 64 || !errors.Is(err, errTooMuch) {
		t.Errorf("%d octets, %v", n, err)
	}
}

func TestReverse(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1":          "1.2.0.192.in-addr.arpa",
		"2001:db8::567:89ab": "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		if got := reverse(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %s", ip, got)
		}
	}
}

// FuzzAcmeIdentifier: no bytes of an applicant's certificate stop the server, and what is accepted is DER of 32 octets
// and of one name.
func FuzzAcmeIdentifier(f *testing.F) {
	sum := sha256.Sum256([]byte(keyAuthorization))
	right, _ := asn1.Marshal(sum[:])
	san, _ := asn1.Marshal([]asn1.RawValue{{Class: 2, Tag: 2, Bytes: []byte("host.test")}})
	f.Add(right, san)
	f.Add([]byte{}, []byte{})
	f.Add([]byte{4, 0x80, 0, 0}, []byte{0x30, 0x80, 0, 0})
	f.Add(append([]byte{4, 0x81, 32}, sum[:]...), []byte{0x30, 2, 0x82, 0})
	f.Fuzz(func(t *testing.T, extension, names []byte) {
		if digest, err := acmeIdentifier(extension); err == nil {
			if again, _ := asn1.Marshal(digest); len(digest) != sha256.Size || !bytes.Equal(again, extension) {
				t.Errorf("%x was read as %x", extension, digest)
			}
		}
		if tag, value, err := onlyName(names); err == nil {
			var list []asn1.RawValue
			if rest, err := asn1.Unmarshal(names, &list); err == nil && (len(rest) > 0 || len(list) != 1 ||
				!bytes.Equal(list[0].Bytes, value)) {
				t.Errorf("%x was read as one name, %v %x", names, tag, value)
			}
		}
		cert := &x509.Certificate{
			Extensions: []pkix.Extension{{Id: oidACMEIdentifier, Critical: true, Value: extension}, {Id: oidSAN, Value: names}},
		}
		if err := checkCertificate(cert, Identifier{DNS, "host.test"}, sum); err == nil {
			t.Error("a certificate without a signature is accepted")
		} else if len(fmt.Sprint(err)) > 300 {
			t.Error("a long error")
		}
	})
}
