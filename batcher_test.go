// Batches cut, sent, waited for, split and settled, in virtual time.

package analytics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// track accepts n calls named by their number from from on.
func track(t testing.TB, client *analytics.Client, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		m := event(fmt.Sprint(i))
		m.MessageID = fmt.Sprint(i)
		require.NoError(t, client.Track(context.Background(), m))
	}
}

// sizes are the numbers of entries of the batches sent.
func (t *tape) sizes() (sizes []int) {
	for _, b := range t.batches() {
		sizes = append(sizes, len(b.ids))
	}
	return sizes
}

func TestBatchCutByCountOrAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{}
		client := newClient(t, tape, analytics.Config{BatchSize: 3, FlushInterval: 5 * time.Second})
		defer client.Close()
		began := time.Now()
		track(t, client, 0, 7)
		synctest.Wait()
		require.Equal(t, []int{3, 3}, tape.sizes(), "full batches leave at once")
		time.Sleep(5*time.Second - time.Nanosecond)
		synctest.Wait()
		require.Len(t, tape.batches(), 2)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Equal(t, []int{3, 3, 1}, tape.sizes())
		require.Equal(t, 5*time.Second, tape.batches()[2].at.Sub(began), "the rest leaves when its oldest call is FlushInterval old")
	})
}

func TestBatchCutByBytes(t *testing.T) {
	for _, size := range []int{10, 1000, 29_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			tape := &tape{}
			client := newClient(t, tape, analytics.Config{BatchSize: 2500, MaxBatchBytes: 100_000, WhenFull: analytics.Block})
			for range 2_000_000 / (size + 200) {
				m := event("E")
				m.Properties = analytics.Properties{"p": strings.Repeat("x", size)}
				require.NoError(t, client.Track(t.Context(), m))
			}
			require.NoError(t, client.Close())
			largest := 0
			for _, b := range tape.batches() {
				require.LessOrEqual(t, b.bytes, 100_000, "commas and envelope count")
				largest = max(largest, b.bytes)
			}
			require.Greater(t, largest, 100_000-size-2500-500, "a batch is filled as far as the next call allows")
		})
	}
}

func TestFullQueueCutsABatchAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{}
		client := newClient(t, tape, analytics.Config{MaxQueueEvents: 2, FlushInterval: time.Hour})
		defer client.Close()
		track(t, client, 0, 2)
		synctest.Wait()
		require.Equal(t, []int{2}, tape.sizes())
	})
}

func TestUploadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: func(context.Context, int, *analytics.Batch) error { time.Sleep(time.Second); return nil }}
		client := newClient(t, tape, analytics.Config{BatchSize: 10, MaxConcurrentUploads: 3})
		began := time.Now()
		track(t, client, 0, 120)
		require.NoError(t, client.Close())
		require.Equal(t, 3, tape.mostAir)
		require.Equal(t, 4*time.Second, time.Since(began), "12 batches, 3 at once, a second each")
	})
}

func TestOneUploadKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: statuses(500, 200, 429, 503, 200)}
		client := newClient(t, tape, analytics.Config{BatchSize: 5, MaxConcurrentUploads: 1})
		track(t, client, 0, 30)
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, client.Close())
		var arrived []string
		for n, b := range tape.batches() {
			if statuses(500, 200, 429, 503, 200)(nil, n, nil) == nil {
				arrived = append(arrived, b.ids...)
			}
		}
		var want []string
		for i := range 30 {
			want = append(want, fmt.Sprint(i))
		}
		require.Equal(t, want, arrived)
	})
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told receipts
		tape := &tape{answer: statuses(500, 503, 200)}
		client := newClient(t, tape, analytics.Config{BatchSize: 2, OnReceipt: told.take})
		track(t, client, 0, 2)
		time.Sleep(time.Minute)
		synctest.Wait()
		sent := tape.batches()
		require.Len(t, sent, 3)
		for i, b := range sent {
			require.Equal(t, i, b.attempt)
			require.Equal(t, []string{"0", "1"}, b.ids, "the same messageIds")
			require.True(t, b.sentAt.Equal(b.at), "sentAt is fresh on each attempt")
		}
		for i, most := range []time.Duration{500 * time.Millisecond, time.Second} {
			wait := sent[i+1].at.Sub(sent[i].at)
			require.GreaterOrEqual(t, wait, most/2)
			require.LessOrEqual(t, wait, most)
		}
		require.NoError(t, client.Close())
		require.Equal(t, []analytics.Receipt{
			{MessageID: "0", Call: "track", Attempts: 3}, {MessageID: "1", Call: "track", Attempts: 3},
		}, told.list())
		s := client.Stats()
		require.Equal(t, uint64(3), s.Requests)
		require.Equal(t, uint64(2), s.Retries)
	})
}

func TestRetriesExhausted(t *testing.T) {
	for name, test := range map[string]struct {
		retries, requests int
	}{
		"default":   {0, 11},
		"three":     {3, 4},
		"NoRetries": {analytics.NoRetries, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told receipts
				tape := &tape{answer: status(500)}
				client := newClient(t, tape, analytics.Config{BatchSize: 1, MaxRetries: test.retries, OnReceipt: told.take})
				track(t, client, 0, 1)
				time.Sleep(time.Hour)
				synctest.Wait()
				require.Len(t, tape.batches(), test.requests)
				require.Len(t, told.list(), 1)
				r := told.list()[0]
				require.Equal(t, test.requests, r.Attempts)
				var answer *analytics.ResponseError
				require.ErrorAs(t, r.Err, &answer)
				require.Equal(t, 500, answer.StatusCode)
				require.NoError(t, client.Close())
				require.Equal(t, uint64(1), client.Stats().Failed.Exhausted)
			})
		})
	}
}

func TestRetryAfterPausesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: func(_ context.Context, n int, _ *analytics.Batch) error {
			if n == 0 {
				return &analytics.ResponseError{StatusCode: 429, RetryAfter: time.Minute}
			}
			return nil
		}}
		client := newClient(t, tape, analytics.Config{BatchSize: 1, MaxRetries: 1})
		track(t, client, 0, 1)
		synctest.Wait()
		track(t, client, 1, 9)
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		require.Len(t, tape.batches(), 1)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, tape.batches(), 11)
		require.Equal(t, time.Minute, tape.batches()[1].at.Sub(tape.batches()[0].at))
		require.NoError(t, client.Close())
	})
}

func TestPoisonCostsItselfAlone(t *testing.T) {
	for _, code := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told receipts
				tape := &tape{answer: func(_ context.Context, _ int, b *analytics.Batch) error {
					for _, e := range b.Entries {
						if string(e.ID) == "77" {
							return &analytics.ResponseError{StatusCode: code}
						}
					}
					return nil
				}}
				client := newClient(t, tape, analytics.Config{BatchSize: 250, OnReceipt: told.take})
				began := time.Now()
				track(t, client, 0, 250)
				require.NoError(t, client.Close())
				require.Zero(t, time.Since(began), "splits wait for nothing")
				require.LessOrEqual(t, len(tape.batches()), 1+2*8)
				for _, b := range tape.batches() {
					require.Zero(t, b.attempt, "splits are no retries")
				}
				require.Len(t, told.list(), 250)
				for _, r := range told.list() {
					require.Equal(t, r.MessageID == "77", r.Err != nil, r.MessageID)
				}
				s := client.Stats()
				require.Equal(t, uint64(1), s.Failed.Rejected)
				require.Equal(t, uint64(249), s.Delivered)
				require.Zero(t, s.Retries)
			})
		})
	}
}

// durable is a queue in memory that says it is on disk.
func TestTransportPanicIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told receipts
		client := newClient(t, &tape{answer: func(context.Context, int, *analytics.Batch) error { panic("broken transport") }},
			analytics.Config{MaxRetries: 2, OnReceipt: told.take})
		track(t, client, 0, 1)
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, client.Close())
		require.ErrorContains(t, told.list()[0].Err, "broken transport")
		require.Equal(t, 3, told.list()[0].Attempts)
	})
}

func TestAnyOtherErrorIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: func(_ context.Context, n int, _ *analytics.Batch) error {
			if n < 3 {
				return errors.New("connection reset by peer")
			}
			return nil
		}}
		client := newClient(t, tape, analytics.Config{})
		track(t, client, 0, 1)
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, client.Close())
		require.Equal(t, uint64(1), client.Stats().Delivered)
		require.Len(t, tape.batches(), 4)
	})
}
