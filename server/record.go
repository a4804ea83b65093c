package server

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/rbac"
)

// recordState is what this server has found out about the database, compared with what lies outside.
type recordState struct {
	reconciled  atomic.Bool
	clockBehind atomic.Bool
}

// reconcile takes over what CRLs outside say and the database does not know, because it was restored from a backup: before
// anything is served, and again while a destination cannot be read.
func (a *App) reconcile(ctx context.Context) {
	if a.record.reconciled.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(rbac.WithActor(ctx, rbac.SystemActor()), 20*time.Second)
	defer cancel()
	ahead, err := a.status.Compare(ctx)
	for _, one := range ahead {
		if adopting := a.status.Adopt(ctx, one); adopting != nil {
			a.log.Error(
				"a CRL outside is ahead of the database and could not be taken over", "crl", one.Name(), "found", one.Source, "error",
				adopting,
			)
			err = adopting
		}
	}
	if err != nil {
		a.log.Error("the CRLs outside could not be compared with the database; it is tried again", "error", err)
		return
	}
	a.record.reconciled.Store(true)
}

// newestTime is the latest instant in the database that the clock had when something was written.
func (a *App) newestTime(ctx context.Context) (newest time.Time, err error) {
	for _, query := range []string{
		"SELECT e.time FROM audit_events e JOIN audit_chains c ON c.partition_id = e.partition_id AND c.sequence = e.sequence ORDER BY " +
			"e.time DESC LIMIT 1",
		"SELECT this_update FROM crl_lists ORDER BY this_update DESC LIMIT 1",
	} {
		var times []time.Time
		if err := a.store.DB(ctx).Raw(query).Scan(&times).Error; err != nil {
			return newest, err
		}
		for _, at := range times {
			if at.After(newest) {
				newest = at
			}
		}
	}
	return newest, nil
}

// behind is how far the clock stands behind the newest instant in the database; 0 when it does not.
func (a *App) behind(ctx context.Context) (time.Duration, error) {
	newest, err := a.newestTime(ctx)
	return max(0, newest.Sub(a.now())), err
}

// checkClock warns when the clock is behind what was written already: it was put back, or another server's is ahead.
func (a *App) checkClock(ctx context.Context) {
	behind, err := a.behind(ctx)
	if err != nil {
		a.log.Error("the clock could not be compared with the database", "error", err)
		return
	}
	if behind <= a.cfg.ClockSkew {
		a.record.clockBehind.Store(false)
		return
	}
	if a.record.clockBehind.Swap(true) {
		return
	}
	behind = behind.Truncate(time.Second)
	a.log.Error("the clock is behind the newest time in the database: check the clocks of all servers", "behind", behind.String())
	if err := a.store.Tx(rbac.WithActor(ctx, rbac.SystemActor()), func(ctx context.Context) error {
		a.audit.Record(ctx, audit.Event{Action: "clock.behind", Result: audit.Failed, ObjectKind: "clock", ObjectName: "clock",
			Summary: "The clock of the server is " + behind.String() + " behind the newest time in the database.", Details: audit.Details{
				"seconds": int64(behind.Seconds()),
			}})
		return nil
	}); err != nil {
		a.log.Error("the alarm could not be recorded", "error", err)
	}
}
