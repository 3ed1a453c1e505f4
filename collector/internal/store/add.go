// Add: one request in.

package store

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// What a row takes beside its texts and blobs, with its share of pages and indexes.
const (
	requestBytes = 100
	callBytes    = 30
)

// Add stores a request and returns when it is committed; its calls then have
// their ids. A call whose messageId was stored in the last 24 hours, of
// whatever source, keeps ID 0 and counts as a duplicate only.
//
// An error means that nothing of r is stored. Add may be tried again: a full
// disk refuses requests until there is room. When ctx ends before the request's
// turn, its error is returned; a request whose turn has come is waited for, so
// that the answer is certain. The store keeps nothing of r.
func (s *Store) Add(ctx context.Context, r *Request) error {
	a, err := s.newAddition(r)
	if err != nil {
		return fmt.Errorf("store: add: %w", err)
	}
	if len(r.Calls) == 0 {
		return nil
	}
	if s.isClosing() {
		return ErrClosed
	}
	select {
	case s.writer.adds <- a:
	case <-s.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("store: add: %w", ctx.Err())
	}
	if err := <-a.done; err != nil {
		return fmt.Errorf("store: add: %w", s.writer.db.explain(err))
	}
	return nil
}

// newAddition does on the caller's goroutine what needs no database.
func (s *Store) newAddition(r *Request) (*addition, error) {
	a := &addition{request: r, fingerprints: make([]uint64, len(r.Calls)), done: make(chan error, 1)}
	for i := range r.Calls {
		c := &r.Calls[i]
		if c.Step < Failed || c.Step > Eligible {
			return nil, fmt.Errorf("call %d of %d has no step", i+1, len(r.Calls))
		}
		c.ID = 0
		if !c.Assigned && c.MessageID != "" {
			a.fingerprints[i] = fingerprint(c)
		}
	}
	var err error
	a.raws, err = s.packer.pack(r.Calls)
	return a, err
}

// bytes is what the request takes without its calls, roughly.
func (a *addition) bytes() int {
	r := a.request
	return requestBytes + len(a.raws) + len(r.IP) + len(r.UserAgent) + len(r.Context) + len(r.Integrations) + len(r.SentAt)
}

// add stores a batch in one transaction. When that fails each request gets one
// of its own, so that it fails for its own faults only.
func (w *writer) add(batch []*addition) {
	known := batch[:0]
	for _, a := range batch {
		if !w.sources[a.request.Source] {
			a.done <- fmt.Errorf("no source %d", a.request.Source)
			continue
		}
		known = append(known, a)
	}
	if len(known) == 0 {
		return
	}
	err := w.commit(known)
	if err != nil && len(known) > 1 {
		for _, a := range known {
			a.done <- w.commit([]*addition{a})
		}
		return
	}
	for _, a := range known {
		a.done <- err
	}
}

// commit stores a batch, or nothing of it.
func (w *writer) commit(batch []*addition) error {
	if early := w.dedup.begin(w.now()); early > 0 {
		w.log.Warn("store: more messageIds than are remembered, the oldest are forgotten early",
			"limit", w.dedup.limit, "minutes", early)
	}
	before := w.state
	err := w.transact(func(t *session) error {
		for _, a := range batch {
			if err := w.insert(t, a); err != nil {
				return err
			}
		}
		if err := w.tally.save(t); err != nil {
			return err
		}
		if err := w.dedup.save(t); err != nil {
			return err
		}
		return w.saveState(t, before)
	})
	w.tally.reset()
	if err != nil {
		w.state = before
		w.labels.rollback()
		w.dedup.rollback()
		for _, a := range batch {
			for i := range a.request.Calls {
				a.request.Calls[i].ID = 0
			}
		}
		return err
	}
	w.labels.commit()
	w.dedup.commit()
	return nil
}

// insert writes the rows of one request and counts them.
func (w *writer) insert(t *session, a *addition) error {
	r := a.request
	first := w.next
	stored := int64(a.bytes())
	at := place{}
	counts := w.tally.request(r.Source, r.ReceivedAt)
	for i := range r.Calls {
		c := &r.Calls[i]
		at = place{at.start + at.size, len(c.Raw)}
		if f := a.fingerprints[i]; f != 0 && !w.dedup.add(f) {
			counts.duplicate()
			continue
		}
		c.ID = w.next
		size, err := w.insertCall(t, r.Source, c, at, &counts)
		if err != nil {
			return err
		}
		w.next++
		stored += int64(size)
	}
	if w.next == first {
		return nil
	}
	w.bytes += stored
	return t.exec(`INSERT INTO requests (id, source, received_at, calls, bytes, ip, user_agent, context, integrations, sent_at, raws) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		first, r.Source, r.ReceivedAt.UnixMilli(), w.next-first, stored, r.IP, r.UserAgent, r.Context, r.Integrations, r.SentAt, a.raws)
}

// insertCall writes the row of one call and returns its size, roughly.
func (w *writer) insertCall(t *session, source int64, c *Call, at place, counts *counts) (int, error) {
	typ, typeColumn, err := w.labels.intern(t, source, kindType, c.Type)
	if err != nil {
		return 0, err
	}
	event, eventColumn, err := w.labels.intern(t, source, kindEvent, c.Event)
	if err != nil {
		return 0, err
	}
	version, versionColumn, err := w.labels.intern(t, source, kindVersion, c.Version)
	if err != nil {
		return 0, err
	}
	verdict, verdictColumn, err := w.labels.intern(t, source, kindVerdict, c.Verdict)
	if err != nil {
		return 0, err
	}
	counts.call(c.ID, c.Step, [...]int64{typ, event, version, verdict})
	size := callBytes + len(c.MessageID) + len(c.Reason)
	for _, column := range [...]driver.Value{typeColumn, eventColumn, versionColumn, verdictColumn} {
		if text, ok := column.(string); ok {
			size += len(text)
		}
	}
	return size, t.exec(`INSERT INTO calls (id, type, event, version, verdict, step, assigned, message_id, reason, start, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, typeColumn, eventColumn, versionColumn, verdictColumn, int64(c.Step), c.Assigned, c.MessageID, c.Reason, int64(at.start), int64(at.size))
}
