// Durable: a service whose calls survive it, through kill -9 too. They are on disk
// before Track returns, and go out from there.
//
//	go run ./cmd/headwater collect        # in another terminal: a Tracking API of your own
//	go run ./examples/durable             # Ctrl-C, or kill -9, and start it again
//
// While the collector is away calls pile up in ./durable-spool, and headwater spool
// ls ./durable-spool lists them once the program has ended.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

// options are the flags.
type options struct {
	dir, endpoint, writeKey string
	pace, deadline          time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.dir, "spool", "durable-spool", "directory of the spool, on a disk that outlives the process")
	flag.StringVar(&o.endpoint, "endpoint", "http://127.0.0.1:8033", "base URL of the Tracking API")
	flag.StringVar(&o.writeKey, "write-key", "WRITE_KEY", "write key of the source")
	flag.DurationVar(&o.pace, "pace", time.Second, "between two calls; 0 makes them as fast as the disk takes them")
	flag.DurationVar(&o.deadline, "deadline", 5*time.Second, "for the delivery at the end; what is late waits on disk")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "durable:", err)
		os.Exit(1)
	}
}

// run takes orders until ctx ends.
func run(ctx context.Context, o options, out io.Writer) error {
	queue, err := spool.Open(o.dir, &spool.Options{Logger: slog.Default()})
	if err != nil {
		return err // spool.ErrInUse: another instance runs; each needs a directory of its own
	}
	client, err := analytics.New(o.writeKey, &analytics.Config{
		Endpoint: o.endpoint,
		Queue:    queue,          // the client closes it
		Logger:   slog.Default(), // one line when calls begin to be lost, one when that ends
	})
	if err != nil {
		return errors.Join(err, queue.Close(context.Background()))
	}
	fmt.Fprintf(out, "%d calls of an earlier run wait in %s\n", client.Stats().QueueEvents, o.dir)
	taken := takeOrders(ctx, client, o.pace, out)
	return errors.Join(taken, shutdown(client, o.deadline, out))
}

// takeOrders tracks one order after the other. What it prints is on disk.
func takeOrders(ctx context.Context, client *analytics.Client, pace time.Duration, out io.Writer) error {
	run := time.Now().UnixNano()
	for n := 1; ; n++ {
		order := fmt.Sprintf("order-%d-%d", run, n)
		err := client.Track(ctx, analytics.Track{
			UserID: "user-7", Event: "Order Completed",
			Properties: analytics.NewProperties().SetOrderID(order).SetTotal(39.95),
		})
		switch {
		case err != nil && ctx.Err() != nil:
			return nil // it may be on disk or not, and was promised to nobody
		case err != nil:
			// A real service goes on without the call, or tells its own caller: errors.Is
			// tells a disk that fails (spool.ErrStorage) from a call that is wrong.
			return err
		}
		if _, err := fmt.Fprintln(out, order); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pace):
		}
	}
}

// shutdown delivers what it can in time, which can be short: nothing is lost by it. The
// context that the signal ended would be over before it began.
func shutdown(client *analytics.Client, deadline time.Duration, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := client.Shutdown(ctx)
	var late *analytics.ShutdownError
	if errors.As(err, &late) && late.Undelivered == 0 && late.Kept > 0 {
		fmt.Fprintf(out, "%d calls are kept for the next run\n", late.Kept)
		return nil // which is what the spool is for
	}
	return err
}
