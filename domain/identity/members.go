package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

const invitationLifetime = 7 * 24 * time.Hour

type invitation struct {
	TokenHash []byte `gorm:"primaryKey"`
	UserID    string
	CreatedAt time.Time
	ExpiresAt time.Time
}

func (invitation) TableName() string { return "invitations" }

// Member is a person and its roles in one partition.
type Member struct {
	User  *User
	Roles []rbac.Role
}

// Members lists everyone with a role in the partition.
func (s *Service) Members(ctx context.Context, partitionID string) ([]*Member, error) {
	if err := s.Guard.Require(ctx, rbac.UserBrowse, partitionID); err != nil {
		return nil, err
	}
	var users []*User
	if err := s.Store.DB(ctx).Where("id IN (SELECT user_id FROM role_grants WHERE domain = ?)", partitionID).Order("email").Find(&users).Error; err != nil {
		return nil, err
	}
	var grants []grant
	if err := s.Store.DB(ctx).Where("domain = ?", partitionID).Order("role").Find(&grants).Error; err != nil {
		return nil, err
	}
	list := make([]*Member, len(users))
	for n, u := range users {
		list[n] = &Member{User: u, Roles: []rbac.Role{}}
		for _, g := range grants {
			if g.UserID == u.ID && g.Role != none {
				list[n].Roles = append(list[n].Roles, g.Role)
			}
		}
	}
	return list, nil
}

// none marks membership without a role: someone invited whom an Owner will give a role later.
const none rbac.Role = "NONE"

func (s *Service) member(ctx context.Context, partitionID, userID string) (*Member, error) {
	u, err := s.user(ctx, userID)
	if err != nil {
		return nil, err
	}
	var grants []grant
	if err := s.Store.DB(ctx).Where("user_id = ? AND domain = ?", userID, partitionID).Order("role").Find(&grants).Error; err != nil {
		return nil, err
	}
	if len(grants) == 0 {
		return nil, rbac.NotFound()
	}
	m := &Member{User: u, Roles: []rbac.Role{}}
	for _, g := range grants {
		if g.Role != none {
			m.Roles = append(m.Roles, g.Role)
		}
	}
	return m, nil
}

// Invitee is who is invited.
type Invitee struct {
	Email, FirstName, LastName string
	Roles                      []rbac.Role
}

// Invite makes somebody a member; who is no user yet gets a link that creates the credentials.
func (s *Service) Invite(ctx context.Context, partitionID string, i Invitee) (m *Member, err error) {
	event := audit.Event{PartitionID: partitionID, Action: "user.invite", ObjectKind: "user", ObjectName: i.Email}
	defer s.Audit.Refusal(ctx, &err, &event)
	defer s.Approvals.Submit(ctx, &err)
	if err := s.Guard.Require(ctx, rbac.UserInvite, partitionID); err != nil {
		return nil, err
	}
	if len(i.Roles) > 0 {
		if err := s.Guard.Require(ctx, rbac.RoleManage, partitionID); err != nil {
			return nil, err
		}
	}
	for _, r := range i.Roles {
		if !r.Valid() {
			return nil, fault.New(fault.Invalid, "unknown role").At("roles")
		}
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		u, err := s.invite(ctx, partitionID, i)
		if err != nil {
			return err
		}
		if len(i.Roles) > 0 {
			if err := s.Approvals.Ask(ctx, approval.Ask{PartitionID: partitionID, Operation: approval.RoleChange, Verb: VerbInvite, Payload: Inviting{partitionID, i}, ObjectKind: "user",
				Summary: "invite " + u.Email + " as " + rolesText(i.Roles), Facts: []approval.Fact{{Name: "Person", Value: strings.TrimSpace(i.FirstName + " " + i.LastName + " " + u.Email)}, {Name: "Roles", Value: rolesText(i.Roles)}}}); err != nil {
				return err
			}
		}
		done := event
		done.ObjectID, done.ObjectName = u.ID, u.Email
		done.Summary, done.Details = "invited "+u.Email, audit.Details{"roles": i.Roles}
		s.Audit.Record(ctx, done)
		if m, err = s.member(ctx, partitionID, u.ID); err != nil {
			return err
		}
		return s.Approvals.Settle(ctx, u.ID)
	})
	return m, err
}

// The verbs that an approval carries out.
const (
	VerbInvite     = "user.invite"
	VerbGrantRole  = "role.grant"
	VerbRevokeRole = "role.revoke"
)

// Inviting is what Invite is called with.
type Inviting struct {
	PartitionID string
	Invitee     Invitee
}

// Role is what GrantRole and RevokeRole are called with.
type Role struct {
	PartitionID, UserID string
	Role                rbac.Role
}

func rolesText(roles []rbac.Role) string {
	said := make([]string, len(roles))
	for n, r := range roles {
		said[n] = text.Lower(r)
	}
	return strings.Join(said, ", ")
}

// invite makes the user if need be, its grants in the domain, and the mail; in the transaction of ctx.
func (s *Service) invite(ctx context.Context, domain string, i Invitee) (*User, error) {
	email, err := CheckEmail(i.Email)
	if err != nil {
		return nil, err
	}
	for field, value := range map[string]string{"firstName": i.FirstName, "lastName": i.LastName} {
		if err := text.Label(field, value, 0, 64); err != nil {
			return nil, err
		}
	}
	u := &User{ID: newID(), Email: email, FirstName: i.FirstName, LastName: i.LastName, Status: Invited, CreatedAt: s.Now()}
	if err := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(u).Error; err != nil {
		return nil, err
	}
	u = &User{}
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(u, "email = ?", email).Error; err != nil {
		return nil, err
	}
	roles := i.Roles
	if len(roles) == 0 {
		roles = []rbac.Role{none}
	}
	for _, r := range roles {
		if err := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&grant{u.ID, domain, r, s.Now()}).Error; err != nil {
			return nil, err
		}
	}
	if u.Status == Active {
		return u, s.Mail.Send(ctx, partitionOf(domain), u.Email, "You have access to another partition", "Sign in at "+s.BaseURL+" and choose the partition.\n")
	}
	return u, s.sendInvitation(ctx, partitionOf(domain), u)
}

// partitionOf is the partition that a domain is, "" when it is a subscription.
func partitionOf(domain string) string {
	if strings.HasPrefix(domain, "sub") {
		return domain
	}
	return ""
}

func (s *Service) sendInvitation(ctx context.Context, partitionID string, u *User) error {
	if err := s.Store.DB(ctx).Delete(&invitation{}, "user_id = ?", u.ID).Error; err != nil {
		return err
	}
	token := newSecret()
	now := s.Now()
	if err := s.Store.DB(ctx).Create(&invitation{hashSecret(token), u.ID, now, now.Add(invitationLifetime)}).Error; err != nil {
		return err
	}
	// In the fragment: it is not sent to any server and stands in no log.
	return s.Mail.Send(ctx, partitionID, u.Email, "You are invited to pkiaas",
		"Open this link within 7 days to create your credentials:\n\n"+s.BaseURL+"/invitation#"+token+"\n\nIf you did not expect this, ignore it.\n")
}

// InviteOwner makes the first owner of a subscription, in the transaction of ctx.
func (s *Service) InviteOwner(ctx context.Context, subscriptionID, email, firstName, lastName string) error {
	_, err := s.invite(ctx, subscriptionID, Invitee{Email: email, FirstName: firstName, LastName: lastName, Roles: []rbac.Role{rbac.Owners}})
	if f := fault.Of(err); err != nil && f.Field == "email" {
		return f.At("ownerEmail")
	}
	return err
}

// CopyGrants gives everybody the same roles in another domain, in the transaction of ctx.
func (s *Service) CopyGrants(ctx context.Context, from, to string) error {
	return s.Store.DB(ctx).Exec("INSERT INTO role_grants (user_id, domain, role, created_at) SELECT user_id, ?, role, created_at FROM role_grants WHERE domain = ?", to, from).Error
}

// ResendInvitation sends a new link; the old one ends.
func (s *Service) ResendInvitation(ctx context.Context, partitionID, userID string) (*Member, error) {
	if err := s.Guard.Require(ctx, rbac.UserInvite, partitionID); err != nil {
		return nil, err
	}
	m, err := s.member(ctx, partitionID, userID)
	if err != nil {
		return nil, err
	}
	return m, s.Store.Tx(ctx, func(ctx context.Context) error {
		u, err := s.locked(ctx, userID)
		if err != nil {
			return err
		}
		if u.Status != Invited {
			return fault.New(fault.Conflict, "%s has already confirmed", u.Email)
		}
		s.Audit.Record(ctx, audit.Event{PartitionID: partitionID, Action: "user.invite", ObjectKind: "user", ObjectID: u.ID, ObjectName: u.Email, Summary: "invited " + u.Email + " again"})
		return s.sendInvitation(ctx, partitionID, u)
	})
}

// Invitation is what a link is for.
type Invitation struct {
	Email, FirstName, LastName string
	ExpiresAt                  time.Time
}

func (s *Service) findInvitation(ctx context.Context, token string) (*invitation, *User, error) {
	var found []*invitation
	if err := s.Store.DB(ctx).Where("token_hash = ? AND expires_at > ?", hashSecret(token), s.Now()).Find(&found).Error; err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, fault.New(fault.NotFound, "this invitation has been used, has expired or was replaced by a newer one").Do("Ask an Owner for a new one.")
	}
	u, err := s.user(ctx, found[0].UserID)
	return found[0], u, err
}

// Invitation tells what a link is for, to whoever holds it.
func (s *Service) Invitation(ctx context.Context, token string) (*Invitation, error) {
	i, u, err := s.findInvitation(ctx, token)
	if err != nil {
		return nil, err
	}
	return &Invitation{u.Email, u.FirstName, u.LastName, i.ExpiresAt}, nil
}

// AcceptInvitation sets the password; the session that it opens must enrol a second factor next.
func (s *Service) AcceptInvitation(ctx context.Context, token, password, firstName, lastName string) (*SignedIn, error) {
	_, u, err := s.findInvitation(ctx, token)
	if err != nil {
		return nil, err
	}
	for field, value := range map[string]string{"firstName": firstName, "lastName": lastName} {
		if err := text.Label(field, value, 1, 64); err != nil {
			return nil, err
		}
	}
	if err := checkPassword(password, u); err != nil {
		return nil, err
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	result := &SignedIn{EnrolmentRequired: true}
	return result, s.Store.Tx(ctx, func(ctx context.Context) error {
		used := s.Store.DB(ctx).Delete(&invitation{}, "token_hash = ?", hashSecret(token))
		if used.Error != nil {
			return used.Error
		}
		if used.RowsAffected == 0 {
			return fault.New(fault.Conflict, "this invitation has just been used")
		}
		u.PasswordHash, u.FirstName, u.LastName, u.Status = hash, firstName, lastName, Active
		if err := s.Store.DB(ctx).Model(u).Select("password_hash", "first_name", "last_name", "status").Updates(u).Error; err != nil {
			return err
		}
		s.record(ctx, u, "user.accept-invitation", u.Email+" accepted the invitation", nil)
		result.User = u
		var err error
		result.Token, result.Expires, err = s.open(ctx, u, EnrolmentRequired)
		return err
	})
}

// GrantRole gives a member a role.
func (s *Service) GrantRole(ctx context.Context, partitionID, userID string, role rbac.Role) (*Member, error) {
	return s.changeRole(ctx, partitionID, userID, role, VerbGrantRole, func(ctx context.Context, m *Member) error {
		if slices.Contains(m.Roles, role) {
			return fault.New(fault.Conflict, "%s already has this role", m.User.Email).At("role")
		}
		return s.Store.DB(ctx).Create(&grant{userID, partitionID, role, s.Now()}).Error
	})
}

// RevokeRole takes a role from a member. The last Owner keeps it.
func (s *Service) RevokeRole(ctx context.Context, partitionID, userID string, role rbac.Role) (*Member, error) {
	return s.changeRole(ctx, partitionID, userID, role, VerbRevokeRole, func(ctx context.Context, m *Member) error {
		if !slices.Contains(m.Roles, role) {
			return fault.New(fault.Conflict, "%s does not have this role", m.User.Email).At("role")
		}
		if role == rbac.Owners {
			// Those invited and not yet confirmed cannot act, so they do not count.
			var owners []grant
			if err := s.Store.DB(ctx).Where("domain = ? AND role = ? AND user_id IN (SELECT id FROM users WHERE status = ?)", partitionID, rbac.Owners, Active).Find(&owners).Error; err != nil {
				return err
			}
			if !slices.ContainsFunc(owners, func(g grant) bool { return g.UserID != userID }) {
				return fault.New(fault.Conflict, "the last Owner of a partition cannot be removed").At("role").Do("Make somebody else an Owner first.")
			}
		}
		// Membership stays, so that a role can be given again.
		if err := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&grant{userID, partitionID, none, s.Now()}).Error; err != nil {
			return err
		}
		return s.Store.DB(ctx).Delete(&grant{}, "user_id = ? AND domain = ? AND role = ?", userID, partitionID, role).Error
	})
}

func (s *Service) changeRole(ctx context.Context, partitionID, userID string, role rbac.Role, action string, fn func(context.Context, *Member) error) (m *Member, err error) {
	event := audit.Event{PartitionID: partitionID, Action: action, ObjectKind: "user", ObjectID: userID}
	defer s.Audit.Refusal(ctx, &err, &event)
	defer s.Approvals.Submit(ctx, &err)
	if err := s.Guard.Require(ctx, rbac.RoleManage, partitionID); err != nil {
		return nil, err
	}
	if !role.Valid() {
		return nil, fault.New(fault.Invalid, "unknown role").At("role")
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		// One change of roles at a time in a partition: two Owners must not remove each other.
		if err := s.lockDomain(ctx, partitionID); err != nil {
			return err
		}
		if m, err = s.member(ctx, partitionID, userID); err != nil {
			return err
		}
		before := m.Roles
		if err := fn(ctx, m); err != nil {
			return err
		}
		if m, err = s.member(ctx, partitionID, userID); err != nil {
			return err
		}
		summary := "give " + m.User.Email + " the role " + text.Lower(role)
		if action == VerbRevokeRole {
			summary = "take the role " + text.Lower(role) + " from " + m.User.Email
		}
		if err := s.Approvals.Ask(ctx, approval.Ask{PartitionID: partitionID, Operation: approval.RoleChange, Verb: action, Payload: Role{partitionID, userID, role}, ObjectKind: "user", ObjectID: userID,
			Summary: summary,
			Facts:   []approval.Fact{{Name: "Person", Value: strings.TrimSpace(m.User.FirstName + " " + m.User.LastName + " " + m.User.Email)}, {Name: "Roles now", Value: rolesText(before)}, {Name: "Roles then", Value: rolesText(m.Roles)}}}); err != nil {
			return err
		}
		done := event
		done.ObjectName = m.User.Email
		done.Summary = map[string]string{"role.grant": "gave ", "role.revoke": "took "}[action] + string(role) + map[string]string{"role.grant": " to ", "role.revoke": " from "}[action] + m.User.Email
		done.Details = audit.Details{"before": before, "after": m.Roles}
		s.Audit.Record(ctx, done)
		return s.Approvals.Settle(ctx, userID)
	})
	return m, err
}

func (s *Service) lockDomain(ctx context.Context, partitionID string) error {
	var id []string
	return s.Store.ForUpdate(s.Store.DB(ctx)).Table("partitions").Where("id = ?", partitionID).Pluck("id", &id).Error
}

// CreateOperator makes a platform operator, for the command line. It must enrol a second factor at the first sign-in.
func (s *Service) CreateOperator(ctx context.Context, email, password string) (*User, error) {
	if a := rbac.ActorFrom(ctx); a == nil || a.Kind != rbac.System {
		return nil, fault.New(fault.Forbidden, "operators are created on the command line")
	}
	address, err := CheckEmail(email)
	if err != nil {
		return nil, err
	}
	u := &User{ID: newID(), Email: address, Status: Active, Operator: true, CreatedAt: s.Now()}
	if err := checkPassword(password, u); err != nil {
		return nil, err
	}
	if u.PasswordHash, err = s.hashPassword(ctx, password); err != nil {
		return nil, err
	}
	return u, s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.DB(ctx).Create(u).Error; err != nil {
			if store.IsDuplicate(err) {
				return fault.New(fault.Conflict, "%s is already a user", address).At("email")
			}
			return err
		}
		s.record(ctx, u, "operator.create", "created the platform operator "+u.Email, nil)
		return nil
	})
}
