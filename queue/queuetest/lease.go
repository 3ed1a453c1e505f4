// Checks of Lease: how much it takes, from whom, and how long it waits.

package queuetest

import (
	"bytes"
	"context"
	"time"

	"github.com/headwater-dev/analytics"
)

var leaseChecks = []check{
	{"takes the oldest first, at most limit.Events", 0, 0, 0, func(p *probe) {
		all := p.entries(10)
		p.put(all...)
		p.want(p.lease(atMost(4)), all[:4])
		p.want(p.lease(atMost(4)), all[4:8])
		p.want(p.poll(atMost(4)), all[8:])
		p.none(atMost(4))
	}},
	{"takes at most limit.Bytes of Body", 0, 0, 0, func(p *probe) {
		var all []analytics.Entry
		for range 7 {
			all = append(all, p.entry(sourceA, 100))
		}
		p.put(all...)
		limit := atMost(10)
		limit.Bytes = 300
		p.want(p.lease(limit), all[:3])
		limit.Bytes = 399
		p.want(p.lease(limit), all[3:6])
		p.want(p.poll(limit), all[6:])
	}},
	{"gives the first entry whatever its size", 0, 0, 0, func(p *probe) {
		all := []analytics.Entry{p.entry(sourceA, 5000), p.entry(sourceA, 24), p.entry(sourceA, 5000)}
		p.put(all...)
		limit := atMost(10)
		limit.Bytes = 100
		p.want(p.poll(limit), all[:1])
		p.want(p.poll(limit), all[1:2])
		p.want(p.poll(limit), all[2:])
	}},
	{"lets no small entry overtake one that does not fit", 0, 0, 0, func(p *probe) {
		all := []analytics.Entry{p.entry(sourceA, 60), p.entry(sourceA, 60), p.entry(sourceA, 24)}
		p.put(all...)
		limit := atMost(10)
		limit.Bytes = 100
		p.want(p.poll(limit), all[:1])
		p.want(p.poll(limit), all[1:])
	}},
	{"takes only entries of limit.Source", 0, 0, 0, func(p *probe) {
		a, b := p.entries(3), []analytics.Entry{p.entry(sourceB, 24), p.entry(sourceB, 24)}
		p.put(a[0], b[0], a[1])
		p.put(b[1], a[2])
		other := analytics.Limit{Source: sourceB, Events: 9, Bytes: large}
		p.want(p.poll(other), b)
		p.none(other)
		p.want(p.poll(atMost(9)), a)
		other.Source = analytics.SourceOf("a write key nobody uses")
		p.none(other)
	}},
	{"waits on while another source fills", 0, 0, 0, func(p *probe) {
		waiting := p.startLease(p.patient(), atMost(1))
		waiting.blocks()
		for range 5 {
			p.put(p.entry(sourceB, 24))
		}
		waiting.blocks()
		a := p.entries(1)
		p.put(a...)
		p.want(waiting.must(), a)
	}},
	{"gives nothing twice while it is leased", 0, 0, 0, func(p *probe) {
		all := p.entries(6)
		p.put(all...)
		p.want(p.poll(atMost(2)), all[:2])
		p.want(p.poll(atMost(2)), all[2:4])
		p.want(p.poll(atMost(9)), all[4:])
		p.none(atMost(9))
	}},
	{"with an ended ctx is a poll", 0, 0, 0, func(p *probe) {
		p.none(atMost(5))
		all := p.entries(3)
		p.put(all...)
		p.want(p.poll(atMost(5)), all)
		p.none(atMost(5))
	}},
	{"with nothing to take returns ctx.Err() when ctx ends", 0, 0, 0, func(p *probe) {
		ctx, cancel := context.WithCancel(p.patient())
		waiting := p.startLease(ctx, atMost(5))
		waiting.blocks()
		cancel()
		_, err := waiting.wait()
		p.wantErr("Lease after its ctx was cancelled", err, context.Canceled)
		ctx, cancel = context.WithTimeout(context.Background(), pause)
		defer cancel()
		_, err = p.queue.Lease(ctx, atMost(5))
		p.wantErr("Lease after its ctx timed out", err, context.DeadlineExceeded)
		all := p.entries(1) // the Lease that gave up takes nothing any more
		p.put(all...)
		p.want(p.poll(atMost(5)), all)
	}},
	{"returns what there is when ctx ends", 0, 0, 0, func(p *probe) {
		all := p.entries(3)
		ctx, cancel := context.WithCancel(p.patient())
		waiting := p.startLease(ctx, atMost(5))
		p.put(all...)
		waiting.blocks()
		cancel()
		p.want(waiting.must(), all)
	}},
	{"entries are unchanged until Done", 0, 0, 0, func(p *probe) {
		all := p.entries(50)
		p.put(all...)
		lease := p.lease(atMost(50))
		for range 200 { // what could reuse their memory
			p.put(p.entry(sourceA, 3000), p.entry(sourceB, 3000))
			p.done(p.poll(atMost(1)), analytics.Delivered)
			p.done(p.poll(analytics.Limit{Source: sourceB, Events: 1}), analytics.Delivered)
			p.want(lease, all)
		}
		p.done(lease, analytics.Delivered)
	}},
	{"appending to a field reaches no other", 0, 0, 0, func(p *probe) {
		all := p.entries(2)
		p.put(all...)
		lease := p.lease(atMost(2))
		for _, e := range lease.Entries() {
			_ = append(e.ID, '#')
			_ = append(e.Key, '#')
			_ = append(e.Body, bytes.Repeat([]byte{'#'}, 100)...)
		}
		p.want(lease, all)
	}},
	{"is kept by Extend", 0, 0, 0, func(p *probe) {
		all := p.entries(1)
		p.put(all...)
		lease := p.lease(atMost(1))
		for range 3 {
			extended := start(p, func() (struct{}, error) { return struct{}{}, lease.Extend(p.patient()) })
			p.want(lease, all)
			extended.must()
		}
		p.none(atMost(1))
		p.done(lease, analytics.Delivered)
		p.stats(0, 0)
	}},
}

var lingerChecks = []check{
	{"blocks until limit.Events wait", 0, 0, 0, func(p *probe) {
		all := p.entries(4)
		waiting := p.startLease(p.patient(), atMost(4))
		for i := range 3 {
			p.put(all[i])
		}
		waiting.blocks()
		p.put(all[3])
		p.want(waiting.must(), all)
	}},
	{"blocks until limit.Bytes wait", 0, 0, 0, func(p *probe) {
		all := []analytics.Entry{p.entry(sourceA, 100), p.entry(sourceA, 100), p.entry(sourceA, 100)}
		limit := atMost(10)
		limit.Bytes = 250
		waiting := p.startLease(p.patient(), limit)
		p.put(all[:2]...)
		waiting.blocks()
		p.put(all[2])
		p.want(waiting.must(), all[:2])
	}},
	{"returns when the oldest has waited limit.Linger", 0, 0, 0, func(p *probe) {
		const linger = 600 * time.Millisecond
		all := p.entries(2)
		all[0].Time = all[0].Time.Add(-linger / 2)
		limit := atMost(10)
		limit.Linger = linger
		waiting := p.startLease(p.patient(), limit)
		p.put(all...)
		p.want(waiting.must(), all)
		switch age := time.Since(all[0].Time); {
		case age < linger-time.Millisecond:
			p.Fatalf("the oldest had waited %v, want %v", age, linger)
		case p.suite.Bubble && age > linger+linger/4:
			p.Fatalf("the oldest had waited %v, want %v: its age counts, not that of the Lease", age, linger)
		}
	}},
	{"limit.Linger 0 takes what comes first", 0, 0, 0, func(p *probe) {
		all := p.entries(1)
		limit := atMost(10)
		limit.Linger = 0
		waiting := p.startLease(p.patient(), limit)
		waiting.blocks()
		p.put(all...)
		p.want(waiting.must(), all)
	}},
	{"an entry older than limit.Linger is taken at once", 0, 0, 0, func(p *probe) {
		all := p.entries(1)
		all[0].Time = all[0].Time.Add(-2 * forever)
		p.put(all...)
		p.want(p.lease(atMost(10)), all)
	}},
	{"returns when the queue is full", 0, 4, 0, func(p *probe) {
		all := p.entries(4)
		waiting := p.startLease(p.patient(), atMost(10))
		p.put(all[:3]...)
		waiting.blocks()
		p.put(all[3])
		p.want(waiting.must(), all)
	}},
	{"a queue full of leases is full", 0, 6, 0, func(p *probe) {
		all := p.entries(6)
		p.put(all...)
		p.want(p.lease(atMost(4)), all[:4])
		p.want(p.lease(atMost(4)), all[4:])
	}},
	{"returns when an Append finds no room", 0, 0, 10 << 10, func(p *probe) {
		first, second := p.entry(sourceA, 6<<10), p.entry(sourceA, 6<<10)
		waiting := p.startLease(p.patient(), atMost(10))
		p.put(first)
		waiting.blocks()
		p.wantErr("Append under Drop", p.queue.Append(p.patient(), []analytics.Entry{second}, analytics.Drop), analytics.ErrQueueFull)
		p.want(waiting.must(), []analytics.Entry{first})
	}},
	{"returns when an Append waits for room", 0, 0, 10 << 10, func(p *probe) {
		first, second := p.entry(sourceA, 6<<10), p.entry(sourceA, 6<<10)
		p.put(first)
		waiting := p.startLease(p.patient(), atMost(10))
		waiting.blocks()
		blocked := p.startAppend(p.patient(), second)
		lease := waiting.must()
		p.want(lease, []analytics.Entry{first})
		p.done(lease, analytics.Delivered)
		blocked.must()
		p.want(p.poll(atMost(10)), []analytics.Entry{second})
	}},
	{"each of several waiting gets what its own limit asks for", 0, 0, 0, func(p *probe) {
		all := p.entries(2)
		small := p.startLease(p.patient(), atMost(2))
		small.blocks()
		ctx, cancel := context.WithCancel(p.patient())
		big := p.startLease(ctx, atMost(100))
		big.blocks()
		p.put(all[0])
		p.settle()
		p.put(all[1])
		p.want(small.must(), all)
		big.blocks()
		cancel()
		_, err := big.wait()
		p.wantErr("Lease after its ctx was cancelled", err, context.Canceled)
	}},
	{"of several waiting each gets a batch of its own", 0, 0, 0, func(p *probe) {
		var waiting []*pending[analytics.Lease]
		for range 5 {
			waiting = append(waiting, p.startLease(p.patient(), atMost(2)))
		}
		p.settle()
		all := p.entries(10)
		p.put(all...)
		seen := make(map[string]bool)
		for _, w := range waiting {
			lease := w.must()
			if n := len(lease.Entries()); n != 2 {
				p.Fatalf("leased %s, want 2 entries", names(lease.Entries()))
			}
			for _, e := range lease.Entries() {
				if seen[string(e.ID)] {
					p.Fatalf("%s is leased twice", e.ID)
				}
				seen[string(e.ID)] = true
			}
		}
		p.stats(0, 10)
	}},
}
