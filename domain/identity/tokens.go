package identity

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

const maxTokenLifetime = 366 * 24 * time.Hour

// Tokens lists the partition's API tokens, newest first.
func (s *Service) Tokens(ctx context.Context, partitionID string, p page.Request) (*page.Page[*APIToken], error) {
	if err := s.Guard.Require(ctx, rbac.TokenBrowse, partitionID); err != nil {
		return nil, err
	}
	if err := s.SaveLastUse(ctx); err != nil {
		return nil, err
	}
	found, err := page.Read(ctx, s.Store, s.Store.DB(ctx).Model(&APIToken{}).Where("partition_id = ?", partitionID), p,
		page.Key[APIToken]{Column: "created_at", Desc: true, Value: func(t *APIToken) any { return t.CreatedAt }},
		page.Key[APIToken]{Column: "id", Desc: true, Value: func(t *APIToken) any { return t.ID }})
	if err != nil {
		return nil, err
	}
	return found, s.readOwners(ctx, found.Nodes)
}

// CallerToken returns the API token that makes the request.
func (s *Service) CallerToken(ctx context.Context) (*APIToken, error) {
	t := &APIToken{}
	if err := s.Store.DB(ctx).Take(t, "id = ?", rbac.ActorFrom(ctx).ID).Error; err != nil {
		return nil, err
	}
	return t, s.readOwners(ctx, []*APIToken{t})
}

// NewToken describes an API token to create.
type NewToken struct {
	PartitionID string
	Name        string
	Role        rbac.Role
	ExpiresAt   time.Time
	// Service tokens belong to nobody. Only a person can create one.
	Service bool
}

// CreateToken creates an API token and returns its secret, once. Its role must not exceed the caller's permissions.
func (s *Service) CreateToken(ctx context.Context, n NewToken) (t *APIToken, secret string, err error) {
	partitionID, name, role, expiresAt := n.PartitionID, n.Name, n.Role, n.ExpiresAt
	event := audit.Event{PartitionID: partitionID, Action: "token.create", ObjectKind: "token", ObjectName: name}
	defer s.Audit.Refusal(ctx, &err, &event)
	if err := s.Guard.Require(ctx, rbac.TokenManage, partitionID); err != nil {
		return nil, "", err
	}
	if err := text.Label("name", name, 2, 64); err != nil {
		return nil, "", err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return nil, "", err
	}
	if !role.Valid() {
		return nil, "", fault.New(fault.Invalid, "Unknown role.").At("role")
	}
	actor := rbac.ActorFrom(ctx)
	if !s.Guard.Covers(actor, role, partitionID) {
		return nil, "", fault.New(
			fault.Forbidden, "You cannot create a token with this role: it has permissions that you do not have.",
		).At("role").Do(
			"Choose one of your own roles, or ask an Owner.",
		)
	}
	owner := ""
	switch actor.Kind {
	case rbac.UserActor:
		owner = actor.ID
	case rbac.TokenActor:
		// A service token outlives its creator, so only a person may create one. A token that could create others could
		// not be stopped by revoking it.
		if owner = actor.OwnerID; n.Service || actor.Within == nil {
			return nil, "", fault.New(
				fault.Forbidden, "Only a signed-in person can create a service token, and a service token cannot create tokens.",
			).At("service").Do(
				"Sign in and create it yourself.",
			)
		}
	}
	now := s.Now()
	if !expiresAt.After(now) || expiresAt.After(now.Add(maxTokenLifetime)) {
		return nil, "", fault.New(fault.Invalid, "An API token can be valid for at most 366 days.").At("expiresAt")
	}
	secret = tokenPrefix + newSecret()
	t = &APIToken{
		ID: newID(), PartitionID: partitionID, Name: name, Role: role, Prefix: secret[:len(tokenPrefix)+6], TokenHash: hashSecret(secret),
		CreatedBy: actor.Name, OwnerID: owner, Service: n.Service, CreatedAt: now, ExpiresAt: expiresAt.UTC().Truncate(time.Microsecond)}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		done := event
		done.ObjectID, done.Summary = t.ID, "created the API token "+name
		done.Details = audit.Details{"role": role, "service": n.Service, "expiresAt": t.ExpiresAt.Format(time.RFC3339)}
		s.Audit.Record(ctx, done)
		if err := s.Store.DB(ctx).Create(t).Error; err != nil {
			return err
		}
		return s.readOwners(ctx, []*APIToken{t})
	})
	return t, secret, err
}

// MayRevoke tells whether the caller may revoke a token.
func (s *Service) MayRevoke(ctx context.Context, t *APIToken) bool {
	actor := rbac.ActorFrom(ctx)
	return s.Guard.Require(
		ctx, rbac.TokenManage, t.PartitionID,
	) == nil && (actor.ID == t.OwnerID || s.Guard.Covers(actor, t.Role, t.PartitionID))
}

// RevokeToken revokes an API token with immediate effect.
func (s *Service) RevokeToken(ctx context.Context, id string) (t *APIToken, err error) {
	event := audit.Event{Action: "token.revoke", ObjectKind: "token", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	var found []*APIToken
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	t = found[0]
	event.PartitionID, event.ObjectName = t.PartitionID, t.Name
	if err := s.Guard.Require(ctx, rbac.TokenManage, t.PartitionID); err != nil {
		return nil, err
	}
	// Callers may always revoke their own tokens, and of others' only those they could have created.
	if !s.MayRevoke(ctx, t) {
		return nil, fault.New(fault.Forbidden, "This token has permissions you do not have.").Do("Ask an Owner to revoke it.")
	}
	now := s.Now()
	return t, s.Store.Tx(ctx, func(ctx context.Context) error {
		ended := s.Store.DB(ctx).Model(t).Where("revoked_at IS NULL").Update("revoked_at", now)
		if ended.Error == nil && ended.RowsAffected == 0 {
			return fault.New(fault.Conflict, "The token %s is already revoked.", t.Name)
		}
		done := event
		done.Summary = "revoked the API token " + t.Name
		s.Audit.Record(ctx, done)
		if ended.Error != nil {
			return ended.Error
		}
		return s.readOwners(ctx, []*APIToken{t})
	})
}

// APIToken is a credential for automation: a role in one partition, for a limited time. A personal token may do what
// both its role and its owner's current roles permit. A service token belongs to nobody and is valid until it expires
// or is revoked.
type APIToken struct {
	ID          string `gorm:"primaryKey"`
	PartitionID string
	Name        string
	Role        rbac.Role
	Prefix      string
	TokenHash   []byte
	CreatedBy   string
	OwnerID     string // the user behind the token, also if another token created it; for a service token, its creator; "" if unknown
	Service     bool
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastUsedAt  *time.Time
	RevokedAt   *time.Time

	within map[string][]rbac.Role // of a personal token: the roles of its owner
}

func (APIToken) TableName() string { return "api_tokens" }

// tokenPrefix lets secret scanners recognize tokens.
const tokenPrefix = "pka_"

// AuthenticateToken returns the actor of a bearer token. Concurrent requests share one query; nothing is cached, so a
// revoked token is refused at once.
func (s *Service) AuthenticateToken(ctx context.Context, bearer string) (*rbac.Actor, error) {
	refusal := fault.New(fault.Unauthenticated, "The API token is not valid.").Do("It may have expired or been revoked. Create a new one.")
	if !strings.HasPrefix(bearer, tokenPrefix) || len(bearer) > 200 {
		return nil, refusal
	}
	t, err := s.tokens.Do(ctx, sha256.Sum256([]byte(bearer)))
	if err != nil {
		return nil, err
	}
	if t == nil || t.RevokedAt != nil || !s.Now().Before(t.ExpiresAt) {
		return nil, refusal
	}
	actor := t.actor()
	if actor == nil {
		return nil, fault.New(fault.Unauthenticated, "The owner of this API token no longer has a role in the partition.").Do(
			"Use another token, or a service token.",
		)
	}
	s.used.note(t.ID, s.Now())
	return actor, nil
}

// actor returns nil if the owner of a personal token has no role in the partition.
func (t *APIToken) actor() *rbac.Actor {
	if !t.Service && !slices.ContainsFunc(t.within[t.PartitionID], rbac.Role.Valid) {
		return nil
	}
	return &rbac.Actor{
		Kind: rbac.TokenActor, ID: t.ID, Name: t.Name, OwnerID: t.OwnerID, Service: t.Service,
		Grants: map[string][]rbac.Role{t.PartitionID: {t.Role}}, Within: t.within,
	}
}

// Stopped tells whether a personal token is unusable because its owner is unknown or no longer has a role in the
// partition.
func (t *APIToken) Stopped() bool { return t.actor() == nil }

// readOwners fills in the current roles of the owners of personal tokens. Inactive owners have none.
func (s *Service) readOwners(ctx context.Context, list []*APIToken) error {
	var owners []string
	for _, t := range list {
		if !t.Service {
			t.within, owners = map[string][]rbac.Role{}, append(owners, t.OwnerID)
		}
	}
	if len(owners) == 0 {
		return nil
	}
	var rows []grant
	if err := s.Store.DB(ctx).Table("role_grants g").Select("g.*").Joins("JOIN users u ON u.id = g.user_id").Where(
		"u.status = ? AND g.user_id IN ?", Active, owners,
	).Scan(&rows).Error; err != nil {
		return err
	}
	for _, t := range list {
		for _, g := range rows {
			if !t.Service && g.UserID == t.OwnerID && g.Domain == t.PartitionID {
				t.within[g.Domain] = append(t.within[g.Domain], g.Role)
			}
		}
	}
	return nil
}

func (s *Service) findTokens(ctx context.Context, hashes [][32]byte) ([]*APIToken, error) {
	distinct := map[[32]byte]bool{}
	var wanted [][]byte
	for _, h := range hashes {
		if !distinct[h] {
			distinct[h] = true
			wanted = append(wanted, h[:])
		}
	}
	var rows []*APIToken
	if err := s.Store.DB(ctx).Where("token_hash IN ?", wanted).Find(&rows).Error; err != nil {
		return nil, err
	}
	if err := s.readOwners(ctx, rows); err != nil {
		return nil, err
	}
	byHash := map[[32]byte]*APIToken{}
	for _, t := range rows {
		byHash[[32]byte(t.TokenHash)] = t
	}
	found := make([]*APIToken, len(hashes))
	for n, h := range hashes {
		found[n] = byHash[h]
	}
	return found, nil
}
