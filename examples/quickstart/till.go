// The till: an old machine that reports to the same source without a library.

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// till sends by hand and never looks at the answer, which is 200 whatever it
// sends. The page shows what the collector thinks of it.
type till struct {
	url  string
	rung int
}

// slip is a call as the till writes it.
type slip struct{ call, event, body string }

// slips come one after the other, and none is kept. The client would refuse such
// calls, with an error to whoever makes them.
var slips = []slip{
	{"track", "Receipt Printed", `{"userId":1042,"event":"Receipt Printed"}`}, // a number is no id
	{"track", "", `{"userId":"till-1","properties":{"revenue":18.9}}`},        // the event has no name
	{"track", "Drawer Opened", `{"event":"Drawer Opened"}`},                   // whose?
}

// ring sends the next slip, and returns it. An error means that nobody answered.
func (t *till) ring(ctx context.Context) (slip, error) {
	next := slips[t.rung%len(slips)]
	t.rung++
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // Ctrl-C stops no sale
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+"/v1/"+next.call, strings.NewReader(next.body))
	if err != nil {
		return next, fmt.Errorf("till: %w", err)
	}
	req.SetBasicAuth(writeKey, "")
	req.Close = true // so old that it calls anew each time
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return next, fmt.Errorf("till: %w", err)
	}
	return next, resp.Body.Close()
}
