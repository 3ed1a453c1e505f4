// Receipt: what became of one accepted call, and the goroutine that hands receipts out.

package analytics

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// receiptGrace is what one call of OnReceipt gets to return before Shutdown
// stops waiting for it.
const receiptGrace = time.Second

// Receipt says what became of one accepted call.
type Receipt struct {
	MessageID string
	Call      string // "track", "identify" …
	Err       error  // nil when delivered; otherwise why not
	Attempts  int    // requests that carried the call
}

// settled is a leased batch whose receipts are due.
type settled struct {
	results []result
	entries []Entry // valid until after is called, unless receipts are made already
	ready   []Receipt
	after   func() // called when the last receipt has been taken
}

// receiptDesk calls OnReceipt on a goroutine of its own. Whoever delivers only
// puts a batch on the desk and goes on.
type receiptDesk struct {
	on     func(Receipt)
	logger *slog.Logger

	mu      sync.Mutex
	pending []settled
	began   time.Time // when the running call of OnReceipt began; zero when none runs
	closed  bool
	bell    chan struct{}
	done    chan struct{}
}

func newReceiptDesk(on func(Receipt), logger *slog.Logger) *receiptDesk {
	d := &receiptDesk{on: on, logger: logger, bell: make(chan struct{}, 1), done: make(chan struct{})}
	go d.run()
	return d
}

func (d *receiptDesk) put(s settled) {
	d.mu.Lock()
	d.pending = append(d.pending, s)
	d.mu.Unlock()
	d.ring()
}

func (d *receiptDesk) ring() {
	select {
	case d.bell <- struct{}{}:
	default:
	}
}

func (d *receiptDesk) run() {
	defer close(d.done)
	for {
		d.mu.Lock()
		batch, closed := d.pending, d.closed
		d.pending = nil
		d.mu.Unlock()
		for _, s := range batch {
			d.hand(s)
		}
		if len(batch) > 0 {
			continue
		}
		if closed {
			return
		}
		<-d.bell
	}
}

func (d *receiptDesk) hand(s settled) {
	defer s.after()
	for _, r := range s.ready {
		d.call(r)
	}
	if s.ready != nil {
		return
	}
	for _, res := range s.results {
		for i := res.from; i < res.to; i++ {
			d.call(res.receipt(&s.entries[i]))
		}
	}
}

// call contains a panic of OnReceipt: the next receipt is somebody else's.
func (d *receiptDesk) call(r Receipt) {
	d.mu.Lock()
	d.began = time.Now()
	d.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			// As text: a handler could spell out a Receipt with the API's answer in it.
			d.logger.Error("analytics: OnReceipt panicked", "panic", fmt.Sprint(p))
		}
		d.mu.Lock()
		d.began = time.Time{}
		d.mu.Unlock()
	}()
	d.on(r)
}

// close waits until every receipt has been taken. It gives up on a call of
// OnReceipt that runs for longer than receiptGrace, and on all that is left
// receiptGrace after ctx has ended; the goroutine then ends when OnReceipt lets
// it.
func (d *receiptDesk) close(ctx context.Context) {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.ring()
	ended := ctx.Done()
	var late <-chan time.Time
	for {
		d.mu.Lock()
		began := d.began
		d.mu.Unlock()
		wait := receiptGrace
		if !began.IsZero() {
			wait = receiptGrace - time.Since(began)
		}
		if wait <= 0 {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-d.done:
			timer.Stop()
			return
		case <-timer.C:
		case <-late:
			timer.Stop()
			return
		case <-ended:
			timer.Stop()
			ended = nil
			late = time.After(receiptGrace)
		}
	}
}
