package profile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// maxCustom limits the profiles of a partition, because lists of them have no pages.
const maxCustom = 200

// Draft is a profile as the user wrote it. ID, name and group may be given beside the JSON.
type Draft struct {
	JSON        string
	Name, Group string // If empty, Group is taken from the source profile, and so is Name when a profile is changed.
}

// Clone creates a profile from another one, under a new ID. Without JSON it is a copy of the source except for ID, name
// and group.
func (s *Service) Clone(ctx context.Context, partitionID, sourceID, id string, d Draft) (p *Profile, err error) {
	if err := s.Guard.Require(ctx, rbac.ProfileManage, partitionID); err != nil {
		return nil, err
	}
	event := audit.Event{PartitionID: partitionID, Action: "profile.clone", ObjectKind: "profile", ObjectName: text.Quote(id)}
	defer s.Audit.Refusal(ctx, &err, &event)
	source, err := s.At(ctx, partitionID, sourceID, 0)
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, fault.New(fault.Invalid, "The profile %s does not exist.", text.Quote(sourceID)).At("sourceId")
	}
	if source.Kind != profile.Subscriber {
		return nil, fault.New(
			fault.PolicyRefused, "%s is an authority profile. It cannot be cloned or changed.", source.ID,
		).At("sourceId").Do("Choose a subscriber profile.")
	}
	given := profile.Given{ID: id, Name: d.Name, Group: cmp.Or(d.Group, source.Group)}
	if d.JSON == "" {
		copied := *source.Profile
		copied.ID, copied.Name, copied.Group = given.ID, given.Name, given.Group
		d.JSON = string(copied.JSON())
	}
	rules, err := s.parse(d.JSON, given)
	if err != nil {
		return nil, err
	}
	if _, system := profile.ByID(id); system {
		return nil, taken(id)
	}
	now, actor := s.Now(), rbac.ActorFrom(ctx).Name
	r := &row{
		UID: uuid.Must(uuid.NewV7()).String(), PartitionID: partitionID, ID: id, BasedOn: source.ID, Version: 1, CreatedAt: now,
		CreatedBy: actor,
	}
	json := string(rules.JSON())
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		var count int64
		if err := s.Store.DB(ctx).Model(&row{}).Where("partition_id = ?", partitionID).Count(&count).Error; err != nil {
			return err
		}
		if count >= maxCustom {
			return fault.New(fault.Conflict, "A partition can have at most %d profiles of its own.", maxCustom).Do(
				"Delete profiles under which no certificates were issued.",
			)
		}
		if err := s.Store.DB(ctx).Create(r).Error; err != nil {
			if store.IsDuplicate(err) {
				return taken(id)
			}
			return err
		}
		s.Audit.Record(
			ctx, audit.Event{PartitionID: partitionID, Action: "profile.clone", ObjectKind: "profile", ObjectID: r.UID, ObjectName: id,
				Summary: "created profile " + id + " of " + source.ID, Details: audit.Details{
					"basedOn": source.ID, "version": 1, "changes": changes(source.Profile, rules),
				}})
		return s.Store.DB(ctx).Create(
			&Version{UID: r.UID, Version: 1, CreatedAt: now, CreatedBy: actor, Comment: "cloned from " + source.ID, JSON: json},
		).Error
	})
	if err != nil {
		return nil, err
	}
	return r.with(json)
}

func taken(id string) error {
	return fault.New(fault.Conflict, "The profile %s already exists.", text.Quote(id)).At("id").Do("Choose another identifier.")
}

// parse reads a custom profile, and applies the rules of all profiles and the restrictions of custom ones.
func (s *Service) parse(json string, given profile.Given) (*profile.Profile, error) {
	rules, err := profile.ParseGiven([]byte(json), given)
	var bad *invalid.Error
	if errors.As(err, &bad) {
		// The caller sent ID, name, group or the JSON. Paths within the JSON are below "json".
		field := "json." + bad.Field
		if slices.Contains([]string{"id", "name", "group", "json"}, bad.Field) {
			field = bad.Field
		}
		return nil, fault.New(fault.Invalid, "%s: %s", bad.Field, bad.Message).At(field).Do(
			"Call validateProfile for a list of all problems.",
		)
	}
	if err != nil {
		return nil, err
	}
	if own := restrictions(given.ID, rules); len(own) > 0 {
		return nil, fault.New(fault.Invalid, "%s: %s", own[0].Path, own[0].Message).At("json." + own[0].Path)
	}
	return rules, nil
}

func restrictions(id string, p *profile.Profile) (problems []profile.Problem) {
	add := func(path, message string) { problems = append(problems, profile.Problem{Path: path, Message: message}) }
	if id != "" && p.ID != id {
		add("id", "The identifier must be "+text.Quote(id)+". It cannot be changed.")
	}
	if p.Kind != profile.Subscriber {
		add("kind", "The kind must be SUBSCRIBER. Authority profiles cannot be changed.")
	}
	for _, g := range profile.Groups() {
		if g.ID == p.Group && g.Kind != profile.Subscriber {
			add("group", "This is a group of authority profiles. Choose another group.")
		}
	}
	return problems
}

// Validate lists the problems of a draft; id "" stands for any identifier. A missing ID, name or group is not a
// problem, because they can be given beside the JSON.
func (s *Service) Validate(ctx context.Context, partitionID, id string, d Draft) ([]profile.Problem, error) {
	if err := s.Guard.Require(ctx, rbac.ProfileBrowse, partitionID); err != nil {
		return nil, err
	}
	given := profile.Given{ID: cmp.Or(id, anything), Name: cmp.Or(d.Name, anything), Group: cmp.Or(d.Group, anything)}
	problems := profile.Problems([]byte(d.JSON), given)
	if rules, err := profile.ParseGiven([]byte(d.JSON), given); err == nil {
		problems = append(problems, restrictions(id, rules)...)
	}
	return problems, nil
}

// anything stands for an identifier, name or group that is not known yet.
const anything = "draft"

// Update gives a profile a new version. The version passed is the one that was edited: if somebody else has changed the
// profile meanwhile, Update fails.
func (s *Service) Update(ctx context.Context, partitionID, id string, version int64, d Draft, comment string) (p *Profile, err error) {
	if err := s.Guard.Require(ctx, rbac.ProfileManage, partitionID); err != nil {
		return nil, err
	}
	event := audit.Event{PartitionID: partitionID, Action: "profile.update", ObjectKind: "profile", ObjectName: text.Quote(id)}
	defer s.Audit.Refusal(ctx, &err, &event)
	if utf8.RuneCountInString(comment) > 200 {
		return nil, fault.New(fault.Invalid, "The comment must be at most 200 characters long.").At("comment")
	}
	if comment != "" {
		if err := text.Label("comment", comment, 1, 200); err != nil {
			return nil, err
		}
	}
	present, err := s.At(ctx, partitionID, id, 0)
	if err != nil {
		return nil, err
	}
	if present == nil {
		return nil, rbac.NotFound()
	}
	rules, err := s.parse(d.JSON, profile.Given{ID: id, Name: cmp.Or(d.Name, present.Name), Group: cmp.Or(d.Group, present.Group)})
	if err != nil && !present.System() {
		return nil, err
	}
	err = s.change(ctx, partitionID, id, version, func(ctx context.Context, r *row, e *audit.Event) error {
		before, err := s.version(ctx, r.UID, r.Version)
		if err != nil {
			return err
		}
		old, err := r.with(before.JSON)
		if err != nil {
			return err
		}
		changed := changes(old.Profile, rules)
		if len(changed) == 0 {
			return fault.New(fault.Conflict, "The profile has no changes.").At("json").Do("Change something first.")
		}
		r.Version++
		v := &Version{
			UID: r.UID, Version: r.Version, CreatedAt: s.Now(), CreatedBy: rbac.ActorFrom(ctx).Name, Comment: comment,
			JSON: string(rules.JSON()),
		}
		if err := s.Store.DB(ctx).Create(v).Error; err != nil {
			return err
		}
		e.Action, e.Summary = "profile.update", "changed profile "+id
		e.Details = audit.Details{"before": r.Version - 1, "after": r.Version, "comment": comment, "changes": changed}
		p, err = r.with(v.JSON)
		return err
	})
	return p, err
}

// changes returns a difference in the form stored in audit events.
func changes(before, after *profile.Profile) []map[string]string {
	var list []map[string]string
	for _, c := range profile.Diff(before, after) {
		list = append(list, map[string]string{"path": c.Path, "before": c.Before, "after": c.After})
	}
	return list
}

// change locks a custom profile, checks its version, lets fn alter it and saves it with its audit event.
func (s *Service) change(
	ctx context.Context, partitionID, id string, version int64, fn func(context.Context, *row, *audit.Event) error,
) error {
	if p, ok := profile.ByID(id); ok {
		return fault.New(fault.PolicyRefused, "%s is a system profile. It cannot be changed.", p.ID).At("id").Do(
			"Clone it and change the copy.",
		)
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		var rows []*row
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Where("partition_id = ? AND id = ?", partitionID, id).Find(&rows).Error; err != nil {
			return err
		}
		if len(rows) == 0 {
			return rbac.NotFound()
		}
		r := rows[0]
		switch {
		case r.Version != version:
			return fault.New(fault.Conflict, "Profile %s is now at version %d, not %d.", id, r.Version, version).At("version").Do(
				"Reload it and repeat the change.",
			)
		case r.RetiredAt != nil:
			return fault.New(fault.Conflict, "Profile %s is retired.", id).Do("Clone it under a new identifier.")
		}
		e := audit.Event{PartitionID: partitionID, ObjectKind: "profile", ObjectID: r.UID, ObjectName: id}
		if err := fn(ctx, r, &e); err != nil {
			return err
		}
		s.Audit.Record(ctx, e)
		return s.Store.DB(ctx).Select("version", "retired_at", "retired_by").Updates(r).Error
	})
}

// Retire ends issuance under a profile, and removes it from the CAs that have it selected. Its certificates and
// versions are kept.
func (s *Service) Retire(ctx context.Context, partitionID, id string, version int64) (p *Profile, err error) {
	if err := s.Guard.Require(ctx, rbac.ProfileManage, partitionID); err != nil {
		return nil, err
	}
	event := audit.Event{PartitionID: partitionID, Action: "profile.retire", ObjectKind: "profile", ObjectName: text.Quote(id)}
	defer s.Audit.Refusal(ctx, &err, &event)
	err = s.change(ctx, partitionID, id, version, func(ctx context.Context, r *row, e *audit.Event) error {
		now := s.Now()
		r.RetiredAt, r.RetiredBy = &now, rbac.ActorFrom(ctx).Name
		used, err := s.use(ctx, partitionID, id)
		if err != nil {
			return err
		}
		e.Action, e.Summary = "profile.retire", "retired profile "+id
		e.Details = audit.Details{"version": r.Version, "takenFrom": used.cas, "protocolConfigurations": used.protocols}
		return s.Store.DB(ctx).Exec(
			"DELETE FROM ca_profiles WHERE profile_id = ? AND ca_id IN (SELECT id FROM certification_authorities WHERE partition_id = ?)",
			id, partitionID,
		).Error
	})
	if err != nil {
		return nil, err
	}
	return s.At(ctx, partitionID, id, 0)
}

// Delete removes a profile under which no certificates were issued and which no CA has selected. Its identifier can be
// used again.
func (s *Service) Delete(ctx context.Context, partitionID, id string, version int64) (err error) {
	if err := s.Guard.Require(ctx, rbac.ProfileManage, partitionID); err != nil {
		return err
	}
	event := audit.Event{PartitionID: partitionID, Action: "profile.delete", ObjectKind: "profile", ObjectName: text.Quote(id)}
	defer s.Audit.Refusal(ctx, &err, &event)
	if p, ok := profile.ByID(id); ok {
		return fault.New(fault.PolicyRefused, "%s is a system profile. It cannot be deleted.", p.ID).At("id")
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		var rows []*row
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Where("partition_id = ? AND id = ?", partitionID, id).Find(&rows).Error; err != nil {
			return err
		}
		if len(rows) == 0 {
			return rbac.NotFound()
		}
		r := rows[0]
		if r.Version != version {
			return fault.New(fault.Conflict, "Profile %s is now at version %d, not %d.", id, r.Version, version).At("version").Do(
				"Reload it and repeat the deletion.",
			)
		}
		// Issuance holds a shared lock on the row until it is recorded, so nothing is issued under the profile after
		// this.
		used, err := s.use(ctx, partitionID, id)
		switch {
		case err != nil:
			return err
		case used.issued:
			return fault.New(fault.Conflict, "Certificates were issued under profile %s.", id).Do(
				"Retire it instead. No more certificates are issued under a retired profile, and its versions are kept.",
			)
		case len(used.cas) > 0:
			return fault.New(fault.Conflict, "Profile %s is selected for %s.", id, used.cas[0]).Do(
				"Remove it from these certification authorities, or retire it.",
			)
		case len(used.protocols) > 0:
			return fault.New(fault.Conflict, "The enrollment protocol configuration %s uses profile %s.", used.protocols[0], id).Do(
				"Choose another profile for the configuration first.",
			)
		}
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: partitionID, Action: "profile.delete", ObjectKind: "profile", ObjectID: r.UID, ObjectName: id,
				Summary: "deleted profile " + id,
				Details: audit.Details{"version": r.Version}})
		if err := s.Store.DB(ctx).Delete(&Version{}, "uid = ?", r.UID).Error; err != nil {
			return err
		}
		return s.Store.DB(ctx).Delete(r).Error
	})
}

// usage tells where a profile is used.
type usage struct {
	issued bool
	cas    []string // identifiers of the CAs that have it selected
	// protocols are the identifiers of the enrollment protocol configurations that use it.
	protocols []string
}

func (s *Service) use(ctx context.Context, partitionID, id string) (u usage, err error) {
	var certificates []string
	if err := s.Store.DB(ctx).Table("certificates").Where(
		"ca_id IN (SELECT id FROM certification_authorities WHERE partition_id = ?) AND profile_id = ? AND profile_version > 0",
		partitionID, id,
	).Limit(1).Pluck("id", &certificates).Error; err != nil {
		return u, err
	}
	u.issued = len(certificates) > 0
	err = s.Store.DB(ctx).Table("ca_profiles AS s").Joins("JOIN certification_authorities c ON c.id = s.ca_id").
		Where(
			"c.partition_id = ? AND s.profile_id = ? AND c.purged_at IS NULL", partitionID, id,
		).Order("c.identifier").Pluck("c.identifier", &u.cas).Error
	if err != nil {
		return u, err
	}
	err = s.Store.DB(ctx).Table("protocol_configurations").Where(
		"partition_id = ? AND deleted_at IS NULL AND id IN (SELECT configuration_id FROM protocol_offerings WHERE profile_id = ?)",
		partitionID, id,
	).
		Order("identifier").Pluck("identifier", &u.protocols).Error
	return u, err
}

// Use tells whether certificates were issued under the profile and which CAs have it selected.
func (s *Service) Use(ctx context.Context, p *Profile) (issued bool, cas []string, err error) {
	if err := s.Guard.Require(ctx, rbac.ProfileBrowse, p.PartitionID); err != nil || p.System() {
		return false, nil, err
	}
	u, err := s.use(ctx, p.PartitionID, p.ID)
	return u.issued, u.cas, err
}

// History lists the versions of a profile, newest first. A system profile has none.
func (s *Service) History(ctx context.Context, p *Profile, r page.Request) (*page.Page[*Version], error) {
	if err := s.Guard.Require(ctx, rbac.ProfileBrowse, p.PartitionID); err != nil {
		return nil, err
	}
	if p.System() {
		return &page.Page[*Version]{}, nil
	}
	return page.Read(ctx, s.Store, s.Store.DB(ctx).Model(&Version{}).Where("uid = ?", p.UID), r,
		page.Key[Version]{Column: "version", Desc: true, Value: func(v *Version) any { return v.Version }})
}

// Changes lists the differences between two versions of a profile. Version 0 is the current state of the profile it was
// cloned from.
func (s *Service) Changes(ctx context.Context, p *Profile, from, to int64) ([]profile.Change, error) {
	if err := s.Guard.Require(ctx, rbac.ProfileBrowse, p.PartitionID); err != nil || p.System() {
		return nil, err
	}
	var sides [2]*profile.Profile
	for n, version := range []int64{from, to} {
		var err error
		if version == 0 {
			var base *Profile
			if base, err = s.At(ctx, p.PartitionID, p.BasedOn, 0); base != nil {
				sides[n] = base.Profile
			}
		} else {
			var v *Version
			if v, err = s.version(ctx, p.UID, version); v != nil {
				sides[n], err = profile.Parse([]byte(v.JSON))
			}
		}
		if err != nil {
			return nil, err
		}
		if sides[n] == nil {
			return nil, fault.New(fault.Invalid, "Profile %s has no version %d.", p.ID, version).At("from")
		}
	}
	return profile.Diff(sides[0], sides[1]), nil
}

// version reads a version, or returns nil if it does not exist.
func (s *Service) version(ctx context.Context, uid string, version int64) (*Version, error) {
	var found []*Version
	if err := s.Store.DB(ctx).Where("uid = ? AND version = ?", uid, version).Find(&found).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}
