package graph

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
)

// eventInterval is how often a live stream looks for new events. Each look asks whether the actor may still see them.
const eventInterval = 500 * time.Millisecond

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
		for {
			found, err := r.Audit.After(ctx, partitionID, last)
			if err != nil {
				endSubscription(ctx, err)
				return
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
