//go:build cgo

package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"
)

// Token is a PKCS #11 token in use. Safe for concurrent use.
type Token struct {
	cfg    *Config
	module *module
	jobs   chan *job
	stop   chan struct{}
	closed sync.Once
	done   chan struct{} // closed when run has ended

	mu         sync.Mutex
	connection *connection   // nil while the token is away
	problem    error         // why
	changed    chan struct{} // closed when one of the two changes

	wrapping    sync.Mutex   // one looks for the wrapping key, and makes it when there is none
	description atomic.Value // string
	mldsa       atomic.Bool  // the token makes and uses ML-DSA keys
	gcm         atomic.Bool  // the token encrypts with AES-GCM
}

// connection is one login; object handles are good within one.
type connection struct {
	slot    uint
	session pkcs11.SessionHandle // keeps the login
	lost    chan struct{}        // closed by the first who notices
	once    sync.Once
	handles sync.Map // handleKey → pkcs11.ObjectHandle
	tried   sync.Map // *Key whose signatures verify
}

func (c *connection) lose() { c.once.Do(func() { close(c.lost) }) }

// operation is what is done in a session.
type operation func(*connection, *pkcs11.Ctx, pkcs11.SessionHandle) (any, error)

// job is an operation on its way to a session. Its result travels only through the channel: whoever asked may have given
// up long before it is there.
type job struct {
	fn    operation
	done  chan outcome
	taken atomic.Bool
}

// take tells whether the job is the caller's: a session's to do it, or that of whoever asked to withdraw it.
func (j *job) take() bool { return j.taken.CompareAndSwap(false, true) }

type outcome struct {
	value any
	err   error
}

// Open starts using a token and waits for the first attempt to reach it. It fails when there is no such library; a token
// that is away or refuses the PIN is tried again and reported by State.
func Open(cfg *Config) (*Token, error) {
	m, err := load(cfg.Module)
	if err != nil {
		return nil, err
	}
	t := &Token{
		cfg: cfg, module: m, jobs: make(chan *job, waiting), stop: make(chan struct{}), done: make(chan struct{}),
		changed: make(chan struct{}),
	}
	t.description.Store(cfg.Label)
	_, _, tried := t.get()
	go t.run()
	select {
	case <-tried:
	case <-time.After(cfg.Timeout):
	}
	return t, nil
}

// Close ends the sessions. A library that does not return is not waited for.
func (t *Token) Close() {
	t.closed.Do(func() { close(t.stop) })
	select {
	case <-t.done:
	case <-time.After(t.cfg.Timeout):
	}
}

// State is nil while the token can be used, otherwise an *UnavailableError.
func (t *Token) State() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.connection != nil {
		return nil
	}
	if t.problem == nil {
		return &UnavailableError{Reason: "it is being connected"}
	}
	return unavailable(t.problem)
}

// Check asks the token for something: one that is idle may have gone unnoticed.
func (t *Token) Check(ctx context.Context) error {
	if err := t.State(); err != nil {
		return err
	}
	_, err := run(ctx, t, func(_ *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) (bool, error) {
		found, err := find(ctx, session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true)}, 1)
		return len(found) > 0, err
	})
	return err
}

// OffersMLDSA tells whether the token, when it was last there, made ML-DSA keys itself (PKCS #11 3.2).
func (t *Token) OffersMLDSA() bool { return t.mldsa.Load() }

// Wraps tells whether the token, when it was last there, could encrypt what it does not know how to use.
func (t *Token) Wraps() bool { return t.gcm.Load() }

// Description is the token's label, maker and model.
func (t *Token) Description() string { return t.description.Load().(string) }

func (t *Token) set(c *connection, problem error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connection, t.problem = c, problem
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *Token) get() (*connection, error, chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.connection, t.problem, t.changed
}

// waiting is how many jobs lie ready for the sessions; further callers wait for room.
const waiting = 64

const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
	// steady is how long a connection lasts that is taken to be a good one.
	steady = 10 * time.Second
)

// run connects, serves until the connection is lost, and begins again.
func (t *Token) run() {
	defer close(t.done)
	retry := firstRetry
	anew := false
	for {
		c, sessions, err := t.connect(anew)
		if err == nil {
			t.cfg.Log.Info("the token is ready", "token", t.Description(), "sessions", len(sessions))
			began := time.Now()
			t.set(c, nil)
			stopped, hung := t.serve(c, sessions)
			problem := errors.New("the connection to it was lost; it is being connected again")
			if hung {
				problem = errors.New("its library does not return from a call; if this lasts, restart the server")
			}
			t.set(nil, problem)
			t.disconnect(c, sessions, hung)
			if stopped {
				return
			}
			t.cfg.Log.Error("the token was lost", "token", t.Description(), "hung", hung)
			if time.Since(began) > steady {
				retry, anew = firstRetry, false
				continue
			}
		} else {
			if _, problem, _ := t.get(); problem == nil || problem.Error() != err.Error() {
				t.cfg.Log.Error("the token cannot be used", "token", t.Description(), "error", err)
			}
			t.set(nil, err)
			// The library itself may have lost its way to the token: some need to be initialised again.
			anew = !errors.As(err, new(*pinError))
		}
		select {
		case <-t.stop:
			return
		case <-time.After(retry):
		}
		retry = min(retry*2, lastRetry)
	}
}

// serve hands the jobs to the sessions until the connection is lost or the token is closed; hung tells that a call does
// not return.
func (t *Token) serve(c *connection, sessions []pkcs11.SessionHandle) (stopped, hung bool) {
	var workers sync.WaitGroup
	for n := range sessions {
		workers.Go(func() { t.work(c, &sessions[n]) })
	}
	select {
	case <-c.lost:
	case <-t.stop:
		stopped = true
		c.lose()
	}
	ended := make(chan struct{})
	go func() { workers.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(t.cfg.Timeout):
		hung = true
		t.module.stuck.Store(true)
	}
	return stopped, hung
}

// hold is how long a session may keep answers back to give them together: waking a caller in the middle of the next call
// costs a fast token a fifth of its speed. It is long enough for eight callers of one; with less the queue ran dry.
const hold = 500 * time.Microsecond

func (t *Token) work(c *connection, session *pkcs11.SessionHandle) {
	type answer struct {
		to chan outcome
		outcome
	}
	var held []answer
	var since time.Time
	release := func() {
		for _, a := range held {
			a.to <- a.outcome
		}
		held = held[:0]
	}
	defer release()
	for {
		var j *job
		select {
		case <-c.lost:
			return
		case j = <-t.jobs:
		default:
			release()
			select {
			case <-c.lost:
				return
			case j = <-t.jobs:
			}
		}
		if !j.take() {
			continue
		}
		if len(held) == 0 {
			since = time.Now()
		}
		var o outcome
		o.err = t.module.call(func(ctx *pkcs11.Ctx) error {
			var err error
			o.value, err = t.attempt(j, c, ctx, session)
			return err
		})
		held = append(held, answer{j.done, o})
		if errors.Is(o.err, errLost) {
			c.lose()
			return
		}
		if time.Since(since) > hold {
			release()
		}
	}
}

// disconnect closes what this token opened: others may use the same slot.
func (t *Token) disconnect(c *connection, sessions []pkcs11.SessionHandle, hung bool) {
	t.module.connect(-1)
	if hung {
		return
	}
	_ = t.module.call(func(ctx *pkcs11.Ctx) error { // they may be gone
		for _, s := range sessions {
			if s != c.session {
				_ = ctx.CloseSession(s)
			}
		}
		return ctx.CloseSession(c.session)
	})
}

// run runs fn in a session. When the connection is lost under it, it is repeated once in the next one: fn must bear that.
func run[T any](ctx context.Context, t *Token, fn func(*connection, *pkcs11.Ctx, pkcs11.SessionHandle) (T, error)) (T, error) {
	return runFor(ctx, t, t.cfg.Timeout, fn)
}

func runFor[T any](
	ctx context.Context, t *Token, limit time.Duration, fn func(*connection, *pkcs11.Ctx, pkcs11.SessionHandle) (T, error),
) (T, error) {
	value, err := t.do(ctx, limit, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) (any, error) {
		return fn(c, ctx, session)
	})
	if err != nil {
		var none T
		return none, err
	}
	return value.(T), nil
}

func (t *Token) do(ctx context.Context, limit time.Duration, fn operation) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for attempt := 0; ; attempt++ {
		c, problem, changed := t.get()
		if c == nil {
			// At start and just after a loss the next connection is a moment away.
			if problem != nil && attempt == 0 {
				return nil, unavailable(problem)
			}
			select {
			case <-changed:
				if c, problem, _ := t.get(); c == nil {
					return nil, unavailable(problem)
				}
				continue
			case <-t.stop:
				return nil, &UnavailableError{Reason: "it is no longer in use here"}
			case <-ctx.Done():
				return nil, t.gaveUp(ctx, limit)
			}
		}
		j := &job{fn: fn, done: make(chan outcome, 1)}
		select {
		case t.jobs <- j:
		case <-c.lost:
			j = nil
		case <-ctx.Done():
			return nil, t.gaveUp(ctx, limit)
		}
		if j != nil {
			o, err := t.answer(ctx, c, j)
			if err != nil {
				return nil, t.gaveUp(ctx, limit)
			}
			if !errors.Is(o.err, errLost) {
				return o.value, o.err
			}
		}
		if attempt > 0 {
			return nil, unavailable(errLost)
		}
		t.await(ctx, c)
	}
}

// answer waits for a job. The error is that of ctx; no session will begin the job then.
func (t *Token) answer(ctx context.Context, c *connection, j *job) (outcome, error) {
	lost := c.lost
	for {
		select {
		case o := <-j.done:
			return o, nil
		case <-lost:
			if j.take() {
				return outcome{err: errLost}, nil
			}
			lost = nil // a session is at it and will say how it ended
		case <-ctx.Done():
			if !j.take() && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				c.lose() // a session that does not answer in time is not to be trusted with the next job
			}
			return outcome{}, ctx.Err()
		}
	}
}

// await waits until a lost connection is no longer the present one.
func (t *Token) await(ctx context.Context, c *connection) {
	for {
		now, _, changed := t.get()
		if now != c {
			return
		}
		select {
		case <-changed:
		case <-t.stop:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (t *Token) gaveUp(ctx context.Context, limit time.Duration) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &UnavailableError{Reason: fmt.Sprintf("it did not answer within %s", limit)}
	}
	return ctx.Err()
}

// errLost says that the session or the token is gone.
var errLost = errors.New("the connection to it was lost")

// attempt does a job and tells, by errLost, whether the connection did not survive it.
func (t *Token) attempt(j *job, c *connection, ctx *pkcs11.Ctx, session *pkcs11.SessionHandle) (any, error) {
	value, err := j.fn(c, ctx, *session)
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return value, err
	}
	switch code {
	case pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED,
		pkcs11.CKR_SESSION_CLOSED,
		pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_SLOT_ID_INVALID:
		return nil, fmt.Errorf("%w: %w", errLost, err)
	case pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OBJECT_HANDLE_INVALID:
		c.handles.Clear() // the object was made anew elsewhere
		if value, err = j.fn(c, ctx, *session); err == nil {
			return value, nil
		}
	}
	// An operation that was begun and not ended would stay with the session; and tokens are generous with general errors,
	// so that only a new session tells whether the token is still there.
	again, gone := ctx.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if gone != nil && !errors.Is(gone, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)) {
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	if gone == nil && *session != c.session {
		_ = ctx.CloseSession(*session)
		*session = again
	} else if gone == nil {
		_ = ctx.CloseSession(again)
	}
	return nil, fmt.Errorf("the token refused: %w", err)
}

// pinError says that logging in is pointless until the PIN is another one.
type pinError struct{ message string }

func (e *pinError) Error() string { return e.message }

func unavailable(problem error) *UnavailableError {
	return &UnavailableError{Reason: problem.Error(), PINRefused: errors.As(problem, new(*pinError))}
}

// connect finds the token, logs in and opens the sessions.
func (t *Token) connect(anew bool) (*connection, []pkcs11.SessionHandle, error) {
	if err := t.module.start(anew); err != nil {
		return nil, nil, fmt.Errorf("its library cannot be initialised: %w", err)
	}
	c := &connection{lost: make(chan struct{})}
	var sessions []pkcs11.SessionHandle
	err := t.module.call(func(ctx *pkcs11.Ctx) error {
		info, err := t.find(ctx, c)
		if err != nil {
			return err
		}
		t.description.Store(strings.Join(strings.Fields(info.Label+" ("+info.ManufacturerID+" "+info.Model+")"), " "))
		t.gcm.Store(offers(ctx, c.slot, pkcs11.CKM_AES_GCM))
		t.mldsa.Store(offers(ctx, c.slot, ckmMLDSAKeyPairGen) && offers(ctx, c.slot, ckmMLDSA))
		open := func() (pkcs11.SessionHandle, error) {
			return ctx.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		}
		if c.session, err = open(); err != nil {
			return err
		}
		if err := t.login(ctx, c, info); err != nil {
			_ = ctx.CloseSession(c.session) // the other error says more
			return err
		}
		// A token may have fewer sessions than we would like; the one that keeps the login will do.
		for len(sessions) < t.cfg.Sessions {
			s, err := open()
			if err != nil {
				break
			}
			sessions = append(sessions, s)
		}
		if len(sessions) == 0 {
			sessions = append(sessions, c.session)
		}
		return nil
	})
	if err == nil {
		t.module.connect(1)
	}
	return c, sessions, err
}

func (t *Token) find(ctx *pkcs11.Ctx, c *connection) (pkcs11.TokenInfo, error) {
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		return pkcs11.TokenInfo{}, err
	}
	matches := func(want, is string) bool { return want == "" || want == strings.TrimRight(is, " \x00") }
	var found []pkcs11.TokenInfo
	for _, slot := range slots {
		info, err := ctx.GetTokenInfo(slot)
		if err != nil {
			continue // another token's trouble
		}
		if (t.cfg.Slot == nil || *t.cfg.Slot == slot) && matches(t.cfg.Label, info.Label) && matches(t.cfg.Serial, info.SerialNumber) &&
			matches(t.cfg.Manufacturer, info.ManufacturerID) && matches(t.cfg.Model, info.Model) {
			found = append(found, info)
			c.slot = slot
		}
	}
	switch len(found) {
	case 0:
		return pkcs11.TokenInfo{}, fmt.Errorf("no token %q is present (%d slots with others)", t.cfg.Label, len(slots))
	case 1:
		return found[0], nil
	}
	return pkcs11.TokenInfo{}, fmt.Errorf("%d tokens match: name one by its serial number", len(found))
}

// refused are the PINs that tokens refused in this process: SHA-256 of library, serial number and PIN → whether the file
// of refusals has it too.
var (
	loginMu sync.Mutex
	refused = map[[sha256.Size]byte]bool{}
)

func (t *Token) errPIN() *pinError {
	const message = "it refused the PIN, which is not tried again: correct the file or variable with the PIN"
	if t.cfg.Refused == "" {
		return &pinError{message}
	}
	return &pinError{message + ". If the PIN of the token was set to this one since, remove " + t.cfg.Refused}
}

// login tries each PIN at most once, and none at all when a wrong one would be the token's last.
func (t *Token) login(ctx *pkcs11.Ctx, c *connection, info pkcs11.TokenInfo) error {
	loginMu.Lock()
	defer loginMu.Unlock()
	switch {
	case info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return &pinError{"its PIN is locked: the security officer must set it anew"}
	case info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return &pinError{"one more wrong PIN would lock it, so it is not tried: log in once with the vendor's tool, which resets the count"}
	}
	pin, err := t.cfg.PIN()
	if err != nil {
		return &pinError{err.Error()}
	}
	if pin == "" {
		return &pinError{"the PIN is empty"}
	}
	hash := sha256.Sum256([]byte(t.module.path + "\x00" + info.SerialNumber + "\x00" + pin))
	file, name := refusals(t.cfg.Refused), info.ManufacturerID+" "+info.SerialNumber
	if noted, known := refused[hash]; known {
		if !noted || !file.gone() {
			return t.errPIN()
		}
		delete(refused, hash)
	} else if known, err := file.has(name, pin); err != nil {
		return &pinError{err.Error()} // better none than one too many
	} else if known {
		refused[hash] = true
		return t.errPIN()
	}
	err = ctx.Login(c.session, pkcs11.CKU_USER, pin)
	var code pkcs11.Error
	if err == nil {
		if err := file.forget(); err != nil {
			t.cfg.Log.Warn("what PINs the token refused before is still noted", "error", err)
		}
		return nil
	}
	if !errors.As(err, &code) {
		return err
	}
	switch code {
	case pkcs11.CKR_USER_ALREADY_LOGGED_IN:
		return nil
	case pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_SESSION_CLOSED,
		pkcs11.CKR_SESSION_HANDLE_INVALID,
		pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_HOST_MEMORY, pkcs11.CKR_DEVICE_MEMORY:
		return err // the PIN was not looked at
	}
	refused[hash] = false
	switch code {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE:
		if err := file.add(name, pin); err != nil {
			t.cfg.Log.Error("the next start will try the refused PIN again", "error", err)
			return t.errPIN()
		}
		refused[hash] = file != ""
		return t.errPIN()
	}
	return &pinError{fmt.Sprintf("it refused the login, which is not tried again with this PIN: %v", err)}
}
