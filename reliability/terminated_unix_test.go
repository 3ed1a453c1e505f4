// SIGTERM: a real process with a full queue and a slow API ends in time and accounts for every call.

//go:build unix

package reliability_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/analyticstest"
)

// ending is an API's way to answer and the time that the process is granted.
type ending struct {
	name         string
	answer       analyticstest.Answer
	grace        time.Duration
	allDelivered bool
}

// queued is how many calls the process has accepted when the signal comes.
const queued = 10_000

func TestTerminated(t *testing.T) {
	short := time.Duration(size(1, 10)) * time.Second
	var mu sync.Mutex
	var results []string
	t.Run("while", func(t *testing.T) {
		for _, e := range []ending{
			{"time enough", analyticstest.Delay(20 * time.Millisecond), 20 * time.Second, true},
			{"too slow", analyticstest.Delay(short * 3 / 10), short, false},
			{"limited", analyticstest.RetryAfter(429, time.Minute), short, false},
			{"hanging", analyticstest.Hang(), time.Second, false},
		} {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				result := e.terminate(t)
				mu.Lock()
				defer mu.Unlock()
				results = append(results, result)
			})
		}
	})
	slices.Sort(results)
	proved(t, "T29", "%s", strings.Join(results, "; "))
}

// terminate ends a process and holds what it said against what the API received.
func (e ending) terminate(t *testing.T) string {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return e.answer })
	url, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	cmd := child(t, "terminated", "ENDPOINT="+url, fmt.Sprint("CALLS=", queued), "GRACE="+e.grace.String())
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	out := bufio.NewReader(pipe)
	line, err := out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	began := time.Now()
	var last farewell
	require.NoError(t, json.NewDecoder(out).Decode(&last))
	require.NoError(t, cmd.Wait(), "it ends by itself, with status 0")
	exit := time.Since(began)

	require.Equal(t, queued, last.Accepted)
	require.LessOrEqual(t, last.Took, e.grace+time.Second)
	require.LessOrEqual(t, exit, e.grace+3*time.Second, "under the race detector exiting alone takes one")
	times := reached(srv)
	lost := make(map[string]bool)
	for _, id := range last.Undelivered {
		lost[id] = true
	}
	require.Len(t, last.Receipts, queued)
	for i := range queued {
		id := callID(i)
		why, told := last.Receipts[id]
		require.True(t, told, "%s has a receipt", id)
		require.Equal(t, lost[id], why != "", id)
		require.True(t, times[id] > 0 || lost[id], "%s is neither received nor reported", id)
	}
	require.Equal(t, e.allDelivered, len(lost) == 0)
	return fmt.Sprintf("%s: exit after %.1f of %v s, %d received, %d reported",
		e.name, exit.Seconds(), e.grace.Seconds(), len(times), len(lost))
}
