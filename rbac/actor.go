package rbac

import "context"

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
	// Partition and Authorities of a CredentialActor: roles by CA ID. It has no roles in the partition itself.
	Partition   string
	Authorities map[string][]Role
	IPAddress   string
	RequestID   string
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
