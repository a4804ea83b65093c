package server

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/rbac"
)

func names(c *protocolconfig.Configuration) (list []string) {
	for _, o := range c.Offerings {
		list = append(list, o.Name)
	}
	return list
}

// A configuration offers several things, each by a CA, under a profile and by rules of its own.
func TestOfferings(t *testing.T) {
	const second = "privatessl-tls-client-server-supply-san"
	b := newBench(t)
	b.choose(acmeProfile, second)
	other, err := b.cas.ByIdentifier(b.ctx, b.partition, "issuing-rsa")
	if err != nil {
		t.Fatal(err)
	}
	c := b.configure("servers")
	if len(c.Offerings) != 1 || c.Offerings[0].Name != acmeProfile || c.Named("") != c.Offerings[0] {
		t.Fatalf("the first offering: %+v", c.Offerings)
	}
	_, err = b.configurations.Create(b.ctx, protocolconfig.Request{PartitionID: b.partition, Identifier: "nothing", Type: acme.TypeID})
	wants(t, "a configuration that offers nothing", err, fault.Invalid, "1 to 100")
	_, err = b.configurations.Create(
		b.ctx,
		protocolconfig.Request{
			PartitionID: b.partition,
			Identifier:  "twice",
			Type:        acme.TypeID,
			Offerings:   append(protocolconfig.One(b.ca.ID, acmeProfile), protocolconfig.One(other.ID, acmeProfile)...),
		},
	)
	wants(t, "two of a name", err, fault.Conflict, "already")
	add := func(r protocolconfig.OfferingRequest) error {
		t.Helper()
		_, err := b.configurations.AddOffering(b.ctx, c.ID, r)
		return err
	}
	for _, bad := range []struct {
		label string
		r     protocolconfig.OfferingRequest
		kind  fault.Kind
		field string
	}{
		{
			"a name that is taken", protocolconfig.OfferingRequest{Name: acmeProfile, CAID: b.ca.ID, ProfileID: second}, fault.Conflict,
			"name",
		},
		{"a name with a slash", protocolconfig.OfferingRequest{Name: "a/b", CAID: b.ca.ID, ProfileID: second}, fault.Invalid, "name"},
		{"a name of spaces", protocolconfig.OfferingRequest{Name: " x", CAID: b.ca.ID, ProfileID: second}, fault.Invalid, "name"},
		{
			"a long name", protocolconfig.OfferingRequest{Name: strings.Repeat("x", 65), CAID: b.ca.ID, ProfileID: second}, fault.Invalid,
			"name",
		},
		{
			"a negative cap",
			protocolconfig.OfferingRequest{Name: "n", CAID: b.ca.ID, ProfileID: second, Rules: protocolconfig.Rules{MaxValidityHours: -1}},
			fault.Invalid, "maxValidityHours",
		},
		{
			"a profile of another group", protocolconfig.OfferingRequest{CAID: b.ca.ID, ProfileID: "mdmws-digital-signature"},
			fault.PolicyRefused, "profileId",
		},
		{"the CA of nobody", protocolconfig.OfferingRequest{CAID: "x", ProfileID: second}, fault.Invalid, "caId"},
	} {
		if err := add(bad.r); !fault.Is(err, bad.kind) || fault.Of(err).Field != bad.field {
			t.Errorf("%s: %v at %s", bad.label, err, fault.Of(err).Field)
		}
	}
	if err := add(
		protocolconfig.OfferingRequest{
			Name: "short lived", CAID: b.ca.ID, ProfileID: second, Rules: protocolconfig.Rules{MaxValidityHours: 144},
		},
	); err != nil {
		t.Fatal(err)
	}
	if err := add(protocolconfig.OfferingRequest{Name: "rsa", CAID: other.ID, ProfileID: acmeProfile}); err != nil {
		t.Fatal(err)
	}
	c, err = b.configurations.Get(b.ctx, c.ID)
	if err != nil || !slices.Equal(names(c), []string{acmeProfile, "short lived", "rsa"}) {
		t.Fatal(names(c), err)
	}

	// A certificate knows the offering that it was issued by, and is valid no longer than that says.
	short := c.Named("short lived")
	by := rbac.WithActor(context.Background(), b.configurations.Actor(c, "192.0.2.7", "r").By(short.ID))
	issued, err := b.enrollment.Issue(by, b.request(second, "short.example").Request())
	if err != nil {
		t.Fatal(err)
	}
	if made := issued.Certificate; made.OfferingID == nil || *made.OfferingID != short.ID ||
		made.NotAfter.Sub(b.now().Truncate(time.Second)) != 144*time.Hour {
		t.Errorf("until %s, by %v", made.NotAfter, made.OfferingID)
	}
	r := b.request(second, "long.example")
	r.NotAfter = new(b.now().Add(145 * time.Hour))
	_, err = b.enrollment.Issue(by, r.Request())
	wants(t, "longer than offered", err, fault.Invalid, "than the offering allows")
	if err := b.enrollment.Ready(by, b.ca.ID, second, r.NotAfter); err == nil {
		t.Error("at the beginning it is not said that so long a validity is not offered")
	}
	// Of two offerings of the same CA and profile, whoever does not say which gets the one that gives least.
	if err := add(protocolconfig.OfferingRequest{Name: "long", CAID: b.ca.ID, ProfileID: second}); err != nil {
		t.Fatal(err)
	}
	if c, err = b.configurations.Get(b.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	if issued, err = b.enrollment.Issue(b.client(c), b.request(second, "either.example").Request()); err != nil ||
		*issued.Certificate.OfferingID != short.ID {
		t.Errorf("by %v, %v", issued, err)
	}

	// What ends with a CA or a profile, and what is found by its CA.
	for label, find := range map[string]func() ([]*protocolconfig.Configuration, int64, error){
		"the other CA": func() ([]*protocolconfig.Configuration, int64, error) { return b.configurations.OfCA(b.ctx, other, 10) },
		"the second profile": func() ([]*protocolconfig.Configuration, int64, error) {
			return b.configurations.OfProfile(b.ctx, b.partition, second, 10)
		},
		"the list": func() ([]*protocolconfig.Configuration, int64, error) {
			p, err := b.configurations.List(b.ctx, b.partition, protocolconfig.Filter{CAID: other.ID}, page.Request{First: 10})
			return p.Nodes, int64(p.Total), err
		},
	} {
		if list, n, err := find(); err != nil || n != 1 || len(list) != 1 || list[0].ID != c.ID || len(list[0].Offerings) != 4 {
			t.Errorf("%s: %v, %d, %v", label, list, n, err)
		}
	}
	// While something can be issued there is no problem, but for the offering that has one.
	if _, err := b.cas.Disable(b.ctx, other.ID); err != nil {
		t.Fatal(err)
	}
	if problem, err := b.configurations.Problem(b.ctx, c); problem != "" || err != nil {
		t.Errorf("%q, %v", problem, err)
	}
	if problem, err := b.configurations.OfferingProblem(b.ctx, c, c.Named("rsa")); !strings.Contains(problem, "disabled") || err != nil {
		t.Errorf("%q, %v", problem, err)
	}
	if _, err := b.cas.Enable(b.ctx, other.ID); err != nil {
		t.Fatal(err)
	}

	// Another default, another name, and away with it.
	rsa := c.Named("rsa").ID
	if c, err = b.configurations.UpdateOffering(b.ctx, rsa, protocolconfig.OfferingChange{First: true, Name: new("strong")}); err != nil ||
		c.Named("").Name != "strong" {
		t.Fatal(names(c), err)
	}
	_, err = b.configurations.UpdateOffering(b.ctx, rsa, protocolconfig.OfferingChange{First: true})
	wants(t, "nothing", err, fault.Conflict, "nothing")
	_, err = b.configurations.UpdateOffering(b.ctx, rsa, protocolconfig.OfferingChange{Name: new("long")})
	wants(t, "a name that is taken", err, fault.Conflict, "already")
	for _, name := range []string{"strong", "long", acmeProfile} {
		if c, err = b.configurations.RemoveOffering(b.ctx, c.Named(name).ID); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.configurations.RemoveOffering(b.ctx, rsa)
	wants(t, "removed twice", err, fault.NotFound, "")
	_, err = b.configurations.RemoveOffering(b.ctx, short.ID)
	wants(t, "the last one", err, fault.Conflict, "only")
	events, err := b.audit.List(
		b.ctx,
		b.partition,
		audit.Filter{ConfigurationID: c.ID, Action: "protocol.offering."},
		page.Request{First: 50},
	)
	if err != nil || len(events.Nodes) < 7 {
		t.Errorf("events: %d, %v", len(events.Nodes), err)
	}
	foreign := rbac.WithActor(
		context.Background(),
		&rbac.Actor{Kind: rbac.UserActor, ID: "f", Name: "f", Grants: map[string][]rbac.Role{"sub0000000000": {rbac.Owners}}},
	)
	_, err = b.configurations.UpdateOffering(foreign, short.ID, protocolconfig.OfferingChange{First: true})
	wants(t, "somebody of another partition", err, fault.NotFound, "")
	_, err = b.configurations.RemoveOffering(foreign, short.ID)
	wants(t, "somebody of another partition", err, fault.NotFound, "")
}

// An order names an offering by the name of its profile, and gets what that is when it is finalized.
func TestACMEOrdersNameOfferings(t *testing.T) {
	const second = "privatessl-tls-client-server-supply-san"
	e := newACME(t, "")
	issuer := e.c.Offerings[0].CAID
	c, err := e.configurations.AddOffering(
		e.ctx,
		e.c.ID,
		protocolconfig.OfferingRequest{
			Name:      "shortlived",
			CAID:      issuer,
			ProfileID: second,
			Rules:     protocolconfig.Rules{MaxValidityHours: 160},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	e.c = c
	actor := rbac.WithActor(t.Context(), e.configurations.Actor(c, "127.0.0.1", "test"))
	if listed, err := e.acme.Profiles(actor, c); err != nil || len(listed) != 2 || listed["shortlived"] == "" {
		t.Fatal(listed, err)
	}
	r := e.raw(t, acme.NewKey{FriendlyName: "closed", Allowed: []string{"*.example.com"}, Preauthorized: true})
	order := func(profile, host string) (*acme.Order, *acme.Account) {
		t.Helper()
		accounts, err := e.acmeAdmin.Accounts(e.ctx, c, page.Request{First: 1})
		if err != nil || len(accounts.Nodes) != 1 {
			t.Fatal(err)
		}
		a, err := e.acme.Account(actor, c, accounts.Nodes[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		o, err := e.acme.NewOrder(
			actor,
			c,
			a,
			acme.OrderRequest{Identifiers: []acme.Identifier{{Type: acme.DNS, Value: host}}, Profile: profile},
		)
		if err != nil {
			t.Fatal(err)
		}
		return o, a
	}
	_ = r
	finalize := func(c *protocolconfig.Configuration, o *acme.Order, a *acme.Account, host string) (*acme.Order, error) {
		t.Helper()
		request, err := x509.CreateCertificateRequest(
			nil,
			&x509.CertificateRequest{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}},
			ecKey(t),
		)
		if err != nil {
			t.Fatal(err)
		}
		return e.acme.Finalize(
			rbac.WithActor(t.Context(), e.configurations.Actor(c, "127.0.0.1", "test")),
			c,
			a,
			o.ID,
			request,
			[]byte("the account's"),
		)
	}
	o, a := order("shortlived", "short.example.com")
	gone, _ := order("shortlived", "gone.example.com")
	if o.Profile != "shortlived" {
		t.Errorf("the order is for %s", o.Profile)
	}
	done, err := finalize(c, o, a, "short.example.com")
	if err != nil {
		t.Fatal(err)
	}
	made, err := e.certificates.Get(e.ctx, *done.CertificateID)
	if err != nil || made.OfferingID == nil || *made.OfferingID != c.Named("shortlived").ID || made.ProfileID != second ||
		made.NotAfter.Sub(e.now().Truncate(time.Second)) != 160*time.Hour {
		t.Errorf("%+v, %v", made, err)
	}
	if c, err = e.configurations.RemoveOffering(e.ctx, c.Named("shortlived").ID); err != nil {
		t.Fatal(err)
	}
	if _, err := finalize(c, gone, a, "gone.example.com"); err == nil || !strings.Contains(err.Error(), "no longer offered") {
		t.Errorf("an order for what is no longer offered: %v", err)
	}
	if p, ok := err.(*acme.Problem); ok && p.Status >= http.StatusInternalServerError {
		t.Error(p)
	}
}
