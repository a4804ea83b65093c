// Package identity manages people and programs: users, passwords, second factors, sessions, API tokens, and the roles
// they hold.
package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/mail"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/seal"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// UserStatus tells whether a person can sign in.
type UserStatus string

const (
	Invited  UserStatus = "INVITED" // shown by Members for an invitation; no account has this status
	Active   UserStatus = "ACTIVE"
	Disabled UserStatus = "DISABLED" // keeps its roles, but they have no effect
)

// User is the account of a person.
type User struct {
	ID              string `gorm:"primaryKey"`
	Email           string // lower case
	FirstName       string
	LastName        string
	Status          UserStatus
	Operator        bool
	PasswordHash    string     // PHC string, argon2id
	TOTPSecret      []byte     `gorm:"column:totp_secret"`  // sealed
	TOTPPending     []byte     `gorm:"column:totp_pending"` // sealed; being enrolled
	TOTPConfirmedAt *time.Time `gorm:"column:totp_confirmed_at"`
	TOTPLastStep    int64      `gorm:"column:totp_last_step"`
	// SecondFactorResetAt is set while the person must prove the address before enrolling a new second factor.
	SecondFactorResetAt *time.Time
	// PasswordResetAt is set after a password was set by a mailed link, until the next complete sign-in.
	PasswordResetAt *time.Time
	LastSignInAt    *time.Time
	CreatedAt       time.Time
}

func (User) TableName() string { return "users" }

// grant is a user's role in a domain.
type grant struct {
	UserID    string    `gorm:"primaryKey"`
	Domain    string    `gorm:"primaryKey"`
	Role      rbac.Role `gorm:"primaryKey"`
	CreatedAt time.Time
}

func (grant) TableName() string { return "role_grants" }

// Sealed lists the sealed columns.
func Sealed() []seal.Column {
	return []seal.Column{
		{Table: "users", Name: "totp_secret", Purpose: totpPurpose}, {Table: "users", Name: "totp_pending", Purpose: totpPurpose},
		{Table: "sessions", Name: "ceremony", Purpose: ceremonyPurpose}}
}

// Mailer sends mail within the caller's transaction.
type Mailer interface {
	Send(ctx context.Context, partitionID, to, subject, body string) error
}

// Service manages identities.
type Service struct {
	Store     *store.Store
	Guard     *rbac.Guard
	Audit     *audit.Log
	Jobs      *job.Queue
	Mail      Mailer
	Sealer    seal.Sealer
	WebAuthn  *webauthn.WebAuthn
	Now       func() time.Time
	BaseURL   string
	Approvals *approval.Service
	HashCost  HashCost // for new passwords

	tokens store.Batch[[32]byte, *APIToken]
	used   usedTokens
	turns  *turns
	watch  watch
}

// Init completes a Service whose fields are filled.
func (s *Service) Init() *Service {
	s.tokens.Run = s.findTokens
	s.turns = newTurns()
	return s
}

func (s *Service) user(ctx context.Context, id string) (*User, error) {
	u := &User{}
	err := s.Store.DB(ctx).Take(u, "id = ?", id).Error
	if store.IsNotFound(err) {
		return nil, rbac.NotFound()
	}
	return u, err
}

func (s *Service) locked(ctx context.Context, id string) (*User, error) {
	u := &User{}
	err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(u, "id = ?", id).Error
	return u, err
}

// CheckEmail validates an address and returns it in lower case, as it is stored.
func CheckEmail(email string) (string, error) {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > 254 || strings.ContainsAny(email, "\r\n") {
		return "", fault.New(fault.Invalid, "This is not a valid e-mail address.").At("email")
	}
	return strings.ToLower(email), nil
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// newSecret returns 32 random bytes as text. Only the hash is stored.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashSecret(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// record writes an audit event about a person's own account to the platform's chain.
func (s *Service) record(ctx context.Context, u *User, action, summary string, details audit.Details) {
	actor := rbac.ActorFrom(ctx)
	if actor == nil || actor.Kind != rbac.System {
		actor = s.actorOf(ctx, u)
	}
	s.Audit.RecordAs(
		ctx, actor,
		audit.Event{Action: action, ObjectKind: "user", ObjectID: u.ID, ObjectName: u.Email, Summary: summary, Details: details},
	)
}

func (s *Service) actorOf(ctx context.Context, u *User) *rbac.Actor {
	a := &rbac.Actor{Kind: rbac.UserActor, ID: u.ID, Name: u.Email}
	if u.Operator {
		a.Kind = rbac.OperatorActor
	}
	if o := OriginFrom(ctx); o != nil {
		a.IPAddress, a.RequestID = o.IPAddress, o.RequestID
	}
	return a
}

// Origin is where a request came from. The server puts it into the context. Device is the cookie set from
// SignedIn.Device.
type Origin struct{ IPAddress, UserAgent, RequestID, Device string }

type originKey struct{}

// WithOrigin puts the origin into the context.
func WithOrigin(ctx context.Context, o *Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom returns the origin of the request, or nil for the service itself.
func OriginFrom(ctx context.Context) *Origin {
	o, _ := ctx.Value(originKey{}).(*Origin)
	return o
}
