// A process that comes back to a long backlog: how soon it opens and sends, what it takes of memory, and in which order.

package spool_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

// TestBacklog is not parallel, so that what it measures is its own. It logs what it
// measures and fails only for what is lost or out of order.
func TestBacklog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	options := &spool.Options{MaxBytes: 2 << 30}
	source, waiting := analytics.SourceOf("KEY"), backlog(t, dir, options, spool.Size(64<<20, 1<<30))
	info, err := os.Stat(filepath.Join(dir, "spool.db"))
	require.NoError(t, err)
	t.Logf("%d calls in a file of %d MiB on %s", waiting, info.Size()>>20, fileSystem(dir))

	before := heap()
	began := time.Now()
	s, err := spool.Open(dir, options)
	require.NoError(t, err)
	opened := time.Since(began)
	require.Equal(t, waiting, s.Stats().Waiting)
	arrived := make(chan struct{}, 1000)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case arrived <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer api.Close()
	client, err := analytics.New("KEY", &analytics.Config{Endpoint: api.URL, Queue: s})
	require.NoError(t, err)
	<-arrived
	sent := time.Since(began)
	t.Logf("open after %v, first request after %v, heap %d MiB", opened.Round(time.Millisecond), sent.Round(time.Millisecond), (heap()-before)>>20)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, client.Shutdown(ended))

	s, err = spool.Open(dir, options)
	require.NoError(t, err)
	began = time.Now()
	var most int64
	for n := 0; n < waiting; {
		lease, err := s.Lease(ended, analytics.Limit{Source: source, Events: 250, Bytes: 500_000})
		require.NoError(t, err)
		verdicts := make([]analytics.Verdict, len(lease.Entries()))
		for i, e := range lease.Entries() {
			if want := fmt.Sprintf("%08d", n); string(e.ID) != want {
				require.Equal(t, want, string(e.ID))
			}
			verdicts[i].Outcome = analytics.Delivered
			n++
		}
		require.NoError(t, lease.Done(t.Context(), verdicts))
		if n%100_000 < 250 {
			most = max(most, heap()-before)
		}
	}
	_, err = s.Lease(ended, analytics.Limit{Source: source})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, s.Close(t.Context()))
	took := time.Since(began)
	info, err = os.Stat(filepath.Join(dir, "spool.db"))
	require.NoError(t, err)
	t.Logf("all leased in order and forgotten in %v, heap at most %d MiB, the file has %d MiB then", took.Round(time.Millisecond), most>>20, info.Size()>>20)
}

// backlog fills a spool with calls of 1 KiB and returns how many.
func backlog(t *testing.T, dir string, options *spool.Options, size int) int {
	s, err := spool.Open(dir, options)
	require.NoError(t, err)
	padding := strings.Repeat("x", 900)
	n := 0
	for sum := 0; sum < size; {
		var entries []analytics.Entry
		for range 1000 {
			id := fmt.Appendf(nil, "%08d", n)
			body := fmt.Appendf(nil, `{"type":"track","messageId":"%s","userId":"1","event":"Order Completed","properties":{"padding":"%s"}}`, id, padding)
			entries = append(entries, analytics.Entry{
				Source: analytics.SourceOf("KEY"), Call: "track", ID: id, Key: []byte("1"), Body: body, Time: time.Now(),
			})
			n, sum = n+1, sum+len(body)
		}
		require.NoError(t, s.Append(t.Context(), entries, analytics.Drop))
	}
	require.NoError(t, s.Close(t.Context()))
	return n
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
