// The seams by example: a transport wrapped, and a queue between two clients.

package analytics_test

import (
	"context"
	"fmt"
	"log"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// watched is a Transport that tells what it sends.
type watched struct{ analytics.Transport }

func (w watched) Send(ctx context.Context, b *analytics.Batch) error {
	err := w.Transport.Send(ctx, b)
	fmt.Println("attempt", b.Attempt, "calls", len(b.Entries), "error", err)
	return err
}

// To look at every request, or to change what it costs, wrap the transport.
func ExampleNewHTTPTransport() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.Status(503))
	config := analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()}
	transport, err := analytics.NewHTTPTransport(&config)
	if err != nil {
		log.Fatal(err)
	}
	config.Transport = watched{transport}
	client, err := analytics.New("WRITE_KEY", &config)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"Signed Up", "Signed In"} {
		if err := client.Track(context.Background(), analytics.Track{UserID: "user_123", Event: name}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(client.Close())
	// Output:
	// attempt 0 calls 2 error analytics: server answered 503
	// attempt 1 calls 2 error <nil>
	// <nil>
}

// kafka stands for a Transport to somewhere else: a Batch is entries, each of
// them a call as JSON.
type kafka struct{}

func (kafka) Send(_ context.Context, b *analytics.Batch) error {
	for _, e := range b.Entries {
		fmt.Printf("%s of %s: %t\n", e.Call, e.Key, len(e.Body) > 0)
	}
	return nil
}

// A Transport of your own takes the batches somewhere else.
func ExampleTransport() {
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Transport: kafka{}})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Identify(context.Background(), analytics.Identify{UserID: "user_123"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Close())
	// Output:
	// identify of user_123: true
	// <nil>
}

// A queue is used alone too: what is appended is leased, and settled by verdicts.
func ExampleNewMemoryQueue() {
	ctx := context.Background()
	queue := analytics.NewMemoryQueue(100, 1<<20)
	source := analytics.SourceOf("WRITE_KEY")
	err := queue.Append(ctx, []analytics.Entry{
		{Source: source, Call: "track", ID: []byte("m-1"), Body: []byte(`{}`)},
		{Source: source, Call: "track", ID: []byte("m-2"), Body: []byte(`{}`)},
	}, analytics.Drop)
	if err != nil {
		log.Fatal(err)
	}
	lease, err := queue.Lease(ctx, analytics.Limit{Source: source, Events: 10, Bytes: 1000})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range lease.Entries() {
		fmt.Println(string(e.ID))
	}
	fmt.Println(queue.Stats().Waiting, queue.Stats().Leased)
	err = lease.Done(ctx, []analytics.Verdict{{Outcome: analytics.Delivered}, {Outcome: analytics.RetryAfter}})
	fmt.Println(err, queue.Stats().Waiting, queue.Stats().Leased)
	// Output:
	// m-1
	// m-2
	// 0 2
	// <nil> 1 0
}
