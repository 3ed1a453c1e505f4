// Names of the package that its tests need.

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// Cover is cover, each stretch as span, from and to.
func Cover(from, to int64) [][3]int64 {
	var parts [][3]int64
	for _, s := range cover(from, to) {
		parts = append(parts, [3]int64{s.span, s.from, s.to})
	}
	return parts
}

// LimitPages makes the disk full once the database has n pages; 0 ends that.
func (s *Store) LimitPages(ctx context.Context, n int) error {
	if n == 0 {
		n = 1 << 30
	}
	return s.do(ctx, "limit pages", func(w *writer, t *session) error {
		return t.exec("PRAGMA max_page_count = " + list([]int64{int64(n)}))
	}, nil)
}

// LimitIDs sets how many messageIds are remembered.
func (s *Store) LimitIDs(ctx context.Context, n int) error {
	return s.do(ctx, "limit ids", func(*writer, *session) error { return nil }, func(w *writer) { w.dedup.limit = n })
}

// LimitLog sets how many pages the write-ahead log gets before readers are waited for.
func (s *Store) LimitLog(ctx context.Context, pages int64) error {
	return s.do(ctx, "limit log", func(*writer, *session) error { return nil }, func(w *writer) { w.checkpoints.limit = pages })
}

// StartLog sets from how many pages on the write-ahead log is copied to begin
// anew, and how many of them the writer copies itself.
func (s *Store) StartLog(ctx context.Context, pages, rest int64) error {
	return s.do(ctx, "start log", func(*writer, *session) error { return nil }, func(w *writer) {
		w.checkpoints.start, w.checkpoints.rest = pages, rest
	})
}

// LogLength is how many pages the write-ahead log has, and how many of them are copied.
func (s *Store) LogLength(ctx context.Context) (pages, copied int64, err error) {
	var failed error
	err = s.do(ctx, "log length", func(*writer, *session) error { return nil }, func(w *writer) { pages, copied, failed = w.logLength() })
	return pages, copied, errors.Join(err, failed)
}

// Exec runs a statement on the writer's connection.
func (s *Store) Exec(ctx context.Context, query string, args ...any) error {
	return s.do(ctx, "exec", func(_ *writer, t *session) error {
		values := make([]driver.Value, len(args))
		for i := range args {
			values[i] = args[i]
		}
		return t.exec(query, values...)
	}, nil)
}

// Number returns what a query for one number finds.
func (s *Store) Number(ctx context.Context, query string) (n int64, err error) {
	err = s.read(ctx, "number", func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, query).Scan(&n) })
	return n, err
}

// Unpack unpacks the raw messages of a request.
func (s *Store) Unpack(packed []byte) ([]byte, error) { return s.packer.unpack(nil, packed) }

// Prune does what maintenance does in the background, to its end.
func (s *Store) Prune(ctx context.Context) error {
	return s.do(ctx, "prune", func(*writer, *session) error { return nil }, func(w *writer) {
		w.prune.steps = nil
		for w.prune.begin(); w.backlog(); {
			w.pruneStep()
		}
	})
}

// Bytes is how much the store believes to hold.
func (s *Store) Bytes(ctx context.Context) (n int64, err error) {
	err = s.do(ctx, "bytes", func(w *writer, _ *session) error { n = w.bytes; return nil }, nil)
	return n, err
}

// Rows counts the rows of a table.
func (s *Store) Rows(ctx context.Context, table string) (n int, err error) {
	err = s.read(ctx, "rows", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n)
	})
	return n, err
}

// Reads is the pool of the reading connections.
func (s *Store) Reads() *sql.DB { return s.reads }

// Queries are those of the overview.
var Queries = map[string]string{
	"volume":     volumeQuery,
	"breakdown":  breakdownQuery,
	"labels":     labelsQuery,
	"duplicates": duplicatesQuery,
	"totals":     totalsQuery,
	"ids":        idsQuery,
	"last calls": lastCallsQuery,
}

// Scans are those that look for calls, without and with a text to search for.
var Scans = map[string][2]string{"requests": {scanRequests, searchRequests}, "verdict": {scanVerdict, searchVerdict}}

// Hold keeps the writer busy from held until release is closed.
func (s *Store) Hold(held, release chan struct{}) error {
	return s.do(context.Background(), "hold", func(*writer, *session) error {
		close(held)
		<-release
		return nil
	}, nil)
}
