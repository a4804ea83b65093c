// Package approval has other people agree before something is done. A verb that a rule covers asks, when it has checked
// everything, whether it may go on; if not, exactly what was asked for is kept, and the same verb is called again with
// it, as the one who asked, once enough others have said yes. So what is carried out is checked as if it were asked for
// then, and no verb is done in two ways.
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

// Operation is what a rule covers.
type Operation string

const (
	CACreate   Operation = "CA_CREATE" // and import of an external root
	CADelete   Operation = "CA_DELETE"
	CAMoveKey  Operation = "CA_MOVE_KEY"
	CARenew    Operation = "CA_RENEW"
	Issue      Operation = "ISSUE" // under the profiles of the rule
	BulkRevoke Operation = "BULK_REVOKE"
	RoleChange Operation = "ROLE_CHANGE" // and invitations that give a role
	// Rules is a change that asks for less: no rule covers it, the rules that it lowers do.
	Rules Operation = "RULES"
)

// Operations lists those that a rule can cover, with what who decides must hold: the right to do it himself.
func Operations() []Operation {
	return []Operation{CACreate, CADelete, CAMoveKey, CARenew, Issue, BulkRevoke, RoleChange}
}

var permissions = map[Operation]rbac.Permission{CACreate: rbac.CACreate, CADelete: rbac.CADelete, CAMoveKey: rbac.CACreate, CARenew: rbac.CACreate,
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
	Failed    State = "FAILED" // approved, and could not be carried out
)

// Fact is a line of what is asked for, for people.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Request is what somebody asked for.
type Request struct {
	ID            string `gorm:"primaryKey"` // UUIDv7
	PartitionID   string
	Operation     Operation
	Verb          string
	Payload       string
	Digest        string // SHA-256 over verb, payload and requester, hexadecimal
	Summary       string // what is to be done: "create the root x"
	Facts         []Fact `gorm:"serializer:json"`
	ObjectKind    string // as in the audit log
	ObjectID      string
	Permissions   []rbac.Permission `gorm:"serializer:json"`
	Needed        int
	State         State
	Reason        string // why it was not done
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

// StateAt is the state that people see: it knows of the end of the time to decide.
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

// Person who may decide or is to be told.
type Person struct{ ID, Email string }

// People are asked who they are now.
type People interface {
	// Standing is the actor of somebody, with the rights of now.
	Standing(ctx context.Context, kind rbac.ActorKind, id, name string) (*rbac.Actor, error)
	// Holders are the active people with all of the permissions in the partition.
	Holders(ctx context.Context, partitionID string, permissions []rbac.Permission) ([]Person, error)
	// Email is the address of a user, "" when there is none.
	Email(ctx context.Context, userID string) (string, error)
}

// Mailer sends a mail in the transaction of ctx.
type Mailer interface {
	Send(ctx context.Context, partitionID, to, subject, body string) error
}

// Execute does what was approved: the verb itself, with the payload it asked with.
type Execute func(ctx context.Context, payload []byte) error

// Jobs of this package.
const (
	RunJob    = "approval.run"    // key: request id
	ExpireJob = "approval.expire" // key: request id
	TellJob   = "approval.tell"   // key: partition id
)

// Service keeps rules and requests.
type Service struct {
	Store   *store.Store
	Guard   *rbac.Guard
	Audit   *audit.Log
	Jobs    *job.Queue
	Mail    Mailer
	People  People
	Now     func() time.Time
	BaseURL string
	// Profiles refuses ids that are no profiles of the partition.
	Profiles func(ctx context.Context, partitionID string, ids []string) error
	// Changed is told, in the transaction, that the rules of a partition changed.
	Changed func(ctx context.Context, partitionID string) error
	// Verbs carry out what was approved, by name.
	Verbs map[string]Execute
	// Ended are told of requests of a verb that nobody will carry out any more, in the transaction that says so.
	Ended map[string]func(ctx context.Context, r *Request) error
}

// Ask is the question of a verb that is about to do something.
type Ask struct {
	PartitionID string
	Operation   Operation
	Verb        string
	Payload     any    // nil: it cannot be kept, and is refused where a rule covers it
	ProfileID   string // of ISSUE
	ObjectKind  string
	ObjectID    string
	Summary     string
	Facts       []Fact
	// Kept, if given, is called in the transaction that keeps the request, also when the same one is kept already: rows of the verb's
	// own wait with it.
	Kept func(ctx context.Context, r *Request) error
	// TwoPeople: the deployment has it approved by one other at least, whatever the rules, and asked for by a person.
	TwoPeople bool
}

// defaultHours is how long something waits that only the deployment's rule covers.
const defaultHours = 72

// most is how many requests of a partition can wait, and mostOfClient how many of those one configuration of an enrollment protocol or
// one credential can have: its clients must not keep people from asking.
const most, mostOfClient = 1000, 250

// pending is a question on its way out of the verb, whose transaction is given up.
type pending struct {
	request *Request
	kept    func(ctx context.Context, r *Request) error
}

func (*pending) Error() string { return "needs approval" }

// Ask tells whether the verb may go on: nil where no rule covers it or it was approved. Otherwise the error, handed to
// Submit, becomes the request.
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
		return fault.New(fault.Internal, "what is carried out is not what was approved")
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
		return fault.New(fault.PolicyRefused, "in this deployment a root is in the hands of two people, and %s is none", actor.Name).Do("Sign in to the console and ask for it there.")
	case rule == nil:
		rule = &Rule{Needed: 1, Hours: defaultHours}
	}
	return s.ask(ctx, a, string(payload), rule, []rbac.Permission{permissions[a.Operation]})
}

// ask makes the question that Submit keeps.
func (s *Service) ask(ctx context.Context, a Ask, payload string, rule *Rule, permissions []rbac.Permission) error {
	if a.Payload == nil {
		return fault.New(fault.PolicyRefused, "this needs the approval of others, and cannot be kept until they give it").Do("Ask for one certificate at a time, with a certificate signing request (CSR).")
	}
	actor, now := rbac.ActorFrom(ctx), s.Now()
	r := &Request{ID: uuid.Must(uuid.NewV7()).String(), PartitionID: a.PartitionID, Operation: a.Operation, Verb: a.Verb, Payload: payload, Summary: a.Summary, Facts: a.Facts,
		ObjectKind: a.ObjectKind, ObjectID: a.ObjectID, Permissions: permissions, Needed: rule.Needed, State: Pending, RequestedBy: actor.Name, RequestedByID: actor.ID, ActorKind: actor.Kind,
		OwnerID: actor.ID, IPAddress: actor.IPAddress, RequestID: actor.RequestID, RequestedAt: now, ExpiresAt: now.Add(time.Duration(rule.Hours) * time.Hour)}
	if actor.Kind == rbac.TokenActor || actor.Kind == rbac.CredentialActor || actor.Kind == rbac.ProtocolActor {
		r.OwnerID = actor.OwnerID
	}
	r.Digest = r.digest()
	voters, err := s.voters(ctx, r)
	if err != nil {
		return err
	}
	if len(voters) < r.Needed {
		return fault.New(fault.PolicyRefused, "%s must approve this, and there are %d who could", others(r.Needed), len(voters)).
			Do("Have an Owner give more people the role that this takes.").Because(ErrNobody)
	}
	f := fault.New(fault.ApprovalNeeded, "%s must approve this first", others(r.Needed)).Because(&pending{r, a.Kept})
	f.ApprovalID = r.ID
	return f
}

// ErrNobody is the cause of the refusal of a request that too few people could approve.
var ErrNobody = errors.New("too few people could approve it")

func (r *Request) digest() string {
	text, _ := json.Marshal([]string{r.PartitionID, r.Verb, r.Payload, string(r.ActorKind), r.RequestedByID}) // of strings: never fails
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// voters are who may decide about it.
func (s *Service) voters(ctx context.Context, r *Request) ([]Person, error) {
	holders, err := s.People.Holders(ctx, r.PartitionID, r.Permissions)
	return slices.DeleteFunc(holders, func(p Person) bool { return r.own(p.ID) }), err
}

// own tells whether it is the person's own, asked for in person or by a token.
func (r *Request) own(userID string) bool { return userID == r.RequestedByID || userID == r.OwnerID }

// Submit keeps the question that made a verb give up; meant to be deferred. The error then names the request. It does
// nothing for any other error.
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
	f := fault.New(fault.ApprovalNeeded, "%s must approve this first: it was sent to those who can", others(r.Needed)).Do("It is carried out when they have approved it; follow it under Approvals.")
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

// keep keeps the request in the transaction of ctx, or finds the same one that waits already.
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
	waiting, err := s.Store.CountUpTo(ctx, s.Store.DB(ctx).Model(&Request{}).Where("partition_id = ? AND state = ?", r.PartitionID, Pending),
		most)
	if err != nil {
		return nil, err
	}
	if waiting >= most {
		return nil, fault.New(fault.Conflict, "%d requests wait for approval already", waiting).Do("Have some of them decided or withdrawn.")
	}
	if r.ActorKind == rbac.ProtocolActor || r.ActorKind == rbac.CredentialActor {
		own, err := s.Store.CountUpTo(ctx, s.Store.DB(ctx).Model(&Request{}).Where("partition_id = ? AND state = ? AND requested_by_id = ?",
			r.PartitionID, Pending, r.RequestedByID), mostOfClient)
		if err != nil {
			return nil, err
		}
		if own >= mostOfClient {
			return nil, fault.New(fault.TooManyRequests, "%d requests of %s wait for approval already", own, r.RequestedBy).
				Do("Repeat the request when some of them are decided.")
		}
	}
	made := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(r)
	if made.Error != nil {
		return nil, made.Error
	}
	if made.RowsAffected == 0 { // at the same moment, by another server
		kept := &Request{}
		return kept, s.Store.DB(ctx).Take(kept, "partition_id = ? AND digest = ? AND state = ?", r.PartitionID, r.Digest, Pending).Error
	}
	s.record(ctx, r, "approval.request", "asked for approval to "+r.Summary, nil)
	if err := s.Jobs.Enqueue(ctx, ExpireJob, r.ID, r.ExpiresAt, nil); err != nil {
		return nil, err
	}
	return r, s.tellLater(ctx, r.PartitionID)
}

// record writes an event about a request, by the actor of ctx.
func (s *Service) record(ctx context.Context, r *Request, action, summary string, more audit.Details) {
	details := audit.Details{"operation": r.Operation, "requestedBy": r.RequestedBy, "digest": r.Digest}
	for _, f := range r.Facts {
		details[f.Name] = f.Value
	}
	for k, v := range more {
		details[k] = v
	}
	e := audit.Event{PartitionID: r.PartitionID, Action: action, ObjectKind: "approval", ObjectID: r.ID, ObjectName: r.Summary, Summary: summary, Details: details}
	if action == "approval.fail" {
		e.Result = audit.Failed
	}
	s.Audit.Record(ctx, e)
}

type executing struct{}

// Of is the approved request that ctx carries out, nil if it carries out none.
func Of(ctx context.Context) *Request {
	r, _ := ctx.Value(executing{}).(*Request)
	return r
}

// Settle notes, in the transaction in which a verb does its work, that this is what was approved, and its result. If
// somebody else has carried it out meanwhile the work must not be committed, and it fails.
func (s *Service) Settle(ctx context.Context, objectID string) error {
	if r := Of(ctx); r != nil {
		return s.SettleFor(ctx, r, objectID)
	}
	return nil
}

// SettleFor is Settle for a transaction that serves several actors.
func (s *Service) SettleFor(ctx context.Context, r *Request, objectID string) error {
	settled := s.Store.DB(ctx).Model(&Request{}).Where("id = ? AND state = ?", r.ID, Approved).Updates(map[string]any{"state": Done, "object_id": objectID})
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
	s.record(ctx, &done, "approval.done", "carried out what was approved: "+r.Summary, audit.Details{"approvedBy": by, "objectKind": r.ObjectKind, "objectId": objectID})
	return s.answer(ctx, &done, "It was approved by "+join(by)+" and carried out.")
}

// Open tells, locking it, whether a request is still to be carried out.
func (s *Service) Open(ctx context.Context, r *Request) error {
	var open []string
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Model(&Request{}).Where("id = ? AND state = ?", r.ID, Approved).Pluck("id", &open).Error; err != nil {
		return err
	}
	if len(open) == 0 {
		return ErrSettled
	}
	return nil
}

// ErrSettled says that somebody else has carried out what was approved.
var ErrSettled = fault.New(fault.Conflict, "this was carried out already")
