package store

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Patience is how long work that no caller can cancel waits for the database: longer than a disk that stalls.
const Patience = 30 * time.Second

// Batch groups calls that arrive while the one before is at the database into a single call: one query or one commit
// serves them all. A call never joins a run that began before it, so what it reads is not older than the call.
type Batch[In, Out any] struct {
	// Run answers each input, in order. An error is everyone's.
	Run func(ctx context.Context, in []In) ([]Out, error)
	// Most inputs in one run; 0 means 64.
	Limit int
	// Timeout of a run; 0 means Patience. A run belongs to many callers, so none of them can cancel it.
	Timeout time.Duration

	mu      sync.Mutex
	running bool
	waiting []waiter[In, Out]
}

type waiter[In, Out any] struct {
	in   In
	done chan answer[Out]
}

type answer[Out any] struct {
	out Out
	err error
}

// Do adds in to the next run and waits for its answer. When ctx ends first, the run goes on without its caller.
func (b *Batch[In, Out]) Do(ctx context.Context, in In) (Out, error) {
	w := waiter[In, Out]{in: in, done: make(chan answer[Out], 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, w)
	if !b.running {
		b.running = true
		go b.loop()
	}
	b.mu.Unlock()
	select {
	case a := <-w.done:
		return a.out, a.err
	case <-ctx.Done():
		var none Out
		return none, ctx.Err()
	}
}

func (b *Batch[In, Out]) loop() {
	for {
		// Whoever is about to ask joins this run: under load a run of 12 instead of 2. Nobody waits where nobody comes.
		runtime.Gosched()
		b.mu.Lock()
		limit := b.Limit
		if limit == 0 {
			limit = 64
		}
		n := min(limit, len(b.waiting))
		if n == 0 {
			b.running = false
			b.mu.Unlock()
			return
		}
		group := b.waiting[:n:n]
		b.waiting = b.waiting[n:]
		b.mu.Unlock()
		b.run(group)
	}
}

func (b *Batch[In, Out]) run(group []waiter[In, Out]) {
	timeout := b.Timeout
	if timeout == 0 {
		timeout = Patience
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	in := make([]In, len(group))
	for i, w := range group {
		in[i] = w.in
	}
	out, err := b.Run(ctx, in)
	for i, w := range group {
		if err != nil {
			w.done <- answer[Out]{err: err}
		} else {
			w.done <- answer[Out]{out: out[i]}
		}
	}
}
