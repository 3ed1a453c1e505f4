// The Debugger: live, paused, searched, filtered, in full.

package browsertest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// names are those in the list of calls, the newest first. The list has no
// innerText where it is out of sight.
func names(b *tab) []string {
	b.Helper()
	return js[[]string](b, `[...document.querySelectorAll("#calls .call-name")].map((e) => e.textContent.trim())`)
}

// live opens the Debugger and waits until its stream is connected.
func live(b *tab, r *room) {
	b.Helper()
	b.open(r.url + "/sources/shop/debugger")
	b.wait(`document.querySelector("#live-state.is-live")`)
}

func TestDebuggerIsLive(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	live(b, r)
	require.Contains(t, b.text("#no-calls"), "No calls yet")
	for i := range 3 {
		r.send("track", fmt.Sprintf(`{"userId":"u","event":"Live %d"}`, i))
		sent := time.Now()
		b.wait(fmt.Sprintf(`document.querySelector("#calls .call-name")?.textContent.trim() === "Live %d"`, i))
		t.Logf("a call is seen after %v", time.Since(sent).Round(time.Millisecond))
	}
	require.Equal(t, []string{"Live 2", "Live 1", "Live 0"}, names(b))
	require.False(t, js[bool](b, `document.getElementById("no-calls").checkVisibility()`))
}

func TestDebuggerPauseStopsTheDisplayOnly(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	live(b, r)
	b.click("#pause")
	require.Equal(t, "true", js[string](b, `document.getElementById("pause").getAttribute("aria-pressed")`))
	r.sendAll(numbered(3))
	b.wait(`document.getElementById("live-text").innerText.includes("3 new")`)
	require.Empty(t, names(b), "nothing moves while paused")
	require.Len(t, r.calls(writeKey), 3, "they arrive nevertheless")
	b.click("#pause")
	require.Equal(t, []string{"Event 3", "Event 2", "Event 1"}, names(b))
	r.send("track", `{"userId":"u","event":"After"}`)
	b.wait(`document.querySelector("#calls .call-name").textContent.trim() === "After"`)
}

func TestDebuggerShowsTheLatest500(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.sendAll(numbered(520))
	b := newTab(t, r.url)
	live(b, r)
	require.Len(t, names(b), 500)
	require.Equal(t, "Event 520", names(b)[0])
	r.send("track", `{"userId":"u","event":"One more"}`)
	b.wait(`document.querySelector("#calls .call-name").textContent.trim() === "One more"`)
	require.Len(t, names(b), 500)
	require.Equal(t, "Event 22", names(b)[499])
}

func TestDebuggerSearchesAndFilters(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	shop(r)
	b := newTab(t, r.url)
	live(b, r)
	require.Len(t, names(b), 12)
	rows := func(n int) {
		b.Helper()
		b.wait(fmt.Sprintf(`document.querySelectorAll("#calls li").length === %d`, n))
	}

	b.write("#search", "WINTER")
	rows(1)
	require.Equal(t, []string{"Order Completed"}, names(b), "found in the raw payload")
	require.Contains(t, js[string](b, `location.search`), "q=WINTER")
	r.sendAll([]map[string]any{
		track("u", "Unrelated", "1", nil),
		track("u", "Order Refunded", "1", map[string]any{"coupon": "WINTER"}),
	})
	rows(2)
	require.Equal(t, []string{"Order Refunded", "Order Completed"}, names(b), "and in what comes later")

	b.write("#search", "nowhere to be found")
	rows(0)
	require.Contains(t, b.text("#no-calls"), "Nothing matches")
	b.open(r.url + "/sources/shop/debugger")

	pick := func(name, value string) {
		b.Helper()
		js[bool](b, fmt.Sprintf(`(() => { const s = document.querySelector("select[name=%s]"); s.value = %q; s.dispatchEvent(new Event("change", {bubbles: true})); return true })()`, name, value))
	}
	pick("type", "page")
	rows(2)
	pick("verdict", "ok")
	rows(1)
	require.Equal(t, []string{"Home"}, names(b))
	pick("type", "")
	pick("verdict", "filtered")
	rows(2)
	require.Equal(t, []string{"Debug Pong", "Debug Ping"}, names(b))
	require.Equal(t, "Blocked", js[string](b, `document.querySelector("#calls .verdict").textContent`))
	pick("verdict", "failed")
	rows(3)

	// The address alone shows the same, without a script.
	b.open(r.url + "/sources/shop/debugger?verdict=failed&type=page")
	rows(1)
}

func TestDebuggerShowsACallPrettyAndRaw(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	shop(r)
	b := newTab(t, r.url)
	live(b, r)
	open := func(name string) {
		b.Helper()
		js[bool](b, `[...document.querySelectorAll("#calls li")].find((li) => li.querySelector(".call-name").textContent.trim() === `+quote(name)+`).querySelector("a").click() || true`)
		b.wait(`document.querySelector("#detail-title")?.innerText.trim() === ` + quote(name))
	}
	open("Order Completed")
	pretty := b.text(`#detail [data-tab=Pretty] pre`)
	require.Contains(t, pretty, "analytics.Track{")
	require.Contains(t, pretty, `"Order Completed"`)
	require.False(t, js[bool](b, `document.querySelector("#detail [data-tab=Raw]").checkVisibility()`))

	b.click(`#detail [role=tab]:nth-child(2)`)
	require.False(t, js[bool](b, `document.querySelector("#detail [data-tab=Pretty]").checkVisibility()`))
	raw := b.text(`#detail [data-tab=Raw] pre`)
	var message map[string]any
	require.NoError(t, json.Unmarshal([]byte(raw), &message), raw)
	require.Equal(t, "Order Completed", message["event"])
	require.Equal(t, "WINTER", message["properties"].(map[string]any)["coupon"])
	require.NotEmpty(t, message["receivedAt"])
	requireNoKey(b)

	// Copied is the whole of what is shown.
	grantClipboard(b, r.url)
	b.click(`#detail [data-tab=Raw] [data-copy]`)
	b.wait(`document.querySelector("#detail [data-tab=Raw] [data-copy]").innerText === "Copied"`)
	require.JSONEq(t, raw, js[string](b, `navigator.clipboard.readText()`))

	// The choice of view stays with the next call.
	open("Home")
	require.True(t, js[bool](b, `document.querySelector("#detail [data-tab=Raw]").checkVisibility()`))
	b.press("r")
	require.Contains(t, b.text(`#detail [data-tab=Pretty] pre`), "analytics.Page{")

	// A call has an address of its own.
	address := js[string](b, `document.querySelector("#calls [aria-current]").href`)
	b.open(address)
	require.Equal(t, "Home", strings.TrimSpace(b.text("#detail-title")))
}

// grantClipboard lets a page read the clipboard, which only the user's paste may otherwise.
func grantClipboard(b *tab, origin string) {
	b.Helper()
	c := chromedp.FromContext(b.ctx)
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		_, err := cdp.Call(b.ctx, c.Browser, browser.SetPermission, browser.SetPermissionParams{
			Permission:       &browser.PermissionDescriptor{Name: name},
			Setting:          browser.PermissionSettingGranted,
			Origin:           origin,
			BrowserContextID: c.BrowserContextID,
		})
		require.NoError(b, err)
	}
}
