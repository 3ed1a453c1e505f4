// Pixels from outside: the image always comes, and the call when there is one.

package collector_test

import (
	"encoding/base64"
	"image/gif"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

// pixel has a mail program fetch a pixel.
func (b *bench) pixel(path string) {
	b.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header.Set("User-Agent", "Mail/1.0")
	w := b.do(r)
	require.Equal(b, http.StatusOK, w.Code)
	require.Equal(b, "image/gif", w.Header().Get("Content-Type"))
	require.Contains(b, w.Header().Get("Cache-Control"), "no-store")
	img, err := gif.Decode(w.Body)
	require.NoError(b, err)
	require.Equal(b, 1, img.Bounds().Dx()*img.Bounds().Dy())
	_, _, _, alpha := img.At(0, 0).RGBA()
	require.Zero(b, alpha, "transparent")
}

func TestPixelForms(t *testing.T) {
	t.Parallel()
	const message = `{"writeKey":"k","userId":"u?>~","event":"Email Opened","properties":{"subject":"x"}}`
	std, raw := base64.StdEncoding, base64.RawURLEncoding
	for name, path := range map[string]string{
		"URL alphabet, no padding":       "?data=" + raw.EncodeToString([]byte(message)),
		"standard alphabet, padded":      "?data=" + url.QueryEscape(std.EncodeToString([]byte(message))),
		"standard alphabet as it stands": "?data=" + std.EncodeToString([]byte(message)),
		"flat":                           "?writeKey=k&userId=u%3F%3E~&event=Email%20Opened&properties.subject=x",
		"flat, with + for a space":       "?writeKey=k&userId=u%3F%3E~&event=Email+Opened&properties.subject=x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, collector.Options{})
			b.pixel("/v1/pixel/track" + path)
			got := b.calls("k")
			require.Len(t, got, 1)
			require.Equal(t, "ok", got[0].Verdict)
			require.Equal(t, "Email Opened", got[0].Event)
			require.Equal(t, "u?>~", got[0].Raw["userId"])
			require.Equal(t, map[string]any{"subject": "x"}, got[0].Raw["properties"])
			require.Equal(t, map[string]any{"ip": "203.0.113.7", "userAgent": "Mail/1.0"}, got[0].Raw["context"])
			require.NotContains(t, got[0].Raw, "writeKey")
			var list struct{ Sources []struct{ Type string } }
			b.get("/api/sources", &list)
			require.Equal(t, "pixel", list.Sources[1].Type)
		})
	}
}

func TestEveryCallAsAPixel(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	for _, call := range []string{"identify", "track", "page", "screen", "group", "alias"} {
		b.pixel("/v1/pixel/" + call + "?writeKey=k&userId=u&event=E&groupId=g&previousId=p&name=n")
	}
	require.Equal(t, []string{"identify ok", "track ok", "page ok", "screen ok", "group ok", "alias ok"}, b.verdicts("k"))
}

func TestBadPixels(t *testing.T) {
	t.Parallel()
	b := newBench(t, collector.Options{})
	for _, path := range []string{
		"/v1/pixel/track", "/v1/pixel/track?data=", "/v1/pixel/track?data=%%%", "/v1/pixel/track?data=e30", "/v1/pixel/track?data=bm9wZQ",
		"/v1/pixel/track?a=%zz&userId=u", "/v1/pixel/nothing?userId=u", "/v1/pixel/batch?data=e30", "/v1/pixel/t?userId=u",
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/pixel/track", nil)
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
		w := b.do(r)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Equal(t, "image/gif", w.Header().Get("Content-Type"), path)
	}
	for _, c := range b.calls(collector.DefaultWriteKey) {
		require.NotEqual(t, "ok", c.Verdict)
		require.NotEmpty(t, c.Reason)
	}
	require.Len(t, b.calls(collector.DefaultWriteKey), 6, "those of unknown calls leave no trace")

	strict := newBench(t, collector.Options{Strict: true})
	strict.pixel("/v1/pixel/track?writeKey=who&userId=u&event=E")
}
