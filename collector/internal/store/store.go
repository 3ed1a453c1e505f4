// The store: one SQLite database with the sources, their calls and the ledger behind the charts.

// Package store keeps what the collector received in one embedded SQLite database.
//
//   - [Store.Add] is one request in. Requests that arrive while a transaction
//     commits form the next one; there is no timer. It returns after the commit, so
//     that what was answered survives the end of the process.
//   - Every call also counts in a ledger by minute, hour and day, which the
//     overview reads; its cost does not grow with the number of calls stored.
//   - Raw calls are kept by age and by size, the ledger for four weeks and a day.
//   - A messageId counts once in 24 hours, over all sources.
//   - The raw messages of a request are compressed together, by who calls Add.
//   - One goroutine writes; readers have connections of their own and see the
//     state of the last commit. In memory they take turns with the writer.
//
// All methods are safe for concurrent use.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Memory as Options.Dir keeps everything in memory, for tests.
const Memory = ":memory:"

var (
	// ErrInUse is returned by Open when another Store, of this process or of
	// another, has the directory.
	ErrInUse = errors.New("in use by another collector")

	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store: closed")
)

// Options say where the store is and how much it keeps. The zero value is a store in memory.
type Options struct {
	Dir      string           // a directory, made if need be with mode 0700; "" or Memory for none
	MaxAge   time.Duration    // of raw calls; 0 is 14 days
	MaxBytes int64            // of raw calls as they are stored, packed, with their rows; 0 is 1 GiB
	Now      func() time.Time // nil is time.Now
	Logger   *slog.Logger     // nil is silence
}

// withDefaults returns o with its zero values filled in.
func (o Options) withDefaults() Options {
	if o.Dir == "" {
		o.Dir = Memory
	}
	if o.MaxAge <= 0 {
		o.MaxAge = 14 * 24 * time.Hour
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store is an open store. Close it.
type Store struct {
	reads  *sql.DB // in memory the same as the writer's
	writer *writer
	packer *packer

	closing   chan struct{} // closed by the first Close
	closeOnce sync.Once
	closed    chan struct{} // closed when the writer is gone and the files are free
	closeErr  error         // read after closed
}

// Open opens the store, or makes it. It reads the messageIds of the last 24
// hours, which takes about a second for eight million. The error wraps ErrInUse
// when somebody else has the directory, and names the file when it is damaged
// or of a newer version.
func Open(ctx context.Context, options Options) (*Store, error) {
	options = options.withDefaults()
	packer, err := newPacker()
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	db, err := openDatabase(ctx, options.Dir)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, db, options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", db.path, db.explain(err)), db.close())
	}
	s := &Store{
		reads:   db.reads,
		writer:  w,
		packer:  packer,
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	go func() {
		defer close(s.closed)
		w.run(s.closing)
		s.closeErr = db.close()
	}()
	return s, nil
}

// Close ends the store: transactions under way are finished, then the files are
// closed. Calls that wait for their turn get ErrClosed. When ctx ends first its
// error is returned and the rest goes on in the background. Closing again waits
// for the same end.
func (s *Store) Close(ctx context.Context) error {
	s.closeOnce.Do(func() { close(s.closing) })
	select {
	case <-s.closed:
		return s.closeErr
	case <-ctx.Done():
		return fmt.Errorf("store: close: %w", ctx.Err())
	}
}

// read runs f in a read-only transaction, so that all its queries see one
// state. f must close its rows before the next query: in memory there is one
// connection.
func (s *Store) read(ctx context.Context, what string, f func(*sql.Tx) error) error {
	if s.isClosing() {
		return ErrClosed
	}
	err := s.readTx(ctx, f)
	switch {
	case err == nil:
		return nil
	case s.isClosing() && ctx.Err() == nil:
		return ErrClosed // the connections went while f ran
	}
	return fmt.Errorf("store: %s: %w", what, s.writer.db.explain(err))
}

func (s *Store) readTx(ctx context.Context, f func(*sql.Tx) error) error {
	s.writer.gate.RLock()
	defer s.writer.gate.RUnlock()
	tx, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to commit
	return f(tx)
}

// isClosing reports whether Close was called.
func (s *Store) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// createPrivate makes an empty file that only its owner may read, unless there
// is one. An existing one is not opened: closing it again would take away the
// locks this process may have on it.
func createPrivate(path string) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}
