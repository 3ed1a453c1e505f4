// Access: by keyboard alone, by a screen reader, and with weak eyes.

package browsertest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// tabTo presses Tab until an element has the focus, and sees that it shows it.
func tabTo(b *tab, id string) {
	b.Helper()
	for range 60 {
		b.press(kb.Tab)
		if js[string](b, `document.activeElement.id`) == id {
			outline := js[string](b, `(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + " " + s.boxShadow })()`)
			require.NotEqual(b, "none none", outline, "the focus cannot be seen")
			return
		}
	}
	require.FailNow(b, "Tab never reaches #"+id)
}

func TestOverviewByKeyboard(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	shop(r)
	b := newTab(t, r.url)
	b.open(r.url + "/sources/shop")
	b.press(kb.Tab)
	require.Equal(t, "Skip to content", js[string](b, `document.activeElement.innerText`))
	b.press(kb.Enter)
	b.wait(`document.activeElement.id === "main"`)
	for _, id := range []string{"window-7d", "step-failed"} {
		tabTo(b, id)
		b.press(kb.Enter)
		b.wait(`document.getElementById("` + id + `").getAttribute("aria-current")`)
		require.Equal(t, id, js[string](b, `document.activeElement.id`), "the focus stays where it was")
	}
	tabTo(b, "tab-name")
	b.press(kb.Enter)
	b.wait(`document.getElementById("tab-name").getAttribute("aria-current")`)

	b.press("4")
	b.wait(`document.getElementById("step-eligible").getAttribute("aria-current")`)
	b.press("[")
	b.wait(`document.getElementById("window-24h").getAttribute("aria-current")`)
	b.press("?")
	require.True(t, js[bool](b, `document.getElementById("help").open`))
	b.press(kb.Escape)
	b.wait(`!document.getElementById("help").open`)

	js[bool](b, `window.left = true`)
	b.press("gd")
	b.arrive()
	require.Equal(t, r.url+"/sources/shop/debugger", js[string](b, `location.href`))
}

func TestDebuggerByKeyboard(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.sendAll(numbered(3))
	b := newTab(t, r.url)
	live(b, r)
	shows := func(name string) {
		b.Helper()
		b.wait(`document.querySelector("#detail-title")?.innerText.trim() === ` + quote(name))
	}
	b.press("j")
	shows("Event 3")
	b.press("j")
	shows("Event 2")
	b.press("k")
	shows("Event 3")
	b.press(kb.ArrowDown)
	shows("Event 2")
	b.press("p")
	b.wait(`document.getElementById("pause").getAttribute("aria-pressed") === "true"`)
	b.press("/")
	require.Equal(t, "search", js[string](b, `document.activeElement.id`))
	b.press("Event 1")
	b.wait(`document.querySelectorAll("#calls li").length === 1`)
}

// everyPage is every page of a source, and the list of all.
var everyPage = []string{"", "sources/shop", "sources/shop?step=failed", "sources/shop?step=filtered", "sources/shop/debugger", "sources/shop/calls/3", "sources/shop/setup", "sources/shop/settings"}

func TestEveryPageIsForEveryone(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	shop(r)
	b := newTab(t, r.url)
	for _, path := range everyPage {
		b.open(r.url + "/" + path)
		if path == "sources/shop/debugger" {
			b.click("#calls a")
			b.wait(`document.querySelector("#detail pre")`)
		}
		requireNames(b)
		require.Equal(b, 1, js[int](b, `[...document.querySelectorAll("h1")].filter((h) => h.checkVisibility()).length`), "%s: one heading of the first level", path)
		require.Empty(b, js[[]string](b, `(() => { const ids = [...document.querySelectorAll("[id]")].map((e) => e.id); return ids.filter((id, i) => ids.indexOf(id) !== i) })()`), "%s: ids that are there twice", path)
		require.Equal(b, "en", js[string](b, `document.documentElement.lang`))
		for _, l := range looks {
			l.take(b)
			l.requireTheme(b)
			l.requireFits(b)
			require.Empty(b, js[[]string](b, faint), "%s: /%s", l, path)
		}
	}
}

// requireNames sees that everything that can be used has a name to call it by. The
// browser works names out after a page has settled.
func requireNames(b *tab) {
	b.Helper()
	var nameless []string
	if !eventually(patience, func() bool { nameless = withoutName(b); return len(nameless) == 0 }) {
		require.FailNow(b, "without a name: "+strings.Join(nameless, ", "), b.describe())
	}
}

// withoutName are the roles of what can be used and has no name.
func withoutName(b *tab) (roles []string) {
	b.Helper()
	used := []string{"button", "link", "textbox", "searchbox", "combobox", "radio", "checkbox", "tab", "image", "img", "DisclosureTriangle", "navigation", "dialog", "Date"}
	for _, node := range tree(b) {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := strings.Trim(string(node.Role.Value), `"`)
		if slices.Contains(used, role) && (node.Name == nil || string(node.Name.Value) == `""`) {
			roles = append(roles, role)
		}
	}
	return roles
}

// tree is what a screen reader is told of a page.
func tree(b *tab) []*accessibility.Node {
	b.Helper()
	var nodes []*accessibility.Node
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		res, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err == nil {
			nodes = res.Nodes
		}
		return err
	}))
	require.NotEmpty(b, nodes)
	return nodes
}

// faint lists the text of a page whose contrast with what is behind it is less
// than WCAG 2 asks for (AA: 4.5, and 3 when it is large).
const faint = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
		return [r, g, b, a / 255];
	};
	const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
	const behind = (e) => e ? over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement)) : rgba("white");
	const light = (c) => {
		const [r, g, b] = c.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const out = [];
	for (const e of document.querySelectorAll("body *")) {
		const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
		if (!text || !e.checkVisibility({opacityProperty: true}) || e.closest(":disabled, .visually-hidden, .skip, script")) continue;
		const style = getComputedStyle(e), under = behind(e);
		const [a, b] = [light(over(rgba(style.color), under)), light(under)].sort((x, y) => y - x);
		const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
		const contrast = (a + 0.05) / (b + 0.05);
		if (contrast < (large ? 3 : 4.5)) out.push(contrast.toFixed(2) + " " + e.tagName + "." + e.className + " " + text.slice(0, 30));
	}
	return out;
})()`
