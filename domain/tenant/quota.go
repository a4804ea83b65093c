package tenant

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/store"
)

// Quota enforces the purchased numbers. Call its methods in the transaction that creates what they count: check and
// count are one UPDATE of the partition's row, so the limit holds with any number of servers.
type Quota struct{ Store *store.Store }

// TakeCertificates counts n certificates, or refuses all of them.
func (q Quota) TakeCertificates(ctx context.Context, partitionID string, n int64) error {
	return q.take(ctx, partitionID, n, "active_certificates", "purchased_certificates", "certificates")
}

// ReleaseCertificates reduces the count by n certificates.
func (q Quota) ReleaseCertificates(ctx context.Context, partitionID string, n int64) error {
	return q.release(ctx, partitionID, n, "active_certificates")
}

// TakeCA counts a certification authority, or refuses it.
func (q Quota) TakeCA(ctx context.Context, partitionID string) error {
	return q.take(ctx, partitionID, 1, "active_cas", "purchased_cas", "certification authorities")
}

// ReleaseCA reduces the count by one certification authority.
func (q Quota) ReleaseCA(ctx context.Context, partitionID string) error {
	return q.release(ctx, partitionID, 1, "active_cas")
}

func (q Quota) take(ctx context.Context, partitionID string, n int64, active, purchased, what string) error {
	r := q.Store.DB(ctx).Model(&Partition{}).
		Where(
			"id = ? AND "+active+" + ? <= (SELECT "+purchased+" FROM subscriptions WHERE subscriptions.id = partitions.subscription_id)",
			partitionID, n,
		).
		Update(active, gorm.Expr(active+" + ?", n))
	if r.Error != nil {
		return r.Error
	}
	if r.RowsAffected == 0 {
		return fault.New(fault.QuotaExceeded, "The purchased number of %s is used up.", what).Do(
			"Revoke or delete what is no longer needed, or purchase more.",
		)
	}
	return nil
}

func (q Quota) release(ctx context.Context, partitionID string, n int64, active string) error {
	return q.Store.DB(ctx).Model(&Partition{}).Where("id = ?", partitionID).Update(active, gorm.Expr(active+" - ?", n)).Error
}

// Window is the length of a rate window.
const Window = 10 * time.Second

// limits is the number of requests of each kind that a tier may make per window.
var limits = map[Tier]int64{Standard: 100, Premium: 1000}

// Limiter counts the requests of a partition's own clients by kind and window. All servers share the counts. Requests
// from unknown clients are not counted here; they are limited by address.
type Limiter struct {
	Store *store.Store
	Now   func() time.Time

	tiers store.Recent[string, Tier] // by partition
	// counts are local to this server: windows that are full, and all windows while the database is not writable.
	mu     sync.Mutex
	counts map[windowKey]windowCount
}

type windowKey struct{ partition, kind string }

type windowCount struct{ start, requests int64 }

// AllowCertificate counts the issuance of a certificate.
func (l *Limiter) AllowCertificate(ctx context.Context, partitionID string) error {
	return l.allow(ctx, partitionID, "CERTIFICATE")
}

// AllowOther counts any other request.
func (l *Limiter) AllowOther(ctx context.Context, partitionID string) error {
	return l.allow(ctx, partitionID, "OTHER")
}

func (l *Limiter) allow(ctx context.Context, partitionID, kind string) error {
	tier, err := l.tier(ctx, partitionID)
	if err != nil {
		return err
	}
	limit, limited := limits[tier]
	if !limited {
		return nil
	}
	now := l.Now()
	key, start := windowKey{partitionID, kind}, now.UnixNano()/int64(Window)
	end := time.Unix(0, (start+1)*int64(Window))
	refusal := fault.New(fault.TooManyRequests, "More than %d requests in 10 seconds.", limit).After(end.Sub(now)).
		Do(fmt.Sprintf("Wait until %s and send fewer requests.", end.UTC().Format(time.RFC3339)))
	// A full window stays full, so refusing costs no query.
	if l.counted(key, start, 0) > limit {
		return refusal
	}
	var requests int64
	err = l.Store.Tx(ctx, func(ctx context.Context) error {
		return l.Store.DB(ctx).Raw(`INSERT INTO rate_windows (partition_id, kind, window_start, requests) VALUES (?, ?, ?, 1)
			ON CONFLICT (partition_id, kind, window_start) DO UPDATE SET requests = rate_windows.requests + 1 RETURNING requests`,
			partitionID, kind, start).Scan(&requests).Error
	})
	switch {
	case store.Away(err) != "":
		// Reads must not wait for a writable database: this server counts on its own.
		requests = l.counted(key, start, 1)
	case err != nil:
		return err
	case requests > limit:
		l.counted(key, start, requests)
	}
	if requests > limit {
		return refusal
	}
	return nil
}

// counted adds to the requests of a window that this server has counted.
func (l *Limiter) counted(key windowKey, start, more int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts[key]
	if c.start != start {
		c = windowCount{start: start}
	}
	if more > 0 {
		if l.counts == nil {
			l.counts = map[windowKey]windowCount{}
		}
		c.requests += more
		l.counts[key] = c
	}
	return c.requests
}

func (l *Limiter) tier(ctx context.Context, partitionID string) (Tier, error) {
	return l.tiers.Get(partitionID, l.Now(), func() (Tier, bool, error) {
		var found []Tier
		err := l.Store.DB(ctx).Raw(
			"SELECT s.tier FROM subscriptions s JOIN partitions p ON p.subscription_id = s.id WHERE p.id = ?", partitionID,
		).Scan(&found).Error
		if err != nil || len(found) == 0 {
			return Unlimited, false, err // the partition does not exist: the request itself will report that, and nothing is counted
		}
		return found[0], true, nil
	})
}

// CleanJob removes windows that are over.
const CleanJob = "rate-windows.clean"

// Clean runs CleanJob.
func (l *Limiter) Clean(ctx context.Context, claim *job.Claim) error {
	now := l.Now()
	over := now.UnixNano()/int64(Window) - 6
	claim.Again(now.Add(10 * time.Minute))
	return l.Store.Tx(ctx, func(ctx context.Context) error {
		if err := l.Store.DB(ctx).Exec("DELETE FROM rate_windows WHERE window_start < ?", over).Error; err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}
