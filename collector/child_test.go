// The test binary, which is also the collector that some tests run in a process of its own, to kill and measure it.

package collector_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// childOptions names the environment variable that makes the binary a child: its
// options, in JSON.
const childOptions = "COLLECTOR_TEST_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(childOptions); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// long reports whether the long forms were asked for: SOAK=1, as make load does.
func long() bool { return os.Getenv("SOAK") != "" }

// size is the short form's number, or the long one's under SOAK.
func size(short, full int) int {
	if long() {
		return full
	}
	return short
}

// amount is size for what a collector gets to do: under the race detector it takes
// ten times as long.
func amount(short, full int) int {
	if underRace() {
		return size(short/5, full/5)
	}
	return size(short, full)
}

// options of a child.
type options struct {
	Data     string
	MaxAge   time.Duration
	Patience time.Duration // with a slow client, instead of the server's own timeouts; 0 for those
}

// state is what a child says of itself.
type state struct {
	Goroutines  int
	Connections int64
	Peak        int64 // resident, in bytes; 0 where /proc does not tell
}

// serve is the child: a collector behind its own server. It prints its address,
// answers every line with its state, and ends as a command does when its input
// ends.
func serve(text string) error {
	var o options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := collector.New(&collector.Options{Data: o.Data, MaxAge: o.MaxAge, MaxBytes: 1 << 40, Logger: log})
	if err != nil {
		return err
	}
	srv := c.Server()
	if o.Patience > 0 {
		srv.ReadHeaderTimeout, srv.ReadTimeout, srv.WriteTimeout = o.Patience, 2*o.Patience, 3*o.Patience
	}
	var connections atomic.Int64
	srv.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			connections.Add(1)
		case http.StateClosed, http.StateHijacked:
			connections.Add(-1)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	serving.Go(func() { err = srv.Serve(listener) })
	fmt.Println(listener.Addr())
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		_ = out.Encode(state{runtime.NumGoroutine(), connections.Load(), peakResident()})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ended := errors.Join(srv.Shutdown(ctx), c.Close(ctx))
	if serving.Wait(); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, ended)
}

// peakResident is what the kernel counts since this program was loaded.
func peakResident() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

// child is a collector in another process.
type child struct {
	t       *testing.T
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	log     *bytes.Buffer // read it once the process has ended
	addr    string
	client  *http.Client
}

// launch starts a child and does not wait until it serves. It ends with the test.
func launch(t *testing.T, o options) *child {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	p := &child{
		t: t, command: exec.CommandContext(t.Context(), os.Args[0]), log: new(bytes.Buffer),
		client: &http.Client{Transport: &http.Transport{}, Timeout: time.Minute},
	}
	t.Cleanup(p.client.CloseIdleConnections)
	p.command.Env = append(os.Environ(), childOptions+"="+string(text))
	p.command.Stderr = p.log
	p.stdin, err = p.command.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.command.StdoutPipe()
	require.NoError(t, err)
	p.stdout = bufio.NewReader(stdout)
	require.NoError(t, p.command.Start())
	return p
}

// start starts a child and waits until it serves.
func start(t *testing.T, o options) *child {
	t.Helper()
	p := launch(t, o)
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		_ = p.command.Wait()
		require.NoError(t, err, p.log.String())
	}
	p.addr = strings.TrimSpace(line)
	return p
}

func (p *child) url() string { return "http://" + p.addr }

// state asks the child how it is.
func (p *child) state() state {
	p.t.Helper()
	_, err := fmt.Fprintln(p.stdin)
	require.NoError(p.t, err)
	line, err := p.stdout.ReadBytes('\n')
	require.NoError(p.t, err)
	var s state
	require.NoError(p.t, json.Unmarshal(line, &s))
	return s
}

// kill ends the child at once, as kill -9 does.
func (p *child) kill() {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Kill())
	require.Error(p.t, p.command.Wait())
	p.requireSound()
}

// stop ends the child in good order.
func (p *child) stop() {
	p.t.Helper()
	p.client.CloseIdleConnections()
	require.NoError(p.t, p.stdin.Close())
	require.NoError(p.t, p.command.Wait(), p.log)
	p.requireSound()
}

// requireSound looks through the log of a child that has ended.
func (p *child) requireSound() {
	p.t.Helper()
	require.NotContains(p.t, p.log.String(), "panic")
	require.NotContains(p.t, p.log.String(), "DATA RACE")
}

// get fetches a path and returns what it says and how long that took.
func (p *child) get(path string) ([]byte, time.Duration) {
	p.t.Helper()
	body, took, err := p.fetch(path)
	require.NoError(p.t, err)
	return body, took
}

func (p *child) fetch(path string) ([]byte, time.Duration, error) {
	began := time.Now()
	r, err := p.client.Get(p.url() + path)
	if err != nil {
		return nil, 0, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	took := time.Since(began)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s was answered %d: %s", path, r.StatusCode, body)
	}
	return body, took, err
}

// overview is a source over the last 24 hours.
func (p *child) overview(key string) (o overviewJSON) {
	p.t.Helper()
	body, _ := p.get("/api/sources/" + key + "/overview")
	require.NoError(p.t, json.Unmarshal(body, &o))
	return o
}

// watch fetches paths again and again until the function it returns is called,
// which tells how long each took, fastest first.
func (p *child) watch(every time.Duration, paths ...string) (end func() map[string][]time.Duration) {
	ctx, stop := context.WithCancel(p.t.Context())
	times := map[string][]time.Duration{}
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for ; ctx.Err() == nil; <-ticker.C {
			for _, path := range paths {
				_, took, err := p.fetch(path)
				if err != nil {
					p.t.Error(err)
					return
				}
				times[path] = append(times[path], took)
			}
		}
	})
	return func() map[string][]time.Duration {
		stop()
		watching.Wait()
		for _, list := range times {
			slices.Sort(list)
		}
		return times
	}
}

// stored reads all calls of a source from the database in dir, which nobody else
// has open.
func stored(t *testing.T, dir, key string, each func(store.Stored)) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, MaxBytes: 1 << 40})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	sources, err := s.Sources(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(sources, func(src store.Source) bool { return src.WriteKey == key })
	require.GreaterOrEqual(t, i, 0)
	for filter := (store.CallFilter{Limit: 1000}); ; {
		calls, err := s.Calls(t.Context(), sources[i].ID, filter)
		require.NoError(t, err)
		for _, c := range calls {
			each(c)
		}
		if len(calls) < filter.Limit {
			return
		}
		filter.Before = calls[len(calls)-1].ID
	}
}

// check reports err from whatever goroutine.
func check(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// median of a sorted list.
func median(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

// spread describes a sorted list.
func spread(sorted []time.Duration) string {
	n := len(sorted)
	return fmt.Sprintf("%d times: median %.1f ms, 95 %% within %.1f, all within %.1f", n, ms(sorted[n/2]), ms(sorted[n*95/100]), ms(sorted[n-1]))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// underRace reports whether the race detector is built in, which takes several
// times the memory.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
