// A collector seen by a test: what arrived, waits, numbers, sources.

package collectortest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
	"github.com/headwater-dev/analytics/collector/collectortest"
)

func TestCalls(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, srv *collectortest.Server) {
		calls, err := srv.Calls(t.Context())
		require.NoError(t, err)
		require.Empty(t, calls)

		began := time.Now().Truncate(time.Second)
		send(t, srv, srv.WriteKey, "track", track("Order Completed", "m-1"))
		send(t, srv, srv.WriteKey, "track", `{"event":"Lost","messageId":"m-2"}`)
		send(t, srv, srv.WriteKey, "page", `{"userId":"u-1","name":"Home","messageId":"m-3"}`)
		send(t, srv, srv.WriteKey, "track", track("Order Completed", "m-1")) // a duplicate

		calls, err = srv.Calls(t.Context())
		require.NoError(t, err)
		require.Len(t, calls, 3)
		texts := []string{}
		for i, c := range calls {
			texts = append(texts, c.String())
			require.Equal(t, fmt.Sprintf("m-%d", i+1), c.MessageID, "in the order they came")
			require.WithinRange(t, c.ReceivedAt, began, time.Now().Add(time.Second))
		}
		require.Equal(t, []string{`track "Order Completed"`, `track "Lost": no_user_anon_id`, `page`}, texts)
		require.True(t, calls[0].Accepted())
		require.Empty(t, calls[0].Reason)
		require.False(t, calls[1].Accepted())
		require.NotEmpty(t, calls[1].Reason)

		events, err := srv.Events(t.Context(), "Order Completed")
		require.NoError(t, err)
		require.Equal(t, calls[:1], events)
	})
}

// A wait that begins before the calls come ends with the last of them.
func TestWaitFor(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, srv *collectortest.Server) {
		const n = 20
		var senders sync.WaitGroup
		for i := range n {
			senders.Go(func() {
				if err := post(t.Context(), srv.URL+"/v1/track", srv.WriteKey, track("Order Completed", fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		calls, err := srv.WaitFor(t.Context(), n)
		senders.Wait()
		require.NoError(t, err)
		require.Len(t, calls, n)

		calls, err = srv.WaitFor(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, calls, n, "all there are")
	})
}

func TestCall(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, srv *collectortest.Server) {
		send(t, srv, srv.WriteKey, "page", `{"userId":"u-1","name":"Order Completed"}`)
		sent := make(chan error, 1)
		go func() {
			sent <- errors.Join(
				post(t.Context(), srv.URL+"/v1/track", srv.WriteKey, track("Order Started", "m-1")),
				post(t.Context(), srv.URL+"/v1/track", srv.WriteKey, track("Order Completed", "m-2")),
				post(t.Context(), srv.URL+"/v1/track", srv.WriteKey, track("Order Completed", "m-3")))
		}()
		call, err := srv.Call(t.Context(), "Order Completed")
		require.NoError(t, err)
		require.NoError(t, <-sent)
		require.Equal(t, "m-2", call.MessageID, "the first")
	})
}

// A wait that ends too early says what came instead.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, srv *collectortest.Server) {
		short := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		_, err := srv.Call(short(), "Order Completed")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, `collectortest: waiting for track "Order Completed", got none: context deadline exceeded`)

		for i := range 6 {
			send(t, srv, srv.WriteKey, "track", track(fmt.Sprint("E", i), fmt.Sprint(i)))
		}
		calls, err := srv.WaitFor(short(), 7)
		require.Len(t, calls, 6)
		require.EqualError(t, err, `collectortest: waiting for 7 calls, got 6 (…; track "E1"; track "E2"; track "E3"; track "E4"; track "E5"): context deadline exceeded`)

		reason := errors.New("the test gave up")
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(reason)
		_, err = srv.WaitFor(ended, 1)
		require.ErrorIs(t, err, reason)

		_, err = srv.WaitFor(t.Context(), 1001)
		require.EqualError(t, err, "collectortest: waiting for 1001 calls: at most 1000 can be waited for; Overview counts more")
	})
}

func TestOverview(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, srv *collectortest.Server) {
		send(t, srv, srv.WriteKey, "track", `{"userId":"u-1","event":"Order Completed","messageId":"m-1","context":{"app":{"version":"1.2.0"}}}`)
		send(t, srv, srv.WriteKey, "track", track("Order Completed", "m-2"))
		send(t, srv, srv.WriteKey, "track", `{"event":"Lost"}`)
		send(t, srv, srv.WriteKey, "page", `{"userId":"u-1","name":"Home"}`)
		send(t, srv, srv.WriteKey, "track", track("Order Completed", "m-2")) // a duplicate
		for window, name := range map[string]string{"": "24h", "10m": "10m", "2w": "2w"} {
			o, err := srv.Overview(t.Context(), window)
			require.NoError(t, err)
			require.Equal(t, name, o.Window)
			require.WithinRange(t, time.Now(), o.From, o.To.Add(time.Minute))
			require.Equal(t, []int{4, 1, 0, 3, 1}, []int{o.Received, o.Failed, o.Filtered, o.Eligible, o.Duplicates})
			require.Equal(t, map[string]int{"track": 3, "page": 1}, o.ByType)
			require.Equal(t, map[string]int{"Order Completed": 2, "Lost": 1, "Unnamed": 1}, o.ByName)
			require.Equal(t, map[string]int{"": 3, "1.2.0": 1}, o.ByVersion)
			require.Empty(t, o.Change)
			received := 0
			for _, p := range o.Series {
				received += p.Received
			}
			require.Equal(t, 4, received)
		}
		_, err := srv.Overview(t.Context(), "1y")
		var refused *collectortest.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusBadRequest, refused.StatusCode)
		require.Contains(t, refused.Message, "24h")
	})
}

func TestSources(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, srv *collectortest.Server) {
		shop, err := srv.CreateSource(t.Context(), "Web Shop", "website")
		require.NoError(t, err)
		require.Equal(t, "Web Shop", shop.Name)
		require.Equal(t, "website", shop.Type)
		require.NotEmpty(t, shop.WriteKey)
		require.NotEqual(t, srv.WriteKey, shop.WriteKey)

		send(t, srv, shop.WriteKey, "track", track("Order Completed", "m-1"))
		_, err = shop.Call(t.Context(), "Order Completed")
		require.NoError(t, err)
		calls, err := srv.Calls(t.Context())
		require.NoError(t, err)
		require.Empty(t, calls, "another source's")

		list, err := srv.Sources(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 2)
		for _, src := range list {
			o, err := src.Overview(t.Context(), "10m")
			require.NoError(t, err)
			require.Equal(t, map[string]int{shop.WriteKey: 1, srv.WriteKey: 0}[src.WriteKey], o.Received)
		}

		_, err = srv.CreateSource(t.Context(), "Shop", "shop")
		var refused *collectortest.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusBadRequest, refused.StatusCode)
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, srv *collectortest.Server) {
		for range 2 {
			send(t, srv, srv.WriteKey, "track", track("Order Completed", "m-1"))
			calls, err := srv.Calls(t.Context())
			require.NoError(t, err)
			require.Len(t, calls, 1, "the messageId was forgotten too")
			require.NoError(t, srv.Reset(t.Context()))
			calls, err = srv.Calls(t.Context())
			require.NoError(t, err)
			require.Empty(t, calls)
		}
	})
}

// Options reach the collector: here it is strict and has a password.
func TestNew(t *testing.T) {
	t.Parallel()
	srv, err := collectortest.New(&collector.Options{
		Strict: true, Password: "s3cret/@",
		Sources: []collector.Source{{Name: "Off", WriteKey: "off", Disabled: true}, {Name: "Shop", WriteKey: "shop"}},
	})
	require.NoError(t, err)
	require.Equal(t, "shop", srv.WriteKey, "the first that is not disabled")
	require.EqualError(t, post(t.Context(), srv.URL+"/v1/track", "unknown", track("Order Completed", "m-1")), "answered 401")
	send(t, srv, "shop", "track", track("Order Completed", "m-2"))
	_, err = srv.Call(t.Context(), "Order Completed")
	require.NoError(t, err)
	require.NoError(t, srv.Close())
	require.NoError(t, srv.Close())

	_, err = srv.WaitFor(t.Context(), 1)
	require.Error(t, err, "it is closed")
	require.NotContains(t, err.Error(), srv.WriteKey)

	_, err = collectortest.New(&collector.Options{RateLimit: -1})
	require.EqualError(t, err, "collectortest: collector: Options.RateLimit is negative")
}

// Closing a collector ends the waits on it, those that are asking and those that
// are waiting to be told.
func TestCloseEndsWait(t *testing.T) {
	t.Parallel()
	srv, err := collectortest.New(nil)
	require.NoError(t, err)
	const n = 20
	waited := make(chan error, n)
	for range n {
		go func() {
			_, err := srv.WaitFor(t.Context(), 2)
			waited <- err
		}()
		send(t, srv, srv.WriteKey, "track", track("Order Completed", "m-1")) // gives the others time to get there
	}
	require.NoError(t, srv.Close())
	for range n {
		err := <-waited
		require.Error(t, err)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	fake := new(tb)
	srv := collectortest.Start(fake)
	require.Empty(t, fake.fatal)
	require.NotEmpty(t, srv.WriteKey)
	send(t, srv, srv.WriteKey, "track", `{"event":"Lost"}`) // answered 200: it is not strict
	require.Len(t, fake.cleanups, 1)
	fake.end()
	require.Empty(t, fake.fatal)
	require.Error(t, post(t.Context(), srv.URL+"/v1/track", srv.WriteKey, track("Order Completed", "m-1")), "it is closed")
}
