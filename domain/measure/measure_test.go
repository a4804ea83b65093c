package measure

import (
	"testing"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/rbac"
)

func TestFastAndSlowAlgorithmsAreToldApart(t *testing.T) {
	s := &Service{}
	ctx := rbac.WithActor(t.Context(), &rbac.Actor{Kind: rbac.UserActor})
	of := func(label string) *Measurement {
		a, err := algorithm.ForLabel(label)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Of(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		if m.SignaturesPerSecond <= 0 || m.VerificationsPerSecond <= 0 || m.KeyGenerationMilliseconds <= 0 {
			t.Errorf("%s: %+v", label, m)
		}
		if again, err := s.Of(ctx, a); err != nil || again != m {
			t.Errorf("%s is measured again", label)
		}
		return m
	}
	if fast, slow := of("ECDSAP256+SHA256"), of(
		"Hash-SLH-DSA-SHA2-128f-With-SHA256",
	); fast.SignaturesPerSecond < 5*slow.SignaturesPerSecond {
		t.Errorf("P-256 %+v, SLH-DSA %+v", fast, slow)
	}
	a := algorithm.All()[0]
	if _, err := s.Of(t.Context(), a); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("nobody had it measured: %v", err)
	}
}
