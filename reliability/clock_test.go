// The wall clock: it stamps calls and attempts, and when it jumps nothing waits longer or shorter.

package reliability_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// clockRun is what a run under some clock led to.
type clockRun struct {
	at     []time.Duration // of each request since the run began
	sentAt []time.Duration // as stamped, less what the clock said then
}

// TestWallClockJumps plays one script of faults under a clock that is right and
// under clocks that jump an hour, back or forth, at each moment in turn.
func TestWallClockJumps(t *testing.T) {
	right := clockJumping(t, 0, 0)
	require.Len(t, right.at, 9)
	runs := 0
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		for moment := range right.at {
			for _, later := range []time.Duration{-time.Millisecond, time.Millisecond} {
				run := clockJumping(t, right.at[moment]+later, jump)
				require.Equal(t, right.at, run.at, "a jump of %v at %v", jump, right.at[moment]+later)
				for i, off := range run.sentAt {
					require.Zero(t, off, "sentAt of request %d is not what the clock said", i)
				}
				runs++
			}
		}
	}
	proved(t, "T31", "%d jumps, each request of each run when it would have come without one", runs)
}

// clockJumping plays the script with a clock that goes wrong by jump at a moment.
func clockJumping(t *testing.T, moment, jump time.Duration) (run clockRun) {
	synctest.Test(t, func(t *testing.T) {
		srv := analyticstest.NewServer()
		defer srv.Close()
		began := time.Now()
		var off atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		goesWrong := time.AfterFunc(moment, func() { off.Store(int64(jump)) })
		defer goesWrong.Stop()
		date := began.Add(4 * time.Minute).Format("Mon, 02 Jan 2006 15:04:05 GMT")
		srv.Script(
			analyticstest.Status(500),                  // then backoff
			analyticstest.Hang(),                       // RequestTimeout
			analyticstest.RetryAfter(429, time.Minute), // seconds
			analyticstest.Answer{Status: 503, RetryAfter: date},
			analyticstest.CutAfter(), // backoff
			analyticstest.Status(503),
			analyticstest.Status(503), // the gate narrows
		)
		config := analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()}
		through, err := analytics.NewHTTPTransport(&config)
		require.NoError(t, err)
		client, err := analytics.New("WRITE_KEY", &analytics.Config{
			BatchSize: 10, Now: clock, MaxConcurrentUploads: 1, MaxRetries: 20,
			Backoff: func(attempt int) time.Duration { return time.Duration(attempt) * 2 * time.Second },
			Transport: transportFunc(func(ctx context.Context, b *analytics.Batch) error {
				run.at = append(run.at, time.Since(began))
				run.sentAt = append(run.sentAt, b.SentAt.Sub(clock()))
				return through.Send(ctx, b)
			}),
		})
		require.NoError(t, err)
		accept(t, client, 0, 1) // leaves after FlushInterval
		time.Sleep(20 * time.Minute)
		accept(t, client, 1, 10) // at once, a full batch
		require.NoError(t, client.Close())
		require.Len(t, srv.Delivered(), 11)
		for i, c := range srv.Calls() {
			if i > 0 && c.MessageID == callID(0) {
				continue // its duplicate, of the attempt that was cut
			}
			want := began
			if c.MessageID != callID(0) {
				want = began.Add(20 * time.Minute)
				if moment <= 20*time.Minute {
					want = want.Add(jump)
				}
			}
			require.Equal(t, want.UTC(), c.OriginalTimestamp, "the timestamp of %s is what the clock said at the call", c.MessageID)
		}
	})
	return run
}
