//go:build unix

// The promise of a 200, broken into: kill -9 at any moment, under load, loses nothing and doubles nothing.

package collector_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/collector"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// TestKill kills the collector again and again while clients send, and holds
// what is stored at the end against their receipts. The clients outlive the
// collector: they send again what was not answered, so that a request which was
// stored but whose answer the kill took away comes twice.
func TestKill(t *testing.T) {
	t.Parallel()
	dir, random := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	address := new(atomic.Value)
	p := start(t, options{Data: dir})
	address.Store(p.addr)
	// The second key is unknown at first: its source is made under load, too.
	senders := []*sender{send(t, address, collector.DefaultWriteKey, 0), send(t, address, "anotherKey", 0)}
	for round := range size(6, 100) {
		for _, s := range senders {
			s.progress(t)
		}
		<-time.After(moment(random, 150*time.Millisecond)) // anywhere in a transaction
		p.kill()
		if round%3 == 1 {
			again := launch(t, options{Data: dir})
			<-time.After(moment(random, 150*time.Millisecond)) // while it opens, or just after
			again.kill()
		}
		p = start(t, options{Data: dir})
		address.Store(p.addr)
	}
	var delivered []map[string]bool
	for _, s := range senders {
		delivered = append(delivered, s.end(t))
	}
	for i, s := range senders {
		o := p.overview(s.key)
		require.Equal(t, len(delivered[i]), o.Received)
		require.Equal(t, len(delivered[i]), o.Eligible)
		sum := 0
		for _, point := range o.Series {
			sum += point.Received
		}
		require.Equal(t, o.Received, sum, "the chart adds up")
		for _, row := range o.ByType {
			sum -= row.Count
		}
		require.Zero(t, sum, "the types add up")
		t.Logf("%s: %d calls delivered, %d came twice", s.key, len(delivered[i]), o.Duplicates)
	}
	p.stop()
	for i, s := range senders {
		requireStored(t, dir, s.key, delivered[i])
	}
}

// TestKillWhileOpening kills the collector while it makes its database.
func TestKillWhileOpening(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	began := time.Now()
	start(t, options{Data: t.TempDir()}).stop()
	opening := time.Since(began)
	for range size(8, 200) {
		dir := t.TempDir()
		for range 2 {
			p := launch(t, options{Data: dir})
			<-time.After(moment(random, opening))
			p.kill()
		}
		p := start(t, options{Data: dir})
		address := new(atomic.Value)
		address.Store(p.addr)
		s := send(t, address, collector.DefaultWriteKey, 0)
		s.progress(t)
		delivered := s.end(t)
		p.stop()
		requireStored(t, dir, collector.DefaultWriteKey, delivered)
		require.NoError(t, os.RemoveAll(dir))
	}
}

// moment is a time within d.
func moment(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

// sender is a client that makes calls as fast as they are delivered.
type sender struct {
	key       string
	client    *analytics.Client
	transport *http.Transport
	stop      context.CancelFunc
	producing sync.WaitGroup
	receipts  chan struct{} // one when there are new ones
	pause     time.Duration // after every 100 calls of a producer

	mu        sync.Mutex
	accepted  int
	delivered map[string]bool
	lost      []analytics.Receipt
}

// send starts a sender under a write key, to whatever address holds. Its two
// producers pause after every 100 calls.
func send(t *testing.T, address *atomic.Value, key string, pause time.Duration) *sender {
	s := &sender{key: key, pause: pause, receipts: make(chan struct{}, 1), delivered: map[string]bool{}}
	dialer := &net.Dialer{Timeout: time.Second}
	s.transport = &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address.Load().(string))
	}}
	client, err := analytics.New(key, &analytics.Config{
		Endpoint: "http://collector.localhost", HTTPClient: &http.Client{Transport: s.transport},
		WhenFull: analytics.Block, FlushInterval: 10 * time.Millisecond, MaxQueueEvents: 2000, MaxRetries: 10_000,
		Backoff:   func(int) time.Duration { return 10 * time.Millisecond },
		OnReceipt: s.received,
	})
	require.NoError(t, err)
	s.client = client
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	for range 2 {
		s.producing.Go(func() { s.produce(ctx) })
	}
	t.Cleanup(func() {
		stop()
		_ = client.Close() // a second time, unless the test failed
	})
	return s
}

// produce makes calls of three kinds until ctx ends.
func (s *sender) produce(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		if i%100 == 99 && s.pause > 0 {
			<-time.After(s.pause)
		}
		message := analytics.Message(analytics.Track{UserID: "u", Event: fmt.Sprint("Event ", i%20), Properties: analytics.Properties{"n": i}})
		switch i % 10 {
		case 0:
			message = analytics.Identify{UserID: "u", Traits: analytics.Traits{"n": i}}
		case 1:
			message = analytics.Page{AnonymousID: "a", Name: "Home"}
		}
		if s.client.Enqueue(ctx, message) == nil {
			s.mu.Lock()
			s.accepted++
			s.mu.Unlock()
		}
	}
}

func (s *sender) received(r analytics.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Err != nil {
		s.lost = append(s.lost, r)
		return
	}
	s.delivered[r.MessageID] = true
	select {
	case s.receipts <- struct{}{}:
	default:
	}
}

// progress waits until something is delivered.
func (s *sender) progress(t *testing.T) {
	t.Helper()
	select {
	case <-s.receipts:
	default:
	}
	select {
	case <-s.receipts:
	case <-time.After(30 * time.Second):
		require.Fail(t, "nothing is delivered")
	}
}

// end waits until all is settled and returns what was delivered: everything.
func (s *sender) end(t *testing.T) map[string]bool {
	t.Helper()
	s.stop()
	s.producing.Wait()
	require.NoError(t, s.client.Close())
	s.transport.CloseIdleConnections() // one that was never used would hold up the server's end
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Empty(t, s.lost)
	require.Len(t, s.delivered, s.accepted)
	require.NotEmpty(t, s.delivered)
	return s.delivered
}

// requireStored holds what is stored of a source against what was delivered.
// Nobody else has the directory open.
func requireStored(t *testing.T, dir, key string, delivered map[string]bool) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, MaxBytes: 1 << 40})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	sources, err := s.Sources(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(sources, func(src store.Source) bool { return src.WriteKey == key })
	require.GreaterOrEqual(t, i, 0)
	stored := map[string]bool{}
	for filter := (store.CallFilter{Limit: 1000}); ; {
		calls, err := s.Calls(t.Context(), sources[i].ID, filter)
		require.NoError(t, err)
		for _, c := range calls {
			require.False(t, stored[c.MessageID], "%s is stored twice", c.MessageID)
			require.True(t, delivered[c.MessageID], "%s was not delivered", c.MessageID)
			stored[c.MessageID] = true
		}
		if len(calls) < filter.Limit {
			break
		}
		filter.Before = calls[len(calls)-1].ID
	}
	require.Len(t, stored, len(delivered), "what was answered 200 is stored")
}
