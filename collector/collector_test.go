// The collector from outside: what goes in, what is answered, what is kept.

package collector_test

import (
	"bytes"
	gz "compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

// at is a time that no test is at.
var at = time.Date(2026, 3, 4, 5, 6, 7, 800_000_000, time.UTC)

// bench is a collector with a clock that stands still until it is moved.
type bench struct {
	*testing.T
	*collector.Collector
	clock atomic.Int64 // nanoseconds of Unix time; the collector reads it on goroutines of its own
}

// move sets the clock.
func (b *bench) move(to time.Time) { b.clock.Store(to.UnixNano()) }

// now is what the clock says.
func (b *bench) now() time.Time { return time.Unix(0, b.clock.Load()).UTC() }

func newBench(t *testing.T, o collector.Options) *bench {
	t.Helper()
	b := &bench{T: t}
	b.move(at)
	if o.Now == nil {
		o.Now = b.now
	}
	c, err := collector.New(&o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	b.Collector = c
	return b
}

// do sends a request and returns the answer.
func (b *bench) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// post sends a body; headers come in pairs.
func (b *bench) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.do(r)
}

// send posts a body that must be answered 200.
func (b *bench) send(path, body string, headers ...string) {
	b.Helper()
	w := b.post(path, body, headers...)
	require.Equal(b, http.StatusOK, w.Code, w.Body.String())
	require.JSONEq(b, `{"success":true}`, w.Body.String())
}

// get asks the JSON API and decodes what it says.
func (b *bench) get(path string, into any) {
	b.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "localhost"
	w := b.do(r)
	require.Equal(b, http.StatusOK, w.Code, w.Body.String())
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), into), w.Body.String())
}

// call is a call of the JSON API.
type call struct {
	Type, Event, MessageID, Verdict, Reason string
	ReceivedAt                              time.Time
	Raw                                     map[string]any
}

// calls are those of a source, newest first.
func (b *bench) calls(key string, query ...string) []call {
	b.Helper()
	var got struct{ Calls []call }
	b.get("/api/sources/"+url.PathEscape(key)+"/calls?"+strings.Join(query, "&"), &got)
	return got.Calls
}

// verdicts are the calls of a source in short, in the order received.
func (b *bench) verdicts(key string) []string {
	b.Helper()
	var list []string
	for _, c := range b.calls(key) {
		list = append([]string{strings.TrimSpace(c.Type + " " + c.Verdict)}, list...)
	}
	return list
}

// overviewJSON is the Overview of the JSON API.
type overviewJSON struct {
	Received, Failed, Filtered, Eligible, Duplicates int
	ByType                                           []struct {
		Type   string
		Count  int
		Change *float64
	}
	ByName []struct {
		Name  string
		Count int
	}
	ByVersion []struct {
		Version string
		Count   int
	}
	Reasons []struct {
		Verdict string
		Count   int
	}
	Series []struct {
		At                                   time.Time
		Received, Failed, Filtered, Eligible int
	}
}

func (b *bench) overview(key string, query ...string) overviewJSON {
	b.Helper()
	var got overviewJSON
	b.get("/api/sources/"+url.PathEscape(key)+"/overview?"+strings.Join(query, "&"), &got)
	return got
}

const basic = "Basic V1JJVEVLRVkxOg==" // WRITEKEY1

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

	b.send("/v1/track", `{"userId":"u","event":"E"}`, "Authorization", basic)
	require.Equal(t, []string{"track event_not_defined", "track ok", "identify no_user_anon_id", "track ok"}, b.verdicts("WRITEKEY1"))
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

func TestCORS(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	r := httptest.NewRequest(http.MethodOptions, "/v1/batch", nil)
	r.Header.Set("Origin", "https://shop.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-retry-count")
	r.Header.Set("Access-Control-Request-Private-Network", "true")
	w := b.do(r)
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "authorization,content-type,x-retry-count", w.Header().Get("Access-Control-Allow-Headers"))
	require.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), "POST")
	require.Equal(t, "true", w.Header().Get("Access-Control-Allow-Private-Network"))

	for _, path := range []string{"/api/sources", "/"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = "localhost"
		r.Header.Set("Origin", "https://shop.example")
		require.Empty(t, b.do(r).Header().Get("Access-Control-Allow-Origin"), "what was received is for our own pages")
	}
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/v1/track", http.StatusMethodNotAllowed},
		{http.MethodPut, "/v1/batch", http.StatusMethodNotAllowed},
		{http.MethodPost, "/v1/nothing", http.StatusNotFound},
		{http.MethodPost, "/v1/m", http.StatusOK},
		{http.MethodGet, "/api/nothing", http.StatusNotFound},
		{http.MethodGet, "/api/sources/nobody/calls", http.StatusNotFound},
		{http.MethodGet, "/api/sources/WRITE_KEY/calls?limit=0", http.StatusBadRequest},
		{http.MethodGet, "/api/sources/WRITE_KEY/overview?window=3y", http.StatusBadRequest},
		{http.MethodGet, "/api/sources/WRITE_KEY/overview?step=x", http.StatusBadRequest},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Host = "127.0.0.1:8033"
		require.Equal(t, tt.status, b.do(r).Code, "%s %s", tt.method, tt.path)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{Password: "secret", Hosts: []string{"collector.example"}})
	for _, tt := range []struct {
		name, method, path, host string
		headers                  map[string]string
		password                 string
		status                   int
	}{
		{name: "as it should be", path: "/api/sources", host: "localhost:1", password: "secret", status: http.StatusOK},
		{name: "an address", path: "/api/sources", host: "[::1]:1", password: "secret", status: http.StatusOK},
		{name: "a name that was given", path: "/", host: "Collector.Example", password: "secret", status: http.StatusOK},
		{name: "a stranger's name", path: "/", host: "evil.example", password: "secret", status: http.StatusMisdirectedRequest},
		{name: "a stranger's name, API", path: "/api/sources", host: "localhost.evil.example", password: "secret", status: http.StatusMisdirectedRequest},
		{name: "no password", path: "/", host: "localhost", status: http.StatusUnauthorized},
		{name: "wrong password", path: "/api/sources", host: "localhost", password: "secre", status: http.StatusUnauthorized},
		{name: "another site's form", method: http.MethodPost, path: "/api/reset", host: "localhost", password: "secret",
			headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: http.StatusForbidden},
		{name: "another origin's form", method: http.MethodPost, path: "/sources", host: "localhost", password: "secret",
			headers: map[string]string{"Origin": "https://evil.example"}, status: http.StatusForbidden},
		{name: "our own form", method: http.MethodPost, path: "/api/reset", host: "localhost", password: "secret",
			headers: map[string]string{"Sec-Fetch-Site": "same-origin"}, status: http.StatusOK},
		{name: "sending needs no password", method: http.MethodPost, path: "/v1/m", host: "evil.example", status: http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			r := httptest.NewRequest(method, tt.path, nil)
			r.Host = tt.host
			if tt.password != "" {
				r.SetBasicAuth("me", tt.password)
			}
			for name, value := range tt.headers {
				r.Header.Set(name, value)
			}
			w := b.do(r)
			require.Equal(t, tt.status, w.Code, w.Body.String())
			if !strings.HasPrefix(tt.path, "/v1/") {
				require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
			}
		})
	}
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

func gzip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gz.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}
