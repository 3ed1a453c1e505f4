// Checks of Stats and Close.

package queuetest

import (
	"context"

	"github.com/headwater-dev/analytics"
)

var statsChecks = []check{
	{"counts what waits, what is leased, and its bytes", 0, 0, 0, func(p *probe) {
		p.stats(0, 0)
		p.put(p.entries(10)...)
		p.stats(10, 0)
		some := p.queue.Stats().Bytes
		if some < 10*24 {
			p.Fatalf("Stats: %d bytes, less than the bodies alone", some)
		}
		first := p.lease(atMost(4))
		p.stats(6, 4)
		second := p.lease(atMost(3))
		p.stats(3, 7)
		p.done(second, analytics.Delivered)
		p.stats(3, 4)
		p.done(first, analytics.RetryAfter)
		p.stats(7, 0)
		if b := p.queue.Stats().Bytes; b >= some {
			p.Fatalf("Stats: %d bytes for 7 entries, %d for 10", b, some)
		}
		for n := 7; n > 0; n-- {
			p.done(p.poll(atMost(1)), analytics.Rejected)
		}
		p.stats(0, 0)
	}},
	{"sums all sources", 0, 0, 0, func(p *probe) {
		p.put(p.entry(sourceA, 24), p.entry(sourceB, 24), p.entry(sourceB, 24))
		lease := p.poll(analytics.Limit{Source: sourceB, Events: 9, Bytes: large})
		p.stats(1, 2)
		p.done(lease, analytics.Delivered)
		p.stats(1, 0)
	}},
	{"says what the queue promises", 0, 0, 0, func(p *probe) {
		s := p.queue.Stats()
		if s.Durable != (p.suite.Reopen != nil) || s.Shared != (p.suite.Join != nil) {
			p.Fatalf("Stats: Durable %v, Shared %v; the Suite says Reopen %v, Join %v",
				s.Durable, s.Shared, p.suite.Reopen != nil, p.suite.Join != nil)
		}
		if s.Err != nil {
			p.Fatalf("Stats: Err is %v in a new queue", s.Err)
		}
	}},
	{"works after Close", 0, 0, 0, func(p *probe) {
		p.put(p.entries(3)...)
		lease := p.lease(atMost(1))
		p.close()
		before := p.queue.Stats()
		p.done(lease, analytics.Delivered)
		if after := p.queue.Stats(); after.Durable != before.Durable || after.Shared != before.Shared {
			p.Fatalf("Stats changed its promises after Close: %+v, then %+v", before, after)
		}
	}},
}

var closeChecks = []check{
	{"refuses Append with ErrClosed", 0, 0, 0, func(p *probe) {
		p.close()
		for _, full := range []analytics.WhenFull{analytics.Drop, analytics.Block} {
			p.wantErr("Append after Close", p.queue.Append(p.patient(), p.entries(1), full), analytics.ErrClosed)
		}
	}},
	{"refuses Lease with ErrClosed, even what waits", 0, 0, 0, func(p *probe) {
		p.put(p.entries(3)...)
		p.close()
		for _, ctx := range []context.Context{p.patient(), ended()} {
			_, err := p.queue.Lease(ctx, atMost(1))
			p.wantErr("Lease after Close", err, analytics.ErrClosed)
		}
	}},
	{"wakes Append with ErrClosed", 0, 1, 0, func(p *probe) {
		p.put(p.entries(1)...)
		var waiting []*pending[struct{}]
		for range 3 {
			waiting = append(waiting, p.startAppend(p.patient(), p.entries(1)...))
		}
		waiting[0].blocks()
		p.close()
		for _, w := range waiting {
			_, err := w.wait()
			p.wantErr("Append that waited when Close came", err, analytics.ErrClosed)
		}
	}},
	{"wakes Lease with ErrClosed", 0, 0, 0, func(p *probe) {
		p.put(p.entries(1)...)
		var waiting []*pending[analytics.Lease]
		for _, source := range []string{sourceA, sourceA, sourceB} {
			limit := atMost(5)
			limit.Source = source
			waiting = append(waiting, p.startLease(p.patient(), limit))
		}
		waiting[0].blocks()
		p.close()
		for _, w := range waiting {
			_, err := w.wait()
			p.wantErr("Lease that waited when Close came", err, analytics.ErrClosed)
		}
	}},
	{"leases still out may be Done afterwards", 0, 0, 0, func(p *probe) {
		all := p.entries(6)
		p.put(all...)
		first, second := p.lease(atMost(2)), p.lease(atMost(2))
		p.close()
		p.want(first, all[:2])
		p.want(second, all[2:4])
		p.done(first, analytics.Delivered)
		p.want(second, all[2:4])
		p.done(second, analytics.RetryAfter)
	}},
	{"releases what it holds", 0, 0, 0, func(p *probe) {
		if p.suite.Reopen != nil {
			p.Skip("a durable queue keeps it")
		}
		p.put(p.entries(6)...)
		lease := p.lease(atMost(2))
		p.done(p.lease(atMost(1)), analytics.RetryAfter)
		p.close()
		p.done(lease, analytics.RetryAfter)
		p.stats(0, 0)
	}},
	{"a second Close returns nil", 0, 0, 0, func(p *probe) {
		p.put(p.entries(1)...)
		p.close()
		p.close()
		if err := p.queue.Close(ended()); err != nil {
			p.Fatalf("Close after Close with an ended ctx: %v", err)
		}
	}},
}

func (p *probe) close() {
	p.Helper()
	if err := p.queue.Close(p.patient()); err != nil {
		p.Fatalf("Close: %v", err)
	}
}
