// Outages of hours, in virtual time: what is kept, what is refused, how fast the backlog drains, and when it is given up.

package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// outages are ways for an API to be down.
var outages = []mishap{
	{name: "503", status: 503},
	{name: "stall", stall: true},
	{name: "429", status: 429, after: 30 * time.Second},
	{name: "refused", err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}},
}

// The load of an outage: a call of 4 KB every two seconds, to a server that takes
// a second to answer and could take 80 a second of them.
const (
	outage       = 6 * time.Hour
	outagePace   = 2 * time.Second
	outageBound  = 32 << 20
	outagePad    = 4000
	outageBatch  = 20
	outageAnswer = time.Second
)

func outageConfig(o *oracle) analytics.Config {
	o.takes = outageAnswer
	config := o.config()
	config.WhenFull, config.BatchSize = analytics.Drop, outageBatch
	config.MaxQueueEvents, config.MaxQueueBytes = 1_000_000, outageBound
	config.MaxRetries = math.MaxInt32
	return config
}

// TestOutageThenRecovery fills the byte bound within the outage. It compares the
// drain, from the first success on, with a client that never met an outage.
func TestOutageThenRecovery(t *testing.T) {
	var reached []string
	for _, kind := range outages[:size(1, len(outages))] {
		synctest.Test(t, func(t *testing.T) {
			d := rideOut(t, kind)
			healthy := float64(d.backlog) / healthyDrain(t, d.backlog).Seconds()
			rate := float64(d.backlog) / d.drain.Seconds()
			t.Logf("%s: %+v, %.1f calls/s, healthy %.1f", kind.name, d, rate, healthy)
			require.GreaterOrEqual(t, rate, 0.9*healthy, kind.name)
			require.LessOrEqual(t, d.most, int64(outageBound))
			require.Greater(t, d.most, int64(outageBound)*99/100, "the bound was reached")
			require.Positive(t, d.refused)
			reached = append(reached, fmt.Sprintf("%s: drained at %.0f %%", kind.name, 100*rate/healthy))
		})
	}
	proved(t, "T06", "%s", strings.Join(reached, ", "))
}

type ridden struct {
	backlog  int           // calls held when the API came back
	drain    time.Duration // from the first success until they were delivered
	accepted int
	refused  int
	most     int64 // bytes at any sample
}

// rideOut makes calls through an outage and half an hour after it.
func rideOut(t *testing.T, kind mishap) (d ridden) {
	const calls = int((outage + 30*time.Minute) / outagePace)
	o, told := newOracle(calls), newRegister(calls)
	began := time.Now()
	var firstSuccess, drained time.Time
	var backlog, settled atomic.Int64
	o.mishap = func(int, *carried) mishap {
		if time.Since(began) < outage {
			return kind
		}
		return mishap{}
	}
	config := outageConfig(o)
	config.OnReceipt = func(r analytics.Receipt) {
		told.take(r)
		if firstSuccess.IsZero() {
			firstSuccess = time.Now()
		}
		if settled.Add(1) == backlog.Load() { // known by then: receipts come with the recovery
			drained = time.Now()
		}
	}
	client := newClient(t, config)
	accepted := make([]bool, calls)
	for n := range calls {
		err := client.Track(context.Background(), traced(n, outagePad))
		accepted[n] = err == nil
		switch {
		case err == nil:
			d.accepted++
		case errors.Is(err, analytics.ErrQueueFull):
			d.refused++
		default:
			require.NoError(t, err)
		}
		d.most = max(d.most, client.Stats().QueueBytes)
		// What it says of itself is not proof enough: each call held is this large at least.
		require.LessOrEqual(t, (d.accepted-int(settled.Load()))*outagePad, outageBound)
		if time.Since(began) == outage-outagePace {
			backlog.Store(int64(client.Stats().QueueEvents))
		}
		time.Sleep(outagePace)
	}
	require.NoError(t, client.Close())
	require.Equal(t, d.refused, o.unheard(t), "all that was accepted is delivered, and nothing else")
	told.requireOneEach(t, func(n int) bool { return accepted[n] })
	require.Empty(t, told.failed)
	s := client.Stats()
	require.Equal(t, uint64(d.refused), s.Refused.QueueFull)
	require.Equal(t, uint64(d.accepted), s.Delivered)
	require.Zero(t, s.QueueBytes)
	require.False(t, drained.IsZero())
	d.backlog = int(backlog.Load())
	d.drain = drained.Sub(firstSuccess) + outageAnswer // the first answer took its time too
	return d
}

// healthyDrain is how long the same calls take when nothing was ever wrong.
func healthyDrain(t *testing.T, calls int) time.Duration {
	o := newOracle(calls)
	client := newClient(t, outageConfig(o))
	began := time.Now()
	for n := range calls {
		require.NoError(t, client.Track(context.Background(), traced(n, outagePad)))
	}
	require.NoError(t, client.Flush(context.Background()))
	took := time.Since(began)
	require.NoError(t, client.Close())
	require.Zero(t, o.unheard(t))
	return took
}

// TestRetryTimeEnds has an API that stays down beyond the 12 hours for which a
// call is retried.
func TestRetryTimeEnds(t *testing.T) {
	const calls, batch, budget = 40, 10, 12 * time.Hour
	earliest, latest := time.Duration(math.MaxInt64), time.Duration(0)
	for _, kind := range outages {
		synctest.Test(t, func(t *testing.T) {
			o, told := newOracle(calls), newRegister(calls)
			o.mishap = func(int, *carried) mishap { return kind }
			config := o.config()
			config.BatchSize, config.MaxRetries = batch, math.MaxInt32
			began := time.Now()
			config.OnReceipt = func(r analytics.Receipt) {
				told.take(r)
				earliest, latest = min(earliest, time.Since(began)), max(latest, time.Since(began))
			}
			client := newClient(t, config)
			for n := range calls {
				require.NoError(t, client.Track(context.Background(), traced(n, 0)))
			}
			require.NoError(t, client.Flush(context.Background()))
			require.NoError(t, client.Close())
			told.requireOneEach(t, every)
			require.Len(t, told.failed, calls)
			for _, err := range told.failed {
				requireMet(t, kind, err)
			}
			s := client.Stats()
			require.Equal(t, analytics.FailedStats{Exhausted: calls}, s.Failed, "the reason is the budget")
			require.Zero(t, s.QueueBytes)
		})
	}
	// A wait that would end beyond the budget is not begun, and none is above a minute.
	require.GreaterOrEqual(t, earliest, budget-time.Minute)
	// One probe goes at a time, a minute after the last and 10 s until it gives up:
	// the last batch first fails that much later, and learns of the end that much later.
	require.LessOrEqual(t, latest, budget+2*calls/batch*70*time.Second)
	proved(t, "T07", "%d calls in each of %d outages, one Receipt each, after %v to %v",
		calls, len(outages), earliest.Round(time.Second), latest.Round(time.Second))
}

// requireMet requires err to say what the last attempt met.
func requireMet(t *testing.T, kind mishap, err error) {
	t.Helper()
	var answer *analytics.ResponseError
	switch {
	case kind.status != 0:
		require.ErrorAs(t, err, &answer)
		require.Equal(t, kind.status, answer.StatusCode)
	case kind.stall:
		require.ErrorIs(t, err, context.DeadlineExceeded)
	default:
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
	require.NotErrorIs(t, err, analytics.ErrDropped)
}
