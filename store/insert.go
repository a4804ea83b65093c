package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm/clause"
)

// CreateAll inserts rows with a few statements of a few lengths, so that each stays prepared.
//
// It needs a transaction, which must end after an error: on SQLite the rows before the offending one stay, because
// insertRows uses OR FAIL.
func CreateAll[T any](ctx context.Context, s *Store, rows []T) error {
	return createAll(ctx, s, rows, false)
}

// CreateMissing is CreateAll for rows some of which may exist: those are left as they are.
func CreateMissing[T any](ctx context.Context, s *Store, rows []T) error {
	return createAll(ctx, s, rows, true)
}

func createAll[T any](ctx context.Context, s *Store, rows []T, missing bool) error {
	if !InTx(ctx) {
		return errors.New("rows are created outside a transaction, so that some would stay if one failed")
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

// insertRows inserts rows on SQLite without gorm. To undo a failed statement of several rows, SQLite would copy each page
// before it writes to it, which costs more than one statement for each row. OR FAIL does without the copies; its price is
// that a failed statement is not undone, so only the transaction around it can be.
func insertRows[T any](ctx context.Context, s *Store, rows []T, missing bool) error {
	db := s.DB(ctx)
	if err := db.Statement.Parse(rows[0]); err != nil {
		return err
	}
	table := db.Statement.Schema
	if len(table.FieldsWithDefaultDBValue) > 0 {
		return fmt.Errorf("rows of %s get values from the database: they are created by gorm", table.Table)
	}
	row := "(?" + strings.Repeat(",?", len(table.DBNames)-1) + ")"
	text := "INSERT OR FAIL INTO " + db.Statement.Quote(table.Table) + " (" + strings.Join(table.DBNames, ",") + ") VALUES " + row + strings.Repeat(","+row, len(rows)-1)
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
