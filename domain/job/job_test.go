package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// bubble runs a test with a fake clock, which advances when all goroutines wait, and the queues of n servers on one
// database.
func bubble(t *testing.T, n int, run func(t *testing.T, q []*job.Queue)) {
	t.Helper()
	// Opened outside the bubble: gorm starts a goroutine that never ends.
	s, err := store.Open("sqlite:" + filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		queues := make([]*job.Queue, n)
		for i := range queues {
			queues[i] = &job.Queue{Store: s, Now: store.Now, Log: slog.New(slog.DiscardHandler)}
		}
		run(t, queues)
	})
}

func ask(t *testing.T, q *job.Queue) {
	t.Helper()
	if err := q.Store.Tx(t.Context(), func(ctx context.Context) error { return q.Enqueue(ctx, "long", "x", q.Now(), nil) }); err != nil {
		t.Fatal(err)
	}
}

// TestALongJobKeepsItsLease: while a server works on a job for ten leases, no other server takes it.
func TestALongJobKeepsItsLease(t *testing.T) {
	bubble(t, 2, func(t *testing.T, q []*job.Queue) {
		var began, ended atomic.Int64
		for _, one := range q {
			one.HandleLong(job.Work, "long", func(ctx context.Context, c *job.Claim) error {
				began.Add(1)
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(10 * job.Lease):
				}
				ended.Add(1)
				return nil
			})
		}
		ask(t, q[0])
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, one := range q {
			running.Go(func() { one.Run(ctx) })
		}
		<-time.After(12 * job.Lease)
		stop()
		running.Wait()
		if due, err := q[0].Due(t.Context()); err != nil || due != 0 || began.Load() != 1 || ended.Load() != 1 {
			t.Errorf("begun %d times, ended %d times, %d due, %v", began.Load(), ended.Load(), due, err)
		}
	})
}

// TestAJobThatHangsIsGivenUp: a job is aborted before its lease ends, a long one after Longest.
func TestAJobThatHangsIsGivenUp(t *testing.T) {
	for name, want := range map[string]time.Duration{"short": job.Lease, "long": job.Longest} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, servers []*job.Queue) {
				q := servers[0]
				var took time.Duration
				hang := func(ctx context.Context, c *job.Claim) error {
					begin := time.Now()
					<-ctx.Done()
					took = time.Since(begin)
					return ctx.Err()
				}
				if name == "long" {
					q.HandleLong(job.Work, "long", hang)
				} else {
					q.Handle(job.Work, "long", hang)
				}
				ask(t, q)
				q.RunDue(t.Context())
				if took > want || took < want-job.Lease/2 {
					t.Errorf("given up after %s", took)
				}
			})
		})
	}
}

// TestALostLeaseEndsTheWork: a server that was unreachable, and whose job another server has taken over, stops and
// records nothing.
func TestALostLeaseEndsTheWork(t *testing.T) {
	bubble(t, 1, func(t *testing.T, servers []*job.Queue) {
		q := servers[0]
		var failure error
		q.HandleLong(job.Work, "long", func(ctx context.Context, c *job.Claim) error {
			if err := q.Store.Tx(ctx, func(ctx context.Context) error {
				return q.Store.DB(ctx).Exec("UPDATE jobs SET lease = 'another server', leased_until = ?", q.Now().Add(job.Lease)).Error
			}); err != nil {
				return err
			}
			begin := time.Now()
			<-ctx.Done()
			if time.Since(begin) > job.Lease/2 {
				return errors.New("it was not told in time")
			}
			failure = q.Store.Tx(context.WithoutCancel(ctx), c.Done)
			return failure
		})
		ask(t, q)
		q.RunDue(t.Context())
		var lease string
		if err := q.Store.DB(t.Context()).Table("jobs").Select("lease").Scan(&lease).Error; err != nil || failure == nil ||
			lease != "another server" {
			t.Errorf("the lease is %q's, %v %v", lease, failure, err)
		}
	})
}

// TestALeaseByAClockThatWasWrong: a job leased by a server whose clock is a day ahead is run at once, not in a day.
func TestALeaseByAClockThatWasWrong(t *testing.T) {
	bubble(t, 1, func(t *testing.T, servers []*job.Queue) {
		q := servers[0]
		done := 0
		q.Handle(job.Work, "long", func(context.Context, *job.Claim) error { done++; return nil })
		ask(t, q)
		lease := func(ahead time.Duration) {
			if err := q.Store.Tx(t.Context(), func(ctx context.Context) error {
				return q.Store.DB(ctx).Exec("UPDATE jobs SET lease = 'another server', leased_until = ?", q.Now().Add(ahead)).Error
			}); err != nil {
				t.Fatal(err)
			}
		}
		lease(job.Lease)
		if q.RunDue(t.Context()); done != 0 {
			t.Error("a lease that holds was broken")
		}
		lease(24 * time.Hour)
		if q.RunDue(t.Context()); done != 1 {
			t.Errorf("it was done %d times", done)
		}
	})
}

// TestStoppingGivesALongJobTheRestOfItsLease: a server that is asked to stop does not continue a long job for half an
// hour.
func TestStoppingGivesALongJobTheRestOfItsLease(t *testing.T) {
	bubble(t, 1, func(t *testing.T, servers []*job.Queue) {
		q := servers[0]
		ctx, stop := context.WithCancel(t.Context())
		var took time.Duration
		q.HandleLong(job.Work, "long", func(work context.Context, c *job.Claim) error {
			<-time.After(3 * job.Lease)
			stop()
			begin := time.Now()
			<-work.Done()
			took = time.Since(begin)
			return work.Err()
		})
		ask(t, q)
		q.RunDue(ctx)
		if took < job.Lease/3 || took > job.Lease {
			t.Errorf("it had %s", took)
		}
	})
}

// TestOutsidersHoldNothingUp: while external systems do not answer, status jobs and other kinds of outward jobs still
// run.
func TestOutsidersHoldNothingUp(t *testing.T) {
	bubble(t, 1, func(t *testing.T, servers []*job.Queue) {
		q := servers[0]
		hang := func(ctx context.Context, _ *job.Claim) error { <-ctx.Done(); return ctx.Err() }
		var mu sync.Mutex
		took := map[string]time.Duration{}
		begin := time.Now()
		note := func(_ context.Context, c *job.Claim) error {
			mu.Lock()
			defer mu.Unlock()
			took[c.Key] = time.Since(begin)
			return nil
		}
		q.HandleLong(job.Outward, "copy", hang)
		q.Handle(job.Work, "slow", hang)
		q.Handle(job.Outward, "mail", note)
		q.Handle(job.Status, "publish", note)
		if err := q.Store.Tx(t.Context(), func(ctx context.Context) error {
			for n := range 20 {
				for _, kind := range []string{"copy", "slow"} {
					if err := q.Enqueue(ctx, kind, fmt.Sprint(n), q.Now(), nil); err != nil {
						return err
					}
				}
			}
			return errors.Join(
				q.Enqueue(ctx, "mail", "mail", q.Now().Add(time.Second), nil),
				q.Enqueue(ctx, "publish", "publish", q.Now().Add(time.Second), nil),
			)
		}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { q.Run(ctx) })
		<-time.After(3 * time.Second)
		mu.Lock()
		done := maps.Clone(took)
		mu.Unlock()
		if len(done) != 2 || done["mail"] > 2*time.Second || done["publish"] > 2*time.Second {
			t.Errorf("done within three seconds: %v", done)
		}
		stop()
		running.Wait()
	})
}

// TestAJobThatPanics: a panic counts as a failure. The server keeps running, and the operator sees the cause.
func TestAJobThatPanics(t *testing.T) {
	bubble(t, 1, func(t *testing.T, servers []*job.Queue) {
		q := servers[0]
		q.Handle(job.Work, "long", func(context.Context, *job.Claim) error { panic("what nobody thought of") })
		ask(t, q)
		q.RunDue(t.Context())
		guard, err := rbac.New()
		if err != nil {
			t.Fatal(err)
		}
		list := &job.Service{Queue: q, Guard: guard}
		if _, err := list.Jobs(t.Context(), page.Request{First: page.MaxFirst}); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a stranger sees jobs: %v", err)
		}
		jobs, err := list.Jobs(rbac.WithActor(t.Context(), rbac.SystemActor()), page.Request{First: page.MaxFirst})
		if err != nil || len(jobs.Nodes) != 1 || jobs.Nodes[0].LastError != "panic: what nobody thought of" ||
			jobs.Nodes[0].Attempts != 1 || jobs.Nodes[0].Lane != job.Work {
			t.Errorf("%+v %v", jobs, err)
		}
		lanes, err := q.Lanes(t.Context())
		if err != nil || lanes[job.Work] != (job.LaneState{Due: 0, Failing: 1}) || len(lanes) != 3 {
			t.Errorf("%v %v", lanes, err)
		}
	})
}
