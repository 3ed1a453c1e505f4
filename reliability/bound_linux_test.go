// The memory bound, measured on a process that produces at full speed while the API is stalled.

package reliability_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoryBound(t *testing.T) {
	var mu sync.Mutex
	open, most := 0, 0
	stalled := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees the client go
		<-r.Context().Done()
	}))
	stalled.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch state {
		case http.StateNew:
			open++
		case http.StateClosed:
			open--
		}
		most = max(most, open)
	}
	stalled.Start()
	defer stalled.Close()
	var reached []string
	for _, policy := range []string{"drop", "block"} {
		t.Run(policy, func(t *testing.T) {
			mu.Lock()
			most = open
			mu.Unlock()
			cmd := child(t, "producer", "ENDPOINT="+stalled.URL, "POLICY="+policy)
			out, err := cmd.Output()
			require.NoError(t, err)
			var p produced
			require.NoError(t, json.Unmarshal(out, &p))
			const bound = 32 << 20
			require.LessOrEqual(t, p.MostBytes, int64(bound))
			require.Greater(t, p.MostBytes, int64(bound)*9/10, "the queue was filled")
			require.Positive(t, p.Full)
			peak := peakResident(t, cmd.ProcessState)
			mu.Lock()
			defer mu.Unlock()
			reached = append(reached, fmt.Sprintf("%s: %.1f MiB with %.1f MiB queued, %d connections",
				policy, float64(peak)/(1<<20), float64(p.MostBytes)/(1<<20), most))
			if !underRace { // which takes several times the memory
				require.Less(t, peak, int64(bound+32<<20))
			}
			require.LessOrEqual(t, most, 4)
		})
	}
	proved(t, "T11", "%s", strings.Join(reached, "; "))
}

// peakResident is counted in KiB on Linux.
func peakResident(t *testing.T, s *os.ProcessState) int64 {
	t.Helper()
	return int64(s.SysUsage().(*syscall.Rusage).Maxrss) << 10
}
