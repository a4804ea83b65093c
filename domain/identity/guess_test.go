package identity

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// TestTurns: clients that flood password hashing are refused at once and told when to retry; others get their turn.
func TestTurns(t *testing.T) {
	turns := newTurns()
	from := func(address string) context.Context {
		return WithOrigin(t.Context(), &Origin{IPAddress: address})
	}
	end, err := turns.take(from("192.0.2.1"), false)
	if err != nil {
		t.Fatal(err)
	}
	type turn struct {
		who string
		end func()
	}
	order := make(chan turn)
	wait := func(who string) {
		t.Helper()
		before := turns.count("strangers")
		go func() {
			end, err := turns.take(from(who), false)
			if err != nil {
				t.Error(err)
			}
			order <- turn{who, end}
		}()
		for turns.count("strangers") == before {
			runtime.Gosched()
		}
	}
	for n := 1; n < maxWaitingAddress; n++ {
		wait("192.0.2.1")
	}
	for range 30 {
		if _, err := turns.take(from("192.0.2.1"), false); !fault.Is(err, fault.TooManyRequests) || fault.Of(err).RetryAfter < time.Second {
			t.Fatalf("a flood is not refused: %v", err)
		}
	}
	// Known people do not wait behind strangers at all.
	known, err := turns.take(from("192.0.2.1"), true)
	if err != nil {
		t.Fatal(err)
	}
	known()
	// Another address waits only briefly.
	wait("192.0.2.2")
	for n := turns.count("strangers"); n < maxWaiting; n++ {
		wait(fmt.Sprintf("198.51.100.%d", n))
	}
	if _, err := turns.take(from("192.0.2.3"), false); !fault.Is(err, fault.TooManyRequests) {
		t.Fatalf("the queue has no end: %v", err)
	}
	end()
	for n := 1; n < maxWaiting; n++ {
		next := <-order
		next.end()
	}
	if n := len(turns.waiting); n != 0 {
		t.Errorf("%d are remembered: %v", n, turns.waiting)
	}
	if end, err = turns.take(from("192.0.2.1"), false); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(from("192.0.2.1"))
	cancel()
	if _, err := turns.take(gone, false); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	end()
	if n := len(turns.waiting); n != 0 {
		t.Errorf("%d are remembered: %v", n, turns.waiting)
	}
}

func (t *turns) count(lane string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting[lane]
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "::ffff:192.0.2.1": "192.0.2.1",
		"pipe": "pipe",
	} {
		if got := network(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
