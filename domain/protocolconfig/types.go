package protocolconfig

import (
	"context"
	"fmt"
	"slices"

	"github.com/pkiaas/pkiaas/pki/profile"
)

// TypeID names an enrollment protocol in rows and in GraphQL.
type TypeID string

// Type is an enrollment protocol that can be configured. The protocol's own package in domain/ makes it; which ones there are
// is the list in server/enrollment.go.
type Type struct {
	ID TypeID
	// Name in lower case: the folder in protocols/, the source of the certificates, and the beginning of the path.
	Name  string
	Label string // for people
	// Groups of profiles: certificates are issued under profiles of these groups only.
	Groups []string
	// Vouches is as whom the protocol answers for claims about identity in what its clients send: profile.Nobody where it
	// does not know them from elsewhere. Every type must say it.
	Vouches profile.Source
	// SharedEndEntities: clients get certificates for end entities that came through other configurations, too. For protocols in
	// which a client proves the name itself.
	SharedEndEntities bool
	// Settings makes settings in which nothing is set: a pointer to a struct. nil: the type has none.
	Settings func() Settings
	// PermitSettings, if given, refuses what the caller may not change from was to is, which have passed Check. was is nil for a
	// new configuration. What every change of settings needs is asked for before.
	PermitSettings func(ctx context.Context, c *Configuration, was, is Settings) error
	// Unproved tells whether clients of a configuration get certificates for names that they prove in no way. nil: none do.
	Unproved func(ctx context.Context, c *Configuration) (bool, error)
}

// Register adds types, in the order in which the console offers them.
func (s *Service) Register(types ...*Type) {
	for _, t := range types {
		if t.Vouches != profile.Nobody && !slices.Contains(profile.Sources(), t.Vouches) {
			panic(
				fmt.Sprintf(
					"%s does not say whether it answers for claims about identity: set Vouches to profile.Nobody, unless it knows them "+
						"from elsewhere",
					t.ID,
				),
			)
		}
		if s.Type(t.ID) != nil {
			panic(fmt.Sprintf("the enrollment protocol %s is registered twice", t.ID))
		}
		s.types = append(s.types, t)
	}
}

// Types lists the enrollment protocols.
func (s *Service) Types() []*Type { return slices.Clone(s.types) }

// Type returns the type of an id, nil when there is none.
func (s *Service) Type(id TypeID) *Type {
	if n := slices.IndexFunc(s.types, func(t *Type) bool { return t.ID == id }); n >= 0 {
		return s.types[n]
	}
	return nil
}

// Fits tells whether a configuration of the type can issue under the profile.
func (t *Type) Fits(p *profile.Profile) bool {
	return p.Kind == profile.Subscriber && slices.Contains(t.Groups, p.Group)
}
