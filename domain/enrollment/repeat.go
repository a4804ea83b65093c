package enrollment

import (
	"bytes"
	"context"
	"errors"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// Repeat makes a request one that can safely be sent again: under the same key, of the same actor, it is carried out once.
type Repeat struct {
	Key    string // up to 255 visible ASCII characters
	SHA256 []byte // of everything that was asked for: another request under the same key is refused
}

// repeatable is how long a key is remembered, approvable where it may wait for others.
const (
	repeatable = 48 * time.Hour
	approvable = 31 * 24 * time.Hour
)

// request that was carried out.
type request struct {
	ActorID       string `gorm:"primaryKey"`
	RequestKey    string `gorm:"primaryKey"`
	RequestSHA256 []byte `gorm:"column:request_sha256"`
	CertificateID string // "" while others are to approve it
	ApprovalID    string // of what could not be carried out at once
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
	if err := s.Store.DB(ctx).Find(
		&found, "actor_id = ? AND request_key = ?", rbac.ActorFrom(ctx).ID, r.Key,
	).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	if !bytes.Equal(found[0].RequestSHA256, r.SHA256) {
		return nil, fault.New(fault.Conflict, "another request was sent with this idempotency key").At("Idempotency-Key").Do(
			"Make a new key for each request.",
		).Because(ErrReused)
	}
	id := found[0].CertificateID
	if id == "" {
		var err error
		if id, err = s.outcome(ctx, found[0].ApprovalID); err != nil {
			return nil, err
		}
	}
	c := &certificate.Certificate{}
	return &Issued{Certificate: c, Repeated: true}, s.Store.DB(ctx).Take(c, "id = ?", id).Error
}

// outcome is the certificate that came of an approval, or why there is none.
func (s *Service) outcome(ctx context.Context, approvalID string) (string, error) {
	a := &approval.Request{}
	if err := s.Store.DB(ctx).Take(a, "id = ?", approvalID).Error; err != nil {
		return "", err
	}
	switch state := a.StateAt(s.Now()); state {
	case approval.Done:
		return a.ObjectID, nil
	case approval.Pending, approval.Approved:
		f := fault.New(fault.ApprovalNeeded, "others must approve this first").Do(
			"Repeat the request with the same key: the certificate is the answer once they have.",
		)
		f.ApprovalID = a.ID
		return "", f
	default:
		return "", fault.New(
			fault.Conflict, "the request for approval is %s", text.Lower(state),
		).At("Idempotency-Key").Do("Make a new key to ask again.")
	}
}

// awaits notes that the request waits for others, so that it does not ask them twice.
func (s *Service) awaits(ctx context.Context, r *Repeat, err *error) {
	if r == nil || !fault.Is(*err, fault.ApprovalNeeded) {
		return
	}
	row := &request{
		ActorID: rbac.ActorFrom(ctx).ID, RequestKey: r.Key, RequestSHA256: r.SHA256, ApprovalID: fault.Of(*err).ApprovalID,
		CreatedAt: s.Now(),
	}
	if failure := s.Store.Tx(ctx, func(ctx context.Context) error {
		return s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(row).Error
	}); failure != nil {
		*err = failure
	}
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
func (s *Service) alsoRepeat(
	ctx context.Context, r *Repeat, also func(context.Context, *certificate.Certificate) error,
) func(context.Context, *certificate.Certificate) error {
	if r == nil {
		return also
	}
	actor := rbac.ActorFrom(ctx).ID // of here: the transaction serves several
	return func(ctx context.Context, c *certificate.Certificate) error {
		made := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(
			&request{ActorID: actor, RequestKey: r.Key, RequestSHA256: r.SHA256, CertificateID: c.ID, CreatedAt: s.Now()},
		)
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
		if err := s.Store.DB(ctx).Delete(
			&request{}, "created_at < ? AND (certificate_id <> '' OR created_at < ?)", now.Add(-repeatable), now.Add(-approvable),
		).Error; err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}
