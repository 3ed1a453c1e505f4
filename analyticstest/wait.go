// Waits, in place of sleeps.

package analyticstest

import (
	"context"
	"fmt"
)

// WaitCalls waits until n calls are received and returns all that are, which
// may be more. When ctx ends or the server is closed first, it returns what
// there is and an error that says how many, wrapping the context's error or
// ErrClosed.
func (s *Server) WaitCalls(ctx context.Context, n int) ([]Call, error) {
	err := s.wait(ctx, n, "calls", func() int { return len(s.calls) })
	return s.Calls(), err
}

// WaitRequests waits until n requests have arrived with their whole body,
// answered or not: one that hangs counts. Its errors are those of WaitCalls.
func (s *Server) WaitRequests(ctx context.Context, n int) error {
	return s.wait(ctx, n, "requests", func() int { return s.read })
}

// wait blocks until count, called under the lock, reaches n.
func (s *Server) wait(ctx context.Context, n int, what string, count func() int) error {
	for {
		s.mu.Lock()
		have, changed := count(), s.changed
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		var err error
		select {
		case <-changed:
			continue
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-s.closing:
			err = ErrClosed
		}
		s.mu.Lock()
		have = count() // the last one may have come with the end
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		return fmt.Errorf("analyticstest: %d of %d %s arrived: %w", have, n, what, err)
	}
}
