package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm/clause"
)

// CreateAll inserts rows with few statements of few different lengths, so that each stays prepared.
//
// It must run in a transaction that is rolled back after an error: on SQLite, the rows before the failed one stay,
// because insertRows uses OR FAIL.
func CreateAll[T any](ctx context.Context, s *Store, rows []T) error {
	return createAll(ctx, s, rows, false)
}

// CreateMissing is CreateAll, but skips rows that already exist.
func CreateMissing[T any](ctx context.Context, s *Store, rows []T) error {
	return createAll(ctx, s, rows, true)
}

func createAll[T any](ctx context.Context, s *Store, rows []T, missing bool) error {
	if !InTx(ctx) {
		return errors.New("rows are created outside a transaction, so some would remain if one failed")
	}
	insert := insertRows[T]
	if s.PostgreSQL() {
		insert = createRows[T]
	}
	length := 64
	for len(rows) > 0 {
		for length > len(rows) {
			length /= 2
		}
		if err := insert(ctx, s, rows[:length], missing); err != nil {
			return err
		}
		rows = rows[length:]
	}
	return nil
}

func createRows[T any](ctx context.Context, s *Store, rows []T, missing bool) error {
	db := s.DB(ctx)
	if missing {
		db = db.Clauses(clause.OnConflict{DoNothing: true})
	}
	return db.Create(rows).Error
}

// insertRows inserts rows on SQLite without gorm. With OR FAIL, SQLite keeps no copies of the pages it writes to. It
// needs these copies to undo a failed statement with several rows, and they cost more than one statement per row. So
// only the surrounding transaction can undo a failed statement.
func insertRows[T any](ctx context.Context, s *Store, rows []T, missing bool) error {
	db := s.DB(ctx)
	if err := db.Statement.Parse(rows[0]); err != nil {
		return err
	}
	table := db.Statement.Schema
	if len(table.FieldsWithDefaultDBValue) > 0 {
		return fmt.Errorf("rows of %s have columns filled by the database: create them with gorm", table.Table)
	}
	row := "(?" + strings.Repeat(",?", len(table.DBNames)-1) + ")"
	text := "INSERT OR FAIL INTO " + db.Statement.Quote(table.Table) + " (" + strings.Join(table.DBNames, ",") + ") VALUES " + row +
		strings.Repeat(","+row, len(rows)-1)
	if missing {
		text += " ON CONFLICT DO NOTHING"
	}
	values := make([]any, 0, len(rows)*len(table.DBNames))
	for _, row := range rows {
		for _, name := range table.DBNames {
			value, _ := table.FieldsByDBName[name].ValueOf(ctx, reflect.ValueOf(row))
			values = append(values, value)
		}
	}
	_, err := db.Statement.ConnPool.ExecContext(ctx, text, values...)
	return err
}
