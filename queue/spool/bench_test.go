// What group commit is worth, beside the machine's own sync.

package spool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

// callBytes is how long the body of a call is.
const callBytes = 600

// syncs are the median times to sync a call at the end of a file, as the plainest log
// would, and a page in the middle of one, which has no size to record.
func syncs(tb testing.TB, dir string) (atEnd, within time.Duration) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	require.NoError(tb, err)
	page, times := make([]byte, 4096), make([]time.Duration, 500)
	for i := range times {
		began := time.Now()
		_, err := f.Write(page[:callBytes])
		require.NoError(tb, err)
		require.NoError(tb, datasync(f))
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	atEnd = times[len(times)/2]
	times = times[:len(times)*callBytes/len(page)]
	for i := range times {
		began := time.Now()
		_, err := f.WriteAt(page, int64(i*len(page)))
		require.NoError(tb, err)
		require.NoError(tb, datasync(f))
		times[i] = time.Since(began)
	}
	require.NoError(tb, f.Close())
	slices.Sort(times)
	return atEnd, times[len(times)/2]
}

// BenchmarkAppend has callers append one call at a time. p50/log and p99/log are the
// waits of a caller by what the plainest log takes on the same disk, measured just
// before: one write and one sync. A commit of bbolt has two syncs.
func BenchmarkAppend(b *testing.B) {
	for _, tc := range []struct {
		callers int
		drained bool // leased and Done at the same time
	}{{1, false}, {8, false}, {128, false}, {128, true}, {1024, false}} {
		name := fmt.Sprintf("callers=%d", tc.callers)
		if tc.drained {
			name += "/drained"
		}
		b.Run(name, func(b *testing.B) { benchmarkAppend(b, tc.callers, tc.drained) })
	}
}

func benchmarkAppend(b *testing.B, callers int, drained bool) {
	dir := b.TempDir()
	log, page := syncs(b, dir)
	s, err := spool.Open(filepath.Join(dir, "spool"), &spool.Options{MaxBytes: 8 << 30})
	require.NoError(b, err)
	var draining sync.WaitGroup
	if drained {
		draining.Go(func() { drainUntilClosed(s) })
	}
	e := entry("source", 1)
	e.Body = make([]byte, callBytes)
	waits := make([]time.Duration, b.N)
	var next atomic.Int64
	var calling sync.WaitGroup
	b.ResetTimer()
	for range callers {
		calling.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				began := time.Now()
				if err := s.Append(context.Background(), []analytics.Entry{e}, analytics.Block); err != nil {
					b.Error(err)
					return
				}
				waits[i] = time.Since(began)
			}
		})
	}
	calling.Wait()
	b.StopTimer()
	require.NoError(b, s.Close(context.Background()))
	draining.Wait()
	slices.Sort(waits)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepted/s")
	b.ReportMetric(float64(log.Microseconds()), "log-µs")
	b.ReportMetric(float64(page.Microseconds()), "page-µs")
	b.ReportMetric(float64(waits[len(waits)/2])/float64(log), "p50/log")
	b.ReportMetric(float64(waits[len(waits)*99/100])/float64(log), "p99/log")
	if b.N == 1 {
		b.Log("on", fileSystem(dir))
	}
}

// drainUntilClosed takes what comes and has it forgotten.
func drainUntilClosed(s *spool.Spool) {
	for {
		lease, err := s.Lease(context.Background(), analytics.Limit{Source: "source", Events: 250, Bytes: 500_000, Linger: time.Second})
		if err != nil {
			return
		}
		verdicts := make([]analytics.Verdict, len(lease.Entries()))
		for i := range verdicts {
			verdicts[i].Outcome = analytics.Delivered
		}
		if err := lease.Done(context.Background(), verdicts); err != nil {
			return
		}
	}
}
