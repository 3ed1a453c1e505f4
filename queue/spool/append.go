// Append: room for entries, and the wait until they are on disk.

package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/headwater-dev/analytics"
)

// request is an Append under way.
type request struct {
	records []record
	sources []string // of the records
	bytes   int64
	done    chan error
}

func (r *request) answer(err error) { r.done <- err }

// newRequest copies the entries.
func newRequest(entries []analytics.Entry) (*request, error) {
	r := &request{done: make(chan error, 1)}
	for i := range entries {
		rec, err := newRecord(&entries[i])
		if err != nil {
			return nil, err
		}
		r.records = append(r.records, rec)
		r.sources = append(r.sources, entries[i].Source)
		r.bytes += rec.cost()
	}
	return r, nil
}

// Append implements analytics.Queue. It returns nil when the entries are on disk. A
// ctx that ends while they are being written gives ErrUnknownOutcome; one that had
// ended before is not looked at while there is room. An error that wraps ErrStorage is
// the disk's.
func (s *Spool) Append(ctx context.Context, entries []analytics.Entry, full analytics.WhenFull) error {
	r, err := newRequest(entries)
	if err != nil {
		return err
	}
	ended := ctx.Err()
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return analytics.ErrClosed
	case len(entries) == 0:
		s.mu.Unlock()
		return nil
	case len(entries) > s.options.MaxEvents || r.bytes > s.options.MaxBytes:
		s.mu.Unlock()
		return fmt.Errorf("%w: %d entries of %d bytes never fit into a spool of %d and %d",
			analytics.ErrQueueFull, len(entries), r.bytes, s.options.MaxEvents, s.options.MaxBytes)
	case len(s.blocked) == 0 && s.fits(r):
		s.admit(r)
		s.mu.Unlock()
		s.ring()
		if ended != nil {
			return <-r.done
		}
	default:
		s.cut()
		if full != analytics.Block {
			s.mu.Unlock()
			return analytics.ErrQueueFull
		}
		if ended != nil {
			s.mu.Unlock()
			return ended
		}
		s.blocked = append(s.blocked, r)
		s.mu.Unlock()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return s.withdraw(ctx, r)
	}
}

// fits reports whether there is room for a request. The lock is held.
func (s *Spool) fits(r *request) bool {
	return s.events+len(r.records) <= s.options.MaxEvents && s.bytes+r.bytes <= s.options.MaxBytes
}

// admit gives a request its room and has it committed. The lock is held.
func (s *Spool) admit(r *request) {
	s.events += len(r.records)
	s.bytes += r.bytes
	s.pending = append(s.pending, r)
}

// release gives room back. The lock is held.
func (s *Spool) release(events int, bytes int64) {
	s.events -= events
	s.bytes -= bytes
	for len(s.blocked) > 0 && s.fits(s.blocked[0]) {
		s.admit(s.blocked[0])
		s.blocked[0] = nil
		s.blocked = s.blocked[1:]
		s.ring()
	}
}

// withdraw takes back a request whose ctx ended, unless it is being committed.
func (s *Spool) withdraw(ctx context.Context, r *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.blocked, r); i >= 0 {
		s.blocked = slices.Delete(s.blocked, i, i+1)
		s.release(0, 0) // it may have stood in front of a smaller one
		return ctx.Err()
	}
	if i := slices.Index(s.pending, r); i >= 0 {
		s.pending = slices.Delete(s.pending, i, i+1)
		s.release(len(r.records), r.bytes)
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	default:
		return errors.Join(analytics.ErrUnknownOutcome, ctx.Err())
	}
}

// full reports whether batches are to be cut at once. The lock is held.
func (s *Spool) full() bool { return s.events >= s.options.MaxEvents || len(s.blocked) > 0 }

// cut has what waits leased at once, because an Append found no room. The lock is held.
func (s *Spool) cut() {
	for _, l := range s.lines {
		if l.waiting+len(l.back) > 0 {
			l.cut = true
			l.ring()
		}
	}
}
