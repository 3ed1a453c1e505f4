// Answers: 200, and the errors that get another status.

package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Error is a request that gets an answer other than 200. Neither text holds
// anything the client sent.
type Error struct {
	Status int     // HTTP status to answer with
	Code   Verdict // the API's code for it, BadRequest
	Reason string  // what is wrong, for a person
}

// Error reads "ingest: 400: body is not one JSON object".
func (e *Error) Error() string { return fmt.Sprintf("ingest: %d: %s", e.Status, e.Reason) }

func badRequest(reason string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: BadRequest, Reason: reason}
}

// Status returns what to answer: 200 for nil, the status of an *Error, and 400
// for any other error, which is a body that could not be read.
func Status(err error) int {
	var refused *Error
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &refused):
		return refused.Status
	}
	return http.StatusBadRequest
}

// Reply returns the body that goes with Status(err): {"success":true}, or
// {"success":false,"code":"bad_request","message":"…"}. The documentation shows
// neither; clients look at the status only.
func Reply(err error) []byte {
	if err == nil {
		return []byte(`{"success":true}`)
	}
	reason := "body could not be read"
	var refused *Error
	if errors.As(err, &refused) {
		reason = refused.Reason
	}
	text, _ := json.Marshal(reason) // a string always encodes
	return fmt.Appendf(nil, `{"success":false,"code":"%s","message":%s}`, BadRequest, text)
}

// Answer writes the reply to a request that Receive returned err for.
func Answer(w http.ResponseWriter, err error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	status := Status(err)
	if status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	w.WriteHeader(status)
	_, _ = w.Write(Reply(err)) // a client that left is no failure of ours
}
