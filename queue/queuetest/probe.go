// The probe: a queue in the hands of one check, and what a check does and expects.

package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headwater-dev/analytics"
)

const (
	// patience bounds what must happen at once; only a faulty queue uses it up.
	patience = 20 * time.Second
	// pause gives a faulty queue outside of a bubble the time to show itself.
	pause = 20 * time.Millisecond
	// forever is longer than any check takes.
	forever = 24 * time.Hour
	large   = 1 << 30
)

// Two sources, as SourceOf names them.
var (
	sourceA = analytics.SourceOf("write key a")
	sourceB = analytics.SourceOf("write key b")
)

// probe is the queue of one check.
type probe struct {
	*testing.T
	suite Suite
	queue analytics.Queue
	made  int // entries so far
}

// adopt has q closed at the end of the check.
func (p *probe) adopt(q analytics.Queue) analytics.Queue {
	p.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := q.Close(ctx); err != nil {
			p.Errorf("Close at the end: %v", err)
		}
	})
	return q
}

// settle returns when every goroutine of the check waits; outside of a bubble
// after a pause.
func (p *probe) settle() {
	if p.suite.Bubble {
		synctest.Wait()
		return
	}
	time.Sleep(pause)
}

// entries makes n entries of sourceA.
func (p *probe) entries(n int) []analytics.Entry {
	out := make([]analytics.Entry, n)
	for i := range out {
		out[i] = p.entry(sourceA, 24)
	}
	return out
}

// entry makes one entry with a body of the given size, at least 24 bytes, accepted
// now.
func (p *probe) entry(source string, size int) analytics.Entry {
	calls := [...]string{"identify", "track", "page", "screen", "group", "alias"}
	body := fmt.Appendf(nil, `{"n":%016d}`, p.made)
	body = append(body, bytes.Repeat([]byte{' '}, max(0, size-len(body)))...)
	e := analytics.Entry{
		Source: source,
		Call:   calls[p.made%len(calls)],
		ID:     fmt.Appendf(nil, "id-%d", p.made),
		Key:    fmt.Appendf(nil, "user-%d", p.made%7),
		Body:   body,
		Time:   time.Now(),
	}
	p.made++
	return e
}

// clone copies entries, so that what is expected shares no memory with what was
// given to the queue.
func clone(entries []analytics.Entry) []analytics.Entry {
	out := slices.Clone(entries)
	for i := range out {
		e := &out[i]
		e.ID, e.Key, e.Body = bytes.Clone(e.ID), bytes.Clone(e.Key), bytes.Clone(e.Body)
	}
	return out
}

// scribble overwrites the buffers of entries, as a caller that reuses them does.
func scribble(entries []analytics.Entry) {
	for i := range entries {
		e := &entries[i]
		for _, b := range [][]byte{e.ID, e.Key, e.Body} {
			for j := range b {
				b[j] = '#'
			}
		}
		entries[i] = analytics.Entry{}
	}
}

// put appends entries that there is room for.
func (p *probe) put(entries ...analytics.Entry) {
	p.Helper()
	if err := p.queue.Append(p.patient(), entries, analytics.Drop); err != nil {
		p.Fatalf("Append of %d entries: %v, want them held", len(entries), err)
	}
}

// patient returns a context that only a faulty queue sees end, after the check
// has lost its patience: its end must not do what the queue failed to do.
func (p *probe) patient() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	p.Cleanup(cancel)
	return ctx
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// atMost is a limit of n entries of sourceA that waits for ever to get them.
func atMost(n int) analytics.Limit {
	return analytics.Limit{Source: sourceA, Events: n, Bytes: large, Linger: forever}
}

// poll leases what there is, at least one entry.
func (p *probe) poll(limit analytics.Limit) analytics.Lease {
	p.Helper()
	lease, err := p.queue.Lease(ended(), limit)
	if err != nil {
		p.Fatalf("Lease with an ended ctx: %v, want the entries that wait", err)
	}
	return lease
}

// none polls and expects nothing.
func (p *probe) none(limit analytics.Limit) {
	p.Helper()
	lease, err := p.queue.Lease(ended(), limit)
	if err == nil {
		p.Fatalf("Lease gave %s, want nothing to lease", names(lease.Entries()))
	}
	if !errors.Is(err, context.Canceled) {
		p.Fatalf("Lease with nothing to take and an ended ctx: %v, want %v", err, context.Canceled)
	}
}

// lease waits for a lease that must come.
func (p *probe) lease(limit analytics.Limit) analytics.Lease {
	p.Helper()
	return p.leaseBy(limit, patience)
}

// leaseBy is lease with a patience of its own.
func (p *probe) leaseBy(limit analytics.Limit, patience time.Duration) analytics.Lease {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lease, err := p.queue.Lease(ctx, limit)
	switch {
	case err != nil:
		p.Fatalf("Lease: %v, want a lease", err)
	case ctx.Err() != nil:
		p.Fatalf("Lease gave %s only after %v, when ctx ended", names(lease.Entries()), patience)
	}
	return lease
}

// done settles every entry of a lease alike.
func (p *probe) done(lease analytics.Lease, outcome analytics.Outcome) {
	p.Helper()
	p.verdicts(lease, slices.Repeat([]analytics.Verdict{{Outcome: outcome}}, len(lease.Entries())))
}

func (p *probe) verdicts(lease analytics.Lease, verdicts []analytics.Verdict) {
	p.Helper()
	if err := lease.Done(p.patient(), verdicts); err != nil {
		p.Fatalf("Done: %v", err)
	}
}

// want compares the entries of a lease, in their order.
func (p *probe) want(lease analytics.Lease, want []analytics.Entry) {
	p.Helper()
	p.same(lease.Entries(), want)
}

// wantAgain compares entries leased before, which may come reordered.
func (p *probe) wantAgain(lease analytics.Lease, want []analytics.Entry) {
	p.Helper()
	got := lease.Entries()
	if p.suite.Reordered {
		byID := func(a, b analytics.Entry) int { return bytes.Compare(a.ID, b.ID) }
		got, want = slices.SortedFunc(slices.Values(got), byID), slices.SortedFunc(slices.Values(want), byID)
	}
	p.same(got, want)
}

func (p *probe) same(got, want []analytics.Entry) {
	p.Helper()
	if len(got) != len(want) {
		p.Fatalf("leased %s, want %s", names(got), names(want))
	}
	for i := range got {
		if why := differ(&got[i], &want[i]); why != "" {
			p.Fatalf("leased %s, want %s: entry %d: %s", names(got), names(want), i, why)
		}
	}
}

// differ says in what two entries differ. A queue may keep times to the
// microsecond and without their zone.
func differ(got, want *analytics.Entry) string {
	switch {
	case !bytes.Equal(got.ID, want.ID):
		return fmt.Sprintf("ID is %q, want %q", got.ID, want.ID)
	case got.Source != want.Source:
		return fmt.Sprintf("Source is %q, want %q", got.Source, want.Source)
	case got.Call != want.Call:
		return fmt.Sprintf("Call is %q, want %q", got.Call, want.Call)
	case !bytes.Equal(got.Key, want.Key):
		return fmt.Sprintf("Key is %q, want %q", got.Key, want.Key)
	case !bytes.Equal(got.Body, want.Body):
		return fmt.Sprintf("Body of %d bytes is not the one of %d bytes appended", len(got.Body), len(want.Body))
	case got.Time.Sub(want.Time).Abs() > time.Microsecond:
		return fmt.Sprintf("Time is %v, want %v", got.Time, want.Time)
	}
	return ""
}

// names lists the ids of entries.
func names(entries []analytics.Entry) string {
	if len(entries) == 0 {
		return "nothing"
	}
	out := make([]string, 0, len(entries))
	for i := range entries {
		if i == 8 {
			out = append(out, fmt.Sprintf("and %d more", len(entries)-i))
			break
		}
		out = append(out, string(entries[i].ID))
	}
	return fmt.Sprint(out)
}

// stats expects these counts: at once, and of a shared queue, which may learn of
// them late, in the end.
func (p *probe) stats(waiting, leased int) {
	p.Helper()
	var s analytics.QueueStats
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		s = p.queue.Stats()
		right := s.Waiting == waiting && s.Leased == leased && (s.Bytes > 0) == (waiting+leased > 0)
		if right {
			return
		}
		if p.suite.Join == nil || time.Now().After(deadline) {
			p.Fatalf("Stats: %d waiting, %d leased, %d bytes; want %d and %d, and bytes only when there are entries",
				s.Waiting, s.Leased, s.Bytes, waiting, leased)
		}
	}
}

// pending is a call that may block.
type pending[T any] struct {
	p     *probe
	done  chan struct{}
	value T
	err   error
}

// start makes a call on a goroutine of its own, which the end of the check waits
// for.
func start[T any](p *probe, call func() (T, error)) *pending[T] {
	c := &pending[T]{p: p, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.value, c.err = call()
	}()
	p.Cleanup(func() { c.join() })
	return c
}

// startAppend starts an Append under Block.
func (p *probe) startAppend(ctx context.Context, entries ...analytics.Entry) *pending[struct{}] {
	return start(p, func() (struct{}, error) {
		return struct{}{}, p.queue.Append(ctx, entries, analytics.Block)
	})
}

// startLease starts a Lease.
func (p *probe) startLease(ctx context.Context, limit analytics.Limit) *pending[analytics.Lease] {
	return start(p, func() (analytics.Lease, error) { return p.queue.Lease(ctx, limit) })
}

func (c *pending[T]) join() bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}

// wait returns what the call returned, which it must have done by now.
func (c *pending[T]) wait() (T, error) {
	c.p.Helper()
	if !c.join() {
		c.p.Fatalf("still blocked after %v", patience)
	}
	return c.value, c.err
}

// must is wait for a call that succeeds.
func (c *pending[T]) must() T {
	c.p.Helper()
	value, err := c.wait()
	if err != nil {
		c.p.Fatalf("got the error %v, want none", err)
	}
	return value
}

// blocks expects that the call has not returned.
func (c *pending[T]) blocks() {
	c.p.Helper()
	c.p.settle()
	select {
	case <-c.done:
		c.p.Fatalf("returned with the error %v, want it to block", c.err)
	default:
	}
}

// wantErr expects an error.
func (p *probe) wantErr(what string, err, want error) {
	p.Helper()
	if !errors.Is(err, want) {
		p.Fatalf("%s: got the error %v, want %v", what, err, want)
	}
}
