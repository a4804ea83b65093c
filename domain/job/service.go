package job

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
)

// Job is a job as operators see it.
type Job struct {
	Kind string
	Key  string
	Lane Lane
	// RunAt is when the job is due. It is in the past while the job waits for a free worker of its lane.
	RunAt time.Time
	// RunningUntil is when the server working on the job must renew its lease; nil while none is.
	RunningUntil *time.Time
	// Attempts since the last success.
	Attempts int64
	// LastError of the latest attempt, "" if it did not fail.
	LastError string
}

// Service shows the queue to the operator.
type Service struct {
	Queue *Queue
	Guard *rbac.Guard
}

// Jobs lists the jobs of all servers: failed ones first, then by due time.
func (s *Service) Jobs(ctx context.Context, p page.Request) (*page.Page[*Job], error) {
	if err := s.Guard.Require(ctx, rbac.JobBrowse, rbac.Platform); err != nil {
		return nil, err
	}
	rows, err := page.Read(ctx, s.Queue.Store, s.Queue.Store.DB(ctx).Model(&row{}), p,
		page.Key[row]{Column: "CASE WHEN last_error = '' THEN 1 ELSE 0 END", Value: func(r *row) any {
			if r.LastError == "" {
				return int64(1)
			}
			return int64(0)
		}},
		page.Key[row]{Column: "run_at", Value: func(r *row) any { return r.RunAt }},
		page.Key[row]{Column: "kind", Value: func(r *row) any { return r.Kind }},
		page.Key[row]{Column: "job_key", Value: func(r *row) any { return r.JobKey }})
	if err != nil {
		return nil, err
	}
	jobs := &page.Page[*Job]{Cursors: rows.Cursors, HasNext: rows.HasNext, Total: rows.Total}
	for _, r := range rows.Nodes {
		failure, _, _ := strings.Cut(r.LastError, "\n") // the stack of a panic is for the log
		j := &Job{Kind: r.Kind, Key: r.JobKey, Lane: s.Queue.kinds[r.Kind].lane, RunAt: r.RunAt, Attempts: r.Attempts, LastError: failure}
		if r.LeasedUntil != nil && r.LeasedUntil.After(s.Queue.Now()) {
			j.RunningUntil = r.LeasedUntil
		}
		jobs.Nodes = append(jobs.Nodes, j)
	}
	return jobs, nil
}

// LaneState counts the jobs of a lane on all servers.
type LaneState struct{ Due, Failing int64 }

// Lanes counts the jobs that are due and those whose last attempt failed, by lane.
func (q *Queue) Lanes(ctx context.Context) (map[Lane]LaneState, error) {
	q.init()
	states := map[Lane]LaneState{}
	for lane := range limits {
		states[lane] = LaneState{}
	}
	for _, counted := range []struct {
		where func(*gorm.DB) *gorm.DB
		add   func(*LaneState, int64)
	}{
		{func(db *gorm.DB) *gorm.DB { return db.Where("run_at <= ?", q.Now()) }, func(s *LaneState, n int64) { s.Due += n }},
		{func(db *gorm.DB) *gorm.DB { return db.Where("last_error <> ''") }, func(s *LaneState, n int64) { s.Failing += n }},
	} {
		var kinds []struct {
			Kind string
			N    int64
		}
		if err := counted.where(q.Store.DB(ctx).Model(&row{})).Select("kind, count(*) AS n").Group("kind").Scan(&kinds).Error; err != nil {
			return nil, err
		}
		for _, k := range kinds {
			lane := q.kinds[k.Kind].lane
			state := states[lane]
			counted.add(&state, k.N)
			states[lane] = state
		}
	}
	return states, nil
}
