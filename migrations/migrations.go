// Package migrations holds the schema of the database as numbered, forward-only steps.
//
// One file serves both databases: {bytes}, {time}, {uuid} and {word} stand for the type that each of them has for octet
// strings, instants, UUIDs and text in order of its bytes, {empty} for the empty octet string, {clustered} for a table
// that is its key. Lines that begin with {postgres} or {sqlite} are for that one alone. Files are
// never changed once released; a new step is a new file.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/pressly/goose/v3"
)

//go:embed *.sql
var files embed.FS

// Dialect names a database that the steps are written for.
type Dialect string

const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

var types = map[Dialect]*strings.Replacer{
	SQLite: strings.NewReplacer(
		"{bytes}", "blob", "{empty}", "x''", "{time}", "datetime", "{uuid}", "text", "{word}", "text", "{clustered}", " WITHOUT ROWID",
		"{postgres}", "--", "{sqlite} ", "",
	),
	PostgreSQL: strings.NewReplacer(
		"{bytes}", "bytea", "{empty}", "''::bytea", "{time}", "timestamptz", "{uuid}", "uuid", "{word}", `text COLLATE "C"`, "{clustered}",
		"", "{postgres} ", "", "{sqlite}", "--",
	),
}

// Up brings the database to the newest version that this program knows and returns it. A database that is newer still
// is refused: an older program must not write to it.
func Up(ctx context.Context, db *sql.DB, d Dialect) (int64, error) {
	provider, err := newProvider(db, d)
	if err != nil {
		return 0, err
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	current, err := provider.GetDBVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the version of the database: %w", err)
	}
	if current > newest {
		return current, fmt.Errorf(
			"the database has version %d and this program knows only %d: run the newer release, or restore the backup made before the "+
				"upgrade",
			current, newest,
		)
	}
	if _, err := provider.Up(ctx); err != nil {
		return current, fmt.Errorf("migrating the database: %w", err)
	}
	return newest, nil
}

// Newest is the version that this program knows.
func Newest() (newest int64) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // embedded
	}
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}

func newProvider(db *sql.DB, d Dialect) (*goose.Provider, error) {
	translated := fstest.MapFS{}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		translated[e.Name()] = &fstest.MapFile{Data: []byte(types[d].Replace(string(text)))}
	}
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{}
	if d == PostgreSQL {
		dialect = goose.DialectPostgres
		// Several servers may start at once: one migrates, the others wait for it.
		locker, err := newSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, db, translated, options...)
}
