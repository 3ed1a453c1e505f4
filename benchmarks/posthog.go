// A peer: posthog-go, in its default configuration.

package main

import (
	"errors"
	"time"

	"github.com/posthog/posthog-go"
)

// posthogWait is how long to wait for room: its client never blocks, and refuses what
// comes when its queue is full.
const posthogWait = time.Millisecond

func openPosthog(endpoint string) (client, error) {
	c, err := posthog.NewWithConfig(writeKey, posthog.Config{Endpoint: endpoint, BatchSize: batchSize})
	if err != nil {
		return nil, err
	}
	capture := func(m posthog.Capture) error {
		err := c.Enqueue(m)
		for errors.Is(err, posthog.ErrQueueFull) {
			time.Sleep(posthogWait)
			err = c.Enqueue(m)
		}
		return err
	}
	return calls[posthog.Capture]{captureOf, capture, c.Close}, nil
}

// captureOf carries the context among the properties, where PostHog has it.
func captureOf(e *event) posthog.Capture {
	properties := posthog.Properties(propertiesOf(e))
	properties["$ip"] = e.ip
	properties["$raw_user_agent"] = e.userAgent
	properties["$locale"] = e.locale
	properties["utm_campaign"] = e.campaign.name
	properties["utm_source"] = e.campaign.source
	properties["utm_medium"] = e.campaign.medium
	properties["$pathname"] = e.page.path
	properties["$current_url"] = e.page.url
	return posthog.Capture{DistinctId: e.userID, Event: eventName, Properties: properties}
}
