// The JSON API: what a test or a script asks the collector.

package collector

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/overview"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// api routes /api/. README.md documents each path.
func (c *Collector) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/sources", c.apiSources)
	mux.HandleFunc("POST /api/sources", c.apiCreate)
	mux.HandleFunc("GET /api/sources/{source}/calls", c.ofSource(c.apiCalls))
	mux.HandleFunc("GET /api/sources/{source}/overview", c.ofSource(c.apiOverview))
	mux.HandleFunc("GET /api/sources/{source}/objects", c.ofSource(c.apiObjects))
	mux.HandleFunc("POST /api/reset", c.apiReset)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		apiError(w, http.StatusNotFound, errors.New("no such path; README.md of the collector lists them"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// apiSource is a source in JSON.
type apiSource struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	WriteKey  string    `json:"writeKey"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"createdAt"`
}

func jsonSource(s sources.Source) apiSource {
	return apiSource{
		ID: s.Slug, Name: s.Name, Type: string(s.Type), WriteKey: s.WriteKey, Disabled: s.Disabled, CreatedAt: s.CreatedAt.UTC(),
	}
}

// apiCall is a call in JSON.
type apiCall struct {
	ID         int64          `json:"id"`
	Type       string         `json:"type"`
	Event      string         `json:"event"`
	MessageID  string         `json:"messageId"`
	Verdict    string         `json:"verdict"`
	Reason     string         `json:"reason,omitempty"`
	ReceivedAt time.Time      `json:"receivedAt"`
	Raw        map[string]any `json:"raw"`
}

func (c *Collector) apiSources(w http.ResponseWriter, _ *http.Request) {
	list := []apiSource{}
	for _, s := range c.sources.List() {
		list = append(list, jsonSource(s))
	}
	writeJSON(w, http.StatusOK, map[string]any{"sources": list, "unknownKeyCalls": c.unknown.Load()})
}

func (c *Collector) apiCreate(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name, Type, WriteKey string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil {
		apiError(w, http.StatusBadRequest, errors.New("the body is not one JSON object with name, type and writeKey"))
		return
	}
	if in.Type == "" {
		in.Type = string(sources.Server)
	}
	t, err := sources.ParseType(in.Type)
	if err == nil {
		var s sources.Source
		if s, err = c.sources.Create(r.Context(), in.Name, t, in.WriteKey); err == nil {
			writeJSON(w, http.StatusCreated, jsonSource(s))
			return
		}
	}
	c.apiFailed(w, err)
}

// ofSource finds the source that a path names by write key, or by its id.
func (c *Collector) ofSource(next func(http.ResponseWriter, *http.Request, sources.Source)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("source")
		src, found := c.sources.ByKey(name)
		if !found {
			src, found = c.sources.BySlug(name)
		}
		if !found {
			apiError(w, http.StatusNotFound, errors.New("no source has this write key or id"))
			return
		}
		next(w, r, src)
	}
}

// The bounds of ?limit=.
const (
	defaultCalls = 100
	maxCalls     = 1000
)

func (c *Collector) apiCalls(w http.ResponseWriter, r *http.Request, src sources.Source) {
	q := r.URL.Query()
	f := store.CallFilter{Limit: defaultCalls, Verdict: q.Get("verdict"), Type: q.Get("type"), Search: q.Get("q")}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxCalls {
			apiError(w, http.StatusBadRequest, fmt.Errorf("limit must be a number from 1 to %d", maxCalls))
			return
		}
		f.Limit = n
	}
	if text := q.Get("before"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			apiError(w, http.StatusBadRequest, errors.New("before must be the id of a call"))
			return
		}
		f.Before = n
	}
	stored, err := c.store.Calls(r.Context(), src.ID, f)
	if err != nil {
		c.apiFailed(w, err)
		return
	}
	calls := make([]apiCall, len(stored))
	for i, s := range stored {
		calls[i] = apiCall{
			ID: s.ID, Type: s.Type, Event: s.Event, MessageID: s.MessageID, Verdict: s.Verdict, Reason: s.Reason,
			ReceivedAt: s.Request.ReceivedAt.UTC(), Raw: message(s),
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"calls": calls})
}

func (c *Collector) apiOverview(w http.ResponseWriter, r *http.Request, src sources.Source) {
	q := r.URL.Query()
	window, err := overview.ParseWindow(q.Get("window"), q.Get("from"), q.Get("to"), c.now())
	if err != nil {
		apiError(w, http.StatusBadRequest, err)
		return
	}
	step, err := overview.ParseStep(q.Get("step"))
	if err != nil {
		apiError(w, http.StatusBadRequest, err)
		return
	}
	o, err := overview.Compute(r.Context(), c.store, src.ID, window, step)
	if err != nil {
		c.apiFailed(w, err)
		return
	}
	writeJSON(w, http.StatusOK, o)
}

func (c *Collector) apiObjects(w http.ResponseWriter, r *http.Request, src sources.Source) {
	collections, err := c.store.Collections(r.Context(), src.ID)
	if err != nil {
		c.apiFailed(w, err)
		return
	}
	list := []map[string]any{}
	for _, k := range collections {
		list = append(list, map[string]any{"name": k.Name, "objects": k.Objects, "updatedAt": k.UpdatedAt.UTC()})
	}
	writeJSON(w, http.StatusOK, map[string]any{"collections": list})
}

// apiReset forgets everything that was received, and keeps the sources.
func (c *Collector) apiReset(w http.ResponseWriter, r *http.Request) {
	if err := c.store.Reset(r.Context()); err != nil {
		c.apiFailed(w, err)
		return
	}
	c.unknown.Store(0)
	writeJSON(w, http.StatusOK, reply{Success: true})
}

// apiFailed tells bad input from a failure of ours.
func (c *Collector) apiFailed(w http.ResponseWriter, err error) {
	bad := (*sources.Error)(nil)
	switch {
	case errors.As(err, &bad):
		apiError(w, http.StatusBadRequest, bad)
	case errors.Is(err, sources.ErrNotFound):
		apiError(w, http.StatusNotFound, err)
	default:
		c.options.Logger.Error("the JSON API failed", "err", err)
		apiError(w, http.StatusInternalServerError, errors.New("the database failed; the collector's log says more"))
	}
}

func apiError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]any{"error": err.Error()})
}
