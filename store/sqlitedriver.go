package store

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// keptStatements is the number of statements kept per connection.
const keptStatements = 128

// sqliteConnector opens connections that keep compiled statements. Otherwise database/sql compiles each statement of a
// transaction again, which takes as long as running it.
type sqliteConnector struct{ driver.Connector }

func newSQLiteConnector(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	return sqliteConnector{c}, err
}

func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &sqliteConn{rawConn: conn.(rawConn), kept: map[string]rawStatement{}}, nil
}

type rawConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type rawStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// sqliteConn is used by one goroutine at a time.
type sqliteConn struct {
	rawConn
	kept map[string]rawStatement // by text; nil once closed
}

// take removes a statement from the cache for use. keep returns it.
func (c *sqliteConn) take(ctx context.Context, text string) (rawStatement, error) {
	if s, ok := c.kept[text]; ok {
		delete(c.kept, text)
		return s, nil
	}
	s, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.(rawStatement), nil
}

func (c *sqliteConn) keep(text string, s rawStatement) error {
	if _, same := c.kept[text]; same || c.kept == nil {
		return s.Close()
	}
	c.kept[text] = s
	if len(c.kept) <= keptStatements {
		return nil
	}
	for any, s := range c.kept {
		delete(c.kept, any)
		return s.Close()
	}
	return nil
}

func (c *sqliteConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args)
	if err != nil {
		_ = s.Close() // the error is already reported
		return nil, err
	}
	return result, c.keep(text, s)
}

func (c *sqliteConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		_ = s.Close() // the error is already reported
		return nil, err
	}
	return &sqliteRows{rows.(rawRows), c, text, s}, nil
}

func (c *sqliteConn) Close() error {
	for _, s := range c.kept {
		_ = s.Close() // the connection is closed with it
	}
	c.kept = nil
	return c.rawConn.Close()
}

type rawRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypeScanType
}

// sqliteRows returns its statement to the cache when closed.
type sqliteRows struct {
	rawRows
	conn      *sqliteConn
	text      string
	statement rawStatement
}

func (r *sqliteRows) Close() error {
	if err := r.rawRows.Close(); err != nil {
		_ = r.statement.Close() // the error is already reported
		return err
	}
	return r.conn.keep(r.text, r.statement)
}
