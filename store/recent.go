package store

import (
	"sync"
	"time"
)

// RecentFor is how long a Recent caches a value, and so how long this server may not see changes by other servers.
const RecentFor = 2 * time.Second

// Recent is a short-lived cache for what every request needs and rarely changes. The zero value is ready to use. It is
// safe for concurrent use.
type Recent[K comparable, V any] struct{ kept sync.Map }

type recent[V any] struct {
	value V
	at    time.Time
}

// Get returns the value of a key, read at most RecentFor ago. read tells whether the value exists. Only existing values
// are cached, so that guessed keys do not fill the memory.
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

// Forget removes a value that this server has changed.
func (r *Recent[K, V]) Forget(key K) { r.kept.Delete(key) }
