// Overviews of the real store, against those of the ledger that counts one by one.

package overview_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/overview"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

func TestStore(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), store.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 4))
		src := &store.Source{Slug: strconv.FormatUint(seed, 10), Name: "Shop", Type: "server", WriteKey: strconv.FormatUint(seed, 10)}
		require.NoError(t, s.SaveSource(t.Context(), src))
		l := randomLedger(random)
		fill(t, s, src.ID, l)
		for _, w := range append(randomWindows(t, random), window(t, "10m"), window(t, "1h"), window(t, "24h"), window(t, "7d"), window(t, "2w")) {
			for step := store.Received; step <= store.Eligible; step++ {
				got, err := overview.Compute(t.Context(), s, src.ID, w, step)
				require.NoError(t, err)
				requireAddsUp(t, got, step)
				require.Equal(t, compute(t, l, w, step), got)
			}
		}
	}
}

// fill stores the calls of l, and one of them twice.
func fill(t *testing.T, s *store.Store, source int64, l *ledger) {
	t.Helper()
	for i, c := range l.calls {
		add := func() {
			require.NoError(t, s.Add(t.Context(), &store.Request{Source: source, ReceivedAt: c.at, Calls: []store.Call{{
				Type: c.kind, Event: c.event, Version: c.version, Verdict: c.verdict, Step: c.step,
				MessageID: strconv.FormatInt(source, 10) + "-" + strconv.Itoa(i), Raw: []byte(`{}`),
			}}}))
		}
		add()
		if i == 0 {
			add()
			l.duplicates = append(l.duplicates, c.at)
		}
	}
}
