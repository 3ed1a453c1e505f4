// Tests of the command as a process that is sent signals.

//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/stretchr/testify/require"
)

// process is headwater import, running as a process of its own and reading from in.
type process struct {
	*exec.Cmd
	in   io.WriteCloser
	errs *bufio.Reader
	out  bytes.Buffer
}

func startImport(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	p := &process{Cmd: exec.CommandContext(ctx, os.Args[0], append([]string{"import"}, args...)...)}
	p.Env = append(os.Environ(), asCommand+"=1", "HEADWATER_WRITE_KEY=test-key")
	p.Stdout = &p.out
	var err error
	p.in, err = p.StdinPipe()
	require.NoError(t, err)
	errs, err := p.StderrPipe()
	require.NoError(t, err)
	p.errs = bufio.NewReader(errs)
	require.NoError(t, p.Start())
	return p
}

// A signal ends an import that waits for its standard input, delivers what it has
// read, and says where to resume.
func TestSignal(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		srv, url := listen(t)
		p := startImport(t, "--endpoint", url, "--batch-size", "2", "-")
		_, err := io.WriteString(p.in, track(1)+"\n"+track(2)+"\n"+track(3)+"\n")
		require.NoError(t, err)
		_, err = srv.WaitCalls(t.Context(), 2)
		require.NoError(t, err)
		require.NoError(t, p.Process.Signal(signal))
		notice, err := p.errs.ReadString('\n')
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(notice, "headwater: stopping: waiting up to 10s for "), notice)
		require.Error(t, p.Wait())
		require.Equal(t, exitIncomplete, p.ProcessState.ExitCode())
		require.Equal(t, "3 lines read: 3 delivered\nstopped: interrupted\nresume: run the same command with --from 4 (stdin:4)\n", p.out.String())
		require.Len(t, srv.Delivered(), 3)
	}
}

// A later signal ends the process at once, whatever is under way.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() })
	p := startImport(t, "--endpoint", url, "--batch-size", "2", "--shutdown-timeout", "1h", "-")
	_, err := io.WriteString(p.in, track(1)+"\n"+track(2)+"\n")
	require.NoError(t, err)
	require.NoError(t, srv.WaitRequests(t.Context(), 1))
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	notice, err := p.errs.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "headwater: stopping: waiting up to 1h0m0s for 2 lines under way; "+
		"interrupt again to end at once, then resume with --from 1\n", notice)
	// Those that come at once count as one signal, so it takes more than these.
	ended := make(chan error)
	go func() { ended <- p.Wait() }()
	again := time.NewTicker(oneSignal / 2)
	defer again.Stop()
	for waiting := true; waiting; {
		_ = p.Process.Signal(syscall.SIGINT) // fails when it has ended meanwhile
		select {
		case err := <-ended:
			require.Error(t, err)
			waiting = false
		case <-again.C:
		}
	}
	status := p.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, status.Signaled())
	require.Equal(t, syscall.SIGINT, status.Signal())
}
