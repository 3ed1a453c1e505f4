// Settings: what Analytics.js asks for before it sends anything.

package collector

import (
	"net/http"
	"net/url"
	"strings"
)

// settings answers GET /v1/projects/{writeKey}/settings: the collector is the
// only destination, and every event may go there. Browsers ask for it at the
// cdnURL they were given. A key is not looked up: the answer is the same for
// every key, and says nothing about which exist.
func (c *Collector) settings(w http.ResponseWriter, r *http.Request) {
	on := map[string]any{"enabled": true, "integrations": map[string]any{}}
	everything := map[string]any{"__default": on}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{
		"integrations": map[string]any{
			"Segment.io": map[string]any{
				"apiKey":                   r.PathValue("writeKey"),
				"apiHost":                  r.Host + prefix(r) + "/v1",
				"protocol":                 scheme(r),
				"type":                     "browser",
				"unbundledIntegrations":    []string{},
				"addBundledMetadata":       true,
				"maybeBundledConfigIds":    map[string]any{},
				"versionSettings":          map[string]any{"version": "4.4.7", "componentTypes": []string{"browser"}},
				"bundlingStatus":           "bundled",
				"retryQueue":               true,
				"consentSettings":          nil,
				"disableClientPersistence": false,
			},
		},
		"plan": map[string]any{"track": everything, "identify": everything, "group": everything},
		// Off: what a browser measures about its own library has no reader here.
		"metrics":                   map[string]any{"sampleRate": 0},
		"analyticsNextEnabled":      true,
		"edgeFunction":              map[string]any{},
		"enabledMiddleware":         map[string]any{},
		"middlewareSettings":        map[string]any{},
		"legacyVideoPluginsEnabled": false,
		"remotePlugins":             []any{},
	})
}

// metrics answers POST /v1/m, where Analytics.js reports about itself. Nothing
// of it is kept, and the body is not read.
func (c *Collector) metrics(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, reply{Success: true})
}

// prefix is what http.StripPrefix took off the path of r.
func prefix(r *http.Request) string {
	asked, err := url.ParseRequestURI(r.RequestURI) // a path, or a whole address
	if err != nil {
		return ""
	}
	before, found := strings.CutSuffix(asked.EscapedPath(), r.URL.EscapedPath())
	if !found {
		return ""
	}
	return before
}

// scheme is the one r came over. A proxy that ends TLS says so itself.
func scheme(r *http.Request) string {
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		return "https"
	}
	return "http"
}
