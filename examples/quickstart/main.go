// Quickstart: a small shop sends all six calls through the real client to a
// Tracking API in the same process, and you see what arrived there.
//
//	go run ./examples/quickstart           until Ctrl-C
//	go run ./examples/quickstart --once    one rush of customers, exit 0 if every call arrived
//	go run ./examples/quickstart --flaky   the API fails first; nothing is lost all the same
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

const (
	rush     = 40               // visits before the first report: a few hundred events
	pace     = time.Second      // between two visits afterwards
	patience = 15 * time.Second // for everything to arrive at the end
)

// options are the flags, and what a test needs to set.
type options struct {
	once  bool
	flaky bool
	live  bool // out is a terminal: redraw the report in place
	pace  time.Duration
}

func main() {
	o := options{pace: pace, live: isTerminal(os.Stdout)}
	flag.BoolVar(&o.once, "once", false, "send one rush of customers and end; exit 0 only when every call arrived")
	flag.BoolVar(&o.flaky, "flaky", false, "let the API fail a few requests first")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	srv := analyticstest.NewServer()
	err := run(ctx, srv, o, os.Stdout)
	srv.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run opens srv on a socket, lets customers in, and reports what reached the
// far end. A nil error means that everything did.
func run(ctx context.Context, srv *analyticstest.Server, o options, out io.Writer) (err error) {
	url, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	if o.flaky {
		srv.Script(analyticstest.Status(503), analyticstest.CutAfter(), analyticstest.RetryAfter(429, time.Second))
	}

	// This is all it takes. Without the Endpoint the calls go to Segment.
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		Endpoint:      url,
		FlushInterval: time.Second, // the default of 5 s is kinder to the API, but this is a show
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeClient(client)) }()

	s := newShop(client)
	r := &report{out: out, url: url, live: o.live && !o.once, sent: s.sent, far: &farEnd{srv: srv}, client: client}
	if err := s.visits(ctx, rush); err != nil {
		return err
	}
	if !o.once {
		if err := keepOpen(ctx, s, r, o.pace); err != nil {
			return err
		}
	}

	// Flush returns when the fate of every call so far is known.
	flush, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.Flush(flush); err != nil {
		return fmt.Errorf("waiting for the calls to arrive: %w", err)
	}
	return r.final()
}

// keepOpen lets a customer in now and then, and shows the numbers, until ctx ends.
func keepOpen(ctx context.Context, s *shop, r *report, pace time.Duration) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		r.progress(ctx, n)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// Whoever is in the shop when it closes is served to the end.
		if err := s.visits(context.WithoutCancel(ctx), 1); err != nil {
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
