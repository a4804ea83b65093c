package acme

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/job"
)

// keep is how long what has ended stays readable by its client.
const keep = 30 * 24 * time.Hour

// Clean is CleanJob: nonces that are too old to be used, orders whose time is over, and what nobody asks for any more.
func (e *Engine) Clean(ctx context.Context, claim *job.Claim) error {
	now := e.Now()
	err := e.Store.Tx(ctx, func(ctx context.Context) error {
		db := e.Store.DB(ctx)
		if err := db.Exec("DELETE FROM acme_used_nonces WHERE expires_at < ?", now).Error; err != nil {
			return err
		}
		if err := db.Model(&Order{}).Where("expires_at < ? AND status IN ?", now, []Status{Pending, Ready, Processing}).
			Select("status", "error").Updates(&Order{Status: Invalid, Error: malformed("the order has expired")}).Error; err != nil {
			return err
		}
		// An authorization goes when its time is long over and no order shows it; orders that led to nothing go first.
		old := now.Add(-keep)
		for _, statement := range []string{
			"DELETE FROM acme_order_authorizations WHERE order_id IN (SELECT id FROM acme_orders WHERE status = 'invalid' AND " +
				"expires_at < ?)",
			"DELETE FROM acme_waiting_orders WHERE order_id IN (SELECT id FROM acme_orders WHERE status = 'invalid' AND expires_at < ?)",
			"DELETE FROM acme_orders WHERE status = 'invalid' AND expires_at < ?",
			"DELETE FROM acme_challenges WHERE authorization_id IN (SELECT id FROM acme_authorizations AS z WHERE z.expires_at < ? AND " +
				"NOT EXISTS (SELECT 1 FROM acme_order_authorizations AS l WHERE l.authorization_id = z.id))",
			"DELETE FROM acme_authorizations WHERE expires_at < ? AND NOT EXISTS (SELECT 1 FROM acme_order_authorizations AS l WHERE " +
				"l.authorization_id = acme_authorizations.id)",
		} {
			if err := db.Exec(statement, old).Error; err != nil {
				return err
			}
		}
		return nil
	})
	claim.Again(now.Add(10 * time.Minute))
	return err
}
