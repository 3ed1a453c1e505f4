// The tally: how many calls were delivered, and what went wrong first.

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/headwater-dev/analytics"
)

// errInterrupted is why delivery ended when a signal asked for it.
var errInterrupted = errors.New("interrupted")

// tooLate is why delivery ended when it had taken as long as it may.
type tooLate struct{ after time.Duration }

func (t *tooLate) Error() string { return fmt.Sprintf("gave up after %v", t.after) }

// bounded returns a context that ends with ctx, or after limit.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, &tooLate{limit})
}

// ended says why a context of bounded has ended; nil when it has not.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	var late *tooLate
	if cause != nil && !errors.As(cause, &late) {
		return errInterrupted
	}
	return cause
}

// tally keeps account of a few calls. Its methods may be called from any
// goroutine.
type tally struct {
	mu        sync.Mutex
	delivered int
	first     error
}

// fail notes that something was not delivered.
func (t *tally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		t.first = err
	}
}

// settle takes a Receipt.
func (t *tally) settle(r analytics.Receipt) {
	if r.Err != nil {
		t.fail(fmt.Errorf("%s: %w", r.Call, r.Err))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.delivered++
}

// failure returns the first thing that went wrong, nil when all of the calls are
// delivered. ctx is the one that bounded their delivery, which is over.
func (t *tally) failure(ctx context.Context, calls int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.first == nil && t.delivered == calls:
		return nil
	case t.first == nil:
		return fmt.Errorf("%d of %d calls have no receipt", calls-t.delivered, calls)
	case errors.Is(t.first, analytics.ErrDropped) && ended(ctx) != nil:
		return fmt.Errorf("%w: %w", ended(ctx), t.first)
	}
	return t.first
}
