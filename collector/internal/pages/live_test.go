// Live: streams carry what was asked for, and end.

package pages_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/pages"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// patience is how long a test waits for what ought to come at once.
const patience = 10 * time.Second

// event is one server-sent event.
type event struct{ name, id, data string }

// listen opens a stream and hands over its events; the channel closes with the stream.
func listen(t *testing.T, f *fake, query, lastID string) (events <-chan event, leave func()) {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix("/hw", pages.Handler(f)))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/hw/sources/shop/live"+query, nil)
	require.NoError(t, err)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	res, err := server.Client().Do(r)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	requireClosed(t, res.Header)

	out := make(chan event)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		defer res.Body.Close()
		readEvents(bufio.NewScanner(res.Body), out, ctx.Done())
	}()
	leave = func() { cancel(); <-done }
	t.Cleanup(func() { leave(); server.Close() })
	return out, leave
}

func readEvents(lines *bufio.Scanner, out chan<- event, done <-chan struct{}) {
	var e event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case field == "event":
			e.name = value
		case field == "id":
			e.id = value
		case field == "data":
			e.data += value + "\n"
		case lines.Text() == "" && e.name != "":
			select {
			case out <- e:
			case <-done:
			}
			e = event{}
		}
	}
}

func next(t *testing.T, events <-chan event) event {
	t.Helper()
	select {
	case e, open := <-events:
		require.True(t, open, "the stream ended")
		return e
	case <-time.After(patience):
		require.FailNow(t, "no event came")
		return event{}
	}
}

func TestStreamCarriesWhatMeetsTheFilter(t *testing.T) {
	t.Parallel()
	f := &fake{now: time.Now, sources: newFake().sources}
	events, leave := listen(t, f, "?type=track&q=wanted", "")
	page := pages.Row{ID: 1, Type: "page", Name: "wanted page", Raw: []byte(`{"name":"wanted page"}`)}
	f.arrive(page, track(2, "Other", "user"), track(3, "Wanted "+hostile, "user"), track(4, "Also Wanted", "user"))

	e := next(t, events)
	require.Equal(t, "calls", e.name)
	require.Equal(t, "4", e.id)
	require.Equal(t, 2, strings.Count(e.data, "<li"))
	require.Less(t, strings.Index(e.data, "Also Wanted"), strings.Index(e.data, "Wanted &#34;"), "the newest first")
	require.NotContains(t, e.data, "Other")
	require.NotContains(t, e.data, "<img")
	requireNothingInline(t, e.data)
	requireRelative(t, "/sources/shop/debugger", e.data)

	leave()
	require.Eventually(t, func() bool { return f.listeners() == 0 }, patience, time.Millisecond, "the subscription is cancelled")
}

func TestStreamBeginsWhereThePageEnded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, lastID string }{
		{"?after=1", ""}, {"?after=0", "1"}, // a client that comes back says so in a header
	} {
		f := &fake{now: time.Now, sources: newFake().sources}
		f.arrive(track(1, "Seen", "user"), track(2, "Missed", "user"))
		events, _ := listen(t, f, c.query, c.lastID)
		e := next(t, events)
		require.Contains(t, e.data, "Missed")
		require.NotContains(t, e.data, "Seen")
		require.Equal(t, "2", e.id)
	}
}

func TestStreamIsASampleUnderLoad(t *testing.T) {
	t.Parallel()
	f := &fake{now: time.Now, sources: newFake().sources}
	events, _ := listen(t, f, "", "")
	var many []pages.Row
	for i := range 1000 {
		many = append(many, track(int64(i+1), fmt.Sprint("Event ", i), "user"))
	}
	f.arrive(many...)
	e := next(t, events)
	require.Equal(t, 100, strings.Count(e.data, "<li"))
	require.Equal(t, "1000", e.id)
	missed := next(t, events)
	require.Equal(t, event{"missed", "", "900\n"}, missed)
}

func TestStreamSaysOnlyThatThereIsNews(t *testing.T) {
	t.Parallel()
	f := newFake()
	events, _ := listen(t, f, "?ping=1&after=1000000", "")
	f.arrive(track(50, "Event", "user"))
	e := next(t, events)
	require.Equal(t, "ping", e.name)
	require.Empty(t, strings.TrimSpace(e.data))
}

// What comes while a page is on its way is news to its stream, and nothing else is.
func TestNewsBetweenThePageAndItsStream(t *testing.T) {
	t.Parallel()
	f := &fake{now: time.Now, sources: newFake().sources}
	f.arrive(track(1, "Seen", "user"))
	events, _ := listen(t, f, "?ping=1&after=1", "")
	f.close()
	_, open := <-events
	require.False(t, open, "the page knew it")

	f = &fake{now: time.Now, sources: newFake().sources}
	f.arrive(track(1, "Seen", "user"), track(2, "Missed", "user"))
	events, _ = listen(t, f, "?ping=1&after=1", "")
	require.Equal(t, "ping", next(t, events).name)
}

func TestStreamEndsWithTheCollector(t *testing.T) {
	t.Parallel()
	f := newFake()
	events, _ := listen(t, f, "?ping=1&after=1000000", "")
	f.close()
	select {
	case _, open := <-events:
		require.False(t, open)
	case <-time.After(patience):
		require.FailNow(t, "the stream goes on")
	}
}

func TestStreamOfVerdicts(t *testing.T) {
	t.Parallel()
	f := &fake{now: time.Now, sources: newFake().sources}
	events, _ := listen(t, f, "?verdict=failed", "")
	bad := track(2, "Bad", "")
	bad.Verdict, bad.Step = "no_user_anon_id", store.Failed
	f.arrive(track(1, "Good", "user"), bad)
	e := next(t, events)
	require.Contains(t, e.data, "Bad")
	require.Contains(t, e.data, "Failed")
	require.NotContains(t, e.data, "Good")
}

func TestStreamAskedForItsHead(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := httptest.NewRecorder()
	pages.Handler(f).ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/sources/shop/live?ping=1", nil)) // returns
	require.Equal(t, http.StatusOK, w.Code)
	require.Zero(t, f.listeners())
}
