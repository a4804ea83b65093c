package store

import (
	"database/sql"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// sqliteDialect is the gorm dialect for SQLite, as far as it is needed here. Migrations create the tables.
type sqliteDialect struct{ pool *sql.DB }

func (d sqliteDialect) Name() string { return "sqlite" }

func (d sqliteDialect) Initialize(db *gorm.DB) error {
	db.ConnPool = d.pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	return nil
}

func (d sqliteDialect) DefaultValueOf(*schema.Field) clause.Expression {
	return clause.Expr{SQL: "NULL"}
}

func (d sqliteDialect) BindVarTo(w clause.Writer, _ *gorm.Statement, _ any) { _ = w.WriteByte('?') }

// QuoteTo writes an identifier; each part of "table.column" is quoted.
func (d sqliteDialect) QuoteTo(w clause.Writer, identifier string) {
	for n, part := range strings.Split(identifier, ".") {
		if n > 0 {
			_ = w.WriteByte('.')
		}
		_, _ = w.WriteString("`" + strings.ReplaceAll(part, "`", "``") + "`")
	}
}

func (d sqliteDialect) Explain(text string, vars ...any) string {
	return logger.ExplainSQL(text, nil, `"`, vars...)
}

func (d sqliteDialect) Migrator(*gorm.DB) gorm.Migrator   { return nil }
func (d sqliteDialect) DataTypeOf(f *schema.Field) string { return string(f.DataType) }
