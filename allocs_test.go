// What a call costs: nothing on the heap. Under the race detector a sync.Pool
// forgets at random, and so the count means nothing there.

//go:build !race

package analytics_test

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// order is a call as a handler makes it.
func order(properties analytics.Properties) analytics.Track {
	return analytics.Track{UserID: "user_123", Event: "Order Completed", Properties: properties}
}

var orderProperties = analytics.Properties{"order_id": "50314b8e9bcf000000000000", "revenue": 39.95, "currency": "USD", "items": 3, "gift": true}

var orderAttrs = analytics.Attrs(
	slog.String("order_id", "50314b8e9bcf000000000000"), slog.Float64("revenue", 39.95),
	slog.String("currency", "USD"), slog.Int("items", 3), slog.Bool("gift", true))

// prebuilt are calls whose messages are there already, so that nothing but the
// call is counted.
var prebuilt = map[string]analytics.Track{
	"map":   order(orderProperties),
	"Attrs": {UserID: "user_123", Event: "Order Completed", Properties: orderAttrs},
}

// TestTrackAllocatesNothing counts on a queue that is full, where nothing but the
// call itself runs; TestDeliveryAllocates counts what an accepted call costs.
func TestTrackAllocatesNothing(t *testing.T) {
	for name, m := range prebuilt {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, &tape{answer: hang}, analytics.Config{MaxQueueEvents: 1})
			ctx := t.Context()
			require.NoError(t, client.Track(ctx, m))
			allocs := testing.AllocsPerRun(1000, func() {
				if client.Track(ctx, m) == nil {
					t.Error("the queue is full")
				}
			})
			require.Zero(t, allocs)
			ended, cancel := context.WithCancel(ctx)
			cancel()
			require.Error(t, client.Shutdown(ended))
		})
	}
}

// nowhere is a Transport that takes everything and keeps nothing.
type nowhere struct{}

func (nowhere) Send(context.Context, *analytics.Batch) error { return nil }

// TestDeliveryAllocates is the gate on all that runs for an accepted call, from
// Track to its verdict, counted for the whole process. Batches share some
// twenty allocations among their 250 calls; a Receipt holds its id as a string.
func TestDeliveryAllocates(t *testing.T) {
	const calls, share = 50_000, 0.15
	gates := map[string]struct {
		onReceipt func(analytics.Receipt)
		most      float64 // allocations a call
	}{
		"without OnReceipt": {nil, 0 + share},
		"with OnReceipt":    {func(analytics.Receipt) {}, 1 + share},
	}
	for name, gate := range gates {
		for kind, m := range prebuilt {
			t.Run(name+", "+kind, func(t *testing.T) {
				client, err := analytics.New("WRITE_KEY", &analytics.Config{
					Transport: nowhere{}, WhenFull: analytics.Block, OnReceipt: gate.onReceipt,
				})
				require.NoError(t, err)
				send := func() {
					for range calls {
						if err := client.Track(t.Context(), m); err != nil {
							t.Fatal(err)
						}
					}
					require.NoError(t, client.Flush(t.Context()))
				}
				send() // fills the pools and makes the segments
				// On a busy machine batches are cut smaller, and more of them share less: the
				// best run of some is what a call costs.
				least := math.Inf(1)
				for range 5 {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					send()
					runtime.ReadMemStats(&after)
					least = min(least, float64(after.Mallocs-before.Mallocs)/calls)
				}
				require.NoError(t, client.Close())
				require.LessOrEqual(t, least, gate.most)
			})
		}
	}
}
