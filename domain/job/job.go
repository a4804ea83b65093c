// Package job runs work that a transaction has requested for later. A job is one row per kind and key, and says what is
// due and when. The row is written in the requesting transaction, and leased by the server that works on it, so several
// servers share the work and a crashed server gives it back. Jobs run in lanes, so that one kind of work does not delay
// another.
package job

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

const (
	// Lease is how long a server may be silent before another one takes over its job.
	Lease = 30 * time.Second
	// Longest is how long a job of HandleLong may take before it is aborted.
	Longest = 30 * time.Minute
	// farthest is how far ahead a lease can end. A lease that ends later was written with a wrong clock and is ignored.
	farthest = 10 * Lease
	// margin is how long before the end of its lease a job is aborted, so that two servers never work on it.
	margin = 5 * time.Second
)

// Lane is a queue of jobs with workers of its own. Work in one lane never waits for work in another.
type Lane string

const (
	// Status is for what relying parties depend on: CRLs and OCSP signer certificates.
	Status Lane = "STATUS"
	// Outward is for work that waits for other systems: mail, webhooks, copies of CRLs, ACME validation.
	Outward Lane = "OUTWARD"
	// Work is for everything else.
	Work Lane = "WORK"
)

// limit is how many jobs of a lane one server runs at a time, and how many of them may be of one kind.
type limit struct{ jobs, ofAKind int }

// Jobs of one kind take at most a third of Outward, so that mail is sent while webhooks hang.
var limits = map[Lane]limit{Status: {4, 4}, Outward: {12, 4}, Work: {2, 2}}

type row struct {
	Kind        string `gorm:"primaryKey"`
	JobKey      string `gorm:"primaryKey"`
	RunAt       time.Time
	Generation  int64
	Arguments   string
	Attempts    int64
	LastError   string
	Lease       string
	LeasedUntil *time.Time
}

func (row) TableName() string { return "jobs" }

// Handler runs one job. It must tolerate running twice: a server may crash after the work but before recording it,
// unless the handler calls Claim.Done in the transaction of the work.
type Handler func(ctx context.Context, c *Claim) error

// Queue stores and runs jobs.
type Queue struct {
	Store *store.Store
	Now   func() time.Time
	Log   *slog.Logger

	kinds map[string]kind
	wake  map[Lane]chan struct{}
	once  sync.Once
}

// kind is the registration of a kind of job.
type kind struct {
	lane    Lane
	handler Handler
	long    bool
}

func (q *Queue) init() {
	q.once.Do(func() {
		q.kinds, q.wake = map[string]kind{}, map[Lane]chan struct{}{}
		for lane := range limits {
			q.wake[lane] = make(chan struct{}, 1)
		}
	})
}

// HandleLong is Handle for jobs that may take longer than a lease. The lease is renewed while they run.
func (q *Queue) HandleLong(lane Lane, name string, h Handler) {
	q.init()
	q.kinds[name] = kind{lane, h, true}
}

// Handle registers the lane and handler of a kind. Call it before Run. A job that outlasts its lease is aborted.
func (q *Queue) Handle(lane Lane, name string, h Handler) {
	q.init()
	q.kinds[name] = kind{lane, h, false}
}

// Enqueue requests a job at the given time, in the transaction of ctx. If a job of the same kind and key is due later,
// it is brought forward; if one is running, it runs again.
func (q *Queue) Enqueue(ctx context.Context, kind, key string, at time.Time, arguments any) error {
	q.init()
	text, err := json.Marshal(arguments)
	if err != nil {
		return err
	}
	r := row{Kind: kind, JobKey: key, RunAt: at, Generation: 1, Arguments: string(text)}
	err = q.Store.DB(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "kind"}, {Name: "job_key"}},
		DoUpdates: clause.Assignments(map[string]any{
			"run_at":     gorm.Expr("CASE WHEN jobs.run_at < excluded.run_at THEN jobs.run_at ELSE excluded.run_at END"),
			"generation": gorm.Expr("jobs.generation + 1"),
			"arguments":  gorm.Expr("excluded.arguments"),
		}),
	}).Create(&r).Error
	if err != nil {
		return fmt.Errorf("enqueueing %s: %w", kind, err)
	}
	q.Store.AfterCommit(ctx, q.Wake)
	return nil
}

// Wake makes this server look for due jobs now.
func (q *Queue) Wake() {
	q.init()
	for lane := range limits {
		q.wakeLane(lane)
	}
}

func (q *Queue) wakeLane(lane Lane) {
	select {
	case q.wake[lane] <- struct{}{}:
	default:
	}
}

// Cancel removes a job, in the transaction of ctx.
func (q *Queue) Cancel(ctx context.Context, kind, key string) error {
	return q.Store.DB(ctx).Delete(&row{}, "kind = ? AND job_key = ?", kind, key).Error
}

// Find tells whether a job is pending, and decodes its arguments.
func (q *Queue) Find(ctx context.Context, kind, key string, arguments any) (bool, error) {
	var rows []row
	if err := q.Store.DB(ctx).Find(&rows, "kind = ? AND job_key = ?", kind, key).Error; err != nil || len(rows) == 0 {
		return false, err
	}
	return true, json.Unmarshal([]byte(rows[0].Arguments), arguments)
}

// Claim is a job leased by this server.
type Claim struct {
	Key      string
	Attempts int64
	queue    *Queue
	row      row
	next     time.Time
	settled  atomic.Bool
}

// Arguments decodes the arguments of the job.
func (c *Claim) Arguments(into any) error { return json.Unmarshal([]byte(c.row.Arguments), into) }

// Again makes the job run again at the given time instead of completing it.
func (c *Claim) Again(at time.Time) { c.next = at }

// Done completes the job in the transaction of ctx, together with its work. It fails if the lease was lost: another
// server has the job, and this work must not be committed.
func (c *Claim) Done(ctx context.Context) error {
	q := c.queue
	now := q.Now()
	mine := q.Store.DB(ctx).Model(&row{}).Where("kind = ? AND job_key = ? AND lease = ?", c.row.Kind, c.row.JobKey, c.row.Lease)
	// If the job was requested again while it ran, it is due at once.
	again := mine.Session(&gorm.Session{}).Where("generation <> ?", c.row.Generation).
		Updates(map[string]any{"lease": "", "leased_until": nil, "attempts": 0, "last_error": "", "run_at": now})
	if again.Error != nil || again.RowsAffected == 1 {
		c.settled.Store(again.Error == nil)
		return again.Error
	}
	mine = mine.Where("generation = ?", c.row.Generation)
	var settled *gorm.DB
	if c.next.IsZero() {
		settled = mine.Delete(&row{})
	} else {
		settled = mine.Updates(map[string]any{"lease": "", "leased_until": nil, "attempts": 0, "last_error": "", "run_at": c.next})
	}
	if settled.Error != nil {
		return settled.Error
	}
	if settled.RowsAffected == 0 {
		return fmt.Errorf("the lease of job %s %s was lost", c.row.Kind, c.row.JobKey)
	}
	c.settled.Store(true)
	return nil
}

// idle is how long a lane without due jobs waits before it looks again. Jobs of this server wake it earlier.
const idle = 500 * time.Millisecond

// Run works in all lanes until ctx ends. Running jobs are completed first.
func (q *Queue) Run(ctx context.Context) {
	q.init()
	var wg sync.WaitGroup
	for lane, most := range limits {
		wg.Go(func() { q.runLane(ctx, lane, most) })
	}
	wg.Wait()
}

func (q *Queue) runLane(ctx context.Context, lane Lane, most limit) {
	var working sync.WaitGroup
	defer working.Wait()
	var mu sync.Mutex
	running, total := map[string]int{}, 0
	// free returns the kinds of which another job may start.
	free := func() (names []string) {
		mu.Lock()
		defer mu.Unlock()
		for name, k := range q.kinds {
			if k.lane == lane && total < most.jobs && running[name] < most.ofAKind {
				names = append(names, name)
			}
		}
		return names
	}
	count := func(name string, n int) {
		mu.Lock()
		defer mu.Unlock()
		running[name] += n
		total += n
	}
	for ctx.Err() == nil {
		c := q.next(ctx, free())
		if c == nil {
			select {
			case <-ctx.Done():
			case <-q.wake[lane]:
			case <-time.After(idle):
			}
			continue
		}
		count(c.row.Kind, 1)
		working.Go(func() {
			q.work(ctx, c)
			count(c.row.Kind, -1)
			q.wakeLane(lane)
		})
	}
}

// RunDue runs all due jobs one after another, and returns. For tests and the demo data.
func (q *Queue) RunDue(ctx context.Context) {
	q.init()
	all := slices.Collect(maps.Keys(q.kinds))
	for c := q.next(ctx, all); c != nil; c = q.next(ctx, all) {
		q.work(ctx, c)
	}
}

// next claims a due job of one of the kinds, or returns nil.
func (q *Queue) next(ctx context.Context, kinds []string) *Claim {
	if len(kinds) == 0 {
		return nil
	}
	c, err := q.claim(ctx, kinds)
	if err != nil && ctx.Err() == nil {
		q.Log.Error("cannot look for due jobs", "error", err)
	}
	return c
}

func (q *Queue) work(ctx context.Context, c *Claim) {
	k := q.kinds[c.row.Kind]
	// A job that has started is completed even if the server is asked to stop.
	most := Lease - margin
	if k.long {
		most = Longest
	}
	work, cancel := context.WithTimeout(rbac.WithActor(context.WithoutCancel(ctx), rbac.SystemActor()), most)
	defer cancel()
	if k.long {
		ended := q.hold(ctx, work, cancel, c)
		defer func() { cancel(); <-ended }()
	}
	err := handle(work, k.handler, c)
	if err == nil && !c.settled.Load() {
		err = q.Store.Tx(work, c.Done)
	}
	if err != nil {
		q.fail(context.WithoutCancel(ctx), c, err)
	}
}

// hold renews the lease of a job while it runs, and aborts the job if the lease is lost or cannot be renewed. Once the
// server is asked to stop (ctx), the job has what is left of its lease. The channel is closed when renewing has ended.
func (q *Queue) hold(ctx, work context.Context, cancel context.CancelFunc, c *Claim) <-chan struct{} {
	ended, renewed := make(chan struct{}), time.Now()
	go func() {
		defer close(ended)
		beat := time.NewTicker(margin)
		defer beat.Stop()
		for {
			select {
			case <-work.Done():
				return
			case <-beat.C:
			}
			if ctx.Err() == nil {
				switch mine, err := q.renew(work, c); {
				case err != nil:
					q.Log.Warn("cannot renew the lease of a job", "kind", c.row.Kind, "key", c.row.JobKey, "error", err)
				case mine:
					renewed = time.Now()
				case !c.settled.Load():
					q.Log.Warn("the lease of a job was lost", "kind", c.row.Kind, "key", c.row.JobKey)
					cancel()
				}
			}
			if time.Since(renewed) >= Lease-2*margin {
				cancel()
			}
		}
	}()
	return ended
}

// renew extends the lease, and tells whether this server still holds it.
func (q *Queue) renew(ctx context.Context, c *Claim) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, margin)
	defer cancel()
	err = q.Store.Tx(ctx, func(ctx context.Context) error {
		held := q.Store.DB(ctx).Model(&row{}).Where("kind = ? AND job_key = ? AND lease = ?", c.row.Kind, c.row.JobKey, c.row.Lease).Update(
			"leased_until", q.Now().Add(Lease),
		)
		mine = held.RowsAffected == 1
		return held.Error
	})
	return mine, err
}

// handle turns a panic into an error, so that one bad job cannot crash the server again and again.
func handle(ctx context.Context, h Handler, c *Claim) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return h(ctx, c)
}

func (q *Queue) claim(ctx context.Context, kinds []string) (*Claim, error) {
	now := q.Now()
	due := func(db *gorm.DB) *gorm.DB {
		return db.Where("run_at <= ? AND (leased_until IS NULL OR leased_until < ? OR leased_until > ?) AND kind IN ?", now, now,
			now.Add(farthest), kinds).Order("run_at").Limit(1)
	}
	// Looking first avoids a write: most of the time nothing is due.
	var waiting int64
	if err := q.Store.DB(ctx).Table(
		"(?) AS due", due(q.Store.DB(ctx).Model(&row{}).Select("kind")),
	).Count(&waiting).Error; err != nil || waiting == 0 {
		return nil, err
	}
	var c *Claim
	err := q.Store.Tx(ctx, func(ctx context.Context) error {
		var rows []row
		if err := due(q.Store.SkipLocked(q.Store.DB(ctx))).Find(&rows).Error; err != nil || len(rows) == 0 {
			return err
		}
		r := rows[0]
		until := now.Add(Lease)
		r.Lease, r.LeasedUntil, r.Attempts = rand.Text(), &until, r.Attempts+1
		if err := q.Store.DB(ctx).Model(&row{}).Where("kind = ? AND job_key = ?", r.Kind, r.JobKey).
			Updates(map[string]any{"lease": r.Lease, "leased_until": until, "attempts": r.Attempts}).Error; err != nil {
			return err
		}
		c = &Claim{Key: r.JobKey, Attempts: r.Attempts, queue: q, row: r}
		return nil
	})
	return c, err
}

func (q *Queue) fail(ctx context.Context, c *Claim, cause error) {
	// The message shown to people leaves the cause to the log.
	because := errors.Unwrap(cause)
	delay := min(5*time.Minute, time.Second<<min(c.row.Attempts, 8))
	q.Log.Error(
		"job failed", "kind", c.row.Kind, "key", c.row.JobKey, "attempt", c.row.Attempts, "retry_in", delay, "error", cause, "cause",
		because,
	)
	err := q.Store.Tx(ctx, func(ctx context.Context) error {
		return q.Store.DB(ctx).Model(&row{}).Where("kind = ? AND job_key = ? AND lease = ?", c.row.Kind, c.row.JobKey, c.row.Lease).
			Updates(map[string]any{"lease": "", "leased_until": nil, "last_error": cause.Error(), "run_at": q.Now().Add(delay)}).Error
	})
	if err != nil {
		q.Log.Error("cannot give back a failed job", "kind", c.row.Kind, "key", c.row.JobKey, "error", err)
	}
}

// Due counts the jobs that are due.
func (q *Queue) Due(ctx context.Context) (int64, error) {
	var n int64
	err := q.Store.DB(ctx).Model(&row{}).Where("run_at <= ?", q.Now()).Count(&n).Error
	return n, err
}

// EnqueueOnce requests a job now unless one is already pending, whenever that is due.
func (q *Queue) EnqueueOnce(ctx context.Context, kind, key string) error {
	r := row{Kind: kind, JobKey: key, RunAt: q.Now(), Generation: 1, Arguments: "null"}
	return q.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&r).Error
}
