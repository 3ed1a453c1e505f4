// What the memory queue keeps to itself: lanes and segments, which nothing outside can count.

package analytics

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// through has n entries of a source appended, leased and delivered.
func through(t *testing.T, q *MemoryQueue, source string, n, size int) {
	t.Helper()
	entries := make([]Entry, n)
	verdicts := make([]Verdict, n)
	for i := range entries {
		entries[i] = Entry{Source: source, Body: make([]byte, size), Time: time.Now()}
		verdicts[i].Outcome = Delivered
	}
	require.NoError(t, q.Append(t.Context(), entries, Drop))
	lease, err := q.Lease(t.Context(), Limit{Source: source, Events: n, Bytes: n * size})
	require.NoError(t, err)
	require.Len(t, lease.Entries(), n)
	require.NoError(t, lease.Done(t.Context(), verdicts))
}

// Sources that come and go leave no lane, and no segment but the spare ones.
func TestMemoryQueueForgetsSources(t *testing.T) {
	q := NewMemoryQueue(0, 0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 1000 {
		through(t, q, fmt.Sprint("source ", i), 1, 100)
		_, err := q.Lease(ended, Limit{Source: fmt.Sprint("stranger ", i), Events: 1})
		require.ErrorIs(t, err, context.Canceled)
	}
	require.LessOrEqual(t, len(q.lanes), 1)
	require.LessOrEqual(t, len(q.spare), 2)
}

// A burst leaves 4 MiB, and large segments go with their entries.
func TestMemoryQueueKeepsFewSegments(t *testing.T) {
	q := NewMemoryQueue(0, 0)
	through(t, q, "a", 9000, 3000)
	require.Len(t, q.spare, spareSegments)
	through(t, q, "a", 20, 1<<20)
	require.Len(t, q.spare, spareSegments)
	for _, s := range q.spare {
		require.Equal(t, segmentBytes, cap(s.buf))
		require.Empty(t, s.buf)
		require.LessOrEqual(t, len(s.slots[:cap(s.slots)]), 2*segmentSlots)
	}
}

// Entries without bytes fill segments too.
func TestSegmentBoundsItsSlots(t *testing.T) {
	q := NewMemoryQueue(0, 0)
	through(t, q, "a", 5*segmentSlots, 0)
	require.Len(t, q.spare, 4)
	l := q.lanes["a"]
	require.Same(t, l.head, l.tail)
	require.Zero(t, l.tail.live)
}

// Entries still leased when the queue closes are the last it holds on to.
func TestMemoryQueueCloseLetsGo(t *testing.T) {
	q := NewMemoryQueue(0, 0)
	through(t, q, "a", 500, 1000)
	entries := []Entry{{Source: "a", Body: make([]byte, 100)}, {Source: "a", Body: make([]byte, 100)}}
	require.NoError(t, q.Append(t.Context(), entries, Drop))
	lease, err := q.Lease(t.Context(), Limit{Source: "a", Events: 1})
	require.NoError(t, err)
	require.NoError(t, q.Close(t.Context()))
	require.Equal(t, QueueStats{Leased: 1, Bytes: costOf(&entries[0])}, q.Stats())
	require.NoError(t, lease.Done(t.Context(), []Verdict{{Outcome: RetryAfter}}))
	require.Zero(t, q.Stats())
	require.Empty(t, q.lanes)
	require.Empty(t, q.spare)
	require.Empty(t, q.idle)
}
