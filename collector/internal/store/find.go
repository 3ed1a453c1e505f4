// Reading calls back, newest first.

package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// How far back calls are looked through for one page of them.
const (
	maxScanned     = 50_000
	maxSearched    = 20_000   // with a text to search for
	maxSearchBytes = 32 << 20 // likewise, of raw messages of all requests that are unpacked
)

// Calls returns the calls of a source that pass the filter, newest first. It
// looks through the newest 50 000 calls within From, To and Before at most; a
// filter by a verdict or step other than OK and Eligible looks at such calls
// only. When it searches for a text it is 20 000 calls, of requests with 32 MiB
// of raw messages. Searching compares letters without case, over the bytes as
// they came: an escape in JSON is not its character.
func (s *Store) Calls(ctx context.Context, source int64, filter CallFilter) ([]Stored, error) {
	var calls []Stored
	err := s.readSource(ctx, "calls", source, func(tx *sql.Tx) error {
		f := finder{ctx: ctx, tx: tx, source: source, filter: filter, unpacker: s.unpacker()}
		ids, err := f.find()
		if err != nil || len(ids) == 0 {
			return err
		}
		calls, err = loadCalls(ctx, tx, ids, f.unpacker)
		return err
	})
	return calls, err
}

// readSource is read for one source. f is not run when the source is no more:
// what belonged to it is deleted in the background.
func (s *Store) readSource(ctx context.Context, what string, source int64, f func(*sql.Tx) error) error {
	return s.read(ctx, what, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sources WHERE id = ?`, source).Scan(&n); err != nil || n == 0 {
			return err
		}
		return f(tx)
	})
}

// finder finds the ids of calls.
type finder struct {
	ctx    context.Context
	tx     *sql.Tx
	source int64
	filter CallFilter

	limit         int
	search        []byte // in lower case
	after, before int64  // ids are in [after, before)
	from, to      int64  // receivedAt in milliseconds is in [from, to)
	types         int64  // label; 0 for all
	verdicts      []int64
	unpacker      *unpacker
	lower         []byte // the raw message at hand, in lower case
	searched      int    // bytes
}

// find returns the ids of the calls wanted, newest first.
func (f *finder) find() ([]int64, error) {
	if known, err := f.bounds(); err != nil || !known || f.after >= f.before {
		return nil, err
	}
	if f.verdicts == nil {
		return f.scan(scanRequests, searchRequests, f.source, f.before, f.after)
	}
	var ids []int64
	for _, verdict := range f.verdicts {
		found, err := f.scan(scanVerdict, searchVerdict, verdict, f.before, f.after)
		if err != nil {
			return nil, err
		}
		ids = append(ids, found...)
	}
	slices.SortFunc(ids, func(a, b int64) int { return cmp.Compare(b, a) })
	return ids[:min(len(ids), f.limit)], nil
}

// bounds turns the filter into ids and labels. It reports false when there can
// be no call because the source has no such label.
func (f *finder) bounds() (known bool, err error) {
	f.limit = min(cmp.Or(max(f.filter.Limit, 0), 100), 1000)
	f.search = bytes.ToLower([]byte(f.filter.Search))
	f.after, f.before = 0, cmp.Or(f.filter.Before, math.MaxInt64)
	if id := f.filter.ID; id != 0 {
		f.after, f.before = id, min(f.before, id+1)
	}
	f.from, f.to = math.MinInt64, math.MaxInt64
	if err := f.times(); err != nil {
		return false, err
	}
	if f.filter.Type != "" {
		if f.types, err = f.label(kindType, f.filter.Type); err != nil || f.types == 0 {
			return false, err
		}
	}
	switch verdict := f.filter.Verdict; {
	case verdict == OK:
	case verdict != "":
		id, err := f.label(kindVerdict, verdict)
		if err != nil || id == 0 {
			return false, err
		}
		f.verdicts = []int64{id}
	case f.filter.Step == Failed, f.filter.Step == Filtered:
		names, err := labelNames(f.ctx, f.tx, f.source, kindVerdict)
		if err != nil {
			return false, err
		}
		delete(names, 0)
		f.verdicts = []int64{}
		for id := range names {
			f.verdicts = append(f.verdicts, id)
		}
	}
	return true, nil
}

// times narrows the ids to those the ledger has for From and To, so that old
// windows are found without looking through everything newer.
func (f *finder) times() error {
	if f.filter.From.IsZero() && f.filter.To.IsZero() {
		return nil
	}
	from, to := int64(0), int64(maxSeconds)
	if !f.filter.From.IsZero() {
		f.from, from = ceilMilli(f.filter.From), f.filter.From.Unix()
	}
	if !f.filter.To.IsZero() {
		f.to, to = ceilMilli(f.filter.To), ceilSecond(f.filter.To)
	}
	first, last := int64(math.MaxInt64), int64(0)
	for _, part := range cover(from, to) {
		var a, b sql.NullInt64
		if err := f.tx.QueryRowContext(f.ctx, idsQuery,
			f.source, part.span, part.from, part.to).Scan(&a, &b); err != nil {
			return err
		}
		if a.Valid {
			first, last = min(first, a.Int64), max(last, b.Int64)
		}
	}
	f.after, f.before = max(f.after, first), min(f.before, last+1)
	return nil
}

// maxSeconds is far in the future and within what a time.Time can say.
const maxSeconds = 1 << 40

// ceilMilli is the first millisecond of Unix time that is not before t.
func ceilMilli(t time.Time) int64 {
	if t.Nanosecond()%int(time.Millisecond) > 0 {
		return t.UnixMilli() + 1
	}
	return t.UnixMilli()
}

// ceilSecond is the first second of Unix time that is not before t.
func ceilSecond(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// label returns the id of a label, 0 when the source has none such.
func (f *finder) label(k kind, text string) (int64, error) {
	var id int64
	err := f.tx.QueryRowContext(f.ctx, `SELECT coalesce((SELECT id FROM labels WHERE source = ? AND kind = ? AND label = ?), 0)`,
		f.source, int64(k), text).Scan(&id)
	return id, err
}

// The queries that walk calls, newest first. %s is for the columns that a search
// needs besides; the raw messages of a request come with the first of its calls
// that is walked.
const (
	// scanRequests walks a source's requests, and the calls of each.
	scanRequests = `SELECT c.id, c.type, c.step, c.verdict, r.received_at %s
FROM requests r CROSS JOIN calls c
WHERE r.source = ?1 AND r.id < ?2 AND r.id >= coalesce((SELECT max(id) FROM requests WHERE id <= ?3), 0)
AND c.id >= max(r.id, ?3) AND c.id < min(r.id + r.calls, ?2)
ORDER BY r.id DESC, c.id DESC`

	searchRequests = `, r.id, c.start, c.size, CASE c.id WHEN min(r.id + r.calls, ?2) - 1 THEN r.raws END`

	// scanVerdict walks the calls of a verdict, which is of one source.
	scanVerdict = `SELECT c.id, c.type, c.step, c.verdict, r.received_at %s
FROM calls c CROSS JOIN requests r
WHERE c.verdict = ?1 AND c.verdict <> 0 AND c.id < ?2 AND c.id >= ?3
AND r.id = (SELECT max(id) FROM requests WHERE id <= c.id)
ORDER BY c.id DESC`

	searchVerdict = `, r.id, c.start, c.size, CASE WHEN NOT EXISTS (
	SELECT 1 FROM calls WHERE verdict = ?1 AND verdict <> 0 AND id > c.id AND id < min(r.id + r.calls, ?2)) THEN r.raws END`
)

// idsQuery bounds the ids of the calls that the ledger has in a stretch.
const idsQuery = `SELECT min(first), max(last) FROM volume WHERE source = ? AND span = ? AND at >= ? AND at < ?`

// scan runs a query and returns the ids of the first calls that pass the filter.
func (f *finder) scan(query, search string, args ...any) ([]int64, error) {
	left := maxScanned
	if len(f.search) > 0 {
		left = maxSearched
	} else {
		search = ""
	}
	rows, err := f.tx.QueryContext(f.ctx, fmt.Sprintf(query, search), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for f.searched = 0; left > 0 && f.searched < maxSearchBytes && len(ids) < f.limit && rows.Next(); left-- {
		id, ok, err := f.match(rows)
		if err != nil {
			return nil, err
		}
		if ok {
			ids = append(ids, id)
		}
	}
	return ids, rows.Err()
}

// match reads one row of a scan.
func (f *finder) match(rows *sql.Rows) (id int64, ok bool, err error) {
	var typ, verdict any
	var step Step
	var received, request int64
	var at place
	var raws sql.RawBytes
	columns := []any{&id, &typ, &step, &verdict, &received, &request, &at.start, &at.size, &raws}
	if len(f.search) == 0 {
		columns = columns[:5]
	}
	if err := rows.Scan(columns...); err != nil {
		return 0, false, err
	}
	if len(f.search) > 0 && request != f.unpacker.request {
		f.searched += f.unpacker.open(request, raws)
	}
	ok = received >= f.from && received < f.to &&
		(f.types == 0 || typ == f.types) &&
		(f.filter.Verdict != OK || verdict == int64(0)) &&
		(f.filter.Step == Received || step == f.filter.Step) &&
		(len(f.search) == 0 || f.contains(f.unpacker.raw(at)))
	return id, ok, nil
}

// contains reports whether the text searched for is in raw.
func (f *finder) contains(raw []byte) bool {
	f.lower = f.lower[:0]
	for _, c := range raw {
		if c >= utf8.RuneSelf {
			return bytes.Contains(bytes.ToLower(raw), f.search)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		f.lower = append(f.lower, c)
	}
	return bytes.Contains(f.lower, f.search)
}
