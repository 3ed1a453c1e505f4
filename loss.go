// The loss log: one record when calls begin to be lost, one when that ends.

package analytics

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
)

// lossLog turns single losses into two records a spell. It never sees a payload.
type lossLog struct {
	logger *slog.Logger
	losing atomic.Bool

	mu    sync.Mutex
	calls uint64 // lost since the spell began
}

// reason names an end in the log.
func (e end) reason() string {
	switch e {
	case endRejected:
		return "rejected"
	case endExhausted:
		return "retries exhausted"
	case endShutdown:
		return "shutdown"
	}
	return "delivered"
}

func (l *lossLog) lost(calls uint64, e end, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls += calls
	if l.losing.Swap(true) {
		return
	}
	attrs := []any{"calls", calls, "reason", e.reason()}
	var answer *ResponseError
	if errors.As(err, &answer) {
		attrs = append(attrs, "status", answer.StatusCode)
	}
	l.logger.Warn("analytics: calls are being lost", attrs...)
}

func (l *lossLog) delivered() {
	if l.losing.Load() {
		l.end("analytics: calls are delivered again")
	}
}

// end closes the spell, if there is one.
func (l *lossLog) end(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.losing.Swap(false) {
		l.logger.Warn(message, "lost", l.calls)
		l.calls = 0
	}
}
