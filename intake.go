// The intake: how many calls are on their way into the queue, and whether more may come.

package analytics

import (
	"context"
	"sync/atomic"
)

// intake counts the calls on their way into the queue, so that Shutdown knows
// when no more can come. No lock: a blocked call must not hold anything up.
type intake struct {
	calls   atomic.Int64
	closed  atomic.Bool
	drained context.Context // ends when closed and no call is on its way in
	end     context.CancelFunc
}

func newIntake() *intake {
	i := new(intake)
	i.drained, i.end = context.WithCancel(context.Background())
	return i
}

// enter counts before it looks, and close looks after it has closed: whoever
// enters unseen by close sees that it is closed.
func (i *intake) enter() bool {
	i.calls.Add(1)
	if i.closed.Load() {
		i.leave()
		return false
	}
	return true
}

func (i *intake) leave() {
	if i.calls.Add(-1) == 0 && i.closed.Load() {
		i.end()
	}
}

func (i *intake) close() {
	i.closed.Store(true)
	if i.calls.Load() == 0 {
		i.end()
	}
}
