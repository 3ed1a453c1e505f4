// The database: its files, connections and tables.

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// version is PRAGMA user_version of the tables below.
const version = 1

// The tables. Times are milliseconds of Unix time, those of the ledger seconds
// (at: the beginning of the span, UTC).
//
// Call ids are given in the order of storing, without gaps within a request,
// and a request has the id of its first call: its calls are those from id to
// id+calls-1. So a call needs neither its request nor its source, and the only
// index a call enters is the one for those that are not ok.
//
// The raw messages are in raws of the request (raws.go), its last column: who
// does not ask for it does not read the pages it runs over to. A call's is the
// part of size bytes from start on, unpacked. bytes of the request is what it
// takes with its calls, roughly.
//
// Type, event, version and verdict of a call are ids of labels, or the text
// itself where no label is equal to it. Label 0 is "", of a verdict "ok".
const schema = `
CREATE TABLE sources (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	slug TEXT NOT NULL UNIQUE,
	name TEXT NOT NULL,
	type TEXT NOT NULL,
	write_key TEXT NOT NULL UNIQUE,
	disabled INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	filters BLOB,
	last_call INTEGER NOT NULL
) STRICT;
CREATE TABLE requests (
	id INTEGER PRIMARY KEY,
	source INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	calls INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	ip TEXT NOT NULL,
	user_agent TEXT NOT NULL,
	context BLOB,
	integrations BLOB,
	sent_at BLOB,
	raws BLOB NOT NULL
) STRICT;
CREATE INDEX requests_source ON requests (source);
CREATE INDEX requests_received_at ON requests (received_at);
CREATE TABLE calls (
	id INTEGER PRIMARY KEY,
	type ANY NOT NULL,
	event ANY NOT NULL,
	version ANY NOT NULL,
	verdict ANY NOT NULL,
	step INTEGER NOT NULL,
	assigned INTEGER NOT NULL,
	message_id TEXT NOT NULL,
	reason TEXT NOT NULL,
	start INTEGER NOT NULL,
	size INTEGER NOT NULL
) STRICT;
CREATE INDEX calls_verdict ON calls (verdict) WHERE verdict <> 0;
CREATE TABLE labels (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	source INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	label TEXT NOT NULL,
	UNIQUE (source, kind, label)
) STRICT;
CREATE TABLE volume (
	source INTEGER NOT NULL,
	span INTEGER NOT NULL,
	at INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	filtered INTEGER NOT NULL,
	eligible INTEGER NOT NULL,
	duplicates INTEGER NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	PRIMARY KEY (source, span, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE breakdown (
	source INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	span INTEGER NOT NULL,
	at INTEGER NOT NULL,
	step INTEGER NOT NULL,
	label INTEGER NOT NULL,
	count INTEGER NOT NULL,
	PRIMARY KEY (source, kind, span, at, step, label)
) STRICT, WITHOUT ROWID;
CREATE TABLE ids (
	id INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	fingerprints BLOB NOT NULL
) STRICT;
CREATE TABLE objects (
	source INTEGER NOT NULL,
	collection TEXT NOT NULL,
	id TEXT NOT NULL,
	properties BLOB NOT NULL,
	updated_at INTEGER NOT NULL,
	PRIMARY KEY (source, collection, id)
) STRICT;
CREATE TABLE state (
	next_call INTEGER NOT NULL,
	bytes INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0);
`

// database is the open files.
type database struct {
	path   string  // of the database file, or Memory
	writes *sql.DB // one connection
	copies *sql.DB // one, for checkpoints; nil in memory
	reads  *sql.DB // a few; in memory the same as writes
	lock   *sql.DB // holds the lock on the directory; nil in memory
}

// openDatabase opens the files in dir, makes what is missing and takes the lock.
func openDatabase(ctx context.Context, dir string) (*database, error) {
	if dir == Memory {
		db := &database{path: Memory}
		db.writes = openPool(":memory:", 1)
		db.reads = db.writes
		if err := db.migrate(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("store: open: %w", err), db.close())
		}
		return db, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	db := &database{path: filepath.Join(dir, "collector.db")}
	if db.lock, err = lockDir(ctx, dir); err != nil {
		return nil, fmt.Errorf("store: open %s: %w", dir, err)
	}
	if err := createPrivate(db.path); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open: %w", err), db.close())
	}
	// auto_vacuum counts only before the first table, journal_mode after it.
	db.writes = openPool(fileURI(db.path, "auto_vacuum(incremental)", "journal_mode(wal)", "synchronous(normal)",
		"busy_timeout(1000)", "wal_autocheckpoint(0)", "journal_size_limit(33554432)", "cache_size(-32000)"), 1)
	db.copies = openPool(fileURI(db.path, "synchronous(normal)"), 1)
	db.reads = openPool(fileURI(db.path, "busy_timeout(5000)", "query_only(1)", "cache_size(-16000)"), 4)
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", db.path, db.explain(err)), db.close())
	}
	return db, nil
}

// lockDir keeps others away from dir: an exclusive transaction, which ends with
// the process at the latest, on a database that holds nothing. SQLite's lock
// works on every system and within a process too.
func lockDir(ctx context.Context, dir string) (*sql.DB, error) {
	path := filepath.Join(dir, "collector.lock")
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	lock := openPool(fileURI(path), 1)
	if _, err := lock.ExecContext(ctx, `BEGIN EXCLUSIVE`); err != nil {
		lock.Close()
		if sqliteCode(err) == codeBusy {
			return nil, ErrInUse
		}
		return nil, err
	}
	return lock, nil
}

// openPool returns a pool of at most size connections that stay open.
func openPool(dsn string, size int) *sql.DB {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		panic("store: " + err.Error()) // the driver is linked in: this file imports it
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

// fileURI is the name of a database file, with characters that mean something
// in a URI escaped, and the pragmas of its connections.
func fileURI(path string, pragmas ...string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}).String()
}

// migrate makes the tables of a new file and refuses files that are not ours.
func (db *database) migrate(ctx context.Context) error {
	conn, err := db.writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var have, tables int
	if err := conn.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&have, &tables); err != nil {
		return err
	}
	switch {
	case have == version:
		return nil
	case have > version:
		return fmt.Errorf("the file has version %d and this collector knows version %d: use a newer collector, or another directory", have, version)
	case have != 0 || tables != 0:
		return errors.New("the file is not a collector's: use another directory")
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;", schema, version))
	return err
}

func (db *database) close() error {
	var errs []error
	if db.copies != nil {
		errs = append(errs, db.copies.Close())
	}
	if db.reads != nil && db.reads != db.writes {
		errs = append(errs, db.reads.Close())
	}
	if db.writes != nil {
		errs = append(errs, db.writes.Close())
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("store: close %s: %w", db.path, err)
	}
	return nil
}

// Result codes of SQLite that are told apart.
const (
	codeBusy    = 5
	codeCorrupt = 11
	codeNotADB  = 26
)

// sqliteCode is the primary result code in err, 0 when it is none of SQLite's.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// explain says what to do about a damaged file.
func (db *database) explain(err error) error {
	switch sqliteCode(err) {
	case codeCorrupt, codeNotADB:
		return fmt.Errorf("%s is damaged or not a database: move it away, with its -wal and -shm files, and the collector begins anew: %w", db.path, err)
	}
	return err
}
