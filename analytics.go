// Package analytics sends customer data (identify, track, page, screen, group
// and alias calls) from a backend to Segment's HTTP Tracking API, or to any
// server that speaks it.
//
//	client, err := analytics.New("WRITE_KEY", nil)
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
//	err = client.Track(r.Context(), analytics.Track{
//		UserID:     "user_123",
//		Event:      "Order Completed",
//		Properties: analytics.Properties{"currency": "USD"}.SetRevenue(39.95),
//	})
//
// # How it works
//
//   - A call is stamped, checked and encoded on the caller's goroutine, then
//     copied into a bounded queue. Whatever is wrong with it is returned there.
//   - One goroutine leases batches from the queue: full ones, or what
//     FlushInterval gives.
//   - Up to MaxConcurrentUploads batches are posted at once, gzipped.
//   - The answer decides: delivered, tried again after a wait, sent on in halves,
//     or given up. A gate slows all uploads while the API is in trouble.
//   - Each accepted call ends in one Receipt, and in the counters of Stats.
//
// # The contract
//
// A call that returns nil is accepted: it ends in exactly one [Receipt] in the
// process that delivers it, or is on disk or in the engine. A call that returns
// an error is not accepted and never has a Receipt. The one exception is
// [ErrUnknownOutcome], when ctx ended during a commit: sending the same
// messageId again is safe.
//
// The message is frozen when the call returns. Changing a map afterwards changes
// nothing that is sent; a message that is too large or cannot be encoded is an
// error to its caller and to nobody else. No panic reaches the caller, neither
// from a nil message nor from a marshaller of its own.
//
// When the queue is full, [Drop] returns [ErrQueueFull] at once and [Block]
// waits until ctx ends, first come first served. A full queue cuts a batch at
// once. A ctx that has ended refuses nothing while there is room.
//
// Memory is bounded: [Stats].QueueBytes counts every call once, whether it
// waits, is in flight, is retried or has its Receipt not yet taken, and never
// exceeds MaxQueueBytes. On top of it come, for each upload, one plain and one
// compressed batch. With [Config].Queue that queue's own budget holds, and
// MaxQueueEvents and MaxQueueBytes bound what is leased from it.
//
// Calls leave in the order in which they were accepted. They arrive in it only
// with MaxConcurrentUploads 1.
//
// [Client.Flush] waits until what was accepted before it is settled: its verdict
// recorded, its Receipt handed to the goroutine of OnReceipt. Nil means settled,
// not delivered.
//
// [Client.Shutdown] takes no new calls, drains and stops. What is undelivered at
// its deadline gets a Receipt whose Err wraps [ErrDropped] and its id in
// [ShutdownError]; on a durable queue it is kept instead, and exhausted retries
// never delete it. No goroutine survives but one stuck in the user's OnReceipt,
// which gets a second. The client handles no signals.
//
// Delivery is at least once. The messageId never changes, so that the API can
// drop duplicates. Receipts come on a goroutine of their own, their panics are
// contained, and they never hold up delivery.
package analytics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Client accepts calls and delivers them in batches. Make one with New, share
// it between any number of goroutines, and Close it before the process ends.
type Client struct {
	config      Config
	source      string
	lim         bounds
	contextJSON []byte // of a call that brings no Context
	queue       Queue
	batcher     *batcher // nil when disabled, and in Role Produce
	transport   Transport
	counters    counters
	intake      *intake
	scratches   sync.Pool

	mu   sync.Mutex
	down *shutdown // nil until Shutdown is called
}

// New returns a Client for the source that writeKey belongs to. A nil config
// means the defaults. A bad one is a *FieldError that names the field. New does
// not connect: an unreachable endpoint shows in Receipts and Stats.
func New(writeKey string, config *Config) (*Client, error) {
	c, err := config.withDefaults()
	if err == nil {
		err = validateWriteKey(writeKey)
	}
	if err != nil {
		return nil, err
	}
	client := &Client{config: c, source: SourceOf(writeKey), queue: c.Queue, intake: newIntake()}
	client.lim.max = min(MaxMessageBytes, c.entryBytes(writeKey))
	client.scratches.New = func() any { return new(scratch) }
	client.contextJSON, err = appendContext(nil, bounds{}, c.DefaultContext)
	if err != nil {
		return nil, err
	}
	if c.Disabled {
		return client, nil
	}
	if client.queue == nil {
		client.queue = NewMemoryQueue(c.MaxQueueEvents, c.MaxQueueBytes)
	}
	if c.Role == Produce {
		return client, nil
	}
	client.transport = c.Transport
	if client.transport == nil {
		client.transport = newHTTPTransport(&c)
	}
	client.batcher = newBatcher(&client.config, writeKey, client.queue, client.transport, &client.counters, client.intake)
	return client, nil
}

// Format writes the client by its source under every verb, so that no log of it
// gives the write key away.
func (c *Client) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "analytics.Client(source %s)", c.source)
}

// Identify accepts an identify call; see Enqueue.
func (c *Client) Identify(ctx context.Context, m Identify) error { return c.accept(ctx, m.call()) }

// Track accepts a track call; see Enqueue.
func (c *Client) Track(ctx context.Context, m Track) error { return c.accept(ctx, m.call()) }

// Page accepts a page call; see Enqueue.
func (c *Client) Page(ctx context.Context, m Page) error { return c.accept(ctx, m.call()) }

// Screen accepts a screen call; see Enqueue.
func (c *Client) Screen(ctx context.Context, m Screen) error { return c.accept(ctx, m.call()) }

// Group accepts a group call; see Enqueue.
func (c *Client) Group(ctx context.Context, m Group) error { return c.accept(ctx, m.call()) }

// Alias accepts an alias call; see Enqueue.
func (c *Client) Alias(ctx context.Context, m Alias) error { return c.accept(ctx, m.call()) }

// Enqueue accepts any of the six messages, by value or by pointer. Nil means
// accepted: the call will end in exactly one Receipt, or is on disk or in the
// engine. An error means not accepted, with ErrUnknownOutcome as the one
// exception. Nothing of m is kept or changed.
//
// It returns a *FieldError for what the API would refuse or JSON cannot hold,
// ErrMessageTooLarge above MaxMessageBytes, ErrQueueFull, ErrClosed, ErrDropped
// when BeforeEnqueue says so, ErrDeliverOnly, and under Block the error of a ctx
// that ends while it waits. It blocks for nothing else; in particular a ctx that
// has ended refuses nothing while there is room. A nil ctx is Background.
func (c *Client) Enqueue(ctx context.Context, m Message) error {
	call, err := callOf(m)
	if err != nil {
		c.counters.refuse(err)
		return err
	}
	return c.accept(ctx, call)
}

// Flush waits until everything accepted before it is settled: its verdict
// recorded and its Receipt on the way to OnReceipt; on a durable queue also what
// an earlier process left. It sends what waits at once and cuts short the
// backoff running now, but no Retry-After. Nil means settled, not delivered: see
// Receipt and Stats. It returns ctx.Err() when ctx ends first, and nil at once
// when there is nothing to do. Any number of goroutines may flush at a time; it
// never blocks a call.
func (c *Client) Flush(ctx context.Context) error {
	if c.batcher == nil {
		return nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	return c.batcher.flush(ctx)
}

// Stats returns what the client has counted and what its queue holds. It is
// cheap and works after Close.
func (c *Client) Stats() Stats {
	s := c.counters.stats()
	if c.queue != nil {
		q := c.queue.Stats()
		s.QueueEvents, s.QueueBytes, s.QueueErr = q.Waiting+q.Leased, q.Bytes, q.Err
	}
	return s
}

// scratchKept is the largest body buffer kept for reuse.
const scratchKept = 2 * MaxMessageBytes

// scratch is what accepting one call needs, reused so that it allocates nothing.
type scratch struct {
	ids   ids
	known shapes
	stamp stamp
	id    []byte
	key   []byte
	body  []byte
	entry [1]Entry
}

// accept stamps, checks, encodes and queues one call. It is where a panic of the
// caller's own code, in a hook or a marshaller, ends.
func (c *Client) accept(ctx context.Context, m call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("analytics: %s: panic in the caller's code: %v", m.name, p)
		}
		if err != nil {
			c.counters.refuse(err)
		}
	}()
	if c.config.Role == Deliver {
		return ErrDeliverOnly
	}
	if c.intake.closed.Load() {
		return ErrClosed
	}
	if ctx == nil {
		ctx = context.Background()
	}
	s := c.scratches.Get().(*scratch)
	defer c.scratches.Put(s)
	if err := c.encode(ctx, s, &m); err != nil {
		return err
	}
	if c.config.Disabled {
		return nil
	}
	return c.append(ctx, s)
}

// encode fills s with the id, key and body of the call. request is what
// WithContext and RequestEnricher put into ctx.
func (c *Client) encode(ctx context.Context, s *scratch, m *call) error {
	request, anonymousID := requestValues(ctx)
	if m.anonymousID == "" && m.name != "alias" {
		m.anonymousID = anonymousID
	}
	now := time.Now()
	s.entry[0].Time = now
	if m.timestamp.IsZero() {
		m.timestamp, m.stamp = c.config.now(now), &s.stamp
	}
	c.stampID(s, m, now)
	contextJSON := c.contextJSON
	layers := [3]*Context{m.context, request, c.config.DefaultContext}
	switch {
	case c.config.BeforeEnqueue != nil:
		if err := c.beforeEnqueue(ctx, s, m, layers[:]); err != nil {
			return err
		}
		contextJSON, layers = nil, [3]*Context{m.context}
	case m.context != nil || request != nil:
		contextJSON = nil
	}
	if err := m.validate(); err != nil {
		return err
	}
	if m.id == nil {
		s.id = append(s.id[:0], m.messageID...)
	}
	if len(s.id) == 0 {
		return m.missing("messageId", "is empty: Config.NewID returned no id")
	}
	s.key = append(s.key[:0], m.key()...)
	lim := c.lim
	lim.known = &s.known
	body, err := m.appendJSON(s.body[:0], lim, contextJSON, layers[:]...)
	if cap(body) <= scratchKept {
		s.body = body
	}
	s.entry[0] = Entry{Source: c.source, Call: m.name, ID: s.id, Key: s.key, Body: body, Time: now}
	return err
}

// stampID gives the call an id if it has none: in s.id, which costs nothing,
// or in m.messageID where it comes as a string.
func (c *Client) stampID(s *scratch, m *call, now time.Time) {
	m.id = nil
	switch {
	case m.messageID != "":
	case c.config.NewID != nil:
		m.messageID = c.config.NewID()
	default:
		s.id = s.ids.append(s.id[:0], now)
		m.id = s.id
	}
}

// beforeEnqueue shows the hook a private copy of the call and takes what it
// made of it.
func (c *Client) beforeEnqueue(ctx context.Context, s *scratch, m *call, layers []*Context) error {
	if m.id != nil {
		m.messageID = string(m.id)
	}
	m.context = mergeContext(layers...)
	message, err := m.private()
	if err != nil {
		return err
	}
	if err := c.config.BeforeEnqueue(ctx, message); err != nil {
		return fmt.Errorf("analytics: BeforeEnqueue: %w", err)
	}
	if *m, err = callOf(message); err != nil {
		return err
	}
	c.stampID(s, m, s.entry[0].Time)
	return nil
}

// append queues the entry in s.
func (c *Client) append(ctx context.Context, s *scratch) error {
	if !c.intake.enter() {
		return ErrClosed
	}
	defer c.intake.leave()
	if err := c.queue.Append(ctx, s.entry[:], c.config.WhenFull); err != nil {
		if c.batcher != nil && errors.Is(err, ErrQueueFull) {
			c.batcher.losses.lost(1, endRefused, nil)
		}
		return err
	}
	c.counters.accepted.Add(1)
	return nil
}

// shutdown is the one shutdown of a client, which all callers wait for.
type shutdown struct {
	ctx  context.Context // ends with the first caller's that ends
	end  context.CancelCauseFunc
	done chan struct{}
	err  error
}

// Shutdown accepts no more calls, delivers what it holds, and stops. It returns
// nil when everything accepted was settled, and a *ShutdownError when ctx ended
// first or, on a durable queue, something is kept for the next process. Every
// caller waits and gets the same error; the first ctx to end ends it for all. It
// cuts short the backoff running now, but no Retry-After. OnReceipt gets a second
// to return, so that it may call Close itself. A nil ctx is Background.
func (c *Client) Shutdown(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	c.mu.Lock()
	if c.down == nil {
		c.down = &shutdown{done: make(chan struct{})}
		c.down.ctx, c.down.end = context.WithCancelCause(context.Background())
		go c.shutdown(c.down)
	}
	d := c.down
	c.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { d.end(ctx.Err()) })
	defer stop()
	<-d.done
	return d.err
}

// Close is Shutdown bounded by Config.ShutdownTimeout.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.config.ShutdownTimeout)
	defer cancel()
	return c.Shutdown(ctx)
}

func (c *Client) shutdown(d *shutdown) {
	defer close(d.done)
	defer d.end(nil)
	c.intake.close()
	if c.queue == nil {
		return
	}
	if q, ok := c.queue.(interface{ refuse() }); ok {
		q.refuse() // the calls blocked in it were not accepted
	}
	e := &ShutdownError{}
	if b := c.batcher; b != nil {
		b.shutdown(d.ctx)
		if !b.durable && !b.shared {
			b.clear(c.intake.drained)
		}
		b.finish(d.ctx)
		e.Undelivered, e.MessageIDs, e.Kept = len(b.lost), b.lost, b.kept
		e.Err = b.lastErr
	}
	if s := c.queue.Stats(); s.Durable && !s.Shared {
		e.Kept = s.Waiting
	}
	switch cause := context.Cause(d.ctx); {
	case e.Err == nil:
		e.Err = cause
	case cause != nil:
		e.Err = fmt.Errorf("%w; delivery met last: %w", cause, e.Err)
	}
	ctx, cancel := settling(d.ctx)
	defer cancel()
	closed := c.queue.Close(ctx)
	if closed != nil {
		e.Err = errors.Join(e.Err, fmt.Errorf("closing the queue: %w", closed))
	}
	closeIdle(c.transport)
	if e.Undelivered > 0 || e.Kept > 0 || closed != nil {
		d.err = e
	}
}
