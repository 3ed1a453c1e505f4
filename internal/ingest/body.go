// A request body made plain: Content-Encoding undone, under bounds.

package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// How much of one request is read, whatever it claims to be. Both are above the
// API's own limits, and counted while reading: a compression ratio proves
// nothing and a Content-Length may lie.
const (
	MaxWireBytes     = 512 * 1024      // as it arrives
	MaxInflatedBytes = 4 * 1024 * 1024 // once inflated; the most that a caller of ReadBody should allow
)

const (
	announcedBytes = 64 * 1024   // the most that a Content-Length reserves
	keptBytes      = 1024 * 1024 // the largest buffer that goes back to the pool
)

// ReadBody reads body to its end and inflates it when it is gzip: h says so, or
// h has no Content-Encoding and the body begins as gzip does. It reads at most
// MaxWireBytes and returns at most limit bytes, which belong to the caller; it
// closes nothing. Several gzip members are one body, as RFC 1952 has it. An
// empty plain body is no error here.
//
// The error is an *Error: 415 for a Content-Encoding other than gzip and
// identity, or gzip twice; 400 for a body too large, or gzip that is empty, cut
// short, corrupt or followed by something else. The Tracking API never answers
// 413. An error of body itself is wrapped.
func ReadBody(h http.Header, body io.Reader, limit int) ([]byte, error) {
	encoded, err := gzipped(h)
	if err != nil {
		return nil, err
	}
	d := decoders.Get().(*decoder)
	defer d.release()
	wire := &bounded{r: body, left: MaxWireBytes, limit: MaxWireBytes}
	d.wire.Reset(wire)
	if encoded == unsaid {
		if begin, _ := d.wire.Peek(2); string(begin) == "\x1f\x8b" {
			encoded = yes
		}
	}
	plain := io.Reader(&d.wire)
	if encoded == yes {
		plain, err = &d.gzip, d.gzip.Reset(&d.wire)
	} else {
		d.plain.Grow(expected(h))
	}
	if err == nil {
		_, err = d.plain.ReadFrom(&bounded{r: plain, left: limit, limit: limit})
	}
	if err != nil {
		return nil, readError(err, wire.err)
	}
	return bytes.Clone(d.plain.Bytes()), nil
}

// decoder is what it takes to read one body. Its buffer grows to the size of the
// bodies it meets; what is returned is a copy of the right size. The standard
// library inflates here, because the client deflates with another one: a fault
// in either shows.
type decoder struct {
	wire  bufio.Reader
	gzip  gzip.Reader
	plain bytes.Buffer
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) release() {
	if d.plain.Cap() > keptBytes {
		return
	}
	d.wire.Reset(nil) // so that the pool keeps no connection
	d.plain.Reset()
	decoders.Put(d)
}

// readError turns err, met while wire had failed with lost or not at all, into
// the one to return.
func readError(err, lost error) error {
	var refused *Error
	switch {
	case errors.As(lost, &refused), errors.As(err, &refused):
		return refused
	case lost != nil:
		return fmt.Errorf("ingest: read body: %w", lost)
	}
	return badRequest("body is not gzip")
}

// answer is what a header says to a question.
type answer int

const (
	unsaid answer = iota
	yes
	no
)

// gzipped tells what the Content-Encoding says. "x-gzip" is an alias (RFC 9110),
// "identity" in a list does nothing.
func gzipped(h http.Header) (answer, error) {
	said := unsaid
	for _, line := range h.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			switch coding = strings.ToLower(strings.TrimSpace(coding)); {
			case coding == "":
			case coding == "identity" && said != yes:
				said = no
			case coding == "identity":
			case said != yes && (coding == "gzip" || coding == "x-gzip"):
				said = yes
			default:
				return no, &Error{Status: http.StatusUnsupportedMediaType, Code: BadRequest, Reason: "Content-Encoding is not gzip"}
			}
		}
	}
	return said, nil
}

// expected returns how many bytes to make room for. What is only announced gets
// little, so that many slow connections hold little.
func expected(h http.Header) int {
	n, err := strconv.Atoi(h.Get("Content-Length"))
	if err != nil || n < 0 {
		return 0
	}
	return min(n, announcedBytes) + bytes.MinRead // a Buffer wants room left to see the end
}

func tooLarge(limit int) *Error { return badRequest(fmt.Sprintf("body exceeds %d bytes", limit)) }

// bounded reads from r and fails when there is more than limit bytes in it.
type bounded struct {
	r           io.Reader
	left, limit int
	err         error // the first other than io.EOF; it stays
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	// One byte past the limit is asked for: only its arrival tells "exactly the
	// limit" from "too much".
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if n > b.left {
		n, err = b.left, tooLarge(b.limit)
	}
	b.left -= n
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
