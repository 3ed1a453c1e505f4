// Finding a collector: addresses, passwords, one that is late, and what is none.

package collectortest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
	"github.com/headwater-dev/analytics/collector/collectortest"
)

// A collector may stand under a path and have a password.
func TestConnect(t *testing.T) {
	t.Parallel()
	c, err := collector.New(&collector.Options{Password: "s3cret/@"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.WithoutCancel(t.Context()))) })
	host := httptest.NewServer(http.StripPrefix("/headwater", c))
	t.Cleanup(host.Close)

	address, err := url.Parse(host.URL + "/headwater/")
	require.NoError(t, err)
	address.User = url.UserPassword("any", "s3cret/@")
	srv := connect(t, address.String())
	require.Equal(t, host.URL+"/headwater", srv.URL, "without the password: it is for clients")
	send(t, srv, srv.WriteKey, "track", track("Order Completed", "m-1"))
	_, err = srv.Call(t.Context(), "Order Completed")
	require.NoError(t, err)

	_, err = collectortest.Connect(t.Context(), host.URL+"/headwater")
	var refused *collectortest.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusUnauthorized, refused.StatusCode)
	require.EqualError(t, err, "collectortest: list sources: 401: "+refused.Message)
}

func TestConnectAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "collector:8033", "localhost", "ftp://collector", "http://", "http://a:secret@b:c:d", "unix:///run/collector"} {
		_, err := collectortest.Connect(t.Context(), address)
		require.EqualError(t, err, "collectortest: connect: the address must look like http://collector:8033", address)
	}
}

// A collector that comes up while Connect waits is found.
func TestConnectLate(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			panic(http.ErrAbortHandler)
		}
		answer(w, http.StatusOK, `{"sources":[{"id":"a","name":"A","type":"server","writeKey":"k","disabled":true},{"id":"b","name":"B","type":"pixel","writeKey":"l","disabled":false,"createdAt":"2026-03-29T06:49:00Z"}],"later":1}`)
	}))
	t.Cleanup(host.Close)
	srv := connect(t, host.URL)
	require.GreaterOrEqual(t, asked.Load(), int32(3))
	require.Equal(t, "l", srv.WriteKey)
	require.Equal(t, "b", srv.ID)
	require.Equal(t, "B", srv.Name)
	require.Equal(t, "pixel", srv.Type)
	require.Equal(t, time.Date(2026, 3, 29, 6, 49, 0, 0, time.UTC), srv.CreatedAt)
}

func TestConnectNobody(t *testing.T) {
	t.Parallel()
	address := "http://" + unused(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := collectortest.Connect(ctx, address)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.True(t, strings.HasPrefix(err.Error(), "collectortest: connect: no collector at "+address+": context deadline exceeded: "), err)
	var dial *net.OpError
	require.ErrorAs(t, err, &dial)
}

// A wait ends with its ctx. Without a deadline of its own it has one of ten
// seconds, here by the bubble's clock: a refused connection is the one thing of a
// network that works in a bubble.
func TestPatience(t *testing.T) {
	t.Parallel()
	address := "http://" + unused(t)
	for given, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Second: time.Second, 15 * time.Second: 15 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			if given > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), given)
			}
			defer cancel()
			began := time.Now()
			_, err := collectortest.Connect(ctx, address)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, want, time.Since(began))
		})
	}
}

// unused is an address where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func TestConnectSilence(t *testing.T) {
	t.Parallel()
	host := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(host.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := collectortest.Connect(ctx, host.URL)
	require.EqualError(t, err, "collectortest: connect: no collector at "+host.URL+": context deadline exceeded: it does not answer")
}

// Answers that no collector gives, and those it gives when something is wrong,
// end a wait at once. No error shows the write key.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		want   string // of the error, after "collectortest: calls: "
	}{
		"an error":         {status: 404, body: `{"error":"no source has this write key or id"}`, want: "404: no source has this write key or id"},
		"an error in text": {status: 401, body: "The password is missing or wrong.\n", want: "401: The password is missing or wrong."},
		"no words":         {status: 503, want: "503: Service Unavailable"},
		"a long text":      {status: 500, body: strings.Repeat("x", 5000), want: "500: " + strings.Repeat("x", 4096)},
		"a page":           {status: 200, body: "<html>", want: "200: not the answer of a collector"},
		"other JSON":       {status: 200, body: `{"calls":7}`, want: "200: not the answer of a collector"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := fake(t, func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "/api/sources/SECRET%2FKEY/calls?limit=1000", r.RequestURI)
				answer(w, tt.status, tt.body)
			})
			_, err := srv.WaitFor(t.Context(), 1)
			var refused *collectortest.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, tt.status, refused.StatusCode)
			require.EqualError(t, err, "collectortest: calls: "+tt.want)
		})
	}
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		srv := fake(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		_, err := srv.Calls(t.Context())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "SECRET")
	})
	t.Run("half an answer", func(t *testing.T) {
		t.Parallel()
		srv := fake(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			answer(w, http.StatusOK, `{"calls":[`)
		})
		_, err := srv.Calls(t.Context())
		require.Error(t, err)
		var refused *collectortest.Error
		require.False(t, errors.As(err, &refused))
	})
}

// A collector without a source says so, and what to do.
func TestConnectWithoutSource(t *testing.T) {
	t.Parallel()
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, `{"sources":[]}`) }))
	t.Cleanup(host.Close)
	srv := connect(t, host.URL)
	require.Empty(t, srv.WriteKey)
	_, err := srv.Calls(t.Context())
	require.EqualError(t, err, "collectortest: calls: the collector has no source that is enabled; CreateSource makes one")
}

// Numbers that a new collector cannot have yet: a type that is gone.
func TestOverviewChange(t *testing.T) {
	t.Parallel()
	srv := fake(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/sources/SECRET%2FKEY/overview?window=1h", r.RequestURI)
		answer(w, http.StatusOK, `{"window":"1h","received":3,"byType":[{"type":"track","count":2,"change":-50},{"type":"page","count":1,"change":null},{"type":"screen","count":0,"change":-100}]}`)
	})
	o, err := srv.Overview(t.Context(), "1h")
	require.NoError(t, err)
	require.Equal(t, map[string]int{"track": 2, "page": 1}, o.ByType)
	require.Equal(t, map[string]float64{"track": -50, "screen": -100}, o.Change)
}

// fake connects to a collector that has one source, and handler for what is
// asked about it.
func fake(t *testing.T, handler http.HandlerFunc) *collectortest.Server {
	t.Helper()
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/sources" {
			answer(w, http.StatusOK, `{"sources":[{"id":"a","name":"A","type":"server","writeKey":"SECRET/KEY"}]}`)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(host.Close)
	return connect(t, host.URL)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
