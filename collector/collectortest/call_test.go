// Asking a call things.

package collectortest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/collectortest"
)

func TestCallGet(t *testing.T) {
	t.Parallel()
	call := collectortest.Call{Raw: json.RawMessage(track("Order Completed", "m-1"))}
	for path, want := range map[string]any{
		"userId":                    "u-1",
		"properties.revenue":        json.Number("39.95"),
		"properties.products.0.sku": "tea",
		"properties.products.0":     map[string]any{"sku": "tea"},
		"properties.products.1":     nil,
		"properties.products.-1":    nil,
		"properties.products.x":     nil,
		"properties.products.":      nil,
		"properties.gift":           true,
		"properties.note":           nil,
		"userId.length":             nil,
		"nothing.at.all":            nil,
		"":                          nil,
	} {
		require.Equal(t, want, call.Get(path), path)
	}
	require.True(t, call.Has("properties.note"), "null is there")
	require.False(t, call.Has("properties.nothing"))

	require.Equal(t, "u-1", call.Str("userId"))
	require.Empty(t, call.Str("properties.revenue"))
	require.Equal(t, 39.95, call.Float("properties.revenue"))
	require.Zero(t, call.Float("userId"))
	require.Equal(t, int64(3), call.Int("properties.count"))
	require.Zero(t, call.Int("properties.revenue"))
	require.True(t, call.Bool("properties.gift"))
	require.False(t, call.Bool("userId"))
}

// What is no object has nothing in it.
func TestCallGetOfOther(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "null", `"text"`, "7", "{"} {
		call := collectortest.Call{Raw: json.RawMessage(raw)}
		require.Nil(t, call.Get("userId"), raw)
		require.False(t, call.Has("userId"), raw)
	}
	require.Equal(t, json.Number("9007199254740993"), collectortest.Call{Raw: json.RawMessage(`[9007199254740993]`)}.Get("0"))
}

func TestCallString(t *testing.T) {
	t.Parallel()
	for want, call := range map[string]collectortest.Call{
		`track "Order Completed"`:         {Type: "track", Event: "Order Completed", Verdict: "ok"},
		`page`:                            {Type: "page", Verdict: "ok"},
		`identify: no_user_anon_id`:       {Type: "identify", Verdict: "no_user_anon_id"},
		`unknown type: bad_request`:       {Verdict: "bad_request"},
		`track "Debugged": event_setting`: {Type: "track", Event: "Debugged", Verdict: "event_setting"},
	} {
		require.Equal(t, want, call.String())
	}
}
