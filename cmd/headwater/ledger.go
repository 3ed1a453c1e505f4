// The ledger: which lines are under way, and what became of the others.

package main

import (
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/headwater-dev/analytics"
)

// ledger knows of every accepted line until its Receipt has come, and of no
// other: it holds as many as the client's queue, however long the files are. Its
// methods may be called from any goroutine.
type ledger struct {
	failed *faults     // lines the API refused
	lost   *faults     // lines given up for no fault of their own
	stop   func(error) // called once, when delivery itself has failed

	mu        sync.Mutex
	open      map[string][]place // by messageId, which lines may share, in order
	delivered int
	first     place // of the lost lines
	cause     error // why delivery failed
}

func newLedger(failed, lost *faults, stop func(error)) *ledger {
	return &ledger{failed: failed, lost: lost, stop: stop, open: make(map[string][]place)}
}

// expect notes a line that is about to be enqueued: its Receipt may come before
// Enqueue returns.
func (l *ledger) expect(id string, at place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[id] = append(l.open[id], at)
}

// withdraw takes back an expect whose line was not accepted. Where a Receipt of
// another line with its id has been put down to it, it is that other line that is
// settled.
func (l *ledger) withdraw(id string, at place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.open[id], at)
	if i < 0 {
		i = len(l.open[id]) - 1
	}
	l.take(id, i)
}

// settle takes a Receipt and returns how many lines are delivered by now.
//
// Of lines that share an id, no Receipt says which it is of. A delivery is put
// down to the last of them and a failure to the first, so that resuming at the
// first line that is not settled can leave none out.
func (l *ledger) settle(r analytics.Receipt) (delivered int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.open[r.MessageID])
	switch {
	case n == 0: // not ours
	case r.Err == nil:
		l.take(r.MessageID, n-1)
		l.delivered++
	case refused(r.Err):
		l.failed.add(l.take(r.MessageID, 0), r.Err)
	default:
		l.giveUp(l.take(r.MessageID, 0), r.Err)
	}
	return l.delivered
}

// take removes the i-th line of an id.
func (l *ledger) take(id string, i int) place {
	at := l.open[id][i]
	if len(l.open[id]) == 1 {
		delete(l.open, id)
	} else {
		l.open[id] = slices.Delete(l.open[id], i, i+1)
	}
	return at
}

// giveUp notes a line that was not delivered for no fault of its own.
func (l *ledger) giveUp(at place, err error) {
	l.lost.add(at, err)
	l.first = earlier(l.first, at)
	if !errors.Is(err, analytics.ErrDropped) && l.cause == nil {
		l.cause = err
		l.stop(err)
	}
}

// refused reports whether the API has refused this very message: a batch that it
// answers with 400 or 413 is halved until the message stands alone. Sending it
// again is of no use. Every other failure would meet the next line too.
func refused(err error) bool {
	var answer *analytics.ResponseError
	if errors.Is(err, analytics.ErrDropped) || !errors.As(err, &answer) {
		return false
	}
	return answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusRequestEntityTooLarge
}

// balance is what a ledger says at one moment.
type balance struct {
	delivered int
	open      int   // accepted and not settled
	unsettled place // the first line that is open or lost; zero when none is
	cause     error // why delivery failed; nil when it did not
}

func (l *ledger) balance() balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := balance{delivered: l.delivered, unsettled: l.first, cause: l.cause}
	for _, places := range l.open {
		b.open += len(places)
		b.unsettled = earlier(b.unsettled, places[0])
	}
	return b
}

// earlier returns the one of two places that comes first, or the one that is one.
func earlier(a, b place) place {
	if a == (place{}) || b != (place{}) && b.number < a.number {
		return b
	}
	return a
}
