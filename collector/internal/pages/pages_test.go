// The pages: each renders, escapes, links relatively and allows no inline script.

package pages_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/overview"
	"github.com/headwater-dev/analytics/collector/internal/pages"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

const (
	shopKey = "k3yOfTheShop00000000000000000000"
	hostile = `"><img src=x onerror=alert(1)>'</script>`
)

// hostiles are names nobody should have.
var hostiles = []string{hostile, strings.Repeat("Long", 50), "🛒 emoji", "اكتمل الطلب", "javascript:alert(1)", "{{.Root}}"}

// newFake has one source, "shop", with a call of every kind and hostile text everywhere.
func newFake() *fake {
	half := -50.0
	f := &fake{now: func() time.Time { return noon }, lastCall: noon.Add(-time.Minute)}
	f.sources = []sources.Source{{
		ID: 1, Slug: "shop", Name: "Shop " + hostile, Type: sources.Server, WriteKey: shopKey,
		Filters: []sources.Filter{{Event: hostile}, {Call: "track", Property: "order.test", Value: "true"}},
	}}
	f.overview = &overview.Overview{
		Received: 12345, Failed: 45, Filtered: 300, Eligible: 12000, Duplicates: 7,
		ByType:    []overview.Row{{Label: "track", Count: 12000, Change: &half}, {Label: "page", Count: 345}},
		ByVersion: []overview.Row{{Label: "4.2.0", Count: 12000}, {Label: "", Count: 345}},
		Reasons:   []overview.Row{{Label: "no_user_anon_id", Count: 45}},
		Series:    []overview.Point{{At: noon.Add(-time.Hour), Received: 45, Failed: 5, Eligible: 40}, {At: noon}},
	}
	for _, name := range hostiles {
		f.overview.ByName = append(f.overview.ByName, overview.Row{Label: name, Count: 10})
	}
	f.collections = []store.Collection{{Name: hostile, Objects: 3, UpdatedAt: noon}}
	f.notices = []string{"A notice " + hostile}
	for i, name := range hostiles {
		f.arrive(track(int64(i+1), name, "user "+name))
	}
	failed := track(20, "Cart Updated", "")
	failed.Verdict, failed.Step, failed.Reason = "no_user_anon_id", store.Failed, "userId and anonymousId are missing"
	blocked := track(21, "Debug Ping", "user-21")
	blocked.Verdict, blocked.Step, blocked.Reason = sources.EventSetting, store.Filtered, "blocked by a filter "+hostile
	broken := pages.Row{ID: 22, Verdict: "bad_request", Step: store.Failed, ReceivedAt: noon, Raw: []byte(`"` + `<img src=x>`)}
	f.arrive(failed, blocked, broken)
	return f
}

// get asks a handler for a page.
func get(t *testing.T, h http.Handler, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(b)
}

// everyPage is an address of each page in each of its states, with something it says.
var everyPage = []struct {
	path   string
	status int
	says   []string
}{
	{"/", 200, []string{"Sources", "Receiving", "12,345", "Reverse ETL", "A notice", "Create source"}},
	{"/sources/shop/setup", 200, []string{shopKey, "Received", "http://example.com"}},
	{"/sources/shop", 200, []string{"Events successfully received", "12,345", "Failed on ingest", "Filtered at source", "Eligible events",
		"97.2 %", "−50.0 %", "new", "7 duplicates", "Objects", "Show as table"}},
	{"/sources/shop?tab=name", 200, []string{"Event name", "🛒 emoji", "اكتمل الطلب"}},
	{"/sources/shop?tab=version", 200, []string{"App version", "4.2.0", "No version"}},
	{"/sources/shop?step=failed", 200, []string{"Reasons", "no_user_anon_id", "It says nobody"}},
	{"/sources/shop?step=filtered&tab=type", 200, []string{"Filtered at source"}},
	{"/sources/shop?step=eligible&window=7d", 200, []string{"Eligible events"}},
	{"/sources/shop?tab=reasons", 200, []string{"Event type"}},
	{"/sources/shop?window=custom&from=2026-03-14T09:00&to=2026-03-14T10:00", 200, []string{"14 Mar 2026, 09:00 UTC"}},
	{"/sources/shop?window=custom&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z", 422, []string{"From must lie within the last two weeks."}},
	{"/sources/shop?window=" + url.QueryEscape(hostile), 422, []string{"Window must be one of"}},
	{"/sources/shop/samples?step=failed&verdict=no_user_anon_id", 200, []string{"Cart Updated", "userId and anonymousId are missing"}},
	{"/sources/shop/debugger", 200, []string{"Cart Updated", "Blocked", "Failed", "OK", "Search in the raw payload"}},
	{"/sources/shop/debugger?q=" + url.QueryEscape(hostile) + "&type=page&verdict=" + url.QueryEscape(hostile), 200, []string{"Nothing matches."}},
	{"/sources/shop/calls/1", 200, []string{"Pretty", "Raw", "messageId"}},
	{"/sources/shop/calls/20?part", 200, []string{"client.Track", "It says nobody"}},
	{"/sources/shop/calls/22", 200, []string{"cannot be written as Go", "could not be read as a call"}},
	{"/sources/shop/calls/999", 404, []string{"No longer kept"}},
	{"/sources/shop/calls/x", 404, []string{"Nothing here"}},
	{"/sources/shop/settings", 200, []string{"Write key", "cannot be changed", "order.test", "Delete this source", "Disable"}},
	{"/sources/nobody", 404, []string{"Nothing here"}},
	{"/sources/nobody/settings", 404, []string{"Nothing here"}},
	{"/no/such/page", 404, []string{"Nothing here"}},
	{"/sources//shop", 404, []string{"Nothing here"}},
}

func TestEveryPage(t *testing.T) {
	t.Parallel()
	h := pages.Handler(newFake())
	for _, page := range everyPage {
		t.Run(page.path, func(t *testing.T) {
			t.Parallel()
			res := get(t, h, page.path)
			html := body(t, res)
			require.Equal(t, page.status, res.StatusCode, html)
			require.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
			for _, text := range page.says {
				require.Contains(t, html, text)
			}
			requireClosed(t, res.Header)
			requireNothingInline(t, html)
			requireRelative(t, page.path, html)
			require.NotContains(t, html, "<img", "text of events is escaped")
			require.NotContains(t, html, "ZgotmplZ")
			if !strings.HasSuffix(page.path, "/setup") {
				require.NotContains(t, html, shopKey)
			}
		})
	}
}

// requireClosed checks the headers that every answer carries.
func requireClosed(t *testing.T, h http.Header) {
	t.Helper()
	require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", h.Get("Content-Security-Policy"))
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	require.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
	require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	require.NotEmpty(t, h.Get("Cache-Control"))
}

var (
	tags        = regexp.MustCompile(`<[a-zA-Z][^>]*>`)
	inlineAttr  = regexp.MustCompile(`(?i)\s(style|on[a-z]+)\s*=`)
	links       = regexp.MustCompile(`\s(?:href|src|action|data-stream|data-load|data-from)="([^"]*)"`)
	quotedValue = regexp.MustCompile(`="[^"]*"`)
)

func requireNothingInline(t *testing.T, html string) {
	t.Helper()
	for _, tag := range tags.FindAllString(html, -1) {
		require.NotRegexp(t, inlineAttr, quotedValue.ReplaceAllString(tag, `=""`))
		require.NotContains(t, strings.ToLower(tag), "<style")
		if strings.HasPrefix(tag, "<script") {
			require.Regexp(t, ` src="| type="application/json"`, tag)
		}
	}
}

// requireRelative checks that every link, seen from a page under a prefix, stays under it.
func requireRelative(t *testing.T, page, html string) {
	t.Helper()
	base, err := url.Parse("http://host/prefix" + page)
	require.NoError(t, err)
	for _, link := range links.FindAllStringSubmatch(html, -1) {
		to, err := base.Parse(strings.ReplaceAll(link[1], "&amp;", "&"))
		require.NoError(t, err, link[1])
		require.True(t, strings.HasPrefix(to.String(), "http://host/prefix/"), "%s leads to %s", link[1], to)
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	h := pages.Handler(newFake())
	followed := map[string]bool{}
	for _, page := range everyPage {
		if page.status == http.StatusNotFound { // its skip link leads to itself
			continue
		}
		base, err := url.Parse("http://host" + page.path)
		require.NoError(t, err)
		for _, link := range links.FindAllStringSubmatch(body(t, get(t, h, page.path)), -1) {
			to, err := base.Parse(strings.ReplaceAll(link[1], "&amp;", "&"))
			require.NoError(t, err)
			to.Fragment = ""
			if followed[to.String()] || strings.Contains(to.Path, "/live") || strings.HasPrefix(link[0], " action") {
				continue
			}
			followed[to.String()] = true
			res := get(t, h, to.RequestURI())
			require.Contains(t, []int{200, 422}, res.StatusCode, "%s of %s", to, page.path)
		}
	}
	require.Greater(t, len(followed), 20)
}

func TestOverviewOfNothing(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.overview = nil
	h := pages.Handler(f)
	require.Contains(t, body(t, get(t, h, "/sources/shop")), "No calls in this window.")
	require.Contains(t, body(t, get(t, h, "/sources/shop?step=failed")), "No call failed.")
	require.Contains(t, body(t, get(t, h, "/sources/shop?step=filtered")), "No call was filtered.")
}

func TestEmptyCollector(t *testing.T) {
	t.Parallel()
	f := &fake{now: time.Now}
	html := body(t, get(t, pages.Handler(f), "/"))
	require.Contains(t, html, "Where do your events come from?")

	f.sources = []sources.Source{{ID: 1, Slug: "shop", Type: sources.Server, WriteKey: shopKey, Disabled: true}}
	h := pages.Handler(f)
	require.Contains(t, body(t, get(t, h, "/")), "Disabled")
	require.Contains(t, body(t, get(t, h, "/sources/shop/setup")), "This source is disabled")
	require.Contains(t, body(t, get(t, h, "/sources/shop/debugger")), "No calls yet.")
	f.sources[0].Disabled = false
	require.Contains(t, body(t, get(t, h, "/sources/shop/setup")), "Waiting for the first call…")
	require.Contains(t, body(t, get(t, h, "/")), "No calls yet")
}

func TestQuietSource(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.lastCall = noon.Add(-11 * time.Minute)
	require.Contains(t, body(t, get(t, pages.Handler(f), "/")), `datetime="2026-03-14T11:49:00Z"`)
}

func TestChartIsData(t *testing.T) {
	t.Parallel()
	html := body(t, get(t, pages.Handler(newFake()), "/sources/shop?step=failed"))
	want := fmt.Sprintf(`"points":[[%d,5],[%d,0]]`, noon.Add(-time.Hour).UnixMilli(), noon.UnixMilli())
	require.Contains(t, html, want)
	require.Contains(t, html, `"step":"failed"`)
}

func TestChartTellsWhetherItsEndStillGrows(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.now = func() time.Time { return noon.Add(30 * time.Second) }
	h := pages.Handler(f)
	require.Contains(t, body(t, get(t, h, "/sources/shop?window=10m")), `"running":true`)
	past := "/sources/shop?window=custom&from=2026-03-14T09:00:00Z&to=2026-03-14T10:00:00Z"
	require.Contains(t, body(t, get(t, h, past)), `"running":false`)
}

func TestShares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failed, received int
		want             string
	}{
		{0, 300, "<b>0.0 %</b>"}, {1, 3000, "<b>&lt; 0.1 %</b>"}, {12, 300, "<b>4.0 %</b>"}, {7, 300, "<b>2.3 %</b>"},
		{2999, 3000, "<b>&gt; 99.9 %</b>"}, {300, 300, "<b>100.0 %</b>"}, {0, 0, "<span class=\"step-about\">Broke a rule"},
	} {
		f := newFake()
		f.overview.Received, f.overview.Failed = c.received, c.failed
		html := body(t, get(t, pages.Handler(f), "/sources/shop"))
		_, card, found := strings.Cut(html, `class="step is-failed"`)
		require.True(t, found)
		card, _, _ = strings.Cut(card, "</li>")
		require.Contains(t, card, c.want, "%d of %d", c.failed, c.received)
	}
}

func TestRowsSayWhatStoppedThem(t *testing.T) {
	t.Parallel()
	html := body(t, get(t, pages.Handler(newFake()), "/sources/shop/debugger"))
	require.Contains(t, html, `<span class="call-who"><code>no_user_anon_id</code></span>`)
	require.Contains(t, html, `<span class="call-who"><bdi>user-21</bdi><code>`+sources.EventSetting+`</code></span>`)
	require.NotContains(t, html, "<code>ok</code>")
}

func TestCallOfNobodyAndNothing(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.arrive(pages.Row{ID: 30, Type: "group", Verdict: "id_required", Step: store.Failed, ReceivedAt: noon, Raw: []byte(`{"type":"group"}`)})
	h := pages.Handler(f)
	for _, path := range []string{"/sources/shop/debugger", "/sources/shop/samples?step=failed&verdict=id_required", "/sources/shop/calls/30"} {
		html := body(t, get(t, h, path))
		require.Contains(t, html, ">Unnamed<", path)
		require.NotRegexp(t, `>Group</(span|bdi)>\s*<[^>]*>(<bdi>)?Group<`, html, path)
	}
}

func TestDebuggerAsksForWhatTheAddressSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query string
		want  store.CallFilter
	}{
		{"", store.CallFilter{Limit: 500}},
		{"?type=track&verdict=ok&q=a+b", store.CallFilter{Limit: 500, Type: "track", Verdict: "ok", Search: "a b"}},
		{"?verdict=failed", store.CallFilter{Limit: 500, Step: store.Failed}},
		{"?verdict=filtered", store.CallFilter{Limit: 500, Step: store.Filtered}},
		{"?verdict=id_required", store.CallFilter{Limit: 500, Verdict: "id_required"}},
	} {
		f := newFake()
		require.Equal(t, 200, get(t, pages.Handler(f), "/sources/shop/debugger"+c.query).StatusCode)
		require.Equal(t, c.want, f.filter, c.query)
	}
}

func TestFilterByLinkIsShown(t *testing.T) {
	t.Parallel()
	html := body(t, get(t, pages.Handler(newFake()), "/sources/shop/debugger?type=odd&verdict=id_required"))
	require.Contains(t, html, `<option value="odd" selected>odd</option>`)
	require.Contains(t, html, `<option value="id_required" selected>`)
}

func TestSamplesAreTenAtMost(t *testing.T) {
	t.Parallel()
	f := newFake()
	for i := range 30 {
		f.arrive(track(int64(100+i), "Many", "user"))
	}
	html := body(t, get(t, pages.Handler(f), "/sources/shop/samples?verdict=ok&step=eligible&from=2026-03-14T10:00:00Z&to=2026-03-14T12:00:00Z"))
	require.Equal(t, 10, strings.Count(html, "<pre"))
	require.Equal(t, noon.Add(-2*time.Hour), f.filter.From)
	require.Equal(t, noon, f.filter.To)
}

func TestNumbersStayDigitForDigit(t *testing.T) {
	t.Parallel()
	f := newFake()
	big := track(60, "Big", "user")
	big.Raw = []byte(`{"type":"track","event":"Big","userId":"user","properties":{"n":12345678901234567890.5}}`)
	f.arrive(big)
	html := body(t, get(t, pages.Handler(f), "/sources/shop/calls/60?part"))
	require.Equal(t, 2, strings.Count(html, "12345678901234567890.5"), "pretty and raw")
}

func TestMethodsThatDoNotFit(t *testing.T) {
	t.Parallel()
	h := pages.Handler(newFake())
	for _, c := range []struct{ method, path, allow string }{
		{http.MethodPost, "/sources/shop", "GET"},
		{http.MethodDelete, "/sources/shop/settings", "GET"},
		{http.MethodPut, "/sources/shop/rename", "GET"},
		{http.MethodPut, "/", "GET"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, c.path)
		require.Equal(t, c.allow, w.Header().Get("Allow"), c.path)
		requireClosed(t, w.Header())
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/nowhere", nil))
	require.Equal(t, http.StatusNotFound, w.Code)
}

func TestBackendThatFails(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/sources/shop", "/sources/shop/setup", "/sources/shop/debugger", "/sources/shop/samples", "/sources/shop/calls/1"} {
		f := newFake()
		f.err = errors.New("disk full of secrets")
		res := get(t, pages.Handler(f), path)
		require.Equal(t, http.StatusInternalServerError, res.StatusCode, path)
		require.NotContains(t, body(t, res), "secrets", path)
		require.Len(t, f.failed, 1, path)
		require.ErrorIs(t, f.failed[0], f.err)

		f = newFake()
		f.err = fmt.Errorf("read: %w", sources.ErrNotFound)
		require.Equal(t, http.StatusNotFound, get(t, pages.Handler(f), path).StatusCode, path)
	}
}

func TestKeyOnRequest(t *testing.T) {
	t.Parallel()
	res := get(t, pages.Handler(newFake()), "/sources/shop/key")
	require.Equal(t, shopKey, body(t, res))
	require.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	requireClosed(t, res.Header)
}
