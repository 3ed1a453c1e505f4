// Tallies: how many of which call and event were sent, and what the far end received.

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/headwater-dev/analytics/analyticstest"
)

// calls are the six, in the order of the report.
var calls = []string{"identify", "track", "page", "screen", "group", "alias"}

// tally counts calls, and the track calls among them by event.
type tally struct {
	calls  map[string]int
	events map[string]int
}

func newTally() *tally {
	return &tally{calls: map[string]int{}, events: map[string]int{}}
}

func (t *tally) add(call, event string) {
	t.calls[call]++
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
// nothing when it is all there.
func (t *tally) missing(got *tally) string {
	var list []string
	less := func(name string, sent, received int) {
		if received < sent {
			list = append(list, fmt.Sprintf("%d of %d %s", sent-received, sent, name))
		}
	}
	for _, call := range calls {
		if call != "track" { // by event below
			less(call, t.calls[call], got.calls[call])
		}
	}
	for _, event := range t.ranked() {
		less(event, t.events[event], got.events[event])
	}
	return strings.Join(list, ", ")
}

// received is what the far end has seen so far.
type received struct {
	tally
	repeated int // calls that came again, with the messageId they had
	orders   int
	revenue  float64
	requests int
	wire     int // bytes as they came
	plain    int // bytes once inflated
}

// kept is how many calls the server holds before they are counted for good.
const kept = 20_000

// farEnd counts what the server recorded. A server keeps all it records, so that
// a program that runs for days must have it forget.
type farEnd struct {
	srv  *analyticstest.Server
	past *received // what was forgotten, nil when nothing was
}

// count returns everything received so far.
func (f *farEnd) count() *received {
	r := f.start()
	seen := make(map[string]bool)
	for _, c := range f.srv.Calls() {
		switch {
		case seen[c.MessageID]:
			r.repeated++
			continue
		case !c.Accepted():
			continue
		}
		seen[c.MessageID] = true
		r.add(c.Type, c.Event)
		if c.Event == "Order Completed" {
			r.orders++
			r.revenue += c.Float("properties.revenue")
		}
	}
	for _, q := range f.srv.Requests() {
		r.requests++
		r.wire += q.Wire
		r.plain += len(q.Body)
	}
	return r
}

// start is what was received before the server forgot.
func (f *farEnd) start() *received {
	if f.past == nil {
		return &received{tally: *newTally()}
	}
	r := *f.past
	r.calls, r.events = maps.Clone(r.calls), maps.Clone(r.events)
	return &r
}

// full reports whether it is time to forget.
func (f *farEnd) full(got *received) bool { return got.all()-f.start().all() >= kept }

// forget counts for good what was received. No call may be under way.
func (f *farEnd) forget() {
	f.past = f.count()
	f.srv.Reset()
}
