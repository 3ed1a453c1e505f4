// Tests of imports that are interrupted and resumed.

package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/stretchr/testify/require"
)

var resumeHint = regexp.MustCompile(`(?m)^resume: run the same command with --from (\d+) `)

// Interrupted again and again, with requests answered, cut and hanging at that
// moment, an import that is resumed where it says delivers every line.
func TestResumeDeliversEveryLine(t *testing.T) {
	t.Parallel()
	const total = 400
	srv, url := listen(t)
	files := []string{writeTracks(t, 150), writeTracks(t, total)}
	text, err := os.ReadFile(files[1])
	require.NoError(t, err)
	rest := strings.SplitAfterN(string(text), "\n", 151)[150]
	require.NoError(t, os.WriteFile(files[1], []byte("\n \n"+rest), 0o666)) // two blank lines

	from, runs := "1", 0
	for ; from != ""; runs++ {
		require.Less(t, runs, 40)
		from = interruptedImport(t, srv, url, from, 4+runs, files)
	}
	require.Greater(t, runs, 2, "the import was interrupted")
	want := map[string]bool{}
	for n := range total {
		want[fmt.Sprintf("m-%d", n+1)] = true
	}
	got := map[string]bool{}
	for _, call := range srv.Delivered() {
		got[call.MessageID] = true
	}
	require.Equal(t, want, got)
}

// interruptedImport runs an import that is interrupted at its n-th request, and
// returns where to resume, "" when it had ended before.
func interruptedImport(t *testing.T, srv *analyticstest.Server, url, from string, n int, files []string) string {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	requests := 0
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer {
		mu.Lock()
		defer mu.Unlock()
		requests++
		switch {
		case requests < n-1:
			return analyticstest.Answer{}
		case requests == n-1:
			return analyticstest.Hang()
		case requests == n:
			cancel()
			return analyticstest.CutAfter()
		}
		return analyticstest.Hang()
	})
	got := runImport(ctx, append([]string{"--endpoint", url, "--batch-size", "7", "--concurrency", "3",
		"--shutdown-timeout", "20ms", "--from", from}, files...)...)
	hint := resumeHint.FindStringSubmatch(got.out)
	if hint == nil {
		require.Equal(t, exitDone, got.code, got.out)
		return ""
	}
	require.Equal(t, exitIncomplete, got.code)
	require.Contains(t, got.out, "\nstopped: interrupted\n")
	require.Contains(t, got.errs, "headwater: stopping: waiting up to 20ms for ")
	return hint[1]
}

// An interruption with a server that is well delivers all that was accepted.
func TestInterruptFlushes(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer {
		cancel()
		return analyticstest.Answer{}
	})
	file := writeTracks(t, 50_000)
	got := runImport(ctx, "--endpoint", url, file)
	require.Equal(t, exitIncomplete, got.code)
	delivered := len(srv.Delivered())
	require.Equal(t, fmt.Sprintf("%d lines read: %[1]d delivered\nstopped: interrupted\n"+
		"resume: run the same command with --from %d (%s:%[2]d)\n", delivered, delivered+1, file), got.out)
}

func TestFrom(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	first, second := writeTracks(t, 3), writeTracks(t, 5)
	got := runImport(t.Context(), "--endpoint", url, "--concurrency", "1", "--from", "7", first, second)
	require.Equal(t, outcome{code: exitDone, out: "2 lines read: 2 delivered\n"}, got)
	calls := srv.Calls()
	require.Len(t, calls, 2)
	require.Equal(t, []string{"m-4", "m-5"}, []string{calls[0].MessageID, calls[1].MessageID})

	got = runImport(t.Context(), "--endpoint", url, "--from", "9", first, second) // just past the end
	require.Equal(t, outcome{code: exitDone, out: "0 lines read: 0 delivered\n"}, got)
	got = runImport(t.Context(), "--endpoint", url, "--from", "10", first, second)
	require.Equal(t, outcome{code: exitDone, out: "0 lines read: 0 delivered\nwarning: --from lies beyond the last line, which is 8\n"}, got)
	require.Len(t, srv.Calls(), 2)
}
