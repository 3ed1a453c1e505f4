// Tests of what a line says, and that its message says the same.

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/headwater-dev/analytics/internal/ingest"
	"github.com/stretchr/testify/require"
)

// decode reads an object with the digits of its numbers.
func decode(t *testing.T, doc []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var m map[string]any
	require.NoError(t, d.Decode(&m), "%s", doc)
	return m
}

// placesOf are the fields that each call has a place for, beside the common ones.
var placesOf = map[string][]string{
	"identify": {"traits"},
	"track":    {"event", "properties"},
	"page":     {"name", "category", "properties"},
	"screen":   {"name", "category", "properties"},
	"group":    {"groupId", "traits"},
	"alias":    {"previousId"},
}

// promised is what a line says that must arrive, and nothing else.
func promised(t *testing.T, text []byte) map[string]any {
	t.Helper()
	whole := decode(t, text)
	if stamp, _ := whole["timestamp"].(string); stamp == "" {
		whole["timestamp"] = whole["originalTimestamp"]
	}
	want := map[string]any{}
	for _, name := range append(placesOf[whole["type"].(string)],
		"type", "messageId", "timestamp", "userId", "anonymousId", "context", "integrations") {
		v := whole[name]
		if m, ok := v.(map[string]any); v == nil || v == "" || ok && len(m) == 0 {
			continue
		}
		want[name] = v
	}
	return comparable(want)
}

// comparable takes the library out of a message, and reads its timestamp.
func comparable(m map[string]any) map[string]any {
	if c, ok := m["context"].(map[string]any); ok {
		delete(c, "library")
		if len(c) == 0 {
			delete(m, "context")
		}
	}
	if s, ok := m["timestamp"].(string); ok {
		m["timestamp"] = ingest.ParseTime(s)
	}
	return m
}

func TestReadRecordRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, reason string }{
		{`"text"`, "is a string, want a JSON object"},
		{`null`, "is null, want a JSON object"},
		{`7`, "is a number, want a JSON object"},
		{`true`, `is "true", want a JSON object`},
		{`{} {}`, "is not JSON: invalid character '{' after top-level value (byte 4)"},
		{"{\"type\":\"track\",\"userId\":\"\xff\"}", "is not UTF-8"},
		{`{"Type":"track"}`, "type: is required: identify, track, page, screen, group or alias"},
		{`{"type":"Track"}`, "type: is none of identify, track, page, screen, group and alias"},
		{`{"type":"track","messageId":1}`, "messageId: is a number, want a string"},
		{`{"type":"track","userId":["u"]}`, "userId: is an array, want a string"},
		{`{"type":"track","timestamp":"2019-13-01T00:00:00Z"}`, "timestamp: is not a time like 2006-01-02T15:04:05.678Z"},
		{`{"type":"track","originalTimestamp":"now"}`, "originalTimestamp: is not a time like 2006-01-02T15:04:05.678Z"},
		{`{"type":"track","properties":false}`, `properties: is "false", want an object`},
		{`{"type":"group","groupId":{}}`, "groupId: is an object, want a string"},
	} {
		_, err := readRecord([]byte(test.line))
		require.EqualError(t, err, test.reason, "%s", test.line)
	}
}

func TestReadRecordNamesWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	r, err := readRecord([]byte(`{"type":"track","userId":"u","event":"E","channel":"server","traits":{"a":1},"userid":"typo",
		"previousId":null,"name":"","category":{},"sentAt":"x","receivedAt":1,"originalTimestamp":null,"version":"1","writeKey":"k"}`))
	require.NoError(t, err)
	require.Equal(t, []string{"channel", "traits", "userid"}, r.unsent)
}

func TestIdentifyIsTheSameOnEveryRun(t *testing.T) {
	t.Parallel()
	id := func(source, file string, line int, text string) string {
		r := record{timestamp: time.Unix(1, 0)}
		r.identify(source, place{file: file, line: line}, []byte(text))
		return r.messageID
	}
	first := id("s", "f", 1, "x")
	require.Len(t, first, 36)
	require.Equal(t, first, id("s", "f", 1, "x"))
	for _, other := range []string{id("t", "f", 1, "x"), id("s", "g", 1, "x"), id("s", "f", 2, "x"), id("s", "f", 1, "y")} {
		require.NotEqual(t, first, other)
	}

	var named, timeless, again record
	named.messageID = "own"
	named.identify("s", place{}, nil)
	require.Equal(t, "own", named.messageID)
	timeless.identify("s", place{}, nil)
	again.identify("s", place{}, nil)
	require.NotEqual(t, timeless.messageID, again.messageID, "without a timestamp the same line may be news")
}

// FuzzReadRecord: whatever a line holds, it is refused, or its message says what the line says.
func FuzzReadRecord(f *testing.F) {
	for _, file := range []string{"testdata/history.ndjson", "testdata/faulty.ndjson"} {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		for line := range strings.Lines(string(text)) {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
		if len(text) == 0 {
			return // the reader hands on no such line
		}
		r, err := readRecord(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		sent, err := r.message().MarshalJSON()
		if err != nil {
			return // refused by the client
		}
		require.Equal(t, promised(t, text), comparable(decode(t, sent)))
	})
}
