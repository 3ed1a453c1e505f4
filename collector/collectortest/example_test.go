// A user's tests, in short: what arrived, what the API says to it, and the numbers.

package collectortest_test

import (
	"context"
	"fmt"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/collector"
	"github.com/headwater-dev/analytics/collector/collectortest"
)

// placeOrder stands for the program under test: it reports an order to the
// endpoint it was configured with.
func placeOrder(endpoint, writeKey string) error {
	client, err := analytics.New(writeKey, &analytics.Config{Endpoint: endpoint, BatchSize: 1, HTTPClient: client})
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Track(context.Background(), analytics.Track{
		UserID: "user_123", Event: "Order Completed",
		Properties: analytics.Properties{"currency": "USD"}.SetRevenue(39.95),
	})
}

// A test starts a collector, has the program send to it, waits for the call and
// asks it questions. In a test, t is the *testing.T.
func Example() {
	t := new(tb)
	defer t.end()
	srv := collectortest.Start(t)

	if err := placeOrder(srv.URL, srv.WriteKey); err != nil {
		fmt.Println(err)
		return
	}

	call, err := srv.Call(context.Background(), "Order Completed")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(call.Verdict, call.Str("userId"), call.Float("properties.revenue"))
	// Output:
	// ok user_123 39.95
}

// The API answers 200 to a call it discards. The verdict tells.
func ExampleSource_WaitFor() {
	t := new(tb)
	defer t.end()
	srv := collectortest.Start(t)

	// The program under test forgot who it was.
	fmt.Println(post(context.Background(), srv.URL+"/v1/track", srv.WriteKey, `{"event":"Order Completed"}`))

	calls, err := srv.WaitFor(context.Background(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, call := range calls {
		fmt.Println(call)
		fmt.Println(call.Reason)
	}
	// Output:
	// <nil>
	// track "Order Completed": no_user_anon_id
	// userId and anonymousId are missing
}

// Numbers are easier to check than calls when there are many.
func ExampleSource_Overview() {
	t := new(tb)
	defer t.end()
	srv := collectortest.Start(t)

	for range 3 {
		if err := placeOrder(srv.URL, srv.WriteKey); err != nil {
			fmt.Println(err)
			return
		}
	}

	overview, err := srv.Overview(context.Background(), "10m")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(overview.Received, "received,", overview.Eligible, "eligible")
	fmt.Println(overview.ByName["Order Completed"], "orders")
	// Output:
	// 3 received, 3 eligible
	// 3 orders
}

// Options say how the collector shall be: here a filter keeps an event out.
func ExampleNew() {
	srv, err := collectortest.New(&collector.Options{
		Sources: []collector.Source{{Name: "Shop", WriteKey: "shop", Filters: []collector.Filter{{Event: "Debug *"}}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	fmt.Println(post(context.Background(), srv.URL+"/v1/track", "shop", `{"userId":"user_123","event":"Debug Order"}`))
	call, err := srv.Call(context.Background(), "Debug Order")
	fmt.Println(call.Accepted(), err)
	// Output:
	// <nil>
	// false <nil>
}

// A CI job runs the collector in a container, once for all its tests. Each test
// makes a source for itself, so that they do not see one another's calls.
func ExampleConnect() {
	container, err := collectortest.New(nil) // stands for the container
	if err != nil {
		fmt.Println(err)
		return
	}
	defer container.Close()
	address := container.URL // in CI "http://collector:8033"

	ctx := context.Background()
	srv, err := collectortest.Connect(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	shop, err := srv.CreateSource(ctx, "Shop", "website")
	if err != nil {
		fmt.Println(err)
		return
	}

	if err := placeOrder(srv.URL, shop.WriteKey); err != nil {
		fmt.Println(err)
		return
	}

	call, err := shop.Call(ctx, "Order Completed")
	fmt.Println(call, err)
	// Output:
	// track "Order Completed" <nil>
}

// tb stands for a *testing.T, which an example does not have.
type tb struct {
	cleanups []func()
	fatal    string
}

func (t *tb) Helper()                           {}
func (t *tb) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *tb) Fatalf(format string, args ...any) { t.fatal = fmt.Sprintf(format, args...) }

// end runs what a test does at its end.
func (t *tb) end() {
	for _, f := range t.cleanups {
		f()
	}
}
