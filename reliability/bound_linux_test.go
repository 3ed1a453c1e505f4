// The memory bound, measured on a process that produces at full speed while the API is stalled.

package reliability_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoryBound(t *testing.T) {
	var reached []string
	for _, policy := range []string{"drop", "block"} {
		t.Run(policy, func(t *testing.T) {
			url, most := neverAnswering(t)
			out, err := child(t, "producer", "ENDPOINT="+url, "POLICY="+policy).Output()
			require.NoError(t, err)
			var p produced
			require.NoError(t, json.Unmarshal(out, &p))
			const bound = 32 << 20
			require.LessOrEqual(t, p.MostBytes, int64(bound))
			require.Greater(t, p.MostBytes, int64(bound)*9/10, "the queue was filled")
			require.Positive(t, p.Full)
			require.Positive(t, p.Peak)
			reached = append(reached, fmt.Sprintf("%s: %.1f MiB with %.1f MiB queued, %d connections",
				policy, float64(p.Peak)/(1<<20), float64(p.MostBytes)/(1<<20), most.Load()))
			if !underRace { // which takes several times the memory
				require.Less(t, p.Peak, int64(bound+32<<20))
			}
			require.LessOrEqual(t, most.Load(), int64(4))
		})
	}
	proved(t, "T11", "%s", strings.Join(reached, "; "))
}

// neverAnswering is a server that reads requests and never answers. It counts the most
// connections that were open at once.
func neverAnswering(t *testing.T) (url string, most *atomic.Int64) {
	var open atomic.Int64
	most = new(atomic.Int64)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees the client go
		<-r.Context().Done()
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			most.Store(max(most.Load(), open.Add(1)))
		case http.StateClosed:
			open.Add(-1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL, most
}
