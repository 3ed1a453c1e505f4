// The test binary: it runs the tests, or is the child process that a test asked for.

package spool

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Children are the programs that the test binary is when CHILD names one. Files of tests
// enter theirs in an init; what one returns is its exit code, 0 or 1.
var Children = map[string]func() error{}

func TestMain(m *testing.M) {
	run, ok := Children[os.Getenv("CHILD")]
	if !ok {
		os.Exit(m.Run())
	}
	go func() { // a child does not outlive the tests, whatever ended them
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Long reports whether the long forms were asked for: SOAK=1, as make soak does.
func Long() bool { return os.Getenv("SOAK") != "" }

// Size is the short form's number, or the long one's under SOAK.
func Size(short, full int) int {
	if Long() {
		return full
	}
	return short
}

// Child is a process of the test binary.
type Child struct {
	cmd    *exec.Cmd
	input  io.Closer
	output *bufio.Scanner
}

// StartChild starts one of Children with more environment.
func StartChild(t *testing.T, name string, environment ...string) *Child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), "CHILD="+name), environment...)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return &Child{cmd, input, bufio.NewScanner(output)}
}

// Line returns the next line that the child printed, "" when there are no more.
func (c *Child) Line() string {
	c.output.Scan()
	return c.output.Text()
}

// Kill kills it. What it printed before can still be read.
func (c *Child) Kill() { _ = c.cmd.Process.Kill() }

// Wait returns how it ended. All it printed must have been read.
func (c *Child) Wait() error {
	err := c.cmd.Wait()
	_ = c.input.Close()
	return err
}
