// A ledger in memory: it counts the calls it is given one by one.

package overview_test

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

const source = 7

// call is a call as the ledger counts it.
type call struct {
	at                            time.Time
	step                          store.Step
	kind, event, version, verdict string
}

// ledger is the calls of one source. fail, when set, is what the read of that
// name returns.
type ledger struct {
	calls      []call
	duplicates []time.Time
	fail       map[string]error
}

func (l *ledger) Volume(ctx context.Context, id int64, from, to time.Time, bucket time.Duration) ([]store.Point, error) {
	if err := cmp.Or(ctx.Err(), l.fail["volume"]); err != nil {
		return nil, err
	}
	var points []store.Point
	for begin := from; begin.Before(to); begin = begin.Add(bucket) {
		p := store.Point{At: begin}
		for _, c := range l.within(id, begin, earlier(begin.Add(bucket), to)) {
			switch c.step {
			case store.Failed:
				p.Failed++
			case store.Filtered:
				p.Filtered++
			case store.Eligible:
				p.Eligible++
			}
		}
		points = append(points, p)
	}
	return points, nil
}

func (l *ledger) Breakdown(_ context.Context, id int64, step store.Step, from, to time.Time, by store.Dimension) ([]store.Count, error) {
	if err := l.fail[string(by)]; err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, c := range l.within(id, from, to) {
		if step == store.Received || step == c.step {
			counts[map[store.Dimension]string{
				store.ByType: c.kind, store.ByEvent: c.event, store.ByVersion: c.version, store.ByVerdict: c.verdict,
			}[by]]++
		}
	}
	var list []store.Count
	for label, n := range counts {
		list = append(list, store.Count{Label: label, Count: n})
	}
	slices.SortFunc(list, func(a, b store.Count) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Label, b.Label))
	})
	return list, nil
}

func (l *ledger) Duplicates(_ context.Context, _ int64, from, to time.Time) (int, error) {
	n := 0
	for _, at := range l.duplicates {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n, l.fail["duplicates"]
}

func (l *ledger) within(id int64, from, to time.Time) []call {
	if id != source {
		return nil
	}
	var calls []call
	for _, c := range l.calls {
		if !c.at.Before(from) && c.at.Before(to) {
			calls = append(calls, c)
		}
	}
	return calls
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
