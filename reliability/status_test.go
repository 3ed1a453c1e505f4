// The status table: what each answer is worth, shown by what the client then does.

package reliability_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// scenario is a script of answers to one batch and what the client makes of it.
// After the script the API answers as it does, or with rest.
type scenario struct {
	name    string
	script  []analyticstest.Answer
	rest    *analyticstest.Answer
	calls   int // in the batch; 0 is 1
	retries int // Config.MaxRetries
	tokens  bool

	// want is the X-Retry-Count of each request; nil does not look.
	want []int
	// fails is the status of the Receipts' error, 0 when the calls are delivered,
	// and broken for an error that is no answer.
	fails int
	// least and most bound the time from the first request to the last. A Backoff
	// of exactly 7 s makes the kind of wait visible; most 0 is least.
	least, most time.Duration
}

const (
	broken  = -1 // scenario.fails: the network's error
	waiting = 7 * time.Second
)

// standingTokens is a TokenSource that counts renewals.
type standingTokens struct {
	mu      sync.Mutex
	renewed int
}

func (s *standingTokens) Token(_ context.Context, renew bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if renew {
		s.renewed++
	}
	return fmt.Sprintf("token-%d", s.renewed), nil
}

func TestStatusScenarios(t *testing.T) {
	table := scenarios()
	for _, s := range table {
		t.Run(s.name, func(t *testing.T) { synctest.Test(t, s.play) })
	}
	apart := map[string]func(*testing.T){
		"a 429 halts other batches":                  otherBatchesHalt,
		"state is cleared by a success":              stateCleared,
		"Close ends in time against endless 429":     closeEnds,
		"one receipt a message of a dropped batch":   oneReceiptEach,
		"Basic authentication, JSON and gzip":        whatIsSent,
		"sentAt fresh, messageId and bytes the same": sameBytes,
	}
	for name, test := range apart {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	n := len(table) + len(apart)
	require.GreaterOrEqual(t, n, 48)
	statuses := everyStatus(t)
	proved(t, "T18", "%d of %d scenarios, %d of 400 statuses", n, n, statuses)
}

// scenarios are those that one script tells.
func scenarios() []scenario {
	const never = analytics.NoRetries
	one := func(code int) []analyticstest.Answer { return analyticstest.Repeat(1, analyticstest.Status(code)) }
	after := func(code int, value string) []analyticstest.Answer {
		return []analyticstest.Answer{{Status: code, RetryAfter: value}}
	}
	always := func(a analyticstest.Answer) *analyticstest.Answer { return &a }
	date := func(d time.Duration) string {
		// A bubble's clock begins here.
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	table := []scenario{
		{name: "success", want: []int{0}},
		{name: "success without a body", script: one(204), want: []int{0}},
		{name: "500 three times", script: analyticstest.Repeat(3, analyticstest.Status(500)), want: []int{0, 1, 2, 3}, least: 21 * time.Second, most: 22 * time.Second},
		{name: "511 without tokens", script: one(511), want: []int{0}, fails: 511},
		{name: "511 with tokens", script: one(511), tokens: true, want: []int{0, 0}},
		{name: "401 with tokens", script: one(401), tokens: true, want: []int{0, 0}},
		{name: "511 for ever with tokens", rest: always(analyticstest.Status(511)), tokens: true, want: []int{0, 0}, fails: 511},
		{name: "429 with Retry-After spends no retry", script: analyticstest.Repeat(5, analyticstest.RetryAfter(429, time.Minute)), retries: 1, want: []int{0, 1, 2, 3, 4, 5}, least: 5 * time.Minute, most: 6 * time.Minute},
		{name: "503 with Retry-After spends no retry", script: analyticstest.Repeat(2, analyticstest.RetryAfter(503, time.Minute)), retries: 1, want: []int{0, 1, 2}, least: 2 * time.Minute},
		{name: "408 with Retry-After", script: after(408, "60"), want: []int{0, 1}, least: time.Minute},
		{name: "529 with Retry-After", script: after(529, "60"), want: []int{0, 1}, least: time.Minute},
		{name: "400 with Retry-After", script: after(400, "60"), want: []int{0}, fails: 400},
		{name: "200 with Retry-After", script: after(200, "60"), want: []int{0}},
		{name: "Retry-After above the cap", script: after(429, "86400"), want: []int{0, 1}, least: 300 * time.Second},
		{name: "Retry-After 0", script: after(429, "0"), want: []int{0, 1}, least: waiting},
		{name: "Retry-After negative", script: after(429, "-60"), want: []int{0, 1}, least: waiting},
		{name: "Retry-After unreadable", script: after(503, "soon"), want: []int{0, 1}, least: waiting},
		{name: "Retry-After a date to come", script: after(503, date(90*time.Second)), want: []int{0, 1}, least: 90 * time.Second},
		{name: "Retry-After a date gone by", script: after(503, date(-time.Hour)), want: []int{0, 1}, least: waiting},
		{name: "retries exhausted", rest: always(analyticstest.Status(500)), retries: 3, want: []int{0, 1, 2, 3}, fails: 500, least: 21 * time.Second, most: 22 * time.Second},
		{name: "NoRetries", rest: always(analyticstest.Status(500)), retries: never, want: []int{0}, fails: 500},
		{name: "NoRetries and Retry-After", rest: always(analyticstest.RetryAfter(429, time.Minute)), retries: never, want: []int{0}, fails: 429},
		{name: "endless 429 ends after 12 h", rest: always(analyticstest.RetryAfter(429, 300*time.Second)), fails: 429, least: 12*time.Hour - 6*time.Minute, most: 12*time.Hour + 6*time.Minute},
		{name: "endless 500 ends after 12 h", rest: always(analyticstest.Status(500)), retries: 1_000_000, fails: 500, least: 12*time.Hour - 2*time.Minute, most: 12*time.Hour + 2*time.Minute},
		{name: "X-Retry-Count over both kinds", script: slices.Concat(one(500), after(429, "60"), one(503), after(503, "60")), want: []int{0, 1, 2, 3, 4}, least: 2*time.Minute + 2*waiting, most: 3 * time.Minute},
		{name: "a 429 keeps the budget", script: slices.Concat(one(500), after(429, "60"), one(500), one(500)), retries: 2, want: []int{0, 1, 2, 3}, fails: 500, least: time.Minute + 2*waiting},
		{name: "connection reset", script: []analyticstest.Answer{analyticstest.CutBefore()}, want: []int{0, 1}, least: waiting},
		{name: "connection reset for ever", rest: always(analyticstest.CutBefore()), retries: 2, want: []int{0, 1, 2}, fails: broken, least: 2 * waiting},
		{name: "no answer in time", script: []analyticstest.Answer{analyticstest.Hang()}, want: []int{0, 1}, least: 10*time.Second + waiting},
		{name: "body of a 503 breaks off", script: []analyticstest.Answer{{Status: 503, RetryAfter: "60", Cut: analyticstest.MidAnswer}}, want: []int{0, 1}, least: time.Minute},
		{name: "body of a 400 breaks off", script: []analyticstest.Answer{analyticstest.CutAnswer(400)}, want: []int{0}, fails: 400},
		{name: "body of a 200 breaks off", script: []analyticstest.Answer{analyticstest.CutAnswer(200)}, want: []int{0}},
		{name: "413 on a batch", script: one(413), calls: 2, want: []int{0, 0, 0}},
		{name: "400 on a batch", script: one(400), calls: 2, want: []int{0, 0, 0}},
		{name: "401 on a batch", script: one(401), calls: 2, want: []int{0}, fails: 401},
	}
	for _, code := range []int{408, 410, 429, 460, 503} {
		table = append(table, scenario{name: fmt.Sprint(code), script: one(code), want: []int{0, 1}, least: waiting})
	}
	for _, code := range []int{301, 307, 400, 401, 403, 404, 413, 501, 505} {
		table = append(table, scenario{name: fmt.Sprint(code), script: one(code), want: []int{0}, fails: code})
	}
	return table
}

func (s scenario) play(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(s.script...)
	if s.rest != nil {
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return *s.rest })
	}
	var told ledger
	calls := max(s.calls, 1)
	config := analytics.Config{
		BatchSize: calls, MaxRetries: s.retries, OnReceipt: told.take,
		Backoff: func(int) time.Duration { return waiting },
	}
	tokens := new(standingTokens)
	if s.tokens {
		config.TokenSource = tokens
	}
	client := inMemory(t, srv, config)
	accept(t, client, 0, calls)
	time.Sleep(13 * time.Hour)
	require.NoError(t, client.Close())

	requests := srv.Requests()
	var counts []int
	for _, r := range requests {
		counts = append(counts, r.RetryCount)
	}
	if s.want != nil {
		require.Equal(t, s.want, counts, "X-Retry-Count of each request")
		require.NotContains(t, requests[0].Header, "X-Retry-Count", "none on the first attempt")
	}
	took := requests[len(requests)-1].At.Sub(requests[0].At)
	require.GreaterOrEqual(t, took, s.least)
	require.LessOrEqual(t, took, max(s.least, s.most))
	if s.tokens {
		require.Equal(t, 1, tokens.renewed)
	}
	for id, r := range told.all(t, calls) {
		var answer *analytics.ResponseError
		switch s.fails {
		case 0:
			require.NoError(t, r.Err, id)
		case broken:
			require.Error(t, r.Err, id)
			require.NotErrorAs(t, r.Err, &answer, id)
		default:
			require.ErrorAs(t, r.Err, &answer, id)
			require.Equal(t, s.fails, answer.StatusCode, id)
		}
		require.Equal(t, s.fails == 0, reached(srv)[id] == 1, id)
	}
}

// everyStatus has one call meet each status, and returns how many were right.
func everyStatus(t *testing.T) (right int) {
	for code := 200; code <= 599; code++ {
		s := scenario{name: fmt.Sprint(code), script: []analyticstest.Answer{analyticstest.Status(code)}, want: []int{0}, fails: code}
		switch {
		case code <= 299:
			s.fails = 0
		case code == 408, code == 410, code == 429, code == 460, code >= 500 && code != 501 && code != 505 && code != 511:
			s.want, s.fails, s.least = []int{0, 1}, 0, waiting
		}
		if t.Run(s.name, func(t *testing.T) { synctest.Test(t, s.play) }) {
			right++
		}
	}
	return right
}

func otherBatchesHalt(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.RetryAfter(429, time.Minute))
	client := inMemory(t, srv, analytics.Config{BatchSize: 1})
	accept(t, client, 0, 1)
	synctest.Wait()
	accept(t, client, 1, 20)
	time.Sleep(time.Minute - time.Nanosecond)
	synctest.Wait()
	require.Len(t, srv.Requests(), 1)
	require.NoError(t, client.Close())
	require.Len(t, srv.Delivered(), 21)
}

// stateCleared has the API fail until the gate is at its slowest, succeed, and
// fail once more: that wait is the first one again.
func stateCleared(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client := inMemory(t, srv, analytics.Config{BatchSize: 1})
	srv.Script(slices.Concat(
		analyticstest.Repeat(9, analyticstest.Status(500)), analyticstest.Repeat(1, analyticstest.Answer{}),
		analyticstest.Repeat(1, analyticstest.Status(500)))...)
	accept(t, client, 0, 1)
	time.Sleep(time.Hour)
	accept(t, client, 1, 1)
	time.Sleep(time.Hour)
	requests := srv.Requests()
	require.Len(t, requests, 12)
	require.LessOrEqual(t, requests[11].At.Sub(requests[10].At), 500*time.Millisecond)
	require.Equal(t, 1, requests[11].RetryCount)
	require.NoError(t, client.Close())
}

func closeEnds(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer {
		return analyticstest.RetryAfter(429, 50*time.Second)
	})
	var told ledger
	client := inMemory(t, srv, analytics.Config{BatchSize: 2, OnReceipt: told.take})
	accept(t, client, 0, 20)
	began := time.Now()
	var e *analytics.ShutdownError
	require.ErrorAs(t, client.Close(), &e)
	require.Equal(t, 75*time.Second, time.Since(began))
	require.Equal(t, 20, e.Undelivered)
	for _, r := range told.all(t, 20) {
		require.ErrorIs(t, r.Err, analytics.ErrDropped)
	}
}

func oneReceiptEach(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.Status(401))
	var told ledger
	client := inMemory(t, srv, analytics.Config{BatchSize: 250, OnReceipt: told.take})
	accept(t, client, 0, 250)
	require.NoError(t, client.Close())
	for _, r := range told.all(t, 250) {
		require.Error(t, r.Err)
	}
	require.Equal(t, uint64(250), client.Stats().Failed.Rejected)
}

func whatIsSent(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client := inMemory(t, srv, analytics.Config{})
	accept(t, client, 0, 1)
	require.NoError(t, client.Close())
	r := srv.Requests()[0]
	require.Equal(t, "POST /v1/batch", r.Method+" "+r.Path)
	require.Equal(t, "Basic V1JJVEVfS0VZOg==", r.Header.Get("Authorization"))
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.True(t, r.Gzip)
	require.Regexp(t, `^headwater-go/`, r.Header.Get("User-Agent"))
}

func sameBytes(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.Status(500), analyticstest.RetryAfter(429, time.Minute), analyticstest.CutAfter())
	client := inMemory(t, srv, analytics.Config{BatchSize: 3})
	accept(t, client, 0, 3)
	require.NoError(t, client.Flush(context.Background()))
	require.NoError(t, client.Close())
	requests := srv.Requests()
	require.Len(t, requests, 4)
	for i, r := range requests {
		require.True(t, r.SentAt.Equal(r.At.Truncate(time.Nanosecond)), "sentAt is the attempt's time")
		for j, c := range r.Calls {
			require.Equal(t, string(requests[0].Calls[j].Raw), string(c.Raw), "attempt %d", i)
		}
	}
}
