// What analytics-go v3 gets wrong, shown not to happen here; docs/defects.md lists it by the same numbers.

package analytics_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// newServed returns a client and, in memory, the API it sends to. The client is
// closed by the caller, the server with the test.
func newServed(t testing.TB, config analytics.Config) (*analytics.Client, *analyticstest.Server) {
	t.Helper()
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	config.Endpoint, config.HTTPClient = srv.URL, srv.Client()
	client, err := analytics.New("WRITE_KEY", &config)
	require.NoError(t, err)
	return client, srv
}

func TestDefectS2PermanentAnswersAreNotRetried(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 413, 422, 451, 501, 505} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told receipts
				client, srv := newServed(t, analytics.Config{OnReceipt: told.take})
				srv.Script(analyticstest.Repeat(100, analyticstest.Status(code))...)
				track(t, client, 0, 1)
				began := time.Now()
				require.NoError(t, client.Flush(t.Context()))
				require.NoError(t, client.Close())
				require.Zero(t, time.Since(began))
				require.Len(t, srv.Requests(), 1)
				var answer *analytics.ResponseError
				require.ErrorAs(t, told.list()[0].Err, &answer)
				require.Equal(t, code, answer.StatusCode)
			})
		})
	}
}

func TestDefectS4RedirectsAreFailuresAndNotFollowed(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			var strayed atomic.Int64
			elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
			defer elsewhere.Close()
			here := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/v1/batch", code))
			defer here.Close()
			var told receipts
			client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: here.URL, OnReceipt: told.take})
			require.NoError(t, err)
			track(t, client, 0, 1)
			require.NoError(t, client.Close())
			require.Zero(t, strayed.Load(), "nothing goes where the answer points")
			require.Len(t, told.list(), 1)
			var answer *analytics.ResponseError
			require.ErrorAs(t, told.list()[0].Err, &answer)
			require.Equal(t, code, answer.StatusCode)
			require.ErrorContains(t, told.list()[0].Err, elsewhere.URL, "the error names the target")
			require.Zero(t, client.Stats().Delivered)
		})
	}
}

func TestDefectS5ConnectionsAreReused(t *testing.T) {
	for name, body := range map[string]string{"success": `{"success":true}`, "long": strings.Repeat("x", 60_000)} {
		t.Run(name, func(t *testing.T) {
			srv := analyticstest.NewServer()
			defer srv.Close()
			url, err := srv.Listen("127.0.0.1:0")
			require.NoError(t, err)
			srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Answer{Body: body} })
			client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: url, BatchSize: 1, MaxConcurrentUploads: 1})
			require.NoError(t, err)
			track(t, client, 0, 10)
			require.NoError(t, client.Close())
			require.Len(t, srv.Requests(), 10)
			require.Equal(t, 1, srv.Connections())
		})
	}
}

func TestDefectS10BodiesAreCompressed(t *testing.T) {
	client, srv := newServed(t, analytics.Config{})
	track(t, client, 0, 100)
	require.NoError(t, client.Close())
	for _, r := range srv.Requests() {
		require.True(t, r.Gzip)
		require.Less(t, r.Wire, len(r.Body)/2)
	}
	require.Len(t, srv.Delivered(), 100)
}

func TestDefectS12BackoffIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 20
		waits := map[time.Duration]bool{}
		capped := map[time.Duration]bool{}
		for range clients {
			tape := &tape{answer: status(500)}
			client := newClient(t, tape, analytics.Config{BatchSize: 1})
			track(t, client, 0, 1)
			time.Sleep(time.Hour)
			sent := tape.batches()
			require.Len(t, sent, 11)
			waits[sent[1].at.Sub(sent[0].at)] = true
			last := sent[10].at.Sub(sent[9].at)
			require.GreaterOrEqual(t, last, 30*time.Second)
			require.LessOrEqual(t, last, time.Minute)
			capped[last] = true
			require.NoError(t, client.Close())
		}
		require.Len(t, waits, clients, "no two clients come back at the same moment")
		require.Len(t, capped, clients, "not at the longest wait either")
	})
}

func TestDefectS15DefaultContextMayBeShared(t *testing.T) {
	shared := &analytics.Context{Locale: "cs-CZ", App: analytics.App{Name: "Shop"}, Extra: map[string]any{"tenant": "t-1"}}
	own := &analytics.Context{IP: "203.0.113.7"}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			tape := &tape{}
			client, err := analytics.New("WRITE_KEY", &analytics.Config{Transport: tape, DefaultContext: shared})
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				m := event("E")
				m.Context = own
				if err := client.Track(context.Background(), m); err != nil {
					t.Error(err)
				}
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			for _, body := range tape.bodies() {
				c := body["context"].(map[string]any)
				if c["ip"] != "203.0.113.7" || c["locale"] != "cs-CZ" || c["tenant"] != "t-1" || c["library"] == nil {
					t.Error("not merged:", c)
				}
			}
		})
	}
	wait.Wait()
	require.Empty(t, shared.Library, "neither is written to")
	require.Equal(t, analytics.Context{IP: "203.0.113.7"}, *own)
}

// canary is an io.Writer for a logger, safe to read when the client is closed.
type canary struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (c *canary) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(p)
}

func TestDefectS16NothingOfACallIsLogged(t *testing.T) {
	const secret = "canary@example.com"
	for name, answer := range map[string]analyticstest.Answer{
		"refused":     {Status: 400, Body: secret},
		"failing":     {Status: 503, Body: secret},
		"cut":         analyticstest.CutBefore(),
		"broken off":  analyticstest.CutAnswer(500),
		"redirecting": {Status: 302, Body: secret, Header: http.Header{"Location": {"https://example.org/?email=" + secret}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out canary
				var told receipts
				client, srv := newServed(t, analytics.Config{
					BatchSize: 2, MaxRetries: 1, OnReceipt: func(r analytics.Receipt) { told.take(r); panic(r.MessageID) },
					Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug - 10})),
				})
				srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return answer })
				call := func(value any) error {
					return client.Track(t.Context(), analytics.Track{UserID: secret, Event: "E", Properties: analytics.Properties{"email": secret, "v": value}})
				}
				for range 4 {
					require.NoError(t, call(1))
				}
				errs := []error{call(make(chan int)), call(strings.Repeat(secret, 10_000))}
				require.NoError(t, client.Flush(t.Context()))
				require.NoError(t, client.Close())
				errs = append(errs, call(1))
				for _, r := range told.list() {
					errs = append(errs, r.Err)
				}
				require.Equal(t, uint64(4), client.Stats().Failed.Lost())
				require.Contains(t, out.log.String(), "lost", "that calls are lost is logged")
				for _, text := range []string{out.log.String(), fmt.Sprintf("%+v", client.Stats()), fmt.Sprint(errs)} {
					require.NotContains(t, text, secret)
					require.NotContains(t, text, "WRITE_KEY")
					require.NotContains(t, text, "V1JJVEVfS0VZ", "nor its base64")
				}
			})
		})
	}
}

func TestDefectS18ZeroTimeInAnyZoneIsNow(t *testing.T) {
	for name, zero := range map[string]time.Time{
		"zero": {}, "local": time.Time{}.Local(), "zone": time.Time{}.In(time.FixedZone("east", 3600)),
	} {
		t.Run(name, func(t *testing.T) {
			tape := &tape{}
			client := newClient(t, tape, analytics.Config{Now: func() time.Time { return when }})
			m := event("E")
			m.Timestamp = zero
			require.NoError(t, client.Track(t.Context(), m))
			require.NoError(t, client.Close())
			require.Equal(t, "2026-01-02T03:04:05.678Z", tape.bodies()[0]["timestamp"])
		})
	}
}

func TestDefectS19RequestTimeoutIsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := newServed(t, analytics.Config{RequestTimeout: 2 * time.Second, Backoff: func(int) time.Duration { return 0 }})
		srv.Script(analyticstest.Hang())
		track(t, client, 0, 1)
		began := time.Now()
		require.NoError(t, client.Flush(t.Context()))
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Len(t, srv.Delivered(), 1)
		require.NoError(t, client.Close())
	})
}

func TestDefectS19OnlyTwoHundredsAreSuccess(t *testing.T) {
	for code, delivered := range map[int]uint64{200: 1, 202: 1, 204: 1, 299: 1, 300: 0, 304: 0, 399: 0} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			client, srv := newServed(t, analytics.Config{MaxRetries: analytics.NoRetries})
			srv.Script(analyticstest.Status(code))
			track(t, client, 0, 1)
			require.NoError(t, client.Close())
			require.Equal(t, delivered, client.Stats().Delivered)
		})
	}
}
