// The drain: delivers what waits in a spool, and stops when delivery itself fails.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

// errExhausted is why a drain stops that the server gives no chance.
var errExhausted = errors.New("retries are used up")

// spoolDrainCommand delivers what waits under a write key.
type spoolDrainCommand struct {
	Dir             string        `arg:"" help:"Directory of the spool."`
	WriteKey        string        `aliases:"writeKey" env:"HEADWATER_WRITE_KEY" placeholder:"KEY" help:"Write key of the source. The environment variable keeps it out of process lists."`
	Endpoint        string        `default:"https://api.segment.io" placeholder:"URL" help:"Base URL of the Tracking API (${default}; EU: https://events.eu1.segmentapis.com)."`
	MaxRetries      int           `default:"10" help:"How often a request is sent again before the drain stops (${default})."`
	ShutdownTimeout time.Duration `default:"10s" help:"How long a drain that is stopped waits for what is under way (${default})."`
}

// Run is called by kong.
func (c *spoolDrainCommand) Run(ctx context.Context, s *streams) error {
	switch {
	case c.WriteKey == "":
		return errors.New("no write key: give --write-key, or set HEADWATER_WRITE_KEY")
	case c.MaxRetries < 0:
		return errors.New("--max-retries must not be negative")
	case c.ShutdownTimeout < 0:
		return errors.New("--shutdown-timeout must not be negative")
	}
	q, err := openSpool(c.Dir, s.err)
	if err != nil {
		return err
	}
	sources, err := q.Sources(ctx)
	if err != nil {
		return errors.Join(err, closeSpool(ctx, q))
	}
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	d := &drain{Spool: q, work: work, stop: stop, secret: c.WriteKey, rejected: &faults{log: &faultLog{}, secret: c.WriteKey}}
	for _, one := range sources {
		if one.Name != analytics.SourceOf(c.WriteKey) && one.Waiting > 0 {
			d.others += one.Waiting
			d.foreign = append(d.foreign, one.Name)
		}
	}
	con := &console{out: s.err}
	config := &analytics.Config{Endpoint: c.Endpoint, Queue: d, Role: analytics.Deliver, MaxRetries: retries(c.MaxRetries)}
	client, err := newClient(c.WriteKey, config, func(t *analytics.HTTPTransport) analytics.Transport {
		return &watch{HTTPTransport: t, console: con, secret: c.WriteKey}
	})
	if err != nil {
		return errors.Join(err, closeSpool(ctx, q))
	}
	// Fails only when work ends. What was given back during it is left to the next drain.
	d.stopped = client.Flush(work) != nil && ctx.Err() != nil
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.ShutdownTimeout)
	defer cancel()
	_ = client.Shutdown(bounded) // what is left is counted below
	if err := d.report(s.out); err != nil {
		con.notice("writing the report: %v", err)
		return errIncomplete
	}
	if !d.complete() {
		return errIncomplete
	}
	return nil
}

// drain is a spool that keeps account of what becomes of its calls. Other than a service
// it is started by hand, with an endpoint that may be mistyped, and so only what the API
// says of a call itself makes that call a dead letter.
type drain struct {
	*spool.Spool
	work    context.Context // ends at a signal, or when delivery has failed
	stop    context.CancelCauseFunc
	secret  string   // the write key
	others  int      // calls that wait under other keys
	foreign []string // the sources of these

	mu        sync.Mutex
	delivered int
	rejected  *faults
	cause     error // why delivery failed; nil when it did not
	closing   error // why the spool could not be closed
	stopped   bool  // by a signal
}

// Lease implements analytics.Queue. It gives nothing to a drain that is to stop: Shutdown
// would send all that waits.
func (d *drain) Lease(ctx context.Context, limit analytics.Limit) (analytics.Lease, error) {
	if d.work.Err() != nil {
		return nil, analytics.ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.work, cancel)()
	l, err := d.Spool.Lease(ctx, limit)
	switch {
	case err == nil && d.work.Err() == nil:
		return &drainLease{Lease: l, drain: d}, nil
	case err == nil: // it is what was given back a moment ago
		back := make([]analytics.Verdict, len(l.Entries()))
		for i := range back {
			back[i].Outcome = analytics.RetryAfter
		}
		err = l.Done(context.WithoutCancel(ctx), back)
	}
	if d.work.Err() != nil {
		err = errors.Join(analytics.ErrClosed, err)
	}
	return nil, err
}

// drainLease is a lease whose verdicts are counted.
type drainLease struct {
	analytics.Lease
	drain *drain
}

// Done implements analytics.Lease.
func (l *drainLease) Done(ctx context.Context, verdicts []analytics.Verdict) error {
	verdicts = slices.Clone(verdicts)
	for i := range verdicts {
		v := &verdicts[i]
		if v.Outcome == analytics.Rejected && !refused(v.Err) {
			l.drain.fail(v.Err)
			*v = analytics.Verdict{Outcome: analytics.RetryAfter}
		} else if v.Outcome == analytics.RetryAfter && v.After > 0 { // at shutdown it is 0
			l.drain.fail(errExhausted)
		}
	}
	entries := l.Entries()
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = string(e.ID) // not valid after Done
	}
	if err := l.Lease.Done(ctx, verdicts); err != nil {
		return err
	}
	for i, v := range verdicts {
		switch v.Outcome {
		case analytics.Delivered:
			l.drain.mu.Lock()
			l.drain.delivered++
			l.drain.mu.Unlock()
		case analytics.Rejected:
			l.drain.rejected.add(place{file: ids[i]}, v.Err)
		}
	}
	return nil
}

// fail ends the drain: what failed for one batch would fail for the next.
func (d *drain) fail(err error) {
	d.mu.Lock()
	first := d.cause == nil
	if first {
		d.cause = err
	}
	d.mu.Unlock()
	if first {
		d.stop(err)
	}
}

// Close implements analytics.Queue.
func (d *drain) Close(ctx context.Context) error {
	d.closing = closeSpool(ctx, d.Spool)
	return d.closing
}

// left is how many calls still wait. Nobody else takes or adds any meanwhile.
func (d *drain) left() int { return max(0, d.Stats().Waiting-d.others) }

func (d *drain) complete() bool {
	return d.left() == 0 && d.rejected.total() == 0 && d.Stats().Err == nil && d.closing == nil
}

func (d *drain) report(out io.Writer) error {
	_, err := fmt.Fprintf(out, "%d delivered, %d rejected, %d left\n", d.delivered, d.rejected.total(), d.left())
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(out, format, args...)
		}
	}
	for _, one := range d.rejected.first() {
		say("rejected: %s: %s\n", one.place.file, one.reason)
	}
	if d.rejected.total() > 0 {
		say("they are dead letters now: headwater spool dead\n")
	}
	switch {
	case d.cause != nil:
		say("stopped: delivery failed: %s\n", reason(d.cause, d.secret))
	case d.stopped:
		say("stopped: interrupted\n")
	}
	for _, wrong := range []error{d.Stats().Err, d.closing} {
		if wrong != nil {
			say("warning: %s\n", reason(wrong, d.secret))
		}
	}
	if d.others > 0 {
		say("note: %d wait under other write keys, of sources %s\n", d.others, printable(fmt.Sprint(d.foreign)))
	}
	return err
}
