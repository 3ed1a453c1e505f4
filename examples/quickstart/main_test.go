// The quickstart as a process of its own: all arrives, or it says what is missing.

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// asProgram makes the test binary the program itself, so that a test can start
// it as a process of its own.
const asProgram = "QUICKSTART_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestOnce(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--once")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	require.NoError(t, cmd.Run(), "%s", stderr.String())
	require.Empty(t, stderr.String())
	require.Contains(t, stdout.String(), "Every call arrived.")
	require.NotContains(t, stdout.String(), "\x1b", "no terminal, no escape codes")
	for _, call := range calls {
		require.Regexp(t, `(?m)^  `+call+` +([1-9]\d*) +\d+ `, stdout.String(), "all six calls are shown")
	}
}

func TestFlaky(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	srv := newServer(t)
	require.NoError(t, run(t.Context(), srv, options{once: true, flaky: true}, &out))
	require.Contains(t, out.String(), "Every call arrived.")
	require.Contains(t, out.String(), "came twice", "the cut connection had stored its calls")
}

func TestMissing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	srv := newServer(t)
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Status(401) })
	err := run(t.Context(), srv, options{once: true}, &out)
	require.ErrorContains(t, err, "not received: 22 of 22 identify")
	require.ErrorContains(t, err, "21 of 21 Order Completed")
	require.NotContains(t, out.String(), "Every call arrived.")
}

func TestUntilInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, newServer(t), options{pace: 1}, w)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	for range 5 {
		require.True(t, lines.Scan())
	}
	require.Contains(t, lines.Text(), "received")
	interrupt()
	rest := ""
	for lines.Scan() {
		rest += lines.Text() + "\n"
	}
	require.NoError(t, <-done)
	require.Contains(t, rest, "Every call arrived.")
}

func TestRunsAreAlike(t *testing.T) {
	t.Parallel()
	var sent [2]*tally
	for i := range sent {
		s := newShop(newClient(t, &analytics.Config{Disabled: true}))
		require.NoError(t, s.visits(t.Context(), rush))
		sent[i] = s.sent
	}
	require.Equal(t, sent[0], sent[1])
	require.Greater(t, sent[0].all(), 300)
}

func TestReportFitsTerminal(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	client := newClient(t, &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	s := newShop(client)
	require.NoError(t, s.visits(t.Context(), rush))
	require.NoError(t, client.Flush(t.Context()))

	var out bytes.Buffer
	r := &report{out: &out, url: "http://127.0.0.1:65535", live: true, sent: s.sent, far: &farEnd{srv: srv}, client: client}
	r.progress(t.Context(), 1)
	screen := strings.Split(out.String(), "\n")
	require.LessOrEqual(t, len(screen), 24)
	for _, line := range screen {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimPrefix(line, clearBelow)), 80, line)
	}
}

func TestForgetKeepsCounts(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	client := newClient(t, &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	s, far := newShop(client), &farEnd{srv: srv}
	for range 2 {
		require.NoError(t, s.visits(t.Context(), rush))
		require.NoError(t, client.Flush(t.Context()))
		before := far.count()
		require.Empty(t, s.sent.missing(&before.tally))
		far.forget()
		require.Empty(t, srv.Calls())
		require.Equal(t, before, far.count())
	}
}

func newServer(t *testing.T) *analyticstest.Server {
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	return srv
}

func newClient(t *testing.T, config *analytics.Config) *analytics.Client {
	client, err := analytics.New("KEY", config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}
