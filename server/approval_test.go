package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

const guarded = "privatessl-tls-client-server"

// colleague is a person of the partition who is there in the database, signed in.
func colleague(t *testing.T, a *App, m *Manifest, id string, roles ...rbac.Role) context.Context {
	t.Helper()
	err := a.store.Tx(t.Context(), func(ctx context.Context) error {
		if err := a.store.DB(ctx).Create(
			&identity.User{ID: id, Email: id + "@example.com", Status: identity.Active, CreatedAt: a.now()},
		).Error; err != nil {
			return err
		}
		for _, r := range roles {
			if err := a.store.DB(ctx).Exec(
				"INSERT INTO role_grants (user_id, domain, role, created_at) VALUES (?, ?, ?, ?)", id, m.Partition.ID, r, a.now(),
			).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	actor, err := a.identity.CurrentActor(t.Context(), rbac.UserActor, id, id+"@example.com")
	if err != nil {
		t.Fatal(err)
	}
	actor.IPAddress = "192.0.2.7"
	return rbac.WithActor(context.Background(), actor)
}

// approvals is a partition in which alice and bob are Owners, carol and dave issue, and things need approval.
type approvals struct {
	*testing.T
	*App
	m                       *Manifest
	alice, bob, carol, dave context.Context
	issuing                 *ca.CertificationAuthority
}

func newApprovals(t *testing.T, rules ...*approval.Rule) *approvals {
	t.Helper()
	return newApprovalsOn(t, "", rules...)
}

func newApprovalsOn(t *testing.T, database string, rules ...*approval.Rule) *approvals {
	t.Helper()
	a, m := inProcessOn(t, database)
	t.Cleanup(func() { ahead.Store(0) })
	s := &approvals{T: t, App: a, m: m, alice: colleague(t, a, m, "alice", rbac.Owners), bob: colleague(t, a, m, "bob", rbac.Owners),
		carol: colleague(
			t, a, m, "carol", rbac.CertificateAdministrators,
		), dave: colleague(t, a, m, "dave", rbac.CertificateAdministrators)}
	var err error
	if s.issuing, err = a.cas.ByIdentifier(s.alice, m.Partition.ID, "issuing-1"); err != nil {
		t.Fatal(err)
	}
	if len(rules) > 0 {
		if _, err := a.approvals.SetRules(s.alice, approval.Change{PartitionID: m.Partition.ID, Rules: rules}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// needed is the request that the error says was made.
func (s *approvals) needed(err error) string {
	s.Helper()
	f := fault.Of(err)
	if err == nil || f.Kind != fault.ApprovalNeeded || f.ApprovalID == "" {
		s.Fatalf("no approval was asked for: %v", err)
	}
	return f.ApprovalID
}

func (s *approvals) find(id string) *approval.Request {
	s.Helper()
	r, err := s.approvals.Get(s.alice, id)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

func (s *approvals) becomes(id string, state approval.State) *approval.Request {
	s.Helper()
	var r *approval.Request
	eventually(s.T, "the request is "+string(state), func() error {
		if r = s.find(id); r.State != state {
			return fmt.Errorf("%s %s", r.State, r.Reason)
		}
		return nil
	})
	return r
}

func (s *approvals) approve(id string, by ...context.Context) {
	s.Helper()
	for _, ctx := range by {
		if _, err := s.approvals.Approve(ctx, id, ""); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *approvals) issue(ctx context.Context, profile, host string) (*enrollment.Issued, error) {
	s.Helper()
	csr, _ := request(s.T, host)
	return s.enrollment.Issue(ctx, intake.Text{CAID: s.issuing.ID, ProfileID: profile, CSR: csr}.Request())
}

func (s *approvals) actions(id string) (actions []string) {
	s.Helper()
	events, err := s.audit.List(s.alice, s.m.Partition.ID, audit.Filter{ObjectID: id}, page.Request{First: 100})
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range events.Nodes {
		actions = append(actions, e.Action)
	}
	slices.Reverse(actions)
	return actions
}

func (s *approvals) mails(to, subject string) (n int) {
	s.Helper()
	mails, err := s.mail.Outbox(rbac.WithActor(context.Background(), rbac.SystemActor()), page.Request{First: page.MaxFirst})
	if err != nil {
		s.Fatal(err)
	}
	for _, m := range mails.Nodes {
		if m.Recipient == to && strings.Contains(m.Subject, subject) {
			n++
		}
	}
	return n
}

func rule(o approval.Operation, needed int, profiles ...string) *approval.Rule {
	return &approval.Rule{Operation: o, Needed: needed, Hours: 24, ProfileIDs: profiles}
}

// TestIssuanceIsApproved: asked for by one, seen and approved by two others, carried out once as it was asked, and told
// in the story.
func TestIssuanceIsApproved(t *testing.T) {
	s := newApprovals(t)
	// A CA that is in use when the rule comes obeys it.
	if _, err := s.issue(s.carol, guarded, "before.example.com"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.approvals.SetRules(
		s.alice, approval.Change{PartitionID: s.m.Partition.ID, Rules: []*approval.Rule{rule(approval.Issue, 2, guarded)}},
	); err != nil {
		t.Fatal(err)
	}
	before := countCertificates(t, s.App)
	csr, _ := request(t, "www.example.com")
	ask := intake.Text{CAID: s.issuing.ID, ProfileID: guarded, CSR: csr, EndEntity: "www"}
	_, err := s.enrollment.Issue(s.carol, ask.Request())
	id := s.needed(err)
	if _, err := s.enrollment.Issue(s.carol, ask.Request()); s.needed(err) != id {
		t.Error("the same question became two requests")
	}
	if _, err := s.issue(s.carol, "privatessl-tls-server", "free.example.com"); err != nil {
		t.Errorf("a profile that no rule names: %v", err)
	}
	before++
	if _, err := s.issue(s.carol, "no-such", "x.example.com"); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("what is refused anyway: %v", err)
	}
	if countCertificates(t, s.App) != before {
		t.Error("it was issued without approval")
	}
	eventually(t, "those who can approve are written to", func() error {
		for to, want := range map[string]int{"alice": 1, "bob": 1, "dave": 1, "carol": 0} {
			if n := s.mails(to+"@example.com", "approval needed to issue a certificate to CN=www.example.com"); n != want {
				return fmt.Errorf("%s got %d mails", to, n)
			}
		}
		return nil
	})

	auditor, admin := colleague(t, s.App, s.m, "eve", rbac.CAAuditors), colleague(t, s.App, s.m, "adam", rbac.CAAdministrators)
	other := *rbac.ActorFrom(s.carol)
	other.SessionID = "another one"
	for who, ctx := range map[string]context.Context{
		"herself": s.carol, "herself in another session": rbac.WithActor(context.Background(), &other), "an auditor": auditor,
		"who may not issue": admin, "the system": rbac.WithActor(context.Background(), rbac.SystemActor()),
	} {
		if _, err := s.approvals.Approve(ctx, id, ""); !fault.Is(err, fault.PolicyRefused) && !fault.Is(err, fault.Forbidden) {
			t.Errorf("approved by %s: %v", who, err)
		}
		if may, err := s.approvals.MayDecide(ctx, s.find(id)); may || err != nil {
			t.Errorf("%s is told to be able to decide: %v", who, err)
		}
	}
	if n, err := s.approvals.Waiting(s.dave, s.m.Partition.ID); n != 1 || err != nil {
		t.Errorf("%d wait for dave: %v", n, err)
	}
	if n, err := s.approvals.Waiting(s.carol, s.m.Partition.ID); n != 0 || err != nil {
		t.Errorf("%d wait for carol: %v", n, err)
	}
	s.approve(id, s.dave)
	if _, err := s.approvals.Approve(s.dave, id, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("one person approved twice: %v", err)
	}
	if r := s.find(id); r.State != approval.Pending || countCertificates(t, s.App) != before {
		t.Fatalf("one of two was enough: %s", r.State)
	}
	s.approve(id, s.bob)
	done := s.becomes(id, approval.Done)
	if countCertificates(t, s.App) != before+1 {
		t.Fatal("not one certificate")
	}
	got := s.ask(
		t, rbac.ActorFrom(s.carol),
		`query($id: ID!) { approval(id: $id) { state objectKind facts { name value } votes { name approves } certificate { subject
			requestedBy endEntity { identifier } story { protocol ipAddress approval { id requestedBy votes { name } } } } } }`,
		map[string]any{"id": id},
	)
	text := fmt.Sprint(got.Data, got.Errors)
	for _, want := range []string{
		"DONE", "dave@example.com", "bob@example.com", "requestedBy:carol@example.com", "CN=www.example.com", "protocol:console",
		"identifier:www", "ipAddress:192.0.2.7", "approval:map[id:" + id,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the story does not say %q: %s", want, text)
		}
	}
	if want := []string{
		"approval.request", "approval.approve", "approval.approve", "approval.done",
	}; !slices.Equal(withoutRefusals(s, id), want) {
		t.Errorf("events %v", s.actions(id))
	}
	eventually(t, "who asked is told", func() error {
		if n := s.mails("carol@example.com", "your request to issue"); n != 1 {
			return fmt.Errorf("%d mails", n)
		}
		return nil
	})
	if _, err := s.approvals.Approve(s.alice, id, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("approved after it was done: %v", err)
	}
	// A server that died after the work repeats the job: nothing happens twice.
	if err := s.store.Tx(
		t.Context(), func(ctx context.Context) error { return s.jobs.Enqueue(ctx, approval.RunJob, id, s.now(), nil) },
	); err != nil {
		t.Fatal(err)
	}
	s.jobs.RunDue(t.Context())
	if countCertificates(t, s.App) != before+1 || s.find(id).ObjectID != done.ObjectID {
		t.Error("it was carried out twice")
	}

	// Ways in that cannot wait are refused, and nothing is kept of them.
	if _, err := s.approvals.SetRules(
		s.alice, approval.Change{PartitionID: s.m.Partition.ID, Rules: []*approval.Rule{rule(approval.Issue, 2)}},
	); err != nil {
		t.Fatalf("covering all profiles asks for more: %v", err)
	}
	_, err = s.enrollment.IssuePKCS12(s.carol, enrollment.PKCS12Request{Password: "a long password", KeyType: "ECDSA-P256",
		Request: intake.Text{
			CAID: s.issuing.ID, ProfileID: "smime-p12-key-encipherment", Subject: new("CN=x"),
			SANs: []intake.AlternativeName{{Type: "EMAIL", Value: "x@example.com"}},
		}.WithoutKey()})
	if !fault.Is(err, fault.PolicyRefused) || !strings.Contains(err.Error(), "approval") {
		t.Errorf("a key made here: %v", err)
	}
	many, err := s.bulk.PrepareIssuance(
		s.carol, bulk.IssuanceInput{PartitionID: s.m.Partition.ID, CAID: s.issuing.ID, ProfileID: guarded, CSV: base64Line(csr)},
	)
	if err != nil || many.Pending() != 0 {
		t.Errorf("bulk issuance under it: %+v %v", many, err)
	}
	if v, err := s.audit.Verify(s.alice, s.m.Partition.ID); err != nil || v.BrokenAt != 0 {
		t.Errorf("the audit chain: %+v %v", v, err)
	}
}

// withoutRefusals are the events of a request that say what became of it.
func withoutRefusals(s *approvals, id string) (actions []string) {
	events, err := s.audit.List(s.alice, s.m.Partition.ID, audit.Filter{ObjectID: id, Result: audit.Success}, page.Request{First: 100})
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range events.Nodes {
		actions = append(actions, e.Action)
	}
	slices.Reverse(actions)
	return actions
}

// TestTokensAndApprovals: rules bind tokens as well, a token never approves, and whoever made it does not approve what
// it asks for.
func TestTokensAndApprovals(t *testing.T) {
	s := newApprovals(t, rule(approval.Issue, 1, guarded))
	asToken := func(maker context.Context) context.Context {
		_, secret, err := s.identity.CreateToken(
			maker, identity.NewToken{PartitionID: s.m.Partition.ID, Name: "script", Role: rbac.Owners, ExpiresAt: s.now().Add(time.Hour)},
		)
		if err != nil {
			t.Fatal(err)
		}
		actor, err := s.identity.AuthenticateToken(context.Background(), secret)
		if err != nil {
			t.Fatal(err)
		}
		return rbac.WithActor(context.Background(), actor)
	}
	token := asToken(s.alice)
	_, err := s.issue(token, guarded, "a.example.com")
	id := s.needed(err)
	for who, ctx := range map[string]context.Context{
		"the token": token, "who made it": s.alice, "a token of somebody else": asToken(s.bob),
		"a token that the token made": asToken(token),
	} {
		if _, err := s.approvals.Approve(ctx, id, ""); !fault.Is(err, fault.PolicyRefused) {
			t.Errorf("approved by %s: %v", who, err)
		}
	}
	s.approve(id, s.dave)
	if r := s.becomes(id, approval.Done); r.ObjectID == "" {
		t.Error("nothing was made")
	}
	// What she asks for in person her token does not approve, nor does she what a token of her token asks for.
	_, err = s.issue(s.alice, guarded, "b.example.com")
	if _, err := s.approvals.Approve(token, s.needed(err), ""); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("approved by her token: %v", err)
	}
	_, err = s.issue(asToken(token), guarded, "c.example.com")
	last := s.needed(err)
	if _, err := s.approvals.Approve(s.alice, last, ""); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("approved by who is behind it: %v", err)
	}
	if _, err := s.approvals.Withdraw(s.alice, last); err != nil || s.find(last).State != approval.Withdrawn {
		t.Errorf("withdrawn by who is behind it: %v", err)
	}
}

// TestApprovalsEnd: by time, by a no, by being withdrawn, by a right lost meanwhile, by something altered.
func TestApprovalsEnd(t *testing.T) {
	s := newApprovals(t, rule(approval.Issue, 1, guarded))
	asked := func(host string) string {
		t.Helper()
		_, err := s.issue(s.carol, guarded, host)
		return s.needed(err)
	}
	before := countCertificates(t, s.App)
	none := func(what string, kind fault.Kind, err error) {
		t.Helper()
		if !fault.Is(err, kind) {
			t.Errorf("%s: %v", what, err)
		}
	}

	id := asked("rejected.example.com")
	_, err := s.approvals.Reject(s.dave, id, "")
	none("rejected without a reason", fault.Invalid, err)
	_, err = s.approvals.Reject(s.carol, id, "no")
	none("rejected by herself", fault.PolicyRefused, err)
	if r, err := s.approvals.Reject(s.dave, id, "wrong name"); err != nil || r.State != approval.Rejected || r.Reason != "wrong name" {
		t.Fatalf("%+v %v", r, err)
	}
	_, err = s.approvals.Approve(s.alice, id, "")
	none("approved after it was rejected", fault.Conflict, err)

	id = asked("withdrawn.example.com")
	_, err = s.approvals.Withdraw(s.dave, id)
	none("withdrawn by somebody else", fault.PolicyRefused, err)
	if _, err := s.approvals.Withdraw(s.carol, id); err != nil {
		t.Fatal(err)
	}
	_, err = s.approvals.Approve(s.dave, id, "")
	none("approved after it was withdrawn", fault.Conflict, err)

	id = asked("altered.example.com")
	if err := s.store.DB(t.Context()).Exec(
		"UPDATE approvals SET payload = replace(payload, ?, 'privatessl-tls-server') WHERE id = ?", guarded, id,
	).Error; err != nil {
		t.Fatal(err)
	}
	s.approve(id, s.dave)
	if r := s.becomes(id, approval.Failed); !strings.Contains(r.Reason, "altered") {
		t.Error(r.Reason)
	}

	id = asked("lost.example.com")
	if _, err := s.identity.RevokeRole(s.alice, s.m.Partition.ID, "carol", rbac.CertificateAdministrators); err != nil {
		t.Fatal(err)
	}
	s.approve(id, s.dave)
	if r := s.becomes(id, approval.Failed); r.Reason == "" {
		t.Error("no reason")
	}
	if _, err := s.identity.GrantRole(s.alice, s.m.Partition.ID, "carol", rbac.CertificateAdministrators); err != nil {
		t.Fatal(err)
	}

	id = asked("late.example.com")
	ahead.Store(int64(25 * time.Hour))
	if got := s.ask(
		t, rbac.ActorFrom(s.dave), `query($id: ID!) { approval(id: $id) { state mayDecide } }`, map[string]any{"id": id},
	); !strings.Contains(fmt.Sprint(got.Data), "state:EXPIRED") {
		t.Errorf("%v", got)
	}
	_, err = s.approvals.Approve(s.dave, id, "")
	none("approved too late", fault.Conflict, err)
	s.becomes(id, approval.Expired)
	if got := withoutRefusals(s, id); !slices.Contains(got, "approval.expire") {
		t.Errorf("events %v", got)
	}
	if n := countCertificates(t, s.App); n != before {
		t.Errorf("%d certificates were issued", n-before)
	}
}

// TestTwoApproveAtOnce: several people say yes in the same moment, and it is carried out once.
func TestTwoApproveAtOnce(t *testing.T) {
	s := newApprovals(t, rule(approval.Issue, 1, guarded))
	before := countCertificates(t, s.App)
	const requests = 4
	var ids []string
	for n := range requests {
		_, err := s.issue(s.carol, guarded, fmt.Sprintf("n%d.example.com", n))
		ids = append(ids, s.needed(err))
	}
	for _, id := range ids {
		var wg sync.WaitGroup
		results := make([]error, 3)
		for n, ctx := range []context.Context{s.alice, s.bob, s.dave} {
			wg.Go(func() { _, results[n] = s.approvals.Approve(ctx, id, "") })
		}
		wg.Wait()
		said := 0
		for _, err := range results {
			if err == nil {
				said++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		}
		if said != 1 {
			t.Errorf("%d people decided what one had to", said)
		}
	}
	for _, id := range ids {
		s.becomes(id, approval.Done)
	}
	if n := countCertificates(t, s.App); n != before+requests {
		t.Errorf("%d certificates for %d requests", n-before, requests)
	}
	// Carried out twice at once, as when a server takes over from one that still lives: recorded once.
	_, err := s.issue(s.carol, guarded, "twice.example.com")
	id := s.needed(err)
	r := s.find(id)
	verb := s.approvals.Verbs[r.Verb]
	s.approvals.Verbs[r.Verb] = func(ctx context.Context, payload []byte) error {
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for n := range errs {
			wg.Go(func() { errs[n] = verb(ctx, payload) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	s.approve(id, s.dave)
	s.becomes(id, approval.Done)
	if n := countCertificates(t, s.App); n != before+requests+1 {
		t.Errorf("carried out %d times", n-before-requests)
	}
}

// TestEveryOperationIsApproved: the other verbs, each left alone until another person said yes.
func TestEveryOperationIsApproved(t *testing.T) {
	s := newApprovals(t, rule(approval.CACreate, 1), rule(approval.CADelete, 1), rule(approval.BulkRevoke, 1), rule(approval.RoleChange, 1))
	p := s.m.Partition.ID
	parent, err := s.cas.ByIdentifier(s.alice, p, "root-1")
	if err != nil {
		t.Fatal(err)
	}
	ask := ca.Request{
		PartitionID: p, Type: ca.Issuing, Identifier: "wanted", FriendlyName: "Wanted", SigningAlgorithm: "ECDSAP256+SHA256",
		Subject: "CN=Wanted", ParentID: &parent.ID, ProfileIDs: []string{guarded},
	}
	taken := ask
	taken.Identifier = "issuing-1"
	if _, err := s.cas.Create(s.alice, taken); !fault.Is(err, fault.Conflict) {
		t.Errorf("nobody need approve what cannot be: %v", err)
	}
	_, err = s.cas.Create(s.alice, ask)
	id := s.needed(err)
	if _, err := s.cas.ByIdentifier(s.alice, p, "wanted"); !fault.Is(err, fault.NotFound) {
		t.Errorf("it is there already: %v", err)
	}
	if _, err := s.approvals.Approve(s.dave, id, ""); !fault.Is(err, fault.Forbidden) {
		t.Errorf("approved by who may not create CAs: %v", err)
	}
	s.approve(id, s.bob)
	made := s.becomes(id, approval.Done).ObjectID
	eventually(t, "the CA is made", func() error {
		c, err := s.cas.Get(s.alice, made)
		if err == nil && c.Status != ca.Active {
			err = errors.New(string(c.Status) + c.CreationFailure)
		}
		return err
	})
	_, err = s.cas.Delete(s.bob, made, "wanted")
	id = s.needed(err)
	if c, err := s.cas.Get(s.alice, made); err != nil || c.DeletedAt != nil {
		t.Fatalf("deleted: %v", err)
	}
	s.approve(id, s.alice)
	s.becomes(id, approval.Done)
	if c, err := s.cas.Get(s.alice, made); err != nil || c.DeletedAt == nil {
		t.Fatalf("not deleted: %v", err)
	}
	// What is no longer possible when it is approved fails with its reason.
	if _, err := s.cas.Restore(s.alice, made); err != nil {
		t.Fatal(err)
	}
	_, err = s.cas.Delete(s.alice, made, "wanted")
	first := s.needed(err)
	_, err = s.cas.Delete(s.bob, made, "wanted")
	second := s.needed(err)
	s.approve(first, s.bob)
	s.becomes(first, approval.Done)
	s.approve(second, s.alice)
	if r := s.becomes(second, approval.Failed); !strings.Contains(r.Reason, "already deleted") {
		t.Error(r.Reason)
	}

	leaf, err := s.issue(s.carol, guarded, "leaf.example.com")
	if err != nil {
		t.Fatal(err)
	}
	operation, err := s.bulk.PrepareRevocation(
		s.carol, bulk.RevocationInput{PartitionID: p, Reason: certificate.Superseded, Serials: leaf.Certificate.SerialNumber},
	)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.bulk.Start(s.carol, operation.ID)
	id = s.needed(err)
	if o, err := s.bulk.Get(s.carol, operation.ID); err != nil || o.State != bulk.Draft {
		t.Fatalf("%+v %v", o, err)
	}
	s.approve(id, s.dave)
	s.becomes(id, approval.Done)
	eventually(t, "it is revoked, for carol", func() error {
		if c := certificateBySerial(t, s.App, leaf.Certificate.SerialNumber); c.Status != certificate.Revoked {
			return errors.New(string(c.Status))
		}
		if o, err := s.bulk.Get(s.carol, operation.ID); err != nil || o.ActorName != "carol@example.com" {
			return fmt.Errorf("%+v %v", o, err)
		}
		return nil
	})

	roles := func(user string) []rbac.Role {
		actor, err := s.identity.CurrentActor(t.Context(), rbac.UserActor, user, user)
		if err != nil {
			t.Fatal(err)
		}
		return actor.RolesIn(p)
	}
	_, err = s.identity.GrantRole(s.alice, p, "dave", rbac.Owners)
	id = s.needed(err)
	if slices.Contains(roles("dave"), rbac.Owners) {
		t.Error("dave is an Owner already")
	}
	s.approve(id, s.bob)
	s.becomes(id, approval.Done)
	if !slices.Contains(roles("dave"), rbac.Owners) {
		t.Error("dave is no Owner")
	}
	_, err = s.identity.RevokeRole(s.alice, p, "bob", rbac.Owners)
	s.needed(err)
	_, err = s.identity.Invite(s.alice, p, identity.Invitee{Email: "new@example.com", Roles: []rbac.Role{rbac.Owners}})
	s.needed(err)
	if _, err := s.identity.Invite(s.alice, p, identity.Invitee{Email: "harmless@example.com"}); err != nil {
		t.Errorf("an invitation without a role: %v", err)
	}
}

// TestWaitingIsAnOutcome: in GraphQL, what others must approve first is no error.
func TestWaitingIsAnOutcome(t *testing.T) {
	s := newApprovals(
		t, rule(approval.CACreate, 1), rule(approval.CADelete, 1), rule(approval.CARenew, 1), rule(approval.Issue, 1),
		rule(approval.BulkRevoke, 1), rule(approval.RoleChange, 1),
	)
	root, err := os.ReadFile("testdata/cases/root-same-name-same-serial-1.pem")
	if err != nil {
		t.Fatal(err)
	}
	leaf := certificateOf(t, s)
	operation, err := s.bulk.PrepareRevocation(
		s.carol, bulk.RevocationInput{PartitionID: s.m.Partition.ID, Reason: certificate.Superseded, Serials: leaf},
	)
	if err != nil {
		t.Fatal(err)
	}
	csr, _ := request(t, "waits.example.com")
	p := s.m.Partition.ID
	for name, c := range map[string]struct {
		by    context.Context
		input map[string]any
	}{
		"createCertificationAuthority": {
			s.alice,
			map[string]any{
				"partitionId": p, "type": "ROOT", "identifier": "wanted", "friendlyName": "Wanted", "signingAlgorithm": "ECDSAP256+SHA256",
				"subject": "CN=Wanted",
			},
		},
		"importExternalRoot": {
			s.alice, map[string]any{"partitionId": p, "identifier": "outer", "friendlyName": "Outer", "certificate": string(root)},
		},
		"renewCertificationAuthority":  {s.alice, map[string]any{"caId": s.issuing.ID, "newKey": false}},
		"deleteCertificationAuthority": {s.alice, map[string]any{"caId": s.issuing.ID, "confirmIdentifier": "issuing-1"}},
		"issueCertificate":             {s.carol, map[string]any{"caId": s.issuing.ID, "profileId": guarded, "csr": csr}},
		"startBulk":                    {s.carol, map[string]any{"id": operation.ID}},
		"inviteUser": {
			s.alice,
			map[string]any{"partitionId": p, "email": "new@example.com", "firstName": "N", "lastName": "N", "roles": []string{"OWNERS"}},
		},
		"grantRole":        {s.alice, map[string]any{"partitionId": p, "userId": "dave", "role": "OWNERS"}},
		"revokeRole":       {s.alice, map[string]any{"partitionId": p, "userId": "bob", "role": "OWNERS"}},
		"removeMember":     {s.alice, map[string]any{"partitionId": p, "userId": "dave"}},
		"setApprovalRules": {s.alice, map[string]any{"partitionId": p, "rules": []any{}}},
	} {
		input := strings.ToUpper(name[:1]) + name[1:] + "Input"
		got := s.ask(
			t, rbac.ActorFrom(c.by),
			`mutation ($input: `+input+`!) { `+name+
				`(input: $input) { __typename ... on ApprovalPending { approvalId message approval { id state } } } }`,
			map[string]any{"input": c.input},
		)
		if got.code() != "" {
			t.Errorf("%s: %v", name, got.Errors)
			continue
		}
		outcome := got.Data[name].(map[string]any)
		waiting, _ := outcome["approval"].(map[string]any)
		if outcome["__typename"] != "ApprovalPending" || waiting["state"] != "PENDING" || waiting["id"] != outcome["approvalId"] ||
			outcome["message"] == "" {
			t.Errorf("%s: %v", name, outcome)
		}
	}
}

// certificateOf is the serial number of some certificate that can be revoked.
func certificateOf(t *testing.T, s *approvals) string {
	t.Helper()
	p, err := s.certificates.List(
		s.carol, s.m.Partition.ID,
		certificate.Filter{Status: []certificate.Status{certificate.Issued}, CAID: s.issuing.ID, LeaveOutSigners: true},
		certificate.Newest, page.Request{First: 1},
	)
	if err != nil || len(p.Nodes) == 0 {
		t.Fatal(err, "no certificate")
	}
	return p.Nodes[0].SerialNumber
}

// TestRulesOfApprovals: none for what nobody else could approve, and asking for less takes those who decide.
func TestRulesOfApprovals(t *testing.T) {
	s := newApprovals(t)
	p := s.m.Partition.ID
	set := func(ctx context.Context, rules ...*approval.Rule) error {
		_, err := s.approvals.SetRules(ctx, approval.Change{PartitionID: p, Rules: rules})
		return err
	}
	for what, c := range map[string]struct {
		rule *approval.Rule
		want fault.Kind
	}{
		"nobody":            {rule(approval.CADelete, 0), fault.Invalid},
		"six":               {rule(approval.CADelete, 6), fault.Invalid},
		"no time":           {&approval.Rule{Operation: approval.CADelete, Needed: 1}, fault.Invalid},
		"rules":             {rule(approval.Rules, 1), fault.Invalid},
		"an unknown one":    {rule("CA_PAINT", 1), fault.Invalid},
		"profiles of a CA":  {rule(approval.CADelete, 1, guarded), fault.Invalid},
		"no such profile":   {rule(approval.Issue, 1, "no-such"), fault.Invalid},
		"more than we have": {rule(approval.RoleChange, 4), fault.PolicyRefused},
	} {
		if err := set(s.alice, c.rule); !fault.Is(err, c.want) || !strings.HasPrefix(fault.Of(err).Field, "rules[0].") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := set(s.carol, rule(approval.Issue, 1)); !fault.Is(err, fault.Forbidden) {
		t.Errorf("set by a Certificate Administrator: %v", err)
	}
	if err := set(s.alice, rule(approval.Issue, 2, guarded)); err != nil {
		t.Fatal(err)
	}
	if err := set(s.alice, rule(approval.Issue, 2, guarded, "privatessl-tls-server"), rule(approval.CADelete, 1)); err != nil {
		t.Errorf("more needs nobody: %v", err)
	}
	now := func() string {
		rules, err := s.approvals.RulesOf(s.alice, p)
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, r := range rules {
			said += fmt.Sprint(r.Operation, r.Needed, r.ProfileIDs, " ")
		}
		return said
	}
	before := now()
	for what, rules := range map[string][]*approval.Rule{
		"nothing":       {},
		"fewer people":  {rule(approval.Issue, 1, guarded, "privatessl-tls-server"), rule(approval.CADelete, 1)},
		"fewer profile": {rule(approval.Issue, 2, guarded), rule(approval.CADelete, 1)},
	} {
		if s.needed(set(s.alice, rules...)); now() != before {
			t.Errorf("%s: it is lowered already", what)
		}
	}
	id := s.needed(set(s.alice, rule(approval.CADelete, 1)))
	if _, err := s.approvals.Approve(s.alice, id, ""); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("lowered by one: %v", err)
	}
	s.approve(id, s.carol, s.dave) // who decide about issuing
	s.becomes(id, approval.Done)
	if got := now(); got != "CA_DELETE1 [] " {
		t.Errorf("the rules are %s", got)
	}
	if _, err := s.issue(s.carol, guarded, "free.example.com"); err != nil {
		t.Errorf("no rule covers it any more: %v", err)
	}
	// What was approved is not done over what was changed since.
	id = s.needed(set(s.alice))
	if err := set(s.bob, rule(approval.CADelete, 1), rule(approval.RoleChange, 1)); err != nil {
		t.Fatal(err)
	}
	s.approve(id, s.bob)
	if r := s.becomes(id, approval.Failed); !strings.Contains(r.Reason, "changed since") {
		t.Error(r.Reason)
	}
}

// TestRequestsKeptByTheReleaseBefore: that release kept the text of requests. Those that waited for approval, and the rest of a bulk
// operation, are carried out after the upgrade.
func TestRequestsKeptByTheReleaseBefore(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { keptBefore(t, newApprovals(t, rule(approval.Issue, 1, guarded))) })
	t.Run("postgres", func(t *testing.T) {
		keptBefore(t, newApprovalsOn(t, storetest.Postgres(t), rule(approval.Issue, 1, guarded)))
	})
}

// keptAs has a request wait as if another release had kept it.
func (s *approvals) keptAs(id, payload string) {
	s.Helper()
	r := s.find(id)
	text, err := json.Marshal([]string{r.PartitionID, r.Verb, payload, string(r.ActorKind), r.RequestedByID})
	if err != nil {
		s.Fatal(err)
	}
	if err := s.store.DB(s.alice).Exec(
		"UPDATE approvals SET payload = ?, digest = ? WHERE id = ?", payload, fmt.Sprintf("%x", sha256.Sum256(text)), id,
	).Error; err != nil {
		s.Fatal(err)
	}
}

func keptBefore(t *testing.T, s *approvals) {
	csr, key := request(t, "before.example.com")
	text := func(profile, more string) string {
		return fmt.Sprintf(
			`{"CAID":%q,"ProfileID":%q,"CSR":%q,"Subject":"CN=Before","SANs":[{"Type":"DNS_NAME","Value":"named.example.com"}],"SANsGiven":true,`+
				`"NotAfter":null,"Extensions":null,"EndEntity":"before"%s}`, s.issuing.ID, profile, csr, more)
	}
	check := func(what, certificateID string) {
		t.Helper()
		c, err := s.certificates.Get(s.alice, certificateID)
		if err != nil {
			t.Fatal(what, err)
		}
		x, err := x509.ParseCertificate(c.DER)
		if err != nil || x.Subject.CommonName != "Before" || !slices.Contains(x.DNSNames, "named.example.com") ||
			slices.Contains(x.DNSNames, "before.example.com") ||
			!bytes.Equal(key, x.RawSubjectPublicKeyInfo) || c.RequestedBy != "carol@example.com" {
			t.Errorf("%s: %s %v by %s, %v", what, x.Subject, x.DNSNames, c.RequestedBy, err)
		}
	}
	for what, more := range map[string]string{"by the API": "", "by the CA Gateway": `,"Explicit":true`} {
		_, err := s.enrollment.Issue(s.carol, intake.Text{CAID: s.issuing.ID, ProfileID: guarded, CSR: csr, EndEntity: what[3:6]}.Request())
		id := s.needed(err)
		s.keptAs(id, text(guarded, more))
		s.approve(id, s.dave)
		check(what, s.becomes(id, approval.Done).ObjectID)
	}
	// What is kept now is what was approved, and nothing else is carried out.
	_, err := s.enrollment.Issue(s.carol, intake.Text{CAID: s.issuing.ID, ProfileID: guarded, CSR: csr}.Request())
	id := s.needed(err)
	kept := s.find(id).Payload
	if !strings.Contains(kept, `"Proof":"PKCS10"`) || strings.Contains(kept, "CSR") {
		t.Errorf("kept: %s", kept)
	}

	draft, err := s.bulk.PrepareIssuance(
		s.carol,
		bulk.IssuanceInput{
			PartitionID: s.m.Partition.ID, CAID: s.issuing.ID, ProfileID: "privatessl-tls-client-server-supply-san", CSV: base64Line(csr),
		},
	)
	if err != nil || draft.Pending() != 1 {
		t.Fatalf("%+v %v", draft, err)
	}
	if err := s.store.DB(s.alice).Exec(
		"UPDATE bulk_items SET request = ? WHERE operation_id = ?", text("privatessl-tls-client-server-supply-san", ""), draft.ID,
	).Error; err != nil {
		t.Fatal(err)
	}
	if _, err := s.bulk.Start(s.carol, draft.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the operation ends", func() error {
		o, err := s.bulk.Get(s.carol, draft.ID)
		if err == nil && o.State != bulk.Done {
			err = fmt.Errorf("it is %s", o.State)
		}
		return err
	})
	var made string
	if err := s.store.DB(s.alice).Table("bulk_items").Where("operation_id = ?", draft.ID).Pluck("certificate_id", &made).Error; err != nil {
		t.Fatal(err)
	}
	check("in bulk", made)
}
