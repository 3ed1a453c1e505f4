// A collector for the length of a test, and how it is started, found and closed.

// Package collectortest has a collector receive the calls of a program under
// test, and asks it what arrived. It never imports testing, so any test
// framework can use it.
//
// In short:
//
//	func TestOrder(t *testing.T) {
//		srv := collectortest.Start(t)
//		client, err := analytics.New(srv.WriteKey, &analytics.Config{Endpoint: srv.URL, BatchSize: 1})
//		…
//		call, err := srv.Call(t.Context(), "Order Completed") // waits for it
//		…
//		if call.Verdict != "ok" || call.Float("properties.revenue") != 39.95 {
//
// How it works:
//
//   - [Start] runs a collector in memory on a port of its own on this machine, and
//     closes it when the test ends. [New] is the same for TestMain and for options.
//   - [Connect] finds one that runs already, such as a container of a CI job. Both
//     return a [Server], which asks through the documented JSON API.
//   - [Source.WaitFor] and [Source.Call] wait instead of sleeping. Where the ctx of a
//     wait has no deadline, ten seconds are one.
//   - A [Call] has the verdict the API would give it. The API answers 200 to a call
//     it discards, so that a test which only looks at the status proves little.
//   - [Server.CreateSource] keeps tests apart that share one collector.
//
// Against package analyticstest: that one is scripted, to test what a client does
// when answers are late, broken or refusals. A collector is the real thing, with
// filters, duplicates dropped by messageId and the numbers of the Overview, and a
// person can look at its pages. It needs a socket, so that it does not work in a
// testing/synctest bubble.
package collectortest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/collector"
)

// closeWithin bounds how long Close waits for requests under way, and then for
// the database.
const closeWithin = 5 * time.Second

// TB is what Start needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
}

// Server is a collector that a test talks to. Its methods inherited from Source
// are about one source, whose write key is WriteKey. Start, New and Connect make
// one; the zero value is of no use. All methods are safe for concurrent use.
type Server struct {
	// URL is the endpoint to give to a client, and the address of the pages:
	// "http://127.0.0.1:40123".
	URL string

	// Source is the first one of the collector that is not disabled. One started
	// here has the only source "Default".
	*Source

	api  *api
	stop func() error
}

// Start starts a collector in memory, on a free port of 127.0.0.1, and closes it
// when the test ends. It is not strict: like the API, it answers 200 to calls
// that fail on ingest, and a call under an unknown write key makes a source. The
// test fails at once if it cannot start.
func Start(t TB) *Server {
	t.Helper()
	s, err := New(nil)
	if err != nil {
		t.Fatalf("%v", err)
		return nil // a TB that is not testing's may come back
	}
	t.Cleanup(func() {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatalf("%v", err)
		}
	})
	return s
}

// New starts a collector with options of its own, on a free port of 127.0.0.1.
// Nil options are the defaults, everything in memory. Close it.
func New(o *collector.Options) (*Server, error) {
	c, err := collector.New(o)
	if err != nil {
		return nil, fmt.Errorf("collectortest: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("collectortest: %w", errors.Join(err, c.Close(ctx)))
	}
	arrivals := newBell()
	srv := c.Server()
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.ServeHTTP(w, r)
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			arrivals.ring() // the collector answers what it has stored
		}
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(listener) // always ErrServerClosed
	}()
	password := ""
	if o != nil {
		password = o.Password
	}
	s := &Server{URL: "http://" + listener.Addr().String()}
	s.api = newAPI(s.URL, password, arrivals)
	s.stop = func() error {
		shutdown(srv)
		<-served
		arrivals.ring() // waiters learn that nobody answers any more
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			return fmt.Errorf("collectortest: %w", err)
		}
		return nil
	}
	if s.Source, err = s.first(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// shutdown lets the requests under way end, and cuts those that would not.
func shutdown(srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if srv.Shutdown(ctx) != nil {
		_ = srv.Close()
	}
}

// Close closes a collector that was started here: it waits up to five seconds
// for requests under way, then cuts them. Waits return with an error. One that
// was found by Connect runs on. Calling Close again does the same again, to no
// effect.
func (s *Server) Close() error {
	s.api.client.CloseIdleConnections()
	if s.stop == nil {
		return nil
	}
	return s.stop()
}

// Reset forgets the calls, the numbers and the objects of all sources, and which
// messageIds were seen. The sources stay.
func (s *Server) Reset(ctx context.Context) error {
	return s.api.do(ctx, request{op: "reset", method: http.MethodPost, path: "/api/reset"}, nil)
}

// first returns the source that a server stands for.
func (s *Server) first(ctx context.Context) (*Source, error) {
	list, err := s.Sources(ctx)
	if err != nil {
		return nil, err
	}
	for _, src := range list {
		if !src.Disabled {
			return src, nil
		}
	}
	return &Source{api: s.api}, nil
}
