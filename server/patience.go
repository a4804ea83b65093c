package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/keystore"
)

// startPatience is how long a starting server waits for a part that does not answer, such as an HSM that is busy or still
// booting.
const startPatience = 2 * time.Minute

// patiently repeats one step of starting until it no longer fails because a part is unavailable. Other errors, and a part
// that stays away, end the start.
func patiently(ctx context.Context, log *slog.Logger, step string, fn func() error) error {
	deadline := time.Now().Add(startPatience)
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := fn()
		if err == nil || !fault.Is(err, fault.Unavailable) && !keystore.IsTemporary(err) || time.Now().After(deadline) {
			return err
		}
		log.Warn("waiting for a part that is unavailable", "step", step, "error", err, "cause", errors.Unwrap(err), "retry_in", wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
