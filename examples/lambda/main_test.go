// Each invocation finds its calls delivered, in an outage too.

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

func TestEveryInvocationDelivers(t *testing.T) {
	h, srv := newHandler(t)
	for n := range 5 {
		id := fmt.Sprintf("o-%d", n)
		answer, err := h.Handle(t.Context(), Order{Customer: "u-1", Order: id, Total: 10})
		require.NoError(t, err)
		require.Equal(t, Confirmation{Order: id, Confirmed: true}, answer)

		// No wait: it is there when Handle has returned.
		calls := srv.Calls()
		require.Len(t, calls, n+1)
		require.Equal(t, id, calls[n].Str("properties.order_id"))
	}
}

func TestFailuresAreRetriedWithinTheInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, srv := newHandler(t)
		srv.Script(analyticstest.Status(503), analyticstest.CutAfter(), analyticstest.Status(500))
		invokeOnce(t, h, "o-1")
		require.Len(t, srv.Delivered(), 1)
	})
}

// TestOutage: an invocation ends in time without the API, and a later one
// delivers what it left behind.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, srv := newHandler(t)
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() })
		began := time.Now()
		invokeOnce(t, h, "o-1")
		require.Equal(t, timeLimit-reserve, time.Since(began))
		require.Empty(t, srv.Calls())

		srv.Respond(nil)
		time.Sleep(time.Minute) // the bubble's time: until the next customer comes
		invokeOnce(t, h, "o-2")
		require.Len(t, srv.Delivered(), 2)
	})
}

func TestRepeatedInvocationCountsOnce(t *testing.T) {
	h, srv := newHandler(t)
	for range 2 {
		_, err := h.Handle(t.Context(), Order{Customer: "u-1", Order: "o-1"})
		require.NoError(t, err)
	}
	require.Len(t, srv.Calls(), 2)
	require.Len(t, srv.Delivered(), 1)
}

func TestProgram(t *testing.T) {
	var out bytes.Buffer
	in := `{"customer":"u-1","order":"o-1","total":1}` + "\n" + `{"customer":"u-2","order":"o-2","total":2}`
	require.NoError(t, run(strings.NewReader(in), &out))
	require.Contains(t, out.String(), `{"order":"o-2","confirmed":true}`)
	require.Contains(t, out.String(), "received 2 calls")
	require.Error(t, run(strings.NewReader("no order"), &out))
}

func newHandler(t *testing.T) (*handler, *analyticstest.Server) {
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	client, err := newClient("KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return &handler{client: client}, srv
}

// invokeOnce calls the handler as the runtime does, with the time limit as deadline.
func invokeOnce(t *testing.T, h *handler, order string) {
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	answer, err := h.Handle(ctx, Order{Customer: "u-1", Order: order})
	require.NoError(t, err)
	require.True(t, answer.Confirmed)
}
