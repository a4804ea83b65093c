package rbac

import (
	"context"
	"slices"
	"time"
)

// ActorKind is the kind of actor.
type ActorKind string

const (
	UserActor     ActorKind = "user"
	TokenActor    ActorKind = "api-token"
	OperatorActor ActorKind = "operator"
	// System is the service itself, for jobs. It is never created from network input.
	System ActorKind = "system"
	// ProtocolActor is an enrollment protocol configuration that serves clients who are not users of the partition. The
	// protocol has authenticated their requests by its own means. See domain/protocolconfig.
	ProtocolActor ActorKind = "protocol"
	// CredentialActor is a client of the CA Gateway API, which has roles on single authorities. See domain/credential.
	CredentialActor ActorKind = "cagw-credential"
)

// Actor is who makes a request, as established by the server's middleware.
type Actor struct {
	Kind      ActorKind
	ID        string // user, token or configuration ID
	Name      string // e-mail of the user, name of the token, "acme:" and identifier of the configuration
	OwnerID   string // of a token: the user behind it, "" if unknown
	SessionID string // "" for tokens
	// Proven is set if the person has entered a password or second factor in this session within the last minutes. See
	// Guard.RequireProof.
	Proven   bool
	Protocol string // of a ProtocolActor: "acme"
	// Vouches is, for a ProtocolActor, the profile.Source as which the protocol vouches for claims about identity.
	Vouches string
	// Grants: roles by domain.
	Grants map[string][]Role
	// Service: a token that belongs to nobody. It cannot make decisions about people; see ofPeople.
	Service bool
	// Within, if set, holds the roles by domain of the token's owner. The token may do nothing that the owner may not.
	Within map[string][]Role
	// Scope bounds what it acts on.
	Scope     Scope
	IPAddress string
	RequestID string
}

// Scope is what an actor acts on, and Guard asks it for each permission. The zero value is all of the domains in which it has
// roles. A narrow scope, one with a Partition, permits nothing that is asked of the partition as a whole: only what is asked of
// an object in it (Guard.RequireOn).
type Scope struct {
	// Partition, if not "", is the only one.
	Partition string
	// Authorities are roles on single CAs, by their ids: those of a credential of the CA Gateway.
	Authorities map[string][]Role
	// Configuration of an enrollment protocol: what came through it is in scope, and what its Offerings issue.
	Configuration string
	Offerings     []Offering
	// SharedEndEntities: end entities of other configurations are in scope, too.
	SharedEndEntities bool
}

// Narrow tells whether the scope is less than the domains in which the actor has roles.
func (s *Scope) Narrow() bool { return s.Partition != "" }

// On is what a permission is asked for, as exactly as is known. Partition is always given.
type On struct {
	Partition string
	// CA is the one that is asked about, or that issued or is to issue the certificate.
	CA string
	// Profile of a certificate that is to be issued.
	Profile string
	// Configuration of an enrollment protocol that the certificate came through, or that is asked about itself; "": none.
	Configuration string
	// EndEntityOf are, of an end entity, the configurations that it came through: not nil.
	EndEntityOf []string
}

// rolesOn are the roles that an actor of narrow scope has on an object.
func (a *Actor) rolesOn(on On) []Role {
	s := &a.Scope
	switch {
	case on.Partition != s.Partition:
		return nil
	case s.Configuration == "":
		return s.Authorities[on.CA]
	case on.EndEntityOf != nil: // one of nobody's becomes the configuration's own
		if len(on.EndEntityOf) == 0 || s.SharedEndEntities || slices.Contains(on.EndEntityOf, s.Configuration) {
			return a.RolesIn(on.Partition)
		}
	case on.Configuration == s.Configuration, on.Configuration == "" && on.Profile != "" && s.Offering(on.CA, on.Profile) != nil:
		return a.RolesIn(on.Partition)
	}
	return nil
}

// Offering is by which CA and under which profile certificates are issued through a configuration.
type Offering struct {
	ID, CA, Profile string
	// MaxValidity caps how long they are valid; 0: as long as the profile says.
	MaxValidity time.Duration
}

// Offering returns the one for a CA and a profile, nil when there is none. Of several it is the one that gives least.
func (s *Scope) Offering(ca, profile string) *Offering {
	var found *Offering
	for n := range s.Offerings {
		o := &s.Offerings[n]
		if o.CA == ca && o.Profile == profile &&
			(found == nil || found.MaxValidity == 0 || o.MaxValidity != 0 && o.MaxValidity < found.MaxValidity) {
			found = o
		}
	}
	return found
}

// By is the actor with a single offering of its scope, or with none where it has not that one.
func (a *Actor) By(offeringID string) *Actor {
	narrow := *a
	narrow.Scope.Offerings = slices.DeleteFunc(slices.Clone(a.Scope.Offerings), func(o Offering) bool { return o.ID != offeringID })
	return &narrow
}

// RolesIn returns the roles held in a domain.
func (a *Actor) RolesIn(domain string) []Role { return a.Grants[domain] }

// SystemActor returns the actor of jobs.
func SystemActor() *Actor { return &Actor{Kind: System, ID: "system", Name: "system"} }

type actorKey struct{}

// WithActor puts the actor into the context.
func WithActor(ctx context.Context, a *Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// Live is an actor with current rights. Actor returns nil once they have ended.
type Live interface{ Actor() *Actor }

// WithLive puts an actor into the context of something long-lived, such as a subscription.
func WithLive(ctx context.Context, live Live) context.Context {
	return context.WithValue(ctx, actorKey{}, live)
}

// ActorFrom returns the actor of the request, or nil if nobody is signed in.
func ActorFrom(ctx context.Context) *Actor {
	switch a := ctx.Value(actorKey{}).(type) {
	case *Actor:
		return a
	case Live:
		return a.Actor()
	}
	return nil
}
