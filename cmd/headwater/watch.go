// The watch: says when delivery begins to fail and when it works again, while the client retries.

package main

import (
	"context"
	"sync/atomic"

	"github.com/headwater-dev/analytics"
)

// watch is the HTTP transport, watched. Without it a user would see a bar that
// stands still and no word of why.
type watch struct {
	*analytics.HTTPTransport
	console *console
	secret  string // the write key
	failing atomic.Bool
}

// Send implements analytics.Transport.
func (w *watch) Send(ctx context.Context, b *analytics.Batch) error {
	err := w.HTTPTransport.Send(ctx, b)
	switch {
	case err == nil:
		if w.failing.Swap(false) {
			w.console.notice("delivery works again")
		}
	case ctx.Err() != nil || refused(err): // not the server's state
	case !w.failing.Swap(true):
		w.console.notice("delivery is failing: %s", reason(err, w.secret))
	}
	return err
}
