// The program as a process of its own that is killed: no order it printed is missing at the far end.

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/analyticstest"
)

// asProgram makes the test binary the program itself, so that a test can kill it.
const asProgram = "DURABLE_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// listen is a Tracking API on a socket.
func listen(t *testing.T) (*analyticstest.Server, string) {
	t.Helper()
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	url, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return srv, url
}

// process is the program under test.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *bufio.Reader
	stderr bytes.Buffer
	first  string // the line it began with
}

func start(t *testing.T, dir, endpoint string, args ...string) *process {
	t.Helper()
	args = append([]string{"--spool", dir, "--endpoint", endpoint, "--pace", "0s"}, args...)
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	p.out = bufio.NewReader(stdout)
	p.first, err = p.out.ReadString('\n')
	require.NoError(t, err, "%s", &p.stderr)
	return p
}

// orders reads n orders, or with n < 0 all until the program ends.
func (p *process) orders(n int) (list []string) {
	for n < 0 || len(list) < n {
		line, err := p.out.ReadString('\n')
		if n < 0 && errors.Is(err, io.EOF) {
			return list // what was cut off was not promised
		}
		require.NoError(p.t, err, "%s", &p.stderr)
		if strings.HasPrefix(line, "order-") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// kill ends the program with SIGKILL (on Windows with what it has for it) and returns
// what it had printed.
func (p *process) kill() []string {
	require.NoError(p.t, p.cmd.Process.Kill())
	list := p.orders(-1)
	require.Error(p.t, p.cmd.Wait())
	return list
}

// TestKill kills the program again and again, while it delivers and while nothing can be
// delivered. Its last run delivers all that the others promised.
func TestKill(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	dir := t.TempDir()
	var promised []string
	for _, answer := range []func(*analyticstest.Request) analyticstest.Answer{
		nil,
		func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() },
		func(*analyticstest.Request) analyticstest.Answer { return analyticstest.CutAfter() },
		nil,
	} {
		srv.Respond(answer)
		before := len(srv.Requests())
		p := start(t, dir, url)
		promised = append(promised, p.orders(300)...)
		require.NoError(t, srv.WaitRequests(t.Context(), before+1), "one is under way, or was")
		promised = append(promised, p.kill()...)
	}

	srv.Respond(nil)
	last := once(t, dir, url)
	require.NotContains(t, last, "kept for the next run")
	require.GreaterOrEqual(t, len(promised), 1200)
	requireArrived(t, srv, promised)
	t.Logf("%d were promised in 4 runs; %s", len(promised), last)
}

// TestNobodyThere kills it while nobody answers at all.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	dir := t.TempDir()
	away := httptest.NewServer(nil)
	away.Close()
	p := start(t, dir, away.URL)
	require.Equal(t, "0 calls of an earlier run wait in "+dir+"\n", p.first)
	promised := append(p.orders(10), p.kill()...)
	require.NotContains(t, once(t, dir, url), "kept for the next run")
	requireArrived(t, srv, promised)
}

// once runs the program in this process until it has made one call, and returns what it
// printed.
func once(t *testing.T, dir, url string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	require.NoError(t, run(ctx, options{dir: dir, endpoint: url, writeKey: "WRITE_KEY", deadline: time.Minute}, &out))
	return out.String()
}

// requireArrived demands that no order is missing at the far end.
func requireArrived(t *testing.T, srv *analyticstest.Server, promised []string) {
	t.Helper()
	got := map[string]bool{}
	for _, c := range srv.Events("Order Completed") {
		got[c.Str("properties.order_id")] = c.Accepted()
	}
	for _, order := range promised {
		require.True(t, got[order], "%s was on disk when the program said so, and is lost", order)
	}
}
