// Checks of Append: order, all or nothing, copies, bounds, and the line of those who wait for room.

package queuetest

import (
	"context"
	"time"

	"github.com/headwater-dev/analytics"
)

var appendChecks = []check{
	{"adds at the end", 0, 0, 0, func(p *probe) {
		all := p.entries(30)
		want := clone(all)
		p.put(all[:1]...)
		p.put(all[1:10]...)
		p.put(all[10:]...)
		p.want(p.lease(atMost(30)), want)
	}},
	{"keeps every field", 0, 0, 0, func(p *probe) {
		all := []analytics.Entry{p.entry(sourceA, 24), p.entry(sourceA, 100), p.entry(sourceA, 32<<10), p.entry(sourceA, 70<<10)}
		all[0].Key = nil
		all[1].Time = all[1].Time.Add(-time.Hour)
		p.put(all...)
		p.want(p.lease(atMost(4)), all)
	}},
	{"nothing to append is held already", 0, 1, 0, func(p *probe) {
		p.put()
		p.put(p.entries(1)...)
		p.put()
		p.stats(1, 0)
	}},
	{"all or none", whole, 5, 0, func(p *probe) {
		first := p.entries(3)
		p.put(first...)
		p.wantErr("Append of 3 with room for 2", p.queue.Append(p.patient(), p.entries(3), analytics.Drop), analytics.ErrQueueFull)
		p.stats(3, 0)
		p.want(p.poll(atMost(10)), first)
		p.none(atMost(10))
	}},
	{"copies, and changes nothing of entries", 0, 0, 0, func(p *probe) {
		all := p.entries(20)
		want := clone(all)
		p.put(all...)
		p.same(all, want)
		scribble(all)
		p.want(p.lease(atMost(20)), want)
	}},
	{"copies under Block before it returns", 0, 1, 0, func(p *probe) {
		p.put(p.entries(1)...)
		second := p.entries(1)
		want := clone(second)
		waiting := p.startAppend(p.patient(), second...)
		waiting.blocks()
		p.done(p.poll(atMost(1)), analytics.Delivered)
		waiting.must()
		scribble(second)
		p.want(p.lease(atMost(1)), want)
	}},
	{"Drop without room returns ErrQueueFull at once", 0, 3, 0, func(p *probe) {
		p.put(p.entries(3)...)
		for _, ctx := range []context.Context{p.patient(), ended()} {
			p.wantErr("Append under Drop", p.queue.Append(ctx, p.entries(1), analytics.Drop), analytics.ErrQueueFull)
		}
		lease := p.poll(atMost(3)) // what is leased still counts
		p.wantErr("Append under Drop", p.queue.Append(p.patient(), p.entries(1), analytics.Drop), analytics.ErrQueueFull)
		p.done(lease, analytics.Delivered)
		p.put(p.entries(3)...)
	}},
	{"bytes bound it too", 0, 0, 64 << 10, func(p *probe) {
		held := 0
		for ; held <= 64; held++ {
			if err := p.queue.Append(p.patient(), []analytics.Entry{p.entry(sourceA, 1<<10)}, analytics.Drop); err != nil {
				p.wantErr("Append under Drop", err, analytics.ErrQueueFull)
				break
			}
			if s := p.queue.Stats(); s.Bytes > 64<<10 {
				p.Fatalf("Stats: %d bytes in a queue of %d", s.Bytes, 64<<10)
			}
		}
		if held == 0 || held > 64 {
			p.Fatalf("%d entries of 1 KiB fit into 64 KiB", held)
		}
		p.stats(held, 0)
	}},
	{"an entry that can never fit is ErrQueueFull, under Block too", 0, 0, 8 << 10, func(p *probe) {
		for _, full := range []analytics.WhenFull{analytics.Drop, analytics.Block} {
			p.wantErr("Append of 16 KiB", p.queue.Append(p.patient(), []analytics.Entry{p.entry(sourceA, 16<<10)}, full), analytics.ErrQueueFull)
		}
		p.put(p.entries(1)...)
		p.stats(1, 0)
	}},
	{"more entries than can ever fit are ErrQueueFull under Block", whole, 3, 0, func(p *probe) {
		p.wantErr("Append of 4 entries", p.queue.Append(p.patient(), p.entries(4), analytics.Block), analytics.ErrQueueFull)
		p.none(atMost(1))
	}},
	{"an ended ctx refuses nothing while there is room", 0, 2, 0, func(p *probe) {
		all := p.entries(2)
		for i, full := range []analytics.WhenFull{analytics.Drop, analytics.Block} {
			if err := p.queue.Append(ended(), all[i:i+1], full); err != nil {
				p.Fatalf("Append with room and an ended ctx: %v", err)
			}
		}
		p.want(p.lease(atMost(2)), all)
	}},
}

var blockChecks = []check{
	{"waits until there is room", 0, 2, 0, func(p *probe) {
		all := p.entries(3)
		p.put(all[:2]...)
		waiting := p.startAppend(p.patient(), all[2])
		waiting.blocks()
		lease := p.poll(atMost(1))
		waiting.blocks() // what is leased still counts
		p.done(lease, analytics.Delivered)
		waiting.must()
		p.want(p.poll(atMost(2)), all[1:])
	}},
	{"waits for room in bytes", 0, 0, 10 << 10, func(p *probe) {
		first, second := p.entry(sourceA, 6<<10), p.entry(sourceA, 6<<10)
		p.put(first)
		waiting := p.startAppend(p.patient(), second)
		waiting.blocks()
		lease := p.poll(atMost(1))
		waiting.blocks()
		p.done(lease, analytics.Rejected)
		waiting.must()
		p.want(p.poll(atMost(1)), []analytics.Entry{second})
	}},
	{"is first come first served", bubble, 4, 0, func(p *probe) {
		all := p.entries(9)
		p.put(all[:4]...)
		big := p.startAppend(p.patient(), all[4:7]...)
		big.blocks()
		small := p.startAppend(p.patient(), all[7])
		small.blocks()
		last := p.startAppend(p.patient(), all[8])
		last.blocks()
		p.done(p.poll(atMost(2)), analytics.Delivered)
		big.blocks() // three do not fit yet
		small.blocks()
		p.wantErr("Append under Drop with others in line", p.queue.Append(p.patient(), p.entries(1), analytics.Drop), analytics.ErrQueueFull)
		p.done(p.poll(atMost(1)), analytics.Delivered)
		big.must()
		small.blocks()
		p.done(p.poll(atMost(1)), analytics.Delivered)
		small.must()
		last.blocks()
		p.done(p.poll(atMost(1)), analytics.Delivered)
		last.must()
		p.want(p.poll(atMost(9)), all[5:])
	}},
	{"returns ctx.Err() when ctx ends first", 0, 1, 0, func(p *probe) {
		first := p.entries(1)
		p.put(first...)
		ctx, cancel := context.WithCancel(p.patient())
		waiting := p.startAppend(ctx, p.entries(1)...)
		waiting.blocks()
		cancel()
		_, err := waiting.wait()
		p.wantErr("Append after its ctx was cancelled", err, context.Canceled)
		ctx, cancel = context.WithTimeout(context.Background(), pause)
		defer cancel()
		p.wantErr("Append after its ctx timed out", p.queue.Append(ctx, p.entries(1), analytics.Block), context.DeadlineExceeded)
		p.want(p.poll(atMost(9)), first)
		p.none(atMost(9))
	}},
	{"lets the next in when ctx ends", bubble, 3, 0, func(p *probe) {
		all := p.entries(2)
		p.put(all[0])
		p.put(p.entry(sourceB, 24))
		ctx, cancel := context.WithCancel(p.patient())
		big := p.startAppend(ctx, p.entries(2)...)
		big.blocks()
		small := p.startAppend(p.patient(), all[1])
		small.blocks()
		cancel()
		_, err := big.wait()
		p.wantErr("Append after its ctx was cancelled", err, context.Canceled)
		small.must()
		p.want(p.poll(atMost(9)), all)
	}},
	{"with an ended ctx and no room returns ctx.Err()", 0, 1, 0, func(p *probe) {
		p.put(p.entries(1)...)
		p.wantErr("Append under Block", p.queue.Append(ended(), p.entries(1), analytics.Block), context.Canceled)
		p.stats(1, 0)
	}},
}
