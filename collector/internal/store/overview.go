// What the overview reads: sums over the ledger, whatever the number of calls.

package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Dimension is what a breakdown tells apart.
type Dimension string

// The dimensions.
const (
	ByType    Dimension = "type"
	ByEvent   Dimension = "event"   // "" for calls without one
	ByVersion Dimension = "version" // "" for calls without one
	ByVerdict Dimension = "verdict"
)

// kind returns the kind of label a dimension counts, 0 when there is none such.
func (d Dimension) kind() kind {
	switch d {
	case ByType:
		return kindType
	case ByEvent:
		return kindEvent
	case ByVersion:
		return kindVersion
	case ByVerdict:
		return kindVerdict
	}
	return 0
}

// Count is one row of a breakdown.
type Count struct {
	Label string
	Count int
}

// Point is the calls of one bucket of time.
type Point struct {
	At                         time.Time // the bucket's beginning
	Failed, Filtered, Eligible int
}

// Totals is a source's state on the list of sources.
type Totals struct {
	Calls    int       // received in the window asked for, without duplicates
	LastCall time.Time // zero when there was none
}

// maxPoints bounds what one Volume returns: four weeks of minutes.
const maxPoints = 29 * 24 * 60

// The queries of the overview. None of them knows the calls themselves.
const (
	volumeQuery     = `SELECT at, failed, filtered, eligible FROM volume WHERE source = ? AND span = ? AND at >= ? AND at < ?`
	breakdownQuery  = `SELECT label, count FROM breakdown WHERE source = ? AND kind = ? AND span = ? AND at >= ? AND at < ? AND (? = 0 OR step = ?)`
	labelsQuery     = `SELECT id, label FROM labels WHERE source = ? AND kind = ?`
	duplicatesQuery = `SELECT coalesce(sum(duplicates), 0) FROM volume WHERE source = ? AND span = ? AND at >= ? AND at < ?`
	totalsQuery     = `SELECT coalesce(sum(failed + filtered + eligible), 0) FROM volume WHERE source = ? AND span = ? AND at >= ? AND at < ?`
	lastCallsQuery  = `SELECT id, last_call FROM sources`
)

// Volume returns the calls received in [from, to) by bucket, empty ones too. A
// bucket is a multiple of a minute; the first begins at from rounded down to
// the minute, the last may end after to but counts nothing from there on, to
// rounded up to the minute.
func (s *Store) Volume(ctx context.Context, source int64, from, to time.Time, bucket time.Duration) ([]Point, error) {
	if bucket < time.Minute || bucket%time.Minute != 0 {
		return nil, fmt.Errorf("store: volume: a bucket of %v is not a multiple of a minute", bucket)
	}
	start, end, width := floor(from.Unix(), 60), ceil(ceilSecond(to), 60), int64(bucket/time.Second)
	if start >= end {
		return nil, nil
	}
	if (end-start)/width >= maxPoints {
		return nil, fmt.Errorf("store: volume: %v in buckets of %v are too many: the limit is %d", to.Sub(from), bucket, maxPoints)
	}
	points := make([]Point, (end-start+width-1)/width)
	for i := range points {
		points[i].At = time.Unix(start+int64(i)*width, 0).UTC()
	}
	err := s.readSource(ctx, "volume", source, func(tx *sql.Tx) error {
		for _, part := range bucketCover(start, end, width) {
			if err := addVolume(ctx, tx, source, part, points, start, width); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return points, nil
}

// bucketCover covers [start, end) with the widest rows of which none reaches
// into two buckets.
func bucketCover(start, end, width int64) []stretch {
	for i := len(spans) - 1; i > 0; i-- {
		if span := spans[i]; start%span == 0 && width%span == 0 {
			whole := floor(end, span)
			return append([]stretch{{span, start, whole}}, coverWith(i-1, whole, end)...)
		}
	}
	return []stretch{{spans[0], start, end}}
}

func addVolume(ctx context.Context, tx *sql.Tx, source int64, part stretch, points []Point, start, width int64) error {
	rows, err := tx.QueryContext(ctx, volumeQuery,
		source, part.span, part.from, part.to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		var failed, filtered, eligible int
		if err := rows.Scan(&at, &failed, &filtered, &eligible); err != nil {
			return err
		}
		p := &points[(at-start)/width]
		p.Failed += failed
		p.Filtered += filtered
		p.Eligible += eligible
	}
	return rows.Err()
}

// Breakdown returns how often each label of a dimension was received in [from,
// to), most first, then by label; of one step, or of all with Received. from is
// rounded down and to up to the minute. A source has at most 4000 events and
// 1000 versions; those that came later are counted as "(other)". A label has at
// most 200 characters.
func (s *Store) Breakdown(ctx context.Context, source int64, step Step, from, to time.Time, by Dimension) ([]Count, error) {
	if by.kind() == 0 {
		return nil, fmt.Errorf("store: breakdown: no dimension %q", by)
	}
	var counts []Count
	err := s.readSource(ctx, "breakdown", source, func(tx *sql.Tx) error {
		sums := map[int64]int{}
		for _, part := range cover(from.Unix(), ceilSecond(to)) {
			if err := addBreakdown(ctx, tx, source, by.kind(), step, part, sums); err != nil {
				return err
			}
		}
		names, err := labelNames(ctx, tx, source, by.kind())
		if err != nil {
			return err
		}
		for id, n := range sums {
			counts = append(counts, Count{names[id], n})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Label, b.Label))
	})
	return counts, nil
}

// addBreakdown sums up in Go: SQLite would sort the rows by label first.
func addBreakdown(ctx context.Context, tx *sql.Tx, source int64, k kind, step Step, part stretch, sums map[int64]int) error {
	rows, err := tx.QueryContext(ctx, breakdownQuery,
		source, int64(k), part.span, part.from, part.to, int64(step), int64(step))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var label int64
		var n int
		if err := rows.Scan(&label, &n); err != nil {
			return err
		}
		sums[label] += n
	}
	return rows.Err()
}

// labelNames returns the labels of a kind by id.
func labelNames(ctx context.Context, tx *sql.Tx, source int64, k kind) (map[int64]string, error) {
	rows, err := tx.QueryContext(ctx, labelsQuery, source, int64(k))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[int64]string{0: ""}
	if k == kindVerdict {
		names[0] = OK
	}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, err
		}
		names[id] = name
	}
	return names, rows.Err()
}

// Duplicates returns how many calls of a source came in [from, to) with a
// messageId that was stored before. They count nowhere else. from is rounded
// down and to up to the minute.
func (s *Store) Duplicates(ctx context.Context, source int64, from, to time.Time) (int, error) {
	sum := 0
	err := s.readSource(ctx, "duplicates", source, func(tx *sql.Tx) error {
		for _, part := range cover(from.Unix(), ceilSecond(to)) {
			var n int
			if err := tx.QueryRowContext(ctx, duplicatesQuery,
				source, part.span, part.from, part.to).Scan(&n); err != nil {
				return err
			}
			sum += n
		}
		return nil
	})
	return sum, err
}

// Totals returns the state of every source by its ID; Calls are those received
// in [from, to). from is rounded down and to up to the minute.
func (s *Store) Totals(ctx context.Context, from, to time.Time) (map[int64]Totals, error) {
	totals := map[int64]Totals{}
	err := s.read(ctx, "totals", func(tx *sql.Tx) error {
		if err := lastCalls(ctx, tx, totals); err != nil {
			return err
		}
		for id, t := range totals {
			for _, part := range cover(from.Unix(), ceilSecond(to)) {
				var n int
				if err := tx.QueryRowContext(ctx, totalsQuery,
					id, part.span, part.from, part.to).Scan(&n); err != nil {
					return err
				}
				t.Calls += n
			}
			totals[id] = t
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return totals, nil
}

func lastCalls(ctx context.Context, tx *sql.Tx, totals map[int64]Totals) error {
	rows, err := tx.QueryContext(ctx, lastCallsQuery)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, last int64
		if err := rows.Scan(&id, &last); err != nil {
			return err
		}
		totals[id] = Totals{LastCall: fromMilli(last)}
	}
	return rows.Err()
}
