// The live streams of a collector on a socket.

package collector_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

// stream opens a live stream and returns its lines.
func stream(t *testing.T, url string) *bufio.Scanner {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, answer.Body.Close()) })
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	lines := bufio.NewScanner(answer.Body)
	require.True(t, lines.Scan()) // the stream is open, and subscribed before that
	return lines
}

// until reads lines to the first that holds text.
func until(t *testing.T, lines *bufio.Scanner, text string) string {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return lines.Text()
		}
	}
	t.Fatalf("the stream ended before %q: %v", text, lines.Err())
	return ""
}

func TestLive(t *testing.T) {
	t.Parallel()
	c, err := collector.New(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = c.Server()
	srv.Start()
	b := &bench{T: t, Collector: c}

	all := stream(t, srv.URL+"/sources/default/live")
	orders := stream(t, srv.URL+"/sources/default/live?q=ORDER-77")
	failed := stream(t, srv.URL+"/sources/default/live?verdict=event_not_defined")
	pings := stream(t, srv.URL+"/sources/default/live?ping")

	b.send("/v1/batch", `{"writeKey":"WRITE_KEY","batch":[{"type":"track","userId":"u","event":"First"},
		{"type":"track","userId":"u","event":"Second","properties":{"id":"order-77"}},{"type":"track","userId":"failing"}]}`)
	b.send("/v1/track", `{"userId":"u","event":"Elsewhere","writeKey":"another"}`)

	until(t, pings, "event: ping")
	until(t, all, "First")
	require.NotContains(t, until(t, orders, "Second"), "First")
	require.NotContains(t, until(t, failed, "failing"), "Second")

	// Shutdown ends streams, which else would hold it up for ever.
	require.NoError(t, srv.Config.Shutdown(t.Context()))
	for _, lines := range []*bufio.Scanner{all, orders, failed, pings} {
		for lines.Scan() {
			require.NotContains(t, lines.Text(), "Elsewhere")
		}
	}
}
