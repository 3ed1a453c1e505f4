// The law of analytics.Queue, held against the spool.

package spool_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/queuetest"
	"github.com/headwater-dev/analytics/queue/spool"
)

func TestLaw(t *testing.T) {
	t.Parallel()
	var (
		mu   sync.Mutex
		dirs = map[analytics.Queue]func(*testing.T) analytics.Queue{}
	)
	var open func(t *testing.T, dir string, options spool.Options) analytics.Queue
	open = func(t *testing.T, dir string, options spool.Options) analytics.Queue {
		q, err := spool.Open(dir, &options)
		require.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		dirs[q] = func(t *testing.T) analytics.Queue { return open(t, dir, options) }
		return q
	}
	queuetest.Suite{
		Bubble: true,
		Open: func(t *testing.T, maxEvents, maxBytes int) analytics.Queue {
			return open(t, t.TempDir(), spool.Options{MaxEvents: maxEvents, MaxBytes: int64(maxBytes)})
		},
		Reopen: func(t *testing.T, q analytics.Queue) analytics.Queue {
			mu.Lock()
			again := dirs[q]
			mu.Unlock()
			return again(t)
		},
	}.Run(t)
}
