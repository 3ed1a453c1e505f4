// A request body made plain: Content-Encoding undone, under bounds.

package ingest

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// How much of one request is read, whatever it claims to be. Both are above the
// API's own limits, and counted while reading: a compression ratio proves
// nothing and a Content-Length may lie.
const (
	MaxWireBytes     = 512 * 1024      // as it arrives
	MaxInflatedBytes = 4 * 1024 * 1024 // once inflated
)

// ReadBody reads body to its end, or to a limit, and inflates it when h says
// gzip. It holds at most MaxInflatedBytes and closes nothing. The standard
// library inflates here, because the client deflates with another one: a fault
// in either shows.
//
// The error is an *Error: 415 for a Content-Encoding other than gzip and
// identity, 400 for a body too large or not gzip. The Tracking API never
// answers 413. An error of body itself is wrapped.
func ReadBody(h http.Header, body io.Reader) ([]byte, error) {
	wire := io.Reader(&bounded{r: body, left: MaxWireBytes, limit: MaxWireBytes})
	switch encoding := strings.Join(h.Values("Content-Encoding"), ","); strings.ToLower(encoding) {
	case "", "identity":
		plain, err := io.ReadAll(wire)
		if err != nil {
			return nil, readError(err)
		}
		return plain, nil
	case "gzip":
		unzip, err := gzip.NewReader(wire)
		if err != nil {
			return nil, readError(err)
		}
		plain, err := io.ReadAll(&bounded{r: unzip, left: MaxInflatedBytes, limit: MaxInflatedBytes})
		if err != nil {
			return nil, readError(err)
		}
		return plain, nil
	default:
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Code: BadRequest, Reason: "Content-Encoding is not gzip"}
	}
}

// readError tells a body that is bad from a connection that failed.
func readError(err error) error {
	var refused *Error
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.EOF):
		return badRequest("body is not gzip")
	}
	return fmt.Errorf("ingest: read body: %w", err)
}

// bounded reads from r and fails when there is more than limit bytes in it.
type bounded struct {
	r           io.Reader
	left, limit int
}

func (b *bounded) Read(p []byte) (int, error) {
	// One byte past the limit is asked for: only its arrival tells "exactly the
	// limit" from "too much".
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if n > b.left {
		return b.left, badRequest(fmt.Sprintf("body exceeds %d bytes", b.limit))
	}
	b.left -= n
	return n, err
}
