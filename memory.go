// The memory queue: entries in reused 64 KiB segments, bounded by count and bytes.

package analytics

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
	"unsafe"
)

const (
	segmentBytes = 64 << 10
	// spareSegments bounds the memory kept after a burst: 4 MiB, what four
	// uploads of full batches turn over.
	spareSegments = 64
	// entryOverhead is what an entry costs beside its bytes, so that the byte
	// bound holds for tiny entries too.
	entryOverhead = int64(unsafe.Sizeof(slot{}))
)

// MemoryQueue is the Queue in memory. It is bounded by the number of entries
// and by bytes: those of each entry's ID, Key and Body and a fixed overhead,
// counted from Append until Done. Leases never expire. It is not durable.
type MemoryQueue struct {
	maxEvents int
	maxBytes  int64

	mu      sync.Mutex
	lanes   map[string]*lane
	recent  *lane // the lane used last: a client has one source
	events  int   // waiting and leased
	leased  int
	bytes   int64
	full    bool // someone was refused or waits: cut a batch now
	blocked []*blocked
	spare   []*segment
	leases  sync.Pool // of *memoryLease
	refused bool      // by refuse, before closed
	closed  bool
	done    chan struct{} // closed by Close
}

// lane is the line of one source.
type lane struct {
	source  string
	head    *segment // oldest segment with waiting entries
	next    int      // first waiting slot of head
	tail    *segment // where Append writes
	waiting int
	bytes   int // of waiting bodies
	back    []returned
	bell    chan struct{} // rung when a waiting Lease should look again
	want    Limit         // of the last Lease that had to wait
}

// segment holds entries one behind the other: their bytes in buf, where they
// lie in slots.
type segment struct {
	buf   []byte
	slots []slot
	live  int // entries not Done yet
	next  *segment
}

// slot says where an entry lies in its segment: ID, Key and Body in a row.
type slot struct {
	at   int32
	id   int32
	key  int32
	body int32
	call string
	time time.Time
}

func (s *slot) cost() int64 {
	return int64(s.id) + int64(s.key) + int64(s.body) + entryOverhead
}

// place is one entry in one segment.
type place struct {
	segment *segment
	index   int
}

func (p place) slot() *slot { return &p.segment.slots[p.index] }

// returned is an entry given back, not to be leased before due.
type returned struct {
	place
	due time.Time
}

// blocked is an Append waiting for room. Whoever makes room copies its entries
// in, so that they enter in the order in which they came.
type blocked struct {
	entries []Entry
	bytes   int64
	ready   chan error
}

// NewMemoryQueue returns an empty queue that holds at most maxEvents entries
// and maxBytes bytes; 0 means the defaults of Config, 10 000 and 32 MiB.
func NewMemoryQueue(maxEvents, maxBytes int) *MemoryQueue {
	fill(&maxEvents, defaultQueueEvents)
	fill(&maxBytes, defaultQueueBytes)
	return &MemoryQueue{
		maxEvents: maxEvents,
		maxBytes:  int64(maxBytes),
		lanes:     make(map[string]*lane),
		done:      make(chan struct{}),
	}
}

// Append implements Queue.
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
	case len(entries) > q.maxEvents || size > q.maxBytes:
		q.mu.Unlock()
		return fmt.Errorf("%w: %d entries of %d bytes never fit into a queue of %d and %d",
			ErrQueueFull, len(entries), size, q.maxEvents, q.maxBytes)
	case len(q.blocked) == 0 && q.fits(len(entries), size):
		q.put(entries, size)
		q.mu.Unlock()
		return nil
	}
	q.setFull()
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

func costOf(e *Entry) int64 {
	return int64(len(e.ID)) + int64(len(e.Key)) + int64(len(e.Body)) + entryOverhead
}

func (q *MemoryQueue) fits(events int, bytes int64) bool {
	return q.events+events <= q.maxEvents && q.bytes+bytes <= q.maxBytes
}

// setFull has every waiting Lease cut its batch at once.
func (q *MemoryQueue) setFull() {
	if !q.full {
		q.full = true
		for _, l := range q.lanes {
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
		e := &entries[i]
		l := q.lane(e.Source)
		q.room(l, len(e.ID)+len(e.Key)+len(e.Body)).add(e)
		before := l.waiting
		l.waiting++
		l.bytes += len(e.Body)
		// One ring on the first entry, so that the lease starts to linger, and
		// one when the batch is full; a ring for each entry costs the caller more
		// than the rest of Append.
		if before == 0 || l.waiting == l.want.Events ||
			(l.bytes >= l.want.Bytes && l.bytes-len(e.Body) < l.want.Bytes) {
			l.ring()
		}
	}
	q.events += len(entries)
	q.bytes += size
	if q.events == q.maxEvents {
		q.setFull()
	}
}

func (q *MemoryQueue) lane(source string) *lane {
	if q.recent != nil && q.recent.source == source {
		return q.recent
	}
	l := q.lanes[source]
	if l == nil {
		l = &lane{source: source, bell: make(chan struct{}, 1)}
		q.lanes[source] = l
	}
	q.recent = l
	return l
}

func (l *lane) ring() {
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

// room returns the segment at the end of the lane, a new one if n more bytes
// do not fit.
func (q *MemoryQueue) room(l *lane, n int) *segment {
	if t := l.tail; t != nil && len(t.buf)+n <= cap(t.buf) {
		return t
	}
	var s *segment
	switch {
	case n > segmentBytes:
		s = &segment{buf: make([]byte, 0, n)}
	case len(q.spare) > 0:
		s = q.spare[len(q.spare)-1]
		q.spare = q.spare[:len(q.spare)-1]
	default:
		s = &segment{buf: make([]byte, 0, segmentBytes)}
	}
	old := l.tail
	l.tail = s
	if old == nil {
		l.head, l.next = s, 0
		return s
	}
	old.next = s
	if old.live == 0 {
		// Everything in it is Done already: it stayed only as the place to write.
		if l.head == old {
			l.head, l.next = s, 0
		}
		q.recycle(old)
	}
	return s
}

func (s *segment) add(e *Entry) {
	at := len(s.buf)
	s.buf = append(s.buf, e.ID...)
	s.buf = append(s.buf, e.Key...)
	s.buf = append(s.buf, e.Body...)
	s.slots = append(s.slots, slot{
		at: int32(at), id: int32(len(e.ID)), key: int32(len(e.Key)), body: int32(len(e.Body)),
		call: e.Call, time: e.Time,
	})
	s.live++
}

// recycle keeps a segment nobody refers to for reuse.
func (q *MemoryQueue) recycle(s *segment) {
	s.next = nil
	s.buf = s.buf[:0]
	s.slots = s.slots[:0]
	if len(q.spare) < spareSegments && cap(s.buf) == segmentBytes {
		q.spare = append(q.spare, s)
	}
}

// Lease implements Queue.
func (q *MemoryQueue) Lease(ctx context.Context, limit Limit) (Lease, error) {
	limit.Events = max(limit.Events, 1)
	var timer *time.Timer
	defer func() {
		if timer != nil {
			timer.Stop()
		}
	}()
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return nil, ErrClosed
		}
		l := q.lane(limit.Source)
		now := time.Now()
		wait, ready := l.ready(limit, now)
		if ready || (l.waiting > 0 || l.due(now) > 0) && (q.full || ctx.Err() != nil) {
			lease := q.take(l, limit, now)
			q.mu.Unlock()
			return lease, nil
		}
		l.want = limit
		q.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var alarm <-chan time.Time
		if wait > 0 {
			if timer == nil {
				timer = time.NewTimer(wait)
			} else {
				timer.Reset(wait)
			}
			alarm = timer.C
		}
		select {
		case <-l.bell:
		case <-alarm:
		case <-ctx.Done():
		case <-q.done:
		}
	}
}

// ready says whether a lease should be cut now, and if not when to look again;
// 0 means only when the bell rings.
func (l *lane) ready(limit Limit, now time.Time) (wait time.Duration, ready bool) {
	if l.due(now) > 0 {
		return 0, true
	}
	if l.waiting > 0 {
		// limit.Bytes counts as reached when the waiting bodies come to it: the
		// one that crosses it opens the next batch.
		age := now.Sub(l.oldest().time)
		if l.waiting >= limit.Events || l.bytes >= limit.Bytes || age >= limit.Linger {
			return 0, true
		}
		wait = limit.Linger - age
	}
	for _, r := range l.back {
		if w := r.due.Sub(now); wait == 0 || w < wait {
			wait = w
		}
	}
	return wait, false
}

// due counts the entries given back whose time has come.
func (l *lane) due(now time.Time) (n int) {
	for _, r := range l.back {
		if !r.due.After(now) {
			n++
		}
	}
	return n
}

func (l *lane) oldest() *slot {
	for l.next == len(l.head.slots) {
		l.head, l.next = l.head.next, 0
	}
	return &l.head.slots[l.next]
}

// take moves the next entries into a lease: those given back first, since they
// are older, then the line.
func (q *MemoryQueue) take(l *lane, limit Limit, now time.Time) *memoryLease {
	lease, _ := q.leases.Get().(*memoryLease)
	if lease == nil {
		lease = new(memoryLease)
	}
	lease.queue, lease.lane = q, l
	bytes := 0
	fits := func(s *slot) bool {
		return len(lease.places) == 0 || len(lease.places) < limit.Events && bytes+int(s.body) <= limit.Bytes
	}
	l.back = slices.DeleteFunc(l.back, func(r returned) bool {
		if r.due.After(now) || !fits(r.slot()) {
			return false
		}
		bytes += int(r.slot().body)
		lease.add(r.place)
		return true
	})
	for l.waiting > 0 {
		s := l.oldest()
		if !fits(s) {
			break
		}
		bytes += int(s.body)
		lease.add(place{l.head, l.next})
		l.next++
		l.waiting--
		l.bytes -= int(s.body)
	}
	q.leased += len(lease.places)
	q.full = len(q.blocked) > 0
	if l.waiting > 0 {
		l.ring() // another Lease may be waiting for what is left
	}
	return lease
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
	q.spare = nil
	close(q.done)
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

// memoryLease is a Lease of a MemoryQueue. It is reused after Done.
type memoryLease struct {
	queue   *MemoryQueue
	lane    *lane
	places  []place
	entries []Entry
}

func (m *memoryLease) add(p place) {
	s := p.slot()
	row := p.segment.buf[s.at : s.at+s.id+s.key+s.body : s.at+s.id+s.key+s.body]
	m.places = append(m.places, p)
	m.entries = append(m.entries, Entry{
		Source: m.lane.source, Call: s.call, Time: s.time,
		ID: row[:s.id:s.id], Key: row[s.id : s.id+s.key : s.id+s.key], Body: row[s.id+s.key:],
	})
}

// Entries implements Lease.
func (m *memoryLease) Entries() []Entry { return m.entries }

// Extend implements Lease; leases in memory do not expire.
func (m *memoryLease) Extend(context.Context) error { return nil }

// Done implements Lease.
func (m *memoryLease) Done(_ context.Context, verdicts []Verdict) error {
	if len(verdicts) != len(m.places) {
		return fmt.Errorf("analytics: %d verdicts for a lease of %d entries", len(verdicts), len(m.places))
	}
	q, l := m.queue, m.lane
	q.mu.Lock()
	now := time.Now()
	q.leased -= len(m.places)
	for i, p := range m.places {
		if verdicts[i].Outcome == RetryAfter {
			l.back = append(l.back, returned{p, now.Add(verdicts[i].After)})
			l.ring()
			continue
		}
		q.events--
		q.bytes -= p.slot().cost()
		q.release(l, p.segment)
	}
	q.admit()
	q.full = len(q.blocked) > 0
	q.mu.Unlock()
	clear(m.places)
	clear(m.entries)
	m.places, m.entries = m.places[:0], m.entries[:0]
	m.queue, m.lane = nil, nil
	q.leases.Put(m)
	return nil
}

// release forgets one entry of a segment, and the segment with its last one
// unless Append still writes to it.
func (q *MemoryQueue) release(l *lane, s *segment) {
	if s.live--; s.live > 0 {
		return
	}
	switch {
	case s == l.tail:
		// Everything before the tail has been leased, so the line starts here.
		s.buf, s.slots = s.buf[:0], s.slots[:0]
		l.head, l.next = s, 0
	case s == l.head:
		l.head, l.next = s.next, 0
		q.recycle(s)
	default:
		q.recycle(s)
	}
}
