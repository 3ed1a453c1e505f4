// The pages: what they need, and their addresses.

// Package pages serves the collector to people: the list of sources, and for each
// of them its set-up, Overview, Debugger and settings.
//
//   - Pages are rendered on the server and work without scripts; scripts make them
//     live. Nothing is built, and nothing is loaded from elsewhere.
//   - All links are relative, so the handler can stand under any prefix behind
//     [http.StripPrefix].
//   - Text of events is escaped by html/template, and the Content-Security-Policy
//     of every answer allows neither inline script nor inline style.
//   - A write key stands in the snippets of a set-up page and in the answer of
//     /sources/{slug}/key, and nowhere else.
//   - What is live comes as server-sent events, a sample when there is much of it.
//
// Checks of Host and Origin, and passwords, are its caller's.
package pages

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/overview"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// Backend is what the pages show and change. Its methods are safe for concurrent
// use. The methods of the first two groups are those of *sources.Registry and
// *store.Store, so that both can be embedded.
type Backend interface {
	List() []sources.Source
	BySlug(slug string) (sources.Source, bool)
	Create(ctx context.Context, name string, t sources.Type, key string) (sources.Source, error)
	Rename(ctx context.Context, slug, name string) error
	SetDisabled(ctx context.Context, slug string, disabled bool) error
	Rotate(ctx context.Context, slug, key string) (sources.Source, error)
	SetFilters(ctx context.Context, slug string, filters []sources.Filter) error
	Delete(ctx context.Context, slug string) error

	Totals(ctx context.Context, from, to time.Time) (map[int64]store.Totals, error)
	Volume(ctx context.Context, source int64, from, to time.Time, bucket time.Duration) ([]store.Point, error)
	Collections(ctx context.Context, source int64) ([]store.Collection, error)

	// Overview is that of a source; step is what its breakdowns count.
	Overview(ctx context.Context, source int64, w overview.Window, step store.Step) (*overview.Overview, error)

	// Rows are the calls that f asks for, newest first.
	Rows(ctx context.Context, source int64, f store.CallFilter) ([]Row, error)

	// Subscribe returns the calls of a source that meet f as they are stored, in
	// batches in which the newest is last. A reader who is slow misses some: it is a
	// sample. The channel is closed by cancel, which may be called twice, and when
	// the collector closes. Of f only Type, Verdict, Step and Search count.
	Subscribe(source int64, f store.CallFilter) (batches <-chan []Row, cancel func())

	// Notices are short sentences under the list of sources: calls with an unknown
	// write key, duplicates dropped. Usually there are none.
	Notices(ctx context.Context) ([]string, error)

	// Endpoint is the absolute address of the collector for snippets, without a
	// slash at the end, as the client of r reaches it.
	Endpoint(r *http.Request) string

	// Now is the time by the collector's clock.
	Now() time.Time

	// Failed is told of an error for which the reader of a page can do nothing.
	Failed(r *http.Request, err error)
}

// Row is one call.
type Row struct {
	ID         int64
	Type       string // track …; "" when it is none of the six
	Event      string // of a track
	Name       string // of a page or screen
	UserID     string // or else the anonymousId
	MessageID  string
	Verdict    string // "ok" or a code
	Reason     string
	Step       store.Step
	ReceivedAt time.Time

	// Raw is the message in full, without the write key. Rows of a subscription need none.
	Raw json.RawMessage
}

// Label is what a call is about: its event, or the name of a page or screen.
func (r Row) Label() string {
	if r.Event != "" {
		return r.Event
	}
	return r.Name
}

// Title is what a call is known by: its label, or whom it is about.
func (r Row) Title() string { return cmp.Or(r.Label(), r.UserID, "Unnamed") }

// site is the handler of the pages.
type site struct {
	Backend
	assets *assets
	views  views
	mux    *http.ServeMux
}

// Handler returns the handler of all pages and their assets.
func Handler(b Backend) http.Handler {
	s := &site{Backend: b, assets: loadAssets(), mux: http.NewServeMux()}
	s.views = parseViews(s.assets)

	s.mux.HandleFunc("GET /{$}", s.sourceList)
	s.mux.HandleFunc("GET /sources", s.backToList)
	s.mux.HandleFunc("POST /sources", s.create)
	s.mux.HandleFunc("GET /assets/{file...}", s.assets.serve)

	s.source("GET /sources/{slug}", s.overview)
	s.source("GET /sources/{slug}/setup", s.setup)
	s.source("GET /sources/{slug}/samples", s.samples)
	s.source("GET /sources/{slug}/debugger", s.debugger)
	s.source("GET /sources/{slug}/live", s.live)
	s.source("GET /sources/{slug}/calls/{id}", s.call)
	s.source("GET /sources/{slug}/settings", s.settings)
	s.source("GET /sources/{slug}/key", s.key)
	for action, do := range map[string]sourceFunc{
		"rename": s.rename, "disable": s.disable, "enable": s.enable,
		"rotate": s.rotate, "delete": s.remove, "filters": s.filters,
	} {
		s.source("POST /sources/{slug}/"+action, do)
		s.source("GET /sources/{slug}/"+action, s.backToSettings) // a reload after a form was refused
	}
	s.mux.HandleFunc("/", s.elsewhere)
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	// The mux would redirect an unclean path to an absolute one, without the prefix.
	if clean := path.Clean(r.URL.Path); clean != strings.TrimSuffix(r.URL.Path, "/") && r.URL.Path != "/" {
		s.noPage(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// sourceFunc answers a request about one source.
type sourceFunc func(http.ResponseWriter, *http.Request, sources.Source)

// source registers a page of a source; without that source it is a 404.
func (s *site) source(pattern string, do sourceFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		src, ok := s.BySlug(r.PathValue("slug"))
		if !ok {
			s.noPage(w, r)
			return
		}
		do(w, r, src)
	})
}
