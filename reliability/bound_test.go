// The memory bound, measured on a process that produces at full speed while the API is stalled.

//go:build linux

package reliability_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// produced is what the child process tells on its standard output.
type produced struct {
	Accepted, Full uint64
	MostBytes      int64
}

// produceAtFullSpeed is the child: 4 goroutines call Track for a second and a
// half, whatever comes of it.
func produceAtFullSpeed() {
	policy := analytics.Drop
	if os.Getenv("POLICY") == "block" {
		policy = analytics.Block
	}
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		Endpoint: os.Getenv("ENDPOINT"), WhenFull: policy, MaxQueueEvents: 100_000_000,
	})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	var most atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			properties := analytics.Properties{"currency": "USD", "plan": "pro"}.SetRevenue(39.95)
			for i := 0; ctx.Err() == nil; i++ {
				_ = client.Track(ctx, analytics.Track{UserID: "user_1", Event: "Order Completed", Properties: properties})
				if i%1000 == 0 {
					most.Store(max(most.Load(), client.Stats().QueueBytes))
				}
			}
		})
	}
	wait.Wait()
	s := client.Stats()
	_ = json.NewEncoder(os.Stdout).Encode(produced{s.Accepted, s.Refused.QueueFull + s.Refused.Other, max(most.Load(), s.QueueBytes)})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = client.Shutdown(ended)
}

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
			require.Less(t, peak, int64(bound+32<<20))
			require.LessOrEqual(t, most, 4)
		})
	}
	proved(t, "T11", "%s", strings.Join(reached, "; "))
}
