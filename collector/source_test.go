// Whose calls they are, and what the source makes of them.

package collector_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

func TestWriteKey(t *testing.T) {
	t.Parallel()
	const track = `"userId":"u","event":"E"`
	for _, tt := range []struct {
		name, body string
		headers    []string
		want       string // the source; "" for the embedded one, whose call fails
	}{
		{"basic", `{` + track + `}`, []string{"Authorization", basic}, "WRITEKEY1"},
		{"basic without its colon", `{` + track + `}`, []string{"Authorization", "Basic V1JJVEVLRVkx"}, "WRITEKEY1"},
		{"body", `{` + track + `,"writeKey":"body-key"}`, nil, "body-key"},
		{"body in the form of objects-go", `{` + track + `,"write_key":"body-key"}`, nil, "body-key"},
		{"bearer and body", `{` + track + `,"writeKey":"body-key"}`, []string{"Authorization", "Bearer abc.def"}, "body-key"},
		{"none", `{` + track + `}`, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, collector.Options{})
			b.send("/v1/track", tt.body, tt.headers...)
			if tt.want == "" {
				require.Equal(t, []string{"track unknown_source"}, b.verdicts(collector.DefaultWriteKey))
				return
			}
			require.Equal(t, []string{"track ok"}, b.verdicts(tt.want))
			raw := b.calls(tt.want)[0].Raw
			require.NotContains(t, raw, "writeKey", "a key is shown on request only")
			require.NotContains(t, raw, "write_key")
		})
	}
}

func TestKnownKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{KnownKeys: true, Sources: []collector.Source{{Name: "Shop", WriteKey: "WRITEKEY1"}}})
	b.send("/v1/track", `{"userId":"u","event":"E","writeKey":"who"}`)
	b.send("/v1/track", `{"userId":"u","event":"E"}`)
	b.send("/v1/track", `{"userId":"u","event":"E"}`, "Authorization", basic)
	var list struct {
		Sources         []struct{ Name, WriteKey string }
		UnknownKeyCalls int
	}
	b.get("/api/sources", &list)
	require.Len(t, list.Sources, 1)
	require.Equal(t, 2, list.UnknownKeyCalls)
	require.Equal(t, []string{"track ok"}, b.verdicts("WRITEKEY1"))
}

func TestUnknownKeyMakesASource(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ path, body, want string }{
		{"/v1/t", `{"userId":"u","event":"E","writeKey":"k"}`, "website"},
		{"/v1/track", `{"userId":"u","event":"E","writeKey":"k","context":{"library":{"name":"analytics-ios"}}}`, "mobile"},
		{"/v1/track", `{"userId":"u","event":"E","writeKey":"k","context":{"library":{"name":"headwater"}}}`, "server"},
		{"/v1/track", `{"userId":"u","event":"E","writeKey":"k"}`, "http-api"},
	} {
		b := newBench(t, collector.Options{})
		b.send(tt.path, tt.body)
		var list struct {
			Sources []struct{ ID, Type, WriteKey string }
		}
		b.get("/api/sources", &list)
		require.Len(t, list.Sources, 2)
		require.Equal(t, tt.want, list.Sources[1].Type)
		require.Equal(t, "k", list.Sources[1].WriteKey)
		require.NotContains(t, list.Sources[1].ID, "k-", "an address does not tell the key")
	}

	b := newBench(t, collector.Options{})
	for _, key := range []string{"one", "two", "three"} {
		b.send("/v1/track", `{"userId":"u","event":"E","writeKey":"`+key+`"}`)
	}
	var list struct{ Sources []struct{ Name string } }
	b.get("/api/sources", &list)
	require.Equal(t, "[{Default} {New HTTP API} {New HTTP API 2} {New HTTP API 3}]", fmt.Sprint(list.Sources))
}

func TestDisabledAndFiltered(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{Sources: []collector.Source{
		{Name: "Off", WriteKey: "off", Disabled: true},
		{Name: "Shop", WriteKey: "WRITEKEY1", Filters: []collector.Filter{{Event: "Debug *"}, {Property: "internal", Value: "true"}, {Trait: "address.street"}}},
	}})
	b.send("/v1/track", `{"userId":"u","event":"E","writeKey":"off"}`)
	require.Equal(t, []string{"track source_disabled"}, b.verdicts("off"))

	b.send("/v1/batch", `{"batch":[{"type":"track","userId":"u","event":"Debug 1"},{"type":"track","userId":"u","event":"E","properties":{"internal":true}},
		{"type":"identify","userId":"u","traits":{"address":{"street":"x"}}},{"type":"track","userId":"u","event":"E","properties":{"internal":false}}]}`, "Authorization", basic)
	require.Equal(t, []string{"track event_setting", "track schema_violation", "identify schema_violation", "track ok"}, b.verdicts("WRITEKEY1"))
	o := b.overview("WRITEKEY1", "step=filtered")
	require.Equal(t, []int{4, 0, 3, 1}, []int{o.Received, o.Failed, o.Filtered, o.Eligible})
	require.Equal(t, "schema_violation", o.Reasons[0].Verdict)
	require.Equal(t, 2, o.Reasons[0].Count)
}
