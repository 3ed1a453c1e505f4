// Snippets: each is run, or read by what its language is read with, and makes its call.

package gocode_test

import (
	"encoding/json"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"html"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/headwater-dev/analytics/collector/internal/gocode"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// keys are what a key may be, and worse.
var keys = []string{
	"2MfOwkvHHEuGSkTHOnR4HVxHcFLzZ8vK", `'"\$(touch x)` + "`id`", "'; exit 1; '", `</script><img/src=x/onerror=alert(1)>`, "<!--", "-->",
	`"onload="x`, "&amp;", "a+b/c=d", "${KEY}ENDPOINT", "%s%20", "@file", "\u2028", "ключ", "a:b",
}

func snippet(t testing.TB, label, endpoint, key string, kind sources.Type) string {
	t.Helper()
	for _, s := range gocode.Snippets(endpoint, key, kind) {
		if s.Label == label {
			return s.Code
		}
	}
	require.Fail(t, "no such snippet", label)
	return ""
}

func TestSnippetsOrder(t *testing.T) {
	t.Parallel()
	first := map[sources.Type]string{
		sources.Website: "Analytics.js", sources.Mobile: "curl", sources.Server: "Go", sources.HTTPAPI: "curl", sources.Pixel: "Pixel",
		sources.CloudEvent: "curl", sources.CloudObject: "curl", sources.ReverseETL: "Go",
	}
	for _, kind := range sources.Types {
		list := gocode.Snippets("http://127.0.0.1:8033", "KEY", kind)
		require.Equal(t, first[kind], list[0].Label, kind)
		labels := map[string]string{}
		for _, s := range list {
			labels[s.Label] = s.Language
			require.True(t, strings.HasSuffix(s.Code, "\n"))
		}
		require.Equal(t, map[string]string{"Go": "go", "curl": "sh", "Analytics.js": "html", "fetch": "html", "Pixel": "html"}, labels)
	}
}

func TestGoSnippetRuns(t *testing.T) {
	t.Parallel()
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	address, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	const key = "q\"u'o\\t`e$(x)%s"
	run(t, snippet(t, "Go", address, key, sources.Server))
	calls := srv.Calls()
	require.Len(t, calls, 1)
	require.True(t, calls[0].Accepted())
	require.Equal(t, key, calls[0].WriteKey)
	require.Equal(t, "Hello Headwater", calls[0].Event)
}

func TestGoSnippetQuotes(t *testing.T) {
	t.Parallel()
	for _, key := range keys {
		code := snippet(t, "Go", "http://127.0.0.1:8033/v1/", key, sources.Server)
		formatted, err := format.Source([]byte(code))
		require.NoError(t, err)
		require.Equal(t, string(formatted), code)
		file, err := parser.ParseFile(token.NewFileSet(), "main.go", code, 0)
		require.NoError(t, err)
		var texts []string
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				texts = append(texts, unquote(t, lit.Value))
			}
			return true
		})
		require.Equal(t, []string{"context", "log", "github.com/headwater-dev/analytics", key, "http://127.0.0.1:8033", "user_123", "Hello Headwater", "plan", "pro"}, texts)
	}
}

func TestCurlSnippet(t *testing.T) {
	t.Parallel()
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	address, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	for _, key := range keys {
		code := snippet(t, "curl", address+"/", key, sources.HTTPAPI)
		words := shellWords(t, code)
		require.Equal(t, []string{"curl", address + "/v1/track", "--header", "Content-Type: application/json", "--data"}, words[:5])
		require.Len(t, words, 6)
		requireCall(t, srv, key, func() { post(t, words[1], words[5]) })

		if _, err := exec.LookPath("curl"); err == nil { // the real one, beside our reading of it
			requireCall(t, srv, key, func() {
				out, err := exec.CommandContext(t.Context(), "sh", "-c", code).CombinedOutput()
				require.NoError(t, err, string(out))
			})
		}

		object := shellWords(t, snippet(t, "curl", address, key, sources.CloudObject))
		require.Equal(t, address+"/v1/set", object[1])
		body := decode(t, object[5])
		require.Equal(t, key, body["writeKey"])
		require.Equal(t, "rooms", body["collection"])
		require.Len(t, body["objects"], 1)
	}
}

func requireCall(t *testing.T, srv *analyticstest.Server, key string, send func()) {
	t.Helper()
	before := len(srv.Calls())
	send()
	calls := srv.Calls()
	require.Len(t, calls, before+1, key)
	last := calls[before]
	require.True(t, last.Accepted(), last.Reason)
	require.Equal(t, key, last.WriteKey)
	require.Equal(t, "track", last.Type)
	require.Equal(t, "Hello Headwater", last.Event)
	require.Equal(t, "pro", last.Str("properties.plan"))
}

func post(t *testing.T, address, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// shellWords splits a command as sh does, as far as a command without expansions goes.
// It fails when there is anything else in it that sh would act on.
func shellWords(t testing.TB, command string) []string {
	t.Helper()
	var words []string
	var word strings.Builder
	quoted, inWord := false, false
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case quoted && c == '\'':
			quoted = false
		case quoted:
			word.WriteByte(c)
		case c == '\'':
			quoted, inWord = true, true
		case c == '\\' && command[i+1] == '\n':
			i++
		case c == '\\':
			i++
			word.WriteByte(command[i])
		case c == ' ' || c == '\n':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			require.True(t, c == '-' || c >= 'a' && c <= 'z', "%q stands unquoted in %s", c, command)
			word.WriteByte(c)
			inWord = true
		}
	}
	require.False(t, quoted, command)
	return words
}

func TestPixelSnippet(t *testing.T) {
	t.Parallel()
	src := regexp.MustCompile(`^<img src="([^"<>]*)" width="1" height="1" alt="">\n$`)
	for _, key := range keys {
		match := src.FindStringSubmatch(snippet(t, "Pixel", "https://events.example.com/in/v1", key, sources.Pixel))
		require.NotNil(t, match, key)
		u, err := url.Parse(html.UnescapeString(match[1]))
		require.NoError(t, err)
		require.Equal(t, "https://events.example.com/in/v1/pixel/track", u.Scheme+"://"+u.Host+u.Path)
		require.Regexp(t, `^data=[0-9A-Za-z_-]+$`, u.RawQuery, "URL-safe, no padding")
		req := ingest.DecodePixel("track", u.RawQuery, time.Now())
		require.Equal(t, key, req.WriteKey)
		require.Len(t, req.Calls, 1)
		require.Equal(t, ingest.Accepted, req.Calls[0].Verdict, req.Calls[0].Reason)
		require.Equal(t, "Hello Headwater", req.Calls[0].Event)
	}
}

func TestBrowserSnippets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ endpoint, cdn, host, protocol string }{
		{"http://127.0.0.1:8033", "http://127.0.0.1:8033", "127.0.0.1:8033/v1", "http"},
		{"https://events.example.com/in/v1/", "https://events.example.com/in", "events.example.com/in/v1", "https"},
		{"http://[::1]:8033/", "http://[::1]:8033", "[::1]:8033/v1", "http"},
		{`http://x/</script>"`, `http://x/</script>"`, "x/%3C/script%3E%22/v1", "http"},
	} {
		for _, key := range keys {
			code := snippet(t, "Analytics.js", c.endpoint, key, sources.Website)
			require.Equal(t, c.cdn, after(t, code, "cdnURL: "))
			require.Equal(t, c.host, after(t, code, "apiHost: "))
			require.Equal(t, c.protocol, after(t, code, "protocol: "))
			require.Equal(t, key, after(t, code, "writeKey: "))
			require.Contains(t, code, "import { AnalyticsBrowser } from '@segment/analytics-next'")

			fetch := snippet(t, "fetch", c.endpoint, key, sources.Website)
			require.Equal(t, c.cdn+"/v1/track", after(t, fetch, "fetch("))
			require.Equal(t, key, after(t, fetch, "writeKey: "))
			for _, code := range []string{code, fetch} {
				_, script, found := strings.Cut(code, "<script")
				require.True(t, found)
				script = strings.TrimSuffix(script, "</script>\n")
				require.NotContains(t, script, "<", "nothing in the script ends it or begins another")
				require.NotContains(t, code, " src=")
			}
		}
	}
}

// after returns the JavaScript string, which is JSON too, behind a mark.
func after(t testing.TB, code, mark string) (s string) {
	t.Helper()
	_, rest, found := strings.Cut(code, mark)
	require.True(t, found, mark)
	require.NoError(t, json.NewDecoder(strings.NewReader(rest)).Decode(&s), rest)
	return s
}
