// Package approval lets other people agree before an operation is carried out. When a verb covered by a rule has
// checked everything, it asks whether it may continue. If not, its exact arguments are stored, and the same verb is
// called again with them, on behalf of the requester, once enough others have approved. So everything is checked again
// at that time, and there is only one way to carry out a verb.
package approval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Operation is what a rule can cover.
type Operation string

const (
	CACreate   Operation = "CA_CREATE" // and import of an external root
	CADelete   Operation = "CA_DELETE"
	CAMoveKey  Operation = "CA_MOVE_KEY"
	CARenew    Operation = "CA_RENEW"
	Issue      Operation = "ISSUE" // under the profiles of the rule
	BulkRevoke Operation = "BULK_REVOKE"
	RoleChange Operation = "ROLE_CHANGE" // and invitations that give a role
	// Rules is a change that weakens rules. No rule covers it; it needs the approvals of the rules it weakens.
	Rules Operation = "RULES"
)

// Operations lists what a rule can cover. Approvers need the permission to carry out the operation themselves.
func Operations() []Operation {
	return []Operation{CACreate, CADelete, CAMoveKey, CARenew, Issue, BulkRevoke, RoleChange}
}

var permissions = map[Operation]rbac.Permission{
	CACreate: rbac.CACreate, CADelete: rbac.CADelete, CAMoveKey: rbac.CACreate, CARenew: rbac.CACreate,
	Issue: rbac.CertificateIssue, BulkRevoke: rbac.CertificateChangeStatus, RoleChange: rbac.RoleManage}

// State of a request.
type State string

const (
	Pending   State = "PENDING"
	Approved  State = "APPROVED" // being carried out
	Done      State = "DONE"
	Rejected  State = "REJECTED"
	Withdrawn State = "WITHDRAWN"
	Expired   State = "EXPIRED"
	Failed    State = "FAILED" // approved, but could not be carried out
)

// Fact is a line that describes a request to people.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Request is a stored request for approval.
type Request struct {
	ID            string `gorm:"primaryKey"` // UUIDv7
	PartitionID   string
	Operation     Operation
	Verb          string
	Payload       string
	Digest        string // SHA-256 over verb, payload and requester, hexadecimal
	Summary       string // starts with an infinitive: "create the root x"
	Facts         []Fact `gorm:"serializer:json"`
	ObjectKind    string // as in the audit log
	ObjectID      string
	Permissions   []rbac.Permission `gorm:"serializer:json"`
	Needed        int
	State         State
	Reason        string // why it was not carried out
	RequestedBy   string
	RequestedByID string
	ActorKind     rbac.ActorKind
	OwnerID       string
	IPAddress     string `gorm:"column:ip_address"`
	RequestID     string
	RequestedAt   time.Time
	ExpiresAt     time.Time
	DecidedAt     *time.Time
	ToldAt        *time.Time
}

func (Request) TableName() string { return "approvals" }

// StateAt returns the state shown to people, which takes the deadline into account.
func (r *Request) StateAt(now time.Time) State {
	if r.State == Pending && !now.Before(r.ExpiresAt) {
		return Expired
	}
	return r.State
}

// Vote of a person.
type Vote struct {
	ApprovalID string `gorm:"primaryKey"`
	UserID     string `gorm:"primaryKey"`
	Name       string
	Approves   bool
	Comment    string
	VotedAt    time.Time
}

func (Vote) TableName() string { return "approval_votes" }

// Person is somebody who may decide or is to be notified.
type Person struct{ ID, Email string }

// People looks up people.
type People interface {
	// CurrentActor returns the current actor, with current rights.
	CurrentActor(ctx context.Context, kind rbac.ActorKind, id, name string) (*rbac.Actor, error)
	// Holders lists the active people who have all of the permissions in the partition.
	Holders(ctx context.Context, partitionID string, permissions []rbac.Permission) ([]Person, error)
	// Email returns the address of a user, or "".
	Email(ctx context.Context, userID string) (string, error)
}

// Mailer sends a mail in the transaction of ctx.
type Mailer interface {
	Send(ctx context.Context, partitionID, to, subject, body string) error
}

// Execute carries out what was approved: the verb itself, with its stored arguments.
type Execute func(ctx context.Context, payload []byte) error

// These are the jobs of this package.
const (
	RunJob    = "approval.run"    // key: request ID
	ExpireJob = "approval.expire" // key: request ID
	TellJob   = "approval.tell"   // key: partition ID
)

// Service manages rules and requests.
type Service struct {
	Store   *store.Store
	Guard   *rbac.Guard
	Audit   *audit.Log
	Jobs    *job.Queue
	Mail    Mailer
	People  People
	Now     func() time.Time
	BaseURL string
	// Profiles fails if an ID is not a profile of the partition.
	Profiles func(ctx context.Context, partitionID string, ids []string) error
	// Changed is called in the transaction that changes the rules of a partition.
	Changed func(ctx context.Context, partitionID string) error
	// Verbs carries out approved requests, by verb.
	Verbs map[string]Execute
	// Ended is called, by verb, in the transaction after which nobody will carry the request out any more.
	Ended map[string]func(ctx context.Context, r *Request) error
}

// Ask describes the operation a verb is about to carry out.
type Ask struct {
	PartitionID string
	Operation   Operation
	Verb        string
	Payload     any    // nil: the request cannot be stored, and is refused if a rule covers it
	ProfileID   string // for ISSUE
	ObjectKind  string
	ObjectID    string
	Summary     string
	Facts       []Fact
	// Kept, if set, is called in the transaction that stores the request, also if the same request is already stored.
	// The verb can store rows of its own there.
	Kept func(ctx context.Context, r *Request) error
	// TwoPeople requires the approval of at least one other person regardless of rules, and a person as requester.
	TwoPeople bool
}

// defaultHours is the deadline of requests that only the deployment's rule covers.
const defaultHours = 72

// most is how many requests of a partition can be pending, and mostOfClient how many of one enrollment protocol
// configuration or one credential, so that clients cannot block people.
const most, mostOfClient = 1000, 250

// pending carries a request out of the verb, whose transaction is rolled back.
type pending struct {
	request *Request
	kept    func(ctx context.Context, r *Request) error
}

func (*pending) Error() string { return "needs approval" }

// Ask returns nil if no rule covers the operation or it was approved. Otherwise it returns an error that Submit turns
// into a stored request.
func (s *Service) Ask(ctx context.Context, a Ask) error {
	actor := rbac.ActorFrom(ctx)
	if actor.Kind == rbac.System {
		return nil
	}
	payload, err := json.Marshal(a.Payload)
	if err != nil {
		return err
	}
	if r := Of(ctx); r != nil {
		if r.Verb == a.Verb && r.Payload == string(payload) {
			return nil
		}
		return fault.New(fault.Internal, "The operation differs from what was approved.")
	}
	rule, err := s.Rule(ctx, a.PartitionID, a.Operation)
	if err != nil {
		return err
	}
	if !rule.Covers(a.ProfileID) {
		rule = nil
	}
	switch {
	case rule == nil && !a.TwoPeople:
		return nil
	case a.TwoPeople && actor.Kind != rbac.UserActor:
		return fault.New(
			fault.PolicyRefused, "This deployment requires two people to create a root, and %s is not a person.", actor.Name,
		).Do(
			"Sign in to the console and request it there.",
		)
	case rule == nil:
		rule = &Rule{Needed: 1, Hours: defaultHours}
	}
	return s.ask(ctx, a, string(payload), rule, []rbac.Permission{permissions[a.Operation]})
}

// ask creates the request that Submit stores.
func (s *Service) ask(ctx context.Context, a Ask, payload string, rule *Rule, permissions []rbac.Permission) error {
	if a.Payload == nil {
		return fault.New(fault.PolicyRefused, "This operation needs approval, but its request cannot be stored.").Do(
			"Request one certificate at a time, with a certificate signing request (CSR).",
		)
	}
	actor, now := rbac.ActorFrom(ctx), s.Now()
	r := &Request{
		ID: uuid.Must(uuid.NewV7()).String(), PartitionID: a.PartitionID, Operation: a.Operation, Verb: a.Verb, Payload: payload,
		Summary: a.Summary, Facts: a.Facts,
		ObjectKind: a.ObjectKind, ObjectID: a.ObjectID, Permissions: permissions, Needed: rule.Needed, State: Pending,
		RequestedBy: actor.Name, RequestedByID: actor.ID, ActorKind: actor.Kind,
		OwnerID: actor.ID, IPAddress: actor.IPAddress, RequestID: actor.RequestID, RequestedAt: now, ExpiresAt: now.Add(
			time.Duration(rule.Hours) * time.Hour,
		)}
	if actor.Kind == rbac.TokenActor || actor.Kind == rbac.CredentialActor || actor.Kind == rbac.ProtocolActor {
		r.OwnerID = actor.OwnerID
	}
	r.Digest = r.digest()
	voters, err := s.voters(ctx, r)
	if err != nil {
		return err
	}
	if len(voters) < r.Needed {
		return fault.New(fault.PolicyRefused, "%s must approve this, but only %d could.", others(r.Needed), len(voters)).
			Do("Ask an Owner to give more people the role that this requires.").Because(ErrNobody)
	}
	f := fault.New(fault.ApprovalNeeded, "%s must approve this first.", others(r.Needed)).Because(&pending{r, a.Kept})
	f.ApprovalID = r.ID
	return f
}

// ErrNobody is the cause if too few people could approve a request.
var ErrNobody = errors.New("too few people could approve it")

func (r *Request) digest() string {
	// marshalling strings never fails
	text, _ := json.Marshal([]string{r.PartitionID, r.Verb, r.Payload, string(r.ActorKind), r.RequestedByID})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// voters returns the people who may decide on a request.
func (s *Service) voters(ctx context.Context, r *Request) ([]Person, error) {
	holders, err := s.People.Holders(ctx, r.PartitionID, r.Permissions)
	return slices.DeleteFunc(holders, func(p Person) bool { return r.own(p.ID) }), err
}

// own tells whether the person made the request, in person or by a token.
func (r *Request) own(userID string) bool { return userID == r.RequestedByID || userID == r.OwnerID }

// Submit stores the request of a verb that needs approval. Call it with defer. The error then names the request. Submit
// ignores all other errors.
func (s *Service) Submit(ctx context.Context, err *error) {
	var p *pending
	if *err == nil || !errors.As(*err, &p) {
		return
	}
	r, failure := s.submit(ctx, p)
	if failure != nil {
		*err = failure
		return
	}
	f := fault.New(
		fault.ApprovalNeeded, "%s must approve this first. The request was sent to those who can approve it.", others(r.Needed),
	).Do(
		"It is carried out after approval. Follow it under Approvals.",
	)
	f.ApprovalID = r.ID
	*err = f
}

func (s *Service) submit(ctx context.Context, p *pending) (kept *Request, err error) {
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if kept, err = s.keep(ctx, p.request); err != nil || p.kept == nil {
			return err
		}
		return p.kept(ctx, kept)
	})
	return kept, err
}

// keep stores the request in the transaction of ctx, or finds the same one if it is already pending.
func (s *Service) keep(ctx context.Context, r *Request) (*Request, error) {
	var same []*Request
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Find(&same, "partition_id = ? AND digest = ? AND state = ?", r.PartitionID, r.Digest,
		Pending).Error; err != nil {
		return nil, err
	}
	for _, old := range same {
		if old.StateAt(s.Now()) == Pending {
			return old, nil
		}
		if err := s.expire(ctx, old); err != nil {
			return nil, err
		}
	}
	waiting, err := s.Store.CountUpTo(
		ctx, s.Store.DB(ctx).Model(&Request{}).Where("partition_id = ? AND state = ?", r.PartitionID, Pending),
		most)
	if err != nil {
		return nil, err
	}
	if waiting >= most {
		return nil, fault.New(fault.Conflict, "%d requests are already waiting for approval.", waiting).Do(
			"Have some of them decided, or withdraw them.",
		)
	}
	if r.ActorKind == rbac.ProtocolActor || r.ActorKind == rbac.CredentialActor {
		own, err := s.Store.CountUpTo(ctx, s.Store.DB(ctx).Model(&Request{}).Where("partition_id = ? AND state = ? AND requested_by_id = ?",
			r.PartitionID, Pending, r.RequestedByID), mostOfClient)
		if err != nil {
			return nil, err
		}
		if own >= mostOfClient {
			return nil, fault.New(fault.TooManyRequests, "%d requests of %s are already waiting for approval.", own, r.RequestedBy).
				Do("Repeat the request after some of them have been decided.")
		}
	}
	made := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(r)
	if made.Error != nil {
		return nil, made.Error
	}
	if made.RowsAffected == 0 { // stored by another server at the same time
		kept := &Request{}
		return kept, s.Store.DB(ctx).Take(kept, "partition_id = ? AND digest = ? AND state = ?", r.PartitionID, r.Digest, Pending).Error
	}
	s.record(ctx, r, "approval.request", "requested approval to "+r.Summary, nil)
	if err := s.Jobs.Enqueue(ctx, ExpireJob, r.ID, r.ExpiresAt, nil); err != nil {
		return nil, err
	}
	return r, s.tellLater(ctx, r.PartitionID)
}

// record writes an event about a request, with the actor of ctx.
func (s *Service) record(ctx context.Context, r *Request, action, summary string, more audit.Details) {
	details := audit.Details{"operation": r.Operation, "requestedBy": r.RequestedBy, "digest": r.Digest}
	for _, f := range r.Facts {
		details[f.Name] = f.Value
	}
	for k, v := range more {
		details[k] = v
	}
	e := audit.Event{
		PartitionID: r.PartitionID, Action: action, ObjectKind: "approval", ObjectID: r.ID, ObjectName: r.Summary, Summary: summary,
		Details: details,
	}
	if action == "approval.fail" {
		e.Result = audit.Failed
	}
	s.Audit.Record(ctx, e)
}

type executing struct{}

// Of returns the approved request that ctx carries out, or nil.
func Of(ctx context.Context) *Request {
	r, _ := ctx.Value(executing{}).(*Request)
	return r
}

// Settle records the approved request as done, with its result, in the transaction of the work. It fails if somebody
// else has carried it out; the work must not be committed then.
func (s *Service) Settle(ctx context.Context, objectID string) error {
	if r := Of(ctx); r != nil {
		return s.SettleFor(ctx, r, objectID)
	}
	return nil
}

// SettleFor is Settle for a transaction that serves several actors.
func (s *Service) SettleFor(ctx context.Context, r *Request, objectID string) error {
	settled := s.Store.DB(ctx).Model(&Request{}).Where("id = ? AND state = ?", r.ID, Approved).Updates(
		map[string]any{"state": Done, "object_id": objectID},
	)
	if settled.Error != nil {
		return settled.Error
	}
	if settled.RowsAffected == 0 {
		return ErrSettled
	}
	votes, err := s.votes(ctx, r.ID)
	if err != nil {
		return err
	}
	var by []string
	for _, v := range votes {
		by = append(by, v.Name)
	}
	done := *r
	done.ObjectID = objectID
	s.record(
		ctx, &done, "approval.done", "carried out the approved request: "+r.Summary,
		audit.Details{"approvedBy": by, "objectKind": r.ObjectKind, "objectId": objectID},
	)
	return s.answer(ctx, &done, "It was approved by "+join(by)+" and carried out.")
}

// Open locks a request, and fails unless it is still to be carried out.
func (s *Service) Open(ctx context.Context, r *Request) error {
	var open []string
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Model(&Request{}).Where(
		"id = ? AND state = ?", r.ID, Approved,
	).Pluck("id", &open).Error; err != nil {
		return err
	}
	if len(open) == 0 {
		return ErrSettled
	}
	return nil
}

// ErrSettled means that somebody else has carried out the request.
var ErrSettled = fault.New(fault.Conflict, "This request has already been carried out.")
