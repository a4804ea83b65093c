package va

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	acmeTLS      = "acme-tls/1"
	maxHandshake = 64 << 10 // octets that are read
)

var (
	oidACMEIdentifier = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}
	oidSAN            = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// tlsALPN01 looks at the certificate of a handshake with ALPN acme-tls/1 (RFC 8737 section 3, RFC 8738 section 6).
// Nothing is sent over the connection.
func (t *attempt) tlsALPN01(ctx context.Context, c Challenge) *Problem {
	host, sni := c.Identifier.Value, c.Identifier.Value
	if ip, err := netip.ParseAddr(host); err == nil {
		sni = reverse(ip)
	}
	raw, p := t.dial(ctx, host, t.TLSPort)
	if p != nil {
		return p
	}
	defer raw.Close()
	at := fmt.Sprintf("%s (%s)", host, raw.RemoteAddr())
	handshake, cancel := context.WithTimeout(ctx, 2*t.dialer.Timeout)
	defer cancel()
	conn := tls.Client(
		&bounded{raw, maxHandshake},
		&tls.Config{ServerName: sni, NextProtos: []string{acmeTLS}, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true},
	) //nolint:gosec // it is self-signed, and judged below
	if err := conn.HandshakeContext(handshake); err != nil {
		switch {
		case errors.Is(err, errTooMuch):
			return problem(tlsProblem, "%s sent more than %d octets in the handshake", at, maxHandshake)
		case strings.Contains(err.Error(), "no application protocol"):
			return problem(tlsProblem, "%s refuses the protocol %s", at, acmeTLS)
		}
		return problem(tlsProblem, "the TLS handshake with %s failed: %s", at, plain(err))
	}
	state := conn.ConnectionState()
	if state.NegotiatedProtocol != acmeTLS {
		return problem(incorrectResponse, "%s does not speak %s: the handshake ended without that protocol", at, acmeTLS)
	}
	if len(state.PeerCertificates) == 0 {
		return problem(incorrectResponse, "%s sent no certificate", at)
	}
	sum := sha256.Sum256([]byte(c.KeyAuthorization))
	if err := checkCertificate(state.PeerCertificates[0], c.Identifier, sum); errors.Is(err, errOtherKey) {
		return problem(unauthorized, "the certificate of %s %v", at, err)
	} else if err != nil {
		return problem(incorrectResponse, "the certificate of %s %v", at, err)
	}
	return nil
}

var errOtherKey = errors.New("is for another key authorization: its acmeIdentifier has another digest")

// checkCertificate says what a certificate lacks (RFC 8737 section 3): self-signed, one name, the digest in a critical
// acmeIdentifier.
func checkCertificate(cert *x509.Certificate, id Identifier, want [sha256.Size]byte) error {
	var digest []byte
	var sans []byte
	for _, e := range cert.Extensions { // crypto/x509 refuses two of a kind
		switch {
		case e.Id.Equal(oidACMEIdentifier):
			var err error
			if digest, err = acmeIdentifier(e.Value); err != nil {
				return err
			}
			if !e.Critical {
				return errors.New("has an acmeIdentifier extension that is not critical")
			}
		case e.Id.Equal(oidSAN):
			sans = e.Value
		}
	}
	if digest == nil {
		return errors.New("has no acmeIdentifier extension")
	}
	tag, value, err := onlyName(sans)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(id.Value); id.Type == IP && err == nil {
		if tag != cbasn1.Tag(7).ContextSpecific() || !bytes.Equal(value, ip.AsSlice()) {
			return fmt.Errorf("has not the one name that it must have, the IP address %s", id.Value)
		}
	} else if tag != cbasn1.Tag(2).ContextSpecific() || !strings.EqualFold(string(value), id.Value) {
		return fmt.Errorf("has not the one name that it must have, the DNS name %s", id.Value)
	}
	if !bytes.Equal(cert.RawSubject, cert.RawIssuer) || cert.CheckSignature(
		cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature,
	) != nil {
		return errors.New("is not self-signed")
	}
	if subtle.ConstantTimeCompare(digest, want[:]) != 1 {
		return errOtherKey
	}
	return nil
}

// acmeIdentifier returns the digest in the extension's value: Authorization ::= OCTET STRING (SIZE (32)).
func acmeIdentifier(value []byte) ([]byte, error) {
	s := cryptobyte.String(value)
	var digest cryptobyte.String
	if !s.ReadASN1(&digest, cbasn1.OCTET_STRING) || !s.Empty() || len(digest) != sha256.Size {
		return nil, errors.New("has an acmeIdentifier extension that is not an OCTET STRING of 32 octets")
	}
	return digest, nil
}

// onlyName returns the one GeneralName of a subjectAltName.
func onlyName(san []byte) (cbasn1.Tag, []byte, error) {
	s := cryptobyte.String(san)
	var list, value cryptobyte.String
	var tag cbasn1.Tag
	if !s.ReadASN1(&list, cbasn1.SEQUENCE) || !s.Empty() || !list.ReadAnyASN1(&value, &tag) || !list.Empty() {
		return 0, nil, errors.New("has not exactly one name in its subjectAltName")
	}
	return tag, value, nil
}

var errTooMuch = errors.New("too much was sent")

// bounded is a connection of which only so much is read.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
