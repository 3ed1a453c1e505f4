// Latencies of calls, as quantiles.

package main

import (
	"math"
	"slices"
	"time"
)

// latency describes how long the calls of one run took.
type latency struct{ P50, P99, P999, Max time.Duration }

// latencyOf sorts times. No times give no latency.
func latencyOf(times []time.Duration) latency {
	if len(times) == 0 {
		return latency{}
	}
	slices.Sort(times)
	return latency{quantile(times, 0.5), quantile(times, 0.99), quantile(times, 0.999), times[len(times)-1]}
}

// quantile is the smallest of sorted values that a share q of them do not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
