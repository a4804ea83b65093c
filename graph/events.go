package graph

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/rbac"
)

// eventInterval is how often a live stream looks for new events; with every freshEvery-th look it asks anew who it is
// talking to.
const (
	eventInterval = 500 * time.Millisecond
	freshEvery    = 10
)

// followEvents sends the events behind `after` and then each new one, until the client leaves or loses the permission.
func (r *Resolver) followEvents(ctx context.Context, partitionID string, after *int64) (<-chan *audit.Event, error) {
	last, err := r.Audit.Head(ctx, partitionID)
	if err != nil {
		return nil, err
	}
	if after != nil {
		last = *after
	}
	events := make(chan *audit.Event)
	go func() {
		defer close(events)
		ticker := time.NewTicker(eventInterval)
		defer ticker.Stop()
		for look := 1; ; look++ {
			if look%freshEvery == 0 {
				actor, err := r.Identity.Fresh(ctx, rbac.ActorFrom(ctx))
				if err != nil {
					return // signed out, or revoked
				}
				ctx = rbac.WithActor(ctx, actor)
			}
			found, err := r.Audit.After(ctx, partitionID, last)
			if err != nil {
				return // the client reconnects and learns why
			}
			for _, e := range found {
				select {
				case events <- e:
					last = e.Sequence
				case <-ctx.Done():
					return
				}
			}
			if len(found) > 0 {
				continue
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, nil
}
