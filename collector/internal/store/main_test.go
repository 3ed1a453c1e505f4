// The test binary, which is also the other process of some tests.

package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// childDir names the environment variable that makes the binary a child: it
// opens the store there and adds calls until it is killed.
const childDir = "STORE_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv("STORE_TEST_CHILD_RUN")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// size is the short form's number, or under SOAK=1 the long one's.
func size(short, long int) int {
	if os.Getenv("SOAK") != "" {
		return long
	}
	return short
}

// child adds requests from four goroutines and prints the messageIds of each
// that it was acknowledged. It ends when its input does.
func child(dir, run string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Dir: dir, MaxBytes: 1 << 40, Now: func() time.Time { return noon }})
	if err != nil {
		return err
	}
	sources, err := s.Sources(ctx)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		sources = []store.Source{{Slug: "web", WriteKey: "k", CreatedAt: noon}}
		if err := s.SaveSource(ctx, &sources[0]); err != nil {
			return err
		}
	}
	fmt.Println("open")
	var out sync.Mutex
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				if err := childAdd(s, sources[0].ID, fmt.Sprint(run, "-", worker, "-", i), 1+i%7, &out); err != nil {
					panic(err)
				}
			}
		}()
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// childAdd adds one request of n calls, and one that is a duplicate of the last.
func childAdd(s *store.Store, source int64, id string, n int, out *sync.Mutex) error {
	r := &store.Request{Source: source, ReceivedAt: noon}
	for j := range n {
		r.Calls = append(r.Calls, track(fmt.Sprint(id, "-", j), fmt.Sprint("Event ", j)))
	}
	r.Calls = append(r.Calls, failed(r.Calls[0].MessageID, "Failed", "no_user"), r.Calls[0])
	if err := s.Add(context.Background(), r); err != nil {
		return err
	}
	out.Lock()
	defer out.Unlock()
	_, err := fmt.Println(id, n)
	return err
}

// process is a child under the control of a test.
type process struct {
	command *exec.Cmd
	stdin   io.Closer
	lines   *bufio.Scanner
}

// start starts a child and waits until it has the store open.
func start(t *testing.T, dir, run string) *process {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+dir, "STORE_TEST_CHILD_RUN="+run)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	p := &process{command, stdin, bufio.NewScanner(stdout)}
	require.True(t, p.lines.Scan())
	require.Equal(t, "open", p.lines.Text())
	return p
}

// kill ends the child at once, as kill -9 does, and returns the rest of what it printed.
func (p *process) kill(t *testing.T) []string {
	t.Helper()
	require.NoError(t, p.command.Process.Kill())
	var lines []string
	for p.lines.Scan() {
		lines = append(lines, p.lines.Text())
	}
	require.NoError(t, p.lines.Err())
	require.Error(t, p.command.Wait())
	return lines
}
