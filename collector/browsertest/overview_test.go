// The Overview: every step, window and tab, in every light, on every screen.

package browsertest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// look is how a viewer looks at a page.
type look struct {
	theme         string
	width, height int64
}

var looks = []look{{"light", 1280, 900}, {"dark", 1280, 900}, {"light", 375, 812}, {"dark", 375, 812}}

func (l look) String() string { return fmt.Sprintf("%s, %d wide", l.theme, l.width) }

// take makes the tab look so.
func (l look) take(b *tab) {
	b.Helper()
	b.size(l.width, l.height)
	b.theme(l.theme)
}

// requireFits sees that no page scrolls sideways, once what is drawn has followed
// the size.
func (l look) requireFits(b *tab) {
	b.Helper()
	fits := func() bool { return js[int64](b, `document.documentElement.scrollWidth`) <= l.width }
	if !fits() {
		require.True(b, eventually(patience, fits), "the page scrolls sideways\n%s: %s\n%s", l, js[string](b, `location.href`), wide(b, l.width))
	}
}

// wide names what is wider than the page, for the one who reads a failure.
func wide(b *tab, width int64) string {
	return js[string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d + 0.5)
		.map((e) => e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right)).slice(0, 12).join("\n")`, width))
}

// requireTheme sees that the page is as light or dark as the viewer prefers.
func (l look) requireTheme(b *tab) {
	b.Helper()
	light := js[float64](b, `(() => {
		const c = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
		for (const e of [document.documentElement, document.body]) {
			c.fillStyle = getComputedStyle(e).backgroundColor;
			c.fillRect(0, 0, 1, 1);
		}
		const [r, g, b] = c.getImageData(0, 0, 1, 1).data;
		return (r + g + b) / 765;
	})()`)
	if l.theme == "dark" {
		require.Less(b, light, 0.3)
	} else {
		require.Greater(b, light, 0.8)
	}
}

// choose clicks a link that changes the Overview in place and waits until it is the chosen one.
func choose(b *tab, id string) {
	b.Helper()
	js[bool](b, `document.getElementById(`+quote(id)+`).click() || true`)
	b.wait(`document.getElementById(` + quote(id) + `)?.getAttribute("aria-current")`)
}

// seen is what an Overview showed.
type seen struct {
	Step, Window, Tab   string
	Count, Title, Label string
	Breakdown           string
	Width               int64
	Painted             int // pixels of a chart of 200 by 60
}

// walk chooses every step, in it every window, in that every tab, and tells what it saw.
const walk = `(async () => {
	const all = (selector) => [...document.querySelectorAll(selector)].map((e) => e.id);
	const text = (selector) => document.querySelector(selector).innerText.trim();
	const choose = async (id) => {
		document.getElementById(id).click();
		const end = performance.now() + 5000;
		while (!document.getElementById(id)?.getAttribute("aria-current")) {
			if (performance.now() > end) throw new Error(id + " was never chosen");
			await new Promise((resolve) => setTimeout(resolve, 2));
		}
		await new Promise((resolve) => setTimeout(resolve)); // for the chart
	};
	const small = new OffscreenCanvas(200, 60).getContext("2d", {willReadFrequently: true});
	const painted = () => {
		small.clearRect(0, 0, 200, 60);
		small.drawImage(document.getElementById("chart"), 0, 0, 200, 60);
		return small.getImageData(0, 0, 200, 60).data.filter((v, i) => i % 4 === 3 && v).length;
	};
	const out = [];
	for (const step of all(".steps a")) {
		await choose(step);
		for (const window of all(".windows a")) {
			await choose(window);
			for (const tab of all("#breakdown .subtabs a")) {
				await choose(tab);
				out.push({
					step: step.slice(5), window: window.slice(7), tab: tab.slice(4), width: document.documentElement.scrollWidth, painted: painted(),
					count: text("#" + step + " .step-count"), label: text("#" + step + " .step-label"), title: text("#chart-title"), breakdown: text("#breakdown"),
				});
			}
		}
	}
	return out;
})()`

func TestOverviewShowsEveryStepWindowAndTab(t *testing.T) {
	t.Parallel()
	tabs := map[string][]string{
		"received": {"type", "name", "version"}, "failed": {"reasons", "type", "name", "version"},
		"filtered": {"reasons", "type", "name", "version"}, "eligible": {"type", "name", "version"},
	}
	counts := map[string]string{"received": "12", "failed": "3", "filtered": "2", "eligible": "7"}
	// Both lights and both screens; the other two pairs are in TestEveryPageIsForEveryone.
	for _, l := range []look{looks[0], looks[3]} {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			shop(r)
			b := newTab(t, r.url)
			l.take(b)
			b.open(r.url + "/sources/shop")
			l.requireTheme(b)
			require.Equal(t, "true", js[string](b, `document.getElementById("window-24h").getAttribute("aria-current")`), "24 hours is where it begins")

			got := map[string]seen{}
			for _, s := range js[[]seen](b, walk) {
				got[s.Step+" "+s.Window+" "+s.Tab] = s
			}
			for step, count := range counts {
				for _, window := range []string{"10m", "1h", "24h", "7d", "2w"} {
					for _, tab := range tabs[step] {
						what := step + " " + window + " " + tab
						s, found := got[what]
						require.True(t, found, what)
						delete(got, what)
						require.Equal(t, count, s.Count, what)
						require.Equal(t, s.Label, s.Title, what)
						require.NotEmpty(t, s.Breakdown, what)
						require.LessOrEqual(t, s.Width, l.width, "%s scrolls sideways", what)
						require.Greater(t, s.Painted, 300, "%s: the chart is empty", what)
					}
				}
			}
			require.Empty(t, got, "unknown choices")
		})
	}
}

func TestOverviewBreaksDown(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	shop(r)
	b := newTab(t, r.url)
	b.open(r.url + "/sources/shop")
	rows := func() [][]string {
		return js[[][]string](b, `[...document.querySelectorAll("#breakdown tbody tr")].map((tr) => [...tr.cells].map((td) => td.innerText.trim()))`)
	}
	require.Contains(t, rows(), []string{"Track", "7", "new"})
	require.Contains(t, rows(), []string{"Page", "2", "new"})

	choose(b, "tab-name")
	require.Contains(t, rows(), []string{"Order Completed", "1"})
	require.Contains(t, rows(), []string{"Unnamed", "6"})

	choose(b, "tab-version")
	require.Contains(t, rows(), []string{"3.1.4", "3"})
	require.Contains(t, rows(), []string{"3.1.0", "2"})

	choose(b, "step-failed")
	choose(b, "tab-reasons")
	require.Contains(t, b.text("#breakdown"), "no_user_anon_id")
	b.click(`.reason[data-stay="event_not_defined"] summary`)
	b.wait(`document.querySelector('.reason[data-stay="event_not_defined"] .sample')`)
	b.click(`.reason[data-stay="event_not_defined"] .sample summary`)
	require.Contains(t, b.text(`.reason[data-stay="event_not_defined"] .sample pre`), `"u-3"`)
	requireNoKey(b)

	choose(b, "step-filtered")
	require.Contains(t, b.text("#breakdown"), "event_setting")
}

// requireNoKey sees that the write key is nowhere in the page.
func requireNoKey(b *tab) {
	b.Helper()
	require.NotContains(b, js[string](b, `document.documentElement.outerHTML`), writeKey)
}

func TestOverviewIsLive(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	b.open(r.url + "/sources/shop")
	require.Equal(t, "0", b.text("#step-received .step-count"))
	b.wait(`document.readyState === "complete"`)
	r.sendAll(numbered(3))
	b.wait(`document.querySelector("#step-received .step-count").innerText === "3"`)
}

func TestOverviewKeepsAChoiceWhileItRefreshes(t *testing.T) {
	t.Parallel()
	const choose, refresh = `document.getElementById("step-failed").click();`, `document.dispatchEvent(new Event("visibilitychange"));`
	for name, script := range map[string]string{"refresh first": refresh + choose, "choice first": choose + refresh} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			b := newTab(t, r.url)
			b.open(r.url + "/sources/shop")
			js[bool](b, `(() => {`+script+` return true })()`)
			b.wait(`document.getElementById("step-failed")?.getAttribute("aria-current") && location.search.includes("step=failed")`)
		})
	}
}

func TestOverviewGoesBack(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	b.open(r.url + "/sources/shop")
	choose(b, "step-failed")
	b.wait(`location.search.includes("step=failed")`)
	choose(b, "window-7d")
	b.wait(`location.search.includes("window=7d")`)
	js[bool](b, `history.back() || true`)
	b.wait(`document.getElementById("window-24h").getAttribute("aria-current") && document.getElementById("step-failed").getAttribute("aria-current")`)
}

func TestOverviewOfACustomWindowInTheViewersZone(t *testing.T) {
	t.Parallel()
	kolkata := time.FixedZone("IST", 5*3600+1800)
	r := newRoom(t)
	shop(r)
	b := newTab(t, r.url)
	b.zone("Asia/Kolkata")
	b.open(r.url + "/sources/shop")

	now := time.Now()
	from, to := now.Add(-30*time.Hour).Truncate(time.Minute), now.Truncate(time.Minute)
	b.click("details.custom summary")
	fill := func(id string, at time.Time) {
		js[bool](b, fmt.Sprintf(`(() => { const f = document.getElementById(%q); f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})); return true })()`,
			id, at.In(kolkata).Format("2006-01-02T15:04")))
	}
	fill("from", from)
	fill("to", to)
	require.True(t, js[bool](b, `document.getElementById("custom").checkValidity()`))
	b.click("#custom button")
	b.wait(`new URLSearchParams(location.search).get("window") === "custom"`)

	asked := js[map[string]string](b, `Object.fromEntries(new URLSearchParams(location.search))`)
	require.Equal(t, from.UTC().Format(time.RFC3339), asked["from"], "asked for in UTC")
	require.Equal(t, to.UTC().Format(time.RFC3339), asked["to"])
	require.Contains(t, b.text("p.range"), from.In(kolkata).Format("15:04"), "shown in the viewer's zone")
	require.Contains(t, b.text("p.range"), to.In(kolkata).Format("15:04"))
	require.Contains(t, b.text("details.custom summary"), from.In(kolkata).Format("15:04"))
	require.Equal(t, from.In(kolkata).Format("2006-01-02T15:04"), js[string](b, `document.getElementById("from").value`))

	// A range that cannot be is refused in words.
	b.click("details.custom summary")
	fill("from", now.Add(-20*24*time.Hour))
	js[bool](b, `(document.getElementById("custom").noValidate = true)`)
	b.click("#custom button")
	b.wait(`document.getElementById("window-problem")`)
	require.Contains(t, b.text("#window-problem"), "two weeks")
	require.Contains(t, strings.Join(b.heard(), "\n"), "422", "which the browser puts on its console")
}
