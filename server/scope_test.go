package server

import (
	"context"
	"maps"
	"testing"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/rbac"
)

// A handler of one configuration slips: it passes what is another's. The guard refuses it, whatever it is, as if it did not exist;
// nothing is issued, changed or told.
func TestASlipReachesNothingOfAnotherConfiguration(t *testing.T) {
	const second = "privatessl-tls-client-server-supply-san"
	b := newBench(t)
	b.choose(acmeProfile, second)
	withTelegraph(b.App)
	other, err := b.cas.ByIdentifier(b.ctx, b.partition, "issuing-rsa")
	if err != nil {
		t.Fatal(err)
	}
	configure := func(identifier string, offerings []protocolconfig.OfferingRequest) *protocolconfig.Configuration {
		t.Helper()
		c, err := b.configurations.Create(
			b.ctx,
			protocolconfig.Request{
				PartitionID: b.partition,
				Identifier:  identifier,
				Type:        telegraph,
				Offerings:   offerings,
				Settings:    `{"password": "secret of ` + identifier + `"}`,
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ours := configure("ours", protocolconfig.One(b.ca.ID, acmeProfile))
	theirs := configure(
		"theirs",
		append(
			protocolconfig.One(b.ca.ID, acmeProfile),
			protocolconfig.OfferingRequest{CAID: other.ID, ProfileID: second},
			protocolconfig.OfferingRequest{Name: "third", CAID: other.ID, ProfileID: acmeProfile},
		),
	)
	issue := func(ctx context.Context, host, entity string) *certificate.Certificate {
		t.Helper()
		r := b.request(acmeProfile, host)
		r.EndEntity = entity
		made, err := b.enrollment.Issue(ctx, r.Request())
		if err != nil {
			t.Fatal(err)
		}
		return made.Certificate
	}
	us, them := b.client(ours), b.client(theirs)
	own, foreign, byHand := issue(us, "own.example", "own"), issue(them, "their.example", "their"), issue(b.ctx, "hand.example", "hand")
	held := issue(them, "held.example", "held")
	if _, err := b.certificates.Suspend(them, held.ID, nil); err != nil {
		t.Fatal(err)
	}
	their, err := b.endEntities.List(b.ctx, b.partition, endentity.Filter{Search: "their"}, page.Request{First: 1})
	if err != nil || len(their.Nodes) != 1 {
		t.Fatal(their, err)
	}
	set, err := protocolconfig.SettingsOf[telegraphSettings](theirs)
	if err != nil {
		t.Fatal(err)
	}
	state := func() map[string]int64 {
		t.Helper()
		counts := map[string]int64{}
		for label, query := range map[string]string{
			"certificates": "SELECT count(*) FROM certificates", "end entities": "SELECT count(*) FROM end_entities",
			"links":   "SELECT count(*) FROM end_entity_configurations",
			"revoked": "SELECT count(*) FROM certificates WHERE status = 'REVOKED'", "suspended": "SELECT count(*) FROM certificates " +
				"WHERE status = 'SUSPENDED'", "counted": "SELECT count(*) FROM certificates WHERE counted"} {
			var n int64
			if err := b.store.DB(b.ctx).Raw(query).Scan(&n).Error; err != nil {
				t.Fatal(err)
			}
			counts[label] = n
		}
		return counts
	}
	asked := func(caID, profileID, entity string) error {
		r := b.request(profileID, "slip.example")
		r.CAID, r.EndEntity = caID, entity
		made, err := b.enrollment.Issue(us, r.Request())
		if made != nil {
			t.Errorf("issued %s", made.Certificate.Subject)
		}
		return err
	}
	told := func(c *certificate.Certificate, err error) error {
		if c != nil {
			t.Errorf("told %s", c.Subject)
		}
		return err
	}
	before := state()
	for label, slip := range map[string]func() error{
		"the CA and profile of another": func() error { return asked(other.ID, second, "") },
		"the CA of another":             func() error { return asked(other.ID, acmeProfile, "") },
		"the profile of another":        func() error { return asked(b.ca.ID, second, "") },
		"an offering of another": func() error {
			made, err := b.enrollment.Issue(
				rbac.WithActor(us, rbac.ActorFrom(us).By(theirs.Offerings[0].ID)), b.request(acmeProfile, "slip.example").Request(),
			)
			if made != nil {
				t.Error("issued by the offering of another")
			}
			return err
		},
		"asked before: the CA of another":  func() error { return b.enrollment.Ready(us, other.ID, acmeProfile, nil) },
		"asked before: the profile":        func() error { return b.enrollment.Ready(us, b.ca.ID, second, nil) },
		"the end entity of another":        func() error { return asked(b.ca.ID, acmeProfile, "their") },
		"asked before: the end entity":     func() error { return b.endEntities.Check(us, b.partition, "unknown", "their") },
		"another partition's end entities": func() error { return b.endEntities.Check(us, "sub0000000000", "their") },
		"a certificate of another":         func() error { return told(b.certificates.Get(us, foreign.ID)) },
		"a certificate made by hand":       func() error { return told(b.certificates.Get(us, byHand.ID)) },
		"revoking that of another": func() error {
			return told(b.certificates.Revoke(us, foreign.ID, certificate.KeyCompromise, nil))
		},
		"revoking one made by hand": func() error {
			return told(b.certificates.Revoke(us, byHand.ID, certificate.KeyCompromise, nil))
		},
		"suspending that of another":         func() error { return told(b.certificates.Suspend(us, foreign.ID, nil)) },
		"ending the suspension of another's": func() error { return told(b.certificates.Unsuspend(us, held.ID)) },
		"by CA and serial number":            func() error { return told(b.certificates.BySerial(us, b.ca, foreign.SerialNumber)) },
		"a status by CA and serial number": func() error {
			return told(b.certificates.SetStatus(us, b.ca, foreign.SerialNumber, certificate.StatusChange{To: certificate.Revoked}))
		},
		"many by CA and serial number": func() error {
			_, err := b.certificates.RevokeSerials(us, certificate.RevokingSerials{CAID: b.ca.ID, Serials: []string{foreign.SerialNumber}})
			return err
		},
		"the certificates of the partition": func() error {
			_, err := b.certificates.List(
				us, b.partition, certificate.Filter{ConfigurationID: theirs.ID}, certificate.Newest, page.Request{First: 9},
			)
			return err
		},
		"the end entity":  func() error { _, err := b.endEntities.Get(us, their.Nodes[0].ID); return err },
		"deactivating it": func() error { _, err := b.endEntities.Deactivate(us, their.Nodes[0].ID); return err },
		"a secret": func() error {
			text, err := b.configurations.Reveal(us, theirs, set.Password)
			if text != "" {
				t.Error("told a secret")
			}
			return err
		},
		"its configuration": func() error { _, err := b.configurations.Get(us, theirs.ID); return err },
		"the CA":            func() error { _, err := b.cas.ByIdentifier(us, b.partition, "issuing-rsa"); return err },
		"the CAs":           func() error { _, err := b.cas.List(us, b.partition, false, ""); return err },
	} {
		if err := slip(); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", label, err)
		}
	}
	refused, err := b.audit.List(b.ctx, b.partition, audit.Filter{ConfigurationID: ours.ID, Result: audit.Refused}, page.Request{First: 50})
	if err != nil || len(refused.Nodes) < 8 {
		t.Errorf("%d slips are recorded, %v", len(refused.Nodes), err)
	}
	if list, err := b.certificates.Load(us, []string{foreign.ID, own.ID}); err != nil || len(list) != 1 || list[own.ID] == nil {
		t.Errorf("loaded %v, %v", list, err)
	}
	if after := state(); !maps.Equal(before, after) {
		t.Errorf("changed from %v to %v", before, after)
	}
	// Its own it can have, see and end; one that nobody's configuration has had becomes its own.
	issue(us, "own.example", "own")
	issue(us, "hand.example", "hand")
	if err := b.endEntities.Check(us, b.partition, "own", "unknown"); err != nil {
		t.Error(err)
	}
	if _, err := b.certificates.Get(us, own.ID); err != nil {
		t.Error(err)
	}
	if _, err := b.certificates.Revoke(us, own.ID, certificate.Superseded, nil); err != nil {
		t.Error(err)
	}
	if text, err := b.configurations.Reveal(us, ours, mustSecret(t, ours)); err != nil || text != "secret of ours" {
		t.Errorf("%q, %v", text, err)
	}
	if err := b.enrollment.Ready(us, b.ca.ID, acmeProfile, nil); err != nil {
		t.Error(err)
	}
}

func mustSecret(t *testing.T, c *protocolconfig.Configuration) protocolconfig.Secret {
	t.Helper()
	set, err := protocolconfig.SettingsOf[telegraphSettings](c)
	if err != nil {
		t.Fatal(err)
	}
	return set.Password
}
