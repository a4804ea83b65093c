package approval

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// Patience is how long an approved request is retried while a dependency is unavailable.
const Patience = 24 * time.Hour

// Run is the job that carries out an approved request, with the requester's current rights. The verb records it as done
// in the transaction of its work, so it takes effect once, however often the job starts.
func (s *Service) Run(ctx context.Context, claim *job.Claim) error {
	r, err := s.find(ctx, claim.Key)
	if err != nil {
		return err
	}
	if r.State != Approved {
		return nil
	}
	err = s.execute(ctx, r)
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	if again, err2 := s.find(ctx, r.ID); err2 != nil || again.State == Done {
		return err2
	}
	passes := f.Kind == fault.Internal || f.Kind == fault.Unavailable || f.Kind == fault.TooManyRequests
	if passes && s.Now().Before(r.DecidedAt.Add(Patience)) {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		failed := s.Store.DB(ctx).Model(&Request{}).Where("id = ? AND state = ?", r.ID, Approved).Updates(
			map[string]any{"state": Failed, "reason": f.Message},
		)
		if failed.Error != nil || failed.RowsAffected == 0 {
			return failed.Error
		}
		s.record(ctx, r, "approval.fail", "could not carry out the approved request: "+f.Message, audit.Details{"reason": f.Message})
		if err := s.answer(ctx, r, "It was approved, but could not be carried out: "+f.Message); err != nil {
			return err
		}
		r.State, r.Reason = Failed, f.Message
		if err := s.ended(ctx, r); err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}

func (s *Service) execute(ctx context.Context, r *Request) error {
	verb, ok := s.Verbs[r.Verb]
	if !ok {
		return fault.New(fault.Unavailable, "This server does not support the operation %s.", r.Verb)
	}
	if r.Digest != r.digest() {
		return fault.New(fault.PolicyRefused, "The stored request was altered.")
	}
	actor, err := s.People.CurrentActor(ctx, r.ActorKind, r.RequestedByID, r.RequestedBy)
	if err != nil {
		return err
	}
	as := *actor
	as.IPAddress, as.RequestID = r.IPAddress, r.RequestID
	return verb(context.WithValue(rbac.WithActor(ctx, &as), executing{}, r), []byte(r.Payload))
}

// Expire is the job that expires requests not decided in time.
func (s *Service) Expire(ctx context.Context, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		var found []*Request
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Find(&found, "id = ? AND state = ?", claim.Key, Pending).Error; err != nil {
			return err
		}
		for _, r := range found {
			if err := s.expire(ctx, r); err != nil {
				return err
			}
		}
		return claim.Done(ctx)
	})
}

func (s *Service) expire(ctx context.Context, r *Request) error {
	now := s.Now()
	r.State, r.DecidedAt, r.Reason = Expired, &now, "not decided in time"
	s.Audit.RecordAs(
		ctx, rbac.SystemActor(),
		audit.Event{PartitionID: r.PartitionID, Action: "approval.expire", ObjectKind: "approval", ObjectID: r.ID, ObjectName: r.Summary,
			Summary: "expired the request to " + r.Summary + " expired", Details: audit.Details{
				"operation": r.Operation, "requestedBy": r.RequestedBy,
			}})
	if err := s.answer(ctx, r, "It expired because not enough people decided in time. You can request it again."); err != nil {
		return err
	}
	if err := s.ended(ctx, r); err != nil {
		return err
	}
	return s.Store.DB(ctx).Select("*").Updates(r).Error
}

// quiet is the minimum time between two mails to the approvers of a partition. Requests made meanwhile come in one
// mail.
const quiet = 5 * time.Minute

func (s *Service) tellLater(ctx context.Context, partitionID string) error {
	var last []time.Time
	if err := s.Store.DB(ctx).Model(&Request{}).Where(
		"partition_id = ? AND told_at IS NOT NULL", partitionID,
	).Order("told_at DESC").Limit(1).Pluck("told_at", &last).Error; err != nil {
		return err
	}
	at := s.Now()
	if len(last) > 0 && last[0].Add(quiet).After(at) {
		at = last[0].Add(quiet)
	}
	return s.Jobs.Enqueue(ctx, TellJob, partitionID, at, nil)
}

// listed is how many requests a mail lists.
const listed = 20

// Tell is the job that notifies approvers: one mail each for all new requests.
func (s *Service) Tell(ctx context.Context, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		var fresh []*Request
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Order("id").Find(
			&fresh, "partition_id = ? AND state = ? AND told_at IS NULL AND expires_at > ?", claim.Key, Pending, now,
		).Error; err != nil {
			return err
		}
		letters := map[string][]*Request{}
		for _, r := range fresh {
			voters, err := s.voters(ctx, r)
			if err != nil {
				return err
			}
			for _, p := range voters {
				letters[p.Email] = append(letters[p.Email], r)
			}
			if err := s.Store.DB(ctx).Model(r).Update("told_at", now).Error; err != nil {
				return err
			}
		}
		recipients := make([]string, 0, len(letters))
		for to := range letters {
			recipients = append(recipients, to)
		}
		slices.Sort(recipients)
		for _, to := range recipients {
			subject, body := s.letter(claim.Key, letters[to])
			if err := s.Mail.Send(ctx, claim.Key, to, subject, body); err != nil {
				return err
			}
		}
		return claim.Done(ctx)
	})
}

func (s *Service) letter(partitionID string, list []*Request) (subject, body string) {
	subject = fmt.Sprintf("pkiaas: %d requests wait for your approval", len(list))
	if len(list) == 1 {
		subject = "pkiaas: approval needed to " + plain(list[0].Summary)
	}
	var b strings.Builder
	b.WriteString("Your approval is requested in partition " + partitionID + ":\r\n")
	for n, r := range list {
		if n == listed {
			fmt.Fprintf(&b, "\r\n... and %d more.\r\n", len(list)-n)
			break
		}
		fmt.Fprintf(
			&b, "\r\n%s asks to %s.\r\nUntil %s UTC: %s\r\n", plain(r.RequestedBy), plain(r.Summary),
			r.ExpiresAt.UTC().Format("2006-01-02 15:04"), s.link(r),
		)
	}
	b.WriteString("\r\nReview each request before you approve it.\r\n")
	return subject, b.String()
}

func (s *Service) link(r *Request) string {
	return s.BaseURL + "/p/" + r.PartitionID + "/approvals/" + r.ID
}

// answer mails the outcome to the requester.
func (s *Service) answer(ctx context.Context, r *Request, what string) error {
	to, err := s.People.Email(ctx, r.OwnerID)
	if err != nil || to == "" {
		return err
	}
	return s.Mail.Send(
		ctx, r.PartitionID, to, "pkiaas: your request to "+plain(r.Summary),
		"You asked to "+plain(r.Summary)+".\r\n\r\n"+plain(what)+"\r\n\r\n"+s.link(r)+"\r\n",
	)
}

// plain puts text entered by others on one line of a mail.
func plain(s string) string { return text.Line(s, 1000) }
