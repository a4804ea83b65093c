package server

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// society is the estate with a second tenant, as hostile Owners, newcomers and leavers meet it.
type society struct {
	*testing.T
	*App
	m        *Manifest
	rival    string // the partition of the second tenant
	operator *rbac.Actor
}

func newSociety(t *testing.T, database string) *society {
	t.Helper()
	a, m := inProcessOn(t, database)
	t.Cleanup(func() { ahead.Store(0) })
	system := rbac.WithActor(t.Context(), rbac.SystemActor())
	sub, err := a.tenants.Create(
		system, tenant.NewSubscription{Name: "rival", PurchasedCertificates: 10, PurchasedCAs: 1, OwnerEmail: "nobody@rival.example"},
	)
	if err != nil {
		t.Fatal(err)
	}
	_, partition, err := a.tenants.Assign(system, sub.ID, tenant.Region(a.cfg.Regions[0]), true)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	if err := a.store.DB(t.Context()).Model(&identity.User{}).Where("operator = ?", true).Pluck("id", &ids).Error; err != nil ||
		len(ids) != 1 {
		t.Fatal(ids, err)
	}
	operator, err := a.identity.CurrentActor(t.Context(), rbac.OperatorActor, ids[0], m.Operator.Email)
	if err != nil {
		t.Fatal(err)
	}
	return &society{T: t, App: a, m: m, rival: partition.ID, operator: operator}
}

// owner is an Owner of a partition who is there in the database.
func (p *society) owner(partition, id string) *rbac.Actor {
	p.Helper()
	if _, err := p.identity.CurrentActor(p.Context(), rbac.UserActor, id, id); err != nil {
		p.put(identity.User{ID: id, Email: id + "@example.com"}, partition, rbac.Owners)
	}
	return p.standing(id)
}

func (p *society) put(u identity.User, partition string, roles ...rbac.Role) {
	p.Helper()
	u.Status, u.CreatedAt = identity.Active, p.now()
	err := p.store.Tx(p.Context(), func(ctx context.Context) error {
		if err := p.store.DB(ctx).Create(&u).Error; err != nil {
			return err
		}
		for _, r := range roles {
			if err := p.store.DB(ctx).Exec(
				"INSERT INTO role_grants (user_id, domain, role, created_at) VALUES (?, ?, ?, ?)", u.ID, partition, r, p.now(),
			).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.Fatal(err)
	}
}

func (p *society) standing(id string) *rbac.Actor {
	p.Helper()
	actor, err := p.identity.CurrentActor(p.Context(), rbac.UserActor, id, id+"@example.com")
	if err != nil {
		p.Fatal(err)
	}
	return actor
}

// must asks and returns the data.
func (p *society) must(actor *rbac.Actor, query string) map[string]any {
	p.Helper()
	got := p.ask(p.T, actor, query, nil)
	if got.code() != "" {
		p.Fatalf("%s: %v", query, got.Errors)
	}
	return got.Data
}

func (p *society) invite(actor *rbac.Actor, partition, email, roles string) map[string]any {
	p.Helper()
	return p.must(
		actor,
		fmt.Sprintf(
			`mutation { inviteUser(input: {partitionId: %q, email: %q, firstName: "Vera", lastName: "V", roles: [%s]}) { ... on
				MemberPayload { member { user { id email firstName lastName status lastSignInAt } roles } } } }`,
			partition, email, roles))["inviteUser"].(map[string]any)["member"].(map[string]any)
}

// link is the secret of the newest mail to somebody with a link of the kind; only operators see it.
func (p *society) link(to, kind string) string {
	p.Helper()
	p.linksAreSent()
	for _, m := range p.must(p.operator, `{ platformOutbox { nodes { to body } } }`)["platformOutbox"].(map[string]any)["nodes"].([]any) {
		mail := m.(map[string]any)
		if _, secret, found := strings.Cut(mail["body"].(string), kind); found && mail["to"] == to {
			return strings.Fields(secret)[0]
		}
	}
	p.Fatalf("no mail with %s to %s", kind, to)
	return ""
}

// linksAreSent waits until every link that was asked for has been sent or refused.
func (p *society) linksAreSent() {
	p.Helper()
	eventually(p.T, "links to set a password are sent", func() error {
		var n int64
		if err := p.store.DB(context.Background()).Table("jobs").Where(
			"kind = ?", identity.PasswordLinkJob,
		).Count(&n).Error; err != nil || n > 0 {
			return fmt.Errorf("%d are not, %v", n, err)
		}
		return nil
	})
}

func (p *society) accept(token, password string) answer {
	p.Helper()
	return p.ask(
		p.T, nil,
		fmt.Sprintf(
			`mutation { acceptInvitation(input: {token: %q, password: %q, firstName: "Vera", lastName: "Victim"}) { enrolmentRequired } }`,
			token, password,
		),
		nil,
	)
}

// person signs in, enrols an authenticator app where that is due, and remembers its device.
type somebody struct {
	*society
	ManifestUser
	device  string
	address string
}

func (s *somebody) context() context.Context {
	return identity.WithOrigin(context.Background(), &identity.Origin{IPAddress: s.address, Device: s.device})
}

// halfway is the context of a session that the password has opened.
func (s *somebody) halfway() (context.Context, *identity.SignedIn) {
	s.Helper()
	in, err := s.identity.SignIn(s.context(), s.Email, s.Password)
	if err != nil {
		s.Fatal(err)
	}
	return s.with(s.context(), in.Token), in
}

func (p *society) with(ctx context.Context, token string) context.Context {
	p.Helper()
	actor, session, err := p.identity.AuthenticateSession(ctx, token)
	if err != nil {
		p.Fatal(err)
	}
	ctx = identity.WithSession(ctx, session)
	if actor != nil {
		ctx = rbac.WithActor(ctx, actor)
	}
	return ctx
}

// code is the next one of the authenticator app.
func (s *somebody) code(secret string) string {
	s.Helper()
	ahead.Add(int64(30 * time.Second))
	code, err := totp.GenerateCode(secret, s.now())
	if err != nil {
		s.Fatal(err)
	}
	return code
}

func (s *somebody) enrol(ctx context.Context) context.Context {
	s.Helper()
	e, err := s.identity.BeginTOTP(ctx)
	if err != nil {
		s.Fatal(err)
	}
	done, err := s.identity.ConfirmTOTP(ctx, s.code(e.Secret))
	if err != nil {
		s.Fatal(err)
	}
	s.TOTPSecret = e.Secret
	if done.SignedIn == nil {
		return ctx
	}
	s.device = done.SignedIn.Device
	return s.with(s.context(), done.SignedIn.Token)
}

// signIn is the context of a complete sign-in.
func (s *somebody) signIn() context.Context {
	s.Helper()
	ctx, in := s.halfway()
	if in.EnrolmentRequired {
		return s.enrol(ctx)
	}
	code := s.code(s.TOTPSecret)
	done, err := s.identity.VerifySecondFactor(ctx, identity.Proof{TOTP: &code})
	if err != nil {
		s.Fatal(err)
	}
	s.device = done.Device
	return s.with(s.context(), done.Token)
}

func (p *society) newcomer(email string) *somebody {
	return &somebody{society: p, ManifestUser: ManifestUser{Email: email, Password: "several plain words 42"}, address: "192.0.2.9"}
}

func (p *society) demoUser(role rbac.Role) *somebody {
	for _, u := range p.m.Users {
		if u.Role == string(role) {
			return &somebody{society: p, ManifestUser: u, address: "192.0.2.10"}
		}
	}
	panic(role)
}

// TestInvitations, TestAccounts and TestGuesses each run what follows in one estate; where locks count, on both databases.
func TestInvitations(t *testing.T) {
	inSociety(t, func(p *society) {
		p.run("one partition", p.invitationIsOfOnePartition)
		p.run("own recovery", p.ownRecovery)
		p.run("accepted signed in", p.acceptSignedIn)
	})
}

func TestAccounts(t *testing.T) {
	p := newSociety(t, "")
	p.run("operators alone", p.accountsAreTheOperators)
	p.run("disabled", p.disabledAccount)
	p.run("second factor reset", p.resetSecondFactor)
	p.run("changed while the password is judged", p.changedWhileJudged)
	p.run("the password alone ends nothing", p.passwordEndsNothing)
	p.run("last Owner", p.lastOwnerByTheOperator)
	p.run("roles take a proof in each way", p.rolesTakeProof)
}

func TestGuesses(t *testing.T) {
	inSociety(t, func(p *society) {
		p.run("side by side", p.guessesSideBySide)
		p.run("tell nothing", p.guessesTellNothing)
		p.run("known device", p.knownDevicePasses)
		p.run("links", p.guessedLinks)
		p.run("asking for links", p.asksForLinks)
	})
}

func inSociety(t *testing.T, test func(*society)) {
	t.Run("sqlite", func(t *testing.T) { test(newSociety(t, "")) })
	t.Run("postgres", func(t *testing.T) { test(newSociety(t, storetest.Postgres(t))) })
}

// run is a test whose failures are reported under its own name.
func (p *society) run(name string, test func(*testing.T)) {
	outer := p.T
	outer.Run(name, func(t *testing.T) {
		p.T = t
		defer func() { p.T = outer }()
		test(t)
	})
}

// invitationIsOfOnePartition: whoever invites an address that another tenant has invited too gets at nothing of that
// other tenant, and sees no link.
func (p *society) invitationIsOfOnePartition(t *testing.T) {
	mallory, bob := p.owner(p.m.Partition.ID, "mallory"), p.owner(p.rival, "bob")
	p.invite(bob, p.rival, "v@x.example", "OWNERS")
	p.invite(mallory, p.m.Partition.ID, "v@x.example", "CA_AUDITORS")

	if got := p.ask(t, mallory, fmt.Sprintf(`{ partition(id: %q) { outbox { body } } }`, p.m.Partition.ID), nil); strings.Contains(
		fmt.Sprint(got.Data), "/invitation#",
	) {
		t.Error("an Owner reads the link that proves somebody else's address")
	}
	if got := p.ask(t, mallory, `{ platformOutbox { nodes { body } } }`, nil); got.code() != "NOT_FOUND" && got.code() != "FORBIDDEN" {
		t.Errorf("an Owner reads the mail of the platform: %q", got.code())
	}
	// The newest link is of mallory's invitation; say it was got hold of all the same.
	token := p.link("v@x.example", "/invitation#")
	if got := p.accept(token, "several plain words 42"); got.code() != "" {
		t.Fatal(got.Errors)
	}
	v := p.newcomer("v@x.example")
	ctx := v.signIn()
	if grants := rbac.ActorFrom(ctx).Grants; !reflect.DeepEqual(grants, map[string][]rbac.Role{p.m.Partition.ID: {rbac.CAAuditors}}) {
		t.Fatalf("the link of one partition gave %v", grants)
	}
	members := fmt.Sprint(p.must(bob, fmt.Sprintf(`{ partition(id: %q) { members { nodes { user { email status } roles } } } }`, p.rival)))
	if !strings.Contains(members, "email:v@x.example status:INVITED") {
		t.Errorf("the other partition's invitation is not pending any more: %s", members)
	}
	if got := p.accept(token, "several plain words 43"); got.code() != "NOT_FOUND" {
		t.Errorf("the link works twice: %v", got)
	}
}

// acceptSignedIn: who has an account is told of nothing to the inviter, is enrolled nowhere unasked, cannot have the
// account changed by a link, and accepts or declines signed in.
func (p *society) acceptSignedIn(t *testing.T) {
	bob := p.owner(p.rival, "bob")
	auditor := p.demoUser(rbac.CAAuditors)
	known, unknown := p.invite(bob, p.rival, auditor.Email, "OWNERS"), p.invite(bob, p.rival, "unknown@x.example", "OWNERS")
	for _, m := range []map[string]any{known, unknown} {
		user := m["user"].(map[string]any)
		delete(user, "id")
		delete(user, "email")
	}
	if !reflect.DeepEqual(known, unknown) || known["user"].(map[string]any)["status"] != "INVITED" {
		t.Errorf("the answer tells that there is an account: %v, %v", known, unknown)
	}
	list := fmt.Sprint(
		p.must(bob, fmt.Sprintf(`{ partition(id: %q) { members { nodes { user { email firstName status lastSignInAt } } } } }`, p.rival)),
	)
	if strings.Contains(list, "Audrey") || !strings.Contains(
		list, fmt.Sprintf("email:%s firstName:Vera lastSignInAt:<nil> status:INVITED", auditor.Email),
	) {
		t.Errorf("the list tells about the account: %s", list)
	}
	ctx := auditor.signIn()
	if roles := rbac.ActorFrom(ctx).RolesIn(p.rival); len(roles) > 0 {
		t.Fatalf("enrolled unasked: %v", roles)
	}
	token := p.link(auditor.Email, "/invitation#")
	if got := p.accept(token, "another password 4711"); got.code() != "CONFLICT" {
		t.Fatalf("a link changes an account: %v", got)
	}
	invitations, err := p.identity.Invitations(ctx)
	if err != nil || len(invitations) != 1 || invitations[0].Name != "rival" || invitations[0].InvitedBy != "bob@example.com" {
		t.Fatal(invitations, err)
	}
	// Nobody accepts for somebody else.
	other := p.demoUser(rbac.ProtocolAuditors).signIn()
	if err := p.identity.AcceptRoles(other, invitations[0].ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's invitation: %v", err)
	}
	if err := p.identity.DeclineInvitation(other, invitations[0].ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's invitation: %v", err)
	}
	if err := p.identity.AcceptRoles(ctx, invitations[0].ID); err != nil {
		t.Fatal(err)
	}
	if roles := rbac.ActorFrom(auditor.signIn()).RolesIn(p.rival); !slices.Equal(roles, []rbac.Role{rbac.Owners}) {
		t.Errorf("after accepting: %v", roles)
	}
	if err := p.identity.AcceptRoles(ctx, invitations[0].ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("accepted twice: %v", err)
	}

	// Declined, withdrawn, sent by somebody who is an Owner no more: all void.
	proto := p.demoUser(rbac.ProtocolOperators)
	ctx = proto.signIn()
	offered := func() *identity.Invitation {
		t.Helper()
		p.invite(bob, p.rival, proto.Email, "CA_AUDITORS")
		list, err := p.identity.Invitations(ctx)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0]
	}
	if err := p.identity.DeclineInvitation(ctx, offered().ID); err != nil {
		t.Fatal(err)
	}
	id := offered().ID
	p.must(
		bob,
		fmt.Sprintf(
			`mutation { removeMember(input: {partitionId: %q, userId: %q}) { ... on MemberPayload { member { user { id } } } } }`, p.rival,
			id,
		),
	)
	if err := p.identity.AcceptRoles(ctx, id); !fault.Is(err, fault.NotFound) {
		t.Errorf("withdrawn: %v", err)
	}
	id = offered().ID
	p.must(
		rbac.SystemActor(),
		fmt.Sprintf(
			`mutation { removeMember(input: {partitionId: %q, userId: "bob"}) { ... on MemberPayload { member { user { id } } } } }`,
			p.rival,
		),
	)
	if err := p.identity.AcceptRoles(ctx, id); !fault.Is(err, fault.Conflict) {
		t.Errorf("the offer of a former Owner: %v", err)
	}
}

// TestRemoveMember: roles end at once in the partition and its subscription, and nowhere else; the last Owner stays; where
// roles need approval, so does this.
func TestRemoveMember(t *testing.T) {
	p := newSociety(t, "")
	a := p.m.Partition.ID
	owner, other := p.owner(a, "alice"), p.owner(a, "olga")
	colleague := p.demoUser(rbac.CertificateAdministrators)
	id := rbac.ActorFrom(colleague.signIn()).ID
	remove := func(actor *rbac.Actor, partition, id string) answer {
		t.Helper()
		return p.ask(
			t, actor,
			fmt.Sprintf(
				`mutation { removeMember(input: {partitionId: %q, userId: %q}) { __typename ... on MemberPayload { member { user { id } } }
					... on ApprovalPending { approvalId } } }`,
				partition, id,
			),
			nil,
		)
	}
	if got := remove(p.owner(p.rival, "bob"), p.rival, id); got.code() != "NOT_FOUND" {
		t.Errorf("removed by another partition: %v", got)
	}
	if got := remove(p.standing("bob"), p.rival, "bob"); got.code() != "CONFLICT" {
		t.Errorf("the last Owner removed: %v", got)
	}
	system := rbac.WithActor(t.Context(), rbac.SystemActor())
	rules := func(list ...*approval.Rule) {
		t.Helper()
		if _, err := p.approvals.SetRules(system, approval.Change{PartitionID: a, Rules: list}); err != nil {
			t.Fatal(err)
		}
	}
	rules(rule(approval.RoleChange, 1))
	got := remove(owner, a, id)
	if got.code() != "" || got.Data["removeMember"].(map[string]any)["__typename"] != "ApprovalPending" ||
		len(p.standing(id).RolesIn(a)) != 1 {
		t.Fatalf("removed without approval: %v", got)
	}
	waiting, err := p.approvals.Waiting(rbac.WithActor(t.Context(), other), a)
	if err != nil || waiting != 1 {
		t.Fatal(waiting, err)
	}
	pending := p.must(owner, fmt.Sprintf(`{ partition(id: %q) { approvals(first: 1, state: [PENDING]) { nodes { id summary } } } }`, a))
	var request string
	walk(pending, func(key string, v any) {
		if key == "id" {
			request = v.(string)
		}
	})
	if _, err := p.approvals.Approve(rbac.WithActor(t.Context(), other), request, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the member is removed", func() error {
		if roles := p.standing(id).RolesIn(a); len(roles) > 0 {
			return fmt.Errorf("%v", roles)
		}
		return nil
	})
	rules()
	// An Owner who assigned the subscription has a role there, too.
	first := p.demoUser(rbac.Owners)
	ctx := first.signIn()
	if got := remove(owner, a, rbac.ActorFrom(ctx).ID); got.code() != "" {
		t.Fatal(got.Errors)
	}
	fresh, err := p.fresh(ctx)
	if err != nil || len(fresh.RolesIn(a)) > 0 || len(fresh.RolesIn(p.m.Subscription.ID)) > 0 {
		t.Errorf("what is left: %v %v", fresh, err)
	}
}

// accountsAreTheOperators: what concerns the account and not a partition is done by platform operators alone.
func (p *society) accountsAreTheOperators(t *testing.T) {
	owner := p.owner(p.m.Partition.ID, "alice")
	victim := p.demoUser(rbac.CAAuditors)
	ctx := victim.signIn()
	id := rbac.ActorFrom(ctx).ID
	for _, query := range []string{
		`{ accounts { nodes { email } } }`, `{ account(id: "$ID") { user { email } } }`,
		`mutation { disableAccount(input: {id: "$ID"}) { user { id } } }`,
		`mutation { enableAccount(input: {id: "$ID"}) { user { id } }
			}`, `mutation { resetSecondFactor(input: {id: "$ID"}) { user { id } } }`,
		`mutation { deleteAccount(input: {id: "$ID", confirmEmail: "` + victim.Email + `"}) { user { id } } }`,
		`mutation { inviteSubscriptionOwner(input: {subscriptionId:
			"` + p.m.Subscription.ID + `", email: "alice@example.com"}) { subscription { id } } }`} {
		query = strings.ReplaceAll(query, "$ID", id)
		if got := p.ask(t, owner, query, nil); !nothing(got) {
			t.Errorf("%s as an Owner: %v", query, got)
		}
		if got := p.ask(t, nil, query, nil); got.code() != "UNAUTHENTICATED" {
			t.Errorf("%s by nobody: %v", query, got)
		}
	}
	if _, err := p.fresh(ctx); err != nil {
		t.Fatal(err)
	}
}

// disabledAccount: every session ends, roles have no effect anywhere, and it cannot sign in until it is enabled.
func (p *society) disabledAccount(t *testing.T) {
	victim := p.demoUser(rbac.CertificateAdministrators)
	ctx := victim.signIn()
	halfway, in := victim.halfway()
	actor := rbac.ActorFrom(ctx)
	p.must(p.operator, fmt.Sprintf(`mutation { disableAccount(input: {id: %q}) { user { status } } }`, actor.ID))
	if _, err := p.fresh(rbac.WithActor(ctx, actor)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("its session goes on: %v", err)
	}
	if _, err := p.identity.CurrentActor(t.Context(), rbac.UserActor, actor.ID, actor.Name); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("its work goes on: %v", err)
	}
	holders, err := p.identity.Holders(t.Context(), p.m.Partition.ID, []rbac.Permission{rbac.CertificateIssue})
	if err != nil || slices.ContainsFunc(holders, func(h approval.Person) bool { return h.ID == actor.ID }) {
		t.Errorf("it still decides: %v %v", holders, err)
	}
	if _, _, err := p.identity.AuthenticateSession(t.Context(), in.Token); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a sign-in that was under way goes on: %v", err)
	}
	code := victim.code(victim.TOTPSecret)
	if _, err := p.identity.VerifySecondFactor(halfway, identity.Proof{TOTP: &code}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a sign-in that was under way is finished: %v", err)
	}
	if _, err := p.identity.SignIn(victim.context(), victim.Email, "not the password at all"); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("who does not know the password learns of it: %v", err)
	}
	if _, err := p.identity.SignIn(victim.context(), victim.Email, victim.Password); !fault.Is(err, fault.Forbidden) {
		t.Errorf("it signs in: %v", err)
	}
	events := fmt.Sprint(
		p.must(
			p.owner(p.m.Partition.ID, "alice"),
			fmt.Sprintf(`{ partition(id: %q) { auditEvents(first: 5) { nodes { action objectId } } } }`, p.m.Partition.ID),
		),
	)
	if !strings.Contains(events, "action:account.disable objectId:"+actor.ID) {
		t.Errorf("the partition does not hear of it: %s", events)
	}
	p.must(p.operator, fmt.Sprintf(`mutation { enableAccount(input: {id: %q}) { user { status } } }`, actor.ID))
	if roles := rbac.ActorFrom(victim.signIn()).RolesIn(p.m.Partition.ID); !slices.Equal(
		roles, []rbac.Role{rbac.CertificateAdministrators},
	) {
		t.Errorf("enabled again: %v", roles)
	}
}

// lastOwnerByTheOperator: only with a warning; the deleted address is a new person afterwards.
func (p *society) lastOwnerByTheOperator(t *testing.T) {
	p.owner(p.rival, "bob")
	for _, query := range []string{
		`mutation { disableAccount(input: {id: "bob"}) { user { id } } }`,
		`mutation { deleteAccount(input: {id: "bob", confirmEmail: "bob@example.com"}) { user { id } } }`,
	} {
		if got := p.ask(t, p.operator, query, nil); got.code() != "CONFLICT" || !strings.Contains(got.Errors[0].Message, "rival") {
			t.Errorf("%s: %v", query, got)
		}
	}
	if got := p.ask(
		t, p.operator,
		`mutation { deleteAccount(input: {id: "bob", confirmEmail: "alice@example.com", leaveWithoutOwner: true}) { user { id } } }`, nil,
	); got.code() != "INVALID" {
		t.Errorf("a wrong confirmation: %v", got)
	}
	p.must(
		p.operator,
		`mutation { deleteAccount(input: {id: "bob", confirmEmail: "bob@example.com", leaveWithoutOwner: true}) { user { id } } }`,
	)
	subscription := ""
	walk(p.must(rbac.SystemActor(), fmt.Sprintf(`{ partition(id: %q) { subscription { id } } }`, p.rival)), func(key string, v any) {
		if s, ok := v.(string); ok && key == "id" {
			subscription = s
		}
	})
	p.must(
		p.operator,
		fmt.Sprintf(
			`mutation { inviteSubscriptionOwner(input: {subscriptionId: %q, email: "bob@example.com"}) { subscription { id } } }`,
			subscription,
		),
	)
	if got := p.accept(p.link("bob@example.com", "/invitation#"), "several plain words 42"); got.code() != "" {
		t.Fatal(got.Errors)
	}
	// A member who is no Owner can be made one; an Owner is one already.
	auditor := p.demoUser(rbac.ProtocolAuditors)
	p.must(
		p.operator,
		fmt.Sprintf(
			`mutation { inviteSubscriptionOwner(input: {subscriptionId: %q, email: %q}) { subscription { id } } }`, p.m.Subscription.ID,
			auditor.Email,
		),
	)
	if got := p.ask(
		t, p.operator,
		fmt.Sprintf(
			`mutation { inviteSubscriptionOwner(input: {subscriptionId: %q, email: %q}) { subscription { id } } }`, p.m.Subscription.ID,
			p.m.Users[0].Email,
		),
		nil,
	); got.code() != "CONFLICT" {
		t.Errorf("an Owner invited as an Owner: %v", got)
	}
	ctx := auditor.signIn()
	invitations, err := p.identity.Invitations(ctx)
	if err != nil || len(invitations) != 1 {
		t.Fatal(invitations, err)
	}
	if err := p.identity.AcceptRoles(ctx, invitations[0].ID); err != nil {
		t.Fatal(err)
	}
	if fresh, err := p.fresh(ctx); err != nil || len(fresh.RolesIn(p.m.Partition.ID)) != 2 {
		t.Errorf("%+v %v", fresh, err)
	}
	actor := rbac.ActorFrom(p.newcomer("bob@example.com").signIn())
	if actor.ID == "bob" || !reflect.DeepEqual(actor.Grants, map[string][]rbac.Role{p.rival: {rbac.Owners}}) {
		t.Errorf("the address as a new person: %+v", actor)
	}
}

// resetSecondFactor: after it neither password nor mail alone opens the account.
func (p *society) resetSecondFactor(t *testing.T) {
	victim := p.demoUser(rbac.CAAdministrators)
	ctx := victim.signIn()
	id := rbac.ActorFrom(ctx).ID
	halfway, _ := victim.halfway()
	answer := p.must(p.operator, fmt.Sprintf(`mutation { resetSecondFactor(input: {id: %q}) { user { id } } }`, id))
	code := p.link(victim.Email, "enrol a new second factor:\n\n")
	if strings.Contains(fmt.Sprint(answer), code) {
		t.Error("the operator's answer holds the code")
	}
	if _, err := p.fresh(ctx); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("its session goes on: %v", err)
	}
	old := victim.code(victim.TOTPSecret)
	if _, err := p.identity.VerifySecondFactor(halfway, identity.Proof{TOTP: &old}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the lost factor still works: %v", err)
	}
	// By mail alone: no link for the password.
	if err := p.identity.RequestPasswordReset(victim.context(), victim.Email); err != nil {
		t.Fatal(err)
	}
	p.linksAreSent()
	for _, m := range p.must(p.operator, `{ platformOutbox { nodes { to body } } }`)["platformOutbox"].(map[string]any)["nodes"].([]any) {
		if mail := m.(map[string]any); mail["to"] == victim.Email && strings.Contains(mail["body"].(string), "/password#") {
			t.Error("the mailbox alone opens the account")
		}
	}
	// By the password alone: nothing but the code is asked for.
	ctx, in := victim.halfway()
	if !in.CodeRequired || in.EnrolmentRequired || len(in.Factors) > 0 {
		t.Fatalf("%+v", in)
	}
	if _, err := p.identity.BeginTOTP(ctx); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a factor is enrolled with the password alone: %v", err)
	}
	if _, err := p.identity.BeginPasskeyRegistration(ctx); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a passkey is enrolled with the password alone: %v", err)
	}
	if _, err := p.identity.VerifyAddressCode(ctx, "AAAA-BBBB-CCCC-DDDD"); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a wrong code: %v", err)
	}
	next, err := p.identity.VerifyAddressCode(ctx, " "+strings.ToLower(code))
	if err != nil || !next.EnrolmentRequired {
		t.Fatal(next, err)
	}
	// Given up here, the next sign-in asks for the code again.
	if _, in := victim.halfway(); !in.CodeRequired {
		t.Fatalf("%+v", in)
	}
	ctx, _ = victim.halfway()
	if next, err = p.identity.VerifyAddressCode(ctx, code); err != nil {
		t.Fatal(err)
	}
	if roles := rbac.ActorFrom(victim.enrol(p.with(victim.context(), next.Token))).RolesIn(p.m.Partition.ID); !slices.Equal(
		roles, []rbac.Role{rbac.CAAdministrators},
	) {
		t.Errorf("enrolled anew: %v", roles)
	}
	if _, in := victim.halfway(); in.CodeRequired || !slices.Contains(in.Factors, identity.TOTP) {
		t.Errorf("afterwards: %+v", in)
	}
}

// changedWhileJudged: a reset of the second factor while a password is judged does not leave the password as all that it
// takes.
func (p *society) changedWhileJudged(t *testing.T) {
	victim := p.demoUser(rbac.CertificateAdministrators)
	id := rbac.ActorFrom(victim.signIn()).ID
	var begun atomic.Bool
	const name = "test:reset"
	queries := p.store.DB(t.Context()).Callback().Query()
	if err := queries.After("gorm:query").Register(name, func(db *gorm.DB) {
		if db.Statement.Table != "users" || begun.Swap(true) {
			return
		}
		if _, _, err := p.identity.ResetSecondFactor(rbac.WithActor(t.Context(), p.operator), id); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	_, in := victim.halfway()
	if err := queries.Remove(name); err != nil {
		t.Fatal(err)
	}
	if !in.CodeRequired || in.EnrolmentRequired || len(in.Factors) > 0 {
		t.Errorf("it asks for what was there before: %+v", in)
	}
}

// passwordEndsNothing: whoever has the password alone does not sign the person out elsewhere.
func (p *society) passwordEndsNothing(t *testing.T) {
	auditor := p.demoUser(rbac.ProtocolAuditors)
	ctx := auditor.signIn()
	halfway, _ := auditor.halfway()
	if _, err := p.identity.SignOut(halfway, "", true); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("everywhere: %v", err)
	}
	if _, err := p.identity.SignOut(halfway, rbac.ActorFrom(ctx).SessionID, false); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("another session: %v", err)
	}
	if _, err := p.identity.SignOut(halfway, "", false); err != nil {
		t.Errorf("its own: %v", err)
	}
	if _, err := p.fresh(ctx); err != nil {
		t.Error(err)
	}
}

// rolesTakeProof: a session left open neither approves a role nor sends an invitation with a role again.
func (p *society) rolesTakeProof(t *testing.T) {
	anna, left := rbac.WithActor(t.Context(), p.owner(p.rival, "anna")), *p.owner(p.rival, "bert")
	left.SessionID = "left open"
	proven := left
	proven.Proven = true
	open, there := rbac.WithActor(t.Context(), &left), rbac.WithActor(t.Context(), &proven)
	offered, err := p.identity.Invite(anna, p.rival, identity.Invitee{Email: "again@x.example", Roles: []rbac.Role{rbac.Owners}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.identity.ResendInvitation(open, p.rival, offered.User.ID); !fault.Is(err, fault.ProofRequired) {
		t.Errorf("sent again: %v", err)
	}
	if _, err := p.identity.ResendInvitation(there, p.rival, offered.User.ID); err != nil {
		t.Error(err)
	}
	if _, err := p.approvals.SetRules(
		anna, approval.Change{PartitionID: p.rival, Rules: []*approval.Rule{rule(approval.RoleChange, 1)}},
	); err != nil {
		t.Fatal(err)
	}
	_, err = p.identity.GrantRole(anna, p.rival, "anna", rbac.CAAdministrators)
	id := fault.Of(err).ApprovalID
	if _, err := p.approvals.Approve(open, id, ""); !fault.Is(err, fault.ProofRequired) {
		t.Errorf("approved: %v", err)
	}
	if _, err := p.approvals.Approve(there, id, ""); err != nil {
		t.Error(err)
	}
}

// ownRecovery: a recovery code leads to a new authenticator app, a link to a new password; neither opens anything alone.
func (p *society) ownRecovery(t *testing.T) {
	bob := p.owner(p.rival, "bob")
	p.invite(bob, p.rival, "w@x.example", "CA_AUDITORS")
	if got := p.accept(p.link("w@x.example", "/invitation#"), "several plain words 42"); got.code() != "" {
		t.Fatal(got.Errors)
	}
	v := p.newcomer("w@x.example")
	// Somebody who only knows the password is on the way, too.
	stale, _ := v.halfway()
	ctx, _ := v.halfway()
	e, err := p.identity.BeginTOTP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	done, err := p.identity.ConfirmTOTP(ctx, v.code(e.Secret))
	if err != nil {
		t.Fatal(err)
	}
	v.TOTPSecret = e.Secret
	if _, err := p.identity.BeginTOTP(stale); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the password alone replaces the authenticator app: %v", err)
	}
	if _, err := p.identity.BeginPasskeyRegistration(stale); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the password alone adds a passkey: %v", err)
	}
	ctx, _ = v.halfway()
	in, err := p.identity.VerifySecondFactor(ctx, identity.Proof{RecoveryCode: &done.RecoveryCodes[3]})
	if err != nil {
		t.Fatal(err)
	}
	ctx = p.with(v.context(), in.Token)
	before := v.TOTPSecret
	if v.enrol(ctx); v.TOTPSecret == before {
		t.Fatal("the same secret")
	}
	v.signIn() // with the new one
	halfway, _ := v.halfway()
	old := v.code(before)
	if _, err := p.identity.VerifySecondFactor(halfway, identity.Proof{TOTP: &old}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the lost authenticator still works: %v", err)
	}
	ahead.Add(int64(11 * time.Minute))
	if _, err := p.identity.BeginTOTP(p.with(v.context(), in.Token)); !fault.Is(err, fault.ProofRequired) {
		t.Errorf("a session left open replaces the authenticator app: %v", err)
	}

	for _, email := range []string{"w@x.example", "unknown@x.example"} {
		if err := p.identity.RequestPasswordReset(v.context(), email); err != nil {
			t.Errorf("%s: %v", email, err)
		}
	}
	ctx = v.signIn()
	token := p.link("w@x.example", "/password#")
	if _, err := p.identity.ResetPassword(v.context(), token, "short"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a weak password: %v", err)
	}
	if _, err := p.identity.ResetPassword(v.context(), token, "other plain words 43"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.identity.ResetPassword(v.context(), token, "third plain words 44"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the link works twice: %v", err)
	}
	if _, err := p.fresh(ctx); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a session survives the new password: %v", err)
	}
	v.Password = "other plain words 43"
	if _, in := v.halfway(); in.EnrolmentRequired || !slices.Contains(in.Factors, identity.TOTP) {
		t.Errorf("the second factor is gone: %+v", in)
	}

	// Who has only the mailbox asks the operator to reset the second factor next.
	id := p.must(
		p.operator, `{ accounts(search: "w@x.example") { nodes { id } } }`,
	)["accounts"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"]
	reset := fmt.Sprintf(`mutation { resetSecondFactor(input: {id: %q}) { user { id } } }`, id)
	if got := p.ask(t, p.operator, reset, nil); got.code() != "CONFLICT" {
		t.Errorf("a mailbox resets the password and then the second factor: %v", got)
	}
	shown := p.must(p.operator, fmt.Sprintf(`{ account(id: %q) { passwordResetAt } }`, id))["account"].(map[string]any)["passwordResetAt"]
	if shown == nil {
		t.Error("the operator does not see that the password was set by a link")
	}
	v.signIn()
	p.must(p.operator, reset)
}

// asksForLinks: an address asks for a few links, and then for no more; signing in from it goes on.
func (p *society) asksForLinks(t *testing.T) {
	victim := p.demoUser(rbac.CertificateAdministrators)
	ctx := identity.WithOrigin(context.Background(), &identity.Origin{IPAddress: "203.0.113.77"})
	var last error
	for n := range 40 {
		if last = p.identity.RequestPasswordReset(ctx, fmt.Sprintf("nobody%d@example.com", n)); last != nil {
			break
		}
	}
	if !fault.Is(last, fault.TooManyRequests) {
		t.Errorf("forty links: %v", last)
	}
	if _, err := p.identity.SignIn(ctx, victim.Email, victim.Password); err != nil {
		t.Errorf("who asks for links bars others from signing in: %v", err)
	}
}

// guesses makes wrong guesses side by side, each from an address of its own, and counts how they are answered.
func guesses(n int, guess func(ctx context.Context) error) map[fault.Kind]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	kinds := map[fault.Kind]int{}
	for i := range n {
		wg.Go(func() {
			err := guess(identity.WithOrigin(context.Background(), &identity.Origin{IPAddress: fmt.Sprintf("198.51.100.%d", i+1)}))
			mu.Lock()
			defer mu.Unlock()
			kinds[fault.Of(err).Kind]++
		})
	}
	wg.Wait()
	return kinds
}

// guessesSideBySide: however many arrive together, only the free ones are judged, for accounts there are and those
// there are not alike.
func (p *society) guessesSideBySide(t *testing.T) {
	victim := p.demoUser(rbac.CertificateAdministrators)
	for _, email := range []string{victim.Email, "no-such-person@example.com"} {
		kinds := guesses(40, func(ctx context.Context) error {
			_, err := p.identity.SignIn(ctx, email, "not the password at all")
			return err
		})
		if kinds[fault.Unauthenticated] > 5 || kinds[fault.Unauthenticated]+kinds[fault.TooManyRequests] != 40 {
			t.Errorf("%s: %v", email, kinds)
		}
	}
	other := p.demoUser(rbac.ProtocolOperators)
	_, in := other.halfway()
	kinds := guesses(40, func(ctx context.Context) error {
		code := "000000"
		_, session, err := p.identity.AuthenticateSession(ctx, in.Token)
		if err != nil {
			return err
		}
		_, err = p.identity.VerifySecondFactor(identity.WithSession(ctx, session), identity.Proof{TOTP: &code})
		return err
	})
	if kinds[fault.Unauthenticated] > 5 || kinds[fault.Unauthenticated]+kinds[fault.TooManyRequests] != 40 {
		t.Errorf("second factors: %v", kinds)
	}
}

// guessesTellNothing: one after the other, an account that exists answers as one that does not.
func (p *society) guessesTellNothing(t *testing.T) {
	victim := p.demoUser(rbac.CAAdministrators)
	answers := map[string][]string{}
	for n, email := range []string{victim.Email, "nobody-at-all@example.com"} {
		for i := range 8 {
			ctx := identity.WithOrigin(t.Context(), &identity.Origin{IPAddress: fmt.Sprintf("198.51.%d.%d", n, i)})
			_, err := p.identity.SignIn(ctx, email, "not the password at all")
			answers[email] = append(answers[email], string(fault.Of(err).Kind)+" "+fault.Of(err).Message)
		}
	}
	lists := slices.Collect(maps.Values(answers))
	if !slices.Equal(lists[0], lists[1]) || !strings.HasPrefix(lists[0][5], string(fault.TooManyRequests)) {
		t.Errorf("%v", answers)
	}
	// Somebody who types an unknown name leaves it nowhere.
	var subjects []string
	if err := p.store.DB(t.Context()).Table("sign_in_failures").Pluck("subject", &subjects).Error; err != nil || strings.Contains(
		strings.Join(subjects, " "), "nobody-at-all",
	) {
		t.Error(subjects, err)
	}
}

// knownDevicePasses: wrong passwords from anywhere do not lock out who signs in where they did before; and what is
// known to be theirs is worth nothing to others, nor without end.
func (p *society) knownDevicePasses(t *testing.T) {
	auditor, other := p.demoUser(rbac.CAAuditors), p.demoUser(rbac.ProtocolAuditors)
	auditor.signIn()
	other.signIn()
	attack := func(device string) map[fault.Kind]int {
		kinds := map[fault.Kind]int{}
		for i := range 12 {
			ctx := identity.WithOrigin(t.Context(), &identity.Origin{IPAddress: fmt.Sprintf("203.0.113.%d", i), Device: device})
			_, err := p.identity.SignIn(ctx, auditor.Email, "not the password at all")
			kinds[fault.Of(err).Kind]++
		}
		return kinds
	}
	for _, device := range []string{"", "junk", strings.Repeat("ab", 4000), other.device, other.device} {
		attack(device)
	}
	if kinds := attack(other.device); kinds[fault.TooManyRequests] != 12 {
		t.Errorf("another person's device has guesses of its own: %v", kinds)
	}
	stranger := *auditor
	stranger.device = ""
	if _, err := p.identity.SignIn(stranger.context(), auditor.Email, auditor.Password); !fault.Is(err, fault.TooManyRequests) {
		t.Errorf("a stranger's guess is judged: %v", err)
	}
	auditor.signIn()
	if kinds := attack(auditor.device); kinds[fault.Unauthenticated] > 5 {
		t.Errorf("a known device guesses without end: %v", kinds)
	}
}

// guessedLinks: links are guessed at a few times from an address.
func (p *society) guessedLinks(t *testing.T) {
	ctx := identity.WithOrigin(t.Context(), &identity.Origin{IPAddress: "2001:db8::1"})
	kinds := map[fault.Kind]int{}
	for i := range 40 {
		// The addresses of one customer are one.
		ctx := identity.WithOrigin(ctx, &identity.Origin{IPAddress: fmt.Sprintf("2001:db8::%x", i)})
		_, err := p.identity.Invitation(ctx, fmt.Sprint(i))
		kinds[fault.Of(err).Kind]++
	}
	if kinds[fault.NotFound] != 20 || kinds[fault.TooManyRequests] != 20 {
		t.Errorf("%v", kinds)
	}
	if _, err := p.identity.AcceptInvitation(ctx, "x", "several plain words 42", "A", "B"); !fault.Is(err, fault.TooManyRequests) {
		t.Errorf("accepting: %v", err)
	}
	if _, err := p.identity.ResetPassword(ctx, "x", "several plain words 42"); !fault.Is(err, fault.TooManyRequests) {
		t.Errorf("a new password: %v", err)
	}
}

// fresh is a signed-in person as of now: refused once the session or the account has ended.
func (p *society) fresh(ctx context.Context) (*rbac.Actor, error) {
	a := rbac.ActorFrom(ctx)
	var sessions int64
	if err := p.store.DB(ctx).Table("sessions").Where("id = ?", a.SessionID).Count(&sessions).Error; err != nil {
		return nil, err
	}
	if sessions == 0 {
		return nil, fault.New(fault.Unauthenticated, "The session has ended.")
	}
	return p.identity.CurrentActor(ctx, a.Kind, a.ID, a.Name)
}
