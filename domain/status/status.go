// Package status tells relying parties whether a certificate still holds: certificate revocation lists (RFC 5280
// section 5) and OCSP answers (RFC 6960).
package status

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// How long a relying party may use a list.
const (
	CRLValidity   = 7 * 24 * time.Hour
	DeltaValidity = 24 * time.Hour
)

// CRLLimit is the size that a list should not exceed, bytes: clients and proxies refuse larger ones. At three quarters
// of it there is a warning, and new certificates go to shards.
const CRLLimit = 22_000_000

const (
	// MaxShards is over how many lists new certificates can be spread.
	MaxShards = 256
	// autoShards is how many there are when nobody chose.
	autoShards = 16
	// allShards bounds what one CA can get to in its life.
	allShards = 4096
)

// Service publishes CRLs and answers OCSP requests.
type Service struct {
	Store        *store.Store
	Guard        *rbac.Guard
	Audit        *audit.Log
	Jobs         *job.Queue
	Keys         keystore.Set
	Delegates    *delegate.Service
	CAs          *ca.Service
	Certificates *certificate.Service
	Now          func() time.Time
	Log          *slog.Logger // nil: nowhere
	ClockSkew    time.Duration
	CRLInterval  time.Duration // time between two complete CRLs when nothing is revoked
	CRLLimit     int64         // bytes; 0: CRLLimit
	Destinations []Destination // where lists are copied to
	// Archive has what was published last; nil: nothing is kept beside the database.
	Archive *Archive
	// Costly admits work that a stranger can cause, and is told when it is done; nil: all of it.
	Costly func(context.Context) (done func(), err error)

	responders responders
	served     served
	publishing sync.Map // CA id → *sync.Mutex
}

func (s *Service) logger() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

func (s *Service) limit() int64 {
	if s.CRLLimit > 0 {
		return s.CRLLimit
	}
	return CRLLimit
}

// Large tells whether a list of this size calls for shards.
func (s *Service) Large(bytes int64) bool { return bytes > s.limit()/4*3 }

// Limit is the size that a list should not exceed, bytes.
func (s *Service) Limit() int64 { return s.limit() }

// Settings of the lists of a CA.
type Settings struct {
	Delta           bool
	Shards          int64 // for new certificates; 0: none
	AutomaticShards bool
	Complete        bool // the list without shard names all that is revoked, and needs no issuing distribution point
}

// UpdateSettings changes what lists a CA publishes. Certificates issued before keep the address they carry, and it
// stays served.
func (s *Service) UpdateSettings(ctx context.Context, caID string, set Settings) (c *ca.CertificationAuthority, err error) {
	event := audit.Event{Action: "crl.configure", ObjectKind: "ca", ObjectID: caID}
	defer s.Audit.Refusal(ctx, &err, &event)
	found, err := s.listed(ctx, caID)
	if err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectName = found.PartitionID, found.Identifier
	if set.Shards < 0 || set.Shards == 1 || set.Shards > MaxShards {
		return nil, fault.New(fault.Invalid, "the number of shards is 0 (none) or from 2 to %d", MaxShards).At("shards")
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		e := event
		c, err = s.CAs.Change(ctx, caID, func(c *ca.CertificationAuthority) error {
			e.Summary = "changed the CRL settings of " + c.Identifier
			e.Details = audit.Details{"before": settings(c), "after": set}
			if set.Shards > c.CRLShards && c.CRLShards > 0 {
				c.CRLShardFirst = c.CRLShardLast + 1 // those that have entries are not to grow further
			}
			if c.CRLShardFirst+set.Shards-1 > allShards {
				return fault.New(
					fault.PolicyRefused, "%s has had %d shards already, at most %d are possible", c.Identifier, c.CRLShardLast, allShards,
				).At("shards").Do("Choose fewer.")
			}
			c.CRLDelta, c.CRLShards, c.CRLAutoShard, c.CRLComplete, c.CRLStale = set.Delta, set.Shards, set.AutomaticShards, set.Complete,
				true
			return nil
		})
		if err != nil {
			return err
		}
		s.Audit.Record(ctx, e)
		return s.Jobs.Enqueue(ctx, publishJob, caID, s.Now(), nil)
	})
	return c, err
}

func settings(c *ca.CertificationAuthority) Settings {
	return Settings{c.CRLDelta, c.CRLShards, c.CRLAutoShard, c.CRLComplete}
}

// listed is a CA that has CRLs, for a caller who runs it.
func (s *Service) listed(ctx context.Context, caID string) (*ca.CertificationAuthority, error) {
	c, err := s.CAs.Get(ctx, caID)
	if err != nil {
		return nil, err
	}
	if err := s.Guard.Require(ctx, rbac.CAPublishCRL, c.PartitionID); err != nil {
		return nil, err
	}
	if !c.CRLEnabled || c.Certificate == nil {
		return nil, fault.New(fault.Conflict, "%s has no CRL", c.Identifier).At("caId")
	}
	return c, nil
}

// Alarms counts the CAs with an alarm at their CRLs: held back, a key away, the clock behind.
func (s *Service) Alarms(ctx context.Context) (int64, error) {
	var n int64
	err := s.Store.DB(ctx).Model(&ca.CertificationAuthority{}).Where("crl_alarm <> '' AND purged_at IS NULL").Count(&n).Error
	return n, err
}
