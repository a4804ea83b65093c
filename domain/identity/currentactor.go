package identity

import (
	"context"
	"slices"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// CurrentActor returns the current actor for work that outlives the request that started it, with the roles of this moment
// and regardless of sessions. It fails with Unauthenticated if the account is no longer active or the token has ended.
func (s *Service) CurrentActor(ctx context.Context, kind rbac.ActorKind, id, name string) (*rbac.Actor, error) {
	a := &rbac.Actor{Kind: kind, ID: id, Name: name, Grants: map[string][]rbac.Role{}}
	ended := fault.New(fault.Unauthenticated, "%s is no longer allowed to do this.", name).Do(
		"Ask somebody with this permission to continue.",
	)
	switch kind {
	case rbac.System:
		return rbac.SystemActor(), nil
	case rbac.TokenActor:
		var found []*APIToken
		if err := s.Store.DB(ctx).Where("id = ? AND revoked_at IS NULL AND expires_at > ?", id, s.Now()).Find(&found).Error; err != nil {
			return nil, err
		}
		if err := s.readOwners(ctx, found); err != nil {
			return nil, err
		}
		if len(found) == 0 || found[0].actor() == nil {
			return nil, ended
		}
		return found[0].actor(), nil
	}
	var found []*User
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].Status != Active {
		return nil, ended
	}
	var err error
	a.Grants, err = s.grants(ctx, found[0])
	return a, err
}

// Holders lists the active people who have all of the permissions in the partition, by e-mail.
func (s *Service) Holders(ctx context.Context, partitionID string, permissions []rbac.Permission) ([]approval.Person, error) {
	var rows []struct {
		ID, Email string
		Role      rbac.Role
	}
	if err := s.Store.DB(ctx).Table("role_grants g").Select("u.id, u.email, g.role").Joins("JOIN users u ON u.id = g.user_id").
		Where("g.domain = ? AND u.status = ?", partitionID, Active).Order("u.email").Scan(&rows).Error; err != nil {
		return nil, err
	}
	var holders []approval.Person
	for n := 0; n < len(rows); {
		p := approval.Person{ID: rows[n].ID, Email: rows[n].Email}
		a := &rbac.Actor{Kind: rbac.UserActor, ID: p.ID, Grants: map[string][]rbac.Role{}}
		for ; n < len(rows) && rows[n].ID == p.ID; n++ {
			a.Grants[partitionID] = append(a.Grants[partitionID], rows[n].Role)
		}
		if !slices.ContainsFunc(permissions, func(permission rbac.Permission) bool { return !s.Guard.Has(a, permission, partitionID) }) {
			holders = append(holders, p)
		}
	}
	return holders, nil
}

// Email returns the address of an active user, or "".
func (s *Service) Email(ctx context.Context, userID string) (string, error) {
	var found []string
	if err := s.Store.DB(ctx).Model(&User{}).Where(
		"id = ? AND status = ?", userID, Active,
	).Pluck("email", &found).Error; err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}
