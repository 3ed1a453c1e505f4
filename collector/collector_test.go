// The collector from outside: what goes in, what is answered, what is kept.

package collector_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

func TestEveryEntranceTakesItsCall(t *testing.T) {
	t.Parallel()
	const ids = `"userId":"u","anonymousId":"a"`
	bodies := map[string]string{
		"identify": `{` + ids + `,"traits":{"plan":"pro"}}`,
		"track":    `{` + ids + `,"event":"E","properties":{"n":1}}`,
		"page":     `{` + ids + `,"name":"Home"}`,
		"screen":   `{` + ids + `,"name":"Main"}`,
		"group":    `{` + ids + `,"groupId":"g"}`,
		"alias":    `{"userId":"u","previousId":"p"}`,
	}
	paths := map[string]string{"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}
	for name := range bodies {
		paths[name] = name
	}
	for path, name := range paths {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, collector.Options{})
			b.send("/v1/"+path, bodies[name], "Authorization", basic)
			got := b.calls("WRITEKEY1")
			require.Len(t, got, 1)
			require.Equal(t, []string{name, "ok"}, []string{got[0].Type, got[0].Verdict})
			require.Equal(t, at, got[0].ReceivedAt)
			require.Equal(t, name, got[0].Raw["type"])
		})
	}
	for _, path := range []string{"batch", "import", "b"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, collector.Options{})
			var items []string
			for _, name := range []string{"identify", "track", "page", "screen", "group", "alias"} {
				items = append(items, `{"type":"`+name+`",`+bodies[name][1:])
			}
			b.send("/v1/"+path, `{"batch":[`+strings.Join(items, ",")+`]}`, "Authorization", basic)
			require.Equal(t, []string{"identify ok", "track ok", "page ok", "screen ok", "group ok", "alias ok"}, b.verdicts("WRITEKEY1"))
		})
	}
}

func TestBodiesWhateverTheContentType(t *testing.T) {
	t.Parallel()
	const body = `{"batch":[{"type":"track","userId":null,"anonymousId":"a","event":"E"}],"writeKey":"k"}`
	for _, contentType := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "binary/octet-stream", ""} {
		for _, gzipped := range []bool{false, true} {
			b := newBench(t, collector.Options{})
			headers := []string{"Content-Type", contentType}
			sent := body
			if gzipped {
				sent = gzip(t, body)
				headers = append(headers, "Content-Encoding", "gzip")
			}
			b.send("/v1/batch", sent, headers...)
			require.Equal(t, []string{"track ok"}, b.verdicts("k"), "%q gzip %t", contentType, gzipped)
		}
	}
	b := newBench(t, collector.Options{})
	b.send("/v1/batch", gzip(t, body)) // gzip that no header tells of
	require.Equal(t, []string{"track ok"}, b.verdicts("k"))
}

func TestWhatTheAPIRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 33<<10)
	for _, tt := range []struct {
		name, path, body, reason string
	}{
		{"not JSON", "/v1/track", `{"userId":`, "JSON"},
		{"two objects", "/v1/track", `{} {}`, "JSON"},
		{"an array", "/v1/batch", `[]`, "JSON"},
		{"nothing", "/v1/track", ``, "JSON"},
		{"batch is no array", "/v1/batch", `{"batch":{}}`, "array"},
		{"single above 32 KB", "/v1/track", `{"userId":"` + long + `"}`, "32768"},
		{"one of a batch above 32 KB", "/v1/batch", `{"batch":[{"type":"track","userId":"` + long + `"}]}`, "32768"},
		{"batch above 500 KB", "/v1/batch", `{"batch":[` + strings.Repeat(`{"x":"`+strings.Repeat("y", 30<<10)+`"},`, 17) + `{}]}`, "512000"},
		{"gzip that is none", "/v1/batch", "\x1f\x8b{}", "gzip"},
		{"too deep", "/v1/track", `{"userId":"u","event":"E","properties":` + strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500) + `}`, "nested"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, collector.Options{})
			w := b.post(tt.path, tt.body, "Authorization", basic)
			require.Equal(t, http.StatusBadRequest, w.Code)
			require.Contains(t, w.Body.String(), `"code":"bad_request"`)
			require.Contains(t, w.Body.String(), tt.reason)
			got := b.calls("WRITEKEY1")
			require.Len(t, got, 1, "it is seen in the Debugger")
			require.Equal(t, "bad_request", got[0].Verdict)
			require.Contains(t, got[0].Reason, tt.reason)
		})
	}
}

func TestVerdictsAreRecordedUnder200(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	b.send("/v1/batch", `{"batch":[{"type":"track","userId":"u"},{"type":"identify"},{"type":"track","userId":7,"event":"E"},
		{"type":"track","userId":"u","event":"E","properties":[]},{"type":"nothing","userId":"u"},3,{"type":"page","anonymousId":"a","userId":null}]}`, "Authorization", basic)
	b.send("/v1/batch", `{"batch":[]}`, "Authorization", basic)
	require.Equal(t, []string{"track event_not_defined", "identify no_user_anon_id", "track id_not_string",
		"track properties_not_object", "bad_request", "bad_request", "page ok", "empty_batch"}, b.verdicts("WRITEKEY1"))

	o := b.overview("WRITEKEY1")
	require.Equal(t, []int{8, 7, 0, 1}, []int{o.Received, o.Failed, o.Filtered, o.Eligible})
	require.Len(t, b.calls("WRITEKEY1", "verdict=event_not_defined"), 1)
	require.Len(t, b.calls("WRITEKEY1", "verdict=ok"), 1)
	require.Len(t, b.calls("WRITEKEY1", "limit=3"), 3)
}

func TestTooManyMessages(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	b.send("/v1/batch", `{"batch":[`+strings.Repeat(`{"type":"page","userId":"u"},`, 2500)+`{},{}]}`, "Authorization", basic)
	o := b.overview("WRITEKEY1")
	require.Equal(t, []int{2501, 1, 2500}, []int{o.Received, o.Failed, o.Eligible})
	require.Contains(t, b.calls("WRITEKEY1", "verdict=bad_request")[0].Reason, "2 messages past the first 2500")
}

func TestStrict(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{Strict: true, Sources: []collector.Source{{Name: "Shop", WriteKey: "WRITEKEY1"}}})
	w := b.post("/v1/track", `{"userId":"u","event":"E","writeKey":"who"}`)
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Contains(t, w.Body.String(), `"code":"unknown_source"`)
	require.Equal(t, http.StatusUnauthorized, b.post("/v1/track", `{"userId":"u","event":"E"}`).Code)

	w = b.post("/v1/track", `{"userId":"u"}`, "Authorization", basic)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), `"code":"event_not_defined"`)

	w = b.post("/v1/batch", `{"batch":[{"type":"track","userId":"u","event":"E"},{"type":"identify"}]}`, "Authorization", basic)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), `"code":"no_user_anon_id","message":"message 2 of 2:`)
	require.Contains(t, w.Body.String(), "multi_user_error")

	w = b.post("/v1/batch", `{"batch":[]}`, "Authorization", basic)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), `"code":"empty_batch","message":"the batch holds no messages"`)

	b.send("/v1/track", `{"userId":"u","event":"E"}`, "Authorization", basic)
	require.Equal(t, []string{"track event_not_defined", "track ok", "identify no_user_anon_id", "empty_batch", "track ok"}, b.verdicts("WRITEKEY1"))
}

func TestEnvelopeAndClock(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	// The vector of the spec: track.md, "timestamp".
	b.move(time.Date(2015, 2, 23, 19, 11, 1, 266e6, time.UTC))
	b.send("/v1/batch", `{"context":{"library":{"name":"lib"},"app":{"version":"1.0"}},"integrations":{"All":false},"sentAt":"2015-02-23T19:11:01.169Z",
		"batch":[{"type":"track","userId":"u","event":"E","messageId":"m","timestamp":"2015-02-23T19:11:01.152Z","context":{"app":{"version":"2.0"}}}]}`, "Authorization", basic)
	got := b.calls("WRITEKEY1")[0]
	require.Equal(t, map[string]any{
		"type": "track", "userId": "u", "event": "E", "messageId": "m",
		"context":           map[string]any{"library": map[string]any{"name": "lib"}, "app": map[string]any{"version": "2.0"}},
		"integrations":      map[string]any{"All": false},
		"originalTimestamp": "2015-02-23T19:11:01.152Z",
		"sentAt":            "2015-02-23T19:11:01.169Z",
		"receivedAt":        "2015-02-23T19:11:01.266Z",
		"timestamp":         "2015-02-23T19:11:01.249Z",
	}, got.Raw)
	require.Equal(t, "2.0", b.overview("WRITEKEY1").ByVersion[0].Version)
}

// A browser's calls get its address; of a server's calls those that ask for it.
func TestWhoseAddressIsFilledIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	const body = `{"batch":[{"type":"page","userId":"plain"},{"type":"page","userId":"asks","context":{"direct":true}},
		{"type":"page","userId":"has its own","context":{"direct":true,"ip":"::1"}}]}`
	addresses := func(path string) (got []any) {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.RemoteAddr = "203.0.113.7:4711"
		r.Header.Set("Authorization", basic)
		r.Header.Set("User-Agent", "Browser/1.0")
		require.Equal(t, http.StatusOK, b.do(r).Code)
		for _, c := range b.calls("WRITEKEY1", "limit=3") {
			context, _ := c.Raw["context"].(map[string]any)
			got = append([]any{context["ip"]}, got...)
		}
		return got
	}
	require.Equal(t, []any{nil, "203.0.113.7", "::1"}, addresses("/v1/batch"))
	require.Equal(t, []any{"203.0.113.7", "203.0.113.7", "::1"}, addresses("/v1/b"))
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	const once = `{"messageId":"m-1","userId":"u","event":"E"}`
	b.send("/v1/track", once, "Authorization", basic)
	b.send("/v1/track", once, "Authorization", basic)
	b.send("/v1/track", `{"messageId":"m-1","userId":"u","event":"E","writeKey":"another"}`)
	require.Len(t, b.calls("WRITEKEY1"), 1)
	require.Empty(t, b.calls("another"), "an id counts once over all sources")
	require.Equal(t, 1, b.overview("WRITEKEY1").Received)
	require.Equal(t, 1, b.overview("WRITEKEY1").Duplicates)

	b.move(at.Add(25 * time.Hour))
	b.send("/v1/track", once, "Authorization", basic)
	require.Len(t, b.calls("WRITEKEY1"), 2)

	failing := `{"messageId":"m-2","userId":"u"}`
	b.send("/v1/track", failing, "Authorization", basic)
	b.send("/v1/track", strings.Replace(failing, `}`, `,"event":"E"}`, 1), "Authorization", basic)
	require.Equal(t, []string{"track ok", "track ok", "track event_not_defined", "track ok"}, b.verdicts("WRITEKEY1"), "a call put right is another")
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{RateLimit: 2})
	const body = `{"userId":"u","event":"E"}`
	b.send("/v1/track", body, "Authorization", basic)
	b.send("/v1/track", body, "Authorization", basic)
	w := b.post("/v1/track", body, "Authorization", basic)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.Equal(t, "1", w.Header().Get("X-RateLimit-Reset"))
	b.send("/v1/track", `{"userId":"u","event":"E","writeKey":"another"}`)
	b.move(at.Add(500 * time.Millisecond))
	b.send("/v1/track", body, "Authorization", basic)
	require.Len(t, b.calls("WRITEKEY1"), 3)
}

func TestSettingsOfAnalyticsJS(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8033/cdn/v1/projects/KEY/settings", nil)
	w := httptest.NewRecorder()
	http.StripPrefix("/cdn", b).ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	var got struct {
		Integrations map[string]struct{ APIKey, APIHost, Protocol string }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, struct{ APIKey, APIHost, Protocol string }{"KEY", "localhost:8033/cdn/v1", "http"}, got.Integrations["Segment.io"])
}

func TestReset(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	const body = `{"messageId":"m","userId":"u","event":"E"}`
	b.send("/v1/track", body, "Authorization", basic)
	b.send("/api/reset", "")
	require.Empty(t, b.calls("WRITEKEY1"), "the source is still there")
	require.Zero(t, b.overview("WRITEKEY1").Received)
	b.send("/v1/track", body, "Authorization", basic)
	require.Len(t, b.calls("WRITEKEY1"), 1, "its id is forgotten too")
}

func TestDataSurvives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := collector.Options{Data: dir, Now: func() time.Time { return at }}
	c, err := collector.New(&o)
	require.NoError(t, err)
	first := &bench{T: t, Collector: c}
	first.send("/v1/track", `{"userId":"u","event":"E"}`, "Authorization", basic)
	require.NoError(t, c.Close(t.Context()))
	require.Equal(t, http.StatusServiceUnavailable, first.post("/v1/track", `{"userId":"u","event":"E"}`, "Authorization", basic).Code)

	b := newBench(t, o)
	require.Equal(t, []string{"track ok"}, b.verdicts("WRITEKEY1"))
	_, err = collector.New(&o)
	require.ErrorContains(t, err, "in use")
}

func TestPagesUnderAPrefix(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	h := http.StripPrefix("/inner/collector", b)
	for path, want := range map[string]string{
		"/inner/collector/":                         "Default",
		"/inner/collector/sources/default":          "successfully received",
		"/inner/collector/sources/default/debugger": "Debugger",
		"/inner/collector/sources/default/setup":    "localhost/inner/collector",
		"/inner/collector/sources/default/settings": "Write key",
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Body.String(), want, path)
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]collector.Options{
		"RateLimit":     {RateLimit: -1},
		"MaxAge":        {MaxAge: -1},
		"MaxBytes":      {MaxBytes: -1},
		"Hosts":         {Hosts: []string{"https://collector.example"}},
		"declaration 1": {Sources: []collector.Source{{Name: "Shop", Type: "shop"}}},
		"key":           {Sources: []collector.Source{{Name: "Shop", WriteKey: "with space"}}},
	} {
		_, err := collector.New(&o)
		require.ErrorContains(t, err, "collector: ", name)
		require.ErrorContains(t, err, name)
	}
}
