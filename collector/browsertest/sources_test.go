// Sources: made, set up, changed and deleted with nothing but a browser.

package browsertest_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSourceFromTheFormToTheFirstCall(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	b.open(r.url + "/")
	require.Contains(t, b.text("#list"), "Shop")
	require.Equal(t, 8, js[int](b, `document.querySelectorAll("input[name=type]").length`), "a choice of eight types")
	b.write("#new input[name=name]", "Shop backend")
	b.click(`input[name=type][value=server]`)
	b.follow("form.create button")
	require.Equal(t, r.url+"/sources/shop-backend/setup", js[string](b, `location.href`))

	key := r.key("shop-backend")
	shown := snippets(b)
	require.Len(t, shown, 5)
	for label, code := range shown {
		require.Contains(t, code, strings.TrimPrefix(r.url, "http://"), label)
		if label != "Pixel" { // it has the key in its encoded part
			require.Contains(t, code, key, label)
		}
	}
	require.Contains(t, b.text(".arrival-title"), "Waiting")
	b.wait(`performance.getEntriesByType("resource").length > 3`)
	r.post(key, "track", `{"userId":"u","event":"First"}`)
	b.wait(`document.querySelector(".arrival-title").innerText.includes("Received") && document.querySelector(".arrival-calls").innerText.includes("First")`)
}

// snippets are those of a set-up page, by label.
func snippets(b *tab) map[string]string {
	b.Helper()
	return js[map[string]string](b, `Object.fromEntries([...document.querySelectorAll("[data-tab]")].map((s) => [s.dataset.tab, s.querySelector("pre").textContent]))`)
}

func TestSnippetsWorkInAPage(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	b.open(r.url + "/sources/shop/setup")
	code := snippets(b)
	sent := 0
	for label, calls := range map[string][]string{"Analytics.js": {"page", "track"}, "fetch": {"track"}, "Pixel": {"track"}} {
		site := website(t, code[label])
		b.allow(site)
		b.open(site)
		var got []string
		for _, c := range r.arrived(writeKey, sent+len(calls))[:len(calls)] {
			require.Equal(t, "ok", c.Verdict, c.Reason)
			got = append(got, c.Type)
		}
		require.ElementsMatch(t, calls, got, label)
		sent += len(calls)
	}
}

func TestSourceIsChangedInItsSettings(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	b.open(r.url + "/sources/shop/settings")
	requireNoKey(b)

	b.click("#show-key")
	b.wait(`document.getElementById("write-key").innerText === ` + quote(writeKey))
	b.click("#show-key")
	b.wait(`document.getElementById("write-key").innerText.includes("•")`)

	b.write("#name-field", "Corner shop")
	b.follow("#name form button")
	require.Equal(t, "Corner shop", b.text("h1"))
	require.Equal(t, "Corner shop", r.sources()[0].Name)

	b.write("#name-field", "   ")
	b.follow("#name form button")
	require.NotEmpty(t, b.text("#name-problem"))
	require.Contains(t, strings.Join(b.heard(), "\n"), "422", "which the browser puts on its console")
	require.Equal(t, "Corner shop", r.sources()[0].Name)

	b.follow("#state button")
	require.Contains(t, b.text(".source-title"), "Disabled")
	r.post(writeKey, "track", `{"userId":"u","event":"E"}`)
	require.Equal(t, "source_disabled", r.calls(writeKey)[0].Verdict)
	b.follow("#state button")
	r.post(writeKey, "track", `{"userId":"u","event":"E"}`)
	require.Equal(t, "ok", r.calls(writeKey)[0].Verdict)

	b.click("#key details summary")
	b.follow("#key details button")
	next := r.key("shop")
	require.Regexp(t, regexp.MustCompile(`^[0-9A-Za-z]{32}$`), next)
	r.post(next, "track", `{"userId":"u","event":"E"}`)
	require.Len(t, r.calls(next), 3)
}

func TestFiltersAreMadeAndRemoved(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	b.open(r.url + "/sources/shop/settings")
	require.Contains(t, b.text(".filter-list"), "Debug *")

	b.write("#f-property", "internal")
	b.write("#f-value", "true")
	b.follow(".filter-form > button")
	require.Contains(t, b.text(".filter-list"), "internal")
	r.send("track", `{"userId":"u","event":"E","properties":{"internal":true}}`)
	require.Equal(t, "schema_violation", r.calls(writeKey)[0].Verdict)

	b.follow(".filter-form > button")
	require.Contains(t, b.text(".filter-form"), "needs a condition")
	require.Contains(t, strings.Join(b.heard(), "\n"), "422", "which the browser puts on its console")

	b.open(r.url + "/sources/shop/settings")
	b.follow(".filter-list li:nth-child(2) button")
	require.NotContains(t, b.text(".filter-list"), "internal")
	b.follow(".filter-list li:nth-child(1) button")
	require.Contains(t, b.text("#filters"), "No filters")
	r.send("track", `{"userId":"u","event":"Debug Ping"}`)
	require.Equal(t, "ok", r.calls(writeKey)[0].Verdict)
}

func TestSourceIsDeletedOnlyByName(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	b.open(r.url + "/sources/shop/settings")
	require.True(t, js[bool](b, `document.querySelector("#delete button").disabled`))
	b.write("#delete-name", "Sho")
	require.True(t, js[bool](b, `document.querySelector("#delete button").disabled`))
	b.write("#delete-name", "Shop")
	b.follow("#delete button")
	require.Equal(t, r.url+"/", js[string](b, `location.href`))
	require.NotContains(t, b.text("#list"), "Shop")
	require.Empty(t, r.sources())
}
