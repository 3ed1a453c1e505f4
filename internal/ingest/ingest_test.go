// What a request becomes: routes, keys, encodings, sizes, batches.

package ingest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

var received = time.Date(2026, 3, 4, 5, 6, 7, 800e6, time.UTC)

// post makes a request with a write key in its header.
func post(path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("KEY", "")
	return r
}

func receive(t *testing.T, path, body string) *ingest.Request {
	t.Helper()
	req, err := ingest.Receive(post(path, body), received)
	require.NoError(t, err)
	return req
}

func deflate(t testing.TB, plain string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestRoute(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"identify", "track", "page", "screen", "group", "alias", "batch"} {
		route, err := ingest.Route("POST", "/v1/"+name)
		require.NoError(t, err)
		require.Equal(t, name, route)
		_, err = ingest.Route("GET", "/v1/"+name)
		require.Equal(t, http.StatusMethodNotAllowed, ingest.Status(err))
	}
	for _, path := range []string{"", "/", "/v1/", "/v1/import", "//v1/batch", "/v1/batch/", "/v1/v1/batch", "/v2/track", "/v1/Track"} {
		_, err := ingest.Route("POST", path)
		require.Equal(t, http.StatusNotFound, ingest.Status(err), path)
	}
}

func TestWriteKey(t *testing.T) {
	t.Parallel()
	basic := func(plain string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(plain)) }
	for name, tt := range map[string]struct{ header, field, want string }{
		"basic":                 {"Basic S0VZOg==", ``, "KEY"},
		"basic without colon":   {"Basic S0VZ", ``, "KEY"},
		"scheme in lower case":  {"basic S0VZOg==", ``, "KEY"},
		"body":                  {"", `,"writeKey":"BODY"`, "BODY"},
		"bearer and body":       {"Bearer token", `,"writeKey":"BODY"`, "BODY"},
		"bearer alone":          {"Bearer token", ``, ""},
		"header wins":           {"Basic S0VZOg==", `,"writeKey":"BODY"`, "KEY"},
		"unreadable header":     {"Basic %%%", `,"writeKey":"BODY"`, "BODY"},
		"empty user, then body": {"Basic Og==", `,"writeKey":"BODY"`, "BODY"},
		"not a string":          {"", `,"writeKey":7`, ""},
		"other case":            {"", `,"writekey":"BODY"`, ""},
		"none":                  {"", ``, ""},
		"newline at its end":    {basic("KEY\n"), ``, "KEY"},
		"space around it":       {basic(" KEY \t:"), ``, "KEY"},
		"only space":            {basic(" \n"), `,"writeKey":"BODY"`, "BODY"},
		"snake case":            {"", `,"write_key":"BODY"`, "BODY"},
		"both cases":            {"", `,"writeKey":"CAMEL","write_key":"SNAKE"`, "CAMEL"},
		"both, one unusable":    {"", `,"writeKey":null,"write_key":"SNAKE"`, "SNAKE"},
		"header and snake case": {basic("KEY:"), `,"write_key":"BODY"`, "KEY"},
		"bearer and snake case": {"Bearer token", `,"write_key":"BODY"`, "BODY"},
		"escapes":               {"", `,"write\u004bey":"B\u004fDY"`, "BODY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := post("/v1/batch", `{"batch":[{"type":"track","userId":"u","event":"E"}]`+tt.field+`}`)
			r.Header.Del("Authorization")
			if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
			req, err := ingest.Receive(r, received)
			require.NoError(t, err)
			require.Equal(t, tt.want, req.WriteKey)
			if key := ingest.HeaderKey(r.Header); key != "" {
				require.Equal(t, tt.want, key)
			} else {
				require.NotEqual(t, "KEY", tt.want, "only a header says it")
			}
			want := ingest.Accepted
			if tt.want == "" {
				want = ingest.UnknownSource
			}
			require.Equal(t, want, req.Calls[0].Verdict)
		})
	}
}

// Every answer that is not 200, and the limits on both sides.
func TestStatus(t *testing.T) {
	t.Parallel()
	fill := func(n int) string { return strings.Repeat("x", n) }
	single := func(n int) string { // a track body of exactly n bytes
		empty := `{"userId":"u","event":""}`
		return `{"userId":"u","event":"` + fill(n-len(empty)) + `"}`
	}
	batch := func(n int) string { // a batch body of exactly n bytes in messages of 20 000
		item := `{"type":"track","userId":"u","event":"` + fill(20_000) + `"}`
		body := `{"batch":[` + strings.Repeat(item+",", n/len(item)-1) + item + `],"pad":"`
		return body + fill(n-len(body)-2) + `"}`
	}
	for name, tt := range map[string]struct {
		path, body string
		change     func(*http.Request)
		want       int
	}{
		"accepted":                 {"/v1/track", `{"userId":"u","event":"E"}`, nil, 200},
		"discarded":                {"/v1/track", `{}`, nil, 200},
		"single at its limit":      {"/v1/track", single(32 * 1024), nil, 200},
		"single above it":          {"/v1/track", single(32*1024 + 1), nil, 400},
		"batch at its limit":       {"/v1/batch", batch(500 * 1024), nil, 200},
		"batch above it":           {"/v1/batch", batch(500*1024 + 1), nil, 400},
		"body above what is read":  {"/v1/batch", fill(ingest.MaxWireBytes + 1), nil, 400},
		"message at its limit":     {"/v1/batch", `{"batch":[` + single(32*1024) + `]}`, nil, 200},
		"message above it":         {"/v1/batch", `{"batch":[` + single(32*1024+1) + `]}`, nil, 400},
		"inherited above it":       {"/v1/batch", `{"batch":[],"context":{"x":"` + fill(32*1024) + `"}}`, nil, 400},
		"no body":                  {"/v1/track", ``, nil, 400},
		"null":                     {"/v1/track", `null`, nil, 400},
		"array":                    {"/v1/track", `[]`, nil, 400},
		"cut short":                {"/v1/track", `{"userId":"u"`, nil, 400},
		"something after the end":  {"/v1/track", `{} {}`, nil, 400},
		"batch is an object":       {"/v1/batch", `{"batch":{}}`, nil, 400},
		"nested without end":       {"/v1/batch", `{"batch":[` + strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000) + `]}`, nil, 400},
		"charset":                  {"/v1/track", `{}`, header("Content-Type", "Application/JSON; charset=UTF-8"), 200},
		"form":                     {"/v1/track", `{}`, header("Content-Type", "application/x-www-form-urlencoded"), 400},
		"no content type":          {"/v1/track", `{}`, header("Content-Type", ""), 400},
		"identity":                 {"/v1/track", `{}`, header("Content-Encoding", "identity"), 200},
		"brotli":                   {"/v1/track", `{}`, header("Content-Encoding", "br"), 415},
		"gzip twice":               {"/v1/track", `{}`, header("Content-Encoding", "gzip, gzip"), 415},
		"gzip that is not":         {"/v1/track", `{}`, header("Content-Encoding", "gzip"), 400},
		"gzip of nothing":          {"/v1/track", ``, header("Content-Encoding", "gzip"), 400},
		"unknown path":             {"/v1/tracks", `{}`, nil, 404},
		"other method":             {"/v1/track", `{}`, func(r *http.Request) { r.Method = http.MethodPut }, 405},
		"connection lost midway":   {"/v1/track", ``, func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }, 400},
		"gzip connection lost":     {"/v1/track", ``, lostGzip(t), 400},
		"inflates above its limit": {"/v1/batch", ``, gzipped(t, fill(ingest.MaxInflatedBytes+1)), 400},
		"inflates above the batch": {"/v1/batch", ``, gzipped(t, batch(600*1024)), 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := post(tt.path, tt.body)
			if tt.change != nil {
				tt.change(r)
			}
			_, err := ingest.Receive(r, received)
			w := httptest.NewRecorder()
			ingest.Answer(w, err)
			require.Equal(t, tt.want, w.Code, "%v", err)
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			var reply struct {
				Success bool
				Code    string
				Message string
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &reply))
			require.Equal(t, err == nil, reply.Success)
			if err != nil {
				require.Equal(t, "bad_request", reply.Code)
				require.NotEmpty(t, reply.Message)
			}
		})
	}
}

func header(key, value string) func(*http.Request) {
	return func(r *http.Request) {
		if r.Header.Del(key); value != "" {
			r.Header.Set(key, value)
		}
	}
}

func gzipped(t *testing.T, plain string) func(*http.Request) {
	t.Helper()
	body := deflate(t, plain)
	return func(r *http.Request) {
		r.Header.Set("Content-Encoding", "gzip")
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
}

func lostGzip(t *testing.T) func(*http.Request) {
	t.Helper()
	body := deflate(t, `{"userId":"u"}`)
	return func(r *http.Request) {
		r.Header.Set("Content-Encoding", "gzip")
		r.Body = io.NopCloser(bytes.NewReader(body[:len(body)-9]))
	}
}

// A receiver for clients it cannot change asks for no Content-Type.
func TestDecodeTakesAnyContentType(t *testing.T) {
	t.Parallel()
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json"} {
		h := http.Header{"Content-Type": {media}}
		req, err := ingest.Decode("page", h, []byte(`{"userId":"u","writeKey":"K"}`), received)
		require.NoError(t, err)
		require.Equal(t, ingest.Accepted, req.Verdict)
		require.Equal(t, media == "application/json", ingest.CheckContentType(h) == nil)
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nested := func(open, shut string, levels int) string {
		return strings.Repeat(open, levels) + strings.Repeat(shut, levels)
	}
	for name, tt := range map[string]struct {
		route, body string
		want        string
	}{
		"arrays at the limit":     {"page", `{"a":` + nested(`[`, `]`, ingest.MaxDepth-1) + `}`, ""},
		"arrays past it":          {"page", `{"a":` + nested(`[`, `]`, ingest.MaxDepth) + `}`, "more than 100 objects and arrays are nested"},
		"objects at the limit":    {"batch", `{"batch":[` + strings.Repeat(`{"a":`, ingest.MaxDepth-2) + `1` + strings.Repeat(`}`, ingest.MaxDepth-2) + `]}`, ""},
		"objects past it":         {"batch", `{"batch":[` + strings.Repeat(`{"a":`, ingest.MaxDepth-1) + `1` + strings.Repeat(`}`, ingest.MaxDepth-1) + `]}`, "more than 100 objects and arrays are nested"},
		"beyond any decoder":      {"batch", strings.Repeat(`[`, ingest.MaxBatchBytes), "more than 100 objects and arrays are nested"},
		"brackets in a string":    {"page", `{"a\\\"[":"` + strings.Repeat(`[{\"`, 1000) + `"}`, ""},
		"side by side":            {"page", `{"a":[` + strings.Repeat(`[],{},`, 1000) + `1]}`, ""},
		"a string without an end": {"page", `{"a":"[[\`, "body is not one JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ingest.Decode(tt.route, http.Header{}, []byte(tt.body), received)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "ingest: 400: "+tt.want)
		})
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	const good = `{"type":"track","userId":"u","event":"E"}`
	for name, tt := range map[string]struct {
		body   string
		want   ingest.Verdict
		calls  int
		excess int
	}{
		"all good":     {`{"batch":[` + good + `,` + good + `]}`, ingest.Accepted, 2, 0},
		"one bad":      {`{"batch":[` + good + `,{"type":"track"},` + good + `]}`, ingest.MultiUserError, 3, 0},
		"all bad":      {`{"batch":[{},7,null,"x",[]]}`, ingest.EmptyBatchResult, 5, 0},
		"empty":        {`{"batch":[]}`, ingest.EmptyBatch, 0, 0},
		"null":         {`{"batch":null}`, ingest.EmptyBatch, 0, 0},
		"missing":      {`{"Batch":[` + good + `]}`, ingest.EmptyBatch, 0, 0},
		"at the limit": {`{"batch":[` + strings.Repeat(good+`,`, 2499) + good + `]}`, ingest.Accepted, 2500, 0},
		"above it":     {`{"batch":[` + strings.Repeat(good+`,`, 2502) + good + `]}`, ingest.MultiUserError, 2500, 3},
		"far above it": {`{"batch":[` + strings.Repeat(`0,`, 200_000) + `0]}`, ingest.EmptyBatchResult, 2500, 197_501},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := receive(t, "/v1/batch", tt.body)
			require.Equal(t, tt.want, req.Verdict)
			require.Len(t, req.Calls, tt.calls)
			require.Equal(t, tt.excess, req.Excess)
			require.Equal(t, "KEY", req.WriteKey)
		})
	}
}

func TestOnlyTheGoodOnesOfABatchAreAccepted(t *testing.T) {
	t.Parallel()
	req := receive(t, "/v1/batch", `{"batch":[
		{"type":"track","userId":"u","event":"E"},
		{"type":"track","userId":7,"event":"E"},
		{"type":"nonsense","userId":"u"},
		{"type":"alias","userId":"u","previousId":"p"}]}`)
	var verdicts []ingest.Verdict
	for _, c := range req.Calls {
		verdicts = append(verdicts, c.Verdict)
		require.Equal(t, c.Verdict == ingest.Accepted, c.Reason == "")
	}
	require.Equal(t, []ingest.Verdict{ingest.Accepted, ingest.IDNotString, ingest.BadRequest, ingest.Accepted}, verdicts)
}

// The byte limit of the inherited context bounds what a hostile batch costs.
func TestInheritedContextIsBounded(t *testing.T) {
	t.Parallel()
	var keys []string
	for i := range 3000 {
		keys = append(keys, fmt.Sprintf(`"%d":1`, i))
	}
	item := `{"type":"track","userId":"u","event":"E","context":{"a":{}}}`
	body := `{"context":{` + strings.Join(keys, ",") + `},"batch":[` + strings.Repeat(item+",", 2499) + item + `]}`
	start := time.Now()
	req := receive(t, "/v1/batch", body)
	t.Logf("decoded in %v", time.Since(start))
	require.Equal(t, ingest.Accepted, req.Verdict)
	require.Len(t, req.Calls[2499].Message()["context"], 3001)
}
