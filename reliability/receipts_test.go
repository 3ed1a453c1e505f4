// One Receipt each: faults, and a shutdown at a moment nobody chose.

package reliability_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// TestOneReceiptEach shuts a client down at a random instant, with a random
// deadline, while calls are made and a fifth of the requests fail.
func TestOneReceiptEach(t *testing.T) {
	runs, first := size(300, 10_000), seed(t)
	var sum tally
	for i := range runs {
		synctest.Test(t, func(t *testing.T) { sum.add(shutDownSomewhere(t, first+uint64(i))) })
		if t.Failed() {
			t.Fatalf("in run %d", i)
		}
	}
	require.Positive(t, sum.givenUp, "some deadlines came too early")
	require.Positive(t, sum.late, "some calls came too late")
	proved(t, "T08", "%d runs: %d calls accepted, %d delivered, %d given up at the deadline, one Receipt each; %d refused, none",
		runs, sum.accepted, sum.accepted-sum.givenUp, sum.givenUp, sum.late)
}

type tally struct{ accepted, givenUp, late int }

func (s *tally) add(o tally) {
	s.accepted += o.accepted
	s.givenUp += o.givenUp
	s.late += o.late
}

func shutDownSomewhere(t *testing.T, seed uint64) (sum tally) {
	const producers, calls = 4, 200
	random := rand.New(rand.NewPCG(seed, 2))
	span := time.Duration(random.Int64N(int64(20 * time.Second)))
	deadline := time.Duration(random.Int64N(int64(40 * time.Second)))
	o, told := newOracle(calls), newRegister(calls)
	o.mishap = newLuck(seed, 0.2, mishaps).pick
	config := o.config()
	config.BatchSize, config.OnReceipt, config.MaxQueueEvents = 10, told.take, 100
	config.FlushInterval, config.MaxRetries = time.Second, 1000
	client := newClient(t, config)

	accepted := make([]bool, calls)
	var wait sync.WaitGroup
	for p := range producers {
		pace := rand.New(rand.NewPCG(seed, uint64(p)+3))
		wait.Go(func() {
			for n := p; n < calls; n += producers {
				err := client.Track(context.Background(), traced(n, 0))
				accepted[n] = err == nil
				if err != nil && !errors.Is(err, analytics.ErrClosed) {
					t.Errorf("call %d: %v", n, err)
				}
				time.Sleep(time.Duration(pace.Int64N(int64(600 * time.Millisecond))))
			}
		})
	}
	time.Sleep(span)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := client.Shutdown(ctx)
	wait.Wait()

	told.requireOneEach(t, func(n int) bool { return accepted[n] })
	o.unheard(t)
	var dropped []string
	for n := range calls {
		switch failure := told.failed[n]; {
		case !accepted[n]:
			sum.late++
			require.False(t, o.received(n), "call %d was refused and sent", n)
			continue
		case failure == nil:
			require.True(t, o.received(n), "call %d has a good Receipt and never arrived", n)
		default:
			require.ErrorIs(t, failure, analytics.ErrDropped)
			dropped = append(dropped, callID(n))
		}
		sum.accepted++
	}
	sum.givenUp = len(dropped)
	if len(dropped) == 0 {
		require.NoError(t, err)
		return sum
	}
	var down *analytics.ShutdownError
	require.ErrorAs(t, err, &down)
	require.Equal(t, len(dropped), down.Undelivered)
	slices.Sort(dropped)
	slices.Sort(down.MessageIDs)
	require.Equal(t, dropped, down.MessageIDs)
	return sum
}
