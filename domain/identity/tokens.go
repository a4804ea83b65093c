package identity

import (
	"context"
	"slices"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

const maxTokenLifetime = 366 * 24 * time.Hour

// Tokens lists the partition's API tokens, newest first.
func (s *Service) Tokens(ctx context.Context, partitionID string) ([]*APIToken, error) {
	if err := s.Guard.Require(ctx, rbac.TokenBrowse, partitionID); err != nil {
		return nil, err
	}
	if err := s.NoteUse(ctx); err != nil {
		return nil, err
	}
	var list []*APIToken
	err := s.Store.DB(ctx).Where("partition_id = ?", partitionID).Order("created_at DESC").Find(&list).Error
	return list, err
}

// CallerToken is the token that asks.
func (s *Service) CallerToken(ctx context.Context) (*APIToken, error) {
	t := &APIToken{}
	err := s.Store.DB(ctx).Take(t, "id = ?", rbac.ActorFrom(ctx).ID).Error
	return t, err
}

// CreateToken makes an API token and returns its secret, once.
func (s *Service) CreateToken(ctx context.Context, partitionID, name string, role rbac.Role, expiresAt time.Time) (t *APIToken, secret string, err error) {
	event := audit.Event{PartitionID: partitionID, Action: "token.create", ObjectKind: "token", ObjectName: name}
	defer s.Audit.Refusal(ctx, &err, &event)
	if err := s.Guard.Require(ctx, rbac.TokenManage, partitionID); err != nil {
		return nil, "", err
	}
	if err := text.Label("name", name, 2, 64); err != nil {
		return nil, "", err
	}
	own := rbac.ActorFrom(ctx).RolesIn(partitionID)
	if !role.Valid() {
		return nil, "", fault.New(fault.Invalid, "unknown role").At("role")
	}
	if !slices.Contains(own, role) && !slices.Contains(own, rbac.Owners) && rbac.ActorFrom(ctx).Kind != rbac.System {
		return nil, "", fault.New(fault.Forbidden, "a token cannot have a role that you do not have").At("role").Do("Ask an Owner.")
	}
	owner := ""
	switch actor := rbac.ActorFrom(ctx); actor.Kind {
	case rbac.UserActor:
		owner = actor.ID
	case rbac.TokenActor:
		owner = actor.OwnerID
	}
	now := s.Now()
	if !expiresAt.After(now) || expiresAt.After(now.Add(maxTokenLifetime)) {
		return nil, "", fault.New(fault.Invalid, "a token expires at most 366 days ahead").At("expiresAt")
	}
	secret = tokenPrefix + newSecret()
	t = &APIToken{ID: newID(), PartitionID: partitionID, Name: name, Role: role, Prefix: secret[:len(tokenPrefix)+6], TokenHash: hashSecret(secret),
		CreatedBy: rbac.ActorFrom(ctx).Name, OwnerID: owner, CreatedAt: now, ExpiresAt: expiresAt.UTC().Truncate(time.Microsecond)}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		done := event
		done.ObjectID, done.Summary = t.ID, "created the API token "+name
		done.Details = audit.Details{"role": role, "expiresAt": t.ExpiresAt.Format(time.RFC3339)}
		s.Audit.Record(ctx, done)
		return s.Store.DB(ctx).Create(t).Error
	})
	return t, secret, err
}

// RevokeToken ends an API token at once.
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
	now := s.Now()
	return t, s.Store.Tx(ctx, func(ctx context.Context) error {
		ended := s.Store.DB(ctx).Model(t).Where("revoked_at IS NULL").Update("revoked_at", now)
		if ended.Error == nil && ended.RowsAffected == 0 {
			return fault.New(fault.Conflict, "the token %s is already revoked", t.Name)
		}
		done := event
		done.Summary = "revoked the API token " + t.Name
		s.Audit.Record(ctx, done)
		return ended.Error
	})
}
