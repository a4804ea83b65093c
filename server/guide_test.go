package server

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/intake"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// TestAsTheGuideSays: what somebody meets who comes with the guide.
func TestAsTheGuideSays(t *testing.T) {
	b := newBench(t)
	find := func(identifier string) *ca.CertificationAuthority {
		t.Helper()
		c, err := b.cas.ByIdentifier(b.ctx, b.partition, identifier)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := find("root-1")

	t.Run("validity when the request names none", func(t *testing.T) {
		for id, years := range map[string]int{"privatessl-tls-server": 3, "multiuse-p12-client": 3, "wstep-digital-signature": 1} {
			want := b.now().AddDate(years, 0, 0)
			var made *enrollment.Issued
			var err error
			if strings.Contains(id, "p12") {
				made, err = b.enrollment.IssuePKCS12(
					b.ctx,
					enrollment.PKCS12Request{
						Request:  intake.Text{CAID: b.ca.ID, ProfileID: id, Subject: new("CN=a.example.com")}.WithoutKey(),
						Password: "long enough",
						KeyType:  "ECDSA-P256",
					},
				)
			} else {
				made, err = b.enrollment.Issue(b.ctx, b.request(id, "a.example.com").Request())
			}
			if err != nil {
				t.Fatal(err)
			}
			if off := made.Certificate.NotAfter.Sub(want).Abs(); off > time.Minute {
				t.Errorf("%s ends on %s, want %s", id, made.Certificate.NotAfter, want)
			}
		}
	})

	t.Run("profile JSON in the guide's form", func(t *testing.T) {
		const rules = `{"allowedCATypes":["subord"],"validity_period":"P60D","usages":["2.5.29.15.0","1.3.6.1.5.5.7.3.1"],"ca_constraint":{"cA":false}}`
		input := map[string]any{
			"partitionId": b.partition,
			"sourceId":    "privatessl-tls-server",
			"id":          "corp-web",
			"name":        "Corp web",
			"group":       "corp",
			"json":        rules,
		}
		const clone = `mutation($i: CloneProfileInput!) { cloneProfile(input: $i) { profile { id name group { id } allowedCaTypes
			validityPeriod } } }`
		got := b.ask(t, rbac.SystemActor(), clone, map[string]any{"i": input})
		if fmt.Sprint(
			got.Data["cloneProfile"],
		) != "map[profile:map[allowedCaTypes:[ISSUING] group:map[id:corp] id:corp-web name:Corp web validityPeriod:P60D]]" {
			t.Fatalf("%v %v", got.Data, got.Errors)
		}
		got = b.ask(
			t,
			rbac.SystemActor(),
			`query($p: ID!, $j: String!) { validateProfile(partitionId: $p, json: $j, id: "corp-web") { path message } }`,
			map[string]any{"p": b.partition, "j": rules},
		)
		if list, ok := got.Data["validateProfile"].([]any); !ok || len(list) > 0 {
			t.Errorf("%v %v", got.Data, got.Errors)
		}
		// An update in the same form keeps name and group, and can change them.
		changed := strings.Replace(rules, "P60D", "P61D", 1)
		p, err := b.profiles.Update(b.ctx, b.partition, "corp-web", 1, profiles.Draft{JSON: changed}, "")
		if err != nil || p.Name != "Corp web" || p.Group != "corp" || p.ValidityPeriod != "P61D" {
			t.Errorf("%+v, %v", p, err)
		}
		p, err = b.profiles.Update(b.ctx, b.partition, "corp-web", 2, profiles.Draft{JSON: changed, Name: "Other", Group: "others"}, "")
		if err != nil || p.Name != "Other" || p.Group != "others" {
			t.Errorf("%+v, %v", p, err)
		}
		b.choose("corp-web")
		if _, err := b.enrollment.Issue(b.ctx, b.request("corp-web", "b.example.com").Request()); err != nil {
			t.Error(err)
		}
		// Without rules it is the source, in the group given.
		p, err = b.profiles.Clone(b.ctx, b.partition, "corp-web", "corp-too", profiles.Draft{Name: "Too", Group: "corp"})
		if err != nil || p.Group != "corp" || p.ID != "corp-too" || p.ValidityPeriod != "P61D" {
			t.Errorf("%+v, %v", p, err)
		}
		_, err = b.profiles.Clone(
			b.ctx,
			b.partition,
			"corp-web",
			"corp-other",
			profiles.Draft{Name: "X", JSON: `{"id":"something-else",` + rules[1:]},
		)
		wants(t, "another identifier in the JSON", err, fault.Invalid, "must be")
		_, err = b.profiles.Clone(b.ctx, b.partition, "corp-web", "corp-other", profiles.Draft{Name: "X", Group: "external"})
		wants(t, "a group of authority profiles", err, fault.Invalid, "authority")
	})

	t.Run("a refusal names the end entity", func(t *testing.T) {
		for _, refused := range []func() error{
			func() error {
				r := b.request("no-such-profile", "c.example.com")
				r.EndEntity = "device-17"
				_, err := b.enrollment.Issue(b.ctx, r.Request())
				return err
			},
			func() error {
				_, err := b.enrollment.IssuePKCS12(b.ctx, enrollment.PKCS12Request{
					Request: intake.Text{
						CAID: b.ca.ID, ProfileID: "no-such-profile", Subject: new("CN=x"), EndEntity: "device-17",
					}.WithoutKey(),
					Password: "long enough", KeyType: "ECDSA-P256"})
				return err
			},
		} {
			if refused() == nil {
				t.Fatal("issued under a profile that does not exist")
			}
			var e audit.Event
			if err := b.store.DB(b.ctx).Where("result = 'REFUSED'").Order("sequence DESC").Take(&e).Error; err != nil ||
				e.Details["endEntity"] != "device-17" {
				t.Errorf("%v, %v", e.Details, err)
			}
		}
		r := b.request("privatessl-tls-server", "c.example.com")
		r.EndEntity = strings.Repeat("x", 1000) + "\n"
		_, err := b.enrollment.Issue(b.ctx, r.Request())
		wants(t, "an end entity of 1000 characters", err, fault.Invalid, "")
		var e audit.Event
		if err := b.store.DB(b.ctx).Where("result = 'REFUSED'").Order("sequence DESC").Take(&e).Error; err != nil ||
			len(fmt.Sprint(e.Details["endEntity"])) > 100 {
			t.Errorf("%d characters are kept, %v", len(fmt.Sprint(e.Details["endEntity"])), err)
		}
	})

	t.Run("the subject of a CA is unique", func(t *testing.T) {
		create := func(identifier, subject string) error {
			_, err := b.cas.Create(
				b.ctx,
				ca.Request{
					PartitionID:      b.partition,
					Type:             ca.Issuing,
					Identifier:       identifier,
					FriendlyName:     identifier,
					SigningAlgorithm: "ECDSAP256+SHA256",
					Subject:          subject,
					ParentID:         &root.ID,
				},
			)
			return err
		}
		// As RFC 5280 7.1 compares: case and blanks do not matter.
		for n, subject := range []string{
			"CN=Demo Issuing CA,O=pkiaas demo", "CN=demo  ISSUING ca,O=Pkiaas Demo", "CN=Demo Root CA,O=pkiaas demo",
		} {
			err := create(fmt.Sprintf("same-%d", n), subject)
			wants(t, subject, err, fault.Conflict, "unique in the partition")
			if f := fault.Of(err); f.Field != "subject" {
				t.Errorf("field %s", f.Field)
			}
		}
		// Imported roots are named by others: two of one name, and one of the name of ours.
		for n, subject := range []pkix.Name{
			{CommonName: "Theirs"}, {CommonName: "Theirs"}, {CommonName: "Demo Root CA", Organization: []string{"pkiaas demo"}},
		} {
			if _, err := b.cas.ImportRoot(b.ctx, b.partition, fmt.Sprintf("theirs-%d", n), "Theirs", foreignRoot(t, subject)); err != nil {
				t.Errorf("import %d: %v", n, err)
			}
		}
		if err := create("like-theirs", "CN=Theirs"); err != nil {
			t.Errorf("the name of an imported root: %v", err)
		}
		theirs := find("theirs-0")
		_, err := b.cas.Create(
			b.ctx,
			ca.Request{
				PartitionID:      b.partition,
				Type:             ca.Issuing,
				Identifier:       "self",
				FriendlyName:     "self",
				SigningAlgorithm: "ECDSAP256+SHA256",
				Subject:          "CN=Theirs",
				ParentID:         &theirs.ID,
			},
		)
		wants(t, "the name of the imported root above it", err, fault.Conflict, "unique")
		// A renewal keeps the name.
		if _, err := b.cas.Renew(b.ctx, b.ca.ID, ca.NewKey, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the renewal", func() error {
			if c := find("issuing-1"); c.KeyGeneration != 2 || c.RenewalFailure != "" {
				return fmt.Errorf("generation %d %s", c.KeyGeneration, c.RenewalFailure)
			}
			return nil
		})
	})

	t.Run("the tier follows the purchased number", func(t *testing.T) {
		operator := rbac.SystemActor()
		tier := func(got answer) string {
			t.Helper()
			if got.code() != "" {
				t.Fatal(got.Errors)
			}
			said := ""
			walk(got.Data, func(key string, v any) {
				if key == "tier" || key == "tierSet" {
					said += fmt.Sprint(" ", v)
				}
			})
			return said
		}
		const returned = `{ subscription { id tier tierSet } }`
		made := b.ask(
			t,
			operator,
			`mutation { createSubscription(input: {name: "small", purchasedCertificates: 999999, purchasedCas: 1, ownerEmail:
				"o@example.com"}) `+returned+` }`,
			nil,
		)
		if !slices.Contains([]string{" STANDARD false", " false STANDARD"}, tier(made)) {
			t.Errorf("999,999 certificates: %s", tier(made))
		}
		id := made.Data["createSubscription"].(map[string]any)["subscription"].(map[string]any)["id"].(string)
		for _, step := range []struct{ change, tier, set string }{
			{
				"purchasedCertificates: 1000000", "PREMIUM", "false",
			}, {"purchasedCertificates: 10", "STANDARD", "false"}, {"tier: UNLIMITED", "UNLIMITED", "true"},
			{"purchasedCertificates: 2000000", "UNLIMITED", "true"}, {"tierFollowsPurchase: true", "PREMIUM", "false"},
		} {
			got := tier(
				b.ask(
					t,
					operator,
					fmt.Sprintf(`mutation { updateSubscription(input: {subscriptionId: %q, %s}) `+returned+` }`, id, step.change),
					nil,
				),
			)
			if !strings.Contains(got, step.tier) || !strings.Contains(got, step.set) {
				t.Errorf("%s: %s", step.change, got)
			}
		}
		if got := b.ask(
			t, operator,
			fmt.Sprintf(
				`mutation { updateSubscription(input: {subscriptionId: %q, tier: STANDARD, tierFollowsPurchase: true}) `+returned+` }`, id,
			),
			nil,
		); got.code() != "INVALID" {
			t.Errorf("both: %v", got)
		}
		if s, err := b.tenants.Create(
			b.ctx, tenant.NewSubscription{Name: "large", PurchasedCertificates: tenant.PremiumFrom, OwnerEmail: "o@example.com"},
		); err != nil ||
			s.Tier != tenant.Premium {
			t.Errorf("a million: %+v, %v", s, err)
		}
	})
}

// TestCAsOfOneNameAtOnce: of many that are asked for at the same moment, one is made.
func TestCAsOfOneNameAtOnce(t *testing.T) {
	race := func(t *testing.T, database string) {
		a, m := inProcessOn(t, database)
		ctx := asPerson("tester")
		root, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "root-1")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for n := range errs {
			wg.Go(func() {
				id := fmt.Sprintf("race-%d", n)
				_, errs[n] = a.cas.Create(
					ctx,
					ca.Request{
						PartitionID:      m.Partition.ID,
						Type:             ca.Issuing,
						Identifier:       id,
						FriendlyName:     id,
						SigningAlgorithm: "ECDSAP256+SHA256",
						Subject:          "CN=Race",
						ParentID:         &root.ID,
					},
				)
			})
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("%d CAs have one name", made)
		}
	}
	t.Run("sqlite", func(t *testing.T) { race(t, "") })
	t.Run("postgres", func(t *testing.T) { race(t, storetest.Postgres(t)) })
}

func asRandom(t *testing.T) *big.Int {
	t.Helper()
	n, err := crand.Int(crand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// foreignRoot is a root that somebody else made.
func foreignRoot(t *testing.T, subject pkix.Name) []byte {
	t.Helper()
	key := ecKey(t)
	template := &x509.Certificate{
		SerialNumber:          asRandom(t),
		Subject:               subject,
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(5, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId:          []byte{1, 2, 3, 4, byte(asRandom(t).Int64())},
	}
	der, err := x509.CreateCertificate(crand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestAnExternalCAIsCertified: profiles of the group external are selected for a root or an intermediate, and certify from
// a CSR; only who may create CAs, one by one, and with the approval that creating one takes.
func TestAnExternalCAIsCertified(t *testing.T) {
	s := newApprovals(t)
	s.enrollment.Limits = free{}
	at := func(identifier string) *ca.CertificationAuthority {
		c, err := s.cas.ByIdentifier(s.alice, s.m.Partition.ID, identifier)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := at("root-1")
	external := []string{"azure-firewall-ca-subord", "external-ca-cross", "external-ca-subord"}
	if _, err := s.cas.SelectProfiles(s.alice, root.ID, external); err != nil {
		t.Fatal(err)
	}
	_, err := s.cas.SelectProfiles(s.alice, s.issuing.ID, external[:1])
	wants(t, "selected for an issuing CA", err, fault.PolicyRefused, "not for a CA of type ISSUING")
	for _, id := range []string{"basic-ca-root", "ocsp-signer", "scep-ra"} {
		_, err := s.cas.SelectProfiles(s.alice, root.ID, []string{id})
		wants(t, id, err, fault.PolicyRefused, "cannot be selected")
	}
	got := s.ask(
		t,
		rbac.ActorFrom(s.alice),
		`query($p: ID!) { partition(id: $p) { certificateProfile(id: "azure-firewall-ca-subord") { selectable } certificationAuthorities {
			nodes { identifier profiles { id } } } } }`,
		map[string]any{"p": s.m.Partition.ID},
	)
	if said := fmt.Sprint(got.Data); !strings.Contains(said, "selectable:true") || !strings.Contains(said, "map[id:external-ca-subord]") {
		t.Errorf("%s %v", said, got.Errors)
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(ctx context.Context, profileID, name string, change func(*intake.Text)) (*enrollment.Issued, error) {
		r := intake.Text{CAID: root.ID, ProfileID: profileID, CSR: caRequest(t, key, name)}
		if change != nil {
			change(&r)
		}
		return s.enrollment.Issue(ctx, r.Request())
	}
	for profileID, want := range map[string]struct {
		years, pathLen int
	}{"azure-firewall-ca-subord": {1, 1}, "external-ca-subord": {5, 0}, "external-ca-cross": {5, -1}} {
		made, err := ask(s.alice, profileID, "Firewall "+profileID, nil)
		if err != nil {
			t.Fatal(profileID, err)
		}
		c := made.Certificate
		read, err := x509.ParseCertificate(c.DER)
		if err != nil {
			t.Fatal(err)
		}
		if !read.IsCA || read.MaxPathLen != want.pathLen || read.KeyUsage&x509.KeyUsageCertSign == 0 || len(read.ExtKeyUsage) > 0 ||
			!c.Counted ||
			c.NotAfter.Sub(s.now().AddDate(want.years, 0, 0)).Abs() > time.Minute {
			t.Errorf("%s: CA %v, path length %d, counted %v, until %s", profileID, read.IsCA, read.MaxPathLen, c.Counted, c.NotAfter)
		}
		verifiesBelow(t, root, c.DER, key)
	}
	// A CA that asks for a path length of 0 gets no more, also where the gateway takes no extensions from its request.
	for _, explicit := range []bool{false, true} {
		made, err := ask(s.alice, "external-ca-cross", fmt.Sprintf("Bounded %v", explicit), func(r *intake.Text) {
			r.Explicit = explicit
			r.CSR = boundedRequest(t, key, fmt.Sprintf("Bounded %v", explicit), struct {
				CA      bool
				PathLen int
			}{CA: true})
		})
		if err != nil {
			t.Fatal(err)
		}
		if read, err := x509.ParseCertificate(made.Certificate.DER); err != nil || !read.MaxPathLenZero {
			t.Errorf("explicit %v: path length %d, %v", explicit, read.MaxPathLen, err)
		}
	}
	for what, try := range map[string]func() error{
		"Your role does not include the permission ca:create": func() error {
			_, err := ask(s.carol, "external-ca-subord", "Carol", nil)
			return err
		},
		"unique in the partition": func() error {
			_, err := ask(s.alice, "external-ca-subord", "x", func(r *intake.Text) { r.Subject = new("CN=Demo Issuing CA,O=pkiaas demo") })
			return err
		},
		"does not issue under profile": func() error {
			_, err := ask(s.alice, "external-ca-subord", "z", func(r *intake.Text) { r.CAID = s.issuing.ID })
			return err
		},
		"one at a time": func() error {
			refusals, err := s.enrollment.CheckMany(
				s.alice, root.ID,
				[]enrollment.Request{intake.Text{ProfileID: "external-ca-subord", CSR: caRequest(t, key, "many")}.Request()},
			)
			if err != nil {
				return err
			}
			return refusals[0]
		},
		"requires the owner to generate the key": func() error {
			_, err := s.enrollment.IssuePKCS12(s.alice, enrollment.PKCS12Request{
				Request:  intake.Text{CAID: root.ID, ProfileID: "external-ca-subord", Subject: new("CN=key")}.WithoutKey(),
				Password: "long enough", KeyType: "ECDSA-P256"})
			return err
		},
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
	if err := s.enrollment.IssueMany(s.alice, "bulk", []enrollment.Request{
		intake.Text{CAID: root.ID, ProfileID: "external-ca-subord", CSR: caRequest(t, key, "many")}.Request(),
	}, func(_ context.Context, o []enrollment.Outcome) error {
		if o[0].Err == nil {
			t.Error("a CA was certified among many")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// The name is taken by another CA while the certificate is signed.
	var once sync.Once
	whenSigned(t, s.App, func() {
		once.Do(func() {
			if _, err := s.cas.Create(
				s.alice, ca.Request{PartitionID: s.m.Partition.ID, Type: ca.Issuing, Identifier: "faster", FriendlyName: "x",
					SigningAlgorithm: "ECDSAP256+SHA256", Subject: "CN=Faster", ParentID: &root.ID}); err != nil {
				t.Error(err)
			}
		})
	})
	_, err = ask(s.alice, "external-ca-subord", "x", func(r *intake.Text) { r.Subject = new("CN=Faster") })
	wants(t, "a name that was taken meanwhile", err, fault.Conflict, "faster has this subject already")
	told, err := s.enrollment.WhatIf(
		s.carol,
		enrollment.WhatIfRequest{
			Request: intake.Text{CAID: root.ID, ProfileID: "external-ca-subord", CSR: caRequest(t, key, "what if")}.Request(),
		},
	)
	if err != nil || told.Refusal == nil {
		t.Errorf("what if, by who may not: %+v, %v", told, err)
	}

	// By the CA Gateway, with a role on the CA and on no other.
	client := func(caID string) context.Context {
		return rbac.WithActor(
			context.Background(),
			&rbac.Actor{Kind: rbac.CredentialActor, ID: "client", Name: "client", Scope: rbac.Scope{Partition: s.m.Partition.ID,
				Authorities: map[string][]rbac.Role{caID: {rbac.CertificateAdministrators}}}},
		)
	}
	explicit := func(r *intake.Text) { r.Explicit, r.Subject = true, new("CN=Through the gateway") }
	made, err := ask(client(root.ID), "azure-firewall-ca-subord", "gateway", explicit)
	if err != nil {
		t.Fatal(err)
	}
	verifiesBelow(t, root, made.Certificate.DER, key)
	if _, err := ask(client(s.issuing.ID), "azure-firewall-ca-subord", "gateway", explicit); !fault.Is(err, fault.NotFound) {
		t.Errorf("with a role on another CA: %v", err)
	}

	// What creating a CA takes, this takes.
	if _, err := s.approvals.SetRules(
		s.alice, approval.Change{PartitionID: s.m.Partition.ID, Rules: []*approval.Rule{rule(approval.CACreate, 1)}},
	); err != nil {
		t.Fatal(err)
	}
	_, err = ask(s.alice, "external-ca-subord", "Approved", nil)
	id := s.needed(err)
	if r := s.find(id); r.Operation != approval.CACreate {
		t.Errorf("it was asked for as %s", r.Operation)
	}
	s.approve(id, s.bob)
	done := s.becomes(id, approval.Done)
	c, err := s.certificates.Get(s.alice, done.ObjectID)
	if err != nil || c.CommonName != "Approved" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := s.certificates.Revoke(s.alice, c.ID, certificate.Superseded, nil); err != nil {
		t.Error(err)
	}
}

func caRequest(t *testing.T, key crypto.Signer, name string) string {
	t.Helper()
	return boundedRequest(t, key, name, struct{ CA bool }{true})
}

// boundedRequest is caRequest with basic constraints.
func boundedRequest(t *testing.T, key crypto.Signer, name string, basic any) string {
	t.Helper()
	constraints, err := asn1.Marshal(basic)
	if err != nil {
		t.Fatal(err)
	}
	return signedRequest(
		t,
		key,
		x509.CertificateRequest{
			Subject:         pkix.Name{CommonName: name},
			ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: constraints}},
		},
	)
}

// verifiesBelow has openssl verify what the external CA issues, up to the root.
func verifiesBelow(t *testing.T, root *ca.CertificationAuthority, external []byte, key crypto.Signer) {
	t.Helper()
	parent, err := x509.ParseCertificate(external)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.CreateCertificate(
		crand.Reader,
		&x509.Certificate{
			SerialNumber: asRandom(t),
			Subject:      pkix.Name{CommonName: "behind the firewall"},
			NotBefore:    time.Now().Add(-time.Second),
			NotAfter:     time.Now().Add(time.Hour),
			DNSNames:     []string{"x.example.com"},
		},
		parent,
		ecKey(t).Public(),
		key,
	)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, der := range map[string][]byte{"root": root.Certificate, "external": external, "leaf": leaf} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(ca.PEM(der)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(
		t.Context(), "openssl", "verify", "-CAfile", filepath.Join(dir, "root"), "-untrusted", filepath.Join(dir, "external"),
		filepath.Join(dir, "leaf"),
	).
		CombinedOutput()
	if err != nil {
		t.Errorf("openssl verify: %v\n%s", err, out)
	}
}

// TestWhatGoesOnAfterADeletion holds the manual to what happens.
func TestWhatGoesOnAfterADeletion(t *testing.T) {
	l := newLife(t)
	t.Cleanup(func() { ahead.Store(0) })
	c := l.create(ca.Issuing, "going", "root-1", nil)
	leaf := l.issued("going", "going.example.com")
	if _, err := l.app.cas.Delete(l.ctx, c.ID, "going"); err != nil {
		t.Fatal(err)
	}
	status := func(url string) int {
		t.Helper()
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // the status is what counts
		return answer.StatusCode
	}
	issuer, root := l.file("issuer.pem", ca.PEM(c.Certificate)), l.file("root.pem", ca.PEM(l.find("root-1").Certificate))
	file := l.file("leaf.pem", ca.PEM(leaf.DER))
	ocsp := func() string {
		t.Helper()
		out, _ := l.try("ocsp", "-issuer", issuer, "-cert", file, "-url", l.app.cas.URLs.OCSP(c), "-CAfile", root, "-verify_other", issuer)
		switch {
		case strings.Contains(out, ": good"):
			return "answers"
		case strings.Contains(out, "unauthorized"):
			return "unauthorized"
		}
		return out
	}
	restorable := func() string {
		_, err := l.app.cas.Restore(l.ctx, c.ID)
		if err != nil {
			return "not possible"
		}
		if _, err := l.app.cas.Delete(l.ctx, c.ID, "going"); err != nil {
			t.Fatal(err)
		}
		return "possible"
	}
	taken := func() string {
		id := l.find("root-1").ID
		_, err := l.app.cas.Create(
			l.ctx,
			ca.Request{
				PartitionID:      l.m.Partition.ID,
				Type:             ca.Issuing,
				Identifier:       "going",
				FriendlyName:     "again",
				SigningAlgorithm: "ECDSAP256+SHA256",
				Subject:          "CN=again",
				ParentID:         &id,
			},
		)
		if err != nil {
			return "taken"
		}
		return "free for a new CA"
	}
	look := func() [5]string {
		seen := [5]string{2: fmt.Sprint(status(l.app.cas.URLs.CRL(c))), 3: ocsp(), 4: fmt.Sprint(status(l.app.cas.URLs.Certificate(c)))}
		seen[0], seen[1] = restorable(), taken()
		return seen
	}
	first := look()
	ahead.Store(int64(25 * time.Hour)) // after the deletion, and after the attempts to restore it
	eventually(t, "it is forgotten", func() error {
		var purged int64
		if err := l.app.store.DB(l.ctx).Model(&ca.CertificationAuthority{}).Where(
			"id = ? AND purged_at IS NOT NULL", c.ID,
		).Count(&purged).Error; err != nil ||
			purged == 0 {
			return fmt.Errorf("not yet: %v", err)
		}
		if code := status(l.app.cas.URLs.CRL(c)); code != http.StatusNotFound { // what was found a second ago is remembered
			return fmt.Errorf("CRL %d", code)
		}
		if said := ocsp(); said != "unauthorized" {
			return fmt.Errorf("OCSP %s", said)
		}
		return nil
	})
	after := look()
	table := "| | the first 24 hours | after that |\n| --- | --- | --- |\n"
	for n, what := range []string{"restore", "identifier", "`crl.crl`", "OCSP", "CA certificate (AIA)"} {
		table += fmt.Sprintf("| %s | %s | %s |\n", what, first[n], after[n])
	}
	if documented := between(t, "certificate-authorities.md", "deleted"); documented != table {
		t.Errorf("docs/certificate-authorities.md says\n%s\nand it is\n%s", documented, table)
	}
}

// between is what a page of the manual has between two marks.
func between(t *testing.T, page, mark string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<!-- "+mark+":begin -->\n")
	inside, _, found := strings.Cut(rest, "<!-- "+mark+":end -->")
	if !found {
		t.Fatalf("%s has no %s", page, mark)
	}
	return inside
}

// TestMovingOver: what the page says of profiles, passwords and tiers is so, and the manual leads to it.
func TestMovingOver(t *testing.T) {
	table := "| profile | validity |\n| --- | --- |\n"
	for _, p := range profile.Builtin() {
		if p.Kind == profile.Subscriber && p.ValidityPeriod != "P3Y" {
			table += fmt.Sprintf("| `%s` | `%s` |\n", p.ID, p.ValidityPeriod)
		}
	}
	if documented := between(t, "moving-over.md", "validity"); documented != table {
		t.Errorf("docs/moving-over.md says\n%s\nand it is\n%s", documented, table)
	}
	text, err := os.ReadFile("../docs/moving-over.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range []string{
		fmt.Sprintf("%d to 256 characters", identity.PasswordMinLength), "PREMIUM from 1,000,000", "--ocsp-signers compatible",
		"useSANFromCSR", "`cert-admins`, `auditors`", "subject alternative names", "`US`",
	} {
		if !strings.Contains(string(text), fact) {
			t.Errorf("docs/moving-over.md does not say %q", fact)
		}
	}
	index, err := os.ReadFile("../docs/index.md")
	if err != nil || !strings.Contains(string(index), "(moving-over.md)") {
		t.Errorf("docs/index.md does not lead to it: %v", err)
	}
}
