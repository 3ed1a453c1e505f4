// Delivery scenarios: Retry-After, backoff, their budgets, and what Flush and Shutdown make of them.

package analytics_test

import (
	"context"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// A bubble begins at midnight UTC, 1 January 2000, which the dates below are
// taken against.
var waitScenarios = []scenario{
	{name: "T06 429 with Retry-After waits and spends no budget", config: analytics.Config{MaxRetries: 1, Backoff: byMinutes},
		script: append(analyticstest.Repeat(5, after(429, "10")), analyticstest.Status(500)),
		at:     append(every(10*time.Second, 6), window{110 * time.Second, 110 * time.Second})},
	{name: "T07 408 with Retry-After", script: []analyticstest.Answer{after(408, "7")}, at: timed(0, 7*time.Second)},
	{name: "T08 503 with Retry-After", script: []analyticstest.Answer{after(503, "8")}, at: timed(0, 8*time.Second)},
	{name: "529 with Retry-After", script: []analyticstest.Answer{after(529, "9")}, at: timed(0, 9*time.Second)},
	{name: "501 with Retry-After", script: []analyticstest.Answer{after(501, "9")}, at: timed(0), status: 501, failed: rejected},
	retried("T09 429 without it backs off", 429),
	{name: "T17 429 keeps the budget", config: analytics.Config{MaxRetries: 2, Backoff: byMinutes},
		script: []analyticstest.Answer{
			analyticstest.Status(500), after(429, "90"), analyticstest.Status(500), after(429, "90"), analyticstest.Status(500),
		},
		at:     timed(0, 60*time.Second, 150*time.Second, 270*time.Second, 360*time.Second),
		status: 500, failed: exhausted},
	{name: "T18 X-Retry-Count over mixed retries", config: analytics.Config{Backoff: byMinutes},
		script: []analyticstest.Answer{
			analyticstest.Status(500), after(429, "5"), analyticstest.CutBefore(), after(503, "5"), analyticstest.Status(408),
		},
		at:     timed(0, 60*time.Second, 65*time.Second, 185*time.Second, 190*time.Second, 370*time.Second),
		counts: []int{0, 1, 2, 3, 4, 5}},
	{name: "T21 endless 429 ends", always: endless(after(429, "300")),
		at: every(5*time.Minute, 12*12+1), status: 429, failed: exhausted},
	{name: "T22 cap 300 s", script: []analyticstest.Answer{after(429, "3600"), after(503, "99999999999999999999")},
		at: timed(0, 300*time.Second, 600*time.Second)},
	{name: "HTTP-date in the future", script: []analyticstest.Answer{after(429, "Sat, 01 Jan 2000 00:00:42 GMT")},
		at: timed(0, 42*time.Second)},
	{name: "HTTP-date in the future, in the two old forms", at: timed(0, 42*time.Second, 84*time.Second),
		script: []analyticstest.Answer{after(503, "Saturday, 01-Jan-00 00:00:42 GMT"), after(503, "Sat Jan  1 00:01:24 2000")}},
	{name: "HTTP-date far in the future is capped", script: []analyticstest.Answer{after(429, "Sun, 02 Jan 2000 00:00:00 GMT")},
		at: timed(0, 300*time.Second)},
	{name: "HTTP-date against the server's own clock", at: timed(0, 10*time.Second),
		script: []analyticstest.Answer{{
			Status: 429, RetryAfter: "Mon, 03 Jan 2000 00:00:10 GMT", Header: http.Header{"Date": {"Mon, 03 Jan 2000 00:00:00 GMT"}},
		}}},
	{name: "HTTP-date in the past counts as absent", at: backingOff(1),
		script: []analyticstest.Answer{after(429, "Fri, 31 Dec 1999 23:59:59 GMT")}},
	{name: "malformed Retry-After counts as absent", at: backingOff(3),
		script: []analyticstest.Answer{after(429, "soon"), after(503, "-5"), after(503, "Sat, 41 Jan 2000 00:00:42 GMT")}},
	{name: "Retry-After 0 counts as absent", script: []analyticstest.Answer{after(429, "0")}, at: backingOff(1)},
	{name: "a 429 halts other batches", config: analytics.Config{BatchSize: 1},
		script: []analyticstest.Answer{after(429, "60")}, act: haltedByLimit},
	{name: "a 429 halts other batches, whatever those in flight are told", config: analytics.Config{BatchSize: 1}, calls: 4,
		script: []analyticstest.Answer{{Status: 429, RetryAfter: "60", Delay: time.Second / 2}},
		always: endless(analyticstest.Delay(time.Second)), act: haltedInFlight},
	{name: "12 h backoff budget", config: analytics.Config{MaxRetries: 1000, Backoff: hourly}, always: endless(analyticstest.Status(500)),
		at: every(time.Hour, 13), status: 500, failed: exhausted},
	{name: "12 h backoff budget: no wait begins that would outlast it", always: endless(analyticstest.Status(500)),
		config: analytics.Config{MaxRetries: 1000, Backoff: func(int) time.Duration { return 5 * time.Hour }},
		at:     every(5*time.Hour, 3), status: 500, failed: exhausted},
	{name: "12 h backoff budget: a wait without end is not begun", script: answers(500),
		config: analytics.Config{Backoff: func(int) time.Duration { return math.MaxInt64 }},
		at:     timed(0), status: 500, failed: exhausted},
	{name: "12 h rate-limit budget", config: analytics.Config{BatchSize: 1}, always: endless(after(503, "300")),
		failed: analytics.FailedStats{Exhausted: 2}, act: limitedSinceTheFirst},
	{name: "state cleared on success: the 12 h of rate limiting", act: limitedTwice},
	{name: "state cleared on success: backoff and retries", config: analytics.Config{MaxRetries: 2},
		script: answers(500, 500, 200, 500, 500, 200), act: failingTwice},
}

// haltedByLimit has nine batches come while the first was told to wait.
func haltedByLimit(t *testing.T, r *rig) {
	synctest.Wait()
	r.api.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Delay(time.Second) })
	track(t, r.Client, 1, 9)
	time.Sleep(time.Minute - 1)
	synctest.Wait()
	require.Len(t, r.api.Requests(), 1, "the whole pipeline waits")
	require.NoError(t, r.Flush(context.Background()))
	in := map[time.Duration]int{}
	for _, at := range r.times() {
		in[at.Truncate(time.Second)]++
	}
	require.Equal(t, 1, in[60*time.Second], "a probe goes first")
	require.Equal(t, 2, in[61*time.Second], "then two")
	require.LessOrEqual(t, in[62*time.Second], 4, "then all that may")
	require.LessOrEqual(t, r.now(), 65*time.Second)
}

// haltedInFlight has three batches succeed whose upload began before a fourth was
// told to wait.
func haltedInFlight(t *testing.T, r *rig) {
	time.Sleep(2 * time.Second)
	require.Equal(t, uint64(3), r.Stats().Delivered)
	track(t, r.Client, 4, 8)
	require.NoError(t, r.Flush(context.Background()))
	over := time.Minute + time.Second/2
	require.Equal(t, []time.Duration{0, 0, 0, 0, over, over + time.Second}, r.times()[:6], "one probe goes first")
}

// limitedSinceTheFirst has a second batch come when the API has been limiting
// for 11 hours: both are given up an hour later.
func limitedSinceTheFirst(t *testing.T, r *rig) {
	time.Sleep(11 * time.Hour)
	track(t, r.Client, 1, 1)
	require.NoError(t, r.Flush(context.Background()))
	require.GreaterOrEqual(t, r.now(), 12*time.Hour)
	require.LessOrEqual(t, r.now(), 12*time.Hour+5*time.Minute)
	require.LessOrEqual(t, len(r.api.Requests()), 12*12+2)
	for _, receipt := range r.told.list() {
		var answer *analytics.ResponseError
		require.ErrorAs(t, receipt.Err, &answer)
		require.Equal(t, 503, answer.StatusCode)
	}
}

// limitedTwice has the API limit for 11 hours, twice, with one success between.
func limitedTwice(t *testing.T, r *rig) {
	for i := range 2 {
		r.api.Script(analyticstest.Repeat(11*12, after(429, "300"))...)
		if i > 0 {
			track(t, r.Client, i, 1)
		}
		require.NoError(t, r.Flush(context.Background()))
		require.Equal(t, time.Duration(i+1)*11*time.Hour, r.now())
		require.Equal(t, uint64(i+1), r.Stats().Delivered)
	}
}

// failingTwice has two batches use up what each has of retries.
func failingTwice(t *testing.T, r *rig) {
	for i := range 2 {
		if i > 0 {
			track(t, r.Client, i, 1)
		}
		began := r.now()
		require.NoError(t, r.Flush(context.Background()))
		times := r.times()[3*i:]
		require.Len(t, times, 3)
		for n, w := range backingOff(2) {
			require.True(t, w.holds(times[n]-began), "batch %d: request %d after %v, not in %v", i, n, times[n]-began, w)
		}
	}
}

// endScenarios are those of Flush and Shutdown.
var endScenarios = []scenario{
	{name: "Close bounded even against endless 429", always: endless(after(429, "300")), act: func(*testing.T, *rig) {},
		at: timed(0), status: 429, failed: analytics.FailedStats{Shutdown: 1}, lost: undelivered(1), check: closedAfter(75 * time.Second)},
	{name: "Close bounded even against endless short 429", always: endless(after(429, "1")), act: func(*testing.T, *rig) {},
		failed: analytics.FailedStats{Shutdown: 1}, lost: undelivered(1), check: func(t *testing.T, r *rig) {
			closedAfter(75*time.Second)(t, r)
			require.LessOrEqual(t, len(r.api.Requests()), 15, "an API that keeps asking is asked less and less")
		}},
	{name: "Close bounded even against a server that hangs", always: endless(analyticstest.Hang()), act: func(*testing.T, *rig) {},
		config: analytics.Config{ShutdownTimeout: 12 * time.Second}, failed: analytics.FailedStats{Shutdown: 1},
		lost: undelivered(1), check: closedAfter(12 * time.Second)},
	{name: "Close outlives a Retry-After of a minute", script: []analyticstest.Answer{after(429, "60")}, act: func(*testing.T, *rig) {},
		at: timed(0, time.Minute), check: closedAfter(time.Minute)},
	{name: "Flush cuts short the backoff running, and no later one", script: answers(500, 500), at: timed(0, time.Minute, 121*time.Minute),
		config: analytics.Config{Backoff: func(retry int) time.Duration { return time.Duration(retry) * time.Hour }},
		act: func(t *testing.T, r *rig) {
			require.ErrorIs(t, r.Flush(within(t, time.Minute)), context.DeadlineExceeded)
			require.NoError(t, r.Flush(context.Background()))
		}},
	{name: "Shutdown cuts short the backoff running, and no later one", script: answers(500, 500), at: timed(0, time.Minute, 121*time.Minute),
		config: analytics.Config{Backoff: func(retry int) time.Duration { return time.Duration(retry) * time.Hour }},
		act: func(t *testing.T, r *rig) {
			require.ErrorIs(t, r.Flush(within(t, time.Minute)), context.DeadlineExceeded)
			require.NoError(t, r.Shutdown(context.Background()))
		}},
	{name: "Retry-After outlives Flush: no request", script: []analyticstest.Answer{after(429, "60")}, at: timed(0, time.Minute),
		act: func(t *testing.T, r *rig) {
			for i := range 3 {
				require.ErrorIs(t, r.Flush(within(t, 5*time.Second)), context.DeadlineExceeded)
				require.Equal(t, time.Duration(i+1)*5*time.Second, r.now())
			}
			require.NoError(t, r.Flush(within(t, time.Hour)))
		}},
	{name: "Retry-After outlives Shutdown: no request", script: []analyticstest.Answer{after(429, "60")}, at: timed(0), status: 429,
		failed: analytics.FailedStats{Shutdown: 1}, lost: undelivered(1),
		act: func(t *testing.T, r *rig) {
			synctest.Wait()
			undelivered(1)(t, r.Shutdown(within(t, 5*time.Second)))
			require.Equal(t, 5*time.Second, r.now())
			time.Sleep(time.Hour)
		}},
	{name: "Retry-After outlives Shutdown by a nanosecond: no request", script: []analyticstest.Answer{after(429, "60")}, at: timed(0),
		status: 429, failed: analytics.FailedStats{Shutdown: 1}, lost: undelivered(1),
		act: func(t *testing.T, r *rig) { undelivered(1)(t, r.Shutdown(within(t, time.Minute-1))) }},
}

// closedAfter checks how long Close took of a rig that did nothing else.
func closedAfter(d time.Duration) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) { require.Equal(t, d, r.now()) }
}

// undelivered checks the error of a Shutdown that gave n calls up.
func undelivered(n int) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		var e *analytics.ShutdownError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, n, e.Undelivered)
		require.Len(t, e.MessageIDs, n)
		require.Zero(t, e.Kept)
	}
}
