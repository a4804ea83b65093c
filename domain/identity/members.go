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
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Member is a person with their roles in one partition, or a pending invitation. For an invitation, User holds what the
// inviter entered and the ID of the invitation.
type Member struct {
	User                *User
	Roles               []rbac.Role
	InvitedBy           string
	InvitationExpiresAt *time.Time // nil for members
}

// Members lists everyone with a role in the partition and its pending invitations.
func (s *Service) Members(ctx context.Context, partitionID string, p page.Request) (*page.Page[*Member], error) {
	if err := s.Guard.Require(ctx, rbac.UserBrowse, partitionID); err != nil {
		return nil, err
	}
	people := s.Store.DB(ctx).Model(&User{}).Where("id IN (SELECT user_id FROM role_grants WHERE domain = ?)", partitionID)
	invited := s.Store.DB(ctx).Model(&invitation{}).Where("domain = ?", partitionID)
	// Two lists in one: first the people, then the invitations.
	after, more := strings.CutPrefix(p.After, afterPeople)
	users := &page.Page[*User]{HasNext: true}
	if more {
		n, err := s.Store.CountUpTo(ctx, people, page.CountLimit)
		if err != nil {
			return nil, err
		}
		users.Total, users.HasNext = int(n), false
	} else {
		after = ""
		var err error
		if users, err = page.Read(
			ctx, s.Store, people, p, page.Key[User]{Column: "email", Value: func(u *User) any { return u.Email }},
		); err != nil {
			return nil, err
		}
	}
	ids := make([]string, len(users.Nodes))
	for n, u := range users.Nodes {
		ids[n] = u.ID
	}
	var grants []grant
	if err := s.Store.DB(ctx).Where("domain = ? AND user_id IN ?", partitionID, ids).Order("role").Find(&grants).Error; err != nil {
		return nil, err
	}
	found := &page.Page[*Member]{Cursors: users.Cursors, HasNext: users.HasNext, Total: users.Total}
	for _, u := range users.Nodes {
		found.Nodes = append(found.Nodes, &Member{User: u, Roles: rolesOf(grants, u.ID)})
	}
	rest := page.Request{First: max(p.First-len(found.Nodes), 1), After: after}
	invitations, err := page.Read(
		ctx, s.Store, invited, rest, page.Key[invitation]{Column: "email", Value: func(i *invitation) any { return i.Email }},
		page.Key[invitation]{Column: "id", Value: func(i *invitation) any { return i.ID }})
	if err != nil {
		return nil, err
	}
	found.Total += invitations.Total
	switch {
	case found.HasNext: // of the people
	case len(found.Nodes) == p.First:
		found.HasNext = len(invitations.Nodes) > 0
		if found.HasNext {
			found.Cursors[len(found.Cursors)-1] = afterPeople
		}
	default:
		for n, i := range invitations.Nodes {
			found.Nodes, found.Cursors = append(found.Nodes, i.member()), append(found.Cursors, afterPeople+invitations.Cursors[n])
		}
		found.HasNext = invitations.HasNext
	}
	return found, nil
}

// afterPeople begins the cursors of invitations.
const afterPeople = "invitations."

// none marks membership without a role: an Owner can give one later.
const none rbac.Role = "NONE"

func rolesOf(grants []grant, userID string) []rbac.Role {
	roles := []rbac.Role{}
	for _, g := range grants {
		if g.UserID == userID && g.Role != none {
			roles = append(roles, g.Role)
		}
	}
	return roles
}

func (s *Service) member(ctx context.Context, partitionID, userID string) (*Member, error) {
	var grants []grant
	if err := s.Store.DB(ctx).Where("user_id = ? AND domain = ?", userID, partitionID).Order("role").Find(&grants).Error; err != nil {
		return nil, err
	}
	if len(grants) == 0 {
		return nil, rbac.NotFound()
	}
	u, err := s.user(ctx, userID)
	return &Member{User: u, Roles: rolesOf(grants, userID)}, err
}

// These verbs are carried out after approval.
const (
	VerbInvite       = "user.invite"
	VerbGrantRole    = "role.grant"
	VerbRevokeRole   = "role.revoke"
	VerbRemoveMember = "user.remove"
)

// Role is the argument of GrantRole and RevokeRole.
type Role struct {
	PartitionID, UserID string
	Role                rbac.Role
}

// Removing is the argument of RemoveMember.
type Removing struct{ PartitionID, UserID string }

func rolesText(roles []rbac.Role) string {
	said := make([]string, len(roles))
	for n, r := range roles {
		said[n] = text.Lower(r)
	}
	return strings.Join(said, ", ")
}

// GrantRole gives a role to a member or adds it to an invitation.
func (s *Service) GrantRole(ctx context.Context, partitionID, userID string, role rbac.Role) (*Member, error) {
	return s.changeRole(ctx, partitionID, userID, role, VerbGrantRole, func(ctx context.Context, m *Member, i *invitation) error {
		if slices.Contains(m.Roles, role) {
			return fault.New(fault.Conflict, "%s already has this role.", m.User.Email).At("role")
		}
		if i != nil {
			i.Roles = append(i.Roles, role)
			slices.Sort(i.Roles)
			return nil
		}
		return s.Store.DB(ctx).Create(&grant{userID, partitionID, role, s.Now()}).Error
	})
}

// RevokeRole takes a role from a member or an invitation. It refuses to take it from the last Owner.
func (s *Service) RevokeRole(ctx context.Context, partitionID, userID string, role rbac.Role) (*Member, error) {
	return s.changeRole(ctx, partitionID, userID, role, VerbRevokeRole, func(ctx context.Context, m *Member, i *invitation) error {
		if !slices.Contains(m.Roles, role) {
			return fault.New(fault.Conflict, "%s does not have this role.", m.User.Email).At("role")
		}
		if i != nil {
			i.Roles = slices.DeleteFunc(i.Roles, func(r rbac.Role) bool { return r == role })
			return nil
		}
		if role == rbac.Owners {
			if err := s.keepsOwner(ctx, partitionID, userID); err != nil {
				return fault.Of(err).At("role")
			}
		}
		// The membership stays, so that a role can be given again.
		if err := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(
			&grant{userID, partitionID, none, s.Now()},
		).Error; err != nil {
			return err
		}
		return s.revoke(ctx, partitionID, userID, role)
	})
}

// revoke takes roles from a user in a partition and in the subscription it came from; all roles if none is named.
func (s *Service) revoke(ctx context.Context, partitionID, userID string, roles ...rbac.Role) error {
	query := s.Store.DB(ctx).Where(
		"user_id = ? AND (domain = ? OR domain IN (SELECT subscription_id FROM partitions WHERE id = ?))", userID, partitionID,
		partitionID,
	)
	if len(roles) > 0 {
		query = query.Where("role IN ?", roles)
	}
	return query.Delete(&grant{}).Error
}

// keepsOwner refuses to leave a partition without an active Owner.
func (s *Service) keepsOwner(ctx context.Context, partitionID, without string) error {
	var others int64
	if err := s.Store.DB(ctx).Model(&grant{}).Where(
		"domain = ? AND role = ? AND user_id <> ? AND user_id IN (SELECT id FROM users WHERE status = ?)",
		partitionID, rbac.Owners, without, Active).Count(&others).Error; err != nil {
		return err
	}
	if others == 0 {
		return fault.New(fault.Conflict, "The last Owner of a partition cannot be removed.").Do("Make somebody else an Owner first.")
	}
	return nil
}

func (s *Service) changeRole(ctx context.Context, partitionID, userID string, role rbac.Role, action string,
	fn func(context.Context, *Member, *invitation) error) (m *Member, err error) {
	event := audit.Event{PartitionID: partitionID, Action: action, ObjectKind: "user", ObjectID: userID}
	defer s.Audit.Refusal(ctx, &err, &event)
	defer s.Approvals.Submit(ctx, &err)
	if err := s.Guard.Require(ctx, rbac.RoleManage, partitionID); err != nil {
		return nil, err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return nil, err
	}
	if !role.Valid() {
		return nil, fault.New(fault.Invalid, "Unknown role.").At("role")
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		// Role changes in a partition run one at a time, so that two Owners cannot remove each other.
		if err := s.lockDomain(ctx, partitionID); err != nil {
			return err
		}
		i, err := s.lockedInvitation(ctx, partitionID, userID)
		if err != nil {
			return err
		}
		if i != nil {
			m = i.member()
		} else if m, err = s.member(ctx, partitionID, userID); err != nil {
			return err
		}
		before := slices.Clone(m.Roles)
		if err := fn(ctx, m, i); err != nil {
			return err
		}
		if i != nil {
			// The person who changes the offered roles becomes the inviter.
			actor := rbac.ActorFrom(ctx)
			i.InviterKind, i.InviterID, i.Inviter = actor.Kind, actor.ID, actor.Name
			m = i.member()
			err = s.Store.DB(ctx).Select("*").Updates(i).Error
		} else {
			m, err = s.member(ctx, partitionID, userID)
		}
		if err != nil {
			return err
		}
		summary := "give " + m.User.Email + " the role " + text.Lower(role)
		if action == VerbRevokeRole {
			summary = "take the role " + text.Lower(role) + " from " + m.User.Email
		}
		if err := s.Approvals.Ask(ctx, approval.Ask{PartitionID: partitionID, Operation: approval.RoleChange, Verb: action,
			Payload: Role{partitionID, userID, role}, ObjectKind: "user", ObjectID: userID, Summary: summary,
			Facts: []approval.Fact{{Name: "Person", Value: person(m.User.FirstName, m.User.LastName, m.User.Email)},
				{Name: "Roles now", Value: rolesText(before)}, {Name: "Roles after", Value: rolesText(m.Roles)}}}); err != nil {
			return err
		}
		done := event
		done.ObjectName = m.User.Email
		done.Summary = map[string]string{"role.grant": "gave ", "role.revoke": "took "}[action] + string(role) + map[string]string{
			"role.grant": " to ", "role.revoke": " from ",
		}[action] + m.User.Email
		done.Details = audit.Details{"before": before, "after": m.Roles}
		s.Audit.Record(ctx, done)
		return s.Approvals.Settle(ctx, userID)
	})
	return m, err
}

// RemoveMember ends a membership with all its roles, or withdraws an invitation. The account and its roles elsewhere
// are not affected.
func (s *Service) RemoveMember(ctx context.Context, partitionID, userID string) (m *Member, err error) {
	event := audit.Event{PartitionID: partitionID, Action: VerbRemoveMember, ObjectKind: "user", ObjectID: userID}
	defer s.Audit.Refusal(ctx, &err, &event)
	defer s.Approvals.Submit(ctx, &err)
	if err := s.Guard.Require(ctx, rbac.RoleManage, partitionID); err != nil {
		return nil, err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.lockDomain(ctx, partitionID); err != nil {
			return err
		}
		i, err := s.lockedInvitation(ctx, partitionID, userID)
		if err != nil {
			return err
		}
		done := event
		if i != nil {
			m = i.member()
			done.Action, done.ObjectName, done.Summary = "user.withdraw-invitation", i.Email, "withdrew the invitation of "+i.Email
			s.Audit.Record(ctx, done)
			return s.Store.DB(ctx).Delete(i).Error
		}
		if m, err = s.member(ctx, partitionID, userID); err != nil {
			return err
		}
		if slices.Contains(m.Roles, rbac.Owners) {
			if err := s.keepsOwner(ctx, partitionID, userID); err != nil {
				return err
			}
		}
		if err := s.revoke(ctx, partitionID, userID); err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Delete(&invitation{}, "domain = ? AND email = ?", partitionID, m.User.Email).Error; err != nil {
			return err
		}
		if err := s.Approvals.Ask(ctx, approval.Ask{PartitionID: partitionID, Operation: approval.RoleChange, Verb: VerbRemoveMember,
			Payload: Removing{partitionID, userID}, ObjectKind: "user", ObjectID: userID, Summary: "remove " + m.User.Email +
				" from the partition",
			Facts: []approval.Fact{
				{Name: "Person", Value: person(m.User.FirstName, m.User.LastName, m.User.Email)},
				{Name: "Roles now", Value: rolesText(m.Roles)},
			}}); err != nil {
			return err
		}
		done.ObjectName, done.Summary, done.Details = m.User.Email, "removed "+m.User.Email+
			" from the partition", audit.Details{"roles": m.Roles}
		s.Audit.Record(ctx, done)
		return s.Approvals.Settle(ctx, userID)
	})
	return m, err
}

func (s *Service) lockDomain(ctx context.Context, partitionID string) error {
	var id []string
	return s.Store.ForUpdate(s.Store.DB(ctx)).Table("partitions").Where("id = ?", partitionID).Pluck("id", &id).Error
}

// CreateOperator creates a platform operator, for the command line. The operator must enrol a second factor at the
// first sign-in.
func (s *Service) CreateOperator(ctx context.Context, email, password string) (*User, error) {
	if a := rbac.ActorFrom(ctx); a == nil || a.Kind != rbac.System {
		return nil, fault.New(fault.Forbidden, "Operators can only be created on the command line.")
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
				return fault.New(fault.Conflict, "%s already has an account.", address).At("email")
			}
			return err
		}
		s.record(ctx, u, "operator.create", "created the platform operator "+u.Email, nil)
		return nil
	})
}
