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
	done   sync.WaitGroup

	mu         sync.Mutex
	connection *connection   // nil while the token is away
	problem    error         // why
	changed    chan struct{} // closed when one of the two changes

	refused     [sha256.Size]byte // hash of the PIN that the token refused
	description atomic.Value      // string
}

// connection is one login; object handles are good within one.
type connection struct {
	slot    uint
	session pkcs11.SessionHandle // keeps the login
	lost    chan struct{}        // closed by the first who notices
	once    sync.Once
	handles sync.Map // handleKey → pkcs11.ObjectHandle
}

func (c *connection) lose() { c.once.Do(func() { close(c.lost) }) }

// job is an operation on its way to a session.
type job struct {
	fn   func(*connection, *pkcs11.Ctx, pkcs11.SessionHandle) error
	done chan error
}

// Open starts using a token and waits for the first attempt to reach it. It fails when there is no such library; a token
// that is away or refuses the PIN is tried again and reported by State.
func Open(cfg *Config) (*Token, error) {
	m, err := load(cfg.Module)
	if err != nil {
		return nil, err
	}
	t := &Token{cfg: cfg, module: m, jobs: make(chan *job), stop: make(chan struct{}), changed: make(chan struct{})}
	t.description.Store(cfg.Label)
	_, _, tried := t.get()
	t.done.Go(t.run)
	select {
	case <-tried:
	case <-time.After(cfg.Timeout):
	}
	return t, nil
}

// Close ends the sessions.
func (t *Token) Close() {
	close(t.stop)
	t.done.Wait()
}

// State is nil while the token can be used, otherwise an *UnavailableError.
func (t *Token) State() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.connection != nil {
		return nil
	}
	if t.problem == nil {
		return &UnavailableError{"it is being connected"}
	}
	return &UnavailableError{t.problem.Error()}
}

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

const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
)

// run connects, serves until the connection is lost, and begins again.
func (t *Token) run() {
	retry := firstRetry
	anew := false
	for {
		c, err := t.connect(anew)
		if err == nil {
			t.cfg.Log.Info("the token is ready", "token", t.Description())
			retry, anew = firstRetry, false
			t.set(c, nil)
			stopped := t.serve(c)
			t.set(nil, errors.New("the connection to it was lost; it is being connected again"))
			t.disconnect(c)
			if stopped {
				return
			}
			t.cfg.Log.Error("the token was lost", "token", t.Description())
			continue
		}
		if _, problem, _ := t.get(); problem == nil || problem.Error() != err.Error() {
			t.cfg.Log.Error("the token cannot be used", "token", t.Description(), "error", err)
		}
		t.set(nil, err)
		// The library itself may have lost its way to the token: some need to be initialised again.
		anew = !errors.As(err, new(*pinError))
		select {
		case <-t.stop:
			return
		case <-time.After(retry):
		}
		retry = min(retry*2, lastRetry)
	}
}

// serve hands the jobs to sessions until the connection is lost or, with true, the token is closed.
func (t *Token) serve(c *connection) bool {
	var workers sync.WaitGroup
	for range t.cfg.Sessions {
		workers.Go(func() { t.work(c) })
	}
	stopped := false
	select {
	case <-c.lost:
	case <-t.stop:
		stopped = true
		c.lose()
	}
	workers.Wait()
	return stopped
}

func (t *Token) work(c *connection) {
	var session pkcs11.SessionHandle
	err := t.module.call(func(ctx *pkcs11.Ctx) (err error) {
		session, err = ctx.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		return err
	})
	if err != nil {
		if !errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)) { // a token with fewer sessions than we would like
			c.lose()
		}
		return
	}
	for {
		select {
		case <-c.lost:
			return
		case j := <-t.jobs:
			err := t.module.call(func(ctx *pkcs11.Ctx) error { return t.attempt(j, c, ctx, session) })
			gone := errors.Is(err, errLost)
			if gone {
				c.lose()
			}
			j.done <- err
			if gone {
				return
			}
		}
	}
}

func (t *Token) disconnect(c *connection) {
	_ = t.module.call(func(ctx *pkcs11.Ctx) error { return ctx.CloseAllSessions(c.slot) }) // it may be gone
}

// do runs fn in a session. When the connection is lost under it, it is repeated once in the next one, which is harmless
// for everything that is done here.
func (t *Token) do(ctx context.Context, fn func(*connection, *pkcs11.Ctx, pkcs11.SessionHandle) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		c, problem, changed := t.get()
		if c == nil {
			// At start and just after a loss the next connection is a moment away.
			if problem != nil && attempt == 0 {
				return &UnavailableError{problem.Error()}
			}
			select {
			case <-changed:
				if c, problem, _ := t.get(); c == nil {
					return &UnavailableError{problem.Error()}
				}
				continue
			case <-ctx.Done():
				return t.gaveUp(ctx)
			}
		}
		j := &job{fn, make(chan error, 1)}
		select {
		case t.jobs <- j:
		case <-c.lost:
			if attempt > 0 {
				return &UnavailableError{"the connection to it was lost"}
			}
			t.await(ctx, c)
			continue
		case <-ctx.Done():
			return t.gaveUp(ctx)
		}
		select {
		case err := <-j.done:
			if errors.Is(err, errLost) {
				if attempt > 0 {
					return &UnavailableError{err.Error()}
				}
				t.await(ctx, c)
				continue
			}
			return err
		case <-ctx.Done():
			return t.gaveUp(ctx)
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
		case <-ctx.Done():
			return
		}
	}
}

func (t *Token) gaveUp(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &UnavailableError{fmt.Sprintf("it did not answer within %s", t.cfg.Timeout)}
	}
	return ctx.Err()
}

// errLost says that the session or the token is gone.
var errLost = errors.New("the connection to it was lost")

// attempt does a job and tells, by errLost, whether the connection did not survive it. Tokens are generous with general
// errors, so the session is asked whether it is still there.
func (t *Token) attempt(j *job, c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) error {
	err := j.fn(c, ctx, session)
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return err
	}
	if code == pkcs11.CKR_KEY_HANDLE_INVALID || code == pkcs11.CKR_OBJECT_HANDLE_INVALID {
		c.handles.Clear() // the object was made anew elsewhere
	}
	info, gone := ctx.GetSessionInfo(session)
	if gone == nil && info.State == pkcs11.CKS_RW_USER_FUNCTIONS {
		return fmt.Errorf("the token refused: %w", err)
	}
	return fmt.Errorf("%w: %w", errLost, err)
}

// pinError says that logging in is pointless until the PIN is another one.
type pinError struct{ message string }

func (e *pinError) Error() string { return e.message }

// connect finds the token and logs in.
func (t *Token) connect(anew bool) (*connection, error) {
	if err := t.module.start(anew); err != nil {
		return nil, fmt.Errorf("its library cannot be initialised: %w", err)
	}
	c := &connection{lost: make(chan struct{})}
	return c, t.module.call(func(ctx *pkcs11.Ctx) error {
		info, err := t.find(ctx, c)
		if err != nil {
			return err
		}
		t.description.Store(strings.Join(strings.Fields(info.Label+" ("+info.ManufacturerID+" "+info.Model+")"), " "))
		if c.session, err = ctx.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION); err != nil {
			return err
		}
		if err := t.login(ctx, c, info); err != nil {
			_ = ctx.CloseSession(c.session) // the other error says more
			return err
		}
		return nil
	})
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

// login tries each PIN at most once, and none at all when a wrong one would be the token's last.
func (t *Token) login(ctx *pkcs11.Ctx, c *connection, info pkcs11.TokenInfo) error {
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
	hash := sha256.Sum256([]byte(pin))
	if hash == t.refused {
		return &pinError{"it refused the PIN, which is not tried again: correct the file or variable with the PIN"}
	}
	err = ctx.Login(c.session, pkcs11.CKU_USER, pin)
	switch {
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)):
		return nil
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)), errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INVALID)), errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LEN_RANGE)),
		errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LOCKED)), errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_EXPIRED)):
		t.refused = hash
		return &pinError{"it refused the PIN, which is not tried again: correct the file or variable with the PIN"}
	}
	return err
}
