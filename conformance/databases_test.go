// Package conformance tests the real binary with real parts.
package conformance

import (
	"os"
	"testing"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

// onEachDatabase runs a test on SQLite and on PostgreSQL. The URL is "" for SQLite.
func onEachDatabase(t *testing.T, run func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { run(t, "") })
	t.Run("postgres", func(t *testing.T) { run(t, postgres(t)) })
}

func postgres(t *testing.T) string {
	t.Helper()
	url, drop, err := testbed.Postgres()
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv(testbed.PostgresEnv) != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(drop)
	return url
}

func start(t *testing.T, command, data, database string, args ...string) *testbed.Server {
	t.Helper()
	if database != "" {
		args = append(args, "--database", database)
	}
	s, err := testbed.Start(command, data, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill) // a test that fails leaves no server behind
	return s
}
