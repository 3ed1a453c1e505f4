// The pause: one Retry-After silences every upload of a client until it is over, and one probe goes first.

package reliability_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// slowAPI answers after latency, knows how many requests are under way, and
// lets a test look at each one that comes.
type slowAPI struct {
	mu      sync.Mutex
	flying  int
	most    int // under way at once since last asked
	arrived []time.Time
}

func (s *slowAPI) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying++
	s.most = max(s.most, s.flying)
	s.arrived = append(s.arrived, time.Now())
}

func (s *slowAPI) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying--
}

func (s *slowAPI) mostAtOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// between counts the requests that came in [from, to).
func (s *slowAPI) between(from, to time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.arrived {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// TestRetryAfterPausesEveryUpload has the API limit one of the uploads in the
// air, or several, in every order with their neighbours' answers, while callers
// go on and flush.
func TestRetryAfterPausesEveryUpload(t *testing.T) {
	random := rand.New(rand.NewPCG(seed(t), 20))
	pauses := 0
	for range size(60, 2000) {
		uploads, limited := 1+random.IntN(8), 1+random.IntN(3)
		status := []int{429, 503, 529}[random.IntN(3)]
		pauses += pauseOnce(t, random.Uint64(), uploads, min(limited, uploads), status)
	}
	proved(t, "T20", "%d pauses: 0 requests inside one, 1 probe alone after it", pauses)
}

// latency is how long the API of this test takes to answer.
const latency = 400 * time.Millisecond

// pauseOnce fills the air with uploads, of which the first limited are told to
// wait, and then the first two probes as well.
func pauseOnce(t *testing.T, seed uint64, uploads, limited, status int) (pauses int) {
	what := fmt.Sprintf("%d uploads, %d limited with %d, seed %d", uploads, limited, status, seed)
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 1))
		api := &slowAPI{}
		var until []time.Time // ends of the pauses, each known when its answer goes out
		asking := limited     // how many more requests are told to wait
		transport := transportFunc(func(ctx context.Context, b *analytics.Batch) error {
			api.begin()
			defer api.end()
			api.mu.Lock()
			told := asking > 0
			asking--
			takes := latency/2 + time.Duration(random.Int64N(int64(latency/2)))
			pause := time.Duration(1+random.IntN(120)) * time.Second
			api.mu.Unlock()
			time.Sleep(takes)
			if !told {
				return nil
			}
			api.mu.Lock()
			defer api.mu.Unlock()
			until = append(until, time.Now().Add(pause))
			return &analytics.ResponseError{StatusCode: status, RetryAfter: pause}
		})
		client, err := analytics.New("WRITE_KEY", &analytics.Config{
			Transport: transport, BatchSize: 1, MaxConcurrentUploads: uploads,
		})
		require.NoError(t, err, what)
		defer client.Close()
		accept(t, client, 0, 100)
		time.Sleep(2 * latency) // all that flew when the pause began is answered
		synctest.Wait()
		for probe := range 3 {
			api.mu.Lock()
			asking = 1 - probe/2 // the first two probes are told to wait again
			over := until[0]
			for _, u := range until {
				if u.After(over) {
					over = u
				}
			}
			flying := api.flying
			api.most = flying
			api.mu.Unlock()
			require.Zero(t, flying, "%s: everything before the pause is answered", what)
			ctx, cancel := context.WithDeadline(context.Background(), over.Add(-time.Nanosecond))
			require.Error(t, client.Flush(ctx), "%s: Flush cuts no Retry-After short", what)
			cancel()
			synctest.Wait()
			require.Zero(t, api.mostAtOnce(), "%s: probe %d: no request before the pause is over", what, probe)
			time.Sleep(latency / 2) // no answer comes sooner
			synctest.Wait()
			require.Equal(t, 1, api.between(over, time.Now()), "%s: probe %d goes first, alone", what, probe)
			require.Equal(t, 1, api.mostAtOnce(), what)
			pauses++
			time.Sleep(latency / 2)
			synctest.Wait()
		}
		require.NoError(t, client.Close(), what)
		require.Equal(t, uint64(100), client.Stats().Delivered, what)
	})
	return pauses
}

// transportFunc is a Transport that is a function.
type transportFunc func(ctx context.Context, b *analytics.Batch) error

func (f transportFunc) Send(ctx context.Context, b *analytics.Batch) error { return f(ctx, b) }

// TestRetryAfterPausesEveryUploadOverHTTP is one such pause through the HTTP
// transport, a date in the header.
func TestRetryAfterPausesEveryUploadOverHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := analyticstest.NewServer()
		defer srv.Close()
		over := bubble.Add(time.Minute)
		srv.Script(analyticstest.Answer{Status: 429, RetryAfter: over.Format("Mon, 02 Jan 2006 15:04:05 GMT")})
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Delay(time.Second) })
		client := inMemory(t, srv, analytics.Config{BatchSize: 1})
		accept(t, client, 0, 1)
		synctest.Wait()
		accept(t, client, 1, 50)
		time.Sleep(time.Until(over) - time.Nanosecond)
		synctest.Wait()
		require.Len(t, srv.Requests(), 1)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, srv.Requests(), 2, "the probe, alone")
		require.NoError(t, client.Close())
		require.Len(t, srv.Delivered(), 51)
	})
}
