package certificate

import (
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// Impact is what a CA's deletion would make unusable: counts of all, and of each kind the first few.
type Impact struct {
	Subordinates      int64 // CAs below, at any depth
	FirstSubordinates []*ca.CertificationAuthority
	// Certificates of subscribers, issued by it or below it, neither revoked nor expired.
	Certificates      int64
	FirstCertificates []*Certificate // those that last longest first
	// EndEntities that have such a certificate.
	EndEntities      int64
	FirstEndEntities []*endentity.EndEntity
	ProfileIDs       []string // selected for it or below it
}

// DeletionImpact is the picture of what breaks when the CA is deleted, with at most first of each kind.
func (s *Service) DeletionImpact(ctx context.Context, c *ca.CertificationAuthority, first int) (*Impact, error) {
	if err := s.Guard.Require(ctx, rbac.CABrowse, c.PartitionID); err != nil {
		return nil, err
	}
	if first < 0 || first > 100 {
		return nil, fault.New(fault.Invalid, "at most 100 of each kind can be listed").At("first")
	}
	below, err := s.CAs.Below(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	impact := &Impact{Subordinates: int64(len(below)), FirstSubordinates: below[:min(first, len(below))]}
	ids := []string{c.ID}
	for _, b := range below {
		ids = append(ids, b.ID)
	}
	active := s.Store.DB(ctx).Model(&Certificate{}).Where(
		"ca_id IN ? AND kind = ? AND status <> ? AND not_after >= ?", ids, Subscriber, Revoked, s.Now(),
	)
	if err := active.Session(fresh).Count(&impact.Certificates).Error; err != nil {
		return nil, err
	}
	if err := active.Session(fresh).Order("not_after DESC, id").Limit(first).Find(&impact.FirstCertificates).Error; err != nil {
		return nil, err
	}
	entities := s.Store.DB(ctx).Model(&endentity.EndEntity{}).Where(
		"id IN (?)", active.Session(fresh).Select("end_entity_id").Where("end_entity_id IS NOT NULL"),
	)
	if err := entities.Session(fresh).Count(&impact.EndEntities).Error; err != nil {
		return nil, err
	}
	if err := entities.Session(fresh).Order("identifier, id").Limit(first).Find(&impact.FirstEndEntities).Error; err != nil {
		return nil, err
	}
	profiles, err := s.CAs.ProfileIDs(ctx, ids)
	seen := map[string]bool{}
	for _, list := range profiles {
		for _, id := range list {
			seen[id] = true
		}
	}
	impact.ProfileIDs = slices.Sorted(maps.Keys(seen))
	return impact, err
}

// fresh lets one query be the beginning of several.
var fresh = &gorm.Session{}
