// Request bodies: pooled, gzipped, and given back when the last reader has let go.

package analytics

import (
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// compressor is the one gzip writer of a transport. One is enough: compressing
// is CPU, and more at once would only hold more memory.
type compressor struct {
	mu     sync.Mutex
	writer *gzip.Writer
	out    sink
}

// sink lets the gzip writer append to a slice.
type sink struct{ data []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.data = append(s.data, p...)
	return len(p), nil
}

// append appends plain, compressed, to b.
func (c *compressor) append(b, plain []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.data = b
	if c.writer == nil {
		// The level is a constant that exists, and a sink never fails.
		c.writer, _ = gzip.NewWriterLevel(&c.out, gzip.BestSpeed)
	} else {
		c.writer.Reset(&c.out)
	}
	_, _ = c.writer.Write(plain)
	_ = c.writer.Close()
	b, c.out.data = c.out.data, nil
	return b
}

// bodyPool keeps the bodies that nobody reads any more. Its zero value is empty.
type bodyPool struct{ free sync.Pool }

// get returns an empty body, held once.
func (p *bodyPool) get() *body {
	b, ok := p.free.Get().(*body)
	if !ok {
		b = &body{pool: p}
	}
	b.data = b.data[:0]
	b.held = 1
	return b
}

// body is a pooled request body. net/http may read and close a body after Do
// has returned, so the buffer goes back only when the sender and every reader
// have let go of it.
type body struct {
	data []byte
	pool *bodyPool
	mu   sync.Mutex
	held int
}

// release lets go of the body once.
func (b *body) release() {
	b.mu.Lock()
	b.held--
	free := b.held == 0
	b.mu.Unlock()
	if free {
		b.pool.free.Put(b)
	}
}

// reader holds the body until it is closed. The caller holds it too.
func (b *body) reader() *bodyReader {
	b.mu.Lock()
	b.held++
	b.mu.Unlock()
	return &bodyReader{body: b}
}

// bodyReader reads a body from its start until it is closed.
type bodyReader struct {
	mu   sync.Mutex
	body *body // nil once closed
	at   int
}

// Read implements io.Reader.
func (r *bodyReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.body == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	if r.at == len(r.body.data) {
		return 0, io.EOF
	}
	n := copy(p, r.body.data[r.at:])
	r.at += n
	return n, nil
}

// Close implements io.Closer. A second one does nothing.
func (r *bodyReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.body != nil {
		r.body.release()
		r.body = nil
	}
	return nil
}
