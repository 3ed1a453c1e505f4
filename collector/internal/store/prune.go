// Pruning: what is too old or too much is deleted, in steps that nobody notices.

package store

import (
	"database/sql/driver"
	"fmt"
	"math"
	"time"
)

const (
	ledgerAge = 29 * 24 * time.Hour // two windows of two weeks, to compare, and a day for time zones

	// The bounds of one step. In calls and bytes it is more than a transaction
	// adds, so that deleting keeps up with a full load, step for transaction.
	stepRequests = 1000
	stepCalls    = 2 * maxCalls
	stepBytes    = 2 * maxBatch

	vacuumPages = 500  // given back in one step
	vacuumFloor = 1024 // pages that may lie free whatever the size of the file
)

// prune is the maintenance under way.
type prune struct {
	steps  []step // left to do
	failed bool   // until the next round
}

// step does a part of a task and reports whether there is more to do.
type step func(w *writer, t *session) (more bool, err error)

// begin starts a round, unless the last one is still under way.
func (p *prune) begin() {
	p.failed = false
	if len(p.steps) == 0 {
		p.steps = []step{(*writer).pruneOld, (*writer).pruneDropped, (*writer).pruneIDs, (*writer).pruneLedger, (*writer).pruneLabels, (*writer).vacuum}
	}
}

// backlog reports whether there is something to prune now.
func (w *writer) backlog() bool {
	return !w.prune.failed && (len(w.prune.steps) > 0 || w.bytes > w.maxBytes)
}

// pruneStep does one step, what is too large before what is too old. After an
// error it rests until the next round.
func (w *writer) pruneStep() {
	large := w.bytes > w.maxBytes
	do := (*writer).pruneLarge
	if !large {
		do = w.prune.steps[0]
	}
	before, more := w.state, false
	err := w.transact(func(t *session) (err error) {
		if more, err = do(w, t); err != nil {
			return err
		}
		return w.saveState(t, before)
	})
	switch {
	case err != nil:
		w.state = before
		w.labels.rollback()
		w.prune.failed = true
		w.log.Warn("store: cannot delete what is too old, will try again in a minute", "err", err)
		return
	case !large && !more:
		w.prune.steps = w.prune.steps[1:]
		w.dedup.sweep()
	}
	w.labels.commit()
}

// pruneLarge deletes the oldest requests.
func (w *writer) pruneLarge(t *session) (bool, error) {
	old, err := t.requests(`SELECT id, calls, bytes FROM requests ORDER BY id LIMIT ?`, int64(stepRequests))
	if err != nil {
		return false, err
	}
	if len(old) == 0 {
		w.bytes = 0
		return false, nil
	}
	// Down to the limit, not far below it: what may stay is the newest.
	for over, n := w.bytes-w.maxBytes, 0; n < len(old); n++ {
		if over <= 0 {
			old = old[:n]
			break
		}
		over -= old[n].bytes
	}
	return w.deleteRequests(t, old)
}

// pruneOld deletes requests older than maxAge.
func (w *writer) pruneOld(t *session) (bool, error) {
	old, err := t.requests(`SELECT id, calls, bytes FROM requests WHERE received_at < ? ORDER BY received_at LIMIT ?`,
		w.now().Add(-w.maxAge).UnixMilli(), int64(stepRequests))
	if err != nil {
		return false, err
	}
	return w.deleteRequests(t, old)
}

// pruneDropped deletes what belongs to sources that are no more.
func (w *writer) pruneDropped(t *session) (bool, error) {
	// Each value of source is looked up in turn, instead of reading all rows.
	for _, table := range []string{"requests", "volume", "breakdown", "labels", "objects"} {
		dropped := int64(0)
		err := t.query(`WITH RECURSIVE s (id) AS (SELECT min(source) FROM `+table+` UNION ALL
			SELECT (SELECT min(source) FROM `+table+` WHERE source > s.id) FROM s WHERE s.id IS NOT NULL)
			SELECT id FROM s WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM sources) LIMIT 1`, func(row []driver.Value) error {
			dropped = row[0].(int64)
			return nil
		})
		if err != nil {
			return false, err
		}
		if dropped == 0 {
			continue
		}
		return true, w.deleteDropped(t, table, dropped)
	}
	return false, nil
}

// deleteDropped deletes a part of a source's rows in a table.
func (w *writer) deleteDropped(t *session, table string, source int64) error {
	switch table {
	case "requests":
		old, err := t.requests(`SELECT id, calls, bytes FROM requests WHERE source = ? LIMIT ?`, source, int64(stepRequests))
		if err != nil {
			return err
		}
		_, err = w.deleteRequests(t, old)
		return err
	case "volume", "breakdown":
		_, err := deleteLedger(t, source, math.MaxInt64)
		return err
	case "labels":
		w.labels.drop(source)
	}
	return t.exec(`DELETE FROM `+table+` WHERE source = ?`, source)
}

// pruneIDs deletes the messageIds that are not remembered any more.
func (w *writer) pruneIDs(t *session) (bool, error) {
	w.dedup.begin(w.now())
	last := int64(0)
	more := false
	err := t.query(`SELECT id, at FROM ids ORDER BY id LIMIT ?`, func(row []driver.Value) error {
		if more = row[1].(int64) < int64(w.dedup.floor)*60_000; more {
			last = row[0].(int64)
		}
		return nil
	}, int64(stepRequests))
	if err != nil || last == 0 {
		return false, err
	}
	return more, t.exec(`DELETE FROM ids WHERE id <= ?`, last)
}

// pruneLedger deletes what the ledger has from before ledgerAge.
func (w *writer) pruneLedger(t *session) (more bool, err error) {
	for source := range w.sources {
		left, err := deleteLedger(t, source, w.now().Add(-ledgerAge).Unix())
		if err != nil {
			return false, err
		}
		more = more || left
	}
	return more, nil
}

// pruneLabels makes room for new labels, unless calls are kept longer than the
// ledger: then they may have labels that it does not know.
func (w *writer) pruneLabels(t *session) (bool, error) {
	if w.maxAge > ledgerAge {
		return false, nil
	}
	return false, w.labels.deleteUnused(t)
}

// deleteLedger deletes a source's ledger before a time, the oldest 60 rows in
// time of each kind and span, and reports whether there are more.
func deleteLedger(t *session, source, before int64) (more bool, err error) {
	for _, span := range spans {
		for k := kind(0); k <= kindVerdict; k++ {
			where := `volume WHERE source = ? AND span = ?`
			args := []driver.Value{source, span}
			if k > 0 {
				where = `breakdown WHERE source = ? AND span = ? AND kind = ?`
				args = append(args, int64(k))
			}
			oldest := int64(math.MaxInt64)
			if err := t.query(`SELECT at FROM `+where+` ORDER BY at LIMIT 1`, func(row []driver.Value) error {
				oldest = row[0].(int64)
				return nil
			}, args...); err != nil {
				return false, err
			}
			// A row goes when all of its time is before the bound.
			bound := before - span + 1
			if oldest >= bound {
				continue
			}
			if part := oldest + 60*span; part < bound {
				bound, more = part, true
			}
			if err := t.exec(`DELETE FROM `+where+` AND at < ?`, append(args, bound)...); err != nil {
				return false, err
			}
		}
	}
	return more, nil
}

// vacuum gives free pages back to the system once they are a quarter of the file.
func (w *writer) vacuum(t *session) (bool, error) {
	if w.db.path == Memory {
		return false, nil
	}
	var pages, free int64
	if err := t.query(`SELECT (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count)`, func(row []driver.Value) error {
		pages, free = row[0].(int64), row[1].(int64)
		return nil
	}); err != nil {
		return false, err
	}
	if free < max(vacuumFloor, pages/4) {
		return false, nil
	}
	return true, t.exec(fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, vacuumPages))
}

// storedRequest is a request's row, as far as deleting needs it.
type storedRequest struct {
	id, calls, bytes int64
}

// requests runs a query for requests.
func (t *session) requests(query string, values ...driver.Value) ([]storedRequest, error) {
	var rows []storedRequest
	err := t.query(query, func(row []driver.Value) error {
		rows = append(rows, storedRequest{row[0].(int64), row[1].(int64), row[2].(int64)})
		return nil
	}, values...)
	return rows, err
}

// deleteRequests deletes requests with their calls, as many as a step may, and
// reports whether there may be more.
func (w *writer) deleteRequests(t *session, old []storedRequest) (bool, error) {
	calls, size := int64(0), int64(0)
	for _, r := range old {
		if err := t.exec(`DELETE FROM calls WHERE id >= ? AND id < ?`, r.id, r.id+r.calls); err != nil {
			return false, err
		}
		if err := t.exec(`DELETE FROM requests WHERE id = ?`, r.id); err != nil {
			return false, err
		}
		w.bytes -= r.bytes
		calls, size = calls+r.calls, size+r.bytes
		if calls >= stepCalls || size >= stepBytes {
			return true, nil
		}
	}
	return len(old) == stepRequests, nil
}
