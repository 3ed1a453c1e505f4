// Pictures: which page, how wide, in which light, and what is done first.

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/headwater-dev/analytics/collector/browsertest/internal/chromium"
)

// picture is one picture. Script runs in the page before it is taken, and Ready
// is true when there is nothing more to wait for. Full is the whole page and not
// only what fits in Height.
type picture struct {
	name          string
	path          string
	theme         string
	width, height int64
	full          bool
	script, ready string
}

const drawn = `document.getElementById("chart")`

var pictures = []picture{
	{name: "overview", path: "/sources/shop?window=7d", theme: "light", width: 1280, height: 880, full: true, ready: drawn},
	{name: "overview-dark", path: "/sources/shop?window=24h&tab=name", theme: "dark", width: 1280, height: 880, full: true, ready: drawn},
	{name: "overview-versions", path: "/sources/shop?window=2w&tab=version&step=eligible", theme: "light", width: 1280, height: 880, ready: drawn},
	{name: "overview-phone", path: "/sources/shop?window=24h", theme: "light", width: 375, full: true, height: 812, ready: drawn},
	{name: "overview-phone-dark", path: "/sources/shop?window=7d&step=failed", theme: "dark", width: 375, full: true, height: 812, ready: drawn},
	{
		name: "failed", path: "/sources/shop?window=7d&step=failed", theme: "light", width: 1280, height: 900, full: true,
		script: `document.querySelector(".reason summary").click()`, ready: `document.querySelector(".sample") && (document.querySelector(".sample").open = true)`,
	},
	{name: "filtered-dark", path: "/sources/shop?window=7d&step=filtered", theme: "dark", width: 1280, height: 900, ready: drawn},
	{name: "custom", path: "/sources/shop?window=custom&from=2026-03-14T18:00:00Z&to=2026-03-16T06:00:00Z", theme: "light", width: 1280, height: 900, script: `document.querySelector("details.custom").open = true`, ready: drawn},
	{name: "debugger", path: "/sources/shop/debugger", theme: "light", width: 1280, height: 800, script: order, ready: `document.querySelector("#detail pre")`},
	{name: "debugger-dark", path: "/sources/shop/debugger", theme: "dark", width: 1280, height: 800, script: order, ready: `document.querySelector("#detail pre") && document.querySelectorAll("#detail [role=tab]")[1].click() === undefined`},
	{name: "debugger-phone", path: "/sources/shop/debugger", theme: "light", width: 375, height: 812, ready: `document.querySelector("#calls li")`},
	{name: "debugger-failed", path: "/sources/shop/debugger?verdict=failed", theme: "light", width: 1280, height: 800, script: `document.querySelector("#calls a").click()`, ready: `document.querySelector("#detail pre")`},
	{name: "sources", path: "/", theme: "light", width: 1280, height: 900, full: true, ready: `document.querySelector(".source-row")`},
	{name: "sources-dark-phone", path: "/", theme: "dark", width: 375, height: 812, full: true, ready: `document.querySelector(".source-row")`},
	{name: "setup", path: "/sources/warehouse/setup", theme: "light", width: 1280, height: 900, full: true, ready: `document.querySelector("pre")`},
	{name: "setup-dark", path: "/sources/website/setup", theme: "dark", width: 1280, height: 900, full: true, ready: `document.querySelector("pre")`},
	{name: "settings", path: "/sources/shop/settings", theme: "light", width: 1280, height: 900, full: true, ready: `document.getElementById("write-key")`},
	{name: "settings-phone-dark", path: "/sources/shop/settings", theme: "dark", width: 375, height: 812, full: true, ready: `document.getElementById("write-key")`},
	{name: "nothing", path: "/sources/nowhere", theme: "light", width: 1280, height: 600, ready: `document.querySelector("h1")`},
}

// order chooses a completed order in the Debugger.
const order = `[...document.querySelectorAll("#calls li")].find((li) => li.textContent.includes("Order Completed")).querySelector("a").click()`

// named returns the pictures of these names, all when there is none.
func named(names []string) ([]picture, error) {
	if len(names) == 0 {
		return pictures, nil
	}
	var chosen []picture
	for _, name := range names {
		i := slices.IndexFunc(pictures, func(p picture) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no picture named %q", name)
		}
		chosen = append(chosen, pictures[i])
	}
	return chosen, nil
}

// take writes pictures into a directory.
func take(ctx context.Context, url, dir string, chosen []picture) error {
	browser, stop, err := chromium.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, p := range chosen {
		png, err := p.take(browser, url)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, p.name+".png"), png, 0o644)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// take opens the page in a tab of its own and returns it as PNG, two pixels wide
// for each of CSS.
func (p picture) take(browser context.Context, url string) ([]byte, error) {
	tab, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer cancel()
	if err := chromedp.Do(tab); err != nil {
		return nil, err
	}
	tab, done := context.WithTimeout(tab, 30*time.Second)
	defer done()
	err := chromedp.Do(tab,
		chromedp.EmulateViewport(p.width, p.height, chromedp.EmulateScale(2)),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: p.theme},
				{Name: "prefers-reduced-motion", Value: "reduce"},
			}})
			return err
		}),
		chromedp.Navigate(url+p.path),
	)
	if err != nil {
		return nil, err
	}
	if p.script != "" {
		if _, err := chromedp.Run(tab, chromedp.Evaluate[chromedp.Void](p.script)); err != nil {
			return nil, err
		}
	}
	if err := until(tab, p.ready); err != nil {
		return nil, err
	}
	return chromedp.Run(tab, p.capture)
}

// until waits until an expression is true, and for what it changes to be drawn.
func until(tab context.Context, expression string) error {
	for {
		ok, err := chromedp.Run(tab, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err != nil {
			return err
		}
		if err := chromedp.Do(tab, chromedp.Sleep(150*time.Millisecond)); err != nil {
			return err
		}
		if ok {
			return nil
		}
	}
}

func (p picture) capture(ctx context.Context, t *chromedp.Target) ([]byte, error) {
	params := page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng}
	if p.full {
		height, err := chromedp.Evaluate[float64](`document.documentElement.scrollHeight`)(ctx, t)
		if err != nil {
			return nil, err
		}
		beyond := true
		params.CaptureBeyondViewport = &beyond
		params.Clip = &page.Viewport{Width: float64(p.width), Height: height, Scale: 1}
	}
	res, err := cdp.Call(ctx, t, page.CaptureScreenshot, params)
	if err != nil {
		return nil, err
	}
	return res.Data, nil
}
