package va

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/pkiaas/pkiaas/protocols/outbound"
)

const (
	maxRedirects = 10
	maxURL       = 2000     // of a redirect, octets
	maxHeader    = 16 << 10 // octets
	maxBody      = 4 << 10  // octets; a key authorization has fewer than 200
)

// http01 fetches the key authorization (RFC 8555 section 8.3, RFC 8738 section 3).
func (t *attempt) http01(ctx context.Context, c Challenge) *Problem {
	host := c.Identifier.Value
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	path := "/.well-known/acme-challenge/" + c.Token
	first := "http://" + host + path
	share := t.dialer.Timeout
	transport := &http.Transport{
		Proxy: nil, // one would resolve the name for us
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			conn, p := t.dial(ctx, strings.TrimSuffix(host, "."), t.port(port))
			if p != nil {
				return nil, p
			}
			return conn, nil
		},
		// RFC 8555 section 8.3: a host that has no certificate yet may well redirect to https.
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec
		TLSHandshakeTimeout: 2 * share, ResponseHeaderTimeout: 2 * share, MaxResponseHeaderBytes: maxHeader,
		DisableKeepAlives: true, DisableCompression: true,
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		note(t, &t.rec.Redirects, short(r.URL.String()))
		r.Header.Del("Referer")
		if len(via) > maxRedirects {
			return problem(connection, "%s: more than %d redirects", first, maxRedirects)
		}
		if p := t.mayRedirect(r.URL); p != nil {
			return p
		}
		return nil
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, first, nil)
	if err != nil {
		return problem(malformed, "%s is not a URL", quote(first))
	}
	r.Header.Set("User-Agent", "pkiaas-acme (validation of http-01, RFC 8555 section 8.3)")
	r.Header.Set("Accept", "*/*")
	response, err := client.Do(r)
	if err != nil {
		return t.httpProblem(first, err)
	}
	defer response.Body.Close()
	final := response.Request.URL
	where := first
	if final.String() != first {
		where += ", redirected to " + quote(final.String()) + ","
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return problem(connection, "%s: the body did not come to its end: %s", where, plain(err))
	}
	// What is behind a redirect to elsewhere is not shown: the applicant may see here what only this server can reach.
	shown := fmt.Sprintf("%d octets, not shown because of the redirect", len(body))
	if final.Path == path {
		shown = quote(string(body))
	}
	switch {
	case response.StatusCode != http.StatusOK:
		return problem(incorrectResponse, "%s answered %d: %s", where, response.StatusCode, shown)
	case len(body) > maxBody:
		return problem(incorrectResponse, "%s answered more than %d octets: %s", where, maxBody, shown)
	case subtle.ConstantTimeCompare([]byte(strings.TrimRight(string(body), " \t\r\n")), []byte(c.KeyAuthorization)) != 1:
		return problem(unauthorized, "%s did not answer the key authorization %s but %s", where, c.KeyAuthorization, shown)
	}
	return nil
}

// port returns where a URL's port is in this configuration: the schemes' own are those of the settings.
func (t *attempt) port(text string) int {
	switch text {
	case "80":
		return t.HTTPPort
	case "443":
		return t.TLSPort
	}
	n, _ := strconv.Atoi(text) // mayRedirect knows it
	return n
}

func (t *attempt) mayRedirect(u *url.URL) *Problem {
	own := map[string][]string{"http": {"", "80", strconv.Itoa(t.HTTPPort)}, "https": {"", "443", strconv.Itoa(t.TLSPort)}}[u.Scheme]
	fits := false
	for _, port := range own {
		fits = fits || u.Port() == port
	}
	switch {
	case own == nil:
		return problem(connection, "a redirect to the scheme %s is not followed: only http and https are", clip(quote(u.Scheme), 40))
	case !fits:
		return problem(
			connection, "the redirect to %s is not followed: only ports %d (http) and %d (https) are", quote(u.String()), t.HTTPPort,
			t.TLSPort,
		)
	case u.Hostname() == "", u.User != nil, len(u.String()) > maxURL:
		return problem(
			connection, "the redirect to %s is not followed: it has no host, a user name, or more than %d octets", quote(u.Redacted()),
			maxURL,
		)
	}
	return nil
}

func (t *attempt) httpProblem(at string, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	at = clip(at, 300)
	if isTLS(err) {
		return problem(tlsProblem, "%s: the TLS handshake after a redirect failed: %s", at, plain(err))
	}
	return problem(connection, "%s: %s", at, plain(err))
}

// isTLS reports whether an error is of a handshake.
func isTLS(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	return errors.As(err, &alert) || errors.As(err, &record) || strings.Contains(err.Error(), "tls: ") ||
		strings.Contains(err.Error(), "TLS handshake")
}

// plain says what failed, without what was being done and the addresses of this side.
func plain(err error) string {
	var refused *outbound.RefusedError
	var errno syscall.Errno
	var dnsErr *net.DNSError
	var urlErr *url.Error
	switch {
	case errors.As(err, &refused):
		return refused.Why + ", which this server does not connect to"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "timed out"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the connection was closed early"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &dnsErr):
		return short(dnsErr.Err)
	case errors.As(err, &urlErr):
		return plain(urlErr.Err)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return plain(op.Err)
	}
	return short(err.Error())
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// short is a text from outside, safe to show and to keep.
func short(s string) string {
	q := quote(s)
	if inner := strings.TrimSuffix(strings.TrimPrefix(q, `"`), `"`); inner == s {
		return s
	}
	return q
}

func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// reverse is the name of an address in in-addr.arpa or ip6.arpa, without the dot.
func reverse(ip netip.Addr) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	if ip.Is4() {
		four := ip.As4()
		for i := 3; i >= 0; i-- {
			fmt.Fprintf(&b, "%d.", four[i])
		}
		return b.String() + "in-addr.arpa"
	}
	sixteen := ip.As16()
	for i := 15; i >= 0; i-- {
		b.Write([]byte{hex[sixteen[i]&15], '.', hex[sixteen[i]>>4], '.'})
	}
	return b.String() + "ip6.arpa"
}
