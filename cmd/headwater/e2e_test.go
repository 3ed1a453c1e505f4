// Tests of the e2e command: what a suite asks for is sent, and the report says what became of it.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/stretchr/testify/require"
)

// playing is the input of a script for the test server: its sequences and config.
func playing(url, sequences, config string) string {
	return fmt.Sprintf(`{"writeKey":"test-key","apiHost":%q,"sequences":%s,"config":%s}`, url, sequences, config)
}

// oneTrack is a sequence of one call.
const oneTrack = `[{"delayMs":0,"events":[{"type":"track","userId":"u","event":"E","messageId":"m-1"}]}]`

// reported reads what e2e wrote to standard output, and checks that it is one object
// that agrees with the exit code.
func reported(t *testing.T, got outcome) e2eOutput {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(got.out))
	d.DisallowUnknownFields()
	var o e2eOutput
	require.NoError(t, d.Decode(&o), got.out)
	_, err := d.Token()
	require.ErrorIs(t, err, io.EOF, got.out)
	require.Equal(t, o.Success, got.code == exitDone, got.code)
	require.Equal(t, !o.Success, got.code == exitIncomplete, got.code)
	require.Equal(t, o.Success, o.Error == "", o)
	require.NotEmpty(t, got.errs, "what happens is told on standard error")
	require.NotContains(t, got.out+got.errs, "test-key")
	return o
}

func runE2E(t *testing.T, args ...string) e2eOutput {
	t.Helper()
	return reported(t, runWith(t.Context(), "", append([]string{"e2e"}, args...)...))
}

// runProcess runs the command as a process of its own.
func runProcess(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

const sixCalls = `[
	{"type":"identify","messageId":"e-1","timestamp":"2024-01-15T10:30:00.123Z","userId":"u","anonymousId":"a",
	 "traits":{"email":"ada@example.org","balance":12345678901234567890.10,"deep":{"a":[1E2,null,false]}},
	 "context":{"ip":"192.0.2.1","app":{"build":7.0,"own":1e-400},"own":{"n":1.50}},"integrations":{"All":false,"Mixpanel":true,"Salesforce":{"id":10.0}}},
	{"type":"track","messageId":"e-2","timestamp":"2024-01-15T11:30:00+01:00","userId":"u","event":"Order <Completed>","properties":{"revenue":39.950},"integrations":{"All":true}},
	{"type":"page","messageId":"e-3","timestamp":"2024-01-15T10:30:00Z","anonymousId":"a","name":"Home","category":"Docs","properties":{"url":"https://example.org/?a=1&b=2"},"context":{"library":{"name":"ignored"},"locale":"it-IT"}},
	{"type":"screen","messageId":"e-4","timestamp":"2024-01-15T10:30:00Z","anonymousId":"a","name":"Cart","category":"Shop","properties":{"n":0}},
	{"type":"group","messageId":"e-5","timestamp":"2024-01-15T10:30:00Z","userId":"u","groupId":"g","traits":{"employees":330},"integrations":{"Vero":{"a":[{}]}}},
	{"type":"alias","messageId":"e-6","timestamp":"2024-01-15T10:30:00Z","userId":"u","anonymousId":"a","previousId":"old","context":{"active":false}}]`

func TestE2EDeliversEveryFieldOfTheSixCalls(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--gzip"}} {
		srv, url := listen(t)
		o := runE2E(t, append(flags, "--input", playing(url, `[{"events":`+sixCalls+`}]`, `{}`))...)
		require.Equal(t, e2eOutput{Success: true, SentBatches: 1}, o)
		var want []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(sixCalls), &want))
		calls := srv.Calls()
		require.Len(t, calls, len(want))
		for i, call := range calls {
			require.True(t, call.Accepted(), call)
			require.Equal(t, promised(t, want[i]), comparable(decode(t, call.Raw)))
		}
		request := srv.Requests()[0]
		require.Equal(t, flags != nil, request.Gzip)
		require.Equal(t, "test-key", request.WriteKey)
		require.NotContains(t, string(request.Body), "test-key", "it is in the Authorization header")
	}
}

// In process and as a process of its own: two failures, then delivered.
func TestE2ERetries(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*testing.T, string, ...string) outcome{
		"process": runProcess,
		"call":    func(t *testing.T, in string, args ...string) outcome { return runWith(t.Context(), in, args...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, url := listen(t)
			srv.Script(analyticstest.Status(500), analyticstest.Status(500), analyticstest.Status(200))
			o := reported(t, run(t, "", "e2e", "--input", playing(url, oneTrack, `{"maxRetries":2}`)))
			require.Equal(t, e2eOutput{Success: true, SentBatches: 1}, o)
			require.Len(t, srv.Calls(), 1)
			requests := srv.Requests()
			require.Len(t, requests, 3)
			for i, r := range requests {
				require.Equal(t, i, r.RetryCount)
			}
		})
	}
}

// The number of batches is that of the requests answered 2xx, also when the client
// splits what it was told to send.
func TestE2ECountsBatches(t *testing.T) {
	t.Parallel()
	event := func(name string) string { return fmt.Sprintf(`{"type":"track","userId":"u","event":%q}`, name) }
	five := strings.Repeat(event("Good")+",", 4) + event("Poison")
	for _, test := range []struct {
		config string
		poison int // status
		want   e2eOutput
	}{
		{`{}`, 200, e2eOutput{true, 1, ""}},
		{`{"flushAt":5}`, 204, e2eOutput{true, 1, ""}},
		{`{"flushAt":2}`, 200, e2eOutput{true, 3, ""}},
		{`{"flushAt":1}`, 200, e2eOutput{true, 5, ""}},
		// 5 are split in 2 and 3, the 3 in 1 and 2, the 2 in 1 and the one at fault.
		{`{}`, 400, e2eOutput{false, 3, "track: server answered 400: no"}},
		{`{"flushAt":1}`, 413, e2eOutput{false, 4, "track: server answered 413: no"}},
	} {
		srv, url := listen(t)
		srv.Respond(func(r *analyticstest.Request) analyticstest.Answer {
			if bytes.Contains(r.Body, []byte("Poison")) {
				return analyticstest.Answer{Status: test.poison, Body: "no"}
			}
			return analyticstest.Answer{}
		})
		require.Equal(t, test.want, runE2E(t, "--input", playing(url, `[{"events":[`+five+`]}]`, test.config)), test)
	}
	require.Equal(t, e2eOutput{Success: true}, runE2E(t, "--input", playing("", `[]`, `null`)), "nothing to send")
}

// A call that is refused, for its type or by the client, costs itself. The first
// failure is reported.
func TestE2ERefusedCalls(t *testing.T) {
	t.Parallel()
	good := `{"type":"track","userId":"u","event":"E"}`
	for _, test := range []struct{ event, reason string }{
		{`{"type":"Track","userId":"u"}`, "sequences[1].events[1].type: is none of identify, track, page, screen, group and alias"},
		{`{"userId":"u"}`, "sequences[1].events[1].type: is required: identify, track, page, screen, group or alias"},
		{`["track"]`, "sequences[1].events[1] is an array, want a JSON object"},
		{`null`, "sequences[1].events[1] is null, want a JSON object"},
		{`{"type":"track","userId":7,"event":"E"}`, "sequences[1].events[1].userId: is a number, want a string"},
		{`{"type":"track","userId":"u","event":"E","properties":[]}`, "sequences[1].events[1].properties: is an array, want an object"},
		{`{"type":"track","userId":"u","event":"E","timestamp":"soon"}`, "sequences[1].events[1].timestamp: is not a time like 2006-01-02T15:04:05.678Z"},
		{`{"type":"track","userId":"u","event":"E","integrations":{"A":1}}`, "sequences[1].events[1].integrations.A: "},
		{`{"type":"track","userId":"u"}`, "sequences[1].events[1].event: is required: name what happened"},
		{`{"type":"track","event":"E"}`, "sequences[1].events[1].userId: or anonymousId is required"},
		{`{"type":"alias","userId":"u"}`, "sequences[1].events[1].previousId: is required: the identity the user had before"},
		{`{"type":"identify","userId":"u","traits":{"x":"` + strings.Repeat("x", 40_000) + `"}}`,
			"sequences[1].events[1] message is too large, the API takes 32000 bytes"},
	} {
		srv, url := listen(t)
		o := runE2E(t, "--input", playing(url, `[{"events":[]},{"events":[`+good+`,`+test.event+`,{},`+good+`]}]`, `{}`))
		require.False(t, o.Success)
		require.Equal(t, 1, o.SentBatches)
		require.True(t, strings.HasPrefix(o.Error, test.reason), o.Error)
		require.Len(t, srv.Delivered(), 2, "the others are delivered")
	}
}

func TestE2EFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		answers  []analyticstest.Answer
		config   string
		flags    []string
		requests int
		reason   string
	}{
		{"no retries", analyticstest.Repeat(9, analyticstest.Answer{Status: 500, Body: "down"}), `{"maxRetries":0}`, nil, 1,
			"track: server answered 500: down"},
		{"no retries after a limit", analyticstest.Repeat(9, analyticstest.RetryAfter(429, time.Second)), `{"maxRetries":0}`, nil, 1,
			`track: server answered 429: {"success":false}`},
		{"used up", []analyticstest.Answer{{Status: 503, Body: "one"}, {Status: 503, Body: "two"}, {}}, `{"maxRetries":1}`, nil, 2,
			"track: server answered 503: two"},
		{"refused for good", []analyticstest.Answer{{Status: 401, Body: "bad key test-key, dGVzdC1rZXk6"}}, `{}`, nil, 1,
			"track: server answered 401: bad key (write key), (write key)"},
		{"timeout", []analyticstest.Answer{analyticstest.Hang()}, `{"maxRetries":0,"timeout":0.05}`, nil, 1,
			"track: Post \"URL/v1/batch\": context deadline exceeded"},
		{"cut", []analyticstest.Answer{analyticstest.CutAfter()}, `{"maxRetries":0}`, nil, 1, "track: Post "},
		{"deadline", []analyticstest.Answer{analyticstest.Hang()}, `{}`, []string{"--deadline", "100ms"}, 1,
			"gave up after 100ms: track: dropped at shutdown"},
		{"limited past the deadline", []analyticstest.Answer{analyticstest.RetryAfter(429, time.Minute)}, `{}`, []string{"--deadline=100ms"}, 1,
			"gave up after 100ms: track: dropped at shutdown, after: server answered 429: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			srv, url := listen(t)
			srv.Script(test.answers...)
			o := runE2E(t, append(test.flags, "--input", playing(url, oneTrack, test.config))...)
			require.False(t, o.Success)
			require.Zero(t, o.SentBatches)
			require.True(t, strings.HasPrefix(o.Error, strings.ReplaceAll(test.reason, "URL", url)), o.Error)
			require.Len(t, srv.Requests(), test.requests)
		})
	}
}

// A Retry-After is waited for in full and spends no retry.
func TestE2EWaitsForRetryAfter(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	srv.Script(analyticstest.RetryAfter(429, time.Second), analyticstest.Status(500))
	o := runE2E(t, "--input", playing(url, oneTrack, `{"maxRetries":1}`))
	require.Equal(t, e2eOutput{Success: true, SentBatches: 1}, o)
	requests := srv.Requests()
	require.Len(t, requests, 3)
	require.GreaterOrEqual(t, requests[1].At.Sub(requests[0].At), time.Second)
	require.Equal(t, 2, requests[2].RetryCount)
}

// Sequences come in their order, each after its delay.
func TestE2EDelays(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	began := time.Now()
	track := func(n int) string { return fmt.Sprintf(`{"type":"track","userId":"u","event":"E%d"}`, n) }
	o := runE2E(t, "--deadline", "10s", "--input", playing(url, `[
		{"delayMs":0,"events":[`+track(1)+`,`+track(2)+`]},
		{"delayMs":300,"events":[`+track(3)+`]}]`, `{"flushAt":2}`))
	require.Equal(t, e2eOutput{Success: true, SentBatches: 2}, o)
	requests := srv.Requests()
	require.Len(t, requests, 2)
	require.GreaterOrEqual(t, requests[1].At.Sub(began), 300*time.Millisecond)
	require.Equal(t, []string{"E1", "E2"}, []string{requests[0].Calls[0].Event, requests[0].Calls[1].Event})
	require.Equal(t, "E3", requests[1].Calls[0].Event)
}

// cue calls do when a text is written.
type cue struct {
	bytes.Buffer
	text string
	do   func()
}

func (c *cue) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(c.text)) {
		c.do()
	}
	return c.Buffer.Write(b)
}

// A script that is interrupted says what was sent by then.
func TestE2EInterrupted(t *testing.T) {
	t.Parallel()
	_, url := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	errs := &cue{text: "m-1 was delivered", do: cancel}
	sequences := strings.TrimSuffix(oneTrack, "]") + `,{"delayMs":3600000,"events":[{"type":"track","userId":"u","event":"E"}]}]`
	code := run(ctx, []string{"e2e", "--input", playing(url, sequences, `{"flushAt":1}`)}, strings.NewReader(""), &out, errs)
	require.Equal(t, e2eOutput{false, 1, "sequences[1] was not sent: interrupted"}, reported(t, outcome{code, out.String(), errs.String()}))
}

func TestE2EInputs(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	input := playing(url, oneTrack, `{}`)
	file := filepath.Join(t.TempDir(), "script.json")
	require.NoError(t, os.WriteFile(file, []byte("\ufeff"+input+"\n"), 0o666))
	for i, args := range [][]string{{"--input", input}, {"--input=" + input}, {"--input", "-"}, {"--input=-", "--gzip"}, {"--input", "@" + file}} {
		o := reported(t, runWith(t.Context(), input, append([]string{"e2e"}, args...)...))
		require.Equal(t, e2eOutput{Success: true, SentBatches: 1}, o)
		require.Len(t, srv.Calls(), i+1)
	}
}

func TestE2EBadInput(t *testing.T) {
	t.Parallel()
	const want = "want --input JSON, --input - for standard input, or --input @FILE"
	ok := playing("http://127.0.0.1:1", oneTrack, `{}`)
	for _, test := range []struct {
		args   []string
		reason string
	}{
		{nil, want},
		{[]string{"--input"}, want},
		{[]string{"--input="}, want},
		{[]string{"--input", "--gzip"}, want},
		{[]string{ok}, want}, // kong's own error would repeat the write key
		{[]string{"--writeKey=test-key", "--input", ok}, want},
		{[]string{"--input", "{\"writeKey\":\"\xff\"}"}, "input is not UTF-8"},
		{[]string{"--input", "{"}, "input is not JSON: unexpected end of JSON input (byte 1)"},
		{[]string{"--input", "-"}, "input is not JSON: unexpected end of JSON input (byte 0)"},
		{[]string{"--input", "@missing.json"}, "input: open missing.json: no such file or directory"},
		{[]string{"--input", `{"writeKey":"a b","sequences":[]}`}, "writeKey: has a space, a colon or a control character in it"},
		{[]string{"--input", playing("nowhere", `[]`, `{}`)}, "apiHost: needs the scheme http or https, like https://api.segment.io"},
		{[]string{"--input", playing("https://test-key@example.org", `[]`, `{}`)}, "apiHost: must not carry a user or password: the write key is the credential"},
		{[]string{"--deadline", "-1s", "--input", ok}, want},
		{[]string{"--deadline=0s", "--input", ok}, "--deadline must be more than 0"},
	} {
		require.Equal(t, e2eOutput{Error: test.reason}, runE2E(t, test.args...), test.args)
	}
	require.Equal(t, e2eOutput{Error: want}, reported(t, runProcess(t, "", "e2e", "--unknown")))
}

// What a suite sends that means nothing here is told of, and does no harm. The write
// key is in no line, wherever the input has it.
func TestE2ETellsWhatItIgnores(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	got := runWith(t.Context(), "", "e2e", "--input", fmt.Sprintf(`{"writeKey":"test-key","apiHost":%q,"cdnHost":"http://c","test-key":1,
		"sequences":[{"name":"s","events":[{"type":"track","userId":"u","event":"E","messageId":"test-key","groupId":"g\u001b[31m"}]}],
		"config":{"storage":"memory"}}`, url))
	require.Equal(t, e2eOutput{Success: true, SentBatches: 1}, reported(t, got))
	for _, line := range []string{"cdnHost is not known and ignored", "sequences[0].name is not known", "config.storage is not known",
		"sequences[0].events[0].groupId has no place in its call", "(write key) is not known", "request 1: attempt 1, calls: 1", "track (write key) was delivered"} {
		require.Contains(t, got.errs, line)
	}
	require.Equal(t, "test-key", srv.Calls()[0].MessageID)
}

// brokenPipe is a standard output that nobody reads.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestE2EReportNotWritten(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	code := run(t.Context(), []string{"e2e", "--input", playing("", `[]`, `{}`)}, strings.NewReader(""), brokenPipe{}, &errs)
	require.Equal(t, exitIncomplete, code)
	require.Contains(t, errs.String(), "headwater: writing the report: io: read/write on closed pipe\n")
}

// e2e-config.json tells a suite how to run this repository.
func TestE2EConfigFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../e2e-config.json")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("it lies at the root of the repository; this is the module alone")
	}
	require.NoError(t, err)
	require.JSONEq(t, `{"sdk":"go","test_suites":"basic,retry","auto_settings":false,"patch":null,"env":{"AUTH_HEADER":"true"}}`, string(text))
}
