package protocolconfig

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Offering is what one request can ask a configuration for: by which CA, under which profile and by which rules a certificate
// is issued. An ACME profile, an EST label, a Digital ID, a template of WSTEP are each one.
type Offering struct {
	ID              string `gorm:"primaryKey"`
	ConfigurationID string
	Position        int64  // the first of a configuration is for requests that name none
	Name            string // what clients ask for; unique in the configuration
	CAID            string `gorm:"column:ca_id"`
	ProfileID       string
	Rules           Rules `gorm:"serializer:json"`
	CreatedAt       time.Time
}

func (Offering) TableName() string { return "protocol_offerings" }

// Rules are what requests for an offering are held to, beside its profile. The zero value of each holds them to nothing more.
type Rules struct {
	// MaxValidityHours caps how long certificates are valid; 0: as long as the profile says.
	MaxValidityHours int `json:"maxValidityHours,omitempty"`
}

// MaxValidityHours is the cap of its rules.
func (o *Offering) MaxValidityHours() int { return o.Rules.MaxValidityHours }

// maxValidityHours is a hundred years.
const maxValidityHours = 100 * 366 * 24

// MaxOfferings of a configuration.
const MaxOfferings = 100

// OfferingRequest is what a new offering is to be.
type OfferingRequest struct {
	Name      string // "": the profile's id
	CAID      string
	ProfileID string // selected for the CA, and of a group of the type
	Rules     Rules
}

// One is a single offering, named after its profile.
func One(caID, profileID string) []OfferingRequest {
	return []OfferingRequest{{CAID: caID, ProfileID: profileID}}
}

func (r OfferingRequest) offering(c *Configuration, position int64, now time.Time) *Offering {
	return &Offering{
		ID:              uuid.Must(uuid.NewV7()).String(),
		ConfigurationID: c.ID,
		Position:        position,
		Name:            cmp.Or(r.Name, r.ProfileID),
		CAID:            r.CAID,
		ProfileID:       r.ProfileID,
		Rules:           r.Rules,
		CreatedAt:       now,
	}
}

// Offering returns the one of an id, nil when there is none.
func (c *Configuration) Offering(id string) *Offering {
	return c.offering(func(o *Offering) bool { return o.ID == id })
}

// Named returns the one that clients ask for by a name; "" is the first.
func (c *Configuration) Named(name string) *Offering {
	return c.offering(func(o *Offering) bool { return name == "" || o.Name == name })
}

func (c *Configuration) offering(is func(*Offering) bool) *Offering {
	if n := slices.IndexFunc(c.Offerings, is); n >= 0 {
		return c.Offerings[n]
	}
	return nil
}

// withOfferings reads the offerings of configurations.
func (s *Service) withOfferings(ctx context.Context, list ...*Configuration) error {
	byID := map[string]*Configuration{}
	var ids []string
	for _, c := range list {
		byID[c.ID], c.Offerings = c, nil
		ids = append(ids, c.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	var found []*Offering
	err := s.Store.DB(ctx).Where("configuration_id IN ?", ids).Order("position, id").Find(&found).Error
	for _, o := range found {
		c := byID[o.ConfigurationID]
		c.Offerings = append(c.Offerings, o)
	}
	return err
}

// Serving returns those of the offerings that still serve: neither they nor their configurations have been removed or disabled. In a
// transaction they stay so until it ends.
func Serving(ctx context.Context, s *store.Store, ids []string) (list []*Offering, err error) {
	query := s.DB(ctx)
	if store.InTx(ctx) {
		query = s.ForShare(query)
	}
	err = query.Table("protocol_offerings AS o").Select("o.*").
		Joins("JOIN protocol_configurations c ON c.id = o.configuration_id").
		Where("o.id IN ? AND c.status = ? AND c.deleted_at IS NULL", ids, Active).Order("o.id").Find(&list).Error
	return list, err
}

// checkOffering checks a name and rules, and that the CA can issue under the profile.
func (s *Service) checkOffering(ctx context.Context, c *Configuration, o *Offering) (*ca.CertificationAuthority, error) {
	if len(o.Name) > 64 || strings.ContainsAny(o.Name, "/?#%") || strings.TrimSpace(o.Name) != o.Name {
		return nil, fault.New(
			fault.Invalid, "the name of an offering must be 1 to 64 characters long, without / ? # %% and without spaces around it",
		).
			At("name")
	}
	if err := text.Label("name", o.Name, 1, 64); err != nil {
		return nil, err
	}
	if n := o.Rules.MaxValidityHours; n < 0 || n > maxValidityHours {
		return nil, fault.New(fault.Invalid, "%d hours of validity are out of range", n).
			At("maxValidityHours").
			Do("0 is as long as the profile says.")
	}
	// The CA stays as it is until the configuration stands: one that is deleted meanwhile is seen with it, or refused.
	var found []*ca.CertificationAuthority
	if err := s.Store.ForShare(s.Store.DB(ctx)).Where(
		"id = ? AND partition_id = ? AND purged_at IS NULL", o.CAID, c.PartitionID,
	).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Invalid, "no such certification authority in this partition").At("caId")
	}
	problem, err := s.problem(ctx, c, o, found[0])
	if err == nil && problem != nil {
		err = problem
	}
	return found[0], err
}

// problem is why nothing can be issued by the CA under the profile of an offering, nil while something can.
func (s *Service) problem(ctx context.Context, c *Configuration, o *Offering, authority *ca.CertificationAuthority) (*fault.Error, error) {
	if err := authority.Usable(s.Now()); err != nil {
		return fault.Of(err), nil
	}
	t := s.Type(c.Type)
	known, err := s.Profiles.Find(ctx, c.PartitionID, []string{o.ProfileID})
	if err != nil {
		return nil, err
	}
	p := known[o.ProfileID]
	if p == nil {
		return fault.New(fault.PolicyRefused, "there is no profile %s, or it is retired", text.Quote(o.ProfileID)).
				At("profileId").
				Do("Choose another profile."),
			nil
	}
	if !t.Fits(p.Profile) {
		return fault.New(fault.PolicyRefused, "profile %s is of the group %s, which %s does not issue under", p.ID, p.Group, t.Label).
				At("profileId").
				Do("Choose a profile of the group " + t.Groups[0] + "."),
			nil
	}
	selected, err := s.CAs.ProfileIDs(ctx, []string{authority.ID})
	if err != nil {
		return nil, err
	}
	if slices.Contains(selected[authority.ID], o.ProfileID) {
		return nil, nil
	}
	return fault.New(fault.PolicyRefused, "profile %s is not selected for %s", o.ProfileID, authority.Identifier).
			At("profileId").
			Do("Have it selected for the certification authority, or choose another one."),
		nil
}

// OfferingProblem tells why nothing can be issued by an offering of a configuration that was asked for; "" while something can, and
// while the configuration is disabled.
func (s *Service) OfferingProblem(ctx context.Context, c *Configuration, o *Offering) (string, error) {
	if c.Status != Active || c.DeletedAt != nil {
		return "", nil
	}
	var found []*ca.CertificationAuthority
	if err := s.Store.DB(ctx).Where("id = ? AND purged_at IS NULL", o.CAID).Find(&found).Error; err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "its certification authority was deleted", nil
	}
	problem, err := s.problem(ctx, c, o, found[0])
	if err != nil || problem == nil {
		return "", err
	}
	return problem.Message, nil
}

// Problem tells why nothing can be issued through a configuration that was asked for; "" while something can by any of its
// offerings, and for one that is disabled.
func (s *Service) Problem(ctx context.Context, c *Configuration) (string, error) {
	first := ""
	for _, o := range c.Offerings {
		problem, err := s.OfferingProblem(ctx, c, o)
		if err != nil || problem == "" {
			return "", err
		}
		first = cmp.Or(first, problem)
	}
	return first, nil
}

func (o *Offering) facts() audit.Details {
	return audit.Details{"name": o.Name, "caId": o.CAID, "profile": o.ProfileID, "rules": o.Rules}
}

func taken(name string) error {
	return fault.New(fault.Conflict, "there is an offering %s already", text.Quote(name)).At("name").Do("Choose another name.")
}

// AddOffering adds an offering to a configuration, the last of its list.
func (s *Service) AddOffering(ctx context.Context, id string, r OfferingRequest) (*Configuration, error) {
	return s.change(ctx, id, "protocol.offering.add", func(ctx context.Context, c *Configuration, e *audit.Event) error {
		if err := s.PermitWidening(ctx, c); err != nil {
			return err
		}
		if len(c.Offerings) >= MaxOfferings {
			return fault.New(fault.Invalid, "a configuration has at most %d offerings", MaxOfferings).Do("Make another configuration.")
		}
		o := r.offering(c, c.Offerings[len(c.Offerings)-1].Position+1, s.Now())
		if c.Named(o.Name) != nil {
			return taken(o.Name)
		}
		if _, err := s.checkOffering(ctx, c, o); err != nil {
			return err
		}
		c.Offerings = append(c.Offerings, o)
		e.Summary, e.Details = "added the offering "+o.Name+" to "+c.Identifier, o.facts()
		return s.Store.DB(ctx).Create(o).Error
	})
}

// OfferingChange is what an update of an offering alters; nil leaves a value.
type OfferingChange struct {
	Name      *string
	CAID      *string
	ProfileID *string
	Rules     *Rules
	// First makes it the one that is for requests that name none.
	First bool
}

// UpdateOffering alters an offering. Who asked for it before gets certificates as it is now.
func (s *Service) UpdateOffering(ctx context.Context, id string, change OfferingChange) (*Configuration, error) {
	return s.changeOffering(
		ctx,
		id,
		"protocol.offering.update",
		func(ctx context.Context, c *Configuration, o *Offering, e *audit.Event) error {
			if err := s.PermitWidening(ctx, c); err != nil {
				return err
			}
			old := *o
			for to, from := range map[*string]*string{&o.Name: change.Name, &o.CAID: change.CAID, &o.ProfileID: change.ProfileID} {
				if from != nil {
					*to = *from
				}
			}
			if change.Rules != nil {
				o.Rules = *change.Rules
			}
			if change.First && c.Offerings[0].ID != o.ID {
				o.Position = c.Offerings[0].Position - 1
			}
			if *o == old {
				return fault.New(fault.Conflict, "nothing is changed").Do("Change something, or leave the offering as it is.")
			}
			if slices.ContainsFunc(c.Offerings, func(other *Offering) bool { return other != o && other.Name == o.Name }) {
				return taken(o.Name)
			}
			if _, err := s.checkOffering(ctx, c, o); err != nil {
				return err
			}
			slices.SortFunc(c.Offerings, func(a, b *Offering) int {
				return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.ID, b.ID))
			})
			e.Summary, e.Details = "changed the offering "+o.Name+" of "+c.Identifier, audit.Details{
				"before": old.facts(),
				"after":  o.facts(),
				"first":  c.Offerings[0].ID == o.ID,
			}
			return s.Store.DB(ctx).Select("*").Updates(o).Error
		},
	)
}

// RemoveOffering takes an offering away; nothing is issued by it from then on. The last one stays.
func (s *Service) RemoveOffering(ctx context.Context, id string) (*Configuration, error) {
	return s.changeOffering(
		ctx,
		id,
		"protocol.offering.remove",
		func(ctx context.Context, c *Configuration, o *Offering, e *audit.Event) error {
			if len(c.Offerings) == 1 {
				return fault.New(fault.Conflict, "%s is the only offering of %s", o.Name, c.Identifier).
					Do("Add another one first, or disable the configuration.")
			}
			if c.Offerings[0] == o { // requests that name none get another one from then on
				if err := s.PermitWidening(ctx, c); err != nil {
					return err
				}
			}
			c.Offerings = slices.DeleteFunc(c.Offerings, func(other *Offering) bool { return other == o })
			e.Summary, e.Details = "removed the offering "+o.Name+" from "+c.Identifier, o.facts()
			return s.Store.DB(ctx).Delete(o).Error
		},
	)
}

func (s *Service) changeOffering(
	ctx context.Context,
	id, action string,
	fn func(context.Context, *Configuration, *Offering, *audit.Event) error,
) (*Configuration, error) {
	var found []*Offering
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return s.change(ctx, found[0].ConfigurationID, action, func(ctx context.Context, c *Configuration, e *audit.Event) error {
		o := c.Offering(id)
		if o == nil { // removed meanwhile
			return rbac.NotFound()
		}
		return fn(ctx, c, o, e)
	})
}

// createOfferings makes those of a new configuration.
func (s *Service) createOfferings(ctx context.Context, c *Configuration, list []OfferingRequest) ([]audit.Details, error) {
	if len(list) == 0 || len(list) > MaxOfferings {
		return nil, fault.New(fault.Invalid, "a configuration has 1 to %d offerings", MaxOfferings).At("offerings")
	}
	var facts []audit.Details
	for n, r := range list {
		o := r.offering(c, int64(n), c.CreatedAt)
		authority, err := s.checkOffering(ctx, c, o)
		if err == nil && len(c.Offerings) > 0 && c.Named(o.Name) != nil {
			err = taken(o.Name)
		}
		if err != nil {
			if f := fault.Of(err); f.Field != "" {
				return nil, f.At("offerings[" + strconv.Itoa(n) + "]." + f.Field)
			}
			return nil, err
		}
		c.Offerings = append(c.Offerings, o)
		facts = append(facts, audit.Details{"name": o.Name, "ca": authority.Identifier, "profile": o.ProfileID, "rules": o.Rules})
	}
	return facts, nil
}

func (s *Service) saveOfferings(ctx context.Context, c *Configuration) error {
	return store.CreateAll(ctx, s.Store, c.Offerings)
}
