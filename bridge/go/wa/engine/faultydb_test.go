package engine

import (
	"context"
	"database/sql/driver"
	"sync/atomic"

	"github.com/mattn/go-sqlite3"
)

// faultyDriver is SQLite with a hook before each step of a write transaction: its beginning, every
// statement that writes, and the commit.
type faultyDriver struct{ *sqlite3.SQLiteDriver }

// beforeStep is called at each step of a write transaction, on whichever connection. An error fails
// the step.
var beforeStep atomic.Pointer[func(step string) error]

func hook(step string) error {
	if before := beforeStep.Load(); before != nil {
		return (*before)(step)
	}
	return nil
}

func (d *faultyDriver) Open(name string) (driver.Conn, error) {
	conn, err := d.SQLiteDriver.Open(name)
	if err != nil {
		return nil, err
	}
	return faultyConn{conn.(*sqlite3.SQLiteConn)}, nil
}

type faultyConn struct{ *sqlite3.SQLiteConn }

func (c faultyConn) ExecContext(
	ctx context.Context, query string, arguments []driver.NamedValue,
) (driver.Result, error) {
	if err := hook(query); err != nil {
		return nil, err
	}
	return c.SQLiteConn.ExecContext(ctx, query, arguments)
}

func (c faultyConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if err := hook("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := c.SQLiteConn.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return faultyTx{tx}, nil
}

type faultyTx struct{ driver.Tx }

func (t faultyTx) Commit() error {
	if err := hook("COMMIT"); err != nil {
		_ = t.Tx.Rollback()
		return err
	}
	return t.Tx.Commit()
}
