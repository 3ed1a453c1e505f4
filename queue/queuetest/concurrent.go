// Checks of many goroutines at once: nothing is lost, nothing comes twice, nothing is made up.

package queuetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headwater-dev/analytics"
)

var concurrentChecks = []check{
	{"many producers and consumers lose and duplicate nothing", 0, 40, 0, func(p *probe) {
		const producers, each, consumers = 8, 150, 8
		o := newOracle(p)
		var in, out sync.WaitGroup
		for producer := range producers {
			in.Go(func() {
				for i := range each {
					id := fmt.Sprintf("%d-%d", producer, i)
					o.expect(id, p.queue.Append(o.ctx, []analytics.Entry{o.entry(id)}, analytics.Block))
				}
			})
		}
		for consumer := range consumers {
			out.Go(func() { o.consume(1+consumer%5, 0) })
		}
		in.Wait()
		o.accepted()
		out.Wait()
		o.verdict(producers * each)
	}},
	{"nil means held and an error means not, whenever ctx ends", 0, 5, 0, func(p *probe) {
		const producers, each = 8, 60
		o := newOracle(p)
		var in, out sync.WaitGroup
		for producer := range producers {
			random := rand.New(rand.NewPCG(p.suite.Seed, uint64(producer)))
			in.Go(func() {
				for i := range each {
					id := fmt.Sprintf("%d-%d", producer, i)
					ctx, cancel := context.WithTimeout(o.ctx, time.Duration(random.IntN(1000))*time.Microsecond)
					o.expect(id, p.queue.Append(ctx, []analytics.Entry{o.entry(id)}, analytics.Block))
					cancel()
				}
			})
		}
		// Slow enough for the line to move and for some to give up waiting.
		out.Go(func() { o.consume(2, 200*time.Microsecond) })
		in.Wait()
		o.accepted()
		out.Wait()
		o.verdict(-1)
		if n := len(o.out); p.suite.Bubble && (n == 0 || n == producers*each) {
			p.Errorf("%d of %d entries were accepted: no ctx ended while it waited", n, producers*each)
		}
	}},
	{"Close may come at any moment", 0, 20, 0, func(p *probe) {
		o := newOracle(p)
		var all sync.WaitGroup
		var appended atomic.Int64
		enough := make(chan struct{})
		for n := range 8 {
			all.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprintf("%d-%d", n, i)
					if err := p.queue.Append(o.ctx, []analytics.Entry{o.entry(id)}, analytics.Block); err != nil {
						if !errors.Is(err, analytics.ErrClosed) {
							p.Errorf("Append while Close comes: %v", err)
						}
						return
					}
					if appended.Add(1) == 100 {
						close(enough)
					}
				}
			})
			all.Go(func() { o.consume(3, 0) })
		}
		select {
		case <-enough:
		case <-o.ctx.Done():
			p.Errorf("only %d entries went through", appended.Load())
		}
		p.close()
		all.Wait()
	}},
	{"random operations agree with a model", 0, modelEvents, 0, randomOperations},
}

// oracle knows what was accepted, refused, and delivered.
type oracle struct {
	p       *probe
	ctx     context.Context // ends only with a faulty queue
	done    context.Context // ends when everything accepted is delivered
	stop    context.CancelFunc
	mu      sync.Mutex
	over    bool             // no more will be accepted
	in      map[string]error // what Append returned
	missing map[string]bool  // accepted and not delivered
	held    map[string]bool  // leased now
	out     map[string]bool  // delivered
}

func newOracle(p *probe) *oracle {
	o := &oracle{
		p:  p,
		in: make(map[string]error), missing: make(map[string]bool), held: make(map[string]bool), out: make(map[string]bool),
	}
	var end context.CancelFunc
	o.ctx, end = context.WithTimeout(context.Background(), 10*patience)
	o.done, o.stop = context.WithCancel(o.ctx)
	p.Cleanup(end)
	return o
}

// entry makes the entry of an id; its body says the id again.
func (o *oracle) entry(id string) analytics.Entry {
	return analytics.Entry{
		Source: sourceA, Call: "track", ID: []byte(id), Key: []byte("k"),
		Body: fmt.Appendf(nil, `{"messageId":%q}`, id), Time: time.Now(),
	}
}

// expect notes what Append returned.
func (o *oracle) expect(id string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.in[id] = err
	switch {
	case err == nil:
		if !o.out[id] {
			o.missing[id] = true
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, analytics.ErrUnknownOutcome):
	default:
		o.p.Errorf("Append of %s: %v", id, err)
	}
}

// accepted notes that there will be no more; what is missing may still come.
func (o *oracle) accepted() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.check()
}

// check ends the consumers when nothing is missing; o.mu is held.
func (o *oracle) check() {
	if o.over && len(o.missing) == 0 {
		o.stop()
	}
}

// consume leases and settles until everything is delivered, holding each lease
// for a while, or else giving every tenth entry back.
func (o *oracle) consume(events int, hold time.Duration) {
	limit := atMost(events)
	limit.Linger = time.Millisecond
	tried := 0
	for o.done.Err() == nil {
		lease, err := o.p.queue.Lease(o.done, limit)
		if err != nil {
			if o.done.Err() == nil && !errors.Is(err, analytics.ErrClosed) {
				o.p.Errorf("Lease: %v", err)
			}
			return
		}
		o.take(lease)
		time.Sleep(hold)
		verdicts := make([]analytics.Verdict, len(lease.Entries()))
		for i := range verdicts {
			verdicts[i].Outcome = analytics.Delivered
			if tried++; hold == 0 && tried%10 == 0 {
				verdicts[i] = analytics.Verdict{Outcome: analytics.RetryAfter, After: time.Duration(tried%3) * time.Millisecond}
			}
		}
		o.settle(lease, verdicts)
		if err := lease.Done(o.ctx, verdicts); err != nil {
			o.p.Errorf("Done: %v", err)
		}
	}
}

func (o *oracle) take(lease analytics.Lease) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range lease.Entries() {
		id := string(e.ID)
		if o.held[id] || o.out[id] {
			o.p.Errorf("%s is leased while it is leased or delivered", id)
		}
		if want := o.entry(id); string(e.Body) != string(want.Body) || e.Source != want.Source {
			o.p.Errorf("%s came with the body %q of %s", id, e.Body, e.Source)
		}
		o.held[id] = true
	}
}

// settle notes the verdicts, before Done, after which others may have the entry.
func (o *oracle) settle(lease analytics.Lease, verdicts []analytics.Verdict) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, e := range lease.Entries() {
		id := string(e.ID)
		delete(o.held, id)
		if verdicts[i].Outcome == analytics.Delivered {
			o.out[id] = true
			delete(o.missing, id)
		}
	}
	o.check()
}

// sweep takes what is left, which should be nothing but unknown outcomes.
func (o *oracle) sweep() {
	for {
		lease, err := o.p.queue.Lease(ended(), atMost(1))
		if err != nil {
			return
		}
		o.take(lease)
		delivered := []analytics.Verdict{{Outcome: analytics.Delivered}}
		o.settle(lease, delivered)
		if err := lease.Done(o.ctx, delivered); err != nil {
			o.p.Fatalf("Done: %v", err)
		}
	}
}

// verdict compares what went in with what came out; want is how many must have
// gone in, -1 for any number.
func (o *oracle) verdict(want int) {
	o.p.Helper()
	o.sweep()
	o.mu.Lock()
	defer o.mu.Unlock()
	accepted := 0
	for id, err := range o.in {
		switch {
		case err == nil && !o.out[id]:
			o.p.Errorf("%s was accepted and is lost", id)
		case err != nil && !errors.Is(err, analytics.ErrUnknownOutcome) && o.out[id]:
			o.p.Errorf("%s was refused (%v) and came", id, err)
		case err == nil:
			accepted++
		}
	}
	if want >= 0 && accepted != want {
		o.p.Errorf("%d entries were accepted and delivered, want %d", accepted, want)
	}
}
