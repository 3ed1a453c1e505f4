// What a pixel's query becomes: both forms, and what mail programs do to them.

package ingest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

func TestPixelData(t *testing.T) {
	t.Parallel()
	// Its base64 has all of what differs: plus, slash and padding.
	const message = `{"writeKey":"K","userId":null,"anonymousId":"~>?>???","event":"Email Opened","properties":{"subject":"Größe > 3?!"}}`
	standard := base64.StdEncoding.EncodeToString([]byte(message))
	require.Contains(t, standard, "+")
	require.Contains(t, standard, "/")
	require.Contains(t, standard, "=")
	for name, data := range map[string]string{
		"standard alphabet":        url.QueryEscape(standard),
		"standard, not encoded":    standard,
		"plus sent as a space":     strings.ReplaceAll(standard, "+", "%20"),
		"raw space":                strings.ReplaceAll(standard, "+", " "),
		"no padding":               strings.TrimRight(standard, "="),
		"URL alphabet":             base64.URLEncoding.EncodeToString([]byte(message)),
		"URL alphabet, no padding": base64.RawURLEncoding.EncodeToString([]byte(message)),
		"encoded twice":            url.QueryEscape(url.QueryEscape(standard)),
		"broken into lines":        standard[:76] + "%0D%0A" + standard[76:],
	} {
		for _, query := range []string{"data=" + data, "x=1&data=" + data + "&userId=other&writeKey=other", "&data=" + data + "&data=again"} {
			req := ingest.DecodePixel("track", query, received)
			require.Equal(t, ingest.Accepted, req.Verdict, "%s: %s", name, query)
			require.Equal(t, "K", req.WriteKey)
			require.Equal(t, "track", req.Route)
			require.Len(t, req.Calls, 1)
			require.Equal(t, message, string(req.Calls[0].Raw))
			require.Empty(t, req.Calls[0].UserID, "parameters beside data count for nothing")
			require.NotContains(t, req.Calls[0].Message(), "writeKey")
		}
	}
}

func TestPixelFlat(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		`userId=u&event=E&writeKey=K&properties.subject=Hello%20you&properties.email=a%40b.co`: `{"userId":"u","event":"E","writeKey":"K","properties":{"subject":"Hello you","email":"a@b.co"}}`,
		`userId=u&properties.subject=Hello you&event=E+F`:                                      `{"userId":"u","event":"E F","properties":{"subject":"Hello you"}}`,
		`userId=7&event=E&context.app.version=2`:                                               `{"userId":"7","event":"E","context":{"app":{"version":"2"}}}`,
		`properties.a=1&properties.a.b=2&properties.c.d=3&properties.c=4`:                      `{"properties":{"a":"1","c":{"d":"3"}}}`,
		`properties=1&properties.a=2&properties=3`:                                             `{"properties":"1"}`,
		`a=1&a=2&b&=3&c==4&&d=%zz&e%2Ef=5`:                                                     `{"a":"1","b":"","":"3","c":"=4","d":"%zz","e":{"f":"5"}}`,
		`.=1&..=2&a.=3&.b=4`:                                                                   `{"":{"":"1","b":"4"},"a":{"":"3"}}`,
		`x=%ff`:                                                                                `{"x":"\ufffd"}`,
	} {
		req := ingest.DecodePixel("track", query, received)
		require.JSONEq(t, want, string(req.Calls[0].Raw), query)
	}
	req := ingest.DecodePixel("page", "anonymousId=a&write_key=K&context.app.version=2&sentAt=2026-03-04T05:06:06Z&timestamp=2026-03-04T05:06:05Z", received)
	c := req.Calls[0]
	require.Equal(t, ingest.Accepted, req.Verdict)
	require.Equal(t, "K page a 2", strings.Join([]string{req.WriteKey, c.Type, c.AnonymousID, c.AppVersion}, " "))
	require.Equal(t, received.Add(-time.Second), c.Timestamp)
	require.True(t, c.Assigned)
	require.NotContains(t, c.Message(), "write_key")
}

func TestPixelVerdicts(t *testing.T) {
	t.Parallel()
	data := func(message string) string { return "data=" + base64.RawURLEncoding.EncodeToString([]byte(message)) }
	deep := func(levels int) string { return strings.Repeat(`{"a":`, levels) + `1` + strings.Repeat(`}`, levels) }
	long := func(n int) string {
		return `{"userId":"u","event":"` + strings.Repeat("x", n-len(`{"userId":"u","event":""}`)) + `"}`
	}
	for name, tt := range map[string]struct {
		call, query string
		want        ingest.Verdict
		reason      string
	}{
		"no key":               {"track", data(`{"userId":"u","event":"E"}`), ingest.UnknownSource, "the request carries no write key"},
		"key beside data":      {"track", data(`{"userId":"u","event":"E"}`) + "&writeKey=K", ingest.Accepted, ""},
		"no user":              {"track", "event=E&writeKey=K", ingest.NoUserAnonID, "userId and anonymousId are missing"},
		"no event":             {"track", "userId=u&writeKey=K", ingest.EventNotDefined, "event is missing"},
		"flat alias":           {"alias", "userId=u&previousId=p&writeKey=K", ingest.Accepted, ""},
		"properties are text":  {"track", "userId=u&event=E&properties=p&writeKey=K", ingest.PropertiesNotObject, "properties is not an object"},
		"empty":                {"track", "", ingest.BadRequest, "the query is empty"},
		"only separators":      {"track", "&&&", ingest.BadRequest, "the query is empty"},
		"data is empty":        {"track", "data=&writeKey=K", ingest.BadRequest, "data is not one JSON object"},
		"data is not base64":   {"track", "data=!!!&writeKey=K", ingest.BadRequest, "data is not base64"},
		"data cut short":       {"track", data(`{"userId":"u","event":"E"`) + "&writeKey=K", ingest.BadRequest, "data is not one JSON object"},
		"data is an array":     {"track", data(`[]`) + "&writeKey=K", ingest.BadRequest, "data is not one JSON object"},
		"data is two objects":  {"track", data(`{}{}`) + "&writeKey=K", ingest.BadRequest, "data is not one JSON object"},
		"data nests too much":  {"track", data(deep(101)) + "&writeKey=K", ingest.BadRequest, "more than 100 objects and arrays are nested"},
		"data nests enough":    {"page", data(deep(100)) + "&writeKey=K", ingest.NoUserAnonID, "userId and anonymousId are missing"},
		"names nest too much":  {"track", strings.Repeat("a.", 100) + "a=1&writeKey=K", ingest.BadRequest, "more than 100 objects and arrays are nested"},
		"names nest enough":    {"page", strings.Repeat("a.", 99) + "a=1&userId=u&writeKey=K", ingest.Accepted, ""},
		"message at its limit": {"track", data(long(32*1024)) + "&writeKey=K", ingest.Accepted, ""},
		"message above it":     {"track", data(long(32*1024+1)) + "&writeKey=K", ingest.BadRequest, "message exceeds 32768 bytes"},
		"flat above it":        {"track", "writeKey=K&event=" + strings.Repeat("x", 32*1024), ingest.BadRequest, "message exceeds 32768 bytes"},
		"query above it":       {"track", "writeKey=K&x=" + strings.Repeat("x", 128*1024), ingest.BadRequest, "query exceeds 131072 bytes"},
		"parameters at most":   {"page", "writeKey=K&userId=u" + strings.Repeat("&x=1", 998), ingest.Accepted, ""},
		"parameters above it":  {"page", "writeKey=K&userId=u" + strings.Repeat("&x=1", 999), ingest.BadRequest, "more than 1000 parameters"},
		"not a call":           {"batch", "userId=u&writeKey=K", ingest.BadRequest, "the path names none of the six calls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := ingest.DecodePixel(tt.call, tt.query, received)
			require.Len(t, req.Calls, 1)
			c := req.Calls[0]
			require.Equal(t, tt.want, req.Verdict, c.Reason)
			require.Equal(t, tt.want, c.Verdict)
			require.Equal(t, tt.reason, c.Reason)
			if strings.Contains(tt.query, "writeKey=K") {
				require.Equal(t, "K", req.WriteKey)
			}
			if tt.call != "batch" {
				require.Equal(t, tt.call, c.Type)
			}
		})
	}
}

// What is kept of a bad query shows the fault and not the key.
func TestBadPixelIsShown(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"": "",
		"data=!!&writeKey=SECRET&write%4Bey=SECRET&write_key=SECRET&x=1":  "data=!!&x=1",
		"data=" + strings.Repeat("!", 2000) + "&x=1":                      "data=" + strings.Repeat("!", 1019) + "…",
		"data=" + strings.Repeat("é", 2000):                               "data=" + strings.Repeat("é", 509) + "…",
		"data=" + strings.Repeat("!", 1019) + "&x=1":                      "data=" + strings.Repeat("!", 1019) + "…",
		"writeKey=SECRET&data=" + strings.Repeat("!", 1018) + "&x=1&y=22": "data=" + strings.Repeat("!", 1018) + "&…",
	} {
		c := ingest.DecodePixel("track", query, received).Calls[0]
		require.Equal(t, ingest.BadRequest, c.Verdict)
		var raw map[string]string
		require.NoError(t, json.Unmarshal(c.Raw, &raw))
		require.Equal(t, map[string]string{"query": want}, raw)
		require.Equal(t, want, c.Message()["query"])
		require.Equal(t, received, c.Timestamp)
		require.Len(t, c.MessageID, 36)
		require.True(t, c.Assigned)
	}
}
