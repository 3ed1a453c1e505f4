// The receiving side of the Tracking API: one HTTP request in, calls with verdicts out.

// Package ingest reads requests the way Segment's HTTP Tracking API does. It
// keeps nothing: what becomes of the calls is its caller's business.
//
//   - [Route] tells which call a method and path stand for.
//   - [ReadBody] undoes the Content-Encoding under two bounds, so that a small
//     body cannot grow into a large one.
//   - [Decode] finds the write key, takes a batch apart, lays what the batch
//     says for all its messages under each of them, and gives every call a
//     [Verdict]: accepted, or the API's code for why it is discarded.
//   - [Answer] writes the reply. A discarded call is no error: the API answers
//     200 to everything but a body that is too large or not JSON.
//   - [Receive] is the first three in a row.
//
// All functions are safe for concurrent use and none starts a goroutine.
package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
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

// Receive reads and decodes r. It does not close r.Body. The errors are those
// of Route, ReadBody and Decode.
func Receive(r *http.Request, receivedAt time.Time) (*Request, error) {
	route, err := Route(r.Method, r.URL.Path)
	if err != nil {
		return nil, err
	}
	body, err := ReadBody(r.Header, r.Body)
	if err != nil {
		return nil, err
	}
	return Decode(route, r.Header, body, receivedAt)
}

// Decode takes apart the plain body of a request on route, one that Route
// returned. Every call gets receivedAt, which the API stamps once per request.
// The result shares no memory with body.
//
// Without a write key the calls are decoded and discarded as UnknownSource,
// under status 200: the API does not tell a client that its key is wrong.
//
// The error is an *Error with status 400, when the Content-Type is not JSON,
// the body is not one JSON object, "batch" is not an array, or a size passes
// its limit.
func Decode(route string, h http.Header, body []byte, receivedAt time.Time) (*Request, error) {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type")) // an odd charset parameter is no reason to refuse
	if media != "application/json" {
		return nil, badRequest("Content-Type is not application/json")
	}
	limit := MaxSingleBytes
	if route == Batch {
		limit = MaxBatchBytes
	}
	if len(body) > limit {
		return nil, badRequest(fmt.Sprintf("body exceeds %d bytes", limit))
	}
	// A struct would match its keys without regard to case; the API does not.
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil || top == nil {
		return nil, badRequest("body is not one JSON object")
	}
	req := &Request{Route: route, WriteKey: writeKey(h, top["writeKey"]), SentAt: timeOf(top["sentAt"])}
	if route == Batch {
		if err := req.decodeBatch(top, receivedAt); err != nil {
			return nil, err
		}
	} else {
		req.Calls = []Call{decodeCall(route, bytes.Clone(body), &shared{}, receivedAt)}
	}
	if req.WriteKey == "" {
		for i := range req.Calls {
			req.Calls[i].Verdict, req.Calls[i].Reason = UnknownSource, "the request carries no write key"
		}
	}
	req.Verdict = req.sum()
	return req, nil
}

// decodeBatch fills Calls and Excess from {"batch": […], "context": …,
// "integrations": …, "sentAt": …}.
func (r *Request) decodeBatch(top map[string]json.RawMessage, receivedAt time.Time) error {
	// An event carries what it inherits, so the event's limit bounds that too;
	// unbounded it would multiply by the number of messages.
	all := &shared{context: top["context"], integrations: top["integrations"], sentAt: top["sentAt"]}
	if len(all.context)+len(all.integrations) > MaxEventBytes {
		return badRequest(fmt.Sprintf("context and integrations of the batch exceed %d bytes", MaxEventBytes))
	}
	all.decoded = object(all.context)
	var items []json.RawMessage
	if batch, ok := top[Batch]; ok {
		if err := json.Unmarshal(batch, &items); err != nil {
			return badRequest("batch is not an array")
		}
	}
	for i, item := range items {
		if len(item) > MaxEventBytes {
			return badRequest(fmt.Sprintf("message %d exceeds %d bytes", i, MaxEventBytes))
		}
	}
	if len(items) > MaxEvents {
		r.Excess = len(items) - MaxEvents
		items = items[:MaxEvents]
	}
	r.Calls = make([]Call, len(items))
	for i, item := range items {
		r.Calls[i] = decodeCall("", item, all, receivedAt)
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
