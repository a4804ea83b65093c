package acme

import (
	"context"
	"errors"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// Waiting is the row of an order that others are to approve. The order is processing until they have decided, and then valid or invalid
// (RFC 8555 7.4).
type Waiting struct {
	OrderID    string `gorm:"primaryKey"`
	ApprovalID string
	Since      time.Time
}

func (Waiting) TableName() string { return "acme_waiting_orders" }

// RetryAfter is when a client should ask for the order again: seldom, when it has waited for long.
func (w *Waiting) RetryAfter(now time.Time) time.Duration {
	return min(max(now.Sub(w.Since)/8, 5*time.Second), 5*time.Minute)
}

// VerbFinalize is the verb that an approval carries out: FinalizeApproved.
const VerbFinalize = "acme.finalize"

// Finalizing is a request to finalize an order, as it was checked and is shown to those who decide.
type Finalizing struct {
	OrderID string
	SHA256  string // of what the client sent
	Request intake.Kept
}

func (e *Engine) waiting(ctx context.Context, where string, args ...any) (*Waiting, error) {
	var found []*Waiting
	if err := e.Store.DB(ctx).Where(where, args...).Limit(1).Find(&found).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// ApprovalID is the request for approval that an order waits for, "" for none.
func (s *Service) ApprovalID(ctx context.Context, o *Order) (string, error) {
	if o.Status != Processing {
		return "", nil
	}
	c, err := s.Configurations.ByID(ctx, o.ConfigurationID)
	if err == nil {
		err = s.Guard.Require(ctx, rbac.ProtocolBrowse, c.PartitionID)
	}
	if err != nil {
		return "", err
	}
	var ids []string
	if err := s.Store.DB(ctx).Model(&Waiting{}).Where("order_id = ?", o.ID).Pluck("approval_id", &ids).Error; err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// wait has an order wait for the approval of others, in the transaction that keeps their request.
func (e *Engine) wait(ctx context.Context, o *Order, digest string, r *approval.Request) error {
	db := e.Store.DB(ctx)
	// It lasts as long as what is approved may take.
	ends := r.ExpiresAt.Add(approval.Patience)
	if o.ExpiresAt.After(ends) {
		ends = o.ExpiresAt
	}
	begun := db.Model(&Order{}).Where("id = ? AND status = ?", o.ID, Ready).
		Updates(map[string]any{"status": Processing, "csr_sha256": digest, "expires_at": ends})
	if begun.Error != nil {
		return begun.Error
	}
	if begun.RowsAffected == 0 {
		before, err := e.waiting(ctx, "order_id = ? AND approval_id = ?", o.ID, r.ID)
		if err == nil && before == nil {
			err = fault.New(fault.Conflict, "the order was finalized by another request").At("order")
		}
		return err
	}
	return db.Create(&Waiting{OrderID: o.ID, ApprovalID: r.ID, Since: e.Now()}).Error
}

// FinalizeApproved issues the certificate of an order once others have approved it.
func (e *Engine) FinalizeApproved(ctx context.Context, in Finalizing) error {
	var orders []*Order
	if err := e.Store.DB(ctx).Find(&orders, "id = ?", in.OrderID).Error; err != nil {
		return err
	}
	if len(orders) == 0 || orders[0].Status != Processing {
		return fault.New(fault.Conflict, "the order has ended")
	}
	o := orders[0]
	c, err := e.Configurations.ByID(ctx, o.ConfigurationID)
	if err != nil {
		return err
	}
	a, err := e.Account(ctx, c, o.AccountID)
	if err != nil {
		return err
	}
	if a == nil || a.Status != Valid || a.key == nil || !a.key.Usable(e.Now()) {
		return fault.New(fault.PolicyRefused, "the account or its external account key has ended")
	}
	_, err = e.issue(ctx, c, o, Processing, in.SHA256, in.Request)
	if errors.Is(err, ca.ErrDisabled) || enrollment.Stale(err) {
		return fault.New(fault.Unavailable, "%s", fault.Of(err).Message).Because(err) // tried again
	}
	return err
}

// NotApproved ends the order of a request that nobody will carry out, in the transaction that says so.
func (e *Engine) NotApproved(ctx context.Context, r *approval.Request) error {
	w, err := e.waiting(ctx, "approval_id = ?", r.ID)
	if err != nil || w == nil {
		return err
	}
	said := unauthorized("the request for approval was %s", text.Lower(r.State))
	switch r.State {
	case approval.Expired:
		said = unauthorized("the request for approval has expired")
	case approval.Failed:
		said = unauthorized("the certificate was approved, but could not be issued: %s", r.Reason)
	}
	ended := e.Store.DB(ctx).Model(&Order{}).Where("id = ? AND status = ?", w.OrderID, Processing).Select("status", "error").
		Updates(&Order{Status: Invalid, Error: said})
	if ended.Error != nil || ended.RowsAffected == 0 {
		return ended.Error
	}
	actor := rbac.ActorFrom(ctx)
	if actor == nil {
		actor = rbac.SystemActor()
	}
	e.Audit.RecordAs(ctx, actor, audit.Event{PartitionID: r.PartitionID, Action: "acme.order.end", ObjectKind: "acme-order",
		ObjectID: w.OrderID, Result: audit.Refused,
		Summary: "ended an ACME order: " + said.Detail, Details: audit.Details{"approval": r.ID}})
	return nil
}
