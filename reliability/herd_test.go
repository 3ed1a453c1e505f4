// The herd: many clients of one API that comes back from an outage do not knock it over again.

package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

var errDown = errors.New("connection refused")

// herd is an API that many clients send to, up to the moment down and from the
// moment back on, and when each of their requests came.
type herd struct {
	down, back time.Time

	mu       sync.Mutex
	requests []time.Time
	first    map[int]time.Time // of each client, since the API was back
}

func (h *herd) transport(client int) analytics.Transport {
	return transportFunc(func(context.Context, *analytics.Batch) error {
		now := time.Now()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.requests = append(h.requests, now)
		if now.Before(h.down) {
			return nil
		}
		if now.Before(h.back) {
			return errDown
		}
		if _, known := h.first[client]; !known {
			h.first[client] = now
		}
		return nil
	})
}

// peak is the highest rate a second over any window that lies in [from, to).
func (h *herd) peak(from, to time.Time, window time.Duration) float64 {
	most := 0
	begin, _ := slices.BinarySearchFunc(h.requests, from, time.Time.Compare)
	for i := begin; i < len(h.requests) && !h.requests[i].Add(window).After(to); i++ {
		end, _ := slices.BinarySearchFunc(h.requests, h.requests[i].Add(window), time.Time.Compare)
		most = max(most, end-i)
	}
	return float64(most) / window.Seconds()
}

// TestHerd has each client make a call every 5 s, which is a request of its own,
// and takes the API away for 10 minutes. In the first run the clients began at
// random moments; in the second all at once and in step, so that only the
// client's own jitter can part them.
func TestHerd(t *testing.T) {
	clients := size(300, 1000)
	spread, _ := runHerd(t, clients, func() time.Duration { return rand.N(5 * time.Second) })
	_, together := runHerd(t, clients, func() time.Duration { return 0 })
	proved(t, "T21", "%d clients. %s; in step: %s", clients, spread, together)
}

func runHerd(t *testing.T, clients int, start func() time.Duration) (peaks, phases string) {
	synctest.Test(t, func(t *testing.T) {
		const warm, outage, after = time.Minute, 10 * time.Minute, 3 * time.Minute
		began := time.Now()
		api := &herd{down: began.Add(warm), back: began.Add(warm + outage), first: map[int]time.Time{}}
		inStep := true
		var all []*analytics.Client
		var producers sync.WaitGroup
		for i := range clients {
			client, err := analytics.New("WRITE_KEY", &analytics.Config{Transport: api.transport(i), BatchSize: 100, FlushInterval: time.Millisecond})
			require.NoError(t, err)
			all = append(all, client)
			offset := start()
			inStep = inStep && offset == 0
			producers.Go(func() {
				time.Sleep(offset)
				for call := 0; time.Since(began) < warm+outage+after; call++ {
					if err := client.Track(context.Background(), numbered(call)); err != nil {
						t.Error(err)
					}
					time.Sleep(5 * time.Second)
				}
			})
		}
		producers.Wait()
		var accepted, delivered uint64
		for _, client := range all {
			require.NoError(t, client.Close())
			s := client.Stats()
			accepted += s.Accepted
			delivered += s.Delivered
		}
		require.Equal(t, accepted, delivered, "10 minutes lose nothing")
		require.Len(t, api.first, clients, "every client is back")

		steady := float64(clients) / 5
		back := api.peak(api.back, api.back.Add(after), 10*time.Second)
		second := api.peak(api.back, api.back.Add(after), time.Second)
		down := api.peak(api.down.Add(time.Minute), api.back, 10*time.Second)
		peaks = fmt.Sprintf("Steady %.0f requests/s, after the outage %.0f over 10 s and %.0f in one, a minute into it %.0f", steady, back, second, down)
		if !inStep {
			require.LessOrEqual(t, back, 2*steady, "when the API is back")
			require.LessOrEqual(t, down, steady, "in the outage, from its second minute on")
			if long() { // fewer clients are more uneven
				require.LessOrEqual(t, second, 3*steady, "in any second")
			}
		}
		fullest, mean := api.slots(clients / 16)
		require.Less(t, float64(fullest), 3*mean, "of %v a slot", mean)
		phases = fmt.Sprintf("fullest of %d slots of the first minute %.2f × the mean", clients/16, float64(fullest)/mean)
	})
	return peaks, phases
}

// slots divides the minute after the outage, the longest backoff, into n and
// counts the clients that came first in each.
func (h *herd) slots(n int) (fullest int, mean float64) {
	counts := make([]int, n)
	for _, at := range h.first {
		slot := int(at.Sub(h.back) * time.Duration(n) / (time.Minute + time.Second))
		counts[min(slot, n-1)]++
	}
	return slices.Max(counts), float64(len(h.first)) / float64(n)
}
