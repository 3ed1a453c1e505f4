// Traffic: what the pages have to show.

package browsertest_test

import (
	"fmt"

	"github.com/headwater-dev/analytics/collector"
)

// shop is a room with a filter and some calls: 12 received, of which 3 failed and
// 2 were filtered.
func shop(r *room) {
	r.Helper()
	r.sendAll([]map[string]any{
		{"type": "identify", "userId": "u-1", "traits": map[string]any{"email": "ada@example.com"}},
		track("u-1", "Product Viewed", "3.1.0", map[string]any{"sku": "a-1"}),
		track("u-1", "Product Added", "3.1.0", map[string]any{"sku": "a-1"}),
		track("u-2", "Order Completed", "3.1.4", map[string]any{"revenue": 39.95, "coupon": "WINTER"}),
		{"type": "page", "anonymousId": "a-1", "name": "Home"},
		{"type": "screen", "userId": "u-2", "name": "Checkout"},
		{"type": "group", "userId": "u-2", "groupId": "acme"},
		{"type": "track", "event": "Nobody's", "properties": map[string]any{}},
		{"type": "track", "userId": "u-3"},
		{"type": "page", "userId": "u-3", "properties": "none"},
		track("u-4", "Debug Ping", "3.1.4", nil),
		track("u-4", "Debug Pong", "3.1.4", nil),
	})
}

// shopSource is the source of a shop.
func shopSource() collector.Source {
	return collector.Source{
		ID: "shop", Name: "Shop", Type: "website", WriteKey: writeKey,
		Filters: []collector.Filter{{Event: "Debug *"}},
	}
}

func track(user, event, version string, properties map[string]any) map[string]any {
	return map[string]any{
		"type": "track", "userId": user, "event": event, "properties": properties,
		"context": map[string]any{"app": map[string]any{"version": version}},
	}
}

// numbered are n track calls named Event 1 to Event n.
func numbered(n int) []map[string]any {
	out := make([]map[string]any, n)
	for i := range out {
		out[i] = track("u", fmt.Sprintf("Event %d", i+1), "1.0", map[string]any{"n": i + 1})
	}
	return out
}
