// Receiving: a request becomes calls with verdicts, is stored, and then answered.

package collector

import (
	"errors"
	"net/http"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// entrance is a path that takes calls.
type entrance struct {
	route   string // of package ingest
	browser bool   // only Analytics.js sends there
}

// entrances are the paths under /v1/. The short ones are Analytics.js's;
// import is an old name of batch.
var entrances = map[string]entrance{
	"identify": {route: "identify"},
	"track":    {route: "track"},
	"page":     {route: "page"},
	"screen":   {route: "screen"},
	"group":    {route: "group"},
	"alias":    {route: "alias"},
	"batch":    {route: ingest.Batch},
	"import":   {route: ingest.Batch},
	"i":        {route: "identify", browser: true},
	"t":        {route: "track", browser: true},
	"p":        {route: "page", browser: true},
	"s":        {route: "screen", browser: true},
	"g":        {route: "group", browser: true},
	"a":        {route: "alias", browser: true},
	"b":        {route: ingest.Batch, browser: true},
}

// receive handles one entrance.
func (c *Collector) receive(in entrance) http.Handler {
	return open(http.MethodPost, func(w http.ResponseWriter, r *http.Request) {
		if !c.enter() {
			c.busy(w)
			return
		}
		defer c.leave()
		arrived := arrival{at: c.now(), ip: remoteIP(r), userAgent: r.UserAgent(), client: in.browser, route: in.route}
		req, err := c.decode(in.route, r, arrived.at)
		if err != nil {
			c.refuse(w, r, arrived, err)
			return
		}
		c.take(w, r, arrived, req)
	})
}

// arrival is how a request came in.
type arrival struct {
	at            time.Time
	ip, userAgent string
	client        bool   // it comes from the user's own browser or mail program, so its address is the user's
	route         string // of package ingest
	pixel         bool
}

// enter takes one of the places for requests, if there is one.
func (c *Collector) enter() bool {
	select {
	case c.requests <- struct{}{}:
		return true
	default:
		return false
	}
}

func (c *Collector) leave() { <-c.requests }

// decode reads the body of r and takes it apart. Reading may take as long as
// the client does; decoding costs several times the body's size and is done for
// few at a time.
func (c *Collector) decode(route string, r *http.Request, at time.Time) (*ingest.Request, error) {
	body, err := ingest.ReadBody(r.Header, r.Body, ingest.MaxBatchBytes)
	if err != nil {
		return nil, err
	}
	c.decoding <- struct{}{}
	defer func() { <-c.decoding }()
	return ingest.Decode(route, r.Header, body, at)
}

// take stores a decoded request and answers it.
func (c *Collector) take(w http.ResponseWriter, r *http.Request, arrived arrival, req *ingest.Request) {
	src, ok := c.admit(w, r, arrived, req)
	if !ok {
		return
	}
	rec := c.record(src, arrived, req)
	if err := c.keep(r.Context(), rec); err != nil {
		c.failed(w, err)
		return
	}
	c.judged(w, req, rec)
}

// admit finds the source of a request and counts it against its rate. When it
// returns false it has answered.
func (c *Collector) admit(w http.ResponseWriter, r *http.Request, arrived arrival, req *ingest.Request) (sources.Source, bool) {
	src, found, err := c.sourceOf(r.Context(), arrived, req)
	switch {
	case err != nil:
		c.failed(w, err)
		return src, false
	case !found:
		c.unknown.Add(int64(max(1, len(req.Calls))))
		c.unwanted(w)
		return src, false
	}
	if wait := c.limits.wait(src.ID); wait > 0 {
		later(w.Header(), wait)
		writeJSON(w, http.StatusTooManyRequests, reply{Code: "too_many_requests", Message: "the source sends more requests than the collector's rate limit allows"})
		return src, false
	}
	return src, true
}

// refuse answers a request that could not be decoded, and records it when it is
// known whose it was, so that the developer sees it in the Debugger.
func (c *Collector) refuse(w http.ResponseWriter, r *http.Request, arrived arrival, cause error) {
	var refused *ingest.Error
	if !errors.As(cause, &refused) {
		// The connection failed while the body was read: nobody listens.
		writeJSON(w, http.StatusBadRequest, reply{Code: "bad_request", Message: "the body could not be read"})
		return
	}
	req := &ingest.Request{Route: arrived.route, WriteKey: ingest.HeaderKey(r.Header)}
	if src, found, err := c.sourceOf(r.Context(), arrived, req); err == nil && found && c.limits.wait(src.ID) == 0 {
		if err := c.keep(r.Context(), refusal(src, arrived, refused)); err != nil {
			c.options.Logger.Error("a refused request was not recorded", "err", err)
		}
	}
	writeJSON(w, refused.Status, reply{Code: string(refused.Code), Message: refused.Reason})
}
