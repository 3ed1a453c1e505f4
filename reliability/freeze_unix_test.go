// Frozen: SIGSTOP and SIGCONT around a process, as a platform does that freezes functions between invocations.

//go:build unix

package reliability_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/analyticstest"
)

// freezing is what befalls the four requests on their way while their process
// is frozen.
type freezing struct {
	name  string
	busy  bool // there are such requests
	first analyticstest.Answer
}

func TestFreeze(t *testing.T) {
	frozen := time.Duration(size(1, 60)) * time.Second
	var mu sync.Mutex
	var results []string
	t.Run("frozen", func(t *testing.T) {
		for _, f := range []freezing{
			{"idle", false, analyticstest.Answer{}},
			{"answered meanwhile", true, analyticstest.Delay(frozen / 2)},
			{"cut meanwhile", true, analyticstest.Answer{Delay: frozen / 2, Cut: analyticstest.AfterStore}},
			{"503 meanwhile", true, analyticstest.Answer{Delay: frozen / 2, Status: 503}},
		} {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				took := f.thaw(t, frozen)
				mu.Lock()
				defer mu.Unlock()
				results = append(results, fmt.Sprintf("%s: %d ms", f.name, took.Milliseconds()))
			})
		}
	})
	slices.Sort(results)
	proved(t, "T30", "frozen for %v; Flush after the thaw: %s", frozen, strings.Join(results, ", "))
}

// thaw freezes a process, lets it go on, and returns how long it then took to
// deliver what it had and 100 calls more.
func (f freezing) thaw(t *testing.T, frozen time.Duration) (took time.Duration) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	server := httptest.NewUnstartedServer(srv)
	server.Config.IdleTimeout = frozen / 2 // as a load balancer's
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	cmd := child(t, "frozen", "ENDPOINT="+server.URL)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	out := bufio.NewReader(pipe)
	tell := func(what string) {
		t.Helper()
		_, err := io.WriteString(in, what+"\n")
		require.NoError(t, err)
		line, err := out.ReadString('\n')
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(line, "ok "), "%s: %s", what, line)
	}
	tell("track")
	tell("flush") // it has warm connections
	calls := 200
	if f.busy {
		calls = 300
		srv.Script(analyticstest.Repeat(4, f.first)...)
		before := len(srv.Requests())
		tell("track")
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, srv.WaitRequests(ctx, before+4), "all are on their way")
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	time.Sleep(frozen) // no clock can be faked for a frozen process
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	thawed := time.Now()
	tell("track")
	tell("flush")
	took = time.Since(thawed)
	require.Less(t, took, 2*time.Second)
	times := reached(srv)
	for i := range calls {
		require.Positive(t, times[callID(i)], "%s is lost", callID(i))
	}
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	return took
}
