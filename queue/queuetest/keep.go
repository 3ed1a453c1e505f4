// Checks of what outlives a lease or a process: Reopen, Join, Expiry.

package queuetest

import (
	"time"

	"github.com/headwater-dev/analytics"
)

var durableChecks = []check{
	{"what was appended is there again, in order", durable, 0, 0, func(p *probe) {
		all := append(p.entries(20), p.entry(sourceA, 70<<10))
		p.put(all...)
		p.reopen()
		p.stats(21, 0)
		p.want(p.poll(atMost(100)), all)
	}},
	{"what was leased and not Done is there again", durable, 0, 0, func(p *probe) {
		all := p.entries(6)
		p.put(all...)
		p.lease(atMost(4))
		p.reopen()
		p.wantAgain(p.poll(atMost(4)), all[:4])
		p.want(p.poll(atMost(9)), all[4:])
	}},
	{"what was Delivered or Rejected is gone", durable, 0, 0, func(p *probe) {
		all := p.entries(6)
		p.put(all...)
		p.verdicts(p.lease(atMost(3)), []analytics.Verdict{
			{Outcome: analytics.Delivered}, {Outcome: analytics.RetryAfter}, {Outcome: analytics.Rejected},
		})
		p.reopen()
		p.stats(4, 0)
		p.want(p.poll(atMost(1)), all[1:2])
		p.want(p.poll(atMost(9)), all[3:])
	}},
	{"verdicts given after Close are kept or forgotten, never made up", durable, 0, 0, func(p *probe) {
		all := p.entries(2)
		p.put(all...)
		lease := p.lease(atMost(1))
		p.close()
		// The store may be closed, so an error is fair: the entry comes again.
		_ = lease.Done(p.patient(), []analytics.Verdict{{Outcome: analytics.Delivered}})
		p.reopen()
		got := p.poll(atMost(9)).Entries()
		p.same(got[len(got)-1:], all[1:])
	}},
	{"its bounds hold for what was there", durable, 3, 0, func(p *probe) {
		p.put(p.entries(2)...)
		p.reopen()
		p.put(p.entries(1)...)
		p.wantErr("Append to a full queue", p.queue.Append(p.patient(), p.entries(1), analytics.Drop), analytics.ErrQueueFull)
	}},
	{"an empty queue is empty again", durable, 0, 0, func(p *probe) {
		p.put(p.entries(50)...)
		p.done(p.lease(atMost(50)), analytics.Delivered)
		p.reopen()
		p.stats(0, 0)
		p.none(atMost(1))
	}},
}

// reopen closes the queue, as its process ends, and opens what it has kept.
func (p *probe) reopen() {
	p.Helper()
	p.close()
	p.queue = p.adopt(p.suite.Reopen(p.T, p.queue))
}

var sharedChecks = []check{
	{"one process leases what another appends", shared, 0, 0, func(p *probe) {
		other := p.other()
		all := p.entries(3)
		p.put(all...)
		lease := other.lease(atMost(3))
		p.want(lease, all)
		p.none(atMost(3))
		p.done(lease, analytics.Delivered)
		p.stats(0, 0)
	}},
	{"a waiting Lease sees what another process appends", shared, 0, 0, func(p *probe) {
		other := p.other()
		all := p.entries(2)
		waiting := other.startLease(p.patient(), atMost(2))
		waiting.blocks()
		p.put(all...)
		p.want(waiting.must(), all)
	}},
	{"what one process leases no other gets", shared, 0, 0, func(p *probe) {
		other := p.other()
		all := p.entries(4)
		p.put(all...)
		first := p.lease(atMost(2))
		p.want(first, all[:2])
		p.want(other.poll(atMost(9)), all[2:])
		other.none(atMost(9))
		p.done(first, analytics.RetryAfter)
		p.wantAgain(other.lease(atMost(2)), all[:2])
	}},
	{"one process may close it while another goes on", shared, 0, 0, func(p *probe) {
		other := p.other()
		all := p.entries(2)
		p.put(all...)
		p.close()
		p.want(other.lease(atMost(2)), all)
	}},
	{"a lease that nobody extends goes to another", expiry, 0, 0, func(p *probe) {
		all := p.entries(2)
		p.put(all...)
		p.lease(atMost(2))
		next := &probe{T: p.T, suite: p.suite, queue: p.queue}
		if p.suite.Join != nil {
			next = p.other()
		}
		lease := next.leaseBy(atMost(2), 2*p.suite.Expiry)
		p.wantAgain(lease, all)
	}},
	{"Extend keeps a lease", expiry, 0, 0, func(p *probe) {
		all := p.entries(1)
		p.put(all...)
		taken := time.Now()
		lease := p.lease(atMost(1))
		for range 4 {
			time.Sleep(p.suite.Expiry / 3)
			if time.Since(taken) > p.suite.Expiry*5/6 {
				p.Skip("the machine was too slow to extend in time")
			}
			taken = time.Now()
			if err := lease.Extend(p.patient()); err != nil {
				p.Fatalf("Extend: %v", err)
			}
			p.none(atMost(1))
		}
		p.want(lease, all)
		p.done(lease, analytics.Delivered)
		p.stats(0, 0)
	}},
}

// other is the queue in the hands of another process.
func (p *probe) other() *probe {
	return &probe{T: p.T, suite: p.suite, queue: p.adopt(p.suite.Join(p.T, p.queue))}
}
