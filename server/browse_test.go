package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// TestBrowse reads the same lists on both databases, whose ways to them differ.
func TestBrowse(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testBrowse(t, "") })
	t.Run("postgres", func(t *testing.T) {
		testBrowse(t, storetest.Postgres(t))
	})
}

func testBrowse(t *testing.T, database string) {
	a, m := inProcessOn(t, database)
	ctx, p := rbac.WithActor(t.Context(), rbac.SystemActor()), m.Partition.ID
	var like certificate.Certificate
	if err := a.store.DB(ctx).Where("partition_id = ? AND kind = 'SUBSCRIBER'", p).Order("id").Limit(1).Find(&like).Error; err != nil {
		t.Fatal(err)
	}
	now := a.now().Truncate(time.Second)
	sql := func(statement string, args ...any) {
		if err := a.store.Tx(ctx, func(ctx context.Context) error { return a.store.DB(ctx).Exec(statement, args...).Error }); err != nil {
			t.Fatal(err)
		}
	}
	unread := func() (n int64) {
		if err := a.store.DB(ctx).Table("certificates_unread").Count(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	read := func() error {
		if n := unread(); n > 0 {
			return fmt.Errorf("%d certificates have no words", n)
		}
		return nil
	}
	writeWords := func() {
		if err := a.store.Tx(ctx, func(ctx context.Context) error {
			return a.jobs.Enqueue(ctx, certificate.WordsJob, "all", a.now(), nil)
		}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the words of the demo are written", read)
	sql("DELETE FROM jobs WHERE kind = ?", certificate.WordsJob)
	n := 0
	add := func(subject string, days int, status certificate.Status, sans ...string) {
		n++
		c := like
		c.ID, c.SerialNumber, c.Subject, c.CommonName = uuid.Must(uuid.NewV7()).String(), fmt.Sprintf("5eed%04x%024d", n, n), subject,
			subject
		c.Status, c.NotAfter, c.Counted = status, now.AddDate(0, 0, days), status != certificate.Revoked && days > 0
		c.SearchText = strings.ToLower(strings.Join(append([]string{subject, c.SerialNumber}, sans...), " "))
		if err := a.store.Tx(ctx, func(ctx context.Context) error {
			return certificate.Create(ctx, a.store, []*certificate.Certificate{&c})
		}); err != nil {
			t.Fatal(err)
		}
	}
	add("CN=Zoe Quill,O=Quux-Werke GmbH", 400, certificate.Issued, "zoe.quill@quux.example") // 1
	add("CN=gate-17.quux.example", 20, certificate.Issued, "10.0.17.1")                      // 2
	add("CN=gate-18.quux.example,OU=100%_*?[x]", 5, certificate.Suspended)                   // 3
	add("CN=Zoe Other,O=Quill & Söhne", -3, certificate.Issued)                              // 4
	add("CN=gate-19.quux.example", -5, certificate.Revoked)                                  // 5
	add("CN="+strings.Repeat("ü", 3000)+" quux", 9, certificate.Revoked)                     // 6

	numbers := func(list []*certificate.Certificate) (found []int) {
		for _, c := range list {
			var k int
			if _, err := fmt.Sscanf(c.SerialNumber, "5eed%04x", &k); err == nil {
				found = append(found, k)
			}
		}
		return found
	}
	days := func(n int) *int { return &n }
	cases := []struct {
		filter certificate.Filter
		sort   certificate.Sort
		want   []int
	}{
		{certificate.Filter{Search: "quux"}, certificate.Newest, []int{6, 5, 3, 2, 1}},
		{certificate.Filter{Search: "QUILL zoe"}, certificate.Newest, []int{4, 1}},
		{certificate.Filter{Search: "zo quill@qu"}, certificate.Newest, []int{1}},
		{certificate.Filter{Search: "uill"}, certificate.Newest, nil},
		{certificate.Filter{Search: "gate-1"}, certificate.Newest, []int{5, 3, 2}},
		{certificate.Filter{Search: "gate-17.quux.ex"}, certificate.Newest, []int{2}},
		{certificate.Filter{Search: "17.gate"}, certificate.Newest, nil},
		{certificate.Filter{Search: "10.0.17"}, certificate.Newest, []int{2}},
		{certificate.Filter{Search: "söh"}, certificate.Newest, []int{4}},
		{certificate.Filter{Search: "100%_*?[x"}, certificate.Newest, []int{3}},
		{certificate.Filter{Search: "100__*?[x"}, certificate.Newest, nil},
		{certificate.Filter{Search: "5EED:00:02"}, certificate.Newest, []int{2}},
		{certificate.Filter{Search: "5eed0002" + fmt.Sprintf("%024d", 2)}, certificate.Newest, []int{2}},
		{certificate.Filter{Search: "5eed000"}, certificate.Newest, nil},
		{certificate.Filter{Search: "quux", Status: []certificate.Status{certificate.Revoked}}, certificate.Newest, []int{6, 5}},
		{certificate.Filter{Search: "quux", CAID: like.CAID, ProfileID: like.ProfileID}, certificate.ExpiresFirst, []int{5, 3, 6, 2, 1}},
		{certificate.Filter{Search: "quux", CAID: uuid.NewString()}, certificate.Newest, nil},
		{certificate.Filter{Search: "quux", ProfileID: "it's"}, certificate.Newest, nil},
		{certificate.Filter{ExpiresWithinDays: days(30), CAID: like.CAID}, certificate.Newest, []int{3, 2}},
		{certificate.Filter{ExpiresWithinDays: days(30), CAID: like.CAID}, certificate.ExpiresFirst, []int{3, 2}},
		{certificate.Filter{Expired: new(true)}, certificate.Newest, []int{5, 4}},
		{certificate.Filter{Expired: new(true), Status: []certificate.Status{certificate.Issued}}, certificate.Newest, []int{4}},
		{certificate.Filter{Status: []certificate.Status{certificate.Revoked}, Search: "gate"}, certificate.Newest, []int{5}},
	}
	pages := func(when string) {
		t.Helper()
		for _, c := range cases {
			// A page of one at a time: every cursor is tried.
			var found []int
			request := page.Request{First: 1}
			for {
				got, err := a.certificates.List(ctx, p, c.filter, c.sort, request)
				if err != nil {
					t.Fatalf("%+v: %v", c.filter, err)
				}
				found = append(found, numbers(got.Nodes)...)
				if !got.HasNext {
					break
				}
				request.After = *got.EndCursor()
			}
			if !slices.Equal(found, c.want) {
				t.Errorf("%s: %+v %s: %v, not %v", when, c.filter, c.sort, found, c.want)
			}
		}
	}
	if unread() != 6 {
		t.Fatalf("%d certificates have no words", unread())
	}
	pages("at once")
	// The job fails in the middle of its work.
	sql("ALTER TABLE certificate_words RENAME TO certificate_words_away")
	writeWords()
	eventually(t, "the job has failed", func() error {
		var failed int64
		if err := a.store.DB(ctx).Table("jobs").Where(
			"kind = ? AND attempts > 0 AND lease = ''", certificate.WordsJob,
		).Count(&failed).Error; err != nil || failed == 0 {
			return fmt.Errorf("%d, %v", failed, err)
		}
		return nil
	})
	sql("DELETE FROM jobs WHERE kind = ?", certificate.WordsJob)
	sql("ALTER TABLE certificate_words_away RENAME TO certificate_words")
	if unread() != 6 {
		t.Fatalf("%d certificates have no words", unread())
	}
	pages("after a failure")
	sql(
		"DELETE FROM certificates_unread WHERE certificate_id NOT IN (SELECT certificate_id FROM certificates_unread ORDER BY " +
			"certificate_id LIMIT 3)",
	)
	writeWords()
	eventually(t, "half of the words are written", read)
	sql("DELETE FROM jobs WHERE kind = ?", certificate.WordsJob)
	sql(
		"INSERT INTO certificates_unread (certificate_id, partition_id, search_text, serial_number) SELECT id, partition_id, "+
			"search_text, serial_number FROM certificates WHERE serial_number IN (?, ?, ?)",
		fmt.Sprintf("5eed%04x%024d", 4, 4), fmt.Sprintf("5eed%04x%024d", 5, 5), fmt.Sprintf("5eed%04x%024d", 6, 6),
	)
	pages("half of them with words")
	for _, c := range cases {
		var each []*certificate.Certificate
		if err := a.certificates.Each(
			ctx, p, c.filter, func(x *certificate.Certificate) error { each = append(each, x); return nil },
		); err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(c.want)
		slices.Sort(want)
		if got := numbers(each); !slices.Equal(got, want) {
			t.Errorf("all of %+v: %v, not %v", c.filter, got, want)
		}
	}
	if unread() > 0 {
		t.Error("what works on all that a search finds has not written their words")
	}
	pages("with words")
	if _, err := a.certificates.List(ctx, p, certificate.Filter{Search: " -/ "}, certificate.Newest, page.Request{First: 1}); err == nil {
		t.Error("a search without a word is taken")
	}
	if _, err := a.certificates.List(ctx, p, certificate.Filter{Search: "zo"}, certificate.Newest, page.Request{First: 1}); err == nil {
		t.Error("two letters are looked for")
	}

	sql(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
			INSERT INTO certificates (id, serial_number, search_text, partition_id, ca_id, kind, profile_id, subject, common_name, status,
				not_before, not_after, der, requested_by, created_at, counted, key_type)
			SELECT '01900000-0000-7000-8000-' || (100000000000 + n), 'aaaa' || (100000000000 + n), 'cn=many', partition_id, ca_id, kind,
				profile_id, subject, common_name, status, not_before, not_after, der, requested_by, created_at, counted, key_type FROM
					numbers, certificates WHERE id = ?`,
		page.CountLimit+1, like.ID)
	sql(
		"INSERT INTO certificates_unread (certificate_id, partition_id, search_text, serial_number) SELECT id, partition_id, " +
			"search_text, serial_number FROM certificates WHERE serial_number LIKE 'aaaa1%'",
	)
	counts := func(when string) {
		t.Helper()
		for _, c := range []struct {
			filter certificate.Filter
			n      int64
			more   bool
		}{
			{certificate.Filter{}, page.CountLimit, true},
			{certificate.Filter{Search: "many"}, page.SearchLimit, true},
			{certificate.Filter{Search: "zoe"}, 2, false},
			{certificate.Filter{Status: []certificate.Status{certificate.Revoked}, Search: "quux"}, 2, false},
		} {
			if n, more, err := a.certificates.Count(ctx, p, c.filter); err != nil || n != c.n || more != c.more {
				t.Errorf("%s: %+v: %d, %t, %v", when, c.filter, n, more, err)
			}
		}
	}
	counts("at once")
	writeWords()
	eventually(t, "all words are written", read)
	counts("with words")
}
