package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/store"
)

func TestRecent(t *testing.T) {
	var r store.Recent[string, int]
	now, reads := time.Unix(1000, 0), 0
	get := func(exists bool, failure error) (int, error) {
		return r.Get("key", now, func() (int, bool, error) {
			reads++
			return reads, exists, failure
		})
	}
	expect := func(what string, want int) {
		t.Helper()
		if got, err := get(true, nil); got != want || err != nil {
			t.Errorf("%s: %d %v, want %d", what, got, err, want)
		}
	}
	expect("the first time", 1)
	now = now.Add(store.RecentFor - 1)
	expect("within two seconds", 1)
	now = now.Add(1)
	expect("after two seconds", 2)
	r.Forget("key")
	expect("after a change here", 3)
	now = now.Add(store.RecentFor)
	if _, err := get(true, errors.New("away")); err == nil {
		t.Error("a failure is not told")
	}
	if got, err := get(false, nil); got != 5 || err != nil {
		t.Errorf("a failure or what does not exist was kept: %d %v", got, err)
	}
	expect("what exists by now", 6)
}
