// Waits, in place of sleeps.

package collectortest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	patience  = 10 * time.Second      // of a wait whose ctx has no deadline
	pollEvery = 20 * time.Millisecond // how often a collector of another process is asked
)

// WaitFor waits until the source has received n calls, at most a thousand, and
// returns all there are, as Calls does, which may be more. When ctx ends first,
// it returns what came and an error that says what that is, wrapping the
// context's. A ctx without a deadline ends after ten seconds.
func (s *Source) WaitFor(ctx context.Context, n int) ([]Call, error) {
	if n > maxCalls {
		return nil, fmt.Errorf("collectortest: waiting for %d calls: at most %d can be waited for; Overview counts more", n, maxCalls)
	}
	return s.wait(ctx, fmt.Sprintf("%d calls", n), func(calls []Call) bool { return len(calls) >= n })
}

// Call waits until the source has received a track call of that event name and
// returns the first. It may have failed on ingest or been filtered: look at its
// Verdict. The errors are those of WaitFor.
func (s *Source) Call(ctx context.Context, event string) (Call, error) {
	isIt := func(c Call) bool { return c.tracks(event) }
	calls, err := s.wait(ctx, fmt.Sprintf("track %q", event), func(calls []Call) bool { return slices.ContainsFunc(calls, isIt) })
	if err != nil {
		return Call{}, err
	}
	return calls[slices.IndexFunc(calls, isIt)], nil
}

// wait asks for the calls until they are enough, and returns the last answer.
func (s *Source) wait(ctx context.Context, what string, enough func([]Call) bool) ([]Call, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var tick <-chan time.Time // stays nil where a bell rings
	if s.api.arrivals == nil {
		ticker := time.NewTicker(pollEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	var last []Call
	for ctx.Err() == nil {
		arrival := s.api.arrivals.next() // before asking, or what comes in between is missed
		calls, err := s.Calls(ctx)
		switch {
		case err != nil && ctx.Err() != nil: // the end of ctx says more
			continue
		case err != nil:
			return last, err
		case enough(calls):
			return calls, nil
		}
		last = calls
		select {
		case <-arrival:
		case <-tick:
		case <-ctx.Done():
		}
	}
	return last, fmt.Errorf("collectortest: waiting for %s, got %s: %w", what, describe(last), context.Cause(ctx))
}

// bounded gives ctx a deadline if it has none.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, patience)
}

// describe is calls for a person whose test failed: how many, and the last of them.
func describe(calls []Call) string {
	const shown = 5
	if len(calls) == 0 {
		return "none"
	}
	var words []string
	if len(calls) > shown {
		words = append(words, "…")
	}
	for _, c := range calls[max(0, len(calls)-shown):] {
		words = append(words, c.String())
	}
	return fmt.Sprintf("%d (%s)", len(calls), strings.Join(words, "; "))
}

// bell wakes all who wait for its next ring. A nil bell never rings.
type bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

func newBell() *bell { return &bell{rung: make(chan struct{})} }

// next returns a channel that the next ring closes.
func (b *bell) next() <-chan struct{} {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.rung)
	b.rung = make(chan struct{})
}
