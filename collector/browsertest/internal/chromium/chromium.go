// Chromium: the browser that a program drives without a screen.

// Package chromium starts Chromium for the tests and for the screenshots.
package chromium

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// ErrMissing says that Start found no Chromium.
var ErrMissing = errors.New("no Chromium in PATH; on Debian: apt-get install chromium")

// names are what the browser is called on different systems.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Path finds the browser.
func Path() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

// Start starts the browser with a profile of its own that is gone with it. The
// context it returns is the parent of tabs (chromedp.NewContext); stop ends the
// browser and waits for it.
func Start(ctx context.Context) (browser context.Context, stop func(), err error) {
	path, err := Path()
	if err != nil {
		return nil, nil, err
	}
	allocator, release := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path),
		chromedp.Headless,
		chromedp.NoSandbox, // or it refuses to run as root, which CI is
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), // small in containers
		chromedp.Flag("no-proxy-server", true),       // everything it needs is on this machine
		// A tab behind another one must not run slower.
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("hide-scrollbars", true),
	)
	browser, cancel := chromedp.NewContext(allocator)
	stop = func() {
		ending, done := context.WithTimeout(browser, 10*time.Second)
		defer done()
		_ = chromedp.Cancel(ending) // when it does not end by itself, release ends it
		cancel()
		release()
	}
	if err := chromedp.Do(browser); err != nil {
		stop()
		return nil, nil, fmt.Errorf("start %s: %w", path, err)
	}
	return browser, stop, nil
}
