// What a message becomes: verdicts, inheritance, numbers, ids, times.

package ingest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	const consent = `"event":"Segment Consent Preference Updated","userId":"u"`
	for _, tt := range []struct {
		call, message string
		want          ingest.Verdict
	}{
		{"identify", `{"userId":"u"}`, ingest.Accepted},
		{"identify", `{"anonymousId":"a","userId":null,"traits":null}`, ingest.Accepted},
		{"identify", `{"userId":"u","traits":{"age":3}}`, ingest.Accepted},
		{"identify", `{}`, ingest.NoUserAnonID},
		{"identify", `{"userId":null}`, ingest.NoUserAnonID},
		{"identify", `{"userId":""}`, ingest.IDNotString},
		{"identify", `{"userId":12}`, ingest.IDNotString},
		{"identify", `{"userId":"u","anonymousId":12}`, ingest.IDNotString},
		{"identify", `{"userId":"u","traits":[]}`, ingest.TraitsNotObject},
		{"identify", `{"userId":"u","properties":7}`, ingest.Accepted}, // not a field of identify
		{"track", `{"userId":"u","event":"E","email":"a@example.org"}`, ingest.Accepted},
		{"track", `{"event":"E"}`, ingest.NoUserAnonID},
		{"track", `{"userId":"u"}`, ingest.EventNotDefined},
		{"track", `{"userId":"u","event":""}`, ingest.EventNotDefined},
		{"track", `{"userId":"u","event":null}`, ingest.EventNotDefined},
		{"track", `{"userId":"u","event":1}`, ingest.EventNotString},
		{"track", `{"userId":"u","event":"E","properties":"p"}`, ingest.PropertiesNotObject},
		{"page", `{"userId":"u"}`, ingest.Accepted},
		{"page", `{"userId":"u","name":"N","category":"C"}`, ingest.Accepted},
		{"page", `{"userId":"u","name":""}`, ingest.NameNotString},
		{"page", `{"userId":"u","name":1}`, ingest.NameNotString},
		{"page", `{"userId":"u","category":""}`, ingest.CategoryNotString},
		{"screen", `{"userId":"u","category":{}}`, ingest.CategoryNotString},
		{"screen", `{"userId":"u","properties":false}`, ingest.PropertiesNotObject},
		{"group", `{"userId":"u","groupId":"g"}`, ingest.Accepted},
		{"group", `{"userId":"u"}`, ingest.IDRequired},
		{"group", `{"groupId":"g"}`, ingest.NoUserAnonID},
		{"group", `{"userId":"u","groupId":9}`, ingest.IDNotString},
		{"group", `{"userId":"u","groupId":"g","traits":1}`, ingest.TraitsNotObject},
		{"alias", `{"userId":"u","previousId":"p"}`, ingest.Accepted},
		{"alias", `{"userId":"u"}`, ingest.IDRequired},
		{"alias", `{"previousId":"p"}`, ingest.IDRequired},
		{"alias", `{"userId":"u","previousId":""}`, ingest.IDNotString},
		{"track", `{` + consent + `}`, ingest.ConsentMissing},
		{"identify", `{` + consent + `}`, ingest.Accepted},
		{"track", `{` + consent + `,"context":{"consent":{"categoryPreferences":[]}}}`, ingest.ConsentNotObject},
		{"track", `{` + consent + `,"context":{"consent":{"categoryPreferences":{"ads":"yes"}}}}`, ingest.ConsentNotBool},
		{"track", `{` + consent + `,"context":{"consent":{"categoryPreferences":{"ads":true},"version":"2"}}}`, ingest.ConsentVersionNotNumber},
		{"track", `{` + consent + `,"context":{"consent":{"categoryPreferences":{"ads":true},"version":2}}}`, ingest.Accepted},
		{"identify", `{"userId":"u","context":{"device":{"advertisingId":7}}}`, ingest.AdvertisingIDNotString},
		{"identify", `{"userId":"u","context":{"device":{"advertisingId":"7"}}}`, ingest.Accepted},
		{"identify", `{"userId":"u","context":"c"}`, ingest.BadRequest},
		{"identify", `{"userId":"u","messageId":"` + strings.Repeat("é", 100) + `"}`, ingest.Accepted},
		{"identify", `{"userId":"u","messageId":"` + strings.Repeat("é", 101) + `"}`, ingest.BadRequest},
		{"identify", `{"userId":"u","type":"track"}`, ingest.Accepted}, // the path wins
	} {
		t.Run(tt.call+tt.message, func(t *testing.T) {
			t.Parallel()
			single := receive(t, "/v1/"+tt.call, tt.message)
			require.Equal(t, tt.want, single.Verdict, single.Calls[0].Reason)
			require.Equal(t, tt.call, single.Calls[0].Type)
			requireOracle(t, single, []byte(tt.message))

			typed := strings.Replace(strings.Replace(tt.message, `,"type":"track"`, "", 1), `{`, `{"type":"`+tt.call+`",`, 1)
			typed = strings.Replace(typed, ",}", "}", 1)
			batched := receive(t, "/v1/batch", `{"batch":[`+typed+`]}`)
			require.Equal(t, tt.want, batched.Calls[0].Verdict, batched.Calls[0].Reason)
			require.Equal(t, tt.call, batched.Calls[0].Type)
		})
	}
}

func TestContextAndIntegrationsAreInherited(t *testing.T) {
	t.Parallel()
	req := receive(t, "/v1/batch", `{
		"context": {"ip":"203.0.113.9","app":{"name":"shop","version":"1"},"device":{"advertisingId":7}},
		"integrations": {"All":false,"Mixpanel":{"a":1,"b":2}},
		"batch": [
			{"type":"identify","userId":"u","context":{"app":{"version":"2"},"device":null},"integrations":{"Mixpanel":{"b":3}}},
			{"type":"identify","userId":"u"},
			{"type":"identify","userId":"u","context":null,"integrations":true}]}`)

	first := req.Calls[0].Message()
	require.Equal(t, map[string]any{
		"ip": "203.0.113.9", "app": map[string]any{"name": "shop", "version": "2"}, "device": nil,
	}, first["context"])
	require.Equal(t, map[string]any{
		"All": false, "Mixpanel": map[string]any{"a": json.Number("1"), "b": json.Number("3")},
	}, first["integrations"])
	require.JSONEq(t, `{"ip":"203.0.113.9","app":{"name":"shop","version":"1"},"device":{"advertisingId":7}}`,
		encode(t, req.Calls[1].Message()["context"]))
	require.Equal(t, req.Calls[1].Message()["context"], req.Calls[2].Message()["context"])
	require.Equal(t, true, req.Calls[2].Message()["integrations"])

	require.Equal(t, ingest.AdvertisingIDNotString, req.Calls[1].Verdict, "what is inherited is judged")
	require.Equal(t, ingest.AdvertisingIDNotString, req.Calls[2].Verdict)

	first["context"].(map[string]any)["ip"] = "changed"
	require.Equal(t, "203.0.113.9", req.Calls[0].Message()["context"].(map[string]any)["ip"], "each map is the caller's own")
}

func TestNullHidesWhatIsInherited(t *testing.T) {
	t.Parallel()
	req := receive(t, "/v1/batch", `{"context":{"device":{"advertisingId":7}},"batch":[
		{"type":"identify","userId":"u","context":{"device":{"advertisingId":null}}}]}`)
	require.Equal(t, ingest.Accepted, req.Verdict)

	req = receive(t, "/v1/batch", `{"context":{"device":{"advertisingId":7},"app":{"version":"1"},"direct":true},"batch":[
		{"type":"identify","userId":"u","context":{"device":null,"app":null,"direct":null}}]}`)
	c := req.Calls[0]
	require.Equal(t, ingest.Accepted, c.Verdict, "the verdict is on what Message returns")
	require.Equal(t, map[string]any{"device": nil, "app": nil, "direct": nil}, c.Message()["context"])
	require.Empty(t, c.AppVersion)
	require.False(t, c.Direct)
}

func TestRawAndDigitsAreKept(t *testing.T) {
	t.Parallel()
	const message = `{ "type":"track", "userId":"u", "event":"E","properties":{"big":12345678901234567890,"price":1.10,"tiny":1e-400,"t":"\u00e9<&>"} }`
	body := `{"batch":[  ` + message + `  ,{"type":"track"}]}`
	req := receive(t, "/v1/batch", body)
	require.Equal(t, message, string(req.Calls[0].Raw))
	properties := req.Calls[0].Message()["properties"].(map[string]any)
	require.Equal(t, json.Number("12345678901234567890"), properties["big"])
	require.Equal(t, json.Number("1.10"), properties["price"])
	require.Equal(t, json.Number("1e-400"), properties["tiny"])
	require.Equal(t, "é<&>", properties["t"])

	single := ` {"userId":"u","event":"E","writeKey":"k"} `
	req = receive(t, "/v1/track", single)
	require.Equal(t, single, string(req.Calls[0].Raw))
	require.NotContains(t, req.Calls[0].Message(), "writeKey")
	require.NotContains(t, receive(t, "/v1/track", `{"write_key":"k"}`).Calls[0].Message(), "write_key")
}

// A batch is taken apart without copying its messages, so what shares memory
// must not be able to reach its neighbours.
func TestOnlyRawAndEnvelopeShareMemoryWithTheBody(t *testing.T) {
	t.Parallel()
	body := []byte(`{"context":{"app":{"version":"1"}},"sentAt":"2026-03-04T05:06:07Z","writeKey":"K","batch":[` +
		`{"type":"track","userId":"u","event":"E","messageId":"m"},{"type":"page","userId":"u"}]}`)
	before := string(body)
	req, err := ingest.Decode("batch", http.Header{}, body, received)
	require.NoError(t, err)
	_ = append(req.Calls[0].Raw, "#####"...)
	_ = append(req.Calls[0].Envelope.Context, "#####"...)
	_ = append(req.Calls[0].Envelope.SentAt, "#####"...)
	require.Equal(t, before, string(body))

	c := req.Calls[0]
	for i := range body {
		body[i] = '#'
	}
	require.Equal(t, "track u E m 1 K", strings.Join([]string{c.Type, c.UserID, c.Event, c.MessageID, c.AppVersion, req.WriteKey}, " "))
	require.Equal(t, "#", string(c.Raw[:1]))
	require.Same(t, c.Envelope, req.Calls[1].Envelope)
}

func TestMessageIDIsAssignedWhenMissing(t *testing.T) {
	t.Parallel()
	req := receive(t, "/v1/batch", `{"batch":[{"messageId":"m-1","type":"track"},{"type":"track"},{"messageId":7},3]}`)
	require.Equal(t, "m-1", req.Calls[0].MessageID)
	require.False(t, req.Calls[0].Assigned)
	seen := map[string]bool{}
	for _, c := range req.Calls[1:] {
		require.Len(t, c.MessageID, 36)
		require.True(t, c.Assigned)
		seen[c.MessageID] = true
	}
	require.Len(t, seen, 3)
	require.Equal(t, req.Calls[1].MessageID, req.Calls[1].Message()["messageId"])
	require.Nil(t, req.Calls[3].Message())
}

func TestFieldsOfACall(t *testing.T) {
	t.Parallel()
	c := receive(t, "/v1/batch", `{"sentAt":"2026-03-04T05:06:06Z","batch":[{"type":"page","messageId":"m","userId":"u","anonymousId":"a",
		"previousId":"p","groupId":"g","event":"e","name":"n","category":"c","timestamp":"2026-03-04T05:00:00+01:00"}]}`).Calls[0]
	require.Equal(t, "page m u a p g e n c", strings.Join([]string{
		c.Type, c.MessageID, c.UserID, c.AnonymousID, c.PreviousID, c.GroupID, c.Event, c.Name, c.Category}, " "))
	require.Equal(t, received, c.ReceivedAt)
	require.Equal(t, time.Date(2026, 3, 4, 4, 0, 0, 0, time.UTC), c.OriginalTimestamp)
	require.Equal(t, received.Add(-1800*time.Millisecond), c.SentAt)
	require.Equal(t, c.OriginalTimestamp.Add(1800*time.Millisecond), c.Timestamp)

	m := c.Message()
	require.Equal(t, "2026-03-04T05:00:00+01:00", m["originalTimestamp"])
	require.Equal(t, "2026-03-04T04:00:01.800Z", m["timestamp"])
	require.Equal(t, "2026-03-04T05:06:06Z", m["sentAt"])
	require.Equal(t, "2026-03-04T05:06:07.800Z", m["receivedAt"])
}

func TestAppVersionAndDirect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		inherited, own string
		version        string
		direct         bool
	}{
		{`{}`, `{}`, "", false},
		{`{}`, `{"app":{"version":"1"},"direct":true}`, "1", true},
		{`{"app":{"version":"1"},"direct":true}`, `{}`, "1", true},
		{`{"app":{"version":"1"},"direct":true}`, `null`, "1", true},
		{`{"app":{"version":"1"},"direct":true}`, `"c"`, "", false},
		{`{"app":{"version":"1"},"direct":true}`, `{"app":{"version":"2"},"direct":false}`, "2", false},
		{`{"app":{"version":"1"},"direct":true}`, `{"app":{"name":"n"},"ip":"::1"}`, "1", false},
		{`{"app":{"version":"1"},"ip":"::1"}`, `{"app":"a","direct":true}`, "", false},
		{`{"ip":"::1"}`, `{"app":{"version":3},"direct":true,"ip":null}`, "", true},
		{`[]`, `{"direct":"true"}`, "", false},
	} {
		c := receive(t, "/v1/batch", `{"context":`+tt.inherited+`,"batch":[{"type":"page","userId":"u","context":`+tt.own+`}]}`).Calls[0]
		require.Equal(t, tt.version, c.AppVersion, tt)
		require.Equal(t, tt.direct, c.Direct, tt)
	}
}

func TestOriginIsFilledIn(t *testing.T) {
	t.Parallel()
	origin := ingest.Origin{IP: "203.0.113.9", UserAgent: "curl"}
	for _, tt := range []struct {
		origin                 ingest.Origin
		inherited, own, wanted string
	}{
		{origin, `{}`, `{"locale":"de"}`, `{"ip":"203.0.113.9","locale":"de","userAgent":"curl"}`},
		{origin, `null`, `null`, `{"ip":"203.0.113.9","userAgent":"curl"}`},
		{origin, `{"ip":"::1"}`, `{"userAgent":"mine"}`, `{"ip":"::1","userAgent":"mine"}`},
		{origin, `{}`, `{"ip":null,"userAgent":""}`, `{"ip":"203.0.113.9","userAgent":""}`},
		{origin, `{}`, `"c"`, `"c"`},
		{ingest.Origin{IP: "::2"}, `{}`, `{}`, `{"ip":"::2"}`},
		{ingest.Origin{}, `null`, `null`, `null`},
	} {
		c := receive(t, "/v1/batch", `{"context":`+tt.inherited+`,"batch":[{"type":"page","userId":"u","context":`+tt.own+`}]}`).Calls[0]
		m := c.Message()
		tt.origin.Fill(m)
		require.JSONEq(t, tt.wanted, encode(t, m["context"]))
	}
	require.NotPanics(t, func() { origin.Fill(nil) }, "of a message that is no object")
}

// What a store keeps of a call is enough.
func TestMessageOfAStoredCall(t *testing.T) {
	t.Parallel()
	req := receive(t, "/v1/batch", `{"sentAt":"2026-03-04T05:06:06Z","context":{"ip":"::1","app":{"name":"shop"}},"integrations":{"All":false},"batch":[
		{"type":"page","userId":"u","timestamp":"2026-03-04T05:00:00+01:00","context":{"app":{"version":"1"}}},
		{"type":"page","userId":"u","originalTimestamp":"2026-03-04T04:00:00Z","timestamp":"then","sentAt":"2026-03-04T04:00:01Z"},
		{"type":"page","userId":"u","originalTimestamp":"then","timestamp":"2026-03-04T04:00:00Z","sentAt":7},
		{"type":"other","messageId":"m"}, 7]}`)
	req.Calls = append(req.Calls, receive(t, "/v1/track", `{"userId":"u","event":"E","type":"page","writeKey":"K"}`).Calls...)
	for _, c := range req.Calls {
		stored := ingest.Call{
			Type: c.Type, MessageID: c.MessageID, ReceivedAt: c.ReceivedAt, Raw: c.Raw, Envelope: c.Envelope,
		}
		require.Equal(t, c.Message(), stored.Message())
		if m := c.Message(); m != nil {
			require.Equal(t, c.Timestamp.Format("2006-01-02T15:04:05.000Z"), m["timestamp"])
		}
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
