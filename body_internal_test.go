// Request bodies: what encoding and compressing a batch costs, and when a buffer is free again.

package analytics

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// batchOf returns a batch of n entries of the usual size.
func batchOf(n int) *Batch {
	b := &Batch{SentAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	for i := range n {
		b.Entries = append(b.Entries, Entry{Body: fmt.Appendf(nil,
			`{"type":"track","messageId":"%036d","userId":"user_%d","event":"Order Completed","properties":{"revenue":%d.95}}`, i, i, i)})
	}
	return b
}

func TestBodyIsFreeWhenTheLastReaderCloses(t *testing.T) {
	transport, err := NewHTTPTransport(nil)
	require.NoError(t, err)
	b := transport.body(batchOf(10))
	want := bytes.Clone(b.data)
	first, second := b.reader(), b.reader()
	b.release()
	require.NoError(t, first.Close())
	require.NoError(t, first.Close(), "a second Close lets go of nothing")
	require.Equal(t, 1, b.held)
	got, err := io.ReadAll(second)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, second.Close())
	require.Zero(t, b.held)
}

func TestCompressorMakesOneStreamEach(t *testing.T) {
	var c compressor
	for n := range 20 {
		plain := batchOf(n).AppendTo(nil)
		z, err := gzip.NewReader(bytes.NewReader(c.append(nil, plain)))
		require.NoError(t, err)
		z.Multistream(false)
		got, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, plain, got)
	}
	require.Equal(t, "x", string(c.append([]byte("x"), nil)[:1]), "it appends")
}

// TestRedial sends with a transport whose last redial is long ago.
func TestRedial(t *testing.T) {
	for name, client := range map[string]*http.Client{"own": nil, "the user's": {Transport: &http.Transport{}}} {
		t.Run(name, func(t *testing.T) {
			var closing []bool
			var from []string
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				closing = append(closing, r.Close)
				from = append(from, r.RemoteAddr)
			}))
			defer server.Close()
			transport, err := NewHTTPTransport(&Config{Endpoint: server.URL, HTTPClient: client})
			require.NoError(t, err)
			defer transport.client.CloseIdleConnections()
			for i := range 4 {
				if i == 1 {
					transport.redialed = transport.redialed.Add(-redial)
				}
				require.NoError(t, transport.Send(t.Context(), batchOf(1)))
			}
			require.Equal(t, []bool{false, true, false, false}, closing)
			require.NotEqual(t, from[1], from[2])
			require.Equal(t, from[2], from[3])
		})
	}
}

// BenchmarkBody encodes and compresses a batch of 250. It fails when that
// allocates per batch.
func BenchmarkBody(b *testing.B) {
	for name, compression := range map[string]Compression{"gzip": Gzip, "none": None} {
		b.Run(name, func(b *testing.B) {
			transport, err := NewHTTPTransport(&Config{Compression: compression})
			require.NoError(b, err)
			batch := batchOf(250)
			send := func() { transport.body(batch).release() }
			send()
			b.SetBytes(int64(len(batch.AppendTo(nil))))
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
			b.StopTimer()
			// A garbage collection may empty the pool between two runs.
			if allocs := testing.AllocsPerRun(100, send); allocs > 1 {
				b.Errorf("%v allocations a batch", allocs)
			}
		})
	}
}
