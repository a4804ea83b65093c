package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/protocols/outbound"
)

// poster calls webhooks. Tenants choose their addresses, so it must not become a way into the network that this server
// stands in.
type poster struct {
	guard  *outbound.Guard
	client *http.Client
}

func newPoster(allow []string) (*poster, error) {
	guard, err := outbound.Public(allow)
	if err != nil {
		return nil, fmt.Errorf("--webhook-allow: %w", err)
	}
	return &poster{
		guard,
		&http.Client{
			Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			// No proxy of the environment: it would resolve the name for us.
			Transport: &http.Transport{
				DialContext: guard.Dialer(5 * time.Second).DialContext, TLSHandshakeTimeout: 5 * time.Second,
				ResponseHeaderTimeout: 10 * time.Second, MaxResponseHeaderBytes: 16 << 10, DisableKeepAlives: true,
			}}}, nil
}

// Allowed refuses what Post would refuse whatever the name resolves to.
func (p *poster) Allowed(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return fault.New(fault.Invalid, "this is not the URL of a webhook").At("url").Do(
			"Give https://host/path, without a user name in it.",
		)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	if literal && p.guard.Check(ip) != nil {
		return fault.New(fault.PolicyRefused, "webhooks to this address are not allowed").At("url").Do(
			"Use a public address, or ask the operator to allow its range (--webhook-allow).",
		)
	}
	// In the clear only within ranges that the operator allowed.
	if u.Scheme != "https" && !(u.Scheme == "http" && literal && p.guard.Allowed(ip)) {
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
	refused := (*outbound.RefusedError)(nil)
	switch {
	case errors.As(err, &refused):
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
