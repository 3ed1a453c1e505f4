// A scripted Tracking API in memory, and how it is set up and torn down.

// Package analyticstest is a Tracking API for tests: it records what it is
// sent and answers what it is told to. It never imports testing, so any test
// framework can use it.
//
// Three ways to test a program that makes calls:
//
//   - The test is not about the calls: [analytics.Config].Disabled checks them
//     and forgets them, and nothing of this package is needed.
//   - A unit test asks which calls the code makes: [NewClient] returns a client
//     and the [Recorder] that keeps its calls, without HTTP.
//   - HTTP matters (endpoint, headers, statuses, retries, broken connections), or
//     the calls come from another client or process: [Server].
//
// The recorder, in short:
//
//	client, recorder, err := analyticstest.NewClient(nil)
//	defer client.Close()
//	…
//	err = client.Flush(ctx)
//	calls := recorder.Events("Order Completed")
//
// The server, in short:
//
//	srv := analyticstest.NewServer()
//	defer srv.Close()
//	client, err := analytics.New("KEY", srv.Config())
//	…
//	calls, err := srv.WaitCalls(ctx, 1)
//
// How it works:
//
//   - [Server.Client] reaches the server through memory: no sockets and no
//     goroutines, so that it works inside a testing/synctest bubble, where
//     delays and time-outs cost no real time. Make the server in the bubble.
//   - [Server.Listen] opens the same server on a real socket as well, and
//     [Server.ServeHTTP] mounts it in another one.
//   - [Server.Script] queues answers, one per request; [Server.Respond] decides
//     by looking at the request. Without either it answers as the API does.
//   - [Server.WaitCalls] and [Server.WaitRequests] wait instead of sleeping.
//   - [Server.Calls] and [Server.Requests] are what was recorded, with the
//     verdict the API would give each call: it answers 200 to a call it
//     discards, so a test that only looks at the status proves little.
//
// A server keeps every request in memory until Reset or Close.
package analyticstest

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/headwater-dev/analytics"
)

// ErrClosed is wrapped by WaitCalls, WaitRequests and Listen on a closed server.
var ErrClosed = errors.New("analyticstest: server is closed")

// Server is a scripted Tracking API. NewServer makes one; the zero value is of
// no use. All methods are safe for concurrent use.
type Server struct {
	// URL is the endpoint to give to a client that uses Client, as Config does:
	// "http://analytics.test". Nothing listens there.
	URL string

	mu          sync.Mutex
	script      []Answer
	respond     func(*Request) Answer
	records     []*record // in order of arrival
	calls       []stored  // in the order they were recorded
	read        int       // records whose request is complete
	changed     chan struct{}
	closed      bool
	connections int
	generation  int // counts Resets: a request that began before one is not recorded after it
	sockets     []*socket

	closeOnce sync.Once
	closing   chan struct{}  // ends hangs and delays
	active    sync.WaitGroup // requests under way
}

// NewServer returns a server that answers as the API does. Nothing runs until
// a request comes.
func NewServer() *Server {
	return &Server{URL: "http://analytics.test", changed: make(chan struct{}), closing: make(chan struct{})}
}

// Config returns a new Config for a client of this server, through memory:
// Endpoint and HTTPClient are set. With one of them alone a test would look for
// the server on the network.
func (s *Server) Config() *analytics.Config {
	return &analytics.Config{Endpoint: s.URL, HTTPClient: s.Client()}
}

// Script appends answers to the script. Every request takes the next one, in
// order of arrival, whatever its path. When the script is used up, Respond
// decides.
func (s *Server) Script(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range answers {
		a.Header = a.Header.Clone()
		s.script = append(s.script, a)
	}
}

// Respond sets what answers the requests that find the script used up; nil
// means as the API does. f gets its own copy of the request and may call the
// server's other methods except Close. Requests that come at once call it at
// once.
func (s *Server) Respond(f func(r *Request) Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.respond = f
}

// Reset forgets the script, Respond and all that was recorded. A request under
// way keeps the answer it has and is not recorded. Connections keeps counting.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.respond, s.records, s.calls, s.read = nil, nil, nil, nil, 0
	s.generation++
}

// Close ends hangs and delays by cutting their connections, closes the sockets,
// wakes the waiters, and returns when no request is under way and no goroutine
// of the server is left. What was recorded stays readable. Later requests get
// "connection refused". Calling it again does nothing.
func (s *Server) Close() {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		close(s.closing)
		sockets := s.sockets
		s.mu.Unlock()
		for _, socket := range sockets {
			socket.close()
		}
		s.active.Wait()
	})
}

// Connections returns how many connections were accepted on the sockets of
// Listen so far: it stays at one while a client keeps its connection alive.
// The in-memory client has none.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Requests returns a copy of every request so far, in order of arrival. One
// whose body is still coming is among them, without what the body says.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	snapshot := make([]record, len(s.records))
	for i, rec := range s.records {
		snapshot[i] = *rec
	}
	s.mu.Unlock()
	requests := make([]Request, len(snapshot))
	for i := range snapshot {
		requests[i] = snapshot[i].request()
	}
	return requests
}

// Calls returns a copy of every call received so far, in the order they were
// received. A call is received when its request is answered 2xx, or when the
// answer says that it was stored all the same (Cut AfterStore, Store). Calls
// the API would discard are among them, with their Verdict, and so is every
// repetition of a call.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	snapshot := s.calls[:len(s.calls):len(s.calls)] // only ever appended to
	s.mu.Unlock()
	calls := make([]Call, len(snapshot))
	for i := range snapshot {
		calls[i] = snapshot[i].call()
	}
	return calls
}

// Delivered returns the calls that the API would pass on: the accepted ones,
// each messageId once, its first. Tracking API: a repeated messageId is dropped
// for at least 24 h. Compare it with Calls to see what was sent twice.
func (s *Server) Delivered() []Call {
	var delivered []Call
	seen := make(map[string]bool)
	for _, c := range s.Calls() {
		if c.Accepted() && !seen[c.MessageID] {
			seen[c.MessageID] = true
			delivered = append(delivered, c)
		}
	}
	return delivered
}

// Events returns the track calls of one event name received so far.
func (s *Server) Events(name string) []Call {
	var events []Call
	for _, c := range s.Calls() {
		if c.Type == "track" && c.Event == name {
			events = append(events, c)
		}
	}
	return events
}

// Client returns an *http.Client that reaches the server through memory,
// whatever host and scheme a URL names: Request.Host tells which one was asked,
// and nothing leaves the process.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: &memory{s}}
}

// notify wakes the waiters. s.mu is held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// begin registers a request under way, false when the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.active.Add(1)
	return true
}

// now is the wall clock without its monotonic part, as a server would log it.
func now() time.Time { return time.Now().Round(0) }
