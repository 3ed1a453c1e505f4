// The collector: what it is made of, and which handler serves which path.

// Package collector is a Tracking API of one's own: it takes the calls that the
// libraries of Segment and Headwater send, and shows them on a Source Overview
// page and in a Debugger, without an account and offline.
//
//   - A request comes in ([Collector.ServeHTTP]), is decoded under limits, and each of
//     its calls gets a verdict: ok, or the code under which the API would discard it.
//   - Filters of the source may block calls that passed.
//   - The request is committed to an embedded SQLite database, together with the
//     ledger behind the charts. Only then is it answered: what got 200 survives the
//     end of the process.
//   - Pages, JSON API and live streams read from there.
//
// A [Collector] is an [http.Handler] and can stand under any prefix behind
// [http.StripPrefix]; [Collector.Server] wraps it into a server with timeouts.
// The command `headwater collect` is this package with flags. README.md
// documents the paths and the JSON API.
package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// Collector receives calls and shows them. All methods are safe for concurrent use.
type Collector struct {
	options  Options
	store    *store.Store
	sources  *sources.Registry
	limits   *limits
	feed     *feed
	handler  http.Handler
	requests chan struct{} // one for each request being received
	decoding chan struct{} // one for each body being decoded
	unknown  atomic.Int64  // calls that no source wanted

	closing sync.Once
	closed  error
}

// maxRequests is how many requests are received at once; more are told to come
// again. Each holds at most one inflated body, half a megabyte.
const maxRequests = 256

// New opens the database and returns a collector. Nil options are the defaults.
// The errors name the option, the source or the file that is wrong; a directory
// that another collector uses is one.
func New(o *Options) (*Collector, error) {
	options, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx := context.Background() // opening is bounded by the database's own timeouts
	db, err := store.Open(ctx, store.Options{
		Dir: options.Data, MaxAge: options.MaxAge, MaxBytes: options.MaxBytes, Now: options.Now, Logger: options.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("collector: %w", err)
	}
	c := &Collector{
		options: options, store: db, limits: newLimits(options.RateLimit, options.Now), feed: newFeed(),
		requests: make(chan struct{}, maxRequests),
		decoding: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
	}
	if err := c.openSources(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("collector: %w", err), db.Close(ctx))
	}
	c.handler = c.routes()
	return c, nil
}

// openSources loads the sources and brings them to what the options say.
func (c *Collector) openSources(ctx context.Context) error {
	registry, err := sources.New(ctx, c.store, c.options.Now)
	if err != nil {
		return err
	}
	c.sources = registry
	declared := make([]sources.Declaration, len(c.options.Sources))
	for i, s := range c.options.Sources {
		declared[i] = s.declaration()
	}
	if err := registry.Apply(ctx, declared); err != nil {
		return err
	}
	if len(registry.List()) == 0 {
		_, err = registry.Create(ctx, "Default", sources.Server, DefaultWriteKey)
	}
	return err
}

// Close ends the live streams, waits until what is being received is committed,
// and closes the database. ctx bounds the wait. Requests that come later are
// answered 503. Shut an http.Server down first: its requests end well then.
func (c *Collector) Close(ctx context.Context) error {
	c.closing.Do(func() {
		c.feed.close()
		if err := c.store.Close(ctx); err != nil {
			c.closed = fmt.Errorf("collector: %w", err)
		}
	})
	return c.closed
}

// ServeHTTP serves the ingest under /v1/, the JSON API under /api/ and the pages
// under everything else.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// routes is the map of the house.
func (c *Collector) routes() http.Handler {
	mux := http.NewServeMux()
	for name, in := range entrances {
		mux.Handle("/v1/"+name, c.receive(in))
	}
	mux.Handle("/v1/m", open(http.MethodPost, c.metrics))
	mux.Handle("/v1/set", open(http.MethodPost, c.set))
	mux.Handle("/v1/pixel/{call}", open(http.MethodGet, c.pixel))
	mux.Handle("/v1/projects/{writeKey}/settings", open(http.MethodGet, c.settings))
	mux.Handle("/v1/", open("", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, reply{Code: "bad_request", Message: "no such path"})
	}))
	mux.Handle("/api/", c.guard(c.api()))
	mux.Handle("/", c.guard(c.pages()))
	return mux
}

func (c *Collector) now() time.Time { return c.options.Now() }
