// The calls by example: a client, the six calls, and what is refused.

package analytics_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// A server in the same process stands for the API, as in a test of your own.
func Example() {
	srv := analyticstest.NewServer()
	defer srv.Close()

	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Track(context.Background(), analytics.Track{
		UserID:     "user_123",
		Event:      "Order Completed",
		Properties: analytics.Properties{"currency": "USD"}.SetRevenue(39.95),
	})
	fmt.Println("accepted:", err == nil)
	fmt.Println("all delivered:", client.Close() == nil)
	for _, call := range srv.Calls() {
		fmt.Println(call, call.Float("properties.revenue"), call.Str("properties.currency"))
	}
	// Output:
	// accepted: true
	// all delivered: true
	// track "Order Completed" of user_123 39.95 USD
}

// A nil Config is the defaults. New checks it and does not connect.
func ExampleNew() {
	client, err := analytics.New("WRITE_KEY", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Close())

	_, err = analytics.New("WRITE_KEY", &analytics.Config{Endpoint: analytics.EndpointEU, BatchSize: 5000})
	fmt.Println(err)
	// Output:
	// <nil>
	// analytics: config: BatchSize: must be at most 2500
}

// What a user did, and when, if that was not just now.
func ExampleClient_Track() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Track(context.Background(), analytics.Track{
		UserID: "user_123",
		Event:  "Order Completed",
		Properties: analytics.NewProperties().SetOrderID("o-1").SetCurrency("USD").SetProducts(
			analytics.Product{ProductID: "p-1", SKU: "tea", Price: 12.5, Quantity: 2},
		),
		Timestamp: time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC),
	})
	fmt.Println(err, client.Close())
	call := srv.Calls()[0]
	fmt.Println(call, call.OriginalTimestamp.Format(time.RFC3339))
	fmt.Println(call.Str("properties.order_id"), call.Str("properties.products.0.sku"), call.Float("properties.products.0.price"))
	// Output:
	// <nil> <nil>
	// track "Order Completed" of user_123 2026-11-24T09:30:00Z
	// o-1 tea 12.5
}

// Who a user is: traits are remembered, so send what changed.
func ExampleClient_Identify() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Identify(context.Background(), analytics.Identify{
		UserID: "user_123",
		Traits: analytics.NewTraits().SetName("Ada").SetEmail("ada@example.com").Set("plan", "team"),
	})
	fmt.Println(err, client.Close())
	call := srv.Calls()[0]
	fmt.Println(call.Type, call.UserID, call.Str("traits.email"), call.Str("traits.plan"))
	// Output:
	// <nil> <nil>
	// identify user_123 ada@example.com team
}

// A page seen by somebody who has not signed in.
func ExampleClient_Page() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Page(context.Background(), analytics.Page{
		AnonymousID: "anon-1", Category: "Docs", Name: "Install",
		Properties: analytics.NewProperties().SetURL("https://example.com/docs/install"),
	})
	fmt.Println(err, client.Close())
	call := srv.Calls()[0]
	fmt.Println(call.Type, call.AnonymousID, call.Category, call.Name, call.Str("properties.url"))
	// Output:
	// <nil> <nil>
	// page anon-1 Docs Install https://example.com/docs/install
}

// A screen of an app, seen through the app's backend.
func ExampleClient_Screen() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Screen(context.Background(), analytics.Screen{
		UserID: "user_123", Name: "Checkout",
		Context: &analytics.Context{App: analytics.App{Name: "Shop", Version: "5.4"}},
	})
	fmt.Println(err, client.Close())
	call := srv.Calls()[0]
	fmt.Println(call.Type, call.Name, call.Str("context.app.version"))
	// Output:
	// <nil> <nil>
	// screen Checkout 5.4
}

// The company a user belongs to, with what is known of it.
func ExampleClient_Group() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Group(context.Background(), analytics.Group{
		UserID: "user_123", GroupID: "acme", Traits: analytics.NewTraits().SetName("Acme").Set("seats", 40),
	})
	fmt.Println(err, client.Close())
	call := srv.Calls()[0]
	fmt.Println(call.Type, call.UserID, call.GroupID, call.Int("traits.seats"))
	// Output:
	// <nil> <nil>
	// group user_123 acme 40
}

// Two identities of one user become one.
func ExampleClient_Alias() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Alias(context.Background(), analytics.Alias{UserID: "user_123", PreviousID: "anon-1"})
	fmt.Println(err, client.Close())
	call := srv.Calls()[0]
	fmt.Println(call.Type, call.PreviousID, "is", call.UserID)
	// Output:
	// <nil> <nil>
	// alias anon-1 is user_123
}

// Code that is handed messages passes them on without knowing which call they are.
func ExampleClient_Enqueue() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	messages := []analytics.Message{
		analytics.Identify{UserID: "user_123"},
		&analytics.Track{UserID: "user_123", Event: "Signed Up"},
		analytics.Track{UserID: "user_123"}, // an Event is required
	}
	for _, m := range messages {
		if err := client.Enqueue(context.Background(), m); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(client.Close(), len(srv.Calls()))
	// Output:
	// analytics: track: event: is required: name what happened
	// <nil> 2
}

// signedUp is an event as a type: its fields are checked by the compiler.
type signedUp struct {
	Plan  string
	Seats int
}

func (e signedUp) AppendJSON(b []byte) ([]byte, error) {
	return analytics.Attrs(slog.String("plan", e.Plan), slog.Int("seats", e.Seats)).AppendJSON(b)
}

// An event can be a type of your own.
func ExampleFields() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Track(context.Background(), analytics.Track{
		UserID: "user_123", Event: "Signed Up", Properties: signedUp{Plan: "team", Seats: 40},
	})
	fmt.Println(err, client.Close())
	fmt.Println(srv.Calls()[0].Get("properties"))
	// Output:
	// <nil> <nil>
	// map[plan:team seats:40]
}

// The caller who passed it learns what is wrong with a message, at once.
func ExampleFieldError() {
	client, err := analytics.New("WRITE_KEY", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = client.Track(context.Background(), analytics.Track{
		UserID: "user_123", Event: "Order Completed",
		Properties: analytics.Properties{"items": []any{"tea", func() {}}},
	})
	var field *analytics.FieldError
	if errors.As(err, &field) {
		fmt.Println(field.Call, field.Field)
	}
	fmt.Println(err)
	// Output:
	// track properties.items[1]
	// analytics: track: properties.items[1]: func() has no form in JSON
}

// Which destinations get a call; all, when nothing is said.
func ExampleIntegrations() {
	m := analytics.Track{
		UserID: "user_123", Event: "Signed Up",
		Integrations: analytics.Integrations{}.DisableAll().Enable("Mixpanel"),
	}
	fmt.Println(m.Integrations, m.Validate())
	// Output: map[All:false Mixpanel:true] <nil>
}

// Where false means something, a pointer says it.
func ExamplePtr() {
	c := analytics.Context{Active: analytics.Ptr(false)}
	fmt.Println(*c.Active)
	// Output: false
}
