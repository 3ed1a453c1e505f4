// Pixels: calls that come as the address of an image.

package collector

import (
	"net/http"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// gif is the smallest transparent image, one pixel wide and high.
var gif = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

// pixel answers GET /v1/pixel/{call}. Pixel API: always 200 with the image, even
// on errors, since nobody could read another answer; what is wrong is seen in
// the Debugger. Only a request that could not be stored is lost.
func (c *Collector) pixel(w http.ResponseWriter, r *http.Request) {
	defer image(w)
	call := r.PathValue("call")
	if in, known := entrances[call]; !known || in.browser || in.route == ingest.Batch || r.Method == http.MethodHead || !c.enter() {
		return
	}
	defer c.leave()
	arrived := arrival{at: c.now(), ip: remoteIP(r), userAgent: r.UserAgent(), client: true, route: call, pixel: true}
	req := ingest.DecodePixel(call, r.URL.RawQuery, arrived.at)
	src, found, err := c.sourceOf(r.Context(), arrived, req)
	switch {
	case err != nil:
		c.options.Logger.Error("a pixel was not stored", "err", err)
		return
	case !found:
		c.unknown.Add(1)
		return
	case c.limits.wait(src.ID) > 0:
		return
	}
	if err := c.keep(r.Context(), c.record(src, arrived, req)); err != nil {
		c.options.Logger.Error("a pixel was not stored", "err", err)
	}
}

// image writes the GIF, so that no cache keeps it: a cached pixel is not counted.
func image(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "image/gif")
	h.Set("Cache-Control", "no-store, max-age=0")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, _ = w.Write(gif)
}
