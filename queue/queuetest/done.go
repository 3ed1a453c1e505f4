// Checks of Done: what each verdict does to its entry, and when one given back comes again.

package queuetest

import (
	"time"

	"github.com/headwater-dev/analytics"
)

var doneChecks = []check{
	{"forgets what is Delivered or Rejected", 0, 0, 0, func(p *probe) {
		all := p.entries(4)
		p.put(all...)
		p.verdicts(p.lease(atMost(4)), []analytics.Verdict{
			{Outcome: analytics.Delivered},
			{Outcome: analytics.Rejected, Err: analytics.ErrMessageTooLarge},
			{Outcome: analytics.Rejected},
			{Outcome: analytics.Delivered},
		})
		p.none(atMost(4))
		p.stats(0, 0)
	}},
	{"takes verdicts in the order of the entries", 0, 0, 0, func(p *probe) {
		all := p.entries(4)
		p.put(all...)
		p.verdicts(p.lease(atMost(4)), []analytics.Verdict{
			{Outcome: analytics.Delivered},
			{Outcome: analytics.RetryAfter},
			{Outcome: analytics.Rejected},
			{Outcome: analytics.RetryAfter},
		})
		p.wantAgain(p.lease(atMost(2)), []analytics.Entry{all[1], all[3]})
		p.none(atMost(4))
	}},
	{"settles leases in any order", 0, 0, 0, func(p *probe) {
		all := p.entries(300)
		p.put(all...)
		var leases []analytics.Lease
		for i := range 30 {
			lease := p.poll(atMost(10))
			p.want(lease, all[10*i:10*i+10])
			leases = append(leases, lease)
		}
		for i := range leases {
			j := 7 * i % len(leases)
			p.want(leases[j], all[10*j:10*j+10])
			p.done(leases[j], analytics.Delivered)
		}
		p.stats(0, 0)
		again := p.entries(3)
		p.put(again...)
		p.want(p.lease(atMost(3)), again)
	}},
	{"with the wrong number of verdicts is an error and changes nothing", 0, 0, 0, func(p *probe) {
		all := p.entries(2)
		p.put(all...)
		lease := p.lease(atMost(2))
		for _, n := range []int{0, 1, 3} {
			verdicts := make([]analytics.Verdict, n)
			for i := range verdicts {
				verdicts[i].Outcome = analytics.Delivered
			}
			if err := lease.Done(p.patient(), verdicts); err == nil {
				p.Fatalf("Done with %d verdicts for 2 entries: no error", n)
			}
		}
		p.want(lease, all)
		p.none(atMost(2))
		p.stats(0, 2)
		p.done(lease, analytics.Delivered)
		p.stats(0, 0)
	}},
	{"makes room", 0, 2, 0, func(p *probe) {
		for range 50 {
			p.put(p.entries(2)...)
			p.wantErr("Append to a full queue", p.queue.Append(p.patient(), p.entries(1), analytics.Drop), analytics.ErrQueueFull)
			p.done(p.lease(atMost(2)), analytics.Delivered)
		}
	}},
}

var retryChecks = []check{
	{"gives the entry back", 0, 0, 0, func(p *probe) {
		all := p.entries(1)
		p.put(all...)
		for range 3 {
			lease := p.lease(atMost(1))
			p.want(lease, all)
			p.done(lease, analytics.RetryAfter)
		}
		p.stats(1, 0)
		p.done(p.lease(atMost(1)), analytics.Delivered)
		p.stats(0, 0)
	}},
	{"not before Verdict.After has passed", 0, 0, 0, func(p *probe) {
		const after = time.Second
		all := p.entries(2)
		p.put(all...)
		lease := p.lease(atMost(1))
		start := time.Now()
		p.verdicts(lease, []analytics.Verdict{{Outcome: analytics.RetryAfter, After: after}})
		p.stats(2, 0)
		newer := p.poll(atMost(9))
		if time.Since(start) < after {
			p.want(newer, all[1:]) // newer ones need not wait for it
			p.done(newer, analytics.Delivered)
			p.want(p.lease(atMost(1)), all[:1])
		}
		if d := time.Since(start); d < after || p.suite.Bubble && d > after+after/4 {
			p.Fatalf("given back with After %v and leased again after %v", after, d)
		}
	}},
	{"before newer ones once its time has come", 0, 0, 0, func(p *probe) {
		all := p.entries(5)
		p.put(all[:4]...)
		p.done(p.lease(atMost(2)), analytics.RetryAfter)
		p.put(all[4])
		first := p.lease(atMost(2))
		p.wantAgain(first, all[:2])
		p.want(p.poll(atMost(9)), all[2:])
	}},
	{"in the order of acceptance, whichever lease is Done first", 0, 0, 0, func(p *probe) {
		all := p.entries(6)
		p.put(all...)
		first, second := p.lease(atMost(2)), p.lease(atMost(2))
		p.done(second, analytics.RetryAfter)
		p.done(first, analytics.RetryAfter)
		p.wantAgain(p.lease(atMost(4)), all[:4])
		p.want(p.poll(atMost(9)), all[4:])
	}},
	{"lets no newer one overtake when limit.Bytes is reached", 0, 0, 0, func(p *probe) {
		all := []analytics.Entry{p.entry(sourceA, 60), p.entry(sourceA, 60), p.entry(sourceA, 24)}
		p.put(all...)
		p.done(p.lease(atMost(2)), analytics.RetryAfter)
		limit := atMost(9)
		limit.Bytes = 100
		if p.suite.Reordered {
			limit.Bytes = 60
		}
		p.wantOneOf(p.poll(limit), all[:2])
		rest := p.poll(limit).Entries()
		if string(rest[0].ID) == string(all[2].ID) {
			p.Fatalf("leased %s before the entry given back", names(rest))
		}
	}},
	{"wakes a Lease that waits", 0, 0, 0, func(p *probe) {
		all := p.entries(2)
		p.put(all...)
		lease := p.lease(atMost(2))
		waiting := p.startLease(p.patient(), atMost(2))
		waiting.blocks()
		p.done(lease, analytics.RetryAfter)
		p.wantAgain(waiting.must(), all)
	}},
	{"ends a Lease that waits when the time has come", 0, 0, 0, func(p *probe) {
		const after = 300 * time.Millisecond
		all := p.entries(1)
		p.put(all...)
		lease := p.lease(atMost(1))
		waiting := p.startLease(p.patient(), atMost(1))
		waiting.blocks()
		start := time.Now()
		p.verdicts(lease, []analytics.Verdict{{Outcome: analytics.RetryAfter, After: after}})
		p.want(waiting.must(), all)
		if d := time.Since(start); d < after || p.suite.Bubble && d > after+after/4 {
			p.Fatalf("given back with After %v and leased again after %v", after, d)
		}
	}},
	{"counts as waiting, against the bounds, and is not there yet when ctx ends", 0, 2, 0, func(p *probe) {
		p.put(p.entries(2)...)
		p.verdicts(p.lease(atMost(2)), []analytics.Verdict{
			{Outcome: analytics.RetryAfter, After: forever},
			{Outcome: analytics.Delivered},
		})
		p.stats(1, 0)
		p.none(atMost(2))
		p.put(p.entries(1)...)
		p.wantErr("Append to a full queue", p.queue.Append(p.patient(), p.entries(1), analytics.Drop), analytics.ErrQueueFull)
	}},
}

// wantOneOf expects exactly one entry: the first of want, or of a reordering
// queue any.
func (p *probe) wantOneOf(lease analytics.Lease, want []analytics.Entry) {
	p.Helper()
	got := lease.Entries()
	if !p.suite.Reordered {
		p.same(got, want[:1])
		return
	}
	for i := range want {
		if len(got) == 1 && differ(&got[0], &want[i]) == "" {
			return
		}
	}
	p.Fatalf("leased %s, want one of %s", names(got), names(want))
}
