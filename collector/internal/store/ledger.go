// The ledger: how many calls there were, by minute, hour and day.

package store

import (
	"maps"
	"math"
	"time"
)

// spans are the widths, in seconds, in which the ledger counts. Each is a
// multiple of the one before.
var spans = [...]int64{60, 3600, 86400}

// tally sums up what a transaction adds to the ledger, so that a row is written
// once. It belongs to the writer.
type tally struct {
	volumes    map[volumeKey]*volume
	breakdowns map[breakdownKey]int64
	last       map[int64]int64 // by source, the newest receivedAt in milliseconds
}

// volumeKey and breakdownKey are of minutes until they are saved; at is in seconds.
type volumeKey struct {
	source, span, at int64
}

type breakdownKey struct {
	source, span, at, label int64
	kind                    kind
	step                    Step
}

type volume struct {
	steps       [Eligible + 1]int64 // Received counts duplicates
	first, last int64               // ids of calls
}

func newTally() *tally {
	return &tally{volumes: map[volumeKey]*volume{}, breakdowns: map[breakdownKey]int64{}, last: map[int64]int64{}}
}

func (t *tally) reset() {
	clear(t.volumes)
	clear(t.breakdowns)
	clear(t.last)
}

// counts is the part of the tally that a request's calls go to.
type counts struct {
	tally      *tally
	source, at int64
	received   int64
	volume     *volume
}

// request returns where a request's calls are counted.
func (t *tally) request(source int64, received time.Time) counts {
	at := floor(received.Unix(), spans[0])
	return counts{tally: t, source: source, at: at, received: received.UnixMilli(),
		volume: t.volume(volumeKey{source, spans[0], at})}
}

func (t *tally) volume(key volumeKey) *volume {
	v := t.volumes[key]
	if v == nil {
		v = &volume{first: math.MaxInt64}
		t.volumes[key] = v
	}
	return v
}

func (c *counts) duplicate() { c.volume.steps[Received]++ }

// call counts one call; labels are those of its type, event, version and verdict.
func (c *counts) call(id int64, step Step, labels [4]int64) {
	c.volume.add(id, step)
	c.tally.last[c.source] = max(c.tally.last[c.source], c.received)
	for i, label := range labels {
		c.tally.breakdowns[breakdownKey{c.source, spans[0], c.at, label, kindType + kind(i), step}]++
	}
}

func (v *volume) add(id int64, step Step) {
	v.steps[step]++
	v.first, v.last = min(v.first, id), max(v.last, id)
}

// save adds the tally to the tables.
func (t *tally) save(s *session) error {
	t.rollUp()
	for key, v := range t.volumes {
		if err := s.exec(`INSERT INTO volume (source, span, at, failed, filtered, eligible, duplicates, first, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET failed = failed + excluded.failed, filtered = filtered + excluded.filtered, eligible = eligible + excluded.eligible,
			duplicates = duplicates + excluded.duplicates, first = min(first, excluded.first), last = max(last, excluded.last)`,
			key.source, key.span, key.at, v.steps[Failed], v.steps[Filtered], v.steps[Eligible], v.steps[Received], v.first, v.last); err != nil {
			return err
		}
	}
	for key, n := range t.breakdowns {
		if err := s.exec(`INSERT INTO breakdown (source, kind, span, at, step, label, count) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET count = count + excluded.count`,
			key.source, int64(key.kind), key.span, key.at, int64(key.step), key.label, n); err != nil {
			return err
		}
	}
	for source, at := range t.last {
		if err := s.exec(`UPDATE sources SET last_call = max(last_call, ?) WHERE id = ?`, at, source); err != nil {
			return err
		}
	}
	return nil
}

// rollUp adds the sums by hour and by day to those by minute.
func (t *tally) rollUp() {
	for key, v := range maps.Clone(t.volumes) {
		for _, span := range spans[1:] {
			sum := t.volume(volumeKey{key.source, span, floor(key.at, span)})
			for step, n := range v.steps {
				sum.steps[step] += n
			}
			sum.first, sum.last = min(sum.first, v.first), max(sum.last, v.last)
		}
	}
	for key, n := range maps.Clone(t.breakdowns) {
		for _, span := range spans[1:] {
			key.span, key.at = span, floor(key.at, span)
			t.breakdowns[key] += n
		}
	}
}

// floor rounds n down to a multiple of unit, below zero too.
func floor(n, unit int64) int64 {
	if rest := n % unit; rest < 0 {
		return n - rest - unit
	} else {
		return n - rest
	}
}

// ceil rounds n up to a multiple of unit.
func ceil(n, unit int64) int64 { return -floor(-n, unit) }

// stretch is a run of rows of one span: those with from <= at < to, in seconds.
type stretch struct {
	span, from, to int64
}

// cover returns the fewest stretches that hold every second of [from, to) once:
// days in the middle, hours and minutes at the ends. from is rounded down and to
// up to the minute.
func cover(from, to int64) []stretch {
	return coverWith(len(spans)-1, floor(from, spans[0]), ceil(to, spans[0]))
}

func coverWith(i int, from, to int64) []stretch {
	if from >= to {
		return nil
	}
	span := spans[i]
	if i == 0 {
		return []stretch{{span, from, to}}
	}
	inner, outer := ceil(from, span), floor(to, span)
	if inner >= outer {
		return coverWith(i-1, from, to)
	}
	return append(append(coverWith(i-1, from, inner), stretch{span, inner, outer}), coverWith(i-1, outer, to)...)
}
