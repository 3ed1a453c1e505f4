// A peer: posthog-go, in its default configuration.

package main

import "github.com/posthog/posthog-go"

func openPosthog(endpoint string) (client, error) {
	c, err := posthog.NewWithConfig(writeKey, posthog.Config{Endpoint: endpoint, BatchSize: batchSize})
	if err != nil {
		return nil, err
	}
	capture := func(m posthog.Capture) error { return c.Enqueue(m) }
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
