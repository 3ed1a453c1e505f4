// Delivery: a real client against a scripted API in virtual time; the tables of scenarios run here.

package analytics_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// TestDelivery runs every scenario that a delivering library is asked to show,
// under the name it has there: T01 to T22, and those without a number.
func TestDelivery(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range slices.Concat(answerScenarios, waitScenarios, endScenarios) {
		require.False(t, seen[s.name], s.name)
		seen[s.name] = true
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, s.run)
		})
	}
}

// rig is a real client and, in memory, the API it sends to.
type rig struct {
	*analytics.Client
	api   *analyticstest.Server
	told  receipts
	began time.Time
}

// newRig makes a rig, in a bubble, whose told collects the Receipts unless the
// config has its own OnReceipt. The test closes the client; where it failed
// before it came to that, the client gives up what it holds.
func newRig(t *testing.T, config analytics.Config) *rig {
	t.Helper()
	r := new(rig)
	if config.OnReceipt == nil {
		config.OnReceipt = r.told.take
	}
	r.start(t, config)
	return r
}

// newDeafRig makes a rig without an OnReceipt.
func newDeafRig(t *testing.T, config analytics.Config) *rig {
	t.Helper()
	r := new(rig)
	r.start(t, config)
	return r
}

func (r *rig) start(t *testing.T, config analytics.Config) {
	t.Helper()
	r.api, r.began = analyticstest.NewServer(), time.Now()
	t.Cleanup(r.api.Close)
	config.Endpoint = r.api.URL
	if config.HTTPClient == nil {
		config.HTTPClient = r.api.Client()
	}
	client, err := analytics.New("WRITE_KEY", &config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Shutdown(ended()) })
	r.Client = client
}

// now is the virtual time since the rig was made.
func (r *rig) now() time.Duration { return time.Since(r.began) }

// times are those at which requests arrived.
func (r *rig) times() (times []time.Duration) {
	for _, request := range r.api.Requests() {
		times = append(times, request.At.Sub(r.began))
	}
	return times
}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// scenario is one row of the tables: what the API answers, and what then has to
// be seen of requests, Receipts and Stats.
type scenario struct {
	name   string
	config analytics.Config
	calls  int // accepted at the start; 1 unless set
	script []analyticstest.Answer
	always *analyticstest.Answer           // once the script is used up; nil is the API's own answer
	act    func(t *testing.T, r *rig)      // Flush unless set
	at     []window                        // when each request is made; nil leaves it to check
	counts []int                           // their X-Retry-Count; 0, 1, 2 … unless set
	tries  int                             // Attempts of the Receipts and Requests of the Stats; len(at) unless set
	status int                             // in the ResponseError of each Receipt
	failed analytics.FailedStats           // all zero: delivered
	lost   func(t *testing.T, close error) // what Close must return; nil unless set
	check  func(t *testing.T, r *rig)      // anything else
}

func (s scenario) run(t *testing.T) {
	r := newRig(t, s.config)
	r.api.Script(s.script...)
	if s.always != nil {
		r.api.Respond(func(*analyticstest.Request) analyticstest.Answer { return *s.always })
	}
	track(t, r.Client, 0, max(s.calls, 1))
	if s.act == nil {
		require.NoError(t, r.Flush(context.Background()))
	} else {
		s.act(t, r)
	}
	err := r.Close()
	if s.lost == nil {
		require.NoError(t, err)
	} else {
		s.lost(t, err)
	}
	stats := r.Stats()
	require.Equal(t, s.failed, stats.Failed)
	require.Equal(t, stats.Accepted, stats.Delivered+stats.Failed.Lost())
	require.Zero(t, stats.QueueEvents)
	require.Zero(t, stats.QueueBytes)
	require.Len(t, r.told.list(), int(stats.Accepted), "a Receipt for each call")
	if s.at != nil {
		s.requests(t, r)
		s.receipts(t, r, stats)
	}
	if s.check != nil {
		s.check(t, r)
	}
}

// requests checks each of them, of a scenario with a single batch.
func (s scenario) requests(t *testing.T, r *rig) {
	requests := r.api.Requests()
	require.Len(t, requests, len(s.at), "requests at %v", r.times())
	for i, request := range requests {
		at := request.At.Sub(r.began)
		require.True(t, s.at[i].holds(at), "request %d at %v, not in %v; all: %v", i, at, s.at[i], r.times())
		count := i
		if s.counts != nil {
			count = s.counts[i]
		}
		require.Equal(t, count, request.RetryCount)
		_, present := request.Header["X-Retry-Count"]
		require.Equal(t, count > 0, present, "X-Retry-Count is absent on the first attempt")
		if request.Body == nil {
			continue // the connection was cut before it was read
		}
		require.True(t, request.SentAt.Equal(request.At), "sentAt is fresh: %v at %v", request.SentAt, request.At)
		require.Len(t, request.Calls, max(s.calls, 1))
		for n, call := range request.Calls {
			require.Equal(t, fmt.Sprint(n), call.MessageID, "the same messageId in every attempt")
		}
	}
}

// receipts checks them, and the Stats, of a scenario with a single batch.
func (s scenario) receipts(t *testing.T, r *rig, stats analytics.Stats) {
	tries := len(s.at)
	if s.tries > 0 {
		tries = s.tries
	}
	told := map[string]bool{}
	for _, receipt := range r.told.list() {
		require.False(t, told[receipt.MessageID], "one Receipt a call")
		told[receipt.MessageID] = true
		require.Equal(t, "track", receipt.Call)
		require.Equal(t, tries, receipt.Attempts)
		require.Equal(t, s.failed.Lost() > 0, receipt.Err != nil, "%v", receipt.Err)
		if s.status != 0 {
			var answer *analytics.ResponseError
			require.ErrorAs(t, receipt.Err, &answer)
			require.Equal(t, s.status, answer.StatusCode)
		}
	}
	require.Equal(t, uint64(max(s.calls, 1)), stats.Accepted)
	require.Equal(t, uint64(1), stats.Batches)
	require.Equal(t, uint64(tries), stats.Requests)
	require.Equal(t, uint64(tries-1), stats.Retries)
	require.Zero(t, stats.Splits)
}

// window is the time span in which something has to happen, both ends included.
type window struct{ from, to time.Duration }

func (w window) holds(d time.Duration) bool { return w.from <= d && d <= w.to }

// timed are windows of no width.
func timed(times ...time.Duration) (w []window) {
	for _, d := range times {
		w = append(w, window{d, d})
	}
	return w
}

// every is n requests, one each d.
func every(d time.Duration, n int) (w []window) {
	for i := range n {
		w = append(w, window{time.Duration(i) * d, time.Duration(i) * d})
	}
	return w
}

// backingOff is a first request, and n more after the default Backoff: 500 ms
// doubling to 60 s, less up to half of it.
func backingOff(n int) []window {
	w := []window{{}}
	step := 500 * time.Millisecond
	for i := range n {
		w = append(w, window{w[i].from + step/2, w[i].to + step})
		step = min(2*step, time.Minute)
	}
	return w
}

// byMinutes is a Backoff without chance: longer than the gate's own, which
// therefore does not show.
func byMinutes(retry int) time.Duration { return time.Duration(retry) * time.Minute }

// hourly is a Backoff that uses 12 hours up soon.
func hourly(int) time.Duration { return time.Hour }

// after answers with a status and a Retry-After header that says value.
func after(status int, value string) analyticstest.Answer {
	return analyticstest.Answer{Status: status, RetryAfter: value}
}

func answers(codes ...int) (script []analyticstest.Answer) {
	for _, code := range codes {
		script = append(script, analyticstest.Status(code))
	}
	return script
}

func endless(a analyticstest.Answer) *analyticstest.Answer { return &a }
