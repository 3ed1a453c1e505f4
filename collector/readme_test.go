// What README.md says of the JSON API and of the bounds, held against the collector.

package collector_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

// names are the members of a JSON value at any depth, but not those within "raw".
func names(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			into[name] = true
			if name != "raw" {
				names(value, into)
			}
		}
	case []any:
		for _, value := range v {
			names(value, into)
		}
	}
}

func TestReadmeListsTheAPI(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	b := newBench(t, collector.Options{})
	b.send("/v1/batch", `{"batch":[{"type":"track","userId":"u","event":"E","context":{"app":{"version":"1"}}},{"type":"track","userId":"u"}]}`, "Authorization", basic)
	b.send("/v1/set", `{"collection":"rooms","objects":[{"id":"1","properties":{}}]}`, "Authorization", basic)

	rows := regexp.MustCompile("(?m)^\\| `(GET|POST) (/api/[^` ?]*)[^|]*\\| (.*) \\|$").FindAllStringSubmatch(string(text), -1)
	require.Len(t, rows, 6)
	for _, row := range rows {
		method, path, answer := row[1], row[2], row[3]
		body := ""
		switch path {
		case "/api/sources":
			if method == http.MethodPost {
				body, answer = `{"name":"Shop","type":"website"}`, ``
			}
		case "/api/sources/{writeKey}/overview":
			path += "?step=failed"
		}
		r := httptest.NewRequest(method, strings.Replace(path, "{writeKey}", "WRITEKEY1", 1), strings.NewReader(body))
		r.Host = "localhost"
		w := b.do(r)
		require.Less(t, w.Code, 300, "%s %s: %s", method, path, w.Body)
		if !strings.HasPrefix(answer, "`{") {
			continue
		}
		documented, got := map[string]bool{}, map[string]bool{}
		for _, name := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(answer, -1) {
			documented[name[1]] = true
		}
		var v any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
		names(v, got)
		require.Equal(t, documented, got, "%s %s", method, path)
	}
}
