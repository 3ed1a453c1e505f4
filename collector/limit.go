// Rate limits: how many requests a second a source may send.

package collector

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits holds a token bucket for each source. Nil limits nothing.
type limits struct {
	perSecond int
	now       func() time.Time

	mu      sync.Mutex
	buckets map[int64]*rate.Limiter // by source, at most as many as there are sources
}

func newLimits(perSecond int, now func() time.Time) *limits {
	if perSecond == 0 {
		return nil
	}
	return &limits{perSecond: perSecond, now: now, buckets: make(map[int64]*rate.Limiter)}
}

// wait takes a token of the source and returns 0, or leaves it and returns how
// long until there is one.
func (l *limits) wait(source int64) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	bucket := l.buckets[source]
	if bucket == nil {
		bucket = rate.NewLimiter(rate.Limit(l.perSecond), l.perSecond)
		l.buckets[source] = bucket
	}
	l.mu.Unlock()

	now := l.now()
	token := bucket.ReserveN(now, 1)
	delay := token.DelayFrom(now)
	if delay > 0 {
		token.CancelAt(now)
	}
	return delay
}

// forget drops the bucket of a source that is gone.
func (l *limits) forget(source int64) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.buckets, source)
}

// later tells a client how many seconds to wait. Tracking API: 429 comes with
// Retry-After and X-RateLimit-Reset, each a number of seconds.
func later(h http.Header, wait time.Duration) {
	seconds := strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
	h.Set("Retry-After", seconds)
	h.Set("X-RateLimit-Reset", seconds)
}
