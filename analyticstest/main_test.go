// What the tests share: both ways in, and the check that no goroutine stays.

package analyticstest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/analyticstest"
)

// TestMain fails the package when a goroutine of ours, or a connection's,
// outlives the tests. The last ones may be on their way out, so it looks until
// they are gone or two seconds have passed.
func TestMain(m *testing.M) {
	code := m.Run()
	stacks := ""
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var b bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
		stacks = b.String()
		if !strings.Contains(stacks, "analyticstest.(*") && !strings.Contains(stacks, "net/http.") {
			os.Exit(code)
		}
	}
	fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+stacks)
	os.Exit(1)
}

// way is one way into a server: its URL and a client that gets there.
type way struct {
	*analyticstest.Server
	url    string
	client *http.Client
	socket bool
}

// bothWays runs test through memory, in a bubble, and through a socket.
func bothWays(t *testing.T, test func(t *testing.T, w way)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			srv := analyticstest.NewServer()
			defer srv.Close()
			test(t, way{srv, srv.URL, srv.Client(), false})
		})
	})
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		srv := analyticstest.NewServer()
		defer srv.Close()
		url, err := srv.Listen("127.0.0.1:0")
		require.NoError(t, err)
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		test(t, way{srv, url, &http.Client{Transport: transport, CheckRedirect: noRedirect}, true})
	})
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

const trackBody = `{"userId":"u-1","event":"Order Completed","messageId":"m-1","properties":{"revenue":39.95}}`

// request makes a POST with a write key.
func (w way) request(ctx context.Context, path, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("KEY", "")
	return r
}

// post sends body to path and returns the answer with its body read.
func (w way) post(ctx context.Context, path, body string) (*http.Response, string, error) {
	resp, err := w.client.Do(w.request(ctx, path, body))
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}
