package migrations

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/pkiaas/pkiaas/store/storetest"
)

// TestPendingPeople upgrades a database in which people were invited the old way: one pending account for all domains.
// A link that can only mean one domain keeps working for it; one that would have confirmed several, or that a partition's
// Owners could read, has ended; people who had confirmed keep what they have.
func TestPendingPeople(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sql.DB, d Dialect) {
		if d == SQLite {
			pendingPeople(t, db, d, "x'01'", "x'02'", "x'03'")
		} else {
			pendingPeople(t, db, d, `'\x01'::bytea`, `'\x02'::bytea`, `'\x03'::bytea`)
		}
	})
}

// onBoth runs a test on an empty database of each kind.
func onBoth(t *testing.T, run func(*testing.T, *sql.DB, Dialect)) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "test.db")+"?_pragma=foreign_keys(1)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		run(t, db, SQLite)
	})
	t.Run("postgres", func(t *testing.T) {
		db, err := sql.Open("pgx", storetest.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		run(t, db, PostgreSQL)
	})
}

func pendingPeople(t *testing.T, db *sql.DB, d Dialect, first, second, third string) {
	provider, err := newProvider(db, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 24); err != nil {
		t.Fatal(err)
	}
	const at, until = "'2026-01-02 03:04:05+00:00'", "'2026-01-09 03:04:05+00:00'"
	for _, statement := range []string{
		`INSERT INTO users (id, email, first_name, last_name, status, created_at) VALUES ('one', 'one@x', 'O', 'N', 'INVITED',
			` + at + `), ('two', 'two@x', '', '', 'INVITED', ` + at +
			`), ('bare', 'bare@x', '', '', 'INVITED', ` + at + `), ('seen', 'seen@x', '', '', 'INVITED', ` + at +
			`), ('act', 'act@x', 'A', 'C', 'ACTIVE', ` + at + `)`,
		`INSERT INTO role_grants (user_id, domain, role, created_at) VALUES ('one', 'sub1', 'CA_AUDITORS',
			` + at + `), ('one', 'sub1', 'OWNERS', ` + at + `), ('two', 'sub1', 'CA_AUDITORS', ` + at +
			`), ('two', 'sub2', 'OWNERS', ` + at + `), ('bare', 'sub1', 'NONE', ` + at + `), ('seen', 'sub1', 'OWNERS', ` + at +
			`), ('act', 'sub1', 'OWNERS', ` + at + `), ('act', 'sub2', 'OWNERS', ` + at + `)`,
		`INSERT INTO invitations (token_hash, user_id, created_at, expires_at) VALUES
			(` + first + `, 'one', ` + at + `, ` + until + `), (` + second + `, 'two', ` + at + `, ` + until + `), (` + third +
			`, 'seen', ` + at + `, ` + until + `)`,
		`INSERT INTO mails (id, partition_id, recipient, subject, created_at, sent_at) VALUES ('m1', 'sub1', 'one@x', 'sent',
			` + at + `, ` + at + `), ('m2', 'sub1', 'seen@x', 'in the outbox of the partition', ` + at + `, NULL)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Up(t.Context(), db, d); err != nil {
		t.Fatal(err)
	}
	lines := func(query string) (found []string) {
		t.Helper()
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			found = append(found, line)
		}
		return found
	}
	for query, want := range map[string][]string{
		`SELECT id || ' ' || domain || ' ' || email || ' ' || CASE WHEN token_hash IS NULL THEN 'ended' ELSE 'works' END || CASE WHEN
			expires_at = created_at THEN ' over' ELSE '' END FROM invitations ORDER BY id, domain`: {
			"bare sub1 bare@x ended over", "one sub1 one@x works", "seen sub1 seen@x ended over", "two-sub1 sub1 two@x ended over",
			"two-sub2 sub2 two@x ended over"},
		`SELECT roles FROM invitations WHERE id IN ('bare', 'two-sub2') ORDER BY id`: {"[]", `["OWNERS"]`},
		`SELECT id FROM users`: {"act"},
		`SELECT user_id || ' ' || domain || ' ' || role FROM role_grants ORDER BY domain`: {"act sub1 OWNERS", "act sub2 OWNERS"},
	} {
		if got := lines(query); !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", query, got, want)
		}
	}
	if got := lines(
		`SELECT roles FROM invitations WHERE id = 'one'`,
	)[0]; got != `["CA_AUDITORS","OWNERS"]` && got != `["OWNERS","CA_AUDITORS"]` {
		t.Errorf("roles of one: %s", got)
	}
}
