// Package tenant manages subscriptions with their purchased amounts, the partitions they are assigned to, quotas and
// rate limits.
package tenant

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Tier of the rate limits.
type Tier string

const (
	Standard  Tier = "STANDARD"
	Premium   Tier = "PREMIUM"
	Unlimited Tier = "UNLIMITED"
)

// Region of a partition.
type Region string

// Subscription is a purchased right to certificates and CAs.
type Subscription struct {
	ID                    string `gorm:"primaryKey"` // 24 hexadecimal digits
	Name                  string
	Tier                  Tier
	TierSet               bool // set by an operator; otherwise Tier follows the purchased number
	PurchasedCertificates int64
	PurchasedCAs          int64 `gorm:"column:purchased_cas"`
	CreatedAt             time.Time
}

// PremiumFrom is the purchased number of certificates at which the tier becomes PREMIUM, unless an operator has set the
// tier.
const PremiumFrom = 1_000_000

// updateTier sets the tier from the purchased number, unless an operator has set it.
func (s *Subscription) updateTier() {
	switch {
	case s.TierSet:
	case s.PurchasedCertificates >= PremiumFrom:
		s.Tier = Premium
	default:
		s.Tier = Standard
	}
}

func (Subscription) TableName() string { return "subscriptions" }

// Partition is a tenant.
type Partition struct {
	ID                 string `gorm:"primaryKey"` // sub and 10 hexadecimal digits
	SubscriptionID     string
	Name               string
	Region             Region
	TermsAcceptedBy    string
	ActiveCertificates int64
	ActiveCAs          int64 `gorm:"column:active_cas"`
	CreatedAt          time.Time
}

func (Partition) TableName() string { return "partitions" }

// Owners invites the first Owner of a subscription and copies its Owners to its partition.
type Owners interface {
	InviteOwner(ctx context.Context, subscriptionID, email, firstName, lastName string) error
	CopyGrants(ctx context.Context, from, to string) error
}

// Service manages subscriptions and partitions.
type Service struct {
	Store   *store.Store
	Guard   *rbac.Guard
	Audit   *audit.Log
	Owners  Owners
	Now     func() time.Time
	Regions []string // the regions of this deployment
	BaseURL string
}

// NewSubscription describes a subscription to create.
type NewSubscription struct {
	Name                  string
	PurchasedCertificates int
	PurchasedCAs          int
	Tier                  *Tier // nil: from the purchased number
	OwnerEmail            string
	OwnerFirstName        string
	OwnerLastName         string
}

// Create creates a subscription and invites its first Owner. For operators.
func (s *Service) Create(ctx context.Context, n NewSubscription) (*Subscription, error) {
	if err := s.Guard.Require(ctx, rbac.SubscriptionCreate, rbac.Platform); err != nil {
		return nil, err
	}
	if err := text.Label("name", n.Name, 2, 64); err != nil {
		return nil, err
	}
	if err := checkPurchase(n.PurchasedCertificates, n.PurchasedCAs); err != nil {
		return nil, err
	}
	sub := &Subscription{
		ID: randomHex(12), Name: n.Name, PurchasedCertificates: int64(n.PurchasedCertificates), PurchasedCAs: int64(n.PurchasedCAs),
		CreatedAt: s.Now(),
	}
	if n.Tier != nil {
		sub.Tier, sub.TierSet = *n.Tier, true
	}
	sub.updateTier()
	return sub, s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.DB(ctx).Create(sub).Error; err != nil {
			return err
		}
		s.Audit.Record(ctx, audit.Event{Action: "subscription.create", ObjectKind: "subscription", ObjectID: sub.ID, ObjectName: sub.Name,
			Summary: "created subscription " + sub.Name, Details: audit.Details{
				"certificates": n.PurchasedCertificates, "cas": n.PurchasedCAs, "tier": sub.Tier, "tierSet": sub.TierSet,
				"owner": n.OwnerEmail,
			}})
		return s.Owners.InviteOwner(ctx, sub.ID, n.OwnerEmail, n.OwnerFirstName, n.OwnerLastName)
	})
}

func checkPurchase(certificates, cas int) error {
	if certificates < 0 || certificates > 1_000_000_000 {
		return fault.New(fault.Invalid, "The number of certificates is out of range.").At("purchasedCertificates")
	}
	if cas < 0 || cas > 100_000 {
		return fault.New(fault.Invalid, "The number of certification authorities is out of range.").At("purchasedCas")
	}
	return nil
}

// Update changes the purchased numbers or the tier; nil leaves a value unchanged. With follows, the tier follows the
// purchased number again. A number may be lower than what is in use: issuing then stops until enough certificates have
// ended. For operators.
func (s *Service) Update(ctx context.Context, id string, certificates, cas *int, tier *Tier, follows bool) (*Subscription, error) {
	if err := s.Guard.Require(ctx, rbac.SubscriptionUpdate, rbac.Platform); err != nil {
		return nil, err
	}
	if tier != nil && follows {
		return nil, fault.New(
			fault.Invalid, "The tier cannot be set and follow the purchased number at the same time.",
		).At("tierFollowsPurchase").Do("Provide one of the two.")
	}
	sub := &Subscription{}
	return sub, s.Store.Tx(ctx, func(ctx context.Context) error {
		err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(sub, "id = ?", id).Error
		if store.IsNotFound(err) {
			return rbac.NotFound()
		}
		if err != nil {
			return err
		}
		before := audit.Details{
			"certificates": sub.PurchasedCertificates, "cas": sub.PurchasedCAs, "tier": sub.Tier, "tierSet": sub.TierSet,
		}
		if certificates != nil {
			sub.PurchasedCertificates = int64(*certificates)
		}
		if cas != nil {
			sub.PurchasedCAs = int64(*cas)
		}
		if tier != nil {
			sub.Tier, sub.TierSet = *tier, true
		}
		if follows {
			sub.TierSet = false
		}
		sub.updateTier()
		if err := checkPurchase(int(sub.PurchasedCertificates), int(sub.PurchasedCAs)); err != nil {
			return err
		}
		s.Audit.Record(
			ctx,
			audit.Event{
				Action: "subscription.update", ObjectKind: "subscription", ObjectID: sub.ID, ObjectName: sub.Name,
				Summary: "changed subscription " + sub.Name,
				Details: audit.Details{
					"before": before,
					"after": audit.Details{
						"certificates": sub.PurchasedCertificates, "cas": sub.PurchasedCAs, "tier": sub.Tier, "tierSet": sub.TierSet,
					},
				}})
		return s.Store.DB(ctx).Select("*").Updates(sub).Error
	})
}

// InviteOwner invites an Owner of a subscription, or of its partition, if the first one never accepted or the last one
// has left. Somebody already invited gets a new link. For operators.
func (s *Service) InviteOwner(ctx context.Context, id, email string) (*Subscription, error) {
	if err := s.Guard.Require(ctx, rbac.SubscriptionUpdate, rbac.Platform); err != nil {
		return nil, err
	}
	sub := &Subscription{}
	return sub, s.Store.Tx(ctx, func(ctx context.Context) error {
		err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(sub, "id = ?", id).Error
		if store.IsNotFound(err) {
			return rbac.NotFound()
		}
		if err != nil {
			return err
		}
		partitions, err := s.PartitionsOf(ctx, []string{id})
		if err != nil {
			return err
		}
		e := audit.Event{
			Action: "subscription.invite-owner", ObjectKind: "subscription", ObjectID: sub.ID, ObjectName: sub.Name,
			Summary: "invited " + email + " as an Owner of " + sub.Name,
		}
		s.Audit.Record(ctx, e)
		// Members of the partition see the event too.
		if p := partitions[id]; p != nil {
			e.PartitionID = p.ID
			s.Audit.Record(ctx, e)
		}
		return s.Owners.InviteOwner(ctx, sub.ID, email, "", "")
	})
}

// Assign gives a subscription a region, and creates its partition with the Owners of the subscription. It cannot be
// undone.
func (s *Service) Assign(ctx context.Context, id string, region Region, acceptTerms bool) (*Subscription, *Partition, error) {
	if err := s.Guard.Require(ctx, rbac.SubscriptionAssign, id); err != nil {
		return nil, nil, err
	}
	if !slices.Contains(s.Regions, string(region)) {
		return nil, nil, fault.New(fault.Invalid, "This deployment does not serve the region %s.", region).At("region")
	}
	if !acceptTerms {
		return nil, nil, fault.New(fault.Invalid, "You must accept the terms.").At("acceptTerms")
	}
	sub, p := &Subscription{}, &Partition{}
	err := s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(sub, "id = ?", id).Error; err != nil {
			return err
		}
		p = &Partition{
			ID: "sub" + randomHex(5), SubscriptionID: id, Name: sub.Name, Region: region, TermsAcceptedBy: rbac.ActorFrom(ctx).Name,
			CreatedAt: s.Now(),
		}
		if err := s.Store.DB(ctx).Create(p).Error; err != nil {
			if store.IsDuplicate(err) {
				return fault.New(fault.Conflict, "Subscription %s is already assigned.", sub.Name).At("subscriptionId")
			}
			return err
		}
		s.Audit.Record(
			ctx,
			audit.Event{PartitionID: p.ID, Action: "subscription.assign", ObjectKind: "partition", ObjectID: p.ID, ObjectName: p.Name,
				Summary: "assigned subscription " + sub.Name + " to region " + string(region) +
					" and accepted the terms", Details: audit.Details{
					"subscription": id, "region": region,
				}})
		return s.Owners.CopyGrants(ctx, id, p.ID)
	})
	return sub, p, err
}

// Subscriptions lists those the caller may see: all for an operator, their own for an Owner.
func (s *Service) Subscriptions(ctx context.Context, search string, p page.Request) (*page.Page[*Subscription], error) {
	query, err := s.visible(ctx)
	if err != nil {
		return nil, err
	}
	if search != "" {
		query = query.Where("(lower(name) LIKE ? ESCAPE '\\' OR id LIKE ? ESCAPE '\\')", page.Contains(search), page.Contains(search))
	}
	return page.Read(ctx, s.Store, query, p,
		page.Key[Subscription]{Column: "created_at", Desc: true, Value: func(s *Subscription) any { return s.CreatedAt }},
		page.Key[Subscription]{Column: "id", Value: func(s *Subscription) any { return s.ID }})
}

// visible returns a query of the subscriptions that the caller may see.
func (s *Service) visible(ctx context.Context) (*gorm.DB, error) {
	actor := rbac.ActorFrom(ctx)
	if actor == nil {
		return nil, s.Guard.Require(ctx, rbac.SubscriptionBrowse, "")
	}
	query := s.Store.DB(ctx).Model(&Subscription{})
	if !s.Guard.Has(actor, rbac.SubscriptionBrowse, rbac.Platform) {
		var domains []string
		for domain := range actor.Grants {
			if s.Guard.Has(actor, rbac.SubscriptionBrowse, domain) {
				domains = append(domains, domain)
			}
		}
		query = query.Where("(id IN ? OR id IN (SELECT subscription_id FROM partitions WHERE id IN ?))", domains, domains)
	}
	return query, nil
}

// Subscription returns a subscription that the caller may see.
func (s *Service) Subscription(ctx context.Context, id string) (*Subscription, error) {
	query, err := s.visible(ctx)
	if err != nil {
		return nil, err
	}
	var found []*Subscription
	if err := query.Find(&found, "id = ?", id).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], nil
}

// ByIDs returns subscriptions of the caller's partitions, for data loaders.
func (s *Service) ByIDs(ctx context.Context, ids []string) (map[string]*Subscription, error) {
	var list []*Subscription
	err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&list).Error
	byID := map[string]*Subscription{}
	for _, x := range list {
		byID[x.ID] = x
	}
	return byID, err
}

// PartitionsOf returns the partition of each of the given subscriptions.
func (s *Service) PartitionsOf(ctx context.Context, subscriptionIDs []string) (map[string]*Partition, error) {
	var list []*Partition
	err := s.Store.DB(ctx).Where("subscription_id IN ?", subscriptionIDs).Find(&list).Error
	bySubscription := map[string]*Partition{}
	for _, p := range list {
		bySubscription[p.SubscriptionID] = p
	}
	return bySubscription, err
}

// Partitions lists the partitions in which the caller has a role.
func (s *Service) Partitions(ctx context.Context, search string, p page.Request) (*page.Page[*Partition], error) {
	actor := rbac.ActorFrom(ctx)
	if actor == nil {
		return nil, s.Guard.Require(ctx, rbac.PartitionBrowse, "")
	}
	var domains []string
	for domain := range actor.Grants {
		if s.Guard.Has(actor, rbac.PartitionBrowse, domain) {
			domains = append(domains, domain)
		}
	}
	query := s.Store.DB(ctx).Model(&Partition{}).Where("id IN ?", domains)
	if search != "" {
		query = query.Where("(lower(name) LIKE ? ESCAPE '\\' OR id LIKE ? ESCAPE '\\')", page.Contains(search), page.Contains(search))
	}
	return page.Read(ctx, s.Store, query, p,
		page.Key[Partition]{Column: "lower(name)", Bind: "lower(?)", Value: func(p *Partition) any { return p.Name }},
		page.Key[Partition]{Column: "id", Value: func(p *Partition) any { return p.ID }})
}

// Partition returns a partition in which the caller has a role.
func (s *Service) Partition(ctx context.Context, id string) (*Partition, error) {
	if err := s.Guard.Require(ctx, rbac.PartitionBrowse, id); err != nil {
		return nil, err
	}
	var found []*Partition
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], nil
}

// LoadPartitions returns partitions by ID, for data loaders. Those in which the caller has no role are left out.
func (s *Service) LoadPartitions(ctx context.Context, ids []string) (map[string]*Partition, error) {
	var list []*Partition
	err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&list).Error
	byID := map[string]*Partition{}
	for _, p := range list {
		if s.Guard.Require(ctx, rbac.PartitionBrowse, p.ID) == nil {
			byID[p.ID] = p
		}
	}
	return byID, err
}

// Counts are the numbers shown on the Home screen.
type Counts struct {
	PurchasedCas, ActiveCas, PurchasedCertificates, IssuedCertificates int
	SuspendedCertificates, RevokedCertificates, ExpiringCertificates   int
}

// Counts returns the counts of a partition.
func (s *Service) Counts(ctx context.Context, p *Partition) (*Counts, error) {
	if err := s.Guard.Require(ctx, rbac.PartitionBrowse, p.ID); err != nil {
		return nil, err
	}
	now := s.Now()
	c := &Counts{}
	err := s.Store.DB(ctx).Raw(`SELECT s.purchased_cas, p.active_cas, s.purchased_certificates,
		p.active_certificates - (SELECT count(*) FROM certificates WHERE partition_id = p.id AND counted AND not_after < ?) AS
			issued_certificates,
		(SELECT count(*) FROM certificates WHERE partition_id = p.id AND status = 'SUSPENDED' AND not_after >= ?) AS suspended_certificates,
		(SELECT count(*) FROM certificates WHERE partition_id = p.id AND kind = 'SUBSCRIBER' AND status = 'REVOKED' AND revoked_at IS NOT
			NULL) AS revoked_certificates,
		(SELECT count(*) FROM certificates WHERE partition_id = p.id AND counted AND not_after >= ? AND not_after < ?) AS
			expiring_certificates
		FROM partitions p JOIN subscriptions s ON s.id = p.subscription_id WHERE p.id = ?`,
		now, now, now, now.AddDate(0, 0, 30), p.ID).Scan(c).Error
	return c, err
}

// Day holds the counts of one UTC day.
type Day struct {
	Day             string
	Issued, Revoked int
}

// Activity counts issued and revoked certificates per day, oldest first.
func (s *Service) Activity(ctx context.Context, p *Partition, days int) ([]*Day, error) {
	if err := s.Guard.Require(ctx, rbac.PartitionBrowse, p.ID); err != nil {
		return nil, err
	}
	if days < 1 || days > 366 {
		return nil, fault.New(fault.Invalid, "The number of days must be 1 to 366.").At("days")
	}
	now := s.Now()
	first := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC).AddDate(0, 0, 1-days)
	list := make([]*Day, days)
	index := map[string]*Day{}
	for n := range list {
		list[n] = &Day{Day: first.AddDate(0, 0, n).Format(time.DateOnly)}
		index[list[n].Day] = list[n]
	}
	count := func(column, only string, add func(*Day, int)) error {
		day := "substr(" + column + ", 1, 10)"
		if s.Store.PostgreSQL() {
			day = "to_char(" + column + " AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
		}
		var rows []struct {
			Day string
			N   int
		}
		err := s.Store.DB(ctx).Table("certificates").Select(day+" AS day, count(*) AS n").
			Where("partition_id = ? AND kind = 'SUBSCRIBER' AND "+column+" >= ?"+only, p.ID, first).Group(day).Scan(&rows).Error
		for _, r := range rows {
			if d := index[r.Day]; d != nil {
				add(d, r.N)
			}
		}
		return err
	}
	if err := count("created_at", "", func(d *Day, n int) { d.Issued = n }); err != nil {
		return nil, err
	}
	// A suspension also sets revoked_at, but Counts does not count it as revoked.
	return list, count("revoked_at", " AND status = 'REVOKED'", func(d *Day, n int) { d.Revoked = n })
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
