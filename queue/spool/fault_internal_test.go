// Faults: the disk fails at every operation in turn, in every way, and nothing that was accepted is lost.

package spool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/headwater-dev/analytics"
)

// fault is a way for an operation to fail.
type fault struct {
	name string
	err  error
	when moment
	run  int // how many operations in a row
}

// moment of an operation at which it fails.
type moment int

const (
	before moment = iota // nothing was done
	within               // part of it was done, and taken back
	after                // it was done, and fails all the same
	broken               // it panics
)

var faults = []fault{
	{"EIO", syscall.EIO, before, 1},
	{"ENOSPC", syscall.ENOSPC, before, 1},
	{"EPERM", syscall.EPERM, before, 1},
	{"EIO within", syscall.EIO, within, 1},
	{"EIO after the commit", syscall.EIO, after, 1},
	{"panic", nil, broken, 1},
	{"EIO twice", syscall.EIO, before, 2},
	{"EIO after the commit, and at what comes next", syscall.EIO, after, 2},
	{"ENOSPC for a while", syscall.ENOSPC, before, 7},
	{"EIO after the commit for a while", syscall.EIO, after, 7},
	{"panics", nil, broken, 3},
}

// faulty is an opener of files that fail at the operations from first on.
type faulty struct {
	fault
	first int

	mu    sync.Mutex
	count int  // operations so far
	met   bool // a fault has happened
	over  bool // none happens any more
}

// fails counts an operation and tells whether it is to fail.
func (f *faulty) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	fails := !f.over && f.count >= f.first && f.count < f.first+f.run
	f.met = f.met || fails
	return fails
}

func (f *faulty) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
}

func (f *faulty) open(path string, maxSize int64) (disk, error) {
	fails := f.fails()
	if fails && f.when == before {
		return nil, f.err
	}
	d, err := openFile(path, maxSize)
	if err != nil {
		return nil, err
	}
	if fails && (f.when == after || f.when == within) {
		return nil, errors.Join(f.err, d.close())
	}
	return &faultyDisk{file: d.(*file), f: f}, nil
}

type faultyDisk struct {
	*file
	f *faulty
}

func (d *faultyDisk) transaction(begin func(func(*bbolt.Tx) error) error, fn func(*bbolt.Tx) error) error {
	if !d.f.fails() {
		return begin(fn)
	}
	switch d.f.when {
	case before:
		return d.f.err
	case after:
		return errors.Join(begin(fn), d.f.err)
	default:
		return begin(func(tx *bbolt.Tx) error {
			err := fn(tx)
			if d.f.when == broken {
				panic("a fault")
			}
			return errors.Join(err, d.f.err)
		})
	}
}

func (d *faultyDisk) update(fn func(*bbolt.Tx) error) error { return d.transaction(d.file.update, fn) }
func (d *faultyDisk) forget(fn func(*bbolt.Tx) error) error { return d.transaction(d.file.forget, fn) }
func (d *faultyDisk) view(fn func(*bbolt.Tx) error) error   { return d.transaction(d.file.view, fn) }

func (d *faultyDisk) size() (int64, error) {
	if d.f.fails() && d.f.err != nil {
		return 0, d.f.err
	}
	return d.file.size()
}

func (d *faultyDisk) close() error {
	if d.f.fails() {
		return errors.Join(d.file.close(), d.f.err)
	}
	return d.file.close()
}

// history is what a scenario was told.
type history struct {
	t        *testing.T
	what     string
	spool    *Spool
	accepted map[string]bool
	unknown  map[string]bool
	done     map[string]bool
	next     int
}

func (h *history) append(source string, count int) {
	var entries []analytics.Entry
	for range count {
		h.next++
		id := fmt.Sprintf("%s-%03d", source, h.next)
		entries = append(entries, analytics.Entry{Source: source, Call: "track", ID: []byte(id), Body: []byte(`{"n":"` + id + `"}`), Time: time.Now()})
	}
	err := h.spool.Append(h.t.Context(), entries, analytics.Drop)
	list := h.accepted
	if err != nil {
		require.ErrorIs(h.t, err, ErrStorage, h.what)
		require.Error(h.t, h.spool.Stats().Err, "%s: Append gives %v, Stats.Err is nil", h.what, err)
		list = map[string]bool{}
		if errors.Is(err, analytics.ErrUnknownOutcome) {
			list = h.unknown
		}
	} else {
		h.healthy()
	}
	for _, e := range entries {
		list[string(e.ID)] = true
	}
}

// healthy requires that Stats shows nothing but damage that was found before.
func (h *history) healthy() {
	var corrupt *CorruptError
	if err := h.spool.Stats().Err; err != nil {
		require.ErrorAs(h.t, err, &corrupt, h.what)
	}
}

// lease takes at most count entries and gives each the outcome; without a count, all
// there are.
func (h *history) lease(source string, count int, outcome analytics.Outcome) {
	ctx, cancel := context.WithCancel(h.t.Context())
	cancel()
	lease, err := h.spool.Lease(ctx, analytics.Limit{Source: source, Events: count, Bytes: 1 << 20})
	if errors.Is(err, context.Canceled) {
		return
	}
	if err != nil {
		require.ErrorIs(h.t, err, ErrStorage, h.what)
		require.Error(h.t, h.spool.Stats().Err, h.what)
		return
	}
	verdicts := make([]analytics.Verdict, len(lease.Entries()))
	for i, e := range lease.Entries() {
		id := string(e.ID)
		require.True(h.t, h.accepted[id] || h.unknown[id], "%s: %s was leased and not accepted", h.what, id)
		require.False(h.t, h.done[id], "%s: %s was leased after it was Done", h.what, id)
		require.Equal(h.t, `{"n":"`+id+`"}`, string(e.Body), h.what)
		h.done[id] = outcome != analytics.RetryAfter
		verdicts[i] = analytics.Verdict{Outcome: outcome, Err: errors.New("400 Bad Request")}
	}
	require.NoError(h.t, lease.Done(h.t.Context(), verdicts), h.what)
}

// scenario uses everything that touches the disk.
func (h *history) scenario() {
	h.append("a", 3)
	h.append("b", 2)
	h.lease("a", 2, analytics.Delivered)
	h.append("a", 1)
	h.lease("b", 1, analytics.Rejected)
	h.lease("b", 1, analytics.RetryAfter)
	time.Sleep(2 * ackWithin)
	h.append("b", 4)
	h.lease("b", 2, analytics.RetryAfter)
	h.lease("b", 2, analytics.Delivered)
	h.append("a", 2)
	if err := h.spool.Drop("b", 4); err != nil && !errors.Is(err, errNoLetter) {
		require.Error(h.t, h.spool.Stats().Err, h.what)
	}
	h.append("c", 2)
	h.lease("a", 1, analytics.Delivered)
	time.Sleep(2 * ackWithin)
}

// inUse reads what waits in the file, by id, from the directory of a closed spool.
func (h *history) inUse(dir string) map[string]bool {
	s, err := Open(dir, nil)
	require.NoError(h.t, err, h.what)
	h.spool = s
	found := map[string]bool{}
	ctx, cancel := context.WithCancel(h.t.Context())
	cancel()
	for _, source := range []string{"a", "b", "c"} {
		for {
			lease, err := s.Lease(ctx, analytics.Limit{Source: source, Events: 100, Bytes: 1 << 20})
			if errors.Is(err, context.Canceled) {
				break
			}
			require.NoError(h.t, err, h.what)
			for _, e := range lease.Entries() {
				require.False(h.t, found[string(e.ID)], "%s: %s is there twice", h.what, e.ID)
				found[string(e.ID)] = true
			}
			require.NoError(h.t, lease.Done(h.t.Context(), deliver(len(lease.Entries()))), h.what)
		}
	}
	require.Equal(h.t, analytics.QueueStats{Durable: true}, s.Stats(), h.what)
	require.NoError(h.t, s.Close(h.t.Context()), h.what)
	return found
}

func deliver(n int) []analytics.Verdict {
	verdicts := make([]analytics.Verdict, n)
	for i := range verdicts {
		verdicts[i].Outcome = analytics.Delivered
	}
	return verdicts
}

// play runs the scenario with a fault, and tells whether it was met.
func (f *faulty) play(t *testing.T, dir string) bool {
	h := &history{
		t: t, what: fmt.Sprintf("%s at operation %d", f.name, f.first),
		accepted: map[string]bool{}, unknown: map[string]bool{}, done: map[string]bool{},
	}
	s, err := Open(dir, &Options{open: f.open, shrinkFrom: 1})
	if err == nil {
		h.spool = s
		h.scenario()
		f.end()
		time.Sleep(4 * mendWithin)
		h.healthy()
		h.append("c", 1)
		h.required(s)
		require.NoError(t, errors.Join(s.Close(t.Context()), s.Close(t.Context())), h.what)
	} else if f.when != broken {
		require.ErrorIs(t, err, f.err, h.what)
	}
	var corrupt *CorruptError
	aside := s != nil && errors.As(s.Stats().Err, &corrupt) && corrupt.Path != ""
	found := h.inUse(dir)
	for id := range h.accepted {
		require.True(t, aside || h.done[id] || found[id], "%s: %s was accepted and is lost", h.what, id)
	}
	for id := range found {
		require.True(t, h.accepted[id] || h.unknown[id], "%s: %s was not accepted and is there", h.what, id)
		require.False(t, h.done[id], "%s: %s was Done and is there", h.what, id)
	}
	return f.met
}

// required has this process lease what was accepted, with which it must not wait for the
// next one, and gives it back.
func (h *history) required(s *Spool) {
	waiting, counted := map[string]bool{}, s.Stats().Waiting
	for _, source := range []string{"a", "b", "c"} {
		ctx, cancel := context.WithCancel(h.t.Context())
		cancel()
		lease, err := s.Lease(ctx, analytics.Limit{Source: source, Events: 100, Bytes: 1 << 20})
		if errors.Is(err, context.Canceled) {
			continue
		}
		require.NoError(h.t, err, h.what)
		verdicts := make([]analytics.Verdict, len(lease.Entries()))
		for i, e := range lease.Entries() {
			waiting[string(e.ID)] = true
			verdicts[i].Outcome = analytics.RetryAfter
		}
		require.NoError(h.t, lease.Done(h.t.Context(), verdicts), h.what)
	}
	require.Len(h.t, waiting, counted, "%s: Stats.Waiting", h.what)
	var corrupt *CorruptError
	if errors.As(s.Stats().Err, &corrupt) && corrupt.Path != "" {
		return
	}
	for id := range h.accepted {
		require.True(h.t, h.done[id] || waiting[id], "%s: %s was accepted and this process does not lease it", h.what, id)
	}
}

func TestAFaultAtEveryOperation(t *testing.T) {
	t.Parallel()
	for _, kind := range faults {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			for met := true; met; runs++ {
				dir := t.TempDir()
				f := &faulty{fault: kind, first: runs + 1}
				synctest.Test(t, func(t *testing.T) { met = f.play(t, dir) })
				require.Less(t, runs, 1000)
			}
			t.Logf("%d operations", runs-1)
			require.Greater(t, runs, 20)
		})
	}
}
