// The session: the writer's connection with its prepared statements.

package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// session executes statements on one connection and keeps each prepared. It
// goes past database/sql, whose bookkeeping costs as much as an insert.
type session struct {
	conn  driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
}

func newSession(conn driver.Conn) *session {
	return &session{conn: conn, stmts: map[string]driver.Stmt{}}
}

// transact runs f in a transaction, which is undone when f or the commit fails.
func (t *session) transact(f func() error) (err error) {
	if err := t.exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// SQLite has undone it already after some errors; then this one fails.
			_ = t.exec(`ROLLBACK`)
		}
	}()
	if err := f(); err != nil {
		return err
	}
	return t.exec(`COMMIT`)
}

// exec runs a statement for its effect.
func (t *session) exec(query string, values ...driver.Value) error {
	_, err := t.result(query, values)
	return err
}

// insert runs an INSERT and returns the new row's id.
func (t *session) insert(query string, values ...driver.Value) (int64, error) {
	r, err := t.result(query, values)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// change runs a statement and returns how many rows it changed.
func (t *session) change(query string, values ...driver.Value) (int64, error) {
	r, err := t.result(query, values)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query hands each row to f, which must not keep the slice.
func (t *session) query(query string, f func(row []driver.Value) error, values ...driver.Value) (err error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(context.Background(), t.bind(values))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(row); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
}

func (t *session) result(query string, values []driver.Value) (driver.Result, error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.(driver.StmtExecContext).ExecContext(context.Background(), t.bind(values))
}

func (t *session) prepare(query string) (driver.Stmt, error) {
	if stmt, ok := t.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := t.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	t.stmts[query] = stmt
	return stmt, nil
}

// bind numbers values in a slice that is used again by the next statement.
func (t *session) bind(values []driver.Value) []driver.NamedValue {
	t.args = t.args[:0]
	for i, v := range values {
		t.args = append(t.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return t.args
}

func (t *session) close() {
	for _, stmt := range t.stmts {
		_ = stmt.Close() // a finalize reports the last step's error once more
	}
}
