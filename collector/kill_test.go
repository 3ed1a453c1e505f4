//go:build unix

// The promise of a 200, broken into: kill -9 at any moment, under load, loses nothing and doubles nothing.

package collector_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/collector"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// TestKill kills the collector again and again while clients send, and holds
// what is stored at the end against their receipts. The clients outlive the
// collector and send again what was not answered. Each has one request in every
// life of it that is stored but whose answer is lost, so that it comes twice.
func TestKill(t *testing.T) {
	t.Parallel()
	dir, random := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	p := start(t, options{Data: dir})
	to := newTarget(p)
	// The second key is unknown at first: its source is made under load, too.
	senders := []*sender{send(t, to, collector.DefaultWriteKey, 0), send(t, to, "anotherKey", 0)}
	for round := range size(6, 100) {
		for _, s := range senders {
			s.progress(t)
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
		to.move(p)
	}
	var delivered []map[string]bool
	for _, s := range senders {
		delivered = append(delivered, s.end(t))
	}
	for i, s := range senders {
		o := p.overview(s.key)
		require.Equal(t, len(delivered[i]), o.Received)
		require.Equal(t, len(delivered[i]), o.Eligible)
		require.GreaterOrEqual(t, o.Duplicates, size(6, 100), "answers were lost")
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
	for range size(4, 200) {
		dir := t.TempDir()
		for range 2 {
			p := launch(t, options{Data: dir})
			<-time.After(moment(random, opening))
			p.kill()
		}
		p := start(t, options{Data: dir})
		s := send(t, newTarget(p), collector.DefaultWriteKey, 0)
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

// target is the collector of the moment.
type target struct {
	mu    sync.Mutex
	addr  string
	moved chan struct{}
}

func newTarget(p *child) *target { return &target{addr: p.addr, moved: make(chan struct{})} }

func (to *target) now() (addr string, moved <-chan struct{}) {
	to.mu.Lock()
	defer to.mu.Unlock()
	return to.addr, to.moved
}

// move makes p the target and lets go of the answers that are held.
func (to *target) move(p *child) {
	to.mu.Lock()
	defer to.mu.Unlock()
	close(to.moved)
	to.addr, to.moved = p.addr, make(chan struct{})
}

// sender is a client that makes calls as fast as they are delivered.
type sender struct {
	key       string
	to        *target
	client    *analytics.Client
	transport *http.Transport
	stop      context.CancelFunc
	ended     <-chan struct{} // once stop was called
	producing sync.WaitGroup
	receipts  chan struct{} // one when there are new ones
	pause     time.Duration // after every 100 calls of a producer

	mu        sync.Mutex
	life      <-chan struct{} // of the target; it is closed when that moves
	answers   int             // good ones in this life
	accepted  int
	delivered map[string]bool
	lost      []analytics.Receipt
}

// send starts a sender under a write key. Its two producers pause after every
// 100 calls.
func send(t *testing.T, to *target, key string, pause time.Duration) *sender {
	s := &sender{key: key, to: to, pause: pause, receipts: make(chan struct{}, 1), delivered: map[string]bool{}}
	dialer := &net.Dialer{Timeout: time.Second}
	s.transport = &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr, _ := to.now()
		return dialer.DialContext(ctx, network, addr)
	}}
	client, err := analytics.New(key, &analytics.Config{
		Endpoint: "http://collector.localhost", HTTPClient: &http.Client{Transport: s},
		WhenFull: analytics.Block, FlushInterval: 10 * time.Millisecond, MaxQueueEvents: 2000, MaxRetries: 10_000,
		Backoff:   func(int) time.Duration { return 10 * time.Millisecond },
		OnReceipt: s.received,
	})
	require.NoError(t, err)
	s.client = client
	ctx, stop := context.WithCancel(t.Context())
	s.stop, s.ended = stop, ctx.Done()
	for range 2 {
		s.producing.Go(func() { s.produce(ctx) })
	}
	t.Cleanup(func() {
		stop()
		_ = client.Close() // a second time, unless the test failed
	})
	return s
}

// RoundTrip sends a request to the target. It holds the second good answer of
// each until the target moves, and then loses it.
func (s *sender) RoundTrip(r *http.Request) (*http.Response, error) {
	_, moved := s.to.now()
	resp, err := s.transport.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK || !s.second(moved) {
		return resp, err
	}
	defer resp.Body.Close()
	select {
	case <-moved:
	case <-s.ended:
	case <-r.Context().Done():
	}
	return nil, errors.New("the answer is lost")
}

// second counts a good answer of a life and reports whether it is the second:
// after the first the client has seen that its API is back.
func (s *sender) second(life <-chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != life {
		s.life, s.answers = life, 0
	}
	s.answers++
	return s.answers == 2
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
func requireStored(t *testing.T, dir, key string, delivered map[string]bool) {
	t.Helper()
	ids := map[string]bool{}
	stored(t, dir, key, func(c store.Stored) {
		require.False(t, ids[c.MessageID], "%s is stored twice", c.MessageID)
		require.True(t, delivered[c.MessageID], "%s was not delivered", c.MessageID)
		ids[c.MessageID] = true
	})
	require.Len(t, ids, len(delivered), "what was answered 200 is stored")
}
