// Package rbac decides who may do what. Every service method asks it first, so that all entry points behave the same.
package rbac

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"

	"github.com/pkiaas/pkiaas/domain/fault"
)

//go:embed model.conf
var modelText string

//go:embed policy.csv
var policyText string

// Role is one of the six roles of a partition, or OPERATOR on the platform.
type Role string

const (
	Owners                    Role = "OWNERS"
	CAAdministrators          Role = "CA_ADMINISTRATORS"
	CertificateAdministrators Role = "CERTIFICATE_ADMINISTRATORS"
	CAAuditors                Role = "CA_AUDITORS"
	ProtocolOperators         Role = "PROTOCOL_OPERATORS"
	ProtocolAuditors          Role = "PROTOCOL_AUDITORS"

	Operator Role = "OPERATOR"

	// Protocol is what an enrollment protocol configuration may do in its partition. Nobody can grant it.
	Protocol Role = "PROTOCOL"
)

// Roles lists the six roles that can be granted in a partition.
func Roles() []Role {
	return []Role{Owners, CAAdministrators, CertificateAdministrators, CAAuditors, ProtocolOperators, ProtocolAuditors}
}

// Valid tells whether r can be granted in a partition.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Platform is the domain of operators.
const Platform = "platform"

// Permission is object:action, as in policy.csv.
type Permission string

const (
	SubscriptionBrowse      Permission = "subscription:browse"
	SubscriptionCreate      Permission = "subscription:create"
	SubscriptionUpdate      Permission = "subscription:update"
	SubscriptionAssign      Permission = "subscription:assign"
	PartitionBrowse         Permission = "partition:browse"
	UserBrowse              Permission = "user:browse"
	UserInvite              Permission = "user:invite"
	RoleManage              Permission = "role:manage"
	OutboxBrowse            Permission = "outbox:browse"
	JobBrowse               Permission = "job:browse"
	AccountBrowse           Permission = "account:browse"
	AccountManage           Permission = "account:manage"
	CABrowse                Permission = "ca:browse"
	CACreate                Permission = "ca:create"
	CASelectProfiles        Permission = "ca:select-profiles"
	CADelete                Permission = "ca:delete"
	CAPublishCRL            Permission = "ca:publish-crl"
	CADownload              Permission = "ca:download"
	ProfileBrowse           Permission = "profile:browse"
	ProfileManage           Permission = "profile:manage"
	CertificateBrowse       Permission = "certificate:browse"
	CertificateDownload     Permission = "certificate:download"
	CertificateIssue        Permission = "certificate:issue"
	CertificateIssuePKCS12  Permission = "certificate:issue-pkcs12"
	CertificateVouch        Permission = "certificate:vouch" // vouch for claims about identity, see profile.Source
	CertificateChangeStatus Permission = "certificate:change-status"
	EndEntityBrowse         Permission = "end-entity:browse"
	EndEntityManage         Permission = "end-entity:manage"
	TokenBrowse             Permission = "token:browse"
	TokenManage             Permission = "token:manage"
	AuditBrowse             Permission = "audit:browse"
	NotificationBrowse      Permission = "notification:browse"
	NotificationManage      Permission = "notification:manage"
	ProtocolBrowse          Permission = "protocol:browse"
	ProtocolManage          Permission = "protocol:manage"
	ApprovalBrowse          Permission = "approval:browse"
	ApprovalManage          Permission = "approval:manage" // manage the rules; approving requires the permission for the operation itself
)

// Permissions lists all permissions, for the console and for tests.
func Permissions() []Permission {
	return []Permission{
		SubscriptionBrowse, SubscriptionCreate, SubscriptionUpdate, SubscriptionAssign, PartitionBrowse, UserBrowse, UserInvite,
		RoleManage, OutboxBrowse, JobBrowse, AccountBrowse, AccountManage, CABrowse, CACreate, CASelectProfiles, CADelete, CAPublishCRL,
		CADownload, ProfileBrowse, ProfileManage,
		CertificateBrowse, CertificateDownload, CertificateIssue, CertificateIssuePKCS12, CertificateVouch, CertificateChangeStatus,
		EndEntityBrowse, EndEntityManage, TokenBrowse, TokenManage, AuditBrowse, NotificationBrowse, NotificationManage,
		ProtocolBrowse, ProtocolManage,
		ApprovalBrowse, ApprovalManage,
	}
}

// ofPeople tells whether only a person, or a person's token, may have the permission. Otherwise somebody who has left
// could come back through a service token.
func ofPeople(p Permission) bool { return p == RoleManage || p == UserInvite || p == ApprovalManage }

// Guard decides whether an actor holds a permission in a domain. It is safe for concurrent use.
type Guard struct {
	enforcer *casbin.Enforcer
	// The policy does not change while the program runs, so each answer is computed once.
	decided sync.Map // decision → bool
}

type decision struct {
	role     Role
	platform bool
	p        Permission
}

// New reads the embedded model and policy.
func New() (*Guard, error) { return newGuard(policyText) }

func newGuard(policy string) (*Guard, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("cannot read rbac/model.conf: %w", err)
	}
	enforcer, err := casbin.NewEnforcer(m, stringadapter.NewAdapter(withoutComments(policy)))
	if err != nil {
		return nil, fmt.Errorf("cannot read rbac/policy.csv: %w", err)
	}
	return &Guard{enforcer: enforcer}, nil
}

func withoutComments(policy string) string {
	lines := strings.Split(policy, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" || l[0] == '#' }), "\n")
}

// Allows tells whether the role holds the permission in the domain.
func (g *Guard) Allows(role Role, domain string, p Permission) bool {
	key := decision{role, domain == Platform, p}
	if v, ok := g.decided.Load(key); ok {
		return v.(bool)
	}
	object, action, _ := strings.Cut(string(p), ":")
	allowed, err := g.enforcer.Enforce(string(role), domain, object, action)
	if err != nil {
		return false
	}
	g.decided.Store(key, allowed)
	return allowed
}

// Has tells whether the actor holds the permission in the domain (a partition, a subscription or Platform).
func (g *Guard) Has(a *Actor, p Permission, domain string) bool {
	if a == nil || a.Scope.Narrow() || a.Service && ofPeople(p) {
		return false
	}
	allows := func(r Role) bool { return g.Allows(r, domain, p) }
	return slices.ContainsFunc(a.RolesIn(domain), allows) && (a.Within == nil || slices.ContainsFunc(a.Within[domain], allows))
}

// Covers tells whether the actor holds every permission of a role in the domain, and so may grant it.
func (g *Guard) Covers(a *Actor, r Role, domain string) bool {
	if a != nil && a.Kind == System {
		return true
	}
	return !slices.ContainsFunc(Permissions(), func(p Permission) bool { return g.Allows(r, domain, p) && !g.Has(a, p, domain) })
}

// Require is the first statement of every service method. Without an actor it fails with Unauthenticated. Without a
// role in the domain it fails with NotFound, because what the caller may not see does not exist for them. Without the
// permission it fails with Forbidden.
func (g *Guard) Require(ctx context.Context, p Permission, domain string) error {
	a := ActorFrom(ctx)
	if a == nil {
		return fault.New(fault.Unauthenticated, "You are not signed in.").Do("Sign in, or send a valid API token.")
	}
	if a.Kind == System || g.Has(a, p, domain) {
		return nil
	}
	if len(a.RolesIn(domain)) == 0 || a.Scope.Narrow() {
		return NotFound()
	}
	if a.Service && ofPeople(p) {
		return fault.New(fault.Forbidden, "A service token cannot manage people and can never have the permission %s.", p).Do(
			"Sign in, or use a personal token.",
		)
	}
	return fault.New(fault.Forbidden, "Your role does not include the permission %s.", p).Do(
		"Ask an Owner of the partition for a role that includes it.",
	)
}

// RequireOn is Require for an object. It may be in the scope of an actor that may do nothing in the partition as a whole: a
// credential with roles on single CAs, or a configuration of an enrollment protocol. What is outside its scope does not exist
// for it: NotFound. Verbs that call only Require refuse such actors.
func (g *Guard) RequireOn(ctx context.Context, p Permission, on On) error {
	a := ActorFrom(ctx)
	if a == nil || a.Kind == System || !a.Scope.Narrow() {
		return g.Require(ctx, p, on.Partition)
	}
	roles := a.rolesOn(on)
	switch {
	case len(roles) == 0:
		return NotFound()
	case slices.ContainsFunc(roles, func(r Role) bool { return g.Allows(r, on.Partition, p) }):
		return nil
	case a.Scope.Configuration != "":
		return fault.New(fault.Forbidden, "Clients of an enrollment protocol do not have the permission %s.", p)
	}
	return fault.New(fault.Forbidden, "The credential's role on this CA does not include the permission %s.", p).Do(
		"Request the role cert-admins on this CA.",
	)
}

// May answers what RequireOn would: for behaviour that depends on a permission without being refused for lack of it.
func (g *Guard) May(ctx context.Context, p Permission, on On) bool {
	return g.RequireOn(ctx, p, on) == nil
}

// RequireHandOn is for whatever lets others act without further checks, such as a key or a credential: its creator must
// be allowed to do the same. what names it in the error.
func (g *Guard) RequireHandOn(ctx context.Context, p Permission, domain, what string) error {
	if err := g.Require(ctx, p, domain); fault.Is(err, fault.Forbidden) {
		return fault.New(fault.Forbidden, "%s needs the permission %s, which your role does not have.", what, p).Do(
			"Ask somebody whose role permits it to do this.",
		)
	} else if err != nil {
		return err
	}
	return nil
}

// RequireProof requires a password or second factor entered within the last minutes, so that an unattended or stolen
// session is not enough.
func (g *Guard) RequireProof(ctx context.Context) error {
	if a := ActorFrom(ctx); a != nil && a.SessionID != "" && !a.Proven {
		return fault.New(fault.ProofRequired, "Confirm your identity first.").Do(
			"Call confirmIdentity with your password or a code, then repeat the operation.",
		)
	}
	return nil
}

// NotFound returns the error for what does not exist, or does not exist for the caller. Both are identical.
func NotFound() error {
	return fault.New(fault.NotFound, "The object does not exist.").Do("Check the identifier and the partition.")
}
