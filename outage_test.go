// Outages: what a dead API sees of one process, what that costs the process, and how it recovers.

package analytics_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// TestDeadAPI has an hour of outage of every kind meet a full queue, and calls
// that keep coming, more than there is room for or a small batch each second.
func TestDeadAPI(t *testing.T) {
	kinds := []analyticstest.Answer{
		analyticstest.Status(503), analyticstest.Status(429), after(429, "1"), after(503, "20"),
		analyticstest.Hang(), analyticstest.CutBefore(), analyticstest.CutAnswer(500),
	}
	mixed := func(*analyticstest.Request) analyticstest.Answer { return kinds[rand.IntN(len(kinds))] }
	for name, respond := range map[string]func(*analyticstest.Request) analyticstest.Answer{
		"503":              func(*analyticstest.Request) analyticstest.Answer { return kinds[0] },
		"429":              func(*analyticstest.Request) analyticstest.Answer { return kinds[1] },
		"429 for a second": func(*analyticstest.Request) analyticstest.Answer { return kinds[2] },
		"timeouts":         func(*analyticstest.Request) analyticstest.Answer { return kinds[4] },
		"cut":              func(*analyticstest.Request) analyticstest.Answer { return kinds[5] },
		"mixed":            mixed,
	} {
		for load, config := range map[string]analytics.Config{
			"backlog":       {BatchSize: 1, MaxQueueEvents: 2000},
			"small batches": {FlushInterval: time.Second},
			"slow to give up": {BatchSize: 1, MaxQueueEvents: 2000, MaxRetries: 1000,
				Backoff: func(int) time.Duration { return time.Millisecond }},
		} {
			t.Run(name+", "+load, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { outageOfAnHour(t, config, respond) })
			})
		}
	}
}

func outageOfAnHour(t *testing.T, config analytics.Config, respond func(*analyticstest.Request) analyticstest.Answer) {
	config.MaxConcurrentUploads = 4
	r := newRig(t, config)
	r.api.Respond(respond)
	synctest.Wait()
	base, most := runtime.NumGoroutine(), 0
	if config.MaxQueueEvents > 0 {
		track(t, r.Client, 0, config.MaxQueueEvents)
	}
	for second := range 3600 {
		m := event("E")
		m.MessageID = fmt.Sprint("late ", second)
		if err := r.Track(t.Context(), m); err != nil {
			require.ErrorIs(t, err, analytics.ErrQueueFull)
		}
		time.Sleep(time.Second)
		most = max(most, runtime.NumGoroutine())
	}
	require.LessOrEqual(t, len(r.api.Requests()), 100)
	require.LessOrEqual(t, most, base+config.MaxConcurrentUploads+8, "goroutines")
	require.Error(t, r.Shutdown(ended()))
	stats := r.Stats()
	require.Len(t, r.told.list(), int(stats.Accepted))
	require.Equal(t, stats.Accepted, stats.Delivered+stats.Failed.Lost())
}

// TestOutageAndRecovery has the API gone for six hours, with retries enough to
// outlast it, and then back at 100 ms a batch.
func TestOutageAndRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bytes, uploads, answerTime = 1 << 20, 4, 100 * time.Millisecond
		r := newRig(t, analytics.Config{
			BatchSize: 10, MaxQueueBytes: bytes, MaxConcurrentUploads: uploads, MaxRetries: 1000,
		})
		var back atomic.Bool
		r.api.Respond(func(*analyticstest.Request) analyticstest.Answer {
			if back.Load() {
				return analyticstest.Delay(answerTime)
			}
			return analyticstest.Status(503)
		})
		accepted, refused := 0, 0
		for range 6 * 3600 {
			err := r.Track(t.Context(), event("E"))
			switch {
			case err == nil:
				accepted++
			case errors.Is(err, analytics.ErrQueueFull):
				refused++
			default:
				require.NoError(t, err)
			}
			require.LessOrEqual(t, r.Stats().QueueBytes, int64(bytes))
			time.Sleep(time.Second)
		}
		require.Positive(t, refused)
		require.Equal(t, uint64(refused), r.Stats().Refused.QueueFull)
		require.Zero(t, r.Stats().Delivered+r.Stats().Failed.Lost())

		before := len(r.api.Requests())
		back.Store(true)
		require.NoError(t, r.Flush(context.Background()))
		took := r.now() - r.times()[before]
		batches := len(r.api.Requests()) - before
		healthy := time.Duration(batches) * answerTime / uploads
		require.LessOrEqual(t, took, healthy*10/9+3*answerTime, "%d batches drain as fast as ever after the ramp", batches)
		require.NoError(t, r.Close())
		require.Equal(t, uint64(accepted), r.Stats().Delivered)
		require.Zero(t, r.Stats().QueueBytes)
		require.Len(t, r.told.list(), accepted)
		require.Len(t, r.api.Delivered(), accepted)
	})
}
