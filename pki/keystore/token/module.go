//go:build cgo

package token

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"
)

// module is a vendor's library, loaded once a process: C_Initialize and C_Finalize are for all who use it.
type module struct {
	path string
	ctx  *pkcs11.Ctx
	// calls hold it for reading; initialising anew, for writing.
	mu sync.RWMutex
	up bool
	// connected tokens of this library: initialising it anew would end their sessions.
	connected int
	// stuck: a call did not return in time.
	stuck atomic.Bool
}

var (
	modulesMu sync.Mutex
	modules   = map[string]*module{}
)

// load returns the library of a path. It is never unloaded: vendors' libraries do not bear it well.
func load(path string) (*module, error) {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	modulesMu.Lock()
	defer modulesMu.Unlock()
	if m, ok := modules[path]; ok {
		return m, nil
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, fmt.Errorf("%s is not a PKCS #11 library of this machine: check module-path", path)
	}
	m := &module{path: path, ctx: ctx}
	modules[path] = m
	return m, nil
}

// start initialises the library; anew tells that it is thought to have lost its way, and has it initialised again when
// nobody uses it.
func (m *module) start(anew bool) error {
	if !m.mu.TryLock() {
		if !anew || m.connected > 0 || !m.stuck.Load() {
			return nil // it is at work, so it is initialised
		}
		// Calls that never return hold the lock, as p11-kit's do when its server dies under several threads. Initialising
		// under them is not foreseen by the standard; never to sign again is worse.
		ended := make(chan error, 1)
		go func() {
			_ = m.ctx.Finalize() // it has lost what it would end
			ended <- m.ctx.Initialize()
		}()
		select {
		case err := <-ended:
			if errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
				err = nil
			}
			return err
		case <-time.After(DefaultTimeout):
			return errors.New("it hangs: restart the server")
		}
	}
	defer m.mu.Unlock()
	m.stuck.Store(false)
	if m.up && (!anew || m.connected > 0) {
		return nil
	}
	if m.up {
		_ = m.ctx.Finalize() // it may already have lost what it would end
		m.up = false
	}
	if err := m.ctx.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return err
	}
	m.up = true
	return nil
}

// connect counts a token that is connected (+1) or no longer is (-1).
func (m *module) connect(n int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	modulesMu.Lock()
	defer modulesMu.Unlock()
	m.connected += n
}

// call uses the library beside other calls.
func (m *module) call(fn func(*pkcs11.Ctx) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return fn(m.ctx)
}
