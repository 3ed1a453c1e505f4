// Every error a caller can meet, each saying who returns it and when.

package analytics

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrClosed is returned by every call once Shutdown or Close has begun.
	ErrClosed = errors.New("analytics: client is closed")

	// ErrQueueFull is returned by a call when the queue has no room: at once
	// under Drop, and under Block only for an entry that could never fit.
	ErrQueueFull = errors.New("analytics: queue is full")

	// ErrMessageTooLarge is returned by a call whose encoded message exceeds
	// MaxMessageBytes, or what Config.MaxBatchBytes leaves for one message.
	ErrMessageTooLarge = errors.New("analytics: message is too large")

	// ErrDropped is returned by a call that Config.BeforeEnqueue dropped by
	// returning it, and is wrapped by the Receipt of an accepted call that
	// Shutdown had to give up.
	ErrDropped = errors.New("analytics: dropped")

	// ErrDeliverOnly is returned by every call on a client in Role Deliver.
	ErrDeliverOnly = errors.New("analytics: client only delivers (Role Deliver)")

	// ErrUnknownOutcome is returned by a call on a durable queue whose ctx ended
	// while the entry was being committed. The call may or may not be accepted;
	// sending it again under the same MessageID is safe.
	ErrUnknownOutcome = errors.New("analytics: outcome unknown, send the same messageId again")
)

// FieldError says which field of which call, or of a Config, cannot be accepted
// and why. Calls, Validate and New return it.
type FieldError struct {
	Call   string // "track", "identify" …, or "config"
	Field  string // as on the wire: "userId", "properties.products[2].price"; for a Config its Go name
	Reason string // what is wrong and what to do, without the value itself

	err error // what a marshaller of the caller's returned, for errors.Is and errors.As
}

// Error reads "analytics: track: properties.price: NaN is not a JSON number".
func (e *FieldError) Error() string {
	var b strings.Builder
	b.WriteString("analytics: ")
	for _, part := range []string{e.Call, e.Field} {
		if part != "" {
			b.WriteString(part)
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Unwrap returns the error of the caller's own marshaller, when there was one.
func (e *FieldError) Unwrap() error { return e.err }

// ResponseError is the answer of a server that did not accept a batch. It is
// found in a Receipt's Err with errors.As.
type ResponseError struct {
	StatusCode int
	RetryAfter time.Duration // what the answer asked for, at most 300 s; 0 when it asked for nothing
	Body       string        // the beginning of the answer, at most 4 KB

	err error // what broke the answer off
}

// Error names the status only: a body may echo what was sent.
func (e *ResponseError) Error() string {
	return fmt.Sprintf("analytics: server answered %d", e.StatusCode)
}

// Unwrap returns the error that broke the answer off, nil when all of it was read.
func (e *ResponseError) Unwrap() error { return e.err }

// ShutdownError is returned by Shutdown and Close when not every accepted call
// was delivered before their deadline.
type ShutdownError struct {
	Undelivered int      // calls given up: each got a Receipt whose Err wraps ErrDropped
	Kept        int      // calls left in a durable queue for the next process
	MessageIDs  []string // of the calls given up
	Err         error    // why the drain ended, the context's error or the queue's, and what delivery met last
}

// Error reads "analytics: shutdown: 3 calls not delivered, 0 kept: context deadline exceeded".
func (e *ShutdownError) Error() string {
	text := fmt.Sprintf("analytics: shutdown: %d calls not delivered, %d kept", e.Undelivered, e.Kept)
	if e.Err == nil { // what is kept was given back, and its time has not come
		return text
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *ShutdownError) Unwrap() error { return e.Err }
