package graph

import "testing"

// TestPagesOfOneAreNoDiscount: whoever wraps something expensive in pages of one pays for all of it.
func TestPagesOfOneAreNoDiscount(t *testing.T) {
	for _, first := range []int{-1, 0, 1, 2} {
		if cost := pageCost(pageCost(pageCost(8000, first), first), first); cost < 8000 {
			t.Errorf("three pages of %d around 8000 cost %d", first, cost)
		}
	}
}
