// A flight: one leased batch on its way, through attempts, waits and halves to a verdict for each entry.

package analytics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// flight is a leased batch under way. One goroutine flies it.
type flight struct {
	*batcher
	lease   Lease
	entries []Entry
	bytes   int64
	start   uint64 // how many entries had been leased before
	results []result
}

// result is what became of the entries [from, to) of a flight.
type result struct {
	from, to int
	end      end
	err      error
	attempts int
}

// end is how an entry's way ended.
type end int

const (
	endDelivered end = iota
	endRejected      // for good
	endExhausted     // no retries left
	endShutdown      // no time left
	endRefused       // never begun: the queue was full
	ends             // how many there are
)

func (r result) receipt(e *Entry) Receipt {
	return Receipt{MessageID: string(e.ID), Call: e.Call, Err: r.err, Attempts: r.attempts}
}

// deliver sends the whole batch and settles the lease. It has entered the gate.
func (f *flight) deliver(share int64) {
	f.send(0, len(f.entries), share, 0)
	f.settle()
}

// send delivers the entries [from, to) and records what became of them.
// Requests that carried them before count in carried.
func (f *flight) send(from, to int, share int64, carried int) {
	var failing time.Time // since when this part has been backing off
	retries := 0          // of MaxRetries
	var last error        // what the API or the network said last
	for attempt := 0; ; attempt++ {
		err := f.attempt(from, to, attempt)
		carried++
		w, pause := judge(err, to-from)
		if w != accepted && f.ctx.Err() != nil {
			f.gate.cancel(share) // it was us who ended it
			f.record(from, to, endShutdown, cmp.Or(last, err), carried)
			return
		}
		last = err
		if f.gate.leave(share, w, pause) {
			closeIdle(f.transport) // perhaps the API has moved
		}
		switch w {
		case accepted:
			f.record(from, to, endDelivered, nil, carried)
			return
		case refused:
			f.record(from, to, endRejected, err, carried)
			return
		case tooMuch:
			f.halves(from, to, carried)
			return
		case limited:
			if f.config.MaxRetries == 0 || f.gate.limitedFor()+pause > maxRetryTime {
				f.record(from, to, endExhausted, err, carried)
				return
			}
		case again:
			if failing.IsZero() {
				failing = time.Now()
			}
			retries++
			wait, left := f.backoff(retries, time.Since(failing))
			if !left {
				f.record(from, to, endExhausted, err, carried)
				return
			}
			_ = sleep(f.ctx, wait, f.gate.pace())
		}
		var entered bool
		if share, entered = f.enter(from, to, err, carried); !entered {
			return
		}
		f.counters.retries.Add(1)
	}
}

// backoff tells how long to wait before a retry of what has been failing for
// some time: Config.Backoff, or the default where that panics. It is not left
// when MaxRetries is used up, or when the wait would outlast maxRetryTime.
func (f *flight) backoff(retry int, failing time.Duration) (wait time.Duration, left bool) {
	if retry > f.config.MaxRetries {
		return 0, false
	}
	defer func() {
		if p := recover(); p != nil {
			f.config.Logger.Error("analytics: Backoff panicked", "panic", fmt.Sprint(p))
			wait = backoff(retry)
		}
		left = wait <= maxRetryTime-failing
	}()
	return max(f.config.Backoff(retry), 0), true
}

// halves sends each half of a part on its own, so that a message the API
// refuses costs itself and not its neighbours. Each split costs two requests:
// one such message in n costs at most 2·log2(n) rounded up, and n of them 2n-2.
func (f *flight) halves(from, to, carried int) {
	f.counters.splits.Add(1)
	middle := (from + to) / 2
	for _, half := range [][2]int{{from, middle}, {middle, to}} {
		if share, entered := f.enter(half[0], half[1], nil, carried); entered {
			f.send(half[0], half[1], share, carried)
		}
	}
}

// enter passes the gate, and records the part as given up where Shutdown's
// deadline comes first; err is what its last attempt met.
func (f *flight) enter(from, to int, err error, carried int) (share int64, entered bool) {
	share, stopped := f.gate.enter(f.ctx)
	if stopped == nil {
		return share, true
	}
	f.record(from, to, endShutdown, err, carried)
	return 0, false
}

// attempt makes one request.
func (f *flight) attempt(from, to, attempt int) (err error) {
	f.counters.requests.Add(1)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("analytics: Transport panicked: %v", p)
		}
	}()
	return f.transport.Send(f.ctx, &Batch{
		Entries:  f.entries[from:to],
		WriteKey: f.writeKey,
		Attempt:  attempt,
		SentAt:   f.config.now(time.Now()),
	})
}

func (f *flight) record(from, to int, e end, err error, carried int) {
	if e == endShutdown {
		if err != nil && !errors.Is(err, context.Canceled) {
			f.mu.Lock()
			f.lastErr = err
			f.mu.Unlock()
		}
		if err == nil {
			err = fmt.Errorf("%w at shutdown", ErrDropped)
		} else {
			err = fmt.Errorf("%w at shutdown, after: %w", ErrDropped, err)
		}
	}
	f.results = append(f.results, result{from: from, to: to, end: e, err: err, attempts: carried})
}

// abandon gives the whole batch up: Shutdown's deadline came first.
func (f *flight) abandon() {
	f.record(0, len(f.entries), endShutdown, nil, 0)
	f.settle()
}

// settle gives the queue its verdicts and hands the receipts out.
//
// The client's own queue is told after OnReceipt has seen them, for until then
// their memory counts. Any other queue is told first: what OnReceipt does with
// its time must not make another process send them again.
func (f *flight) settle() {
	verdicts := f.verdicts()
	events, bytes := len(f.entries), f.bytes
	forget := func() { f.forget(events, bytes) }
	switch {
	case f.desk == nil:
		f.done(verdicts)
		forget()
	case f.memory:
		f.desk.put(settled{results: f.results, entries: f.entries, after: func() {
			f.done(verdicts)
			forget()
		}})
	default:
		ready := f.makeReceipts()
		f.done(verdicts)
		f.desk.put(settled{ready: ready, after: forget})
	}
	f.land(f)
}

// done tells the queue, and gives it a moment even when the client is stopping.
func (f *flight) done(verdicts []Verdict) {
	ctx, cancel := settling(f.ctx)
	defer cancel()
	if err := f.lease.Done(ctx, verdicts); err != nil {
		f.config.Logger.Error("analytics: queue did not take the verdicts of a batch", "err", err, "events", len(verdicts))
	}
}

// verdicts counts what became of the entries and words it for the queue.
func (f *flight) verdicts() []Verdict {
	verdicts := make([]Verdict, len(f.entries))
	whole := true
	for _, r := range f.results {
		whole = whole && r.end == endDelivered
		v := Verdict{Outcome: Rejected, Err: r.err}
		switch {
		case r.end == endDelivered:
			v = Verdict{Outcome: Delivered}
		case f.keeps(r):
			v = Verdict{Outcome: RetryAfter}
			if r.end == endExhausted {
				v.After = maxBackoff
			}
		}
		for i := r.from; i < r.to; i++ {
			verdicts[i] = v
		}
		f.count(r)
	}
	if whole {
		f.losses.delivered()
	}
	return verdicts
}

func (f *flight) count(r result) {
	n := uint64(r.to - r.from)
	switch {
	case r.end == endDelivered:
		f.counters.delivered.Add(n)
		return
	case f.keeps(r):
		f.counters.givenBack.Add(n)
		if r.end == endShutdown {
			f.mu.Lock()
			f.kept += r.to - r.from
			f.mu.Unlock()
		}
		return
	case r.end == endRejected:
		f.counters.rejected.Add(n)
	case r.end == endExhausted:
		f.counters.exhausted.Add(n)
	default:
		f.counters.shutdown.Add(n)
		f.mu.Lock()
		for i := r.from; i < r.to; i++ {
			f.lost = append(f.lost, string(f.entries[i].ID))
		}
		f.mu.Unlock()
	}
	f.losses.lost(n, r.end, r.err)
}

// keeps reports whether a durable queue keeps the entries of a result.
func (f *flight) keeps(r result) bool {
	return f.durable && (r.end == endExhausted || r.end == endShutdown)
}

func (f *flight) makeReceipts() []Receipt {
	receipts := make([]Receipt, 0, len(f.entries))
	for _, r := range f.results {
		if f.keeps(r) {
			continue
		}
		for i := r.from; i < r.to; i++ {
			receipts = append(receipts, r.receipt(&f.entries[i]))
		}
	}
	return receipts
}
