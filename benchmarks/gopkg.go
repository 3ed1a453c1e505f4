// A peer: the release of Segment's analytics-go that gopkg.in still serves, in its default configuration.

package main

import (
	"net"

	gopkg "gopkg.in/segmentio/analytics-go.v3"
)

func openGopkg(endpoint string) (client, error) {
	c, err := gopkg.NewWithConfig(writeKey, gopkg.Config{Endpoint: endpoint, BatchSize: batchSize})
	if err != nil {
		return nil, err
	}
	track := func(m gopkg.Track) error { return c.Enqueue(m) }
	return calls[gopkg.Track]{gopkgTrack, track, c.Close}, nil
}

func gopkgTrack(e *event) gopkg.Track {
	return gopkg.Track{
		UserId: e.userID, Event: eventName, Properties: propertiesOf(e),
		Context: &gopkg.Context{
			IP: net.ParseIP(e.ip), UserAgent: e.userAgent, Locale: e.locale,
			Campaign: gopkg.CampaignInfo{Name: e.campaign.name, Source: e.campaign.source, Medium: e.campaign.medium},
			Page:     gopkg.PageInfo{Path: e.page.path, URL: e.page.url},
		},
	}
}
