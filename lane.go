// Lanes of the memory queue: the entries of one source in their order, and the Leases waiting for them.

package analytics

import (
	"context"
	"slices"
	"time"
)

// lane is the line of one source. The lock of its queue guards it.
type lane struct {
	source   string
	held     int      // entries not Done yet
	head     *segment // where the oldest entry in line lies, or a segment before it
	next     int      // its slot in head
	tail     *segment // where Append writes
	segments uint64   // made so far
	waiting  int      // entries in line
	bytes    int      // of their bodies
	back     []returned
	cut      bool // an Append was turned away: lease now what there is
	waiters  []*waiter
}

// returned is an entry given back, not to be leased before due. A lane keeps
// them in the order in which they were appended; all are older than the line.
type returned struct {
	place
	due time.Time
}

// waiter is a Lease waiting for its batch. Each has a bell of its own: one bell
// for all would wake the one that wants a hundred entries and leave the one that
// wants two asleep.
type waiter struct {
	limit Limit
	bell  chan struct{}
}

func (w *waiter) ring() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

// wait returns when it is worth looking again: at a ring, after d unless d is 0,
// or when ctx ends.
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

func (l *lane) enter(limit Limit) *waiter {
	w := &waiter{limit: limit, bell: make(chan struct{}, 1)}
	l.waiters = append(l.waiters, w)
	return w
}

func (l *lane) leave(w *waiter) {
	l.waiters = slices.DeleteFunc(l.waiters, func(o *waiter) bool { return o == w })
}

func (l *lane) ring() {
	for _, w := range l.waiters {
		w.ring()
	}
}

// add copies an entry to the end of the line. It rings on the first entry, so
// that a Lease starts to linger, and when a batch is full; a ring for each entry
// costs the caller more than the rest of Append.
func (l *lane) add(e *Entry, free *spares) {
	l.room(sizeOf(e), free).add(e)
	l.held++
	l.waiting++
	before := l.bytes
	l.bytes += len(e.Body)
	for _, w := range l.waiters {
		if l.waiting == 1 || l.waiting == w.limit.Events || before < w.limit.Bytes && l.bytes >= w.limit.Bytes {
			w.ring()
		}
	}
}

// room returns the segment to write n bytes to, a new one at the end of the lane
// if they do not fit.
func (l *lane) room(n int, free *spares) *segment {
	old := l.tail
	if old != nil && old.fits(n) {
		return old
	}
	s := free.get(n, old)
	l.segments++
	s.number = l.segments
	l.tail = s
	switch {
	case old == nil:
		l.head, l.next = s, 0
	case old.live == 0:
		// It stayed only as the place to write, and release made it the head.
		l.head, l.next = s, 0
		free.put(old)
	default:
		old.next = s
	}
	return s
}

// oldest returns the place of the first entry in line; there must be one.
func (l *lane) oldest() place {
	for l.next == len(l.head.slots) {
		l.head, l.next = l.head.next, 0
	}
	return place{l.head, l.next}
}

// pop takes the first entry out of the line.
func (l *lane) pop() place {
	p := l.oldest()
	l.next++
	l.waiting--
	l.bytes -= int(p.slot().body)
	return p
}

// look says whether there is anything to take, whether limit says to take it
// now, and if not when to look again; 0 means only when rung.
func (l *lane) look(limit Limit, now time.Time) (some, ready bool, wait time.Duration) {
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
	// limit.Bytes counts as reached when the waiting bodies come to it: the one
	// that crosses it opens the next batch. An age below 0 is a clock set back.
	age := max(0, now.Sub(l.oldest().slot().time))
	if l.waiting >= limit.Events || l.bytes >= limit.Bytes || age >= limit.Linger {
		return true, true, 0
	}
	if d := limit.Linger - age; wait == 0 || d < wait {
		wait = d
	}
	return true, false, wait
}

// take moves the next entries into a lease: those given back first, since they
// are older, then the line. It stops at the first that does not fit, lest a
// smaller one overtake it.
func (l *lane) take(lease *memoryLease, limit Limit, now time.Time) {
	over := false
	if len(l.back) > 0 {
		l.back = slices.DeleteFunc(l.back, func(r returned) bool {
			if over || r.due.After(now) {
				return false
			}
			over = !lease.fits(r.place, limit)
			if !over {
				lease.add(r.place)
			}
			return !over
		})
	}
	for !over && l.waiting > 0 && lease.fits(l.oldest(), limit) {
		lease.add(l.pop())
	}
	l.cut = false
	if l.waiting > 0 || over {
		l.ring() // another Lease may be waiting for what is left
	}
}

// giveBack keeps an entry for another Lease; sortBack must follow.
func (l *lane) giveBack(p place, due time.Time) {
	l.back = append(l.back, returned{p, due})
}

// sortBack restores the order, since leases may be given back in any, and rings,
// since an entry may be due before what waiting Leases have set their alarm to.
func (l *lane) sortBack() {
	slices.SortFunc(l.back, func(a, b returned) int { return a.compare(b.place) })
	l.ring()
}

// release forgets one entry, and its segment with the last one unless Append
// still writes to it.
func (l *lane) release(p place, free *spares) {
	l.held--
	s := p.segment
	if s.live--; s.live > 0 {
		return
	}
	switch {
	case s == l.tail:
		// Everything before the tail has been leased, so the line starts here.
		s.clear()
		l.head, l.next = s, 0
	case s == l.head:
		l.head, l.next = s.next, 0
		free.put(s)
	default:
		free.put(s)
	}
}
