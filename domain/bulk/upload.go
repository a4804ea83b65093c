package bulk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// uploadKept is how long an uploaded file is there to be named by a mutation; maxUploads is how many
// of a caller are kept, and maxOfPartition how many of a partition: its people can make any number of API tokens.
const (
	uploadKept     = 15 * time.Minute
	maxUploads     = 5
	maxOfPartition = 20
)

// Upload is a file that an operation is prepared from: of the caller who sent it, for one kind of operation in one partition.
type Upload struct {
	ID          string `gorm:"primaryKey"`
	PartitionID string
	Kind        Kind
	ActorKind   rbac.ActorKind
	ActorID     string
	Content     []byte
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

func (Upload) TableName() string { return "bulk_uploads" }

// needs is the permission to prepare an operation.
var needs = map[Kind]rbac.Permission{Revoke: rbac.CertificateChangeStatus, Issue: rbac.CertificateIssue}

// Receive keeps a file. Nothing of it is read before the caller may prepare such an operation.
func (s *Service) Receive(ctx context.Context, partitionID string, kind Kind, content io.Reader) (_ *Upload, err error) {
	event := audit.Event{PartitionID: partitionID, Action: "bulk.upload", ObjectKind: "bulk-upload"}
	defer s.Audit.Refusal(ctx, &err, &event)
	permission, ok := needs[kind]
	if !ok {
		return nil, fault.New(fault.Invalid, "A file is uploaded for REVOKE or ISSUE.").At("kind")
	}
	if err := s.Guard.Require(ctx, permission, partitionID); err != nil {
		return nil, err
	}
	actor, now := rbac.ActorFrom(ctx), s.Now()
	u := &Upload{
		ID:          uuid.Must(uuid.NewV7()).String(),
		PartitionID: partitionID,
		Kind:        kind,
		ActorKind:   actor.Kind,
		ActorID:     actor.ID,
		CreatedAt:   now,
		ExpiresAt:   now.Add(uploadKept),
	}
	if u.Content, err = io.ReadAll(io.LimitReader(content, MaxText+1)); err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, fault.New(fault.Invalid, "The upload was interrupted.").Do("Send the file again.").Because(err)
	}
	if len(u.Content) == 0 || len(u.Content) > MaxText {
		return nil, fault.New(fault.Invalid, "The file must be 1 byte to %d MB long.", MaxText>>20).Do("Split the file.")
	}
	return u, s.Store.Tx(ctx, func(ctx context.Context) error {
		// The oldest make room for the newest.
		var earlier []string
		query := s.Store.DB(ctx).Model(&Upload{}).Where("actor_kind = ? AND actor_id = ?", actor.Kind, actor.ID)
		if err := query.Order("id DESC").Pluck("id", &earlier).Error; err != nil {
			return err
		}
		if gone := earlier[min(len(earlier), maxUploads-1):]; len(gone) > 0 {
			if err := s.Store.DB(ctx).Delete(&Upload{}, "id IN ?", gone).Error; err != nil {
				return err
			}
		}
		var ofPartition int64
		if err := s.Store.DB(ctx).Model(&Upload{}).Where(
			"partition_id = ? AND expires_at > ?", partitionID, now,
		).Count(&ofPartition).Error; err != nil {
			return err
		}
		if ofPartition >= maxOfPartition {
			return fault.New(fault.TooManyRequests, "%d uploaded files of this partition wait to be used.", ofPartition).
				Do("Use them, or try again in 15 minutes, when they have expired.")
		}
		if err := s.Store.DB(ctx).Create(u).Error; err != nil {
			return err
		}
		hash := sha256.Sum256(u.Content)
		event.ObjectID, event.Summary = u.ID, "uploaded a file for a bulk operation"
		event.Details = audit.Details{"kind": kind, "bytes": len(u.Content), "sha256": hex.EncodeToString(hash[:])}
		s.Audit.Record(ctx, event)
		return nil
	})
}

// received is the content of a file that the caller uploaded for such an operation.
func (s *Service) received(ctx context.Context, id, partitionID string, kind Kind) ([]byte, error) {
	actor := rbac.ActorFrom(ctx)
	var found []*Upload
	err := s.Store.DB(ctx).
		Find(
			&found, "id = ? AND partition_id = ? AND kind = ? AND actor_kind = ? AND actor_id = ? AND expires_at > ?", id, partitionID,
			kind, actor.Kind, actor.ID, s.Now(),
		).
		Error
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, noUpload()
	}
	return found[0].Content, nil
}

func noUpload() error {
	return fault.New(fault.Invalid, "You have no such upload, or it has expired.").At("uploadId").Do("Upload the file again.")
}

// used deletes a file that an operation was prepared from, in the transaction that prepares it. Of two operations that are
// prepared from one file at once, the second is refused.
func (s *Service) used(ctx context.Context, id string) error {
	done := s.Store.DB(ctx).Delete(&Upload{}, "id = ?", id)
	if done.Error == nil && done.RowsAffected == 0 {
		return noUpload()
	}
	return done.Error
}

// packed tells a ZIP archive from CSV.
func packed(content []byte) bool { return bytes.HasPrefix(content, []byte("PK")) }
