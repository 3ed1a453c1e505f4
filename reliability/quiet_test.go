// Quiet: a dead API sees few requests of one process, however much waits there.

package reliability_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// TestDeadAPISeesFewRequests takes the API away for an hour in each of the ways
// in which it can be gone, under backlogs from one call to a full queue.
func TestDeadAPISeesFewRequests(t *testing.T) {
	outages := []struct {
		name   string
		answer func(ctx context.Context) error
	}{
		{"refused", func(context.Context) error { return errDown }},
		{"503", func(context.Context) error { return &analytics.ResponseError{StatusCode: 503} }},
		{"429", func(context.Context) error { return &analytics.ResponseError{StatusCode: 429} }},
		{"429 for a minute", func(context.Context) error {
			return &analytics.ResponseError{StatusCode: 429, RetryAfter: time.Minute}
		}},
		{"silent", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // as RequestTimeout
			defer cancel()
			<-ctx.Done()
			return ctx.Err()
		}},
	}
	var results []string
	for _, outage := range outages {
		most := 0
		for _, backlog := range []struct{ calls, batch int }{{1, 1}, {100, 250}, {10_000, 250}, {10_000, 1}} {
			n := requestsInAnHour(t, outage.answer, backlog.calls, backlog.batch)
			require.LessOrEqual(t, n, 100, "%s, %d calls in batches of %d", outage.name, backlog.calls, backlog.batch)
			most = max(most, n)
		}
		results = append(results, fmt.Sprintf("%s: %d", outage.name, most))
	}
	proved(t, "T23", "%s requests at most", strings.Join(results, ", "))
}

func requestsInAnHour(t *testing.T, answer func(context.Context) error, calls, batch int) (n int) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		client, err := analytics.New("WRITE_KEY", &analytics.Config{
			BatchSize: batch, MaxRetries: 1000,
			Transport: transportFunc(func(ctx context.Context, _ *analytics.Batch) error {
				requests.Add(1)
				return answer(ctx)
			}),
		})
		require.NoError(t, err)
		accept(t, client, 0, calls)
		time.Sleep(time.Hour)
		n = int(requests.Load())
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		var e *analytics.ShutdownError
		require.ErrorAs(t, client.Shutdown(ended), &e)
		require.Equal(t, calls, e.Undelivered, "nothing was given up in the hour")
	})
	return n
}
