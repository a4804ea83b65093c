package store

import (
	"sync"
	"time"
)

// RecentFor is how long a Recent keeps what was read: how long this server may go on with what another one has changed.
const RecentFor = 2 * time.Second

// Recent keeps what was read a moment ago, for what every request needs and what changes rarely. The zero value is ready. Safe
// for concurrent use.
type Recent[K comparable, V any] struct{ kept sync.Map }

type recent[V any] struct {
	value V
	at    time.Time
}

// Get returns the value of a key, read at most RecentFor ago. read tells whether the value exists; only then is it kept, so that
// strangers who guess keys fill no memory.
func (r *Recent[K, V]) Get(key K, now time.Time, read func() (value V, exists bool, err error)) (V, error) {
	if kept, ok := r.kept.Load(key); ok {
		if k := kept.(recent[V]); now.Sub(k.at) < RecentFor {
			return k.value, nil
		}
	}
	value, exists, err := read()
	if err == nil && exists {
		r.kept.Store(key, recent[V]{value, now})
	} else {
		r.kept.Delete(key)
	}
	return value, err
}

// Forget drops a value that this server has changed.
func (r *Recent[K, V]) Forget(key K) { r.kept.Delete(key) }
