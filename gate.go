// The gate that all uploads pass: how many at once, and when none.

package analytics

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// probeAfter is how many retryable failures in a row narrow the gate to one
// probe at a time.
const probeAfter = 3

// gate bounds the uploads of one client. It only ever slows: nothing is failed
// by it.
//
// Open, an upload takes one of width slots. After probeAfter retryable failures
// in a row an upload takes all slots, so that one probe goes at a time, and
// each probe that fails pauses the gate with backoff: a dead API sees one
// request a backoff step, whatever the backlog. Each success then halves what
// an upload takes, so that the width doubles until the gate is open again.
// Retry-After pauses everything, and a probe goes first when it is over.
type gate struct {
	width int64
	turn  *semaphore.Weighted // of size 1: whoever is next holds it
	slots *semaphore.Weighted

	mu       sync.Mutex
	share    int64         // of the slots that an upload takes now
	failures int           // retryable, in a row
	probe    time.Time     // no probe before this; hurry cuts it short
	paused   time.Time     // no upload before this: Retry-After, which nothing cuts short
	limited  time.Time     // when the first Retry-After since the last success came
	hurried  chan struct{} // closed by hurry, then replaced
}

func newGate(width int) *gate {
	return &gate{
		width:   int64(width),
		turn:    semaphore.NewWeighted(1),
		slots:   semaphore.NewWeighted(int64(width)),
		share:   1,
		hurried: make(chan struct{}),
	}
}

// enter waits until an upload may start and returns the slots it takes, to be
// given to leave. Those who wait enter in the order in which they came: only
// the first of them looks at what the gate asks for, so that nobody queues for
// slots with a share of long ago.
func (g *gate) enter(ctx context.Context) (share int64, err error) {
	if err := g.turn.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer g.turn.Release(1)
	for {
		share, pause, hurried := g.now()
		if pause > 0 {
			if err := sleep(ctx, pause, hurried); err != nil {
				return 0, err
			}
			continue
		}
		if err := g.slots.Acquire(ctx, share); err != nil {
			return 0, err
		}
		// The gate may have changed its mind meanwhile.
		needed, pause, _ := g.now()
		if needed <= share && pause <= 0 {
			g.slots.Release(share - needed)
			return needed, nil
		}
		g.slots.Release(share)
	}
}

func (g *gate) now() (share int64, pause time.Duration, hurried <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if pause := time.Until(g.paused); pause > 0 {
		return g.share, pause, nil
	}
	return g.share, time.Until(g.probe), g.hurried
}

// leave ends an upload and tells the gate how it went. It reports whether that
// was the last of probeAfter failures. An upload that entered before the gate
// narrowed says nothing that the gate does not know, but for a Retry-After.
func (g *gate) leave(share int64, w worth, pause time.Duration) (narrowed bool) {
	defer g.slots.Release(share)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	late := share < g.share
	if w == limited {
		if g.limited.IsZero() {
			g.limited = now
		}
		if until := now.Add(pause); until.After(g.paused) {
			g.paused = until
		}
		g.share = g.width
	}
	if late {
		return false
	}
	if w != again && w != limited { // the API answers, be it with a refusal
		g.failures = 0
		g.limited, g.probe = time.Time{}, time.Time{}
		g.share = max(g.share/2, 1)
		return false
	}
	g.failures++
	if g.failures >= probeAfter {
		g.share = g.width
		g.probe = now.Add(backoff(g.failures - probeAfter + 1))
	}
	return g.failures == probeAfter
}

// cancel gives slots back without a word on how it went.
func (g *gate) cancel(share int64) { g.slots.Release(share) }

// limitedFor tells how long the API has been asking to wait, without a success.
func (g *gate) limitedFor() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limited.IsZero() {
		return 0
	}
	return time.Since(g.limited)
}

// pace is the channel that hurry closes for the waits running now.
func (g *gate) pace() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.hurried
}

// hurry cuts short every backoff running now, but no Retry-After.
func (g *gate) hurry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.hurried)
	g.hurried = make(chan struct{})
	g.probe = time.Time{}
}

// sleep waits for d, until hurried is closed, or until ctx ends.
func sleep(ctx context.Context, d time.Duration, hurried <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurried:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
