// Tests of the send command: what its flags say arrives, and its exit code says whether.

package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/stretchr/testify/require"
)

func runSend(t *testing.T, args ...string) outcome {
	t.Helper()
	got := runWith(t.Context(), "", append([]string{"send"}, args...)...)
	require.Empty(t, got.out)
	require.NotContains(t, got.errs, "test-key")
	return got
}

func TestSendDeliversTheSixCalls(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--type=identify", "--userId=u", "--anonymousId=a", `--traits={"age":36,"balance":12345678901234567890.10}`},
			`{"type":"identify","userId":"u","anonymousId":"a","traits":{"age":36,"balance":12345678901234567890.10}}`},
		{[]string{"--type", "track", "--user-id", "u", "--event", "Order <Completed>", "--properties", `{"revenue":39.950}`, `--integrations={"All":false,"Vero":{"id":1.0}}`},
			`{"type":"track","userId":"u","event":"Order <Completed>","properties":{"revenue":39.950},"integrations":{"All":false,"Vero":{"id":1.0}}}`},
		{[]string{"--type=page", "--anonymous-id=a", "--name=Home", "--category=Docs", `--context={"ip":"192.0.2.1","own":{"n":1.0}}`},
			`{"type":"page","anonymousId":"a","name":"Home","category":"Docs","context":{"ip":"192.0.2.1","own":{"n":1.0}}}`},
		{[]string{"--type=screen", "--anonymousId=a", "--name=Cart", "--userId=", "--properties=", "--traits=null", "--context={}"},
			`{"type":"screen","anonymousId":"a","name":"Cart"}`},
		{[]string{"--type=group", "--userId=u", "--group-id=g", `--traits={"employees":330}`},
			`{"type":"group","userId":"u","groupId":"g","traits":{"employees":330}}`},
		{[]string{"--type=alias", "--userId=u", "--previousId=old"},
			`{"type":"alias","userId":"u","previousId":"old"}`},
	} {
		srv, url := listen(t)
		got := runSend(t, append(test.flags, "--writeKey=test-key", "--endpoint", url,
			"--messageId=m-1", "--timestamp=2024-01-15T11:30:00+01:00")...)
		require.Equal(t, outcome{code: exitDone}, got)
		calls := srv.Calls()
		require.Len(t, calls, 1)
		require.True(t, calls[0].Accepted(), calls[0])
		require.Equal(t, "test-key", calls[0].WriteKey)
		want := decode(t, []byte(test.want))
		want["messageId"], want["timestamp"] = "m-1", "2024-01-15T10:30:00Z"
		require.Equal(t, comparable(want), comparable(decode(t, calls[0].Raw)))
	}
}

// The write key of the environment is used, and shown nowhere.
func TestSendWriteKeyFromEnvironment(t *testing.T) {
	t.Setenv("HEADWATER_WRITE_KEY", "test-key")
	srv, url := listen(t)
	srv.Script(analyticstest.Answer{Status: 401, Body: "bad key test-key"})
	got := runSend(t, "--type=track", "--userId=u", "--event=E", "--endpoint", url)
	require.Equal(t, exitIncomplete, got.code)
	require.Equal(t, "headwater: delivery is failing: server answered 401: bad key (write key)\n"+
		"headwater: not delivered: track: server answered 401: bad key (write key)\n", got.errs)
	require.Equal(t, "test-key", srv.Requests()[0].WriteKey)
	require.Equal(t, exitDone, runSend(t, "--write-key", "other", "--type=track", "--userId=u", "--event=E", "--endpoint", url).code)
	require.Equal(t, "other", srv.Requests()[1].WriteKey)
	require.NotContains(t, runWith(t.Context(), "", "send", "--help").out, "test-key")
}

func TestSendRetries(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	srv.Script(analyticstest.Status(500))
	got := runProcess(t, "", "send", "--writeKey=test-key", "--type=track", "--userId=u", "--event=E", "--endpoint", url)
	require.Equal(t, outcome{exitDone, "", "headwater: delivery is failing: server answered 500: {\"success\":false}\nheadwater: delivery works again\n"}, got)
	require.Len(t, srv.Calls(), 1)
	call := srv.Calls()[0]
	require.Len(t, call.MessageID, 36)
	require.WithinDuration(t, time.Now(), call.OriginalTimestamp, time.Minute)
}

func TestSendGivesUp(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() })
	got := runSend(t, "--writeKey=test-key", "--type=track", "--userId=u", "--event=E", "--endpoint", url, "--deadline=100ms")
	require.Equal(t, exitIncomplete, got.code)
	require.Contains(t, got.errs, "headwater: not delivered: gave up after 100ms: track: dropped at shutdown")
}

func TestSendNamesWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	got := runSend(t, "--writeKey=test-key", "--type=identify", "--userId=u", "--event=E", `--properties={"a":1}`, "--name=", "--endpoint", url)
	require.Equal(t, outcome{exitDone, "", "headwater: --event has no place in this call and was left out\n" +
		"headwater: --properties has no place in this call and was left out\n"}, got)
	var message map[string]any
	require.NoError(t, json.Unmarshal(srv.Calls()[0].Raw, &message))
	require.NotContains(t, message, "event")
}

func TestSendUsage(t *testing.T) {
	t.Setenv("HEADWATER_WRITE_KEY", "")
	srv, url := listen(t)
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, "no write key: give --writeKey, or set HEADWATER_WRITE_KEY"},
		{[]string{"--writeKey=test-key"}, "--type: is required: identify, track"},
		{[]string{"--writeKey=test-key", "--type=Track"}, "--type: is none of"},
		{[]string{"--writeKey=test-key", "--type=track", "--userId=u"}, "track: event: is required"},
		{[]string{"--writeKey=test-key", "--type=track", "--event=E"}, "track: userId: or anonymousId is required"},
		{[]string{"--writeKey=test-key", "--type=track", "--properties={"}, "--properties is not JSON: unexpected end"},
		{[]string{"--writeKey=test-key", "--type=track", "--properties=[]"}, "--properties is an array, want a JSON object"},
		{[]string{"--writeKey=test-key", "--type=track", "--context=7"}, "--context is a number, want a JSON object"},
		{[]string{"--writeKey=test-key", "--type=track", "--event=\xff"}, "argument 6 is not UTF-8"},
		{[]string{"--writeKey=test-key", "--type=track", "--timestamp=soon"}, "--timestamp: is not a time like"},
		{[]string{"--writeKey=a b", "--type=track", "--userId=u", "--event=E"}, "config: WriteKey: "},
		{[]string{"--writeKey=test-key", "--type=track", "--userId=u", "--event=E", "--endpoint=nowhere"}, "config: Endpoint: "},
		{[]string{"--writeKey=test-key", "--type=track", "--deadline=0s"}, "--deadline must be more than 0"},
		{[]string{"--unknown"}, "unknown flag --unknown"},
	} {
		got := runSend(t, append([]string{"--endpoint", url}, test.args...)...)
		require.Equal(t, exitUsage, got.code, test.args)
		require.Contains(t, got.errs, "headwater: "+test.says, test.args)
	}
	require.Empty(t, srv.Requests())
}
