// Our client, with properties as a map and as Attrs.

package main

import (
	"context"
	"log/slog"

	"github.com/headwater-dev/analytics"
)

const writeKey = "BENCHMARK_WRITE_KEY"

// openHeadwater returns how to open our client for messages made by build. Its
// Config is the default, but for WhenFull: nothing may be dropped.
func openHeadwater(build func(*event) analytics.Track, compression analytics.Compression) opener {
	return func(endpoint string) (client, error) {
		c, err := analytics.New(writeKey, &analytics.Config{
			Endpoint: endpoint, WhenFull: analytics.Block, Compression: compression,
		})
		if err != nil {
			return nil, err
		}
		track := func(m analytics.Track) error { return c.Track(context.Background(), m) }
		return calls[analytics.Track]{build, track, c.Close}, nil
	}
}

func trackWithMap(e *event) analytics.Track {
	return analytics.Track{UserID: e.userID, Event: eventName, Context: contextOf(e), Properties: analytics.Properties(propertiesOf(e))}
}

// trackWithAttrs says the same in a fixed order and without a map.
func trackWithAttrs(e *event) analytics.Track {
	return analytics.Track{UserID: e.userID, Event: eventName, Context: contextOf(e), Properties: analytics.Attrs(
		slog.String("order_id", e.orderID),
		slog.String("affiliation", e.affiliation),
		slog.Float64("total", e.total),
		slog.Float64("revenue", e.revenue),
		slog.Float64("shipping", e.shipping),
		slog.Float64("tax", e.tax),
		slog.Float64("discount", e.discount),
		slog.String("coupon", e.coupon),
		slog.String("currency", e.currency),
		slog.Any("skus", e.skus),
		slog.Attr{Key: "payment", Value: slog.GroupValue(
			slog.String("method", e.method), slog.Int("installments", e.installments))},
		slog.Bool("gift", e.gift),
	)}
}

func contextOf(e *event) *analytics.Context {
	return &analytics.Context{
		IP: e.ip, UserAgent: e.userAgent, Locale: e.locale,
		Campaign: analytics.Campaign{Name: e.campaign.name, Source: e.campaign.source, Medium: e.campaign.medium},
		Page:     analytics.PageInfo{Path: e.page.path, URL: e.page.url},
	}
}
