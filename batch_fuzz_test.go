// Batches of any sizes: cut within their bounds, split down to the message that is refused.

package analytics_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// FuzzBatches sends a call for each byte of sizes, padded by 120 times its
// value, through batches of random bounds. A byte of 255 makes a call that the
// API refuses with 413 or 400.
func FuzzBatches(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, uint16(2), uint32(40_000), false)
	f.Add([]byte{255}, uint16(1), uint32(33_000), true)
	f.Add([]byte{7, 255, 7, 7, 254, 255, 0, 0}, uint16(2500), uint32(500_000), false)
	f.Fuzz(func(t *testing.T, sizes []byte, count uint16, bytes uint32, split400 bool) {
		if len(sizes) > 300 {
			return
		}
		bounds := analytics.Config{
			BatchSize: 1 + int(count)%2500, MaxBatchBytes: 35_000 + int(bytes)%465_001, WhenFull: analytics.Block, MaxQueueEvents: 64,
		}
		refusal := http.StatusRequestEntityTooLarge
		if split400 {
			refusal = http.StatusBadRequest
		}
		var told receipts
		bounds.OnReceipt = told.take
		sent := &tape{answer: func(_ context.Context, _ int, b *analytics.Batch) error {
			for _, e := range b.Entries {
				if strings.HasPrefix(string(e.ID), "poison") {
					return &analytics.ResponseError{StatusCode: refusal}
				}
			}
			return nil
		}}
		client := newClient(t, sent, bounds)
		refused := map[string]bool{}
		for i, size := range sizes {
			m := event("E")
			m.MessageID = fmt.Sprintf("call %d", i)
			if size == 255 {
				m.MessageID = fmt.Sprintf("poison %d", i)
			}
			refused[m.MessageID] = size == 255
			m.Properties = analytics.Properties{"p": strings.Repeat("x", int(size)*120)}
			require.NoError(t, client.Track(t.Context(), m))
		}
		require.NoError(t, client.Close())
		for _, b := range sent.batches() {
			require.LessOrEqual(t, b.bytes, bounds.MaxBatchBytes)
			require.LessOrEqual(t, len(b.ids), bounds.BatchSize)
			require.NotEmpty(t, b.ids)
		}
		require.LessOrEqual(t, len(sent.batches()), max(2*len(sizes)-1, len(sizes)), "n messages cost at most 2n-1 requests")
		require.Len(t, told.list(), len(sizes))
		for _, r := range told.list() {
			poison, known := refused[r.MessageID]
			require.True(t, known)
			require.Equal(t, poison, r.Err != nil, r.MessageID)
			delete(refused, r.MessageID)
		}
	})
}
