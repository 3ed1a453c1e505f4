// Whatever arrives, it is refused or decoded, and what is decoded can be stored.

package ingest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

func FuzzReceive(f *testing.F) {
	routes := []string{"batch", "identify", "track", "page", "screen", "group", "alias"}
	f.Add(byte(0), "", []byte(`{"batch":[{"type":"track","userId":"u","event":"E"},3],"context":{"a":{"b":1}},"sentAt":"2026-03-04T05:06:07Z"}`))
	f.Add(byte(2), "", []byte(`{"userId":"u","event":"E","timestamp":"0000-01-01T00:00:00Z","sentAt":"9999-12-31T23:59:59Z"}`))
	f.Add(byte(0), "", []byte(`{"batch":[{"type":"page","context":{"consent":{"categoryPreferences":{"x":1}}}}],"writeKey":"k"}`))
	f.Add(byte(1), "gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, route byte, encoding string, body []byte) {
		r, err := http.NewRequest(http.MethodPost, "http://x/v1/"+routes[int(route)%len(routes)], bytes.NewReader(body))
		require.NoError(t, err)
		r.Header = http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {encoding}}
		req, err := ingest.Receive(r, received)
		if err != nil {
			var refused *ingest.Error
			require.True(t, errors.As(err, &refused) || encoding != "", "plain bytes cannot fail to be read")
			require.GreaterOrEqual(t, ingest.Status(err), 400)
			require.True(t, json.Valid(ingest.Reply(err)))
			return
		}
		requireStorable(t, req)
	})
}

func requireStorable(t *testing.T, req *ingest.Request) {
	t.Helper()
	require.NotEmpty(t, req.Verdict)
	require.LessOrEqual(t, len(req.Calls), ingest.MaxEvents)
	for _, c := range req.Calls {
		require.NotEmpty(t, c.Verdict)
		require.Equal(t, c.Verdict == ingest.Accepted, c.Reason == "")
		require.NotEmpty(t, c.MessageID)
		require.True(t, json.Valid(c.Raw))
		require.Equal(t, received, c.ReceivedAt)
		m := c.Message()
		ingest.Origin{IP: "::1", UserAgent: "curl"}.Fill(m)
		_, err := json.Marshal(m)
		require.NoError(t, err)
		_, err = c.Timestamp.MarshalJSON()
		require.NoError(t, err)
	}
}

// What Decode takes is what encoding/json takes, and it is judged as the oracle does.
func FuzzDecode(f *testing.F) {
	routes := []string{"batch", "identify", "track", "page", "screen", "group", "alias"}
	for route, body := range []string{
		`{"batch":[{"type":"track","userId":"u","event":"E"},3],"context":{"device":{"advertisingId":1}},"sentAt":"2026-03-04T05:06:07Z"}`,
		`{"userId":"\u0000\ud800","traits":{"a":[1,{}]},"context":{"direct":true,"app":{"version":"1"}}}`,
		`{"event":"Segment Consent Preference Updated","anonymousId":"a","context":{"consent":{"categoryPreferences":{"a":true,"a":1}}}}`,
		`{"userId":"u","name":"","\u006eame":"n","properties":null}`,
		`{"userId":"u","category":-0.5e+3,"messageId":""} `,
		"{\"groupId\":\"\xff\",\"userId\":null,\"sentAt\":7}",
		`{"previousId":"p","userId":"u","originalTimestamp":"2026-3-4"}`,
	} {
		f.Add(byte(route), []byte(body))
	}
	h := http.Header{"Authorization": {"Basic S0VZOg=="}}
	f.Fuzz(func(t *testing.T, n byte, body []byte) {
		route := routes[int(n)%len(routes)]
		req, err := ingest.Decode(route, h, slices.Clone(body), received)
		if err != nil {
			require.Equal(t, http.StatusBadRequest, ingest.Status(err))
			return
		}
		requireStorable(t, req)
		requireOracle(t, req, body)
	})
}

func FuzzDecodePixel(f *testing.F) {
	f.Add("track", "data="+base64.StdEncoding.EncodeToString([]byte(`{"writeKey":"K","userId":null,"event":"E"}`)))
	f.Add("page", "userId=u&properties.a=1&properties.a.b=2&writeKey=K&x=%zz&+=+")
	f.Add("batch", "&.=..&=")
	f.Fuzz(func(t *testing.T, call, query string) {
		req := ingest.DecodePixel(call, query, received)
		require.Len(t, req.Calls, 1)
		require.Equal(t, req.Verdict, req.Calls[0].Verdict)
		require.NotNil(t, req.Calls[0].Message())
		requireStorable(t, req)
	})
}

// ReadBody inflates what the standard library does, and nothing past the limit.
func FuzzReadBody(f *testing.F) {
	packed := deflate(f, `{"userId":"u"}`)
	f.Add("gzip", packed)
	f.Add("", append(slices.Clone(packed), packed...))
	f.Add("identity, x-gzip", packed[:20])
	f.Add("", []byte(`{}`))
	f.Fuzz(func(t *testing.T, encoding string, wire []byte) {
		const limit = 1000
		got, err := ingest.ReadBody(http.Header{"Content-Encoding": {encoding}}, bytes.NewReader(wire), limit)
		if err != nil {
			var refused *ingest.Error
			require.ErrorAs(t, err, &refused, "bytes in memory cannot fail to be read")
			return
		}
		require.LessOrEqual(t, len(got), limit)
		if bytes.Equal(got, wire) {
			return
		}
		unzip, err := gzip.NewReader(bytes.NewReader(wire))
		require.NoError(t, err)
		want, err := io.ReadAll(unzip)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	})
}

// The walk finds the members and elements that encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{
		` { "a" : 1 , "b":[ ], "a" : {"x":"}\"\\"} ,"\u0061":null, "":"" } `, "{\"\xff\":\"\xff\"}", `{}`, `[]`, `[ 1 , [2,{}],"]",null ]`, `7`, `"s"`, ` `,
		`{"\ud800":-1.5e+7,"é":true}`, `[[],[[]]]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		var object map[string]json.RawMessage
		_ = json.Unmarshal(raw, &object) // anything but an object has no members
		members := map[string]json.RawMessage{}
		for key, value := range ingest.Members(raw) {
			require.Equal(t, len(value), cap(value))
			members[string(key)] = value
		}
		require.Len(t, members, len(object))
		for key, value := range object {
			require.Equal(t, string(value), string(members[key]), key)
		}
		var array []json.RawMessage
		_ = json.Unmarshal(raw, &array) // likewise
		elements := slices.Collect(ingest.Elements(raw))
		require.Len(t, elements, len(array))
		for i := range array {
			require.Equal(t, string(array[i]), string(elements[i]))
		}
	})
}
