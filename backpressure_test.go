// A full queue: refused at once, or waited for in line.

package analytics_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

func TestQueueFullDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: hang}
		client := newClient(t, tape, analytics.Config{MaxQueueEvents: 3, BatchSize: 1, MaxConcurrentUploads: 1})
		for range 3 {
			require.NoError(t, client.Track(t.Context(), event("E")))
		}
		began := time.Now()
		require.ErrorIs(t, client.Track(t.Context(), event("E")), analytics.ErrQueueFull)
		require.Zero(t, time.Since(began))
		s := client.Stats()
		require.Equal(t, uint64(1), s.Refused.QueueFull)
		require.Equal(t, 3, s.QueueEvents, "in flight counts too")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var e *analytics.ShutdownError
		require.ErrorAs(t, client.Shutdown(ctx), &e)
		require.Equal(t, 3, e.Undelivered)
		require.Len(t, e.MessageIDs, 3)
		require.ErrorIs(t, e, context.DeadlineExceeded)
	})
}

func TestQueueFullBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		tape := &tape{answer: func(ctx context.Context, _ int, _ *analytics.Batch) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		client := newClient(t, tape, analytics.Config{
			MaxQueueEvents: 2, BatchSize: 1, MaxConcurrentUploads: 1, WhenFull: analytics.Block,
		})
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, client.Track(ended, event("1")), "an ended ctx refuses nothing while there is room")
		require.NoError(t, client.Track(ended, event("2")))
		require.ErrorIs(t, client.Track(ended, event("3")), context.Canceled)

		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, client.Track(short, event("4")), context.DeadlineExceeded)
		require.Equal(t, 50*time.Millisecond, time.Since(began))

		var wait sync.WaitGroup
		for i := range 5 {
			wait.Go(func() {
				if err := client.Track(context.Background(), event(fmt.Sprint("blocked ", i))); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // so that they stand in line in this order
		}
		close(release)
		wait.Wait()
		require.NoError(t, client.Close())
		var names []string
		for _, body := range tape.bodies() {
			names = append(names, body["event"].(string))
		}
		require.Equal(t, []string{"1", "2", "blocked 0", "blocked 1", "blocked 2", "blocked 3", "blocked 4"}, names)
	})
}

func TestBlockedCallsAreRefusedAtShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, &tape{answer: hang}, analytics.Config{MaxQueueEvents: 1, BatchSize: 1, WhenFull: analytics.Block})
		require.NoError(t, client.Track(t.Context(), event("1")))
		refused := make(chan error)
		go func() { refused <- client.Track(context.Background(), event("2")) }()
		synctest.Wait()
		go func() { _ = client.Close() }()
		require.ErrorIs(t, <-refused, analytics.ErrClosed)
		require.Error(t, client.Close())
	})
}
