// What its forks and rivals get wrong, shown not to happen here; docs/defects.md lists it by the same numbers.

package analytics_test

import (
	"context"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

func TestDefectR1OneReceiptWhenClosedAroundTheLastAttempt(t *testing.T) {
	for name, wait := range map[string]time.Duration{
		"in the backoff": time.Second, "in the last attempt": 10*time.Second + 500*time.Millisecond, "after it": 12 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told receipts
				tape := &tape{answer: func(ctx context.Context, n int, b *analytics.Batch) error {
					if n > 0 {
						time.Sleep(time.Second)
					}
					return status(500)(ctx, n, b)
				}}
				client := newClient(t, tape, analytics.Config{
					BatchSize: 1, MaxRetries: 1, OnReceipt: told.take, Backoff: func(int) time.Duration { return 10 * time.Second },
				})
				track(t, client, 0, 1)
				time.Sleep(wait)
				require.NoError(t, client.Close())
				require.Len(t, told.list(), 1)
				require.Error(t, told.list()[0].Err)
				require.Len(t, tape.batches(), 2)
			})
		})
	}
}

func TestDefectR2BadEndpointIsRefusedByNew(t *testing.T) {
	for _, endpoint := range []string{"://", "api.segment.io", "ftp://api.segment.io", "https://", "http://[::1", "https://user:pw@host", "https://host?x=1"} {
		t.Run(endpoint, func(t *testing.T) {
			_, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: endpoint})
			var field *analytics.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, "Endpoint", field.Field)
		})
	}
}

func TestDefectR7NoIdentityIsInvented(t *testing.T) {
	tape := &tape{}
	client := newClient(t, tape, analytics.Config{})
	require.NoError(t, client.Track(t.Context(), event("E")))
	require.NoError(t, client.Identify(t.Context(), analytics.Identify{UserID: "u"}))
	require.NoError(t, client.Group(t.Context(), analytics.Group{UserID: "u", GroupID: "g"}))
	require.NoError(t, client.Close())
	require.Len(t, tape.bodies(), 3)
	for _, body := range tape.bodies() {
		require.NotContains(t, body, "anonymousId")
	}
}

// counted is Fields that count how often they are encoded.
type counted struct{ times *atomic.Int64 }

func (c counted) AppendJSON(b []byte) ([]byte, error) {
	c.times.Add(1)
	return append(b, `{"n":1}`...), nil
}

func TestDefectR8CallsAreEncodedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times atomic.Int64
		tape := &tape{answer: statuses(500, 503, 429)}
		client := newClient(t, tape, analytics.Config{})
		m := event("E")
		m.Properties = counted{&times}
		require.NoError(t, client.Track(t.Context(), m))
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, client.Close())
		require.Len(t, tape.batches(), 4)
		require.Equal(t, int64(1), times.Load())
	})
}

func TestDefectP1StalledServerCostsNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: hang}
		before := runtime.NumGoroutine()
		client := newClient(t, tape, analytics.Config{BatchSize: 1, MaxConcurrentUploads: 2})
		track(t, client, 0, 500)
		synctest.Wait()
		require.LessOrEqual(t, runtime.NumGoroutine(), before+2+2, "two uploads, the loop, and one to spare")
		require.Equal(t, 2, tape.mostAir)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, client.Shutdown(ended))
	})
}

func TestDefectP5RetryAfterIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := newServed(t, analytics.Config{})
		srv.Script(analyticstest.RetryAfter(429, 24*time.Hour))
		track(t, client, 0, 1)
		began := time.Now()
		require.NoError(t, client.Flush(t.Context()))
		require.Equal(t, 300*time.Second, time.Since(began))
		require.NoError(t, client.Close())
	})
}

func TestDefectP5CloseDoesNotPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := newServed(t, analytics.Config{})
		srv.Script(analyticstest.Delay(130 * time.Millisecond))
		track(t, client, 0, 1)
		began := time.Now()
		require.NoError(t, client.Close())
		require.Equal(t, 130*time.Millisecond, time.Since(began))
	})
}

func TestDefectA1PlainTooManyRequestsBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := newServed(t, analytics.Config{BatchSize: 1})
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Status(429) })
		track(t, client, 0, 1)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		require.LessOrEqual(t, len(srv.Requests()), 2)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, srv.Requests(), 11, "it counts as a retry")
		require.NoError(t, client.Close())
		require.Equal(t, uint64(1), client.Stats().Failed.Exhausted)
	})
}

func TestDefectA2RefusedConnectionIsRetried(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	url, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := closed.Addr().String()
	require.NoError(t, closed.Close())

	for name, dial := range map[string]func(context.Context) (net.Conn, error){
		"refused": func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", nobody) },
		"unresolved": func(context.Context) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "api", IsNotFound: true}
		},
		"reset": func(context.Context) (net.Conn, error) { return nil, syscall.ECONNRESET },
	} {
		t.Run(name, func(t *testing.T) {
			var dials atomic.Int64
			transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if dials.Add(1) <= 2 {
					return dial(ctx)
				}
				return new(net.Dialer).DialContext(ctx, network, addr)
			}}
			defer transport.CloseIdleConnections()
			client, err := analytics.New("WRITE_KEY", &analytics.Config{
				Endpoint: url, HTTPClient: &http.Client{Transport: transport}, Backoff: func(int) time.Duration { return 0 },
			})
			require.NoError(t, err)
			track(t, client, 0, 1)
			require.NoError(t, client.Close())
			s := client.Stats()
			require.Equal(t, uint64(1), s.Delivered)
			require.Equal(t, uint64(2), s.Retries)
		})
	}
}

func TestDefectA4InvalidCallsAreNotSent(t *testing.T) {
	tape := &tape{}
	client := newClient(t, tape, analytics.Config{})
	require.Error(t, client.Track(t.Context(), analytics.Track{UserID: "u"}))
	require.Error(t, client.Group(t.Context(), analytics.Group{UserID: "u"}))
	require.NoError(t, client.Track(t.Context(), event("valid")))
	require.NoError(t, client.Close())
	require.Len(t, tape.bodies(), 1)
	require.Equal(t, "valid", tape.bodies()[0]["event"])
}

func TestDefectA5FlushOfAFullQueueDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := newServed(t, analytics.Config{MaxQueueEvents: 20, BatchSize: 5})
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Delay(time.Second) })
		track(t, client, 0, 20)
		require.ErrorIs(t, client.Track(t.Context(), event("E")), analytics.ErrQueueFull)
		require.NoError(t, client.Flush(t.Context()))
		require.Len(t, srv.Delivered(), 20)
		require.NoError(t, client.Close())
	})
}

func TestDefectA6SplitsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: statuses(413, 413)}
		client := newClient(t, tape, analytics.Config{BatchSize: 8})
		track(t, client, 0, 8)
		synctest.Wait()
		track(t, client, 8, 8)
		synctest.Wait()
		require.NoError(t, client.Close())
		require.Equal(t, []int{8, 4, 2, 2, 4, 8}, tape.sizes(), "the next batch is a whole one again")
		require.Equal(t, uint64(16), client.Stats().Delivered)
	})
}

func TestDefectA6UploadsDoNotHoldUpTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := &tape{answer: func(ctx context.Context, n int, b *analytics.Batch) error {
			if string(b.Entries[0].ID) == "0" {
				return hang(ctx, n, b)
			}
			return nil
		}}
		client := newClient(t, tape, analytics.Config{BatchSize: 1})
		track(t, client, 0, 50)
		synctest.Wait()
		require.Equal(t, uint64(49), client.Stats().Delivered, "one stuck upload keeps nobody waiting")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var e *analytics.ShutdownError
		require.ErrorAs(t, client.Shutdown(ended), &e)
		require.Equal(t, []string{"0"}, e.MessageIDs)
	})
}
