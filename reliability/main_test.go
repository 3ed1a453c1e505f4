// The test binary: it runs the tests and writes RELIABILITY.md, or is the child process that a test asked for.

package reliability_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// children are the programs that the test binary is when CHILD names them.
var children = map[string]func(){
	"frozen":     obey,
	"producer":   produceAtFullSpeed,
	"soak":       soakTheClient,
	"terminated": endOnSIGTERM,
}

func TestMain(m *testing.M) {
	if run, ok := children[os.Getenv("CHILD")]; ok {
		run()
		return
	}
	code := m.Run()
	if path := os.Getenv("RELIABILITY"); path != "" && code == 0 {
		if err := writeTable(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// child returns a command that runs one of children with more environment.
func child(t *testing.T, name string, environment ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), "CHILD="+name), environment...)
	cmd.Stderr = os.Stderr
	return cmd
}

// long reports whether the long forms were asked for: SOAK=1, as make soak does.
func long() bool { return os.Getenv("SOAK") != "" }

// size is the short form's number, or the long one's under SOAK.
func size(short, full int) int {
	if long() {
		return full
	}
	return short
}

// seed returns the seed of a random test, SEED to repeat one, and has a failure
// print it.
func seed(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	if err != nil {
		n = uint64(os.Getpid())<<32 ^ uint64(len(t.Name()))<<16 ^ freshSeed()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with SEED=%d", n)
		}
	})
	return n
}
