package ca

import (
	"context"

	"github.com/pkiaas/pkiaas/rbac"
)

// MovingTo is the name of the key store that the CA's key is on its way to, "" while it is on none.
func (s *Service) MovingTo(ctx context.Context, c *CertificationAuthority) (string, error) {
	if err := s.Guard.Require(ctx, rbac.CABrowse, c.PartitionID); err != nil {
		return "", err
	}
	var to MoveKey
	_, err := s.Jobs.Find(ctx, MoveKeyJob, c.ID, &to)
	return to.Store, err
}
