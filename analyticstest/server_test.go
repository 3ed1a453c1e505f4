// The server seen by a client: answers, scripts, waits, records, both ways in.

package analyticstest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	const ok, no = `{"success":true}`, `{"success":false}`
	date := "Fri, 31 Dec 2027 23:59:59 GMT"
	for name, tt := range map[string]struct {
		answer   analyticstest.Answer
		status   int // of the answer; 0 when none comes
		body     string
		failure  error // of Do, or of reading the body
		header   map[string]string
		received int
	}{
		"the API's own":     {answer: analyticstest.Answer{}, status: 200, body: ok, received: 1},
		"another 2xx":       {answer: analyticstest.Status(202), status: 202, body: ok, received: 1},
		"no content":        {answer: analyticstest.Status(204), status: 204, received: 1},
		"500":               {answer: analyticstest.Status(500), status: 500, body: no},
		"529":               {answer: analyticstest.Status(529), status: 529, body: no},
		"429":               {answer: analyticstest.RetryAfter(429, 1500*time.Millisecond), status: 429, body: no, header: map[string]string{"Retry-After": "2", "X-RateLimit-Reset": "2"}},
		"503":               {answer: analyticstest.RetryAfter(503, 30*time.Second), status: 503, body: no, header: map[string]string{"Retry-After": "30", "X-RateLimit-Reset": ""}},
		"a date":            {answer: analyticstest.Answer{Status: 429, RetryAfter: date}, status: 429, body: no, header: map[string]string{"Retry-After": date}},
		"a redirect":        {answer: analyticstest.Answer{Status: 307, Header: http.Header{"Location": {"https://elsewhere.example/"}}}, status: 307, body: no, header: map[string]string{"Location": "https://elsewhere.example/"}},
		"a body":            {answer: analyticstest.Answer{Status: 200, Body: "fine"}, status: 200, body: "fine", received: 1},
		"a delay":           {answer: analyticstest.Delay(10 * time.Millisecond), status: 200, body: ok, received: 1},
		"stored, then 500":  {answer: analyticstest.Answer{Status: 500, Store: true}, status: 500, body: no, received: 1},
		"cut before":        {answer: analyticstest.CutBefore(), failure: syscall.ECONNRESET},
		"cut after":         {answer: analyticstest.CutAfter(), failure: syscall.ECONNRESET, received: 1},
		"200 cut midway":    {answer: analyticstest.CutAnswer(200), status: 200, body: `{"succes`, failure: io.ErrUnexpectedEOF, received: 1},
		"429 cut midway":    {answer: analyticstest.Answer{Status: 429, RetryAfter: "5", Cut: analyticstest.MidAnswer}, status: 429, body: `{"succes`, failure: io.ErrUnexpectedEOF, header: map[string]string{"Retry-After": "5"}},
		"delayed, then cut": {answer: analyticstest.Answer{Delay: 10 * time.Millisecond, Cut: analyticstest.AfterStore}, failure: syscall.ECONNRESET, received: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, w way) {
				w.client.CheckRedirect = noRedirect
				w.Script(tt.answer)
				resp, body, err := w.post(t.Context(), "/v1/track", trackBody)
				if tt.failure == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tt.failure)
				}
				if tt.status != 0 {
					require.Equal(t, tt.status, resp.StatusCode)
					require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
					for key, want := range tt.header {
						require.Equal(t, want, resp.Header.Get(key), key)
					}
				}
				require.Equal(t, tt.body, body)
				require.Len(t, w.Calls(), tt.received)
				requests := w.Requests()
				require.Len(t, requests, 1)
				require.Equal(t, tt.status, requests[0].Status)

				_, body, err = w.post(t.Context(), "/v1/track", trackBody)
				require.NoError(t, err, "the script is used up")
				require.Equal(t, ok, body)
			})
		})
	}
}

// Without a script the API's own table of answers holds.
func TestWithoutAScript(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		for _, tt := range []struct {
			path, body, verdict string
			status              int
		}{
			{"/v1/track", trackBody, "accepted", 200},
			{"/v1/track", `{"userId":"u"}`, "event_not_defined", 200},
			{"/v1/batch", `{"batch":[]}`, "empty_batch", 200},
			{"/v1/track", `{`, "bad_request", 400},
			{"/v1/track", `{"x":"` + string(bytes.Repeat([]byte("x"), 40_000)) + `"}`, "bad_request", 400},
			{"/elsewhere", `{}`, "bad_request", 404},
		} {
			resp, _, err := w.post(t.Context(), tt.path, tt.body)
			require.NoError(t, err)
			require.Equal(t, tt.status, resp.StatusCode, tt.path+tt.body)
			last := w.Requests()[len(w.Requests())-1]
			require.Equal(t, tt.status, last.Status)
			require.Equal(t, tt.verdict, last.Verdict)
			require.Equal(t, tt.status != 200, last.Refusal != "")
		}
		calls := w.Calls()
		require.Len(t, calls, 2)
		require.True(t, calls[0].Accepted())
		require.False(t, calls[1].Accepted())
		require.Equal(t, "event is missing", calls[1].Reason)
	})
}

func TestScriptIsTakenInOrderOfArrival(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		const n = 40
		for i := range n {
			w.Script(analyticstest.Status(500 + i))
		}
		seen := make([]int, n)
		var group sync.WaitGroup
		for range n {
			group.Go(func() {
				resp, _, err := w.post(t.Context(), "/v1/track", trackBody)
				if err == nil {
					seen[resp.StatusCode-500]++ // each status is answered once, so no two write the same
				}
			})
		}
		group.Wait()
		for i, request := range w.Requests() {
			require.Equal(t, 500+i, request.Status)
			require.Equal(t, 1, seen[i])
		}
		require.Empty(t, w.Calls())
	})
}

func TestRespond(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		w.Script(analyticstest.Status(503))
		w.Respond(func(r *analyticstest.Request) analyticstest.Answer {
			require.Len(t, w.Requests(), r.RetryCount+1, "the server can be asked")
			if len(r.Calls) > 1 {
				return analyticstest.Status(413)
			}
			r.Calls[0].Message["event"] = "changed"
			return analyticstest.Answer{}
		})
		const item = `{"type":"track","userId":"u","event":"E"}`
		for i, tt := range []struct {
			body string
			want int
		}{
			{`{"batch":[` + item + `]}`, 503},
			{`{"batch":[` + item + `,` + item + `]}`, 413},
			{`{"batch":[` + item + `]}`, 200},
		} {
			r := w.request(t.Context(), "/v1/batch", tt.body)
			r.Header.Set("X-Retry-Count", fmt.Sprint(i))
			resp, err := w.client.Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tt.want, resp.StatusCode)
			require.Equal(t, i, w.Requests()[i].RetryCount)
		}
		require.Equal(t, "E", w.Calls()[0].Message["event"], "Respond gets a copy")

		w.Respond(nil)
		resp, _, err := w.post(t.Context(), "/v1/batch", `{"batch":[`+item+`,`+item+`]}`)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
	})
}

func TestRequestIsRecorded(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		plain := `{"batch":[{"type":"track","userId":"u","event":"E"}],"sentAt":"2026-03-04T05:06:07Z"}`
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		_, err := io.WriteString(zip, plain)
		require.NoError(t, err)
		require.NoError(t, zip.Close())

		r := w.request(t.Context(), "/v1/batch", packed.String())
		r.Header.Set("Content-Encoding", "gzip")
		r.Header.Set("X-Retry-Count", "many")
		before := time.Now()
		resp, err := w.client.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())

		require.Len(t, w.Requests(), 1)
		got := w.Requests()[0]
		require.Equal(t, []any{"POST", "/v1/batch", "KEY", true, packed.Len(), plain, -1, "accepted", 200},
			[]any{got.Method, got.Path, got.WriteKey, got.Gzip, got.Wire, string(got.Body), got.RetryCount, got.Verdict, got.Status})
		require.Equal(t, "http://"+got.Host, w.url)
		require.Equal(t, "Go-http-client/1.1", got.Header.Get("User-Agent"))
		require.Equal(t, time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), got.SentAt)
		require.WithinRange(t, got.At, before.Round(0), time.Now().Round(0))
		require.Len(t, got.Calls, 1)
		require.Equal(t, got.Calls, w.Calls())
		require.Equal(t, got.At, got.Calls[0].ReceivedAt)
	})
}

func TestHangEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		w.Script(analyticstest.Hang(), analyticstest.Answer{Hang: true, Store: true})
		for i := range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, _, err := w.post(ctx, "/v1/track", trackBody)
				failed <- err
			}()
			require.NoError(t, w.WaitRequests(t.Context(), i+1))
			if i == 1 {
				_, err := w.WaitCalls(t.Context(), 1)
				require.NoError(t, err)
			}
			cancel()
			require.ErrorIs(t, <-failed, context.Canceled)
			require.Zero(t, w.Requests()[i].Status)
		}
		require.Len(t, w.Calls(), 1, "only what was stored")
	})
}

func TestCloseEndsHangsDelaysAndWaits(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		w.Script(analyticstest.Hang(), analyticstest.Delay(time.Hour))
		failed := make(chan error, 3)
		for range 2 {
			go func() {
				_, _, err := w.post(t.Context(), "/v1/track", trackBody)
				failed <- err
			}()
		}
		require.NoError(t, w.WaitRequests(t.Context(), 2))
		go func() {
			_, err := w.WaitCalls(t.Context(), 1)
			failed <- err
		}()
		w.Close()
		w.Close()
		for range 3 {
			require.Error(t, <-failed)
		}
		_, _, err := w.post(t.Context(), "/v1/track", trackBody)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		_, err = w.Listen("127.0.0.1:0")
		require.ErrorIs(t, err, analyticstest.ErrClosed)
		require.Len(t, w.Requests(), 2, "what was recorded stays")
	})
}

func TestWait(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		_, _, err := w.post(t.Context(), "/v1/track", trackBody)
		require.NoError(t, err)
		calls, err := w.WaitCalls(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, calls, 1)

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		calls, err = w.WaitCalls(ctx, 3)
		require.EqualError(t, err, "analyticstest: 1 of 3 calls arrived: context deadline exceeded")
		require.Len(t, calls, 1)
		require.ErrorIs(t, w.WaitRequests(ctx, 2), context.DeadlineExceeded)

		w.Close()
		require.EqualError(t, w.WaitRequests(t.Context(), 2), "analyticstest: 1 of 2 requests arrived: analyticstest: server is closed")
		require.NoError(t, w.WaitRequests(t.Context(), 1), "closed or not, it has arrived")
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		hold := make(chan struct{})
		w.Respond(func(*analyticstest.Request) analyticstest.Answer {
			<-hold
			return analyticstest.Answer{}
		})
		answered := make(chan error, 1)
		go func() {
			_, _, err := w.post(t.Context(), "/v1/track", trackBody)
			answered <- err
		}()
		require.NoError(t, w.WaitRequests(t.Context(), 1))
		w.Script(analyticstest.Status(500))
		w.Reset()
		close(hold)
		require.NoError(t, <-answered)
		require.Empty(t, w.Requests())
		require.Empty(t, w.Calls(), "it began before the Reset")

		resp, _, err := w.post(t.Context(), "/v1/track", trackBody)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode, "the script is forgotten")
		require.Len(t, w.Calls(), 1)
		require.Zero(t, w.Calls()[0].Request)
	})
}

func TestDeliveredDropsWhatTheAPIWouldDrop(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		w.Script(analyticstest.CutAfter())
		_, _, err := w.post(t.Context(), "/v1/track", trackBody)
		require.Error(t, err)
		for _, body := range []string{trackBody, `{"userId":"u"}`, `{"userId":"u","event":"Other"}`} {
			_, _, err := w.post(t.Context(), "/v1/track", body)
			require.NoError(t, err)
		}
		require.Len(t, w.Calls(), 4)
		require.Len(t, w.Delivered(), 2)
		require.Len(t, w.Events("Order Completed"), 2)
		require.Len(t, w.Events("Other"), 1)
	})
}

func TestRecordsAreCopies(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		answer := analyticstest.Answer{Status: 200, Header: http.Header{"X-Note": {"one"}}}
		w.Script(answer)
		answer.Header.Set("X-Note", "two")
		resp, _, err := w.post(t.Context(), "/v1/track", trackBody)
		require.NoError(t, err)
		require.Equal(t, "one", resp.Header.Get("X-Note"))

		call, request := w.Calls()[0], w.Requests()[0]
		call.Message["event"], call.Raw[0] = "changed", '#'
		request.Header.Set("Content-Type", "changed")
		request.Body[0] = '#'
		request.Calls[0].Message["event"] = "changed"

		require.Equal(t, "Order Completed", w.Calls()[0].Message["event"])
		require.Equal(t, trackBody, string(w.Calls()[0].Raw))
		require.Equal(t, trackBody, string(w.Requests()[0].Body))
		require.Equal(t, "application/json", w.Requests()[0].Header.Get("Content-Type"))
		require.Equal(t, "Order Completed", w.Requests()[0].Calls[0].Message["event"])
	})
}

// Everything at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w way) {
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for range 5 {
					w.Script(analyticstest.Status(500), analyticstest.Answer{})
					_, _, _ = w.post(t.Context(), "/v1/track", trackBody)
					w.Requests()
					w.Delivered()
					if i == 0 {
						w.Respond(func(r *analyticstest.Request) analyticstest.Answer { return analyticstest.Delay(time.Microsecond) })
					}
				}
			})
		}
		require.NoError(t, w.WaitRequests(t.Context(), 40))
		group.Wait()
		require.Len(t, w.Requests(), 40)
	})
}

func TestServerConfigReachesTheServer(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("KEY", srv.Config())
	require.NoError(t, err)
	require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"}))
	require.NoError(t, client.Close())
	require.Len(t, srv.Events("E"), 1)
	require.NotSame(t, srv.Config(), srv.Config())
}
