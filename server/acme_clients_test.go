package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	client "golang.org/x/crypto/acme"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// finalize sends a request for the names of an order.
func (c *rawACME) finalize(o map[string]any, names ...string) *reply {
	c.t.Helper()
	der, _ := newCSR(c.t, "", names...)
	return c.post(o["finalize"].(string), map[string]any{"csr": b64(der)})
}

func (c *rawACME) leaf(url string) *x509.Certificate {
	c.t.Helper()
	block, _ := pem.Decode(c.ok(c.post(url, nil), 200).body)
	return mustParse(c.t, block.Bytes)
}

// TestACMEKeepsTheOrderOfNames: the first name that the client gives is the end entity and the common name, and none of its names may
// be of a deactivated end entity.
func TestACMEKeepsTheOrderOfNames(t *testing.T) {
	e := newACME(t, "")
	c := e.raw(t, allNames)
	_, o := c.order("www.example.com", "api.example.com", "10.1.2.3", "WWW.example.com")
	if got := fmt.Sprint(o["identifiers"]); got != "[map[type:dns value:www.example.com] map[type:dns value:api.example.com] "+
		"map[type:ip value:10.1.2.3]]" {
		t.Errorf("identifiers %s", got)
	}
	leaf := c.leaf(c.ok(c.finalize(o, "10.1.2.3", "api.example.com", "www.example.com"), 200).object()["certificate"].(string))
	if leaf.Subject.CommonName != "www.example.com" {
		t.Errorf("common name %s", leaf.Subject.CommonName)
	}
	entity := func(identifier string) *endentity.EndEntity {
		list, err := e.endEntities.List(e.ctx, e.m.Partition.ID, endentity.Filter{Search: identifier}, page.Request{First: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list.Nodes {
			if one.Identifier == identifier {
				return one
			}
		}
		return nil
	}
	www := entity("www.example.com")
	if www == nil || entity("api.example.com") != nil {
		t.Fatalf("end entities %v %v", www, entity("api.example.com"))
	}
	// Deactivated: wherever its name stands in the order, and also when that happens after the order.
	_, before := c.order("api.example.com", "www.example.com")
	if _, err := e.endEntities.Deactivate(e.ctx, www.ID); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"www.example.com"}, {"api.example.com", "www.example.com"},
		{"zzz.example.com", "*.www.example.com", "www.example.com"}} {
		c.want(
			fmt.Sprint("an order with a deactivated end entity: ", names), c.post("new-order", identifiers(names...)), 403, "unauthorized",
		)
	}
	c.want("finalizing for a deactivated end entity", c.finalize(before, "www.example.com", "api.example.com"), 403, "unauthorized")
	c.order("api.example.com")

	// The same names in another order are the same names for renewal.
	_, first := c.order("m.example.com", "n.example.com")
	c.ok(c.finalize(first, "m.example.com", "n.example.com"), 200)
	_, second := c.order("n.example.com", "m.example.com")
	c.ok(c.finalize(second, "m.example.com", "n.example.com"), 200)
	var names []string
	if err := e.store.DB(e.ctx).Model(&acme.Order{}).Distinct("names").
		Where("identifiers LIKE '%m.example.com%' AND identifiers LIKE '%n.example.com%' AND status = 'valid'").
		Pluck("names", &names).Error; err != nil || len(names) != 1 {
		t.Errorf("%v %v", names, err)
	}
}

// TestACMERefusesEarly: what would be refused at the end is refused before the client proves anything, and how long to wait is as it is.
func TestACMERefusesEarly(t *testing.T) {
	e := newACME(t, `{"ordersPerHour": 3}`)
	t.Cleanup(func() { ahead.Store(0) })
	issuer, err := e.cas.Get(e.ctx, e.c.Offerings[0].CAID)
	if err != nil {
		t.Fatal(err)
	}
	c := e.raw(t, allNames)
	order := func(notAfter time.Time) *reply {
		request := identifiers("a.example.com")
		request["notAfter"] = notAfter.UTC().Format(time.RFC3339)
		return c.post("new-order", request)
	}
	for what, at := range map[string]time.Time{"a notAfter in the past": e.now().Add(-time.Hour),
		"a notAfter after the CA's end": issuer.NotAfter.Add(time.Hour),
		"a notAfter beyond all time": time.Date(9999, 12, 31, 23, 59, 59, 0,
			time.UTC)} {
		if r := c.want(what, order(at), 400, "malformed"); !strings.Contains(r.Detail, "CA") && !strings.Contains(r.Detail, "past") {
			t.Errorf("%s: %s", what, r.Detail)
		}
	}
	end := e.now().AddDate(0, 0, 20).UTC().Truncate(time.Second)
	o := c.ok(order(end), 201).object()
	if leaf := c.leaf(c.ok(c.finalize(o, "a.example.com"), 200).object()["certificate"].(string)); !leaf.NotAfter.Equal(end) {
		t.Errorf("ends %s, not %s", leaf.NotAfter, end)
	}
	// A request in PEM or base64 is not what the RFC asks for.
	der, _ := newCSR(t, "", "a.example.com")
	_, o = c.order("a.example.com")
	for what, text := range map[string][]byte{"PEM": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		"base64": []byte(base64.StdEncoding.EncodeToString(der)), "a byte-order mark": append([]byte("\xef\xbb\xbf"), der...)} {
		c.want(what+" as csr", c.post(o["finalize"].(string), map[string]any{"csr": b64(text)}), 400, "badCSR")
	}
	c.ok(c.finalize(o, "a.example.com"), 200)
	// Three orders an hour: the fourth is allowed an hour after the first.
	ahead.Add(int64(20 * time.Minute))
	c.order("a.example.com")
	ahead.Add(int64(10 * time.Minute))
	r := c.want("the fourth order of the hour", c.post("new-order", identifiers("a.example.com")), 429, "rateLimited")
	if r.header.Get("Retry-After") != strconv.Itoa(30*60) {
		t.Errorf("Retry-After %s", r.header.Get("Retry-After"))
	}
	ahead.Add(int64(35 * time.Minute)) // orders are counted by their ids, which bear the time on the wall
	c.order("a.example.com")

	// The profile is no longer one of the CA: the order says so.
	if _, err := e.cas.UnselectProfiles(e.ctx, e.c.Offerings[0].CAID, []string{e.c.Offerings[0].ProfileID}); err != nil {
		t.Fatal(err)
	}
	if r := c.want("an order for a profile that the CA does not issue under", c.post("new-order", identifiers("a.example.com")), 403,
		"unauthorized"); !strings.Contains(r.Detail, e.c.Offerings[0].ProfileID) {
		t.Error(r.Detail)
	}
}

// TestACMEBindings: all MAC algorithms that a client is told of are accepted, and a deactivated account gives its place back.
func TestACMEBindings(t *testing.T) {
	e := newACME(t, "")
	for alg, by := range map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New} {
		c := e.stranger(t)
		kid, secret := e.rawKey(t, acme.NewKey{FriendlyName: strings.ToLower(alg)})
		bound := c.eab(kid, secret, header("alg", alg))
		m := hmac.New(by, secret)
		m.Write([]byte(bound["protected"].(string) + "." + bound["payload"].(string)))
		bound["signature"] = b64(m.Sum(nil))
		c.ok(c.post("new-account", map[string]any{"externalAccountBinding": bound}), 201)
	}
	// A key of before has 32 bytes, which is too short for the longer ones: it says what to do.
	c := e.stranger(t)
	kid, _ := e.rawKey(t, acme.NewKey{FriendlyName: "short"})
	short, err := e.acme.Sealer.Seal("acme external key", make([]byte, 32), []byte(kid))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.store.DB(e.ctx).Exec("UPDATE acme_external_keys SET secret = ? WHERE id = ?", short, kid).Error; err != nil {
		t.Fatal(err)
	}
	if r := c.want("HS384 with a short key", c.post("new-account", map[string]any{"externalAccountBinding": c.eab(kid, make([]byte, 32),
		header("alg", "HS384"))}), 400, "malformed"); !strings.Contains(r.Detail, "HS256") {
		t.Error(r.Detail)
	}
	c.ok(c.post("new-account", map[string]any{"externalAccountBinding": c.eab(kid, make([]byte, 32))}), 201)

	kid, secret := e.rawKey(t, acme.NewKey{FriendlyName: "one-place", MaxAccounts: 1})
	make := func() (*rawACME, *reply) {
		c := e.stranger(t)
		return c, c.post("new-account", map[string]any{"externalAccountBinding": c.eab(kid, secret)})
	}
	first, made := make()
	first.kid = first.ok(made, 201).location()
	second, refused := make()
	second.want("a second account", refused, 403, "unauthorized")
	first.ok(first.post(first.kid, map[string]any{"status": "deactivated"}), 200)
	first.want("deactivated twice", first.post(first.kid, map[string]any{"status": "deactivated"}), 401, "unauthorized")
	third, again := make()
	third.ok(again, 201)
	fourth, refused := make()
	fourth.want("one more account than its places", refused, 403, "unauthorized")
}

// TestACMEWaitsOutADisabledCA: a client of golang.org/x/crypto, as cert-manager uses it, is told at once that it should come later, and
// succeeds when the CA is enabled. Reading and revoking go on meanwhile.
func TestACMEWaitsOutADisabledCA(t *testing.T) {
	e := newACME(t, "")
	raw := e.raw(t, allNames)
	url, der, _ := raw.issue("old.example.com")
	orderURL, open := raw.order("open.example.com")
	c, _ := e.client(t, acme.NewKey{FriendlyName: "patient", Allowed: []string{"*.example.com"}, Preauthorized: true})
	if _, err := e.cas.Disable(e.ctx, e.c.Offerings[0].CAID); err != nil {
		t.Fatal(err)
	}
	r := raw.want("an order for a disabled CA", raw.post("new-order", identifiers("new.example.com")), 503, "serverInternal")
	if r.header.Get("Retry-After") != "60" || !strings.Contains(r.Detail, "disabled") {
		t.Errorf("%s %s", r.header.Get("Retry-After"), r.Detail)
	}
	raw.want("finalizing with a disabled CA", raw.finalize(open, "open.example.com"), 503, "serverInternal")
	if v := raw.ok(raw.post(orderURL, nil), 200).object(); v["status"] != "ready" {
		t.Errorf("the order is %v", v)
	}
	raw.ok(raw.post(url, nil), 200)
	raw.ok(raw.post("revoke-cert", map[string]any{"certificate": b64(der)}), 200)

	enabled := make(chan error, 1)
	waited := 0
	c.RetryBackoff = func(n int, _ *http.Request, answer *http.Response) time.Duration {
		if answer.StatusCode == 503 && answer.Header.Get("Retry-After") == "60" {
			if waited++; waited == 2 {
				_, err := e.cas.Enable(e.ctx, e.c.Offerings[0].CAID)
				enabled <- err
			}
		}
		return time.Millisecond // as if it were a minute
	}
	order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs("patient.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-enabled:
		if err != nil || waited != 2 {
			t.Fatalf("waited %d times: %v", waited, err)
		}
	default:
		t.Fatal("the client was not told to wait")
	}
	request, _ := newCSR(t, "", "patient.example.com")
	if _, _, err := c.CreateOrderCert(t.Context(), order.FinalizeURL, request, true); err != nil {
		t.Fatal(err)
	}
	raw.ok(raw.finalize(open, "open.example.com"), 200)

	// A disabled configuration is the same; one whose CA is deleted still serves what there is.
	url, der, _ = raw.issue("there.example.com")
	if _, err := e.configurations.Disable(e.ctx, e.c.ID); err != nil {
		t.Fatal(err)
	}
	r = raw.want("an order by a disabled configuration", raw.post("new-order", identifiers("new.example.com")), 503, "serverInternal")
	if r.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	s := e.stranger(t)
	kid, secret := e.rawKey(t, acme.NewKey{FriendlyName: "late"})
	s.want(
		"an account of a disabled configuration", s.post("new-account", map[string]any{"externalAccountBinding": s.eab(kid, secret)}), 503,
		"serverInternal")
	raw.ok(raw.post(url, nil), 200)
	raw.ok(raw.post("revoke-cert", map[string]any{"certificate": b64(der)}), 200)
	if _, err := e.configurations.Enable(e.ctx, e.c.ID); err != nil {
		t.Fatal(err)
	}
	url, der, _ = raw.issue("last.example.com")
	if _, err := e.cas.Delete(e.ctx, e.c.Offerings[0].CAID, "issuing-rsa"); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(3 * time.Second))
	t.Cleanup(func() { ahead.Store(0) })
	raw.want("an order for a deleted CA", raw.post("new-order", identifiers("new.example.com")), 403, "unauthorized")
	raw.ok(raw.post(url, nil), 200)
	raw.ok(raw.post("revoke-cert", map[string]any{"certificate": b64(der)}), 200)
}

// TestACMEWaitsForApproval: an order that others are to approve is processing until they have decided, then valid or invalid.
func TestACMEWaitsForApproval(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { waitsForApproval(t, newACME(t, "")) })
	t.Run("postgres", func(t *testing.T) { waitsForApproval(t, newACMEOn(t, storetest.Postgres(t), "")) })
}

func waitsForApproval(t *testing.T, e *acmeEstate) {
	t.Cleanup(func() { ahead.Store(0) })
	s := &approvals{T: t, App: e.App, m: e.m, alice: colleague(t, e.App, e.m, "alice", rbac.Owners),
		bob: colleague(t, e.App, e.m, "bob", rbac.Owners), carol: colleague(t, e.App, e.m, "carol", rbac.CertificateAdministrators)}
	if _, err := e.approvals.SetRules(s.alice, approval.Change{PartitionID: e.m.Partition.ID,
		Rules: []*approval.Rule{rule(approval.Issue, 1, e.c.Offerings[0].ProfileID)}}); err != nil {
		t.Fatal(err)
	}
	// Bob made the key: he answers for what its accounts order, and does not approve that himself.
	c := e.stranger(t)
	key, secret, err := e.acmeAdmin.CreateKey(s.bob, e.c.ID, acme.NewKey{FriendlyName: "all", Allowed: []string{"*.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.store.DB(e.ctx).Exec("UPDATE acme_external_keys SET preauthorized = ? WHERE id = ?", true, key.ID).Error; err != nil {
		t.Fatal(err)
	}
	mac, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	c.kid = c.ok(c.post("new-account", map[string]any{"externalAccountBinding": c.eab(key.ID, mac)}), 201).location()

	waiting := func(name string) (url, finalize string, csr []byte, id string) {
		t.Helper()
		url, o := c.order(name)
		csr, _ = newCSR(t, "", name)
		finalize = o["finalize"].(string)
		r := c.ok(c.post(finalize, map[string]any{"csr": b64(csr)}), 200)
		if v := r.object(); v["status"] != "processing" || v["certificate"] != nil || r.header.Get("Retry-After") != "5" ||
			r.location() != url {
			t.Fatalf("%v %v", v, r.header)
		}
		var w acme.Waiting
		if err := e.store.DB(e.ctx).Take(&w, "order_id = ?", url[strings.LastIndex(url, "/")+1:]).Error; err != nil {
			t.Fatal(err)
		}
		return url, finalize, csr, w.ApprovalID
	}
	url, finalize, csr, id := waiting("a.example.com")
	asked := s.find(id)
	if asked.RequestedBy != "acme:acme-test" || asked.State != approval.Pending ||
		!strings.Contains(fmt.Sprint(asked.Facts), "CN=a.example.com") {
		t.Errorf("%+v", asked)
	}
	// Sent again, it is the same; another request is refused; and who waits for long asks seldom.
	if v := c.ok(c.post(finalize, map[string]any{"csr": b64(csr)}), 200).object(); v["status"] != "processing" {
		t.Errorf("%v", v)
	}
	other, _ := newCSR(t, "", "a.example.com")
	c.want("another request for an order that waits", c.post(finalize, map[string]any{"csr": b64(other)}), 403, "orderNotReady")
	var waits int64
	if err := e.store.DB(e.ctx).Model(&approval.Request{}).Where("state = ?", approval.Pending).Count(&waits).Error; err != nil ||
		waits != 1 {
		t.Errorf("%d requests wait: %v", waits, err)
	}
	ahead.Add(int64(30 * time.Minute))
	if r := c.ok(c.post(url, nil), 200); r.header.Get("Retry-After") != "225" || r.object()["status"] != "processing" {
		t.Errorf("%s %s", r.header.Get("Retry-After"), r.body)
	}
	if _, err := e.approvals.Approve(s.bob, id, ""); err == nil {
		t.Error("who made the key approved what it orders")
	}
	s.approve(id, s.alice)
	s.becomes(id, approval.Done)
	done := c.ok(c.post(url, nil), 200).object()
	if done["status"] != "valid" {
		t.Fatalf("%v", done)
	}
	leaf := c.leaf(done["certificate"].(string))
	sent, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		t.Fatal(err)
	}
	if string(leaf.RawSubjectPublicKeyInfo) != string(sent.RawSubjectPublicKeyInfo) || leaf.Subject.CommonName != "a.example.com" {
		t.Errorf("%s", leaf.Subject)
	}
	if v := c.ok(c.post(finalize, map[string]any{"csr": b64(csr)}), 200).object(); v["status"] != "valid" {
		t.Errorf("%v", v)
	}

	// What the release before has kept was the text of the request: it is carried out after the upgrade.
	old, _, csr, id := waiting("old.example.com")
	payload := fmt.Sprintf(`{"OrderID":%q,"SHA256":%q,"Request":{"CAID":%q,"ProfileID":%q,"CSR":%q,"Subject":"CN=old.example.com",`+
		`"SANs":[{"Type":"DNS_NAME","Value":"old.example.com"}],"SANsGiven":true,"NotAfter":null,"Extensions":null,"EndEntity":"old.example.com"}}`,
		old[strings.LastIndex(old, "/")+1:], fmt.Sprintf("%x", sha256.Sum256(csr)), e.c.Offerings[0].CAID, e.c.Offerings[0].ProfileID,
		base64.StdEncoding.EncodeToString(csr))
	s.keptAs(id, payload)
	s.approve(id, s.alice)
	s.becomes(id, approval.Done)
	if v := c.ok(c.post(old, nil), 200).object(); v["status"] != "valid" ||
		c.leaf(v["certificate"].(string)).Subject.CommonName != "old.example.com" {
		t.Errorf("%v", v)
	}

	// Rejected, expired, or no longer possible: invalid, with the reason.
	rejected, _, _, id := waiting("b.example.com")
	if _, err := e.approvals.Reject(s.carol, id, "not ours"); err != nil {
		t.Fatal(err)
	}
	if v := c.ok(c.post(rejected, nil), 200).object(); v["status"] != "invalid" || !strings.Contains(fmt.Sprint(v["error"]), "rejected") ||
		strings.Contains(fmt.Sprint(v["error"]), "not ours") {
		t.Errorf("%v", v)
	}
	failed, _, _, id := waiting("c.example.com")
	if _, err := e.acmeAdmin.RevokeKey(s.bob, key.ID); err != nil {
		t.Fatal(err)
	}
	s.approve(id, s.alice)
	s.becomes(id, approval.Failed)
	if v := c.ok(c.post(failed, nil), 200).object(); v["status"] != "invalid" ||
		!strings.Contains(fmt.Sprint(v["error"]), "external account key has ended") {
		t.Errorf("%v", v)
	}
	if err := e.store.DB(e.ctx).Exec("UPDATE acme_external_keys SET revoked_at = NULL WHERE id = ?", key.ID).Error; err != nil {
		t.Fatal(err)
	}
	ended, _, _, id := waiting("d.example.com")
	if v := c.ok(c.post(ended, nil), 200).object(); v["expires"].(string) < s.find(id).ExpiresAt.UTC().Format(time.RFC3339) {
		t.Errorf("the order expires before the request: %v", v)
	}
	ahead.Add(int64(25 * time.Hour))
	c.nonce = ""
	s.becomes(id, approval.Expired)
	if v := c.ok(c.post(ended, nil), 200).object(); v["status"] != "invalid" || !strings.Contains(fmt.Sprint(v["error"]), "expired") {
		t.Errorf("%v", v)
	}
	// A disabled CA is waited for.
	paused, _, _, id := waiting("e.example.com")
	if _, err := e.cas.Disable(e.ctx, e.c.Offerings[0].CAID); err != nil {
		t.Fatal(err)
	}
	s.approve(id, s.alice)
	e.jobs.RunDue(e.ctx)
	if r := s.find(id); r.State != approval.Approved {
		t.Errorf("%s %s", r.State, r.Reason)
	}
	if _, err := e.cas.Enable(e.ctx, e.c.Offerings[0].CAID); err != nil {
		t.Fatal(err)
	}
	s.becomes(id, approval.Done)
	if v := c.ok(c.post(paused, nil), 200).object(); v["status"] != "valid" {
		t.Errorf("%v", v)
	}
	// So is one that is changed again and again while it signs.
	busy, _, _, id := waiting("g.example.com")
	var changes atomic.Bool
	whenSigned(t, e.App, func() {
		if changes.Load() {
			if err := e.store.DB(e.ctx).Exec(
				"UPDATE certification_authorities SET version = version + 1 WHERE id = ?", e.c.Offerings[0].CAID,
			).Error; err != nil {
				t.Error(err)
			}
		}
	})
	changes.Store(true)
	s.approve(id, s.alice)
	e.jobs.RunDue(e.ctx)
	if r := s.find(id); r.State != approval.Approved {
		t.Errorf("%s %s", r.State, r.Reason)
	}
	if v := c.ok(c.post(busy, nil), 200).object(); v["status"] != "processing" {
		t.Errorf("%v", v)
	}
	changes.Store(false)
	s.becomes(id, approval.Done)
	if v := c.ok(c.post(busy, nil), 200).object(); v["status"] != "valid" {
		t.Errorf("%v", v)
	}
	// An account that ends takes its orders with it, whatever others decide.
	gone, _, _, id := waiting("f.example.com")
	c.ok(c.post(c.kid, map[string]any{"status": "deactivated"}), 200)
	s.approve(id, s.alice)
	s.becomes(id, approval.Failed)
	var last acme.Order
	if err := e.store.DB(e.ctx).Take(&last, "id = ?", gone[strings.LastIndex(gone, "/")+1:]).Error; err != nil ||
		last.Status != acme.Invalid || last.CertificateID != nil {
		t.Errorf("%+v %v", last, err)
	}
	if v, err := e.audit.Verify(s.alice, e.m.Partition.ID); err != nil || v.BrokenAt != 0 {
		t.Errorf("the audit chain: %+v %v", v, err)
	}
}

// TestACMEChainsAfterARootIsRenewed: hosts that trust only the old root verify the usual chain as long as that root is valid, hosts that
// trust only the new one do so with an alternate at least.
func TestACMEChainsAfterARootIsRenewed(t *testing.T) {
	e := newACME(t, "")
	t.Cleanup(func() { ahead.Store(0) })
	c := e.raw(t, allNames)
	certificate := func(identifier string) *ca.CertificationAuthority {
		found, err := e.cas.ByIdentifier(e.ctx, e.m.Partition.ID, identifier)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	renew := func(identifier string) *ca.CertificationAuthority {
		before := certificate(identifier)
		if _, err := e.cas.Renew(e.ctx, before.ID, ca.NewKey, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, identifier+" is renewed", func() error {
			if now := certificate(identifier); now.KeyGeneration != before.KeyGeneration+1 {
				return errors.New(now.RenewalFailure)
			}
			return nil
		})
		ahead.Add(int64(3 * time.Second)) // chains are kept for two
		return certificate(identifier)
	}
	chains := func(url string) (all [][]*x509.Certificate) {
		r := c.ok(c.post(url, nil), 200)
		for _, link := range append([]string{""}, r.header.Values("Link")...) {
			text := r.body
			if link != "" {
				alternate, ok := strings.CutSuffix(link, `>;rel="alternate"`)
				if !ok {
					continue
				}
				text = c.ok(c.post(strings.TrimPrefix(alternate, "<"), nil), 200).body
			}
			var chain []*x509.Certificate
			for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
				chain = append(chain, mustParse(t, block.Bytes))
			}
			all = append(all, chain)
		}
		return all
	}
	verifies := func(chain []*x509.Certificate, root *ca.CertificationAuthority) bool {
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(mustParse(t, root.Certificate))
		for _, one := range chain[1:] {
			between.AddCert(one)
		}
		_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: e.now(),
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err == nil
	}
	any := func(all [][]*x509.Certificate, root *ca.CertificationAuthority) bool {
		for _, chain := range all {
			if verifies(chain, root) {
				return true
			}
		}
		return false
	}
	first := certificate("root-1")
	before, _, _ := c.issue("before.example.com")
	second := renew("root-1")
	all := chains(before)
	if !verifies(all[0], first) || !any(all, second) || len(all) != 2 {
		t.Errorf("issued before: %d chains, old root %v, new root %v", len(all), verifies(all[0], first), any(all, second))
	}
	renew("issuing-rsa")
	after, _, _ := c.issue("after.example.com")
	all = chains(after)
	if !verifies(all[0], first) || !verifies(all[0], second) || len(all[0]) != 3 || len(all) != 2 || len(all[1]) != 2 {
		t.Errorf("issued after: %d chains of %d, old root %v, new root %v", len(all), len(all[0]), verifies(all[0], first),
			verifies(all[0], second))
	}
	third := renew("root-1")
	renew("issuing-rsa")
	last, _, _ := c.issue("last.example.com")
	if all = chains(last); !verifies(all[0], first) || !verifies(all[0], second) || !verifies(all[0], third) {
		t.Error("two renewals on: the usual chain does not serve all roots")
	}
	if all = chains(before); !verifies(all[0], first) || !any(all, second) || !any(all, third) {
		t.Error("two renewals on: the first certificate has no chain to some root")
	}
	// The old root expires: the chain no longer leads to it.
	ahead.Add(int64(first.NotAfter.Sub(e.now()) + time.Hour))
	issuer, err := e.cas.Generation(context.Background(), e.c.Offerings[0].CAID, 3)
	if err != nil {
		t.Fatal(err)
	}
	ways, err := e.cas.Chains(context.Background(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range ways {
		if string(way[len(way)-1]) == string(first.Certificate) {
			t.Error("a chain to a root that has expired")
		}
	}
}
