// Tests of deduplication.

package store_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// kept tells which of the calls were stored.
func kept(calls []store.Call) []bool {
	var is []bool
	for _, c := range calls {
		is = append(is, c.ID != 0)
	}
	return is
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		web, shop := addSource(t, s, "web"), addSource(t, s, "shop")
		assigned, nameless := track("a", "Assigned"), track("", "No ID")
		assigned.Assigned = true

		calls := add(t, s, web, noon, track("1", "A"), track("1", "A"), assigned, assigned, nameless, nameless)
		require.Equal(t, []bool{true, false, true, true, true, true}, kept(calls))
		require.Equal(t, []bool{false, true}, kept(add(t, s, shop, noon, track("1", "A"), track("a", "B"))), "over all sources")

		// A failed call put right is new; sent again as it was it is not.
		calls = add(t, s, web, noon, failed("2", "A", "no_user"), failed("2", "A", "no_user"), track("2", "A"), track("2", "A"), failed("2", "A", "too_large"))
		require.Equal(t, []bool{true, false, true, false, true}, kept(calls))

		for source, want := range map[int64]int{web: 3, shop: 1} {
			n, err := s.Duplicates(t.Context(), source, noon, noon.Add(time.Minute))
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		totals, err := s.Totals(t.Context(), noon, noon.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, []int{8, 1}, []int{totals[web].Calls, totals[shop].Calls})
		stored, err := s.Calls(t.Context(), web, store.CallFilter{})
		require.NoError(t, err)
		require.Len(t, stored, 8)
	})
}

func TestDuplicatesOver24Hours(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		clock := newClock()
		s := open(t, store.Options{Dir: dir, Now: clock.now})
		web := addSource(t, s, "web")
		require.Equal(t, []bool{true}, kept(add(t, s, web, noon, track("1", "A"))))
		for range 23 {
			clock.add(time.Hour)
			require.Equal(t, []bool{false}, kept(add(t, s, web, noon, track("1", "A"))), "being seen again does not renew it")
		}
		clock.add(59 * time.Minute)
		require.Equal(t, []bool{false}, kept(add(t, s, web, noon, track("1", "A"))))
		clock.add(2 * time.Minute)
		require.Equal(t, []bool{true, false}, kept(add(t, s, web, noon, track("1", "A"), track("1", "A"))))
		clock.add(-3 * time.Hour) // set back
		require.Equal(t, []bool{false, true}, kept(add(t, s, web, noon, track("1", "A"), track("2", "A"))))
	})
}

func TestDuplicatesOverRestart(t *testing.T) {
	t.Parallel()
	clock, dir := newClock(), t.TempDir()
	web := int64(0)
	for day, want := range []bool{true, false, false, true, false} {
		s, err := store.Open(t.Context(), store.Options{Dir: dir, Now: clock.now})
		require.NoError(t, err)
		if day == 0 {
			web = addSource(t, s, "web")
		}
		require.NoError(t, s.Prune(t.Context()))
		require.Equal(t, []bool{want, want}, kept(add(t, s, web, noon, track("1", "A"), failed("1", "A", "no_user"))))
		require.NoError(t, s.Close(t.Context()))
		clock.add(10 * time.Hour)
	}
}

// The set agrees with a map, as ids come and go over days.
func TestDuplicatesAgainstModel(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := open(t, store.Options{Now: clock.now})
	web := addSource(t, s, "web")
	random := rand.New(rand.NewPCG(7, 8))
	model := map[string]time.Time{}
	for range size(200, 2000) {
		clock.add(time.Duration(random.IntN(45)) * time.Minute)
		minute := clock.now().Truncate(time.Minute)
		var calls []store.Call
		var want []bool
		for range 20 {
			id := fmt.Sprint(random.IntN(5000))
			at, ok := model[id]
			fresh := !ok || at.Before(minute.Add(-24*time.Hour))
			if fresh {
				model[id] = minute
			}
			calls, want = append(calls, track(id, "A")), append(want, fresh)
		}
		require.Equal(t, want, kept(add(t, s, web, clock.now(), calls...)))
	}
}

func TestDuplicatesBeyondTheLimit(t *testing.T) {
	t.Parallel()
	log := &bytes.Buffer{}
	clock := newClock()
	s := open(t, store.Options{Now: clock.now, Logger: slog.New(slog.NewTextHandler(log, nil))})
	web := addSource(t, s, "web")
	require.NoError(t, s.LimitIDs(t.Context(), 100))
	for minute := range 4 {
		for i := range 50 {
			add(t, s, web, clock.now(), track(fmt.Sprint(minute, "-", i), "A"))
		}
		clock.add(time.Minute)
	}
	require.Equal(t, []bool{true, false}, kept(add(t, s, web, noon, track("0-0", "A"), track("3-0", "A"))))
	require.NoError(t, s.Close(t.Context()))
	require.Contains(t, log.String(), "forgotten early")
}
