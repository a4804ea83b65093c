//go:build cgo

package token

import (
	"errors"
	"fmt"
	"sync"

	"github.com/miekg/pkcs11"
)

// module is a vendor's library, loaded once a process: C_Initialize and C_Finalize are for all who use it.
type module struct {
	path string
	ctx  *pkcs11.Ctx
	// calls hold it for reading; initialising anew, which ends every session, for writing.
	mu sync.RWMutex
	up bool
}

var (
	modulesMu sync.Mutex
	modules   = map[string]*module{}
)

// load returns the library of a path. It is never unloaded: vendors' libraries do not bear it well.
func load(path string) (*module, error) {
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

// start initialises the library unless it is; anew ends what was there.
func (m *module) start(anew bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.up && !anew {
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

// call uses the library beside other calls.
func (m *module) call(fn func(*pkcs11.Ctx) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return fn(m.ctx)
}
