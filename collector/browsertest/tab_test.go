// A tab: what a test does in it, and what went wrong in it meanwhile.

package browsertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// tab is a tab with cookies and storage of its own. It fails its test at the end
// when a page complained: an exception, an error on the console, a violation of
// the Content-Security-Policy, a dialog, or a request to an origin not allowed.
type tab struct {
	*testing.T
	ctx context.Context

	mu         sync.Mutex
	allowed    []string // origins
	complaints []string
}

// newTab opens a tab that may talk to these origins.
func newTab(t *testing.T, origins ...string) *tab {
	t.Helper()
	b := &tab{T: t, allowed: origins}
	ctx, cancel := chromedp.NewContext(theBrowser(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(b.notice))
	b.ctx = ctx
	b.do()
	t.Cleanup(func() {
		cancel()
		require.Empty(t, b.heard(), "the browser complained")
	})
	looks[0].take(b)
	return b
}

// notice is told of every event of the tab, one after the other.
func (b *tab) notice(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if at, err := url.Parse(e.Request.URL); err == nil && at.Host != "" && !b.allows(at.Scheme+"://"+at.Host) {
			b.complain("request to " + e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.complain("exception: " + text)
	case *runtime.EventConsoleAPICalled:
		if kind := string(e.Type); kind == "error" || kind == "warning" || kind == "assert" {
			text := kind + " on the console:"
			for _, arg := range e.Args {
				text += " " + string(arg.Value) + arg.Description
			}
			b.complain(text)
		}
	case *log.EventEntryAdded:
		if kind := string(e.Entry.Level); kind == "error" || kind == "warning" {
			b.complain(fmt.Sprintf("%s in the log: %s %s", kind, e.Entry.Text, e.Entry.URL))
		}
	case *page.EventJavascriptDialogOpening:
		b.complain("dialog: " + e.Message)
	}
}

// allow lets the tab talk to one more origin.
func (b *tab) allow(origin string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, origin)
}

func (b *tab) allows(origin string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.allowed, origin)
}

func (b *tab) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// heard returns the complaints since it was last asked.
func (b *tab) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.complaints
	b.complaints = nil
	return out
}

// do takes steps, for as long as the patience lasts.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if chromedp.FromContext(b.ctx).Target == nil { // the first step opens the tab, which lives as long as its context
		require.NoError(b, chromedp.Do(b.ctx))
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	require.NoError(b, chromedp.Do(ctx, steps...))
}

// open loads a page.
func (b *tab) open(address string) {
	b.Helper()
	b.do(chromedp.Navigate(address))
}

// js is the value of an expression in the page, decoded from JSON; promises are awaited.
func js[T any](b *tab, expression string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b, err, expression)
	return v
}

// wait waits until an expression is true, through navigations.
func (b *tab) wait(expression string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	holds := func() bool {
		// An error means that the page is about to be another one.
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		return err == nil && ok
	}
	if !eventually(patience, holds) {
		require.FailNow(b, "never true: "+expression, b.describe())
	}
}

// describe says what the tab shows, for the one who reads a failure.
func (b *tab) describe() string {
	ctx, cancel := context.WithTimeout(b.ctx, time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body ? document.body.innerText : "")`))
	if err != nil {
		return err.Error()
	}
	return text + "\n" + strings.Join(b.heard(), "\n")
}

// click clicks the first element that a selector finds, by mouse, where it can be seen.
func (b *tab) click(selector string) {
	b.Helper()
	b.wait("document.querySelector(" + quote(selector) + ")")
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// follow clicks what leads to another page and waits until that has loaded.
func (b *tab) follow(selector string) {
	b.Helper()
	b.wait("document.querySelector(" + quote(selector) + ")")
	js[bool](b, "window.left = true")
	b.do(chromedp.Click(chromedp.CSS(selector)))
	b.arrive()
}

// arrive waits until the page is no longer the one in which window.left was set.
func (b *tab) arrive() {
	b.Helper()
	b.wait("window.left !== true && document.readyState === 'complete'")
}

// write types text into a field, in place of what it holds.
func (b *tab) write(selector, text string) {
	b.Helper()
	b.wait("document.querySelector(" + quote(selector) + ")")
	js[bool](b, "(() => { const f = document.querySelector("+quote(selector)+"); f.focus(); f.select(); return true })()")
	b.press(kb.Delete + text)
}

// press presses keys one after the other, wherever the focus is. Unlike
// chromedp's, a key that the page has taken for itself types nothing.
func (b *tab) press(keys string) {
	b.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, r := range keys {
			events := kb.Encode(r)
			for i, e := range events {
				switch {
				case e.Type == kb.KeyChar:
					continue
				case i+1 < len(events) && events[i+1].Type == kb.KeyChar:
					e.Type, e.Text = input.DispatchKeyEventTypeKeyDown, events[i+1].Text
				}
				if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *e); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// text is what a reader sees of the first element that a selector finds.
func (b *tab) text(selector string) string {
	b.Helper()
	return js[string](b, "document.querySelector("+quote(selector)+").innerText")
}

// size makes the page so many CSS pixels wide and high.
func (b *tab) size(width, height int64) {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// theme makes the viewer prefer "light" or "dark", and nothing that moves.
func (b *tab) theme(name string) {
	b.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
}

// zone puts the viewer into a time zone.
func (b *tab) zone(name string) {
	b.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
		return err
	}))
}

// quote writes text as a string of JavaScript.
func quote(text string) string {
	b, _ := json.Marshal(text) // strings always marshal
	return string(b)
}
