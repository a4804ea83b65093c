package store_test

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pkiaas/pkiaas/store"
)

// TestAway: only errors of the database connection or state count as the database being away.
func TestAway(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{&pgconn.PgError{Code: "25006"}, "The database is read-only."},
		{fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: "57P01"}), "The database is unreachable."},
		{&pgconn.PgError{Code: "53100"}, "The database has no space left."},
		{&pgconn.PgError{Code: "23505"}, ""},                            // a duplicate
		{&net.OpError{Op: "dial", Net: "tcp", Err: io.EOF}, ""},         // of a mail server, say
		{fmt.Errorf("reading the upload: %w", io.ErrUnexpectedEOF), ""}, //
	} {
		if got := store.Away(c.err); got != c.want {
			t.Errorf("%v: %q", c.err, got)
		}
	}
	each(t, func(t *testing.T, s *store.Store) {
		if err := s.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.DB(t.Context()).Exec("INSERT INTO nowhere VALUES (1)").Error; err == nil || store.Away(err) != "" {
			t.Errorf("a wrong statement: %v", err)
		}
	})
}
