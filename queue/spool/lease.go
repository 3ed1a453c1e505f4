// Leases: batches read from the file, in memory only, so that a restart leases everything again.

package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/headwater-dev/analytics"
)

// Lease implements analytics.Queue. A record that is damaged is set aside in the file
// and counted in Stats.Err; it is never given out.
func (s *Spool) Lease(ctx context.Context, limit analytics.Limit) (analytics.Lease, error) {
	limit.Events = max(limit.Events, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.line(limit.Source)
	var w *waiter
	defer func() {
		if w != nil {
			l.leave(w)
		}
	}()
	for {
		if s.closed {
			return nil, analytics.ErrClosed
		}
		over := ctx.Err()
		some, ready, wait := l.look(limit, time.Now())
		switch {
		case l.reading:
			wait = 0
			over = nil // the reading is short, and rings
		case ready || some && (over != nil || l.cut || s.full()):
			lease, err := s.take(l, limit)
			if lease != nil || err != nil {
				return lease, err
			}
			continue
		case over != nil:
			return nil, over
		}
		if w == nil {
			w = l.enter(limit)
		}
		waiting := ctx
		if l.reading {
			waiting = context.WithoutCancel(ctx)
		}
		s.mu.Unlock()
		w.wait(waiting, wait)
		s.mu.Lock()
	}
}

// line returns the line of a source. The lock is held.
func (s *Spool) line(source string) *line {
	l := s.lines[source]
	if l == nil {
		l = &line{source: source}
		s.lines[source] = l
	}
	return l
}

// take reads the next batch, without the lock, and leases it. It returns neither a lease
// nor an error when what there was turned out to be damaged.
func (s *Spool) take(l *line, limit analytics.Limit) (analytics.Lease, error) {
	back, size, over := l.takeBack(limit, time.Now())
	b := &batch{spool: s, line: l, limit: limit, size: size}
	next, end := l.next, l.end
	if l.waiting == 0 || over {
		end = next
	}
	l.reading = true
	s.mu.Unlock()
	err := b.read(back, next, end)
	s.mu.Lock()
	defer l.ring() // another Lease may be waiting for the end of this reading
	if err != nil {
		l.reading, l.late = false, late{}
		var again []returned
		for _, h := range back {
			again = append(again, returned{held: h})
		}
		l.giveBack(again)
		return nil, s.unreadable(err)
	}
	missing, cost := l.took(b.fresh, end, b.stopped || end == next, b.oldest)
	l.cut = false
	for _, h := range b.damaged {
		s.acks = append(s.acks, ack{held: h, source: l.source, fate: setAsideInFile})
		missing, cost = missing+1, cost+h.cost
	}
	for _, h := range b.gone {
		missing, cost = missing+1, cost+h.cost
	}
	if missing > 0 {
		s.release(missing, cost)
		s.ring()
		s.mu.Unlock()
		s.damage(&CorruptError{Records: missing, Err: errRecord})
		s.mu.Lock()
	}
	if len(b.entries) == 0 {
		return nil, nil
	}
	s.leased += len(b.entries)
	return b, nil
}

// unreadable is what a Lease returns when the file cannot be read; the lock is held. A
// damaged one is left to the committer.
func (s *Spool) unreadable(err error) error {
	s.failure = fmt.Errorf("%w: %w", ErrStorage, err)
	if s.mend.IsZero() {
		s.mend = time.Now().Add(mendWithin)
		s.ring()
	}
	if damaged(err) {
		s.suspect = err
		s.ring()
	}
	return s.failure
}

// batch is a lease.
type batch struct {
	spool *Spool
	line  *line
	limit analytics.Limit

	entries []analytics.Entry
	held    []held // of the entries
	size    int    // of their bodies
	fresh   []held // read from the line, damaged ones too
	damaged []held
	gone    []held    // given back before, and not in the file any more
	stopped bool      // by the limit
	oldest  time.Time // of what is left in the line then
	settled bool
}

// read reads the records that were given back, and those of the line from next to
// before end as far as the limit allows.
func (b *batch) read(back []held, next, end uint64) error {
	b.size = 0
	return b.spool.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(waitingBucket(b.line.source))
		if bucket == nil {
			b.gone = back // with a file that was set aside
			return nil
		}
		for _, h := range back {
			if r := bucket.Get(keyOf(h.sequence)); r != nil {
				b.add(h, r)
			} else {
				b.gone = append(b.gone, h)
			}
		}
		cursor := bucket.Cursor()
		for key, value := cursor.Seek(keyOf(next)); key != nil; key, value = cursor.Next() {
			sequence, ok := sequenceOf(key)
			if !ok {
				return fmt.Errorf("%w: a key of %d bytes", errStructure, len(key))
			}
			if sequence >= end {
				break
			}
			r := record(value)
			if len(b.entries) > 0 && (len(b.entries) >= b.limit.Events || b.size+r.bodyBytes() > b.limit.Bytes) {
				b.stopped, b.oldest = true, r.time()
				break
			}
			h := held{sequence: sequence, cost: r.cost(), body: r.bodyBytes()}
			b.fresh = append(b.fresh, h)
			b.add(h, r)
		}
		return nil
	})
}

// add copies a record into the batch, or counts it as damaged.
func (b *batch) add(h held, r record) {
	e, err := record(bytes.Clone(r)).entry(b.line.source, h.sequence)
	if err != nil {
		b.damaged = append(b.damaged, h)
		return
	}
	b.entries = append(b.entries, e)
	b.held = append(b.held, h)
	b.size += h.body
}

// Entries implements analytics.Lease.
func (b *batch) Entries() []analytics.Entry { return b.entries }

// Extend implements analytics.Lease; a spool serves one process, which keeps its leases.
func (b *batch) Extend(context.Context) error { return nil }

// Done implements analytics.Lease. It does not wait for the disk: what was delivered is
// forgotten with the next commit, within a second. After Close there is none, and the
// next process sends it again. After an error the lease is as it was.
func (b *batch) Done(_ context.Context, verdicts []analytics.Verdict) error {
	s := b.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case b.settled:
		return errors.New("spool: this lease is Done already")
	case len(verdicts) != len(b.entries):
		return fmt.Errorf("spool: %d verdicts for a lease of %d entries", len(verdicts), len(b.entries))
	}
	for _, v := range verdicts {
		if v.Outcome < analytics.Delivered || v.Outcome > analytics.RetryAfter {
			return fmt.Errorf("spool: a verdict has the unknown outcome %d", v.Outcome)
		}
	}
	b.settled = true
	s.settle(b, verdicts)
	return nil
}

// settle does as the verdicts say. The lock is held.
func (s *Spool) settle(b *batch, verdicts []analytics.Verdict) {
	now := time.Now()
	var back []returned
	for i, v := range verdicts {
		h := b.held[i]
		a := ack{held: h, source: b.line.source}
		switch v.Outcome {
		case analytics.RetryAfter:
			back = append(back, returned{h, now.Add(v.After)})
			continue
		case analytics.Rejected:
			a.fate, a.reason = bury, reasonOf(v.Err)
		}
		s.acks = append(s.acks, a)
		s.release(1, h.cost)
	}
	s.leased -= len(b.entries)
	if len(back) > 0 {
		b.line.giveBack(back)
	}
	if len(s.acks) > 0 && s.ackSince.IsZero() {
		s.ackSince = now
	}
	clear(b.entries)
	s.ring()
}
