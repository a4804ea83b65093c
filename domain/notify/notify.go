// Package notify notifies people and programs of expiries and alarms, by mail and by signed webhooks. Messages are
// batched, and each event is reported once.
package notify

import (
	"context"
	"encoding/json"
	"net/mail"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/seal"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Settings of a partition. Without a row: DefaultDays, all alarms, no recipients.
type Settings struct {
	PartitionID string   `gorm:"primaryKey"`
	Days        []int    `gorm:"serializer:json"`
	Recipients  []string `gorm:"serializer:json"`
	Alarms      []Alarm  `gorm:"serializer:json"` // the enabled alarms
}

func (Settings) TableName() string { return "notification_settings" }

// DefaultDays are the days before expiry at which notifications are sent by default.
var DefaultDays = []int{30, 7, 1}

// Webhook is an address to call.
type Webhook struct {
	ID            string `gorm:"primaryKey"`
	PartitionID   string
	Name          string
	URL           string `gorm:"column:url"`
	Secret        []byte // sealed
	CreatedBy     string
	CreatedAt     time.Time
	LastSuccessAt *time.Time
	LastError     string
}

func (Webhook) TableName() string { return "webhooks" }

// DeliveryState is the state of a delivery.
type DeliveryState string

const (
	Pending   DeliveryState = "PENDING"
	Delivered DeliveryState = "DELIVERED"
	Failed    DeliveryState = "FAILED"
)

// Delivery is one call of a webhook.
type Delivery struct {
	ID          string `gorm:"primaryKey"` // UUIDv7
	WebhookID   string
	Event       string
	Body        string
	State       DeliveryState
	Attempts    int64
	LastError   string
	CreatedAt   time.Time
	DeliveredAt *time.Time
}

func (Delivery) TableName() string { return "webhook_deliveries" }

const purpose = "webhook"

// Sealed lists the sealed columns.
func Sealed() []seal.Column {
	return []seal.Column{{Table: "webhooks", Name: "secret", Purpose: purpose}}
}

// These are the jobs of this package.
const (
	ExpiryJob  = "notify.expiry"  // key: "all"
	DeliverJob = "notify.deliver" // key: delivery id
)

// Mailer sends a mail in the transaction of ctx.
type Mailer interface {
	Send(ctx context.Context, partitionID, to, subject, body string) error
}

// Poster calls webhooks. It refuses addresses that must not be called.
type Poster interface {
	// Allowed refuses a URL that is bound to be refused because of its form.
	Allowed(url string) error
	// Post returns an error unless the response status is 200 to 299.
	Post(ctx context.Context, url string, header map[string]string, body []byte) error
}

// Service manages notifications.
type Service struct {
	Store   *store.Store
	Guard   *rbac.Guard
	Audit   *audit.Log
	Jobs    *job.Queue
	Mail    Mailer
	Poster  Poster
	Sealer  seal.Sealer
	Now     func() time.Time
	BaseURL string
	Keys    keystore.Set
}

// Get returns the settings of a partition.
func (s *Service) Get(ctx context.Context, partitionID string) (*Settings, error) {
	if err := s.Guard.Require(ctx, rbac.NotificationBrowse, partitionID); err != nil {
		return nil, err
	}
	return s.settings(ctx, partitionID)
}

func (s *Service) settings(ctx context.Context, partitionID string) (*Settings, error) {
	found := &Settings{}
	err := s.Store.DB(ctx).Take(found, "partition_id = ?", partitionID).Error
	if store.IsNotFound(err) {
		return &Settings{PartitionID: partitionID, Days: DefaultDays, Recipients: []string{}, Alarms: Alarms()}, nil
	}
	return found, err
}

// Update sets day marks, recipients and alarms. A nil value leaves the alarms unchanged.
func (s *Service) Update(
	ctx context.Context, partitionID string, days []int, recipients []string, alarms []Alarm,
) (_ *Settings, err error) {
	event := audit.Event{PartitionID: partitionID, Action: "notification.update", ObjectKind: "partition", ObjectID: partitionID}
	defer s.Audit.Refusal(ctx, &err, &event)
	if err := s.Guard.Require(ctx, rbac.NotificationManage, partitionID); err != nil {
		return nil, err
	}
	days = slices.Clone(days)
	slices.SortFunc(days, func(a, b int) int { return b - a })
	days = slices.Compact(days)
	if len(days) > 10 || len(days) > 0 && (days[0] > 365 || days[len(days)-1] < 1) {
		return nil, fault.New(fault.Invalid, "Enter up to 10 numbers of days, each from 1 to 365.").At("days")
	}
	if len(recipients) > 50 {
		return nil, fault.New(fault.Invalid, "At most 50 recipients are allowed.").At("recipients")
	}
	clean := make([]string, 0, len(recipients))
	for _, r := range recipients {
		r = strings.TrimSpace(r)
		if a, err := mail.ParseAddress(r); err != nil || a.Address != r || len(r) > 254 {
			return nil, fault.New(fault.Invalid, "%s is not a valid e-mail address.", text.Quote(r)).At("recipients")
		}
		if !slices.Contains(clean, r) {
			clean = append(clean, r)
		}
	}
	if alarms != nil {
		if alarms, err = checkAlarms(alarms); err != nil {
			return nil, err
		}
	}
	set := &Settings{PartitionID: partitionID, Days: days, Recipients: clean, Alarms: alarms}
	return set, s.Store.Tx(ctx, func(ctx context.Context) error {
		before, err := s.settings(ctx, partitionID)
		if err != nil {
			return err
		}
		if alarms == nil {
			set.Alarms = before.Alarms
		}
		done := event
		done.Summary = "changed the notification settings"
		done.Details = audit.Details{"before": audit.Details{"days": before.Days, "recipients": before.Recipients, "alarms": before.Alarms},
			"after": audit.Details{"days": days, "recipients": clean, "alarms": set.Alarms}}
		s.Audit.Record(ctx, done)
		if err := s.begin(ctx, partitionID); err != nil {
			return err
		}
		return s.Store.DB(ctx).Clauses(
			clause.OnConflict{Columns: []clause.Column{{Name: "partition_id"}}, UpdateAll: true},
		).Create(set).Error
	})
}

// thing is an item that expires.
type thing struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Detail    string    `json:"detail,omitempty"` // serial number or identifier
	ExpiresAt time.Time `json:"expiresAt"`
	CreatedAt time.Time `json:"-"`
	Path      string    `json:"-" gorm:"-"`
}

// sources lists the kinds of things that expire, with the query that finds them in a time span. The last argument is a
// limit.
var sources = []struct{ kind, plural, query, path string }{
	{
		"certificate", "certificates",
		`SELECT id, subject AS name, serial_number AS detail, not_after AS expires_at, created_at FROM certificates
		WHERE partition_id = @p AND counted AND not_after > @now AND not_after <= @until
		AND NOT EXISTS (SELECT 1 FROM notification_marks m WHERE m.kind = 'certificate' AND m.object_id = certificates.id AND m.expires_at =
			not_after AND m.days <= @days) ORDER BY not_after, id LIMIT @limit`, "/certificates/"},
	{
		"ca", "certification authorities",
		`SELECT id, friendly_name AS name, identifier AS detail, not_after AS expires_at, created_at FROM certification_authorities
		WHERE partition_id = @p AND status = 'ACTIVE' AND deleted_at IS NULL AND purged_at IS NULL AND not_after > @now AND not_after <=
			@until
		AND NOT EXISTS (SELECT 1 FROM notification_marks m WHERE m.kind = 'ca' AND m.object_id = certification_authorities.id AND
			m.expires_at = not_after AND m.days <= @days) ORDER BY not_after, id LIMIT @limit`, "/cas/"},
	{"ocsp-signer", "OCSP signers", `SELECT c.id, c.friendly_name AS name, c.identifier AS detail, d.not_after AS expires_at, c.created_at
		FROM certification_authorities c JOIN delegates d ON d.ca_id = c.id AND d.key_generation = c.key_generation AND d.purpose =
			'OCSP_SIGNER' AND d.status = 'CURRENT'
		WHERE c.partition_id = @p AND c.status = 'ACTIVE' AND c.ocsp_enabled AND c.deleted_at IS NULL AND c.purged_at IS NULL AND
			d.not_after > @now AND d.not_after <= @until
		AND NOT EXISTS (SELECT 1 FROM notification_marks m WHERE m.kind = 'ocsp-signer' AND m.object_id = c.id AND m.expires_at =
			d.not_after AND m.days <= @days)
		ORDER BY d.not_after, c.id LIMIT @limit`, "/cas/"},
	{"api-token", "API tokens", `SELECT id, name, prefix AS detail, expires_at, created_at FROM api_tokens
		WHERE partition_id = @p AND revoked_at IS NULL AND expires_at > @now AND expires_at <= @until
		AND NOT EXISTS (SELECT 1 FROM notification_marks m WHERE m.kind = 'api-token' AND m.object_id = api_tokens.id AND m.expires_at =
			api_tokens.expires_at AND m.days <= @days) ORDER BY expires_at, id LIMIT @limit`, "/users"},
	{
		"cagw-credential", "CA Gateway credentials",
		`SELECT c.id, c.friendly_name AS name, c.identifier AS detail, x.not_after AS expires_at, x.created_at
		FROM credentials c JOIN credential_certificates x ON x.credential_id = c.id AND x.ends_at IS NULL
		WHERE c.partition_id = @p AND c.deleted_at IS NULL AND x.not_after > @now AND x.not_after <= @until
		AND NOT EXISTS (SELECT 1 FROM notification_marks m WHERE m.kind = 'cagw-credential' AND m.object_id = c.id AND m.expires_at =
			x.not_after AND m.days <= @days) ORDER BY x.not_after, c.id LIMIT @limit`, "/users"},
}

// signerMark is the only mark of OCSP signers, in days: they are valid for 30 days and renewed automatically 10 days
// before expiry. Only a missing renewal is reported.
const signerMark = 9

const (
	foundAtOnce = 5000 // per kind and run; the next run follows at once
	listed      = 100  // items listed in a mail or webhook
)

// Expiry runs ExpiryJob.
func (s *Service) Expiry(ctx context.Context, claim *job.Claim) error {
	var partitions []string
	if err := s.Store.DB(ctx).Raw(
		"SELECT partition_id FROM notification_settings UNION SELECT partition_id FROM webhooks ORDER BY 1",
	).Scan(&partitions).Error; err != nil {
		return err
	}
	more := false
	for _, p := range partitions {
		rest, err := s.tell(ctx, p)
		if err != nil {
			return err
		}
		more = more || rest
	}
	next := s.Now().Add(time.Hour)
	if more {
		next = s.Now()
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		// Marks of expired things are no longer needed.
		if err := s.Store.DB(ctx).Exec("DELETE FROM notification_marks WHERE expires_at < ?", s.Now().AddDate(0, 0, -7)).Error; err != nil {
			return err
		}
		claim.Again(next)
		return claim.Done(ctx)
	})
}

type mark struct {
	PartitionID string
	Kind        string
	ObjectID    string
	ExpiresAt   time.Time
	Days        int
}

func (mark) TableName() string { return "notification_marks" }

// tell finds, for each kind and day mark, what has crossed the mark, and sends one message per kind.
func (s *Service) tell(ctx context.Context, partitionID string) (more bool, err error) {
	set, err := s.settings(ctx, partitionID)
	if err != nil {
		return false, err
	}
	var hooks []*Webhook
	if err := s.Store.DB(ctx).Order("id").Find(&hooks, "partition_id = ?", partitionID).Error; err != nil {
		return false, err
	}
	if len(set.Days) == 0 || len(set.Recipients) == 0 && len(hooks) == 0 {
		return false, nil
	}
	now := s.Now()
	for _, source := range sources {
		err := s.Store.Tx(ctx, func(ctx context.Context) error {
			var told []*thing
			total := 0
			// Start with the nearest mark: what has crossed several is reported once, for the nearest.
			for n := len(set.Days) - 1; n >= 0; n-- {
				days := set.Days[n]
				if source.kind == "ocsp-signer" && days > signerMark {
					continue
				}
				var found []*thing
				err := s.Store.DB(ctx).Raw(
					source.query,
					map[string]any{"p": partitionID, "now": now, "until": now.AddDate(0, 0, days), "days": days, "limit": foundAtOnce},
				).Scan(&found).Error
				if err != nil || len(found) == 0 {
					if err != nil {
						return err
					}
					continue
				}
				more = more || len(found) == foundAtOnce
				marks := make([]mark, len(found))
				for k, f := range found {
					marks[k] = mark{partitionID, source.kind, f.ID, f.ExpiresAt, days}
					// Skip what was created within the mark: short-lived certificates are not reported.
					if f.CreatedAt.After(f.ExpiresAt.AddDate(0, 0, -days)) {
						continue
					}
					if total++; len(told) < listed {
						told = append(told, f)
					}
				}
				if err := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(marks, 500).Error; err != nil {
					return err
				}
			}
			if total == 0 {
				return nil
			}
			slices.SortStableFunc(told, func(a, b *thing) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
			s.Audit.Record(
				ctx,
				audit.Event{
					PartitionID: partitionID, Action: "notification.send", ObjectKind: "partition", ObjectID: partitionID,
					Summary: "notified of " + plural(total, source.plural) + " about to expire",
					Details: audit.Details{"kind": source.kind, "count": total, "recipients": len(set.Recipients), "webhooks": len(hooks)}})
			subject, body := s.letter(partitionID, source.plural, source.path, total, told)
			for _, to := range set.Recipients {
				if err := s.Mail.Send(ctx, partitionID, to, subject, body); err != nil {
					return err
				}
			}
			for _, h := range hooks {
				if err := s.enqueue(ctx, h, "expiry."+source.kind, map[string]any{"count": total, "objects": told}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	return more, nil
}

func plural(n int, what string) string {
	number, _ := json.Marshal(n) // marshalling an int never fails
	if n == 1 {
		return "1 of the " + what
	}
	return string(number) + " " + what
}

func (s *Service) letter(partitionID, what, path string, total int, told []*thing) (subject, body string) {
	subject = "pkiaas: " + plural(total, what) + " about to expire"
	var b strings.Builder
	b.WriteString("These " + what + " of partition " + partitionID + " are about to expire, the earliest first (UTC):\n\n")
	for _, t := range told {
		b.WriteString(t.ExpiresAt.UTC().Format("2006-01-02 15:04") + "  " + t.Name)
		if t.Detail != "" {
			b.WriteString("  (" + t.Detail + ")")
		}
		b.WriteString("\r\n")
	}
	if total > len(told) {
		b.WriteString("... and " + plural(total-len(told), "others") + ".\r\n")
	}
	link := "/p/" + partitionID + strings.TrimSuffix(path, "/")
	if path == "/certificates/" {
		link += "?sort=EXPIRES_FIRST"
	}
	b.WriteString("\r\nSee them: " + s.BaseURL + link + "\r\n")
	return subject, b.String()
}
