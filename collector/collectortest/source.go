// Sources: making one, listing them, and what each received.

package collectortest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// maxCalls is how many calls the collector returns at once.
const maxCalls = 1000

// Source is a source of a collector. Its fields are as they were when it was
// asked for. All methods are safe for concurrent use.
type Source struct {
	ID        string    `json:"id"` // its name in addresses of pages
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	WriteKey  string    `json:"writeKey"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"createdAt"`

	api *api
}

// CreateSource creates a source with a new write key and returns it. Its type is
// one of website, mobile, server, http-api, pixel, cloud-event, cloud-object and
// reverse-etl; empty is server. A source cannot be deleted here.
func (s *Server) CreateSource(ctx context.Context, name, sourceType string) (*Source, error) {
	src := &Source{api: s.api}
	err := s.api.do(ctx, request{
		op: "create source", method: http.MethodPost, path: "/api/sources",
		body: map[string]string{"name": name, "type": sourceType},
	}, src)
	if err != nil {
		return nil, err
	}
	return src, nil
}

// Sources returns the sources of the collector, in its order.
func (s *Server) Sources(ctx context.Context) ([]*Source, error) {
	var answer struct {
		Sources []*Source `json:"sources"`
	}
	if err := s.api.do(ctx, request{op: "list sources", method: http.MethodGet, path: "/api/sources"}, &answer); err != nil {
		return nil, err
	}
	for _, src := range answer.Sources {
		src.api = s.api
	}
	return answer.Sources, nil
}

// Calls returns what the source received, in the order it came: those that
// failed on ingest and those that were filtered too, with their verdict, but no
// duplicates. Of more than a thousand it is the latest thousand.
func (s *Source) Calls(ctx context.Context) ([]Call, error) {
	path, err := s.path("calls", url.Values{"limit": {strconv.Itoa(maxCalls)}})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Calls []Call `json:"calls"`
	}
	if err := s.api.do(ctx, request{op: "calls", method: http.MethodGet, path: path}, &answer); err != nil {
		return nil, err
	}
	slices.Reverse(answer.Calls) // the API has the newest first
	return answer.Calls, nil
}

// Events returns the track calls of one event name among Calls.
func (s *Source) Events(ctx context.Context, name string) ([]Call, error) {
	calls, err := s.Calls(ctx)
	return slices.DeleteFunc(calls, func(c Call) bool { return !c.tracks(name) }), err
}

// path is the address of something about the source.
func (s *Source) path(what string, query url.Values) (string, error) {
	if s.WriteKey == "" {
		return "", errors.New("collectortest: " + what + ": the collector has no source that is enabled; CreateSource makes one")
	}
	return "/api/sources/" + url.PathEscape(s.WriteKey) + "/" + what + "?" + query.Encode(), nil
}
