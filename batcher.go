// The batcher: leases batches, has them flown, answers Flush and Shutdown, counts.

package analytics

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	// extendEvery keeps leases from expiring, which they do after 30 s.
	extendEvery = 10 * time.Second
	// doneTimeout bounds one Lease.Done and Queue.Close, lateTimeout when
	// Shutdown's deadline has passed.
	doneTimeout = 10 * time.Second
	lateTimeout = 2 * time.Second
	// leaseRetry is the pause after a Lease that failed.
	leaseRetry = time.Second
	// spareFlights is how many batches may wait out a backoff beside those being
	// uploaded. More of them mean an API in trouble: the rest waits in the queue,
	// where it costs no goroutine.
	spareFlights = 4
)

// batcher owns the way out. Its loop is the one goroutine that leases; each
// batch then flies on a goroutine of its own.
type batcher struct {
	config    *Config
	writeKey  string
	limit     Limit
	flightMax int
	queue     Queue
	memory    bool // the queue is the client's own
	durable   bool
	shared    bool
	transport Transport
	gate      *gate
	desk      *receiptDesk // nil without OnReceipt
	counters  *counters
	losses    *lossLog

	ctx     context.Context // of the flights; ends with Shutdown's deadline
	stop    context.CancelFunc
	drained context.Context // ends when no call is on its way into the queue any more, or with ctx
	polled  context.Context // ended: makes a Lease a poll
	air     sync.WaitGroup  // the loop and the flights
	keeper  sync.WaitGroup  // the goroutine that extends leases

	mu       sync.Mutex
	turn     context.CancelFunc // ends what the loop waits for
	draining bool
	over     bool   // nothing will be leased any more: every flush may end
	position uint64 // entries leased so far
	flights  map[*flight]struct{}
	asked    []*flush // not seen by the loop yet
	flushes  []*flush
	events   int           // leased, or their receipts not taken yet
	bytes    int64         // of these
	room     chan struct{} // rung when flights, events or bytes went down
	lost     []string      // ids given up at shutdown
	lastErr  error         // what delivery met last before it gave up at shutdown
	kept     int           // entries given back at shutdown
}

// flush waits until every entry leased before target is settled.
type flush struct {
	target uint64
	done   chan struct{}
}

func newBatcher(c *Config, writeKey string, q Queue, t Transport, n *counters, in *intake) *batcher {
	stats := q.Stats()
	b := &batcher{
		config: c, writeKey: writeKey, queue: q, transport: t, counters: n,
		memory: c.Queue == nil, durable: stats.Durable, shared: stats.Shared,
		limit: Limit{
			Source: SourceOf(writeKey), Linger: c.FlushInterval,
			Events: min(c.BatchSize, c.MaxQueueEvents), Bytes: min(c.entryBytes(writeKey), c.MaxQueueBytes),
		},
		flightMax: c.MaxConcurrentUploads + spareFlights,
		gate:      newGate(c.MaxConcurrentUploads),
		losses:    newLossLog(c.Logger),
		flights:   make(map[*flight]struct{}),
		turn:      func() {},
		room:      make(chan struct{}, 1),
	}
	if c.MaxConcurrentUploads == 1 {
		b.flightMax = 1 // a batch that waits for its retry must not be overtaken
	}
	b.ctx, b.stop = context.WithCancel(context.Background())
	drained, cancel := context.WithCancel(b.ctx)
	context.AfterFunc(in.drained, cancel)
	b.drained = drained
	polled, cancel := context.WithCancel(context.Background())
	cancel()
	b.polled = polled
	if c.OnReceipt != nil {
		b.desk = newReceiptDesk(c.OnReceipt, c.Logger)
	}
	b.air.Go(b.loop)
	if !b.memory {
		b.keeper.Go(b.extend)
	}
	return b
}

// loop leases until the client has shut down.
func (b *batcher) loop() {
	defer b.endLoop()
	for b.ctx.Err() == nil {
		turn, mode := b.begin()
		if mode == stopped {
			return
		}
		if !b.waitRoom(turn) {
			continue
		}
		ctx, limit := turn, b.limit
		switch mode {
		case flushing:
			ctx, limit.Linger = b.polled, 0
		case draining:
			ctx, limit.Linger = b.drained, 0
		}
		lease, err := b.queue.Lease(ctx, limit)
		switch {
		case err == nil:
			f := b.takeOff(lease)
			share, entered := b.pass()
			b.air.Go(func() {
				if entered {
					f.deliver(share)
				} else {
					f.abandon()
				}
			})
		case errors.Is(err, ErrClosed):
			return
		case ctx.Err() == nil || !errors.Is(err, ctx.Err()):
			b.config.Logger.Error("analytics: queue gives no batch", "err", err)
			_ = sleep(turn, leaseRetry, nil)
		case mode == flushing:
			b.swept()
		case mode == draining:
			return
		}
	}
}

// mode is what a turn of the loop is after.
type mode int

const (
	filling  mode = iota // full batches, or what FlushInterval gives
	flushing             // whatever there is, now
	draining             // whatever there is, until no call is on its way in
	stopped              // nothing any more
)

// begin starts a turn of the loop. It takes in the flushes asked for since the
// last one; turn ends when there is another.
func (b *batcher) begin() (turn context.Context, m mode) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.asked) > 0 {
		// Nobody else leases, so what was accepted before is leased or waits.
		target := b.position + uint64(b.queue.Stats().Waiting)
		if b.shared {
			target = math.MaxUint64 // until a poll finds nothing
		}
		for _, f := range b.asked {
			f.target = target
		}
		b.flushes = append(b.flushes, b.asked...)
		b.asked = nil
		b.answer()
	}
	b.turn() // frees the last one
	turn, b.turn = context.WithCancel(b.ctx)
	for _, f := range b.flushes {
		if f.target > b.position {
			return turn, flushing
		}
	}
	switch {
	case b.draining && b.shared:
		return turn, stopped
	case b.draining:
		return turn, draining
	}
	return turn, filling
}

// interrupt has the loop begin another turn.
func (b *batcher) interrupt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
}

// waitRoom waits until another batch may be leased: until fewer than flightMax
// fly, and what is leased from a queue given by the user leaves room for it in
// MaxQueueEvents and MaxQueueBytes. The client's own queue bounds itself.
func (b *batcher) waitRoom(turn context.Context) bool {
	for {
		b.mu.Lock()
		room := len(b.flights) < b.flightMax
		if !b.memory && b.events > 0 {
			room = room && b.events+b.limit.Events <= b.config.MaxQueueEvents &&
				b.bytes+int64(b.limit.Bytes) <= int64(b.config.MaxQueueBytes)
		}
		b.mu.Unlock()
		if room {
			return true
		}
		select {
		case <-b.room:
		case <-turn.Done():
			return false
		}
	}
}

// pass takes the leased batch through the gate, flushes going on meanwhile.
func (b *batcher) pass() (share int64, entered bool) {
	for {
		turn, _ := b.begin()
		share, err := b.gate.enter(turn)
		if err == nil {
			return share, true
		}
		if b.ctx.Err() != nil {
			return 0, false
		}
	}
}

func (b *batcher) takeOff(lease Lease) *flight {
	f := &flight{batcher: b, lease: lease, entries: lease.Entries()}
	for i := range f.entries {
		f.bytes += int64(len(f.entries[i].Body))
	}
	b.counters.batches.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	f.start = b.position
	b.position += uint64(len(f.entries))
	b.flights[f] = struct{}{}
	b.events += len(f.entries)
	b.bytes += f.bytes
	return f
}

// land ends a flight: its verdicts are recorded and its receipts handed over.
func (b *batcher) land(f *flight) {
	b.mu.Lock()
	delete(b.flights, f)
	b.answer()
	b.mu.Unlock()
	b.ring()
}

// forget gives back what a flight took of MaxQueueEvents and MaxQueueBytes.
func (b *batcher) forget(events int, bytes int64) {
	b.mu.Lock()
	b.events -= events
	b.bytes -= bytes
	b.mu.Unlock()
	b.ring()
}

// ring wakes waitRoom.
func (b *batcher) ring() {
	select {
	case b.room <- struct{}{}:
	default:
	}
}

// swept notes that a poll found nothing: what was accepted is leased.
func (b *batcher) swept() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.flushes {
		f.target = min(f.target, b.position)
	}
	b.answer()
}

// answer ends the flushes that have nothing left to wait for.
func (b *batcher) answer() {
	first := b.position // of the entries not settled
	for f := range b.flights {
		first = min(first, f.start)
	}
	b.flushes = slices.DeleteFunc(b.flushes, func(f *flush) bool {
		if f.target > first {
			return false
		}
		close(f.done)
		return true
	})
}

// flush waits until what was accepted before is settled.
func (b *batcher) flush(ctx context.Context) error {
	stats := b.queue.Stats()
	f := &flush{target: math.MaxUint64, done: make(chan struct{})}
	b.mu.Lock()
	if b.over && len(b.flights) == 0 || !b.shared && stats.Waiting+stats.Leased+len(b.flights) == 0 {
		b.mu.Unlock()
		return nil
	}
	b.gate.hurry() // first, or it could cut short a backoff that this flush led to
	if b.over {
		f.target = b.position
		b.flushes = append(b.flushes, f)
	} else {
		b.asked = append(b.asked, f)
		b.turn()
	}
	b.mu.Unlock()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		is := func(o *flush) bool { return o == f }
		b.asked = slices.DeleteFunc(b.asked, is)
		b.flushes = slices.DeleteFunc(b.flushes, is)
		return ctx.Err()
	}
}

// extend keeps the leases of a queue that other processes may share.
func (b *batcher) extend() {
	for sleep(b.ctx, extendEvery, nil) == nil {
		b.mu.Lock()
		flights := slices.Collect(maps.Keys(b.flights))
		b.mu.Unlock()
		for _, f := range flights {
			if err := f.lease.Extend(b.ctx); err != nil && b.ctx.Err() == nil {
				b.config.Logger.Error("analytics: queue does not extend a lease", "err", err)
			}
		}
	}
}

// shutdown drains until ctx ends and settles everything one way or the other.
// The intake is closed already.
func (b *batcher) shutdown(ctx context.Context) {
	b.gate.hurry()
	b.mu.Lock()
	b.draining = true
	b.mu.Unlock()
	b.interrupt()
	cut := context.AfterFunc(ctx, b.stop)
	b.air.Wait()
	cut()
	b.stop()
	b.keeper.Wait()
}

// clear gives up what still waits in a queue that ends with the process. drained
// ends when no call is on its way in.
func (b *batcher) clear(drained context.Context) {
	limit := b.limit
	limit.Linger = 0
	for {
		lease, err := b.queue.Lease(drained, limit)
		if err != nil {
			return
		}
		b.takeOff(lease).abandon()
	}
}

// finish hands out the last receipts. Everything is settled.
func (b *batcher) finish(ctx context.Context) {
	if b.desk != nil {
		b.desk.close(ctx)
	}
	b.losses.end("analytics: client closed after losing calls")
	b.endFlushes()
}

// endLoop is the end of a loop whose queue was closed by somebody else, and of
// one whose client shuts down, which still has to clear the queue.
func (b *batcher) endLoop() {
	b.mu.Lock()
	draining := b.draining
	b.mu.Unlock()
	if !draining {
		b.endFlushes()
	}
}

// endFlushes ends the flushes once the last flight has landed, as nothing more
// is going to be leased.
func (b *batcher) endFlushes() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.flushes = append(b.flushes, b.asked...)
	b.asked = nil
	for _, f := range b.flushes {
		f.target = min(f.target, b.position)
	}
	b.answer()
}

// settling is a context for what must still be told to the queue when ctx, which
// bounds delivery, has ended.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := doneTimeout
	if ctx.Err() != nil {
		timeout = lateTimeout
	}
	return context.WithTimeout(context.WithoutCancel(ctx), timeout)
}
