// The bench that a collector stands on in these tests: a clock, requests, and what it says it received.

package collector_test

import (
	"bytes"
	gz "compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

// at is a time that no test is at.
var at = time.Date(2026, 3, 4, 5, 6, 7, 800_000_000, time.UTC)

// bench is a collector with a clock that stands still until it is moved.
type bench struct {
	*testing.T
	*collector.Collector
	clock atomic.Int64 // nanoseconds of Unix time; the collector reads it on goroutines of its own
}

// move sets the clock.
func (b *bench) move(to time.Time) { b.clock.Store(to.UnixNano()) }

// now is what the clock says.
func (b *bench) now() time.Time { return time.Unix(0, b.clock.Load()).UTC() }

func newBench(t *testing.T, o collector.Options) *bench {
	t.Helper()
	b := &bench{T: t}
	b.move(at)
	if o.Now == nil {
		o.Now = b.now
	}
	c, err := collector.New(&o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	b.Collector = c
	return b
}

// do sends a request and returns the answer.
func (b *bench) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// post sends a body; headers come in pairs.
func (b *bench) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.do(r)
}

// send posts a body that must be answered 200.
func (b *bench) send(path, body string, headers ...string) {
	b.Helper()
	w := b.post(path, body, headers...)
	require.Equal(b, http.StatusOK, w.Code, w.Body.String())
	require.JSONEq(b, `{"success":true}`, w.Body.String())
}

// get asks the JSON API and decodes what it says.
func (b *bench) get(path string, into any) {
	b.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "localhost"
	w := b.do(r)
	require.Equal(b, http.StatusOK, w.Code, w.Body.String())
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), into), w.Body.String())
}

// call is a call of the JSON API.
type call struct {
	Type, Event, MessageID, Verdict, Reason string
	ReceivedAt                              time.Time
	Raw                                     map[string]any
}

// calls are those of a source, newest first.
func (b *bench) calls(key string, query ...string) []call {
	b.Helper()
	var got struct{ Calls []call }
	b.get("/api/sources/"+url.PathEscape(key)+"/calls?"+strings.Join(query, "&"), &got)
	return got.Calls
}

// verdicts are the calls of a source in short, in the order received.
func (b *bench) verdicts(key string) []string {
	b.Helper()
	var list []string
	for _, c := range b.calls(key) {
		list = append([]string{strings.TrimSpace(c.Type + " " + c.Verdict)}, list...)
	}
	return list
}

// overviewJSON is the Overview of the JSON API.
type overviewJSON struct {
	Received, Failed, Filtered, Eligible, Duplicates int
	ByType                                           []struct {
		Type   string
		Count  int
		Change *float64
	}
	ByName []struct {
		Name  string
		Count int
	}
	ByVersion []struct {
		Version string
		Count   int
	}
	Reasons []struct {
		Verdict string
		Count   int
	}
	Series []struct {
		At                                   time.Time
		Received, Failed, Filtered, Eligible int
	}
}

func (b *bench) overview(key string, query ...string) overviewJSON {
	b.Helper()
	var got overviewJSON
	b.get("/api/sources/"+url.PathEscape(key)+"/overview?"+strings.Join(query, "&"), &got)
	return got
}

const basic = "Basic V1JJVEVLRVkxOg==" // WRITEKEY1

func gzip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gz.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}
