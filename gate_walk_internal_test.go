// The gate at length: an hour of a dead API, and random walks with what must always hold.

package analytics

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGateDeadAPI has 10 000 batches wait for an API that is down for an hour.
func TestGateDeadAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var requests atomic.Int64
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() {
				for attempt := 1; ; attempt++ {
					share, err := g.enter(ctx)
					if err != nil {
						return
					}
					requests.Add(1)
					time.Sleep(10 * time.Millisecond)
					g.leave(share, again, 0)
					if sleep(ctx, backoff(attempt), g.pace()) != nil {
						return
					}
				}
			})
		}
		wg.Wait()
		require.LessOrEqual(t, requests.Load(), int64(100))
		require.GreaterOrEqual(t, requests.Load(), int64(60), "it is still being tried")
		requireFree(t, g)
	})
}

// TestGateRandomWalk sends uploads with random outcomes through gates of random
// width and checks after every entry what must always hold.
func TestGateRandomWalk(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			g := newGate(1 + random.IntN(9))
			var mu sync.Mutex
			var in, taken int64
			var pausedAt, pausedUntil time.Time // what enters in the very instant of the answer may pass
			draw := func(n int) int { mu.Lock(); defer mu.Unlock(); return random.IntN(n) }
			var wg sync.WaitGroup
			for range 40 {
				wg.Go(func() {
					for range 15 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(draw(100))*time.Second)
						share, err := g.enter(ctx)
						cancel()
						if err != nil {
							continue
						}
						mu.Lock()
						in++
						taken += share
						if in > g.width || taken > g.width || share < 1 || time.Now().After(pausedAt) && time.Now().Before(pausedUntil) {
							t.Errorf("seed %d: %d in flight with %d of %d slots, paused until %v", seed, in, taken, g.width, pausedUntil)
						}
						mu.Unlock()
						time.Sleep(time.Duration(draw(1000)) * time.Millisecond)
						if draw(20) == 0 {
							g.hurry()
						}
						w, pause := worth(draw(5)), time.Duration(draw(20)+1)*time.Second
						mu.Lock()
						in--
						taken -= share
						if w == limited && time.Now().Add(pause).After(pausedUntil) {
							pausedAt, pausedUntil = time.Now(), time.Now().Add(pause)
						}
						mu.Unlock()
						if draw(10) == 0 && w != limited {
							g.cancel(share)
						} else {
							g.leave(share, w, pause)
						}
					}
				})
			}
			wg.Wait()
			requireFree(t, g)
		})
	}
}
