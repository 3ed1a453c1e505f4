// Analytics.js: the npm package @segment/analytics-next in a page of another origin.

package browsertest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// website serves a page with Analytics.js, as the shop of a user would. The page
// ends with body, markup that may import the package.
func website(t *testing.T, body string) string {
	t.Helper()
	bundles := filepath.Dir(npm(t, "@segment/analytics-next/dist/umd/index.js"))
	mux := http.NewServeMux()
	mux.Handle("GET /umd/", http.StripPrefix("/umd/", http.FileServer(http.Dir(bundles))))
	mux.HandleFunc("GET /module.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		io.WriteString(w, `export const {AnalyticsBrowser} = window.AnalyticsNext`) //nolint:errcheck // the browser has left
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><title>Shop</title><link rel="icon" href="data:,"><h1>Shop</h1>
			<script type="importmap">{"imports": {"@segment/analytics-next": "/module.js"}}</script>
			<script src="/umd/index.js"></script>`+body) //nolint:errcheck // the browser has left
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// sixCalls makes each call once; alias comes last for it changes who the user is.
const sixCalls = `
	await analytics.identify('js-user', {email: 'ada@example.com', plan: 'free'});
	await analytics.track('Order Completed', {revenue: 39.95, products: [{sku: 'a-1', quantity: 2}]});
	await analytics.page('Docs', 'Quickstart', {section: 'intro'});
	await analytics.screen('Checkout', {step: 2});
	await analytics.group('acme', {seats: 7});
	await analytics.alias('js-user-2', 'js-user');`

func TestAnalyticsJS(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		// Only the settings that the collector answers with say where to send.
		"one by one":       `{}`,
		"keepalive":        `{integrations: {'Segment.io': {deliveryStrategy: {config: {keepalive: true}}}}}`,
		"batches, full":    `{integrations: {'Segment.io': {apiHost: HOST + '/v1', protocol: 'http', deliveryStrategy: {strategy: 'batching', config: {size: 3, timeout: 60000}}}}}`,
		"batches, in time": `{integrations: {'Segment.io': {apiHost: HOST + '/v1', protocol: 'http', deliveryStrategy: {strategy: 'batching', config: {size: 100, timeout: 200}}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site, r := website(t, ""), newRoom(t)
			b := newTab(t, site, r.url)
			b.open(site + "/docs?utm_source=mail")
			load(b, r, options)
			js[bool](b, `(async () => {`+sixCalls+` return true })()`)

			requireSix(t, r.arrived(writeKey, 6), "js-user")
			call := r.calls(writeKey)[5]
			page, _ := call.Raw["context"].(map[string]any)["page"].(map[string]any)
			require.Equal(t, "/docs", page["path"])
			require.Equal(t, "analytics.js", call.Raw["context"].(map[string]any)["library"].(map[string]any)["name"])
		})
	}
}

// load starts Analytics.js in the page with the collector as its CDN.
func load(b *tab, r *room, options string) {
	b.Helper()
	js[bool](b, `(async () => {
		const HOST = `+quote(r.url[len("http://"):])+`;
		const [analytics] = await AnalyticsNext.AnalyticsBrowser.load({writeKey: `+quote(writeKey)+`, cdnURL: `+quote(r.url)+`}, `+options+`);
		window.analytics = analytics;
		return true;
	})()`)
}

// requireSix sees that each of the six calls is there once, with verdict ok and
// what was said in it.
func requireSix(t *testing.T, calls []call, user string) {
	t.Helper()
	byType := map[string]call{}
	for _, c := range calls {
		require.Equal(t, "ok", c.Verdict, "%s: %s", c.Type, c.Reason)
		require.NotContains(t, byType, c.Type, "came twice")
		byType[c.Type] = c
	}
	require.Len(t, byType, 6)
	require.Equal(t, "Order Completed", byType["track"].Event)
	require.Equal(t, 39.95, byType["track"].Raw["properties"].(map[string]any)["revenue"])
	require.Equal(t, user, byType["identify"].Raw["userId"])
	require.Equal(t, "ada@example.com", byType["identify"].Raw["traits"].(map[string]any)["email"])
	require.Equal(t, "Quickstart", byType["page"].Raw["name"])
	require.Equal(t, "Docs", byType["page"].Raw["category"])
	require.Equal(t, "Checkout", byType["screen"].Raw["name"])
	require.Equal(t, "acme", byType["group"].Raw["groupId"])
	require.NotEmpty(t, byType["alias"].Raw["previousId"])
}

func TestAnalyticsJSSendsWhatWaitsWhenThePageIsLeft(t *testing.T) {
	t.Parallel()
	site, r := website(t, ""), newRoom(t)
	b := newTab(t, site, r.url)
	b.open(site)
	load(b, r, `{integrations: {'Segment.io': {deliveryStrategy: {strategy: 'batching', config: {size: 100, timeout: 60000}}}}}`)
	js[bool](b, `(async () => {`+sixCalls+` return true })()`)
	require.Empty(t, r.calls(writeKey), "it waits for more")
	b.open(site + "/elsewhere")
	requireSix(t, r.arrived(writeKey, 6), "js-user")
}
