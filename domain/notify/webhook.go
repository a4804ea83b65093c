package notify

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

const maxWebhooks = 20

// Webhooks lists the webhooks of a partition.
func (s *Service) Webhooks(ctx context.Context, partitionID string) ([]*Webhook, error) {
	if err := s.Guard.Require(ctx, rbac.NotificationBrowse, partitionID); err != nil {
		return nil, err
	}
	var list []*Webhook
	err := s.Store.DB(ctx).Order("id").Find(&list, "partition_id = ?", partitionID).Error
	return list, err
}

// Deliveries lists the newest deliveries of a webhook.
func (s *Service) Deliveries(ctx context.Context, h *Webhook, p page.Request) (*page.Page[*Delivery], error) {
	if err := s.Guard.Require(ctx, rbac.NotificationBrowse, h.PartitionID); err != nil {
		return nil, err
	}
	return page.Read(ctx, s.Store, s.Store.DB(ctx).Model(&Delivery{}).Where("webhook_id = ?", h.ID), p,
		page.Key[Delivery]{Column: "id", Desc: true, Value: func(d *Delivery) any { return d.ID }})
}

// CreateWebhook adds a webhook and returns its secret, once.
func (s *Service) CreateWebhook(ctx context.Context, partitionID, name, url string) (h *Webhook, secret string, err error) {
	event := audit.Event{PartitionID: partitionID, Action: "webhook.create", ObjectKind: "webhook", ObjectName: name}
	defer s.Audit.Refusal(ctx, &err, &event)
	if err := s.Guard.Require(ctx, rbac.NotificationManage, partitionID); err != nil {
		return nil, "", err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return nil, "", err
	}
	if err := text.Label("name", name, 2, 64); err != nil {
		return nil, "", err
	}
	if len(url) > 500 {
		return nil, "", fault.New(fault.Invalid, "The URL must be at most 500 characters long.").At("url")
	}
	if err := s.Poster.Allowed(url); err != nil {
		return nil, "", err
	}
	secret = "whsec_" + rand.Text()
	h = &Webhook{
		ID: uuid.Must(uuid.NewV7()).String(), PartitionID: partitionID, Name: name, URL: url, CreatedBy: rbac.ActorFrom(ctx).Name,
		CreatedAt: s.Now(),
	}
	if h.Secret, err = s.Sealer.Seal(purpose, []byte(secret), []byte(h.ID)); err != nil {
		return nil, "", err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		var n int64
		if err := s.Store.DB(ctx).Model(h).Where("partition_id = ?", partitionID).Count(&n).Error; err != nil {
			return err
		}
		if n >= maxWebhooks {
			return fault.New(fault.Conflict, "A partition can have at most %d webhooks.", maxWebhooks).Do("Delete one first.")
		}
		done := event
		done.ObjectID, done.Summary, done.Details = h.ID, "added the webhook "+name, audit.Details{"host": host(url)}
		s.Audit.Record(ctx, done)
		if err := s.begin(ctx, partitionID); err != nil {
			return err
		}
		return s.Store.DB(ctx).Create(h).Error
	})
	return h, secret, err
}

// host returns the part of a URL that contains no secret.
func host(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:]
}

func (s *Service) changeWebhook(
	ctx context.Context, id, action string, fn func(context.Context, *Webhook, *audit.Event) error,
) (h *Webhook, err error) {
	event := audit.Event{Action: action, ObjectKind: "webhook", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	var found []*Webhook
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	h = found[0]
	event.PartitionID, event.ObjectName = h.PartitionID, h.Name
	if err := s.Guard.Require(ctx, rbac.NotificationManage, h.PartitionID); err != nil {
		return nil, err
	}
	return h, s.Store.Tx(ctx, func(ctx context.Context) error {
		e := event
		if err := fn(ctx, h, &e); err != nil {
			return err
		}
		s.Audit.Record(ctx, e)
		return nil
	})
}

// DeleteWebhook deletes a webhook with its pending deliveries.
func (s *Service) DeleteWebhook(ctx context.Context, id, confirmName string) (*Webhook, error) {
	return s.changeWebhook(ctx, id, "webhook.delete", func(ctx context.Context, h *Webhook, e *audit.Event) error {
		if confirmName != h.Name {
			return fault.New(fault.Invalid, "Type the name %s to confirm.", h.Name).At("confirmName")
		}
		e.Summary = "deleted the webhook " + h.Name
		if err := s.Store.DB(ctx).Delete(&Delivery{}, "webhook_id = ?", h.ID).Error; err != nil {
			return err
		}
		return s.Store.DB(ctx).Delete(h).Error
	})
}

// TestWebhook sends a test event.
func (s *Service) TestWebhook(ctx context.Context, id string) (*Webhook, error) {
	return s.changeWebhook(ctx, id, "webhook.test", func(ctx context.Context, h *Webhook, e *audit.Event) error {
		e.Summary = "sent a test to the webhook " + h.Name
		return s.enqueue(ctx, h, "test", map[string]any{})
	})
}

// enqueue records a delivery and its job, in the transaction of ctx. The body is fixed here: attempts differ only in
// the time of their signature, and the receiver recognizes a repeated delivery by its id.
func (s *Service) enqueue(ctx context.Context, h *Webhook, event string, facts map[string]any) error {
	d := &Delivery{ID: uuid.Must(uuid.NewV7()).String(), WebhookID: h.ID, Event: event, State: Pending, CreatedAt: s.Now()}
	facts["id"], facts["event"], facts["partition"], facts["time"] = d.ID, event, h.PartitionID, d.CreatedAt.Format(time.RFC3339)
	body, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	d.Body = string(body)
	if err := s.Store.DB(ctx).Create(d).Error; err != nil {
		return err
	}
	return s.Jobs.Enqueue(ctx, DeliverJob, d.ID, s.Now(), nil)
}

// maxAttempts, with the delays of backOff, covers about a day.
const maxAttempts = 10

func backOff(attempts int64) time.Duration {
	return min(8*time.Hour, 30*time.Second<<(2*min(attempts-1, 8)))
}

// Sign returns the value of the header Pkiaas-Signature.
func Sign(secret, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Deliver runs DeliverJob.
func (s *Service) Deliver(ctx context.Context, claim *job.Claim) error {
	var found []*Delivery
	if err := s.Store.DB(ctx).Where("id = ? AND state = ?", claim.Key, Pending).Find(&found).Error; err != nil || len(found) == 0 {
		return err
	}
	d, h := found[0], &Webhook{}
	if err := s.Store.DB(ctx).Take(h, "id = ?", d.WebhookID).Error; err != nil {
		return err
	}
	secret, err := s.Sealer.Unseal(purpose, h.Secret, []byte(h.ID))
	if err != nil {
		return err
	}
	failure := s.Poster.Post(ctx, h.URL, map[string]string{
		"Content-Type": "application/json", "User-Agent": "pkiaas", "Pkiaas-Event": d.Event, "Pkiaas-Delivery": d.ID,
		"Pkiaas-Signature": Sign(secret, []byte(d.Body), s.Now()),
	}, []byte(d.Body))
	clear(secret)
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		d.Attempts++
		hook := map[string]any{"last_success_at": now, "last_error": ""}
		if failure == nil {
			d.State, d.LastError, d.DeliveredAt = Delivered, "", &now
		} else {
			d.LastError = fault.Of(failure).Message
			hook = map[string]any{"last_error": fmt.Sprintf("%s (attempt %d of %d)", d.LastError, d.Attempts, maxAttempts)}
			if d.Attempts >= maxAttempts {
				d.State = Failed
				s.Audit.Record(
					ctx,
					audit.Event{
						PartitionID: h.PartitionID, Action: "webhook.fail", Result: audit.Failed, ObjectKind: "webhook", ObjectID: h.ID,
						ObjectName: h.Name,
						Summary:    "gave up calling the webhook " + h.Name + ": " + d.LastError, Details: audit.Details{
							"event": d.Event, "delivery": d.ID,
						}})
			} else {
				claim.Again(now.Add(backOff(d.Attempts)))
			}
		}
		if err := s.Store.DB(ctx).Select("state", "attempts", "last_error", "delivered_at").Updates(d).Error; err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Model(h).Updates(hook).Error; err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}
