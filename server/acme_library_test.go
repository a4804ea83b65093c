package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/mholt/acmez/v3"
	library "github.com/mholt/acmez/v3/acme"

	"github.com/pkiaas/pkiaas/domain/acme"
)

// solver answers http-01 for the ACME library.
type solver struct {
	t testing.TB
	*prover
}

func (s solver) Present(_ context.Context, c library.Challenge) error {
	s.dns.Set(s.t, c.Identifier.Value, "A 127.0.0.1")
	s.serve(c.Token, c.KeyAuthorization)
	return nil
}

func (s solver) CleanUp(_ context.Context, c library.Challenge) error { return nil }

// TestACMELibrary has the library of Caddy order, renew when ARI says so, name profiles, change its key and revoke.
func TestACMELibrary(t *testing.T) {
	const both = "privatessl-tls-client-server-supply-san"
	e := newACME(t, "")
	e.offer(t, both)
	ctx := t.Context()
	c := &acmez.Client{Client: &library.Client{Directory: acme.DirectoryURL(e.cfg.BaseURL, e.c), PollInterval: 10 * time.Millisecond,
		// what is tested is behind TLS
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}},
		ChallengeSolvers: map[string]acmez.Solver{"http-01": solver{t, e.prover(t)}}}
	directory, err := c.GetDirectory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if m := directory.Meta; !m.ExternalAccountRequired || len(m.Profiles) != 2 || m.Profiles[both] == "" || directory.RenewalInfo == "" ||
		directory.NewAuthz != "" {
		t.Errorf("%+v %+v", directory, m)
	}
	made, secret, err := e.acmeAdmin.CreateKey(e.ctx, e.c.ID, acme.NewKey{FriendlyName: "library"})
	if err != nil {
		t.Fatal(err)
	}
	account := library.Account{Contact: []string{"mailto:admin@example.com"}, TermsOfServiceAgreed: true, PrivateKey: newP256()}
	if err := account.SetExternalAccountBinding(ctx, c.Client, library.EAB{KeyID: made.ID, MACKey: secret}); err != nil {
		t.Fatal(err)
	}
	if account, err = c.NewAccount(ctx, account); err != nil {
		t.Fatal(err)
	}
	names := []string{"caddy.example.com", "www.caddy.example.com"}
	obtain := func(change func(*acmez.OrderParameters)) (*x509.Certificate, library.Certificate, error) {
		t.Helper()
		csr, err := acmez.NewCSR(newP256(), names)
		if err != nil {
			t.Fatal(err)
		}
		p, err := acmez.OrderParametersFromCSR(account, csr)
		if err != nil {
			t.Fatal(err)
		}
		change(&p)
		list, err := c.ObtainCertificate(ctx, p)
		if err != nil {
			return nil, library.Certificate{}, err
		}
		block, rest := pem.Decode(list[0].ChainPEM)
		if issuer, _ := pem.Decode(rest); issuer == nil {
			t.Error("no issuer behind the certificate")
		}
		return mustParse(t, block.Bytes), list[0], nil
	}
	first, stored, err := obtain(func(*acmez.OrderParameters) {})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first.DNSNames, names) || slices.Contains(first.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		t.Errorf("%v %v", first.DNSNames, first.ExtKeyUsage)
	}
	// The library asks for renewal information by itself, and gets a window within the certificate's life.
	info := stored.RenewalInfo
	if info == nil || !info.HasWindow() || info.RetryAfter == nil || info.SelectedTime.Before(first.NotBefore) ||
		info.SelectedTime.After(first.NotAfter) {
		t.Fatalf("%+v", info)
	}
	second, _, err := obtain(func(p *acmez.OrderParameters) { p.Replaces, p.Profile = first, both })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(second.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("under the other profile: %v", second.ExtKeyUsage)
	}
	refused := func(what string, err error, typ string) {
		t.Helper()
		var p library.Problem
		if !errors.As(err, &p) || p.Type != urn+typ {
			t.Errorf("%s: %v", what, err)
		}
	}
	replaced, err := library.ARIUniqueIdentifier(first)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.NewOrder(ctx, account, library.Order{Replaces: replaced, Identifiers: []library.Identifier{{Type: "dns", Value: names[0]}}})
	refused("replaced twice", err, "alreadyReplaced")
	// The end can be asked for.
	end := e.now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	third, _, err := obtain(func(p *acmez.OrderParameters) { p.NotAfter = end })
	if err != nil || !third.NotAfter.Equal(end) {
		t.Errorf("%v %v", third, err)
	}
	// Another account key, and with it the revocation; then ARI says to renew at once.
	if account, err = c.AccountKeyRollover(ctx, account, newP256()); err != nil {
		t.Fatal(err)
	}
	if err := c.RevokeCertificate(ctx, account, second, nil, library.ReasonSuperseded); err != nil {
		t.Fatal(err)
	}
	refused("revoked twice", c.RevokeCertificate(ctx, account, second, nil, library.ReasonSuperseded), "alreadyRevoked")
	after, err := c.GetRenewalInfo(ctx, second)
	if err != nil || after.SuggestedWindow.End.After(time.Now()) {
		t.Errorf("a revoked certificate is to be renewed by %s, %v", after.SuggestedWindow.End, err)
	}
	account.Status = "deactivated"
	if gone, err := c.UpdateAccount(ctx, account); err != nil || gone.Status != "deactivated" {
		t.Errorf("%+v %v", gone, err)
	}
}
