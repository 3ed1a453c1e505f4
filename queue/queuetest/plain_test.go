// The plain queue: a slice and a lock, the second Queue to pass the suite, with switches that break it.

package queuetest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/headwater-dev/analytics"
)

// shelf is what plain queues keep; it outlives them.
type shelf struct {
	mu        sync.Mutex
	changed   chan struct{} // closed and replaced at every change
	items     []*item
	line      []*item // one for each Append that waits, in order of coming
	turnedOff bool    // an Append was turned away: lease at once what there is
	leaked    int64
	leases    int
	maxEvents int
	maxBytes  int64
	expiry    time.Duration
}

type item struct {
	analytics.Entry
	holder *plainLease
	until  time.Time // of the lease, when leases expire
	due    time.Time
}

func newShelf(maxEvents, maxBytes int) *shelf {
	if maxEvents == 0 {
		maxEvents = 10_000
	}
	if maxBytes == 0 {
		maxBytes = 32 << 20
	}
	return &shelf{changed: make(chan struct{}), maxEvents: maxEvents, maxBytes: int64(maxBytes)}
}

func (s *shelf) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *shelf) bytes() (n int64) {
	for _, i := range s.items {
		n += size(&i.Entry)
	}
	return n
}

func size(e *analytics.Entry) int64 { return int64(len(e.ID)+len(e.Key)+len(e.Body)) + 64 }

// plain is a Queue on a shelf. fault names what it does wrong.
type plain struct {
	*shelf
	durable bool
	shared  bool
	closed  bool
	fault   string
}

func (q *plain) Append(ctx context.Context, entries []analytics.Entry, full analytics.WhenFull) error {
	var bytes int64
	for i := range entries {
		bytes += size(&entries[i])
	}
	if q.fault == "refuses an ended ctx" && ctx.Err() != nil {
		return ctx.Err()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	ticket := new(item)
	defer func() {
		q.line = slices.DeleteFunc(q.line, func(i *item) bool { return i == ticket })
		q.change()
	}()
	for waiting := false; ; waiting = true {
		switch {
		case q.closed && q.fault != "appends after Close":
			return analytics.ErrClosed
		case (len(entries) > q.maxEvents || bytes > q.maxBytes) && q.fault != "waits for what never fits":
			return analytics.ErrQueueFull
		case q.first(ticket) && q.fits(len(entries), bytes):
			q.keep(entries)
			return nil
		case !waiting:
			q.turnedOff = true
			q.change()
		}
		if q.fault == "is not atomic" {
			q.keep(entries[:q.maxEvents-len(q.items)])
		}
		if full != analytics.Block || q.fault == "does not block" {
			return analytics.ErrQueueFull
		}
		if err := ctx.Err(); err != nil {
			if q.fault == "keeps what it refuses" {
				q.keep(entries)
			}
			return err
		}
		if !waiting {
			q.line = append(q.line, ticket)
			q.change()
		}
		if q.fault == "ignores ctx in Append" {
			ctx = context.Background()
		}
		q.wait(ctx, 0)
	}
}

// wait gives up the lock until something changes.
func (q *plain) wait(ctx context.Context, d time.Duration) {
	changed := q.changed
	var alarm <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		alarm = timer.C
	}
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-changed:
	case <-alarm:
	case <-ctx.Done():
	}
}

func (q *plain) first(ticket *item) bool {
	switch {
	case len(q.line) == 0 || q.fault == "serves any of those in line":
		return true
	case q.fault == "serves the last in line":
		return q.line[len(q.line)-1] == ticket
	}
	return q.line[0] == ticket
}

func (q *plain) fits(events int, bytes int64) bool {
	counted := q.items
	if q.fault == "does not count what is leased" {
		counted = slices.DeleteFunc(slices.Clone(counted), func(i *item) bool { return i.holder != nil })
	}
	return (len(counted)+events <= q.maxEvents || q.fault == "has no bound of events") &&
		(q.bytes()+bytes <= q.maxBytes || q.fault == "has no bound of bytes")
}

func (q *plain) keep(entries []analytics.Entry) {
	for i, e := range entries {
		if q.fault != "keeps the caller's buffers" {
			e.ID, e.Key, e.Body = bytes.Clone(e.ID), bytes.Clone(e.Key), bytes.Clone(e.Body)
		}
		if q.fault == "forgets the time" {
			e.Time = time.Time{}
		}
		if q.fault == "writes to the caller's entries" {
			entries[i].Call = "track"
		}
		if q.fault == "loses an entry" && len(q.items)%7 == 6 {
			continue
		}
		q.items = append(q.items, &item{Entry: e})
	}
	if q.fault == "reuses what is leased" {
		for _, i := range q.items {
			if i.holder != nil {
				i.Body[0]++
			}
		}
	}
	if q.fault == "newest first" {
		slices.Reverse(q.items)
	}
}

func (q *plain) Lease(ctx context.Context, limit analytics.Limit) (analytics.Lease, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fault == "lingers from the Lease on" {
		limit.Linger += time.Second
	}
	for {
		if q.closed && q.fault != "leases after Close" {
			return nil, analytics.ErrClosed
		}
		over := ctx.Err()
		taken, ready, wait := q.batch(limit)
		full := len(q.items) >= q.maxEvents || len(q.line) > 0 || q.turnedOff
		switch {
		case len(taken) == 0 && q.fault == "polls with nil" && over != nil:
			return nil, nil
		case len(taken) > 0 && (ready || over != nil && q.fault != "gives nothing when ctx ends" || full && q.fault != "waits although full"):
			q.turnedOff = false
			return q.hold(taken), nil
		case over != nil && q.fault != "ignores ctx in Lease":
			return nil, over
		case over != nil:
			ctx = context.Background()
		}
		q.wait(ctx, wait)
	}
}

// batch is what a lease would take now, whether it is time, and if not when to
// look again.
func (q *plain) batch(limit analytics.Limit) (taken []*item, ready bool, wait time.Duration) {
	now, sum := time.Now(), 0
	soon := func(d time.Duration) {
		if d > 0 && (wait == 0 || d < wait) {
			wait = d
		}
	}
	for _, i := range q.items {
		held := i.holder != nil && (q.expiry == 0 || now.Before(i.until) || q.fault == "never ends a lease")
		if held && q.expiry > 0 {
			soon(i.until.Sub(now))
		}
		if i.Source != limit.Source && q.fault != "mixes sources" || held {
			continue
		}
		if i.due.After(now) && q.fault != "gives back too early" {
			soon(i.due.Sub(now))
			continue
		}
		sum += len(i.Body)
		switch {
		case len(taken) > 0 && sum > limit.Bytes && q.fault == "lets small entries overtake":
			sum -= len(i.Body)
			ready = true
			continue
		case len(taken) > 0 && (len(taken) >= limit.Events || sum > limit.Bytes && q.fault != "ignores limit.Bytes"),
			sum > limit.Bytes && q.fault == "gives no large first entry":
			return taken, true, 0
		}
		taken = append(taken, i)
	}
	if len(taken) == 0 {
		return nil, false, wait
	}
	age := now.Sub(taken[0].Time)
	soon(limit.Linger - age)
	ready = ready || len(taken) >= limit.Events || sum >= limit.Bytes || age >= limit.Linger || q.fault == "does not linger"
	return taken, ready, wait
}

func (q *plain) hold(taken []*item) *plainLease {
	l := &plainLease{queue: q, items: taken}
	q.leases++
	for _, i := range taken {
		l.entries = append(l.entries, i.Entry)
		if q.fault == "leases twice" && q.leases%3 == 2 {
			continue
		}
		i.holder, i.until = l, time.Now().Add(q.expiry)
	}
	q.change()
	return l
}

func (q *plain) Stats() analytics.QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := analytics.QueueStats{Durable: q.durable, Shared: q.shared, Bytes: q.bytes() + q.leaked}
	for _, i := range q.items {
		if i.holder != nil {
			s.Leased++
		} else {
			s.Waiting++
		}
	}
	if q.fault == "counts leased entries twice" {
		s.Waiting += s.Leased
	}
	return s
}

func (q *plain) Close(context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed && q.fault == "fails at a second Close" {
		return errors.New("closed twice")
	}
	q.closed = true
	if !q.durable && !q.shared && q.fault != "keeps everything after Close" {
		q.items = slices.DeleteFunc(q.items, func(i *item) bool { return i.holder == nil })
	}
	if q.fault != "wakes nobody at Close" {
		q.change()
	}
	return nil
}

type plainLease struct {
	queue   *plain
	items   []*item
	entries []analytics.Entry
}

func (l *plainLease) Entries() []analytics.Entry { return l.entries }

func (l *plainLease) Extend(context.Context) error {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	for _, i := range l.items {
		if i.holder == l && l.queue.fault != "does not extend" {
			i.until = time.Now().Add(l.queue.expiry)
		}
	}
	return nil
}

func (l *plainLease) Done(_ context.Context, verdicts []analytics.Verdict) error {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(verdicts) != len(l.items) {
		if q.fault != "takes any number of verdicts" {
			return errors.New("wrong number of verdicts")
		}
		verdicts = append(slices.Clone(verdicts), make([]analytics.Verdict, len(l.items))...)
	}
	if q.closed && q.fault == "takes no verdicts after Close" {
		return analytics.ErrClosed
	}
	for n, i := range l.items {
		if q.fault == "takes verdicts from behind" {
			n = len(l.items) - 1 - n
		}
		if i.holder != l {
			continue // it has gone to another
		}
		i.holder = nil
		gone := verdicts[n].Outcome != analytics.RetryAfter || q.closed && !q.durable && !q.shared
		switch {
		case gone && q.fault == "forgets no verdict":
		case gone || q.fault == "forgets what is given back":
			q.items = slices.DeleteFunc(q.items, func(o *item) bool { return o == i })
			if q.fault == "leaks bytes" {
				q.leaked++
			}
		default:
			i.due = time.Now().Add(verdicts[n].After)
			switch same := func(o *item) bool { return o == i }; q.fault {
			case "gives back at the end":
				q.items = append(slices.DeleteFunc(q.items, same), i)
			case "gives the last back first":
				q.items = slices.Insert(slices.DeleteFunc(q.items, same), 0, i)
			}
		}
	}
	if q.fault != "wakes nobody at Done" {
		q.change()
	}
	return nil
}
