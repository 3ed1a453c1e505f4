// Snippets: the first call of a new source, ready to be pasted.

package gocode

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/headwater-dev/analytics/collector/internal/sources"
)

// Snippet is a program or a piece of a page that makes a call.
type Snippet struct {
	Label    string // for a tab: "Go", "curl", "Analytics.js", "fetch", "Pixel"
	Language string // for highlighting: "go", "sh", "html"
	Code     string
}

// Snippets returns what makes a first call to a source, the most fitting for its type
// first. endpoint is the collector's address, "http://127.0.0.1:8033", with or without a
// path, a trailing slash or /v1. Both are quoted, whatever they hold.
func Snippets(endpoint, writeKey string, t sources.Type) []Snippet {
	endpoint = strings.TrimSuffix(strings.TrimRight(endpoint, "/"), "/v1")
	by := map[string]Snippet{
		"go":      {"Go", "go", goProgram(endpoint, writeKey)},
		"curl":    {"curl", "sh", curl(endpoint+"/v1/track", firstEvent(writeKey, "userId", "user_123"))},
		"objects": {"curl", "sh", curl(endpoint+"/v1/set", firstObject(writeKey))},
		"js":      {"Analytics.js", "html", analyticsJS(endpoint, writeKey)},
		"fetch":   {"fetch", "html", fetch(endpoint, writeKey)},
		"pixel":   {"Pixel", "html", pixel(endpoint, writeKey)},
	}
	order := []string{"go", "curl", "js", "fetch", "pixel"}
	switch t {
	case sources.Website:
		order = []string{"js", "fetch", "pixel", "curl", "go"}
	case sources.Mobile, sources.HTTPAPI, sources.CloudEvent:
		order = []string{"curl", "go", "js", "fetch", "pixel"}
	case sources.CloudObject:
		order = []string{"objects", "go", "js", "fetch", "pixel"}
	case sources.Pixel:
		order = []string{"pixel", "curl", "fetch", "js", "go"}
	case sources.Server, sources.ReverseETL:
	}
	snippets := make([]Snippet, 0, len(order))
	for _, name := range order {
		snippets = append(snippets, by[name])
	}
	return snippets
}

// firstEvent is the body of a track call that needs no header for its write key: so
// it works with every key, and from every client.
func firstEvent(writeKey, idField, id string) string {
	return object("writeKey", writeKey, idField, id, "event", "Hello Headwater", "properties", json.RawMessage(`{"plan":"pro"}`))
}

func firstObject(writeKey string) string {
	return object("writeKey", writeKey, "collection", "rooms",
		"objects", json.RawMessage(`[{"id":"room_1","properties":{"name":"Blue room","beds":2}}]`))
}

// object returns a JSON object of names and values, in this order. <, > and & are
// escaped, so that it can stand in a script element.
func object(members ...any) string {
	var b strings.Builder
	for pair := range slices.Chunk(members, 2) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(literal(pair[0]) + ":" + literal(pair[1]))
	}
	return "{" + b.String() + "}"
}

// literal returns v as JSON, which is JavaScript too.
func literal(v any) string {
	doc, err := json.Marshal(v)
	if err != nil {
		return "null" // only for what is no text and no JSON, which nobody passes
	}
	return string(doc)
}

func goProgram(endpoint, writeKey string) string {
	return strings.NewReplacer("KEY", strconv.Quote(writeKey), "ENDPOINT", strconv.Quote(endpoint)).Replace(
		`// First call: sends one event and waits until it has arrived.
package main

import (
	"context"
	"log"

	"github.com/headwater-dev/analytics"
)

func main() {
	client, err := analytics.New(KEY, &analytics.Config{
		Endpoint: ENDPOINT,
	})
	if err != nil {
		log.Fatal(err)
	}
	err = client.Track(context.Background(), analytics.Track{
		UserID:     "user_123",
		Event:      "Hello Headwater",
		Properties: analytics.Properties{"plan": "pro"},
	})
	if err != nil {
		log.Print(err)
	}
	if err := client.Close(); err != nil {
		log.Fatal(err)
	}
}
`)
}

func curl(address, body string) string {
	return "curl " + shell(address) + " \\\n  --header 'Content-Type: application/json' \\\n  --data " + shell(body) + "\n"
}

// shell quotes s for sh: between single quotes nothing is special but the quote.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// analyticsJS is for those who build their site with npm: it loads nothing from
// elsewhere but the source's settings, which the collector has.
func analyticsJS(endpoint, writeKey string) string {
	protocol, host := "http", endpoint
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		protocol, host = u.Scheme, u.Host+u.EscapedPath()
	}
	return strings.NewReplacer("KEY", literal(writeKey), "ENDPOINT", literal(endpoint), "HOST", literal(host+"/v1"), "PROTOCOL", literal(protocol)).Replace(
		`<!-- npm install @segment/analytics-next -->
<script type="module">
  import { AnalyticsBrowser } from '@segment/analytics-next'

  const analytics = AnalyticsBrowser.load(
    { writeKey: KEY, cdnURL: ENDPOINT },
    {
      integrations: {
        'Segment.io': { apiHost: HOST, protocol: PROTOCOL },
      },
    },
  )
  analytics.page()
  analytics.track('Hello Headwater', { plan: 'pro' })
</script>
`)
}

func fetch(endpoint, writeKey string) string {
	return strings.NewReplacer("ADDRESS", literal(endpoint+"/v1/track"), "KEY", literal(writeKey)).Replace(
		`<script>
  fetch(ADDRESS, {
    method: 'POST',
    keepalive: true,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      writeKey: KEY,
      anonymousId: 'anon_123',
      event: 'Hello Headwater',
      properties: { plan: 'pro' },
    }),
  })
</script>
`)
}

func pixel(endpoint, writeKey string) string {
	data := base64.RawURLEncoding.EncodeToString([]byte(firstEvent(writeKey, "anonymousId", "anon_123")))
	return `<img src="` + html.EscapeString(endpoint+"/v1/pixel/track?data="+data) + `" width="1" height="1" alt="">` + "\n"
}
