package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/protocols/cagw"
	"github.com/pkiaas/pkiaas/protocols/upload"
	"github.com/pkiaas/pkiaas/rbac"
)

// TestGatewayTakesNoClaimFromACSR: the account in a CSR is nobody's word, in whatever format the certificate is asked for.
func TestGatewayTakesNoClaimFromACSR(t *testing.T) {
	g := newGatewayAPI(t, "")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const account = "administrator@corp.example"
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "p12.example"},
		ExtraExtensions: []pkix.Extension{
			{Id: []int{2, 5, 29, 17}, Value: san.MarshalDER([]san.GeneralName{{Type: san.UPN, Value: account}})},
		}}, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs12 := object{"format": "PKCS12", "protection": object{"type": "PasswordProtection", "password": "long enough 1"}}
	ask := func(status int, format, more object) {
		t.Helper()
		body := object{"profileId": g.m.CAGW.ProfileIDs[0], "csr": base64.StdEncoding.EncodeToString(der), "requiredFormat": format}
		for name, value := range more {
			body[name] = value
		}
		if got := g.call(status, "POST", g.base+"/enrollments", body); status == 400 &&
			!strings.Contains(str(t, got, "error.message"), "names an account") {
			t.Errorf("%v", got)
		}
	}
	fromCSR := object{"optionalCertificateRequestDetails": object{"useSANFromCSR": true}}
	ask(400, object{"format": "X509"}, fromCSR)
	ask(400, pkcs12, fromCSR)
	// What the client states itself it answers for.
	ask(200, pkcs12, object{"subjectAltNames": []object{{"type": "otherName", "value": "1.3.6.1.4.1.311.20.2.3;UTF8:" + account}}})
}

// TestGatewayRevokesWhatIsMeant: digits that are the serial number of one certificate in hexadecimal, and of another in decimal, mean
// the first.
func TestGatewayRevokesWhatIsMeant(t *testing.T) {
	g := newGatewayAPI(t, "")
	for name, serial := range map[string]string{"meant.example": "1000", "other.example": "03e8"} {
		was := str(t, g.issue(name), "serialNumber")
		if err := g.store.DB(g.system).Exec(
			"UPDATE certificates SET serial_number = ? WHERE serial_number = ?", serial, was,
		).Error; err != nil {
			t.Fatal(err)
		}
	}
	if answers, err := g.certificates.RevokeSerials(
		g.system, certificate.RevokingSerials{CAID: g.issuing.ID, Serials: []string{"1000", "10:00"},
			Reason: certificate.Superseded}); err != nil || answers[0] != nil || answers[1] != nil {
		t.Fatalf("%v %v", answers, err)
	}
	for serial, want := range map[string]certificate.Status{"1000": certificate.Revoked, "03e8": certificate.Issued} {
		c, err := g.certificates.BySerial(g.system, g.issuing, serial)
		if err != nil || c.Status != want {
			t.Errorf("%s: %+v %v", serial, c, err)
		}
	}
}

// TestTakenSubjectsTellNothing: who sees one CA only does not hear of the others by their subjects.
func TestTakenSubjectsTellNothing(t *testing.T) {
	g := newGatewayAPI(t, "")
	root := g.authority("root-1")
	if _, err := g.cas.SelectProfiles(g.system, root.ID, []string{"basic-ca-subord"}); err != nil {
		t.Fatal(err)
	}
	g.actor.Scope.Authorities[root.ID] = []rbac.Role{rbac.CertificateAdministrators}
	delete(g.actor.Scope.Authorities, g.issuing.ID)
	csr, _ := gatewayCSR(t, pkix.Name{})
	enroll := func() string {
		t.Helper()
		return str(t, g.call(409, "POST", cagw.Base+"/"+g.m.Partition.ID+"~root-1/enrollments", object{
			"profileId": "basic-ca-subord", "csr": csr, "requiredFormat": object{"format": "X509"},
			"optionalCertificateRequestDetails": object{"subjectDn": g.issuing.Subject}}), "error.message")
	}
	if says := enroll(); strings.Contains(says, g.issuing.Identifier) || !strings.Contains(says, "another certification authority") {
		t.Error(says)
	}
	// Nor is the subject free because somebody else has encoded it unusually.
	if err := g.store.DB(g.system).Model(&ca.CertificationAuthority{}).Where("id = ?", g.issuing.ID).
		Update("subject_der", withBlank(t, g.issuing.SubjectDER)).Error; err != nil {
		t.Fatal(err)
	}
	enroll()
}

// withBlank is a name whose last value begins with a blank, which does not count (RFC 5280 7.1).
func withBlank(t *testing.T, der []byte) []byte {
	t.Helper()
	var rdns pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &rdns); err != nil {
		t.Fatal(err)
	}
	last := &rdns[len(rdns)-1][0]
	last.Value = " " + last.Value.(string)
	out, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestClientsLeaveRoomForApprovals: what clients of one configuration ask for does not keep people from asking.
func TestClientsLeaveRoomForApprovals(t *testing.T) {
	e := newACME(t, "")
	alice := colleague(t, e.App, e.m, "alice", rbac.Owners)
	colleague(t, e.App, e.m, "bob", rbac.Owners)
	if _, err := e.approvals.SetRules(alice, approval.Change{PartitionID: e.m.Partition.ID,
		Rules: []*approval.Rule{rule(approval.Issue, 1)}}); err != nil {
		t.Fatal(err)
	}
	var waiting []*approval.Request
	for n := range 250 {
		waiting = append(
			waiting, &approval.Request{ID: fmt.Sprintf("waits-%d", n), PartitionID: e.m.Partition.ID, Operation: approval.Issue,
				Verb: "acme.finalize", Payload: "{}", Facts: []approval.Fact{}, Permissions: []rbac.Permission{}, Digest: fmt.Sprint(n),
				State: approval.Pending, Needed: 1, RequestedBy: "acme:acme-test",
				RequestedByID: e.c.ID, ActorKind: rbac.ProtocolActor, RequestedAt: e.now(), ExpiresAt: e.now().Add(time.Hour)})
	}
	if err := e.store.DB(e.ctx).CreateInBatches(waiting, 50).Error; err != nil {
		t.Fatal(err)
	}
	ask := func(actor *rbac.Actor) error {
		ctx := rbac.WithActor(t.Context(), actor)
		err := e.approvals.Ask(ctx, approval.Ask{PartitionID: e.m.Partition.ID, Operation: approval.Issue, Verb: "certificate.issue",
			Payload: actor.ID, Summary: "issue a certificate", Facts: []approval.Fact{}})
		e.approvals.Submit(ctx, &err)
		return err
	}
	if err := ask(e.configurations.Actor(e.c, "192.0.2.1", "r")); !fault.Is(err, fault.TooManyRequests) {
		t.Errorf("a client: %v", err)
	}
	if err := ask(rbac.ActorFrom(alice)); !fault.Is(err, fault.ApprovalNeeded) {
		t.Errorf("a person: %v", err)
	}
}

// TestACMEAccountsAreNotMadeForEver: a key for one account is none for any number of them, one after the other, each with limits of its
// own.
func TestACMEAccountsAreNotMadeForEver(t *testing.T) {
	e := newACME(t, "")
	key, secret, err := e.acmeAdmin.CreateKey(
		e.ctx, e.c.ID, acme.NewKey{FriendlyName: "one", Allowed: []string{"*.example.com"}, MaxAccounts: 1},
	)
	if err != nil {
		t.Fatal(err)
	}
	mac, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 12 {
		c := e.stranger(t)
		r := c.post("new-account", map[string]any{"externalAccountBinding": c.eab(key.ID, mac)})
		if n == 11 {
			c.want("the twelfth account of an hour", r, 429, "rateLimited")
			break
		}
		c.kid = c.ok(r, 201).location()
		c.ok(c.post(c.kid, map[string]any{"status": "deactivated"}), 200)
	}
}

// TestASubscriptionIsNoPost: by a plain POST, a subscription would wait for an event with the rights of its beginning, and count as no
// stream.
func TestASubscriptionIsNoPost(t *testing.T) {
	a, m := inProcess(t)
	actor := rbac.ActorFrom(colleague(t, a, m, "olga", rbac.Owners))
	got := a.ask(
		t, actor, `subscription($p: ID!) { auditEvents(partitionId: $p, after: 0) { sequence } }`, map[string]any{"p": m.Partition.ID},
	)
	if got.code() != "INVALID" || got.Data != nil {
		t.Errorf("a subscription by POST: %v %v", got.Errors, got.Data)
	}
}

// TestKeysOfDelegatesAreNotUsedAfterTheirTime: the job that destroys a key may be late, as when the key store is away.
func TestKeysOfDelegatesAreNotUsedAfterTheirTime(t *testing.T) {
	l := newLife(t)
	c := l.find("issuing-1")
	const purpose = delegate.Purpose("TEST_RA")
	for id, until := range map[string]time.Time{"over": l.app.now(), "kept": l.app.now().Add(time.Hour)} {
		d := &delegate.Delegate{
			KeyStore: c.KeyStore, KeyID: id, CAID: c.ID, KeyGeneration: 99, Purpose: purpose, Status: delegate.Superseded,
			Certificate: []byte("x"), NotAfter: until, KeepUntil: &until}
		if err := l.app.store.Tx(l.ctx, func(ctx context.Context) error { return l.app.store.DB(ctx).Create(d).Error }); err != nil {
			t.Fatal(err)
		}
	}
	list, err := l.app.delegates.Usable(l.ctx, c.ID, purpose)
	if err != nil || len(list) != 1 || list[0].KeyID != "kept" {
		t.Errorf("%d can be used, %v", len(list), err)
	}
}

// TestSecretsEndWithTheirConfiguration: a deleted configuration is kept for the story of its certificates; its secrets are no part of
// that.
func TestSecretsEndWithTheirConfiguration(t *testing.T) {
	b := newBench(t)
	b.choose(acmeProfile)
	withTelegraph(b.App)
	made, err := b.configurations.Create(b.ctx, protocolconfig.Request{PartitionID: b.partition, Identifier: "wire", Type: telegraph,
		Offerings: protocolconfig.One(b.ca.ID, acmeProfile), Settings: `{"password": "correct horse battery"}`})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.configurations.Delete(b.ctx, made.ID, "wire"); err != nil {
		t.Fatal(err)
	}
	var n int64
	if err := b.store.DB(b.ctx).Table("protocol_secrets").Where("configuration_id = ?", made.ID).Count(&n).Error; err != nil || n != 0 {
		t.Errorf("%d secrets are left, %v", n, err)
	}
}

// TestUploadsOfAPartitionAreBounded: however many API tokens its people make, the files of a partition take a bounded space, and those
// that arrive slowly leave room for others.
func TestUploadsOfAPartitionAreBounded(t *testing.T) {
	a, m := inProcess(t)
	as := func(id, partition string) context.Context {
		return rbac.WithActor(t.Context(), &rbac.Actor{Kind: rbac.TokenActor, ID: id, Name: id, Service: true,
			Grants: map[string][]rbac.Role{partition: {rbac.CertificateAdministrators}}})
	}
	kept := 0
	for n := range 30 {
		_, err := a.bulk.Receive(as(fmt.Sprint("token-", n), m.Partition.ID), m.Partition.ID, bulk.Revoke, strings.NewReader("00ff"))
		if err == nil {
			kept++
		} else if !fault.Is(err, fault.TooManyRequests) {
			t.Fatal(err)
		}
	}
	if kept > 20 {
		t.Errorf("%d files are kept", kept)
	}
	ahead.Add(int64(16 * time.Minute))
	if _, err := a.bulk.Receive(as("token-x", m.Partition.ID), m.Partition.ID, bulk.Revoke, strings.NewReader("00ff")); err != nil {
		t.Errorf("once they have expired: %v", err)
	}

	// Bodies that do not end.
	h := &upload.Handler{Bulk: a.bulk, Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
		w.WriteHeader(protocols.HTTPStatus(fault.Of(err).Kind))
	}}
	send := func(ctx context.Context, partition string, body io.Reader) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/upload?kind=REVOKE&partition="+partition, body).WithContext(ctx))
		return w.Code
	}
	var slow sync.WaitGroup
	defer slow.Wait()
	for n := range 16 {
		begun, refused := make(chan struct{}), make(chan struct{})
		reader, writer := io.Pipe()
		defer writer.Close()
		slow.Go(func() {
			if send(as(fmt.Sprint("slow-", n), m.Partition.ID), m.Partition.ID, reader) == http.StatusTooManyRequests {
				close(refused)
			}
		})
		go func() {
			_, _ = writer.Write([]byte("0"))
			close(begun)
		}()
		select {
		case <-begun:
		case <-refused:
		}
	}
	if status := send(as("other", "sub-other"), "sub-other", strings.NewReader("00ff")); status == http.StatusTooManyRequests {
		t.Errorf("another partition has no room: %d", status)
	}
}

// TestWhatFitsNoPathOfTheMutualListenerIsRefused: a request need not have a path that begins with a slash.
func TestWhatFitsNoPathOfTheMutualListenerIsRefused(t *testing.T) {
	a, _ := inProcess(t)
	handlers, err := a.handlers()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"CONNECT example.com:443", "OPTIONS *", "GET /", "GET //", "GET /../x", "GET /CAGW/v1", "PUT //cagw/v1", "GET /cagw/../x",
		"GET /x/../cagw",
	} {
		method, target, _ := strings.Cut(line, " ")
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: example.com\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr, r.TLS = "192.0.2.1:1", &tls.ConnectionState{}
		w := httptest.NewRecorder()
		handlers["mtls"].ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), `"cagw-4010"`) {
			t.Errorf("%s: %d %s", line, w.Code, w.Body)
		}
	}
}

// TestUploadsNeedTheConsolesOwnPage: a session cookie alone is what a foreign page has.
func TestUploadsNeedTheConsolesOwnPage(t *testing.T) {
	a, m := inProcess(t)
	for label, more := range map[string][]string{
		"no header of ours": nil, "a foreign page": {"X-Requested-With", "x", "Origin", "https://evil.example"},
		"as a WebSocket": {
			"Upgrade", "websocket", "Origin", "https://evil.example",
		}, "as a WebSocket of nowhere": {"Upgrade", "websocket", "Connection", "Upgrade"}} {
		for _, path := range []string{"/upload?kind=REVOKE&partition=" + m.Partition.ID, "/graphql"} {
			header := append([]string{
				"Cookie", sessionCookie + "=made-up", "Content-Type", "application/json", "Accept", "text/event-stream",
			}, more...)
			response, text := send(t, clientAt("127.0.0.1"), "POST", a.cfg.BaseURL+path, strings.NewReader("00ff"), header...)
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %s: %d %s", label, path, response.StatusCode, text)
			}
		}
	}
}

// TestARequestThatWaitsGetsNoMoreThanWasOffered: those who approve see until when the certificate would be valid; whoever may change
// the offering meanwhile cannot have it valid for longer.
func TestARequestThatWaitsGetsNoMoreThanWasOffered(t *testing.T) {
	s := newApprovals(t, rule(approval.Issue, 1))
	withTelegraph(s.App)
	if _, err := s.cas.SelectProfiles(s.alice, s.issuing.ID, []string{acmeProfile}); err != nil {
		t.Fatal(err)
	}
	c, err := s.configurations.Create(s.alice, protocolconfig.Request{PartitionID: s.m.Partition.ID, Identifier: "wire", Type: telegraph,
		Offerings: []protocolconfig.OfferingRequest{
			{CAID: s.issuing.ID, ProfileID: acmeProfile, Rules: protocolconfig.Rules{MaxValidityHours: 144}},
		}})
	if err != nil {
		t.Fatal(err)
	}
	begin := s.now().Truncate(time.Second)
	_, err = s.issue(rbac.WithActor(t.Context(), s.configurations.Actor(c, "192.0.2.7", "r")), acmeProfile, "waits.example")
	id := s.needed(err)
	if _, err := s.configurations.UpdateOffering(
		s.alice, c.Offerings[0].ID, protocolconfig.OfferingChange{Rules: &protocolconfig.Rules{}},
	); err != nil {
		t.Fatal(err)
	}
	s.approve(id, s.bob)
	done := s.becomes(id, approval.Done)
	made, err := s.certificates.Get(s.alice, done.ObjectID)
	if err != nil {
		t.Fatal(err)
	}
	if made.NotAfter.Sub(begin) > 144*time.Hour+time.Minute {
		t.Errorf("valid until %s: %s", made.NotAfter, made.NotAfter.Sub(begin))
	}
}

// TestAProfileThatChangesWhileARequestWaits: the approver has seen other rules, so nothing is issued under the new ones.
func TestAProfileThatChangesWhileARequestWaits(t *testing.T) {
	s := newApprovals(t, rule(approval.Issue, 1))
	p, err := s.profiles.Clone(s.alice, s.m.Partition.ID, "privatessl-tls-server", "ours", profiles.Draft{Name: "Ours"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.cas.SelectProfiles(s.alice, s.issuing.ID, []string{"ours"}); err != nil {
		t.Fatal(err)
	}
	_, err = s.issue(s.alice, "ours", "waits.example")
	id := s.needed(err)
	changed := *p.Profile
	changed.ValidityPeriod = "P9Y"
	draft := profiles.Draft{JSON: string(changed.JSON())}
	if _, err := s.profiles.Update(s.alice, s.m.Partition.ID, p.ID, p.Version, draft, "a test"); err != nil {
		t.Fatal(err)
	}
	s.approve(id, s.bob)
	if done := s.becomes(id, approval.Failed); !strings.Contains(done.Reason, "has changed since") {
		t.Errorf("%+v", done)
	}
}

// TestNothingIsIssuedByAnOfferingThatIsGone: a client was let in before the offering was removed or changed, by this server or by one
// that has not heard of it.
func TestNothingIsIssuedByAnOfferingThatIsGone(t *testing.T) {
	const second = "privatessl-tls-client-server-supply-san"
	b := newBench(t)
	b.choose(acmeProfile, second)
	for label, end := range map[string]func(*protocolconfig.Configuration) error{
		"removed": func(c *protocolconfig.Configuration) error {
			_, err := b.configurations.RemoveOffering(b.ctx, c.Offerings[0].ID)
			return err
		},
		"changed": func(c *protocolconfig.Configuration) error {
			_, err := b.configurations.UpdateOffering(b.ctx, c.Offerings[0].ID, protocolconfig.OfferingChange{ProfileID: new(second)})
			return err
		},
		"disabled": func(c *protocolconfig.Configuration) error {
			_, err := b.configurations.Disable(b.ctx, c.ID)
			return err
		},
		"deleted": func(c *protocolconfig.Configuration) error {
			_, err := b.configurations.Delete(b.ctx, c.ID, c.Identifier)
			return err
		},
	} {
		c := b.configure(label)
		c, err := b.configurations.AddOffering(b.ctx, c.ID, protocolconfig.OfferingRequest{CAID: b.ca.ID, ProfileID: second})
		if err != nil {
			t.Fatal(err)
		}
		client := b.client(c)
		if _, err := b.enrollment.Issue(client, b.request(acmeProfile, label+".example").Request()); err != nil {
			t.Fatal(err)
		}
		if err := end(c); err != nil {
			t.Fatal(err)
		}
		if _, err := b.enrollment.Issue(client, b.request(acmeProfile, label+".example").Request()); !fault.Is(err, fault.PolicyRefused) {
			t.Errorf("%s: %v", label, err)
		}
	}
}
