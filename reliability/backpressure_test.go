// Backpressure: what a call costs, and how long it waits, while the API takes nothing.

package reliability_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// stalled is an oracle that answers nothing before release is closed, and from
// then on everything.
type stalled struct {
	*oracle
	release chan struct{}
}

func newStalled(calls int) *stalled { return &stalled{newOracle(calls), make(chan struct{})} }

func (s *stalled) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-s.release:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	return s.oracle.RoundTrip(req)
}

func (s *stalled) config() analytics.Config {
	config := s.oracle.config()
	config.HTTPClient = &http.Client{Transport: s}
	return config
}

// TestTrackLatencyWhileStalled times every call, those that fill the queue and
// those that it refuses. What else the machine does shows in a round; the best
// of them is the library's.
func TestTrackLatencyWhileStalled(t *testing.T) {
	const rounds, producers = 5, 2
	each := size(10_000, 200_000)
	limit := 50 * time.Millisecond // for a machine that does much else, and the race detector
	if long() {
		limit = time.Millisecond
	}
	best, slowest := time.Hour, time.Hour
	var accepted, refused uint64
	for range rounds {
		took, s := trackStalled(t, producers, each)
		slices.Sort(took)
		if p := took[len(took)*999/1000]; p < best {
			best, slowest = p, took[len(took)-1]
		}
		accepted += s.Accepted
		refused += s.Refused.QueueFull
	}
	require.Less(t, best, limit)
	require.Equal(t, uint64(rounds*producers*each), accepted+refused)
	proved(t, "T12", "p99.9 %v, slowest %v, of %d calls; %d accepted + %d refused = all %d",
		best.Round(time.Microsecond), slowest.Round(time.Microsecond), producers*each, accepted, refused, accepted+refused)
}

func trackStalled(t *testing.T, producers, each int) (took []time.Duration, s analytics.Stats) {
	api := newStalled(producers * each)
	config := api.config()
	config.WhenFull, config.MaxQueueEvents = analytics.Drop, each // half of them, or what 32 MiB hold
	client := newClient(t, config)
	var mu sync.Mutex
	var accepted, full uint64
	var wait sync.WaitGroup
	for p := range producers {
		wait.Go(func() {
			mine := make([]time.Duration, 0, each)
			var ok, no uint64
			for i := range each {
				m := traced(p*each+i, 0)
				began := time.Now()
				err := client.Track(context.Background(), m)
				mine = append(mine, time.Since(began))
				switch {
				case err == nil:
					ok++
				case errors.Is(err, analytics.ErrQueueFull):
					no++
				default:
					t.Error(err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			accepted += ok
			full += no
		})
	}
	wait.Wait()
	s = client.Stats()
	require.Equal(t, accepted, s.Accepted)
	require.Equal(t, full, s.Refused.QueueFull)
	require.Equal(t, full, s.Refused.Total())
	require.Equal(t, uint64(producers*each), accepted+full)
	require.Equal(t, int(accepted), s.QueueEvents, "nothing has left")
	close(api.release)
	require.NoError(t, client.Close())
	require.Equal(t, int(full), api.unheard(t), "what was accepted arrives, what was refused does not")
	return took, s
}

// TestBlockedCallsEndInTime blocks 10 000 calls on a full queue until their ctx
// ends. A waiter left behind would be let in when room comes: its call would be
// sent although Track had returned an error, and others would stand behind it.
func TestBlockedCallsEndInTime(t *testing.T) {
	const waiters, room, batch, patience = 10_000, 100, 10, 50 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		api, told := newStalled(2*room+waiters), newRegister(2*room+waiters)
		config := api.config()
		config.MaxQueueEvents, config.BatchSize, config.OnReceipt = room, batch, told.take
		client := newClient(t, config)
		for n := range room {
			require.NoError(t, client.Track(t.Context(), traced(n, 0)))
		}
		began := time.Now()
		var wait sync.WaitGroup
		for i := range waiters {
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				err := client.Track(ctx, traced(2*room+i, 0))
				if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != patience {
					t.Errorf("waiter %d: %v after %v", i, err, took)
				}
			})
		}
		wait.Wait()
		s := client.Stats()
		require.Equal(t, analytics.RefusedStats{Other: waiters}, s.Refused)
		require.Equal(t, room, s.QueueEvents)

		close(api.release)
		synctest.Wait()
		for n := room; n < 2*room; n++ {
			require.NoError(t, client.Track(t.Context(), traced(n, 0)))
		}
		require.Equal(t, began.Add(patience), time.Now(), "nobody stands in front of them")
		require.NoError(t, client.Close())
		require.Equal(t, waiters, api.unheard(t))
		told.requireOneEach(t, func(n int) bool { return n < 2*room })
		require.Zero(t, client.Stats().QueueBytes)
	})
	proved(t, "T13", "%d blocked calls returned at %v of virtual time, none left waiting, none sent", waiters, patience)
}
