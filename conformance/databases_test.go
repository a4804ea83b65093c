// Package conformance tests the real binary with real parts.
package conformance

import (
	"testing"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// onEachDatabase runs a test on SQLite and on PostgreSQL. The URL is "" for SQLite.
func onEachDatabase(t *testing.T, run func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { run(t, "") })
	t.Run("postgres", func(t *testing.T) { run(t, storetest.Postgres(t)) })
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
