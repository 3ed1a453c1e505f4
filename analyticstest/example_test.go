// A user's tests, in short: what was sent, what the API says to it, what a failure looks like.

package analyticstest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/analyticstest"
)

// placeOrder stands for the program under test: it reports an order to the
// endpoint it was configured with.
func placeOrder(client *http.Client, endpoint string) error {
	r, err := http.NewRequest(http.MethodPost, endpoint+"/v1/track", strings.NewReader(
		`{"userId":"user_123","event":"Order Completed","properties":{"revenue":39.95,"products":[{"sku":"tea"}]}}`))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("WRITE_KEY", "")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil { // read to its end, the connection can be used again
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// A test sends through memory, waits for the call and asks it questions.
func Example() {
	srv := analyticstest.NewServer()
	defer srv.Close()

	if err := placeOrder(srv.Client(), srv.URL); err != nil {
		fmt.Println(err)
		return
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	calls, err := srv.WaitCalls(ctx, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(calls[0])
	fmt.Println(calls[0].Accepted(), calls[0].WriteKey)
	fmt.Println(calls[0].Float("properties.revenue"), calls[0].Str("properties.products.0.sku"))
	// Output:
	// track "Order Completed" of user_123
	// true WRITE_KEY
	// 39.95 tea
}

// The API answers 200 to a call it discards. The verdict tells.
func ExampleCall_Accepted() {
	srv := analyticstest.NewServer()
	defer srv.Close()

	resp, err := srv.Client().Post(srv.URL+"/v1/track", "application/json",
		strings.NewReader(`{"writeKey":"WRITE_KEY","event":"Order Completed"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()

	call := srv.Calls()[0]
	fmt.Println(resp.Status)
	fmt.Println(call.Accepted(), call.Verdict)
	fmt.Println(call.Reason)
	// Output:
	// 200 OK
	// false no_user_anon_id
	// userId and anonymousId are missing
}

// A script answers one request after the other, then the API's own answers
// follow. A cut after the call was stored is why deliveries repeat.
func ExampleServer_Script() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(
		analyticstest.Status(503),
		analyticstest.RetryAfter(429, 30*time.Second),
		analyticstest.CutAfter(),
	)

	for range 4 {
		fmt.Println(placeOrder(srv.Client(), srv.URL))
	}
	for _, r := range srv.Requests() {
		fmt.Print(r.Status, " ")
	}
	fmt.Println("received", len(srv.Calls()))
	// Output:
	// answered 503
	// answered 429
	// Post "http://analytics.test/v1/track": read tcp: read: connection reset by peer
	// <nil>
	// 503 429 0 200 received 2
}

// Respond looks at the request: here one event is never taken.
func ExampleServer_Respond() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Respond(func(r *analyticstest.Request) analyticstest.Answer {
		for _, c := range r.Calls {
			if c.Event == "Order Completed" {
				return analyticstest.Status(http.StatusBadRequest)
			}
		}
		return analyticstest.Answer{}
	})

	fmt.Println(placeOrder(srv.Client(), srv.URL))
	fmt.Println(len(srv.Requests()), "request,", len(srv.Calls()), "calls")
	// Output:
	// answered 400
	// 1 request, 0 calls
}

// A program in another process needs a socket.
func ExampleServer_Listen() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	url, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()

	client := &http.Client{Transport: transport}
	fmt.Println(placeOrder(client, url))
	fmt.Println(placeOrder(client, url))
	fmt.Println(len(srv.Events("Order Completed")), "calls over", srv.Connections(), "connection")
	// Output:
	// <nil>
	// <nil>
	// 2 calls over 1 connection
}
