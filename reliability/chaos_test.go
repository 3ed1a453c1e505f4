// Chaos: hundreds of thousands of calls through faults of every kind, with an oracle at the end.

package reliability_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// TestChaos sends calls from 8 goroutines in virtual time while 30 % of the
// attempts meet a fault. A failure prints the seed.
func TestChaos(t *testing.T) {
	calls, seed := size(20_000, 200_000), seed(t)
	var reached string
	synctest.Test(t, func(t *testing.T) {
		srv := analyticstest.NewServer()
		defer srv.Close()
		faults := &faults{random: rand.New(rand.NewPCG(seed, 1)), met: map[string]int{}}
		srv.Respond(faults.answer)
		told := make(map[string]int, calls)
		var mu sync.Mutex
		client, err := analytics.New("WRITE_KEY", &analytics.Config{
			Endpoint: srv.URL, HTTPClient: srv.Client(), BatchSize: 50, WhenFull: analytics.Block, MaxRetries: 1000,
			OnReceipt: func(r analytics.Receipt) {
				mu.Lock()
				defer mu.Unlock()
				told[r.MessageID]++
				if r.Err != nil {
					t.Errorf("%s: %v after %d attempts", r.MessageID, r.Err, r.Attempts)
				}
			},
		})
		require.NoError(t, err)

		const producers = 8
		var wait sync.WaitGroup
		for p := range producers {
			pace := rand.New(rand.NewPCG(seed, uint64(p)+2))
			wait.Go(func() {
				for i := p; i < calls; i += producers {
					m := analytics.Track{UserID: "user_1", Event: "Chaos", Properties: analytics.Properties{"i": i},
						MessageID: fmt.Sprintf("call-%d", i)}
					if err := client.Track(context.Background(), m); err != nil {
						t.Error(err)
					}
					if pace.IntN(500) == 0 {
						time.Sleep(time.Duration(pace.Int64N(int64(20 * time.Second))))
					}
				}
			})
		}
		wait.Wait()
		require.NoError(t, client.Flush(context.Background()))
		require.NoError(t, client.Close())

		received := make(map[string]int64, calls)
		duplicates := 0
		for _, call := range srv.Calls() {
			if i, again := received[call.MessageID]; again {
				duplicates++
				require.Equal(t, i, call.Int("properties.i"), "a duplicate is the same call")
			}
			received[call.MessageID] = call.Int("properties.i")
		}
		require.Len(t, received, calls, "every accepted call is received at least once")
		require.Len(t, told, calls, "and has a receipt")
		for id, n := range told {
			require.Equal(t, 1, n, id)
			require.Equal(t, id, fmt.Sprintf("call-%d", received[id]))
		}
		s := client.Stats()
		require.Equal(t, uint64(calls), s.Delivered)
		require.Zero(t, s.Failed.Lost())
		require.Zero(t, s.QueueEvents)
		require.Zero(t, s.QueueBytes)
		require.Len(t, faults.met, faultKinds, "every kind of fault happened")
		t.Logf("faults: %v", faults.met)
		reached = fmt.Sprintf("%d calls, %d requests, %d duplicates", calls, s.Requests, duplicates)
	})
	proved(t, "chaos", "%s", reached)
}

const faultKinds = 9

// faults answers 30 % of the requests with one.
type faults struct {
	mu     sync.Mutex
	random *rand.Rand
	met    map[string]int
}

func (f *faults) answer(r *analyticstest.Request) analyticstest.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.random.Float64() >= 0.3 {
		return analyticstest.Answer{}
	}
	kinds := []struct {
		name   string
		answer analyticstest.Answer
	}{
		{"500", analyticstest.Status(500)},
		{"503", analyticstest.Status(503)},
		{"429", analyticstest.RetryAfter(429, time.Duration(1+f.random.IntN(30))*time.Second)},
		{"503 once stored", analyticstest.Answer{Status: 503, Store: true}},
		{"cut before", analyticstest.CutBefore()},
		{"cut after", analyticstest.CutAfter()},
		{"stall", analyticstest.Hang()},
		{"truncated", analyticstest.CutAnswer(500)},
		{"413", analyticstest.Status(413)},
	}
	kind := kinds[f.random.IntN(len(kinds))]
	if kind.name == "413" && len(r.Calls) <= 20 {
		kind = kinds[0]
	}
	f.met[kind.name]++
	return kind.answer
}
