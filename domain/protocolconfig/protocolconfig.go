// Package protocolconfig is the enrollment protocols as partitions offer them: each configuration has a type, an address of
// its own, and one or more offerings: what its clients can ask for. What a protocol says on the wire is in protocols/.
package protocolconfig

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/domain/seal"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Status of a configuration.
type Status string

const (
	Active   Status = "ACTIVE"
	Disabled Status = "DISABLED" // whoever comes is refused, until it is enabled again
)

// Configuration is an enrollment protocol as a partition offers it.
type Configuration struct {
	ID          string `gorm:"primaryKey"` // UUIDv7
	PartitionID string
	Identifier  string // as of a CA; part of the address
	Type        TypeID
	Description string
	Status      Status
	Settings    string // a JSON object; see SettingsOf
	Version     int64
	CreatedAt   time.Time
	CreatedBy   string
	DeletedAt   *time.Time `gorm:"column:deleted_at"` // kept for the story of its certificates
	// Offerings are one or more, the first for requests that name none. Not to be changed.
	Offerings []*Offering `gorm:"-"`
}

func (Configuration) TableName() string { return "protocol_configurations" }

// Actor is who acts in the domain for the clients of a configuration: it issues by its offerings, revokes what came through it,
// and nothing else. Certificates that it asks for bear the configuration.
func (s *Service) Actor(c *Configuration, ip, requestID string) *rbac.Actor {
	t := s.Type(c.Type)
	scope := rbac.Scope{Partition: c.PartitionID, Configuration: c.ID, SharedEndEntities: t.SharedEndEntities}
	for _, o := range c.Offerings {
		scope.Offerings = append(
			scope.Offerings,
			rbac.Offering{ID: o.ID, CA: o.CAID, Profile: o.ProfileID, MaxValidity: time.Duration(o.Rules.MaxValidityHours) * time.Hour},
		)
	}
	return &rbac.Actor{Kind: rbac.ProtocolActor, ID: c.ID, Name: t.Name + ":" + c.Identifier, Protocol: t.Name, Vouches: string(t.Vouches),
		Grants: map[string][]rbac.Role{c.PartitionID: {rbac.Protocol}}, Scope: scope, IPAddress: ip, RequestID: requestID}
}

// Service is what can be done with configurations.
type Service struct {
	Store    *store.Store
	Guard    *rbac.Guard
	Audit    *audit.Log
	CAs      *ca.Service
	Profiles *profiles.Service
	Sealer   seal.Sealer
	Now      func() time.Time

	types []*Type
	open  sync.Map // address → opened
}

// PermitWidening refuses what gives clients that prove nothing more than they had: it takes the right to issue.
func (s *Service) PermitWidening(ctx context.Context, c *Configuration) error {
	t := s.Type(c.Type)
	if t.Unproved == nil {
		return nil
	}
	unproved, err := t.Unproved(ctx, c)
	if err != nil || !unproved {
		return err
	}
	return s.Guard.RequireHandOn(
		ctx, rbac.CertificateIssue, c.PartitionID, "Some clients of "+c.Identifier+" need no challenge: this change",
	)
}

// MayWiden tells whether the caller may let the clients of a configuration have more.
func (s *Service) MayWiden(ctx context.Context, c *Configuration) (bool, error) {
	if s.Guard.Require(ctx, rbac.ProtocolManage, c.PartitionID) != nil {
		return false, nil
	}
	err := s.PermitWidening(ctx, c)
	if fault.Is(err, fault.Forbidden) {
		return false, nil
	}
	return err == nil, err
}

// Request is what a new configuration is to be.
type Request struct {
	PartitionID string
	Identifier  string
	Type        TypeID
	Description string // "" or up to 200 characters
	Offerings   []OfferingRequest
	Settings    string // "": none
}

// Create makes a configuration; it serves from then on.
func (s *Service) Create(ctx context.Context, r Request) (_ *Configuration, err error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolManage, r.PartitionID); err != nil {
		return nil, err
	}
	defer s.Audit.Refusal(
		ctx, &err,
		&audit.Event{
			PartitionID: r.PartitionID, Action: "protocol.create", ObjectKind: "protocol-configuration",
			ObjectName: text.Quote(r.Identifier),
		},
	)
	if !ca.IdentifierRule.MatchString(r.Identifier) {
		return nil, fault.New(fault.Invalid, "an identifier has 2 to 18 characters out of a-z, 0-9, hyphen and underscore").At("identifier")
	}
	t := s.Type(r.Type)
	if t == nil {
		return nil, fault.New(fault.Invalid, "there is no enrollment protocol %s", text.Quote(string(r.Type))).At("type")
	}
	if r.Settings == "" {
		r.Settings = "{}"
	}
	c := &Configuration{
		ID: uuid.Must(uuid.NewV7()).String(), PartitionID: r.PartitionID, Identifier: r.Identifier, Type: r.Type,
		Description: r.Description,
		Status:      Active, Version: 1, CreatedAt: s.Now(), CreatedBy: rbac.ActorFrom(ctx).Name}
	if err := checkDescription(r.Description); err != nil {
		return nil, err
	}
	set, err := t.read(r.Settings)
	if err != nil {
		return nil, err
	}
	made, err := s.keep(ctx, c, set)
	if err != nil {
		return nil, err
	}
	return c, s.Store.Tx(ctx, func(ctx context.Context) error {
		c.Offerings = nil
		offerings, err := s.createOfferings(ctx, c, r.Offerings)
		if err != nil {
			return err
		}
		if err := s.permitSettings(ctx, c, nil); err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Create(c).Error; err != nil {
			if store.IsDuplicate(err) {
				return fault.New(fault.Conflict, "the identifier %s is taken", c.Identifier).At("identifier").Do("Choose another one.")
			}
			return err
		}
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: c.PartitionID, Action: "protocol.create", ObjectKind: "protocol-configuration", ObjectID: c.ID,
				ObjectName: c.Identifier,
				Summary:    "configured " + s.Type(c.Type).Label + " as " + c.Identifier, Details: audit.Details{
					"type": c.Type, "offerings": offerings, "description": c.Description,
				}})
		if err := s.saveOfferings(ctx, c); err != nil {
			return err
		}
		return s.saveSecrets(ctx, c, made)
	})
}

func checkDescription(description string) error {
	if description == "" {
		return nil
	}
	return text.Label("description", description, 1, 200)
}

// Change is what an update alters; nil leaves a value.
type Change struct {
	Description *string
	Settings    *string
}

// Update alters a configuration. Identifier and type stay as they are: they are in the address that clients have.
func (s *Service) Update(ctx context.Context, id string, change Change) (*Configuration, error) {
	return s.change(ctx, id, "protocol.update", func(ctx context.Context, c *Configuration, e *audit.Event) error {
		old := *c
		if change.Description != nil {
			c.Description = *change.Description
		}
		if err := checkDescription(c.Description); err != nil {
			return err
		}
		was, err := s.settings(c)
		if err != nil {
			return err
		}
		var made []*secretRow
		if change.Settings != nil {
			set, err := s.Type(c.Type).read(*change.Settings)
			if err != nil {
				return err
			}
			if made, err = s.keep(ctx, c, set); err != nil {
				return err
			}
		}
		if c.Description == old.Description && c.Settings == old.Settings {
			return fault.New(fault.Conflict, "nothing is changed").Do("Change something, or leave the configuration as it is.")
		}
		if c.Settings != old.Settings {
			if err := s.PermitWidening(ctx, &old); err != nil {
				return err
			}
			if err := s.permitSettings(ctx, c, was); err != nil {
				return err
			}
		}
		e.Summary = "changed " + s.Type(c.Type).Label + " configuration " + c.Identifier
		e.Details = audit.Details{"before": old.facts(), "after": c.facts()}
		return s.saveSecrets(ctx, c, made)
	})
}

func (c *Configuration) facts() audit.Details {
	return audit.Details{"description": c.Description, "settings": c.Settings}
}

// Disable has everything refused that comes through the configuration. Its certificates stay.
func (s *Service) Disable(ctx context.Context, id string) (*Configuration, error) {
	return s.setStatus(ctx, id, "protocol.disable", Disabled)
}

// Enable lets it serve again.
func (s *Service) Enable(ctx context.Context, id string) (*Configuration, error) {
	return s.setStatus(ctx, id, "protocol.enable", Active)
}

func (s *Service) setStatus(ctx context.Context, id, action string, to Status) (*Configuration, error) {
	return s.change(ctx, id, action, func(ctx context.Context, c *Configuration, e *audit.Event) error {
		if to == Active && c.Status != to {
			if err := s.PermitWidening(ctx, c); err != nil {
				return err
			}
		}
		if c.Status == to {
			return fault.New(fault.Conflict, "%s is already %s", c.Identifier, text.Lower(to))
		}
		e.Details = audit.Details{"before": c.Status, "after": to}
		e.Summary = s.Type(c.Type).Label + " configuration " + c.Identifier + " is now " + text.Lower(to)
		c.Status = to
		return nil
	})
}

// Delete ends a configuration for good; its certificates stay, and are managed by other means from then on. The
// identifier is free at once, but what clients registered under it is gone, and so are its secrets.
func (s *Service) Delete(ctx context.Context, id, confirmIdentifier string) (*Configuration, error) {
	return s.change(ctx, id, "protocol.delete", func(ctx context.Context, c *Configuration, e *audit.Event) error {
		if confirmIdentifier != c.Identifier {
			return fault.New(fault.Invalid, "type the identifier %s to confirm", c.Identifier).At("confirmIdentifier")
		}
		now := s.Now()
		c.DeletedAt = &now
		e.Summary = "deleted " + s.Type(c.Type).Label + " configuration " + c.Identifier
		return s.Store.DB(ctx).Delete(&secretRow{}, "configuration_id = ?", c.ID).Error
	})
}

// change locks a configuration for a caller who may manage it, lets fn alter it and writes it back with its event.
func (s *Service) change(
	ctx context.Context, id, action string, fn func(context.Context, *Configuration, *audit.Event) error,
) (c *Configuration, err error) {
	event := audit.Event{Action: action, ObjectKind: "protocol-configuration", ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	found, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectName = found.PartitionID, found.Identifier
	if err := s.Guard.Require(ctx, rbac.ProtocolManage, found.PartitionID); err != nil {
		return nil, err
	}
	c = &Configuration{}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		*c = Configuration{}
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(c, "id = ? AND deleted_at IS NULL", id).Error; err != nil {
			if store.IsNotFound(err) {
				return rbac.NotFound()
			}
			return err
		}
		if err := s.withOfferings(ctx, c); err != nil {
			return err
		}
		done := event
		if err := fn(ctx, c, &done); err != nil {
			return err
		}
		c.Version++
		s.Audit.Record(ctx, done)
		s.Store.AfterCommit(ctx, func() { s.open.Delete(address(c.PartitionID, c.Identifier)) })
		return s.Store.DB(ctx).Select("*").Updates(c).Error
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Get returns a configuration that is not deleted.
func (s *Service) Get(ctx context.Context, id string) (*Configuration, error) {
	var found []*Configuration
	if err := s.Store.DB(ctx).Where("id = ? AND deleted_at IS NULL", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, found[0].PartitionID); err != nil {
		return nil, err
	}
	return found[0], s.withOfferings(ctx, found[0])
}

// ByIdentifier returns the configuration that has the identifier in the partition.
func (s *Service) ByIdentifier(ctx context.Context, partitionID, identifier string) (*Configuration, error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, partitionID); err != nil {
		return nil, err
	}
	var found []*Configuration
	if err := s.Store.DB(ctx).Where(
		"partition_id = ? AND identifier = ? AND deleted_at IS NULL", partitionID, identifier,
	).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], s.withOfferings(ctx, found[0])
}

// Load returns configurations by id, deleted ones too, for loaders; nil where there is none for the caller.
func (s *Service) Load(ctx context.Context, ids []string) ([]*Configuration, error) {
	var found []*Configuration
	if err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&found).Error; err != nil {
		return nil, err
	}
	if err := s.withOfferings(ctx, found...); err != nil {
		return nil, err
	}
	byID := map[string]*Configuration{}
	for _, c := range found {
		if s.Guard.Require(ctx, rbac.ProtocolBrowse, c.PartitionID) == nil {
			byID[c.ID] = c
		}
	}
	list := make([]*Configuration, len(ids))
	for i, id := range ids {
		list[i] = byID[id]
	}
	return list, nil
}

// Filter narrows a list; the zero value is everything that is not deleted.
type Filter struct {
	Search string // part of identifier or description, any case
	Type   TypeID
	Status Status
	CAID   string
}

// List returns a page of the partition's configurations, newest first.
func (s *Service) List(ctx context.Context, partitionID string, f Filter, p page.Request) (*page.Page[*Configuration], error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, partitionID); err != nil {
		return nil, err
	}
	query := s.Store.DB(ctx).Model(&Configuration{}).Where("partition_id = ? AND deleted_at IS NULL", partitionID)
	if f.Search != "" {
		like := page.Contains(f.Search)
		query = query.Where("identifier LIKE ? ESCAPE '\\' OR lower(description) LIKE ? ESCAPE '\\'", like, like)
	}
	for column, value := range map[string]string{"type": string(f.Type), "status": string(f.Status)} {
		if value != "" {
			query = query.Where(column+" = ?", value)
		}
	}
	if f.CAID != "" {
		query = query.Where("id IN (SELECT configuration_id FROM protocol_offerings WHERE ca_id = ?)", f.CAID)
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
	var list []*Configuration
	if err := query.Order("id DESC").Limit(p.First + 1).Find(&list).Error; err != nil {
		return nil, err
	}
	if err := s.withOfferings(ctx, list...); err != nil {
		return nil, err
	}
	return page.Of(list, p, total, func(c *Configuration) string { return c.ID }), nil
}

// OfCA returns the configurations that issue by a CA or one below it: what ends with it. The first few, and how many.
func (s *Service) OfCA(ctx context.Context, c *ca.CertificationAuthority, first int) ([]*Configuration, int64, error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, c.PartitionID); err != nil {
		return nil, 0, err
	}
	below, err := s.CAs.Below(ctx, c.ID)
	if err != nil {
		return nil, 0, err
	}
	ids := []string{c.ID}
	for _, b := range below {
		ids = append(ids, b.ID)
	}
	return s.first(
		ctx,
		s.Store.DB(ctx).Model(&Configuration{}).Where(
			"deleted_at IS NULL AND id IN (SELECT configuration_id FROM protocol_offerings WHERE ca_id IN ?)", ids,
		),
		first,
	)
}

// OfProfile returns the configurations that issue under a profile: what ends when it is retired.
func (s *Service) OfProfile(ctx context.Context, partitionID, profileID string, first int) ([]*Configuration, int64, error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, partitionID); err != nil {
		return nil, 0, err
	}
	return s.first(
		ctx,
		s.Store.DB(ctx).Model(&Configuration{}).Where(
			"deleted_at IS NULL AND partition_id = ? AND id IN (SELECT configuration_id FROM protocol_offerings WHERE profile_id = ?)",
			partitionID, profileID,
		),
		first,
	)
}

func (s *Service) first(ctx context.Context, query *gorm.DB, first int) (list []*Configuration, total int64, err error) {
	if first < 0 || first > 100 {
		return nil, 0, fault.New(fault.Invalid, "at most 100 of each kind can be listed").At("first")
	}
	if err := query.Session(&gorm.Session{}).Count(&total).Error; err != nil {
		return nil, 0, err
	}
	if err := query.Session(&gorm.Session{}).Order("identifier, id").Limit(first).Find(&list).Error; err != nil {
		return nil, 0, err
	}
	return list, total, s.withOfferings(ctx, list...)
}

// Authority is a CA that a configuration can issue by, and under which profiles.
type Authority struct {
	CA       *ca.CertificationAuthority
	Profiles []*profiles.Profile
}

// Offer is a type of protocol as a partition can configure it.
type Offer struct {
	*Type
	PartitionID string
}

// Offers lists the types of protocols.
func (s *Service) Offers(ctx context.Context, partitionID string) ([]*Offer, error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, partitionID); err != nil {
		return nil, err
	}
	list := make([]*Offer, len(s.types))
	for n, t := range s.types {
		list[n] = &Offer{t, partitionID}
	}
	return list, nil
}

// Authorities lists the CAs that can issue through a type of protocol.
func (s *Service) Authorities(ctx context.Context, o *Offer) ([]*Authority, error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, o.PartitionID); err != nil {
		return nil, err
	}
	all, err := s.CAs.List(ctx, o.PartitionID, false, "")
	if err != nil {
		return nil, err
	}
	var ids []string
	all = slices.DeleteFunc(all, func(c *ca.CertificationAuthority) bool { return c.Usable(s.Now()) != nil })
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	selected, err := s.CAs.ProfileIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	known, err := s.Profiles.List(ctx, o.PartitionID, profiles.Filter{Kind: profile.Subscriber})
	if err != nil {
		return nil, err
	}
	var list []*Authority
	for _, c := range all {
		fit := slices.DeleteFunc(
			slices.Clone(known), func(p *profiles.Profile) bool { return !o.Fits(p.Profile) || !slices.Contains(selected[c.ID], p.ID) },
		)
		if len(fit) > 0 {
			list = append(list, &Authority{CA: c, Profiles: fit})
		}
	}
	return list, nil
}
