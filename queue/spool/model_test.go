// The spool against a model of it: random operations on both, which must never tell different things.

package spool_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

// modelOptions are bounds that random operations meet often.
var modelOptions = spool.Options{MaxEvents: 14, MaxBytes: 64_000, MaxDead: 4}

// modelEntry is a call that the model holds.
type modelEntry struct {
	analytics.Entry
	cost   int64
	leased bool
	back   bool      // given back by this process
	due    time.Time // when it was
}

// modelLease is a lease that is out.
type modelLease struct {
	analytics.Lease
	entries []*modelEntry
}

// model is what the spool must hold, in the order of acceptance.
type model struct {
	*rapid.T
	dir    string
	spool  *spool.Spool
	held   []*modelEntry
	leases []modelLease
	dead   map[string][]deadEntry // by source, the oldest first
	next   int
}

// deadEntry is a dead letter that the model holds.
type deadEntry struct {
	id   string
	cost int64
}

var modelSources = []string{"a", "b"}

// draw draws a number, each as likely as another: rapid's own ranges prefer what is small.
func (m *model) draw(label string, low, high int) int {
	return low + int(uniform.Draw(m.T, label))*(high-low+1)>>16
}

var uniform = rapid.Custom(func(t *rapid.T) uint16 {
	var n uint16
	for range 16 {
		n <<= 1
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

func (m *model) open() {
	q, err := spool.Open(m.dir, &modelOptions)
	require.NoError(m, err)
	m.spool = q
}

func (m *model) append() {
	source := modelSources[m.draw("source", 0, 1)]
	var entries []analytics.Entry
	var added []*modelEntry
	cost := int64(0)
	for range m.draw("entries", 0, 4) {
		e := entryOf(source, m.next, []int{0, 30, 700, 5000, 15_000}[m.draw("size", 0, 4)])
		e.Time = time.Now()
		m.next++
		entries = append(entries, e)
		one := int64(24 + 24 + len(e.Call) + len(e.ID) + len(e.Key) + len(e.Body))
		added, cost = append(added, &modelEntry{Entry: e, cost: one}), cost+one
	}
	fits := len(m.held)+len(entries) <= modelOptions.MaxEvents && m.bytes()+cost <= modelOptions.MaxBytes
	err := m.spool.Append(context.Background(), entries, analytics.Drop)
	if len(entries) > 0 && !fits {
		require.ErrorIs(m, err, analytics.ErrQueueFull)
		return
	}
	require.NoError(m, err)
	m.held = append(m.held, added...)
}

func (m *model) bytes() (sum int64) {
	for _, e := range m.held {
		sum += e.cost
	}
	return sum
}

// expected is the batch that a poll must give now: what was given back and is due, then
// what waits, both in order, as far as the limit allows.
func (m *model) expected(limit analytics.Limit) (batch []*modelEntry) {
	var line []*modelEntry
	for _, back := range []bool{true, false} {
		for _, e := range m.held {
			if e.Source == limit.Source && !e.leased && e.back == back && !e.due.After(time.Now()) {
				line = append(line, e)
			}
		}
	}
	size := 0
	for _, e := range line {
		if len(batch) > 0 && (len(batch) == limit.Events || size+len(e.Body) > limit.Bytes) {
			break
		}
		batch, size = append(batch, e), size+len(e.Body)
	}
	return batch
}

func (m *model) lease() {
	limit := analytics.Limit{
		Source: modelSources[m.draw("source", 0, 1)],
		Events: m.draw("events", 1, 6), Bytes: m.draw("bytes", 1, 25_000),
		Linger: time.Duration(m.draw("linger", 0, 3)) * time.Second,
	}
	want := m.expected(limit)
	lease, err := m.spool.Lease(ended(), limit)
	if len(want) == 0 {
		require.ErrorIs(m, err, context.Canceled)
		return
	}
	require.NoError(m, err)
	require.Len(m, lease.Entries(), len(want))
	for i, e := range lease.Entries() {
		require.True(m, e.Time.Equal(want[i].Time))
		e.Time = want[i].Time
		require.Equal(m, want[i].Entry, e)
		want[i].leased = true
	}
	m.leases = append(m.leases, modelLease{lease, want})
}

func (m *model) done() {
	if len(m.leases) == 0 {
		return
	}
	at := m.draw("lease", 0, len(m.leases)-1)
	l := m.leases[at]
	m.leases = slices.Delete(m.leases, at, at+1)
	verdicts := make([]analytics.Verdict, len(l.entries))
	for i, e := range l.entries {
		v := &verdicts[i]
		v.Outcome = analytics.Outcome(m.draw("outcome", int(analytics.Delivered), int(analytics.RetryAfter)))
		e.leased = false
		if v.Outcome == analytics.RetryAfter {
			v.After = time.Duration(m.draw("after", 0, 4)) * time.Second
			e.back, e.due = true, time.Now().Add(v.After)
			continue
		}
		m.held = slices.DeleteFunc(m.held, func(o *modelEntry) bool { return o == e })
		if v.Outcome == analytics.Rejected {
			v.Err = errors.New("400 Bad Request")
			m.bury(e, v.Err.Error())
		}
	}
	require.NoError(m, l.Done(context.Background(), verdicts))
	require.Error(m, l.Done(context.Background(), verdicts), "a second Done")
}

// bury adds a dead letter; the newest of a source are kept, as many as the bounds allow
// and one at least.
func (m *model) bury(e *modelEntry, reason string) {
	list := append(m.dead[e.Source], deadEntry{string(e.ID), e.cost + 10 + int64(len(reason))})
	slices.SortFunc(list, func(a, b deadEntry) int { return strings.Compare(a.id, b.id) }) // which is the order of acceptance
	kept, size := 0, int64(0)
	for kept < len(list) {
		size += list[len(list)-1-kept].cost
		if kept == modelOptions.MaxDead || kept > 0 && size > modelOptions.MaxBytes/16/2 {
			break
		}
		kept++
	}
	m.dead[e.Source] = slices.Clone(list[len(list)-kept:])
}

// reopen closes the spool, by which leases are forgotten, and opens it again.
func (m *model) reopen() {
	require.NoError(m, m.spool.Close(context.Background()))
	require.ErrorIs(m, m.spool.Append(context.Background(), nil, analytics.Drop), analytics.ErrClosed)
	for _, l := range m.leases {
		require.NoError(m, l.Done(context.Background(), deliverAll(len(l.entries))), "a Done after Close comes to nothing")
	}
	m.leases = nil
	for _, e := range m.held {
		e.leased, e.back, e.due = false, false, time.Time{}
	}
	m.open()
	for _, source := range modelSources {
		var want, got []string
		for _, d := range m.dead[source] {
			want = append(want, d.id)
		}
		require.NoError(m, m.spool.Dead(source, func(d spool.DeadLetter) bool {
			got = append(got, string(d.ID))
			return true
		}))
		require.Equal(m, want, got, "dead letters of %s", source)
	}
}

func deliverAll(n int) []analytics.Verdict {
	return slices.Repeat([]analytics.Verdict{{Outcome: analytics.Delivered}}, n)
}

func (m *model) check() {
	leased := 0
	for _, e := range m.held {
		if e.leased {
			leased++
		}
	}
	require.Equal(m, analytics.QueueStats{Durable: true, Waiting: len(m.held) - leased, Leased: leased, Bytes: m.bytes()}, m.spool.Stats())
}

func (m *model) run() {
	m.open()
	defer func() { _ = m.spool.Close(context.Background()) }()
	for range m.draw("steps", 30, 60) {
		switch n := m.draw("operation", 0, 99); {
		case n < 38:
			m.append()
		case n < 65:
			m.lease()
		case n < 88:
			m.done()
		case n < 94:
			time.Sleep(time.Duration(m.draw("milliseconds", 1, 3000)) * time.Millisecond)
		default:
			m.reopen()
		}
		m.check()
	}
	m.reopen()
	m.check()
}

// TestModel runs 400 sequences of 30 to 60 operations; under SOAK 100 000, or as many
// as -rapid.checks says.
func TestModel(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		require.NoError(t, flag.Set("rapid.checks", strconv.Itoa(spool.Size(400, 100_000))))
	}
	base := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		rapid.Check(struct{ rapid.TB }{t}, func(r *rapid.T) { // without the deadline of t, which a bubble has none of
			n++
			dir := fmt.Sprintf("%s/%d", base, n)
			defer os.RemoveAll(dir)
			(&model{T: r, dir: dir, dead: map[string][]deadEntry{}}).run()
		})
	})
}
