// A process that produces at full speed, whatever comes of it.

package reliability_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headwater-dev/analytics"
)

// produced is what the child process tells on its standard output.
type produced struct {
	Accepted, Full uint64
	MostBytes      int64
	Peak           int64 // resident, in bytes; 0 where /proc does not tell
}

// peakResident is what the kernel counts since this program was loaded. What
// getrusage says includes the parent's size at the fork.
func peakResident() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

// produceAtFullSpeed is the child: 4 goroutines call Track until the queue is
// full, and for a second more, whatever comes of it.
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var full sync.Once
	var most atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			properties := analytics.Properties{"currency": "USD", "plan": "pro"}.SetRevenue(39.95)
			for i := 0; ctx.Err() == nil; i++ {
				_ = client.Track(ctx, analytics.Track{UserID: "user_1", Event: "Order Completed", Properties: properties})
				bytes := client.Stats().QueueBytes
				most.Store(max(most.Load(), bytes))
				if bytes > 31<<20 {
					full.Do(func() { time.AfterFunc(time.Second, cancel) })
				}
			}
		})
	}
	wait.Wait()
	s := client.Stats()
	_ = json.NewEncoder(os.Stdout).Encode(produced{
		Accepted: s.Accepted, Full: s.Refused.QueueFull + s.Refused.Other,
		MostBytes: max(most.Load(), s.QueueBytes), Peak: peakResident(),
	})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = client.Shutdown(ended)
}
