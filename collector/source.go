// Whose calls they are: from a write key to a source, made when need be.

package collector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// sourceOf finds the source of a request. An unknown key makes one unless
// KnownKeys is set. Without a key it is the embedded source, if that is there:
// its calls fail with unknown_source, but are seen.
func (c *Collector) sourceOf(ctx context.Context, arrived arrival, req *ingest.Request) (sources.Source, bool, error) {
	key := req.WriteKey
	if key == "" {
		if c.options.KnownKeys {
			return sources.Source{}, false, nil
		}
		src, found := c.sources.ByKey(DefaultWriteKey)
		return src, found, nil
	}
	if src, found := c.sources.ByKey(key); found || c.options.KnownKeys {
		return src, found, nil
	}
	t := guess(arrived, req)
	src, err := c.sources.Create(ctx, c.newName(t), t, key)
	if bad := (*sources.Error)(nil); errors.As(err, &bad) {
		if again, found := c.sources.ByKey(key); found { // another request made it meanwhile
			return again, true, nil
		}
		// The key is none that a source can have, or there are sources enough.
		c.options.Logger.Warn("no source was made for an unknown write key", "err", bad.Reason)
		return src, false, nil
	}
	if err == nil {
		c.options.Logger.Info("a call under an unknown write key made a source", "source", src.Slug)
	}
	return src, err == nil, err
}

// newName names a source that nobody has named: "New HTTP API", "New HTTP API 2".
func (c *Collector) newName(t sources.Type) string {
	taken := make(map[string]bool)
	for _, src := range c.sources.List() {
		taken[src.Name] = true
	}
	first := "New " + t.Label()
	name := first
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s %d", first, n)
	}
	return name
}

// guess tells the type of a source from the first that it sends.
func guess(arrived arrival, req *ingest.Request) sources.Type {
	switch {
	case arrived.pixel:
		return sources.Pixel
	case arrived.client:
		return sources.Website
	case len(req.Calls) == 0:
		return sources.HTTPAPI
	}
	c, _ := req.Calls[0].Message()["context"].(map[string]any)
	library, _ := c["library"].(map[string]any)
	name, _ := library["name"].(string)
	switch name = strings.ToLower(name); {
	case name == "":
		return sources.HTTPAPI
	case strings.HasPrefix(name, "analytics.js"), strings.Contains(name, "browser"):
		return sources.Website
	}
	for _, mobile := range []string{"android", "ios", "kotlin", "swift", "flutter", "react-native"} {
		if strings.Contains(name, mobile) {
			return sources.Mobile
		}
	}
	return sources.Server
}

// remoteIP is the address of the other end of the connection.
func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	host, _, _ = strings.Cut(host, "%") // the zone of a link-local address means nothing elsewhere
	return host
}
