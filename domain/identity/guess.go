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

// Every attempt at a password, code or link is limited here. An attempt is counted before it is checked, so that
// concurrent attempts cannot slip through together; a successful one is taken off the count.
//
// An attempt counts against its network address, and against the account together with the device: a device on which
// the person has signed in before has its own count, all other devices share one. So strangers cannot lock anyone out.
// Addresses without an account are counted in the same way.
const (
	freeFailures        = 5
	freeAddressFailures = 20 // many people may share an address
	maxDelay            = 15 * time.Minute
	accountMemory       = 24 * time.Hour // how long failures are kept after the last delay
	addressMemory       = maxDelay
)

// failure counts the failed attempts of a subject.
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

// guess describes an attempt.
type guess struct {
	email   string // of the account, whether or not it exists; "" for a link
	user    *User  // nil if there is none
	what    string // what was guessed, for the audit log
	refusal error
}

// guess counts an attempt, lets judge check it, and takes it off the count if it was right.
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
			Summary: "refused a sign-in: wrong " + g.what}
		actor := s.actorOf(ctx, &User{})
		if g.user != nil {
			actor, e.ObjectID, e.ObjectName = s.actorOf(ctx, g.user), g.user.ID, g.user.Email
			e.Summary = "refused a sign-in of " + g.user.Email + ": wrong " + g.what
		}
		s.Audit.RecordAs(ctx, actor, e)
		return nil
	})
	if err != nil {
		return err
	}
	return g.refusal
}

// subjects returns what an attempt counts against, in the order in which the rows are locked.
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

// accountSubject holds a hash of the address, because people type other secrets into that field by mistake.
func (s *Service) accountSubject(ctx context.Context, email string, u *User) string {
	who := "strangers"
	if d := s.knownDevice(ctx, u); d != "" {
		who = d
	}
	return "account " + hex.EncodeToString(hashSecret(email)) + " " + who
}

// network returns the part of an address that belongs to one customer: all of an IPv4 address, the first 64 bits of an
// IPv6 address.
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

// allowed refuses an attempt that is over the limit, without writing.
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
		return tooMany("Too many failed attempts.", wait)
	}
	return nil
}

func tooMany(what string, wait time.Duration) error {
	wait = max(time.Second, wait.Round(time.Second))
	return fault.New(fault.TooManyRequests, "%s", what).After(wait).Do("Wait " + wait.String() + " and try again.")
}

// count charges one attempt to each subject, or refuses it.
func (s *Service) count(ctx context.Context, subjects []string) error {
	if err := s.allowed(ctx, subjects); err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		for _, subject := range subjects {
			// Without an existing row to lock, two concurrent attempts would both be the first.
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

// uncount takes a successful attempt off the count.
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

// clearFailures resets the counts of the person on this device after a sign-in.
func (s *Service) clearFailures(ctx context.Context, u *User) error {
	return s.Store.DB(ctx).Delete(&failure{}, "subject = ?", s.accountSubject(ctx, u.Email, u)).Error
}

// deleteStaleFailures removes counts that no longer have an effect, in the transaction of ctx.
func (s *Service) deleteStaleFailures(ctx context.Context) error {
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

// device is the content of the cookie set on a device after a complete sign-in. It proves nothing about the person:
// attempts from this device are only counted separately from those of strangers.
type device struct {
	UserID string    `json:"u"`
	ID     string    `json:"d"`
	At     time.Time `json:"t"`
}

const (
	devicePurpose = "device"
	// DeviceLifetime is how long a device is remembered after a sign-in.
	DeviceLifetime = 180 * 24 * time.Hour
	maxDevice      = 1 << 10
)

// knownDevice returns the name of the request's device if the person has signed in on it before, else "".
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

// rememberDevice creates the cookie for the device on which the person has just signed in.
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

// turns limits concurrent password hashing: each hash takes 64 MiB and a good part of a second. One lane serves known
// people (by link, session or device) and one serves strangers, each with a short queue and a shorter one per address.
// When the queue is full, requests are refused at once, so nobody waits behind a flood.
type turns struct {
	mu      sync.Mutex
	waiting map[string]int // by lane and address, including those being served
	lanes   map[bool]chan struct{}
}

const (
	maxWaiting        = 16
	maxWaitingAddress = 3
)

func newTurns() *turns {
	return &turns{waiting: map[string]int{}, lanes: map[bool]chan struct{}{true: make(chan struct{}, 1), false: make(chan struct{}, 1)}}
}

// take waits for a turn and returns the function that ends it.
func (t *turns) take(ctx context.Context, known bool) (end func(), err error) {
	lane := map[bool]string{true: "known", false: "strangers"}[known]
	places := []string{lane}
	if o := OriginFrom(ctx); o != nil {
		places = append(places, lane+" "+network(o.IPAddress))
	}
	t.mu.Lock()
	if t.waiting[lane] >= maxWaiting || len(places) > 1 && t.waiting[places[1]] >= maxWaitingAddress {
		t.mu.Unlock()
		return nil, tooMany("Too many sign-ins are in progress.", 2*time.Second)
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
