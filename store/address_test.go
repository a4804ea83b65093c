package store

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestTheDatabaseIsWhereItWasPut: any characters are allowed in the path, and only the owner can read the file.
func TestTheDatabaseIsWhereItWasPut(t *testing.T) {
	for _, name := range []string{"plain.db", "what?.db", "a#b.db", "100%.db", "100%25.db", "a b+c&d=e.db", "ümlaut;,'.db"} {
		dir := filepath.Join(t.TempDir(), "in "+name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		s, err := Open("sqlite:" + file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Error(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(0)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(e.Name(), name) || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: there is %s with mode %s", name, e.Name(), info.Mode())
			}
			size += info.Size()
		}
		if size == 0 {
			t.Errorf("%s: the database is elsewhere", name)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Run("an older database", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pkiaas.db")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open("sqlite:" + file)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %s, %v", info.Mode(), err)
		}
	})
}

// TestNothingGoesToPostgreSQLInClearText: connections are encrypted unless the address says otherwise.
func TestNothingGoesToPostgreSQLInClearText(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	const clear, encrypted, verified, refused = "clear text", "encrypted", "verified", "refused"
	how := func(address string) string {
		settings, err := pgx.ParseConfig(address)
		if err != nil {
			t.Fatal(err)
		}
		if address, err = postgresAddress(address, settings); err != nil {
			return refused
		}
		if settings, err = pgx.ParseConfig(address); err != nil {
			t.Fatal(err)
		}
		kind := func(c *tls.Config) string {
			switch {
			case c == nil:
				return clear
			case c.InsecureSkipVerify:
				return encrypted
			}
			return verified
		}
		worst := kind(settings.TLSConfig)
		for _, f := range settings.Fallbacks {
			if k := kind(f.TLSConfig); k != worst {
				worst = fmt.Sprint(worst, " or ", k)
			}
		}
		return worst
	}
	for address, want := range map[string]string{
		"postgres://pki@db.example.com/pki":                               verified,
		"postgres://pki:a%20b@db.example.com:5433/pki?application_name=x": verified,
		"postgres://pki@db1.example.com,db2.example.com/pki":              verified,
		"postgres://pki@localhost,db2.example.com/pki":                    verified,
		"postgres://pki@10.0.0.7/pki":                                     verified,
		"postgres://pki@127.0.0.1/pki":                                    clear,
		"postgres://pki@localhost/pki":                                    clear,
		"postgres:///pki?host=/var/run/postgresql":                        clear,
		"postgres:///pki?host=db.example.com":                             verified,
		"postgres://pki@db.example.com/pki?sslmode=disable":               clear,
		"postgres://pki@db.example.com/pki?sslmode=require":               encrypted,
		"postgres://pki@db.example.com/pki?sslmode=prefer":                refused,
		"postgres://pki@db.example.com/pki?sslmode=allow":                 refused,
	} {
		if got := how(address); got != want {
			t.Errorf("%s: %s, not %s", address, got, want)
		}
	}
	t.Setenv("PGSSLMODE", "prefer")
	if got := how("postgres://pki@db.example.com/pki"); got != refused {
		t.Errorf("with PGSSLMODE=prefer: %s", got)
	}
}
