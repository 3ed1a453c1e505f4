// Tests of transactions that fail: a disk that is full, and has room again.

package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// What a failed transaction did is forgotten: its ids, labels and numbers.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		web := addSource(t, s, "web")
		first := add(t, s, web, noon, track("0", "First"))
		bytes, err := s.Bytes(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.LimitPages(t.Context(), 1)) // SQLite takes the pages there are

		r := &store.Request{Source: web, ReceivedAt: noon}
		for i := range 200 {
			c := track(fmt.Sprint("m", i), fmt.Sprint("Event ", i))
			c.Raw = make([]byte, 5000)
			r.Calls = append(r.Calls, c)
		}
		require.ErrorContains(t, s.Add(t.Context(), r), "full")
		require.NotContains(t, kept(r.Calls), true)

		require.NoError(t, s.LimitPages(t.Context(), 0))
		now, err := s.Bytes(t.Context())
		require.NoError(t, err)
		require.Equal(t, bytes, now)
		require.NoError(t, s.Add(t.Context(), r))
		require.NotContains(t, kept(r.Calls), false)
		require.Equal(t, first[0].ID+1, r.Calls[0].ID)
		counts, err := s.Breakdown(t.Context(), web, store.Received, noon, noon.Add(time.Minute), store.ByEvent)
		require.NoError(t, err)
		require.Len(t, counts, 201)
	})
}

// What a failed job or a failed step of pruning did is forgotten too.
func TestFailedJob(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		clock := newClock()
		s := open(t, store.Options{Dir: dir, Now: clock.now})
		web := addSource(t, s, "web")
		first := add(t, s, web, noon, track("0", "First"))
		want := checkBytes(t, s)
		require.NotZero(t, want)
		require.NoError(t, s.Exec(t.Context(), `ALTER TABLE state RENAME TO hidden`)) // written last

		require.ErrorContains(t, s.Reset(t.Context()), "state")
		require.Equal(t, want, checkBytes(t, s))
		clock.add(15 * 24 * time.Hour)
		require.NoError(t, s.Prune(t.Context()))
		require.Equal(t, want, checkBytes(t, s))
		calls, err := s.Calls(t.Context(), web, store.CallFilter{})
		require.NoError(t, err)
		require.Equal(t, first[0], calls[0].Call)

		require.NoError(t, s.Exec(t.Context(), `ALTER TABLE hidden RENAME TO state`))
		require.NoError(t, s.Reset(t.Context()))
		require.Zero(t, checkBytes(t, s))
	})
}
