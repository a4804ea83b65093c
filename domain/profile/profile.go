// Package profile manages the certificate profiles of a partition: the system's, and the partition's own. Everything
// that looks up a profile by ID does so here. The meaning of profiles is defined in pki/profile.
package profile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Profile is a profile as a partition sees it.
type Profile struct {
	*profile.Profile
	PartitionID string
	// The remaining fields are zero for system profiles.
	UID       string
	BasedOn   string
	Version   int64 // starting at 1
	CreatedAt *time.Time
	CreatedBy string
	RetiredAt *time.Time
	RetiredBy string
}

// System tells whether this is a system profile: the same in every partition, and read-only.
func (p *Profile) System() bool { return p.UID == "" }

// Service manages profiles.
type Service struct {
	Store *store.Store
	Guard *rbac.Guard
	Audit *audit.Log
	Now   func() time.Time
}

// row is a custom profile without its rules, which are stored in its versions.
type row struct {
	UID         string `gorm:"column:uid;primaryKey"`
	PartitionID string
	ID          string
	BasedOn     string
	Version     int64
	CreatedAt   time.Time
	CreatedBy   string
	RetiredAt   *time.Time
	RetiredBy   string
}

func (row) TableName() string { return "profiles" }

// Version is one version of a profile.
type Version struct {
	UID       string `gorm:"column:uid;primaryKey"`
	Version   int64  `gorm:"primaryKey"`
	CreatedAt time.Time
	CreatedBy string
	Comment   string
	JSON      string `gorm:"column:json"`
}

func (Version) TableName() string { return "profile_versions" }

func (r *row) with(json string) (*Profile, error) {
	rules, err := profile.Parse([]byte(json))
	if err != nil {
		return nil, fmt.Errorf("profile %s version %d: %w", r.ID, r.Version, err)
	}
	return &Profile{
		Profile: rules, PartitionID: r.PartitionID, UID: r.UID, BasedOn: r.BasedOn, Version: r.Version, CreatedAt: &r.CreatedAt,
		CreatedBy: r.CreatedBy, RetiredAt: r.RetiredAt, RetiredBy: r.RetiredBy,
	}, nil
}

// custom reads the partition's own profiles with their rules; ids nil = all. With lock, they cannot change until the
// end of the transaction.
func (s *Service) custom(ctx context.Context, partitionID string, ids []string, lock bool) ([]*Profile, error) {
	query := s.Store.DB(ctx)
	if lock {
		query = s.Store.ForShare(query)
	}
	query = query.Where("partition_id = ?", partitionID)
	if ids != nil {
		query = query.Where("id IN ?", ids)
	}
	var rows []*row
	if err := query.Order("id").Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	uids := make([]string, len(rows))
	for n, r := range rows {
		uids[n] = r.UID
	}
	// Versions are immutable, so the version named by the row exists.
	var versions []*Version
	if err := s.Store.DB(ctx).Table("profile_versions AS v").Select("v.*").Joins("JOIN profiles p ON p.uid = v.uid").
		Where("v.uid IN ? AND v.version >= p.version", uids).Find(&versions).Error; err != nil {
		return nil, err
	}
	var found []*Profile
	for _, r := range rows {
		n := slices.IndexFunc(versions, func(v *Version) bool { return v.UID == r.UID && v.Version >= r.Version })
		if n < 0 {
			continue // deleted between the two queries
		}
		r.Version = versions[n].Version // or changed: then this is the newer version
		p, err := r.with(versions[n].JSON)
		if err != nil {
			return nil, err
		}
		found = append(found, p)
	}
	return found, nil
}

// Find returns the current state of the profiles with the given IDs, except retired ones. It is for issuance and data
// loaders, which have already checked the permission.
func (s *Service) Find(ctx context.Context, partitionID string, ids []string) (map[string]*Profile, error) {
	return s.lookUp(ctx, partitionID, ids, false)
}

func (s *Service) lookUp(ctx context.Context, partitionID string, ids []string, lock bool) (map[string]*Profile, error) {
	found := map[string]*Profile{}
	var others []string
	for _, id := range ids {
		if p, ok := profile.ByID(id); ok {
			found[id] = &Profile{Profile: p, PartitionID: partitionID}
		} else {
			others = append(others, id)
		}
	}
	if len(others) == 0 {
		return found, nil
	}
	own, err := s.custom(ctx, partitionID, others, lock)
	for _, p := range own {
		if p.RetiredAt == nil {
			found[p.ID] = p
		}
	}
	return found, err
}

// Selectable returns the given profiles if a CA of the type can have them, or says why it cannot. In a transaction they
// are locked against changes until its end.
func (s *Service) Selectable(ctx context.Context, partitionID, caType string, ids []string) error {
	found, err := s.lookUp(ctx, partitionID, ids, store.InTx(ctx))
	if err != nil {
		return err
	}
	for _, id := range ids {
		p := found[id]
		switch {
		case p == nil:
			return fault.New(fault.Invalid, "The profile %s does not exist.", text.Quote(id)).At("profileIds").Do(
				"Choose one of the partition's profiles that is not retired.",
			)
		case !p.Selectable():
			return fault.New(
				fault.PolicyRefused, "%s is an authority profile used only by the service. It cannot be selected.", p.ID,
			).At("profileIds").
				Do("Select subscriber profiles; for a root or an intermediate CA, also profiles of CAs below it.")
		case !slices.Contains(p.AllowedCATypes, caType):
			return fault.New(fault.PolicyRefused, "Profile %s is not for a CA of type %s.", p.ID, caType).At("profileIds")
		}
	}
	return nil
}

// Current returns the versions of those custom profiles that exist and are not retired. In a transaction they are
// locked against changes until its end. Certificates signed under another version must not be recorded.
func (s *Service) Current(ctx context.Context, uids []string) (map[string]int64, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	query := s.Store.DB(ctx)
	if store.InTx(ctx) {
		query = s.Store.ForShare(query)
	}
	var rows []row
	err := query.Select("uid", "version").Where("uid IN ? AND retired_at IS NULL", uids).Order("uid").Find(&rows).Error
	versions := map[string]int64{}
	for _, r := range rows {
		versions[r.UID] = r.Version
	}
	return versions, err
}

// At returns a profile in a given version, 0 = the current one; nil if it no longer exists. For data loaders.
func (s *Service) At(ctx context.Context, partitionID, id string, version int64) (*Profile, error) {
	if p, ok := profile.ByID(id); ok {
		return &Profile{Profile: p, PartitionID: partitionID}, nil
	}
	own, err := s.custom(ctx, partitionID, []string{id}, false)
	if err != nil || len(own) == 0 {
		return nil, err
	}
	if version == 0 || version == own[0].Version {
		return own[0], nil
	}
	v, err := s.version(ctx, own[0].UID, version)
	if err != nil || v == nil {
		return nil, err
	}
	rules, err := profile.Parse([]byte(v.JSON))
	if err != nil {
		return nil, err
	}
	own[0].Profile, own[0].Version = rules, version
	return own[0], nil
}

// Filter narrows a list. The zero value selects all profiles that are not retired.
type Filter struct {
	Search  string
	Kind    string
	Group   string
	Retired bool // only retired profiles
}

// List returns the partition's profiles by group, system profiles first.
func (s *Service) List(ctx context.Context, partitionID string, f Filter) ([]*Profile, error) {
	if err := s.Guard.Require(ctx, rbac.ProfileBrowse, partitionID); err != nil {
		return nil, err
	}
	own, err := s.custom(ctx, partitionID, nil, false)
	if err != nil {
		return nil, err
	}
	list := []*Profile{}
	for _, p := range profile.Builtin() {
		list = append(list, &Profile{Profile: p, PartitionID: partitionID})
	}
	search := strings.ToLower(f.Search)
	list = slices.DeleteFunc(append(list, own...), func(p *Profile) bool {
		return (p.RetiredAt != nil) != f.Retired || f.Kind != "" && p.Kind != f.Kind || f.Group != "" && p.Group != f.Group ||
			!strings.Contains(strings.ToLower(p.ID+" "+p.Name+" "+p.Description), search)
	})
	place := map[string]int{}
	for n, g := range profile.Groups() {
		place[g.ID] = n - len(profile.Groups())
	}
	slices.SortStableFunc(list, func(a, b *Profile) int {
		return cmp.Or(place[a.Group]-place[b.Group], strings.Compare(a.Group, b.Group))
	})
	return list, nil
}

// Page returns a page of List.
func (s *Service) Page(ctx context.Context, partitionID string, f Filter, p page.Request) (*page.Page[*Profile], error) {
	list, err := s.List(ctx, partitionID, f)
	if err != nil {
		return nil, err
	}
	return page.Slice(list, p, func(p *Profile) string { return p.ID })
}

// Groups lists the groups that have a profile in the partition, system groups first.
func (s *Service) Groups(ctx context.Context, partitionID string) ([]profile.Group, error) {
	list, err := s.List(ctx, partitionID, Filter{})
	groups := profile.Groups()
	for _, p := range list {
		if !slices.ContainsFunc(groups, func(g profile.Group) bool { return g.ID == p.Group }) {
			groups = append(groups, profile.Group{ID: p.Group, Kind: p.Kind, Title: p.Group})
		}
	}
	return groups, err
}

// Get returns a profile, including a retired one.
func (s *Service) Get(ctx context.Context, partitionID, id string) (*Profile, error) {
	if err := s.Guard.Require(ctx, rbac.ProfileBrowse, partitionID); err != nil {
		return nil, err
	}
	p, err := s.At(ctx, partitionID, id, 0)
	if err == nil && p == nil {
		return nil, rbac.NotFound()
	}
	return p, err
}
