// Tallies: how many of which call and event there were, and what became of them.

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// calls are the six, in the order of the report.
var calls = []string{"identify", "track", "page", "screen", "group", "alias"}

// The steps of the Overview that a call can end in, by the names they have there.
const (
	failed   = "Failed on ingest"
	filtered = "Filtered at source"
	eligible = "Eligible events"
)

var steps = []string{failed, filtered, eligible}

// tally counts calls by type and by step, and the track calls among them by event.
type tally struct {
	calls  map[string]int
	events map[string]int
	steps  map[string]int
}

func newTally() *tally {
	return &tally{calls: map[string]int{}, events: map[string]int{}, steps: map[string]int{}}
}

// add counts a call; event is "" for one that has none.
func (t *tally) add(call, event, step string) {
	t.calls[call]++
	t.steps[step]++
	if event != "" {
		t.events[event]++
	}
}

// all is the number of calls.
func (t *tally) all() int {
	n := 0
	for _, count := range t.calls {
		n += count
	}
	return n
}

// ranked returns the event names, the most frequent first.
func (t *tally) ranked() []string {
	return slices.SortedFunc(maps.Keys(t.events), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.events[b], t.events[a]), cmp.Compare(a, b))
	})
}

// missing says what of t is not in got: "2 of 24 identify, 1 of 17 Order Completed";
// nothing when it is all there. There may be more: whoever looks at the page may
// try its snippets.
func (t *tally) missing(got *tally) string {
	var list []string
	less := func(names []string, sent, received map[string]int) {
		for _, name := range names {
			if n := sent[name] - received[name]; n > 0 {
				list = append(list, fmt.Sprintf("%d of %d %s", n, sent[name], name))
			}
		}
	}
	less(calls, t.calls, got.calls)
	less(t.ranked(), t.events, got.events)
	less(steps, t.steps, got.steps)
	return strings.Join(list, ", ")
}
