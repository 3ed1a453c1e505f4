// Lambda: calls are flushed before each invocation returns, because a function
// is frozen between two of them and may never wake up again.
//
//	echo '{"customer":"user-7","order":"o-1","total":39.95}' | go run ./examples/lambda
//
// The handler has the signature that the AWS runtime for Go takes; here a loop
// over the lines of stdin plays the runtime, so that nothing has to be deployed.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lambda:", err)
		os.Exit(1)
	}
}

// run is the cold start: the client is made once and serves every invocation.
func run(in io.Reader, out io.Writer) error {
	api := analyticstest.NewServer() // in your function: nothing of the kind
	defer api.Close()
	writeKey := cmp.Or(os.Getenv("WRITE_KEY"), "WRITE_KEY")
	client, err := newClient(writeKey, &analytics.Config{Endpoint: api.URL, HTTPClient: api.Client()})
	if err != nil {
		return err
	}
	h := &handler{client: client}
	err = invoke(in, out, h.Handle) // in your function: lambda.Start(h.Handle)
	fmt.Fprintf(out, "the Tracking API received %d calls\n", len(api.Calls()))
	return err
}

// newClient adds to config what suits a function.
func newClient(writeKey string, config *analytics.Config) (*analytics.Client, error) {
	c := *config
	// An attempt that hangs must leave time for another one in the same invocation.
	c.RequestTimeout = time.Second
	// An environment serves one invocation at a time, and one upload will do.
	c.MaxConcurrentUploads = 1
	c.Logger = slog.Default()
	return analytics.New(writeKey, &c)
}

// timeLimit is the function's configured time limit.
const timeLimit = 3 * time.Second

// invoke plays the runtime: one invocation per line, with a deadline.
func invoke(in io.Reader, out io.Writer, handle func(context.Context, Order) (Confirmation, error)) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var order Order
		if err := json.Unmarshal(lines.Bytes(), &order); err != nil {
			return fmt.Errorf("the event is not an order: %w", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
		answer, err := handle(ctx, order)
		cancel()
		if err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}
