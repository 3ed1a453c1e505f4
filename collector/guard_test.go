// Who may look and who may send: Host, password, other sites, methods and paths.

package collector_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

func TestCORS(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	r := httptest.NewRequest(http.MethodOptions, "/v1/batch", nil)
	r.Header.Set("Origin", "https://shop.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-retry-count")
	r.Header.Set("Access-Control-Request-Private-Network", "true")
	w := b.do(r)
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "authorization,content-type,x-retry-count", w.Header().Get("Access-Control-Allow-Headers"))
	require.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), "POST")
	require.Equal(t, "true", w.Header().Get("Access-Control-Allow-Private-Network"))

	for _, path := range []string{"/api/sources", "/"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = "localhost"
		r.Header.Set("Origin", "https://shop.example")
		require.Empty(t, b.do(r).Header().Get("Access-Control-Allow-Origin"), "what was received is for our own pages")
	}
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/v1/track", http.StatusMethodNotAllowed},
		{http.MethodPut, "/v1/batch", http.StatusMethodNotAllowed},
		{http.MethodPost, "/v1/nothing", http.StatusNotFound},
		{http.MethodPost, "/v1/m", http.StatusOK},
		{http.MethodGet, "/api/nothing", http.StatusNotFound},
		{http.MethodGet, "/api/sources/nobody/calls", http.StatusNotFound},
		{http.MethodGet, "/api/sources/WRITE_KEY/calls?limit=0", http.StatusBadRequest},
		{http.MethodGet, "/api/sources/WRITE_KEY/overview?window=3y", http.StatusBadRequest},
		{http.MethodGet, "/api/sources/WRITE_KEY/overview?step=x", http.StatusBadRequest},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Host = "127.0.0.1:8033"
		require.Equal(t, tt.status, b.do(r).Code, "%s %s", tt.method, tt.path)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{Password: "secret", Hosts: []string{"collector.example"}})
	for _, tt := range []struct {
		name, method, path, host string
		headers                  map[string]string
		password                 string
		status                   int
	}{
		{name: "as it should be", path: "/api/sources", host: "localhost:1", password: "secret", status: http.StatusOK},
		{name: "an address", path: "/api/sources", host: "[::1]:1", password: "secret", status: http.StatusOK},
		{name: "a name that was given", path: "/", host: "Collector.Example", password: "secret", status: http.StatusOK},
		{name: "a stranger's name", path: "/", host: "evil.example", password: "secret", status: http.StatusMisdirectedRequest},
		{name: "a stranger's name, API", path: "/api/sources", host: "localhost.evil.example", password: "secret", status: http.StatusMisdirectedRequest},
		{name: "no password", path: "/", host: "localhost", status: http.StatusUnauthorized},
		{name: "wrong password", path: "/api/sources", host: "localhost", password: "secre", status: http.StatusUnauthorized},
		{name: "another site's form", method: http.MethodPost, path: "/api/reset", host: "localhost", password: "secret",
			headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: http.StatusForbidden},
		{name: "another origin's form", method: http.MethodPost, path: "/sources", host: "localhost", password: "secret",
			headers: map[string]string{"Origin": "https://evil.example"}, status: http.StatusForbidden},
		{name: "our own form", method: http.MethodPost, path: "/api/reset", host: "localhost", password: "secret",
			headers: map[string]string{"Sec-Fetch-Site": "same-origin"}, status: http.StatusOK},
		{name: "sending needs no password", method: http.MethodPost, path: "/v1/m", host: "evil.example", status: http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			r := httptest.NewRequest(method, tt.path, nil)
			r.Host = tt.host
			if tt.password != "" {
				r.SetBasicAuth("me", tt.password)
			}
			for name, value := range tt.headers {
				r.Header.Set(name, value)
			}
			w := b.do(r)
			require.Equal(t, tt.status, w.Code, w.Body.String())
			if !strings.HasPrefix(tt.path, "/v1/") {
				require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
			}
		})
	}
}
