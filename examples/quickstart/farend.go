// The far end: a collector with the shop's source, on a socket of this machine.

package main

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/headwater-dev/analytics/collector"
	"github.com/headwater-dev/analytics/collector/collectortest"
)

const (
	shopName = "Headwater Outfitters"
	writeKey = "OUTFITTERS_KEY"

	// debug begins the names of events that nobody needs to keep. A filter of the
	// source blocks them.
	debug = "Debug "

	home = "127.0.0.1:8033" // where a collector is by default
	keep = 64 << 20         // bytes of raw calls in memory; the numbers outlive them
)

// goodbye bounds how long a browser that looks on can hold up the end.
const goodbye = 3 * time.Second

// farEnd is a collector that is being served, and the way to ask it what arrived.
type farEnd struct {
	url string

	collector *collector.Collector
	server    *http.Server
	served    chan struct{} // closed when server is done
	api       *collectortest.Server
	traffic   traffic
}

// openFarEnd starts a collector that keeps everything in memory. gate, unless nil,
// stands before it.
func openFarEnd(ctx context.Context, gate func(http.Handler) http.Handler) (*farEnd, error) {
	c, err := collector.New(&collector.Options{Sources: []collector.Source{{
		ID: "outfitters", Name: shopName, Type: "server", WriteKey: writeKey,
		Filters: []collector.Filter{{Event: debug + "*"}},
	}}, MaxBytes: keep})
	if err != nil {
		return nil, err
	}
	listener, err := listen()
	if err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	f := &farEnd{
		url: "http://" + listener.Addr().String(), collector: c, server: c.Server(), served: make(chan struct{}),
	}
	if gate != nil {
		f.server.Handler = gate(c)
	}
	f.server.Handler = f.traffic.count(f.server.Handler)
	go func() {
		defer close(f.served)
		_ = f.server.Serve(listener) // always http.ErrServerClosed
	}()
	if f.api, err = collectortest.Connect(ctx, f.url); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// listen takes a free port when another program has the collector's own.
func listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", home)
	if err != nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	return listener, err
}

// page is the address of the shop's Source Overview, in the window that shows
// most of a short life.
func (f *farEnd) page() string { return f.url + "/sources/" + f.api.ID + "?window=10m" }

// received is what the far end has seen so far.
type received struct {
	tally
	duplicates int   // calls that came again, with the messageId they had, and were dropped
	requests   int64 // of the client, failed ones too
	wire       int64 // bytes of their bodies
}

// count asks the collector for its numbers.
func (f *farEnd) count(ctx context.Context) (*received, error) {
	o, err := f.api.Overview(ctx, "2w")
	if err != nil {
		return nil, err
	}
	events := maps.Clone(o.ByName)
	delete(events, "Unnamed") // every call that is no event, and counted by its type
	return &received{
		tally: tally{
			calls:  o.ByType,
			events: events,
			steps:  map[string]int{failed: o.Failed, filtered: o.Filtered, eligible: o.Eligible},
		},
		duplicates: o.Duplicates, requests: f.traffic.requests.Load(), wire: f.traffic.bytes.Load(),
	}, nil
}

// close ends the server, and then the collector behind it.
func (f *farEnd) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if f.api != nil {
		_ = f.api.Close() // its connection only; the collector is ours
	}
	polite, done := context.WithTimeout(ctx, goodbye)
	defer done()
	if f.server.Shutdown(polite) != nil {
		_ = f.server.Close()
	}
	<-f.served
	return f.collector.Close(ctx)
}

// traffic counts the requests of the client.
type traffic struct{ requests, bytes atomic.Int64 }

// isBatch tells the client's requests from those of the till and the browser.
func isBatch(r *http.Request) bool { return r.URL.Path == "/v1/batch" }

func (t *traffic) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isBatch(r) {
			t.requests.Add(1)
			t.bytes.Add(max(0, r.ContentLength)) // our client always says it
		}
		next.ServeHTTP(w, r)
	})
}

// flaky fails the first three requests of the client, each in another way.
func flaky(next http.Handler) http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isBatch(r) {
			next.ServeHTTP(w, r)
			return
		}
		switch n.Add(1) {
		case 1:
			http.Error(w, "out of order", http.StatusServiceUnavailable)
		case 2: // it stores the calls, but the connection breaks before it can say so
			next.ServeHTTP(w, r)
			panic(http.ErrAbortHandler)
		case 3:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "not so fast", http.StatusTooManyRequests)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
