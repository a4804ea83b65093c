// Package storetest provides test databases of both kinds.
package storetest

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// PostgresEnv is the variable with the URL of a PostgreSQL server on which databases may be created.
const PostgresEnv = "PKIAAS_TEST_POSTGRES"

// ErrNoPostgres is returned if no server is configured.
var ErrNoPostgres = errors.New(PostgresEnv + " is not set: run the tests with npm test, or give the URL of a PostgreSQL server")

// CreatePostgres creates an empty database and returns its URL and a function that drops it.
func CreatePostgres() (address string, drop func(), err error) {
	base := os.Getenv(PostgresEnv)
	if base == "" {
		return "", nil, ErrNoPostgres
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", PostgresEnv, err)
	}
	db, err := sql.Open("pgx", base)
	if err != nil {
		return "", nil, err
	}
	name := "test_" + strings.ToLower(rand.Text()[:12])
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		return "", nil, errors.Join(err, db.Close())
	}
	u.Path = "/" + name
	return u.String(), func() {
		_, _ = db.Exec("DROP DATABASE " + name + " WITH (FORCE)") // the server is temporary anyway
		_ = db.Close()
	}, nil
}

// Postgres returns the URL of an empty database that is dropped after the test. Without a server the test is skipped,
// or fails in CI.
func Postgres(t *testing.T) string {
	t.Helper()
	address, drop, err := CreatePostgres()
	switch {
	case errors.Is(err, ErrNoPostgres) && os.Getenv("CI") == "":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(drop)
	return address
}

// Each runs a test with the URL of an empty database of each kind.
func Each(t *testing.T, test func(t *testing.T, address string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}
