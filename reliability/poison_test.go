// Poison: a message the API refuses takes nobody along and costs a bounded number of requests.

package reliability_test

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// TestPoisonCostsItselfAlone puts one poisonous call at each place of a batch,
// then several at random, and looks at what became of the others.
func TestPoisonCostsItselfAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(seed(t), 16))
	var batches, extra int
	for _, status := range []int{400, 413} {
		try := func(n int, poison ...int) {
			batches++
			extra = max(extra, poisoned(t, status, n, poison))
		}
		for _, n := range []int{1, 2, 3, 7, 16} {
			for place := range n {
				try(n, place)
			}
		}
		for range size(3, 100) {
			try(250, random.IntN(250))
			try(250, random.Perm(250)[:1+random.IntN(10)]...)
		}
		if status == 413 || long() {
			try(2500, random.IntN(2500))
		}
		try(64, random.Perm(64)...)
	}
	proved(t, "T16", "%d poisoned batches on 400 and 413, every neighbour delivered; one poison in 2500 cost at most %d requests more", batches, extra)
}

// poisoned sends one batch of n calls of which the ones at poison are refused
// with status. It returns what that cost in requests when there was one poison
// in 2500 calls, else 0.
func poisoned(t *testing.T, status, n int, poison []int) (extra int) {
	bad := make(map[string]bool)
	for _, i := range poison {
		bad[callID(i)] = true
	}
	name := fmt.Sprintf("status %d, poison %v in %d", status, poison, n)
	synctest.Test(t, func(t *testing.T) {
		srv := analyticstest.NewServer()
		defer srv.Close()
		srv.Respond(func(r *analyticstest.Request) analyticstest.Answer {
			for _, c := range r.Calls {
				if bad[c.MessageID] {
					return analyticstest.Status(status)
				}
			}
			return analyticstest.Answer{}
		})
		var told ledger
		client := inMemory(t, srv, analytics.Config{BatchSize: n, OnReceipt: told.take})
		began := time.Now()
		accept(t, client, 0, n)
		require.NoError(t, client.Flush(context.Background()), name)
		require.NoError(t, client.Close(), name)
		require.Zero(t, time.Since(began), "%s: halves wait for nothing", name)

		times := reached(srv)
		for id, r := range told.all(t, n) {
			if !bad[id] {
				require.NoError(t, r.Err, name)
				require.Equal(t, 1, times[id], "%s: %s", name, id)
				continue
			}
			var answer *analytics.ResponseError
			require.ErrorAs(t, r.Err, &answer, name)
			require.Equal(t, status, answer.StatusCode, name)
			require.Zero(t, times[id], name)
		}
		requests := len(srv.Requests())
		levels := bits.Len(uint(n - 1)) // log2(n), rounded up
		require.LessOrEqual(t, requests-1, min(2*levels*len(poison), 2*n-2), name)
		s := client.Stats()
		require.Equal(t, uint64(len(poison)), s.Failed.Rejected, name)
		require.Zero(t, s.Retries, "%s: halves are no retries", name)
		if n == 2500 && len(poison) == 1 {
			extra = requests - 1
		}
	})
	return extra
}
