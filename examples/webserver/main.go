// Webserver: a handler that tracks what it does, with the visitor's address
// and browser filled in, and a shutdown on SIGTERM that loses no call.
//
//	go run ./examples/webserver
//	curl -d product=p-201 -d user=user-7 http://127.0.0.1:8080/orders
//
// Without --endpoint it brings a Tracking API of its own along.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// What the platform allows between SIGTERM and SIGKILL must cover both:
// Kubernetes grants 30 s unless told otherwise.
const (
	requestsDeadline = 10 * time.Second // for the requests being served
	callsDeadline    = 15 * time.Second // then for the calls they made
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	endpoint := flag.String("endpoint", "", "base URL of the Tracking API; empty starts one in this process")
	writeKey := flag.String("write-key", "WRITE_KEY", "write key of the source")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	if err := run(ctx, *addr, *endpoint, *writeKey, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "webserver:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then delivers every call that was made.
func run(ctx context.Context, addr, endpoint, writeKey string, out io.Writer) error {
	if endpoint == "" {
		api := analyticstest.NewServer()
		defer api.Close()
		defer func() { fmt.Fprintf(out, "the Tracking API received %d calls\n", len(api.Calls())) }()
		var err error
		if endpoint, err = api.Listen("127.0.0.1:0"); err != nil {
			return err
		}
	}
	client, err := analytics.New(writeKey, &analytics.Config{
		Endpoint: endpoint,
		Logger:   slog.Default(), // one line when calls begin to be lost, one when that ends
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	server := &http.Server{Handler: newHandler(client), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(out, "listening on http://%s\n", listener.Addr())

	select {
	case <-ctx.Done():
		return shutdown(server, client)
	case err := <-served:
		return errors.Join(err, client.Close())
	}
}

// shutdown stops the server before the client: a request still being served may
// make calls, and a client that is shut down refuses them. Each has a deadline
// of its own, made here. The context that the signal ended would be over before
// it began, and under a shared one a slow request would use up the time that the
// calls need.
func shutdown(server *http.Server, client *analytics.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestsDeadline)
	defer cancel()
	err := server.Shutdown(ctx)

	ctx, cancel = context.WithTimeout(context.Background(), callsDeadline)
	defer cancel()
	// Whatever became of the server, the calls made so far are delivered. What
	// cannot be is named in a *analytics.ShutdownError.
	return errors.Join(err, client.Shutdown(ctx))
}
