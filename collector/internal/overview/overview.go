// The Overview of a source: its four steps over a window of time.

// Package overview computes what the Source Overview shows from the ledger.
//
//   - [ParseWindow] turns what a page or a program asks for into a [Window].
//   - [Compute] reads the ledger a handful of times, whatever the number of calls
//     stored, and returns an [Overview].
//   - An Overview adds up: the steps to the calls received, the series to the
//     steps, and each breakdown to the step that was asked for. Calls that come in
//     between two reads of the ledger are the exception.
package overview

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// MaxRows is how many rows a breakdown has at most; those with the fewest calls
// share one more, "(12 more)".
const MaxRows = 500

// Unnamed is the label of calls without a name.
const Unnamed = "Unnamed"

// Ledger is what an Overview is read from: *store.Store.
type Ledger interface {
	Volume(ctx context.Context, source int64, from, to time.Time, bucket time.Duration) ([]store.Point, error)
	Breakdown(ctx context.Context, source int64, step store.Step, from, to time.Time, by store.Dimension) ([]store.Count, error)
	Duplicates(ctx context.Context, source int64, from, to time.Time) (int, error)
}

var _ Ledger = (*store.Store)(nil)

// Overview is a source over a window. As JSON it is what the API answers; see
// MarshalJSON.
type Overview struct {
	Window Window

	// Received = Failed + Filtered + Eligible.
	Received, Failed, Filtered, Eligible int

	// Duplicates came with a messageId seen before. They are not among the received.
	Duplicates int

	// ByType and so on count the calls of the step asked for, most first, then by
	// label.
	ByType    []Row // "" when the type is none of the six
	ByName    []Row // track calls by event, the others and the nameless as Unnamed
	ByVersion []Row // by context.app.version, "" when there is none
	Reasons   []Row // by verdict, of the steps failed and filtered; empty for the others
	Series    []Point
}

// Row is one line of a breakdown.
type Row struct {
	Label string
	Count int
	// Change is the relative change in percent against the window before, of equal
	// length: -100 when all are gone. It is nil when there is nothing to compare
	// with, and in every breakdown but that by type.
	Change *float64
}

// Point is one bucket of the chart.
type Point struct {
	// At is where the bucket begins: at a multiple of the bucket's width in UTC, and
	// for the first one where the window begins. The first and the last bucket hold
	// only what is in the window, so that the points add up to its totals.
	At                                   time.Time
	Received, Failed, Filtered, Eligible int
}

// Compute returns the overview of a source over w, with the breakdowns of step,
// which is store.Received for all calls. A source nobody knows has an empty one.
// It fails when the ledger does, and when ctx ends.
func Compute(ctx context.Context, ledger Ledger, sourceID int64, w Window, step store.Step) (*Overview, error) {
	c := computation{ctx, ledger, sourceID, step}
	o := &Overview{Window: w}
	var err error
	if o.Series, err = c.series(w); err != nil {
		return nil, fmt.Errorf("overview: volume: %w", err)
	}
	for _, p := range o.Series {
		o.Received += p.Received
		o.Failed += p.Failed
		o.Filtered += p.Filtered
		o.Eligible += p.Eligible
	}
	if o.Duplicates, err = ledger.Duplicates(ctx, sourceID, w.From, w.To); err != nil {
		return nil, fmt.Errorf("overview: duplicates: %w", err)
	}
	if o.ByType, err = c.changes(w); err != nil {
		return nil, fmt.Errorf("overview: breakdown by type: %w", err)
	}
	if o.ByName, err = c.rows(w, store.ByEvent, Unnamed); err != nil {
		return nil, fmt.Errorf("overview: breakdown by name: %w", err)
	}
	if o.ByVersion, err = c.rows(w, store.ByVersion, ""); err != nil {
		return nil, fmt.Errorf("overview: breakdown by version: %w", err)
	}
	if step != store.Failed && step != store.Filtered {
		return o, nil
	}
	if o.Reasons, err = c.rows(w, store.ByVerdict, ""); err != nil {
		return nil, fmt.Errorf("overview: breakdown by verdict: %w", err)
	}
	return o, nil
}

// computation is what the parts of one Compute share.
type computation struct {
	ctx    context.Context
	ledger Ledger
	source int64
	step   store.Step
}

// series reads the chart. The ledger counts buckets from where it is told to, so
// what is left of the window's first bucket is read apart from the whole ones.
func (c computation) series(w Window) ([]Point, error) {
	whole := w.From.Add(w.Bucket - 1).Truncate(w.Bucket)
	if whole.After(w.To) {
		whole = w.To
	}
	var series []Point
	for _, part := range []struct {
		from, to time.Time
		bucket   time.Duration
	}{
		{w.From, whole, whole.Sub(w.From)},
		{whole, w.To, w.Bucket},
	} {
		if !part.from.Before(part.to) {
			continue
		}
		points, err := c.ledger.Volume(c.ctx, c.source, part.from, part.to, part.bucket)
		if err != nil {
			return nil, err
		}
		for _, p := range points {
			series = append(series, Point{
				At:       p.At.UTC(),
				Received: p.Failed + p.Filtered + p.Eligible,
				Failed:   p.Failed, Filtered: p.Filtered, Eligible: p.Eligible,
			})
		}
	}
	return series, nil
}

// rows reads a breakdown. Calls without a label get the one given.
func (c computation) rows(w Window, by store.Dimension, unlabelled string) ([]Row, error) {
	counts, err := c.counts(w, by)
	if err != nil {
		return nil, err
	}
	if n := counts[""]; n > 0 {
		delete(counts, "")
		counts[unlabelled] += n // an event may have that very name
	}
	rows := make([]Row, 0, len(counts))
	for label, n := range counts {
		rows = append(rows, Row{Label: label, Count: n})
	}
	return bound(rows), nil
}

// changes reads the breakdown by type and compares it with the window before.
func (c computation) changes(w Window) ([]Row, error) {
	now, err := c.counts(w, store.ByType)
	if err != nil {
		return nil, err
	}
	before, err := c.counts(w.before(), store.ByType)
	if err != nil {
		return nil, err
	}
	for label := range before {
		now[label] += 0 // gone, and worth a row that says so
	}
	rows := make([]Row, 0, len(now))
	for label, n := range now {
		row := Row{Label: label, Count: n}
		if was := before[label]; was > 0 {
			change := float64(n-was) / float64(was) * 100
			row.Change = &change
		}
		rows = append(rows, row)
	}
	return bound(rows), nil
}

func (c computation) counts(w Window, by store.Dimension) (map[string]int, error) {
	list, err := c.ledger.Breakdown(c.ctx, c.source, c.step, w.From, w.To, by)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(list))
	for _, item := range list {
		if item.Count > 0 {
			counts[item.Label] += item.Count
		}
	}
	return counts, nil
}

// bound sorts rows and lets those past MaxRows share one, which keeps their sum.
func bound(rows []Row) []Row {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Label, b.Label))
	})
	if len(rows) <= MaxRows {
		return rows
	}
	rest := Row{Label: fmt.Sprintf("(%d more)", len(rows)-MaxRows)}
	for _, row := range rows[MaxRows:] {
		rest.Count += row.Count
	}
	return append(rows[:MaxRows:MaxRows], rest)
}
