// Assets: the vendored library is the published one, and what is cached for ever may be.

package pages_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/pages"
)

func TestChartJSIsUnmodified(t *testing.T) {
	t.Parallel()
	res := get(t, pages.Handler(newFake()), "/assets/vendor/chart-4.6.1.umd.min.js")
	require.Equal(t, 200, res.StatusCode)
	sum := sha256.Sum256([]byte(body(t, res)))
	require.Equal(t, "87364cc2b2a76a6684929e7d6b80b18a897794db38400caff1fcf1791c6925d2", hex.EncodeToString(sum[:]),
		"dist/chart.umd.min.js of npm's chart.js 4.6.1")
}

func TestAssets(t *testing.T) {
	t.Parallel()
	h := pages.Handler(newFake())
	hashed := regexp.MustCompile(`assets/[^"]+\?v=[0-9a-f]{12}`)
	seen := map[string]bool{}
	for _, page := range everyPage {
		for _, address := range hashed.FindAllString(body(t, get(t, h, page.path)), -1) {
			seen[address] = true
		}
	}
	require.Greater(t, len(seen), 10)
	for address := range seen {
		res := get(t, h, "/"+address)
		require.Equal(t, 200, res.StatusCode, address)
		require.Equal(t, "public, max-age=31536000, immutable", res.Header.Get("Cache-Control"), address)
		requireClosed(t, res.Header)
		path, _, _ := strings.Cut(address, "?")
		want := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
		require.Equal(t, want[path[strings.LastIndex(path, ".")+1:]], res.Header.Get("Content-Type"))

		stale := get(t, h, "/"+path+"?v=000000000000")
		require.Equal(t, "no-cache", stale.Header.Get("Cache-Control"), "an old page must not fix a new file")
		require.NotEmpty(t, stale.Header.Get("ETag"))
	}
}

func TestNoOtherFiles(t *testing.T) {
	t.Parallel()
	h := pages.Handler(newFake())
	for _, path := range []string{"/assets/", "/assets/vendor", "/assets/vendor/", "/assets/nothing.js", "/assets/../pages.go"} {
		res := get(t, h, path)
		require.Equal(t, http.StatusNotFound, res.StatusCode, path)
		requireClosed(t, res.Header)
	}
}
