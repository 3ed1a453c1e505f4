// A collector in this process, and what its JSON API says of the calls it has.

package browsertest_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

// room is a collector on a port of its own.
type room struct {
	*testing.T
	url string
}

// writeKey is that of the source every room begins with, Shop.
const writeKey = "shopkey1"

// newRoom starts a collector with one source, Shop.
func newRoom(t *testing.T) *room {
	t.Helper()
	col, err := collector.New(&collector.Options{Sources: []collector.Source{shopSource()}})
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := col.Server()
	serving := make(chan error, 1)
	go func() { serving <- srv.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, srv.Shutdown(ctx))
		require.ErrorIs(t, <-serving, http.ErrServerClosed)
		require.NoError(t, col.Close(ctx))
	})
	return &room{t, "http://" + listener.Addr().String()}
}

// call is one call as the JSON API tells it.
type call struct {
	Type, Event, MessageID, Verdict, Reason string
	ReceivedAt                              time.Time
	Raw                                     map[string]any
}

// calls are those of a source, newest first.
func (r *room) calls(key string) []call {
	r.Helper()
	var answer struct{ Calls []call }
	r.get("/api/sources/"+key+"/calls?limit=1000", &answer)
	return answer.Calls
}

// arrived waits until a source has so many calls.
func (r *room) arrived(key string, n int) []call {
	r.Helper()
	var calls []call
	require.True(r, eventually(patience, func() bool {
		calls = r.calls(key)
		return len(calls) >= n
	}), "%d of %d calls arrived", len(calls), n)
	return calls
}

// send posts a call of Shop to /v1/ and sees that it is answered 200.
func (r *room) send(path, body string) {
	r.Helper()
	r.post(writeKey, path, body)
}

// post posts a call with a write key to /v1/ and sees that it is answered 200.
func (r *room) post(key, path, body string) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, r.url+"/v1/"+path, strings.NewReader(body))
	require.NoError(r, err)
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(key, "")
	res, err := http.DefaultClient.Do(req)
	require.NoError(r, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(r, err)
	require.Equal(r, http.StatusOK, res.StatusCode, string(answer))
}

// sendAll posts messages as one batch.
func (r *room) sendAll(messages []map[string]any) {
	r.Helper()
	body, err := json.Marshal(map[string]any{"batch": messages})
	require.NoError(r, err)
	r.send("batch", string(body))
}

// source is a source as the JSON API tells it.
type source struct{ ID, Name, Type, WriteKey string }

// sources are all sources.
func (r *room) sources() []source {
	r.Helper()
	var answer struct{ Sources []source }
	r.get("/api/sources", &answer)
	return answer.Sources
}

// get reads an answer of the JSON API into v.
func (r *room) get(path string, v any) {
	r.Helper()
	res, err := http.Get(r.url + path)
	require.NoError(r, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(r, err)
	require.Equal(r, http.StatusOK, res.StatusCode, string(body))
	require.NoError(r, json.Unmarshal(body, v))
}

// key is the write key of a source.
func (r *room) key(id string) string {
	r.Helper()
	for _, s := range r.sources() {
		if s.ID == id {
			return s.WriteKey
		}
	}
	require.FailNow(r, "no source "+id)
	return ""
}
