// The server around a collector: a bound on everything a stranger can make last.

package collector

import (
	"log/slog"
	"net/http"
	"time"
)

// Server returns an http.Server for c, ready for Serve: a slow client loses its
// connection after 10 seconds of headers or 20 of body, an idle one after two
// minutes; headers end at 16 KB. Live streams are exempt from the time an answer
// may take and end with Shutdown.
func (c *Collector) Server() *http.Server {
	srv := &http.Server{
		Handler:           c,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(c.options.Logger.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(c.feed.close) // or Shutdown would wait for streams that never end
	return srv
}
