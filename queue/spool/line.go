// Lines: the calls of one source in their order, and the Leases waiting for them.

package spool

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/headwater-dev/analytics"
)

// line is the line of one source. What waits is on disk: from next on, as far as end.
// The lock of the spool guards it.
type line struct {
	source  string
	next    uint64    // the sequence number that the next Lease looks from
	end     uint64    // one behind the last that is committed
	waiting int       // records from next on
	bytes   int       // of their bodies
	cost    int64     // of their records
	oldest  time.Time // when the first of them was accepted; zero when a Lease has to look
	back    []returned
	cut     bool // an Append was turned away: lease now what there is
	reading bool // a Lease is reading them
	late    late // what was added meanwhile
	waiters []*waiter
}

// late is what was added to a line while a Lease was reading it.
type late struct {
	count  int
	bytes  int
	cost   int64
	oldest time.Time
}

// held is one record that is leased or was.
type held struct {
	sequence uint64
	cost     int64
	body     int
}

// returned is a record that was given back, not to be leased before due. A line keeps
// them in order; all are older than what waits.
type returned struct {
	held
	due time.Time
}

// waiter is a Lease that waits, with a bell of its own: to wake one and not another
// would leave the one asleep that has enough.
type waiter struct {
	limit analytics.Limit
	bell  chan struct{}
}

func (w *waiter) ring() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

// wait returns when it is worth looking again: at a ring, after d unless d is 0, or when
// ctx ends.
func (w *waiter) wait(ctx context.Context, d time.Duration) {
	var alarm <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-w.bell:
	case <-alarm:
	case <-ctx.Done():
	}
}

func (l *line) ring() {
	for _, w := range l.waiters {
		w.ring()
	}
}

func (l *line) enter(limit analytics.Limit) *waiter {
	w := &waiter{limit: limit, bell: make(chan struct{}, 1)}
	l.waiters = append(l.waiters, w)
	return w
}

func (l *line) leave(w *waiter) {
	l.waiters = slices.DeleteFunc(l.waiters, func(o *waiter) bool { return o == w })
}

// add counts a record that was committed at the end of the line. It rings where a
// waiting Lease begins to linger, and where it has enough.
func (l *line) add(sequence uint64, r record) {
	if l.waiting == 0 {
		l.next, l.oldest = sequence, r.time()
	}
	before := l.bytes
	l.end = sequence + 1
	l.waiting++
	l.bytes += r.bodyBytes()
	l.cost += r.cost()
	if l.reading {
		if l.late.count == 0 {
			l.late.oldest = r.time()
		}
		l.late.count++
		l.late.bytes += r.bodyBytes()
		l.late.cost += r.cost()
	}
	for _, w := range l.waiters {
		if l.waiting == 1 || l.waiting == w.limit.Events || before < w.limit.Bytes && l.bytes >= w.limit.Bytes {
			w.ring()
		}
	}
}

// join adds the records of a line that was counted, all behind those of l.
func (l *line) join(o *line) {
	if l.waiting == 0 {
		l.next, l.oldest = o.next, o.oldest
	}
	l.end = o.end
	l.waiting += o.waiting
	l.bytes += o.bytes
	l.cost += o.cost
	if l.reading {
		if l.late.count == 0 {
			l.late.oldest = o.oldest
		}
		l.late.count += o.waiting
		l.late.bytes += o.bytes
		l.late.cost += o.cost
	}
	l.ring()
}

// look says whether there is anything to take, whether the limit says to take it now,
// and if not when to look again; 0 is only when rung.
func (l *line) look(limit analytics.Limit, now time.Time) (some, ready bool, wait time.Duration) {
	for _, r := range l.back {
		switch d := r.due.Sub(now); {
		case d <= 0:
			return true, true, 0
		case wait == 0 || d < wait:
			wait = d
		}
	}
	if l.waiting == 0 {
		return false, false, wait
	}
	age := max(0, now.Sub(l.oldest)) // below 0 is a clock set back
	if l.waiting >= limit.Events || l.bytes >= limit.Bytes || age >= limit.Linger {
		return true, true, 0
	}
	if d := limit.Linger - age; wait == 0 || d < wait {
		wait = d
	}
	return true, false, wait
}

// takeBack takes of what was given back what is due and fits.
func (l *line) takeBack(limit analytics.Limit, now time.Time) (taken []held, bytes int, over bool) {
	l.back = slices.DeleteFunc(l.back, func(r returned) bool {
		if over || r.due.After(now) {
			return false
		}
		over = len(taken) == limit.Events || len(taken) > 0 && bytes+r.body > limit.Bytes
		if !over {
			taken, bytes = append(taken, r.held), bytes+r.body
		}
		return !over
	})
	return taken, bytes, over
}

// giveBack keeps records for another Lease, in order.
func (l *line) giveBack(list []returned) {
	l.back = append(l.back, list...)
	slices.SortFunc(l.back, func(a, b returned) int { return cmp.Compare(a.sequence, b.sequence) })
	l.ring()
}

// took ends a reading of what waited before end. Of what was read nothing waits any more;
// unless the limit stopped it, all that waits came meanwhile, whatever was counted. It
// returns what was counted and is not in the file.
func (l *line) took(read []held, end uint64, stopped bool, oldest time.Time) (missing int, cost int64) {
	l.reading = false
	for _, h := range read {
		l.waiting--
		l.bytes -= h.body
		l.cost -= h.cost
		l.next = h.sequence + 1
	}
	if !oldest.IsZero() {
		l.oldest = oldest
	}
	if !stopped {
		missing, cost = l.waiting-l.late.count, l.cost-l.late.cost
		l.waiting, l.bytes, l.cost = l.late.count, l.late.bytes, l.late.cost
		l.next, l.oldest = max(l.next, end), l.late.oldest
	}
	l.late = late{}
	return missing, cost
}
