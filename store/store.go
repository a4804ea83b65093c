// Package store opens the database and runs transactions. It knows no tables: queries are in the packages of their
// nouns.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/pkiaas/pkiaas/migrations"
)

// Store is a database. It is safe for concurrent use.
type Store struct {
	db      *gorm.DB
	dialect migrations.Dialect
	// SQLite has one writer. Waiting here is cheaper than being refused by the file lock.
	writer sync.Mutex
}

// Open connects to `sqlite:FILE` or `postgres://…`. It does not run migrations.
func Open(url string) (*Store, error) {
	config := &gorm.Config{
		SkipDefaultTransaction: true,
		Logger:                 logger.Discard,
		NowFunc:                Now,
	}
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return openSQLite(file, config)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgreSQL(url, config)
	}
	return nil, fmt.Errorf("the database must be given as sqlite:FILE or postgres://…")
}

func openSQLite(file string, config *gorm.Config) (*Store, error) {
	address, err := sqliteAddress(file)
	if err == nil {
		err = keepPrivate(file)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the SQLite database: %w", err)
	}
	connector, err := newSQLiteConnector(address)
	if err != nil {
		return nil, fmt.Errorf("cannot open the SQLite database: %w", err)
	}
	pool := sql.OpenDB(connector)
	db, err := gorm.Open(sqliteDialect{pool}, config)
	if err != nil {
		return nil, fmt.Errorf("cannot open the SQLite database: %w", errors.Join(err, pool.Close()))
	}
	if err := markErrors(db); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	pool.SetMaxOpenConns(8)
	pool.SetMaxIdleConns(8)
	return &Store{db: db, dialect: migrations.SQLite}, nil
}

func openPostgreSQL(url string, config *gorm.Config) (*Store, error) {
	// The driver's own message may contain the connection string.
	refused := errors.New("cannot connect to PostgreSQL: check the database URL, that the server runs and that it accepts this user; " +
		"without sslmode in the URL, a server on another machine must offer TLS with a valid certificate (sslmode=verify-full)")
	settings, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, refused
	}
	if url, err = postgresAddress(url, settings); err != nil {
		return nil, fmt.Errorf("the database URL: %w", err)
	}
	if settings, err = pgx.ParseConfig(url); err != nil {
		return nil, refused
	}
	// JIT compilation takes a second, and would be used for statements of milliseconds whose cost is overestimated.
	connections := &sessions{}
	settings.Tracer = connections
	if settings.ConnectTimeout == 0 {
		settings.ConnectTimeout = connectTimeout
	}
	if len(settings.Fallbacks) > 0 && settings.ValidateConnect == nil && severalHosts(settings) {
		// Among several servers, use the one that accepts writes: target_session_attrs=read-write.
		settings.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	pool := stdlib.OpenDB(
		*settings, stdlib.OptionResetSession(connections.reset), stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
			if err := connections.opened(ctx, c); err != nil {
				return err
			}
			_, err := c.Exec(ctx, "SET jit = off")
			return err
		}))
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), config)
	if err != nil {
		_ = pool.Close()
		return nil, &unreachable{refused, err}
	}
	if err := markErrors(db); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	pool.SetMaxOpenConns(20)
	pool.SetMaxIdleConns(20)
	pool.SetConnMaxLifetime(30 * time.Minute)
	return &Store{db: db, dialect: migrations.PostgreSQL}, nil
}

// connectTimeout limits connecting to a PostgreSQL server that does not answer.
const connectTimeout = 5 * time.Second

// severalHosts tells whether a URL names more than one server. pgx lists a server with and without TLS as two.
func severalHosts(c *pgx.ConnConfig) bool {
	for _, f := range c.Fallbacks {
		if f.Host != c.Host || f.Port != c.Port {
			return true
		}
	}
	return false
}

// unreachable reports that no connection was made. Its cause decides whether to retry.
type unreachable struct{ said, cause error }

func (e *unreachable) Error() string { return e.said.Error() }
func (e *unreachable) Unwrap() error { return e.cause }

// Now returns the current time, UTC, in the precision of both databases: microseconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Migrate migrates the database to the newest version and returns that version.
func (s *Store) Migrate(ctx context.Context) (int64, error) {
	db, err := s.db.DB()
	if err != nil {
		return 0, err
	}
	return migrations.Up(ctx, db, s.dialect)
}

// NewestVersion returns the newest database version that this program knows.
func NewestVersion() int64 { return migrations.Newest() }

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	db, err := s.db.DB()
	if err != nil {
		return err
	}
	return marked(db.PingContext(ctx))
}

// Pool returns the connection pool, for its statistics.
func (s *Store) Pool() *sql.DB {
	db, err := s.db.DB()
	if err != nil {
		panic(err) // impossible: Open created it
	}
	return db
}

// Close closes all connections.
func (s *Store) Close() error { return s.Pool().Close() }

// PostgreSQL tells whether the database supports row locks.
func (s *Store) PostgreSQL() bool { return s.dialect == migrations.PostgreSQL }

type transactionKey struct{}

type transaction struct {
	db           *gorm.DB
	beforeCommit []func(context.Context) error
	afterCommit  []func()
	values       map[any]any
}

// DB returns the transaction of ctx if there is one, else the database.
func (s *Store) DB(ctx context.Context) *gorm.DB {
	if t, ok := ctx.Value(transactionKey{}).(*transaction); ok {
		return t.db.WithContext(ctx)
	}
	return s.db.WithContext(ctx)
}

// Tx runs fn in a transaction and commits it if fn returns nil. Every write goes through it. Inside another Tx it joins
// that transaction. Do not wait for anything outside the database inside fn.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context) error) error {
	if _, ok := ctx.Value(transactionKey{}).(*transaction); ok {
		return fn(ctx)
	}
	if s.dialect == migrations.SQLite {
		s.writer.Lock()
		defer s.writer.Unlock()
	}
	var t *transaction
	err := s.retry(ctx, func() error {
		t = &transaction{values: map[any]any{}}
		return s.db.WithContext(ctx).Transaction(func(db *gorm.DB) error {
			t.db = db
			ctx := context.WithValue(ctx, transactionKey{}, t)
			if err := fn(ctx); err != nil {
				return err
			}
			for _, hook := range t.beforeCommit {
				if err := hook(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return marked(err) // begin and commit are not statements, so they are marked here; nothing else inside uses the network
	}
	for _, hook := range t.afterCommit {
		hook()
	}
	return nil
}

// retry repeats a transaction that the database aborted because of another one (deadlock, serialization).
func (s *Store) retry(ctx context.Context, run func() error) error {
	for attempt := 1; ; attempt++ {
		err := run()
		var pg *pgconn.PgError
		if attempt < 5 && ctx.Err() == nil && errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001") {
			continue
		}
		return err
	}
}

// BeforeCommit runs fn at the end of the transaction of ctx, inside it. Use it for locks that should be held briefly.
func (s *Store) BeforeCommit(ctx context.Context, fn func(context.Context) error) {
	t := ctx.Value(transactionKey{}).(*transaction)
	t.beforeCommit = append(t.beforeCommit, fn)
}

// AfterCommit runs fn after the transaction of ctx is durable, and never otherwise.
func (s *Store) AfterCommit(ctx context.Context, fn func()) {
	t := ctx.Value(transactionKey{}).(*transaction)
	t.afterCommit = append(t.afterCommit, fn)
}

// InTx tells whether ctx carries a transaction.
func InTx(ctx context.Context) bool {
	_, ok := ctx.Value(transactionKey{}).(*transaction)
	return ok
}

// Value returns a value that lives as long as the transaction of ctx. create creates it on first use.
func Value[T any](ctx context.Context, key any, create func() T) T {
	t := ctx.Value(transactionKey{}).(*transaction)
	if v, ok := t.values[key]; ok {
		return v.(T)
	}
	v := create()
	t.values[key] = v
	return v
}

// IsDuplicate tells whether err is a unique constraint violation.
func IsDuplicate(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	return err != nil && strings.Contains(err.Error(), "UNIQUE constraint failed")
}

// IsNotFound tells whether err means that no row matched.
func IsNotFound(err error) bool { return errors.Is(err, gorm.ErrRecordNotFound) }

// CountUpTo counts the rows of a query, up to limit.
func (s *Store) CountUpTo(ctx context.Context, query *gorm.DB, limit int) (int64, error) {
	var n int64
	err := s.DB(ctx).Table("(?) AS bounded", query.Session(&gorm.Session{}).Select("1").Limit(limit)).Count(&n).Error
	return n, err
}
