// What only a real socket shows: connections kept, reset, refused.

package analyticstest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/analyticstest"
)

func TestConnectionsAreKeptAlive(t *testing.T) {
	t.Parallel()
	srv := analyticstest.NewServer()
	defer srv.Close()
	url, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	w := way{srv, url, &http.Client{Transport: transport}, true}
	require.Zero(t, srv.Connections())
	srv.Script(analyticstest.Repeat(3, analyticstest.Status(500))...)
	for range 3 {
		_, _, err := w.post(t.Context(), "/v1/batch", strings.Repeat(" ", 2<<20))
		require.NoError(t, err)
	}
	require.Equal(t, 1, srv.Connections(), "a large body is read to its end, so the connection stays")

	srv.Script(analyticstest.CutBefore())
	r := w.request(t.Context(), "/v1/track", trackBody)
	r.GetBody = nil // net/http repeats a request it can rewind when a kept connection dies
	_, err = w.client.Do(r)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, _, err = w.post(t.Context(), "/v1/track", trackBody)
	require.NoError(t, err)
	require.Equal(t, 2, srv.Connections(), "a cut one does not")
	srv.Reset()
	require.Equal(t, 2, srv.Connections())
}

func TestListenTwiceAndOnNothing(t *testing.T) {
	t.Parallel()
	srv := analyticstest.NewServer()
	defer srv.Close()
	for range 2 {
		url, err := srv.Listen("127.0.0.1:0")
		require.NoError(t, err)
		transport := &http.Transport{DisableKeepAlives: true}
		_, _, err = way{srv, url, &http.Client{Transport: transport}, true}.post(t.Context(), "/v1/track", trackBody)
		require.NoError(t, err)
	}
	require.Len(t, srv.Calls(), 2)
	_, err := srv.Listen("not an address")
	require.ErrorContains(t, err, "analyticstest: listen tcp")
}

// Mounted where no connection can be taken over, a cut is net/http's own abort.
func TestHandlerWithoutHijack(t *testing.T) {
	t.Parallel()
	srv := analyticstest.NewServer()
	serve := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/v1/track", strings.NewReader(trackBody))
		r.Header.Set("Content-Type", "application/json")
		srv.Handler().ServeHTTP(w, r)
		return w
	}
	require.Equal(t, `{"success":true}`, serve().Body.String())
	require.Equal(t, "unknown_source", srv.Calls()[0].Verdict, "no write key was sent")

	srv.Script(analyticstest.CutAfter(), analyticstest.CutAnswer(200))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { serve() })
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { serve() })
	srv.Close()
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { serve() })
	require.Len(t, srv.Calls(), 3)
}
