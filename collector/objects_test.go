// Objects from outside.

package collector_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

type collections struct {
	Collections []struct {
		Name    string
		Objects int
	}
}

func TestObjectsAreMerged(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	b.send("/v1/set", `{"source":"project","collection":"rooms","write_key":"k","objects":[{"id":"1","properties":{"n":0,"name":"Room"}},{"id":"2","properties":{}}]}`)
	b.send("/v1/set", `{"collection":"rooms","objects":[{"id":"2","properties":{"n":1}},{"id":"3","properties":{"open":true}}],"writeKey":"k"}`, "Content-Type", "text/plain")
	b.send("/v1/set", gzip(t, `{"collection":"hotels","objects":[{"id":"1","properties":{}}]}`), "Authorization", "Basic azo=", "Content-Encoding", "gzip")
	var got collections
	b.get("/api/sources/k/objects", &got)
	require.Equal(t, "[{hotels 1} {rooms 3}]", fmt.Sprint(got.Collections))
	require.Empty(t, b.calls("k"), "objects are no calls")
}

func TestBadObjects(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	object := `{"id":"1","properties":{}}`
	for body, want := range map[string]string{
		`{`: "JSON",
		`{"collection":"Rooms","objects":[` + object + `]}`:                                                      "collection",
		`{"collection":"_rooms","objects":[` + object + `]}`:                                                     "collection",
		`{"collection":"rooms","objects":[]}`:                                                                    "1 to 10",
		`{"collection":"rooms","objects":[` + strings.Repeat(object+",", 10) + object + `]}`:                     "holds 11",
		`{"collection":"rooms","objects":[{"properties":{}}]}`:                                                   "objects[0].id",
		`{"collection":"rooms","objects":[` + object + `,{"id":"2"}]}`:                                           "objects[1].properties",
		`{"collection":"rooms","objects":[{"id":"1","properties":{"a":[1]}}]}`:                                   "objects[0].properties.a",
		`{"collection":"rooms","objects":[{"id":"1","properties":{"a":{}}}]}`:                                    "objects[0].properties.a",
		`{"collection":"rooms","objects":[{"id":"1","properties":{"a":"` + strings.Repeat("x", 33<<10) + `"}}]}`: "objects[0].properties.a",
		`{"collection":"rooms","objects":[{"id":7,"properties":{}}]}`:                                            "collection and objects",
	} {
		w := b.post("/v1/set", body, "Authorization", basic)
		require.Equal(t, http.StatusBadRequest, w.Code, body)
		require.Contains(t, w.Body.String(), want)
	}
}
