// The suite: what a queue promises, and Run, which holds it to the law of analytics.Queue.

// Package queuetest holds the conformance suite of analytics.Queue. A queue that
// passes may be given to analytics.New.
//
//	func TestQueue(t *testing.T) {
//		queuetest.Run(t, func(t *testing.T, maxEvents, maxBytes int) analytics.Queue {
//			return mine.Open(t.TempDir(), maxEvents, maxBytes)
//		})
//	}
//
// A queue that is durable, shared, or weaker than the law in a way its own doc
// admits says so in a [Suite]. Each sentence of the law is one subtest, named
// after it.
//
// In a bubble (Suite.Bubble) time is virtual and every wait exact. Elsewhere no
// good queue ever fails because the machine is slow: a pause only gives a faulty
// one the time to show itself, and cases that need more than that are skipped.
package queuetest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/headwater-dev/analytics"
)

// Suite says how to open the queue under test and what it promises beside the
// law. Only Open is required. The zero value of every other field promises
// nothing more and excuses nothing.
type Suite struct {
	// Open opens an empty queue that serves the test alone and holds at most
	// maxEvents entries and maxBytes bytes; 0 is a bound of the queue's choice, of
	// at least 10 000 entries and 32 MiB. The suite closes it; what else there is
	// to clean up belongs to t.Cleanup. It is called from parallel subtests.
	Open func(t *testing.T, maxEvents, maxBytes int) analytics.Queue

	// Reopen opens again what q, now closed, has kept. It makes the queue a durable
	// one, whose Stats say so.
	Reopen func(t *testing.T, q analytics.Queue) analytics.Queue

	// Join opens what q holds from another process, or as if from one, while q
	// remains open. It makes the queue a shared one, whose Stats say so.
	Join func(t *testing.T, q analytics.Queue) analytics.Queue

	// Expiry is how long a lease that nobody extends is kept, 30 s by the law. 0:
	// for ever. Outside of a bubble testing.Short skips its cases.
	Expiry time.Duration

	// Bubble runs every case in a synctest bubble: for queues that wait on
	// channels, timers and files, not on a network.
	Bubble bool

	// NotAtomic excuses an Append that may hold a part of its entries.
	NotAtomic bool

	// Reordered excuses a queue that gives entries leased before in any order.
	Reordered bool

	// Ops is the number of random operations held against a model. Default 2000
	// under testing.Short, else 10 000.
	Ops int

	// Seed of the random operations. Default one of the clock; a failure prints it.
	Seed uint64
}

// Run holds the queue that open opens to the law, in real time. It is Suite.Run
// for a queue that is neither durable nor shared.
func Run(t *testing.T, open func(t *testing.T, maxEvents, maxBytes int) analytics.Queue) {
	t.Helper()
	Suite{Open: open}.Run(t)
}

// Run holds the queue to the law, one parallel subtest a sentence.
func (s Suite) Run(t *testing.T) {
	t.Helper()
	if s.Ops == 0 {
		s.Ops = 10_000
		if testing.Short() {
			s.Ops = 2000
		}
	}
	if s.Seed == 0 {
		s.Seed = uint64(time.Now().UnixNano())
	}
	groups := []struct {
		name  string
		cases []check
	}{
		{"Append", appendChecks},
		{"Block", blockChecks},
		{"Lease", leaseChecks},
		{"Linger", lingerChecks},
		{"Done", doneChecks},
		{"RetryAfter", retryChecks},
		{"Stats", statsChecks},
		{"Close", closeChecks},
		{"Durable", durableChecks},
		{"Shared", sharedChecks},
		{"All", concurrentChecks},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				if why := s.excuse(c); why != "" {
					t.Logf("not asked: %s: %s", c.name, why)
					continue
				}
				t.Run(c.name, func(t *testing.T) { s.run(t, c) })
			}
		})
	}
}

// check is one sentence of the law.
type check struct {
	name   string
	needs  need
	events int // bounds of the queue; 0 is its own choice
	bytes  int
	run    func(p *probe)
}

// need says of which queues a check can be asked.
type need int

const (
	bubble  need = 1 << iota // virtual time
	whole                    // not NotAtomic
	durable                  // Reopen
	shared                   // Join
	expiry                   // Expiry
)

// excuse says why a check cannot be asked of the queue, and nothing when it can.
func (s Suite) excuse(c check) string {
	missing := []struct {
		need need
		lack bool
		why  string
	}{
		{bubble, !s.Bubble, "only virtual time can prove it"},
		{whole, s.NotAtomic, "the queue is excused by NotAtomic"},
		{durable, s.Reopen == nil, "the queue is not durable"},
		{shared, s.Join == nil, "the queue is not shared"},
		{expiry, s.Expiry == 0, "leases do not expire"},
		{expiry, !s.Bubble && testing.Short(), "it would take as long as a lease"},
	}
	for _, m := range missing {
		if c.needs&m.need != 0 && m.lack {
			return m.why
		}
	}
	return ""
}

func (s Suite) run(t *testing.T, c check) {
	t.Parallel()
	body := func(t *testing.T) {
		p := &probe{T: t, suite: s}
		p.queue = p.adopt(s.Open(t, c.events, c.bytes))
		c.run(p)
	}
	if s.Bubble {
		synctest.Test(t, body)
		return
	}
	body(t)
}
