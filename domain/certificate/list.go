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
	if err := s.Guard.RequireOn(ctx, rbac.CertificateBrowse, c.on()); err != nil {
		return nil, err
	}
	return c, nil
}

// Load returns certificates by id, for loaders; those that are not the caller's are left out.
func (s *Service) Load(ctx context.Context, ids []string) (map[string]*Certificate, error) {
	var found []*Certificate
	if err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&found).Error; err != nil {
		return nil, err
	}
	byID := map[string]*Certificate{}
	for _, c := range found {
		if s.Guard.RequireOn(ctx, rbac.CertificateBrowse, c.on()) == nil {
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

// List returns a page of the partition's certificates, without their number: see Count.
func (s *Service) List(ctx context.Context, partitionID string, f Filter, sort Sort, p page.Request) (*page.Page[*Certificate], error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, partitionID); err != nil {
		return nil, err
	}
	o := order{sort: sort}
	if p.After != "" {
		var err error
		if o.after, err = placeOf(p.After, sort); err != nil {
			return nil, err
		}
	}
	places, err := s.places(ctx, partitionID, f, o, p.First+1)
	if err != nil {
		return nil, err
	}
	list, err := s.rows(ctx, places)
	if err != nil {
		return nil, err
	}
	return page.Of(list, p, 0, func(c *Certificate) string {
		if sort == ExpiresFirst {
			return c.NotAfter.UTC().Format(time.RFC3339Nano) + "~" + c.ID
		}
		return c.ID
	}), nil
}

// Count is the number of certificates in a list, counted up to page.CountLimit, in a search to page.SearchLimit; more
// tells that there it was given up.
func (s *Service) Count(ctx context.Context, partitionID string, f Filter) (n int64, more bool, err error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, partitionID); err != nil {
		return 0, false, err
	}
	limit := page.CountLimit
	switch {
	case f.indexed():
		query, err := s.filtered(ctx, partitionID, f)
		if err != nil {
			return 0, false, err
		}
		n, err = s.Store.CountUpTo(ctx, query, limit+1)
		if err != nil {
			return 0, false, err
		}
	case strings.TrimSpace(f.Search) != "":
		limit = page.SearchLimit
		places, err := s.places(ctx, partitionID, f, order{sort: Newest}, limit+1)
		if err != nil {
			return 0, false, err
		}
		n = int64(len(places))
	default:
		if err := f.check(); err != nil {
			return 0, false, err
		}
		groups, err := s.chosen(ctx, partitionID, f)
		if err != nil {
			return 0, false, err
		}
		if n, err = s.count(ctx, s.branches(f, groups, order{sort: Newest}), limit+1); err != nil {
			return 0, false, err
		}
	}
	return min(n, int64(limit)), n > int64(limit), nil
}

// places of the first of a list.
func (s *Service) places(ctx context.Context, partitionID string, f Filter, o order, limit int) ([]place, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	q, err := s.search(ctx, partitionID, f.Search)
	if err != nil {
		return nil, err
	}
	if f.indexed() {
		query, err := s.filtered(ctx, partitionID, f)
		if err != nil {
			return nil, err
		}
		if w := o.behind(where{}); w.sql != "" {
			query = query.Where(w.sql, w.args...)
		}
		var list []place
		return list, query.Select("id, not_after").Order(o.by()).Limit(limit).Scan(&list).Error
	}
	groups, err := s.chosen(ctx, partitionID, f)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	if q != nil {
		return s.look(ctx, partitionID, q, f, groups, o, limit)
	}
	return s.merge(ctx, s.branches(f, groups, o), o, limit)
}

// rows at these places.
func (s *Service) rows(ctx context.Context, places []place) ([]*Certificate, error) {
	ids := make([]string, len(places))
	for n, p := range places {
		ids[n] = p.ID
	}
	var found []*Certificate
	if err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&found).Error; err != nil {
		return nil, err
	}
	byID := map[string]*Certificate{}
	for _, c := range found {
		byID[c.ID] = c
	}
	list := make([]*Certificate, 0, len(ids))
	for _, id := range ids {
		if c := byID[id]; c != nil {
			list = append(list, c)
		}
	}
	return list, nil
}

func placeOf(cursor string, sort Sort) (place, error) {
	if sort != ExpiresFirst {
		if uuid.Validate(cursor) != nil {
			return place{}, page.BadCursor()
		}
		return place{ID: cursor}, nil
	}
	at, id, err := expiryCursor(cursor)
	return place{ID: id, NotAfter: at}, err
}

func expiryCursor(cursor string) (time.Time, string, error) {
	at, id, ok := strings.Cut(cursor, "~")
	t, err := time.Parse(time.RFC3339, at)
	if !ok || err != nil || uuid.Validate(id) != nil {
		return time.Time{}, "", page.BadCursor()
	}
	return t.UTC(), id, nil
}

// indexed tells whether an index of its own leads to what the filter leaves, so that one query reads the list.
func (f Filter) indexed() bool { return f.EndEntityID != "" || f.ConfigurationID != "" }

func (f Filter) check() error {
	if f.ExpiresWithinDays != nil && (*f.ExpiresWithinDays < 0 || *f.ExpiresWithinDays > 36500) {
		return fault.New(fault.Invalid, "the number of days is out of range").At("filter.expiresWithinDays")
	}
	return nil
}

// conditions of a filter but for its search.
func (s *Service) conditions(f Filter) where {
	now := s.Now()
	var w where
	if len(f.Status) > 0 {
		w.and("status IN ?", f.Status)
	}
	if f.CAID != "" {
		w.and("ca_id = ?", f.CAID)
	}
	if f.ProfileID != "" {
		w.and("profile_id = ?", f.ProfileID)
	}
	if f.EndEntityID != "" {
		w.and("end_entity_id = ?", f.EndEntityID)
	}
	if f.ConfigurationID != "" {
		w.and("configuration_id = ?", f.ConfigurationID)
	}
	if f.ExpiresWithinDays != nil {
		w.and("status <> ? AND not_after >= ? AND not_after < ?", Revoked, now, now.AddDate(0, 0, *f.ExpiresWithinDays))
	}
	if f.Expired != nil && *f.Expired {
		w.and("not_after < ?", now)
	}
	if f.Expired != nil && !*f.Expired {
		w.and("not_after >= ?", now)
	}
	if f.LeaveOutSigners {
		w.and("kind <> ?", OCSPSigner)
	}
	return w
}

// filtered is a list as one query, in no order.
func (s *Service) filtered(ctx context.Context, partitionID string, f Filter) (*gorm.DB, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	q, err := s.search(ctx, partitionID, f.Search)
	if err != nil {
		return nil, err
	}
	// An index begins with the CA, none with the partition.
	query := s.Store.DB(ctx).Model(&Certificate{}).Where(
		"partition_id = ? AND ca_id IN (SELECT id FROM certification_authorities WHERE partition_id = ?)", partitionID, partitionID,
	)
	rest := s.conditions(f)
	if rest.sql != "" {
		query = query.Where(rest.sql, rest.args...)
	}
	if q != nil {
		if err := s.settle(ctx); err != nil {
			return nil, err
		}
		w := s.worded(partitionID, q)
		query = query.Where(w.sql, w.args...)
	}
	return query, nil
}

// ActiveByCA counts, for each of the given CAs, what is issued, not revoked and not expired.
func (s *Service) ActiveByCA(ctx context.Context, caIDs []string) (map[string]int, error) {
	counts := map[string]int{}
	// All are in an index; whose they are is not, but few are not of subscribers.
	for _, only := range []struct {
		where string
		sign  int
	}{{"", 1}, {" AND kind <> 'SUBSCRIBER'", -1}} {
		var rows []struct {
			CAID   string `gorm:"column:ca_id"`
			Active int
		}
		if err := s.Store.DB(ctx).Model(&Certificate{}).Select("ca_id, count(*) AS active").
			Where(
				"ca_id IN ? AND status <> ? AND not_after >= ?"+only.where, caIDs, Revoked, s.Now(),
			).Group("ca_id").Scan(&rows).Error; err != nil {
			return nil, err
		}
		for _, r := range rows {
			counts[r.CAID] += only.sign * r.Active
		}
	}
	return counts, nil
}
