package ca

import (
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

// Get returns a CA, deleted ones within their tombstone included.
func (s *Service) Get(ctx context.Context, id string) (*CertificationAuthority, error) {
	c, err := s.find(ctx, s.Store.DB(ctx).Where("id = ?", id))
	if err != nil {
		return nil, err
	}
	return c, s.Guard.RequireOn(ctx, rbac.CABrowse, rbac.On{Partition: c.PartitionID, CA: c.ID})
}

// ByIdentifier returns the CA that has the identifier in the partition.
func (s *Service) ByIdentifier(ctx context.Context, partitionID, identifier string) (*CertificationAuthority, error) {
	if a := rbac.ActorFrom(ctx); a != nil && a.Scope.Narrow() {
		return s.inScope(ctx, a, address{partitionID, identifier})
	}
	if err := s.Guard.Require(ctx, rbac.CABrowse, partitionID); err != nil {
		return nil, err
	}
	return s.find(ctx, s.Store.DB(ctx).Where("partition_id = ? AND identifier = ?", partitionID, identifier))
}

// address is where a CA is found.
type address struct{ partitionID, identifier string }

// inScope is ByIdentifier for an actor of narrow scope. Each request of a credential begins with it: those that come together share
// a query.
func (s *Service) inScope(ctx context.Context, a *rbac.Actor, at address) (*CertificationAuthority, error) {
	if at.partitionID != a.Scope.Partition {
		return nil, rbac.NotFound()
	}
	c, err := s.addressed.Do(ctx, at)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, rbac.NotFound()
	}
	own := *c // several requests may have asked at once
	return &own, s.Guard.RequireOn(ctx, rbac.CABrowse, rbac.On{Partition: c.PartitionID, CA: c.ID})
}

func (s *Service) findAddressed(ctx context.Context, at []address) ([]*CertificationAuthority, error) {
	seen := map[address]*CertificationAuthority{}
	var wanted [][]any
	for _, a := range at {
		if _, had := seen[a]; !had {
			seen[a] = nil
			wanted = append(wanted, []any{a.partitionID, a.identifier})
		}
	}
	var found []*CertificationAuthority
	if err := s.Store.DB(ctx).Where("(partition_id, identifier) IN ? AND purged_at IS NULL", wanted).Find(&found).Error; err != nil {
		return nil, err
	}
	for _, c := range found {
		seen[address{c.PartitionID, c.Identifier}] = c
	}
	list := make([]*CertificationAuthority, len(at))
	for n, a := range at {
		list[n] = seen[a]
	}
	return list, nil
}

// byPlace is the order of lists: roots first, by friendly name.
const (
	place   = "CASE type WHEN 'ROOT' THEN 0 WHEN 'EXTERNAL_ROOT' THEN 0 WHEN 'INTERMEDIATE' THEN 1 ELSE 2 END"
	byPlace = place + ", lower(friendly_name), id"
)

// ordered is byPlace for pages.
var ordered = []page.Key[CertificationAuthority]{
	{Column: place, Value: func(c *CertificationAuthority) any {
		switch c.Type {
		case Root, ExternalRoot:
			return int64(0)
		case Intermediate:
			return int64(1)
		}
		return int64(2)
	}},
	{Column: "lower(friendly_name)", Bind: "lower(?)", Value: func(c *CertificationAuthority) any { return c.FriendlyName }},
	{Column: "id", Value: func(c *CertificationAuthority) any { return c.ID }},
}

// Granted lists the CAs on which the actor has a role of its own, as a credential has, in the order of List.
func (s *Service) Granted(ctx context.Context) ([]*CertificationAuthority, error) {
	a := rbac.ActorFrom(ctx)
	if a == nil || !a.Scope.Narrow() {
		return nil, rbac.NotFound()
	}
	var list []*CertificationAuthority
	if err := s.Store.DB(ctx).Where(
		"partition_id = ? AND id IN ? AND deleted_at IS NULL AND purged_at IS NULL", a.Scope.Partition,
		slices.Sorted(maps.Keys(a.Scope.Authorities)),
	).Order(byPlace).Find(&list).Error; err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(c *CertificationAuthority) bool {
		return !s.Guard.May(ctx, rbac.CABrowse, rbac.On{Partition: c.PartitionID, CA: c.ID})
	}), nil
}

// SelectedProfiles are those that a CA issues under, by their ids.
func (s *Service) SelectedProfiles(ctx context.Context, c *CertificationAuthority) ([]*profile.Profile, error) {
	if err := s.Guard.RequireOn(ctx, rbac.ProfileBrowse, rbac.On{Partition: c.PartitionID, CA: c.ID}); err != nil {
		return nil, err
	}
	ids, err := s.ProfileIDs(ctx, []string{c.ID})
	if err != nil {
		return nil, err
	}
	found, err := s.Profiles.Find(ctx, c.PartitionID, ids[c.ID])
	if err != nil {
		return nil, err
	}
	var list []*profile.Profile
	for _, id := range ids[c.ID] {
		if p := found[id]; p != nil { // nil: retired
			list = append(list, p)
		}
	}
	return list, nil
}

func (s *Service) find(_ context.Context, query *gorm.DB) (*CertificationAuthority, error) {
	var found []*CertificationAuthority
	if err := query.Where("purged_at IS NULL").Limit(1).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], nil
}

// List returns the CAs of a partition, roots first, by friendly name.
func (s *Service) List(ctx context.Context, partitionID string, includeDeleted bool, search string) ([]*CertificationAuthority, error) {
	query, err := s.listed(ctx, partitionID, includeDeleted, search)
	if err != nil {
		return nil, err
	}
	var list []*CertificationAuthority
	return list, query.Order(byPlace).Find(&list).Error
}

// Page is a part of List.
func (s *Service) Page(
	ctx context.Context, partitionID string, includeDeleted bool, search string, p page.Request,
) (*page.Page[*CertificationAuthority], error) {
	query, err := s.listed(ctx, partitionID, includeDeleted, search)
	if err != nil {
		return nil, err
	}
	return page.Read(ctx, s.Store, query, p, ordered...)
}

func (s *Service) listed(ctx context.Context, partitionID string, includeDeleted bool, search string) (*gorm.DB, error) {
	if err := s.Guard.Require(ctx, rbac.CABrowse, partitionID); err != nil {
		return nil, err
	}
	query := s.Store.DB(ctx).Model(&CertificationAuthority{}).Where("partition_id = ? AND purged_at IS NULL", partitionID)
	if !includeDeleted {
		query = query.Where("deleted_at IS NULL")
	}
	if search != "" {
		like := page.Contains(search)
		query = query.Where(
			"(lower(friendly_name) LIKE ? ESCAPE '\\' OR identifier LIKE ? ESCAPE '\\' OR lower(subject) LIKE ? ESCAPE '\\' OR "+
				"serial_number LIKE ? ESCAPE '\\')",
			like, like, like, like,
		)
	}
	return query, nil
}

// Load returns CAs by id for the loaders of a query whose permission was asked for; the order is that of ids, nil
// where there is none.
func (s *Service) Load(ctx context.Context, ids []string) ([]*CertificationAuthority, error) {
	var found []*CertificationAuthority
	if err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&found).Error; err != nil {
		return nil, err
	}
	byID := map[string]*CertificationAuthority{}
	for _, c := range found {
		if s.Guard.Require(ctx, rbac.CABrowse, c.PartitionID) == nil {
			byID[c.ID] = c
		}
	}
	list := make([]*CertificationAuthority, len(ids))
	for i, id := range ids {
		list[i] = byID[id]
	}
	return list, nil
}

// Children lists the CAs directly below one.
func (s *Service) Children(ctx context.Context, c *CertificationAuthority, p page.Request) (*page.Page[*CertificationAuthority], error) {
	if err := s.Guard.Require(ctx, rbac.CABrowse, c.PartitionID); err != nil {
		return nil, err
	}
	query := s.Store.DB(ctx).Model(&CertificationAuthority{}).Where("parent_id = ? AND purged_at IS NULL AND deleted_at IS NULL", c.ID)
	return page.Read(ctx, s.Store, query, p, ordered[1:]...)
}

// Below returns all CAs below the given one that are not deleted, those directly below first. (Deleting a CA does not
// delete those below it: a branch under a deleted one is cut already, and not counted.)
func (s *Service) Below(ctx context.Context, id string) ([]*CertificationAuthority, error) {
	var all []*CertificationAuthority
	for level := []string{id}; len(level) > 0; {
		var found []*CertificationAuthority
		if err := s.Store.DB(ctx).Where(
			"parent_id IN ? AND purged_at IS NULL AND deleted_at IS NULL", level,
		).Order("lower(friendly_name), id").Find(&found).Error; err != nil {
			return nil, err
		}
		level = nil
		for _, c := range found {
			level = append(level, c.ID)
		}
		all = append(all, found...)
	}
	return all, nil
}

// Chain returns the certificates (DER) of the CA and those above it, the CA's own first, the root last. Of a CA seen by
// Generation, the chain is that of the key: each link is the newest certificate of the key that signed the one before.
func (s *Service) Chain(ctx context.Context, c *CertificationAuthority) ([][]byte, error) {
	var chain [][]byte
	for {
		if c.Certificate != nil {
			chain = append(chain, c.Certificate)
		}
		if c.ParentID == nil {
			return chain, nil
		}
		parent, err := s.Generation(ctx, *c.ParentID, c.IssuerGeneration)
		if err != nil {
			return nil, err
		}
		c = parent
	}
}

const maxChains = 8

// Chains are all ways from the CA to a root that is valid, at most 8, the one that most verifiers can follow first. A root with a new
// key is certified by the one before it, and the reverse (RFC 4210 4.4). So the first chain goes on through such certificates to the
// oldest root, and serves hosts that trust any root on its way; the others end earlier, or go on to newer roots.
func (s *Service) Chains(ctx context.Context, c *CertificationAuthority) ([][][]byte, error) {
	return s.chains(ctx, c, NewWithOld, OldWithNew)
}

// chains follows cross-certificates of the kinds: on the way to older keys there is no way back to newer ones.
func (s *Service) chains(ctx context.Context, c *CertificationAuthority, kinds ...CertificateKind) ([][][]byte, error) {
	if c.Certificate == nil {
		return nil, nil
	}
	var all [][][]byte
	follow := func(certificate []byte, next *CertificationAuthority, kinds ...CertificateKind) error {
		above, err := s.chains(ctx, next, kinds...)
		for _, chain := range above {
			all = append(all, append([][]byte{certificate}, chain...))
		}
		return err
	}
	if c.ParentID != nil {
		parent, err := s.Generation(ctx, *c.ParentID, c.IssuerGeneration)
		if err == nil {
			err = follow(c.Certificate, parent, kinds...)
		}
		return all[:min(len(all), maxChains)], err
	}
	var cross []*OwnCertificate
	if err := s.Store.DB(ctx).Where(
		"ca_id = ? AND kind IN ? AND key_generation = ? AND issuer_generation <> ? AND not_after > ?", c.ID, kinds,
		c.KeyGeneration, c.KeyGeneration, s.Now()).
		Order("issuer_generation, created_at DESC").Find(&cross).Error; err != nil {
		return nil, err
	}
	for _, kind := range []CertificateKind{NewWithOld, Own, OldWithNew} {
		if kind == Own {
			all = append(all, [][]byte{c.Certificate})
		}
		for _, x := range cross {
			if x.Kind != kind {
				continue
			}
			other, err := s.Generation(ctx, c.ID, x.IssuerGeneration)
			if err == nil {
				err = follow(x.DER, other, kind)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return all[:min(len(all), maxChains)], nil
}

// Download returns the CA's certificate chain, for those who may download CA certificates.
func (s *Service) Download(ctx context.Context, c *CertificationAuthority) ([][]byte, error) {
	if err := s.Guard.Require(ctx, rbac.CADownload, c.PartitionID); err != nil {
		return nil, err
	}
	return s.Chain(ctx, c)
}

// ProfileIDs returns the profiles selected for each of the given CAs.
func (s *Service) ProfileIDs(ctx context.Context, caIDs []string) (map[string][]string, error) {
	var rows []selectedProfile
	err := s.Store.DB(ctx).Where("ca_id IN ?", caIDs).Order("ca_id, profile_id").Find(&rows).Error
	ids := map[string][]string{}
	for _, r := range rows {
		ids[r.CAID] = append(ids[r.CAID], r.ProfileID)
	}
	return ids, err
}

func (s *Service) selectRows(ctx context.Context, c *CertificationAuthority, profileIDs []string) error {
	if len(profileIDs) == 0 {
		return nil
	}
	// Again, and locked: a profile that is retired meanwhile must not be selected after that.
	if err := s.Profiles.Selectable(ctx, c.PartitionID, string(c.Type), profileIDs); err != nil {
		return err
	}
	rows := make([]selectedProfile, len(profileIDs))
	for i, id := range profileIDs {
		rows[i] = selectedProfile{c.ID, id}
	}
	return s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&rows).Error
}
