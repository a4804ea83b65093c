// Package measure measures how fast this server signs, to help people choose an algorithm.
package measure

import (
	"context"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/rbac"
)

// Measurement is the speed of an algorithm in software, on one core.
type Measurement struct {
	SignaturesPerSecond       float64
	VerificationsPerSecond    float64
	KeyGenerationMilliseconds float64
}

// Service measures each algorithm once, one at a time, and keeps the result.
type Service struct {
	mu   sync.Mutex
	done map[string]*Measurement
}

// span is how long each operation is repeated. An operation that takes longer is done once.
const span = 50 * time.Millisecond

// Of returns the measurement of an algorithm. It requires sign-in, because the first measurement can take seconds.
func (s *Service) Of(ctx context.Context, a *algorithm.Algorithm) (*Measurement, error) {
	if rbac.ActorFrom(ctx) == nil {
		return nil, fault.New(fault.Unauthenticated, "Measuring an algorithm requires sign-in.").Do("Sign in, or send a valid API token.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.done[a.Label]; ok {
		return m, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := measure(a)
	if err != nil {
		return nil, err
	}
	if s.done == nil {
		s.done = map[string]*Measurement{}
	}
	s.done[a.Label] = m
	return m, nil
}

func measure(a *algorithm.Algorithm) (*Measurement, error) {
	message := make([]byte, 1024) // about the size of a certificate
	start := time.Now()
	key, err := a.Generate()
	if err != nil {
		return nil, err
	}
	m := &Measurement{KeyGenerationMilliseconds: float64(time.Since(start).Microseconds()) / 1000}
	var signature []byte
	if m.SignaturesPerSecond, err = rate(func() (err error) { signature, err = key.Sign(message); return err }); err != nil {
		return nil, err
	}
	m.VerificationsPerSecond, err = rate(func() error { return a.Verify(key.PublicKey(), message, signature) })
	return m, err
}

// rate returns how often fn runs per second. The first call, which may load code, is not counted unless it takes longer
// than span.
func rate(fn func() error) (float64, error) {
	for n, start := 0, time.Now(); ; n++ {
		if err := fn(); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if n == 0 && took < span {
			start = time.Now()
			continue
		}
		if took >= span {
			return float64(max(n, 1)) / took.Seconds(), nil
		}
	}
}
