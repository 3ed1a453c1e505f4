// The player: sends the calls of a script in their time, and tells what happens meanwhile.

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/headwater-dev/analytics"
)

// player plays one script.
type player struct {
	*script
	client  *analytics.Client
	console *console
	began   time.Time
	tally   tally

	requests atomic.Int64
	sent     atomic.Int64 // of these, answered 2xx
}

// play sends everything, waits until it is settled, and reports. The delays and
// deadline together bound all of it.
func (p *player) play(ctx context.Context, deadline time.Duration) e2eOutput {
	ctx, cancel := bounded(ctx, p.delays+deadline)
	defer cancel()
	for _, name := range p.ignored {
		p.tell("%s is not known and ignored", name)
	}
	p.enqueueAll(ctx)
	p.tell("calls read: %d; waiting until they are settled", p.calls)
	_ = p.client.Shutdown(ctx) // what it gave up has Receipts, which say more
	out := e2eOutput{SentBatches: int(p.sent.Load())}
	if err := p.tally.failure(ctx, p.calls); err != nil {
		out.Error = reason(err, p.writeKey)
	} else {
		out.Success = true
	}
	p.tell("requests: %d; batches taken: %d", p.requests.Load(), out.SentBatches)
	return out
}

func (p *player) enqueueAll(ctx context.Context) {
	for i, seq := range p.sequences {
		at := fmt.Sprintf("sequences[%d]", i)
		if seq.delay > 0 {
			p.tell("%s waits for %v", at, seq.delay)
		}
		if !pause(ctx, seq.delay) {
			p.refuse(fmt.Errorf("%s was not sent: %w", at, ended(ctx)))
			return
		}
		for j, raw := range seq.events {
			p.enqueue(ctx, fmt.Sprintf("%s.events[%d]", at, j), raw)
		}
	}
}

// enqueue sends one call. One that is refused costs itself and not the others.
func (p *player) enqueue(ctx context.Context, at string, raw []byte) {
	r, err := readRecord(raw)
	if err == nil {
		for _, name := range r.unsent {
			p.tell("%s has no place in its call and is left out", path(at, name))
		}
		err = p.client.Enqueue(ctx, r.message())
	}
	switch {
	case err == nil:
		p.tell("%s: %s accepted", at, r.call)
	case ended(ctx) != nil && errors.Is(err, ctx.Err()): // while it waited for room
		p.refuse(fmt.Errorf("%s was not sent: %w", at, ended(ctx)))
	default:
		p.refuse(under(at, err))
	}
}

func (p *player) refuse(err error) {
	p.tally.fail(err)
	p.tell("%s", reason(err, p.writeKey))
}

// settle is the client's OnReceipt.
func (p *player) settle(r analytics.Receipt) {
	p.tally.settle(r)
	if r.Err != nil {
		p.tell("%s %s was not delivered: %s", r.Call, r.MessageID, reason(r.Err, p.writeKey))
		return
	}
	p.tell("%s %s was delivered", r.Call, r.MessageID)
}

// tell writes a line to standard error, with the time since the beginning.
func (p *player) tell(format string, args ...any) {
	text := printable(masked(fmt.Sprintf(format, args...), p.writeKey))
	p.console.notice("%.3fs %s", time.Since(p.began).Seconds(), text)
}

// witness is the HTTP transport, counted and told of.
type witness struct {
	*analytics.HTTPTransport
	player *player
}

// Send implements analytics.Transport.
func (w *witness) Send(ctx context.Context, b *analytics.Batch) error {
	n := w.player.requests.Add(1)
	w.player.tell("request %d: attempt %d, calls: %d", n, b.Attempt+1, len(b.Entries))
	err := w.HTTPTransport.Send(ctx, b)
	if err != nil {
		w.player.tell("request %d: %s", n, reason(err, w.player.writeKey))
		return err
	}
	w.player.sent.Add(1)
	w.player.tell("request %d: taken", n)
	return nil
}

// pause waits for d. It reports false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
