// Benchmarks: what storing a call costs, and reading an overview of millions.

package store_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// batch returns a request of n calls of 750 bytes from one backend, with ids and
// values of their own.
func batch(source int64, number, n int, at time.Time) *store.Request {
	r := &store.Request{Source: source, ReceivedAt: at, IP: "192.0.2.7", UserAgent: "analytics-go/0.1.0", Calls: make([]store.Call, n)}
	random := rand.New(rand.NewPCG(11, uint64(number)))
	for i := range r.Calls {
		c := &r.Calls[i]
		*c = track(fmt.Sprintf("01234567-89ab-cdef-%08x-%08x", number, i), fmt.Sprintf("Event %d", i%50))
		c.Version = fmt.Sprintf("1.%d.0", i%3)
		c.Raw = fmt.Appendf(make([]byte, 0, 750), `{"anonymousId":"%016x-%016x","context":{"app":{"name":"shop","version":%q},"ip":"192.0.2.%d",`+
			`"library":{"name":"analytics-go","version":"0.1.0"},"locale":"en-GB","page":{"path":"/checkout/payment","url":"https://shop.example.com/checkout/payment"},`+
			`"userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},"event":%q,"messageId":%q,"properties":{"category":"Games",`+
			`"currency":"EUR","order_id":"order-%08d","quantity":%d,"revenue":%d.%02d,"note":"`,
			random.Uint64(), random.Uint64(), c.Version, random.IntN(256), c.Event, c.MessageID, random.IntN(1e8), random.IntN(9), random.IntN(1000), random.IntN(100))
		end := fmt.Sprintf(`"},"timestamp":"2025-06-03T12:%02d:%02d.%03dZ","type":"track","userId":"user_%06d"}`, random.IntN(60), random.IntN(60), random.IntN(1000), random.IntN(1e6))
		for len(c.Raw) < 750-len(end) {
			c.Raw = append(c.Raw, ' ')
		}
		c.Raw = append(c.Raw, end...)
	}
	return r
}

// BenchmarkAdd stores requests one after the other, or from 16 goroutines.
func BenchmarkAdd(b *testing.B) {
	for _, size := range []int{250, 1} {
		for _, callers := range []int{1, 16} {
			b.Run(fmt.Sprintf("calls=%d/callers=%d", size, callers), func(b *testing.B) {
				s := open(b, store.Options{Dir: b.TempDir(), MaxBytes: 256 << 20})
				source := addSource(b, s, "web")
				var number atomic.Int64
				b.SetParallelism(callers)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						r := batch(source, int(number.Add(1)), size, noon)
						if err := s.Add(b.Context(), r); err != nil {
							panic(err)
						}
					}
				})
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/call")
			})
		}
	}
}

// BenchmarkOverview reads windows of two weeks in which every minute has every
// event. More calls a minute make no more rows of the ledger.
func BenchmarkOverview(b *testing.B) {
	for _, names := range []int{50, 1000} {
		s := open(b, store.Options{Dir: b.TempDir()})
		source := addSource(b, s, "web")
		fill(b, s, source, names)
		from, to := noon.AddDate(0, 0, -14), noon
		for _, by := range []store.Dimension{store.ByType, store.ByEvent, store.ByVersion, store.ByVerdict} {
			b.Run(fmt.Sprintf("names=%d/breakdown=%s", names, by), func(b *testing.B) {
				for b.Loop() {
					_, err := s.Breakdown(b.Context(), source, store.Received, from, to, by)
					require.NoError(b, err)
				}
			})
		}
		for _, bucket := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
			b.Run(fmt.Sprintf("names=%d/volume=%v", names, bucket), func(b *testing.B) {
				for b.Loop() {
					_, err := s.Volume(b.Context(), source, from, to, bucket)
					require.NoError(b, err)
				}
			})
		}
		b.Run(fmt.Sprintf("names=%d/totals", names), func(b *testing.B) {
			for b.Loop() {
				_, err := s.Totals(b.Context(), from, to)
				require.NoError(b, err)
			}
		})
		for name, filter := range map[string]store.CallFilter{
			"newest": {}, "failed": {Step: store.Failed}, "old failed": {Step: store.Failed, Limit: 10, To: from.Add(time.Hour)},
			"search": {Search: "nowhere"}, "no such type": {Type: "page"},
		} {
			b.Run(fmt.Sprintf("names=%d/calls=%s", names, name), func(b *testing.B) {
				for b.Loop() {
					_, err := s.Calls(b.Context(), source, filter)
					require.NoError(b, err)
				}
			})
		}
	}
}

// fill stores two weeks in which every minute has 50 calls and every hour all names.
func fill(b *testing.B, s *store.Store, source int64, names int) {
	for minute := range 14 * 24 * 60 {
		r := &store.Request{Source: source, ReceivedAt: noon.AddDate(0, 0, -14).Add(time.Duration(minute) * time.Minute)}
		for i := range 50 {
			c := track("", fmt.Sprint("Event ", (minute*50+i)%names))
			c.Version = fmt.Sprintf("1.%d.0", i%3)
			if i == 0 {
				c.Step, c.Verdict = store.Failed, fmt.Sprint("code ", minute%7)
			}
			r.Calls = append(r.Calls, c)
		}
		require.NoError(b, s.Add(b.Context(), r))
	}
}
