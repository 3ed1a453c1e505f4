// The in-memory client: virtual time, and the contract of http.RoundTripper.

package analyticstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/analyticstest"
)

// inBubble runs test with a fresh server in a bubble.
func inBubble(t *testing.T, test func(t *testing.T, w way)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := analyticstest.NewServer()
		defer srv.Close()
		test(t, way{srv, srv.URL, srv.Client(), false})
	})
}

func TestDelayIsVirtual(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w way) {
		w.Script(analyticstest.Delay(30 * time.Second))
		start := time.Now()
		_, _, err := w.post(t.Context(), "/v1/track", trackBody)
		require.NoError(t, err)
		require.Equal(t, 30*time.Second, time.Since(start))
		require.Equal(t, start.Round(0), w.Requests()[0].At, "arrival, not answer")
	})
}

func TestClientGivesUpFirst(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer   analyticstest.Answer
		received int
	}{
		"slow":            {analyticstest.Delay(time.Minute), 0},
		"slow but stored": {analyticstest.Answer{Delay: time.Minute, Store: true}, 1},
		"hangs":           {analyticstest.Hang(), 0},
		"hangs, then cut": {analyticstest.Answer{Hang: true, Cut: analyticstest.BeforeRead}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w way) {
				w.client.Timeout = 10 * time.Second
				w.Script(tt.answer)
				start := time.Now()
				_, _, err := w.post(t.Context(), "/v1/track", trackBody)
				var timeout interface{ Timeout() bool }
				require.ErrorAs(t, err, &timeout)
				require.True(t, timeout.Timeout())
				require.Equal(t, 10*time.Second, time.Since(start))
				require.Len(t, w.Calls(), tt.received)
			})
		})
	}
}

// spy is a body that counts its Closes.
type spy struct {
	io.Reader
	closes atomic.Int32
}

func (s *spy) Close() error {
	s.closes.Add(1)
	return nil
}

func TestBodyIsReadAndClosedOnEveryPath(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(context.Background())
	end()
	for name, tt := range map[string]struct {
		answer analyticstest.Answer
		change func(*http.Request)
		unread bool
	}{
		"answered":           {},
		"refused":            {answer: analyticstest.Status(500)},
		"cut before reading": {answer: analyticstest.CutBefore(), unread: true},
		"cut after":          {answer: analyticstest.CutAfter()},
		"context ended":      {change: func(r *http.Request) { *r = *r.WithContext(ended) }, unread: true},
		"scheme":             {change: func(r *http.Request) { r.URL.Scheme = "ftp" }, unread: true},
		"no host":            {change: func(r *http.Request) { r.URL.Host = "" }, unread: true},
		"no url":             {change: func(r *http.Request) { r.URL = nil }, unread: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := analyticstest.NewServer()
			defer srv.Close()
			srv.Script(tt.answer)
			rest := strings.NewReader(strings.Repeat(" ", 1<<20))
			body := &spy{Reader: rest}
			r, err := http.NewRequest(http.MethodPost, srv.URL+"/v1/track", nil)
			require.NoError(t, err)
			r.Body = body
			if tt.change != nil {
				tt.change(r)
			}
			resp, err := srv.Client().Transport.RoundTrip(r)
			require.NotEqual(t, resp == nil, err == nil, "one or the other")
			require.Equal(t, int32(1), body.closes.Load())
			require.Equal(t, tt.unread, rest.Len() > 0)
			if resp != nil {
				require.Same(t, r, resp.Request)
				require.NoError(t, resp.Body.Close())
			}
		})
	}
}

func TestRequestIsNotChanged(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w way) {
		r := w.request(t.Context(), "/v1/track", trackBody)
		before := r.Header.Clone()
		resp, err := w.client.Transport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, before, r.Header)
		require.Equal(t, w.url+"/v1/track", r.URL.String())
		_, err = resp.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	})
}

func TestContextEndsABodyThatNeverComes(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w way) {
		reader, writer := io.Pipe()
		defer writer.Close()
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(gone) })
		r := w.request(ctx, "/v1/track", "")
		r.Body, r.ContentLength = reader, -1
		_, err := w.client.Do(r)
		require.ErrorIs(t, err, gone)
		require.Empty(t, w.Calls())
	})
}

func TestContextEndsTheAnswersBody(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w way) {
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := w.client.Do(w.request(ctx, "/v1/track", trackBody))
		require.NoError(t, err)
		defer resp.Body.Close()
		cancel()
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestContentLengthIsHeldTo(t *testing.T) {
	t.Parallel()
	for _, declared := range []int64{1, int64(len(trackBody)) - 1, int64(len(trackBody)) + 1} {
		inBubble(t, func(t *testing.T, w way) {
			r := w.request(t.Context(), "/v1/track", trackBody)
			r.ContentLength = declared
			_, err := w.client.Do(r)
			require.ErrorContains(t, err, "ContentLength")
			require.Empty(t, w.Calls())
		})
	}
}

func TestBodyThatFails(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w way) {
		broken := errors.New("broken")
		r := w.request(t.Context(), "/v1/track", "")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{broken})), -1
		_, err := w.client.Do(r)
		require.ErrorIs(t, err, broken)
		require.Equal(t, 1, w.Requests()[0].Wire)
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// The real network is never asked, so a client's default endpoint and its
// redirects can be tested.
func TestEveryHostIsTheServer(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w way) {
		w.url = "https://events.example.net:8443"
		w.Script(analyticstest.Answer{Status: 307, Header: http.Header{"location": {"https://other.example.net/v1/track"}}})
		_, _, err := w.post(t.Context(), "/v1/track", trackBody)
		require.NoError(t, err)
		requests := w.Requests()
		require.Len(t, requests, 2)
		require.Equal(t, "events.example.net:8443", requests[0].Host)
		require.Equal(t, "other.example.net", requests[1].Host)
		w.client.CloseIdleConnections()
		require.Zero(t, w.Connections())
	})
}

func TestMinimalRequest(t *testing.T) {
	t.Parallel()
	srv := analyticstest.NewServer()
	r, err := http.NewRequest("", srv.URL, nil)
	require.NoError(t, err)
	r.Method, r.Header, r.Host = "", nil, ""
	resp, err := srv.Client().Transport.RoundTrip(r)
	require.NoError(t, err)
	require.Equal(t, "404 Not Found", resp.Status)
	require.Equal(t, "GET", srv.Requests()[0].Method)
	require.Equal(t, "analytics.test", srv.Requests()[0].Host)
	srv.Close()
	_, err = srv.Client().Transport.RoundTrip(r)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}
