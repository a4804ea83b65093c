package enrollment

import (
	"bytes"
	"context"
	"errors"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/rbac"
)

// Repeat makes a request one that can safely be sent again: under the same key, of the same actor, it is carried out once.
type Repeat struct {
	Key    string // up to 255 visible ASCII characters
	SHA256 []byte // of everything that was asked for: another request under the same key is refused
}

// repeatable is how long a key is remembered.
const repeatable = 48 * time.Hour

// request that was carried out.
type request struct {
	ActorID       string `gorm:"primaryKey"`
	RequestKey    string `gorm:"primaryKey"`
	RequestSHA256 []byte `gorm:"column:request_sha256"`
	CertificateID string
	CreatedAt     time.Time
}

func (request) TableName() string { return "gateway_requests" }

// errRepeated: another request with the same key was faster.
var errRepeated = fault.New(fault.Conflict, "a request with this idempotency key was carried out meanwhile").Do("Repeat the request.")

// ErrReused refuses a key under which something else was asked for.
var ErrReused = errors.New("idempotency key of another request")

// repeated is the answer to a request that was carried out before, nil to one that was not.
func (s *Service) repeated(ctx context.Context, r *Repeat) (*Issued, error) {
	if r == nil {
		return nil, nil
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	var found []request
	if err := s.Store.DB(ctx).Find(&found, "actor_id = ? AND request_key = ?", rbac.ActorFrom(ctx).ID, r.Key).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	if !bytes.Equal(found[0].RequestSHA256, r.SHA256) {
		return nil, fault.New(fault.Conflict, "another request was sent with this idempotency key").At("Idempotency-Key").Do("Make a new key for each request.").Because(ErrReused)
	}
	c := &certificate.Certificate{}
	return &Issued{Certificate: c, Repeated: true}, s.Store.DB(ctx).Take(c, "id = ?", found[0].CertificateID).Error
}

func (r *Repeat) check() error {
	visible := len(r.Key) > 0 && len(r.Key) <= 255
	for _, c := range []byte(r.Key) {
		visible = visible && c > ' ' && c < 0x7f
	}
	if !visible {
		return fault.New(fault.Invalid, "an idempotency key has 1 to 255 visible ASCII characters").At("Idempotency-Key")
	}
	return nil
}

// alsoRepeat notes the request in the transaction that records its certificate, before what else is to be recorded.
func (s *Service) alsoRepeat(ctx context.Context, r *Repeat, also func(context.Context, *certificate.Certificate) error) func(context.Context, *certificate.Certificate) error {
	if r == nil {
		return also
	}
	actor := rbac.ActorFrom(ctx).ID // of here: the transaction serves several
	return func(ctx context.Context, c *certificate.Certificate) error {
		made := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&request{actor, r.Key, r.SHA256, c.ID, s.Now()})
		if made.Error != nil {
			return made.Error
		}
		if made.RowsAffected == 0 {
			return errRepeated
		}
		if also != nil {
			return also(ctx, c)
		}
		return nil
	}
}

// Clean is the job that forgets old keys.
func (s *Service) Clean(ctx context.Context, claim *job.Claim) error {
	now := s.Now()
	claim.Again(now.Add(time.Hour))
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.DB(ctx).Delete(&request{}, "created_at < ?", now.Add(-repeatable)).Error; err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}
