// Filters: which calls they block, as what, and which filters make no sense.

package sources_test

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/sources"
)

// F keeps the tables short.
type F = sources.Filter

func decode(t testing.TB, doc string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var m map[string]any
	require.NoError(t, d.Decode(&m))
	return m
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	message := decode(t, `{
		"properties": {"plan": "pro", "n": 12345678901234567890.10, "on": true, "off": false, "nothing": null, "empty": "",
			"address": {"city": "Brno", "geo": {"lat": 49.2}}, "address.zip": "60200", "geo.point": {"x.y": 1},
			"list": [{"sku": "a"}], "a": {"b": "deep"}, "a.b": "flat"},
		"traits": {"ssn": "123-45"}}`)
	for _, c := range []struct {
		filter F
		want   bool
	}{
		{F{}, false},
		{F{Value: "pro"}, false},
		{F{Call: "track"}, true},
		{F{Call: "page"}, false},
		{F{Event: "Order Completed"}, true},
		{F{Event: "order completed"}, false},
		{F{Event: "Order*"}, true},
		{F{Event: "*Completed"}, true},
		{F{Event: "*der*Com*"}, true},
		{F{Event: "Order Completed*"}, true},
		{F{Event: "Order?Completed"}, false},
		{F{Call: "track", Event: "Order"}, false},
		{F{Event: "Order*", Property: "missing"}, false},
		{F{Event: "Cart*", Property: "plan"}, false},
		{F{Call: "track", Event: "Order*", Property: "plan", Value: "p*"}, true},
		{F{Property: "plan"}, true},
		{F{Property: "plan", Value: "free"}, false},
		{F{Property: "empty"}, true},
		{F{Property: "nothing"}, true},
		{F{Property: "nothing", Value: "*"}, false},
		{F{Property: "n", Value: "12345678901234567890.10"}, true},
		{F{Property: "n", Value: "12345678901234567890.1"}, false},
		{F{Property: "on", Value: "true"}, true},
		{F{Property: "off", Value: "f*e"}, true},
		{F{Property: "off", Value: "true"}, false},
		{F{Property: "address.city", Value: "Brno"}, true},
		{F{Property: "address.geo.lat", Value: "49.2"}, true},
		{F{Property: "address.geo", Value: "*"}, false},
		{F{Property: "address.zip", Value: "60200"}, true},
		{F{Property: "geo.point.x.y", Value: "1"}, true},
		{F{Property: "address.street"}, false},
		{F{Property: "plan.x"}, false},
		{F{Property: "list.sku"}, false},
		{F{Property: "a.b", Value: "deep"}, true},
		{F{Property: "a.b", Value: "flat"}, true},
		{F{Property: "ssn"}, false},
		{F{Trait: "ssn", Value: "123*"}, true},
		{F{Trait: "plan"}, false},
		{F{Property: "plan", Trait: "ssn"}, true}, // not accepted, but what it says
		{F{Property: "plan", Trait: "none"}, false},
	} {
		require.Equal(t, c.want, c.filter.Blocks("track", "Order Completed", message), "%+v", c.filter)
	}
	require.False(t, F{Event: "*"}.Blocks("page", "", message), "no name, no match")
	require.False(t, F{Property: "x"}.Blocks("track", "X", nil))
	require.False(t, F{Property: "x"}.Blocks("track", "X", map[string]any{"properties": "x"}))
}

func TestBlock(t *testing.T) {
	t.Parallel()
	asked := 0
	message := func() map[string]any {
		asked++
		return map[string]any{"properties": map[string]any{"plan": "pro"}}
	}
	block := func(filters ...F) (verdict, reason string, blocked bool) {
		return sources.Block(filters, "track", "Order Completed", message)
	}

	_, _, blocked := block()
	require.False(t, blocked)
	_, _, blocked = block(F{Event: "Cart*"}, F{Call: "page", Property: "plan"}, F{})
	require.False(t, blocked)
	verdict, reason, blocked := block(F{Event: "Cart*", Property: "plan"}, F{Event: "Order *"}, F{Property: "plan"})
	require.True(t, blocked)
	require.Equal(t, "event_setting", verdict)
	require.Equal(t, `blocked by a filter of the source: event "Order *"`, reason)
	require.Zero(t, asked, "no filter had to look inside")

	verdict, reason, blocked = block(F{Property: "none"}, F{Trait: "none"}, F{Call: "track", Property: "plan", Value: "p*"})
	require.True(t, blocked)
	require.Equal(t, "schema_violation", verdict)
	require.Equal(t, `blocked by a filter of the source: call track, property "plan" = "p*"`, reason)
	require.Equal(t, 1, asked, "decoded once")

	_, _, blocked = sources.Block([]F{{Property: "plan"}}, "track", "X", nil)
	require.False(t, blocked)
}

func TestFilterCheck(t *testing.T) {
	t.Parallel()
	for _, f := range []F{
		{Call: "alias"}, {Event: "*"}, {Call: "track", Event: "X"}, {Property: "a.b c.д"}, {Trait: "x", Value: "*"},
		{Event: "E", Property: "p", Value: strings.Repeat("é", 200)},
	} {
		require.NoError(t, f.Check(), "%+v", f)
	}
	for _, c := range []struct {
		filter F
		field  string
	}{
		{F{}, ""}, {F{Value: "x"}, "value"}, {F{Event: "x", Value: "x"}, "value"}, {F{Call: "Track"}, "call"}, {F{Call: "batch"}, "call"},
		{F{Property: "a", Trait: "b"}, "trait"}, {F{Call: "page", Event: "Home"}, "event"}, {F{Property: "a..b"}, "property"},
		{F{Property: "."}, "property"}, {F{Trait: ".a"}, "trait"}, {F{Trait: "a."}, "trait"}, {F{Event: "a\nb"}, "event"},
		{F{Event: "\xff"}, "event"}, {F{Property: "a", Value: strings.Repeat("x", 201)}, "value"},
	} {
		requireField(t, c.filter.Check(), c.field)
	}
	r, _ := newRegistry(t)
	_, err := r.Create(t.Context(), "S", sources.Server, "")
	require.NoError(t, err)
	many := make([]F, 101)
	for i := range many {
		many[i].Event = "x"
	}
	requireField(t, r.SetFilters(t.Context(), "s", many), "filters")
	require.NoError(t, r.SetFilters(t.Context(), "s", many[:100]))
}

// Not parallel: AllocsPerRun counts for the whole process.
func TestBlockByNameIsFree(t *testing.T) {
	filters := []F{{Event: "Cart*"}, {Call: "page"}, {Event: "*Viewed", Property: "plan"}}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, _, blocked := sources.Block(filters, "track", "Order Completed", nil); blocked {
			t.Error("blocked")
		}
	}))
}

// Without brackets, question marks and slashes path.Match means the same as a filter.
func FuzzGlob(f *testing.F) {
	for _, c := range [][2]string{{"Order*", "Order Completed"}, {"*a*b*", "xaxbx"}, {"a*a", "a"}, {"**", ""}, {"a*b*c", "abbc"}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if pattern == "" || s == "" || strings.ContainsAny(pattern+s, `[]?\/`) || len(pattern) > 50 || len(s) > 50 {
			return
		}
		want, err := path.Match(pattern, s)
		require.NoError(t, err)
		require.Equal(t, want, F{Event: pattern}.Blocks("track", s, nil))
	})
}

// A path is found when it is made of a value's keys, however they are cut by dots.
func FuzzPath(f *testing.F) {
	f.Add("a.b", "c", "x.y")
	f.Add("", ".", "..")
	f.Fuzz(func(t *testing.T, first, second, third string) {
		message := map[string]any{"properties": map[string]any{first: map[string]any{second: map[string]any{third: json.Number("1")}}}}
		filter := F{Property: fmt.Sprintf("%s.%s.%s", first, second, third), Value: "1"}
		require.True(t, filter.Blocks("track", "X", message))
		filter.Value = "2"
		require.False(t, filter.Blocks("track", "X", message))
		_ = F{Property: second}.Blocks("track", "X", message)
	})
}
