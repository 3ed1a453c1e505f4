// The memory queue: bounded by count and bytes, first come first served, nothing allocated in steady state.

package analytics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// idleLeases bounds the leases kept for reuse, more than uploads usually have.
const idleLeases = 16

// MemoryQueue is the Queue in memory. It is bounded by the number of entries
// and by bytes: those of each entry's ID, Key and Body and a fixed overhead,
// counted from Append until Done. It counts as full, and cuts a batch at once,
// when it holds as many entries as it may, while an Append waits for room, and
// when one was turned away. Leases never expire. It is not durable.
type MemoryQueue struct {
	maxEvents int
	maxBytes  int64

	mu      sync.Mutex
	lanes   map[string]*lane // nil once closed
	recent  *lane            // the lane used last: a client has one source
	events  int              // waiting and leased
	leased  int
	bytes   int64
	blocked []*blocked
	spare   spares
	idle    []*memoryLease // for reuse
	refused bool           // by refuse, before closed
	closed  bool
}

// blocked is an Append waiting for room. Whoever makes room copies its entries
// in, so that they enter in the order in which they came.
type blocked struct {
	entries []Entry
	bytes   int64
	ready   chan error
}

// NewMemoryQueue returns an empty queue that holds at most maxEvents entries
// and maxBytes bytes; 0 or less means the defaults of Config, 10 000 and 32 MiB.
func NewMemoryQueue(maxEvents, maxBytes int) *MemoryQueue {
	maxEvents, maxBytes = max(maxEvents, 0), max(maxBytes, 0)
	fill(&maxEvents, defaultQueueEvents)
	fill(&maxBytes, defaultQueueBytes)
	return &MemoryQueue{
		maxEvents: maxEvents,
		maxBytes:  min(int64(maxBytes), math.MaxInt64/2), // so that no sum overflows
		lanes:     make(map[string]*lane),
	}
}

// Append implements Queue. Entries that come to 2 GiB never fit.
func (q *MemoryQueue) Append(ctx context.Context, entries []Entry, full WhenFull) error {
	var size int64
	for i := range entries {
		size += costOf(&entries[i])
	}
	q.mu.Lock()
	switch {
	case q.refused:
		q.mu.Unlock()
		return ErrClosed
	case len(entries) > q.maxEvents || size > q.maxBytes || size > math.MaxInt32:
		q.mu.Unlock()
		return fmt.Errorf("%w: %d entries of %d bytes never fit into a queue of %d and %d",
			ErrQueueFull, len(entries), size, q.maxEvents, q.maxBytes)
	case len(entries) == 0 || len(q.blocked) == 0 && q.fits(len(entries), size):
		q.put(entries, size)
		q.mu.Unlock()
		return nil
	}
	q.cut()
	if full != Block {
		q.mu.Unlock()
		return ErrQueueFull
	}
	if err := ctx.Err(); err != nil {
		q.mu.Unlock()
		return err
	}
	wait := &blocked{entries: entries, bytes: size, ready: make(chan error, 1)}
	q.blocked = append(q.blocked, wait)
	q.mu.Unlock()

	select {
	case err := <-wait.ready:
		return err
	case <-ctx.Done():
		return q.leave(ctx, wait)
	}
}

// leave takes a blocked Append out of the line, unless its turn came first.
func (q *MemoryQueue) leave(ctx context.Context, wait *blocked) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.blocked, wait)
	if i < 0 {
		return <-wait.ready
	}
	q.blocked = slices.Delete(q.blocked, i, i+1)
	q.admit() // it may have stood in front of a smaller one
	return ctx.Err()
}

func (q *MemoryQueue) fits(events int, bytes int64) bool {
	return q.events+events <= q.maxEvents && q.bytes+bytes <= q.maxBytes
}

// full reports whether batches are to be cut at once, however small.
func (q *MemoryQueue) full() bool {
	return q.events == q.maxEvents || len(q.blocked) > 0
}

// cut has what waits leased at once, because an Append found no room. It holds
// for one lease a lane: the next Append without room asks again.
func (q *MemoryQueue) cut() {
	for _, l := range q.lanes {
		if !l.cut && l.waiting+len(l.back) > 0 {
			l.cut = true
			l.ring()
		}
	}
}

// admit lets the blocked in, in order, as far as there is room.
func (q *MemoryQueue) admit() {
	for len(q.blocked) > 0 {
		first := q.blocked[0]
		if !q.fits(len(first.entries), first.bytes) {
			return
		}
		q.blocked[0] = nil
		q.blocked = q.blocked[1:]
		q.put(first.entries, first.bytes)
		first.ready <- nil
	}
}

// put copies entries to the end of their lanes.
func (q *MemoryQueue) put(entries []Entry, size int64) {
	for i := range entries {
		q.lane(entries[i].Source).add(&entries[i], &q.spare)
	}
	q.events += len(entries)
	q.bytes += size
	if q.events == q.maxEvents {
		for _, l := range q.lanes {
			l.ring()
		}
	}
}

func (q *MemoryQueue) lane(source string) *lane {
	last := q.recent
	if last != nil && last.source == source {
		return last
	}
	l := q.lanes[source]
	if l == nil {
		l = &lane{source: source}
		q.lanes[source] = l
	}
	q.recent = l
	if last != nil {
		q.tidy(last)
	}
	return l
}

// tidy forgets a lane that nobody uses, so that any number of sources may come
// and go. The recent one stays: it is about to be used again.
func (q *MemoryQueue) tidy(l *lane) {
	if l.held > 0 || len(l.waiters) > 0 || l == q.recent || q.closed {
		return
	}
	delete(q.lanes, l.source)
	if l.tail != nil {
		q.spare.put(l.tail)
	}
}

// Lease implements Queue. Entries given back whose time has come are leased at
// once: they have lingered before.
func (q *MemoryQueue) Lease(ctx context.Context, limit Limit) (Lease, error) {
	limit.Events = max(limit.Events, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrClosed
	}
	l := q.lane(limit.Source)
	var w *waiter
	defer func() {
		if w != nil {
			l.leave(w)
		}
		q.tidy(l)
	}()
	for {
		over := ctx.Err()
		now := time.Now()
		some, ready, wait := l.look(limit, now)
		switch {
		case ready || some && (over != nil || l.cut || q.full()):
			return q.take(l, limit, now), nil
		case over != nil:
			return nil, over
		case w == nil:
			w = l.enter(limit)
		}
		q.mu.Unlock()
		w.wait(ctx, wait)
		q.mu.Lock()
		if q.closed {
			return nil, ErrClosed
		}
	}
}

func (q *MemoryQueue) take(l *lane, limit Limit, now time.Time) *memoryLease {
	var m *memoryLease
	if n := len(q.idle); n > 0 {
		m, q.idle = q.idle[n-1], q.idle[:n-1]
	} else {
		m = new(memoryLease)
	}
	m.queue, m.lane = q, l
	l.take(m, limit, now)
	q.leased += len(m.places)
	return m
}

// Stats implements Queue.
func (q *MemoryQueue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStats{Waiting: q.events - q.leased, Leased: q.leased, Bytes: q.bytes}
}

// Close implements Queue. What still waits is gone.
func (q *MemoryQueue) Close(context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	q.turnAway()
	for _, l := range q.lanes {
		for l.waiting > 0 {
			q.bytes -= l.pop().slot().cost()
		}
		for _, r := range l.back {
			q.bytes -= r.slot().cost()
		}
		l.ring()
	}
	q.events = q.leased
	q.lanes, q.recent, q.spare, q.idle = nil, nil, nil, nil
	return nil
}

// refuse lets nothing more in while the client drains the queue.
func (q *MemoryQueue) refuse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turnAway()
}

func (q *MemoryQueue) turnAway() {
	q.refused = true
	for _, b := range q.blocked {
		b.ready <- ErrClosed
	}
	q.blocked = nil
}

// settle records the verdicts on the entries of a lease and takes it back.
func (q *MemoryQueue) settle(m *memoryLease, verdicts []Verdict) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l, now, returned := m.lane, time.Now(), false
	q.leased -= len(m.places)
	for i, p := range m.places {
		if verdicts[i].Outcome == RetryAfter && !q.closed {
			l.giveBack(p, now.Add(verdicts[i].After))
			returned = true
			continue
		}
		q.events--
		q.bytes -= p.slot().cost()
		if !q.closed {
			l.release(p, &q.spare)
		}
	}
	if returned {
		l.sortBack()
	}
	q.admit()
	q.tidy(l)
	clear(m.places)
	*m = memoryLease{places: m.places[:0], entries: m.entries[:0]}
	if len(q.idle) < idleLeases && !q.closed {
		q.idle = append(q.idle, m)
	}
}

// memoryLease is a Lease of a MemoryQueue. It is reused after Done.
type memoryLease struct {
	queue   *MemoryQueue // nil once Done
	lane    *lane
	places  []place
	entries []Entry
	bytes   int // of the bodies
}

func (m *memoryLease) fits(p place, limit Limit) bool {
	return len(m.places) == 0 ||
		len(m.places) < limit.Events && m.bytes+int(p.slot().body) <= limit.Bytes
}

func (m *memoryLease) add(p place) {
	m.places = append(m.places, p)
	m.entries = append(m.entries, p.entry(m.lane.source))
	m.bytes += int(p.slot().body)
}

// Entries implements Lease.
func (m *memoryLease) Entries() []Entry { return m.entries }

// Extend implements Lease; leases in memory do not expire.
func (m *memoryLease) Extend(context.Context) error { return nil }

// Done implements Lease. It never blocks, whatever ctx says. After an error the
// lease is as it was.
func (m *memoryLease) Done(_ context.Context, verdicts []Verdict) error {
	if m.queue == nil {
		return errors.New("analytics: this lease is Done already")
	}
	if len(verdicts) != len(m.places) {
		return fmt.Errorf("analytics: %d verdicts for a lease of %d entries", len(verdicts), len(m.places))
	}
	for _, v := range verdicts {
		if v.Outcome < Delivered || v.Outcome > RetryAfter {
			return fmt.Errorf("analytics: a verdict has the unknown outcome %d", v.Outcome)
		}
	}
	clear(m.entries)
	m.queue.settle(m, verdicts)
	return nil
}
