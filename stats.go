// Stats: what the client counted, by outcome and reason.

package analytics

import (
	"errors"
	"sync/atomic"
)

// Stats is what a client has counted since New, and what its queue holds now.
// The counters move independently, so that a sum may be off by the calls under
// way.
type Stats struct {
	Accepted  uint64 // calls that returned nil
	Delivered uint64 // calls the API has accepted
	Refused   RefusedStats
	Failed    FailedStats
	GivenBack uint64 // calls given back to a durable queue, to be sent again

	Batches  uint64 // batches leased from the queue
	Requests uint64 // attempts made: first ones, retries and halves
	Retries  uint64 // of these, those that sent a batch again
	Splits   uint64 // batches sent on as two halves because part of them was refused: each costs two requests more

	QueueEvents int   // calls in the queue: waiting, in flight, retrying, or their Receipt not yet taken
	QueueBytes  int64 // what they take of MaxQueueBytes
	QueueErr    error // what is wrong with the queue
}

// RefusedStats counts the calls that returned an error.
type RefusedStats struct {
	Invalid   uint64 // *FieldError
	TooLarge  uint64 // ErrMessageTooLarge
	QueueFull uint64 // ErrQueueFull
	Dropped   uint64 // ErrDropped: by BeforeEnqueue
	Closed    uint64 // ErrClosed
	Other     uint64 // a ctx that ended while blocked, ErrDeliverOnly, an error of BeforeEnqueue or of the queue
}

// Total is the number of calls that returned an error.
func (r RefusedStats) Total() uint64 {
	return r.Invalid + r.TooLarge + r.QueueFull + r.Dropped + r.Closed + r.Other
}

// FailedStats counts the accepted calls that were given up.
type FailedStats struct {
	Rejected  uint64 // the API refused them, or cannot be reached for good
	Exhausted uint64 // MaxRetries or the 12 hours were used up
	Shutdown  uint64 // Shutdown's deadline came first
}

// Lost is the number of accepted calls that were given up.
func (f FailedStats) Lost() uint64 { return f.Rejected + f.Exhausted + f.Shutdown }

// counters are the Stats that the client keeps itself.
type counters struct {
	accepted, delivered, givenBack                           atomic.Uint64
	invalid, tooLarge, queueFull, hookDropped, closed, other atomic.Uint64
	rejected, exhausted, shutdown                            atomic.Uint64
	batches, requests, retries, splits                       atomic.Uint64
}

// refuse counts why a call was not accepted.
func (c *counters) refuse(err error) {
	switch {
	case errors.Is(err, ErrQueueFull):
		c.queueFull.Add(1)
	case errors.Is(err, ErrMessageTooLarge):
		c.tooLarge.Add(1)
	case errors.Is(err, ErrDropped):
		c.hookDropped.Add(1)
	case errors.Is(err, ErrClosed):
		c.closed.Add(1)
	case isFieldError(err):
		c.invalid.Add(1)
	default:
		c.other.Add(1)
	}
}

// isFieldError is apart because its variable costs an allocation, which a call
// refused by a full queue need not pay.
func isFieldError(err error) bool {
	var field *FieldError
	return errors.As(err, &field)
}

func (c *counters) stats() Stats {
	return Stats{
		Accepted:  c.accepted.Load(),
		Delivered: c.delivered.Load(),
		Refused: RefusedStats{
			Invalid:   c.invalid.Load(),
			TooLarge:  c.tooLarge.Load(),
			QueueFull: c.queueFull.Load(),
			Dropped:   c.hookDropped.Load(),
			Closed:    c.closed.Load(),
			Other:     c.other.Load(),
		},
		Failed: FailedStats{
			Rejected:  c.rejected.Load(),
			Exhausted: c.exhausted.Load(),
			Shutdown:  c.shutdown.Load(),
		},
		GivenBack: c.givenBack.Load(),
		Batches:   c.batches.Load(),
		Requests:  c.requests.Load(),
		Retries:   c.retries.Load(),
		Splits:    c.splits.Load(),
	}
}
