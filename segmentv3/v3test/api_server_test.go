// A Tracking API that remembers what arrived: the write key of a request names the scenario, and says how to answer.
package v3test_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answers are the statuses that a scenario meets, the last of them for ever; 200 where there are none.
var answers = map[string][]int{
	"retried": {500, 500, 200},
	"refused": {400},
	"prefix":  {204},
}

// request is what arrived.
type request struct {
	key    string
	method string
	path   string
	header http.Header
	body   []byte
}

type api struct {
	*httptest.Server

	mu       sync.Mutex
	requests []request
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusTeapot) // no scenario expects it
		return
	}
	key, password, _ := r.BasicAuth()
	if password != "" {
		key += ":" + password
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	status := http.StatusOK
	if list := answers[key]; len(list) > 0 {
		before := 0
		for _, old := range a.requests {
			if old.key == key {
				before++
			}
		}
		status = list[min(before, len(list)-1)]
	}
	a.requests = append(a.requests, request{key, r.Method, r.URL.RequestURI(), r.Header, body})
	w.WriteHeader(status)
}

// report enters everything that arrived.
func (a *api) report(t *testing.T, o *observations) {
	t.Helper()
	sizes := make(map[string][]int)
	for _, r := range a.requests {
		sizes[r.key] = append(sizes[r.key], a.message(t, o, r))
	}
	for key, list := range sizes {
		if ofLimits(key) {
			continue
		}
		slices.Sort(list) // requests may overtake each other
		o.enter("sent "+key+" batches of", fmt.Sprint(list))
	}
}

// message enters one request and its messages, and returns how many these are.
func (a *api) message(t *testing.T, o *observations, r request) int {
	t.Helper()
	agent, _, _ := strings.Cut(r.header.Get("User-Agent"), "/")
	what := "request"
	if r.path != "/v1/batch" {
		what += " " + r.key
	}
	o.enter(what, r.method+" "+r.path+" "+r.header.Get("Content-Type"))
	o.enter("request encoding", r.header.Get("Content-Encoding"))
	o.enter("request agent", agent)
	if own := r.header.Get("X-Program"); own != "" {
		o.enter("request "+r.key+" header of the program's", own)
	}
	body := io.Reader(bytes.NewReader(r.body))
	if r.header.Get("Content-Encoding") == "gzip" {
		var err error
		body, err = gzip.NewReader(body)
		require.NoError(t, err)
	}
	var envelope map[string]any
	dec := json.NewDecoder(body)
	dec.UseNumber()
	require.NoError(t, dec.Decode(&envelope))
	o.enter("request members", fmt.Sprint(slices.Sorted(maps.Keys(envelope))))
	shared, _ := envelope["context"].(map[string]any)
	list := envelope["batch"].([]any)
	for _, m := range list {
		o.message(r.key, m.(map[string]any), shared)
	}
	return len(list)
}

// message enters what a message says once what is said for the whole batch is merged under it. The library differs by
// nature and is entered once.
func (o *observations) message(key string, m, shared map[string]any) {
	if ofLimits(key) {
		o.enter(fmt.Sprintf("arrived %s", key), fmt.Sprint(m["type"]))
		return
	}
	own, _ := m["context"].(map[string]any)
	merged := under(own, shared)
	library, _ := merged["library"].(map[string]any)
	o.enter("library", fmt.Sprint(library["name"]))
	delete(merged, "library")
	m["context"] = merged
	name := fmt.Sprintf("arrived %s %v", key, m["messageId"])
	if key == "generated" {
		name = fmt.Sprintf("arrived %s %v", key, m["type"])
		m["messageId"] = m["messageId"] != ""
	}
	m["timestamp"] = o.instant(m["timestamp"])
	leaves(o, name, m)
}

// ofLimits tells keys of scenarios of which it is enough to know that something came.
func ofLimits(key string) bool { return key == "" || strings.HasPrefix(key, "limits") }

// instant returns a timestamp of the program's as an instant, and enters how that was written.
func (o *observations) instant(v any) string {
	text := fmt.Sprint(v)
	at, err := time.Parse(time.RFC3339Nano, text)
	switch {
	case err != nil:
		return err.Error()
	case at.Year() == 1:
		return "the year 1"
	case at.Year() > 2024:
		return "the client's"
	}
	o.enter("timestamps of the program's", text)
	return at.UTC().Format(time.RFC3339Nano)
}

// under merges low under high, objects member by member.
func under(high, low map[string]any) map[string]any {
	merged := maps.Clone(low)
	if merged == nil {
		merged = make(map[string]any)
	}
	for name, v := range high {
		h, ok := v.(map[string]any)
		l, also := merged[name].(map[string]any)
		if ok && also {
			v = under(h, l)
		}
		merged[name] = v
	}
	return merged
}
