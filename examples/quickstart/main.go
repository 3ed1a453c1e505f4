// Quickstart: a small shop sends all six calls through the real client to a
// collector in the same process, and you see what arrived there: here in numbers,
// and in the browser on the shop's Source Overview.
//
//	go run ./examples/quickstart           until Ctrl-C, with the page open to you
//	go run ./examples/quickstart --once    one rush of customers, exit 0 if every call arrived
//	go run ./examples/quickstart --flaky   the collector fails first; nothing is lost all the same
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/headwater-dev/analytics"
)

const (
	rush     = 40               // visits before the first report: a few hundred events
	pace     = time.Second      // between two visits afterwards
	patience = 15 * time.Second // for everything to arrive at the end

	// closing is when the shop closes by itself: the Overview looks back two weeks,
	// and what is older could not be compared.
	closing = 13 * 24 * time.Hour
)

// options are the flags, and what a test needs to set.
type options struct {
	once bool
	live bool // out is a terminal: redraw the report in place
	pace time.Duration
	gate func(http.Handler) http.Handler // stands before the collector; nil for nothing
}

func main() {
	o := options{pace: pace, live: isTerminal(os.Stdout)}
	flag.BoolVar(&o.once, "once", false, "send one rush of customers and end; exit 0 only when every call arrived")
	fails := flag.Bool("flaky", false, "let the collector fail a few requests first")
	flag.Parse()
	if *fails {
		o.gate = flaky
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run opens the far end, lets customers in, and reports what reached it. A nil
// error means that everything did.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	far, err := openFarEnd(ctx, o.gate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, far.close()) }()

	// This is all it takes. Without the Endpoint the calls go to Segment.
	client, err := analytics.New(writeKey, &analytics.Config{
		Endpoint:      far.url,
		FlushInterval: time.Second, // the default of 5 s is kinder to the API, but this is a show
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeClient(client)) }()

	s := newShop(client)
	s.till = &till{url: far.url}
	r := &report{out: out, live: o.live && !o.once, once: o.once, sent: s.sent, far: far, client: client}
	if err := s.visits(ctx, rush); err != nil {
		return err
	}
	if !o.once {
		if err := keepOpen(ctx, s, r, o.pace); err != nil {
			return err
		}
	}

	// Flush returns when the fate of every call so far is known.
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := client.Flush(flush); err != nil {
		return fmt.Errorf("waiting for the calls to arrive: %w", err)
	}
	return r.final(flush)
}

// keepOpen lets a customer in now and then, and shows the numbers, until ctx ends.
func keepOpen(ctx context.Context, s *shop, r *report, pace time.Duration) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	closed := time.After(closing)
	// Whoever is in the shop when it closes is served to the end.
	inside := context.WithoutCancel(ctx)
	for n := 0; ; n++ {
		if err := r.progress(inside, n); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-closed:
			return nil
		case <-tick.C:
		}
		if err := s.visits(inside, 1); err != nil {
			return err
		}
	}
}

// closeClient stops the client. Nothing is left to deliver by then, or it would
// take up to Config.ShutdownTimeout.
func closeClient(client *analytics.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return client.Shutdown(ctx)
}

// isTerminal reports whether f is a terminal that can redraw.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
