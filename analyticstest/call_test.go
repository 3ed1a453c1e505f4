// Asking a call for what it holds.

package analyticstest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/analyticstest"
)

func received(t *testing.T, path, body string) analyticstest.Call {
	t.Helper()
	srv := analyticstest.NewServer()
	defer srv.Close()
	_, _, err := way{srv, srv.URL, srv.Client(), false}.post(t.Context(), path, body)
	require.NoError(t, err)
	require.Len(t, srv.Calls(), 1)
	return srv.Calls()[0]
}

func TestCallIsAsked(t *testing.T) {
	t.Parallel()
	c := received(t, "/v1/track", `{"userId":"u","event":"E","context":{"app":{"name":"shop"},"active":false},
		"properties":{"revenue":39.95,"big":12345678901234567890,"count":3,"none":null,"at":"2026-03-04T05:06:07+01:00",
		"products":[{"sku":"s-1","quantity":2},{"sku":"s-2","quantity":1}]}}`)

	require.Equal(t, "shop", c.Str("context.app.name"))
	require.Equal(t, "s-2", c.Str("properties.products.1.sku"))
	require.Equal(t, int64(3), c.Int("properties.count"))
	require.Equal(t, 39.95, c.Float("properties.revenue"))
	require.Equal(t, json.Number("12345678901234567890"), c.Get("properties.big"))
	require.Equal(t, time.Date(2026, 3, 4, 4, 6, 7, 0, time.UTC), c.Time("properties.at"))
	require.False(t, c.Bool("context.active"))
	require.True(t, c.Has("context.active"))
	require.True(t, c.Has("properties.none"))
	require.Nil(t, c.Get("properties.none"))

	for _, path := range []string{"nothing", "properties.products.2", "properties.products.-1", "properties.products.x", "event.length", "context.app."} {
		require.False(t, c.Has(path), path)
		require.Nil(t, c.Get(path), path)
	}
	require.Zero(t, c.Int("properties.revenue"), "not whole")
	require.Zero(t, c.Int("properties.big"), "out of range")
	require.Zero(t, c.Int("event"))
	require.Zero(t, c.Float("event"))
	require.Zero(t, c.Str("properties.count"))
	require.Zero(t, c.Time("event"))
	require.False(t, c.Bool("event"))

	var products []struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	}
	require.NoError(t, c.Decode("properties.products", &products))
	require.Equal(t, 2, products[0].Quantity)
	var whole struct {
		UserID string `json:"userId"`
	}
	require.NoError(t, c.Decode("", &whole))
	require.Equal(t, "u", whole.UserID)
	require.EqualError(t, c.Decode("traits", &whole), "analyticstest: track has no traits")
	require.ErrorContains(t, c.Decode("event", &products), "analyticstest: event: json: cannot unmarshal")
}

func TestCallAsText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ path, body, want string }{
		{"/v1/track", `{"userId":"u","event":"Order Completed"}`, `track "Order Completed" of u`},
		{"/v1/identify", `{"userId":"u","anonymousId":"a"}`, `identify of u (a)`},
		{"/v1/page", `{"anonymousId":"a","category":"Docs","name":"Home"}`, `page "Docs" "Home" of a`},
		{"/v1/group", `{"userId":"u","groupId":"g"}`, `group "g" of u`},
		{"/v1/alias", `{"userId":"u","previousId":"a"}`, `alias "a" of u`},
		{"/v1/track", `{"event":"E"}`, `track "E": no_user_anon_id`},
	} {
		require.Equal(t, tt.want, received(t, tt.path, tt.body).String())
	}
}

func TestCallThatIsNoObject(t *testing.T) {
	t.Parallel()
	c := received(t, "/v1/batch", `{"batch":[7]}`)
	require.Equal(t, "bad_request", c.Verdict)
	require.Nil(t, c.Message)
	require.False(t, c.Has(""))
	require.False(t, c.Has("event"))
	require.Equal(t, "7", string(c.Raw))
}
