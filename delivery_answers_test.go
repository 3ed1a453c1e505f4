// Delivery scenarios: what each answer of the API is worth.

package analytics_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

var (
	rejected  = analytics.FailedStats{Rejected: 1}
	exhausted = analytics.FailedStats{Exhausted: 1}
)

// refusedAtOnce is the scenario of a status that no second attempt can mend.
func refusedAtOnce(name string, status int) scenario {
	return scenario{name: name, script: answers(status), at: timed(0), status: status, failed: rejected}
}

// retried is the scenario of a status that is worth more attempts.
func retried(name string, status int) scenario {
	return scenario{name: name, script: answers(status, status, status), at: backingOff(3)}
}

var answerScenarios = []scenario{
	{name: "T01 success", at: timed(0)},
	{name: "T01 success with any 2xx, whatever the body says", at: timed(0),
		script: []analyticstest.Answer{{Status: 202, Body: `{"success":false}`}}},
	retried("T02 500", 500),
	refusedAtOnce("T03 501", 501),
	refusedAtOnce("T04 505", 505),
	refusedAtOnce("T05 511 without a token source", 511),
	{name: "T05 511 with a token source", script: answers(511),
		config: analytics.Config{TokenSource: &purse{}},
		at:     timed(0, 0), counts: []int{0, 0}, tries: 1, // one attempt: the token is renewed within it
		check: func(t *testing.T, r *rig) {
			for i, want := range []string{"Bearer old", "Bearer new"} {
				require.Equal(t, want, r.api.Requests()[i].Header.Get("Authorization"))
			}
		}},
	{name: "T05 511 that a new token does not end", script: answers(511, 511),
		config: analytics.Config{TokenSource: &purse{}},
		at:     timed(0, 0), counts: []int{0, 0}, tries: 1, status: 511, failed: rejected},
	retried("T10 408", 408),
	retried("T11 410", 410),
	refusedAtOnce("T12 413", 413),
	{name: "T12 413 on a batch", calls: 4, check: inHalves, failed: rejected,
		act: func(t *testing.T, r *rig) {
			r.api.Respond(refuseCall("2", 413))
			require.NoError(t, r.Flush(context.Background()))
		}},
	{name: "T19 400 on a batch", calls: 4, check: inHalves, failed: rejected,
		act: func(t *testing.T, r *rig) {
			r.api.Respond(refuseCall("2", 400))
			require.NoError(t, r.Flush(context.Background()))
		}},
	retried("T13 460", 460),
	refusedAtOnce("T14 404", 404),
	{name: "T15 network error before the request is read", at: backingOff(2),
		script: []analyticstest.Answer{analyticstest.CutBefore(), analyticstest.CutBefore()}},
	{name: "T15 network error after the calls are stored", script: []analyticstest.Answer{analyticstest.CutAfter()}, at: backingOff(1),
		check: func(t *testing.T, r *rig) {
			require.Len(t, r.api.Calls(), 2, "at least once")
			require.Len(t, r.api.Delivered(), 1, "the messageId never changes, so the API drops the duplicate")
		}},
	{name: "T15 timeout", script: []analyticstest.Answer{analyticstest.Hang()},
		at: []window{{}, {10*time.Second + 250*time.Millisecond, 10*time.Second + 500*time.Millisecond}}},
	{name: "T15 certificate error fails at once", failed: rejected, tries: 1, at: []window{},
		config: analytics.Config{HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, x509.UnknownAuthorityError{}
		})}}},
	{name: "T16 retries exhausted", config: analytics.Config{MaxRetries: 3, Backoff: byMinutes}, always: endless(analyticstest.Status(500)),
		at: timed(0, time.Minute, 3*time.Minute, 6*time.Minute), status: 500, failed: exhausted},
	{name: "T16 retries exhausted by default after 10", always: endless(analyticstest.Status(503)),
		at: backingOff(10), status: 503, failed: exhausted},
	refusedAtOnce("T19 400", 400),
	refusedAtOnce("T19 401", 401),
	refusedAtOnce("T19 403", 403),
	{name: "T20 Basic auth", at: timed(0), check: func(t *testing.T, r *rig) {
		request := r.api.Requests()[0]
		require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("WRITE_KEY:")), request.Header.Get("Authorization"))
		require.NotContains(t, string(request.Body), "WRITE_KEY", "the header is enough")
		require.Equal(t, http.MethodPost, request.Method)
		require.Equal(t, "/v1/batch", request.Path)
		require.Equal(t, "application/json", request.Header.Get("Content-Type"))
		require.Equal(t, "headwater-go/"+analytics.Version, request.Header.Get("User-Agent"))
		require.True(t, request.Gzip)
	}},
	redirected("301 is not followed", 301),
	redirected("302 is not followed", 302),
	redirected("303 is not followed", 303),
	redirected("307 is not followed", 307),
	redirected("308 is not followed", 308),
	{name: "NoRetries: one request", config: analytics.Config{MaxRetries: analytics.NoRetries},
		script: answers(500), at: timed(0), status: 500, failed: exhausted},
	{name: "NoRetries: one request, also after a network error", config: analytics.Config{MaxRetries: analytics.NoRetries},
		script: []analyticstest.Answer{analyticstest.CutBefore()}, at: timed(0), failed: exhausted},
	{name: "NoRetries: one request, also with Retry-After", config: analytics.Config{MaxRetries: analytics.NoRetries},
		script: []analyticstest.Answer{after(429, "1")}, at: timed(0), status: 429, failed: exhausted},
	{name: "one failure receipt per message of a dropped batch", calls: 50,
		config: analytics.Config{MaxRetries: 2, Backoff: byMinutes}, always: endless(analyticstest.Status(500)),
		at: timed(0, time.Minute, 3*time.Minute), status: 500, failed: analytics.FailedStats{Exhausted: 50}},
	{name: "body-read error keeps the status", script: []analyticstest.Answer{analyticstest.CutAnswer(401)},
		at: timed(0), status: 401, failed: rejected},
	{name: "body-read error keeps the status and Retry-After", at: timed(0, 7*time.Second),
		script: []analyticstest.Answer{{Status: 503, RetryAfter: "7", Cut: analyticstest.MidAnswer}}},
	{name: "body-read error of a success is a success", script: []analyticstest.Answer{analyticstest.CutAnswer(200)}, at: timed(0)},
}

func redirected(name string, status int) scenario {
	return scenario{
		name: name, at: timed(0), status: status, failed: rejected,
		script: []analyticstest.Answer{{Status: status, Header: http.Header{"Location": {"https://elsewhere.example/v1/batch?token=t"}}}},
		check: func(t *testing.T, r *rig) {
			require.ErrorContains(t, r.told.list()[0].Err, "https://elsewhere.example: set Config.Endpoint")
			require.NotContains(t, r.told.list()[0].Err.Error(), "token")
		},
	}
}

// purse is a TokenSource with one token to renew.
type purse struct{}

func (*purse) Token(_ context.Context, renew bool) (string, error) {
	if renew {
		return "new", nil
	}
	return "old", nil
}

// refuseCall answers with a status whatever holds the call of that id.
func refuseCall(id string, status int) func(*analyticstest.Request) analyticstest.Answer {
	return func(r *analyticstest.Request) (a analyticstest.Answer) {
		for _, call := range r.Calls {
			if call.MessageID == id {
				a.Status = status
			}
		}
		return a
	}
}

// inHalves checks how a batch of four is sent on of which call 2 is refused.
func inHalves(t *testing.T, r *rig) {
	var parts [][]string
	for _, request := range r.api.Requests() {
		require.Zero(t, request.At.Sub(r.began), "splits wait for nothing")
		require.Zero(t, request.RetryCount, "and are no retries")
		var ids []string
		for _, call := range request.Calls {
			ids = append(ids, call.MessageID)
		}
		parts = append(parts, ids)
	}
	require.Equal(t, [][]string{{"0", "1", "2", "3"}, {"0", "1"}, {"2", "3"}, {"2"}, {"3"}}, parts)
	for _, receipt := range r.told.list() {
		require.Equal(t, receipt.MessageID == "2", receipt.Err != nil, "only the one at fault fails")
		require.Equal(t, map[string]int{"0": 2, "1": 2, "2": 3, "3": 3}[receipt.MessageID], receipt.Attempts)
	}
	stats := r.Stats()
	require.Equal(t, uint64(3), stats.Delivered)
	require.Equal(t, uint64(2), stats.Splits)
	require.Equal(t, uint64(5), stats.Requests)
	require.Zero(t, stats.Retries)
}
