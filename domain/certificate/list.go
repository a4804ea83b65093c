package certificate

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
)

// Sort of a list.
type Sort string

const (
	Newest       Sort = "NEWEST"
	ExpiresFirst Sort = "EXPIRES_FIRST"
)

// Filter narrows a list; the zero value is everything.
type Filter struct {
	Search            string
	Status            []Status
	CAID              string
	ProfileID         string
	ExpiresWithinDays *int
	Expired           *bool
	EndEntityID       string
	ConfigurationID   string // of an enrollment protocol
	LeaveOutSigners   bool
}

// Get returns a certificate.
func (s *Service) Get(ctx context.Context, id string) (*Certificate, error) {
	c, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return c, s.Guard.Require(ctx, rbac.CertificateBrowse, c.PartitionID)
}

// Load returns certificates by id, for loaders; those that are not the caller's are left out.
func (s *Service) Load(ctx context.Context, ids []string) (map[string]*Certificate, error) {
	var found []*Certificate
	if err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&found).Error; err != nil {
		return nil, err
	}
	byID := map[string]*Certificate{}
	for _, c := range found {
		if s.Guard.Require(ctx, rbac.CertificateBrowse, c.PartitionID) == nil {
			byID[c.ID] = c
		}
	}
	return byID, nil
}

func (s *Service) find(ctx context.Context, id string) (*Certificate, error) {
	var found []*Certificate
	if err := s.Store.DB(ctx).Where("id = ?", id).Limit(1).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], nil
}

// List returns a page of the partition's certificates.
func (s *Service) List(ctx context.Context, partitionID string, f Filter, sort Sort, p page.Request) (*page.Page[*Certificate], error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, partitionID); err != nil {
		return nil, err
	}
	query, err := s.filtered(ctx, partitionID, f)
	if err != nil {
		return nil, err
	}
	total, err := s.Store.CountUpTo(ctx, query, page.CountLimit)
	if err != nil {
		return nil, err
	}
	var list []*Certificate
	switch sort {
	case ExpiresFirst:
		if p.After != "" {
			at, id, err := expiryCursor(p.After)
			if err != nil {
				return nil, err
			}
			query = query.Where("not_after > ? OR (not_after = ? AND id > ?)", at, at, id)
		}
		if err := query.Order("not_after, id").Limit(p.First + 1).Find(&list).Error; err != nil {
			return nil, err
		}
		return page.Of(list, p, total, func(c *Certificate) string { return c.NotAfter.UTC().Format(time.RFC3339) + "~" + c.ID }), nil
	default:
		if p.After != "" {
			if uuid.Validate(p.After) != nil {
				return nil, page.BadCursor()
			}
			query = query.Where("id < ?", p.After)
		}
		if err := query.Order("id DESC").Limit(p.First + 1).Find(&list).Error; err != nil {
			return nil, err
		}
		return page.Of(list, p, total, func(c *Certificate) string { return c.ID }), nil
	}
}

func expiryCursor(cursor string) (time.Time, string, error) {
	at, id, ok := strings.Cut(cursor, "~")
	t, err := time.Parse(time.RFC3339, at)
	if !ok || err != nil || uuid.Validate(id) != nil {
		return time.Time{}, "", page.BadCursor()
	}
	return t.UTC(), id, nil
}

func (s *Service) filtered(ctx context.Context, partitionID string, f Filter) (*gorm.DB, error) {
	now := s.Now()
	query := s.Store.DB(ctx).Model(&Certificate{}).Where("partition_id = ?", partitionID)
	if f.Search != "" {
		if len(f.Search) > 200 {
			return nil, fault.New(fault.Invalid, "a search has at most 200 characters").At("filter.search")
		}
		query = query.Where("search_text LIKE ? ESCAPE '\\'", page.Contains(f.Search))
	}
	if len(f.Status) > 0 {
		query = query.Where("status IN ?", f.Status)
	}
	if f.CAID != "" {
		query = query.Where("ca_id = ?", f.CAID)
	}
	if f.ProfileID != "" {
		query = query.Where("profile_id = ?", f.ProfileID)
	}
	if f.EndEntityID != "" {
		query = query.Where("end_entity_id = ?", f.EndEntityID)
	}
	if f.ConfigurationID != "" {
		query = query.Where("configuration_id = ?", f.ConfigurationID)
	}
	if f.ExpiresWithinDays != nil {
		if *f.ExpiresWithinDays < 0 || *f.ExpiresWithinDays > 36500 {
			return nil, fault.New(fault.Invalid, "the number of days is out of range").At("filter.expiresWithinDays")
		}
		query = query.Where("status <> ? AND not_after >= ? AND not_after < ?", Revoked, now, now.AddDate(0, 0, *f.ExpiresWithinDays))
	}
	if f.Expired != nil && *f.Expired {
		query = query.Where("not_after < ?", now)
	}
	if f.Expired != nil && !*f.Expired {
		query = query.Where("not_after >= ?", now)
	}
	if f.LeaveOutSigners {
		query = query.Where("kind <> ?", OCSPSigner)
	}
	return query, nil
}

// ActiveByCA counts, for each of the given CAs, what is issued, not revoked and not expired.
func (s *Service) ActiveByCA(ctx context.Context, caIDs []string) (map[string]int, error) {
	var rows []struct {
		CAID   string `gorm:"column:ca_id"`
		Active int
	}
	err := s.Store.DB(ctx).Model(&Certificate{}).Select("ca_id, count(*) AS active").
		Where("ca_id IN ? AND kind = ? AND status <> ? AND not_after >= ?", caIDs, Subscriber, Revoked, s.Now()).Group("ca_id").Scan(&rows).Error
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.CAID] = r.Active
	}
	return counts, err
}
