// The sink: a process of its own that takes batches on a loopback port and says at the end what arrived.

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
)

// sinkHolds is how many bytes of bodies wait to be taken apart until the run is
// over, so that the sink does as little as it can while others are measured.
const sinkHolds = 256 << 20

// sink answers every request at once and keeps its body.
type sink struct {
	connections atomic.Int64
	wire        atomic.Int64

	mu       sync.Mutex
	tally    *tally
	requests int
	bodies   []sunk
	held     int
	err      error
}

// sunk is a body that arrived.
type sunk struct {
	data   []byte
	zipped bool
}

// serveSink is the process of a sink. It writes its address as one line, serves
// until in ends, and writes its tally as JSON.
func serveSink(in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	s := &sink{tally: newTally()}
	server := http.Server{Handler: s, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(counting{listener, &s.wire}) }()
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	_, _ = io.Copy(io.Discard, in)
	_ = server.Close()
	<-served
	t, err := s.finish()
	if err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	return json.NewEncoder(out).Encode(t)
}

// ServeHTTP takes a batch wherever it is posted to: libraries differ in the path.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data := make([]byte, max(r.ContentLength, 0))
	_, err := io.ReadFull(r.Body, data)
	if r.ContentLength < 0 {
		data, err = io.ReadAll(r.Body)
	}
	s.keep(sunk{data, r.Header.Get("Content-Encoding") == "gzip"}, err)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"success":true}`)
}

func (s *sink) keep(body sunk, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = err
		return
	}
	s.requests++
	s.bodies = append(s.bodies, body)
	if s.held += len(body.data); s.held > sinkHolds {
		s.count()
	}
}

// count takes apart what is held.
func (s *sink) count() {
	for _, b := range s.bodies {
		if err := s.tally.body(b.data, b.zipped); err != nil {
			s.err = err
		}
	}
	s.bodies, s.held = nil, 0
}

func (s *sink) finish() (*tally, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count()
	s.tally.finish()
	s.tally.Requests = s.requests
	s.tally.WireBytes = s.wire.Load()
	s.tally.Connections = int(s.connections.Load())
	return s.tally, s.err
}

// counting counts what is read from the connections of a listener.
type counting struct {
	net.Listener
	bytes *atomic.Int64
}

func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	return countedConn{conn, c.bytes}, err
}

type countedConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// sinkProcess is a running sink as its parent sees it.
type sinkProcess struct {
	endpoint string
	cmd      *exec.Cmd
	in       io.Closer
	out      *bufio.Reader
	errors   *strings.Builder
}

// startSink starts a sink on the processors set apart for it.
func startSink(ctx context.Context, p pins) (*sinkProcess, error) {
	cmd, errors, err := reexec(ctx, p.sink, "sink")
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	s := &sinkProcess{cmd: cmd, in: in, out: bufio.NewReader(out), errors: errors}
	line, err := s.out.ReadString('\n')
	if err != nil {
		_ = s.in.Close()
		_ = cmd.Wait()
		return nil, fmt.Errorf("sink: gave no address: %s", errors)
	}
	s.endpoint = strings.TrimSpace(line)
	return s, nil
}

// stop ends the sink and returns what arrived.
func (s *sinkProcess) stop() (*tally, error) {
	_ = s.in.Close()
	t := new(tally)
	bad := json.NewDecoder(s.out).Decode(t)
	if err := s.cmd.Wait(); err != nil {
		return nil, fmt.Errorf("sink: %w: %s", err, s.errors)
	}
	return t, bad
}
