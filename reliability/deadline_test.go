// The deadline: Shutdown returns at it, whatever the API is doing, and reports every call it gave up.

package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// trouble is what an API does while a client shuts down.
type trouble struct {
	name        string
	first, rest analyticstest.Answer
	more        int // requests that may come once Shutdown was called; -1 for any number
	delivered   int // calls that get through; -1 for some
}

const (
	deadlineCalls = 1000
	deadline      = 5 * time.Second
)

// TestShutdownDeadline gives Shutdown 5 s in the middle of each kind of trouble.
func TestShutdownDeadline(t *testing.T) {
	fine := analyticstest.Answer{}
	minute, soon := analyticstest.RetryAfter(429, time.Minute), analyticstest.RetryAfter(503, 3*time.Second)
	hung, slow, dead := analyticstest.Hang(), analyticstest.Delay(4*time.Second), analyticstest.Status(503)
	var results []string
	for _, d := range []trouble{
		{"Retry-After 60", minute, minute, 1, 0},
		{"Retry-After 60, then fine", minute, fine, 1, 0},
		{"Retry-After 3, then fine", soon, fine, -1, deadlineCalls},
		{"hanging", hung, hung, 4, 0},
		{"slow", slow, slow, -1, -1},
		{"dead", dead, dead, -1, 0},
	} {
		for _, receipts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, receipts %v", d.name, receipts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					result := d.shutDown(t, receipts)
					if receipts {
						results = append(results, result)
					}
				})
			})
		}
	}
	proved(t, "T24", "%s", strings.Join(results, "; "))
}

// shutDown shuts a client down whose calls are in the trouble.
func (d trouble) shutDown(t *testing.T, receipts bool) string {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(d.first)
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return d.rest })
	var told ledger
	config := analytics.Config{BatchSize: 50}
	if receipts {
		config.OnReceipt = told.take
	}
	client := inMemory(t, srv, config)
	accept(t, client, 0, 50)
	synctest.Wait()
	accept(t, client, 50, deadlineCalls-50)
	time.Sleep(time.Second)
	before := len(srv.Requests())

	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	began := time.Now()
	lost := reported(t, client.Shutdown(ctx))
	took := time.Since(began)
	require.LessOrEqual(t, took, deadline+100*time.Millisecond)
	more := len(srv.Requests()) - before
	if d.more >= 0 {
		require.LessOrEqual(t, more, d.more, "requests once Shutdown was called")
	}
	got := len(reached(srv))
	require.Equal(t, deadlineCalls, len(lost)+got, "each call is delivered or reported")
	if d.delivered >= 0 {
		require.Equal(t, d.delivered, got)
	}
	if receipts {
		for id, r := range told.all(t, deadlineCalls) {
			require.Equal(t, lost[id], r.Err != nil, id)
			require.Equal(t, lost[id], errors.Is(r.Err, analytics.ErrDropped), id)
		}
	}
	return fmt.Sprintf("%s: %.1f s, %d more requests, %d reported", d.name, took.Seconds(), more, len(lost))
}

// reported returns the ids that err, of Shutdown, says were given up.
func reported(t testing.TB, err error) map[string]bool {
	t.Helper()
	lost := make(map[string]bool)
	if err == nil {
		return lost
	}
	var e *analytics.ShutdownError
	require.ErrorAs(t, err, &e)
	require.Equal(t, e.Undelivered, len(e.MessageIDs))
	require.Zero(t, e.Kept)
	for _, id := range e.MessageIDs {
		require.False(t, lost[id], "%s is reported twice", id)
		lost[id] = true
	}
	return lost
}
