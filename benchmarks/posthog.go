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
	return posthog.Capture{DistinctId: e.userID, Event: eventName, Properties: posthog.Properties{
		"order_id":        e.orderID,
		"affiliation":     e.affiliation,
		"total":           e.total,
		"revenue":         e.revenue,
		"shipping":        e.shipping,
		"tax":             e.tax,
		"discount":        e.discount,
		"coupon":          e.coupon,
		"currency":        e.currency,
		"skus":            e.skus,
		"payment":         map[string]any{"method": e.method, "installments": e.installments},
		"gift":            e.gift,
		"$ip":             e.ip,
		"$raw_user_agent": e.userAgent,
		"$locale":         e.locale,
		"utm_campaign":    e.campaign.name,
		"utm_source":      e.campaign.source,
		"utm_medium":      e.campaign.medium,
		"$pathname":       e.page.path,
		"$current_url":    e.page.url,
	}}
}
