// Tests of many callers at once, and of the end.

package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir, MaxBytes: 200_000})
		sources := []int64{addSource(t, s, "web"), addSource(t, s, "shop")}
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := range 40 {
					r := batch(sources[worker%2], worker*1000+i, 1+i%5, noon)
					if err := s.Add(t.Context(), r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for _, f := range []func() error{
			func() error {
				_, err := s.Calls(t.Context(), sources[0], store.CallFilter{Search: "event"})
				return err
			},
			func() error {
				_, err := s.Calls(t.Context(), sources[1], store.CallFilter{Step: store.Failed})
				return err
			},
			func() error { _, err := s.Totals(t.Context(), noon, noon.Add(time.Hour)); return err },
			func() error { return s.Reset(t.Context()) },
			func() error { return s.Prune(t.Context()) },
			func() error {
				return s.SetObjects(t.Context(), sources[0], "c", []store.Object{{ID: "1", Properties: []byte(`{}`)}})
			},
			func() error {
				_, err := s.Breakdown(t.Context(), sources[0], store.Received, noon, noon.Add(time.Hour), store.ByEvent)
				return err
			},
		} {
			wg.Go(func() {
				for range 20 {
					if err := f(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, []bool{true}, kept(add(t, s, sources[0], noon, track("last", "Last"))))
	})
}

// One bad request among many fails alone.
func TestOneBadRequest(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web := addSource(t, s, "web")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			r := &store.Request{Source: web, ReceivedAt: noon, Calls: []store.Call{track(fmt.Sprint(i), "A")}}
			if i%10 == 0 {
				r.Source = 4711
			}
			if err := s.Add(t.Context(), r); (err != nil) != (i%10 == 0) {
				t.Error(i, err)
			}
		})
	}
	wg.Wait()
	calls, err := s.Calls(t.Context(), web, store.CallFilter{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, calls, 180)
	require.ErrorContains(t, s.Add(t.Context(), &store.Request{Source: web, Calls: make([]store.Call, 1)}), "call 1 of 1 has no step")
	require.NoError(t, s.Add(t.Context(), &store.Request{Source: web}), "no calls, nothing to store")
}

func TestCloseWhileAddsWait(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		web := addSource(t, s, "web")
		var wg sync.WaitGroup
		begun := make(chan struct{}, 16)
		for worker := range 16 {
			wg.Go(func() {
				for i := 0; ; i++ {
					r := batch(web, worker*1_000_000+i, 10, noon)
					err := s.Add(t.Context(), r)
					if errors.Is(err, store.ErrClosed) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if i == 3 {
						begun <- struct{}{}
					}
				}
			})
		}
		for range 16 {
			<-begun
		}
		require.NoError(t, s.Close(t.Context()))
		wg.Wait()
		require.NoError(t, s.Close(t.Context()), "again")

		_, err := s.Sources(t.Context())
		require.ErrorIs(t, err, store.ErrClosed)
		require.ErrorIs(t, s.SaveSource(t.Context(), &store.Source{}), store.ErrClosed)
		require.ErrorIs(t, s.Add(t.Context(), batch(web, 0, 1, noon)), store.ErrClosed)
		require.ErrorIs(t, s.Reset(t.Context()), store.ErrClosed)
	})
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web := addSource(t, s, "web")
	held, release := make(chan struct{}), make(chan struct{})
	go s.Hold(held, release)
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	failures := make(chan error, 2)
	go func() { failures <- s.Add(ctx, batch(web, 1, 1, noon)) }()
	go func() { failures <- s.Reset(ctx) }()
	cancel()
	require.ErrorIs(t, <-failures, context.Canceled)
	require.ErrorIs(t, <-failures, context.Canceled)
	require.ErrorIs(t, s.Close(ctx), context.Canceled)
	close(release)
	require.NoError(t, s.Close(t.Context()))
}
