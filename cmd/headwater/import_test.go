// Tests of whole imports: what arrives, what is reported.

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/stretchr/testify/require"
)

func TestImportDeliversEveryFieldOfEveryLine(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--batch-size", "1", "--concurrency", "1"}, {"--no-gzip"}} {
		srv, url := listen(t)
		got := runImport(t.Context(), append(flags, "--endpoint", url, "testdata/history.ndjson")...)
		require.Equal(t, exitDone, got.code, got.out+got.errs)
		require.Equal(t, "13 lines read: 11 delivered, 2 blank\n"+
			`warning: fields with no place in their call were left out: "_metadata" (1 line), "channel" (1 line), "groupId" (1 line)`+"\n", got.out)
		require.Empty(t, got.errs)

		text, err := os.ReadFile("testdata/history.ndjson")
		require.NoError(t, err)
		var want, arrived []map[string]any
		for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
			if line = strings.TrimSpace(line); line != "" {
				want = append(want, promised(t, []byte(line)))
			}
		}
		for _, call := range srv.Calls() {
			require.True(t, call.Accepted(), call)
			require.Equal(t, "test-key", call.WriteKey)
			message := decode(t, call.Raw)
			require.Equal(t, map[string]any{"name": "headwater-go", "version": analytics.Version},
				message["context"].(map[string]any)["library"])
			if message["event"] == "Unnamed" {
				require.Len(t, message["messageId"], 36)
				delete(message, "messageId")
			}
			arrived = append(arrived, comparable(message))
		}
		require.ElementsMatch(t, want, arrived)
		if slices.Contains(flags, "--concurrency") {
			require.Equal(t, want, arrived, "one request at a time keeps the order")
		}
	}
}

// The summary of an import in which everything goes wrong that can.
func TestImportReport(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	srv.Respond(func(r *analyticstest.Request) analyticstest.Answer {
		if bytes.Contains(r.Body, []byte("Poison")) {
			return analyticstest.Answer{Status: 400, Body: "bad\x1b[31m key test-key"}
		}
		return analyticstest.Answer{}
	})
	log := filepath.Join(t.TempDir(), "errors.txt")
	got := runImport(t.Context(), "--endpoint", url, "--errors", log, "testdata/faulty.ndjson")
	require.Equal(t, exitIncomplete, got.code)
	require.Empty(t, got.errs)
	golden(t, "testdata/report.golden", strings.ReplaceAll(got.out, log, "FILE"))

	text, err := os.ReadFile(log)
	require.NoError(t, err)
	golden(t, "testdata/errors.golden", string(text))
	require.Len(t, srv.Delivered(), 2)
}

// golden compares with a file, which UPDATE_GOLDEN=1 writes.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o666))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestImportDryRunSendsNothing(t *testing.T) {
	t.Parallel()
	got := runWith(t.Context(), `{"type":"alias","userId":"u"}`, "import", "--dry-run", "testdata/history.ndjson", "-")
	require.Equal(t, exitIncomplete, got.code)
	require.Equal(t, "14 lines read: 11 fit to be sent, 1 refused, 2 blank\nrefused:\n"+
		"  stdin:1: alias: previousId: is required: the identity the user had before\n"+
		`warning: fields with no place in their call were left out: "_metadata" (1 line), "channel" (1 line), "groupId" (1 line)`+"\n", got.out)

	got = runWith(t.Context(), `{"type":"alias","userId":"u","previousId":"p"}`, "import", "--dry-run", "-")
	require.Equal(t, outcome{code: exitDone, out: "1 line read: 1 fit to be sent\n" +
		"warning: 1 line with neither messageId nor timestamp got a random id: sent again, they count twice\n"}, got)
}

func TestImportTooLarge(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	text := fmt.Sprintf(`{"type":"track","messageId":"big","userId":"u","event":"E","properties":{"x":"%s"}}`, strings.Repeat("x", 40_000)) +
		"\n" + strings.Repeat("y", 3<<20) + "\n" + track(3)
	got := runWith(t.Context(), text, "import", "--write-key", "test-key", "--endpoint", url, "-")
	require.Equal(t, exitIncomplete, got.code)
	require.Equal(t, "3 lines read: 1 delivered, 2 refused\nrefused:\n"+
		"  stdin:1: message is too large, the API takes 32000 bytes\n"+
		"  stdin:2: is longer than 1048576 bytes\n", got.out)
	require.Len(t, srv.Calls(), 1)
}

func TestImportStopsWhenDeliveryFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer analyticstest.Answer
		why    string
	}{
		{analyticstest.Answer{Status: 503, Body: "no"}, "server answered 503: no"},
		{analyticstest.Answer{Status: 401, Body: "bad key test-key"}, "server answered 401: bad key (write key)"},
	} {
		srv, url := listen(t)
		srv.Script(analyticstest.Answer{}, analyticstest.Answer{})
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return test.answer })
		file := writeTracks(t, 100)
		got := runImport(t.Context(), "--endpoint", url, "--max-retries", "0", "--batch-size", "5", "--concurrency", "1",
			"--shutdown-timeout", "50ms", file)
		require.Equal(t, exitIncomplete, got.code)
		require.Contains(t, got.out, " 10 delivered, ")
		require.Contains(t, got.out, "\nstopped: delivery failed: "+test.why+"\n")
		require.Contains(t, got.out, fmt.Sprintf("\nresume: run the same command with --from 11 (%s:11)\n", file))
		require.Contains(t, got.errs, "headwater: delivery is failing: "+test.why+"\n")
		require.NotContains(t, got.out+got.errs, "test-key")
	}
}

// A server that is away for a while costs a notice and no line.
func TestImportRetries(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	srv.Script(analyticstest.Status(500))
	got := runImport(t.Context(), "--endpoint", url, writeTracks(t, 3))
	require.Equal(t, exitDone, got.code)
	require.Equal(t, "3 lines read: 3 delivered\n", got.out)
	require.Equal(t, "headwater: delivery is failing: server answered 500: {\"success\":false}\nheadwater: delivery works again\n", got.errs)
	require.Len(t, srv.Calls(), 3)
}

func TestImportUsage(t *testing.T) {
	t.Setenv("HEADWATER_WRITE_KEY", "")
	srv, url := listen(t)
	good := writeTracks(t, 1)
	zipped := filepath.Join(t.TempDir(), "a.gz")
	require.NoError(t, os.WriteFile(zipped, []byte{0x1f, 0x8b, 8}, 0o666))
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, "expected one of"},
		{[]string{"import"}, "expected \"<file> ...\""},
		{[]string{"import", "--endpoint", url, good}, "no write key"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, good, "missing.ndjson"}, "missing.ndjson: no such file"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, good, "testdata"}, "testdata is a directory"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, zipped}, "is compressed: gunzip"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, "-", "-"}, "named twice"},
		{[]string{"import", "--write-key", "k", "--endpoint", "nowhere", good}, "config: Endpoint: "},
		{[]string{"import", "--write-key", "a b", "--endpoint", url, good}, "config: WriteKey: "},
		{[]string{"import", "--write-key", "k", "--endpoint", url, "--from", "0", good}, "--from counts lines from 1"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, "--batch-size", "2501", good}, "--batch-size must be 1 to 2500"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, "--concurrency", "0", good}, "--concurrency must be"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, "--max-retries=-1", good}, "--max-retries must not"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, "--shutdown-timeout=-1s", good}, "--shutdown-timeout must not"},
		{[]string{"import", "--write-key", "k", "--endpoint", url, "--errors", "missing/dir", good}, "missing/dir: no such file"},
		{[]string{"import", "--unknown", good}, "unknown flag --unknown"},
	} {
		got := runWith(t.Context(), "", test.args...)
		require.Equal(t, exitUsage, got.code, test.args)
		require.Contains(t, got.errs, test.says, test.args)
		require.True(t, strings.HasPrefix(got.errs, "headwater: "), got.errs)
		require.Empty(t, got.out)
	}
	require.Empty(t, srv.Requests(), "nothing is sent before all is known to be well")
}

func TestWriteKeyFromEnvironment(t *testing.T) {
	t.Setenv("HEADWATER_WRITE_KEY", "from-env")
	srv, url := listen(t)
	got := runWith(t.Context(), track(1), "import", "--endpoint", url, "-")
	require.Equal(t, exitDone, got.code)
	require.Equal(t, "from-env", srv.Calls()[0].WriteKey)
	help := runWith(t.Context(), "", "import", "--help")
	require.Equal(t, exitDone, help.code)
	require.Contains(t, help.out, "HEADWATER_WRITE_KEY")
	require.NotContains(t, help.out+help.errs, "from-env")
}

func TestVersion(t *testing.T) {
	t.Parallel()
	want := runWith(t.Context(), "", "version")
	require.Equal(t, exitDone, want.code)
	require.True(t, strings.HasPrefix(want.out, "headwater "+analytics.Version+" "), want.out)
	require.Equal(t, want, runWith(t.Context(), "", "--version"))
}

// track is a line, told from others by n.
func track(n int) string {
	return fmt.Sprintf(`{"type":"track","messageId":"m-%d","timestamp":"2019-06-01T08:00:00Z","userId":"u","event":"E"}`, n)
}

// writeTracks writes a file of n lines, m-1 to m-n.
func writeTracks(t *testing.T, n int) string {
	t.Helper()
	var text strings.Builder
	for i := range n {
		text.WriteString(track(i+1) + "\n")
	}
	file := filepath.Join(t.TempDir(), "tracks.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o666))
	return file
}
