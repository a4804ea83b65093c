package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const unreached = "The database is unreachable."

// Away returns what is wrong with the database if err was caused by its state and not by the query: it is unreachable,
// not writable, or out of space. It returns "" for every other error. The text is a sentence that may be shown to
// users.
func Away(err error) string {
	var lost *connectionLost
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	var lite *sqlite.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &pg):
		return postgresAway(pg.Code)
	case errors.As(err, &lite):
		return sqliteAway(lite.Code())
	case errors.As(err, &lost), errors.As(err, &connect):
		return unreached
	}
	return ""
}

// connectionLost marks a network error as one of the database connection, because other network errors look the same.
type connectionLost struct{ cause error }

func (e *connectionLost) Error() string { return e.cause.Error() }
func (e *connectionLost) Unwrap() error { return e.cause }

// marked marks a network error returned by the database driver.
func marked(err error) error {
	if err == nil || Away(err) != "" || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var network net.Error
	switch {
	case errors.As(err, &network), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		strings.HasSuffix(err.Error(), "conn closed"): // pgx has no type for a connection that it closed after an error
		return &connectionLost{err}
	}
	return err
}

// markErrors marks the errors of all statements.
func markErrors(db *gorm.DB) error {
	mark := func(tx *gorm.DB) { tx.Error = marked(tx.Error) }
	c := db.Callback()
	return errors.Join(
		c.Query().After("*").Register("away", mark), c.Create().After("*").Register("away", mark),
		c.Update().After("*").Register("away", mark),
		c.Delete().After("*").Register("away", mark), c.Row().After("*").Register("away", mark), c.Raw().After("*").Register("away", mark))
}

func postgresAway(code string) string {
	switch code {
	case "25006":
		return "The database is read-only."
	case "53100":
		return "The database has no space left."
	case "57P01", "57P02", "57P03", "57P05":
		return unreached
	case "58000", "58030":
		return "The disk of the database reports errors."
	}
	switch {
	case strings.HasPrefix(code, "53"):
		return "The database has no resources left."
	case strings.HasPrefix(code, "08"):
		return unreached
	}
	return ""
}

func sqliteAway(code int) string {
	switch code & 0xff { // the primary result code
	case sqlite3.SQLITE_FULL:
		return "The database has no space left."
	case sqlite3.SQLITE_READONLY:
		return "The database is read-only."
	case sqlite3.SQLITE_IOERR:
		return "The disk of the database reports errors."
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB:
		return "The database cannot be opened."
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "The database is busy."
	case sqlite3.SQLITE_NOMEM:
		return "The database has no resources left."
	}
	return ""
}

// sessions drops connections to a server that has become read-only. Otherwise the pool would keep them after a
// failover. One such error drops all connections opened before it.
type sessions struct{ dropBefore atomic.Int64 }

// dropInterval limits how often that happens while all servers are read-only.
const dropInterval = time.Second

const openedKey = "pkiaas.opened"

func (s *sessions) opened(_ context.Context, c *pgx.Conn) error {
	c.PgConn().CustomData()[openedKey] = time.Now().UnixNano()
	return nil
}

// reset runs before a connection is taken from the pool.
func (s *sessions) reset(_ context.Context, c *pgx.Conn) error {
	if opened, ok := c.PgConn().CustomData()[openedKey].(int64); ok && opened <= s.dropBefore.Load() {
		return driver.ErrBadConn
	}
	return nil
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *sessions) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *sessions) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	var pg *pgconn.PgError
	if data.Err == nil || !errors.As(data.Err, &pg) || pg.Code != "25006" {
		return
	}
	now, last := time.Now().UnixNano(), s.dropBefore.Load()
	if now-last > int64(dropInterval) {
		s.dropBefore.CompareAndSwap(last, now)
	}
}

var (
	probeID      = rand.Text()
	probeContent = make([]byte, 16<<10) // several pages, so that a full disk is detected
)

// Probe writes to the database and undoes it, in a transaction of its own that commits. Only that proves that the
// database is writable.
func (s *Store) Probe(ctx context.Context) error {
	return s.Tx(ctx, func(ctx context.Context) error {
		id := Now().Format(time.RFC3339Nano) + " " + probeID
		if err := s.DB(ctx).Exec("INSERT INTO write_probes (id, content) VALUES (?, ?)", id, probeContent).Error; err != nil {
			return err
		}
		return s.DB(ctx).Exec("DELETE FROM write_probes WHERE id = ?", id).Error
	})
}
