// Random faults: no call lost, few requests more than needed, and no duplicate that a fault does not account for.

package reliability_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// produce makes the oracle's calls from 8 goroutines, as fast as the queue takes
// them.
func produce(t *testing.T, client *analytics.Client, calls int) {
	const producers = 8
	var wait sync.WaitGroup
	for p := range producers {
		wait.Go(func() {
			for n := p; n < calls; n += producers {
				if err := client.Track(context.Background(), traced(n, 0)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// TestRandomFaults counts requests against the fewest that carry the calls:
// full batches, each sent once. With a fault on one request in five, 1.25 of
// that are needed on average.
func TestRandomFaults(t *testing.T) {
	calls, batch := size(50_000, 1_000_000), size(50, 250)
	luck := newLuck(seed(t), 0.2, mishaps)
	var ratio float64
	var stats analytics.Stats
	o, told := newOracle(calls), newRegister(calls)
	o.mishap = luck.pick
	synctest.Test(t, func(t *testing.T) {
		config := o.config()
		config.BatchSize, config.OnReceipt = batch, told.take
		client := newClient(t, config)
		produce(t, client, calls)
		require.NoError(t, client.Flush(context.Background()))
		require.NoError(t, client.Close())
		stats = client.Stats()
	})
	require.Zero(t, o.unheard(t))
	told.requireOneEach(t, every)
	require.Empty(t, told.failed)
	require.Equal(t, uint64(calls), stats.Delivered)
	require.Equal(t, uint64(o.requests), stats.Requests, "the client counts every request")
	require.Len(t, luck.met, len(mishaps), "every kind of fault happened")
	least := (calls + batch - 1) / batch
	ratio = float64(o.requests) / float64(least)
	require.LessOrEqual(t, ratio, 1.35)
	proved(t, "T03", "%d calls, 0 lost, %d requests, %.3f of the fewest possible", calls, o.requests, ratio)
}

// TestAnswerLost has the server receive a batch and fail to say so, in one
// request of five.
func TestAnswerLost(t *testing.T) {
	calls := size(20_000, 500_000)
	const batch = 50
	kinds := []mishap{{name: "503", status: 503}}
	for _, m := range mishaps {
		if m.silent() {
			kinds = append(kinds, m)
		}
	}
	luck := newLuck(seed(t), 0.2, kinds)
	o := newOracle(calls)
	faults, resent, mixed := 0, 0, 0
	batches := make(map[int][]int) // by their first call
	var mu sync.Mutex
	o.mishap = func(n int, r *carried) mishap {
		m, numbers := luck.pick(n, r), r.numbers()
		m.stored = m.name != ""
		mu.Lock()
		defer mu.Unlock()
		if first, again := batches[numbers[0]]; again && !slices.Equal(first, numbers) {
			mixed++
		}
		batches[numbers[0]] = numbers
		if m.name != "" {
			faults++
			resent += len(numbers)
		}
		return m
	}
	synctest.Test(t, func(t *testing.T) {
		config := o.config()
		config.BatchSize = batch
		client := newClient(t, config)
		produce(t, client, calls)
		require.NoError(t, client.Flush(context.Background()))
		require.NoError(t, client.Close())
		require.Equal(t, uint64(calls), client.Stats().Delivered)
	})
	require.Zero(t, o.unheard(t), "with copies taken out, exactly the set that was accepted")
	require.Zero(t, mixed, "a batch is sent again as it was")
	require.Equal(t, resent, o.copies, "one copy for each answer lost, and no other")
	require.LessOrEqual(t, o.copies, faults*batch)
	require.Len(t, luck.met, len(kinds))
	proved(t, "T05", "%d calls, %d answers lost, %d copies, all with the same messageIds in the same batch", calls, faults, o.copies)
}

// TestOneFailureThenClose is the smallest fault at the worst moment.
func TestOneFailureThenClose(t *testing.T) {
	var slowest time.Duration
	for _, calls := range []int{1, 250, 251, 2600} {
		for _, answered := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				o, told := newOracle(calls), newRegister(calls)
				o.mishap = func(n int, _ *carried) mishap {
					if n == 0 {
						return mishap{name: "503", status: 503}
					}
					return mishap{}
				}
				config := o.config()
				config.OnReceipt = told.take
				if answered {
					config.FlushInterval = time.Millisecond
				}
				client := newClient(t, config)
				for n := range calls {
					require.NoError(t, client.Track(t.Context(), traced(n, 0)))
				}
				if answered {
					time.Sleep(config.FlushInterval)
					synctest.Wait() // the backoff is running
					require.Positive(t, client.Stats().Requests)
				}
				began := time.Now()
				require.NoError(t, client.Close())
				slowest = max(slowest, time.Since(began))
				require.Zero(t, o.unheard(t))
				require.Zero(t, o.copies)
				told.requireOneEach(t, every)
				require.Empty(t, told.failed)
			})
		}
	}
	require.LessOrEqual(t, slowest, 2*time.Second)
	proved(t, "T02", "0 lost in 8 runs of 1 to 2600 calls, Close took at most %v", slowest.Round(time.Millisecond))
}
