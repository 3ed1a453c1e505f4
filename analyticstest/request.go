// One request as it was recorded.

package analyticstest

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// Request is one HTTP request. It is a copy: nothing done to it changes what
// the server recorded.
type Request struct {
	Method string
	Host   string // the host the client asked for
	Path   string
	Header http.Header

	WriteKey string    // from the Authorization header or the body; empty when there is none
	SentAt   time.Time // of the body; zero when it has none
	At       time.Time // when the request arrived; virtual in a bubble

	// RetryCount is the X-Retry-Count header: 0 when there is none, as on a first
	// attempt, -1 when it is not a number.
	RetryCount int

	Gzip  bool   // the body was compressed
	Wire  int    // length of the body as it came, before inflating
	Body  []byte // the plain body; nil when it was not read, or could not be inflated
	Calls []Call // its messages in order, whether or not they count as received
	// Excess counts messages past the 2500 that the API takes of a batch; they are
	// not among Calls.
	Excess int

	// Verdict is the API's on the whole request: "accepted", "multi_user_error"
	// when some calls are discarded, "empty_batch" and so on; "bad_request" when it
	// is refused, which Refusal then explains.
	Verdict string
	Refusal string

	// Status is what was answered; 0 when nothing was (yet): it hangs, was cut, or
	// the client left.
	Status int
}

// record is a request while and after it is served. Everything below the first
// blank line changes under the server's lock.
type record struct {
	method, host, path string
	header             http.Header
	at                 time.Time

	index, generation int
	content
	status int
	stored bool
}

// content is what came in a request's body.
type content struct {
	wire    int
	body    []byte
	decoded *ingest.Request // nil when refused or not read
	refusal error
}

func newRecord(r *http.Request) *record {
	return &record{method: r.Method, host: r.Host, path: r.URL.Path, header: r.Header.Clone(), at: now()}
}

// readContent reads and decodes the body of r. The error is the connection's
// failure; what the API would refuse is content.refusal.
func readContent(r *http.Request, receivedAt time.Time) (content, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, ingest.MaxWireBytes+1))
	if err != nil {
		return content{wire: len(raw)}, err
	}
	// The rest is read too, as a server must before the connection can serve
	// another request.
	rest, err := io.Copy(io.Discard, io.LimitReader(r.Body, ingest.MaxInflatedBytes))
	c := content{wire: len(raw) + int(rest)}
	if err != nil {
		return c, err
	}
	route, wrongRoute := ingest.Route(r.Method, r.URL.Path)
	c.body, c.refusal = readBody(r.Header, raw)
	if wrongRoute != nil {
		c.refusal = wrongRoute
	}
	if c.refusal == nil {
		c.refusal = ingest.CheckContentType(r.Header)
	}
	if c.refusal == nil {
		c.decoded, c.refusal = ingest.Decode(route, r.Header, c.body, receivedAt)
	}
	return c, nil
}

// readBody undoes the Content-Encoding. ingest forgives a header that is missing
// or odd, for clients it cannot change; a test is to find that in its client.
func readBody(h http.Header, raw []byte) ([]byte, error) {
	encoding := strings.ToLower(strings.Join(h.Values("Content-Encoding"), ","))
	switch encoding {
	case "":
		encoding = "identity" // said, so that it is not guessed
	case "identity", "gzip":
	default:
		return nil, &ingest.Error{
			Status: http.StatusUnsupportedMediaType, Code: ingest.BadRequest, Reason: "Content-Encoding is not gzip",
		}
	}
	return ingest.ReadBody(http.Header{"Content-Encoding": {encoding}}, bytes.NewReader(raw), ingest.MaxInflatedBytes)
}

// request returns the public copy of a snapshot of rec.
func (rec *record) request() Request {
	r := Request{
		Method: rec.method, Host: rec.host, Path: rec.path, Header: rec.header.Clone(), At: rec.at,
		RetryCount: retryCount(rec.header),
		Gzip:       strings.EqualFold(rec.header.Get("Content-Encoding"), "gzip"),
		Wire:       rec.wire,
		Body:       bytes.Clone(rec.body),
		Status:     rec.status,
	}
	if rec.refusal != nil {
		r.Verdict, r.Refusal = string(ingest.BadRequest), rec.refusal.Error()
	}
	if in := rec.decoded; in != nil {
		r.WriteKey, r.SentAt, r.Excess, r.Verdict = in.WriteKey, in.SentAt, in.Excess, string(in.Verdict)
		r.Calls = make([]Call, len(in.Calls))
		for i := range in.Calls {
			r.Calls[i] = stored{in.Calls[i], in.WriteKey, rec.index}.call()
		}
	}
	return r
}

func retryCount(h http.Header) int {
	text := h.Get("X-Retry-Count")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
