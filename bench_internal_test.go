// Micro benchmarks: each leg of a call's way by itself. benchmarks/ measures the whole.

package analytics

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// purchase is a call of realistic size, with a Context of its own.
func purchase(n int, properties Fields) Track {
	return Track{
		UserID: fmt.Sprint("user_", n), Event: "Order Completed", Properties: properties,
		Context: &Context{
			IP: fmt.Sprintf("203.0.%d.%d", n>>8&0xff, n&0xff), Locale: "de-DE",
			UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
			Campaign:  Campaign{Name: "spring-sale", Source: "newsletter", Medium: "email"},
			Page:      PageInfo{Path: fmt.Sprint("/orders/", n), URL: fmt.Sprint("https://shop.example.com/orders/", n)},
		},
	}
}

func purchaseMap(n int) Fields {
	return Properties{
		"order_id": fmt.Sprintf("%024x", uint32(n)*2654435761), "affiliation": "Web Store", "coupon": "SUMMER26", "currency": "EUR",
		"total": 39.95, "revenue": 33.29, "shipping": 4.9, "tax": 6.66, "discount": 2.5, "gift": false,
		"skus":    []string{fmt.Sprint("SKU-", n), fmt.Sprint("SKU-", n+1)},
		"payment": map[string]any{"method": "card", "installments": 1 + n%12},
	}
}

func purchaseAttrs(n int) Fields {
	return Attrs(
		slog.String("order_id", fmt.Sprintf("%024x", uint32(n)*2654435761)), slog.String("affiliation", "Web Store"),
		slog.Float64("total", 39.95), slog.Float64("revenue", 33.29), slog.Float64("shipping", 4.9), slog.Float64("tax", 6.66),
		slog.Float64("discount", 2.5), slog.String("coupon", "SUMMER26"), slog.String("currency", "EUR"),
		slog.Any("skus", []string{fmt.Sprint("SKU-", n), fmt.Sprint("SKU-", n+1)}),
		slog.Attr{Key: "payment", Value: slog.GroupValue(slog.String("method", "card"), slog.Int("installments", 1+n%12))},
		slog.Bool("gift", false))
}

var purchases = []struct {
	name string
	make func(int) Fields
}{{"map", purchaseMap}, {"Attrs", purchaseAttrs}}

// many returns calls that differ, since each map has an order of its own.
func many(fields func(int) Fields) []Track {
	messages := make([]Track, 256)
	for i := range messages {
		messages[i] = purchase(i, fields(i))
	}
	return messages
}

// silent is a Transport that takes everything and keeps nothing.
type silent struct{}

func (silent) Send(context.Context, *Batch) error { return nil }

// BenchmarkTrack is a call and all that follows but the body and the POST.
func BenchmarkTrack(b *testing.B) {
	for _, kind := range purchases {
		b.Run(kind.name, func(b *testing.B) {
			client, err := New("WRITE_KEY", &Config{Transport: silent{}, WhenFull: Block})
			require.NoError(b, err)
			defer client.Close()
			messages := many(kind.make)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := client.Track(b.Context(), messages[i%len(messages)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEnqueue is a call alone: nothing takes it out of the queue.
func BenchmarkEnqueue(b *testing.B) {
	for _, kind := range purchases {
		b.Run(kind.name, func(b *testing.B) {
			queue := &hole{NewMemoryQueue(0, 0)}
			client, err := New("WRITE_KEY", &Config{Queue: queue, Role: Produce})
			require.NoError(b, err)
			defer client.Close()
			messages := many(kind.make)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := client.Track(b.Context(), messages[i%len(messages)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// hole is a Queue that forgets.
type hole struct{ *MemoryQueue }

func (*hole) Append(context.Context, []Entry, WhenFull) error { return nil }

func BenchmarkEncode(b *testing.B) {
	for _, kind := range purchases {
		b.Run(kind.name, func(b *testing.B) {
			calls := make([]call, 0, 256)
			for _, m := range many(kind.make) {
				m.MessageID, m.Timestamp = "6f1f5be0-8c4e-4d7c-9be9-6a1d9df2b1c6", time.Now()
				calls = append(calls, m.call())
			}
			lim := bounds{max: MaxMessageBytes, known: new(shapes)}
			var body []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				var err error
				call := &calls[i%len(calls)]
				layers := [3]*Context{call.context}
				if body, err = call.appendJSON(body[:0], lim, nil, layers[:]...); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(body)))
		})
	}
}

// purchaseBatch is a batch of n different calls.
func purchaseBatch(b *testing.B, n int) *Batch {
	b.Helper()
	batch := &Batch{SentAt: time.Now()}
	for i := range n {
		m := purchase(i, purchaseAttrs(i))
		m.MessageID, m.Timestamp = fmt.Sprintf("6f1f5be0-8c4e-4d7c-9be9-%012x", uint32(i)*2654435761), time.Now()
		body, err := m.MarshalJSON()
		require.NoError(b, err)
		batch.Entries = append(batch.Entries, Entry{
			Source: "s", Call: "track", ID: []byte(m.MessageID), Key: []byte(m.UserID), Body: body, Time: time.Now(),
		})
	}
	return batch
}

// BenchmarkCut is one batch of 250 taken from a queue and settled.
func BenchmarkCut(b *testing.B) {
	const batches = defaultQueueEvents / defaultBatchSize
	queue := NewMemoryQueue(0, 0)
	entries := purchaseBatch(b, defaultBatchSize).Entries
	limit := Limit{Source: "s", Events: defaultBatchSize, Bytes: maxBatchBytes}
	verdicts := make([]Verdict, defaultBatchSize)
	for i := range verdicts {
		verdicts[i].Outcome = Delivered
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%batches == 0 {
			b.StopTimer()
			for range batches {
				require.NoError(b, queue.Append(b.Context(), entries, Drop))
			}
			b.StartTimer()
		}
		lease, err := queue.Lease(b.Context(), limit)
		if err != nil {
			b.Fatal(err)
		}
		if err := lease.Done(b.Context(), verdicts); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompress is the body of one batch of 250, put together and gzipped.
func BenchmarkCompress(b *testing.B) {
	batch := purchaseBatch(b, defaultBatchSize)
	t := new(HTTPTransport)
	b.ReportAllocs()
	b.SetBytes(int64(len(batch.AppendTo(nil))))
	for b.Loop() {
		t.body(batch).release()
	}
}

// BenchmarkReceipts hands out those of one batch of 250.
func BenchmarkReceipts(b *testing.B) {
	entries := purchaseBatch(b, defaultBatchSize).Entries
	desk := newReceiptDesk(func(Receipt) {}, slog.New(slog.DiscardHandler))
	defer desk.close(b.Context())
	taken := make(chan struct{})
	batch := settled{results: []result{{to: len(entries), attempts: 1}}, entries: entries, after: func() { taken <- struct{}{} }}
	b.ReportAllocs()
	for b.Loop() {
		desk.put(batch)
		<-taken
	}
}
