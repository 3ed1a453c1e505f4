// The life of a client by example: flush, shutdown, receipts, hooks, numbers.

package analytics_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// Flush where the process may be frozen or killed at any moment afterwards.
func ExampleClient_Flush() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Track(context.Background(), analytics.Track{UserID: "user_123", Event: "Job Done"}); err != nil {
		log.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(client.Flush(ctx), len(srv.Calls()))
	// Output: <nil> 1
}

// When the API is down at the end, Shutdown says what was not delivered.
func ExampleClient_Shutdown() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() })
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Track(context.Background(), analytics.Track{UserID: "user_123", Event: "Job Done", MessageID: "job-7"})
	if err != nil {
		log.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err = client.Shutdown(ctx)
	fmt.Println(err)
	var undelivered *analytics.ShutdownError
	if errors.As(err, &undelivered) {
		fmt.Println(undelivered.Undelivered, undelivered.MessageIDs)
	}
	// Output:
	// analytics: shutdown: 1 calls not delivered, 0 kept: context deadline exceeded
	// 1 [job-7]
}

// Close delivers what the client holds, within Config.ShutdownTimeout.
func ExampleClient_Close() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.Status(503)) // the first attempt fails
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Track(context.Background(), analytics.Track{UserID: "user_123", Event: "Job Done"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Close(), len(srv.Calls()), len(srv.Requests()))
	fmt.Println(client.Track(context.Background(), analytics.Track{UserID: "user_123", Event: "Too Late"}))
	// Output:
	// <nil> 1 2
	// analytics: client is closed
}

// Stats counts by outcome and reason.
func ExampleClient_Stats() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range []analytics.Track{
		{UserID: "user_123", Event: "Signed Up"},
		{UserID: "user_123"},
		{UserID: "user_123", Event: "Too Large", Properties: analytics.Properties{"x": strings.Repeat("x", analytics.MaxMessageBytes)}},
	} {
		_ = client.Track(context.Background(), m) // the numbers tell
	}
	fmt.Println(client.Close())
	s := client.Stats()
	fmt.Println("accepted", s.Accepted, "delivered", s.Delivered, "lost", s.Failed.Lost())
	fmt.Println("invalid", s.Refused.Invalid, "too large", s.Refused.TooLarge)
	fmt.Println("batches", s.Batches, "requests", s.Requests, "waiting", s.QueueEvents, s.QueueBytes)
	// Output:
	// <nil>
	// accepted 1 delivered 1 lost 0
	// invalid 1 too large 1
	// batches 1 requests 1 waiting 0 0
}

// A hook changes or drops calls before they are encoded: it works on a copy.
func ExampleConfig_beforeEnqueue() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		Endpoint: srv.URL, HTTPClient: srv.Client(),
		BeforeEnqueue: func(_ context.Context, m analytics.Message) error {
			track, ok := m.(*analytics.Track)
			if !ok {
				return nil
			}
			if strings.HasPrefix(track.UserID, "robot_") {
				return analytics.ErrDropped
			}
			if properties, ok := track.Properties.(analytics.Properties); ok {
				delete(properties, "email")
			}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	properties := analytics.Properties{"email": "ada@example.com", "plan": "team"}
	ctx := context.Background()
	fmt.Println(client.Track(ctx, analytics.Track{UserID: "user_123", Event: "Signed Up", Properties: properties}))
	err = client.Track(ctx, analytics.Track{UserID: "robot_7", Event: "Signed Up"})
	fmt.Println(errors.Is(err, analytics.ErrDropped), client.Close())
	fmt.Println(srv.Calls()[0].Get("properties"), properties["email"])
	// Output:
	// <nil>
	// true <nil>
	// map[plan:team] ada@example.com
}

// A receipt tells what became of each accepted call.
func ExampleConfig_onReceipt() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.Status(401)) // as for a wrong write key
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		Endpoint: srv.URL, HTTPClient: srv.Client(), BatchSize: 1, MaxConcurrentUploads: 1,
		OnReceipt: func(r analytics.Receipt) { fmt.Println(r.Call, r.MessageID, r.Attempts, r.Err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []string{"m-1", "m-2"} {
		err := client.Track(context.Background(), analytics.Track{UserID: "user_123", Event: "Signed Up", MessageID: id})
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(client.Close())
	// Output:
	// track m-1 1 analytics: server answered 401
	// track m-2 1 <nil>
	// <nil>
}

// Why the API refused a call is in its receipt.
func ExampleResponseError() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.Answer{Status: 400, Body: "unreadable"})
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		Endpoint: srv.URL, HTTPClient: srv.Client(),
		OnReceipt: func(r analytics.Receipt) {
			var answer *analytics.ResponseError
			if errors.As(r.Err, &answer) {
				fmt.Println(answer.StatusCode, answer.Body)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Track(context.Background(), analytics.Track{UserID: "user_123", Event: "Signed Up"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Close())
	// Output:
	// 400 unreadable
	// <nil>
}

// In development, Disabled checks every call and sends nothing.
func ExampleConfig_disabled() {
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Disabled: true})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Track(context.Background(), analytics.Track{UserID: "user_123", Event: "Signed Up"}))
	fmt.Println(client.Track(context.Background(), analytics.Track{UserID: "user_123"}))
	// Output:
	// <nil>
	// analytics: track: event: is required: name what happened
}
