// A peer: analytics-go of Segment, the last release of its v3, in its default configuration.

package main

import (
	"net"

	segment "github.com/segmentio/analytics-go/v3"
)

func openSegment(endpoint string) (client, error) {
	c, err := segment.NewWithConfig(writeKey, segment.Config{Endpoint: endpoint, BatchSize: batchSize})
	if err != nil {
		return nil, err
	}
	track := func(m segment.Track) error { return c.Enqueue(m) }
	return calls[segment.Track]{segmentTrack, track, c.Close}, nil
}

func segmentTrack(e *event) segment.Track {
	return segment.Track{
		UserId: e.userID, Event: eventName, Properties: propertiesOf(e),
		Context: &segment.Context{
			IP: net.ParseIP(e.ip), UserAgent: e.userAgent, Locale: e.locale,
			Campaign: segment.CampaignInfo{Name: e.campaign.name, Source: e.campaign.source, Medium: e.campaign.medium},
			Page:     segment.PageInfo{Path: e.page.path, URL: e.page.url},
		},
	}
}
