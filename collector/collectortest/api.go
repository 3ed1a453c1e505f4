// The JSON API of a collector, as a client sees it.

package collectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// api is where a collector is, and how to ask it.
type api struct {
	base     string // without a slash at the end
	password string
	client   *http.Client
	arrivals *bell // rings when calls may have come; nil where only asking tells
}

func newAPI(base, password string, arrivals *bell) *api {
	// A transport of its own, so that Close leaves no connection behind.
	return &api{base, password, &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}, arrivals}
}

// request is one question.
type request struct {
	op     string // in errors, in place of the path: that may hold a write key
	method string
	path   string // from "/api" on, with its query
	body   any    // sent as JSON; nil for none
}

// do asks and decodes the answer into out, unless that is nil. An answer other
// than 2xx is an *Error, and so is one that cannot be decoded.
func (a *api) do(ctx context.Context, r request, out any) error {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return fmt.Errorf("collectortest: %s: %w", r.op, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, a.base+r.path, body)
	if err != nil {
		return fmt.Errorf("collectortest: %s: %w", r.op, withoutURL(err))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.password != "" {
		req.SetBasicAuth("collectortest", a.password)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("collectortest: %s: %w", r.op, withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &Error{Op: r.op, StatusCode: resp.StatusCode, Message: complaint(resp.Body)}
	}
	text, err := io.ReadAll(resp.Body) // to its end, so that the connection can be used again
	switch {
	case err != nil:
		return fmt.Errorf("collectortest: %s: %w", r.op, err)
	case out == nil:
		return nil
	case json.Unmarshal(text, out) != nil:
		return &Error{Op: r.op, StatusCode: resp.StatusCode, Message: "not the answer of a collector"}
	}
	return nil
}

// complaint is what the body of a refusal says: the member "error" of its JSON,
// or its text.
func complaint(body io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(body, 4096)) // what came of it says enough
	var said struct{ Error string }
	if json.Unmarshal(text, &said) == nil && said.Error != "" {
		return said.Error
	}
	return strings.TrimSpace(string(text))
}

// withoutURL takes the URL out of an error of net/http: it may hold a write key.
func withoutURL(err error) error {
	var detailed *url.Error
	if errors.As(err, &detailed) {
		return detailed.Err
	}
	return err
}
