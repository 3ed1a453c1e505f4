// OnReceipt: what a callback does with the client, or does not do, holds nothing up.

package reliability_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// misdeed is a callback and how much its misbehaviour may cost.
type misdeed struct {
	name  string
	do    func(c *analytics.Client, told *ledger, r analytics.Receipt)
	extra int           // calls it makes itself
	close time.Duration // and Close
}

func TestOnReceiptMisbehaves(t *testing.T) {
	background := context.Background()
	original := func(r analytics.Receipt) bool { return !strings.HasPrefix(r.MessageID, "more-") }
	again := func(c *analytics.Client, r analytics.Receipt) {
		if original(r) {
			m := analytics.Track{UserID: "user_1", Event: "Again", MessageID: "more-" + r.MessageID}
			if err := c.Track(background, m); err != nil {
				panic(err)
			}
		}
	}
	misdeeds := []misdeed{
		{name: "Track", extra: 100, do: func(c *analytics.Client, _ *ledger, r analytics.Receipt) { again(c, r) }},
		{name: "Track and Flush", extra: 100, do: func(c *analytics.Client, _ *ledger, r analytics.Receipt) {
			again(c, r)
			if err := c.Flush(background); err != nil {
				panic(err)
			}
		}},
		{name: "Flush", do: func(c *analytics.Client, _ *ledger, _ analytics.Receipt) { _ = c.Flush(background) }},
		{name: "Stats", do: func(c *analytics.Client, _ *ledger, _ analytics.Receipt) { _ = c.Stats() }},
		{name: "panic", do: func(*analytics.Client, *ledger, analytics.Receipt) { panic("no") }},
		{name: "panic nil", do: func(*analytics.Client, *ledger, analytics.Receipt) { panic(nil) }},
		{name: "panic with an error that panics", do: func(*analytics.Client, *ledger, analytics.Receipt) { panic(badError{}) }},
		{name: "block for a second", close: 100 * time.Second, do: func(*analytics.Client, *ledger, analytics.Receipt) { time.Sleep(time.Second - time.Millisecond) }},
		{name: "Close", close: 2 * time.Second, do: func(c *analytics.Client, _ *ledger, _ analytics.Receipt) { _ = c.Close() }},
	}
	for _, m := range misdeeds {
		t.Run(m.name, func(t *testing.T) { synctest.Test(t, m.commit) })
	}
	synctest.Test(t, blockedReceiptsHoldNothingUp)
	synctest.Test(t, closeOutlivesAStuckReceipt)
	proved(t, "T28", "%d kinds of callback, each on all of 100 calls, and one that never returns: every Receipt given, no deadlock, Close at most 1 s late", len(misdeeds))
}

// badError cannot even be printed.
type badError struct{}

func (badError) Error() string { panic("in Error") }

func (m misdeed) commit(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.Status(503), analyticstest.CutBefore(), analyticstest.Status(413))
	var told ledger
	var client *analytics.Client
	ready := make(chan struct{})
	var log bytes.Buffer
	client = inMemory(t, srv, analytics.Config{
		BatchSize: 10, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		OnReceipt: func(r analytics.Receipt) {
			<-ready
			told.take(r)
			m.do(client, &told, r)
		},
	})
	close(ready)
	accept(t, client, 0, 50)
	// The calls of the first half are settled while the callback is at work.
	require.NoError(t, client.Flush(context.Background()))
	calls := 50
	if err := client.Track(context.Background(), numbered(50)); err == nil {
		calls = 100
		accept(t, client, 51, 49)
	} else {
		require.ErrorIs(t, err, analytics.ErrClosed)
	}
	require.NoError(t, client.Flush(context.Background()))
	synctest.Wait()
	// Its own calls too, which come a few at a time.
	for m.extra > 0 && told.count() < calls+m.extra {
		require.NoError(t, client.Flush(context.Background()))
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	err := client.Close()
	require.LessOrEqual(t, time.Since(began), m.close)
	require.NoError(t, err)
	time.Sleep(3 * time.Minute) // callbacks that Close did not wait for
	synctest.Wait()
	for id, r := range told.all(t, calls+m.extra) {
		require.NoError(t, r.Err, id)
	}
	require.Len(t, srv.Delivered(), calls+m.extra)
	if strings.HasPrefix(m.name, "panic") {
		require.Equal(t, 100, strings.Count(log.String(), "OnReceipt panicked"))
	}
}

// blockedReceiptsHoldNothingUp: while each callback takes a second, batches are
// delivered and flushed at once.
func blockedReceiptsHoldNothingUp(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	var told ledger
	client := inMemory(t, srv, analytics.Config{BatchSize: 10, OnReceipt: func(r analytics.Receipt) {
		time.Sleep(time.Second)
		told.take(r)
	}})
	began := time.Now()
	for i := range 10 {
		accept(t, client, i*10, 10)
		require.NoError(t, client.Flush(context.Background()))
	}
	require.Zero(t, time.Since(began))
	require.Len(t, srv.Delivered(), 100)
	require.Zero(t, told.count())
	time.Sleep(100 * time.Second)
	synctest.Wait()
	told.all(t, 100)
	require.NoError(t, client.Close())
	require.Equal(t, 100*time.Second, time.Since(began))
}

// closeOutlivesAStuckReceipt: a callback that never returns costs Close a second
// and the process nothing else.
func closeOutlivesAStuckReceipt(t *testing.T) {
	srv := analyticstest.NewServer()
	defer srv.Close()
	stuck := make(chan struct{})
	var entered atomic.Int64
	client := inMemory(t, srv, analytics.Config{OnReceipt: func(analytics.Receipt) {
		entered.Add(1)
		<-stuck
	}})
	accept(t, client, 0, 100)
	began := time.Now()
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	require.LessOrEqual(t, time.Since(began), time.Second)
	require.Len(t, srv.Delivered(), 100)
	require.Equal(t, int64(1), entered.Load())
	if err := client.Track(context.Background(), numbered(100)); !errors.Is(err, analytics.ErrClosed) {
		t.Error(err)
	}
	close(stuck)
	synctest.Wait()
	require.Equal(t, int64(100), entered.Load(), "the others have theirs")
}
