// The storm: every method of a client at once from many goroutines, round after round, and nothing left behind.

package reliability_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// TestStorm runs in real time, for virtual time would keep the goroutines from
// meeting as they do.
func TestStorm(t *testing.T) {
	seed := seed(t)
	rounds := size(500, 10_000)
	var calls, closedOut, given int
	for round := range rounds {
		accepted, refused, dropped := storm(t, rand.New(rand.NewPCG(seed, uint64(round))))
		calls, closedOut, given = calls+accepted, closedOut+refused, given+dropped
	}
	requireNoneLeft(t)
	require.Positive(t, closedOut, "the end came in the middle of calls")
	proved(t, "T26", "%d rounds: %d calls accepted with a Receipt each, %d of them given up at shutdown, %d refused after it; no goroutine left", rounds, calls, given, closedOut)
}

// stormRound is what the 64 goroutines of a round share.
type stormRound struct {
	*testing.T
	client                  *analytics.Client
	ctx                     context.Context // ends a round that hangs
	accepted, closed, other atomic.Int64    // calls by what they returned

	mu   sync.Mutex
	ends []error // of Shutdown and Close
}

// storm is one round. It returns how many calls were accepted, refused because
// the client was closed, and given up.
func storm(t *testing.T, random *rand.Rand) (accepted, refused, dropped int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var told ledger
	var sends atomic.Int64
	faulty := random.IntN(2) == 0
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		BatchSize: 1 + random.IntN(20), MaxQueueEvents: 20 + random.IntN(200), WhenFull: analytics.WhenFull(1 + random.IntN(2)),
		FlushInterval: time.Duration(1+random.IntN(3)) * time.Millisecond, MaxConcurrentUploads: 1 + random.IntN(6),
		Backoff: func(int) time.Duration { return time.Microsecond }, OnReceipt: told.take,
		Transport: transportFunc(func(ctx context.Context, b *analytics.Batch) error {
			if n := sends.Add(1); faulty && n%3 != 0 {
				return &analytics.ResponseError{StatusCode: []int{503, 413, 429}[n%3]}
			}
			return ctx.Err()
		}),
	})
	require.NoError(t, err)
	round := &stormRound{T: t, client: client, ctx: ctx}
	var wait sync.WaitGroup
	for i := range 64 {
		kind, pause := random.IntN(64), time.Duration(random.IntN(300))*time.Microsecond
		wait.Go(func() {
			switch {
			case kind < 44:
				round.track(i * 20)
			case kind < 56:
				round.flush()
			default:
				round.end(pause, kind < 60)
			}
		})
	}
	wait.Wait()
	require.NoError(t, ctx.Err(), "a round takes milliseconds")
	last := client.Close()
	for _, err := range round.ends {
		require.True(t, err == last, "everyone gets the same error: %v, %v", last, err)
	}
	lost := reported(t, last)
	for id, r := range told.all(t, int(round.accepted.Load())) {
		require.Equal(t, lost[id], errors.Is(r.Err, analytics.ErrDropped), "%s: %v", id, r.Err)
	}
	s := client.Stats()
	require.Equal(t, uint64(round.accepted.Load()), s.Accepted)
	require.Equal(t, s.Accepted, s.Delivered+s.Failed.Lost())
	require.Equal(t, uint64(round.closed.Load()+round.other.Load()), s.Refused.Total())
	require.Zero(t, s.QueueEvents)
	require.Zero(t, s.QueueBytes)
	return int(s.Accepted), int(round.closed.Load()), len(lost)
}

func (r *stormRound) track(from int) {
	for i := from; i < from+20; i++ {
		switch err := r.client.Track(r.ctx, numbered(i)); {
		case err == nil:
			r.accepted.Add(1)
		case errors.Is(err, analytics.ErrClosed):
			r.closed.Add(1)
		case errors.Is(err, analytics.ErrQueueFull):
			r.other.Add(1)
		default:
			r.Error(err)
		}
	}
}

func (r *stormRound) flush() {
	for range 5 {
		if err := r.client.Flush(r.ctx); err != nil {
			r.Errorf("Flush: %v", err)
		}
	}
}

// end ends the client after a pause, or with the patience of ten.
func (r *stormRound) end(pause time.Duration, impatient bool) {
	time.Sleep(pause)
	var err error
	if impatient {
		ctx, cancel := context.WithTimeout(r.ctx, 10*pause)
		defer cancel()
		err = r.client.Shutdown(ctx)
	} else {
		err = r.client.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, err)
}

// requireNoneLeft fails the test when a goroutine of the library, or one that
// it started, is still there. The last ones may be on their way out.
func requireNoneLeft(t *testing.T) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var b bytes.Buffer
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 2))
		left = nil
		for _, stack := range strings.Split(b.String(), "\n\n") {
			if strings.Contains(stack, "headwater-dev/analytics.") {
				left = append(left, stack)
			}
		}
		if left == nil {
			return
		}
	}
	require.Fail(t, "goroutines left behind", fmt.Sprint(len(left), " ", left[0]))
}
