// One Chromium for the whole run, started by the first test that needs it.

package browsertest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/browsertest/internal/chromium"
)

// chrome is the browser that all tests share; each has tabs of its own.
var chrome struct {
	start sync.Once
	ctx   context.Context
	stop  func()
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chrome.stop != nil {
		chrome.stop()
	}
	os.Exit(code)
}

// patience is how long a test waits for what must happen, and tick how often it looks.
const (
	patience = 15 * time.Second
	tick     = 20 * time.Millisecond
)

// eventually looks until something is so, on the goroutine of the test, and
// reports whether it became so within a limit.
func eventually(limit time.Duration, so func() bool) bool {
	end := time.After(limit)
	again := time.NewTicker(tick)
	defer again.Stop()
	for !so() {
		select {
		case <-end:
			return so()
		case <-again.C:
		}
	}
	return true
}

// theBrowser returns the context of the browser, or skips the test where none is installed.
func theBrowser(t *testing.T) context.Context {
	t.Helper()
	chrome.start.Do(func() { chrome.ctx, chrome.stop, chrome.err = chromium.Start(context.Background()) })
	if errors.Is(chrome.err, chromium.ErrMissing) {
		t.Skip(chrome.err)
	}
	require.NoError(t, chrome.err)
	return chrome.ctx
}

// npm returns the path of a file of an npm package, or skips the test where the
// packages are not installed.
func npm(t *testing.T, path string) string {
	t.Helper()
	path = filepath.Join("node_modules", filepath.FromSlash(path))
	if _, err := os.Stat(path); err != nil {
		t.Skip("the npm packages are missing; in collector/browsertest: npm ci --ignore-scripts")
	}
	return path
}

// node returns the path of Node, or skips the test where it is not installed.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node in PATH; on Debian: apt-get install nodejs npm")
	}
	return path
}
