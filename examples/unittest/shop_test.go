// How to test code that makes calls: the pattern to copy.

package shop_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
	shop "github.com/headwater-dev/analytics/examples/unittest"
)

// newShop returns a shop whose calls end in srv. The two live in memory: no
// socket, no port, and tests may run in parallel.
func newShop(t *testing.T) (*shop.Shop, *analyticstest.Server) {
	t.Helper()
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	client, err := analytics.New("KEY", srv.Config())
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() }) // before srv.Close: cleanups run last in, first out
	return &shop.Shop{Analytics: client}, srv
}

// The pattern: do something, flush, look at what arrived.
func TestCheckout(t *testing.T) {
	t.Parallel()
	s, srv := newShop(t)

	err := s.Checkout(t.Context(), "user-1", "order-1", shop.Item{SKU: "mug", Price: 11, Quantity: 2}, shop.Item{SKU: "socks", Price: 18.9, Quantity: 1})
	require.NoError(t, err)
	require.NoError(t, s.Analytics.Flush(t.Context()))

	orders := srv.Events("Order Completed")
	require.Len(t, orders, 1)
	order := orders[0]
	require.True(t, order.Accepted(), order.Reason) // not only 200: the API would pass it on
	require.Equal(t, "user-1", order.UserID)
	require.Equal(t, "order-1", order.Str("properties.order_id"))
	require.InDelta(t, 40.9, order.Float("properties.revenue"), 0.001)
	require.Equal(t, "socks", order.Str("properties.products.1.sku"))
}

// That something makes no call is worth a test too. Flush makes it a proof: all
// that was accepted has arrived.
func TestEmptyCartTellsNothing(t *testing.T) {
	t.Parallel()
	s, srv := newShop(t)
	require.ErrorIs(t, s.Checkout(t.Context(), "user-1", "order-1"), shop.ErrEmpty)
	require.NoError(t, s.Analytics.Flush(t.Context()))
	require.Empty(t, srv.Calls())
}

// A call the API would discard is an error where it is made.
func TestCheckoutNeedsUser(t *testing.T) {
	t.Parallel()
	s, _ := newShop(t)
	err := s.Checkout(t.Context(), "", "order-1", shop.Item{SKU: "mug", Price: 11, Quantity: 1})
	var field *analytics.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, "userId", field.Field)
}

// In a bubble of testing/synctest time is virtual: nobody flushes here, the five
// seconds of FlushInterval pass, and the test takes a millisecond.
func TestCallsLeaveByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := newShop(t)
		require.NoError(t, s.Checkout(t.Context(), "user-1", "order-1", shop.Item{SKU: "mug", Price: 11, Quantity: 1}))

		synctest.Wait()
		require.Empty(t, srv.Calls(), "the batch waits for company")

		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Len(t, srv.Calls(), 1)
	})
}

// An outage of a minute, in a millisecond: the API is down, then asks to be left
// alone, then loses the answer. The shop notices nothing, and the order arrives.
func TestCheckoutSurvivesOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, srv := newShop(t)
		srv.Script(
			analyticstest.Status(503),
			analyticstest.RetryAfter(429, time.Minute),
			analyticstest.CutAfter(),
		)
		began := time.Now()
		require.NoError(t, s.Checkout(t.Context(), "user-1", "order-1", shop.Item{SKU: "mug", Price: 11, Quantity: 1}))
		require.Zero(t, time.Since(began), "the customer does not wait")

		require.NoError(t, s.Analytics.Flush(t.Context()))
		require.Greater(t, time.Since(began), time.Minute)
		require.Len(t, srv.Calls(), 2, "the answer was lost, so it was sent again")
		require.Len(t, srv.Delivered(), 1, "with the same messageId, which counts once")
	})
}
