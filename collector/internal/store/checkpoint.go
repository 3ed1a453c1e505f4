// Checkpoints: what is committed is copied from the write-ahead log into the database file.

package store

import (
	"context"
	"database/sql/driver"
	"sync"
	"sync/atomic"
)

// Lengths of the log, in pages of 4 KiB.
const (
	// checkpointPages is from which length on the log is copied, to begin anew.
	checkpointPages = 4000

	// restPages is how much of it the writer copies itself: the log begins anew
	// only when nothing is committed between the end of copying and the next
	// transaction.
	restPages = 500

	// maxLogPages is how long it gets before readers are waited for.
	maxLogPages = 32_000
)

// checkpoints keeps the log short. It belongs to the writer, but for the copying
// in the background.
type checkpoints struct {
	start   int64 // checkpointPages
	rest    int64 // restPages
	limit   int64 // maxLogPages
	next    int64 // the length at which there is something to do
	copying atomic.Bool
	copies  sync.WaitGroup
}

// checkpoint is called after each transaction. Copying takes long, as it waits
// for the disk, so most of it is done in the background, where nobody waits:
// others commit and read meanwhile, and what readers still need is left in the
// log. The log begins anew in a moment when nobody reads. Such a moment may never
// come; so when it has grown too long, new readers wait until those before them
// are done. A reader of another process is waited for up to the busy timeout, and
// again when the log has grown as much again.
func (w *writer) checkpoint() {
	c := &w.checkpoints
	if w.db.path == Memory || c.copying.Load() {
		return
	}
	pages, copied, err := w.logLength()
	switch {
	case err != nil:
	case pages < min(c.start, c.limit):
		c.next = 0
	case pages < c.next: // tried not long ago
	case pages >= c.limit:
		c.next = pages + c.limit
		w.gate.Lock()
		defer w.gate.Unlock()
		err = w.use(func(t *session) error { return t.exec(`PRAGMA wal_checkpoint(TRUNCATE)`) })
	case pages-copied > c.rest:
		w.copyLog()
	default:
		c.next = pages + min(c.start, c.limit)
		err = w.use(func(t *session) error { return t.exec(`PRAGMA wal_checkpoint(PASSIVE)`) })
	}
	if err != nil {
		w.log.Warn("store: cannot empty the write-ahead log, will try again", "err", err)
	}
}

// logLength returns how many pages the log has, and how many of them are copied.
func (w *writer) logLength() (pages, copied int64, err error) {
	err = w.use(func(t *session) error {
		return t.query(`PRAGMA wal_checkpoint(NOOP)`, func(row []driver.Value) error {
			pages, copied = row[1].(int64), row[2].(int64)
			return nil
		})
	})
	return pages, copied, err
}

// copyLog copies the log in the background. The writer waits for it at its end.
func (w *writer) copyLog() {
	c := &w.checkpoints
	c.copying.Store(true)
	c.copies.Go(func() {
		defer c.copying.Store(false)
		if _, err := w.db.copies.ExecContext(context.Background(), `PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
			w.log.Warn("store: cannot copy the write-ahead log, will try again", "err", err)
		}
	})
}
