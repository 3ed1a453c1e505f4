// Tests of pruning.

package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// checkBytes compares what the store believes to hold with its requests.
func checkBytes(t *testing.T, s *store.Store) int64 {
	t.Helper()
	want, err := s.Number(t.Context(), `SELECT coalesce(sum(bytes), 0) FROM requests`)
	require.NoError(t, err)
	got, err := s.Bytes(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
	return got
}

func TestPruneByAge(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		clock := newClock()
		s := open(t, store.Options{Dir: dir, Now: clock.now, MaxAge: 48 * time.Hour})
		web := addSource(t, s, "web")
		for day := range 40 {
			clock.set(noon.AddDate(0, 0, day))
			add(t, s, web, clock.now(), track(fmt.Sprint(day), fmt.Sprint("Day ", day)), failed(fmt.Sprint(day), "Failed", "no_user"))
		}
		require.NoError(t, s.Prune(t.Context()))
		calls, err := s.Calls(t.Context(), web, store.CallFilter{Type: "track"})
		require.NoError(t, err)
		require.Equal(t, []string{"Failed", "Day 39", "Failed", "Day 38", "Failed", "Day 37"}, events(calls))

		// The ledger remembers 29 days, of which the last may be cut.
		counts, err := s.Breakdown(t.Context(), web, store.Eligible, noon, noon.AddDate(0, 0, 40), store.ByEvent)
		require.NoError(t, err)
		require.InDelta(t, 29, len(counts), 1)
		for table, want := range map[string]int{"requests": 3, "calls": 6, "ids": 2} {
			n, err := s.Rows(t.Context(), table)
			require.NoError(t, err)
			require.Equal(t, want, n, table)
		}

		clock.add(40 * 24 * time.Hour)
		require.NoError(t, s.Prune(t.Context()))
		for _, table := range []string{"requests", "calls", "ids", "volume", "breakdown"} {
			n, err := s.Rows(t.Context(), table)
			require.NoError(t, err)
			require.Zero(t, n, table)
		}
		size, err := s.Bytes(t.Context())
		require.NoError(t, err)
		require.Zero(t, size)
		require.Greater(t, add(t, s, web, clock.now(), track("new", "New"))[0].ID, calls[0].ID, "ids grow though nothing is left")
	})
}

func TestPruneBySize(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir, MaxBytes: 40_000})
		web := addSource(t, s, "web")
		var last store.Call
		for i := range 30 {
			last = add(t, s, web, noon, batch(web, i, 10, noon).Calls...)[9]
		}
		require.NoError(t, s.Prune(t.Context()))
		size := checkBytes(t, s)
		require.LessOrEqual(t, size, int64(40_000))
		require.Greater(t, size, int64(36_000), "not more than need be")
		calls, err := s.Calls(t.Context(), web, store.CallFilter{Limit: 1000})
		require.NoError(t, err)
		require.Equal(t, last, calls[0].Call)
		rows, err := s.Number(t.Context(), `SELECT count(*) FROM calls`)
		require.NoError(t, err)
		require.Len(t, calls, int(rows))
		require.Zero(t, len(calls)%10, "whole requests")
		counts, err := s.Breakdown(t.Context(), web, store.Received, noon, noon.Add(time.Minute), store.ByType)
		require.NoError(t, err)
		require.Equal(t, []store.Count{{Label: "track", Count: 300}}, counts, "the ledger keeps what is counted")
	})
}

func TestDroppedSourceIsDeleted(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web, shop := addSource(t, s, "web"), addSource(t, s, "shop")
	add(t, s, web, noon, track("1", "A"), failed("2", "B", "no_user"))
	add(t, s, shop, noon, track("3", "A"))
	require.NoError(t, s.SetObjects(t.Context(), web, "c", []store.Object{{ID: "1", Properties: []byte(`{}`)}}))
	require.NoError(t, s.DeleteSource(t.Context(), web))
	require.NoError(t, s.Prune(t.Context()))
	for table, want := range map[string]int{"calls": 1, "requests": 1, "labels": 3, "volume": 3, "breakdown": 12, "objects": 0} {
		n, err := s.Rows(t.Context(), table)
		require.NoError(t, err)
		require.Equal(t, want, n, table)
	}
	require.NotEqual(t, web, addSource(t, s, "web"), "an ID is not used again")
}

func TestReset(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		web := addSource(t, s, "web")
		before := add(t, s, web, noon, track("1", "A"), track("1", "A"))
		require.NoError(t, s.Reset(t.Context()))
		for _, table := range []string{"calls", "requests", "labels", "volume", "breakdown", "ids", "objects"} {
			n, err := s.Rows(t.Context(), table)
			require.NoError(t, err)
			require.Zero(t, n, table)
		}
		totals, err := s.Totals(t.Context(), noon, noon.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, map[int64]store.Totals{web: {}}, totals)
		after := add(t, s, web, noon, track("1", "A"))
		require.Greater(t, after[0].ID, before[0].ID)
	})
}

// The file gets smaller after much was deleted, and the WAL stays small.
func TestFilesShrink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, store.Options{Dir: dir})
	web := addSource(t, s, "web")
	for i := range 12 {
		r := batch(web, i, 250, noon)
		for j := range r.Calls {
			r.Calls[j].Raw = append(r.Calls[j].Raw, make([]byte, 2500)...)
		}
		require.NoError(t, s.Add(t.Context(), r))
	}
	require.NoError(t, s.Reset(t.Context()))
	require.NoError(t, s.Prune(t.Context()))
	require.NoError(t, s.Close(t.Context()))
	info, err := os.Stat(filepath.Join(dir, "collector.db"))
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(5<<20))
}

// While somebody reads, the write-ahead log grows and requests are stored; it is
// emptied afterwards.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, store.Options{Dir: dir})
	web := addSource(t, s, "web")
	require.NoError(t, s.LimitLog(t.Context(), 64))
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "collector.db-wal"))
		require.NoError(t, err)
		return info.Size()
	}
	tx, err := s.Reads().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	n := 0
	require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT count(*) FROM calls`).Scan(&n))
	number := 0
	for ; size() <= 96<<12; number++ {
		require.Less(t, number, 1000)
		require.NoError(t, s.Add(t.Context(), batch(web, number, 50, noon)))
	}
	require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT count(*) FROM calls`).Scan(&n))
	require.Zero(t, n, "a reader sees one state")
	require.NoError(t, tx.Rollback())
	for ; size() > 64<<12; number++ {
		require.Less(t, number, 1000)
		require.NoError(t, s.Add(t.Context(), batch(web, number, 50, noon)))
	}
}

// Without readers the write-ahead log begins anew by itself, again and again,
// and what was in it is stored.
func TestLogBeginsAnew(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string]int64{"copied in the background": -1, "copied by the writer": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, store.Options{Dir: dir})
			web := addSource(t, s, "web")
			require.NoError(t, s.StartLog(t.Context(), 64, rest))
			number, last := 0, int64(0)
			for anew := 0; anew < 3; number++ {
				require.Less(t, number, 1000)
				require.NoError(t, s.Add(t.Context(), batch(web, number, 20, noon)))
				pages, copied, err := s.LogLength(t.Context())
				require.NoError(t, err)
				if pages < last {
					anew++
				}
				last = pages
				if pages >= 64 {
					require.Eventually(t, func() bool {
						pages, copied, err = s.LogLength(t.Context())
						return err == nil && copied == pages
					}, 10*time.Second, time.Millisecond)
				}
			}
			totals, err := s.Totals(t.Context(), noon, noon.Add(time.Minute))
			require.NoError(t, err)
			require.Equal(t, number*20, totals[web].Calls)
		})
	}
}

// Where all labels are taken, those of forgotten calls make room.
func TestLabelsAreFreed(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := open(t, store.Options{Now: clock.now})
	web := addSource(t, s, "web")
	types := func(prefix string, n int) []store.Count {
		var calls []store.Call
		for i := range n {
			c := track("", "A")
			c.Type = fmt.Sprint(prefix, i)
			calls = append(calls, c)
		}
		add(t, s, web, clock.now(), calls...)
		require.NoError(t, s.Prune(t.Context()))
		counts, err := s.Breakdown(t.Context(), web, store.Received, clock.now(), clock.now().Add(time.Minute), store.ByType)
		require.NoError(t, err)
		return counts
	}
	require.Len(t, types("old", 150), 101)
	clock.add(31 * 24 * time.Hour)
	require.Len(t, types("between", 10), 1, "the old ones are in the way until the next round")
	require.Len(t, types("new", 50), 51)
}
