// The console: a progress bar where a person watches, and notices that do not break it.

package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// redrawEvery is how often the bar moves.
const redrawEvery = 100 * time.Millisecond

// console writes to standard error. Its methods may be called from any goroutine.
type console struct {
	out io.Writer

	mu        sync.Mutex
	bar       *progressbar.ProgressBar // nil where nobody watches
	bytes     int64
	delivered int
	drawn     time.Time
}

// newConsole returns a console whose bar is full after total bytes; -1 means that
// nobody knows how many there are. There is a bar on a terminal only.
func newConsole(out io.Writer, total int64) *console {
	c := &console{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		c.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(out),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetWidth(24),
			progressbar.OptionThrottle(redrawEvery),
		)
	}
	return c
}

// moved says how many bytes have been read.
func (c *console) moved(bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = bytes
	c.draw()
}

// counted says how many lines have been delivered.
func (c *console) counted(delivered int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered = delivered
	c.draw()
}

// draw moves the bar, when it is time to.
func (c *console) draw() {
	if c.bar == nil || time.Since(c.drawn) < redrawEvery {
		return
	}
	c.drawn = time.Now()
	c.bar.Describe(fmt.Sprintf("%d delivered", c.delivered))
	_ = c.bar.Set64(c.bytes) // fails for a file that has grown, and is only a picture
}

// notice writes one line. The bar is drawn again below it when it next moves.
func (c *console) notice(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	fmt.Fprintf(c.out, "headwater: "+format+"\n", args...)
}

// close takes the bar away.
func (c *console) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	c.bar = nil
}

func (c *console) clear() {
	if c.bar != nil {
		_ = c.bar.Clear()
	}
}
