// The way in through a socket: an http.Handler, and a listener of its own.

package analyticstest

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Handler returns the server as an http.Handler, which it is.
func (s *Server) Handler() http.Handler { return s }

// ServeHTTP answers one request. To cut a connection it hijacks it; where that
// is impossible, as under HTTP/2 or an httptest.ResponseRecorder, it panics
// with http.ErrAbortHandler, net/http's way to say the same.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		cut(w)
		return
	}
	defer s.active.Done()
	out, err := s.serve(r.Context(), r)
	if err != nil {
		cut(w)
		return
	}
	out.write(w)
}

// Listen opens the server on a TCP address too and returns its URL,
// "http://127.0.0.1:port" for "127.0.0.1:0". It may be called more than once,
// and not inside a synctest bubble, where no socket works. Close closes it.
func (s *Server) Listen(addr string) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("analyticstest: %w", err)
	}
	socket := &socket{done: make(chan struct{})}
	socket.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // a cut connection is what the test asked for
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				socket.connections.Add(1)
				s.mu.Lock()
				s.connections++
				s.mu.Unlock()
			case http.StateClosed, http.StateHijacked:
				socket.connections.Done()
			}
		},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = listener.Close()
		return "", ErrClosed
	}
	s.sockets = append(s.sockets, socket)
	go func() {
		defer close(socket.done)
		_ = socket.server.Serve(listener) // always ErrServerClosed
	}()
	return "http://" + listener.Addr().String(), nil
}

// socket is one listener with the goroutines that belong to it.
type socket struct {
	server      *http.Server
	done        chan struct{}  // closed when the accepting goroutine is gone
	connections sync.WaitGroup // one for each connection's goroutine
}

func (s *socket) close() {
	_ = s.server.Close()
	<-s.done // no connection is added from here on
	s.connections.Wait()
}

// cut breaks the connection under w without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing sends a reset, as when a machine behind it dies
	}
	_ = conn.Close()
}

// write sends r, or half of it.
func (r reply) write(w http.ResponseWriter) {
	for key, values := range r.header {
		w.Header()[key] = values
	}
	w.WriteHeader(r.status)
	if !r.half {
		_, _ = w.Write(r.body) // a client that left is no failure of ours
		return
	}
	_, _ = w.Write(r.body[:len(r.body)/2])
	controller := http.NewResponseController(w)
	_ = controller.Flush()
	conn, _, err := controller.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	// Not a reset: that could overtake the half that was sent.
	_ = conn.Close()
}
