// What a client does when the API answers, refuses, fails or is away.

package theirs

import (
	"bytes"
	"errors"
	"log"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	analytics "github.com/segmentio/analytics-go/v3"
)

// waits is a RetryAfter that remembers what it was asked.
type waits struct {
	mu    sync.Mutex
	asked []int
}

func (w *waits) after(attempt int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, attempt)
	return time.Microsecond
}

func (w *waits) seen() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// interval sends before Close, although the batch is not full.
func (p program) interval() {
	client, told := p.open("interval", analytics.Config{Interval: 10 * time.Millisecond})
	p.send(client, analytics.Track{MessageId: "alone", UserId: "u-1", Event: "Done"})
	<-told.one
	p.note("interval close", client.Close())
}

// retried meets 500, 500 and 200.
func (p program) retried() {
	w := &waits{}
	client, told := p.open("retried", analytics.Config{BatchSize: 1, RetryAfter: w.after})
	p.send(client, analytics.Track{MessageId: "late", UserId: "u-1", Event: "Done"})
	<-told.one
	p.note("retried waits", w.seen())
	p.note("retried close", client.Close())
}

// refused meets 400.
func (p program) refused() {
	w := &waits{}
	client, told := p.open("refused", analytics.Config{BatchSize: 1, RetryAfter: w.after})
	p.send(client, analytics.Track{MessageId: "bad", UserId: "u-1", Event: "Done"})
	<-told.one
	p.note("refused waits", w.seen())
	p.note("refused close", client.Close())
}

var errAway = errors.New("the API is away")

// transport fails for a while.
type transport struct{ failures atomic.Int32 }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.failures.Add(-1) >= 0 {
		return nil, errAway
	}
	r = r.Clone(r.Context())
	r.Header.Set("X-Program", "yes")
	return http.DefaultTransport.RoundTrip(r)
}

// away is never let through.
func (p program) away() {
	w, seen := &waits{}, &journal{}
	broken := &transport{}
	broken.failures.Store(1000)
	failed := make(chan error, 1)
	client, err := analytics.NewWithConfig("away", analytics.Config{
		Endpoint: p.endpoint, BatchSize: 1, Logger: seen, RetryAfter: w.after, Transport: broken,
		Callback: failures(failed),
	})
	p.note("away new", err)
	p.send(client, analytics.Track{MessageId: "lost", UserId: "u-1", Event: "Done"})
	err = <-failed
	p.note("away attempts", 1000-broken.failures.Load())
	p.note("away waits", w.seen())
	p.note("away error is the transport's", errors.Is(err, errAway))
	if e, ok := err.(*url.Error); ok {
		p.note("away url.Error", e.Op+" "+e.Err.Error())
		p.note("away url.Error holds the transport's", e.Err == errAway)
	}
	p.note("away close", client.Close())
	p.note("away logged errors", seen.errors.Load() > 0)
}

// failures is a Callback that wants bad news only.
type failures chan<- error

// Success implements analytics.Callback.
func (f failures) Success(analytics.Message) {}

// Failure implements analytics.Callback.
func (f failures) Failure(_ analytics.Message, err error) { f <- err }

func (p program) transports() {
	slow := &transport{}
	slow.failures.Store(1)
	client, told := p.open("transports", analytics.Config{
		Interval: time.Millisecond, Transport: slow, RetryAfter: (&waits{}).after,
	})
	p.send(client, analytics.Track{MessageId: "through", UserId: "u-1", Event: "Done"})
	<-told.one
	p.note("transports close", client.Close())
}

// journal is a Logger that counts.
type journal struct{ infos, errors atomic.Int32 }

var _ analytics.Logger = (*journal)(nil)

// Logf implements analytics.Logger.
func (j *journal) Logf(string, ...any) { j.infos.Add(1) }

// Errorf implements analytics.Logger.
func (j *journal) Errorf(string, ...any) { j.errors.Add(1) }

func (p program) loggers() {
	for scenario, verbose := range map[string]bool{"quiet": false, "verbose": true} {
		seen := &journal{}
		client, _ := p.open(scenario, analytics.Config{Logger: seen, Verbose: verbose})
		p.send(client, analytics.Track{MessageId: scenario, UserId: "u-1", Event: "Done"})
		p.note(scenario+" close", client.Close())
		p.note(scenario+" logged", []bool{seen.infos.Load() > 0, seen.errors.Load() > 0})
	}
	var b bytes.Buffer
	logger := analytics.StdLogger(log.New(&b, "program ", 0))
	logger.Logf("%d of %s", 1, "two")
	logger.Errorf("100%%")
	p.note("standard logger", b.String())
}
