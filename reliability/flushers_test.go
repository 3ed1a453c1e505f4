// Flushers: however many flush at once, none is told that something is settled which is not.

package reliability_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// verdicts is a Transport that fails half of the attempts, refuses calls marked
// as poison, and writes down what is settled before it says so.
type verdicts struct {
	mu      sync.Mutex
	random  *rand.Rand
	settled map[string]bool
	order   []string // accepted, each once its call had returned
}

func (v *verdicts) Send(_ context.Context, b *analytics.Batch) error {
	v.mu.Lock()
	fault, wait := v.random.IntN(6), time.Duration(v.random.IntN(2000))*time.Millisecond
	v.mu.Unlock()
	time.Sleep(wait)
	switch fault {
	case 0:
		return &analytics.ResponseError{StatusCode: 503}
	case 1:
		return &analytics.ResponseError{StatusCode: 429, RetryAfter: time.Second}
	case 2:
		return errDown
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if fault == 3 && len(b.Entries) > 1 {
		return &analytics.ResponseError{StatusCode: 413}
	}
	for _, e := range b.Entries {
		v.settled[string(e.ID)] = true
	}
	if fault == 3 {
		return &analytics.ResponseError{StatusCode: 413}
	}
	return nil
}

// accepted returns the calls accepted so far.
func (v *verdicts) accepted() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.order)
}

// open counts those of ids that are not settled.
func (v *verdicts) open(ids []string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range ids {
		if !v.settled[id] {
			n++
		}
	}
	return n
}

func TestFlushersAreNotEarly(t *testing.T) {
	seed := seed(t)
	var flushes, calls atomic.Int64
	for round := range size(5, 100) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			v := &verdicts{random: random, settled: map[string]bool{}}
			var told ledger
			client, err := analytics.New("WRITE_KEY", &analytics.Config{
				Transport: v, BatchSize: 7, MaxRetries: 1000, OnReceipt: told.take, WhenFull: analytics.Block,
				Backoff: func(int) time.Duration { return 100 * time.Millisecond },
			})
			require.NoError(t, err)
			defer client.Close()
			var wait sync.WaitGroup
			for f := range 100 {
				wait.Go(func() {
					for i := range 5 {
						id := f*100 + i
						if err := client.Track(context.Background(), numbered(id)); err != nil {
							t.Error(err)
						}
						v.mu.Lock()
						v.order = append(v.order, callID(id))
						v.mu.Unlock()
						time.Sleep(time.Duration(f) * 11 * time.Millisecond)
						before := v.accepted()
						if err := client.Flush(context.Background()); err != nil {
							t.Error(err)
						}
						if n := v.open(before); n > 0 {
							t.Errorf("Flush returned with %d of %d calls open", n, len(before))
						}
						flushes.Add(1)
					}
				})
			}
			wait.Wait()
			require.Zero(t, v.open(v.accepted()))
			require.NoError(t, client.Close())
			told.all(t, 500)
			calls.Add(500)
		})
	}
	proved(t, "T27", "%d flushes of 100 goroutines over %d calls, 0 early", flushes.Load(), calls.Load())
}

// TestFlushersReturnTogether has 100 flush while one batch is in flight, one
// waits for its retry and calls wait in the queue: the last answer frees all.
func TestFlushersReturnTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		n := 0
		var mu sync.Mutex
		client, err := analytics.New("WRITE_KEY", &analytics.Config{
			BatchSize: 2, Backoff: func(int) time.Duration { return 10 * time.Second },
			Transport: transportFunc(func(context.Context, *analytics.Batch) error {
				mu.Lock()
				mine := n
				n++
				mu.Unlock()
				if mine == 0 {
					return errDown // retried when the flushes cut its backoff short
				}
				time.Sleep(time.Duration(mine) * time.Second)
				return nil
			}),
		})
		require.NoError(t, err)
		accept(t, client, 0, 5)
		synctest.Wait()
		at := map[time.Duration]int{}
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() {
				if err := client.Flush(context.Background()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				at[time.Since(began)]++
			})
		}
		wait.Wait()
		require.Equal(t, map[time.Duration]int{3 * time.Second: 100}, at, "the longest of three answers")
		require.Equal(t, uint64(5), client.Stats().Delivered)
		require.NoError(t, client.Close())
	})
}
