// What a call costs: nothing on the heap. Under the race detector a sync.Pool
// forgets at random, and so the count means nothing there.

//go:build !race

package analytics_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// order is a call as a handler makes it.
func order(properties analytics.Properties) analytics.Track {
	return analytics.Track{UserID: "user_123", Event: "Order Completed", Properties: properties}
}

var orderProperties = analytics.Properties{"order_id": "50314b8e9bcf000000000000", "revenue": 39.95, "currency": "USD", "items": 3, "gift": true}

// TestTrackAllocatesNothing counts on a queue that is full, where nothing but the
// call itself runs; what an accepted call costs the queue is counted in memory_test.go.
func TestTrackAllocatesNothing(t *testing.T) {
	client := newClient(t, &tape{answer: hang}, analytics.Config{MaxQueueEvents: 1})
	ctx := t.Context()
	require.NoError(t, client.Track(ctx, order(orderProperties)))
	m := order(orderProperties)
	allocs := testing.AllocsPerRun(1000, func() {
		if client.Track(ctx, m) == nil {
			t.Error("the queue is full")
		}
	})
	require.Zero(t, allocs)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.Error(t, client.Shutdown(ended))
}

// nowhere is a Transport that takes everything and keeps nothing.
type nowhere struct{}

func (nowhere) Send(context.Context, *analytics.Batch) error { return nil }

func BenchmarkTrack(b *testing.B) {
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Transport: nowhere{}, WhenFull: analytics.Block})
	require.NoError(b, err)
	defer client.Close()
	m := order(orderProperties)
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Track(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
