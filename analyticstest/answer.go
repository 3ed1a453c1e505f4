// Answers: what a request is told, when, and how the connection fares.

package analyticstest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// Answer is what becomes of one request. The zero value is the API's own
// answer. Its fields combine: a Delay comes before everything but Store and
// AfterStore.
type Answer struct {
	// Status is the HTTP status. Zero is the one the API would give: 200, or 400
	// for a body too large or not JSON, 404 for an unknown path.
	Status int

	// RetryAfter is sent as it stands in the Retry-After header: seconds, an HTTP
	// date, or something malformed. Empty sends none.
	RetryAfter string

	// Header is set on the answer, over what the server would send itself.
	Header http.Header

	// Body is the answer's body. Empty is the API's: {"success":true} under 2xx.
	Body string

	// Delay holds the answer back, no longer than the request's context lasts.
	Delay time.Duration

	// Hang never answers: the request ends with its context, or with Close.
	Hang bool

	// Store receives the calls on arrival, whatever the client is told later. With
	// a Delay, a Hang or a 500 it is a server that did its work and failed to say so.
	Store bool

	// Cut breaks the connection. Zero does not.
	Cut Cut
}

// Cut is the moment at which a connection breaks.
type Cut int

// Over a real socket BeforeRead and AfterStore reset the connection, and
// MidAnswer closes it. In memory the same errors come from RoundTrip and from
// the answer's body: ECONNRESET and io.ErrUnexpectedEOF.
const (
	NoCut      Cut = iota
	BeforeRead     // the request's body is not read, nothing is received
	AfterStore     // the calls are received, no answer comes back
	MidAnswer      // status and headers come back and half of the body
)

// Status answers with a status.
func Status(code int) Answer { return Answer{Status: code} }

// RetryAfter answers with a status and a Retry-After of d in whole seconds,
// rounded up. Under 429 X-RateLimit-Reset says the same, as from the API.
func RetryAfter(code int, d time.Duration) Answer {
	seconds := fmt.Sprint(int64((d + time.Second - 1) / time.Second))
	a := Answer{Status: code, RetryAfter: seconds}
	if code == http.StatusTooManyRequests {
		a.Header = http.Header{"X-Ratelimit-Reset": {seconds}}
	}
	return a
}

// Delay answers as the API does, after d.
func Delay(d time.Duration) Answer { return Answer{Delay: d} }

// Hang never answers; the calls are not received.
func Hang() Answer { return Answer{Hang: true} }

// CutBefore breaks the connection before the request is read.
func CutBefore() Answer { return Answer{Cut: BeforeRead} }

// CutAfter breaks the connection once the calls are received: the client
// cannot know that they were.
func CutAfter() Answer { return Answer{Cut: AfterStore} }

// CutAnswer breaks the connection in the middle of the body of an answer with
// the given status.
func CutAnswer(code int) Answer { return Answer{Status: code, Cut: MidAnswer} }

// Repeat returns a script of n times a.
func Repeat(n int, a Answer) []Answer {
	script := make([]Answer, n)
	for i := range script {
		script[i] = a
	}
	return script
}

// reply is an answer as it goes out: every field that could be left open is filled.
type reply struct {
	status int
	header http.Header
	body   []byte
	half   bool // break the connection in the middle of body
}

// reply fills a with what the API says to the request: refusal's status and
// body, or 200.
func (a Answer) reply(refusal error) reply {
	r := reply{status: a.statusFor(refusal), header: http.Header{}, half: a.Cut == MidAnswer}
	r.header.Set("Content-Type", "application/json")
	if a.RetryAfter != "" {
		r.header.Set("Retry-After", a.RetryAfter)
	}
	for key, values := range a.Header {
		r.header[http.CanonicalHeaderKey(key)] = append([]string(nil), values...)
	}
	if r.body = []byte(a.Body); a.Body == "" {
		r.body = defaultBody(r.status, a.Status == 0, refusal)
	}
	if r.status == http.StatusNoContent || r.status == http.StatusNotModified {
		r.body = nil // HTTP forbids one
	}
	r.header.Set("Content-Length", fmt.Sprint(len(r.body)))
	return r
}

// statusFor returns the status of a, or the API's own when it leaves it open.
func (a Answer) statusFor(refusal error) int {
	if a.Status != 0 {
		return a.Status
	}
	return ingest.Status(refusal)
}

// defaultBody is what the API sends with a status when the answer has no body.
func defaultBody(status int, own bool, refusal error) []byte {
	switch {
	case own:
		return ingest.Reply(refusal)
	case status >= 200 && status < 300:
		return ingest.Reply(nil)
	}
	return []byte(`{"success":false}`)
}
