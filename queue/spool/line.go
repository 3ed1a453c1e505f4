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
	cost    int64     // of their records; only right while the file is counted
	oldest  time.Time // when the first of them was accepted; zero when a Lease has to look
	back    []returned
	cut     bool // an Append was turned away: lease now what there is
	reading bool // a Lease is reading them
	waiters []*waiter
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
	for _, w := range l.waiters {
		if l.waiting == 1 || l.waiting == w.limit.Events || before < w.limit.Bytes && l.bytes >= w.limit.Bytes {
			w.ring()
		}
	}
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

// forget takes a record out of what waits.
func (l *line) forget(h held) {
	l.waiting = max(0, l.waiting-1)
	l.bytes = max(0, l.bytes-h.body)
	l.next = h.sequence + 1
	if l.waiting == 0 {
		l.bytes = 0
	}
}
