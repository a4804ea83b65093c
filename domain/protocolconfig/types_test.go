package protocolconfig

import (
	"slices"
	"testing"

	"github.com/pkiaas/pkiaas/pki/profile"
)

// A new protocol must say whether it answers for what its clients say of themselves; saying nothing is not enough.
func TestEveryProtocolSaysWhetherItVouches(t *testing.T) {
	for _, p := range types {
		if p.Vouches != profile.Nobody && !slices.Contains(profile.Sources(), p.Vouches) {
			t.Errorf("%s does not say whether it answers for claims about identity: set Vouches to profile.Nobody, unless it knows them from elsewhere", p.ID)
		}
	}
}
