// One directory, one process: whoever comes second is told so, whatever the first is doing.

package spool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

func init() { spool.Children["hold"] = hold }

// hold waits until the file START is there, opens the spool, and says how that ended: "open", after
// an entry was accepted, "in use", or what else. It keeps it until it is killed.
func hold() error {
	for path := os.Getenv("START"); path != ""; {
		if _, err := os.Stat(path); err == nil {
			break
		}
	}
	s, err := spool.Open(os.Getenv("SPOOL"), nil)
	if err == nil {
		err = s.Append(context.Background(), []analytics.Entry{entry("child", 0)}, analytics.Drop)
	}
	switch {
	case errors.Is(err, spool.ErrInUse):
		fmt.Println("in use")
		return nil
	case err != nil:
		fmt.Println(err)
		return nil
	}
	fmt.Println("open")
	select {}
}

func entry(source string, n int) analytics.Entry {
	return analytics.Entry{Source: source, Call: "track", ID: fmt.Append(nil, n), Body: []byte("{}"), Time: time.Now()}
}

// ids takes what waits of a source and returns the ids.
func ids(t *testing.T, s *spool.Spool, source string) (all []string) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for {
		lease, err := s.Lease(ended, analytics.Limit{Source: source, Events: 100, Bytes: 1 << 20})
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			return all
		}
		verdicts := make([]analytics.Verdict, len(lease.Entries()))
		for i, e := range lease.Entries() {
			all = append(all, string(e.ID))
			verdicts[i].Outcome = analytics.Delivered
		}
		require.NoError(t, lease.Done(t.Context(), verdicts))
	}
}

// TestInUse opens a directory that a process has open, from this process and from
// another, and again when it has ended.
func TestInUse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "spool")
	mine, err := spool.Open(dir, nil)
	require.NoError(t, err)
	require.NoError(t, mine.Append(t.Context(), []analytics.Entry{entry("mine", 1)}, analytics.Drop))

	began := time.Now()
	_, err = spool.Open(dir, nil)
	require.ErrorIs(t, err, spool.ErrInUse)
	t.Logf("a second Spool of this process: refused after %v", time.Since(began).Round(time.Millisecond))

	began = time.Now()
	second := spool.StartChild(t, "hold", "SPOOL="+dir)
	require.Equal(t, "in use", second.Line())
	require.NoError(t, second.Wait())
	t.Logf("another process, with its start: refused after %v", time.Since(began).Round(time.Millisecond))

	require.NoError(t, mine.Append(t.Context(), []analytics.Entry{entry("mine", 2)}, analytics.Drop))
	require.NoError(t, mine.Close(t.Context()))
	require.ErrorIs(t, mine.Append(t.Context(), []analytics.Entry{entry("mine", 3)}, analytics.Drop), analytics.ErrClosed)

	holder := spool.StartChild(t, "hold", "SPOOL="+dir)
	require.Equal(t, "open", holder.Line())
	_, err = spool.Open(dir, nil)
	require.ErrorIs(t, err, spool.ErrInUse)
	holder.Kill()
	require.Error(t, holder.Wait())

	again, err := spool.Open(dir, nil)
	require.NoError(t, err)
	require.NoError(t, again.Stats().Err)
	require.Equal(t, []string{"1", "2"}, ids(t, again, "mine"))
	require.Equal(t, []string{"0"}, ids(t, again, "child"))
	require.NoError(t, again.Close(t.Context()))
	requireSound(t, dir)
}

// TestOpenAtOnce has processes open one directory at the same moment, new or with a
// damaged file in it: one gets it, and what it accepted is there when it is dead.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		old  string // what is in the file, if there is one
		left int    // files at the end
	}{
		{name: "new", left: 1},
		{name: "damaged", old: strings.Repeat("no spool wrote this", 10_000), left: 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for range spool.Size(5, 50) {
				dir := filepath.Join(t.TempDir(), "spool")
				start := filepath.Join(t.TempDir(), "start")
				require.NoError(t, os.Mkdir(dir, 0o700))
				if tc.old != "" {
					require.NoError(t, os.WriteFile(filepath.Join(dir, "spool.db"), []byte(tc.old), 0o600))
				}
				var children []*spool.Child
				for range 3 {
					children = append(children, spool.StartChild(t, "hold", "SPOOL="+dir, "START="+start))
				}
				require.NoError(t, os.WriteFile(start, nil, 0o600))
				var answers []string
				for _, c := range children {
					answers = append(answers, c.Line())
				}
				for _, c := range children {
					c.Kill()
					_ = c.Wait() // killed or not, by what it answered
				}
				slices.Sort(answers)
				require.Equal(t, []string{"in use", "in use", "open"}, answers)
				s, err := spool.Open(dir, nil)
				require.NoError(t, err)
				require.Equal(t, []string{"0"}, ids(t, s, "child"))
				require.NoError(t, s.Close(t.Context()))
				left, err := os.ReadDir(dir)
				require.NoError(t, err)
				require.Len(t, left, tc.left, "%v", left)
			}
		})
	}
}

// TestOpenAtOnceHere is the same in one process, where more can be tried: any number of
// Spools, one winner, and nobody breaks what it has.
func TestOpenAtOnceHere(t *testing.T) {
	t.Parallel()
	for _, old := range []string{"", strings.Repeat("no spool wrote this", 10_000)} {
		var rounds sync.WaitGroup
		for range spool.Size(20, 200) {
			dir := t.TempDir()
			if old != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "spool.db"), []byte(old), 0o600))
			}
			rounds.Go(func() { openAtOnce(t, dir) })
		}
		rounds.Wait()
	}
}

func openAtOnce(t *testing.T, dir string) {
	const openers = 3
	var (
		opening sync.WaitGroup
		opened  = make(chan *spool.Spool, openers)
		refused = make(chan error, openers)
		start   = make(chan struct{})
	)
	for range openers {
		opening.Go(func() {
			<-start
			if s, err := spool.Open(dir, nil); err != nil {
				refused <- err
			} else {
				opened <- s
			}
		})
	}
	close(start)
	opening.Wait()
	close(opened)
	close(refused)
	for err := range refused {
		if !errors.Is(err, spool.ErrInUse) {
			t.Errorf("refused with %v", err)
		}
	}
	if len(opened) != 1 {
		t.Errorf("%d have it open", len(opened))
	}
	for s := range opened {
		if err := errors.Join(s.Append(t.Context(), []analytics.Entry{entry("one", 1)}, analytics.Drop), s.Close(t.Context())); err != nil {
			t.Error(err)
		}
	}
}
