// The receiving side of the Tracking API: one HTTP request in, calls with verdicts out.

// Package ingest reads requests the way Segment's HTTP Tracking API does. It
// keeps nothing: what becomes of the calls is its caller's business.
//
//   - [Route] tells which call a method and path stand for.
//   - [ReadBody] undoes the Content-Encoding under two bounds, so that a small
//     body cannot grow into a large one.
//   - [Decode] finds the write key, takes a batch apart and gives every call a
//     [Verdict]: accepted, or the API's code for why it is discarded. It reads one
//     level of each message and copies none: a receiver under load pays for no map.
//   - [DecodePixel] does the same with the query of a pixel.
//   - [Call.Message] builds the message with what its batch says for all, when
//     someone wants to see it.
//   - [Answer] writes the reply. A discarded call is no error: the API answers
//     200 to everything but a body that is too large or not JSON.
//   - [Receive] is Route, ReadBody, [CheckContentType] and Decode in a row.
//
// All functions are safe for concurrent use and none starts a goroutine.
package ingest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// What one request may hold. The documentation gives KB without saying which;
// a receiver takes the larger reading, so that it never refuses what the API
// would have taken.
const (
	MaxSingleBytes = 32 * 1024  // body of a single call. Tracking API: "Max request size", 32 KB
	MaxBatchBytes  = 500 * 1024 // body of a batch. Tracking API: "Max request size", 500 KB
	MaxEventBytes  = 32 * 1024  // one message of a batch. Tracking API: "Max request size", 32 KB
	MaxEvents      = 2500       // messages of a batch. Tracking API: "Errors"
	MaxIDChars     = 100        // a messageId. Tracking API: common fields
	MaxDepth       = 100        // objects and arrays around each other, the body's own included; the API documents none
)

// Batch is the route of a request that carries several messages. The other
// routes are the names of the calls.
const Batch = "batch"

// calls holds the six call names; each is also the last element of its path.
var calls = map[string]bool{
	"identify": true, "track": true, "page": true, "screen": true, "group": true, "alias": true,
}

// Request is one decoded request.
type Request struct {
	Route    string    // Batch, or the name of the one call
	WriteKey string    // from the Authorization header, else from the body; empty when there is none
	SentAt   time.Time // when the client says it sent the request; zero when it does not say

	// Calls are the messages in the order they were sent, at most MaxEvents.
	Calls []Call

	// Excess counts the messages past MaxEvents. The API answers 200 and rejects
	// them; they are not decoded, so that a body of commas costs no memory.
	Excess int

	// Verdict sums up the calls: Accepted when all are, MultiUserError when some
	// are, EmptyBatchResult when none is, EmptyBatch when there were none. For a
	// single call it is that call's verdict.
	Verdict Verdict
}

// Route returns the route of POST /v1/{identify,track,page,screen,group,alias,batch}.
// Paths are compared exactly: a doubled or trailing slash is a client's mistake
// that the API does not repair. The error is an *Error with status 404, or 405
// for a known path with another method.
func Route(method, path string) (string, error) {
	name, ok := strings.CutPrefix(path, "/v1/")
	if !ok || name != Batch && !calls[name] {
		return "", &Error{Status: http.StatusNotFound, Code: BadRequest, Reason: "no such path"}
	}
	if method != http.MethodPost {
		return "", &Error{Status: http.StatusMethodNotAllowed, Code: BadRequest, Reason: "only POST is allowed here"}
	}
	return name, nil
}

// Receive reads and decodes r, as strictly as the API's documentation asks. It
// does not close r.Body. The errors are those of Route, ReadBody,
// CheckContentType and Decode.
func Receive(r *http.Request, receivedAt time.Time) (*Request, error) {
	route, err := Route(r.Method, r.URL.Path)
	if err != nil {
		return nil, err
	}
	body, err := ReadBody(r.Header, r.Body, MaxInflatedBytes)
	if err != nil {
		return nil, err
	}
	if err := CheckContentType(r.Header); err != nil {
		return nil, err
	}
	return Decode(route, r.Header, body, receivedAt)
}

// CheckContentType returns an *Error with status 400 unless h says that the body
// is JSON, in whatever charset. A receiver that is to serve browsers and older
// clients does not call it: they send JSON as text/plain or as a form.
func CheckContentType(h http.Header) error {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type")) // an odd charset parameter is no reason to refuse
	if media != "application/json" {
		return badRequest("Content-Type is not application/json")
	}
	return nil
}

// Decode takes apart the plain body of a request on route: Batch or the name of a
// call. Of h it reads the Authorization only. Every call gets receivedAt, which
// the API stamps once per request. The Raw and Envelope of the calls are parts of
// body, which from now on nobody may change; all else is copied.
//
// Without a write key the calls are decoded and discarded as UnknownSource,
// under status 200: the API does not tell a client that its key is wrong.
//
// The error is an *Error with status 400, when the body is not one JSON object,
// "batch" is not an array, or a size or MaxDepth is passed.
func Decode(route string, h http.Header, body []byte, receivedAt time.Time) (*Request, error) {
	limit := MaxSingleBytes
	if route == Batch {
		limit = MaxBatchBytes
	}
	if len(body) > limit {
		return nil, tooLarge(limit)
	}
	if deeperThan(MaxDepth, body) {
		return nil, badRequest(tooDeep)
	}
	// All that follows trusts this check.
	if !json.Valid(body) || !isObject(body[skipSpace(body, 0):]) {
		return nil, badRequest("body is not one JSON object")
	}
	top := readTop(body)
	req := &Request{Route: route, WriteKey: writeKey(h, top.writeKey, top.snakeKey), SentAt: timeOf(top.sentAt)}
	if route == Batch {
		if err := req.decodeBatch(&top, receivedAt); err != nil {
			return nil, err
		}
	} else {
		req.Calls = []Call{decodeCall(route, slices.Clip(body), &envelope{}, receivedAt)}
	}
	if req.WriteKey == "" {
		for i := range req.Calls {
			req.Calls[i].Verdict, req.Calls[i].Reason = UnknownSource, noWriteKey
		}
	}
	req.Verdict = req.sum()
	return req, nil
}

// Reasons that more than one place gives.
const (
	noWriteKey = "the request carries no write key"
	tooDeep    = "more than 100 objects and arrays are nested"
)

// top holds the members of a request's body that are not of one message.
type top struct {
	writeKey, snakeKey, sentAt   []byte
	batch, context, integrations []byte
}

func readTop(body []byte) top {
	var t top
	for key, value := range members(body) {
		switch string(key) {
		case "writeKey":
			t.writeKey = value
		case "write_key":
			t.snakeKey = value
		case "sentAt":
			t.sentAt = value
		case Batch:
			t.batch = value
		case "context":
			t.context = value
		case "integrations":
			t.integrations = value
		}
	}
	return t
}

// decodeBatch fills Calls and Excess from {"batch": […], "context": …,
// "integrations": …, "sentAt": …}.
func (r *Request) decodeBatch(t *top, receivedAt time.Time) error {
	// An event carries what it inherits, so the event's limit bounds that too;
	// unbounded it would multiply by the number of messages.
	if len(t.context)+len(t.integrations) > MaxEventBytes {
		return badRequest(fmt.Sprintf("context and integrations of the batch exceed %d bytes", MaxEventBytes))
	}
	if !absent(t.batch) && t.batch[0] != '[' {
		return badRequest("batch is not an array")
	}
	from := &envelope{
		Envelope: &Envelope{Context: t.context, Integrations: t.integrations, SentAt: t.sentAt},
		context:  readContext(t.context),
		sentAt:   r.SentAt,
	}
	var items []json.RawMessage
	n := 0
	for item := range elements(t.batch) {
		if len(item) > MaxEventBytes {
			return badRequest(fmt.Sprintf("message %d exceeds %d bytes", n, MaxEventBytes))
		}
		if n++; n <= MaxEvents {
			items = append(items, item)
		}
	}
	r.Excess = n - len(items)
	r.Calls = make([]Call, len(items))
	for i, item := range items {
		r.Calls[i] = decodeCall("", item, from, receivedAt)
	}
	return nil
}

// sum returns the verdict on the whole request.
func (r *Request) sum() Verdict {
	if r.Route != Batch {
		return r.Calls[0].Verdict
	}
	good := 0
	for i := range r.Calls {
		if r.Calls[i].Verdict == Accepted {
			good++
		}
	}
	switch {
	case len(r.Calls) == 0:
		return EmptyBatch
	case good == 0:
		return EmptyBatchResult
	case good < len(r.Calls)+r.Excess:
		return MultiUserError
	}
	return Accepted
}
