// The report: what a reader sees.

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRender(t *testing.T) {
	list, all := madeUp()
	p := plan{rounds: 3, events: 100, peerEvents: 50, pins: pins{sink: "1", measured: "0"}}
	timed := []waits{{variant: "headwater ×8", rate: 1000, longest: 2 * time.Millisecond, best: time.Microsecond,
		paced: latency{P50: time.Microsecond, P99: 2 * time.Microsecond, P999: 30 * time.Microsecond, Max: 400 * time.Microsecond}}}
	require.Equal(t, `# Results

<!-- Written by make bench. Do not edit: run it again. -->

A machine.

3 alternating rounds of 100 events a run (50 for other libraries). Measured processes ran on processor 0, the sink on 1. [README.md](README.md) says what the columns mean.

## Goals

| figure | goal | reached |  |
| --- | --- | --- | --- |
| CPU an event over the floor with gzip: headwater, map, gzip | ≤ 1.25× | 1.25× (medians 1.20×) | met |
| wire bytes an event over the floor's: headwater, map, gzip | ≤ 1.05× | 1.10× | **missed** |
| CPU an event of the fastest other library over headwater, map, gzip | ≥ 4× | 4.0× (medians 4.8×): other ×1 | met |
| peak resident size at full speed, the worst run of all our variants | ≤ 40 MiB | 30 MiB | met |

## Cost of an event

| variant | goroutines | CPU µs, best | median | × floor | medians | with building, µs | events/s | allocations | bytes allocated | peak MiB | wire bytes | × floor | JSON bytes | requests | connections |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
| floor, gzip | 1 | 4.00 | 5.00 | 1.00 | 1.00 | 5.00 | 100000 | 1.00 | 64 | 30 | 100.0 | 1.00 | 750 | 1 | 2 |
| headwater, map, gzip | 1 | 5.00 | 6.00 | 1.25 | 1.20 | 7.00 | 100000 | 1.00 | 64 | 30 | 110.0 | 1.10 | 750 | 1 | 2 |
| other | 1 | 20.00 | 29.00 | 5.00 | 5.80 | 22.00 | 100000 | 52.00 | 3328 | 30 | 700.0 | 7.00 | 750 | 1 | 2 |
| broken | 1 | lost 3 |  |  |  |  |  |  |  |  |  |  |  |  |  |

## Duration of a call

| variant | paced at events/s | p50 µs | p99 µs | p99.9 µs | longest µs | p99 of the best run | longest at full speed, ms |
| --- | --: | --: | --: | --: | --: | --: | --: |
| headwater ×8 | 1000 | 1.00 | 2.00 | 30.0 | 400 | 1.00 | 2.0 |
`, render(p, "A machine", figure(list, all), timed))
}
