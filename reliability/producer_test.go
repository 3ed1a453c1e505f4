// A process that produces at full speed, whatever comes of it.

package reliability_test

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"sync/atomic"
	"time"

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
