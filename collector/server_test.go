// What strangers can make last, or come at once, as README.md has it.

package collector_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

func TestServerBoundsEveryConnection(t *testing.T) {
	t.Parallel()
	srv := newBench(t, collector.Options{}).Server()
	require.Equal(t, 16<<10, srv.MaxHeaderBytes)
	require.Equal(t, 10*time.Second, srv.ReadHeaderTimeout)
	require.Equal(t, 20*time.Second, srv.ReadTimeout)
	require.Positive(t, srv.WriteTimeout)
	require.Positive(t, srv.IdleTimeout)
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "| headers | 16 KB; 10 s to send them, 20 s for the whole request |")
	require.Contains(t, string(text), "| requests being received at once | 256; more get 503 with Retry-After |")
}

// stalled is a body that says when it is being read, and then waits.
type stalled struct {
	reading func()
	release <-chan struct{}
	rest    io.Reader
}

func (s *stalled) Read(p []byte) (int, error) {
	s.reading()
	<-s.release
	return s.rest.Read(p)
}

func TestTooManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	const most = 256
	b := newBench(t, collector.Options{})
	var reading, answered sync.WaitGroup
	release := make(chan struct{})
	statuses := make([]int, most)
	for i := range most {
		reading.Add(1)
		body := &stalled{sync.OnceFunc(reading.Done), release, strings.NewReader(`{"userId":"u","event":"E","writeKey":"k"}`)}
		answered.Go(func() { statuses[i] = b.do(httptest.NewRequest(http.MethodPost, "/v1/track", body)).Code })
	}
	reading.Wait()

	w := b.post("/v1/track", `{"userId":"u","event":"one too many","writeKey":"k"}`)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	var list struct{ Sources []struct{ Name string } }
	b.get("/api/sources", &list) // whoever looks on is not held up

	close(release)
	answered.Wait()
	for _, status := range statuses {
		require.Equal(t, http.StatusOK, status)
	}
	b.send("/v1/track", `{"userId":"u","event":"E","writeKey":"k"}`)
	require.Equal(t, most+1, b.overview("k").Received)
}
