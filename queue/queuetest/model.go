// Random operations on the queue and on a model of it that is too simple to be wrong.

package queuetest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/headwater-dev/analytics"
)

// modelEvents is the bound of the queue under random operations: small, so that
// it is often full.
const modelEvents = 60

// model is what the queue should hold: a slice in the order of acceptance.
type model struct {
	p      *probe
	random *rand.Rand
	held   []*modelEntry
	leases []modelLease
	fresh  time.Time // when the leases were extended
}

type modelEntry struct {
	analytics.Entry
	leased bool
	tried  bool // leased before
	due    time.Time
}

type modelLease struct {
	analytics.Lease
	entries []*modelEntry
}

func randomOperations(p *probe) {
	seed := p.suite.Seed
	m := &model{p: p, random: rand.New(rand.NewPCG(seed, seed))}
	p.Cleanup(func() {
		if p.Failed() {
			p.Logf("to repeat this: Suite{Seed: %d, Ops: %d}", seed, p.suite.Ops)
		}
	})
	for range p.suite.Ops {
		m.extend()
		switch n := m.random.IntN(100); {
		case n < 40:
			m.append()
		case n < 70:
			m.lease()
		case n < 95:
			m.done()
		case p.suite.Bubble:
			time.Sleep(time.Duration(m.random.IntN(2000)) * time.Millisecond)
		}
		leased := 0
		for _, l := range m.leases {
			leased += len(l.entries)
		}
		p.stats(len(m.held)-leased, leased)
	}
	m.drain()
}

// extend keeps the leases where they expire.
func (m *model) extend() {
	if m.p.suite.Expiry == 0 || time.Since(m.fresh) < m.p.suite.Expiry/3 {
		return
	}
	m.fresh = time.Now()
	for _, l := range m.leases {
		if err := l.Extend(m.p.patient()); err != nil {
			m.p.Fatalf("Extend: %v", err)
		}
	}
}

func (m *model) append() {
	n := 1
	if !m.p.suite.NotAtomic {
		n += m.random.IntN(6)
	}
	entries := make([]analytics.Entry, n)
	for i := range entries {
		entries[i] = m.p.entry([]string{sourceA, sourceA, sourceB}[m.random.IntN(3)], m.size())
	}
	kept := clone(entries)
	err := m.p.queue.Append(m.p.patient(), entries, analytics.Drop)
	scribble(entries)
	if len(m.held)+n > modelEvents {
		m.p.wantErr("Append to a full queue", err, analytics.ErrQueueFull)
		return
	}
	if err != nil {
		m.p.Fatalf("Append of %d to %d of %d: %v", n, len(m.held), modelEvents, err)
	}
	for _, e := range kept {
		m.held = append(m.held, &modelEntry{Entry: e})
	}
}

// size is small most of the time, and sometimes beyond 64 KiB.
func (m *model) size() int {
	return 24 + m.random.IntN([]int{1, 200, 200, 2000, 2000, 70 << 10}[m.random.IntN(6)])
}

func (m *model) lease() {
	limit := analytics.Limit{
		Source: []string{sourceA, sourceA, sourceB}[m.random.IntN(3)],
		Events: 1 + m.random.IntN(12),
		Bytes:  m.random.IntN(8000),
	}
	m.lease1(limit)
}

// lease1 leases and compares; it reports whether there was anything.
func (m *model) lease1(limit analytics.Limit) bool {
	want := m.expect(limit)
	if len(want) == 0 {
		m.p.none(limit)
		return false
	}
	lease := m.p.poll(limit)
	if m.p.suite.Reordered {
		want = m.find(lease)
	}
	entries := make([]analytics.Entry, len(want))
	for i, e := range want {
		e.leased, e.tried = true, true
		entries[i] = e.Entry
	}
	m.p.want(lease, entries)
	m.leases = append(m.leases, modelLease{lease, want})
	return true
}

// expect is the lease that the law asks for.
func (m *model) expect(limit analytics.Limit) (want []*modelEntry) {
	now, bytes := time.Now(), 0
	for _, e := range m.held {
		if e.Source != limit.Source || e.leased || e.due.After(now) {
			continue
		}
		bytes += len(e.Body)
		if len(want) == limit.Events || len(want) > 0 && bytes > limit.Bytes {
			break
		}
		want = append(want, e)
	}
	return want
}

// find looks up the entries of a lease of a reordering queue. Those never leased
// before must be in order.
func (m *model) find(lease analytics.Lease) (found []*modelEntry) {
	last := -1
	for _, e := range lease.Entries() {
		i := slices.IndexFunc(m.held, func(h *modelEntry) bool { return string(h.ID) == string(e.ID) })
		if i < 0 || m.held[i].leased || m.held[i].due.After(time.Now()) || slices.Contains(found, m.held[i]) {
			m.p.Fatalf("leased %s, among them %s, which does not wait", names(lease.Entries()), e.ID)
		}
		if !m.held[i].tried {
			if i < last {
				m.p.Fatalf("leased %s: %s is out of order", names(lease.Entries()), e.ID)
			}
			last = i
		}
		found = append(found, m.held[i])
	}
	return found
}

// done settles one of the leases that are out.
func (m *model) done() {
	if len(m.leases) == 0 {
		return
	}
	i := m.random.IntN(len(m.leases))
	l := m.leases[i]
	m.leases = slices.Delete(m.leases, i, i+1)
	verdicts := make([]analytics.Verdict, len(l.entries))
	for i := range verdicts {
		v := analytics.Verdict{Outcome: analytics.Outcome(1 + m.random.IntN(3))}
		if v.Outcome == analytics.RetryAfter && m.p.suite.Bubble {
			v.After = time.Duration(m.random.IntN(3000)) * time.Millisecond
		}
		verdicts[i] = v
	}
	m.settle(l, verdicts)
}

func (m *model) settle(l modelLease, verdicts []analytics.Verdict) {
	entries := make([]analytics.Entry, len(l.entries))
	for i, e := range l.entries {
		entries[i] = e.Entry
	}
	m.p.want(l.Lease, entries) // unchanged by all that went on
	before := time.Now()
	m.p.verdicts(l.Lease, verdicts)
	for i, e := range l.entries {
		e.leased = false
		e.due = before.Add(verdicts[i].After)
		if verdicts[i].Outcome != analytics.RetryAfter {
			m.held = slices.DeleteFunc(m.held, func(h *modelEntry) bool { return h == e })
		}
	}
}

// drain has everything delivered.
func (m *model) drain() {
	for _, l := range m.leases {
		m.settle(l, slices.Repeat([]analytics.Verdict{{Outcome: analytics.Delivered}}, len(l.entries)))
	}
	m.leases = nil
	if m.p.suite.Bubble {
		time.Sleep(3 * time.Second)
	}
	for _, source := range []string{sourceA, sourceB} {
		for m.lease1(analytics.Limit{Source: source, Events: 7, Bytes: large}) {
			l := m.leases[0]
			m.leases = nil
			m.settle(l, slices.Repeat([]analytics.Verdict{{Outcome: analytics.Delivered}}, len(l.entries)))
		}
	}
	m.p.stats(0, 0)
}
