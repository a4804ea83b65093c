package identity

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Stage of a session: what it is good for.
type Stage string

const (
	FactorRequired    Stage = "FACTOR_REQUIRED"    // the password was right
	EnrolmentRequired Stage = "ENROLMENT_REQUIRED" // and there is no second factor yet
	Full              Stage = "FULL"
)

const (
	stageLifetime = 10 * time.Minute // to finish signing in
	fullLifetime  = 12 * time.Hour
	idleLifetime  = time.Hour
	seenInterval  = time.Minute // how exactly LastSeenAt is kept
)

// Session is a signed-in browser. The cookie holds a secret of which only the hash is kept.
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
}

func (Session) TableName() string { return "sessions" }

type sessionKey struct{}

// WithSession puts the session of the request into the context.
func WithSession(ctx context.Context, session *Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, session)
}

// SessionFrom returns the session of the request, of any stage; nil without one.
func SessionFrom(ctx context.Context) *Session {
	session, _ := ctx.Value(sessionKey{}).(*Session)
	return session
}

// AuthenticateSession finds out whose cookie it is. Only a full session makes an actor.
func (s *Service) AuthenticateSession(ctx context.Context, cookie string) (*rbac.Actor, *Session, error) {
	var found []*Session
	if err := s.Store.DB(ctx).Where("token_hash = ?", hashSecret(cookie)).Find(&found).Error; err != nil {
		return nil, nil, err
	}
	now := s.Now()
	if len(found) == 0 || !now.Before(found[0].ExpiresAt) || found[0].Stage == Full && now.Sub(found[0].LastSeenAt) > idleLifetime {
		return nil, nil, fault.New(fault.Unauthenticated, "the session has ended").Do("Sign in again.")
	}
	session := found[0]
	if session.Stage != Full {
		return nil, session, nil
	}
	u, err := s.user(ctx, session.UserID)
	if err != nil {
		return nil, nil, err
	}
	if now.Sub(session.LastSeenAt) > seenInterval {
		session.LastSeenAt = now
		if err := s.Store.Tx(ctx, func(ctx context.Context) error {
			return s.Store.DB(ctx).Model(&Session{}).Where("id = ?", session.ID).Update("last_seen_at", now).Error
		}); err != nil && store.Away(err) == "" { // reading goes on while nothing can be written
			return nil, nil, err
		}
	}
	actor := s.actorOf(ctx, u)
	actor.SessionID = session.ID
	actor.Grants, err = s.grants(ctx, u)
	return actor, session, err
}

// Fresh is the actor as of now, for streams that outlive a request: Unauthenticated once its session or token has ended.
func (s *Service) Fresh(ctx context.Context, a *rbac.Actor) (*rbac.Actor, error) {
	now := s.Now()
	ended := fault.New(fault.Unauthenticated, "the session has ended").Do("Sign in again.")
	fresh := *a
	switch a.Kind {
	case rbac.TokenActor:
		var found []*APIToken
		if err := s.Store.DB(ctx).Where("id = ? AND revoked_at IS NULL AND expires_at > ?", a.ID, now).Find(&found).Error; err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, ended
		}
		return &fresh, nil
	case rbac.UserActor, rbac.OperatorActor:
		var sessions int64
		if err := s.Store.DB(ctx).Model(&Session{}).Where("id = ? AND stage = ? AND expires_at > ?", a.SessionID, Full, now).Count(&sessions).Error; err != nil {
			return nil, err
		}
		if sessions == 0 {
			return nil, ended
		}
		u, err := s.user(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		fresh.Grants, err = s.grants(ctx, u)
		return &fresh, err
	}
	return &fresh, nil
}

func (s *Service) grants(ctx context.Context, u *User) (map[string][]rbac.Role, error) {
	var rows []grant
	if err := s.Store.DB(ctx).Where("user_id = ?", u.ID).Find(&rows).Error; err != nil {
		return nil, err
	}
	grants := map[string][]rbac.Role{}
	for _, g := range rows {
		grants[g.Domain] = append(grants[g.Domain], g.Role)
	}
	if u.Operator {
		grants[rbac.Platform] = []rbac.Role{rbac.Operator}
	}
	return grants, nil
}

// open makes a session of the given stage in place of the one of the request: a new secret at each stage, so that one
// known before is worth nothing after.
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
	session := &Session{ID: newID(), TokenHash: hashSecret(token), UserID: u.ID, Stage: stage, CreatedAt: now, LastSeenAt: now, ExpiresAt: expires}
	if o := OriginFrom(ctx); o != nil {
		session.IPAddress, session.UserAgent = o.IPAddress, o.UserAgent[:min(len(o.UserAgent), 300)]
	}
	return token, expires, s.Store.DB(ctx).Create(session).Error
}

// Sessions lists the caller's full sessions, newest first.
func (s *Service) Sessions(ctx context.Context) ([]*Session, error) {
	u, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	var list []*Session
	err = s.Store.DB(ctx).Where("user_id = ? AND stage = ? AND expires_at > ? AND last_seen_at > ?", u.ID, Full, now, now.Add(-idleLifetime)).Order("created_at DESC").Find(&list).Error
	return list, err
}

// SignOut ends sessions of the caller: its present one (id ""), another one, or all of them.
func (s *Service) SignOut(ctx context.Context, id string, everywhere bool) (ended int, err error) {
	session := SessionFrom(ctx)
	if session == nil {
		return 0, fault.New(fault.Unauthenticated, "you are not signed in")
	}
	u, err := s.user(ctx, session.UserID)
	if err != nil {
		return 0, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		query := s.Store.DB(ctx).Where("user_id = ?", u.ID)
		action, summary := "user.sign-out", u.Email+" signed out"
		switch {
		case everywhere:
			action, summary = "user.sign-out-everywhere", u.Email+" ended all sessions"
		case id != "":
			query = query.Where("id = ?", id)
			action, summary = "user.end-session", u.Email+" ended another session"
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

// self is the signed-in person that asks.
func (s *Service) self(ctx context.Context) (*User, error) {
	a := rbac.ActorFrom(ctx)
	if a == nil || a.Kind != rbac.UserActor && a.Kind != rbac.OperatorActor {
		return nil, fault.New(fault.Unauthenticated, "you are not signed in").Do("Sign in as a person: an API token has no account of its own.")
	}
	return s.user(ctx, a.ID)
}

// APIToken is a credential of automation: a role in one partition, for a time.
type APIToken struct {
	ID          string `gorm:"primaryKey"`
	PartitionID string
	Name        string
	Role        rbac.Role
	Prefix      string
	TokenHash   []byte
	CreatedBy   string
	OwnerID     string // the user behind it, also where a token made it; "" where none is known
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastUsedAt  *time.Time
	RevokedAt   *time.Time
}

func (APIToken) TableName() string { return "api_tokens" }

// tokenPrefix makes a token recognizable to secret scanners.
const tokenPrefix = "pka_"

// AuthenticateToken finds out whose bearer token it is. Requests that arrive together share one query; none is answered
// from memory, so a revoked token is refused at once.
func (s *Service) AuthenticateToken(ctx context.Context, bearer string) (*rbac.Actor, error) {
	refusal := fault.New(fault.Unauthenticated, "the API token is not valid").Do("Create a new one; it may have expired or been revoked.")
	if !strings.HasPrefix(bearer, tokenPrefix) || len(bearer) > 200 {
		return nil, refusal
	}
	t, err := s.tokens.Do(ctx, sha256.Sum256([]byte(bearer)))
	if err != nil {
		return nil, err
	}
	if t == nil || t.RevokedAt != nil || !s.Now().Before(t.ExpiresAt) {
		return nil, refusal
	}
	s.used.note(t.ID, s.Now())
	return &rbac.Actor{Kind: rbac.TokenActor, ID: t.ID, Name: t.Name, OwnerID: t.OwnerID, Grants: map[string][]rbac.Role{t.PartitionID: {t.Role}}}, nil
}

func (s *Service) findTokens(ctx context.Context, hashes [][32]byte) ([]*APIToken, error) {
	distinct := map[[32]byte]bool{}
	var wanted [][]byte
	for _, h := range hashes {
		if !distinct[h] {
			distinct[h] = true
			wanted = append(wanted, h[:])
		}
	}
	var rows []*APIToken
	if err := s.Store.DB(ctx).Where("token_hash IN ?", wanted).Find(&rows).Error; err != nil {
		return nil, err
	}
	byHash := map[[32]byte]*APIToken{}
	for _, t := range rows {
		byHash[[32]byte(t.TokenHash)] = t
	}
	found := make([]*APIToken, len(hashes))
	for n, h := range hashes {
		found[n] = byHash[h]
	}
	return found, nil
}

// usedTokens collects when tokens were used, until the job writes it down.
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

// NoteUse writes down when tokens were last used here; the server calls it every few seconds and when it stops.
func (s *Service) NoteUse(ctx context.Context) error {
	s.used.mu.Lock()
	at := s.used.at
	s.used.at = nil
	s.used.mu.Unlock()
	if len(at) == 0 {
		return nil
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		for id, when := range at {
			if err := s.Store.DB(ctx).Model(&APIToken{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at < ?)", id, when).Update("last_used_at", when).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// CleanJob removes sessions, invitations and failures that are over.
const CleanJob = "identity.clean"

// Clean is that job.
func (s *Service) Clean(ctx context.Context, claim *job.Claim) error {
	now := s.Now()
	claim.Again(now.Add(time.Hour))
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		for _, statement := range []string{"DELETE FROM sessions WHERE expires_at < ?", "DELETE FROM invitations WHERE expires_at < ?", "DELETE FROM sign_in_failures WHERE until < ?"} {
			if err := s.Store.DB(ctx).Exec(statement, now).Error; err != nil {
				return err
			}
		}
		return claim.Done(ctx)
	})
}

// Self is the signed-in person that asks.
func (s *Service) Self(ctx context.Context) (*User, error) { return s.self(ctx) }
