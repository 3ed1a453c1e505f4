// The quickstart as a process of its own, and in parts: all arrives, or it says what is missing.

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
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

// address finds where the page is in what the program says.
var address = regexp.MustCompile(`(?m)^  Source Overview  (http://127\.0\.0\.1:\d+/sources/outfitters\S*)$`)

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
	require.Regexp(t, address, stdout.String())
	for _, name := range append(steps, calls...) {
		require.Regexp(t, `(?m)\b`+name+` +([1-9]\d*) +\d+\b`, stdout.String(), "all six calls and every step are shown")
	}
}

func TestFlaky(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), options{once: true, gate: flaky}, &out))
	require.Contains(t, out.String(), "Every call arrived.")
	require.Regexp(t, `retries +3\b`, out.String())
	require.Regexp(t, `duplicates dropped +[1-9]`, out.String(), "the cut connection had stored its calls")
}

func TestMissing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	refuse := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/v1/") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	err := run(t.Context(), options{once: true, gate: refuse}, &out)
	require.ErrorContains(t, err, "not received: 22 of 22 identify")
	require.ErrorContains(t, err, "17 of 17 Order Completed")
	require.ErrorContains(t, err, "8 of 8 Failed on ingest")
	require.NotContains(t, out.String(), "Every call arrived.")
}

// The program is up until it is interrupted, and the page with it.
func TestUntilInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, options{pace: 1}, w)
		w.Close()
	}()
	lines, said := bufio.NewScanner(r), ""
	for !strings.Contains(lines.Text(), "received") {
		require.True(t, lines.Scan(), said)
		said += lines.Text() + "\n"
	}
	page := address.FindStringSubmatch(said)
	require.NotNil(t, page, said)
	require.Contains(t, said, "Ctrl-C")
	require.Contains(t, get(t, page[1]), shopName)

	interrupt()
	rest := ""
	for lines.Scan() {
		rest += lines.Text() + "\n"
	}
	require.NoError(t, <-done)
	require.Contains(t, rest, "Every call arrived.")
	_, err := http.Get(page[1])
	require.Error(t, err, "the page is gone")
}

// What the page shows is what was sent.
func TestPage(t *testing.T) {
	t.Parallel()
	_, far, s := open(t)
	got, err := far.count(t.Context())
	require.NoError(t, err)
	require.Equal(t, *s.sent, got.tally)

	page := get(t, far.page())
	require.Contains(t, page, shopName)
	require.Contains(t, page, fmt.Sprintf("Events successfully received %d ", s.sent.all()))
	for _, step := range steps {
		require.NotZero(t, s.sent.steps[step])
		require.Contains(t, page, fmt.Sprintf("%s %d ", step, s.sent.steps[step]))
	}
	versions := get(t, far.page()+"&tab=version")
	for _, version := range []string{"web 118", "3.1.4", "3.2.0"} {
		require.Contains(t, versions, version)
	}
}

// A port that another has is no reason to fail.
func TestSecondFarEnd(t *testing.T) {
	t.Parallel()
	one, other := newFarEnd(t), newFarEnd(t)
	require.NotEqual(t, one.url, other.url)
	require.Contains(t, get(t, one.page()), shopName)
	require.Contains(t, get(t, other.page()), shopName)
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
	client, far, s := open(t)
	var out bytes.Buffer
	far.url = "http://127.0.0.1:65535" // the longest there is
	r := &report{out: &out, live: true, sent: s.sent, far: far, client: client}
	require.NoError(t, r.progress(t.Context(), 1))
	screen := strings.Split(out.String(), "\n")
	require.LessOrEqual(t, len(screen), 24)
	for _, line := range screen {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimPrefix(line, clearBelow)), 80, line)
	}
}

// open returns a shop that has had its rush, and a far end that received it.
func open(t *testing.T) (*analytics.Client, *farEnd, *shop) {
	far := newFarEnd(t)
	client := newClient(t, &analytics.Config{Endpoint: far.url})
	s := newShop(client)
	s.till = &till{url: far.url}
	require.NoError(t, s.visits(t.Context(), rush))
	require.NoError(t, client.Flush(t.Context()))
	return client, far, s
}

func newFarEnd(t *testing.T) *farEnd {
	far, err := openFarEnd(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, far.close()) })
	return far
}

func newClient(t *testing.T, config *analytics.Config) *analytics.Client {
	client, err := analytics.New(writeKey, config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// between is all of a page that is no text.
var between = regexp.MustCompile(`(<[^>]*>|\s)+`)

// get returns the text of the page at an address.
func get(t *testing.T, address string) string {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	require.NoError(t, err)
	req.Close = true // another test may listen there next
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return between.ReplaceAllString(string(body), " ")
}
