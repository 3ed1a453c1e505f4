// The loss log: one record when calls begin to be lost, one when that ends.

package analytics

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// lossQuiet is how long nothing must have been lost before a spell can end.
const lossQuiet = time.Minute

// lossLog turns single losses into two records a spell, whether or not OnReceipt
// hears of each. A call that a full queue refuses is one too: its caller may not
// look. A spell ends with the first batch delivered whole when nothing has been
// lost for lossQuiet, so that a bad call in each batch, or a queue that is full
// every now and then, makes one spell and not hundreds. It never sees a payload,
// and holds no lock while it logs: a handler may call the client.
type lossLog struct {
	logger *slog.Logger
	began  time.Time
	losing atomic.Bool
	last   atomic.Int64        // loss, in nanoseconds since began
	calls  [ends]atomic.Uint64 // lost in this spell
}

func newLossLog(logger *slog.Logger) *lossLog {
	return &lossLog{logger: logger, began: time.Now()}
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
	case endRefused:
		return "queue full"
	}
	return "delivered"
}

// lost counts first and looks then, and end does the reverse: a loss that end
// does not count sees that the spell is over and begins another.
func (l *lossLog) lost(calls uint64, e end, err error) {
	l.last.Store(int64(time.Since(l.began)))
	l.calls[e].Add(calls)
	if l.losing.Load() || l.losing.Swap(true) {
		return
	}
	attrs := []any{"calls", calls, "reason", e.reason()}
	var answer *ResponseError
	if errors.As(err, &answer) {
		attrs = append(attrs, "status", answer.StatusCode)
	}
	l.logger.Warn("analytics: calls are being lost", attrs...)
}

// delivered tells of a batch delivered whole.
func (l *lossLog) delivered() {
	if l.losing.Load() && time.Since(l.began)-time.Duration(l.last.Load()) >= lossQuiet {
		l.end("analytics: calls are delivered again")
	}
}

// end closes the spell, if there is one.
func (l *lossLog) end(message string) {
	if !l.losing.Swap(false) {
		return
	}
	var total uint64
	var reasons []any
	for e := range l.calls {
		if n := l.calls[e].Swap(0); n > 0 {
			total += n
			reasons = append(reasons, end(e).reason(), n)
		}
	}
	l.logger.Warn(message, "lost", total, slog.Group("reasons", reasons...))
}
