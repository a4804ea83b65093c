package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/page"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// free lets a test issue as much as it likes: quota and rate are other tests' business.
type free struct{}

func (free) TakeCertificates(context.Context, string, int64) error    { return nil }
func (free) ReleaseCertificates(context.Context, string, int64) error { return nil }
func (free) AllowCertificate(context.Context, string) error           { return nil }

func asPerson(name string) context.Context {
	return rbac.WithActor(
		context.Background(), &rbac.Actor{Kind: rbac.System, ID: name, Name: name, IPAddress: "192.0.2.9", RequestID: "request-1"},
	)
}

func signedRequest(t testing.TB, key crypto.Signer, template x509.CertificateRequest) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(crand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// bench is the demo's estate with an issuing CA at hand.
type bench struct {
	*App
	t         *testing.T
	ctx       context.Context
	partition string
	ca        *ca.CertificationAuthority
	key       crypto.Signer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	a, m := inProcess(t)
	b := &bench{App: a, t: t, ctx: asPerson("tester"), partition: m.Partition.ID, key: ecKey(t)}
	var err error
	if b.ca, err = a.cas.ByIdentifier(b.ctx, m.Partition.ID, "issuing-1"); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) request(profileID, host string) intake.Text {
	return intake.Text{
		CAID: b.ca.ID, ProfileID: profileID,
		CSR: signedRequest(b.t, b.key, x509.CertificateRequest{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}}),
	}
}

func (b *bench) clone(source, id string) *profiles.Profile {
	b.t.Helper()
	p, err := b.profiles.Clone(b.ctx, b.partition, source, id, profiles.Draft{Name: "Ours"})
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bench) choose(ids ...string) {
	b.t.Helper()
	if _, err := b.cas.SelectProfiles(b.ctx, b.ca.ID, ids); err != nil {
		b.t.Fatal(err)
	}
}

// edit changes the JSON of a profile and saves it.
func (b *bench) edit(p *profiles.Profile, change func(*profile.Profile)) *profiles.Profile {
	b.t.Helper()
	copied := *p.Profile
	change(&copied)
	next, err := b.profiles.Update(b.ctx, b.partition, p.ID, p.Version, profiles.Draft{JSON: string(copied.JSON())}, "a test")
	if err != nil {
		b.t.Fatal(err)
	}
	return next
}

func wants(t *testing.T, what string, err error, kind fault.Kind, word string) {
	t.Helper()
	if f := fault.Of(err); err == nil || f.Kind != kind || !strings.Contains(f.Message+f.Action, word) {
		t.Errorf("%s: %v, want %s with %q", what, err, kind, word)
	}
}

func TestTheLifeOfACustomProfile(t *testing.T) {
	b := newBench(t)
	for id, why := range map[string]string{"privatessl-tls-server": "already", "X": "lower-case", "a": "2 to 64"} {
		if _, err := b.profiles.Clone(
			b.ctx, b.partition, "privatessl-tls-server", id, profiles.Draft{Name: "Ours"},
		); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("cloned as %s: %v", id, err)
		}
	}
	_, err := b.profiles.Clone(b.ctx, b.partition, "basic-ca-subord", "my-ca", profiles.Draft{Name: "Ours"})
	wants(t, "cloning an authority profile", err, fault.PolicyRefused, "authority")
	authority, _ := profile.ByID("ocsp-signer")
	_, err = b.profiles.Clone(
		b.ctx, b.partition, "privatessl-tls-server", "ocsp-signer2",
		profiles.Draft{Name: "Ours", JSON: strings.Replace(string(authority.JSON()), `"ocsp-signer"`, `"ocsp-signer2"`, 1)},
	)
	wants(t, "an authority profile by its JSON", err, fault.Invalid, "SUBSCRIBER")

	p := b.clone("privatessl-tls-server", "our-servers")
	_, err = b.profiles.Clone(b.ctx, b.partition, "privatessl-tls-server", "our-servers", profiles.Draft{Name: "Ours"})
	wants(t, "the same id twice", err, fault.Conflict, "already")
	_, err = b.enrollment.Issue(b.ctx, b.request("our-servers", "a.example").Request())
	wants(t, "issuing under a profile that is not selected", err, fault.PolicyRefused, "does not issue")
	b.choose("our-servers")
	first, err := b.enrollment.Issue(b.ctx, b.request("our-servers", "a.example").Request())
	if err != nil {
		t.Fatal(err)
	}
	if first.Certificate.ProfileVersion != 1 {
		t.Errorf("issued under version %d", first.Certificate.ProfileVersion)
	}

	second := b.edit(p, func(p *profile.Profile) { p.ValidityPeriod = "P30D" })
	_, err = b.profiles.Update(b.ctx, b.partition, p.ID, p.Version, profiles.Draft{JSON: string(p.JSON())}, "")
	wants(t, "a change of an old version", err, fault.Conflict, "now at version 2")
	_, err = b.profiles.Update(b.ctx, b.partition, p.ID, 2, profiles.Draft{JSON: string(second.JSON())}, "")
	wants(t, "no change", err, fault.Conflict, "no changes")
	_, err = b.profiles.Update(
		b.ctx, b.partition, p.ID, 2, profiles.Draft{JSON: strings.Replace(string(second.JSON()), "P30D", "30 days", 1)}, "",
	)
	wants(t, "a bad change", err, fault.Invalid, "ISO 8601")
	if f := fault.Of(err); f.Field != "json.validity_period" {
		t.Errorf("the bad change is at %s", f.Field)
	}
	again, err := b.enrollment.Issue(b.ctx, b.request("our-servers", "a.example").Request())
	if err != nil {
		t.Fatal(err)
	}
	if c := again.Certificate; c.ProfileVersion != 2 || c.NotAfter.Sub(c.NotBefore) > 31*24*time.Hour {
		t.Errorf("the change is not followed: version %d, until %s", c.ProfileVersion, c.NotAfter)
	}
	history, err := b.profiles.History(b.ctx, second, page.Request{First: page.MaxFirst})
	if err != nil || len(history.Nodes) != 2 || history.Nodes[0].CreatedBy != "tester" || history.Nodes[0].Comment != "a test" {
		t.Errorf("history %+v, %v", history, err)
	}
	changes, err := b.profiles.Changes(b.ctx, second, 1, 2)
	if err != nil || fmt.Sprint(changes) != `[{validity_period "P3Y" "P30D"}]` {
		t.Errorf("changes %v, %v", changes, err)
	}
	then, err := b.profiles.At(b.ctx, b.partition, "our-servers", first.Certificate.ProfileVersion)
	if err != nil || then.ValidityPeriod != "P3Y" {
		t.Errorf("the profile as it was: %v, %v", then, err)
	}

	wants(t, "deleting a profile with certificates", b.profiles.Delete(b.ctx, b.partition, "our-servers", 2), fault.Conflict, "Retire it")
	retired, err := b.profiles.Retire(b.ctx, b.partition, "our-servers", 2)
	if err != nil || retired.RetiredAt == nil {
		t.Fatal(retired, err)
	}
	_, err = b.enrollment.Issue(b.ctx, b.request("our-servers", "a.example").Request())
	wants(t, "issuing under a retired profile", err, fault.PolicyRefused, "does not issue")
	_, err = b.cas.SelectProfiles(b.ctx, b.ca.ID, []string{"our-servers"})
	wants(t, "selecting a retired profile", err, fault.Invalid, "does not exist")
	if list, err := b.profiles.List(b.ctx, b.partition, profiles.Filter{Search: "our-servers"}); err != nil || len(list) != 0 {
		t.Errorf("a retired profile is offered: %v, %v", list, err)
	}
	if ids, err := b.cas.ProfileIDs(b.ctx, []string{b.ca.ID}); err != nil || strings.Contains(fmt.Sprint(ids), "our-servers") {
		t.Errorf("the CA still has it: %v", err)
	}

	unused := b.clone("our-servers", "never-used")
	b.choose("never-used")
	wants(t, "deleting a selected profile", b.profiles.Delete(b.ctx, b.partition, "never-used", 1), fault.Conflict, "issuing-1")
	if _, err := b.cas.UnselectProfiles(b.ctx, b.ca.ID, []string{"never-used"}); err != nil {
		t.Fatal(err)
	}
	if err := b.profiles.Delete(b.ctx, b.partition, "never-used", 1); err != nil {
		t.Error(err)
	}
	if b.clone("our-servers", "never-used").UID == unused.UID {
		t.Error("another life of an identifier has the same key")
	}
	wants(t, "changing a system profile", b.profiles.Delete(b.ctx, b.partition, "privatessl-tls-server", 0), fault.PolicyRefused, "system")
	got := b.ask(
		t, rbac.SystemActor(),
		`{ partition(id: "`+b.partition+`") { retiredProfiles { nodes { id issued system versions { nodes { version createdBy comment } } changes(from: 0, to: 2) { path } } } auditEvents(first: 50, filter: {action: "profile."}) { nodes { action result details } } } }`,
		nil,
	)
	if text := fmt.Sprint(got.Data); got.code() != "" || !strings.Contains(text, "our-servers") ||
		!strings.Contains(text, "profile.retire") || !strings.Contains(text, "validity_period") {
		t.Errorf("%v %v", got.Errors, text)
	}
}

// A second server that has the CA and the profile in memory does what the first one changed.
func TestProfileChangesReachOtherServers(t *testing.T) {
	b := newBench(t)
	e := b.enrollment
	other := (&enrollment.Service{
		Approvals: e.Approvals, Store: e.Store, Guard: e.Guard, Audit: e.Audit, Jobs: e.Jobs, Keys: e.Keys, CAs: e.CAs,
		Profiles: e.Profiles, EndEntities: e.EndEntities, Quota: e.Quota, Limits: e.Limits, Now: e.Now, ClockSkew: e.ClockSkew,
	}).Init()
	issue := func() (*enrollment.Issued, error) {
		return other.Issue(b.ctx, b.request("shared", "a.example").Request())
	}
	p := b.clone("privatessl-tls-server", "shared")
	if _, err := issue(); err == nil { // and the CA without it is in the other one's memory
		t.Fatal("issued under a profile that is not selected")
	}
	b.choose("shared")
	if _, err := issue(); err != nil {
		t.Fatal("the selection did not reach the other server: ", err)
	}
	p = b.edit(p, func(p *profile.Profile) { p.ValidityPeriod = "P2D" })
	look, err := other.WhatIf(b.ctx, enrollment.WhatIfRequest{Request: b.request("shared", "a.example").Request()})
	if err != nil || look.Profile.Version != 2 {
		t.Errorf("what-if looks at an old version: %+v, %v", look, err)
	}
	made, err := issue()
	if err != nil || made.Certificate.ProfileVersion != 2 || made.Certificate.NotAfter.After(b.now().AddDate(0, 0, 3)) {
		t.Fatalf("the change did not reach the other server: %v", err)
	}
	// A change while certificates are being issued: each is issued under the version that it records.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				made, err := issue()
				for enrollment.Stale(err) { // changed faster than it is issued: the client is told to repeat the request
					made, err = issue()
				}
				if err != nil {
					t.Error(err)
					return
				}
				days := int64(made.Certificate.NotAfter.Sub(made.Certificate.CreatedAt).Round(time.Hour).Hours() / 24)
				if days != made.Certificate.ProfileVersion {
					t.Errorf("%d days under version %d", days, made.Certificate.ProfileVersion)
				}
			}
		})
	}
	for version := 3; version < 8; version++ {
		p = b.edit(p, func(p *profile.Profile) { p.ValidityPeriod = fmt.Sprintf("P%dD", version) })
	}
	wg.Wait()
	if _, err := b.profiles.Retire(b.ctx, b.partition, "shared", p.Version); err != nil {
		t.Fatal(err)
	}
	if _, err := issue(); err == nil {
		t.Error("the other server issues under a retired profile")
	}
}

func TestTheStoryOfACertificate(t *testing.T) {
	b := newBench(t)
	p := b.clone("privatessl-tls-server-supply-san", "story")
	b.choose("story")
	b.edit(p, func(p *profile.Profile) { p.ValidityPeriod = "P10D" })
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}}
	token := rbac.WithActor(
		context.Background(),
		&rbac.Actor{
			Kind: rbac.TokenActor, ID: "t1", Name: "deployer", IPAddress: "192.0.2.9", RequestID: "request-7",
			Grants: map[string][]rbac.Role{b.partition: {rbac.Owners}},
		},
	)
	request := b.request("story", "unused.example")
	request.EndEntity = "story-host"
	request.CSR = signedRequest(
		t, b.key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "story.example"}, ExtraExtensions: []pkix.Extension{unknown}},
	)
	made, err := b.enrollment.Issue(token, request.Request())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.certificates.Revoke(b.ctx, made.Certificate.ID, certificate.Superseded, nil); err != nil {
		t.Fatal(err)
	}
	b.edit(mustProfile(t, b, "story"), func(p *profile.Profile) { p.Name = "Later" })
	got := b.ask(
		t, rbac.SystemActor(),
		`{ certificate(id: "`+made.Certificate.ID+`") { endEntity { identifier } profileVersion profile { name version } story {
		recorded protocol actorName ipAddress requestId asked { subject extensions { oid } serverSideKey } decisions { rule outcome detail } changes { what asked issued } events { action } crlUrls ocspUrls } } }`, nil)
	if got.code() != "" {
		t.Fatal(got.Errors)
	}
	text, err := json.Marshal(got.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"protocol":"api"`, `"actorName":"deployer"`, `"ipAddress":"192.0.2.9"`, `"requestId":"request-7"`, `"subject":"CN=story.example"`,
		`{"oid":"1.2.3.4"}`, `"outcome":"left out"`, `"profileVersion":2`, `"name":"Ours"`,
		`{"asked":"","issued":"story.example","what":"subjectAlternativeNames"}`,
		`{"action":"certificate.issue"},{"action":"certificate.revoke"}`, `"identifier":"story-host"`, `/crl/`, `/ocsp/`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the story lacks %s\n%s", part, text)
		}
	}

	// A refused request tells its rule in its event.
	b.edit(mustProfile(t, b, "story"), func(p *profile.Profile) {
		p.SANRules = []profile.SANRule{{Type: "DNS_NAME", Suffixes: []string{"corp.example"}}}
	})
	if _, err := b.enrollment.Issue(token, request.Request()); err == nil {
		t.Fatal("issued against the rule")
	}
	got = b.ask(
		t, rbac.SystemActor(),
		`{ partition(id: "`+b.partition+`") { auditEvents(first: 1, filter: {action: "certificate.issue", result: REFUSED}) { nodes { summary details } } } }`,
		nil,
	)
	if text := fmt.Sprint(got.Data); !strings.Contains(text, "rule:san_rules[0]") || !strings.Contains(text, "profile:story") ||
		!strings.Contains(text, "ca:issuing-1") || !strings.Contains(text, "story.example") {
		t.Errorf("the refusal says %s", text)
	}
}

func mustProfile(t *testing.T, b *bench, id string) *profiles.Profile {
	t.Helper()
	p, err := b.profiles.Get(b.ctx, b.partition, id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReplay(t *testing.T) {
	b := newBench(t)
	p := b.clone("privatessl-tls-server", "played")
	b.choose("played")
	for _, host := range []string{"a.corp.example", "b.corp.example", "c.other.example"} {
		if _, err := b.enrollment.Issue(b.ctx, b.request("played", host).Request()); err != nil {
			t.Fatal(err)
		}
	}
	events := func() int64 {
		n, err := b.audit.Head(b.ctx, b.partition)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := events()
	run := func(what string, change func(*profile.Profile), same, changed, refused int, word string) {
		t.Helper()
		copied := *p.Profile
		change(&copied)
		r, err := b.enrollment.Replay(b.ctx, b.partition, string(copied.JSON()), 30, "played")
		if err != nil {
			t.Fatal(err)
		}
		if r.Requests != 3 || r.Same != same || r.Changed != changed || r.Refused != refused || len(r.Examples) != changed+refused ||
			!strings.Contains(
				fmt.Sprint(r.Rules, r.Examples), word,
			) {
			t.Errorf("%s: %+v", what, r)
		}
	}
	run("as it is", func(*profile.Profile) {}, 3, 0, 0, "")
	run(
		"shorter", func(p *profile.Profile) { p.ValidityPeriod = "P90D" }, 0, 3, 0,
		fmt.Sprintf("validity: %.0f days, now 90 days", b.now().AddDate(3, 0, 0).Sub(b.now()).Hours()/24),
	)
	run(
		"another purpose", func(p *profile.Profile) { p.Usages = []string{profile.DigitalSignature, "1.3.6.1.5.5.7.3.2"} }, 0, 3, 0,
		"extended key usage",
	)
	run("only corp", func(p *profile.Profile) {
		p.SANRules = []profile.SANRule{{Type: "DNS_NAME", Suffixes: []string{"corp.example"}}}
	}, 2, 0, 1, "san_rules[0]:1")
	// What older certificates, without a story, say of their requests is enough.
	if err := b.store.DB(b.ctx).Exec("UPDATE certificates SET story = NULL").Error; err != nil {
		t.Fatal(err)
	}
	run("without stories", func(*profile.Profile) {}, 3, 0, 0, "")
	if events() != before {
		t.Error("a replay left something behind")
	}
	all, err := b.enrollment.Replay(b.ctx, b.partition, string(p.JSON()), 30, "")
	if err != nil || all.Requests < 4 {
		t.Errorf("all profiles: %+v, %v", all, err)
	}
}

// tbsWithoutSerial is the TBSCertificate of a certificate or of itself, without its serial number.
func tbsWithoutSerial(t *testing.T, tbs []byte) []byte {
	t.Helper()
	input := cryptobyte.String(tbs)
	var inner, version, serial cryptobyte.String
	if !input.ReadASN1(&inner, cbasn1.SEQUENCE) || !inner.ReadASN1Element(
		&version, cbasn1.Tag(0).ContextSpecific().Constructed(),
	) || !inner.ReadASN1Element(&serial, cbasn1.INTEGER) {
		t.Fatalf("%x is no TBSCertificate", tbs)
	}
	return append([]byte(version), inner...)
}

// TestWhatIfIsIssuance asks for random certificates, first only what would be issued, then in earnest. Both agree, byte
// for byte but for serial number and signature, or in the refusal. The clock stands still, so the dates agree too.
func TestWhatIfIsIssuance(t *testing.T) {
	requests := 10_000
	if testing.Short() {
		requests = 500
	}
	b := newBench(t)
	stands := store.Now().Truncate(time.Second)
	e := b.enrollment
	service := (&enrollment.Service{
		Approvals: e.Approvals, Store: e.Store, Guard: e.Guard, Audit: e.Audit, Jobs: e.Jobs, Keys: e.Keys, CAs: e.CAs,
		Profiles: e.Profiles, EndEntities: e.EndEntities, Quota: free{}, Limits: free{},
		Now: func() time.Time { return stands }, ClockSkew: e.ClockSkew}).Init()

	custom := b.clone("privatessl-tls-server-supply-san", "random-limits")
	b.edit(custom, func(p *profile.Profile) {
		p.SubjectRules = []profile.SubjectRule{
			{Attribute: "CN", Presence: profile.Required}, {Attribute: "OU", Presence: profile.Forbidden},
			{Attribute: "O", Presence: profile.Optional, Pattern: "Example.*"},
		}
		p.SANRules = []profile.SANRule{
			{Type: "DNS_NAME", Suffixes: []string{"corp.example"}}, {Type: "IP_ADDRESS", Networks: []string{"10.0.0.0/8"}},
		}
		p.MaxValidityPeriod, p.IgnoreUnknownExtensions = "P1Y", false
	})
	b.clone("wstep-digital-signature-key-encipherment", "random-wstep")
	b.choose("random-limits", "random-wstep")
	selected, err := b.cas.ProfileIDs(b.ctx, []string{b.ca.ID})
	if err != nil {
		t.Fatal(err)
	}
	ids := append(selected[b.ca.ID], "random-wstep", "privatessl-tls-server", "no-such-profile")
	for range len(ids) / 3 {
		ids = append(ids, "random-limits")
	}

	keys := []crypto.Signer{ecKey(t), ecKey(t)}
	if key, err := ecdsa.GenerateKey(elliptic.P384(), crand.Reader); err == nil {
		keys = append(keys, key)
	}
	if key, err := rsa.GenerateKey(crand.Reader, 2048); err == nil {
		keys = append(keys, key)
	}
	if _, key, err := ed25519.GenerateKey(crand.Reader); err == nil {
		keys = append(keys, key)
	}

	before, err := b.audit.Head(b.ctx, b.partition)
	if err != nil {
		t.Fatal(err)
	}
	var issued, refused, limited atomic.Int64
	var wg sync.WaitGroup
	const workers = 16
	for worker := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(20261121, uint64(worker)))
			for range requests / workers {
				request := randomRequest(t, r, keys, b.ca.ID, ids, stands)
				look, err := service.WhatIf(b.ctx, enrollment.WhatIfRequest{Request: request.Request()})
				if err != nil {
					t.Errorf("what-if: %v", err)
					return
				}
				made, err := service.Issue(b.ctx, request.Request())
				if err != nil {
					refused.Add(1)
					f := fault.Of(err)
					if look.Refusal == nil || look.Refusal.Message != f.Message || look.Refusal.Field != f.Field ||
						look.Refusal.Rule != f.Rule || look.Refusal.Kind != f.Kind {
						t.Errorf("issuance refuses: %v (%v); what-if: %+v", err, errors.Unwrap(f), look.Refusal)
					}
					continue
				}
				issued.Add(1)
				if request.ProfileID == "random-limits" {
					limited.Add(1)
				}
				if look.Refusal != nil {
					t.Errorf("issued, though what-if said: %v", look.Refusal)
					continue
				}
				var parts struct {
					TBS       asn1.RawValue
					Algorithm asn1.RawValue
					Signature asn1.BitString
				}
				if _, err := asn1.Unmarshal(made.Certificate.DER, &parts); err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(tbsWithoutSerial(t, parts.TBS.FullBytes), tbsWithoutSerial(t, look.TBS)) {
					t.Errorf("%s: what-if %x, issued %x", request.ProfileID, look.TBS, parts.TBS.FullBytes)
				}
				if fmt.Sprint(look.Decisions) != fmt.Sprint(made.Decisions) {
					t.Errorf("decisions %v, %v", look.Decisions, made.Decisions)
				}
				if d, err := issuance.Inspect(look.DER); err != nil || !d.NotAfter.Equal(made.Certificate.NotAfter) {
					t.Errorf("the trial cannot be looked at: %v", err)
				}
			}
		})
	}
	wg.Wait()
	after, err := b.audit.Head(b.ctx, b.partition)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d issued (%d under limits), %d refused", issued.Load(), limited.Load(), refused.Load())
	if issued.Load() < int64(requests/4) || refused.Load() < int64(requests/10) || limited.Load() < int64(requests/200) {
		t.Error("the requests are not varied enough")
	}
	// Each request in earnest left one event, each what-if none; jobs may add a few.
	if n := after - before; n < issued.Load()+refused.Load() || n > issued.Load()+refused.Load()+100 {
		t.Errorf("%d events for %d issued and %d refused", n, issued.Load(), refused.Load())
	}
}

func randomRequest(t testing.TB, r *rand.Rand, keys []crypto.Signer, caID string, ids []string, now time.Time) intake.Text {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	host := func() string {
		return fmt.Sprintf(
			"%s%d.%s", pick("www", "api", "x-", "Mail"), r.IntN(1000),
			pick("corp.example", "example.com", "corp.example", "xn--bcher-kva.example", "a_b", "evilcorp.example"),
		)
	}
	template := x509.CertificateRequest{
		Subject: pkix.Name{CommonName: pick(host(), host(), fmt.Sprintf("h%d.corp.example", r.IntN(100)), "Bücher", "", "10.1.2.3")},
	}
	for _, add := range []func(){
		func() { template.Subject.Organization = []string{pick("Example", "Example Ltd", "Other, Inc.", `a"b`)} },
		func() { template.Subject.OrganizationalUnit = []string{"Unit"} },
		func() { template.Subject.Country = []string{pick("CA", "DE", "XX")} },
		func() { template.Subject.SerialNumber = fmt.Sprint(r.IntN(1e9)) },
		func() { template.DNSNames = append(template.DNSNames, host()) },
		func() { template.DNSNames = append(template.DNSNames, fmt.Sprintf("h%d.corp.example", r.IntN(100))) },
		func() {
			template.IPAddresses = append(template.IPAddresses, net.IPv4(byte(pick("\x0a", "\xc0")[0]), 1, 2, byte(r.IntN(255))))
		},
		func() { template.EmailAddresses = append(template.EmailAddresses, "alice@example.com") },
		func() {
			template.URIs = append(template.URIs, &url.URL{Scheme: "https", Host: "example.com", Path: "/x"})
		},
		func() {
			template.ExtraExtensions = append(
				template.ExtraExtensions,
				pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2}, Value: []byte{0x1e, 4, 0, 'W', 0, 'S'}},
			)
		},
		func() {
			template.ExtraExtensions = append(
				template.ExtraExtensions,
				pkix.Extension{
					Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: []byte{0x30, 0x0a, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, byte(1 + r.IntN(9))},
				},
			)
		},
		func() {
			template.ExtraExtensions = append(
				template.ExtraExtensions,
				pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, r.IntN(9)}, Critical: r.IntN(2) == 0, Value: []byte{5, 0}},
			)
		},
	} {
		if r.IntN(4) == 0 {
			add()
		}
	}
	request := intake.Text{CAID: caID, ProfileID: ids[r.IntN(len(ids))], CSR: signedRequest(t, keys[r.IntN(len(keys))], template)}
	if r.IntN(5) == 0 {
		subject := pick(
			"CN=given.corp.example,O=Example", "CN=a+UID=b,DC=corp,DC=example", "CN=\\C3\\A4,C=DE", "O=No common name", "nonsense",
		)
		request.Subject = &subject
	}
	if r.IntN(5) == 0 {
		request.SANsGiven = true
		for range r.IntN(3) {
			request.SANs = append(
				request.SANs,
				intake.AlternativeName{Type: "DNS_NAME", Value: pick("given.corp.example", "other.example", "*.corp.example", "bad name")},
			)
		}
	}
	if r.IntN(4) == 0 {
		end := now.AddDate(0, 0, 1+r.IntN(500))
		if r.IntN(10) == 0 {
			end = now.AddDate(r.IntN(60)-10, 0, 0)
		}
		request.NotAfter = &end
	}
	if r.IntN(6) == 0 {
		value, _ := base64.StdEncoding.DecodeString("MAkwBwYFKgMEBQY=")
		request.Extensions = append(
			request.Extensions, intake.GivenExtension{OID: pick("2.5.29.32", "1.2.3.4.5", "2.5.29.19", "x"), Value: value},
		)
	}
	return request
}
