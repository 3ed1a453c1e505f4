// Recorder: a Transport that keeps what a client sends, for unit tests of the code that makes the calls.

package analyticstest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/headwater-dev/analytics"
)

// Recorder is an analytics.Transport that sends nothing and keeps every call.
// NewRecorder makes one; the zero value is of no use. It needs no closing and
// starts no goroutine. All methods are safe for concurrent use.
type Recorder struct {
	server *Server // the store, and the API's verdict on each call

	mu       sync.Mutex
	failures []error
}

var _ analytics.Transport = (*Recorder)(nil)

// NewRecorder returns a recorder for Config.Transport, where NewClient does not
// fit.
func NewRecorder() *Recorder { return &Recorder{server: NewServer()} }

// NewClient returns a client with a Recorder as its Transport. Close the client
// at the end of the test.
//
// config is copied; nil means the defaults. Where it leaves them zero, three
// fields get the values of a test: BatchSize and MaxConcurrentUploads 1, so that
// each call is sent at once, one after the other, and a Backoff that does not
// wait. The error is an *analytics.FieldError, for a config that has a Transport
// and for what analytics.New refuses.
func NewClient(config *analytics.Config) (*analytics.Client, *Recorder, error) {
	var c analytics.Config
	if config != nil {
		c = *config
	}
	if c.Transport != nil {
		return nil, nil, &analytics.FieldError{Call: "config", Field: "Transport", Reason: "must be nil: NewClient puts its Recorder there"}
	}
	recorder := NewRecorder()
	c.Transport = recorder
	if c.BatchSize == 0 {
		c.BatchSize = 1
	}
	if c.MaxConcurrentUploads == 0 {
		c.MaxConcurrentUploads = 1
	}
	if c.Backoff == nil {
		c.Backoff = func(int) time.Duration { return 0 }
	}
	client, err := analytics.New("TEST", &c)
	if err != nil {
		return nil, nil, err
	}
	return client, recorder, nil
}

// Send implements analytics.Transport: it takes the next error of Fail, or
// records the calls of the batch.
func (r *Recorder) Send(ctx context.Context, b *analytics.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.failure(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.server.URL+"/v1/batch", bytes.NewReader(b.AppendTo(nil)))
	if err != nil {
		return fmt.Errorf("analyticstest: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&memory{r.server}).RoundTrip(req)
	if err != nil {
		return fmt.Errorf("analyticstest: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &analytics.ResponseError{StatusCode: resp.StatusCode}
	}
	return nil
}

// failure takes the next error of the script.
func (r *Recorder) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) == 0 {
		return nil
	}
	err := r.failures[0]
	r.failures = r.failures[1:]
	return err
}

// Fail has the next batches fail, one for each error; a nil lets one pass. What
// fails is not recorded. The client judges an error as any Transport's: an
// *analytics.ResponseError by its status, and another one is retried, so that
// MaxRetries and one more make a call fail for good.
func (r *Recorder) Fail(errs ...error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, errs...)
}

// Calls returns a copy of every call so far, in the order they were sent. A
// client sends on its own goroutine: call Flush before, or WaitCalls instead.
func (r *Recorder) Calls() []Call { return r.server.Calls() }

// Events returns the track calls of one event name so far; see Calls.
func (r *Recorder) Events(name string) []Call { return r.server.Events(name) }

// WaitCalls waits until n calls are recorded and returns all that are, which may
// be more. When ctx ends first, it returns what there is and an error that says
// how many, wrapping the context's.
func (r *Recorder) WaitCalls(ctx context.Context, n int) ([]Call, error) {
	return r.server.WaitCalls(ctx, n)
}

// Reset forgets the calls and the errors of Fail.
func (r *Recorder) Reset() {
	r.mu.Lock()
	r.failures = nil
	r.mu.Unlock()
	r.server.Reset()
}
