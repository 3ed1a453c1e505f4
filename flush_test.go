// Flush: what it waits for, what it cuts short, and what it leaves alone.

package analytics_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

func TestFlushWaitsForWhatWasAcceptedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told receipts
		tape := &tape{answer: func(_ context.Context, n int, _ *analytics.Batch) error {
			time.Sleep(time.Second)
			return statuses(500, 200, 500)(nil, n, nil)
		}}
		client := newClient(t, tape, analytics.Config{BatchSize: 4, OnReceipt: told.take})
		track(t, client, 0, 10)
		require.NoError(t, client.Flush(t.Context()))
		synctest.Wait()
		require.Len(t, told.list(), 10, "in flight, retrying and waiting calls are settled")
		require.NoError(t, client.Flush(t.Context()), "nothing to do")
		require.NoError(t, client.Close())
	})
}

func TestFlushIsNotHeldUpByLaterCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: func(context.Context, int, *analytics.Batch) error { time.Sleep(100 * time.Millisecond); return nil }}
		client := newClient(t, tape, analytics.Config{BatchSize: 10, MaxConcurrentUploads: 1, MaxQueueEvents: 1000})
		stop := make(chan struct{})
		var producer sync.WaitGroup
		producer.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					_ = client.Track(context.Background(), event("later"))
				}
			}
		})
		time.Sleep(time.Second)
		began := time.Now()
		require.NoError(t, client.Flush(t.Context()))
		require.Less(t, time.Since(began), 12*time.Second)
		close(stop)
		producer.Wait()
		require.NoError(t, client.Close())
	})
}

func TestManyFlushers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: func(context.Context, int, *analytics.Batch) error { time.Sleep(time.Second); return nil }}
		client := newClient(t, tape, analytics.Config{})
		track(t, client, 0, 10)
		began := time.Now()
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() {
				if err := client.Flush(context.Background()); err != nil {
					t.Error(err)
				}
				if time.Since(began) != time.Second {
					t.Error("early", time.Since(began))
				}
			})
		}
		wait.Wait()
		require.Len(t, tape.batches(), 1)
		require.NoError(t, client.Close())
	})
}

func TestFlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: statuses(500, 500, 500)}
		client := newClient(t, tape, analytics.Config{Backoff: func(int) time.Duration { return time.Hour }})
		track(t, client, 0, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, client.Flush(ctx), context.DeadlineExceeded)
		require.Len(t, tape.batches(), 1, "a backoff that starts after Flush is waited for in full")
		require.NoError(t, client.Track(t.Context(), event("still open")))
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, client.Flush(ctx), context.DeadlineExceeded)
		require.Len(t, tape.batches(), 3, "the backoff running is cut short once, the new call sent")
		time.Sleep(2 * time.Hour)
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, client.Close())
	})
}

func TestFlushDoesNotCutRetryAfterShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: func(_ context.Context, n int, _ *analytics.Batch) error {
			if n == 0 {
				return &analytics.ResponseError{StatusCode: 503, RetryAfter: 30 * time.Second}
			}
			return nil
		}}
		client := newClient(t, tape, analytics.Config{BatchSize: 1})
		track(t, client, 0, 1)
		synctest.Wait()
		began := time.Now()
		require.NoError(t, client.Flush(t.Context()))
		require.Equal(t, 30*time.Second, time.Since(began))
		require.NoError(t, client.Close())
	})
}
