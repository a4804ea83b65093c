package server

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/rbac"
)

const acmeProfile = "privatessl-tls-server"

func (b *bench) configure(identifier string) *protocolconfig.Configuration {
	b.t.Helper()
	c, err := b.configurations.Create(
		b.ctx,
		protocolconfig.Request{
			PartitionID: b.partition, Identifier: identifier, Type: acme.TypeID, Description: "Servers",
			Offerings: protocolconfig.One(b.ca.ID, acmeProfile),
		},
	)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) client(c *protocolconfig.Configuration) context.Context {
	return rbac.WithActor(context.Background(), b.configurations.Actor(c, "192.0.2.7", "order-1"))
}

func TestTheLifeOfAProtocolConfiguration(t *testing.T) {
	b := newBench(t)
	b.choose(acmeProfile, "mdmws-digital-signature")
	root, err := b.cas.ByIdentifier(b.ctx, b.partition, "root-1")
	if err != nil {
		t.Fatal(err)
	}
	good := protocolconfig.Request{
		PartitionID: b.partition, Identifier: "servers", Type: acme.TypeID, Offerings: protocolconfig.One(b.ca.ID, acmeProfile),
	}
	for what, c := range map[string]struct {
		change func(*protocolconfig.Request)
		kind   fault.Kind
		field  string
	}{
		"short identifier": {func(r *protocolconfig.Request) { r.Identifier = "a" }, fault.Invalid, "identifier"},
		"upper case":       {func(r *protocolconfig.Request) { r.Identifier = "Servers" }, fault.Invalid, "identifier"},
		"19 characters":    {func(r *protocolconfig.Request) { r.Identifier = "a234567890123456789" }, fault.Invalid, "identifier"},
		"no such type":     {func(r *protocolconfig.Request) { r.Type = "TELNET" }, fault.Invalid, "type"},
		"long description": {
			func(r *protocolconfig.Request) { r.Description = strings.Repeat("x", 201) }, fault.Invalid, "description",
		},
		"settings of nobody":       {func(r *protocolconfig.Request) { r.Settings = `{"nonsense": 1}` }, fault.Invalid, ""},
		"settings that are a list": {func(r *protocolconfig.Request) { r.Settings = `[]` }, fault.Invalid, "settings"},
		"no such CA":               {func(r *protocolconfig.Request) { r.Offerings[0].CAID = "x" }, fault.Invalid, "offerings[0].caId"},
		"profile of another CA": {
			func(r *protocolconfig.Request) { r.Offerings[0].CAID = root.ID }, fault.PolicyRefused, "offerings[0].profileId",
		},
		"profile of other group": {
			func(r *protocolconfig.Request) { r.Offerings[0].ProfileID = "mdmws-digital-signature" }, fault.PolicyRefused,
			"offerings[0].profileId",
		},
		"profile not selected": {
			func(r *protocolconfig.Request) { r.Offerings[0].ProfileID = b.clone(acmeProfile, "unselected").ID }, fault.PolicyRefused,
			"offerings[0].profileId",
		},
		"no such profile": {
			func(r *protocolconfig.Request) { r.Offerings[0].ProfileID = "x" }, fault.PolicyRefused, "offerings[0].profileId",
		},
	} {
		r := good
		r.Offerings = slices.Clone(good.Offerings)
		c.change(&r)
		if _, err := b.configurations.Create(b.ctx, r); !fault.Is(err, c.kind) || c.field != "" && fault.Of(err).Field != c.field {
			t.Errorf("%s: %v at %s", what, err, fault.Of(err).Field)
		}
	}

	made := b.configure("servers")
	_, err = b.configurations.Create(b.ctx, good)
	wants(t, "the identifier again", err, fault.Conflict, "taken")
	open := func(typ protocolconfig.TypeID) error {
		_, err := b.configurations.Open(context.Background(), b.partition, "servers", typ)
		return err
	}
	if err := open(acme.TypeID); err != nil {
		t.Error(err)
	}
	wants(t, "another protocol's address", open("SCEP"), fault.NotFound, "")
	_, err = b.configurations.Open(context.Background(), "sub0000000000", "servers", acme.TypeID)
	wants(t, "another partition's address", err, fault.NotFound, "")

	_, err = b.configurations.Enable(b.ctx, made.ID)
	wants(t, "enabling what is enabled", err, fault.Conflict, "already")
	if _, err := b.configurations.Disable(b.ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	wants(t, "a disabled one", open(acme.TypeID), fault.PolicyRefused, "disabled")
	if _, err := b.configurations.Enable(b.ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if err := open(acme.TypeID); err != nil {
		t.Error("enabled again:", err)
	}

	if _, err := b.configurations.Update(b.ctx, made.ID, protocolconfig.Change{Description: new("Web servers")}); err != nil {
		t.Fatal(err)
	}
	_, err = b.configurations.Update(b.ctx, made.ID, protocolconfig.Change{Description: new("Web servers")})
	wants(t, "changing nothing", err, fault.Conflict, "nothing")
	_, err = b.configurations.UpdateOffering(
		b.ctx, made.Offerings[0].ID, protocolconfig.OfferingChange{ProfileID: new("mdmws-digital-signature")},
	)
	wants(t, "a profile of another group", err, fault.PolicyRefused, "group")

	// Who looks at it sees at once why nothing is issued.
	problem := func() string {
		c, err := b.configurations.Get(b.ctx, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		text, err := b.configurations.Problem(b.ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if p := problem(); p != "" {
		t.Error("a problem:", p)
	}
	if _, err := b.cas.UnselectProfiles(b.ctx, b.ca.ID, []string{acmeProfile}); err != nil {
		t.Fatal(err)
	}
	if p := problem(); !strings.Contains(p, "not selected") {
		t.Errorf("with its profile unselected: %q", p)
	}
	// And it can still be described and disabled.
	if _, err := b.configurations.Update(b.ctx, made.ID, protocolconfig.Change{Description: new("")}); err != nil {
		t.Error(err)
	}
	b.choose(acmeProfile)

	// Beside the demo's own.
	if list, n, err := b.configurations.OfCA(b.ctx, root, 10); err != nil || n != 2 || !slices.ContainsFunc(
		list, func(c *protocolconfig.Configuration) bool { return c.ID == made.ID },
	) {
		t.Errorf("what ends with the root: %v, %d, %v", list, n, err)
	}
	if _, err := b.cas.Delete(b.ctx, b.ca.ID, b.ca.Identifier); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(3 * time.Second)) // what was remembered of it is forgotten
	wants(t, "with its CA deleted", open(acme.TypeID), fault.PolicyRefused, "deleted")
	if p := problem(); !strings.Contains(p, "deleted") {
		t.Errorf("with its CA deleted: %q", p)
	}
	if _, err := b.cas.Restore(b.ctx, b.ca.ID); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(3 * time.Second))
	if err := open(acme.TypeID); err != nil {
		t.Error("with its CA restored:", err)
	}

	_, err = b.configurations.Delete(b.ctx, made.ID, "server")
	wants(t, "deleting without its name", err, fault.Invalid, "servers")
	if _, err := b.configurations.Delete(b.ctx, made.ID, "servers"); err != nil {
		t.Fatal(err)
	}
	wants(t, "a deleted one", open(acme.TypeID), fault.NotFound, "")
	_, err = b.configurations.Delete(b.ctx, made.ID, "servers")
	wants(t, "deleting it twice", err, fault.NotFound, "")
	if again := b.configure("servers"); again.ID == made.ID {
		t.Error("the identifier is not free again")
	}
}

// A client of a protocol is a stranger: what it gets bears the configuration, and that is all it may.
func TestWhatComesThroughAProtocolBearsItsConfiguration(t *testing.T) {
	b := newBench(t)
	b.choose(acmeProfile)
	servers, others := b.configure("servers"), b.configure("others")
	ctx := b.client(servers)
	r := b.request(acmeProfile, "www.example")
	r.EndEntity = strings.Repeat("a", 255)
	issued, err := b.enrollment.Issue(ctx, r.Request())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.enrollment.Issue(ctx, r.Request()); err != nil { // the same end entity again
		t.Fatal(err)
	}
	other := b.request(acmeProfile, "other.example")
	other.EndEntity = "other"
	if _, err := b.enrollment.Issue(b.client(others), other.Request()); err != nil {
		t.Fatal(err)
	}
	if c := issued.Certificate; c.Source != "acme" || c.RequestedBy != "acme:servers" || c.ConfigurationID == nil ||
		*c.ConfigurationID != servers.ID || c.Story.Protocol != "acme" {
		t.Errorf("issued %+v", c)
	}
	if mine, err := b.enrollment.Issue(
		b.ctx, b.request(acmeProfile, "mine.example").Request(),
	); err != nil || mine.Certificate.ConfigurationID != nil {
		t.Errorf("a person's certificate: %v, %v", mine, err)
	}
	all := page.Request{First: 10}
	if list, err := b.certificates.List(
		b.ctx, b.partition, certificate.Filter{ConfigurationID: servers.ID}, certificate.Newest, all,
	); err != nil || len(list.Nodes) != 2 {
		t.Errorf("certificates %+v, %v", list, err)
	}
	entities, err := b.endEntities.List(b.ctx, b.partition, endentity.Filter{ConfigurationID: servers.ID}, all)
	if err != nil || entities.Total != 1 || entities.Nodes[0].Identifier != r.EndEntity {
		t.Fatalf("end entities %+v, %v", entities, err)
	}

	if _, err := b.endEntities.Deactivate(b.ctx, entities.Nodes[0].ID); err != nil {
		t.Fatal(err)
	}
	_, err = b.enrollment.Issue(ctx, r.Request())
	wants(t, "a deactivated end entity", err, fault.PolicyRefused, "inactive")
	wants(t, "asked before", b.endEntities.Check(ctx, b.partition, "unknown", r.EndEntity), fault.PolicyRefused, "inactive")
	if err := b.endEntities.Check(ctx, b.partition, "unknown", "other"); err != nil {
		t.Error(err)
	}
	if _, err := b.endEntities.Activate(b.ctx, entities.Nodes[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.enrollment.Issue(ctx, r.Request()); err != nil {
		t.Error("activated again:", err)
	}

	for _, try := range []struct {
		what string
		do   func() error
	}{
		{"issue elsewhere", func() error {
			foreign := &protocolconfig.Configuration{Type: acme.TypeID, PartitionID: "sub0000000000"}
			_, err := b.enrollment.Issue(rbac.WithActor(context.Background(), b.configurations.Actor(foreign, "", "")), r.Request())
			return err
		}},
		{"delete a CA", func() error { _, err := b.cas.Delete(ctx, b.ca.ID, b.ca.Identifier); return err }},
		{"change its own settings", func() error { _, err := b.configurations.Disable(ctx, servers.ID); return err }},
		{"read the events", func() error { _, err := b.audit.List(ctx, b.partition, audit.Filter{}, all); return err }},
		{"be granted", func() error {
			_, _, err := b.identity.CreateToken(
				b.ctx, identity.NewToken{PartitionID: b.partition, Name: "x", Role: rbac.Protocol, ExpiresAt: b.now().AddDate(0, 0, 1)},
			)
			return err
		}},
	} {
		if try.do() == nil {
			t.Errorf("the protocol may %s", try.what)
		}
	}

	if _, err := b.certificates.Revoke(ctx, issued.Certificate.ID, certificate.Superseded, nil); err != nil {
		t.Error("revoking:", err)
	}
	if _, err := b.configurations.Disable(b.ctx, servers.ID); err != nil {
		t.Fatal(err)
	}
	events, err := b.audit.List(b.ctx, b.partition, audit.Filter{ConfigurationID: servers.ID}, all)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for n, e := range events.Nodes {
		if seen = append(seen, e.Action+" "+string(e.Result)); n > 0 && e.Sequence >= events.Nodes[n-1].Sequence {
			t.Error("not newest first")
		}
	}
	want := "protocol.disable SUCCESS, certificate.revoke SUCCESS, ca.delete REFUSED, certificate.issue SUCCESS, certificate.issue " +
		"REFUSED, certificate.issue SUCCESS, certificate.issue SUCCESS, protocol.create SUCCESS"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("events %s", got)
	}
	only, err := b.audit.List(
		b.ctx, b.partition, audit.Filter{ConfigurationID: servers.ID, Action: "certificate.issue", Result: audit.Success},
		page.Request{First: 1},
	)
	if err != nil || len(only.Nodes) != 1 || !only.HasNext || only.Total != 3 {
		t.Errorf("filtered: %+v, %v", only, err)
	}
	second, err := b.audit.List(
		b.ctx, b.partition, audit.Filter{ConfigurationID: servers.ID, Action: "certificate.issue", Result: audit.Success},
		page.Request{First: 2, After: *only.EndCursor()},
	)
	if err != nil || len(second.Nodes) != 2 || second.HasNext {
		t.Errorf("the next page: %+v, %v", second, err)
	}
	exported := 0
	if err := b.audit.Each(
		b.ctx, b.partition, audit.Filter{ConfigurationID: servers.ID, Action: "certificate."},
		func(*audit.Event) error { exported++; return nil },
	); err != nil || exported < 5 {
		t.Errorf("%d exported, %v", exported, err)
	}
}

func TestAProfileInUseByAProtocolIsKept(t *testing.T) {
	b := newBench(t)
	p := b.clone(acmeProfile, "our-acme")
	b.choose(p.ID)
	c, err := b.configurations.Create(
		b.ctx,
		protocolconfig.Request{
			PartitionID: b.partition, Identifier: "ours", Type: acme.TypeID, Offerings: protocolconfig.One(b.ca.ID, p.ID),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	if list, n, err := b.configurations.OfProfile(b.ctx, b.partition, p.ID, 10); err != nil || n != 1 || list[0].ID != c.ID {
		t.Errorf("what issues under it: %v, %d, %v", list, n, err)
	}
	if _, err := b.cas.UnselectProfiles(b.ctx, b.ca.ID, []string{p.ID}); err != nil {
		t.Fatal(err)
	}
	wants(t, "deleting it", b.profiles.Delete(b.ctx, b.partition, p.ID, 1), fault.Conflict, "ours")
	if _, err := b.configurations.Delete(b.ctx, c.ID, "ours"); err != nil {
		t.Fatal(err)
	}
	if err := b.profiles.Delete(b.ctx, b.partition, p.ID, 1); err != nil {
		t.Error(err)
	}
}

// What the create dialog offers can be created, and nothing else is offered.
func TestOnlyAuthoritiesThatCanIssueAreOffered(t *testing.T) {
	b := newBench(t)
	offered := func() map[string][]string {
		list, err := b.configurations.Offers(b.ctx, b.partition)
		if err != nil || len(list) != len(b.configurations.Types()) {
			t.Fatal(list, err)
		}
		authorities, err := b.configurations.Authorities(b.ctx, list[0])
		if err != nil {
			t.Fatal(err)
		}
		found := map[string][]string{}
		for _, a := range authorities {
			for _, p := range a.Profiles {
				found[a.CA.ID] = append(found[a.CA.ID], p.ID)
			}
		}
		return found
	}
	before := offered()
	if len(before[b.ca.ID]) == 0 {
		t.Fatal("the issuing CA is not offered")
	}
	n := 0
	for caID, profiles := range before {
		for _, p := range profiles {
			n++
			if _, err := b.configurations.Create(
				b.ctx,
				protocolconfig.Request{
					PartitionID: b.partition, Identifier: "offered-" + strconv.Itoa(n), Type: acme.TypeID,
					Offerings: protocolconfig.One(caID, p),
				},
			); err != nil {
				t.Errorf("offered: %s by %s: %v", p, caID, err)
			}
		}
	}
	if _, err := b.cas.UnselectProfiles(b.ctx, b.ca.ID, before[b.ca.ID][:1]); err != nil {
		t.Fatal(err)
	}
	if now := offered(); len(now[b.ca.ID]) != len(before[b.ca.ID])-1 {
		t.Errorf("an unselected profile is offered: %v", now[b.ca.ID])
	}
	if _, err := b.cas.Disable(b.ctx, b.ca.ID); err != nil {
		t.Fatal(err)
	}
	if now := offered(); now[b.ca.ID] != nil {
		t.Error("a disabled CA is offered")
	}
}
