// Tests of the store as its callers see it.

package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// noon is a time in the middle of a minute, hour and day.
var noon = time.Date(2025, 6, 3, 12, 34, 56, 789e6, time.UTC)

// clock is a Now that tests set.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time      { return time.UnixMilli(c.at.Load()).UTC() }
func (c *clock) set(t time.Time)     { c.at.Store(t.UnixMilli()) }
func (c *clock) add(d time.Duration) { c.at.Add(d.Milliseconds()) }

func newClock() *clock {
	c := &clock{}
	c.set(noon)
	return c
}

// open opens a store, at noon if options do not say when, and closes it when
// the test ends.
func open(t testing.TB, options store.Options) *store.Store {
	t.Helper()
	if options.Now == nil {
		options.Now = func() time.Time { return noon }
	}
	s, err := store.Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// addSource saves a source named name.
func addSource(t testing.TB, s *store.Store, name string) int64 {
	t.Helper()
	source := &store.Source{Slug: name, Name: name, Type: "server", WriteKey: "key of " + name, CreatedAt: noon}
	require.NoError(t, s.SaveSource(t.Context(), source))
	require.NotZero(t, source.ID)
	return source.ID
}

// track is an eligible Track call.
func track(id, event string) store.Call {
	return store.Call{Type: "track", Event: event, Version: "1.2.3", MessageID: id, Step: store.Eligible, Verdict: store.OK,
		Raw: fmt.Appendf(nil, `{"type":"track","event":%q,"messageId":%q}`, event, id)}
}

// failed is a Track call that failed on ingest.
func failed(id, event, verdict string) store.Call {
	c := track(id, event)
	c.Step, c.Verdict, c.Reason = store.Failed, verdict, "userId is missing"
	return c
}

// add stores calls in one request.
func add(t testing.TB, s *store.Store, source int64, at time.Time, calls ...store.Call) []store.Call {
	t.Helper()
	r := &store.Request{Source: source, ReceivedAt: at, Calls: calls}
	require.NoError(t, s.Add(t.Context(), r))
	return r.Calls
}

// events returns the event names of calls.
func events(calls []store.Stored) []string {
	names := []string{}
	for _, c := range calls {
		names = append(names, c.Event)
	}
	return names
}

// both runs f on a store in memory and on one on disk.
func both(t *testing.T, f func(t *testing.T, dir string)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		f(t, store.Memory)
	})
	t.Run("disk", func(t *testing.T) {
		t.Parallel()
		f(t, t.TempDir())
	})
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		web, shop := addSource(t, s, "web"), addSource(t, s, "shop")
		r := &store.Request{
			Source: web, ReceivedAt: noon, IP: "192.0.2.7", UserAgent: "curl/8", Context: []byte(`{"app":{}}`), SentAt: []byte(`"2025"`),
			Calls: []store.Call{
				track("m1", "Order Completed"),
				failed("m2", "A\x00B", "missing_user_id"),
				{Step: store.Filtered, Verdict: "blocked", Assigned: true, MessageID: "m3", Raw: []byte(`nonsense`)},
			},
		}
		require.NoError(t, s.Add(t.Context(), r))
		empty := track("m0", "")
		empty.Raw = []byte{}
		add(t, s, shop, noon, empty)
		stored, err := s.Calls(t.Context(), shop, store.CallFilter{})
		require.NoError(t, err)
		require.Equal(t, []byte{}, stored[0].Raw, "not damaged")
		add(t, s, shop, noon.Add(time.Second), track("m4", "Signed Up"))

		calls, err := s.Calls(t.Context(), web, store.CallFilter{})
		require.NoError(t, err)
		require.Len(t, calls, 3)
		for i, c := range calls {
			want := r.Calls[len(r.Calls)-1-i]
			require.NotZero(t, want.ID)
			require.Equal(t, want, c.Call)
			require.Same(t, calls[0].Request, c.Request)
		}
		want := *r
		want.Calls, want.ReceivedAt = nil, noon.Truncate(time.Millisecond)
		require.Equal(t, want, *calls[0].Request)
	})
}

func TestSources(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		one := store.Source{Slug: "one", Name: "One", Type: "website", WriteKey: "k1", CreatedAt: noon.Truncate(time.Millisecond), Filters: []byte(`[]`)}
		two := store.Source{Slug: "two", Name: "Two", Type: "server", WriteKey: "k2", CreatedAt: noon.Truncate(time.Millisecond), Disabled: true}
		require.NoError(t, s.SaveSource(t.Context(), &one))
		require.NoError(t, s.SaveSource(t.Context(), &two))
		one.Name, one.WriteKey = "Uno", "k3"
		require.NoError(t, s.SaveSource(t.Context(), &one))

		require.ErrorContains(t, s.SaveSource(t.Context(), &store.Source{Slug: "one", WriteKey: "k4"}), "slug")
		require.ErrorContains(t, s.SaveSource(t.Context(), &store.Source{Slug: "four", WriteKey: "k3"}), "write_key")
		require.ErrorContains(t, s.SaveSource(t.Context(), &store.Source{ID: 77, Slug: "x", WriteKey: "x"}), "no source 77")

		sources, err := s.Sources(t.Context())
		require.NoError(t, err)
		require.Equal(t, []store.Source{one, two}, sources)
	})
}

func TestDeleteSource(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		web, shop := addSource(t, s, "web"), addSource(t, s, "shop")
		add(t, s, web, noon, track("m1", "A"))
		add(t, s, shop, noon, track("m2", "B"))
		require.NoError(t, s.SetObjects(t.Context(), web, "c", []store.Object{{ID: "1", Properties: []byte(`{}`)}}))
		require.NoError(t, s.DeleteSource(t.Context(), web))

		calls, err := s.Calls(t.Context(), web, store.CallFilter{})
		require.NoError(t, err)
		require.Empty(t, calls)
		counts, err := s.Breakdown(t.Context(), web, store.Received, noon, noon.Add(time.Hour), store.ByEvent)
		require.NoError(t, err)
		require.Empty(t, counts)
		collections, err := s.Collections(t.Context(), web)
		require.NoError(t, err)
		require.Empty(t, collections)
		totals, err := s.Totals(t.Context(), noon, noon.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, map[int64]store.Totals{shop: {Calls: 1, LastCall: noon.Truncate(time.Millisecond)}}, totals)
		require.ErrorContains(t, s.Add(t.Context(), &store.Request{Source: web, Calls: []store.Call{track("m3", "A")}}), "no source")
	})
}

func TestObjects(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		web := addSource(t, s, "web")
		require.NoError(t, s.SetObjects(t.Context(), web, "rooms", []store.Object{{"1", []byte(`{"name":"a","size":1}`)}, {"2", []byte(`{}`)}}))
		require.NoError(t, s.SetObjects(t.Context(), web, "rooms", []store.Object{{"1", []byte(`{"size":2}`)}}))
		require.NoError(t, s.SetObjects(t.Context(), web, "guests", []store.Object{{"1", []byte(`{}`)}}))
		require.ErrorContains(t, s.SetObjects(t.Context(), web, "guests", []store.Object{{"2", []byte(`{}`)}, {"3", []byte(`[]`)}}), `"3"`)
		require.ErrorContains(t, s.SetObjects(t.Context(), web+1, "guests", nil), "no source")

		collections, err := s.Collections(t.Context(), web)
		require.NoError(t, err)
		at := noon.Truncate(time.Millisecond)
		require.Equal(t, []store.Collection{{"guests", 1, at}, {"rooms", 2, at}}, collections)
	})
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "?#% ü")
	s := open(t, store.Options{Dir: dir})
	add(t, s, addSource(t, s, "web"), noon, track("m1", "A"))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(entries), 3)
	if runtime.GOOS == "windows" {
		return // has no mode bits
	}
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), entry.Name())
	}
}
