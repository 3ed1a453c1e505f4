// Hostile text: markup in every field that a client can fill, shown everywhere.

package browsertest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// markups would each set window.pwned, or ask a stranger for an image, if they
// were taken for markup; the others would break out of where a page puts them.
var markups = []string{
	`<img src=x onerror="window.pwned=1">`,
	`"><img src=//elsewhere.invalid/x onerror=window.pwned=1>`,
	`'--></script></title></pre><svg onload=window.pwned=1><script>window.pwned=1</script>`,
	"`);window.pwned=1//{{.}}${window.pwned=1}\u2028\u202e\x00<!--",
}

// hostileMessages have markup in every field, in messages that pass and in some that fail.
func hostileMessages(markup string) []map[string]any {
	object := func() map[string]any {
		return map[string]any{
			markup: markup, "nested": map[string]any{markup: []any{markup, map[string]any{markup: markup}}},
			"revenue": markup, "email": markup, "name": markup, "url": "javascript:window.pwned=1", "products": []any{map[string]any{"sku": markup}},
		}
	}
	common := func(call string) map[string]any {
		return map[string]any{
			"type": call, "userId": markup, "anonymousId": markup, "messageId": call + " " + markup,
			"integrations": map[string]any{markup: true}, markup: markup,
			"context": map[string]any{
				"app":     map[string]any{"name": markup, "version": markup, "build": markup},
				"library": map[string]any{"name": markup, "version": markup},
				"page":    map[string]any{"url": "javascript:window.pwned=1", "title": markup, "path": markup},
				"traits":  object(), "userAgent": markup, "ip": markup, "locale": markup, markup: markup,
			},
		}
	}
	var out []map[string]any
	add := func(call string, more map[string]any) {
		m := common(call)
		for k, v := range more {
			m[k] = v
		}
		out = append(out, m)
	}
	add("identify", map[string]any{"traits": object()})
	add("track", map[string]any{"event": markup, "properties": object()})
	add("page", map[string]any{"name": markup, "category": markup, "properties": object()})
	add("screen", map[string]any{"name": markup, "category": markup, "properties": object()})
	add("group", map[string]any{"groupId": markup, "traits": object()})
	add("alias", map[string]any{"previousId": markup})
	add("track", map[string]any{"event": markup, "properties": markup, "messageId": "fails 1 " + markup})
	add("track", map[string]any{"event": object(), "messageId": "fails 2 " + markup})
	add("identify", map[string]any{"traits": markup, "messageId": "fails 3 " + markup})
	add(markup, map[string]any{"messageId": "fails 4 " + markup})
	add("track", map[string]any{"event": "Blocked " + markup, "messageId": "blocked " + markup})
	return out
}

// hostileSource makes a source that is named by markup, with filters made of it.
func hostileSource(r *room, markup string) source {
	r.Helper()
	name := strings.Map(func(c rune) rune { // what a name may not have
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, markup)
	body, err := json.Marshal(map[string]any{"name": name, "type": "website"})
	require.NoError(r, err)
	res, err := http.Post(r.url+"/api/sources", "application/json", bytes.NewReader(body))
	require.NoError(r, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(r, err)
	require.Equal(r, http.StatusCreated, res.StatusCode, string(answer))
	var made source
	require.NoError(r, json.Unmarshal(answer, &made))

	for _, form := range []url.Values{{"event": {"Blocked *"}}, {"property": {name}, "value": {name + "?"}}, {"trait": {name}, "value": {name + "?"}}} {
		res, err := http.PostForm(r.url+"/sources/"+made.ID+"/filters", form)
		require.NoError(r, err)
		require.NoError(r, res.Body.Close())
		require.Equal(r, http.StatusOK, res.StatusCode)
	}
	return made
}

// hostile is a room with a source for each of the markups, a tab that looks at the
// Debugger of the last of them on a phone, and all the markups in its calls, which
// arrived while it looked.
func hostile(t *testing.T) (r *room, b *tab, at source) {
	t.Helper()
	r = newRoom(t)
	for _, markup := range markups {
		at = hostileSource(r, markup)
	}
	b = newTab(t, r.url)
	phone.take(b)
	b.open(r.url + "/sources/" + at.ID + "/debugger")
	b.wait(`document.querySelector("#live-state.is-live")`)
	sent := 0
	for _, markup := range markups {
		messages := hostileMessages(markup)
		batch, err := json.Marshal(map[string]any{"batch": messages})
		require.NoError(t, err)
		r.post(at.WriteKey, "batch", string(batch))
		sent += len(messages)
	}
	b.wait(fmt.Sprintf(`document.querySelectorAll("#calls li").length === %d`, sent))
	return r, b, at
}

// phone is where long text does most harm.
var phone = looks[2]

func TestHostileCallsAreShownAsText(t *testing.T) {
	t.Parallel()
	_, b, _ := hostile(t)
	addresses := js[[]string](b, `[...document.querySelectorAll("#calls a")].map((a) => a.href)`)
	for i := range addresses {
		js[bool](b, fmt.Sprintf(`(document.getElementById("detail").replaceChildren(), document.querySelectorAll("#calls a")[%d].click(), true)`, i))
		b.wait(`document.querySelector("#detail pre")`)
		requireTame(b, phone)
	}
	for i := 0; i < len(addresses); i += 3 { // every kind of call; markups vary faster
		b.open(addresses[i])
		requireTame(b, phone)
	}
}

func TestHostilePagesAreShownAsText(t *testing.T) {
	t.Parallel()
	r, b, at := hostile(t)
	var paths []string
	for _, s := range r.sources() {
		for _, page := range []string{"", "/debugger", "/setup", "/settings"} {
			paths = append(paths, s.ID+page)
		}
	}
	for _, query := range []string{"?tab=name", "?tab=version", "?step=failed&tab=name", "?step=filtered", "?step=filtered&tab=name"} {
		paths = append(paths, at.ID+query)
	}
	for _, markup := range markups {
		text := url.QueryEscape(markup)
		paths = append(paths, at.ID+"/debugger?type="+text+"&verdict="+text+"&q="+text, at.ID+"?tab="+text+"&step="+text)
	}
	for _, path := range paths {
		b.open(r.url + "/sources/" + path)
		requireTame(b, phone)
	}
	b.open(r.url + "/")
	requireTame(b, phone)

	// The samples of every reason.
	b.open(r.url + "/sources/" + at.ID + "?step=failed")
	require.GreaterOrEqual(t, js[int](b, `document.querySelectorAll(".reason").length`), 3)
	js[bool](b, `(document.querySelectorAll(".reason > summary").forEach((s) => s.click()), true)`)
	b.wait(`[...document.querySelectorAll(".reason")].every((r) => r.querySelector(".sample"))`)
	js[bool](b, `(document.querySelectorAll(".sample > summary").forEach((s) => s.click()), true)`)
	requireTame(b, phone)
}

// requireTame sees that nothing of the text became more than text.
func requireTame(b *tab, l look) {
	b.Helper()
	require.True(b, js[bool](b, `window.pwned === undefined &&
		!document.querySelector("main img, [onerror], [onload], a[href^='javascript:'], main script:not([type='application/json'])")`), "text became markup")
	l.requireFits(b)
}

func TestHostileAddressesAreAnswered(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	b := newTab(t, r.url)
	markup := url.QueryEscape(markups[0])
	for _, path := range []string{"/" + url.PathEscape(markups[0]), "/sources/" + url.PathEscape(markups[0]), "/sources/shop?window=" + markup, "/sources/shop?window=custom&from=" + markup} {
		b.open(r.url + path)
		require.True(t, js[bool](b, `window.pwned === undefined && document.querySelectorAll("main img").length === 0`), path)
		require.NotEmpty(t, b.text("main"))
	}
	for _, text := range b.heard() {
		require.Regexp(t, `the server responded with a status of 4\d\d`, text)
	}
}
