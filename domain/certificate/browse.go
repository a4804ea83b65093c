package certificate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A list is read in two steps: the ids of its page from indexes alone, then the rows of these ids. A partition is a few
// hundred groups at most, each of them beside each other in an index and in order; a list is the merge of those that
// the filter leaves. What a page costs depends on its length and on the number of groups, not on how many there are.

// Group is what one CA issued under one profile and has in one state. A profile is for one kind of certificate.
type Group struct {
	CAID      string `gorm:"column:ca_id"`
	ProfileID string
	Status    Status
	Kind      Kind
}

// groups of a partition: from each to the next by one look into the index certificates_newest.
func (s *Service) groups(ctx context.Context, partitionID string) ([]Group, error) {
	var list []Group
	err := s.Store.DB(ctx).Raw(`WITH RECURSIVE g(ca_id, profile_id, status, kind) AS (
			SELECT n.ca_id, n.profile_id, n.status, n.kind FROM certification_authorities a JOIN certificates n
				ON n.id = (SELECT c.id FROM certificates c WHERE c.ca_id = a.id ORDER BY c.profile_id, c.status, c.id LIMIT 1) WHERE
					a.partition_id = ?
			UNION ALL
			SELECT n.ca_id, n.profile_id, n.status, n.kind FROM g JOIN certificates n
				ON n.id = (SELECT c.id FROM certificates c WHERE c.ca_id = g.ca_id AND (c.profile_id, c.status) > (g.profile_id, g.status)
					ORDER BY c.profile_id, c.status, c.id LIMIT 1))
		SELECT ca_id, profile_id, status, kind FROM g`, partitionID).Scan(&list).Error
	return list, err
}

// chosen are the groups of a partition that a filter leaves, as far as groups can tell.
func (s *Service) chosen(ctx context.Context, partitionID string, f Filter) ([]Group, error) {
	list, err := s.groups(ctx, partitionID)
	return slices.DeleteFunc(list, func(g Group) bool {
		return len(f.Status) > 0 && !slices.Contains(f.Status, g.Status) || f.CAID != "" && g.CAID != f.CAID || f.ProfileID != "" &&
			g.ProfileID != f.ProfileID || f.LeaveOutSigners && g.Kind == OCSPSigner
	}), err
}

// place is where a certificate stands in a list.
type place struct {
	ID       string
	NotAfter time.Time
}

// order of a list.
type order struct {
	sort      Sort
	ascending bool // oldest first, with Newest
	after     place
}

func (o order) by() string {
	switch {
	case o.sort == ExpiresFirst:
		return "not_after, id"
	case o.ascending:
		return "id"
	}
	return "id DESC"
}

func (o order) compare(a, b place) int {
	n := strings.Compare(a.ID, b.ID)
	switch {
	case o.sort == ExpiresFirst && !a.NotAfter.Equal(b.NotAfter):
		return a.NotAfter.Compare(b.NotAfter)
	case o.sort == ExpiresFirst || o.ascending:
		return n
	}
	return -n
}

// where is a condition with its values.
type where struct {
	sql  string
	args []any
}

func (w *where) and(sql string, args ...any) {
	if w.sql != "" {
		w.sql += " AND "
	}
	w.sql, w.args = w.sql+sql, append(slices.Clip(w.args), args...)
}

// behind leaves what comes after the order's place.
func (o order) behind(w where) where {
	switch {
	case o.after.ID == "":
	case o.sort == ExpiresFirst:
		w.and("(not_after, id) > (?, ?)", o.after.NotAfter, o.after.ID)
	case o.ascending:
		w.and("id > ?", o.after.ID)
	default:
		w.and("id < ?", o.after.ID)
	}
	return w
}

// branch is a part of a list; the merge of all is the list.
type branch struct {
	where
	// sorted: an index has it in the order of the list; else it is read whole and then sorted.
	sorted bool
	// by is an order that has the planner take the right index: where it would go by the statistics of each column, which
	// know nothing of how columns hang together.
	by   string
	most int64 // rows of it; 0: all
}

// maxBranches of one statement (SQLite: 500).
const maxBranches = 200

// branches of the list of a filter without a search.
func (s *Service) branches(f Filter, groups []Group, o order) []branch {
	now := s.Now()
	var until time.Time
	if f.ExpiresWithinDays != nil {
		until = now.AddDate(0, 0, *f.ExpiresWithinDays)
	}
	var dates where // conditions that are the same in all branches
	if f.ExpiresWithinDays != nil {
		dates.and("not_after >= ? AND not_after < ?", now, until)
	}
	if f.Expired != nil && *f.Expired {
		dates.and("not_after < ?", now)
	}
	if f.Expired != nil && !*f.Expired {
		dates.and("not_after >= ?", now)
	}
	with := func(sql string, args ...any) where {
		w := where{sql, args}
		if dates.sql != "" {
			w.and(dates.sql, dates.args...)
		}
		return w
	}
	if f.ExpiresWithinDays != nil {
		groups = slices.DeleteFunc(slices.Clone(groups), func(g Group) bool { return g.Status == Revoked })
	}
	rare := !slices.ContainsFunc(groups, func(g Group) bool { return g.Status != Suspended })
	window := f.ExpiresWithinDays != nil && *f.ExpiresWithinDays <= 400
	var list []branch
	switch {
	case o.sort == ExpiresFirst && !rare || window && !rare:
		// The states beside each other, as they lie in the index.
		type pair struct{ ca, profile string }
		states := map[pair][]Status{}
		var pairs []pair
		for _, g := range groups {
			p := pair{g.CAID, g.ProfileID}
			if states[p] == nil {
				pairs = append(pairs, p)
			}
			states[p] = append(states[p], g.Status)
		}
		for _, p := range pairs {
			w := with("ca_id = ? AND profile_id = ?", p.ca, p.profile)
			if len(f.Status) > 0 || f.ExpiresWithinDays != nil {
				w.and("status IN ?", states[p])
			}
			list = append(list, branch{where: w, sorted: o.sort == ExpiresFirst})
		}
	case f.Expired != nil && *f.Expired && !rare:
		var cas []string
		for _, g := range groups {
			if !slices.Contains(cas, g.CAID) {
				cas = append(cas, g.CAID)
			}
		}
		var same where
		if len(f.Status) > 0 {
			same.and("status IN ?", f.Status)
		}
		if f.ProfileID != "" {
			same.and("profile_id = ?", f.ProfileID)
		}
		if f.LeaveOutSigners {
			same.and("kind <> ?", OCSPSigner)
		}
		add := func(b branch) {
			if same.sql != "" {
				b.and(same.sql, same.args...)
			}
			list = append(list, b)
		}
		for _, id := range cas {
			add(branch{where: with("NOT counted AND ca_id >= ? AND ca_id <= ?", id, id), sorted: true, by: "ca_id, id"})
		}
		// What expired since the job Expire ran.
		if len(cas) > 0 {
			add(branch{where: with("counted AND ca_id IN ?", cas), by: "not_after", most: 5000})
		}
	default:
		for _, g := range groups {
			list = append(
				list,
				branch{where: with("ca_id = ? AND profile_id = ? AND status = ?", g.CAID, g.ProfileID, g.Status), sorted: o.sort == Newest},
			)
		}
	}
	return list
}

// merge reads the first of a list.
func (s *Service) merge(ctx context.Context, branches []branch, o order, limit int) ([]place, error) {
	columns := "id"
	if o.sort == ExpiresFirst {
		columns = "id, not_after"
	}
	var all []place
	for chunk := range slices.Chunk(branches, maxBranches) {
		var parts []string
		var args []any
		for _, b := range chunk {
			w := o.behind(b.where)
			by, most := b.by, b.most
			if most == 0 {
				most = 1 << 62 // a limit all the same: else the planner looks for the order of the list here
			}
			if b.sorted {
				by, most = o.by(), int64(limit)
				if b.by != "" && !o.ascending {
					by = strings.ReplaceAll(b.by, ",", " DESC,") + " DESC"
				}
			}
			end := fmt.Sprintf(" LIMIT %d", most)
			if by != "" {
				end = " ORDER BY " + by + end
			}
			parts = append(parts, "SELECT * FROM (SELECT "+columns+" FROM certificates WHERE "+w.sql+end+") AS b")
			args = append(args, w.args...)
		}
		var found []place
		if err := s.Store.DB(ctx).Raw("SELECT "+columns+" FROM ("+strings.Join(parts, " UNION ALL ")+") AS u ORDER BY "+o.by()+
			fmt.Sprintf(" LIMIT %d", limit), args...).Scan(&found).Error; err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, o.compare)
	return all[:min(limit, len(all))], nil
}

// count goes on to at most limit.
func (s *Service) count(ctx context.Context, branches []branch, limit int) (int64, error) {
	var total int64
	for chunk := range slices.Chunk(branches, maxBranches) {
		var parts []string
		var args []any
		for _, b := range chunk {
			parts = append(parts, fmt.Sprintf("SELECT * FROM (SELECT 1 AS one FROM certificates WHERE %s LIMIT %d) AS b", b.sql, limit))
			args = append(args, b.args...)
		}
		var n int64
		if err := s.Store.DB(ctx).Raw(fmt.Sprintf(
			"SELECT count(*) FROM (SELECT * FROM (%s) AS u LIMIT %d) AS bounded", strings.Join(parts, " UNION ALL "), limit,
		), args...).Scan(&n).Error; err != nil {
			return 0, err
		}
		if total += n; total >= int64(limit) {
			return int64(limit), nil
		}
	}
	return total, nil
}
