// The memory queue: the conformance suite, and what it promises beyond it: no allocations, bounded memory, any sizes.

package analytics_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/queuetest"
)

func openMemory(_ *testing.T, maxEvents, maxBytes int) analytics.Queue {
	return analytics.NewMemoryQueue(maxEvents, maxBytes)
}

func TestMemoryQueueKeepsTheLaw(t *testing.T) {
	t.Run("in a bubble", queuetest.Suite{Open: openMemory, Bubble: true}.Run)
	t.Run("in real time", func(t *testing.T) { queuetest.Run(t, openMemory) })
}

const memorySource = "00c0ffee00c0ffee"

// drained is a context that has ended: a Lease with it is a poll.
func drained() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func entryOf(id string, size int) analytics.Entry {
	return analytics.Entry{
		Source: memorySource, Call: "track", ID: []byte(id), Key: []byte("user"),
		Body: bytes.Repeat([]byte{'x'}, size), Time: time.Now(),
	}
}

func TestMemoryQueueDefaults(t *testing.T) {
	for _, bound := range []int{0, -1} {
		q := analytics.NewMemoryQueue(bound, bound)
		entries := []analytics.Entry{entryOf("1", 100)}
		for range 10_000 {
			require.NoError(t, q.Append(t.Context(), entries, analytics.Drop))
		}
		require.ErrorIs(t, q.Append(t.Context(), entries, analytics.Drop), analytics.ErrQueueFull)
		require.Equal(t, 10_000, q.Stats().Waiting)

		q = analytics.NewMemoryQueue(bound, bound)
		entries[0] = entryOf("1", 1<<20)
		for range 31 {
			require.NoError(t, q.Append(t.Context(), entries, analytics.Drop))
		}
		require.ErrorIs(t, q.Append(t.Context(), entries, analytics.Drop), analytics.ErrQueueFull)
		require.LessOrEqual(t, q.Stats().Bytes, int64(32<<20))
	}
}

// A verdict nobody gave must not lose an entry.
func TestMemoryLeaseRefusesUnknownOutcomes(t *testing.T) {
	q := analytics.NewMemoryQueue(0, 0)
	require.NoError(t, q.Append(t.Context(), []analytics.Entry{entryOf("1", 10), entryOf("2", 10)}, analytics.Drop))
	lease, err := q.Lease(drained(), analytics.Limit{Source: memorySource, Events: 2, Bytes: 1000})
	require.NoError(t, err)
	for _, outcome := range []analytics.Outcome{-1, 0, 4} {
		require.Error(t, lease.Done(t.Context(), []analytics.Verdict{{Outcome: analytics.Delivered}, {Outcome: outcome}}))
		require.Equal(t, 2, q.Stats().Leased)
	}
	verdicts := []analytics.Verdict{{Outcome: analytics.Delivered}, {Outcome: analytics.Rejected}}
	require.NoError(t, lease.Done(t.Context(), verdicts))
	require.Error(t, lease.Done(t.Context(), verdicts), "a second Done")
	require.Error(t, lease.Done(t.Context(), nil), "a third")
	require.Zero(t, q.Stats())
}

// An entry stamped ahead of the clock must not wait longer than Linger 0 says.
func TestMemoryQueueClockSetBack(t *testing.T) {
	q := analytics.NewMemoryQueue(0, 0)
	e := entryOf("1", 10)
	e.Time = time.Now().Add(time.Hour)
	require.NoError(t, q.Append(t.Context(), []analytics.Entry{e}, analytics.Drop))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := q.Lease(ctx, analytics.Limit{Source: memorySource, Events: 9, Bytes: 1000})
	require.NoError(t, err)
	require.NoError(t, ctx.Err())
}

// When Done lets blocked entries in and they fill the queue, it is full again,
// and the batch is cut again.
func TestMemoryQueueFullAfterTheBlockedCameIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := analytics.NewMemoryQueue(2, 0)
		limit := analytics.Limit{Source: memorySource, Events: 9, Bytes: 1000, Linger: time.Hour}
		require.NoError(t, q.Append(t.Context(), []analytics.Entry{entryOf("1", 10), entryOf("2", 10)}, analytics.Drop))
		start := time.Now()
		var in sync.WaitGroup
		in.Go(func() {
			require.NoError(t, q.Append(t.Context(), []analytics.Entry{entryOf("3", 10), entryOf("4", 10)}, analytics.Block))
		})
		synctest.Wait()
		lease, err := q.Lease(t.Context(), limit)
		require.NoError(t, err)
		require.NoError(t, lease.Done(t.Context(), []analytics.Verdict{{Outcome: analytics.Delivered}, {Outcome: analytics.Delivered}}))
		in.Wait()
		lease, err = q.Lease(t.Context(), limit)
		require.NoError(t, err)
		require.Len(t, lease.Entries(), 2)
		require.Zero(t, time.Since(start))
	})
}

// 64 goroutines append, lease, give back, poll and give up at once, for the race
// detector and for the books.
func TestMemoryQueueUnderRace(t *testing.T) {
	const workers, each = 32, 200
	q := analytics.NewMemoryQueue(100, 1<<20)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all, stop := context.WithCancel(ctx)
	defer stop()
	var accepted, delivered atomic.Int64
	var in, out sync.WaitGroup
	for n := range workers {
		in.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for i := range each {
				impatient, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(2000))*time.Microsecond)
				err := q.Append(impatient, []analytics.Entry{entryOf(fmt.Sprint(n, i), random.IntN(9000))}, analytics.WhenFull(1+random.IntN(2)))
				cancel()
				if err == nil {
					accepted.Add(1)
				}
				q.Stats()
			}
		})
		out.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(n)))
			for all.Err() == nil {
				lease, err := q.Lease(all, analytics.Limit{
					Source: memorySource, Events: 1 + random.IntN(30), Bytes: random.IntN(60_000), Linger: time.Duration(random.IntN(2000)) * time.Microsecond,
				})
				if err != nil {
					continue
				}
				verdicts := make([]analytics.Verdict, len(lease.Entries()))
				for i := range verdicts {
					verdicts[i].Outcome = analytics.Outcome(1 + random.IntN(3))
					if verdicts[i].Outcome != analytics.RetryAfter {
						delivered.Add(1)
					}
				}
				if err := lease.Done(ctx, verdicts); err != nil {
					t.Error(err)
				}
			}
		})
	}
	in.Wait()
	for q.Stats().Waiting+q.Stats().Leased > 0 && ctx.Err() == nil {
		lease, err := q.Lease(drained(), analytics.Limit{Source: memorySource, Events: 100, Bytes: 1 << 30})
		if err != nil {
			continue
		}
		verdicts := make([]analytics.Verdict, len(lease.Entries()))
		for i := range verdicts {
			verdicts[i].Outcome = analytics.Delivered
			delivered.Add(1)
		}
		require.NoError(t, lease.Done(ctx, verdicts))
	}
	stop()
	out.Wait()
	require.Equal(t, accepted.Load(), delivered.Load())
	require.Zero(t, q.Stats())
}

func TestMemoryQueueAllocatesNothing(t *testing.T) {
	q := analytics.NewMemoryQueue(0, 0)
	entries := []analytics.Entry{entryOf("6f1f5be0-8c4e-4d7c-9be9-6a1d9df2b1c6", 700)}
	limit := analytics.Limit{Source: memorySource, Events: 50, Bytes: 1 << 20}
	delivered := make([]analytics.Verdict, 50)
	for i := range delivered {
		delivered[i].Outcome = analytics.Delivered
	}
	ctx := t.Context()
	round := func() {
		for range 50 {
			if err := q.Append(ctx, entries, analytics.Drop); err != nil {
				t.Error(err)
			}
		}
		lease, err := q.Lease(ctx, limit)
		if err != nil {
			t.Error(err)
			return
		}
		if err := lease.Done(ctx, delivered[:len(lease.Entries())]); err != nil {
			t.Error(err)
		}
	}
	round()
	require.Zero(t, testing.AllocsPerRun(200, round))
}

// FuzzMemoryQueue reads a program of appends, leases and verdicts from its input.
// Whatever the order, the bodies stay intact and the books come out even.
func FuzzMemoryQueue(f *testing.F) {
	f.Add([]byte("\x00\x10\x00\x00\x20\x00\x04\x02\x08\x00"))
	f.Add([]byte("\x00\xff\xff\x00\xff\xff\x00\x01\x00\x04\x01\x04\x01\x0b\x00\x08\x01\x00\x00\xf0\x04\x05"))
	f.Add(bytes.Repeat([]byte{0, 0, 16, 0, 200, 60, 4, 3, 9, 1}, 30))
	f.Fuzz(func(t *testing.T, program []byte) {
		m := &fuzzed{t: t, queue: analytics.NewMemoryQueue(64, 1<<20)}
		for len(program) > 0 {
			program = m.step(program)
		}
		for m.lease(64) {
		}
		for len(m.leases) > 0 {
			m.done(0, analytics.Delivered)
			for m.lease(64) {
			}
		}
		require.Zero(t, m.queue.Stats())
		require.Equal(t, m.appended, m.settled)
	})
}

type fuzzed struct {
	t                 *testing.T
	queue             *analytics.MemoryQueue
	leases            []analytics.Lease
	appended, settled int
}

// step carries out the first instruction of program and returns the rest.
func (m *fuzzed) step(program []byte) []byte {
	op, rest := program[0], program[1:]
	arg := 0
	if len(rest) > 0 {
		arg = int(rest[0])
	}
	switch op % 12 {
	case 0, 1, 2, 3:
		if len(rest) < 2 {
			return nil
		}
		m.append(1 + int(binary.LittleEndian.Uint16(rest))*70<<10/0xffff)
		return rest[2:]
	case 4, 5, 6, 7:
		m.lease(1 + arg%9)
	case 8, 9:
		m.done(arg, analytics.Delivered)
	case 10:
		m.done(arg, analytics.Rejected)
	default:
		m.done(arg, analytics.RetryAfter)
	}
	return rest[min(1, len(rest)):]
}

// append appends a body of size bytes that its id can be told from.
func (m *fuzzed) append(size int) {
	id := binary.LittleEndian.AppendUint32(nil, uint32(m.appended))
	id = binary.LittleEndian.AppendUint32(id, uint32(size))
	e := analytics.Entry{
		Source: memorySource, Call: "track", ID: id, Key: id[:m.appended%5],
		Body: bytes.Repeat([]byte{byte(m.appended)}, size), Time: time.Now(),
	}
	before := m.queue.Stats()
	err := m.queue.Append(m.t.Context(), []analytics.Entry{e}, analytics.Drop)
	if err != nil {
		require.ErrorIs(m.t, err, analytics.ErrQueueFull)
		require.True(m.t, before.Waiting+before.Leased == 64 || before.Bytes+int64(size) > 1<<20-200, "refused with room: %+v", before)
		return
	}
	m.appended++
	clear(e.Body)
	clear(e.ID)
}

func (m *fuzzed) lease(events int) bool {
	lease, err := m.queue.Lease(drained(), analytics.Limit{Source: memorySource, Events: events, Bytes: 200_000})
	if err != nil {
		require.ErrorIs(m.t, err, context.Canceled)
		require.Zero(m.t, m.queue.Stats().Waiting)
		return false
	}
	m.leases = append(m.leases, lease)
	return true
}

// done looks at the entries of one lease and settles them alike.
func (m *fuzzed) done(i int, outcome analytics.Outcome) {
	if len(m.leases) == 0 {
		return
	}
	i %= len(m.leases)
	lease := m.leases[i]
	m.leases = append(m.leases[:i], m.leases[i+1:]...)
	entries := lease.Entries()
	last := -1
	for _, e := range entries {
		n, size := int(binary.LittleEndian.Uint32(e.ID)), int(binary.LittleEndian.Uint32(e.ID[4:]))
		require.Greater(m.t, n, last, "order")
		last = n
		require.Equal(m.t, e.ID[:n%5], e.Key)
		require.Len(m.t, e.Body, size)
		require.Equal(m.t, size, bytes.Count(e.Body, []byte{byte(n)}))
	}
	verdicts := make([]analytics.Verdict, len(entries))
	for i := range verdicts {
		verdicts[i].Outcome = outcome
	}
	require.NoError(m.t, lease.Done(m.t.Context(), verdicts))
	if outcome != analytics.RetryAfter {
		m.settled += len(entries)
	}
}

func BenchmarkMemoryQueueAppend(b *testing.B) {
	for _, size := range []int{300, 1000, 8000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			q := analytics.NewMemoryQueue(0, 0)
			entries := []analytics.Entry{entryOf("6f1f5be0-8c4e-4d7c-9be9-6a1d9df2b1c6", size)}
			limit := analytics.Limit{Source: memorySource, Events: 250, Bytes: 500_000}
			verdicts := make([]analytics.Verdict, 250)
			for i := range verdicts {
				verdicts[i].Outcome = analytics.Delivered
			}
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for n := 0; b.Loop(); n++ {
				if err := q.Append(b.Context(), entries, analytics.Drop); err != nil {
					b.Fatal(err)
				}
				if n%250 != 249 {
					continue
				}
				for q.Stats().Waiting > 0 {
					lease, err := q.Lease(b.Context(), limit)
					if err != nil {
						b.Fatal(err)
					}
					if err := lease.Done(b.Context(), verdicts[:len(lease.Entries())]); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkMemoryQueueParallel(b *testing.B) {
	q := analytics.NewMemoryQueue(0, 0)
	ctx, stop := context.WithCancel(b.Context())
	var out sync.WaitGroup
	out.Go(func() {
		limit := analytics.Limit{Source: memorySource, Events: 250, Bytes: 500_000, Linger: time.Millisecond}
		verdicts := make([]analytics.Verdict, 250)
		for i := range verdicts {
			verdicts[i].Outcome = analytics.Delivered
		}
		for {
			lease, err := q.Lease(ctx, limit)
			if err != nil {
				return
			}
			if err := lease.Done(ctx, verdicts[:len(lease.Entries())]); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		entries := []analytics.Entry{entryOf("6f1f5be0-8c4e-4d7c-9be9-6a1d9df2b1c6", 700)}
		for pb.Next() {
			entries[0].Time = time.Now()
			if err := q.Append(ctx, entries, analytics.Block); err != nil {
				b.Error(err)
				return
			}
		}
	})
	stop()
	out.Wait()
}
