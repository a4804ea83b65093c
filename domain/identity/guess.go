package identity

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
)

// Whatever is guessed at (passwords, codes, links) is guessed at here: a guess is counted before it is judged, so that
// guesses made side by side cannot slip through together, and taken off the count again if it was right.
//
// It counts against the address it comes from, and against the account together with the device: a device on which the
// person has signed in before has a count of its own, all others share one. So nobody is locked out by strangers. Names
// that are no account are counted like those that are.
const (
	freeFailures        = 5
	freeAddressFailures = 20 // many people may share an address
	maxDelay            = 15 * time.Minute
	accountMemory       = 24 * time.Hour // how long failures count after the last delay
	addressMemory       = maxDelay
)

// failure counts failed guesses against a subject.
type failure struct {
	Subject  string `gorm:"primaryKey"`
	Failures int64
	Until    time.Time
}

func (failure) TableName() string { return "sign_in_failures" }

func limits(subject string) (free int64, memory time.Duration) {
	if strings.HasPrefix(subject, addressSubject) {
		return freeAddressFailures, addressMemory
	}
	return freeFailures, accountMemory
}

const addressSubject = "ip "

// guess is a guess about to be made.
type guess struct {
	email   string // of the account, whether there is one or not; "" for a link
	user    *User  // nil if there is none
	what    string // for the audit log
	refusal error
}

// guess counts a guess, has it judged, and takes it off the count if it was right.
func (s *Service) guess(ctx context.Context, g guess, judge func(context.Context) (bool, error)) error {
	subjects := s.subjects(ctx, g)
	if err := s.count(ctx, subjects); err != nil {
		return err
	}
	right, err := judge(ctx)
	switch {
	case err != nil:
		return err
	case right:
		return s.uncount(ctx, subjects)
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		e := audit.Event{Action: "user.sign-in", Result: audit.Refused, ObjectKind: "user",
			Summary: "a sign-in was refused: wrong " + g.what}
		actor := s.actorOf(ctx, &User{})
		if g.user != nil {
			actor, e.ObjectID, e.ObjectName = s.actorOf(ctx, g.user), g.user.ID, g.user.Email
			e.Summary = "a sign-in of " + g.user.Email + " was refused: wrong " + g.what
		}
		s.Audit.RecordAs(ctx, actor, e)
		return nil
	})
	if err != nil {
		return err
	}
	return g.refusal
}

// subjects are what a guess counts against, in the order in which their rows are locked.
func (s *Service) subjects(ctx context.Context, g guess) []string {
	var list []string
	if g.email != "" {
		list = append(list, s.accountSubject(ctx, g.email, g.user))
	}
	if o := OriginFrom(ctx); o != nil {
		list = append(list, addressSubject+network(o.IPAddress))
	}
	slices.Sort(list)
	return list
}

// accountSubject holds a hash of the address: people type other things there than their own.
func (s *Service) accountSubject(ctx context.Context, email string, u *User) string {
	who := "strangers"
	if d := s.knownDevice(ctx, u); d != "" {
		who = d
	}
	return "account " + hex.EncodeToString(hashSecret(email)) + " " + who
}

// network is the part of an address that one customer has: all of an IPv4 address, 64 bits of an IPv6 address.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

// allowed refuses what would not be judged anyway, without writing.
func (s *Service) allowed(ctx context.Context, subjects []string) error {
	var rows []failure
	if err := s.Store.DB(ctx).Where("subject IN ?", subjects).Find(&rows).Error; err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.barred(row); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) barred(row failure) error {
	free, _ := limits(row.Subject)
	if wait := row.Until.Sub(s.Now()); row.Failures >= free && wait > 0 {
		return tooMany("too many failed attempts", wait)
	}
	return nil
}

func tooMany(what string, wait time.Duration) error {
	wait = max(time.Second, wait.Round(time.Second))
	return fault.New(fault.TooManyRequests, "%s", what).After(wait).Do("Wait " + wait.String() + " and try again.")
}

// count takes one guess off what each subject has left, or refuses it.
func (s *Service) count(ctx context.Context, subjects []string) error {
	if err := s.allowed(ctx, subjects); err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		for _, subject := range subjects {
			// There must be a row to lock, or two at the same moment would both be the first.
			if err := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&failure{subject, 0, now}).Error; err != nil {
				return err
			}
			row, err := s.failures(ctx, subject)
			if err != nil {
				return err
			}
			if err := s.barred(*row); err != nil {
				return err
			}
			free, memory := limits(subject)
			if now.After(row.Until.Add(memory)) {
				row.Failures = 0
			}
			row.Failures++
			row.Until = now.Add(delay(row.Failures, free))
			if err := s.Store.DB(ctx).Select("*").Updates(row).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) failures(ctx context.Context, subject string) (*failure, error) {
	row := &failure{}
	err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(row, "subject = ?", subject).Error
	return row, err
}

// uncount takes a right guess off the count.
func (s *Service) uncount(ctx context.Context, subjects []string) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		for _, subject := range subjects {
			var rows []*failure
			if err := s.Store.ForUpdate(s.Store.DB(ctx)).Find(&rows, "subject = ? AND failures > 0", subject).Error; err != nil {
				return err
			}
			for _, row := range rows {
				free, _ := limits(subject)
				row.Failures--
				row.Until = s.Now().Add(delay(row.Failures, free))
				if err := s.Store.DB(ctx).Select("*").Updates(row).Error; err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// forgive forgets what counted against the person on this device, once it has signed in.
func (s *Service) forgive(ctx context.Context, u *User) error {
	return s.Store.DB(ctx).Delete(&failure{}, "subject = ?", s.accountSubject(ctx, u.Email, u)).Error
}

// forget removes what counts for nothing any more, in the transaction of ctx.
func (s *Service) forget(ctx context.Context) error {
	now := s.Now()
	return s.Store.DB(ctx).Delete(&failure{}, "until < ? OR until < ? AND failures < ?", now.Add(-accountMemory),
		now.Add(-time.Hour), freeFailures).Error
}

// delay doubles with each failure beyond the free ones.
func delay(failures, free int64) time.Duration {
	if failures < free {
		return 0
	}
	return min(maxDelay, 2*time.Second<<min(failures-free, 10))
}

// device is what the cookie of a device says on which a person has signed in completely. It proves nothing about who
// is there: it only has its guesses counted apart from those of strangers.
type device struct {
	UserID string    `json:"u"`
	ID     string    `json:"d"`
	At     time.Time `json:"t"`
}

const (
	devicePurpose = "device"
	// DeviceLifetime is how long a device is known after a sign-in on it.
	DeviceLifetime = 180 * 24 * time.Hour
	maxDevice      = 1 << 10
)

// knownDevice is the name of the device of the request if the person has signed in on it before, else "".
func (s *Service) knownDevice(ctx context.Context, u *User) string {
	o := OriginFrom(ctx)
	if u == nil || o == nil || o.Device == "" || len(o.Device) > maxDevice {
		return ""
	}
	sealed, err := hex.DecodeString(o.Device)
	if err != nil {
		return ""
	}
	text, err := s.Sealer.Unseal(devicePurpose, sealed, nil)
	d := device{}
	if err != nil || json.Unmarshal(text, &d) != nil || d.UserID != u.ID || s.Now().After(d.At.Add(DeviceLifetime)) {
		return ""
	}
	return d.ID
}

// rememberDevice makes the cookie of the device on which the person has just signed in.
func (s *Service) rememberDevice(ctx context.Context, u *User) (string, error) {
	d := device{UserID: u.ID, ID: s.knownDevice(ctx, u), At: s.Now()}
	if d.ID == "" {
		d.ID = newID()
	}
	text, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	sealed, err := s.Sealer.Seal(devicePurpose, text, nil)
	return hex.EncodeToString(sealed), err
}

// turns bounds the hashing of passwords, each of which takes 64 MiB and a good part of a second: one at a time for
// people who are known (by a link, a session or a device) and one for strangers, with a short queue before each and a
// shorter one for each address. Whoever finds it full is refused at once, so nobody waits behind a flood.
type turns struct {
	mu      sync.Mutex
	waiting map[string]int // by lane and address; with those whose turn it is
	lanes   map[bool]chan struct{}
}

const (
	maxWaiting        = 16
	maxWaitingAddress = 3
)

func newTurns() *turns {
	return &turns{waiting: map[string]int{}, lanes: map[bool]chan struct{}{true: make(chan struct{}, 1), false: make(chan struct{}, 1)}}
}

// take waits for a turn and returns what ends it.
func (t *turns) take(ctx context.Context, known bool) (end func(), err error) {
	lane := map[bool]string{true: "known", false: "strangers"}[known]
	places := []string{lane}
	if o := OriginFrom(ctx); o != nil {
		places = append(places, lane+" "+network(o.IPAddress))
	}
	t.mu.Lock()
	if t.waiting[lane] >= maxWaiting || len(places) > 1 && t.waiting[places[1]] >= maxWaitingAddress {
		t.mu.Unlock()
		return nil, tooMany("too many sign-ins are under way", 2*time.Second)
	}
	for _, p := range places {
		t.waiting[p]++
	}
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, p := range places {
			if t.waiting[p]--; t.waiting[p] == 0 {
				delete(t.waiting, p)
			}
		}
	}
	select {
	case t.lanes[known] <- struct{}{}:
		return func() { <-t.lanes[known]; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
