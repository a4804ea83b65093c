package identity

import (
	"context"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Stage says what a session may be used for.
type Stage string

const (
	FactorRequired    Stage = "FACTOR_REQUIRED"    // the password was right; a second factor is next
	EnrolmentRequired Stage = "ENROLMENT_REQUIRED" // the password was right; a second factor must be enrolled
	CodeRequired      Stage = "CODE_REQUIRED"      // the second factor was reset; the mailed code is next
	Full              Stage = "FULL"
)

const (
	stageLifetime = 10 * time.Minute // time to complete the sign-in
	fullLifetime  = 12 * time.Hour
	idleLifetime  = time.Hour
	seenInterval  = time.Minute // precision of LastSeenAt
	provenFor     = 5 * time.Minute
)

// Session is a browser session. The cookie holds a secret of which only the hash is stored.
type Session struct {
	ID         string `gorm:"primaryKey"`
	TokenHash  []byte
	UserID     string
	Stage      Stage
	Ceremony   []byte // sealed WebAuthn challenge
	IPAddress  string `gorm:"column:ip_address"`
	UserAgent  string
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time
	ProvedAt   *time.Time // when the person last entered a password or second factor in this session
}

func (Session) TableName() string { return "sessions" }

type sessionKey struct{}

// WithSession puts the session of the request into the context.
func WithSession(ctx context.Context, session *Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, session)
}

// SessionFrom returns the session of the request at any stage, or nil.
func SessionFrom(ctx context.Context) *Session {
	session, _ := ctx.Value(sessionKey{}).(*Session)
	return session
}

// AuthenticateSession returns the session of a cookie, and an actor if the session is full.
func (s *Service) AuthenticateSession(ctx context.Context, cookie string) (*rbac.Actor, *Session, error) {
	var found []*Session
	if err := s.Store.DB(ctx).Where("token_hash = ?", hashSecret(cookie)).Find(&found).Error; err != nil {
		return nil, nil, err
	}
	now := s.Now()
	if len(found) == 0 || found[0].over(now) {
		return nil, nil, sessionEnded()
	}
	session := found[0]
	if session.Stage != Full {
		return nil, session, nil
	}
	u, err := s.user(ctx, session.UserID)
	if err != nil {
		return nil, nil, err
	}
	if u.Status != Active {
		return nil, nil, fault.New(fault.Unauthenticated, "This account is disabled.").Do("Ask the platform operator.")
	}
	if now.Sub(session.LastSeenAt) > seenInterval {
		session.LastSeenAt = now
		if err := s.Store.Tx(ctx, func(ctx context.Context) error {
			return s.Store.DB(ctx).Model(&Session{}).Where("id = ?", session.ID).Update("last_seen_at", now).Error
		}); err != nil && store.Away(err) == "" { // reading works while the database is read-only
			return nil, nil, err
		}
	}
	grants, err := s.grants(ctx, u)
	if err != nil {
		return nil, nil, err
	}
	actor := session.actor(u, grants, now)
	if o := OriginFrom(ctx); o != nil {
		actor.IPAddress, actor.RequestID = o.IPAddress, o.RequestID
	}
	return actor, session, nil
}

func sessionEnded() error {
	return fault.New(fault.Unauthenticated, "The session has ended.").Do("Sign in again.")
}

func (session *Session) over(now time.Time) bool {
	return !now.Before(session.ExpiresAt) || session.Stage == Full && now.Sub(session.LastSeenAt) > idleLifetime
}

func (session *Session) proven(now time.Time) bool {
	return session.ProvedAt != nil && now.Sub(*session.ProvedAt) < provenFor
}

// actor returns the person of a full session as an actor.
func (session *Session) actor(u *User, grants map[string][]rbac.Role, now time.Time) *rbac.Actor {
	a := &rbac.Actor{Kind: rbac.UserActor, ID: u.ID, Name: u.Email, SessionID: session.ID, Proven: session.proven(now), Grants: grants}
	if u.Operator {
		a.Kind = rbac.OperatorActor
	}
	return a
}

// grants returns the roles of a person by domain. It fails with Unauthenticated unless the account is active.
func (s *Service) grants(ctx context.Context, u *User) (map[string][]rbac.Role, error) {
	if u.Status != Active {
		return nil, sessionEnded()
	}
	var rows []grant
	if err := s.Store.DB(ctx).Where("user_id = ?", u.ID).Find(&rows).Error; err != nil {
		return nil, err
	}
	return byDomain(u, rows), nil
}

func byDomain(u *User, rows []grant) map[string][]rbac.Role {
	grants := map[string][]rbac.Role{}
	for _, g := range rows {
		grants[g.Domain] = append(grants[g.Domain], g.Role)
	}
	if u.Operator {
		grants[rbac.Platform] = []rbac.Role{rbac.Operator}
	}
	return grants
}

// open replaces the request's session by one of the given stage. Each stage gets a new secret, so that an earlier one
// is useless afterwards.
func (s *Service) open(ctx context.Context, u *User, stage Stage) (token string, expires time.Time, err error) {
	if old := SessionFrom(ctx); old != nil {
		if err := s.Store.DB(ctx).Delete(&Session{}, "id = ?", old.ID).Error; err != nil {
			return "", time.Time{}, err
		}
	}
	now := s.Now()
	expires = now.Add(stageLifetime)
	if stage == Full {
		expires = now.Add(fullLifetime)
	}
	token = newSecret()
	session := &Session{
		ID: newID(), TokenHash: hashSecret(token), UserID: u.ID, Stage: stage, CreatedAt: now, LastSeenAt: now, ExpiresAt: expires,
	}
	if stage == Full {
		session.ProvedAt = &now
	}
	if o := OriginFrom(ctx); o != nil {
		session.IPAddress, session.UserAgent = o.IPAddress, o.UserAgent[:min(len(o.UserAgent), 300)]
	}
	return token, expires, s.Store.DB(ctx).Create(session).Error
}

// Sessions lists the caller's full sessions, newest first.
func (s *Service) Sessions(ctx context.Context, p page.Request) (*page.Page[*Session], error) {
	u, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	query := s.Store.DB(ctx).Model(&Session{}).Where(
		"user_id = ? AND stage = ? AND expires_at > ? AND last_seen_at > ?", u.ID, Full, now, now.Add(-idleLifetime),
	)
	return page.Read(ctx, s.Store, query, p,
		page.Key[Session]{Column: "created_at", Desc: true, Value: func(s *Session) any { return s.CreatedAt }},
		page.Key[Session]{Column: "id", Desc: true, Value: func(s *Session) any { return s.ID }})
}

// SignOut ends sessions of the caller: the current one (id ""), another one, or all of them.
func (s *Service) SignOut(ctx context.Context, id string, everywhere bool) (ended int, err error) {
	session := SessionFrom(ctx)
	if session == nil {
		return 0, fault.New(fault.Unauthenticated, "You are not signed in.")
	}
	if session.Stage != Full && (everywhere || id != "") { // the password alone must not end other sessions
		return 0, stepExpired()
	}
	u, err := s.user(ctx, session.UserID)
	if err != nil {
		return 0, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		query := s.Store.DB(ctx).Where("user_id = ?", u.ID)
		action, summary := "user.sign-out", "signed out"
		switch {
		case everywhere:
			action, summary = "user.sign-out-everywhere", "ended all sessions"
		case id != "":
			query = query.Where("id = ?", id)
			action, summary = "user.end-session", "ended another session"
		default:
			query = query.Where("id = ?", session.ID)
		}
		gone := query.Delete(&Session{})
		if gone.Error != nil {
			return gone.Error
		}
		if ended = int(gone.RowsAffected); ended == 0 {
			return rbac.NotFound()
		}
		s.record(ctx, u, action, summary, audit.Details{"sessions": ended})
		return nil
	})
	return ended, err
}

// self returns the signed-in person who makes the request.
func (s *Service) self(ctx context.Context) (*User, error) {
	a := rbac.ActorFrom(ctx)
	if a == nil || a.Kind != rbac.UserActor && a.Kind != rbac.OperatorActor {
		return nil, fault.New(fault.Unauthenticated, "You are not signed in.").Do(
			"Sign in as a person: an API token has no account of its own.",
		)
	}
	return s.user(ctx, a.ID)
}

// usedTokens collects when tokens were used, until SaveLastUse saves it.
type usedTokens struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (u *usedTokens) note(id string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = map[string]time.Time{}
	}
	u.at[id] = now
}

// SaveLastUse saves when tokens were last used. The server calls it every few seconds and when it stops.
func (s *Service) SaveLastUse(ctx context.Context) error {
	s.used.mu.Lock()
	at := s.used.at
	s.used.at = nil
	s.used.mu.Unlock()
	if len(at) == 0 {
		return nil
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		for id, when := range at {
			if err := s.Store.DB(ctx).Model(&APIToken{}).Where(
				"id = ? AND (last_used_at IS NULL OR last_used_at < ?)", id, when,
			).Update("last_used_at", when).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// CleanJob is the job that removes expired sessions, proofs, invitations and failure counts.
const CleanJob = "identity.clean"

// Clean runs CleanJob.
func (s *Service) Clean(ctx context.Context, claim *job.Claim) error {
	now := s.Now()
	claim.Again(now.Add(time.Hour))
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		for statement, before := range map[string]time.Time{
			"DELETE FROM sessions WHERE expires_at < ?": now, "DELETE FROM address_proofs WHERE expires_at < ?": now,
			"DELETE FROM invitations WHERE expires_at < ?": now.Add(-invitationKept)} {
			if err := s.Store.DB(ctx).Exec(statement, before).Error; err != nil {
				return err
			}
		}
		if err := s.deleteStaleFailures(ctx); err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}

// Self returns the signed-in person who makes the request.
func (s *Service) Self(ctx context.Context) (*User, error) { return s.self(ctx) }
