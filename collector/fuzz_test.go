// Whatever a stranger sends, the collector answers, and what it kept can be read.

package collector_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

func FuzzReceive(f *testing.F) {
	c, err := collector.New(nil)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, c.Close(context.Background())) })
	statuses := []int{http.StatusOK, http.StatusNoContent, http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType}

	f.Add("POST", "/v1/batch", "", "", []byte(`{"batch":[{"type":"track","userId":"u","event":"E"},3,{"type":"page","context":{"direct":true}}],"writeKey":"WRITE_KEY"}`))
	f.Add("POST", "/v1/t", "", "Basic V1JJVEVfS0VZOg==", []byte(`{"userId":"u","event":"E","context":{"app":{"version":"1"}}}`))
	f.Add("POST", "/v1/set", "gzip", "Bearer x", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"))
	f.Add("GET", "/v1/pixel/track?data=eyJ1c2VySWQiOiJ1In0", "", "", []byte{})
	f.Add("GET", "/v1/pixel/page?userId=u&properties.a=1&properties.a.b=2&writeKey=WRITE_KEY", "", "", []byte{})
	f.Add("OPTIONS", "/v1/projects/k/settings", "", "", []byte{})
	f.Fuzz(func(t *testing.T, method, target, encoding, authorization string, body []byte) {
		r, err := http.NewRequest(method, "http://localhost"+target, strings.NewReader(string(body)))
		if err != nil || !strings.HasPrefix(r.URL.Path, "/v1/") || strings.Contains(r.URL.Path, "//") || strings.Contains(r.URL.Path, "/.") {
			return // no request, or one that net/http redirects
		}
		r.Header = http.Header{"Content-Encoding": {encoding}, "Authorization": {authorization}}
		r.RequestURI = target
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		require.True(t, slices.Contains(statuses, w.Code), "%d %s", w.Code, w.Body)
		if w.Header().Get("Content-Type") == "application/json" {
			require.True(t, json.Valid(w.Body.Bytes()))
		}

		r = httptest.NewRequest(http.MethodGet, "/api/sources/WRITE_KEY/calls?limit=5", nil)
		r.Host = "localhost"
		w = httptest.NewRecorder()
		c.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		require.True(t, json.Valid(w.Body.Bytes()))
	})
}
