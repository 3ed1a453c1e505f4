// The committer: one goroutine that writes, everything that came during the last commit in one.

package spool

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/headwater-dev/analytics"
)

const (
	// groupBytes bounds what one commit appends, so that none takes for ever.
	groupBytes = 8 << 20
	// groupAcks is from how many on what was delivered is forgotten at once.
	groupAcks = 10_000
)

// fate is what becomes of a record that is Done.
type fate int

const (
	forget         fate = iota // it was delivered
	bury                       // it was rejected: among the dead letters
	setAsideInFile             // it is damaged
)

// ack is a record to be taken out of the line on disk.
type ack struct {
	held
	source string
	fate   fate
	reason string // why it was rejected
}

// work is one commit.
type work struct {
	requests []*request
	acks     []ack
	first    uint64 // sequence number of the first record
}

// run commits until the spool is closed and nothing is left to commit.
func (s *Spool) run() {
	defer close(s.done)
	for {
		s.inspect()
		w, wait := s.next()
		switch {
		case w != nil:
			s.commit(w)
		case wait < 0:
			s.end()
			return
		default:
			s.idle(wait)
		}
	}
}

// next returns the next commit; without one, how long to wait for the bell at most, 0
// for ever, below 0 when there will be none.
func (s *Spool) next() (w *work, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		switch {
		case len(s.acks) == 0 && s.closed:
			return nil, -1
		case len(s.acks) == 0 && s.mend.IsZero():
			return nil, 0
		case len(s.acks) == 0:
			if d := time.Until(s.mend); d > 0 {
				return nil, d
			} // an empty commit tries the disk
		case !s.closed && len(s.acks) > 0 && len(s.acks) < groupAcks && time.Since(s.ackSince) < ackWithin:
			return nil, ackWithin - time.Since(s.ackSince)
		}
	}
	w = &work{first: s.sequence + 1, acks: s.acks}
	var size int64
	for len(s.pending) > 0 && (size == 0 || size+s.pending[0].bytes <= groupBytes) {
		w.requests = append(w.requests, s.pending[0])
		size += s.pending[0].bytes
		s.pending[0] = nil
		s.pending = s.pending[1:]
	}
	s.acks, s.ackSince = nil, time.Time{}
	return w, 0
}

// inspect opens a file anew in which a Lease met damage, or that could not be opened
// before.
func (s *Spool) inspect() {
	s.mu.Lock()
	found := s.suspect
	s.suspect = nil
	wanted := found != nil || s.disk == nil && len(s.pending)+len(s.acks) > 0
	s.mu.Unlock()
	if wanted {
		s.reopen(&work{}, cmp.Or(found, errClosedDisk))
	}
}

// idle waits for the bell.
func (s *Spool) idle(wait time.Duration) {
	var alarm <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-s.bell:
	case <-alarm:
	}
}

// end closes the file.
func (s *Spool) end() {
	s.diskMu.Lock()
	defer s.diskMu.Unlock()
	defer s.lock.Close()
	defer unlock(s.lock) // a program that is being started may hold the handle a moment longer
	if s.disk == nil {
		return
	}
	if err := s.disk.close(); err != nil {
		s.mu.Lock()
		s.closeErr = fmt.Errorf("%w: %w", ErrStorage, err)
		s.mu.Unlock()
	}
	s.disk = nil
}

// commit writes one group and tells its callers.
func (s *Spool) commit(w *work) {
	err := s.write(w)
	if err == nil {
		s.committed(w)
		s.shrink()
		return
	}
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		// Nothing was written. To forget what was delivered makes room.
		s.fail(w, fmt.Errorf("%w: the file has its full size", analytics.ErrQueueFull))
		s.forgetAlone(w)
		return
	}
	s.options.Logger.Error("spool: commit failed", "err", err)
	present, known := s.reopen(w, err)
	switch {
	case !known:
		s.fail(w, fmt.Errorf("%w: %w: %w", analytics.ErrUnknownOutcome, ErrStorage, err))
	case present:
		// The file has them, the disk perhaps not; reopen has counted them.
		s.fail(w, fmt.Errorf("%w: %w: %w", analytics.ErrUnknownOutcome, ErrStorage, err))
	default:
		s.fail(w, fmt.Errorf("%w: %w", ErrStorage, err))
	}
	s.forgetAlone(w)
}

// write puts a group into the file, synced.
func (s *Spool) write(w *work) error {
	s.diskMu.RLock()
	defer s.diskMu.RUnlock()
	if s.disk == nil {
		return errClosedDisk
	}
	commit := s.disk.update
	if len(w.requests) == 0 {
		commit = s.disk.forget
	}
	return commit(func(tx *bbolt.Tx) error {
		sequence := w.first
		for _, r := range w.requests {
			for i, rec := range r.records {
				bucket, err := makeBucket(tx, waitingBucket(r.sources[i]))
				if err != nil {
					return err
				}
				bucket.FillPercent = 1 // keys only grow
				rec.seal(r.sources[i], sequence)
				if err := bucket.Put(keyOf(sequence), rec); err != nil {
					return err
				}
				sequence++
			}
		}
		return s.apply(tx, w.acks)
	})
}

// apply takes out of the lines what is Done.
func (s *Spool) apply(tx *bbolt.Tx, acks []ack) error {
	for i := range acks {
		a := &acks[i]
		bucket := tx.Bucket(waitingBucket(a.source))
		if bucket == nil {
			continue
		}
		key := keyOf(a.sequence)
		if a.fate != forget {
			if err := s.bury(tx, a, bucket.Get(key)); err != nil {
				return err
			}
		}
		if err := bucket.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// committed counts what is on disk now, and tells the callers.
func (s *Spool) committed(w *work) {
	s.register(w)
	s.mu.Lock()
	s.failure, s.mend = nil, time.Time{}
	s.mu.Unlock()
	s.answer(w, nil)
}

// register adds a group to the lines.
func (s *Spool) register(w *work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sequence := w.first
	for _, r := range w.requests {
		for i, rec := range r.records {
			s.line(r.sources[i]).add(sequence, rec)
			sequence++
		}
	}
	s.sequence = max(s.sequence, sequence-1)
	if s.events >= s.options.MaxEvents {
		for _, l := range s.lines {
			l.ring()
		}
	}
}

func (s *Spool) answer(w *work, err error) {
	for _, r := range w.requests {
		r.answer(err)
	}
}

// fail tells the callers of a group that it is not in the file, and gives back its room.
func (s *Spool) fail(w *work, err error) {
	s.mu.Lock()
	s.failure, s.mend = err, time.Now().Add(mendWithin)
	for _, r := range w.requests {
		s.release(len(r.records), r.bytes)
	}
	s.mu.Unlock()
	s.answer(w, err)
}

// forgetAlone forgets what was delivered without the group that did not fit: else nothing
// would ever make room. A full disk may have pages for a few of them and not for all,
// and has more when those are gone.
func (s *Spool) forgetAlone(w *work) {
	acks, most := w.acks, len(w.acks)
	if len(w.requests) == 0 {
		most /= 4 // all of them at once have failed
	}
	for len(acks) > 0 && most > 0 && s.isOpen() {
		part := &work{first: w.first, acks: acks[:min(most, len(acks))]}
		if err := s.write(part); err != nil {
			s.options.Logger.Error("spool: nothing can be forgotten", "err", err)
			s.reopen(part, err)
			most = len(part.acks) / 4
			continue
		}
		acks, most = acks[len(part.acks):], 2*most
	}
	s.keepAcks(acks)
}

func (s *Spool) isOpen() bool {
	s.diskMu.RLock()
	defer s.diskMu.RUnlock()
	return s.disk != nil
}

// keepAcks has acks tried again with a later commit. To take out what is gone already
// does no harm.
func (s *Spool) keepAcks(acks []ack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(acks) == 0 {
		return
	}
	if s.closed {
		return // there may be no later commit: the next process sends them again
	}
	s.acks = append(acks, s.acks...)
	s.ackSince = time.Now()
}

// reopen opens the file anew after a commit that failed: what bbolt has in memory may
// not be what is in the file, and a sync that failed once says nothing when it succeeds.
// It tells whether the group is in the file, if that can be known, and counts what is in
// it and was not counted: this group, or one before whose fate was unknown.
func (s *Spool) reopen(w *work, cause error) (present, known bool) {
	s.diskMu.Lock()
	defer s.diskMu.Unlock()
	if s.disk != nil {
		if errors.Is(cause, errPanic) {
			abandon(s.disk)
		} else if err := s.disk.close(); err != nil {
			s.options.Logger.Error("spool: closing after a failure", "err", err)
		}
		s.disk = nil
	}
	s.mu.Lock()
	counted := s.sequence
	s.mu.Unlock()
	d, lines, err := s.load(counted)
	switch {
	case err == nil:
	case damaged(err):
		if err := s.restart(err); err != nil {
			return false, false
		}
		return false, true
	default:
		s.options.Logger.Error("spool: cannot be opened again", "err", err)
		return false, errors.Is(cause, errClosedDisk) // nothing was written then
	}
	s.disk = d
	s.adopt(lines)
	return len(lines) > 0 && !errors.Is(cause, errClosedDisk), true
}

// restart begins a new file in place of the damaged one; diskMu is held. What waited is
// in the old one, and what is leased is still delivered.
func (s *Spool) restart(found error) error {
	if err := s.replace(found); err != nil {
		return err
	}
	d, _, err := s.load(0)
	if err != nil {
		return err
	}
	s.disk = d
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		events, cost := l.waiting+len(l.back), l.cost
		for _, r := range l.back {
			cost += r.cost
		}
		l.waiting, l.bytes, l.cost, l.back, l.late = 0, 0, 0, nil, late{}
		s.release(events, cost)
	}
	s.acks = nil
	return nil
}
