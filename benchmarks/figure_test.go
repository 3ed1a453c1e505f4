// Figures: minima, medians, ratios and goals, from runs made up for it.

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ran is a run of 100 events that took some µs of CPU and allocations an event.
func ran(cpu, mallocs float64, wire int64) sample {
	return sample{
		measurement: measurement{
			CPU: time.Duration(cpu * 100 * float64(time.Microsecond)), Wall: time.Millisecond,
			Mallocs: uint64(mallocs * 100), Bytes: uint64(mallocs * 6400), Peak: 30 << 20,
		},
		tally:  &tally{WireBytes: wire * 100, PlainBytes: 75_000, Requests: 1, Connections: 2},
		events: 100,
	}
}

// madeUp are two variants, their drivers and their runs.
func madeUp() ([]variant, samples) {
	list := []variant{
		{name: "driver, events", goroutines: 1},
		{name: "driver, map", goroutines: 1},
		{name: floorGzip, goroutines: 1, driver: "driver, events", floor: floorGzip},
		{name: mapGzip, goroutines: 1, driver: "driver, map", floor: floorGzip},
		{name: "other", goroutines: 1, driver: "driver, map", floor: floorGzip, peer: true},
		{name: "broken", goroutines: 1, driver: "driver, map", floor: floorGzip, peer: true},
	}
	lost := ran(1, 1, 1)
	lost.fault = "lost 3"
	return list, samples{
		"driver, events ×1": {ran(1, 2, 0), ran(1.5, 2, 0), ran(2, 2, 0)},
		"driver, map ×1":    {ran(3, 8, 0), ran(2, 8, 0), ran(4, 8, 0)},
		floorGzip + " ×1":   {ran(5, 3, 100), ran(9, 3, 100), ran(6.5, 3, 100)},
		mapGzip + " ×1":     {ran(12, 9, 110), ran(7, 9, 110), ran(9, 9, 111)},
		"other ×1":          {ran(32, 60, 700), ran(22, 60, 700), ran(33, 60, 700)},
		"broken ×1":         {ran(5, 60, 700), lost, ran(5, 60, 700)},
	}
}

func TestFigures(t *testing.T) {
	list, all := madeUp()
	found := figure(list, all)
	require.Len(t, found, 4)
	floor, ours, other, broken := found[0], found[1], found[2], found[3]

	require.InDelta(t, 4, floor.cpu.min, 1e-9)    // 5 less 1
	require.InDelta(t, 5, floor.cpu.median, 1e-9) // 6.5 less 1.5
	require.InDelta(t, 1, floor.overFloor.min, 1e-9)
	require.InDelta(t, 5, ours.cpu.min, 1e-9)    // 7 less 2
	require.InDelta(t, 6, ours.cpu.median, 1e-9) // 9 less 3
	require.InDelta(t, 7, ours.gross.min, 1e-9)
	require.InDelta(t, 5.0/4, ours.overFloor.min, 1e-9)
	require.InDelta(t, 6.0/5, ours.overFloor.median, 1e-9)
	require.InDelta(t, 1.1, ours.overWire, 1e-9)
	require.InDelta(t, 1, ours.mallocs, 1e-9)
	require.InDelta(t, 64, ours.bytes, 1e-9)
	require.InDelta(t, 100_000, ours.rate, 1e-6)
	require.InDelta(t, 20, other.cpu.min, 1e-9)
	require.Equal(t, "lost 3", broken.fault)
	require.Zero(t, broken.cpu)
}

func TestGoals(t *testing.T) {
	list, all := madeUp()
	got := goals(figure(list, all), []waits{
		{variant: mapGzip + " ×8", paced: latency{P99: 9 * time.Microsecond}, best: 8 * time.Microsecond, longest: 120 * time.Millisecond},
		{variant: "other ×8", longest: time.Second},
	})
	require.Equal(t, []goal{
		{"CPU an event over the floor with gzip: headwater, map, gzip", "≤ 1.25×", "1.25× (medians 1.20×)", true},
		{"wire bytes an event over the floor's: headwater, map, gzip", "≤ 1.05×", "1.10×", false},
		{"CPU an event of the fastest other library over headwater, map, gzip", "≥ 4×", "4.0× (medians 4.8×): other ×1", true},
		{"p99 of a call at half the delivered rate, 8 goroutines", "≤ 10 µs", "9.0 µs (best run 8.0 µs)", true},
		{"longest blocked call at full speed, 8 goroutines", "≤ 100 ms", "120.0 ms", false},
		{"peak resident size at full speed, the worst run of all our variants", "≤ 40 MiB", "30 MiB", true},
	}, got)
}

func TestPairOf(t *testing.T) {
	require.Equal(t, pair{1, 2}, pairOf([]float64{3, 1, 2}))
	require.Equal(t, pair{1, 2.5}, pairOf([]float64{4, 1, 3, 2}))
	require.Equal(t, pair{2, 3}, pair{4, 9}.over(pair{2, 3}))
	require.True(t, flat(1) && flat(1.2) && flat(0.85))
	require.False(t, flat(1.21) || flat(0.8))
}

func TestLatencies(t *testing.T) {
	times := make([]time.Duration, 1000)
	for i := range times {
		times[len(times)-1-i] = time.Duration(i + 1)
	}
	require.Equal(t, latency{P50: 500, P99: 990, P999: 999, Max: 1000}, latencyOf(times))
	require.Equal(t, latency{7, 7, 7, 7}, latencyOf([]time.Duration{7}))
	require.Zero(t, latencyOf(nil))
}
