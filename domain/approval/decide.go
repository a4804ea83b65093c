package approval

import (
	"context"
	"slices"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// Get returns a request.
func (s *Service) Get(ctx context.Context, id string) (*Request, error) {
	r, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return r, s.Guard.Require(ctx, rbac.ApprovalBrowse, r.PartitionID)
}

func (s *Service) find(ctx context.Context, id string) (*Request, error) {
	var found []*Request
	if err := s.Store.DB(ctx).Find(&found, "id = ?", id).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], nil
}

// List returns a page of the partition's requests in the given states (none: all), newest first.
func (s *Service) List(ctx context.Context, partitionID string, states []State, p page.Request) (*page.Page[*Request], error) {
	if err := s.Guard.Require(ctx, rbac.ApprovalBrowse, partitionID); err != nil {
		return nil, err
	}
	query := s.Store.DB(ctx).Model(&Request{}).Where("partition_id = ?", partitionID)
	if len(states) > 0 {
		query = query.Where("state IN ?", states)
	}
	total, err := s.Store.CountUpTo(ctx, query, page.CountLimit)
	if err != nil {
		return nil, err
	}
	if p.After != "" {
		query = query.Where("id < ?", p.After)
	}
	var list []*Request
	if err := query.Order("id DESC").Limit(p.First + 1).Find(&list).Error; err != nil {
		return nil, err
	}
	return page.Of(list, p, total, func(r *Request) string { return r.ID }), nil
}

// About lists the requests that concern an object or created it, oldest first.
func (s *Service) About(ctx context.Context, partitionID, objectID string) ([]*Request, error) {
	if err := s.Guard.Require(ctx, rbac.AuditBrowse, partitionID); err != nil {
		return nil, err
	}
	var list []*Request
	err := s.Store.DB(ctx).Order("id").Find(&list, "partition_id = ? AND object_id = ? AND object_id <> ''", partitionID, objectID).Error
	return list, err
}

// Waiting counts the requests of a partition that the caller can decide.
func (s *Service) Waiting(ctx context.Context, partitionID string) (int, error) {
	if err := s.Guard.Require(ctx, rbac.ApprovalBrowse, partitionID); err != nil {
		return 0, err
	}
	actor := rbac.ActorFrom(ctx)
	if actor.Kind != rbac.UserActor {
		return 0, nil
	}
	var list []*Request
	if err := s.Store.DB(ctx).Omit("payload", "facts").Where(
		"partition_id = ? AND state = ? AND expires_at > ?", partitionID, Pending, s.Now(),
	).
		Where("id NOT IN (SELECT approval_id FROM approval_votes WHERE user_id = ?)", actor.ID).Find(&list).Error; err != nil {
		return 0, err
	}
	n := 0
	for _, r := range list {
		if s.refuse(ctx, r) == nil {
			n++
		}
	}
	return n, nil
}

// Votes lists the votes on a request, oldest first.
func (s *Service) Votes(ctx context.Context, r *Request) ([]*Vote, error) {
	if err := s.Guard.Require(ctx, rbac.ApprovalBrowse, r.PartitionID); err != nil {
		return nil, err
	}
	return s.votes(ctx, r.ID)
}

func (s *Service) votes(ctx context.Context, id string) ([]*Vote, error) {
	votes := []*Vote{}
	err := s.Store.DB(ctx).Order("voted_at").Find(&votes, "approval_id = ?", id).Error
	return votes, err
}

// refuse returns why the caller cannot decide on a request. The request may already be decided.
func (s *Service) refuse(ctx context.Context, r *Request) error {
	for _, p := range r.Permissions {
		if err := s.Guard.Require(ctx, p, r.PartitionID); err != nil {
			return err
		}
	}
	actor := rbac.ActorFrom(ctx)
	if actor.Kind != rbac.UserActor {
		return fault.New(fault.PolicyRefused, "Only a person can decide on a request.").Do("Sign in to the console.")
	}
	if r.own(actor.ID) {
		return fault.New(fault.PolicyRefused, "You cannot approve your own request.").Do("Another person must decide.")
	}
	return nil
}

// MayDecide tells whether the caller can approve or reject a request now.
func (s *Service) MayDecide(ctx context.Context, r *Request) (bool, error) {
	if r.StateAt(s.Now()) != Pending || s.refuse(ctx, r) != nil {
		return false, nil
	}
	votes, err := s.votes(ctx, r.ID)
	return !slices.ContainsFunc(votes, func(v *Vote) bool { return v.UserID == rbac.ActorFrom(ctx).ID }), err
}

// MayWithdraw tells whether the caller can withdraw a request.
func (s *Service) MayWithdraw(ctx context.Context, r *Request) bool {
	actor := rbac.ActorFrom(ctx)
	return actor != nil && r.StateAt(s.Now()) == Pending && (actor.ID == r.RequestedByID || actor.Kind == rbac.UserActor && r.own(actor.ID))
}

// change locks a request, lets fn alter it, and saves it.
func (s *Service) change(
	ctx context.Context, id, action string, allow func(*Request) error, fn func(context.Context, *Request) error,
) (r *Request, err error) {
	event := audit.Event{Action: action, ObjectKind: "approval", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	found, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectName = found.PartitionID, found.Summary
	if err := allow(found); err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		r = &Request{}
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(r, "id = ?", id).Error; err != nil {
			return err
		}
		if state := r.StateAt(s.Now()); state != Pending {
			return fault.New(fault.Conflict, "This request is already %s.", text.Lower(state))
		}
		if err := fn(ctx, r); err != nil {
			return err
		}
		return s.Store.DB(ctx).Select("*").Updates(r).Error
	})
	return r, err
}

// Approve records the caller's approval. The last approval needed carries the request out.
func (s *Service) Approve(ctx context.Context, id, comment string) (*Request, error) {
	allow := func(r *Request) error {
		if err := s.refuse(ctx, r); err != nil || r.Operation != RoleChange {
			return err
		}
		return s.Guard.RequireProof(ctx) // as for the change itself
	}
	return s.change(ctx, id, "approval.approve", allow, func(ctx context.Context, r *Request) error {
		if err := text.Label("comment", comment, 0, 500); err != nil {
			return err
		}
		if err := s.vote(ctx, r, true, comment); err != nil {
			return err
		}
		s.record(ctx, r, "approval.approve", "approved to "+r.Summary, audit.Details{"comment": comment})
		votes, err := s.votes(ctx, r.ID)
		if err != nil {
			return err
		}
		// Ignore the votes of people who have lost the permission since.
		voters, err := s.voters(ctx, r)
		if err != nil {
			return err
		}
		yes := 0
		for _, v := range votes {
			if slices.ContainsFunc(voters, func(p Person) bool { return p.ID == v.UserID }) {
				yes++
			}
		}
		if yes < r.Needed {
			return nil
		}
		return s.decide(ctx, r, Approved, "")
	})
}

// Reject rejects a request. One rejection is enough.
func (s *Service) Reject(ctx context.Context, id, comment string) (*Request, error) {
	return s.change(ctx, id, "approval.reject", func(r *Request) error {
		return s.refuse(ctx, r)
	}, func(ctx context.Context, r *Request) error {
		if err := text.Label("comment", comment, 1, 500); err != nil {
			return err
		}
		if err := s.vote(ctx, r, false, comment); err != nil {
			return err
		}
		s.record(ctx, r, "approval.reject", "rejected to "+r.Summary, audit.Details{"comment": comment})
		if err := s.answer(ctx, r, "It was rejected by "+rbac.ActorFrom(ctx).Name+": "+comment); err != nil {
			return err
		}
		return s.decide(ctx, r, Rejected, comment)
	})
}

// Withdraw lets the requester withdraw a request.
func (s *Service) Withdraw(ctx context.Context, id string) (*Request, error) {
	return s.change(ctx, id, "approval.withdraw", func(r *Request) error {
		if err := s.Guard.Require(ctx, rbac.ApprovalBrowse, r.PartitionID); err != nil {
			return err
		}
		if actor := rbac.ActorFrom(ctx); actor.ID != r.RequestedByID && !(actor.Kind == rbac.UserActor && r.own(actor.ID)) {
			return fault.New(fault.PolicyRefused, "Only %s can withdraw this request.", r.RequestedBy).Do("Reject it instead.")
		}
		return nil
	}, func(ctx context.Context, r *Request) error {
		s.record(ctx, r, "approval.withdraw", "withdrew the request to "+r.Summary, nil)
		return s.decide(ctx, r, Withdrawn, "")
	})
}

func (s *Service) vote(ctx context.Context, r *Request, approves bool, comment string) error {
	actor := rbac.ActorFrom(ctx)
	var before int64
	if err := s.Store.DB(ctx).Model(&Vote{}).Where("approval_id = ? AND user_id = ?", r.ID, actor.ID).Count(&before).Error; err != nil {
		return err
	}
	if before > 0 {
		return fault.New(fault.Conflict, "You have already approved this request.").Do("Other people must approve it too.")
	}
	return s.Store.DB(ctx).Create(
		&Vote{ApprovalID: r.ID, UserID: actor.ID, Name: actor.Name, Approves: approves, Comment: comment, VotedAt: s.Now()},
	).Error
}

// decide sets the final state of a locked request.
func (s *Service) decide(ctx context.Context, r *Request, state State, reason string) error {
	now := s.Now()
	r.State, r.Reason, r.DecidedAt = state, reason, &now
	if err := s.Jobs.Cancel(ctx, ExpireJob, r.ID); err != nil {
		return err
	}
	if state == Approved {
		return s.Jobs.Enqueue(ctx, RunJob, r.ID, now, nil)
	}
	return s.ended(ctx, r)
}

// ended tells the verb that its request will not be carried out.
func (s *Service) ended(ctx context.Context, r *Request) error {
	if told := s.Ended[r.Verb]; told != nil {
		return told(ctx, r)
	}
	return nil
}
