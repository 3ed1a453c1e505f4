// Shutdown: what it delivers, what it gives up, and what it says of it.

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

func TestOneFailureThenCloseLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told receipts
		tape := &tape{answer: statuses(503)}
		client := newClient(t, tape, analytics.Config{OnReceipt: told.take})
		track(t, client, 0, 10)
		began := time.Now()
		require.NoError(t, client.Close())
		require.LessOrEqual(t, time.Since(began), 2*time.Second)
		require.Len(t, told.list(), 10)
		for _, r := range told.list() {
			require.NoError(t, r.Err)
		}
	})
}

func TestShutdownTellsWhatWasNotDelivered(t *testing.T) {
	for name, answer := range map[string]func(context.Context, int, *analytics.Batch) error{
		"hanging": hang,
		"failing": status(503),
		"limited": func(context.Context, int, *analytics.Batch) error {
			return &analytics.ResponseError{StatusCode: 429, RetryAfter: time.Minute}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told receipts
				tape := &tape{answer: answer}
				client := newClient(t, tape, analytics.Config{BatchSize: 5, MaxConcurrentUploads: 2, OnReceipt: told.take})
				track(t, client, 0, 50)
				synctest.Wait()
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				errs := make([]error, 4)
				var wait sync.WaitGroup
				for i := range errs {
					wait.Go(func() { errs[i] = client.Shutdown(ctx) })
				}
				wait.Wait()
				require.Equal(t, 5*time.Second, time.Since(began))
				for _, err := range errs {
					require.Same(t, errs[0], err, "every caller gets the same error")
				}
				require.Same(t, errs[0], client.Close())
				var e *analytics.ShutdownError
				require.ErrorAs(t, errs[0], &e)
				require.ErrorIs(t, e, context.DeadlineExceeded)
				require.Equal(t, 50, e.Undelivered)
				require.Zero(t, e.Kept)
				require.Len(t, told.list(), 50)
				lost := map[string]bool{}
				for _, r := range told.list() {
					require.ErrorIs(t, r.Err, analytics.ErrDropped)
					lost[r.MessageID] = true
				}
				for _, id := range e.MessageIDs {
					require.True(t, lost[id])
				}
				require.Len(t, lost, 50)
				require.Equal(t, uint64(50), client.Stats().Failed.Shutdown)
			})
		})
	}
}

func TestShutdownKeepsTheLastError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told receipts
		client := newClient(t, &tape{answer: status(502)}, analytics.Config{OnReceipt: told.take})
		track(t, client, 0, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := client.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		for _, err := range []error{told.list()[0].Err, err} {
			var answer *analytics.ResponseError
			require.ErrorAs(t, err, &answer)
			require.Equal(t, 502, answer.StatusCode)
		}
	})
}

func TestShutdownWithAnEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		idle := newClient(t, &tape{}, analytics.Config{})
		require.NoError(t, idle.Shutdown(ended))
		client := newClient(t, &tape{answer: hang}, analytics.Config{})
		track(t, client, 0, 3)
		var e *analytics.ShutdownError
		require.ErrorAs(t, client.Shutdown(ended), &e)
		require.Equal(t, 3, e.Undelivered)
	})
}

type durable struct{ *analytics.MemoryQueue }

func (d durable) Stats() analytics.QueueStats {
	s := d.MemoryQueue.Stats()
	s.Durable = true
	return s
}

func TestDurableQueueKeepsWhatIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told receipts
		queue := durable{analytics.NewMemoryQueue(0, 0)}
		client := newClient(t, &tape{answer: status(500)}, analytics.Config{Queue: queue, BatchSize: 5, MaxRetries: 1, OnReceipt: told.take})
		track(t, client, 0, 10)
		time.Sleep(time.Hour)
		require.Equal(t, 10, client.Stats().QueueEvents, "exhausted retries delete nothing")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var e *analytics.ShutdownError
		require.ErrorAs(t, client.Shutdown(ctx), &e)
		require.Equal(t, 10, e.Kept)
		require.Zero(t, e.Undelivered)
		require.Empty(t, told.list(), "no receipt for what is kept")
		require.Positive(t, client.Stats().GivenBack)
	})
}

// tarrying is a queue that hangs in Done and Close for as long as it is allowed.
type tarrying struct{ analytics.Queue }

type tarryingLease struct{ analytics.Lease }

func (q tarrying) Lease(ctx context.Context, limit analytics.Limit) (analytics.Lease, error) {
	lease, err := q.Queue.Lease(ctx, limit)
	if err != nil {
		return nil, err
	}
	return tarryingLease{lease}, nil
}

func (tarryingLease) Done(ctx context.Context, _ []analytics.Verdict) error {
	<-ctx.Done()
	return ctx.Err()
}

func (tarrying) Close(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestShutdownIsBoundedByAQueueThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, &tape{answer: hang}, analytics.Config{Queue: tarrying{analytics.NewMemoryQueue(0, 0)}})
		track(t, client, 0, 3)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		var e *analytics.ShutdownError
		require.ErrorAs(t, client.Shutdown(ctx), &e)
		require.Equal(t, 3, e.Undelivered)
		require.Equal(t, 5*time.Second, time.Since(began), "a second, and two each for Done and Close")
	})
}
