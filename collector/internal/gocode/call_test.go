// Calls as Go: how the code reads, and that it parses whatever the message holds.

package gocode_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/gocode"
)

func decode(t testing.TB, doc string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var m map[string]any
	require.NoError(t, d.Decode(&m), doc)
	return m
}

func TestCall(t *testing.T) {
	t.Parallel()
	code := gocode.Call(decode(t, `{
		"type": "track", "userId": "user_123", "event": "Order Completed", "messageId": "m-1",
		"properties": {"total": 39.95, "paid": true, "coupon": null, "note": "say \"hi\"", "tags": ["new", "vip"], "at": 1767323045678,
			"products": [{"sku": "A-1", "price": 10.50, "name": "A pair of long woollen socks", "url": "https://example.com/socks"}]},
		"context": {"ip": "203.0.113.7", "active": false, "library": {"name": "x", "version": "1"}, "app": {"name": "Shop", "version": "1.2"},
			"location": {"latitude": 49, "city": "Brno"}, "tenant": {"id": 7}},
		"integrations": {"All": false, "Amplitude": {"session_id": 1}},
		"timestamp": "2026-01-02T04:04:05.067+01:00", "sentAt": "2026-01-02T03:04:06Z"}`))
	require.Equal(t, `client.Track(ctx, analytics.Track{
	UserID: "user_123",
	Event:  "Order Completed",
	Properties: analytics.Properties{
		"at":     int64(1767323045678),
		"coupon": nil,
		"note":   `+"`say \"hi\"`"+`,
		"paid":   true,
		"products": []any{
			map[string]any{
				"name":  "A pair of long woollen socks",
				"price": 10.50,
				"sku":   "A-1",
				"url":   "https://example.com/socks",
			},
		},
		"tags":  []any{"new", "vip"},
		"total": 39.95,
	},
	Context: &analytics.Context{
		Active: analytics.Ptr(false),
		App:    analytics.App{Name: "Shop", Version: "1.2"},
		IP:     "203.0.113.7",
		Location: analytics.Location{
			City:     "Brno",
			Latitude: analytics.Ptr(49.0),
		},
		Extra: map[string]any{"tenant": map[string]any{"id": 7}},
	},
	Integrations: analytics.Integrations{
		"All":       false,
		"Amplitude": map[string]any{"session_id": 1},
	},
	MessageID: "m-1",
	Timestamp: time.Date(2026, time.January, 2, 3, 4, 5, 67_000_000, time.UTC),
})`, code)
}

func TestCallFitsAColumn(t *testing.T) {
	t.Parallel()
	for _, m := range []string{
		`{"type": "page", "context": {"app": {"name": "Shop", "version": "1.2.3", "build": "77", "namespace": "com.example.shop"}}}`,
		`{"type": "page", "context": {"locale": "en", "a": {"b": {"c": {"d": {"e": {"f": ["one", "two", "three", "four"], "g": [], "h": {}}}}}}}}`,
		`{"type": "track", "properties": {"list": [1000001, 1000002, 1000003, 1000004, 1000005, 1000006, 1000007, 1000008, 1000009]}}`,
		`{"type": "track", "properties": {"a key with a name of about forty letters": {"some": true, "more": false}}}`,
		`{"type": "track", "properties": {"Ünïcödé": {"ä": "ööööööööö", "ü": "ééééééééééééééééééééééééé"}}}`,
		`{"type": "track", "properties": ` + strings.Repeat(`{"a":`, 24) + `[{}, []]` + strings.Repeat("}", 24) + `}`,
	} {
		code := gocode.Call(decode(t, m))
		requireGo(t, code)
		for line := range strings.Lines(code) {
			line = strings.TrimSuffix(line, "\n")
			inOne := strings.Contains(strings.ReplaceAll(strings.TrimSuffix(line, "{"), "{}", ""), "{")
			require.False(t, inOne && utf8.RuneCountInString(line)+3*strings.Count(line, "\t") > 80, line)
		}
		require.NotRegexp(t, `\{\s+\}`, code, "what is empty stands on one line")
	}
}

func TestCallOfWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, message, want string }{
		{"wrong types", `{"type": "group", "userId": 7, "groupId": "g", "traits": [1], "context": "x", "integrations": true}`,
			`client.Group(ctx, analytics.Group{
	// userId cannot be sent, as it is no string: 7
	GroupID: "g",
	// traits cannot be sent, as it is no object: [1]
	// context cannot be sent, as it is no object: "x"
	// integrations cannot be sent, as it is no object: true
})`},
		{"unknown members", `{"type": "alias", "userId": "u", "previousId": "p", "traits": {"a": 1}, "email\n}": "x", "sentAt": "x", "_metadata": {}}`,
			`client.Alias(ctx, analytics.Alias{
	UserID:     "u",
	PreviousID: "p",
	// The library has no field for "email\n}", "traits".
})`},
		{"nulls and empties", `{"type": "page", "userId": null, "anonymousId": "a", "name": "", "properties": {}, "context": {"library": {}}, "integrations": null}`,
			`client.Page(ctx, analytics.Page{
	AnonymousID: "a",
})`},
		{"nothing", `{"type": "screen"}`, `client.Screen(ctx, analytics.Screen{})`},
		{"no type", `{"event": "X"}`, "// No code sends this: its type is none of the six calls.\nmap[string]any{\"event\": \"X\"}"},
		{"another type", `{"type": "Track"}`, "// No code sends this: its type is none of the six calls.\nmap[string]any{\"type\": \"Track\"}"},
		{"a type that is no text", `{"type": ["track"]}`, "// No code sends this: its type is none of the six calls.\nmap[string]any{\"type\": []any{\"track\"}}"},
		{"the receiver's timestamp", `{"type": "page", "userId": "u", "timestamp": "2026-01-02T03:04:05Z", "receivedAt": "2026-01-02T03:04:05Z"}`,
			"client.Page(ctx, analytics.Page{\n\tUserID: \"u\",\n})"},
		{"the caller's timestamp", `{"type": "page", "userId": "u", "timestamp": "2026-01-02T03:04:06Z", "originalTimestamp": "2026-01-02T03:04:05Z", "receivedAt": "2026-01-02T03:04:06Z"}`,
			"client.Page(ctx, analytics.Page{\n\tUserID:    \"u\",\n\tTimestamp: time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC),\n})"},
		{"no time", `{"type": "page", "userId": "u", "timestamp": "yesterday"}`, "client.Page(ctx, analytics.Page{\n\tUserID: \"u\",\n})"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code := gocode.Call(decode(t, c.message))
			require.Equal(t, c.want, code)
			requireGo(t, code)
		})
	}
	require.Contains(t, gocode.Call(nil), "map[string]any{}")
}

// requireGo checks that code is one expression, as gofmt writes it, and not too long.
func requireGo(t testing.TB, code string) {
	t.Helper()
	_, err := parser.ParseExpr(code)
	require.NoError(t, err, code)
	require.LessOrEqual(t, len(code), gocode.MaxBytes)
	require.True(t, utf8.ValidString(code))
	formatted, err := format.Source([]byte(code))
	require.NoError(t, err)
	require.Equal(t, string(formatted), code)
}

func TestCallIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 20_000)
	many := make(map[string]any)
	for i := range 20_000 {
		many[fmt.Sprintf("key %d", i)] = json.Number("1")
	}
	wide := map[string]any{"k": true, strings.Repeat("k", 20_000): true}
	for i := range 200 {
		wide[fmt.Sprint(strings.Repeat("k", 40), i)] = strings.Repeat("v", 200)
	}
	for name, m := range map[string]map[string]any{
		"long text":    {"type": "track", "event": long, "properties": map[string]any{"a": long}},
		"long key":     {"type": "track", "event": "e", "properties": map[string]any{long: "v"}},
		"long number":  {"type": "track", "event": "e", "properties": map[string]any{"n": json.Number(strings.Repeat("9", 100_000))}},
		"many members": {"type": "identify", "userId": "u", "traits": many},
		"many unknown": many,
		"many context": {"type": "page", "context": many},
		"wide":         {"type": "track", "properties": wide},
		"deep lists":   {"type": "track", "properties": decode(t, `{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`)},
		"deep objects": {"type": "track", "context": decode(t, strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := gocode.Call(m)
			requireGo(t, code)
			require.Regexp(t, `left out|too long to show`, code)
			require.LessOrEqual(t, strings.Count(code, "// … the rest is left out"), 1)
		})
	}
	require.Greater(t, len(gocode.Call(map[string]any{"type": "identify", "traits": many})), gocode.MaxBytes/2, "no more is cut than must be")
}

func TestCallOfHostileText(t *testing.T) {
	t.Parallel()
	texts := []string{"`", "\"`\\", "*/", "/*", "//", "\x00", "\n}\n", "\ufeff", "\u2028", "\u202e\"", "\xff", `</script>`, "${x}", "%s", "\r\n`\""}
	for _, text := range texts {
		for _, m := range []map[string]any{
			{"type": "track", "event": text, "userId": []any{text}, text: text, "properties": map[string]any{text: []any{text, map[string]any{text: text}}}},
			{"type": "identify", "traits": text, "context": map[string]any{text: text, "ip": text, "app": map[string]any{"name": text, text: text}}},
			{"type": text, text: text},
			{"type": "page", "properties": map[string]any{"n": json.Number(text)}, "context": map[string]any{"n": json.Number(text)}},
			{"type": "page", "properties": map[string]any{"c": make(chan int), "f": 1.5, "s": []string{text}}},
		} {
			requireGo(t, gocode.Call(m))
		}
	}
	// What is written down is what was there.
	for _, text := range texts {
		expr, err := parser.ParseExpr(gocode.Call(map[string]any{"type": "page", "name": text}))
		require.NoError(t, err)
		literals := 0
		ast.Inspect(expr, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				literals++
				require.Equal(t, text, unquote(t, lit.Value))
			}
			return true
		})
		require.Equal(t, 1, literals, "%q", text)
	}
}

func FuzzCall(f *testing.F) {
	for _, m := range messages {
		f.Add([]byte(m))
	}
	f.Add([]byte(`{"type":"track","event":["*/"],"properties":{"\u0000":"` + "`" + `","n":-0.0e-400,"d":[[[[[[]]]]]]}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		d := json.NewDecoder(strings.NewReader(string(doc)))
		d.UseNumber()
		var m map[string]any
		if d.Decode(&m) != nil {
			return
		}
		requireGo(t, gocode.Call(m))
	})
}
