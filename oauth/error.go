// Error: an answer of the auth server that is no token, worded for whoever has to mend it.

package oauth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/headwater-dev/analytics"
)

// Error is an answer of the auth server that brought no token. Token returns
// it, and the Err of a Receipt wraps it.
//
// It wraps the *analytics.ResponseError by which a client judges it: status 401
// for a refusal, which is not retried and costs the calls of its batch alone;
// status 429 for a failure that asks for a pause. Any other failure wraps
// nothing and is retried with backoff.
type Error struct {
	StatusCode  int           // of the auth server
	Code        string        // its "error", like "invalid_client"; empty when it is none of OAuth's form
	Description string        // its "error_description"; empty when it could hold a secret
	RetryAfter  time.Duration // what it asked for; 0 when it asked for nothing

	server string
	target string // where a 3xx points
	date   time.Time
}

func newError(server *url.URL, resp *http.Response, body []byte) *Error {
	e := &Error{StatusCode: resp.StatusCode, server: server.Host}
	e.date, _ = http.ParseTime(resp.Header.Get("Date")) // zero when there is none
	if e.transient() {
		e.RetryAfter = retryAfter(resp.Header, e.date)
	}
	if resp.StatusCode >= 300 && resp.StatusCode <= 399 {
		if target, err := resp.Location(); err == nil {
			e.target = cmp.Or(plainText(target.Scheme+"://"+target.Host), "elsewhere")
		}
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if len(body) <= maxAnswer && json.Unmarshal(body, &answer) == nil {
		e.Code, e.Description = plainCode(answer.Error), plainText(answer.Description)
	}
	return e
}

// Error reads "oauth: oauth2.segment.io answered 401 invalid_client: check that …".
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "oauth: %s answered %d", e.server, e.StatusCode)
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Description != "" {
		fmt.Fprintf(&b, " (%s)", e.Description)
	}
	if hint := e.hint(); hint != "" {
		b.WriteString(": " + hint)
	}
	return b.String()
}

// hint says what to look at.
func (e *Error) hint() string {
	switch {
	case e.transient():
		return ""
	case e.target != "":
		return "it redirects to " + e.target + ": set AuthServer to where the auth server is"
	case e.Code == "invalid_scope":
		return "check Scope, and that the app has been given it"
	case e.StatusCode == 404 || e.StatusCode == 405:
		return "check AuthServer"
	}
	return "check that ClientID, KeyID and PrivateKey belong together, that the app is registered for this key, " +
		"that AuthServer is that of the app's region, and the clock of this machine"
}

// Unwrap returns the *analytics.ResponseError by which a client judges e, nil
// when there is none.
func (e *Error) Unwrap() error {
	switch {
	case !e.transient():
		return &analytics.ResponseError{StatusCode: http.StatusUnauthorized}
	case e.RetryAfter > 0:
		return &analytics.ResponseError{StatusCode: http.StatusTooManyRequests, RetryAfter: e.RetryAfter}
	}
	return nil
}

// transient tells a failure for now from a refusal.
func (e *Error) transient() bool {
	return e.StatusCode == http.StatusTooManyRequests || e.StatusCode == http.StatusRequestTimeout || e.StatusCode >= 500
}

// aboutClock tells whether another clock could make the auth server accept.
func (e *Error) aboutClock() bool {
	return !e.date.IsZero() && (e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusUnauthorized)
}

// maxRetryAfter is what a client waits at most, whatever an answer says.
const maxRetryAfter = 300 * time.Second

// retryAfter reads Retry-After, as seconds or as a date against the answer's own
// Date, and else X-RateLimit-Reset, which the API means as seconds too.
func retryAfter(h http.Header, date time.Time) time.Duration {
	for _, name := range []string{"Retry-After", "X-Ratelimit-Reset"} {
		value := strings.TrimSpace(h.Get(name))
		if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
			return min(time.Duration(seconds)*time.Second, maxRetryAfter)
		}
		if at, err := http.ParseTime(value); err == nil && !date.IsZero() && at.After(date) {
			return min(at.Sub(date), maxRetryAfter)
		}
	}
	return 0
}

// plainCode lets an error code of OAuth's form pass: no assertion and no token
// is all lower case.
func plainCode(code string) string {
	if len(code) > 40 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return code
}

// plainText lets a sentence pass: short, printable, and without a word long
// enough to be a piece of an assertion.
func plainText(text string) string {
	if len(text) > 200 {
		return ""
	}
	for _, r := range text {
		if r < ' ' || r > '~' {
			return ""
		}
	}
	for word := range strings.FieldsSeq(text) {
		if len(word) > 40 {
			return ""
		}
	}
	return text
}
