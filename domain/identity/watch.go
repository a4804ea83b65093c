package identity

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// watchInterval is how often the rights of watched actors are refreshed.
const watchInterval = 500 * time.Millisecond

// watchPatience is how long the refresh may take. If it takes longer, all watched actors are treated as ended. Together
// with the interval, nobody keeps rights for more than two seconds after losing them.
const watchPatience = 1500 * time.Millisecond

// Watched is the actor of something that outlives a request, with current rights. It implements rbac.Live.
type Watched struct {
	*shared
	ipAddress, requestID string
}

// Actor returns the current actor, or nil once the session or token has ended or cannot be checked.
func (w *Watched) Actor() *rbac.Actor {
	now := w.actor.Load()
	if now == nil {
		return nil
	}
	own := *now
	own.IPAddress, own.RequestID = w.ipAddress, w.requestID
	return &own
}

// Ended is closed when the session or token ends.
func (w *Watched) Ended() <-chan struct{} { return w.ended }

// shared is the state common to all watchers of an actor.
type shared struct {
	actor atomic.Pointer[rbac.Actor]
	ended chan struct{}
	users int
}

// watch holds the watched actors of this server. Each actor is looked up once per interval, however many connections it
// has.
type watch struct {
	mu      sync.Mutex
	of      map[string]*shared
	running bool
}

// Watch follows the rights of an actor until stop is called.
func (s *Service) Watch(a *rbac.Actor) (_ *Watched, stop func()) {
	key := string(a.Kind) + " " + a.ID + " " + a.SessionID
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	if s.watch.of == nil {
		s.watch.of = map[string]*shared{}
	}
	w := s.watch.of[key]
	if w == nil {
		w = &shared{ended: make(chan struct{})}
		w.actor.Store(a)
		s.watch.of[key] = w
	}
	w.users++
	if !s.watch.running {
		s.watch.running = true
		go s.watching()
	}
	return &Watched{w, a.IPAddress, a.RequestID}, sync.OnceFunc(func() {
		s.watch.mu.Lock()
		defer s.watch.mu.Unlock()
		if w.users--; w.users == 0 && s.watch.of[key] == w {
			delete(s.watch.of, key)
		}
	})
}

// watching runs while there are watched actors.
func (s *Service) watching() {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for range ticker.C {
		if !s.refreshWatched() {
			return
		}
	}
}

// refreshWatched updates all watched actors. It returns false if there are none left.
func (s *Service) refreshWatched() bool {
	s.watch.mu.Lock()
	if len(s.watch.of) == 0 {
		s.watch.running = false
		s.watch.mu.Unlock()
		return false
	}
	seen := make(map[string]*shared, len(s.watch.of))
	var actors []*rbac.Actor
	for key, w := range s.watch.of {
		if a := w.actor.Load(); a != nil {
			seen[key] = w
			actors = append(actors, a)
		}
	}
	s.watch.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), watchPatience)
	defer cancel()
	now, err := s.fresh(ctx, actors)
	for key, w := range seen {
		a := w.actor.Load()
		// An actor that cannot be looked up has no rights either. The client reconnects and authenticates again.
		if fresh := now[a]; err == nil && fresh != nil {
			w.actor.Store(fresh)
			continue
		}
		w.actor.Store(nil)
		close(w.ended)
		s.watch.mu.Lock()
		if s.watch.of[key] == w {
			delete(s.watch.of, key) // the next connection starts afresh
		}
		s.watch.mu.Unlock()
	}
	return true
}

// fresh returns the current state of each actor. Actors whose session or token has ended are left out.
func (s *Service) fresh(ctx context.Context, actors []*rbac.Actor) (map[*rbac.Actor]*rbac.Actor, error) {
	var tokenIDs, sessionIDs []string
	for _, a := range actors {
		switch a.Kind {
		case rbac.TokenActor:
			tokenIDs = append(tokenIDs, a.ID)
		case rbac.UserActor, rbac.OperatorActor:
			sessionIDs = append(sessionIDs, a.SessionID)
		}
	}
	now := s.Now()
	tokens, sessions := map[string]*rbac.Actor{}, map[string]*rbac.Actor{}
	if len(tokenIDs) > 0 {
		var found []*APIToken
		if err := s.Store.DB(ctx).Where("id IN ? AND revoked_at IS NULL AND expires_at > ?", tokenIDs, now).Find(&found).Error; err != nil {
			return nil, err
		}
		if err := s.readOwners(ctx, found); err != nil {
			return nil, err
		}
		for _, t := range found {
			tokens[t.ID] = t.actor()
		}
	}
	if len(sessionIDs) > 0 {
		if err := s.freshSessions(ctx, sessionIDs, sessions, now); err != nil {
			return nil, err
		}
	}
	fresh := map[*rbac.Actor]*rbac.Actor{}
	for _, a := range actors {
		found := tokens[a.ID]
		if a.SessionID != "" {
			found = sessions[a.SessionID]
		}
		if found != nil {
			fresh[a] = found
		}
	}
	return fresh, nil
}

func (s *Service) freshSessions(ctx context.Context, ids []string, into map[string]*rbac.Actor, now time.Time) error {
	var sessions []*Session
	if err := s.Store.DB(ctx).Where("id IN ? AND stage = ?", ids, Full).Find(&sessions).Error; err != nil {
		return err
	}
	var userIDs []string
	for _, session := range sessions {
		userIDs = append(userIDs, session.UserID)
	}
	var users []*User
	if err := s.Store.DB(ctx).Where("id IN ? AND status = ?", userIDs, Active).Find(&users).Error; err != nil {
		return err
	}
	var rows []grant
	if err := s.Store.DB(ctx).Where("user_id IN ?", userIDs).Find(&rows).Error; err != nil {
		return err
	}
	for _, session := range sessions {
		for _, u := range users {
			if u.ID != session.UserID || session.over(now) {
				continue
			}
			var own []grant
			for _, g := range rows {
				if g.UserID == u.ID {
					own = append(own, g)
				}
			}
			into[session.ID] = session.actor(u, byDomain(u, own), now)
		}
	}
	return nil
}

// Reproof holds exactly one proof of a signed-in person.
type Reproof struct{ Password, TOTP *string }

// Confirm takes a password or code again, so that for some minutes the session may do what requires proof.
func (s *Service) Confirm(ctx context.Context, p Reproof) (until time.Time, err error) {
	u, err := s.self(ctx)
	if err != nil {
		return time.Time{}, err
	}
	actor := rbac.ActorFrom(ctx)
	if (p.Password == nil) == (p.TOTP == nil) {
		return time.Time{}, fault.New(fault.Invalid, "Enter either a password or a code.").At("input")
	}
	g := guess{email: u.Email, user: u, what: "password", refusal: fault.New(fault.Invalid, "The password is wrong.").At("input.password").
		Do("Check it and try again. After several failed attempts you have to wait.")}
	judge := func(ctx context.Context, u *User) (bool, error) { return s.matches(*p.Password, u.PasswordHash) }
	if p.TOTP != nil {
		if u.TOTPConfirmedAt == nil {
			return time.Time{}, fault.New(
				fault.Conflict, "This account has no authenticator app.",
			).At("input.totp").Do("Enter your password.")
		}
		g.what, g.refusal = "totp", fault.New(fault.Invalid, "The code is wrong.").At("input.totp").Do(
			"Check it and try again. After several failed attempts you have to wait.",
		)
		judge = func(ctx context.Context, u *User) (bool, error) { return s.spendTOTP(ctx, u, *p.TOTP) }
	} else {
		end, err := s.turns.take(ctx, true)
		if err != nil {
			return time.Time{}, err
		}
		defer end()
	}
	now := s.Now()
	err = s.guess(ctx, g, func(ctx context.Context) (right bool, err error) {
		err = s.Store.Tx(ctx, func(ctx context.Context) error {
			if u, err = s.lockCaller(ctx, u.ID); err != nil {
				return err
			}
			if right, err = judge(ctx, u); err != nil || !right {
				return err
			}
			s.record(ctx, u, "user.confirm-identity", "confirmed their identity", audit.Details{"by": g.what})
			done := s.Store.DB(ctx).Model(&Session{}).Where("id = ?", actor.SessionID).Update("proved_at", now)
			if done.Error == nil && done.RowsAffected == 0 {
				return sessionEnded()
			}
			return done.Error
		})
		return right, err
	})
	if err != nil {
		return time.Time{}, err
	}
	return now.Add(provenFor), nil
}
