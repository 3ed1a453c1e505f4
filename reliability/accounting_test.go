// Byte accounting: what the queue says it holds, and the limits of a batch, over calls of every size.

package reliability_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// TestByteAccounting makes calls padded by up to 32 KiB, in phases of a largest
// padding each, with a fault on one request in ten. After each phase the queue
// is empty to the byte.
func TestByteAccounting(t *testing.T) {
	const kinds = 16 // of phases, by powers of two: less than 1 B, 2 B, 4 B … 32 KiB
	ops, rounds, each := 0, size(1, 4), size(3000, 20_480)
	phases := make([]sized, 0, kinds*rounds)
	for i := range kinds * rounds {
		p := sized{from: ops, n: each, largest: 1 << (i % kinds)}
		if p.largest > 1<<10 {
			p.n /= 4 // they take the time
		}
		ops += p.n
		phases = append(phases, p)
	}
	first := seed(t)
	o, told := newOracle(ops), newRegister(ops)
	o.mishap = newLuck(first, 0.1, mishaps).pick
	made := make([]bool, ops)
	synctest.Test(t, func(t *testing.T) {
		config := o.config()
		config.BatchSize, config.MaxRetries, config.Compression = 2500, 1000, analytics.None
		config.OnReceipt = told.take
		second := time.Now().Truncate(time.Second) // so little in a call that 2500 fit
		config.Now = func() time.Time { return second }
		client := newClient(t, config)
		for _, p := range phases {
			p.make(t, client, first, made)
			require.NoError(t, client.Flush(context.Background()))
			synctest.Wait() // for the last Receipt to be taken
			s := client.Stats()
			require.Zero(t, s.QueueBytes, "after %+v", p)
			require.Zero(t, s.QueueEvents)
			require.Equal(t, s.Accepted, s.Delivered)
		}
		require.NoError(t, client.Close())
		s := client.Stats()
		require.Equal(t, uint64(ops), s.Accepted+s.Refused.TooLarge)
		require.Equal(t, int(s.Refused.TooLarge), o.unheard(t))
	})
	told.requireOneEach(t, func(n int) bool { return made[n] })
	require.LessOrEqual(t, o.mostBytes, 500_000)
	require.Greater(t, o.mostBytes, 500_000-analytics.MaxMessageBytes, "the limit was reached")
	require.Equal(t, 2500, o.mostCalls, "and so was this one")
	proved(t, "T15", "%d calls, 0 bytes left after each of %d phases; largest batch %d bytes, most calls in one %d",
		ops, len(phases), o.mostBytes, o.mostCalls)
}

// sized are the calls [from, from+n), each padded by less than largest bytes.
type sized struct{ from, n, largest int }

// make makes them from 4 goroutines and notes which were accepted.
func (s sized) make(t *testing.T, client *analytics.Client, seed uint64, accepted []bool) {
	const producers = 4
	var wait sync.WaitGroup
	for p := range producers {
		random := rand.New(rand.NewPCG(seed, uint64(s.from+p)))
		wait.Go(func() {
			for i := s.from + p; i < s.from+s.n; i += producers {
				m := traced(i, random.IntN(s.largest))
				err := client.Page(context.Background(), analytics.Page{UserID: "u", MessageID: m.MessageID, Properties: m.Properties})
				accepted[i] = err == nil
				if err != nil && !errors.Is(err, analytics.ErrMessageTooLarge) {
					t.Error(err)
				}
				if held := client.Stats().QueueBytes; held < 0 || held > 32<<20 {
					t.Errorf("%d bytes queued", held)
				}
			}
		})
	}
	wait.Wait()
}

// weigher is a Transport that weighs entries, and sends nothing before release is
// closed.
type weigher struct {
	release chan struct{}
	mu      sync.Mutex
	calls   []int64 // by number
}

// Send implements analytics.Transport.
func (w *weigher) Send(ctx context.Context, b *analytics.Batch) error {
	select {
	case <-w.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range b.Entries {
		w.calls[numberOf(string(e.ID))] = int64(len(e.ID) + len(e.Key) + len(e.Body))
	}
	return nil
}

// TestEveryByteCounts compares what each call adds to QueueBytes with its bytes
// on the wire: the difference is the same overhead for all.
func TestEveryByteCounts(t *testing.T) {
	const calls = 500
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed(t), 1))
		added := make([]int64, calls)
		transport := &weigher{calls: make([]int64, calls), release: make(chan struct{})}
		client := newClient(t, analytics.Config{Transport: transport})
		for n := range calls {
			before := client.Stats().QueueBytes
			require.NoError(t, client.Track(t.Context(), traced(n, 1+random.IntN(1<<random.IntN(15)))))
			added[n] = client.Stats().QueueBytes - before
		}
		close(transport.release)
		require.NoError(t, client.Close())
		overhead := added[0] - transport.calls[0]
		require.Positive(t, overhead)
		require.Less(t, overhead, int64(100))
		for n := range calls {
			require.Equal(t, overhead, added[n]-transport.calls[n], "call %d", n)
		}
	})
}
