package notify

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
)

// Alarm is a kind of event, other than expiry, about which a partition is notified.
type Alarm string

const (
	// KeyRefused: an operation with a CA or its key was refused or failed.
	KeyRefused Alarm = "KEY_REFUSED"
	// CRLHeld: a CRL is held back, or the clock is behind the latest CRL.
	CRLHeld Alarm = "CRL_HELD"
	// KeyStoreAway: a key store with keys of the partition's CAs has become unavailable, or available again.
	KeyStoreAway Alarm = "KEY_STORE_AWAY"
	// ApprovalWaiting: a request needs approval.
	ApprovalWaiting Alarm = "APPROVAL_WAITING"
)

// Alarms lists all kinds. A partition is notified of all unless it has chosen otherwise.
func Alarms() []Alarm { return []Alarm{KeyRefused, CRLHeld, KeyStoreAway, ApprovalWaiting} }

// messages holds, for each kind of alarm, the webhook event and the wording of mails.
var messages = map[Alarm]struct{ event, subject, intro, path string }{
	KeyRefused: {
		"alarm.key-refused",
		"operations with CAs or their keys were refused or failed",
		"Operations with CAs or their keys were refused or failed",
		"/events",
	},
	CRLHeld:         {"alarm.crl-held", "CRLs need attention", "CRLs need attention", "/cas"},
	KeyStoreAway:    {"alarm.key-store-away", "key stores changed state", "Key stores changed state", "/cas"},
	ApprovalWaiting: {"alarm.approval-waiting", "requests wait for approval", "Requests wait for approval", "/approvals"},
}

// AlarmJob sends alarms; key: "all".
const AlarmJob = "notify.alarms"

const (
	// alarmEvery is the interval of the job. After a message, alarmQuiet passes before the next one, which covers
	// everything that happened meanwhile.
	alarmEvery, alarmQuiet = time.Minute, 5 * time.Minute
	// checkTime is how long a key store may take to answer.
	checkTime = 5 * time.Second
	// skipped is the number of events without alarms after which the position is saved, so that not every run writes.
	skipped = 1000
	// longest text from users in a message, in characters
	longest = 300
)

// notice is an alarm as a message describes it.
type notice struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Summary string    `json:"summary"`
	Actor   string    `json:"actor,omitempty"`
	Time    time.Time `json:"time"`
}

// progress is how far a partition has been notified.
type progress struct {
	PartitionID string `gorm:"primaryKey"`
	Sequence    int64
	ToldAt      *time.Time
}

func (progress) TableName() string { return "notification_progress" }

type awayStore struct {
	PartitionID string `gorm:"primaryKey"`
	KeyStore    string `gorm:"primaryKey"`
	Since       time.Time
}

func (awayStore) TableName() string { return "notification_key_stores" }

// Alarms runs AlarmJob.
func (s *Service) Alarms(ctx context.Context, claim *job.Claim) error {
	var partitions []string
	const told = "SELECT partition_id FROM notification_settings UNION SELECT partition_id FROM webhooks ORDER BY 1"
	if err := s.Store.DB(ctx).Raw(told).Scan(&partitions).Error; err != nil {
		return err
	}
	stores, err := s.keyStores(ctx, partitions)
	if err != nil {
		return err
	}
	for _, p := range partitions {
		if err := s.Store.Tx(ctx, func(ctx context.Context) error { return s.raise(ctx, p, stores[p]) }); err != nil {
			return err
		}
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		claim.Again(s.Now().Add(alarmEvery))
		return claim.Done(ctx)
	})
}

// keyStores tells whether the key stores with keys of the partitions' CAs are available.
func (s *Service) keyStores(ctx context.Context, partitions []string) (map[string]map[string]bool, error) {
	var used []struct{ PartitionID, KeyStore string }
	const query = `SELECT partition_id, key_store FROM certification_authorities
			WHERE partition_id IN @p AND deleted_at IS NULL AND key_id <> ''
		UNION SELECT c.partition_id, d.key_store FROM certification_authorities c JOIN delegates d ON d.ca_id = c.id AND d.key_generation =
			c.key_generation
			WHERE c.partition_id IN @p AND c.deleted_at IS NULL AND d.status = 'CURRENT'`
	if err := s.Store.DB(ctx).Raw(query, map[string]any{"p": partitions}).Scan(&used).Error; err != nil {
		return nil, err
	}
	up := map[string]bool{}
	of := map[string]map[string]bool{}
	for _, u := range used {
		if _, checked := up[u.KeyStore]; !checked {
			found, err := s.Keys.ByName(u.KeyStore)
			if err == nil {
				ctx, cancel := context.WithTimeout(ctx, checkTime)
				err = found.Check(ctx)
				cancel()
			}
			up[u.KeyStore] = err == nil
		}
		if of[u.PartitionID] == nil {
			of[u.PartitionID] = map[string]bool{}
		}
		of[u.PartitionID][u.KeyStore] = up[u.KeyStore]
	}
	return of, nil
}

// raise sends one message for each kind of new alarm, in the transaction of ctx.
func (s *Service) raise(ctx context.Context, partitionID string, stores map[string]bool) error {
	set, err := s.settings(ctx, partitionID)
	if err != nil {
		return err
	}
	var hooks []*Webhook
	if err := s.Store.DB(ctx).Order("id").Find(&hooks, "partition_id = ?", partitionID).Error; err != nil {
		return err
	}
	to, err := s.progress(ctx, partitionID)
	if err != nil || to == nil {
		return err
	}
	now := s.Now()
	if to.ToldAt != nil && now.Before(to.ToldAt.Add(alarmQuiet)) && !to.ToldAt.After(now) {
		return nil
	}
	raised := map[Alarm][]*notice{}
	if err := s.heard(ctx, to, raised); err != nil {
		return err
	}
	if err := s.compare(ctx, partitionID, stores, raised); err != nil {
		return err
	}
	if len(raised) == 0 {
		return nil
	}
	for _, alarm := range Alarms() {
		list := raised[alarm]
		if len(list) == 0 || !slices.Contains(set.Alarms, alarm) || len(set.Recipients)+len(hooks) == 0 {
			continue
		}
		to.ToldAt = &now
		if err := s.send(ctx, set, hooks, alarm, list); err != nil {
			return err
		}
	}
	return s.Store.DB(ctx).Select("*").Updates(to).Error
}

// progress reads and locks how far a partition has been notified. A new partition starts at the present.
func (s *Service) progress(ctx context.Context, partitionID string) (*progress, error) {
	var found []*progress
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Find(&found, "partition_id = ?", partitionID).Error; err != nil {
		return nil, err
	}
	if len(found) > 0 {
		return found[0], nil
	}
	return nil, s.begin(ctx, partitionID)
}

// begin starts alarms from the present, unless they have started.
func (s *Service) begin(ctx context.Context, partitionID string) error {
	return s.Store.DB(ctx).Exec(`INSERT INTO notification_progress (partition_id, sequence)
		SELECT ?, COALESCE((SELECT sequence FROM audit_chains WHERE partition_id = ?), 0) WHERE true
		ON CONFLICT (partition_id) DO NOTHING`, partitionID, partitionID).Error
}

// heard reads the events since the last run. Its condition must match the index audit_events_alarms.
func (s *Service) heard(ctx context.Context, to *progress, raised map[Alarm][]*notice) error {
	var head int64 // read before the events, so that all events up to it are included
	if err := s.Store.DB(ctx).Raw(
		"SELECT sequence FROM audit_chains WHERE partition_id = ?", to.PartitionID,
	).Scan(&head).Error; err != nil {
		return err
	}
	var events []*audit.Event
	const alarming = "partition_id = ? AND sequence > ? AND (object_kind = 'ca' AND result <> 'SUCCESS' OR action = 'approval.request')"
	if err := s.Store.DB(ctx).Where(
		alarming, to.PartitionID, to.Sequence,
	).Order("sequence").Limit(foundAtOnce).Find(&events).Error; err != nil {
		return err
	}
	if len(events) == 0 && head-to.Sequence > skipped {
		to.Sequence = head
		return s.Store.DB(ctx).Select("sequence").Updates(to).Error
	}
	waiting := map[string]bool{}
	for _, e := range events {
		if e.Action == "approval.request" {
			waiting[e.ObjectID] = false
		}
		to.Sequence = e.Sequence
	}
	if len(waiting) > 0 { // skip requests that have been decided meanwhile
		var pending []string
		asked := slices.Sorted(maps.Keys(waiting))
		if err := s.Store.DB(ctx).Raw(
			"SELECT id FROM approvals WHERE id IN ? AND state = 'PENDING'", asked,
		).Scan(&pending).Error; err != nil {
			return err
		}
		for _, id := range pending {
			waiting[id] = true
		}
	}
	for _, e := range events {
		alarm := KeyRefused
		switch e.Action {
		case "approval.request":
			if alarm = ApprovalWaiting; !waiting[e.ObjectID] {
				continue
			}
		case "crl.hold", "crl.clock":
			alarm = CRLHeld
		}
		raised[alarm] = append(
			raised[alarm],
			&notice{
				ID:      e.ObjectID,
				Name:    text.Line(e.ObjectName, longest),
				Summary: text.Line(e.Action+": "+e.Summary, longest),
				Actor:   text.Line(e.ActorName, longest),
				Time:    e.Time.UTC(),
			},
		)
	}
	return nil
}

// compare finds key stores whose state differs from what the partition was last told.
func (s *Service) compare(ctx context.Context, partitionID string, stores map[string]bool, raised map[Alarm][]*notice) error {
	var told []*awayStore
	if err := s.Store.DB(ctx).Order("key_store").Find(&told, "partition_id = ?", partitionID).Error; err != nil {
		return err
	}
	now := s.Now()
	say := func(store, what string) {
		raised[KeyStoreAway] = append(raised[KeyStoreAway], &notice{ID: store, Name: store, Summary: what, Time: now})
	}
	known := map[string]bool{}
	for _, t := range told {
		known[t.KeyStore] = true
		if up, used := stores[t.KeyStore]; used && !up {
			continue
		}
		say(t.KeyStore, "The key store "+t.KeyStore+" is available again.")
		if err := s.Store.DB(ctx).Delete(t).Error; err != nil {
			return err
		}
	}
	for _, store := range slices.Sorted(maps.Keys(stores)) {
		if stores[store] || known[store] {
			continue
		}
		say(store, "The key store "+store+" is unavailable. Its CAs cannot issue certificates or sign new CRLs and OCSP answers.")
		if err := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(
			&awayStore{partitionID, store, now},
		).Error; err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) send(ctx context.Context, set *Settings, hooks []*Webhook, alarm Alarm, list []*notice) error {
	m := messages[alarm]
	s.Audit.Record(
		ctx,
		audit.Event{
			PartitionID: set.PartitionID,
			Action:      "notification.send",
			ObjectKind:  "partition",
			ObjectID:    set.PartitionID,
			Summary:     "sent an alarm: " + m.subject,
			Details:     audit.Details{"kind": alarm, "count": len(list), "recipients": len(set.Recipients), "webhooks": len(hooks)},
		},
	)
	first := list[:min(len(list), listed)]
	var b strings.Builder
	b.WriteString(m.intro + " in partition " + set.PartitionID + " (UTC):\r\n\r\n")
	for _, n := range first {
		b.WriteString(n.Time.Format("2006-01-02 15:04") + "  " + n.Summary)
		if n.Name != "" && !strings.Contains(n.Summary, n.Name) {
			b.WriteString(" [" + n.Name + "]")
		}
		if n.Actor != "" {
			b.WriteString(" (" + n.Actor + ")")
		}
		b.WriteString("\r\n")
	}
	if len(list) > len(first) {
		b.WriteString("... and " + plural(len(list)-len(first), "others") + ".\r\n")
	}
	b.WriteString("\r\nSee them: " + s.BaseURL + "/p/" + set.PartitionID + m.path + "\r\n")
	for _, recipient := range set.Recipients {
		if err := s.Mail.Send(ctx, set.PartitionID, recipient, "pkiaas: "+m.subject, b.String()); err != nil {
			return err
		}
	}
	for _, h := range hooks {
		if err := s.enqueue(ctx, h, m.event, map[string]any{"count": len(list), "objects": first}); err != nil {
			return err
		}
	}
	return nil
}

// checkAlarms refuses unknown kinds of alarm. It removes duplicates and sorts in the order of Alarms.
func checkAlarms(chosen []Alarm) ([]Alarm, error) {
	list := []Alarm{}
	for _, a := range Alarms() {
		if slices.Contains(chosen, a) {
			list = append(list, a)
		}
	}
	for _, a := range chosen {
		if !slices.Contains(list, a) {
			return nil, fault.New(fault.Invalid, "Unknown alarm %s.", text.Quote(string(a))).At("alarms")
		}
	}
	return list, nil
}
