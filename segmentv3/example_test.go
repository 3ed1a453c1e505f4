// How a user of v3 finds it, and moves on from it.

package analytics_test

import (
	"context"
	"fmt"

	headwater "github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
	analytics "github.com/headwater-dev/analytics/segmentv3"
)

// outcomes is a Callback as a service has it.
type outcomes struct{}

func (outcomes) Success(m analytics.Message)            { fmt.Printf("sent %T\n", m) }
func (outcomes) Failure(m analytics.Message, err error) { fmt.Printf("lost %T: %v\n", m, err) }

// A service that was written for v3 runs as it is.
func Example() {
	api := analyticstest.NewServer()
	defer api.Close()

	client, err := analytics.NewWithConfig("WRITE_KEY", analytics.Config{
		Transport: api.Client().Transport, // a Tracking API in memory
		Callback:  outcomes{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = client.Enqueue(analytics.Track{
		UserId:     "u-1",
		Event:      "Signed Up",
		Properties: analytics.NewProperties().Set("plan", "pro"),
	})
	fmt.Println(err, client.Enqueue(analytics.Track{UserId: "u-1"}), client.Close())
	fmt.Println(api.Calls()[0].Str("properties.plan"))
	// Output:
	// sent analytics.Track
	// <nil> analytics.Track.Event: invalid field value: "" <nil>
	// pro
}

// New code uses the modern client, and both feed one queue.
func ExampleUnwrap() {
	api := analyticstest.NewServer()
	defer api.Close()
	client, err := analytics.NewWithConfig("WRITE_KEY", analytics.Config{Transport: api.Client().Transport})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx := context.Background()
	modern := analytics.Unwrap(client)
	err = client.Enqueue(analytics.Identify{UserId: "u-1"})
	fmt.Println(err, modern.Track(ctx, headwater.Track{UserID: "u-1", Event: "Signed Up"}), modern.Flush(ctx))
	fmt.Println(len(api.Requests()), "request of", len(api.Calls()), "calls")
	// Output:
	// <nil> <nil> <nil>
	// 1 request of 2 calls
}
