package audit

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Log writes and reads events.
type Log struct {
	Store *store.Store
	Guard *rbac.Guard
	Now   func() time.Time
	// keeps heads outside the database; nil: not kept
	Heads *Heads
}

type pendingKey struct{}

// Record adds an event by the actor of ctx to the transaction of ctx. The event is written with its place in the chain
// just before the transaction commits, so there is no change without its event.
func (l *Log) Record(ctx context.Context, e Event) { l.RecordAs(ctx, rbac.ActorFrom(ctx), e) }

// RecordAs is Record with an explicit actor, for transactions that serve several actors.
func (l *Log) RecordAs(ctx context.Context, actor *rbac.Actor, e Event) {
	if actor != nil {
		e.ActorKind, e.ActorID, e.ActorName = string(actor.Kind), actor.ID, actor.Name
		e.IPAddress, e.RequestID = actor.IPAddress, actor.RequestID
	}
	if e.Result == "" {
		e.Result = Success
	}
	if e.Details == nil {
		e.Details = Details{}
	}
	e.Time = l.Now()
	pending := store.Value(ctx, pendingKey{}, func() *[]*Event {
		events := new([]*Event)
		l.Store.BeforeCommit(ctx, func(ctx context.Context) error { return l.flush(ctx, *events) })
		return events
	})
	*pending = append(*pending, &e)
}

// Refusal records in a transaction of its own that an action was refused or failed. Call it with defer. It does nothing
// if *err is nil, if the object does not exist for the caller, or if the action waits for approval, which has its own
// event.
func (l *Log) Refusal(ctx context.Context, err *error, e *Event) {
	if *err == nil {
		return
	}
	f := fault.Of(*err)
	actor := rbac.ActorFrom(ctx)
	// What is not in the scope of a configuration does not exist for it. In its own partition that is worth an event: its code slipped.
	slipped := actor != nil && actor.Scope.Configuration != "" && actor.Scope.Partition == e.PartitionID
	if f.Kind == fault.NotFound && !slipped || f.Kind == fault.Unauthenticated || f.Kind == fault.ApprovalNeeded ||
		f.Kind == fault.ProofRequired || e.PartitionID == "" {
		return
	}
	e.Result = Refused
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		e.Result = Failed
	}
	e.Summary = f.Message
	details := Details{"code": string(f.Kind), "field": f.Field}
	if f.Rule != "" {
		details["rule"] = f.Rule
	}
	if f.Action != "" {
		details["action"] = f.Action
	}
	maps.Copy(details, e.Details) // what the caller knows about the request
	e.Details = details
	// The event is recorded even if the client has disconnected or the disk is slow.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Patience)
	defer cancel()
	if failure := l.Store.Tx(ctx, func(ctx context.Context) error {
		l.RecordAs(ctx, actor, *e)
		return nil
	}); failure != nil {
		*err = Unrecorded(failure)
	}
}

// Unrecorded reports that a refusal could not be recorded, and what is wrong with the database if that is the cause.
func Unrecorded(failure error) error {
	if store.Away(failure) != "" {
		return fault.Of(failure)
	}
	return fault.New(fault.Unavailable, "The request was refused, but the refusal could not be recorded.").Because(failure)
}

func (l *Log) flush(ctx context.Context, events []*Event) error {
	// Always lock in the same order, so that two transactions cannot deadlock.
	slices.SortStableFunc(events, func(a, b *Event) int { return strings.Compare(a.PartitionID, b.PartitionID) })
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].PartitionID == events[0].PartitionID {
			n++
		}
		if err := l.appendTo(ctx, events[0].PartitionID, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

func (l *Log) appendTo(ctx context.Context, partitionID string, events []*Event) error {
	db := l.Store.DB(ctx)
	var head chain
	err := l.Store.ForUpdate(db).Take(&head, "partition_id = ?", partitionID).Error
	if store.IsNotFound(err) {
		if err := db.Clauses(clause.OnConflict{DoNothing: true}).Create(
			&chain{PartitionID: partitionID, Hash: []byte{}},
		).Error; err != nil {
			return err
		}
		err = l.Store.ForUpdate(db).Take(&head, "partition_id = ?", partitionID).Error
	}
	if err != nil {
		return err
	}
	for _, e := range events {
		head.Sequence++
		e.Sequence = head.Sequence
		if err := e.prepare(); err != nil {
			return err
		}
		head.Hash = e.link(head.Hash)
		e.Hash = head.Hash
	}
	if err := store.CreateAll(ctx, l.Store, events); err != nil {
		return err
	}
	return db.Model(&chain{}).Where("partition_id = ?", partitionID).Updates(
		map[string]any{"sequence": head.Sequence, "hash": head.Hash},
	).Error
}
