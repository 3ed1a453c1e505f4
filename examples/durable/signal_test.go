// The program told to stop: it delivers what it has, or keeps it.

//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSIGTERM stops it while somebody answers: all that it promised has arrived.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	srv, url := listen(t)
	p := start(t, t.TempDir(), url, "--deadline", "1m")
	promised := p.orders(20)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	promised = append(promised, p.orders(-1)...)
	require.NoError(t, p.cmd.Wait(), "%s", &p.stderr)
	requireArrived(t, srv, promised)
}

// TestSIGTERMKeeps stops it while nobody answers: that is no error, and the next run
// delivers everything.
func TestSIGTERMKeeps(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(nil)
	away.Close()
	dir := t.TempDir()
	p := start(t, dir, away.URL, "--deadline", "0s")
	promised := p.orders(20)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(p.out)
	require.NoError(t, err)
	require.NoError(t, p.cmd.Wait(), "%s", &p.stderr)
	lines := strings.Split(strings.TrimSpace(string(rest)), "\n")
	promised = append(promised, lines[:len(lines)-1]...)
	var kept int
	_, err = fmt.Sscanf(lines[len(lines)-1], "%d calls are kept for the next run", &kept)
	require.NoError(t, err, lines)
	require.GreaterOrEqual(t, kept, len(promised))

	srv, url := listen(t)
	require.Contains(t, once(t, dir, url), fmt.Sprintf("%d calls of an earlier run wait in ", kept))
	requireArrived(t, srv, promised)
}
