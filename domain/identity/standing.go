package identity

import (
	"context"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// Standing is the actor of work that outlives the request it was asked for in, with the roles of now, session or not:
// Unauthenticated once the person is gone or the token has ended.
func (s *Service) Standing(ctx context.Context, kind rbac.ActorKind, id, name string) (*rbac.Actor, error) {
	a := &rbac.Actor{Kind: kind, ID: id, Name: name, Grants: map[string][]rbac.Role{}}
	ended := fault.New(fault.Unauthenticated, "%s may no longer do this", name).Do("Have somebody who may go on with it.")
	switch kind {
	case rbac.System:
		return rbac.SystemActor(), nil
	case rbac.TokenActor:
		var found []*APIToken
		if err := s.Store.DB(ctx).Where("id = ? AND revoked_at IS NULL AND expires_at > ?", id, s.Now()).Find(&found).Error; err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, ended
		}
		a.Grants[found[0].PartitionID] = []rbac.Role{found[0].Role}
		return a, nil
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
