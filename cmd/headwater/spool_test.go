// Tests of the spool command: real directories, and the clients of a service that wrote them.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/headwater-dev/analytics/queue/spool"
)

// testSource is the source of the write key of these tests.
var testSource = analytics.SourceOf("test-key")

// service accepts calls of the events into the spool in dir and ends, as far as it came:
// under an ended ctx, so that nothing is delivered.
func service(t *testing.T, dir, key, endpoint string, events ...string) {
	t.Helper()
	q, err := spool.Open(dir, nil)
	require.NoError(t, err)
	client, err := analytics.New(key, &analytics.Config{Queue: q, Endpoint: endpoint, BatchSize: 10})
	require.NoError(t, err)
	for _, event := range events {
		require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: event, MessageID: event}))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var kept *analytics.ShutdownError
	require.ErrorAs(t, client.Shutdown(ended), &kept)
	require.GreaterOrEqual(t, kept.Kept, len(events), "those of other keys count too")
}

// nobody is an endpoint at which the service of a test finds nobody.
const nobody = "http://127.0.0.1:1"

func runSpool(t *testing.T, args ...string) outcome {
	t.Helper()
	got := runWith(t.Context(), "", append([]string{"spool"}, args...)...)
	require.NotContains(t, got.out+got.errs, "test-key")
	return got
}

// drained runs headwater spool drain and returns what it left behind.
func drained(t *testing.T, dir, endpoint string, args ...string) outcome {
	t.Helper()
	return runSpool(t, append([]string{"drain", dir, "--write-key", "test-key", "--endpoint", endpoint}, args...)...)
}

func events(calls []analyticstest.Call) (names []string) {
	for _, c := range calls {
		names = append(names, c.Str("event"))
	}
	return names
}

// listing runs headwater spool ls --json.
func listing(t *testing.T, dir string) (list spoolListing) {
	t.Helper()
	got := runSpool(t, "ls", "--json", dir)
	require.Equal(t, exitDone, got.code, got.errs)
	require.NoError(t, json.Unmarshal([]byte(got.out), &list))
	return list
}

func TestSpoolList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	service(t, dir, "test-key", nobody, "A", "B")
	service(t, dir, "other-key", nobody, "C")

	got := runSpool(t, "ls", dir)
	require.Equal(t, exitDone, got.code, got.errs)
	require.Regexp(t, `^SOURCE +WAITING +SINCE +BYTES +DEAD +DAMAGED\n`, got.out)
	for source, waiting := range map[string]int{testSource: 2, analytics.SourceOf("other-key"): 1} {
		require.Regexp(t, fmt.Sprintf(`(?m)^%s +%d +20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ +[1-9]\d+ +0 +0$`, source, waiting), got.out)
	}
	require.NotContains(t, got.out, "set aside")

	list := listing(t, dir)
	require.Equal(t, dir, list.Dir)
	require.Len(t, list.Sources, 2)
	require.Empty(t, list.SetAside)
	for _, one := range list.Sources {
		require.False(t, one.Oldest.IsZero())
		require.Positive(t, one.Bytes)
	}
}

// A file that cannot be read is named, when it is set aside and ever after.
func TestSpoolListNamesWhatIsSetAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, spoolFile), []byte(strings.Repeat("no file of a spool ", 4096)), 0o600))
	for range 2 {
		list := listing(t, dir)
		require.Empty(t, list.Sources)
		require.Len(t, list.SetAside, 1)
		require.FileExists(t, list.SetAside[0])
		require.Contains(t, runSpool(t, "ls", dir).out, "set aside, damaged: "+list.SetAside[0]+"\n")
	}
}

// No command makes a spool where there is none, nor touches one that is in use.
func TestSpoolOfNobodyAndOfAnother(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	empty := t.TempDir()
	used := t.TempDir()
	q, err := spool.Open(used, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close(context.Background())) })
	for _, command := range [][]string{{"ls"}, {"drain", "--write-key=test-key"}, {"dead"}, {"dead", "--retry=all"}} {
		for dir, want := range map[string]string{
			missing: missing + " is not the directory of a spool: it has no spool.db",
			empty:   empty + " is not the directory of a spool: it has no spool.db",
			used:    used + " is in use by another process, the service it belongs to or another headwater",
		} {
			got := runSpool(t, append(command, dir)...)
			require.Equal(t, exitUsage, got.code, got)
			require.Empty(t, got.out)
			require.Contains(t, got.errs, want)
		}
	}
	require.NoDirExists(t, missing)
	left, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSpoolUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"drain DIR", "no write key"},
		{"drain DIR --write-key=test-key --max-retries=-1", "--max-retries must not be negative"},
		{"drain DIR --write-key=test-key --shutdown-timeout=-1s", "--shutdown-timeout must not be negative"},
		{"drain DIR --write-key=test-key --endpoint=nonsense", "Endpoint"},
		{"dead DIR --retry=1 --drop=2", "either --retry or --drop"},
		{"dead DIR --retry=1 --json", "--json lists"},
		{"dead DIR --retry=x", `"x" is neither the number of a dead letter nor "all"`},
		{"dead DIR --drop=7", "there is no dead letter 7"},
	} {
		dir := t.TempDir()
		service(t, dir, "test-key", nobody, "A")
		got := runSpool(t, strings.Fields(strings.ReplaceAll(test.args, "DIR", dir))...)
		require.Equal(t, exitUsage, got.code, got)
		require.Empty(t, got.out)
		require.Contains(t, got.errs, test.want)
		require.Equal(t, 1, listing(t, dir).Sources[0].Waiting, "the spool is closed and as it was")
	}
}

func TestSpoolDrain(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	dir := t.TempDir()
	service(t, dir, "test-key", nobody, "A", "B", "C")
	service(t, dir, "other-key", nobody, "D")
	got := drained(t, dir, url)
	require.Equal(t, outcome{code: exitDone, out: "3 delivered, 0 rejected, 0 left\n" +
		"note: 1 wait under other write keys, of sources [" + analytics.SourceOf("other-key") + "]\n"}, got)
	require.Equal(t, []string{"A", "B", "C"}, events(srv.Delivered()))

	again := drained(t, dir, url)
	require.Equal(t, exitDone, again.code)
	require.Regexp(t, `^0 delivered, 0 rejected, 0 left\n`, again.out)
	require.Len(t, srv.Requests(), 1)
}

// What the API refuses of a batch becomes a dead letter; the rest is delivered. The dead
// letter is listed, sent again, refused again and dropped.
func TestSpoolDead(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	refuse := func(r *analyticstest.Request) analyticstest.Answer {
		if strings.Contains(string(r.Body), `"event":"Bad"`) {
			return analyticstest.Status(400)
		}
		return analyticstest.Answer{}
	}
	srv.Respond(refuse)
	dir := t.TempDir()
	service(t, dir, "test-key", nobody, "A", "Bad", "C")
	got := drained(t, dir, url)
	require.Equal(t, exitIncomplete, got.code)
	require.Regexp(t, `^2 delivered, 1 rejected, 0 left\nrejected: Bad: server answered 400.*\nthey are dead letters now: headwater spool dead\n$`, got.out)
	require.ElementsMatch(t, []string{"A", "C"}, events(srv.Delivered()))
	require.Equal(t, 1, listing(t, dir).Sources[0].Dead)

	number := deadNumber(t, dir)
	got = runSpool(t, "dead", dir, "--json")
	var letter map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.out), &letter))
	require.Equal(t, testSource, letter["source"])
	require.Equal(t, "track", letter["call"])
	require.Equal(t, "Bad", letter["messageId"])
	require.Contains(t, letter["reason"], "400")
	require.Equal(t, "Bad", letter["body"].(map[string]any)["event"])

	require.Equal(t, outcome{out: "1 wait again: the service sends them when it runs, or headwater spool drain\n"}, runSpool(t, "dead", dir, "--retry", number))
	require.Equal(t, 1, listing(t, dir).Sources[0].Waiting)
	require.Equal(t, exitIncomplete, drained(t, dir, url).code, "refused as before")

	srv.Respond(nil)
	require.Equal(t, exitDone, runSpool(t, "dead", dir, "--retry=all").code)
	require.Regexp(t, `^1 delivered, 0 rejected, 0 left\n`, drained(t, dir, url).out)
	require.Equal(t, outcome{out: "0 wait again: the service sends them when it runs, or headwater spool drain\n"}, runSpool(t, "dead", dir, "--retry=all"))

	srv.Respond(refuse)
	service(t, dir, "test-key", nobody, "Bad")
	require.Equal(t, exitIncomplete, drained(t, dir, url).code)
	require.Equal(t, outcome{out: "1 dropped\n"}, runSpool(t, "dead", dir, "--drop", deadNumber(t, dir)))
	require.Zero(t, listing(t, dir).Sources[0].Dead)
}

// deadNumber lists the only dead letter and returns its number.
func deadNumber(t *testing.T, dir string) string {
	t.Helper()
	got := runSpool(t, "dead", dir)
	require.Equal(t, exitDone, got.code, got.errs)
	require.Regexp(t, `^NUMBER +SOURCE +REJECTED +CALL +MESSAGEID +REASON\n`, got.out)
	row := regexp.MustCompile(`(?m)^(\d+) +` + testSource + ` +20\S+Z +track +Bad +\S.*400.*$`).FindStringSubmatch(got.out)
	require.Len(t, row, 2, got.out)
	return row[1]
}

// What fails for every call makes none a dead letter, and ends the drain.
func TestSpoolDrainStopsWhenDeliveryFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer analyticstest.Answer
		want   string
	}{
		{analyticstest.Answer{Status: 401, Body: "who is test-key"}, "stopped: delivery failed: server answered 401: who is (write key)\n"},
		{analyticstest.Status(404), "stopped: delivery failed: server answered 404"},
		{analyticstest.Status(500), "stopped: delivery failed: retries are used up\n"},
	} {
		srv, url := listen(t)
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return test.answer })
		dir := t.TempDir()
		service(t, dir, "test-key", nobody, "A", "B")
		got := drained(t, dir, url, "--max-retries=0")
		require.Equal(t, exitIncomplete, got.code)
		require.Contains(t, got.out, "0 delivered, 0 rejected, 2 left\n")
		require.Contains(t, got.out, test.want)
		require.Len(t, srv.Requests(), 1)

		srv.Respond(nil)
		require.Equal(t, outcome{out: "2 delivered, 0 rejected, 0 left\n"}, drained(t, dir, url))
	}
}

// A signal ends a drain, and nothing is lost.
func TestSpoolDrainInterrupted(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() })
	dir := t.TempDir()
	service(t, dir, "test-key", nobody, "A", "B")
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan outcome)
	go func() {
		ended <- runWith(ctx, "", "spool", "drain", dir, "--write-key=test-key", "--endpoint", url, "--shutdown-timeout=0s")
	}()
	require.NoError(t, srv.WaitRequests(t.Context(), 1))
	interrupt()
	require.Equal(t, outcome{code: exitIncomplete, out: "0 delivered, 0 rejected, 2 left\nstopped: interrupted\n"}, <-ended)
	require.Equal(t, 2, listing(t, dir).Sources[0].Waiting)
}
