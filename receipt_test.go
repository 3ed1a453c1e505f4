// Receipts: a goroutine of their own, and what a stuck one holds up.

package analytics_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

func TestReceiptsDoNotHoldUpDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		tape := &tape{}
		client := newClient(t, tape, analytics.Config{
			BatchSize: 1, MaxQueueEvents: 20, OnReceipt: func(analytics.Receipt) { <-release },
		})
		track(t, client, 0, 20)
		synctest.Wait()
		require.Len(t, tape.batches(), 20, "all delivered while OnReceipt is stuck in the first")
		require.ErrorIs(t, client.Track(t.Context(), event("E")), analytics.ErrQueueFull, "what has no receipt yet still counts")
		require.Equal(t, 20, client.Stats().QueueEvents)
		close(release)
		synctest.Wait()
		require.Zero(t, client.Stats().QueueEvents)
		require.Zero(t, client.Stats().QueueBytes)
		require.NoError(t, client.Close())
	})
}

func TestStuckReceiptGetsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client := newClient(t, &tape{}, analytics.Config{OnReceipt: func(analytics.Receipt) { <-release }})
		track(t, client, 0, 1)
		require.NoError(t, client.Flush(t.Context()))
		time.Sleep(time.Minute)
		began := time.Now()
		require.NoError(t, client.Close())
		require.LessOrEqual(t, time.Since(began), time.Second)
		close(release)
	})
}
