// The way in through memory: an http.RoundTripper.

package analyticstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
)

// memory carries requests to the server on the caller's goroutine, and follows
// the contract of http.RoundTripper as http.Transport does: the body is read
// and closed on every path, the context ends a request at any point, and what
// the client must not see changed is not changed.
type memory struct{ s *Server }

func (m *memory) RoundTrip(req *http.Request) (*http.Response, error) {
	body := newSendBody(req)
	defer body.Close()
	if req.URL == nil || req.URL.Host == "" {
		return nil, errors.New("analyticstest: request without a host")
	}
	if scheme := req.URL.Scheme; scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("analyticstest: unsupported protocol scheme %q", scheme)
	}
	ctx := req.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	// A body that waits for its writer is woken by being closed.
	stop := context.AfterFunc(ctx, func() { body.Close() })
	defer stop()
	if !m.s.begin() {
		return nil, netError("dial", syscall.ECONNREFUSED)
	}
	defer m.s.active.Done()

	out, err := m.s.serve(ctx, arriving(req, body))
	switch {
	case err == nil:
		return out.response(req), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, errCut), errors.Is(err, errLeft):
		return nil, netError("read", syscall.ECONNRESET)
	}
	return nil, err
}

// CloseIdleConnections makes http.Client.CloseIdleConnections do nothing, well.
func (m *memory) CloseIdleConnections() {}

// arriving returns req as a server would see it.
func arriving(req *http.Request, body io.ReadCloser) *http.Request {
	in := &http.Request{
		Method: req.Method, URL: req.URL, Host: req.Host, Header: req.Header.Clone(),
		Body: body, ContentLength: req.ContentLength,
	}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Header == nil {
		in.Header = http.Header{}
	}
	if _, ok := in.Header["User-Agent"]; !ok {
		in.Header.Set("User-Agent", "Go-http-client/1.1")
	}
	return in
}

// netError is the error a failing socket gives.
func netError(op string, errno syscall.Errno) error {
	call := map[string]string{"dial": "connect", "read": "read"}[op]
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(call, errno)}
}

// sendBody is a client's request body on its way: closed once, whoever does
// it, and held to the Content-Length it was announced with.
type sendBody struct {
	body     io.ReadCloser
	close    sync.Once
	closed   error
	declared int64 // -1 when unknown
	count    int64
}

func newSendBody(req *http.Request) *sendBody {
	b := &sendBody{body: req.Body, declared: req.ContentLength}
	if b.body == nil {
		b.body = http.NoBody
	}
	if b.declared == 0 && b.body != http.NoBody { // net/http: zero with a body means unknown
		b.declared = -1
	}
	return b
}

func (b *sendBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.count += int64(n)
	if b.declared >= 0 && (b.count > b.declared || err == io.EOF && b.count < b.declared) {
		return n, fmt.Errorf("analyticstest: ContentLength is %d, the body is not", b.declared)
	}
	return n, err
}

func (b *sendBody) Close() error {
	b.close.Do(func() { b.closed = b.body.Close() })
	return b.closed
}

// response makes the http.Response of r, as a client gets it.
func (r reply) response(req *http.Request) *http.Response {
	body := &answerBody{ctx: req.Context(), rest: bytes.NewReader(r.body)}
	if r.half {
		body.rest, body.cut = bytes.NewReader(r.body[:len(r.body)/2]), len(r.body) > 0
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		StatusCode: r.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.header, Body: body, ContentLength: int64(len(r.body)), Request: req,
	}
}

// answerBody is an answer's body: it ends with its request's context, and early
// when the connection is cut.
type answerBody struct {
	ctx  context.Context
	rest *bytes.Reader
	cut  bool

	mu     sync.Mutex // Close may come from another goroutine than Read
	closed bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	n, err := b.rest.Read(p)
	if err == io.EOF && b.cut {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
