// Command headwater sends calls to the Tracking API from a shell, and receives them.
//
// headwater collect runs a Tracking API of your own, with a page to see what came.
// headwater import sends files of calls, one JSON object a line, and can go on
// where it was stopped; headwater send sends one call; headwater e2e plays what a
// black-box suite asks for; headwater spool looks after the calls that a service keeps
// on disk. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// oneSignal is how long signals count as one: a shell or a wrapper that passes a
// Ctrl-C on to its whole process group delivers it twice.
const oneSignal = 300 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end. Then the signals get their usual
	// meaning back, so that the next one ends the process at once.
	context.AfterFunc(ctx, func() { time.AfterFunc(oneSignal, stop) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
