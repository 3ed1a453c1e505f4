// The gate: its width, its order, probes, pauses and hurry.

package analytics

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pass enters the gate, which must not make it wait.
func pass(t *testing.T, g *gate) int64 {
	t.Helper()
	start := time.Now()
	share, err := g.enter(t.Context())
	require.NoError(t, err)
	require.Zero(t, time.Since(start), "entered after a wait")
	return share
}

// waitFor enters the gate and tells how long that took.
func waitFor(t *testing.T, g *gate) (int64, time.Duration) {
	t.Helper()
	start := time.Now()
	share, err := g.enter(t.Context())
	require.NoError(t, err)
	return share, time.Since(start)
}

// narrow fails probeAfter uploads in a row.
func narrow(t *testing.T, g *gate) {
	t.Helper()
	for i := range probeAfter {
		require.Equal(t, i == probeAfter-1, g.leave(pass(t, g), again, 0))
	}
}

// requireFree asserts that no slot has got lost and nobody holds the turn.
func requireFree(t *testing.T, g *gate) {
	t.Helper()
	synctest.Wait()
	require.True(t, g.turn.TryAcquire(1), "the turn is held")
	g.turn.Release(1)
	require.True(t, g.slots.TryAcquire(g.width), "slots have leaked")
	g.slots.Release(g.width)
}

func TestGateOpenWidth(t *testing.T) {
	for _, width := range []int{1, 2, 3, 4, 7, 64} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(width)
			var in, most atomic.Int64
			var wg sync.WaitGroup
			for range 3 * width {
				wg.Go(func() {
					share, err := g.enter(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					now := in.Add(1)
					for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
					}
					time.Sleep(time.Second)
					in.Add(-1)
					g.leave(share, accepted, 0)
				})
			}
			start := time.Now()
			wg.Wait()
			require.Equal(t, int64(width), most.Load())
			require.Equal(t, 3*time.Second, time.Since(start))
			requireFree(t, g)
		})
	}
}

// queueUp starts n waiters one after the other and returns the order in which
// they entered, complete once wait has returned. Each stays for a second and
// leaves with what outcome says.
func queueUp(t *testing.T, g *gate, n int, outcome func(i int) worth) (order func() []int, wait func()) {
	var mu sync.Mutex
	var entered []int
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			share, err := g.enter(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			entered = append(entered, i)
			mu.Unlock()
			time.Sleep(time.Second)
			g.leave(share, outcome(i), time.Minute)
		})
		synctest.Wait()
	}
	return func() []int { mu.Lock(); defer mu.Unlock(); return slices.Clone(entered) }, wg.Wait
}

func TestGateFirstComeFirstServed(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *gate){
		"open":               func(*testing.T, *gate) {},
		"paused":             func(t *testing.T, g *gate) { g.leave(pass(t, g), limited, time.Minute) },
		"waiting to probe":   narrow,
		"narrow and limited": func(t *testing.T, g *gate) { narrow(t, g); g.hurry(); g.leave(pass(t, g), limited, time.Minute) },
	} {
		for outcomeName, outcome := range map[string]func(int) worth{
			"all accepted": func(int) worth { return accepted },
			"all fail":     func(int) worth { return again },
			"some limit":   func(i int) worth { return []worth{accepted, again, limited, again, again, again, refused}[i%7] },
		} {
			for _, width := range []int{1, 4} {
				t.Run(name+"/"+outcomeName, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						g := newGate(width)
						prepare(t, g)
						order, wait := queueUp(t, g, 30, outcome)
						wait()
						require.True(t, slices.IsSorted(order()), "%v", order())
						require.Len(t, order(), 30)
						requireFree(t, g)
					})
				})
			}
		}
	}
}

func TestGateProbesOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		narrow(t, g)
		var in atomic.Int64
		var starts []time.Time
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				share, err := g.enter(t.Context())
				if err != nil || in.Add(1) != 1 {
					t.Errorf("err %v, %d in flight", err, in.Load())
				}
				starts = append(starts, time.Now()) // one at a time: no lock
				time.Sleep(time.Second)
				in.Add(-1)
				g.leave(share, again, 0)
			})
		}
		began := time.Now()
		wg.Wait()
		require.Len(t, starts, 12)
		last := began
		for i, start := range starts {
			most := min(500*time.Millisecond<<i, time.Minute)
			wait := start.Sub(last)
			require.GreaterOrEqual(t, wait, most/2, "probe %d", i)
			require.LessOrEqual(t, wait, most, "probe %d", i)
			last = start.Add(time.Second)
		}
		requireFree(t, g)
	})
}

// TestGateTakesABlipForABlip: many uploads that were in flight together and fail
// together are one piece of news, not a backoff step each.
func TestGateTakesABlipForABlip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(64)
		var shares []int64
		for range 64 {
			shares = append(shares, pass(t, g))
		}
		narrowed := 0
		for _, share := range shares {
			if g.leave(share, again, 0) {
				narrowed++
			}
		}
		require.Equal(t, 1, narrowed)
		share, wait := waitFor(t, g)
		require.LessOrEqual(t, wait, firstBackoff)
		require.Equal(t, int64(64), share)
		g.leave(share, accepted, 0)
		requireFree(t, g)
	})
}

func TestGateRampDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(8)
		narrow(t, g)
		// They queue while it is narrow, and so with a share of long ago.
		var mu sync.Mutex
		in, most := 0, map[time.Duration]int{}
		began := time.Now()
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				share, err := g.enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if in == 0 && len(most) == 0 {
					began = time.Now()
				}
				in++
				second := time.Since(began).Truncate(time.Second)
				most[second] = max(most[second], in)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				in--
				mu.Unlock()
				g.leave(share, accepted, 0)
			})
		}
		wg.Wait()
		require.Equal(t, 1, most[0])
		require.Equal(t, 2, most[time.Second])
		// What enters between two successes of one second still takes two slots.
		require.GreaterOrEqual(t, most[2*time.Second], 4)
		require.Equal(t, 8, most[3*time.Second])
		requireFree(t, g)
	})
}

func TestGateRampOneSuccessAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(8)
		narrow(t, g)
		time.Sleep(time.Minute)
		for _, want := range []int64{8, 4, 2, 1, 1} {
			share := pass(t, g)
			require.Equal(t, want, share)
			g.leave(share, accepted, 0)
		}
		requireFree(t, g)
	})
}

func TestGateRefusalsAreAnswers(t *testing.T) {
	for _, w := range []worth{accepted, refused, tooMuch} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(4)
			for range 10 {
				require.False(t, g.leave(pass(t, g), again, 0))
				require.False(t, g.leave(pass(t, g), again, 0))
				require.False(t, g.leave(pass(t, g), w, 0))
			}
			requireFree(t, g)
		})
	}
}

func TestGatePauseIsForAllAndProbesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		// Of four in flight one is limited; the rest come back well, and late.
		shares := []int64{pass(t, g), pass(t, g), pass(t, g), pass(t, g)}
		g.leave(shares[0], limited, time.Minute)
		for _, share := range shares[1:] {
			g.leave(share, accepted, 0)
		}
		began := time.Now()
		var mu sync.Mutex
		var waits []time.Duration
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				share, err := g.enter(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				waits = append(waits, time.Since(began))
				mu.Unlock()
				time.Sleep(time.Second)
				g.leave(share, accepted, 0)
			})
		}
		time.Sleep(30 * time.Second)
		g.hurry() // which cuts no Retry-After
		wg.Wait()
		s := time.Second
		require.Equal(t, []time.Duration{60 * s, 61 * s, 61 * s, 62 * s, 62 * s, 62 * s, 62 * s, 63 * s}, waits)
		requireFree(t, g)
	})
}

func TestGateLongestPauseCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		a, b := pass(t, g), pass(t, g)
		g.leave(a, limited, time.Minute)
		g.leave(b, limited, time.Second)
		share, wait := waitFor(t, g)
		require.Equal(t, time.Minute, wait)
		g.leave(share, limited, time.Second)
		share, wait = waitFor(t, g)
		require.Equal(t, time.Second, wait)
		g.leave(share, accepted, 0)
		requireFree(t, g)
	})
}

func TestGateLimitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		require.Zero(t, g.limitedFor())
		for range 5 {
			share, _ := waitFor(t, g)
			g.leave(share, limited, 5*time.Minute)
		}
		require.Equal(t, 20*time.Minute, g.limitedFor(), "from the first on")
		share, _ := waitFor(t, g)
		g.leave(share, again, 0)
		require.Equal(t, 25*time.Minute, g.limitedFor(), "a failure is no success")
		share, _ = waitFor(t, g)
		g.leave(share, accepted, 0)
		require.Zero(t, g.limitedFor())
		requireFree(t, g)
	})
}

func TestGateHurryCutsABackoffOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		narrow(t, g)
		for range 8 { // up to the cap
			share, _ := waitFor(t, g)
			g.leave(share, again, 0)
		}
		began := time.Now()
		var waits []time.Duration
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				share, err := g.enter(t.Context())
				if err != nil {
					t.Error(err)
				}
				waits = append(waits, time.Since(began)) // one at a time: no lock
				g.leave(share, again, 0)
			})
		}
		synctest.Wait()
		require.Empty(t, waits)
		time.Sleep(time.Second)
		pace := g.pace()
		g.hurry()
		<-pace // closed for those who wait on their own
		wg.Wait()
		require.Equal(t, time.Second, waits[0])
		require.GreaterOrEqual(t, waits[1], 31*time.Second, "the next backoff is waited in full")
		select {
		case <-g.pace():
			require.Fail(t, "the next wait is hurried too")
		default:
		}
		requireFree(t, g)
	})
}

func TestGateHurryWithNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		g.hurry()
		narrow(t, g)
		g.hurry()
		g.hurry()
		g.leave(pass(t, g), accepted, 0)
		requireFree(t, g)
	})
}

func TestGateCancelGivesNothingAway(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *gate) (undo func()){
		"full": func(t *testing.T, g *gate) func() {
			share, other := pass(t, g), pass(t, g)
			return func() { g.cancel(share); g.cancel(other) }
		},
		"paused":  func(t *testing.T, g *gate) func() { g.leave(pass(t, g), limited, time.Minute); return func() {} },
		"probing": func(t *testing.T, g *gate) func() { narrow(t, g); return func() {} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(2)
				undo := prepare(t, g)
				ctx, cancel := context.WithCancel(t.Context())
				var stopped atomic.Int64
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						if _, err := g.enter(ctx); err == context.Canceled {
							stopped.Add(1)
						}
					})
				}
				synctest.Wait()
				began := time.Now()
				cancel()
				wg.Wait()
				require.Equal(t, int64(100), stopped.Load())
				require.Zero(t, time.Since(began), "a wait ends when ctx does")
				undo()
				requireFree(t, g)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := g.enter(ctx)
		require.ErrorIs(t, err, context.Canceled, "no upload starts after ctx ended, be the gate open")
		requireFree(t, g)
	})
}
