// The feed: what has just been stored, for those who watch.

package collector

import (
	"sync"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// feed hands stored calls to subscribers. A subscriber that is slower than the
// calls come sees a sample: publishing never waits.
type feed struct {
	mu     sync.Mutex
	closed bool
	subs   map[*subscription]struct{}
}

// subscription is one subscriber's place.
type subscription struct {
	source int64
	calls  chan store.Stored // closed when the feed ends
}

// feedBuffer is how many calls may wait for a subscriber.
const feedBuffer = 500

func newFeed() *feed { return &feed{subs: make(map[*subscription]struct{})} }

// subscribe returns a place for the calls of source, and a function that gives it up.
func (f *feed) subscribe(source int64) (*subscription, func()) {
	s := &subscription{source: source, calls: make(chan store.Stored, feedBuffer)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		close(s.calls)
		return s, func() {}
	}
	f.subs[s] = struct{}{}
	return s, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs, s)
	}
}

// publish shows the calls of rec that were stored.
func (f *feed) publish(rec *store.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		if s.source != rec.Source || f.closed {
			continue
		}
		shared := *rec
		shared.Calls = nil
		for _, call := range rec.Calls {
			if call.ID == 0 { // a duplicate
				continue
			}
			select {
			case s.calls <- store.Stored{Call: call, Request: &shared}:
			default: // the sample leaves this one out
			}
		}
	}
}

// close ends all subscriptions.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	for s := range f.subs {
		close(s.calls)
	}
	clear(f.subs)
}
