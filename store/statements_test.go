package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/store"
)

type note struct {
	ID   string `gorm:"primaryKey"`
	Kind kind
	At   time.Time
	Text *string
	Tags []string `gorm:"serializer:json"`
}

type kind string

func (note) TableName() string { return "notes" }

// Compiled statements are cached; a later run must not see parameters of an earlier one.
func TestStatementsAreUsedAgain(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // one that can end, as those of requests
		defer cancel()
		exec := func(text string, args ...any) error {
			return s.Tx(ctx, func(ctx context.Context) error { return s.DB(ctx).Exec(text, args...).Error })
		}
		if err := exec(
			"CREATE TABLE notes (id TEXT PRIMARY KEY, kind TEXT NOT NULL, at TIMESTAMP NOT NULL, text TEXT, tags TEXT)",
		); err != nil {
			t.Fatal(err)
		}
		at := store.Now()
		var rows []*note
		for n := range 21 {
			rows = append(rows, &note{ID: fmt.Sprintf("%02d", n), Kind: "k", At: at, Tags: []string{"a", "b"}})
		}
		text := "there is one"
		rows[7].Text = &text
		create := func(rows ...*note) error {
			return s.Tx(ctx, func(ctx context.Context) error { return store.CreateAll(ctx, s, rows) })
		}
		if err := store.CreateAll(ctx, s, rows); err == nil {
			t.Error("rows were created outside a transaction")
		}
		if err := create(rows...); err != nil {
			t.Fatal(err)
		}
		var found []note
		if err := s.DB(ctx).Order("id").Find(&found).Error; err != nil {
			t.Fatal(err)
		}
		for n, f := range found {
			if f.ID != rows[n].ID || f.Kind != "k" || !f.At.Equal(at) || (f.Text != nil) != (n == 7) ||
				!slices.Equal(f.Tags, rows[n].Tags) {
				t.Errorf("%+v", f)
			}
		}
		if len(found) != len(rows) {
			t.Errorf("%d rows", len(found))
		}
		// A duplicate rolls back the transaction, and the statement still works.
		if err := create(&note{ID: "new"}, &note{ID: "03"}); !store.IsDuplicate(err) {
			t.Errorf("created twice: %v", err)
		}
		if err := s.Tx(ctx, func(ctx context.Context) error {
			return store.CreateMissing(ctx, s, []*note{{ID: "new", At: at}, {ID: "03", At: at}})
		}); err != nil {
			t.Error(err)
		}
		var count int64
		if err := s.DB(ctx).Model(&note{}).Count(&count).Error; err != nil || count != 22 {
			t.Errorf("%d rows, %v", count, err)
		}
		// The same text again while its rows are still being read.
		err := s.Tx(ctx, func(ctx context.Context) error {
			if s.PostgreSQL() {
				return nil // one connection reads one result at a time there
			}
			return pairs(s.DB(ctx), func(a, b string) {
				if a != b {
					t.Errorf("%s beside %s", a, b)
				}
			})
		})
		if err != nil {
			t.Error(err)
		}
		// More statements than the cache holds, and a table that changes while statements are cached.
		for n := range 300 {
			var id string
			if err := s.DB(ctx).Raw(
				fmt.Sprintf("SELECT id FROM notes WHERE id = ? AND %d = %d", n, n), "05",
			).Scan(&id).Error; err != nil || id != "05" {
				t.Fatalf("%q, %v", id, err)
			}
		}
		if err := exec("ALTER TABLE notes ADD COLUMN more TEXT DEFAULT 'x'"); err != nil {
			t.Fatal(err)
		}
		if err := create(&note{ID: "last", At: at}); err != nil {
			t.Error(err)
		}
		// A caller that cancels does not affect others.
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := s.DB(gone).Find(&found).Error; err == nil {
			t.Error("answered a caller who has gone")
		}
		if err := s.DB(ctx).Model(&note{}).Count(&count).Error; err != nil || count != 23 {
			t.Errorf("%d rows, %v", count, err)
		}
	})
}

// pairs reads the notes twice at the same time, in step.
func pairs(db *gorm.DB, visit func(a, b string)) error {
	first, err := db.Raw("SELECT id FROM notes ORDER BY id").Rows()
	if err != nil {
		return err
	}
	defer first.Close()
	second, err := db.Raw("SELECT id FROM notes ORDER BY id").Rows()
	if err != nil {
		return err
	}
	defer second.Close()
	for first.Next() && second.Next() {
		var a, b string
		if err := first.Scan(&a); err != nil {
			return err
		}
		if err := second.Scan(&b); err != nil {
			return err
		}
		visit(a, b)
	}
	return first.Err()
}
