//go:build linux

// Nonsense: the malformed requests of the abuse test, by kind, with the statuses they may get.

package collector_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// kind makes requests of one kind, or what is sent on a connection instead of one.
type kind struct {
	name    string
	share   int // of all requests
	want    []int
	request func(*rand.Rand) hostile
	raw     func(*rand.Rand) string
}

var nonsense = []kind{
	{name: "random bytes", share: 100, want: []int{400}, request: func(r *rand.Rand) hostile {
		return hostile{path: "/v1/track", body: noise(r, 1+r.IntN(2000))}
	}},
	{name: "truncated JSON", share: 100, want: []int{400}, request: func(r *rand.Rand) hostile {
		return hostile{path: "/v1/batch", body: sound[:r.IntN(len(sound))]}
	}},
	{name: "one byte changed", share: 100, want: []int{200, 400}, request: func(r *rand.Rand) hostile {
		i := r.IntN(len(sound))
		return hostile{path: "/v1/batch", body: sound[:i] + noise(r, 1) + sound[i+1:], headers: basicAuth}
	}},
	{name: "deep nesting", share: 50, want: []int{400}, request: func(r *rand.Rand) hostile {
		open := []string{`{"a":`, `[`}[r.IntN(2)]
		return hostile{path: "/v1/batch", body: `{"batch":[` + strings.Repeat(open, 100+r.IntN(90_000)), headers: basicAuth}
	}},
	{name: "huge numbers", share: 50, want: []int{200}, request: func(r *rand.Rand) hostile {
		n := strings.Repeat("9", 1+r.IntN(10_000)) + []string{"", "e999999999", ".5e-99999"}[r.IntN(3)]
		return hostile{path: "/v1/track", body: `{"userId":"u","event":"E","properties":{"revenue":` + n + `}}`, headers: basicAuth}
	}},
	{name: "wrong types", share: 100, want: []int{200, 400}, request: func(r *rand.Rand) hostile {
		body := `{"type":` + odd(r) + `,"userId":` + odd(r) + `,"event":` + odd(r) + `,"properties":` + odd(r) + `,"traits":` + odd(r) +
			`,"context":` + odd(r) + `,"integrations":` + odd(r) + `,"timestamp":` + odd(r) + `,"messageId":` + odd(r) + `}`
		return hostile{path: "/v1/" + []string{"track", "identify", "page", "group", "alias", "t", "p"}[r.IntN(7)], body: body, headers: basicAuth}
	}},
	{name: "wrong envelope", share: 100, want: []int{200, 400}, request: func(r *rand.Rand) hostile {
		return hostile{path: "/v1/batch", headers: basicAuth,
			body: `{"batch":` + odd(r) + `,"context":` + odd(r) + `,"integrations":` + odd(r) + `,"sentAt":` + odd(r) + `,"writeKey":` + odd(r) + `}`}
	}},
	{name: "invalid UTF-8", share: 50, want: []int{200}, request: func(r *rand.Rand) hostile {
		return hostile{path: "/v1/track", body: "{\"userId\":\"\xff\xc0\",\"event\":\"\xed\xa0\x80\",\"properties\":{\"\xfe\":\"\xf8\"}}", headers: basicAuth}
	}},
	{name: "plain as gzip", share: 50, want: []int{400}, request: func(r *rand.Rand) hostile {
		return hostile{path: "/v1/batch", body: sound, headers: []string{"Content-Encoding", "gzip"}}
	}},
	{name: "damaged gzip", share: 50, want: []int{400}, request: func(r *rand.Rand) hostile {
		body := string(deflated([]byte(sound)))
		i := 10 + r.IntN(len(body)-18)
		return hostile{path: "/v1/batch", body: body[:i] + string(body[i]^0xff) + body[i+1:], headers: []string{"Content-Encoding", "gzip"}}
	}},
	{name: "truncated gzip", share: 50, want: []int{400}, request: func(r *rand.Rand) hostile {
		body := string(deflated([]byte(sound)))
		return hostile{path: "/v1/batch", body: body[:r.IntN(len(body))], headers: []string{"Content-Encoding", "gzip"}}
	}},
	{name: "many gzip members", share: 2, want: []int{200}, request: func(*rand.Rand) hostile {
		body := strings.Repeat(string(deflated(nil)), 15_000) + string(deflated([]byte(`{"batch":[]}`)))
		return hostile{path: "/v1/batch", body: body, headers: basicAuth}
	}},
	{name: "too large", share: 10, want: []int{400}, request: func(r *rand.Rand) hostile {
		return hostile{path: "/v1/batch", body: strings.Repeat(" ", 512<<10) + sound}
	}},
	{name: "2501 messages", share: 2, want: []int{200}, request: func(*rand.Rand) hostile {
		return hostile{path: "/v1/batch", body: `{"batch":[` + strings.Repeat("{},", 2500) + `{}]}`, headers: basicAuth}
	}},
	{name: "170 000 messages", share: 2, want: []int{200}, request: func(*rand.Rand) hostile {
		return hostile{path: "/v1/batch", body: `{"batch":[` + strings.Repeat("0,", 250_000) + `0]}`, headers: basicAuth}
	}},
	{name: "many members", share: 5, want: []int{200}, request: func(*rand.Rand) hostile {
		var b strings.Builder
		for i := range 2500 {
			fmt.Fprintf(&b, `"k%d":0,`, i)
		}
		return hostile{path: "/v1/track", body: `{"userId":"u","event":"E","properties":{` + b.String() + `"z":0}}`, headers: basicAuth}
	}},
	{name: "any authorization", share: 50, want: []int{200, 400}, request: func(r *rand.Rand) hostile {
		value := []string{"Basic", "Basic !", "Bearer " + strings.Repeat("x", 5000), "Basic " + strings.Repeat("YWFh", 2000), "\xff\xfe"}[r.IntN(5)]
		return hostile{path: "/v1/batch", body: sound, headers: []string{"Authorization", value}}
	}},
	{name: "unknown keys", share: 5, want: []int{200}, request: func(r *rand.Rand) hostile {
		return hostile{path: "/v1/track", body: fmt.Sprintf(`{"userId":"u","event":"E","writeKey":"key%d"}`, r.IntN(1e9))}
	}},
	{name: "pixels", share: 50, want: []int{200}, request: func(r *rand.Rand) hostile {
		query := []string{"data=%ff%00", "data=" + strings.Repeat("A", 10_000), "data=eyJh", "a.b.c.d=1&a=2&a.b=3", strings.Repeat("a.", 2000) + "=1", "%"}[r.IntN(6)]
		return hostile{method: http.MethodGet, path: "/v1/pixel/track?" + query}
	}},
	{name: "methods", share: 20, want: []int{405}, request: func(r *rand.Rand) hostile {
		return hostile{method: []string{"PUT", "DELETE", "PATCH", "TRACE", "GET"}[r.IntN(5)], path: "/v1/batch", body: sound}
	}},
	{name: "paths", share: 20, want: []int{404, 405, 301, 307, 308}, request: func(r *rand.Rand) hostile {
		return hostile{path: []string{"/v1/", "/v1/%2e%2e/api/sources", "/v2/batch", "/v1/batch/", "/%00", "/sources/%2e%2e%2f%2e%2e/x"}[r.IntN(6)], body: sound}
	}},
	{name: "the JSON API", share: 20, want: []int{400, 404}, request: func(r *rand.Rand) hostile {
		path := []string{"WRITE_KEY/calls?limit=-1", "WRITE_KEY/calls?limit=99999999999999999999", "nobody/calls", "WRITE_KEY/overview?window=1y",
			"WRITE_KEY/overview?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", "WRITE_KEY/overview?step=9"}[r.IntN(6)]
		return hostile{method: http.MethodGet, path: "/api/sources/" + path}
	}},
	{name: "large forms", share: 2, want: []int{400, 413, 422}, request: func(*rand.Rand) hostile {
		return hostile{path: "/sources", body: "name=" + strings.Repeat("x", 2<<20), headers: []string{"Content-Type", "application/x-www-form-urlencoded"}}
	}},
	{name: "forms of strangers", share: 20, want: []int{403}, request: func(*rand.Rand) hostile {
		return hostile{path: "/sources", body: "name=x&type=server", headers: []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site"}}
	}},
	{name: "hosts of strangers", share: 20, want: []int{421}, request: func(*rand.Rand) hostile {
		return hostile{method: http.MethodGet, path: "/", headers: []string{"Host", "example.com"}}
	}},
	{name: "giant headers", share: 10, want: []int{431}, request: func(r *rand.Rand) hostile {
		return hostile{path: "/v1/track", headers: []string{"X-Giant", strings.Repeat("x", 30_000+r.IntN(100_000))}}
	}},
	{name: "no HTTP", share: 20, raw: func(r *rand.Rand) string { return noise(r, 1+r.IntN(4000)) }},
	{name: "a header without end", share: 5, raw: func(*rand.Rand) string { return "POST /v1/track HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20) }},
	{name: "lengths that lie", share: 50, raw: func(r *rand.Rand) string {
		length := []string{"Content-Length: 100000", "Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2", "Content-Length: 99999999999999999999",
			"Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked, chunked"}[r.IntN(6)]
		return "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + length + "\r\n\r\n" + sound
	}},
	{name: "chunks that lie", share: 50, raw: func(r *rand.Rand) string {
		size := []string{"-1", "ffffffffffffffffff", "1;" + strings.Repeat("x", 10_000), "", "g", "5\n"}[r.IntN(6)]
		return "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + size + "\r\n" + sound
	}},
}

// sound is a good batch.
const sound = `{"batch":[{"type":"track","userId":"u","event":"Order \u0043ompleted","properties":{"revenue":39.95,"tags":["a",null,true]}},` +
	`{"type":"identify","anonymousId":"a","traits":{"email":"ada@example.com"}}],"context":{"library":{"name":"x"}},"sentAt":"2026-03-04T05:06:07Z"}`

var basicAuth = []string{"Authorization", "Basic V1JJVEVfS0VZOg=="} // WRITE_KEY

// noise are n random bytes.
func noise(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// odd is a JSON value that is rarely the right one.
func odd(r *rand.Rand) string {
	return []string{`null`, `0`, `-1e400`, `""`, `"x"`, `[]`, `[[],{}]`, `{}`, `{"":{"":null}}`, `true`, `"\u0000\ud800"`, `[null,1,{"type":"track"}]`}[r.IntN(12)]
}
