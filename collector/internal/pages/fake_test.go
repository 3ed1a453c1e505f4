// A collector that only remembers: what the pages' tests run on.

package pages_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/overview"
	"github.com/headwater-dev/analytics/collector/internal/pages"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// noon is the fake's present unless a test says otherwise.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// fake is a Backend. Its fields are set before it is used, and read under its lock.
type fake struct {
	mu          sync.Mutex
	now         func() time.Time
	sources     []sources.Source
	rows        []pages.Row // newest first
	overview    *overview.Overview
	collections []store.Collection
	notices     []string
	err         error // of reading
	lastCall    time.Time

	asked  []string // what was changed, in words
	filter store.CallFilter
	failed []error
	subs   map[int]chan []pages.Row
	next   int
}

func (f *fake) Now() time.Time { return f.now() }

func (f *fake) List() []sources.Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sources)
}

func (f *fake) BySlug(slug string) (sources.Source, bool) {
	i := f.index(slug)
	if i < 0 {
		return sources.Source{}, false
	}
	return f.List()[i], true
}

func (f *fake) index(slug string) int {
	return slices.IndexFunc(f.List(), func(s sources.Source) bool { return s.Slug == slug })
}

func (f *fake) change(slug, what string, edit func(*sources.Source)) error {
	i := f.index(slug)
	if i < 0 {
		return fmt.Errorf("%s: %w", what, sources.ErrNotFound)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
	edit(&f.sources[i])
	return nil
}

func (f *fake) Create(_ context.Context, name string, t sources.Type, _ string) (sources.Source, error) {
	if name == "" || len(name) > 100 {
		return sources.Source{}, fmt.Errorf("create a source: %w", &sources.Error{Field: "name", Reason: "is longer than 100 characters"})
	}
	if !slices.Contains(sources.Types, t) {
		return sources.Source{}, &sources.Error{Field: "type", Reason: "is not one of the types"}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	src := sources.Source{ID: int64(len(f.sources) + 1), Slug: "made", Name: name, Type: t, WriteKey: "NEWKEY" + strings.Repeat("0", 26)}
	f.sources = append(f.sources, src)
	f.asked = append(f.asked, "create "+name+" "+string(t))
	return src, nil
}

func (f *fake) Rename(_ context.Context, slug, name string) error {
	if name == "" {
		return &sources.Error{Field: "name", Reason: "is required"}
	}
	return f.change(slug, "rename "+name, func(s *sources.Source) { s.Name = name })
}

func (f *fake) SetDisabled(_ context.Context, slug string, disabled bool) error {
	return f.change(slug, fmt.Sprint("disabled ", disabled), func(s *sources.Source) { s.Disabled = disabled })
}

func (f *fake) Rotate(_ context.Context, slug, _ string) (sources.Source, error) {
	err := f.change(slug, "rotate", func(s *sources.Source) { s.WriteKey = strings.Repeat("R", 32) })
	return sources.Source{}, err
}

func (f *fake) SetFilters(_ context.Context, slug string, filters []sources.Filter) error {
	return f.change(slug, fmt.Sprint("filters ", filters), func(s *sources.Source) { s.Filters = filters })
}

func (f *fake) Delete(_ context.Context, slug string) error {
	if err := f.change(slug, "delete "+slug, func(*sources.Source) {}); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources = slices.DeleteFunc(f.sources, func(s sources.Source) bool { return s.Slug == slug })
	return nil
}

func (f *fake) Totals(context.Context, time.Time, time.Time) (map[int64]store.Totals, error) {
	if f.err != nil {
		return nil, f.err
	}
	if f.lastCall.IsZero() {
		return nil, nil
	}
	return map[int64]store.Totals{1: {Calls: 12345, LastCall: f.lastCall}}, nil
}

func (f *fake) Volume(_ context.Context, _ int64, from, to time.Time, bucket time.Duration) ([]store.Point, error) {
	var points []store.Point
	for at, i := from, 0; at.Before(to); at, i = at.Add(bucket), i+1 {
		points = append(points, store.Point{At: at, Eligible: 40 + i*i%37, Failed: i % 3})
	}
	return points, f.err
}

func (f *fake) Collections(context.Context, int64) ([]store.Collection, error) {
	return f.collections, f.err
}

func (f *fake) Overview(_ context.Context, _ int64, w overview.Window, _ store.Step) (*overview.Overview, error) {
	if f.err != nil || f.overview == nil {
		return &overview.Overview{Window: w}, f.err
	}
	o := *f.overview
	o.Window = w
	return &o, nil
}

func (f *fake) Rows(_ context.Context, _ int64, filter store.CallFilter) ([]pages.Row, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filter = filter
	var out []pages.Row
	for _, row := range f.rows {
		if meets(row, filter) && len(out) < filter.Limit {
			out = append(out, row)
		}
	}
	return out, f.err
}

func meets(row pages.Row, f store.CallFilter) bool {
	return (f.ID == 0 || row.ID == f.ID) && (f.Type == "" || row.Type == f.Type) &&
		(f.Verdict == "" || row.Verdict == f.Verdict) && (f.Step == store.Received || row.Step == f.Step) &&
		strings.Contains(strings.ToLower(string(row.Raw)), strings.ToLower(f.Search))
}

func (f *fake) Subscribe(_ int64, filter store.CallFilter) (<-chan []pages.Row, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	in, out, id := make(chan []pages.Row, 64), make(chan []pages.Row), f.next
	if f.subs == nil {
		f.subs = map[int]chan []pages.Row{}
	}
	f.subs[id], f.next = in, id+1
	done := make(chan struct{})
	go func() {
		defer close(out)
		for batch := range in {
			batch = slices.DeleteFunc(slices.Clone(batch), func(row pages.Row) bool { return !meets(row, filter) })
			select {
			case out <- batch:
			case <-done:
			}
		}
	}()
	var once sync.Once
	return out, func() {
		once.Do(func() { close(done) })
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.subs[id] == in {
			close(in)
			delete(f.subs, id)
		}
	}
}

// arrive stores calls, the newest last, and tells who listens.
func (f *fake) arrive(rows ...pages.Row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, row := range rows {
		f.rows = slices.Insert(f.rows, 0, row)
	}
	for _, in := range f.subs {
		in <- rows
	}
}

// close ends all subscriptions, as the end of the collector does.
func (f *fake) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, in := range f.subs {
		close(in)
		delete(f.subs, id)
	}
}

func (f *fake) listeners() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}

func (f *fake) Notices(context.Context) ([]string, error) { return f.notices, f.err }

func (f *fake) Endpoint(r *http.Request) string { return "http://" + r.Host }

func (f *fake) Failed(_ *http.Request, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, err)
}

// track is a track call that is fine.
func track(id int64, event, user string) pages.Row {
	raw, err := json.Marshal(map[string]any{"type": "track", "event": event, "userId": user, "messageId": fmt.Sprint("m-", id)})
	if err != nil {
		panic(err)
	}
	return pages.Row{
		ID: id, Type: "track", Event: event, UserID: user, MessageID: fmt.Sprint("m-", id),
		Verdict: "ok", Step: store.Eligible, ReceivedAt: noon.Add(time.Duration(id) * time.Second), Raw: raw,
	}
}
