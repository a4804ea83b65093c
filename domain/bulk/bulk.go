// Package bulk changes many certificates at once: it revokes those named by a list, a filter or a key, and issues from
// many requests. An operation is a row, and so is each of its items. Items are prepared and counted first. Then a job
// works through them, and each of its transactions holds the changes together with the new state of their items, so a
// crash neither repeats nor loses work.
package bulk

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Kind of an operation.
type Kind string

const (
	Revoke Kind = "REVOKE"
	Issue  Kind = "ISSUE"
)

// Input is where the items came from.
type Input string

const (
	Serials Input = "SERIALS"
	Filter  Input = "FILTER"
	Keys    Input = "KEYS"
	CSV     Input = "CSV"
	ZIP     Input = "ZIP"
)

// State of an operation.
type State string

const (
	Preparing State = "PREPARING" // its items are being written; not visible yet
	Draft     State = "DRAFT"
	Running   State = "RUNNING"
	Done      State = "DONE"
	Failed    State = "FAILED" // stopped; Start continues it
	Cancelled State = "CANCELLED"
)

// ItemState of an item.
type ItemState string

const (
	ItemPending ItemState = "PENDING"
	ItemDone    ItemState = "DONE"
	ItemFailed  ItemState = "FAILED"
	ItemSkipped ItemState = "SKIPPED" // nothing to do
)

// Result explains the state of an item.
type Result string

const (
	WillRevoke     Result = "WILL_REVOKE"
	Revoked        Result = "REVOKED"
	AlreadyRevoked Result = "ALREADY_REVOKED"
	Unknown        Result = "UNKNOWN" // not a certificate of this partition; nothing is revealed about others
	NotSubscriber  Result = "NOT_SUBSCRIBER"
	Duplicate      Result = "DUPLICATE"
	Invalid        Result = "INVALID"
	WillIssue      Result = "WILL_ISSUE"
	Issued         Result = "ISSUED"
	Refused        Result = "REFUSED"
)

var stateOf = map[Result]ItemState{
	WillRevoke: ItemPending, WillIssue: ItemPending, Revoked: ItemDone, Issued: ItemDone, AlreadyRevoked: ItemSkipped,
	Duplicate: ItemSkipped,
	Unknown:   ItemFailed, NotSubscriber: ItemFailed, Invalid: ItemFailed, Refused: ItemFailed}

// Operation is a bulk change of certificates.
type Operation struct {
	upload string // the file that it is prepared from, "" for none

	ID             string `gorm:"primaryKey"` // UUIDv7
	PartitionID    string
	Kind           Kind
	Name           string
	Input          Input
	State          State
	Reason         certificate.Reason
	InvalidityDate *time.Time
	CAID           string `gorm:"column:ca_id"`
	ProfileID      string
	Total          int64
	Done           int64
	Failed         int64
	Skipped        int64
	Failure        string // reason if FAILED
	CreatedBy      string
	CreatedAt      time.Time
	ActorKind      rbac.ActorKind
	ActorID        string
	ActorName      string // the person or program that started it
	StartedAt      *time.Time
	FinishedAt     *time.Time
}

func (Operation) TableName() string { return "bulk_operations" }

// Pending returns the number of items still to be processed.
func (o *Operation) Pending() int64 { return o.Total - o.Done - o.Failed - o.Skipped }

// Item is one certificate to revoke or to issue.
type Item struct {
	OperationID   string `gorm:"primaryKey"`
	Position      int64  `gorm:"primaryKey;autoIncrement:false"` // in the input, starting at 1
	What          string // serial number, subject or file name
	State         ItemState
	CertificateID string
	Reason        certificate.Reason
	Request       string // of an issuance: the request as JSON
	Result        Result
	Note          string
}

func (Item) TableName() string { return "bulk_items" }

// These are the jobs of this package.
const (
	RunJob   = "bulk.run"   // key: operation id
	CleanJob = "bulk.clean" // key: "all"; removes drafts that nobody started
)

// Actors returns the current rights of an actor.
type Actors interface {
	CurrentActor(ctx context.Context, kind rbac.ActorKind, id, name string) (*rbac.Actor, error)
}

// Service manages bulk operations.
type Service struct {
	Store        *store.Store
	Guard        *rbac.Guard
	Audit        *audit.Log
	Jobs         *job.Queue
	Actors       Actors
	Approvals    *approval.Service
	Certificates *certificate.Service
	Enrollment   *enrollment.Service
	Now          func() time.Time
}

var permissions = map[Kind]rbac.Permission{Revoke: rbac.CertificateChangeStatus, Issue: rbac.CertificateIssue}

// Get returns an operation.
func (s *Service) Get(ctx context.Context, id string) (*Operation, error) {
	return s.require(ctx, id, func(*Operation) rbac.Permission { return rbac.CertificateBrowse })
}

func (s *Service) require(ctx context.Context, id string, permission func(*Operation) rbac.Permission) (*Operation, error) {
	var found []*Operation
	if err := s.Store.DB(ctx).Where("id = ? AND state <> ?", id, Preparing).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], s.Guard.Require(ctx, permission(found[0]), found[0].PartitionID)
}

// List returns a page of the partition's operations, newest first.
func (s *Service) List(ctx context.Context, partitionID string, p page.Request) (*page.Page[*Operation], error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, partitionID); err != nil {
		return nil, err
	}
	query := s.Store.DB(ctx).Model(&Operation{}).Where("partition_id = ? AND state <> ?", partitionID, Preparing)
	total, err := s.Store.CountUpTo(ctx, query, page.CountLimit)
	if err != nil {
		return nil, err
	}
	if p.After != "" {
		query = query.Where("id < ?", p.After)
	}
	var list []*Operation
	if err := query.Order("id DESC").Limit(p.First + 1).Find(&list).Error; err != nil {
		return nil, err
	}
	return page.Of(list, p, total, func(o *Operation) string { return o.ID }), nil
}

// Finding is the number of items with a result, and the first of them.
type Finding struct {
	Result   Result
	Count    int
	Examples []*Item `gorm:"-"`
}

const examples = 20

// Findings counts the items of an operation by result.
func (s *Service) Findings(ctx context.Context, o *Operation) ([]*Finding, error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, o.PartitionID); err != nil {
		return nil, err
	}
	var found []*Finding
	if err := s.Store.DB(ctx).Model(&Item{}).Select("result, count(*) AS count").Where("operation_id = ?",
		o.ID).Group("result").Order("result").Scan(&found).Error; err != nil {
		return nil, err
	}
	for _, f := range found {
		if err := s.Store.DB(ctx).Omit("request").Where(
			"operation_id = ? AND result = ?", o.ID, f.Result,
		).Order("position").Limit(examples).Find(&f.Examples).Error; err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Line is an item of the result file.
type Line struct {
	Position     int64
	What         string
	State        ItemState
	Result       Result
	Note         string
	SerialNumber string
	Subject      string
	DER          []byte `gorm:"column:der"` // of an issuance
}

// Results passes the items to yield in the order of the input.
func (s *Service) Results(ctx context.Context, id string, yield func(*Operation, *Line) error) error {
	o, err := s.require(ctx, id, func(*Operation) rbac.Permission { return rbac.CertificateDownload })
	if err != nil {
		return err
	}
	columns := "i.position, i.what, i.state, i.result, i.note, c.serial_number, c.subject"
	if o.Kind == Issue {
		columns += ", c.der"
	}
	const most = 1000
	for last := int64(0); ; {
		var lines []*Line
		err := s.Store.DB(ctx).Table("bulk_items i").Select(columns).Joins("LEFT JOIN certificates c ON c.id = i.certificate_id").
			Where("i.operation_id = ? AND i.position > ?", o.ID, last).Order("i.position").Limit(most).Scan(&lines).Error
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := yield(o, l); err != nil {
				return err
			}
			last = l.Position
		}
		if len(lines) < most {
			return nil
		}
	}
}

// change locks an operation, lets fn alter it, saves it and records the event.
func (s *Service) change(
	ctx context.Context, id, action string, fn func(context.Context, *Operation, *audit.Event) error,
) (o *Operation, err error) {
	event := audit.Event{Action: action, ObjectKind: "bulk-operation", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	defer s.Approvals.Submit(ctx, &err)
	found, err := s.require(ctx, id, func(o *Operation) rbac.Permission {
		event.PartitionID, event.ObjectName = o.PartitionID, o.Name
		return permissions[o.Kind]
	})
	if err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		e := event
		if o, err = s.locked(ctx, found.ID); err != nil {
			return err
		}
		if err := fn(ctx, o, &e); err != nil {
			return err
		}
		s.Audit.Record(ctx, e)
		if err := s.Store.DB(ctx).Select("*").Updates(o).Error; err != nil {
			return err
		}
		return s.Approvals.Settle(ctx, o.ID)
	})
	return o, err
}

func (s *Service) locked(ctx context.Context, id string) (*Operation, error) {
	o := &Operation{}
	return o, s.Store.ForUpdate(s.Store.DB(ctx)).Take(o, "id = ?", id).Error
}

// VerbStart is Start, carried out after approval.
const VerbStart = "bulk.start"

// Start starts a draft, or continues an operation that has stopped. From now on the operation has the rights of the
// caller.
func (s *Service) Start(ctx context.Context, id string) (*Operation, error) {
	return s.change(ctx, id, "bulk.start", func(ctx context.Context, o *Operation, e *audit.Event) error {
		if o.State != Draft && o.State != Failed {
			return fault.New(fault.Conflict, "The operation is %s.", text.Lower(o.State))
		}
		if o.Pending() == 0 {
			return fault.New(fault.Conflict, "The operation has no items to process.").Do("See its findings for the reasons.")
		}
		if o.Kind == Revoke {
			if err := s.Approvals.Ask(
				ctx,
				approval.Ask{
					PartitionID: o.PartitionID, Operation: approval.BulkRevoke, Verb: VerbStart, Payload: o.ID,
					ObjectKind: "bulk-operation", ObjectID: o.ID,
					Summary: fmt.Sprintf(
						"revoke %d certificates (%s)", o.Pending(), o.Name,
					), Facts: []approval.Fact{{Name: "Certificates", Value: strconv.FormatInt(o.Pending(), 10)},
						{
							Name: "Reason", Value: text.Lower(o.ReasonName()),
						}, {Name: "Chosen by", Value: text.Lower(o.Input)}, {Name: "Prepared by", Value: o.CreatedBy}}}); err != nil {
				return err
			}
		}
		actor, now := rbac.ActorFrom(ctx), s.Now()
		if o.StartedAt == nil {
			o.StartedAt = &now
		}
		o.State, o.Failure, o.FinishedAt, o.ActorKind, o.ActorID, o.ActorName = Running, "", nil, actor.Kind, actor.ID, actor.Name
		e.Summary = "started the bulk operation " + o.Name
		e.Details = audit.Details{"kind": o.Kind, "input": o.Input, "items": o.Total, "pending": o.Pending()}
		return s.Jobs.Enqueue(ctx, RunJob, o.ID, now, nil)
	})
}

// Cancel ends an operation. Items already processed are not undone.
func (s *Service) Cancel(ctx context.Context, id string) (*Operation, error) {
	return s.change(ctx, id, "bulk.cancel", func(ctx context.Context, o *Operation, e *audit.Event) error {
		if o.State == Done || o.State == Cancelled {
			return fault.New(fault.Conflict, "The operation is %s.", text.Lower(o.State))
		}
		e.Summary = "cancelled the bulk operation " + o.Name
		e.Details = counts(o)
		published := o.State == Failed
		s.end(o, Cancelled, "")
		if published {
			return nil
		}
		return s.publish(ctx, o)
	})
}

func (s *Service) end(o *Operation, state State, failure string) {
	now := s.Now()
	o.State, o.Failure, o.FinishedAt = state, failure, &now
}

func counts(o *Operation) audit.Details {
	return audit.Details{"kind": o.Kind, "items": o.Total, "done": o.Done, "failed": o.Failed, "skipped": o.Skipped, "pending": o.Pending()}
}

// publish requests, once at the end, the CRLs of the CAs whose certificates were revoked. OCSP answers are already up
// to date.
func (s *Service) publish(ctx context.Context, o *Operation) error {
	if o.Kind != Revoke || o.Done == 0 {
		return nil
	}
	var cas []string
	err := s.Store.DB(ctx).Raw(
		"SELECT DISTINCT c.ca_id FROM bulk_items i JOIN certificates c ON c.id = i.certificate_id WHERE i.operation_id = ? AND i.state "+
			"= ? ORDER BY c.ca_id",
		o.ID, ItemDone,
	).Scan(&cas).Error
	if err != nil {
		return err
	}
	for _, id := range cas {
		if err := s.Jobs.Enqueue(ctx, certificate.PublishCRLJob, id, s.Now(), nil); err != nil {
			return err
		}
	}
	return nil
}

// These are the times that drafts are kept.
const (
	draftKept     = 7 * 24 * time.Hour
	preparingKept = time.Hour // no request takes this long: its server has stopped
)

// Clean runs CleanJob.
func (s *Service) Clean(ctx context.Context, claim *job.Claim) error {
	now := s.Now()
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		over := s.Store.DB(ctx).Model(&Operation{}).Select("id").Where(
			"state = ? AND created_at < ? OR state = ? AND created_at < ?", Draft, now.Add(-draftKept), Preparing, now.Add(-preparingKept),
		)
		if err := s.Store.DB(ctx).Delete(&Item{}, "operation_id IN (?)", over).Error; err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Delete(&Operation{}, "id IN (?)", over).Error; err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Delete(&Upload{}, "expires_at <= ?", now).Error; err != nil {
			return err
		}
		claim.Again(now.Add(time.Hour))
		return claim.Done(ctx)
	})
}
