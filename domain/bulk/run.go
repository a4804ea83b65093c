package bulk

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/rbac"
)

const (
	revokedAtOnce = 500 // items per transaction
	issuedAtOnce  = 64
	turn          = 3 * time.Second // then other jobs get their turn
)

// step is the outcome of one transaction of the job.
type step struct {
	over bool          // the operation is no longer RUNNING, or no item is pending
	wait time.Duration // how long to wait before continuing
	stop error         // why the operation cannot continue by itself
}

// Run is the job that works through an operation.
func (s *Service) Run(ctx context.Context, claim *job.Claim) error {
	begin := time.Now()
	o := &Operation{}
	if err := s.Store.DB(ctx).Take(o, "id = ?", claim.Key).Error; err != nil {
		return err
	}
	if o.State != Running {
		return nil
	}
	var done step
	var err error
	for err == nil && !done.over && done.wait == 0 && done.stop == nil && time.Since(begin) < turn {
		done, err = s.some(ctx, o)
	}
	if done.stop == nil && err != nil {
		return err
	}
	if done.stop != nil && fault.Of(done.stop).Kind == fault.Internal {
		return done.stop
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if !done.over && done.stop == nil {
			claim.Again(s.Now().Add(done.wait))
			return claim.Done(ctx)
		}
		if err := s.finish(ctx, o.ID, done.stop); err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}

// some processes the next items with the current rights of the person who started the operation.
func (s *Service) some(ctx context.Context, o *Operation) (step, error) {
	actor, err := s.Actors.CurrentActor(ctx, o.ActorKind, o.ActorID, o.ActorName)
	if err == nil {
		ctx = rbac.WithActor(ctx, actor)
		err = s.Guard.Require(ctx, permissions[o.Kind], o.PartitionID)
	}
	switch {
	case err != nil:
		return step{stop: err}, nil
	case o.Kind == Revoke:
		return s.revokeSome(ctx, o.ID)
	}
	return s.issueSome(ctx, o.ID)
}

// finish ends the operation as DONE, or as FAILED with the reason, and requests CRLs.
func (s *Service) finish(ctx context.Context, id string, why error) error {
	o, err := s.locked(ctx, id)
	if err != nil || o.State != Running {
		return err
	}
	e := audit.Event{
		PartitionID: o.PartitionID, Action: "bulk.finish", ObjectKind: "bulk-operation", ObjectID: o.ID, ObjectName: o.Name,
		Summary: "finished the bulk operation " + o.Name, Details: counts(o),
	}
	s.end(o, Done, "")
	if why != nil {
		f := fault.Of(why)
		s.end(o, Failed, f.Message)
		e.Action, e.Result, e.Summary = "bulk.stop", audit.Failed, "stopped the bulk operation "+o.Name+": "+f.Message
	}
	s.Audit.RecordAs(ctx, &rbac.Actor{Kind: o.ActorKind, ID: o.ActorID, Name: o.ActorName}, e)
	if err := s.Store.DB(ctx).Select("*").Updates(o).Error; err != nil {
		return err
	}
	return s.publish(ctx, o)
}

func (s *Service) pending(ctx context.Context, id string, most int) ([]*Item, error) {
	var items []*Item
	err := s.Store.DB(ctx).Where("operation_id = ? AND state = 'PENDING'", id).Order("position").Limit(most).Find(&items).Error
	return items, err
}

func (s *Service) revokeSome(ctx context.Context, id string) (done step, err error) {
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		done = step{}
		o, err := s.locked(ctx, id) // one server at a time, and no cancellation in between
		if err != nil || o.State != Running {
			done.over = true
			return err
		}
		items, err := s.pending(ctx, id, revokedAtOnce)
		if err != nil || len(items) == 0 {
			done.over = true
			return err
		}
		list := make([]certificate.Revocation, len(items))
		for n, it := range items {
			list[n] = certificate.Revocation{CertificateID: it.CertificateID, Reason: it.Reason, InvalidityDate: o.InvalidityDate}
		}
		revoked, _, err := s.Certificates.RevokeMany(ctx, o.PartitionID, o.ID, list)
		if err != nil {
			return err
		}
		positions := map[Result][]int64{}
		for _, it := range items {
			r := AlreadyRevoked // revoked by somebody else since the draft was prepared
			if revoked[it.CertificateID] {
				r = Revoked
			}
			positions[r] = append(positions[r], it.Position)
		}
		for r, list := range positions {
			if err := s.Store.DB(ctx).Model(&Item{}).Where("operation_id = ? AND position IN ?", id, list).Updates(
				map[string]any{"state": stateOf[r], "result": r},
			).Error; err != nil {
				return err
			}
		}
		return s.count(ctx, id, len(positions[Revoked]), 0, len(positions[AlreadyRevoked]))
	})
	return done, err
}

func (s *Service) count(ctx context.Context, id string, done, failed, skipped int) error {
	return s.Store.DB(ctx).Model(&Operation{}).Where("id = ?", id).
		Updates(
			map[string]any{
				"done": gorm.Expr("done + ?", done), "failed": gorm.Expr("failed + ?", failed),
				"skipped": gorm.Expr("skipped + ?", skipped),
			},
		).Error
}

var errTaken = fault.New(fault.Conflict, "Another server is processing this operation.")

func (s *Service) issueSome(ctx context.Context, id string) (done step, err error) {
	items, err := s.pending(ctx, id, issuedAtOnce)
	if err != nil || len(items) == 0 {
		return step{over: true}, err
	}
	requests := make([]enrollment.Request, len(items))
	for n, it := range items {
		var kept intake.Kept
		if err := json.Unmarshal([]byte(it.Request), &kept); err != nil {
			return step{}, err
		}
		requests[n] = kept.Request
	}
	err = s.Enrollment.IssueMany(ctx, "bulk", requests, func(ctx context.Context, outcomes []enrollment.Outcome) error {
		done = step{}
		o, err := s.locked(ctx, id)
		if err != nil {
			return err
		}
		if o.State != Running {
			return errTaken // cancelled: discard what was signed
		}
		issued, failed := 0, 0
		for n, it := range items {
			change := map[string]any{"state": ItemDone, "result": Issued, "note": "", "request": ""}
			switch f := fault.Of(outcomes[n].Err); {
			case outcomes[n].Err == nil:
				change["certificate_id"] = outcomes[n].Certificate.ID
				issued++
			case enrollment.Stale(f):
				continue
			case f.Kind == fault.TooManyRequests:
				done.wait = max(f.RetryAfter, time.Second)
				continue
			case f.Kind == fault.Unavailable:
				done.wait = 30 * time.Second
				continue
			case f.Kind == fault.Internal:
				return outcomes[n].Err
			case f.Kind == fault.QuotaExceeded || f.Kind == fault.Forbidden || f.Kind == fault.NotFound ||
				f.Kind == fault.Unauthenticated || f.Field == "caId":
				done.stop = f // applies to all remaining items
				continue
			default:
				change["state"], change["result"], change["note"] = ItemFailed, Refused, f.Message
				failed++
			}
			took := s.Store.DB(ctx).Model(&Item{}).Where(
				"operation_id = ? AND position = ? AND state = 'PENDING'", id, it.Position,
			).Updates(change)
			if took.Error != nil {
				return took.Error
			}
			if took.RowsAffected == 0 {
				return errTaken
			}
		}
		return s.count(ctx, id, issued, failed, 0)
	})
	if err == errTaken {
		return step{wait: time.Second}, nil
	}
	return done, err
}
