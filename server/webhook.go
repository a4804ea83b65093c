package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// poster calls webhooks. Tenants choose their addresses, so it must not become a way into the network that this server
// stands in: the address is judged when the connection is made, after name resolution, so that no name can point
// elsewhere the second time.
type poster struct {
	allowed []netip.Prefix // although private, by the operator's word
	client  *http.Client
}

func newPoster(allow []string) (*poster, error) {
	p := &poster{}
	for _, text := range allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--webhook-allow: %q is not an address range such as 10.1.0.0/16", text)
		}
		p.allowed = append(p.allowed, prefix.Masked())
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !p.mayCall(at.Addr()) {
			return errForbiddenAddress
		}
		return nil
	}}
	p.client = &http.Client{Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		// No proxy of the environment: it would resolve the name for us.
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second, MaxResponseHeaderBytes: 16 << 10, DisableKeepAlives: true}}
	return p, nil
}

var errForbiddenAddress = errors.New("the address is private")

// special are the ranges beside those that netip knows: shared, protocol, benchmarking, documentation, 6to4, NAT64 and
// reserved (RFC 6890).
var special = func() (list []netip.Prefix) {
	for _, text := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10"} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}()

func (p *poster) mayCall(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	contains := func(r netip.Prefix) bool { return r.Contains(a) }
	if slices.ContainsFunc(p.allowed, contains) {
		return true
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !slices.ContainsFunc(special, contains)
}

// Allowed refuses what Post would refuse whatever the name resolves to.
func (p *poster) Allowed(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return fault.New(fault.Invalid, "this is not the URL of a webhook").At("url").Do("Give https://host/path, without a user name in it.")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	if literal && !p.mayCall(ip) {
		return fault.New(fault.PolicyRefused, "webhooks to this address are not allowed").At("url").Do("Use a public address, or ask the operator to allow its range (--webhook-allow).")
	}
	// In the clear only within ranges that the operator allowed.
	if u.Scheme != "https" && !(u.Scheme == "http" && literal && slices.ContainsFunc(p.allowed, func(r netip.Prefix) bool { return r.Contains(ip.Unmap()) })) {
		return fault.New(fault.Invalid, "a webhook is called over https").At("url")
	}
	return nil
}

func (p *poster) Post(ctx context.Context, to string, header map[string]string, body []byte) error {
	if err := p.Allowed(to); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Unavailable, "the request could not be made").Because(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	response, err := p.client.Do(r)
	switch {
	case errors.Is(err, errForbiddenAddress):
		return fault.New(fault.PolicyRefused, "the name resolves to an address to which webhooks are not allowed")
	case err != nil:
		return fault.New(fault.Unavailable, "the receiver could not be reached").Because(err) // the cause may tell of the network within
	}
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10) // what it says is of no interest
	_ = response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fault.New(fault.Unavailable, "the receiver answered %d", response.StatusCode)
	}
	return nil
}
