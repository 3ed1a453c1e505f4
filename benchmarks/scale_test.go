// Scaling: which sizes are measured, and what a reader sees.

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScaleListsDrivers(t *testing.T) {
	list, err := scaled()
	require.NoError(t, err)
	require.Len(t, list, 2*2*(len(scaleEvents)+len(scaleGoroutines)))
	seen := make(map[string]bool)
	for _, v := range list {
		require.False(t, seen[v.String()], v)
		require.True(t, v.driver == "" || seen[v.under().String()], "%s has no driver before it", v)
		seen[v.String()] = true
	}
}

func TestRenderScale(t *testing.T) {
	list := []variant{
		{name: "driver, map", goroutines: 1, events: 1_000_000},
		{name: mapGzip, goroutines: 1, events: 1_000_000, driver: "driver, map", ids: true},
		{name: "driver, map", goroutines: 8, events: 1_000_000},
		{name: mapGzip, goroutines: 8, events: 1_000_000, driver: "driver, map", ids: true},
	}
	all := samples{
		list[0].String(): {ran(1, 1, 0)},
		list[1].String(): {ran(5, 1, 100)},
		list[2].String(): {ran(1, 1, 0)},
		list[3].String(): {ran(6, 1, 100)},
	}
	text := renderScale(plan{rounds: 1}, "A machine", figure(list, all))
	require.Contains(t, text, "| headwater, map, gzip | 1 | 1000000 | 4.00 | 4.00 | 1.00 (medians 1.00) | 30 | 2 |\n")
	require.Contains(t, text, "| headwater, map, gzip | 8 | 1000000 | 5.00 | 5.00 | 1.25 (medians 1.25) | 30 | 2 |\n")
}
