//go:build unix

// The promise of Add, broken into: kill -9 at any moment loses nothing acknowledged.

package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(9, 10))
	acknowledged := map[string]bool{} // ids of requests, with their number of calls
	for run := range size(6, 60) {
		p := start(t, dir, fmt.Sprint(run))
		// The child runs ahead of what is read here, so that it is killed
		// anywhere in a transaction.
		for range 1 + random.IntN(60) {
			require.True(t, p.lines.Scan())
			acknowledged[p.lines.Text()] = true
		}
		lines := p.kill(t)
		for i, line := range lines {
			if i < len(lines)-1 || strings.Count(line, " ") == 1 { // the last may be cut short
				acknowledged[line] = true
			}
		}
	}

	s, err := store.Open(t.Context(), store.Options{Dir: dir, Now: func() time.Time { return noon }})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(t.Context())) }()
	sources, err := s.Sources(t.Context())
	require.NoError(t, err)
	stored := storedCalls(t, s, sources[0].ID)
	for line := range acknowledged {
		var id string
		var n int
		_, err := fmt.Sscan(line, &id, &n)
		require.NoError(t, err)
		for j := range n {
			require.Equal(t, 1, stored[fmt.Sprint(id, "-", j, " ok")], "%s-%d was acknowledged", id, j)
		}
		require.Equal(t, 1, stored[id+"-0 no_user"], "%s-0 was acknowledged as failed", id)
	}
	checkSums(t, s, sources[0].ID, stored)
}

// storedCalls returns how often each messageId and verdict is stored.
func storedCalls(t *testing.T, s *store.Store, source int64) map[string]int {
	stored := map[string]int{}
	filter := store.CallFilter{Limit: 1000}
	for {
		calls, err := s.Calls(t.Context(), source, filter)
		require.NoError(t, err)
		for _, c := range calls {
			stored[c.MessageID+" "+c.Verdict]++
			require.Contains(t, string(c.Raw), fmt.Sprintf(`"messageId":%q`, c.MessageID))
		}
		if len(calls) < filter.Limit {
			return stored
		}
		filter.Before = calls[len(calls)-1].ID
	}
}

// checkSums compares what is counted with what is stored.
func checkSums(t *testing.T, s *store.Store, source int64, stored map[string]int) {
	want, requests := 0, 0
	for key, n := range stored {
		require.Equal(t, 1, n, key)
		want++
		if strings.HasSuffix(key, "no_user") {
			requests++
		}
	}
	from, to := noon.Add(-time.Hour), noon.Add(time.Hour)
	for _, by := range []store.Dimension{store.ByType, store.ByEvent, store.ByVersion, store.ByVerdict} {
		counts, err := s.Breakdown(t.Context(), source, store.Received, from, to, by)
		require.NoError(t, err)
		sum := 0
		for _, c := range counts {
			sum += c.Count
		}
		require.Equal(t, want, sum, by)
	}
	duplicates, err := s.Duplicates(t.Context(), source, from, to)
	require.NoError(t, err)
	require.Equal(t, requests, duplicates)
	checkBytes(t, s)
}
