// Package endentity manages the subjects to which certificates are issued: devices, services, people (RFC 5280 section
// 3.1).
package endentity

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Status of an end entity.
type Status string

const (
	Active         Status = "ACTIVE"
	Inactive       Status = "INACTIVE"       // no issuance until activated again
	Decommissioned Status = "DECOMMISSIONED" // no issuance, permanently
)

// EndEntity is identified by its identifier within the partition.
type EndEntity struct {
	ID          string `gorm:"primaryKey"` // UUIDv7
	PartitionID string
	Identifier  string
	Status      Status
	CreatedAt   time.Time
}

func (EndEntity) TableName() string { return "end_entities" }

// Service manages end entities.
type Service struct {
	Store *store.Store
	Guard *rbac.Guard
	Audit *audit.Log
	Now   func() time.Time
}

// Get returns an end entity.
func (s *Service) Get(ctx context.Context, id string) (*EndEntity, error) {
	var found []*EndEntity
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], s.Guard.Require(ctx, rbac.EndEntityBrowse, found[0].PartitionID)
}

// Filter narrows a list. The zero value selects all.
type Filter struct {
	Search          string // part of the identifier, case-insensitive
	Status          Status
	ConfigurationID string // those with certificates issued through this enrollment protocol configuration
}

// configurationLink records that an end entity was issued a certificate through an enrollment protocol configuration.
type configurationLink struct {
	EndEntityID     string `gorm:"primaryKey"`
	ConfigurationID string `gorm:"primaryKey"`
}

func (configurationLink) TableName() string { return "end_entity_configurations" }

// List returns a page of the partition's end entities, newest first.
func (s *Service) List(ctx context.Context, partitionID string, f Filter, p page.Request) (*page.Page[*EndEntity], error) {
	if err := s.Guard.Require(ctx, rbac.EndEntityBrowse, partitionID); err != nil {
		return nil, err
	}
	query := s.Store.DB(ctx).Model(&EndEntity{}).Where("partition_id = ?", partitionID)
	if f.Search != "" {
		query = query.Where("lower(identifier) LIKE ? ESCAPE '\\'", page.Contains(f.Search))
	}
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.ConfigurationID != "" {
		query = query.Where("id IN (SELECT end_entity_id FROM end_entity_configurations WHERE configuration_id = ?)", f.ConfigurationID)
	}
	total, err := s.Store.CountUpTo(ctx, query, page.CountLimit)
	if err != nil {
		return nil, err
	}
	if p.After != "" {
		if uuid.Validate(p.After) != nil {
			return nil, page.BadCursor()
		}
		query = query.Where("id < ?", p.After)
	}
	var list []*EndEntity
	if err := query.Order("id DESC").Limit(p.First + 1).Find(&list).Error; err != nil {
		return nil, err
	}
	return page.Of(list, p, total, func(e *EndEntity) string { return e.ID }), nil
}

// Load returns end entities by ID, for data loaders; nil for those the caller cannot see.
func (s *Service) Load(ctx context.Context, ids []string) ([]*EndEntity, error) {
	var found []*EndEntity
	if err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&found).Error; err != nil {
		return nil, err
	}
	byID := map[string]*EndEntity{}
	for _, e := range found {
		if s.Guard.Require(ctx, rbac.EndEntityBrowse, e.PartitionID) == nil {
			byID[e.ID] = e
		}
	}
	list := make([]*EndEntity, len(ids))
	for i, id := range ids {
		list[i] = byID[id]
	}
	return list, nil
}

// Expiries returns the latest expiry among each end entity's certificates.
func (s *Service) Expiries(ctx context.Context, ids []string) (map[string]time.Time, error) {
	expiries := map[string]time.Time{}
	for _, id := range ids {
		var latest []time.Time
		if err := s.Store.DB(ctx).Table("certificates").Where("end_entity_id = ?", id).Order("not_after DESC").Limit(1).Pluck("not_after",
			&latest).Error; err != nil {
			return nil, err
		}
		if len(latest) == 1 {
			expiries[id] = latest[0]
		}
	}
	return expiries, nil
}

// CheckIdentifier checks an identifier before anything is signed for it.
func CheckIdentifier(identifier string) error { return text.Label("endEntity", identifier, 1, 255) }

// FindOrCreate finds or creates end entities by their identifiers and locks them, in the transaction that issues to them. The
// caller must check Usable for each.
func (s *Service) FindOrCreate(ctx context.Context, partitionID string, identifiers []string) (map[string]*EndEntity, error) {
	// Always lock in the same order, so that two transactions cannot deadlock.
	identifiers = slices.Compact(slices.Sorted(slices.Values(identifiers)))
	var made []*EndEntity
	for _, identifier := range identifiers {
		made = append(
			made,
			&EndEntity{
				ID: uuid.Must(uuid.NewV7()).String(), PartitionID: partitionID, Identifier: identifier, Status: Active, CreatedAt: s.Now(),
			},
		)
	}
	if err := store.CreateMissing(ctx, s.Store, made); err != nil {
		return nil, err
	}
	// Use few different statement lengths, so that each stays prepared.
	for n := len(identifiers); n&(n-1) != 0; n++ {
		identifiers = append(identifiers, identifiers[len(identifiers)-1])
	}
	var list []*EndEntity
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Where(
		"partition_id = ? AND identifier IN ?", partitionID, identifiers,
	).Order("identifier").Find(&list).Error; err != nil {
		return nil, err
	}
	found := map[string]*EndEntity{}
	for _, e := range list {
		found[e.Identifier] = e
	}
	return found, nil
}

// Usable returns nil if certificates may be issued to the end entity, else PolicyRefused with the reason.
func (e *EndEntity) Usable() error {
	switch e.Status {
	case Active:
		return nil
	case Inactive:
		return fault.New(
			fault.PolicyRefused, "The end entity %s is inactive.", text.Quote(e.Identifier),
		).At("endEntity").Do("Activate it first.")
	}
	return fault.New(fault.PolicyRefused, "The end entity %s is %s.", text.Quote(e.Identifier), text.Lower(e.Status)).At("endEntity")
}

// RequireOwn refuses end entities outside the scope of the actor, which depends on the configurations of enrollment protocols
// through which certificates were issued to them.
func (s *Service) RequireOwn(ctx context.Context, list ...*EndEntity) error {
	a := rbac.ActorFrom(ctx)
	if a == nil || !a.Scope.Narrow() || a.Scope.Configuration == "" || a.Scope.SharedEndEntities {
		return nil // whoever may issue in the partition, or by a CA, may issue to anybody in it
	}
	of := map[string][]string{}
	var ids []string
	for _, e := range list {
		of[e.ID], ids = []string{}, append(ids, e.ID)
	}
	var links []*configurationLink
	if err := s.Store.DB(ctx).Where("end_entity_id IN ?", ids).Find(&links).Error; err != nil {
		return err
	}
	for _, l := range links {
		of[l.EndEntityID] = append(of[l.EndEntityID], l.ConfigurationID)
	}
	for _, e := range list {
		if err := s.Guard.RequireOn(ctx, rbac.CertificateIssue, rbac.On{Partition: e.PartitionID, EndEntityOf: of[e.ID]}); err != nil {
			return fault.Of(err).At("endEntity")
		}
	}
	return nil
}

// Check fails with PolicyRefused if one of the identifiers belongs to an end entity that is not active. Protocols call
// it to refuse early; FindOrCreate decides. Unknown identifiers are accepted.
func (s *Service) Check(ctx context.Context, partitionID string, identifiers ...string) error {
	if a := rbac.ActorFrom(ctx); a != nil && a.Scope.Narrow() && a.Scope.Partition != partitionID {
		return rbac.NotFound()
	}
	var known []*EndEntity
	if err := s.Store.DB(ctx).Where(
		"partition_id = ? AND identifier IN ?", partitionID, identifiers,
	).Order("identifier").Find(&known).Error; err != nil || len(known) == 0 {
		return err
	}
	if err := s.RequireOwn(ctx, known...); err != nil {
		return err
	}
	for _, e := range known {
		if err := e.Usable(); err != nil {
			return err
		}
	}
	return nil
}

// Link records, in the issuing transaction, through which enrollment protocol configuration each end entity was issued
// a certificate: pairs of end entity and configuration.
func (s *Service) Link(ctx context.Context, pairs map[[2]string]bool) error {
	var rows []*configurationLink
	for _, pair := range slices.SortedFunc(maps.Keys(pairs), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		rows = append(rows, &configurationLink{pair[0], pair[1]})
	}
	return store.CreateMissing(ctx, s.Store, rows)
}

// Activate allows certificates to be issued to the end entity again.
func (s *Service) Activate(ctx context.Context, id string) (*EndEntity, error) {
	return s.change(ctx, id, Active, "end-entity.activate")
}

// Deactivate prevents issuance to the end entity until it is activated again.
func (s *Service) Deactivate(ctx context.Context, id string) (*EndEntity, error) {
	return s.change(ctx, id, Inactive, "end-entity.deactivate")
}

// Decommission permanently prevents issuance to the end entity. Its certificates are not revoked.
func (s *Service) Decommission(ctx context.Context, id string) (*EndEntity, error) {
	return s.change(ctx, id, Decommissioned, "end-entity.decommission")
}

func (s *Service) change(ctx context.Context, id string, to Status, action string) (e *EndEntity, err error) {
	event := audit.Event{Action: action, ObjectKind: "end-entity", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	found, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectName = found.PartitionID, found.Identifier
	if err := s.Guard.Require(ctx, rbac.EndEntityManage, found.PartitionID); err != nil {
		return nil, err
	}
	e = &EndEntity{}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(e, "id = ?", id).Error; err != nil {
			return err
		}
		if e.Status == Decommissioned {
			return fault.New(fault.Conflict, "%s is permanently decommissioned.", text.Quote(e.Identifier))
		}
		if e.Status == to {
			return fault.New(fault.Conflict, "%s is already %s.", text.Quote(e.Identifier), text.Lower(to))
		}
		done := event
		done.Summary = "set the end entity " + e.Identifier + " to " + text.Lower(to)
		done.Details = audit.Details{"before": e.Status, "after": to}
		s.Audit.Record(ctx, done)
		e.Status = to
		return s.Store.DB(ctx).Model(e).Update("status", to).Error
	})
	return e, err
}
