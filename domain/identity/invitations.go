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

const (
	invitationLifetime = 7 * 24 * time.Hour
	// invitationKept is how long Owners see an expired invitation.
	invitationKept = 90 * 24 * time.Hour
	maxInvitations = 500 // of one domain
)

// invitation offers roles in one domain to whoever receives mail at an address. It creates no account and changes none.
// Invitations of the same address to other domains are independent.
type invitation struct {
	ID          string `gorm:"primaryKey"`
	Domain      string
	Email       string
	FirstName   string
	LastName    string
	Roles       []rbac.Role `gorm:"serializer:json"`
	TokenHash   []byte      // of the link; nil once the link is no longer valid
	InviterKind rbac.ActorKind
	InviterID   string // "" for invitations from before this was stored
	Inviter     string
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

func (invitation) TableName() string { return "invitations" }

// member returns the invitation as the partition's member list shows it, with only what the inviter entered.
func (i *invitation) member() *Member {
	return &Member{User: &User{ID: i.ID, Email: i.Email, FirstName: i.FirstName, LastName: i.LastName, Status: Invited,
		CreatedAt: i.CreatedAt}, Roles: i.Roles,
		InvitedBy: i.Inviter, InvitationExpiresAt: &i.ExpiresAt}
}

// Invitee is the person to invite.
type Invitee struct {
	Email, FirstName, LastName string
	Roles                      []rbac.Role
}

// Inviting is the argument of Invite.
type Inviting struct {
	PartitionID string
	Invitee     Invitee
}

// Invite offers roles in the partition to whoever receives mail at the address. The result is the same whether or not
// that person has an account here.
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
		if err := s.Guard.RequireProof(ctx); err != nil {
			return nil, err
		}
	}
	for _, r := range i.Roles {
		if !r.Valid() {
			return nil, fault.New(fault.Invalid, "Unknown role.").At("roles")
		}
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.lockDomain(ctx, partitionID); err != nil {
			return err
		}
		if members, err := s.holds(ctx, partitionID, i.Email); err != nil {
			return err
		} else if len(members) > 0 {
			return fault.New(fault.Conflict, "%s is already a member.", strings.ToLower(i.Email)).At("email").
				Do("Change the roles of members under Role.")
		}
		made, err := s.invite(ctx, partitionID, i)
		if err != nil {
			return err
		}
		if len(i.Roles) > 0 {
			if err := s.Approvals.Ask(ctx, approval.Ask{PartitionID: partitionID, Operation: approval.RoleChange, Verb: VerbInvite,
				Payload: Inviting{partitionID, i}, ObjectKind: "user", Summary: "invite " + made.Email + " as " + rolesText(i.Roles),
				Facts: []approval.Fact{{Name: "Person", Value: person(i.FirstName, i.LastName, made.Email)}, {Name: "Roles",
					Value: rolesText(i.Roles)}}}); err != nil {
				return err
			}
		}
		done := event
		done.ObjectID, done.ObjectName = made.ID, made.Email
		done.Summary, done.Details = "invited "+made.Email, audit.Details{"roles": i.Roles}
		s.Audit.Record(ctx, done)
		m = made.member()
		return s.Approvals.Settle(ctx, made.ID)
	})
	return m, err
}

func person(first, last, email string) string {
	return strings.TrimSpace(strings.TrimSpace(first+" "+last) + " " + email)
}

// invite writes the invitation and its mail, in the transaction of ctx.
func (s *Service) invite(ctx context.Context, domain string, i Invitee) (*invitation, error) {
	email, err := CheckEmail(i.Email)
	if err != nil {
		return nil, err
	}
	for field, value := range map[string]string{"firstName": i.FirstName, "lastName": i.LastName} {
		if err := text.Label(field, value, 0, 64); err != nil {
			return nil, err
		}
	}
	var pending int64
	if err := s.Store.DB(ctx).Model(&invitation{}).Where("domain = ?", domain).Count(&pending).Error; err != nil {
		return nil, err
	}
	if pending >= maxInvitations {
		return nil, fault.New(fault.Conflict, "%d invitations are already pending.", pending).Do("Withdraw some of them.")
	}
	roles := append([]rbac.Role{}, i.Roles...)
	slices.Sort(roles)
	made := &invitation{ID: newID(), Domain: domain, Email: email, FirstName: i.FirstName, LastName: i.LastName,
		Roles: slices.Compact(roles), CreatedAt: s.Now()}
	created := s.Store.DB(ctx).Omit("token_hash").Clauses(clause.OnConflict{DoNothing: true}).Create(made)
	if created.Error != nil {
		return nil, created.Error
	}
	if created.RowsAffected == 0 {
		return nil, fault.New(fault.Conflict, "%s is already invited.", email).At("email").
			Do("Send the invitation again, or withdraw it first.")
	}
	return made, s.sendInvitation(ctx, made)
}

// holds returns the roles of the account with this address in the domain, including none.
func (s *Service) holds(ctx context.Context, domain, email string) ([]rbac.Role, error) {
	var roles []rbac.Role
	err := s.Store.DB(ctx).Model(&grant{}).Where("domain = ? AND user_id IN (SELECT id FROM users WHERE email = ?)", domain,
		strings.ToLower(email)).Pluck("role", &roles).Error
	return roles, err
}

// partitionOf returns the partition ID if the domain is a partition, or "" if it is a subscription.
func partitionOf(domain string) string {
	if strings.HasPrefix(domain, "sub") {
		return domain
	}
	return ""
}

// sendInvitation sends a new link on behalf of the actor of ctx. An older link becomes invalid.
func (s *Service) sendInvitation(ctx context.Context, i *invitation) error {
	token, actor := newSecret(), rbac.ActorFrom(ctx)
	i.TokenHash, i.ExpiresAt = hashSecret(token), s.Now().Add(invitationLifetime)
	i.InviterKind, i.InviterID, i.Inviter = actor.Kind, actor.ID, actor.Name
	if err := s.Store.DB(ctx).Select("*").Updates(i).Error; err != nil {
		return err
	}
	name, err := s.domainName(ctx, i.Domain)
	if err != nil {
		return err
	}
	// The secret is in the fragment, which browsers do not send to the server, so it appears in no log.
	return s.Mail.Send(ctx, partitionOf(i.Domain), i.Email, "You are invited to pkiaas",
		"You are invited to "+plain(name)+". Open this link within 7 days to accept:\n\n"+s.BaseURL+"/invitation#"+token+
			"\n\nIf you already have an account, sign in and accept the invitation on your profile page instead.\n\nIf you did not "+
			"expect this, ignore it.\n")
}

// plain puts text entered by others on one line of a mail.
func plain(text string) string { return strings.Join(strings.Fields(text), " ") }

// domainName returns the name of a partition or subscription.
func (s *Service) domainName(ctx context.Context, domain string) (string, error) {
	table := "subscriptions"
	if partitionOf(domain) != "" {
		table = "partitions"
	}
	var names []string
	if err := s.Store.DB(ctx).Table(table).Where("id = ?", domain).Pluck("name", &names).Error; err != nil || len(names) == 0 {
		return domain, err
	}
	return names[0], nil
}

// InviteOwner invites an Owner of a subscription, or of its partition if it has one, in the transaction of ctx. Anyone
// already invited gets a new link. An operator who enters their own address for a subscription without a partition
// becomes Owner at once.
func (s *Service) InviteOwner(ctx context.Context, subscriptionID, email, firstName, lastName string) error {
	domain := subscriptionID
	var partitions []string
	if err := s.Store.DB(ctx).Table("partitions").Where("subscription_id = ?", subscriptionID).Pluck("id", &partitions).
		Error; err != nil {
		return err
	}
	if len(partitions) > 0 {
		domain = partitions[0]
	}
	address, err := CheckEmail(email)
	if err != nil {
		return fault.Of(err).At("ownerEmail")
	}
	if roles, err := s.holds(ctx, domain, address); err != nil {
		return err
	} else if slices.Contains(roles, rbac.Owners) {
		return fault.New(fault.Conflict, "%s is already an Owner.", address).At("ownerEmail")
	}
	if u, err := s.self(ctx); err == nil && u.Email == address && len(partitions) == 0 {
		s.record(ctx, u, "role.grant", "made "+u.Email+" an Owner", audit.Details{"role": rbac.Owners, "domain": domain})
		return s.Store.DB(ctx).Create(&grant{u.ID, domain, rbac.Owners, s.Now()}).Error
	}
	var before []*invitation
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Find(&before, "domain = ? AND email = ?", domain, address).Error; err != nil {
		return err
	}
	if len(before) > 0 {
		before[0].Roles = []rbac.Role{rbac.Owners}
		return s.sendInvitation(ctx, before[0])
	}
	_, err = s.invite(ctx, domain, Invitee{Email: email, FirstName: firstName, LastName: lastName, Roles: []rbac.Role{rbac.Owners}})
	if f := fault.Of(err); err != nil && f.Field == "email" {
		return f.At("ownerEmail")
	}
	return err
}

// CopyGrants copies all roles to another domain and moves the invitations there, in the transaction of ctx.
func (s *Service) CopyGrants(ctx context.Context, from, to string) error {
	if err := s.Store.DB(ctx).
		Exec(
			"INSERT INTO role_grants (user_id, domain, role, created_at) SELECT user_id, ?, role, created_at FROM role_grants WHERE "+
				"domain = ?",
			to, from,
		).Error; err != nil {
		return err
	}
	return s.Store.DB(ctx).Model(&invitation{}).Where("domain = ?", from).Update("domain", to).Error
}

// ResendInvitation sends a new link. The old link becomes invalid.
func (s *Service) ResendInvitation(ctx context.Context, partitionID, id string) (m *Member, err error) {
	if err := s.Guard.Require(ctx, rbac.UserInvite, partitionID); err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		i, err := s.lockedInvitation(ctx, partitionID, id)
		if err != nil {
			return err
		}
		if i == nil {
			if _, err := s.member(ctx, partitionID, id); err != nil {
				return err
			}
			return fault.New(fault.Conflict, "This invitation has already been accepted.")
		}
		// The sender of a link needs the right to give the roles it offers.
		if len(i.Roles) > 0 {
			if err := s.Guard.Require(ctx, rbac.RoleManage, partitionID); err != nil {
				return err
			}
			if err := s.Guard.RequireProof(ctx); err != nil {
				return err
			}
		}
		s.Audit.Record(ctx, audit.Event{PartitionID: partitionID, Action: "user.invite", ObjectKind: "user", ObjectID: i.ID,
			ObjectName: i.Email, Summary: "invited " + i.Email + " again"})
		m = i.member()
		return s.sendInvitation(ctx, i)
	})
	return m, err
}

// lockedInvitation returns an invitation of the domain with the row locked, or nil if there is none.
func (s *Service) lockedInvitation(ctx context.Context, domain, id string) (*invitation, error) {
	var found []*invitation
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Find(&found, "domain = ? AND id = ?", domain, id).
		Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// Invitation is an invitation as the invited person sees it.
type Invitation struct {
	ID                         string
	Email, FirstName, LastName string
	Name                       string // of the partition or subscription
	Roles                      []rbac.Role
	InvitedBy                  string
	ExpiresAt                  time.Time
	// HasAccount tells whether the address already has an account. If so, the person signs in to accept.
	HasAccount bool
}

func (s *Service) describe(ctx context.Context, i *invitation) (*Invitation, error) {
	name, err := s.domainName(ctx, i.Domain)
	if err != nil {
		return nil, err
	}
	var accounts int64
	err = s.Store.DB(ctx).Model(&User{}).Where("email = ?", i.Email).Count(&accounts).Error
	return &Invitation{i.ID, i.Email, i.FirstName, i.LastName, name, i.Roles, i.Inviter, i.ExpiresAt, accounts > 0}, err
}

func (s *Service) findInvitation(ctx context.Context, token string) (*invitation, error) {
	var found []*invitation
	err := s.guess(ctx, guess{what: "invitation link", refusal: invitationInvalid}, func(ctx context.Context) (bool, error) {
		err := s.Store.DB(ctx).Where("token_hash = ? AND expires_at > ?", hashSecret(token), s.Now()).Find(&found).Error
		return len(found) > 0, err
	})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

var invitationInvalid = fault.New(fault.NotFound,
	"This invitation has been used, withdrawn or replaced by a newer one, or it has expired.").
	Do("Ask the person who invited you for a new one.")

// Invitation returns the invitation that belongs to a link's token.
func (s *Service) Invitation(ctx context.Context, token string) (*Invitation, error) {
	i, err := s.findInvitation(ctx, token)
	if err != nil {
		return nil, err
	}
	return s.describe(ctx, i)
}

// AcceptInvitation creates an account with the roles of this invitation. It opens a session that must enrol a second
// factor next. If the address already has an account, it fails: the owner signs in and accepts the invitation there.
func (s *Service) AcceptInvitation(ctx context.Context, token, password, firstName, lastName string) (*SignedIn, error) {
	i, err := s.findInvitation(ctx, token)
	if err != nil {
		return nil, err
	}
	for field, value := range map[string]string{"firstName": firstName, "lastName": lastName} {
		if err := text.Label(field, value, 1, 64); err != nil {
			return nil, err
		}
	}
	now := s.Now()
	u := &User{ID: newID(), Email: i.Email, FirstName: firstName, LastName: lastName, Status: Active, CreatedAt: now}
	if err := checkPassword(password, u); err != nil {
		return nil, err
	}
	var accounts int64
	if err := s.Store.DB(ctx).Model(&User{}).Where("email = ?", i.Email).Count(&accounts).Error; err != nil {
		return nil, err
	}
	if accounts > 0 {
		return nil, accountExists(i.Email)
	}
	if u.PasswordHash, err = s.hashPassword(ctx, password); err != nil {
		return nil, err
	}
	result := &SignedIn{EnrolmentRequired: true, User: u}
	return result, s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.DB(ctx).Create(u).Error; err != nil {
			if store.IsDuplicate(err) {
				return accountExists(i.Email)
			}
			return err
		}
		if err := s.confirm(ctx, u, i.ID, hashSecret(token)); err != nil {
			return err
		}
		s.record(ctx, u, "account.create", "created an account", nil)
		result.Token, result.Expires, err = s.open(ctx, u, EnrolmentRequired)
		return err
	})
}

func accountExists(email string) error {
	return fault.New(fault.Conflict, "%s already has an account.", email).Do("Sign in and accept the invitation on your profile page.")
}

// confirm turns an invitation into roles of the user, in the transaction of ctx. An invitation is void if the inviter
// may no longer give its roles. If tokenHash is set, it must still be the invitation's current link.
func (s *Service) confirm(ctx context.Context, u *User, id string, tokenHash []byte) error {
	var found []*invitation
	query := s.Store.ForUpdate(s.Store.DB(ctx)).Where("id = ? AND email = ? AND expires_at > ?", id, u.Email, s.Now())
	if tokenHash != nil {
		query = query.Where("token_hash = ?", tokenHash)
	}
	if err := query.Find(&found).Error; err != nil {
		return err
	}
	if len(found) == 0 {
		return invitationInvalid
	}
	i := found[0]
	if err := s.stillOffered(ctx, i); err != nil {
		return err
	}
	roles := append([]rbac.Role{none}, i.Roles...)
	if len(i.Roles) > 0 {
		roles = i.Roles
	}
	for _, r := range roles {
		if err := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&grant{u.ID, i.Domain, r, s.Now()}).
			Error; err != nil {
			return err
		}
	}
	s.Audit.RecordAs(ctx, s.actorOf(ctx, u), audit.Event{PartitionID: partitionOf(i.Domain), Action: "user.accept-invitation",
		ObjectKind: "user", ObjectID: u.ID, ObjectName: u.Email,
		Summary: "accepted the invitation", Details: audit.Details{"invitation": i.ID, "roles": i.Roles,
			"domain": i.Domain}})
	return s.Store.DB(ctx).Delete(i).Error
}

// stillOffered refuses an invitation whose sender has lost the right to send it.
func (s *Service) stillOffered(ctx context.Context, i *invitation) error {
	if i.InviterID == "" || i.InviterKind == rbac.System {
		return nil
	}
	void := fault.New(fault.Conflict, "%s, who invited you, is no longer allowed to do so.", i.Inviter).Do(
		"Ask an Owner to invite you again.",
	)
	actor, err := s.CurrentActor(ctx, i.InviterKind, i.InviterID, i.Inviter)
	if fault.Is(err, fault.Unauthenticated) {
		return void
	}
	if err != nil {
		return err
	}
	if actor.Kind == rbac.OperatorActor && s.Guard.Has(actor, rbac.SubscriptionUpdate, rbac.Platform) {
		return nil
	}
	if !s.Guard.Has(actor, rbac.UserInvite, i.Domain) || len(i.Roles) > 0 && !s.Guard.Has(actor, rbac.RoleManage, i.Domain) {
		return void
	}
	return nil
}

// Invitations lists the invitations the caller can accept.
func (s *Service) Invitations(ctx context.Context) ([]*Invitation, error) {
	u, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	var found []*invitation
	if err := s.Store.DB(ctx).Where("email = ? AND expires_at > ?", u.Email, s.Now()).Order("created_at").Limit(100).Find(&found).
		Error; err != nil {
		return nil, err
	}
	list := make([]*Invitation, len(found))
	for n, i := range found {
		if list[n], err = s.describe(ctx, i); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// AcceptRoles accepts an invitation for the account the caller is signed in to.
func (s *Service) AcceptRoles(ctx context.Context, id string) error {
	u, err := s.self(ctx)
	if err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error { return s.confirm(ctx, u, id, nil) })
}

// DeclineInvitation deletes an invitation made to the caller.
func (s *Service) DeclineInvitation(ctx context.Context, id string) error {
	u, err := s.self(ctx)
	if err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		var found []*invitation
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Find(&found, "id = ? AND email = ?", id, u.Email).Error; err != nil {
			return err
		}
		if len(found) == 0 {
			return invitationInvalid
		}
		s.Audit.RecordAs(ctx, s.actorOf(ctx, u), audit.Event{PartitionID: partitionOf(found[0].Domain),
			Action: "user.decline-invitation", ObjectKind: "user", ObjectID: id, ObjectName: u.Email,
			Summary: "declined the invitation"})
		return s.Store.DB(ctx).Delete(found[0]).Error
	})
}
