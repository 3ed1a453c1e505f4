// The Queue seam: what holds accepted calls until they are delivered, and the law every queue keeps.

package analytics

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Queue holds accepted calls until they are delivered. NewMemoryQueue is the
// one in memory; others keep them on disk or in an engine. Package queuetest
// holds the conformance suite that every Queue passes.
//
// All methods may be called from any number of goroutines at once. A Queue
// given to New belongs to that client, serves it alone, and is closed by it.
type Queue interface {
	// Append adds entries at the end, all or none of them; an engine that
	// cannot promise that says so in its doc. It copies: nothing of entries is
	// kept or changed. Nil means that the queue holds them, as strongly as it
	// promises. Without room it returns ErrQueueFull at once under Drop, and
	// under Block waits, first come first served, until there is room or ctx
	// ends, returning ctx.Err(). A ctx already ended refuses nothing while there
	// is room. After Close it returns ErrClosed; a ctx that ends while the
	// entries are being committed gives ErrUnknownOutcome.
	Append(ctx context.Context, entries []Entry, full WhenFull) error

	// Lease takes the next batch of limit.Source, oldest first, at least one
	// entry. It blocks until as many wait as limit allows, or the oldest has
	// waited limit.Linger, or the queue is full, or ctx ends; then it returns
	// what there is. With nothing to take when ctx ends it returns ctx.Err(), so
	// that a ctx already ended makes it a poll. After Close it returns ErrClosed.
	Lease(ctx context.Context, limit Limit) (Lease, error)

	// Stats is cheap and never blocks on I/O. It works after Close too.
	Stats() QueueStats

	// Close refuses what comes after it, wakes whoever waits in Append or Lease
	// with ErrClosed, and releases everything the queue holds; a durable queue
	// first makes sure of what it has accepted, within ctx. Leases still out may
	// be Done afterwards. A second Close returns nil.
	Close(ctx context.Context) error
}

// Entry is one encoded call.
type Entry struct {
	Source string    // which write key it belongs to: SourceOf, never the key itself
	Call   string    // "identify", "track", "page", "screen", "group" or "alias"
	ID     []byte    // its messageId
	Key    []byte    // its userId, else its anonymousId: entries of one Key stay together where a queue has shards
	Body   []byte    // the message as JSON, as it will be sent
	Time   time.Time // when it was accepted
}

// SourceOf names the source of a write key without giving it away: hex of the
// first 8 bytes of its SHA-256.
func SourceOf(writeKey string) string {
	sum := sha256.Sum256([]byte(writeKey))
	return hex.EncodeToString(sum[:8])
}

// Limit says how much one Lease may take, and how long it may wait to get it.
type Limit struct {
	Source string        // only entries of this source
	Events int           // at most this many entries
	Bytes  int           // at most this many bytes of Body in sum; the first entry is given whatever its size
	Linger time.Duration // how old the oldest entry may get while the batch fills
}

// Lease is a batch taken from a Queue. It is used by one goroutine at a time,
// but for Extend.
type Lease interface {
	// Entries are the entries of the lease, oldest first. They are read-only and
	// valid until Done returns.
	Entries() []Entry

	// Extend keeps the lease for another 30 s. A lease that nobody extends may
	// go to another process after that; a queue that serves one process may
	// keep it for ever. The client calls it every 10 s.
	Extend(ctx context.Context) error

	// Done settles the lease with one verdict an entry, in their order, once. A
	// queue that fails to record a verdict remembers it: the same process never
	// gets those entries again.
	Done(ctx context.Context, verdicts []Verdict) error
}

// Verdict is what becomes of one leased entry.
type Verdict struct {
	Outcome Outcome
	After   time.Duration // RetryAfter: not before this has passed
	Err     error         // Rejected: why
}

// Outcome of a leased entry.
type Outcome int

const (
	Delivered  Outcome = iota + 1 // forget it
	Rejected                      // it will never be accepted: forget it, or keep it as a dead letter
	RetryAfter                    // given back: lease it again later
)

// QueueStats describes a Queue at one moment.
type QueueStats struct {
	Durable bool  // survives the process
	Shared  bool  // other processes append to it or lease from it
	Waiting int   // entries accepted and not leased
	Leased  int   // entries leased and not Done
	Bytes   int64 // what all of them take of the queue's budget
	Err     error // what is wrong with the queue, nil when nothing is
}
