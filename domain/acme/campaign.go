package acme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// CampaignState of a campaign.
type CampaignState string

const (
	Planning  CampaignState = "PLANNING" // its windows are being written
	Running   CampaignState = "RUNNING"
	Done      CampaignState = "DONE"
	Cancelled CampaignState = "CANCELLED"
)

// Selection is which certificates a campaign renews: those issued through ACME, standing, not renewed yet, and as the fields
// say; "" and nil say nothing.
type Selection struct {
	ConfigurationID    string     `json:"configurationId,omitempty"`
	CAID               string     `json:"caId,omitempty"`
	ProfileID          string     `json:"profileId,omitempty"`
	KeyType            string     `json:"keyType,omitempty"`            // "RSA 2048"
	SignatureAlgorithm string     `json:"signatureAlgorithm,omitempty"` // "ecdsa-with-SHA256"
	IssuedFrom         *time.Time `json:"issuedFrom,omitempty"`
	IssuedUntil        *time.Time `json:"issuedUntil,omitempty"`
	ExpiresFrom        *time.Time `json:"expiresFrom,omitempty"`
	ExpiresUntil       *time.Time `json:"expiresUntil,omitempty"`
}

// Campaign spreads the renewal of a set of certificates over a time, by what clients are told (RFC 9773).
type Campaign struct {
	ID               string `gorm:"primaryKey"`
	PartitionID      string
	Name             string
	Filter           Selection `gorm:"serializer:json"`
	BeginsAt         time.Time
	EndsAt           time.Time
	RevokeAt         *time.Time // when those that were not renewed are revoked
	RevocationReason certificate.Reason
	ExplanationURL   string
	State            CampaignState
	Total            int64
	RenewedBefore    int64 // of the selection, left out since they had been renewed when it was planned
	CreatedBy        string
	CreatedAt        time.Time
	// Whose rights it revokes with.
	ActorKind rbac.ActorKind
	ActorID   string
}

func (Campaign) TableName() string { return "renewal_campaigns" }

// over is when nothing is left to be done but revoking what was not replaced.
func (c *Campaign) over() time.Time {
	if c.RevokeAt != nil {
		return *c.RevokeAt
	}
	return c.EndsAt
}

// Window is when a certificate of a campaign is to be renewed.
type Window struct {
	CertificateID string `gorm:"primaryKey"`
	CampaignID    string
	BeginsAt      time.Time
	EndsAt        time.Time
	ReplacedAt    *time.Time
	ReplacedBy    *string
}

func (Window) TableName() string { return "renewal_windows" }

// NewCampaign is what an administrator says of a campaign.
type NewCampaign struct {
	Name             string
	Filter           Selection
	BeginsAt, EndsAt time.Time
	RevokeAt         *time.Time
	RevocationReason certificate.Reason
	ExplanationURL   string
}

// selected are the certificates of a selection.
func (s *Service) selected(ctx context.Context, partitionID string, f Selection) *gorm.DB {
	q := s.Store.DB(ctx).Model(&certificate.Certificate{}).Where(
		"partition_id = ? AND kind = ? AND status = ? AND not_after > ? AND source = ?", partitionID, certificate.Subscriber,
		certificate.Issued, s.Now(), "acme",
	)
	for column, value := range map[string]string{
		"configuration_id": f.ConfigurationID, "ca_id": f.CAID, "profile_id": f.ProfileID, "key_type": f.KeyType,
		"signature_algorithm": f.SignatureAlgorithm,
	} {
		if value != "" {
			q = q.Where(column+" = ?", value)
		}
	}
	for condition, at := range map[string]*time.Time{
		"created_at >= ?": f.IssuedFrom, "created_at < ?": f.IssuedUntil, "not_after >= ?": f.ExpiresFrom, "not_after < ?": f.ExpiresUntil,
	} {
		if at != nil {
			q = q.Where(condition, at.UTC())
		}
	}
	return q
}

// renewed is the condition that a certificate was renewed, by one that stands: of an order that named it (RFC 9773 5), or of a later
// one of its account for the same names. Another account with the same names may be another host, which renews its own.
func (s *Service) renewed() (condition string, args []any) {
	const stands = "n.status = 'valid' AND n.status <> 'invalid' AND m.status <> ? AND m.not_after > ?" // twice, for the indices' sake
	now := s.Now()
	condition = `(EXISTS (SELECT 1 FROM acme_orders AS n JOIN certificates AS m ON m.id = n.certificate_id
			WHERE n.replaces = certificates.id AND ` + stands + `)
		OR EXISTS (SELECT 1 FROM acme_orders AS o
			JOIN acme_orders AS n ON n.configuration_id = o.configuration_id AND n.names = o.names AND n.account_id = o.account_id
				AND n.certificate_id > o.certificate_id
			JOIN certificates AS m ON m.id = n.certificate_id
			WHERE o.certificate_id = certificates.id AND ` + stands + `))`
	return condition, []any{certificate.Revoked, now, certificate.Revoked, now}
}

// CountSelected tells how many certificates a campaign would renew.
func (s *Service) CountSelected(ctx context.Context, partitionID string, f Selection) (int64, error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, partitionID); err != nil {
		return 0, err
	}
	var n int64
	renewed, args := s.renewed()
	err := s.selected(ctx, partitionID, f).Where("NOT "+renewed, args...).Count(&n).Error
	return n, err
}

// CreateCampaign begins a campaign; its windows are written by CampaignJob.
func (s *Service) CreateCampaign(ctx context.Context, partitionID string, n NewCampaign) (c *Campaign, err error) {
	event := audit.Event{PartitionID: partitionID, Action: "campaign.create", ObjectKind: "campaign", ObjectName: n.Name}
	defer s.Audit.Refusal(ctx, &err, &event)
	if err := s.Guard.Require(ctx, rbac.ProtocolManage, partitionID); err != nil {
		return nil, err
	}
	if err := text.Label("name", n.Name, 2, 64); err != nil {
		return nil, err
	}
	now := s.Now()
	switch {
	case !n.EndsAt.After(n.BeginsAt) || !n.EndsAt.After(now):
		return nil, fault.New(fault.Invalid, "the end of a campaign lies after its beginning, and ahead").At("endsAt")
	case n.EndsAt.Sub(n.BeginsAt) > 366*24*time.Hour:
		return nil, fault.New(fault.Invalid, "a campaign lasts a year at most").At("endsAt")
	case n.RevokeAt != nil && !n.RevokeAt.After(n.EndsAt):
		return nil, fault.New(fault.Invalid, "what was not renewed is revoked after the end of the campaign").At("revokeAt")
	case n.ExplanationURL != "" && (!strings.HasPrefix(n.ExplanationURL, "https://") || len(n.ExplanationURL) > 500):
		return nil, fault.New(fault.Invalid, "the explanation is an https URL of at most 500 characters").At("explanationUrl")
	}
	if n.RevokeAt != nil {
		if err := s.Guard.Require(ctx, rbac.CertificateChangeStatus, partitionID); err != nil {
			return nil, err
		}
		if _, ok := certificate.ReasonNames[n.RevocationReason]; !ok {
			return nil, fault.New(fault.Invalid, "unknown revocation reason").At("revocationReason")
		}
	}
	c = &Campaign{
		ID: newID(), PartitionID: partitionID, Name: n.Name, Filter: n.Filter, BeginsAt: n.BeginsAt.UTC().Truncate(time.Microsecond),
		EndsAt:           n.EndsAt.UTC().Truncate(time.Microsecond),
		RevocationReason: n.RevocationReason, ExplanationURL: n.ExplanationURL, State: Planning, CreatedBy: rbac.ActorFrom(ctx).Name,
		CreatedAt: now}
	c.ActorKind, c.ActorID = rbac.ActorFrom(ctx).Kind, rbac.ActorFrom(ctx).ID
	if n.RevokeAt != nil {
		at := n.RevokeAt.UTC().Truncate(time.Microsecond)
		c.RevokeAt = &at
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		done := event
		done.ObjectID, done.Summary = c.ID, "began the renewal campaign "+c.Name
		done.Details = audit.Details{"selection": c.Filter, "beginsAt": c.BeginsAt, "endsAt": c.EndsAt, "revokeAt": c.RevokeAt}
		s.Audit.Record(ctx, done)
		err := s.Store.DB(ctx).Create(c).Error
		if store.IsDuplicate(err) {
			return fault.New(fault.Conflict, "there is a campaign %s already", text.Quote(n.Name)).At("name")
		}
		if err != nil {
			return err
		}
		return s.Jobs.Enqueue(ctx, CampaignJob, c.ID, now, nil)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Campaign returns one.
func (s *Service) Campaign(ctx context.Context, id string) (*Campaign, error) {
	var found []*Campaign
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], s.Guard.Require(ctx, rbac.ProtocolBrowse, found[0].PartitionID)
}

// Campaigns is a page of a partition's campaigns, newest first.
func (s *Service) Campaigns(ctx context.Context, partitionID string, p page.Request) (*page.Page[*Campaign], error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, partitionID); err != nil {
		return nil, err
	}
	return page.Read(ctx, s.Store, s.Store.DB(ctx).Model(&Campaign{}).Where("partition_id = ?", partitionID), p,
		page.Key[Campaign]{Column: "id", Desc: true, Value: func(c *Campaign) any { return c.ID }})
}

// CancelCampaign ends a campaign: its certificates are renewed when they would have been, and none is revoked.
func (s *Service) CancelCampaign(ctx context.Context, id string) (c *Campaign, err error) {
	event := audit.Event{Action: "campaign.cancel", ObjectKind: "campaign", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	if c, err = s.Campaign(ctx, id); err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectName = c.PartitionID, c.Name
	if err := s.Guard.Require(ctx, rbac.ProtocolManage, c.PartitionID); err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(c, "id = ?", id).Error; err != nil {
			return err
		}
		if c.State != Planning && c.State != Running {
			return fault.New(fault.Conflict, "the campaign is %s", text.Lower(c.State))
		}
		c.State = Cancelled
		done := event
		done.Summary = "cancelled the renewal campaign " + c.Name
		s.Audit.Record(ctx, done)
		if err := s.Store.DB(ctx).Model(c).Update("state", c.State).Error; err != nil {
			return err
		}
		// Those that wait go back to their ordinary time.
		if err := s.Store.DB(ctx).Delete(&Window{}, "campaign_id = ? AND replaced_at IS NULL", id).Error; err != nil {
			return err
		}
		return s.Jobs.Cancel(ctx, CampaignJob, id)
	})
	return c, err
}

// Progress of a campaign: how many certificates there are, were replaced, no longer stand without having been replaced, and by
// each of the instants how many were planned to be replaced and were.
type Progress struct {
	Replaced, Ended int64
	Times           []time.Time
	Planned, Actual []int64
}

const buckets = 40

// Progress counts.
func (s *Service) Progress(ctx context.Context, c *Campaign) (*Progress, error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, c.PartitionID); err != nil {
		return nil, err
	}
	p := &Progress{}
	end := c.over()
	columns, values := []string{}, []any{}
	for n := range buckets {
		at := c.BeginsAt.Add(end.Sub(c.BeginsAt) * time.Duration(n+1) / buckets)
		p.Times = append(p.Times, at)
		columns = append(
			columns,
			fmt.Sprintf(
				"COALESCE(SUM(CASE WHEN begins_at < ? THEN 1 ELSE 0 END), 0) AS p%d, COALESCE(SUM(CASE WHEN replaced_at < ? THEN 1 ELSE "+
					"0 END), 0) AS a%d",
				n, n,
			),
		)
		values = append(values, at, at)
	}
	rows := map[string]any{}
	if err := s.Store.DB(ctx).Model(&Window{}).Where("campaign_id = ?", c.ID).Select("COUNT(replaced_at) AS replaced, "+
		strings.Join(columns, ", "), values...).Take(&rows).Error; err != nil {
		return nil, err
	}
	number := func(name string) int64 {
		n, _ := rows[name].(int64)
		return n
	}
	p.Replaced = number("replaced")
	for n := range buckets {
		p.Planned, p.Actual = append(p.Planned, number(fmt.Sprintf("p%d", n))), append(p.Actual, number(fmt.Sprintf("a%d", n)))
	}
	err := s.Store.DB(ctx).Table("renewal_windows AS w").Joins("JOIN certificates AS c ON c.id = w.certificate_id").
		Where(
			"w.campaign_id = ? AND w.replaced_at IS NULL AND (c.status = ? OR c.not_after <= ?)", c.ID, certificate.Revoked, s.Now(),
		).Count(&p.Ended).Error
	return p, err
}

// Stragglers is a page of the certificates that are valid although their time to be renewed has passed, longest first. Its total
// is exact: it says how far a campaign is from its goal.
func (s *Service) Stragglers(ctx context.Context, c *Campaign, p page.Request) (*page.Page[*Window], error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, c.PartitionID); err != nil {
		return nil, err
	}
	now := s.Now()
	query := s.Store.DB(ctx).Model(&Window{}).Joins("JOIN certificates AS c ON c.id = renewal_windows.certificate_id").
		Where("renewal_windows.campaign_id = ? AND renewal_windows.replaced_at IS NULL AND renewal_windows.ends_at < ?", c.ID, now).
		Where("c.status <> ? AND c.not_after > ?", certificate.Revoked, now)
	found, err := page.Read(ctx, s.Store, query.Session(&gorm.Session{}), p,
		page.Key[Window]{Column: "renewal_windows.ends_at", Value: func(w *Window) any { return w.EndsAt }},
		page.Key[Window]{Column: "renewal_windows.certificate_id", Value: func(w *Window) any { return w.CertificateID }})
	if err != nil || found.Total < page.CountLimit {
		return found, err
	}
	var total int64
	err = query.Session(&gorm.Session{}).Count(&total).Error
	found.Total = int(total)
	return found, err
}

const stragglers = 500 // revoked in a transaction

// Run is CampaignJob: it writes the windows, and at the end revokes what was not renewed.
func (s *Service) Run(ctx context.Context, claim *job.Claim) error {
	var found []*Campaign
	if err := s.Store.DB(ctx).Find(&found, "id = ?", claim.Key).Error; err != nil || len(found) == 0 {
		return err
	}
	c := found[0]
	switch c.State {
	case Planning:
		return s.plan(ctx, c.ID, claim)
	case Running:
		return s.end(ctx, c, claim)
	}
	return nil
}

// plan gives each certificate its window, evenly over the campaign.
func (s *Service) plan(ctx context.Context, id string, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		db := s.Store.DB(ctx)
		// One after the other, so that no certificate is planned twice; and who has cancelled it is heeded.
		var planning []*Campaign
		if err := s.Store.ForUpdate(db).Where(
			"partition_id = (SELECT partition_id FROM renewal_campaigns WHERE id = ?) AND state = ?", id, Planning,
		).Order("id").Find(&planning).Error; err != nil {
			return err
		}
		n := slices.IndexFunc(planning, func(c *Campaign) bool { return c.ID == id })
		if n < 0 {
			return nil
		}
		c := planning[n]
		other := db.Session(&gormSession).Table("renewal_windows AS w").Joins(
			"JOIN renewal_campaigns AS k ON k.id = w.campaign_id",
		).Where("k.state = ?", Running).Select("w.certificate_id")
		renewed, args := s.renewed()
		if err := s.selected(ctx, c.PartitionID, c.Filter).Where(renewed, args...).Count(&c.RenewedBefore).Error; err != nil {
			return err
		}
		var ids []string
		if err := s.selected(ctx, c.PartitionID, c.Filter).Where("NOT "+
			renewed, args...).Where("id NOT IN (?)", other).Order("public_key_sha256, id").Pluck("id", &ids).Error; err != nil {
			return err
		}
		length := c.EndsAt.Sub(c.BeginsAt)
		// A little longer than its share, so that a client that picks an instant within it finds some room.
		slot := max(length/time.Duration(max(len(ids), 1)), length/100, min(time.Second, length))
		var rows []*Window
		for n, id := range ids {
			begin := c.BeginsAt.Add(time.Duration(float64(length) * float64(n) / float64(len(ids))).Truncate(time.Microsecond))
			end := begin.Add(slot)
			if end.After(c.EndsAt) {
				end = c.EndsAt
			}
			rows = append(rows, &Window{CertificateID: id, CampaignID: c.ID, BeginsAt: begin, EndsAt: end.Truncate(time.Microsecond)})
		}
		for chunk := range slicesOf(ids, stragglers) {
			if err := db.Delete(&Window{}, "certificate_id IN ?", chunk).Error; err != nil { // of campaigns that have ended
				return err
			}
		}
		if err := store.CreateAll(ctx, s.Store, rows); err != nil {
			return err
		}
		c.State, c.Total = Running, int64(len(ids))
		if err := db.Model(c).Select("state", "total", "renewed_before").Updates(c).Error; err != nil {
			return err
		}
		claim.Again(c.over())
		return claim.Done(ctx)
	})
}

func slicesOf(ids []string, n int) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for len(ids) > 0 {
			k := min(n, len(ids))
			if !yield(ids[:k]) {
				return
			}
			ids = ids[k:]
		}
	}
}

// end revokes stragglers, some in each transaction, and ends the campaign.
func (s *Service) end(ctx context.Context, c *Campaign, claim *job.Claim) error {
	if at := c.over(); s.Now().Before(at) {
		claim.Again(at)
		return nil
	}
	// Who asked for the revocation must still be allowed to revoke.
	var lost error
	if c.RevokeAt != nil {
		as, err := s.Actors.CurrentActor(ctx, c.ActorKind, c.ActorID, c.CreatedBy)
		if err == nil {
			err = s.Guard.Require(rbac.WithActor(ctx, as), rbac.CertificateChangeStatus, c.PartitionID)
		}
		if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Forbidden) || fault.Is(err, fault.NotFound) {
			lost = err
		} else if err != nil {
			return err
		}
	}
	for {
		left := 0
		err := s.Store.Tx(ctx, func(ctx context.Context) error {
			db := s.Store.DB(ctx)
			left = 0
			// Who cancels it now waits, and who has done so is heeded.
			if err := s.Store.ForUpdate(db).Take(c, "id = ?", c.ID).Error; err != nil || c.State != Running {
				return err
			}
			if c.RevokeAt != nil && lost == nil {
				var ids []string
				if err := db.Table("renewal_windows AS w").Joins("JOIN certificates AS c ON c.id = w.certificate_id").
					Where(
						"w.campaign_id = ? AND w.replaced_at IS NULL AND c.status <> ?", c.ID, certificate.Revoked,
					).Order("w.certificate_id").Limit(stragglers).Pluck("w.certificate_id", &ids).Error; err != nil {
					return err
				}
				if left = len(ids); left > 0 {
					return s.revoke(ctx, c, ids)
				}
			}
			c.State = Done
			e := audit.Event{
				PartitionID: c.PartitionID, Action: "campaign.end", ObjectKind: "campaign", ObjectID: c.ID, ObjectName: c.Name,
				Summary: "ended the renewal campaign " + c.Name,
			}
			if lost != nil {
				e.Result = audit.Failed
				e.Summary += " without revoking anything: " + c.CreatedBy + ", who requested it, no longer has the permission to revoke " +
					"certificates"
			}
			s.Audit.Record(ctx, e)
			if err := db.Model(c).Update("state", c.State).Error; err != nil {
				return err
			}
			return claim.Done(ctx)
		})
		if errors.Is(err, errReplaced) {
			continue
		}
		if err != nil || left == 0 {
			return err
		}
	}
}

// errReplaced: a certificate was replaced while it was about to be revoked for not being so.
var errReplaced = errors.New("replaced at the last moment")

func (s *Service) revoke(ctx context.Context, c *Campaign, ids []string) error {
	var list []certificate.Revocation
	for _, id := range ids {
		list = append(list, certificate.Revocation{CertificateID: id, Reason: c.RevocationReason})
	}
	_, cas, err := s.Certificates.RevokeMany(ctx, c.PartitionID, "campaign "+c.Name, list)
	if err != nil {
		return err
	}
	// From here on nothing else is issued in the partition until this is committed, and what was issued before is seen.
	var replaced int64
	if err := s.Store.DB(ctx).Model(&Window{}).Where(
		"certificate_id IN ? AND replaced_at IS NOT NULL", ids,
	).Count(&replaced).Error; err != nil {
		return err
	}
	if replaced > 0 {
		return errReplaced
	}
	for _, id := range cas {
		if err := s.Jobs.Enqueue(ctx, certificate.PublishCRLJob, id, s.Now(), nil); err != nil {
			return err
		}
	}
	return nil
}
